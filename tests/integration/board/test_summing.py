"""Sums of ballots: added little by little before the close, and none is lost where a read fails."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy.exc import OperationalError

from tests.integration.board.town import Town
from voting_server.board import summing
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
