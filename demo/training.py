"""Practice records with planted errors: `python -m demo.training FOLDER [--voters N] [--only TEXT] [--check]`.

Writes one honest record and one for each class of error, all of kind *demo*, each with what is known from outside
(`known.json`), and the answers apart (`answers.json`). `--check` runs the auditor over all of them and prints what it
found. Spec: `docs/operations/observers.md`, section "Practice records".
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from demo.programs import command
from demo.training_ballots import Plant, ballot_plants
from demo.training_others import other_plants
from demo.training_record import STAGES, Training

DEFAULT_VOTERS = 2_000
HONEST = "an honest record"


def plants() -> list[Plant]:
    """Return every class of error, by stage."""
    return sorted([*ballot_plants(), *other_plants()], key=lambda plant: STAGES.index(plant.stage))


def slug(name: str) -> str:
    """Return a name as a folder's.

    >>> slug("a close that counts one ballot less")
    'a-close-that-counts-one-ballot-less'
    """
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")


@dataclass(frozen=True, slots=True)
class Planted:
    """One record on disk: its plant (None: honest), its folder, and the entries at which the error stands."""

    plant: Plant | None
    folder: Path
    indexes: tuple[int, ...]


def write_all(folder: Path, voters: int, chosen: Sequence[Plant]) -> Iterator[Planted]:
    """Write the honest record and one for each plant.

    What comes before a stage is written once: each record is finished by a process that is split off there.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".base-") as base:
        training = Training(Path(base), voters)
        for stage in STAGES:
            for plant in chosen:
                if plant.stage == stage:
                    yield _finish(training, stage, plant, folder / slug(plant.name))
            if stage == STAGES[-1]:
                yield _finish(training, stage, None, folder / slug(HONEST))
                return
            training.run(stage, STAGES[STAGES.index(stage) + 1])


def _finish(training: Training, stage: str, plant: Plant | None, folder: Path) -> Planted:
    """Go on in a process of its own, in a copy of the folder."""
    shutil.copytree(training.folder, folder, copy_function=os.link)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            training.moved_to(folder)
            training.run(stage, plant=None if plant is None else plant.act)
            known = {
                "manifest_hash": training.commission.manifest_hash.hex(),
                "slots": {str(name): count for name, count in training.commission.slots_by_district.items()},
            }
            (folder / "known.json").write_text(json.dumps(known), encoding="utf-8")
            (folder / "slots.json").write_text(json.dumps(known["slots"]), encoding="utf-8")
            (folder / "planted.json").write_text(json.dumps(training.planted), encoding="utf-8")
            status = 0
        except BaseException:  # noqa: BLE001 -- the other process is told by the status
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    if os.waitpid(pid, 0)[1] != 0:
        raise RuntimeError(f"{folder.name} could not be written")
    answer = folder / "planted.json"
    indexes = tuple(json.loads(answer.read_text(encoding="utf-8")))
    answer.unlink()
    return Planted(plant, folder, indexes)


def table_of(chosen: Iterable[Plant]) -> str:
    """Return the classes as a Markdown table."""
    rows = ["| part | what is planted | check | names | fails with it |", "|---|---|---|---|---|"]
    for plant in sorted(chosen, key=lambda each: (each.part, each.name)):
        beside = ", ".join(plant.beside)
        rows.append(f"| {plant.part} | {plant.name} | {plant.check} | {plant.culprit} | {beside} |")
    return "\n".join(rows) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the records; perhaps have them audited."""
    parser = argparse.ArgumentParser(prog="python -m demo.training", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", help="a new folder")
    parser.add_argument("--table", action="store_true", help="print the list of classes as Markdown and end")
    parser.add_argument("--voters", type=int, default=DEFAULT_VOTERS, help="people who vote in each record")
    parser.add_argument("--only", default="", help="classes whose name or part holds this text")
    parser.add_argument(
        "--check", action="store_true", help="run the auditor over every record and print what it finds"
    )
    options = parser.parse_args(arguments)
    if options.table:
        print(table_of(plants()), end="")
        return
    if options.folder is None:
        parser.error("name a new folder")
    if not 100 <= options.voters <= 100_000:
        parser.error("100 to 100,000 voters")
    options.folder.mkdir(parents=True)
    chosen = [plant for plant in plants() if options.only in plant.name or options.only in plant.part]
    console, table = Console(), Table(title="planted errors", title_justify="left", show_edge=False)
    for column in ("part", "planted", "expected", "found"):
        table.add_column(column)
    answers, missed = {}, 0
    with console.status("writing …") as status:
        for planted in write_all(options.folder, options.voters, chosen):
            plant = planted.plant
            status.update(f"{planted.folder.name} …")
            expected = plant.check if plant else "VERIFIED"
            answers[planted.folder.name] = {"check": expected, "entries": planted.indexes}
            found = failing(planted) if options.check else ""
            missed += bool(options.check and expected not in found.split(", "))
            table.add_row(plant.part if plant else "", plant.name if plant else HONEST, expected, found)
    (options.folder / "answers.json").write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")
    console.print(table)
    if missed:
        sys.exit(f"{missed} errors were not found by the check that is theirs")


def failing(planted: Planted) -> str:
    """Run the auditor's program; return the failed checks, or its verdict."""
    known = json.loads((planted.folder / "known.json").read_text(encoding="utf-8"))
    arguments = ["verify", str(planted.folder / "record"), "--manifest-hash", known["manifest_hash"], "--json", "-"]
    arguments += ["--slots", str(planted.folder / "slots.json")]
    ended = subprocess.run([*command("dobush-audit"), *arguments], capture_output=True, text=True, check=False)
    report = json.loads(ended.stdout)
    failed = [finding["check"] for finding in report["findings"] if finding["outcome"] == "failed"]
    return ", ".join(failed) or str(report["verdict"]).upper()


if __name__ == "__main__":
    main()
