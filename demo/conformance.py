"""The conformance pack: small records with what a verifier must say of each: `python -m demo.conformance FOLDER`.

Spec: `docs/spec/conformance.md`. Writes `records.tar.xz` and `list.json`: the honest record, one for each class of
planted error, and what this project's auditor finds, which must be what was planted. All are of kind *demo*. Signatures
are made anew each time, so two packs differ in their bytes; the one that is kept stands in `conformance/`.

>>> first_of([("TALLY-2", 7, "x"), ("RECORD-4", None, "record"), ("BALLOT-7", 3, "y")])
('BALLOT-7', 3, 'y')
"""

import argparse
import io
import json
import lzma
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from audit.fetch import Folder
from audit.findings import conclude
from audit.report import Report, Software, Work, exit_status
from audit.verify import Given, Inline, audit
from crypto.errors import Refused
from crypto.merkle import CHECKPOINT_PATH, TILE_WIDTH, parse_path
from crypto.signatures import parse_checkpoint, parse_note
from demo.training import HONEST, Planted, plants, write_all

VOTERS: Final = 40
NOW_MS: Final = 1_800_000_000_000
"""The verifier's clock, in ms: later cosignatures do not count."""

LARGEST: Final = 3_000_000
"""Bytes that the packed records may take."""

Failure = tuple[str, int | None, str]


def judge(record: Path, manifest_hash: str | None, slots: dict[str, int] | None) -> Report:
    """Return the report of an audit with what is known from outside."""
    figures = None if slots is None else {int(name): count for name, count in slots.items()}
    given = Given(None if manifest_hash is None else bytes.fromhex(manifest_hash), figures, NOW_MS)
    return conclude(
        audit(Folder.open(record), given, Inline()),
        given,
        command="",
        name=record.name,
        checked_at="",
        software=Software("", "", "", ""),
        work=Work(0.0, 1, 0),
    )


def failures(report: Report) -> list[Failure]:
    """Return everything that failed: check, entry (None for a file or the whole), culprit."""
    return [
        (finding.check, culprit.index, culprit.culprit)
        for finding in report.findings
        if finding.outcome == "failed"
        for culprit in finding.culprits
    ]


def first_of(failed: Iterable[Failure]) -> Failure | None:
    """Return the failure of the earliest entry, else the first that is about no entry; None where nothing failed."""
    return min(failed, key=lambda each: (each[1] is None, each[1] or 0), default=None)


def expectation(name: str, folder: str, record: Path, known: dict[str, Any], part: str) -> dict[str, Any]:
    """Return a line of the list: the record, what is known from outside, what a verifier must say."""
    note = (record / CHECKPOINT_PATH).read_bytes()
    head = parse_checkpoint(parse_note(note).text)
    report = judge(record, known["manifest_hash"], known["slots"])
    first = first_of(failures(report))
    return {
        "name": name,
        "part": part,
        "record": f"{folder}/record",
        "manifest_hash": known["manifest_hash"],
        "slots": known["slots"],
        "size": head.size,
        "root": head.root.hex(),
        "checkpoint_sha256": sha256(note).hexdigest(),
        "verdict": report.verdict,
        "exit_status": exit_status(report.findings),
        "first_failure": None if first is None else dict(zip(("check", "entry", "culprit"), first, strict=True)),
        "failed_checks": sorted({check for check, _, _ in failures(report)}),
        "refused_entries": sorted({index for _, index, _ in failures(report) if index is not None}),
        "results": {contest.id: [option.votes for option in contest.options] for contest in report.contests},
    }


def files_of(record: Path) -> Iterator[Path]:
    """Yield a record's files without the unfinished tiles and bundles of earlier checkpoints."""
    size = parse_checkpoint(parse_note((record / CHECKPOINT_PATH).read_bytes()).text).size
    for file in sorted(path for path in record.rglob("*") if path.is_file()):
        try:
            name = parse_path(file.relative_to(record).as_posix())
        except Refused:
            yield file
            continue
        if name.width == min(TILE_WIDTH, (size >> (8 * (name.level or 0))) - name.index * TILE_WIDTH):
            yield file


def write_pack(out: Path, written: Iterable[Planted]) -> None:
    """Write list and records. RuntimeError where the auditor does not find what was planted."""
    lines: list[dict[str, Any]] = []
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for planted in written:
            plant, record = planted.plant, planted.folder / "record"
            known = json.loads((planted.folder / "known.json").read_text(encoding="utf-8"))
            name, part = (HONEST, "") if plant is None else (plant.name, plant.part)
            line = expectation(name, planted.folder.name, record, known, part)
            found = None if line["first_failure"] is None else line["first_failure"]["check"]
            if found != (None if plant is None else plant.check):
                raise RuntimeError(f"{name}: {found} was found")
            lines.append(line)
            if plant is None:
                nothing: dict[str, Any] = {"manifest_hash": None, "slots": None}
                lines.append(
                    expectation(f"{HONEST}, nothing known from outside", planted.folder.name, record, nothing, "")
                )
            for file in files_of(record):
                _add(tar, file.relative_to(planted.folder.parent).as_posix(), file.read_bytes())
    out.mkdir(parents=True, exist_ok=True)
    data = lzma.compress(packed.getvalue(), preset=9 | lzma.PRESET_EXTREME)
    (out / "records.tar.xz").write_bytes(data)
    document = {
        "format": "dobush-conformance/1",
        "now_ms": NOW_MS,
        "records_sha256": sha256(data).hexdigest(),
        "records": sorted(lines, key=lambda line: (line["part"], line["name"])),
    }
    (out / "list.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


def unpack(pack: Path, into: Path) -> list[dict[str, Any]]:
    """Unpack the records; return the list. RuntimeError where they are not those of the list."""
    document = json.loads((pack / "list.json").read_text(encoding="utf-8"))
    data = (pack / "records.tar.xz").read_bytes()
    if sha256(data).hexdigest() != document["records_sha256"]:
        raise RuntimeError("these are not the records of the list")
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(data)), mode="r:") as tar:
        tar.extractall(into, filter="data")
    lines: list[dict[str, Any]] = document["records"]
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a pack."""
    parser = argparse.ArgumentParser(prog="python -m demo.conformance", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where list.json and records.tar.xz are written")
    parser.add_argument("--voters", type=int, default=VOTERS, help="people who vote in each record")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as work:
        write_pack(options.folder, write_all(Path(work), options.voters, plants()))


if __name__ == "__main__":
    main()
