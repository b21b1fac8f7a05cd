"""Sums of ballots: added little by little before the close, none lost where a read fails, none of changed entries."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from crypto.election.entries import Strike
from tests.integration.board.town import Town
from voting_server.board import summing
from voting_server.board.kept_sums import KeptSums
from voting_server.board.replica import ChangedError, Replica
from voting_server.board.store import ENTRIES
from voting_server.board.summing import Summing

PATIENCE_S = 20


def test_a_read_that_fails_loses_no_ballot(desk: Town) -> None:
    desk.run("voted")
    desk.restart()
    assert desk.sequencer.start()
    replica = desk.board.replica
    left = len(replica._unsummed)
    assert left > 5
    entries, calls = replica._entries, {"left": 3}

    def failing(start: int) -> Iterator[bytes]:
        for raw in entries(start):
            calls["left"] -= 1
            if calls["left"] == 0:
                raise OperationalError("SELECT 1", {}, OSError("gone"))
            yield raw

    replica._entries = failing
    with pytest.raises(OperationalError):
        replica.sum_up(5)
    done = left - len(replica._unsummed)
    assert 0 < done < 5
    replica._entries = entries
    assert replica.sum_up() == 0
    desk.close()
    assert desk.record.refused == {}
    desk.dispute()
    # The aggregates that the log signs are those that this record recomputes.
    desk.count()
    assert desk.record.refused == {}


def test_the_background_adds_up_and_goes_on_after_a_failure(desk: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.run("voted")
    desk.restart()
    replica, real, failed, done = desk.board.replica, desk.board.replica.sum_up, threading.Event(), threading.Event()

    def sum_up(most: int | None = None) -> int:
        if not failed.is_set():
            failed.set()
            raise OperationalError("SELECT 1", {}, OSError("gone"))
        left = real(most)
        if left == 0:
            done.set()
        return left

    monkeypatch.setattr(replica, "sum_up", sum_up)
    monkeypatch.setattr(summing, "EVERY_S", 0.001)
    service = Summing(desk.board)
    service.start()
    assert done.wait(PATIENCE_S)
    service.stop()
    assert not replica._unsummed


def change(town: Town, index: int, raw: bytes) -> None:
    """Change an entry in the database, as somebody can who may take the table's guard away."""
    with town.context.database.begin() as connection:
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {ENTRIES.name}_no_update")
        done = connection.execute(update(ENTRIES).where(ENTRIES.c.index == index).values(raw=raw))
        assert done.rowcount == 1


def sums_of(replica: Replica) -> KeptSums:
    """Return all sums of a replica."""
    with replica.follow():
        replica.sum_up()
        return KeptSums.of(replica.record, 0)


def same_as_from_the_beginning(town: Town) -> bool:
    """Tell whether the board's sums are those of whoever reads the log as it is now."""
    assert town.board.replica.record.refused == {}
    return sums_of(town.board.replica) == sums_of(Replica(town.board.store.entries, town.board.store.read))


def test_a_ballot_that_was_changed_for_a_moment_comes_into_no_sum(desk: Town) -> None:
    desk.run("voted")
    desk.restart()
    replica = desk.board.replica
    first, second = list(replica._unsummed)[:2]
    held = desk.board.store.read(first)
    change(desk, first, desk.board.store.read(second))
    for _ in range(2):
        with pytest.raises(ChangedError, match=f"entry {first} "):
            replica.sum_up()
    change(desk, first, held)
    assert same_as_from_the_beginning(desk)


@pytest.mark.parametrize("act", ["vote", "strike"])
def test_a_ballot_that_was_changed_for_a_moment_is_taken_out_of_no_sum(desk: Town, act: str) -> None:
    desk.run("open")
    voter, other = desk.registered()[:2]
    desk.block(voters=[desk.vote(voter), desk.vote(other)])
    replica = desk.board.replica
    replica.sum_up()
    record = replica.record
    first, second = (
        record.ballots.last(record.roll.row(record.roll.slot(each.pseudonym)))[1] for each in (voter, other)
    )
    if act == "vote":
        desk.board.enqueue(desk.vote(voter), delay_ms=desk.manifest.receipt_delay_ms)
    else:
        desk.board.enqueue(desk.by_registrars("strike", Strike(voter.pseudonym, "station")))
    while desk.board.store.count_waiting():
        desk.sequencer.step()
    held = desk.board.store.read(first)
    change(desk, first, desk.board.store.read(second))
    with pytest.raises(ChangedError, match=f"entry {first} "), replica.follow():
        pass
    change(desk, first, held)
    assert same_as_from_the_beginning(desk)


def test_the_sequencer_writes_nothing_over_an_entry_that_was_changed(desk: Town) -> None:
    desk.run("open")
    voter, other = desk.registered()[:2]
    desk.block(voters=[desk.vote(voter), desk.vote(other)])
    record = desk.board.replica.record
    first = record.ballots.last(record.roll.row(record.roll.slot(voter.pseudonym)))[1]
    desk.board.enqueue(desk.by_registrars("strike", Strike(voter.pseudonym, "station")))
    held, size = desk.board.store.read(first), desk.board.heads().size
    change(desk, first, b"changed")
    with pytest.raises(ChangedError, match=f"entry {first} "):
        desk.sequencer.step()
    assert desk.board.heads().size == size
    change(desk, first, held)
    desk.sequencer.stop()
    assert desk.sequencer.start()
    desk.write()
    assert same_as_from_the_beginning(desk)


def test_the_background_goes_on_when_an_entry_stands_again(desk: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.run("voted")
    desk.restart()
    replica, real, refused, done = desk.board.replica, desk.board.replica.sum_up, threading.Event(), threading.Event()
    first, second = list(replica._unsummed)[:2]
    held = desk.board.store.read(first)
    change(desk, first, desk.board.store.read(second))

    def sum_up(most: int | None = None) -> int:
        try:
            left = real(most)
        except ChangedError:
            refused.set()
            raise
        if left == 0:
            done.set()
        return left

    monkeypatch.setattr(replica, "sum_up", sum_up)
    monkeypatch.setattr(summing, "EVERY_S", 0.001)
    service = Summing(desk.board)
    service.start()
    assert refused.wait(PATIENCE_S)
    change(desk, first, held)
    assert done.wait(PATIENCE_S)
    service.stop()
    monkeypatch.undo()
    assert same_as_from_the_beginning(desk)
