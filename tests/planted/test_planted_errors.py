"""Every class of planted error is found by its own check, with its culprit, and by no other; also under load.

The records are those that observers train with (`demo.training`), of two thousand voters. The table in the documents is
the list of classes.
"""

import json
import multiprocessing
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit.fetch import Folder
from audit.findings import conclude
from audit.report import Report, Software, Work, to_json
from audit.resume import Progress
from audit.verify import Audited, Given, Inline, audit
from demo.training import HONEST, Planted, plants, table_of, write_all
from demo.training_ballots import Plant
from tests.busy import busy_machine

VOTERS = 2_000
NOW_MS = 1_800_000_000_000
PARTS = {
    "ballot",
    "board",
    "cell",
    "ceremony",
    "drill",
    "manifest",
    "proof",
    "roll",
    "seal",
    "share",
    "signature",
    "time",
    "totals",
    "witness",
}


@dataclass(frozen=True)
class Found:
    """What an audit said: the verdict, and of each failed check its culprits as (index, name)."""

    verdict: str
    failed: dict[str, list[tuple[int | None, str]]]
    same_again: bool


def audit_folder(folder: Path) -> Found:
    known = json.loads((folder / "known.json").read_text(encoding="utf-8"))
    slots = {int(name): count for name, count in known["slots"].items()}
    given = Given(bytes.fromhex(known["manifest_hash"]), slots, NOW_MS)
    # Half of the records are kept among the honest ballots, half after what was planted.
    source, shelf = Folder.open(folder / "record"), Shelf(9 if len(folder.name) % 2 else 16)
    report = report_of(audit(source, given, Inline(), keeper=shelf), given)
    # An audit that goes on from the middle, where it was interrupted, must say the same to the last byte.
    again = report_of(audit(source, given, Inline(), kept=shelf.held), given)
    failed = {
        finding.check: [(culprit.index, culprit.culprit) for culprit in finding.culprits]
        for finding in report.findings
        if finding.outcome == "failed"
    }
    return Found(report.verdict, failed, to_json(again) == to_json(report))


class Shelf:
    """Keeps what was verified once, after so many bundles, as a program would that is interrupted then."""

    def __init__(self, bundles: int) -> None:
        self.bundles = bundles
        self.held: Progress | None = None

    def due(self) -> bool:
        self.bundles -= 1
        return self.bundles == 0

    def keep(self, progress: Progress) -> None:
        if self.bundles == 0:
            self.held = progress


def report_of(outcome: Audited, given: Given) -> Report:
    return conclude(
        outcome,
        given,
        command="dobush-audit verify record",
        name="record",
        checked_at="2027-01-15 08:00 UTC",
        software=Software("0.1.0", "00" * 32, "00" * 32, "3.11"),
        work=Work(1.0, 1, 0),
    )


def audit_all(records: list[Planted]) -> list[Found]:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        return pool.map(audit_folder, [planted.folder for planted in records], chunksize=4)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Planted]:
    return list(write_all(tmp_path_factory.mktemp("planted"), VOTERS, plants()))


@pytest.fixture(scope="module")
def found(records: list[Planted]) -> list[Found]:
    return audit_all(records)


def is_found(plant: Plant, planted: Planted, said: Found) -> bool:
    """Tell whether exactly the expected checks failed, and its own names culprit and place."""
    if said.verdict != "failed" or set(said.failed) != {plant.check, *plant.beside}:
        return False
    return all(
        plant.culprit in culprit and (index is None or not planted.indexes or index in planted.indexes)
        for index, culprit in said.failed[plant.check]
    )


def missed(records: list[Planted], found: list[Found]) -> list[str]:
    pairs = [(planted, said) for planted, said in zip(records, found, strict=True) if planted.plant is not None]
    return [
        f"{planted.plant.name}: {said}"
        for planted, said in pairs
        if planted.plant is not None and not is_found(planted.plant, planted, said)
    ]


def test_there_are_enough_classes_of_every_part() -> None:
    classes = plants()
    assert len(classes) >= 40
    assert len({plant.name for plant in classes}) == len(classes)
    assert {plant.part for plant in classes} == PARTS


def test_the_honest_record_of_the_same_people_is_verified(records: list[Planted], found: list[Found]) -> None:
    assert [said.verdict for planted, said in zip(records, found, strict=True) if planted.plant is None] == ["verified"]


def test_every_error_is_found_by_its_check_and_by_no_other(records: list[Planted], found: list[Found]) -> None:
    assert missed(records, found) == []


def test_an_audit_that_goes_on_from_the_middle_says_the_same(records: list[Planted], found: list[Found]) -> None:
    assert [planted.folder.name for planted, said in zip(records, found, strict=True) if not said.same_again] == []


def test_the_same_errors_are_found_under_load(records: list[Planted], found: list[Found]) -> None:
    with busy_machine():
        again = audit_all(records)
    assert missed(records, again) == []
    assert again == found


def test_the_table_of_the_documents_is_this_list() -> None:
    page = Path("docs/operations/planted-errors.md").read_text(encoding="utf-8")
    assert page.partition("\n\n| part ")[2] == table_of(plants()).partition("| part ")[2]
    assert HONEST in page
