"""The audit's outcome: the same for any workers, the same as the state machine one by one, and never too good."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given as given_values
from hypothesis import settings
from hypothesis import strategies as st

from audit import verify
from audit.report import Work as Cost
from audit.report import exit_status, to_json
from audit.verify import Given
from crypto.election.entries import Strike
from crypto.election.record import Discharged, Office, Record, Work, discharge
from crypto.errors import Refused
from crypto.merkle import CHECKPOINT_PATH, Tiles, publish
from crypto.proofs import parse_frame
from crypto.signatures import Checkpoint, sign_checkpoint
from tests.folders import NOW_MS, SLOTS, audited, files_of, files_of_entries, given_of, world_at
from tests.simulator import World, signing_key


class Threads:
    """Workers that answer late and out of order, a few windows at a time."""

    depth = 3

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(2)

    def start(self, office: Office | None, works: list[Work], hints: list[bytes] | None) -> Future[Discharged]:
        return self.pool.submit(discharge, office, works, hints)

    def take(self) -> list[Discharged]:
        return []


def test_a_recount_gives_the_same_bytes_but_for_time_and_cost() -> None:
    world = world_at("complete")
    texts = [
        to_json(replace(audited(files_of(world), given_of(world), workers)[1], work=Cost(0.0, 0, 0)))
        for workers in (verify.Inline(), Threads(), verify.Inline())
    ]
    assert texts[0] == texts[1] == texts[2]


def broken_world() -> World:
    """Return a world whose log holds voter entries that fail in the workers, in the state, and in both."""
    world = world_at("complete").fork("open")
    voters = world.registered()
    other = voters[1].passkey
    ballot, _ = world.seal_ballot(voters[0], ((1,), (0,)))
    stolen = world.cast(voters[0], ballot, passkey=other)
    good = [world.vote(voter) for voter in voters[4:12]]
    torn = bytearray(world.vote(voters[12]))
    place = bytes(torn).rindex(b"\x59\x01", 0, len(torn) - 400)
    torn[place + 40] ^= 1
    world.block([], [stolen, bytes(torn), *good, world.credential(voters[0])])
    unissued, _ = world.seal_ballot(voters[2])
    # The torn ballot's successor makes the state take a vector out that was never a valid one.
    world.block(
        [], [world.cast(voters[2], unissued, nonce_for=bytes(32)), world.vote(voters[12]), world.vote(voters[13])]
    )
    return world


def refusals(record: Record) -> dict[int, tuple[str, str]]:
    return {index: (place.refused.check, place.refused.culprit) for index, place in record.refused.items()}


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "WINDOW", 3)


def test_an_honest_record_is_verified_in_one_pass(small_windows: None) -> None:
    world = world_at("complete")
    outcome, report = audited(files_of(world), given_of(world), Threads())
    assert (report.verdict, exit_status(report.findings), outcome.passes) == ("verified", 0, 1)
    assert report.numbers["ballots"] == report.numbers["ballots_checked"] == 22
    assert [contest.ballots for contest in report.contests] == [19, 14]
    assert tuple(option.votes for option in report.contests[0].options) == world.expected(1)


def test_false_claims_are_refused_as_the_state_machine_refuses_them(small_windows: None) -> None:
    world = broken_world()
    assert len(world.record.refused) >= 3
    outcome, report = audited(files_of(world), given_of(world), Threads())
    assert outcome.record is not None
    assert refusals(outcome.record) == refusals(world.record)
    assert outcome.record.counts == world.record.counts
    assert outcome.passes > 1
    assert exit_status(report.findings) == 1


@pytest.mark.parametrize("shape", ["a contest missing", "a vector too short"])
def test_vectors_of_a_wrong_shape_do_not_stop_the_audit(shape: str) -> None:
    world = world_at("complete").fork("open")
    voter = world.registered()[0]
    ballot, _ = world.seal_ballot(voter)
    frame = parse_frame(ballot)
    assert frame is not None
    first, *others = frame.contests
    short = replace(first, ciphertexts=first.ciphertexts[:64])
    contests = (first,) if shape == "a contest missing" else (short, *others)
    world.block(
        [], [world.cast(voter, replace(frame, contests=contests).to_bytes()), *map(world.vote, world.voters[1:4])]
    )
    # The strike makes the optimistic state take vectors out before anybody has looked at them.
    world.block([], [world.by_registrars("strike", Strike(voter.pseudonym, "voted on paper"))])
    outcome, report = audited(files_of(world), given_of(world))
    assert outcome.record is not None
    assert refusals(outcome.record) == refusals(world.record)
    assert len(world.record.refused) == 1
    assert exit_status(report.findings) == 1


def test_the_outcome_does_not_depend_on_the_workers(small_windows: None) -> None:
    world = broken_world()
    reports = [audited(files_of(world), given_of(world), workers)[1] for workers in (None, Threads())]
    assert reports[0] == reports[1]


def test_more_false_claims_than_passes_end_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "_PASSES", 1)
    world = broken_world()
    outcome, _ = audited(files_of(world), given_of(world), Threads())
    assert outcome.record is not None
    assert refusals(outcome.record) == refusals(world.record)


@pytest.mark.parametrize("stage", ["frozen", "open", "voted", "closed", "disputed"])
def test_an_election_that_has_not_ended_is_not_verified(stage: str) -> None:
    world = world_at(stage)
    _, report = audited(files_of(world), given_of(world))
    assert (report.verdict, exit_status(report.findings)) == ("incomplete", 3)
    assert {f.note for f in report.findings if f.blocking} == {"report.note.not_due"}
    assert report.contests == ()


def test_a_broken_file_stops_the_audit_and_nothing_behind_it_has_passed() -> None:
    world = world_at("complete")
    files = files_of(world)
    name = next(name for name in files if name.startswith("tile/entries"))
    data = bytearray(files[name])
    data[len(data) // 2] ^= 1
    _, report = audited({**files, name: bytes(data)}, given_of(world))
    assert report.verdict == "failed"
    assert {finding.outcome for finding in report.findings} == {"failed", "not run"}
    assert len([finding for finding in report.findings if finding.outcome == "failed"]) == 1


@pytest.mark.parametrize("path", [CHECKPOINT_PATH, "tile/0/000.p/", "tile/entries/000.p/"])
def test_a_missing_file_fails(path: str) -> None:
    world = world_at("complete")
    files = {name: data for name, data in files_of(world).items() if not name.startswith(path)}
    _, report = audited(files, given_of(world))
    assert exit_status(report.findings) == 1


@pytest.mark.parametrize("note", [b"", b"\xff", b"no note", b"a\n1\n\n\n"])
def test_a_checkpoint_that_is_none_fails(note: bytes) -> None:
    world = world_at("complete")
    _, report = audited({**files_of(world), CHECKPOINT_PATH: note}, given_of(world))
    assert exit_status(report.findings) == 1
    assert report.subject is None


def test_a_log_without_a_manifest_has_no_judged_checkpoint() -> None:
    world = world_at("complete")
    tiles, _ = publish(Tiles(), world.entries[1:])
    note = sign_checkpoint(signing_key("log"), Checkpoint(world.manifest.origin, tiles.size, tiles.root()))
    _, report = audited(files_of_entries(world.entries[1:], note.to_bytes()), Given(None, None, NOW_MS))
    outcomes = {finding.check: finding.outcome for finding in report.findings}
    assert (report.verdict, outcomes["RECORD-1"], outcomes["AUDIT-2"]) == ("failed", "failed", "not run")


@given_values(st.data())
@settings(max_examples=40, deadline=None)
def test_any_changed_byte_of_any_file_turns_the_exit_status(data: st.DataObject) -> None:
    world = world_at("complete")
    files = files_of(world)
    name = data.draw(st.sampled_from(sorted(files)))
    changed = bytearray(files[name])
    place = data.draw(st.integers(0, len(changed) - 1))
    changed[place] ^= data.draw(st.integers(1, 255))
    _, report = audited({**files, name: bytes(changed)}, given_of(world))
    if name == CHECKPOINT_PATH:  # one witness of four may be garbled or unknown: the quorum is three
        assert report.verdict in {"verified", "failed"}
    else:
        assert report.verdict == "failed"


def test_a_record_cut_at_any_block_is_not_verified() -> None:
    world = world_at("complete")
    for checkpoint in world.checkpoints[:-2:3]:
        _, report = audited({**files_of(world), CHECKPOINT_PATH: checkpoint}, given_of(world))
        assert report.verdict == "failed"


def test_figures_from_outside_stand_in_the_report() -> None:
    world = world_at("complete")
    _, report = audited(files_of(world), given_of(world))
    assert {district.id: district.given for district in report.districts} == SLOTS
    assert {district.id: district.slots for district in report.districts} == SLOTS


@pytest.mark.parametrize("raw", [b"", b"\x84", b"\x84\x01\x41a", b"\x84\x01\x78\x18" + b"a" * 24])
def test_bytes_without_a_type_have_none(raw: bytes) -> None:
    assert verify.entry_type(raw) == b""


def test_a_refused_entry_keeps_its_leaf_hash_and_its_command() -> None:
    world = broken_world()
    _, report = audited(files_of(world), given_of(world))
    culprits = [culprit for finding in report.findings for culprit in finding.culprits if culprit.index is not None]
    assert culprits
    assert all(len(culprit.leaf_hash) == 64 for culprit in culprits)
    with pytest.raises(Refused):
        Record(world.read).apply(world.entries[culprits[0].index or 0])
