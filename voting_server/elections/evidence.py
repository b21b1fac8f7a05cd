"""The evidence pack: what a court or an auditor needs to check an election again, as one file.

Spec: `docs/operations/officers.md`, section "Evidence". A ZIP archive: the record as published, the auditor's report
over it, the verifier's sources and compiled kernel as installed here, states and trail as JSON, and the SHA-256 of each
file. Whoever gets it believes none of it: the manifest hash comes from elsewhere, and the verifier too, where somebody
prefers another copy.

>>> name_of("town-2026")
'evidence-town-2026.zip'
"""

import hashlib
import io
import os
import re
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from importlib.metadata import distribution, version
from importlib.resources import files
from pathlib import Path
from typing import Any

from voting_server.plumbing.problems import ProblemError

_VERIFIER = ("audit", "crypto", "locales")
_KEPT = {".py", ".pyi", ".json", ".so", ".typed"}
_PORTION = 1 << 20
_EARLIEST = (1980, 1, 1, 0, 0, 0)
MOST_AUDITED = 20_000
"""Entries of the largest record that is audited for the pack; of a larger one the report is brought as a file."""
MOST_GIVEN = 64 << 20
"""Bytes of all reports from elsewhere that go into a pack."""
_AUDIT_S, _RETRY_S = 300, 30
_ONE_AT_A_TIME = threading.Lock()
_REPORTS = {".json", ".html", ".txt"}
_NOT_MADE = """No report was made here: {reason}
Run the auditor's program as README.txt says. Reports that somebody made elsewhere belong into the folder `reports`
of the ballot side's data; the next pack holds them.
"""
README = """Evidence of the election {short_name}

record/     the log as it was published: any copy of it has the same bytes
report/     what the auditor's program says of it; made by the installation itself, so make it again
            (given/: what somebody put beside it, made elsewhere)
verifier/   the auditor's program as it was installed here (Python {python}); requirements.txt: the libraries beside it
state/      state, live state and trail of the service when this was packed
SHA256SUMS  of every file

Verify with the manifest hash and the slots of each district that were published before the election:

    PYTHONPATH=verifier python -P -c "from audit.cli import main; main()" \\
        verify record --manifest-hash HASH --slots figures.json

Do not take the manifest hash from this file. It says: {manifest_hash}
"""


def name_of(short_name: str) -> str:
    """Return the file's name."""
    return f"evidence-{short_name}.zip"


def find_reports(folder: Path) -> dict[str, bytes]:
    """Return the reports that somebody has put into a folder, by name; those that are too large are named in a note."""
    if not folder.is_dir():
        return {}
    found, left, left_out = dict[str, bytes](), MOST_GIVEN, list[str]()
    for each in sorted(folder.iterdir()):
        if each.suffix in _REPORTS and each.is_file() and not each.is_symlink():
            with each.open("rb") as file:
                content = file.read(left + 1)
            if len(content) > left:
                left_out.append(each.name)
            else:
                found[each.name], left = content, left - len(content)
    if left_out:
        found["LEFT-OUT.txt"] = "".join(f"{name}\n" for name in left_out).encode()
    return found


def audit(record: Path, manifest_hash: str, size: int, *, is_open: bool = False) -> dict[str, bytes]:
    """Run the auditor's program over a record of so many entries; return its report's files, or why there is none.

    A process of its own, with nothing of this one's environment: its keys are no affair of an auditor's. While people
    vote it is not run: the machine is theirs. Raises ProblemError while another one runs, since waiting takes a thread.
    """
    if is_open:
        return _not_made("the voting is going on")
    if size > MOST_AUDITED:
        return _not_made(f"the record has {size} entries")
    if not _ONE_AT_A_TIME.acquire(blocking=False):
        raise ProblemError("busy", retry_after_s=_RETRY_S)
    try:
        return _audit(record, manifest_hash)
    finally:
        _ONE_AT_A_TIME.release()


def _not_made(reason: str) -> dict[str, bytes]:
    return {"NOT-MADE.txt": _NOT_MADE.format(reason=reason).encode()}


def _audit(record: Path, manifest_hash: str) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as scratch:
        names = ("report.json", "report.html")
        made = [Path(scratch, name) for name in names]
        # -P: nothing is imported from the folder that the process stands in, where data lies.
        command = [sys.executable, "-P", "-c", "from audit.cli import main; main()", "verify", record.name]
        command += ["--manifest-hash", manifest_hash, "--workers", "1", "--json", str(made[0]), "--html", str(made[1])]
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": os.pathsep.join(each or str(Path.cwd()) for each in sys.path),
        }
        try:
            ended = subprocess.run(  # noqa: S603 - this interpreter, and arguments of our own
                command,
                cwd=record.parent,
                env=environment,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=_AUDIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _not_made(f"it took more than {_AUDIT_S} s")
        if not all(each.is_file() for each in made):
            reason = ended.stderr.decode("utf-8", "replace").strip()[-500:] or f"status {ended.returncode}"
            return _not_made(reason)
        return {name: each.read_bytes() for name, each in zip(names, made, strict=True)}


def requirements() -> bytes:
    """Return the libraries that the verifier needs, each in the version that is installed here."""
    needed = [each for each in distribution("dobush").requires or () if "extra" not in each]
    names = [match[0] for each in needed if (match := re.match(r"[A-Za-z0-9_.-]+", each))]
    return "".join(f"{name}=={version(name)}\n" for name in sorted(names)).encode()


def pack(record: Path, states: Mapping[str, bytes], readme: str) -> Iterator[bytes]:
    """Yield the archive in portions; nothing of it lies on a disk or as a whole in memory.

    `states` are further files by their names, for example `state/live.json`.
    """
    sink = _Sink()
    sums: list[str] = []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        members: Iterator[tuple[str, Path | bytes]] = _members(record, states, readme)
        for name, content in members:
            digest = hashlib.sha256()
            with archive.open(zipfile.ZipInfo(name, _EARLIEST), "w", force_zip64=True) as member:
                for portion in _portions(content):
                    digest.update(portion)
                    member.write(portion)
                    yield from sink.drain()
            sums.append(f"{digest.hexdigest()}  {name}\n")
        archive.writestr(zipfile.ZipInfo("SHA256SUMS", _EARLIEST), "".join(sums))
    yield from sink.drain()


def _members(record: Path, states: Mapping[str, bytes], readme: str) -> Iterator[tuple[str, Path | bytes]]:
    yield "README.txt", readme.encode()
    for path in sorted(each for each in record.rglob("*") if each.is_file()):
        yield f"record/{path.relative_to(record).as_posix()}", path
    yield from states.items()
    yield "verifier/requirements.txt", requirements()
    for package in _VERIFIER:
        root = Path(str(files(package)))
        for path in sorted(each for each in root.rglob("*") if each.is_file() and each.suffix in _KEPT):
            if "target" not in path.relative_to(root).parts:
                yield f"verifier/{package}/{path.relative_to(root).as_posix()}", path


def _portions(content: Path | bytes) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while portion := file.read(_PORTION):
            yield portion


class _Sink(io.RawIOBase):
    """What the archive writes to: portions that are taken away at once; it cannot go back."""

    def __init__(self) -> None:
        self._portions: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        """Tell that it takes bytes."""
        return True

    def tell(self) -> int:
        """Return how much was written."""
        return self._written

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        """Take bytes."""
        portion = bytes(data)
        self._portions.append(portion)
        self._written += len(portion)
        return len(portion)

    def drain(self) -> Iterator[bytes]:
        """Yield what was written since the last time."""
        portions, self._portions = self._portions, []
        yield from portions
