"""The state machine as a whole: one at a time, in windows and in other processes it comes to the same."""

import base64
import json
import pickle
from pathlib import Path

import pytest

from crypto.election.board import Phase
from crypto.election.entries import VOTER_TYPES, parse_entry
from crypto.election.record import CHECKS, Record, UnsettledError, Work, discharge, verifier_of
from crypto.errors import Misuse, Refused
from crypto.group import P256_NAME
from crypto.transcript import Kind
from tests.simulator import STAGES, World, fresh, world_at

VECTORS = json.loads((Path(__file__).resolve().parents[3] / "vectors/record.json").read_text(encoding="utf-8"))
ENTRIES = [base64.b64decode(text) for text in VECTORS["entries"]]
SLOTS = {int(district): count for district, count in VECTORS["slots_by_district"].items()}


def replayed(entries: list[bytes], threads: int = 1) -> Record:
    """Return the record of a log, taken in windows."""
    record = Record(entries.__getitem__)
    record.extend(entries, threads=threads)
    return record


def test_the_vectors_log_is_accepted_as_a_whole() -> None:
    record = replayed(ENTRIES)
    assert (record.size, record.tree.root().hex()) == (VECTORS["size"], VECTORS["root"])
    assert record.refused == {}
    votes = {str(total.contest): list(total.votes) for total in record.tally.totals()}
    assert votes == VECTORS["votes"]
    findings = record.finish(SLOTS, bytes.fromhex(VECTORS["manifest_hash"]))
    assert (findings.failed, findings.not_run) == ((), ())


@pytest.mark.parametrize("vector", VECTORS["refused_after_the_end"], ids=lambda vector: str(vector["check"]))
def test_entries_after_the_end_are_refused(vector: dict[str, str]) -> None:
    entries = [*ENTRIES, base64.b64decode(vector["entry"])]
    record = Record(entries.__getitem__)
    record.extend(entries[:-1])
    before = (record.board.block, record.accepted.copy())
    with pytest.raises(Refused) as refusal:
        record.apply(entries[-1])
    assert refusal.value.check == vector["check"]
    assert refusal.value.culprit.endswith(f"entry {len(ENTRIES)}")
    assert (record.board.block, record.accepted) == before
    assert record.size == len(entries)


def test_the_votes_are_those_that_were_chosen() -> None:
    world = world_at("complete")
    for total in world.record.tally.totals():
        assert total.votes == world.expected(total.contest)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("demo", {"suite": P256_NAME}),
        ("practice", {}),
        ("real", {"software_keys": False, "minimum_cell": 10}),
    ],
)
def test_every_suite_and_kind_has_its_story(kind: Kind, changes: dict[str, object]) -> None:
    world = World(kind=kind, changes=changes).run()
    assert world.record.is_complete()
    assert world.record.refused == {}
    first = world.record.tally.totals()[0]
    assert first.undisclosed == 0
    assert first.votes == world.expected(first.contest)


def test_windows_give_what_single_steps_give() -> None:
    single = Record(ENTRIES.__getitem__)
    for raw in ENTRIES:
        single.apply(raw)
    window = replayed(ENTRIES, threads=2)
    assert single.counts == window.counts
    assert single.figures() == window.figures()
    assert single.tally.totals() == window.tally.totals()


def test_work_travels_to_other_processes() -> None:
    record = Record(ENTRIES.__getitem__)
    works: list[Work] = []
    for raw in ENTRIES:
        staged = record.stage(raw)
        if staged.type == "ballot" and staged.work is not None:
            works.append(pickle.loads(pickle.dumps(staged.work)))  # noqa: S301 - pickled just now
        assert record.settle(staged) is None
        if staged.type == "ballot":
            record.merge(discharge(record.office(), [staged.work] if staged.work else []))
    office = pickle.loads(pickle.dumps(record.office()))  # noqa: S301 - pickled just now
    done = discharge(office, works)
    assert done.refusals == [None] * len(works) == [None] * 22
    assert verifier_of(office) is verifier_of(office)
    assert sum(done.ballots[unit, 1] for unit in (2, 4, 5)) == 22


def test_hints_change_nothing() -> None:
    record = Record(ENTRIES.__getitem__)
    works: list[Work] = []
    for raw in ENTRIES:
        staged = record.stage(raw)
        if staged.work is not None and staged.type in {"ballot", "spoiled"}:
            works.append(staged.work)
        record.settle(staged)
        if staged.work is not None and staged.work.group >= 0:
            record.merge(discharge(record.office(), [staged.work]))
    office = record.office()
    assert office is not None
    hints = [verifier_of(office).make_hints(work.ballot or b"") for work in works]
    plain, helped = discharge(office, works), discharge(office, works, hints)
    assert (plain.refusals, plain.sums, plain.ballots) == (helped.refusals, helped.sums, helped.ballots)


def test_a_dry_run_changes_nothing() -> None:
    world = fresh("open")
    voter = world.registered()[0]
    raw = world.vote(voter)
    size, root = world.record.size, world.record.tree.root()
    for _ in range(3):
        world.record.admit(raw)
    assert (world.record.size, world.record.tree.root(), world.record.refused) == (size, root, {})
    world.accept([], [raw])
    with pytest.raises(Refused):
        world.record.admit(raw)
    assert world.record.refused == {}


def test_control_entries_wait_for_what_was_staged() -> None:
    world = fresh("open")
    block = world.writer.write([], [world.vote(voter) for voter in world.registered()[:2]])
    record = world.record
    world.entries += block.entries
    record.apply(block.entries[0])
    first = record.stage(block.entries[1])
    with pytest.raises(UnsettledError):
        record.stage(world.drill(2)[0])
    with pytest.raises(UnsettledError):
        record.stage(block.entries[1])
    with pytest.raises(Misuse):
        record.admit(block.entries[2])
    second = record.stage(block.entries[2])
    with pytest.raises(Misuse):
        record.settle(second)
    assert record.settle(first) is None
    assert record.settle(second) is None
    with pytest.raises(Misuse):
        record.settle(second)


def test_the_stages_of_the_story_are_the_phases() -> None:
    phases = [world_at(stage).record.board.phase for stage in STAGES]
    assert phases == [Phase.PARTS, *[Phase.SETUP] * 2, *[Phase.OPEN] * 3, *[Phase.CLOSED] * 3]


def test_counts_name_checks_that_exist() -> None:
    record = world_at("complete").record
    assert set(record.counts) <= CHECKS
    ballots = sum(parse_entry(raw).type == "ballot" for raw in world_at("complete").entries)
    assert record.counts["BALLOT-7"] == ballots
    assert record.counts["BOARD-3"] == sum(parse_entry(raw).type in VOTER_TYPES for raw in world_at("complete").entries)


def test_figures_need_a_manifest() -> None:
    with pytest.raises(Misuse):
        Record(ENTRIES.__getitem__).figures()


def test_ballots_before_the_opening_have_no_verifier() -> None:
    with pytest.raises(Misuse):
        discharge(None, [Work((), b"ballot", 1)])
