"""The live feed: one look a worker for all its readers, woken by Redis, and as many readers as the limits say."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import pytest

from tests.integration.board.town import Town
from tests.integration.conftest import RedisServer
from tests.simulator import secret
from voting_server.board import feed as feeds
from voting_server.board.feed import Feed, Streams
from voting_server.board.routes import _events
from voting_server.board.service import FEED, Heads, Queued
from voting_server.plumbing.cache import Cache
from voting_server.plumbing.problems import ProblemError

PATIENCE_S = 20
Changes = AsyncGenerator[tuple[Heads, Queued | None], None]


@pytest.fixture
def looks(desk: Town, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows with every look at the database."""
    desk.run("open")
    made: list[str] = []
    board, heads, find = desk.board, desk.board.heads, desk.board.find_ballots

    def count(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:  # noqa: ANN401
            made.append(name)
            return real(*arguments)

        return counted

    monkeypatch.setattr(board, "heads", count("heads", heads))
    monkeypatch.setattr(board, "find_ballots", count("ballots", find))
    # Nothing looks by itself while a test counts.
    monkeypatch.setattr(feeds, "LOOK_S", 3_600.0)
    return made


async def soon(changes: Changes) -> tuple[Heads, Queued | None]:
    return await asyncio.wait_for(anext(changes), PATIENCE_S)


def call(feed: Feed) -> None:
    """Let every poller look now."""
    for poller in feed._pollers.values():
        poller._called.set()


def test_a_hundred_readers_cost_one_look(desk: Town, looks: list[str]) -> None:
    async def read() -> None:
        feed = Feed(desk.board)
        readers = [feed.follow() for _ in range(100)]
        first = await asyncio.gather(*map(soon, readers))
        assert len(set(first)) == 1
        before = len(looks)
        desk.write()
        call(feed)
        second = await asyncio.gather(*map(soon, readers))
        assert {heads.size for heads, _ in second} == {desk.board.store.sizes()[-1]}
        assert looks[before:] == ["heads"]
        for reader in readers:
            await reader.aclose()
        assert feed._pollers == {}

    asyncio.run(read())


def test_what_became_of_a_hundred_ballots_is_one_question_a_block(desk: Town, looks: list[str]) -> None:
    voters = desk.registered()
    ballots = []
    for at, voter in enumerate(voters[:20]):
        seed = secret("spoil", at)
        raw = desk.spoil(desk.seal_ballot(voter, seed=seed)[0], seed)
        ballots.append(desk.board.enqueue(raw).ballot_hash or b"")

    async def read() -> None:
        feed = Feed(desk.board)
        readers = [feed.follow(ballot) for ballot in ballots for _ in range(5)]
        rows = [row for _, row in await asyncio.gather(*map(soon, readers))]
        assert {row.state for row in rows if row} <= {"waiting"}
        before = len(looks)
        desk.write()
        call(feed)
        states = await asyncio.gather(*(until_sequenced(reader) for reader in readers))
        assert states == ["sequenced"] * 100
        assert looks[before:].count("ballots") <= 2
        for reader in readers:
            await reader.aclose()

    asyncio.run(read())


async def until_sequenced(changes: Changes) -> str:
    while True:
        _, row = await soon(changes)
        if row is not None and row.state != "waiting":
            return row.state


def test_the_poller_ends_with_its_last_reader_and_survives_a_database_that_fails(
    desk: Town, looks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read() -> None:
        feed = Feed(desk.board)
        reader = feed.follow()
        await soon(reader)
        real, fails, failed = desk.board.heads, [ProblemError("unavailable")], asyncio.Event()
        loop = asyncio.get_running_loop()

        def heads() -> Heads:
            if fails:
                loop.call_soon_threadsafe(failed.set)
                raise fails.pop()
            return real()

        monkeypatch.setattr(desk.board, "heads", heads)
        desk.write()
        call(feed)
        await failed.wait()
        call(feed)
        await soon(reader)
        await reader.aclose()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert feed._pollers == {}
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    asyncio.run(read())
    assert looks


def test_a_wake_up_call_of_another_process_is_enough(desk: Town, looks: list[str], redis_server: RedisServer) -> None:
    object.__setattr__(desk.context, "cache", Cache(redis_server.url))
    desk.board.context = desk.context

    async def read() -> list[str]:
        events = _events(Feed(desk.board))
        async with aclosing(events):
            told = [await anext(events), await asyncio.wait_for(anext(events), PATIENCE_S)]
            subscribed = asyncio.get_running_loop().create_task(anext(events))
            while not subscribed.done():
                # Until the poller listens, a call may be lost.
                await asyncio.to_thread(desk.write)
                Cache(redis_server.url).wake(FEED)
                await asyncio.wait({subscribed}, timeout=0.05)
            return [*told, subscribed.result()]

    first, *heads = asyncio.run(read())
    assert first == "retry: 2000\n\n"
    sizes = [json.loads(event.split("data: ")[1])["size"] for event in heads]
    assert sizes[0] < sizes[1]
    assert looks


@pytest.mark.parametrize(("most", "an_address"), [(2, 100), (100, 2)])
def test_as_many_streams_as_the_limit_and_not_one_more(most: int, an_address: int) -> None:
    async def endless() -> AsyncGenerator[str, None]:
        while True:
            yield "an event"

    async def read() -> None:
        streams = Streams(most, an_address)
        opened = []
        for _ in range(2):
            streams.require_room("192.0.2.7")
            opened.append(streams.count("192.0.2.7", endless()))
            await anext(opened[-1])
        with pytest.raises(ProblemError) as refused:
            streams.require_room("192.0.2.7")
        assert (refused.value.status, refused.value.retry_after_s) == (503, 5)
        if an_address == 2:
            streams.require_room("192.0.2.8")
        await opened.pop().aclose()
        streams.require_room("192.0.2.7")
        await opened.pop().aclose()

    asyncio.run(read())
