"""Redis shares limits between workers; without it each counts for itself, and nothing else changes."""

import asyncio
import socket

import pytest

from tests.integration.conftest import RedisServer
from voting_server.plumbing.cache import Cache


def hits(*caches: Cache, amount: int = 3, tries: int = 4) -> list[bool]:
    """Return whether each of some uses, spread over the caches, was within the limit."""
    return [caches[at % len(caches)].hit("casts", "one", amount=amount, seconds=60) is None for at in range(tries)]


def test_two_workers_share_one_limit(redis_server: RedisServer) -> None:
    assert hits(Cache(redis_server.url), Cache(redis_server.url)) == [True, True, True, False]


def test_two_workers_without_redis_count_apart() -> None:
    assert hits(Cache(), Cache()) == [True, True, True, True]


def test_a_killed_redis_costs_the_count_and_nothing_else(redis_server: RedisServer) -> None:
    cache = Cache(redis_server.url)
    assert hits(cache) == [True, True, True, False]
    cache.set("a", b"1", 60)
    redis_server.kill()
    assert cache.get("a") is None
    assert cache.is_lost
    cache.set("a", b"2", 60)
    cache.wake("feed")
    assert cache.get("a") == b"2"
    assert hits(cache) == [True, True, True, False]


def test_an_emptied_redis_begins_to_count_anew(redis_server: RedisServer) -> None:
    cache = Cache(redis_server.url)
    assert hits(cache) == [True, True, True, False]
    redis_server.kill()
    redis_server.start()
    fresh = Cache(redis_server.url)
    assert hits(fresh) == [True, True, True, False]
    assert not fresh.is_lost


def test_a_redis_that_was_never_there_stops_nobody() -> None:
    cache = Cache("unix:///nowhere/redis.sock")
    assert hits(cache) == [True, True, True, False]
    assert cache.is_lost


@pytest.mark.parametrize("lost", [False, True], ids=["answering", "lost"])
def test_a_wake_up_call_wakes_and_without_redis_time_does(redis_server: RedisServer, *, lost: bool) -> None:
    cache = Cache(redis_server.url)
    if lost:
        redis_server.kill()

    async def listen() -> int:
        count = 0
        async for _ in cache.ticks("feed", 0.01 if lost else 60):
            count += 1
            if count == 3:
                return count
            if not lost:
                asyncio.get_running_loop().call_later(0.05, cache.wake, "feed")
        return count

    assert asyncio.run(asyncio.wait_for(listen(), 20)) == 3


def test_a_value_ends() -> None:
    cache = Cache()
    cache.set("a", b"1", 0)
    assert cache.get("a") is None
    cache.set("a", b"1", 60)
    assert cache.get("a") == b"1"


def test_a_redis_that_accepts_and_never_answers_holds_nobody_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cache = Cache(f"redis://127.0.0.1:{silent.getsockname()[1]}")

        async def listen() -> int:
            count = 0
            async for _ in cache.ticks("feed", 0.01):
                count += 1
                if count == 3:
                    break
            return count

        assert asyncio.run(asyncio.wait_for(listen(), 5)) == 3
        assert hits(cache) == [True, True, True, False]
        assert cache.is_lost
