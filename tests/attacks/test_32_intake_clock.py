"""Late and early ballots at the server: to the millisecond of the database's clock, and receipt means counted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto.election.entries import Opening
from tests.desk import Desk, open_desk
from tests.simulator import MINUTE_MS, World, fresh


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path, limits={"session_s": 86_400}) as served:
        yield served


def opened_early() -> World:
    """Return a world with opening and credentials before the opening time."""
    world = fresh("frozen")
    certificate = world.record.ceremony.conclude()
    opening = world.by_officers("opening", Opening(certificate.key, certificate.hash))
    world.accept([*world.drill(1), opening], [world.credential(voter) for voter in world.registered()])
    world.accept()
    return world


def test_nothing_is_begun_before_the_witnesses_saw_the_opening_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voting_server.casting.service._STALE_MS", -1)
    world = opened_early()
    with open_desk(tmp_path, world, limits={"session_s": 86_400}) as desk:
        sitting = desk.log_in(0)
        ballot, _ = world.seal_ballot(sitting.voter)
        path = f"/casting/nonces/{sitting.hash(ballot).hex()}"
        assert sitting.post(path).json()["type"] == "/problems/not-open"
        # The server's own clock alone opens nothing, however late it is.
        world.clock_ms = world.manifest.opens_at_ms + MINUTE_MS
        answer = sitting.post(path)
        assert (answer.json()["type"], "retry-after" in answer.headers) == ("/problems/not-open", True)
        early = world.cast(sitting.voter, ballot)
        assert sitting.cast(early).status_code == 409
        desk.sequence()
        desk.sequence()
        assert sitting.cast(sitting.entry()).status_code == 201


def test_a_ballot_is_begun_until_closing_and_not_a_millisecond_later(desk: Desk) -> None:
    sitting, closes = desk.log_in(0), desk.world.manifest.closes_at_ms
    ballot, _ = desk.world.seal_ballot(sitting.voter)
    desk.world.clock_ms = closes
    nonce = sitting.nonce(ballot)
    desk.world.clock_ms = closes + 1
    answer = sitting.post(f"/casting/nonces/{'ab' * 32}")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/intake-ended")
    assert sitting.cast(sitting.sign(ballot, nonce)).status_code == 201


@pytest.mark.parametrize(("late_ms", "status"), [(-1, 201), (0, 201), (1, 409)])
def test_receipt_means_counted_at_the_end_of_the_grace(desk: Desk, late_ms: int, status: int) -> None:
    world, manifest = desk.world, desk.world.manifest
    sitting = desk.log_in(0)
    ballot, _ = world.seal_ballot(sitting.voter)
    world.clock_ms = manifest.closes_at_ms - 1
    entry = sitting.sign(ballot, sitting.nonce(ballot))
    world.clock_ms = manifest.closes_at_ms + manifest.grace_ms + late_ms
    answer = sitting.cast(entry)
    assert answer.status_code == status
    assert desk.sequence() == []
    assert world.record.tally.accepted == (status == 201)


def test_a_batch_across_the_end_is_split_to_the_millisecond(desk: Desk) -> None:
    world, manifest = desk.world, desk.world.manifest
    sittings = [desk.log_in(number) for number in range(3)]
    entries = []
    for sitting in sittings:
        ballot, _ = world.seal_ballot(sitting.voter)
        entries.append(sitting.sign(ballot, sitting.nonce(ballot)))
    statuses = []
    for late_ms, sitting, entry in zip((0, 1, 0), sittings, entries, strict=True):
        world.clock_ms = manifest.closes_at_ms + manifest.grace_ms + late_ms
        statuses.append(sitting.cast(entry).status_code)
    assert statuses == [201, 409, 201]
    assert desk.sequence() == []
    assert world.record.tally.accepted == 2


def test_a_head_from_after_the_closing_gets_no_receipt(desk: Desk) -> None:
    world, manifest = desk.world, desk.world.manifest
    sitting = desk.log_in(0)
    world.clock_ms = manifest.closes_at_ms + 1
    desk.sequence()
    desk.sequence()
    late, early = world.head(), [world.record.board.heads[size] for size in world.record.board.sizes][-3]
    assert late.upper_ms > manifest.closes_at_ms >= early.upper_ms
    world.clock_ms = manifest.closes_at_ms
    entries = {}
    for name, head in (("late", late), ("early", early)):
        ballot, _ = world.seal_ballot(sitting.voter, head=head)
        entries[name] = sitting.sign(ballot, sitting.nonce(ballot))
    world.clock_ms = manifest.closes_at_ms + MINUTE_MS
    assert sitting.cast(entries["late"]).status_code == 409
    assert sitting.cast(entries["early"]).status_code == 201
    assert desk.sequence() == []
    assert world.record.tally.accepted == 1


def test_a_clock_that_is_set_back_makes_no_second_ballot(desk: Desk) -> None:
    sitting = desk.log_in(0)
    entry = sitting.entry()
    first = sitting.cast(entry).json()
    desk.world.clock_ms -= 10 * MINUTE_MS
    assert sitting.cast(entry).json() == first
    assert desk.store.count_waiting() == 1
