"""After the dispute period nothing says any more when a ballot came, or before which other."""

from pathlib import Path

import pytest
from sqlalchemy import Table, func, select

from tests.desk import Desk, open_desk
from tests.simulator import World, fresh
from voting_server.board.service import Board
from voting_server.board.store import QUEUE
from voting_server.casting import forgetting
from voting_server.casting.forgetting import Forgetter
from voting_server.casting.store import FIRSTS
from voting_server.plumbing.sessions import BALLOT_SESSIONS


def count(desk: Desk, table: Table) -> int:
    with desk.app.state.context.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def rows(desk: Desk) -> list[tuple[int, int, int | None, int | None]]:
    with desk.app.state.context.database.read() as connection:
        chosen = select(QUEUE.c.id, QUEUE.c.received_at_ms, QUEUE.c.deadline_ms, QUEUE.c.entry_index)
        return [tuple(row) for row in connection.execute(chosen.order_by(QUEUE.c.id))]


def go_on(desk: Desk, step: str) -> None:
    """Let the world take its next step and the server's log follow."""
    before = len(desk.world.entries)
    getattr(desk.world, step)()
    desk.load(before)


def test_times_and_order_of_arrival_are_forgotten_after_the_disputes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "PORTION", 2)
    world: World = fresh("open")
    with open_desk(tmp_path, world) as desk:
        forgetter = Forgetter(Board(desk.app.state.context))
        sittings = [desk.log_in(place) for place in range(5)]
        entries = [sitting.entry() for sitting in sittings]
        codes = [sitting.cast(entry).json()["code"] for sitting, entry in zip(sittings, entries, strict=True)]
        for sitting, entry in zip(sittings, entries, strict=True):
            sitting.voter.number, sitting.voter.previous = 1, sitting.hash(entry)
        desk.sequence()
        before = rows(desk)
        assert forgetter.step() == 0
        assert rows(desk) == before
        assert count(desk, FIRSTS) > 0
        go_on(desk, "close")
        assert forgetter.step() == 0
        assert (rows(desk), count(desk, FIRSTS)) == (before, 0)
        # Sessions end with their time, which is long over at the close.
        assert count(desk, BALLOT_SESSIONS.table) == 0
        go_on(desk, "dispute")
        world.wait_until(world.clock_ms + world.manifest.dispute_ms)
        go_on(desk, "accept")
        go_on(desk, "accept")
        assert [forgetter.step() for _ in range(5)] == [2, 2, 1, 0, 0]
        assert [(received, deadline) for _, received, deadline, _ in rows(desk)] == [(0, None)] * 5
        places = [index or -1 for *_, index in rows(desk)]
        assert places == sorted(places, reverse=True)
        assert {index for *_, index in before} == set(places)
        for code in codes:
            assert desk.client.get(f"/ballots/{code}").json()["state"] == "sequenced"
        late = desk.log_in(0)
        for answer in (late.client.get(f"/ballots/{codes[0]}/receipt"), late.cast(entries[0])):
            assert (answer.status_code, answer.json()["type"]) == (409, "/problems/intake-ended")
