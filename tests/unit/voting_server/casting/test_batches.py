"""Micro-batches: everybody gets an answer of their own, the line is bounded, and nobody waits for ever."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from voting_server.casting.batches import Batches
from voting_server.plumbing.problems import ProblemError


def halve(items: Sequence[int]) -> list[int | Exception]:
    """Halve even numbers; an odd one is refused."""
    return [ProblemError("refused") if item % 2 else item // 2 for item in items]


async def ask(batches: Batches[int, int], *items: int) -> list[int | BaseException]:
    return await asyncio.gather(*(batches.submit(item) for item in items), return_exceptions=True)


def test_each_item_gets_its_own_answer_or_its_own_error() -> None:
    batches = Batches(halve, most=3, bound=100, linger_s=0.001)
    batches.start()
    answers = asyncio.run(ask(batches, *range(10)))
    batches.stop()
    assert answers[::2] == [0, 1, 2, 3, 4]
    assert all(isinstance(answer, ProblemError) for answer in answers[1::2])


def test_items_that_come_together_are_handled_together() -> None:
    sizes: list[int] = []

    def count(items: Sequence[int]) -> list[int | Exception]:
        sizes.append(len(items))
        return list(items)

    async def run() -> None:
        answers = [asyncio.ensure_future(batches.submit(item)) for item in range(8)]
        await asyncio.sleep(0)
        batches.start()
        await asyncio.gather(*answers)

    batches = Batches(count, most=8, bound=100, linger_s=5)
    asyncio.run(run())
    batches.stop()
    assert sizes == [8]


def test_as_many_are_handled_together_as_the_limit_and_not_one_more() -> None:
    sizes: list[int] = []

    def count(items: Sequence[int]) -> list[int | Exception]:
        sizes.append(len(items))
        return list(items)

    async def run(amount: int) -> None:
        batches = Batches(count, most=4, bound=100)
        answers = [asyncio.ensure_future(batches.submit(item)) for item in range(amount)]
        await asyncio.sleep(0)
        batches.start()
        await asyncio.gather(*answers)
        batches.stop()

    for amount in (4, 5):
        asyncio.run(run(amount))
    assert sizes == [4, 4, 1]


def test_the_first_waits_up_to_the_limit_and_not_a_moment_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        now = [100.0]
        monkeypatch.setattr("voting_server.casting.batches.time.monotonic", lambda: now[0])
        waiting = asyncio.ensure_future(batches.submit(6))
        await asyncio.sleep(0)
        now[0] = 100.499
        batches.require_room()
        now[0] = 100.5
        with pytest.raises(ProblemError) as full:
            batches.require_room()
        assert full.value.code == "busy"
        monkeypatch.undo()
        batches.start()
        assert await waiting == 3

    batches = Batches(halve, most=8, bound=100, patience_s=0.5)
    asyncio.run(run())
    batches.stop()


def test_the_line_is_bounded() -> None:
    async def run() -> list[int | BaseException]:
        waiting = [asyncio.ensure_future(batches.submit(item)) for item in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(ProblemError) as full:
            await batches.submit(8)
        assert (full.value.code, full.value.retry_after_s) == ("busy", 1)
        with pytest.raises(ProblemError):
            batches.require_room(0.5)
        batches.start()
        return await asyncio.gather(*waiting, return_exceptions=True)

    batches = Batches(halve, most=8, bound=4)
    assert asyncio.run(run())[2] == 1
    batches.stop()


def test_the_line_is_bounded_in_time() -> None:
    async def run() -> int:
        waiting = asyncio.ensure_future(batches.submit(6))
        await asyncio.sleep(0)
        with pytest.raises(ProblemError) as full:
            batches.require_room()
        assert full.value.code == "busy"
        batches.start()
        return await waiting

    batches = Batches(halve, most=8, bound=100, patience_s=0.0)
    assert asyncio.run(run()) == 3
    batches.require_room()
    batches.stop()


def test_an_error_of_the_handler_reaches_everybody_and_the_next_batch_is_handled() -> None:
    failed = threading.Event()

    def fail_once(items: Sequence[int]) -> list[int | Exception]:
        if not failed.is_set():
            failed.set()
            raise ConnectionError
        return list(items)

    batches = Batches(fail_once, most=8, bound=8, linger_s=0.05)
    batches.start()
    first = asyncio.run(ask(batches, 1, 2))
    second = asyncio.run(ask(batches, 3))
    batches.stop()
    assert all(isinstance(answer, ConnectionError) for answer in first)
    assert second == [3]


def test_who_went_away_disturbs_nobody() -> None:
    async def run() -> int:
        gone, stays = (asyncio.ensure_future(batches.submit(item)) for item in (2, 4))
        await asyncio.sleep(0)
        gone.cancel()
        batches.start()
        return await stays

    batches = Batches(halve, most=8, bound=8)
    assert asyncio.run(run()) == 2
    batches.stop()


def test_stopping_answers_who_waits() -> None:
    async def run() -> int:
        waiting = asyncio.ensure_future(batches.submit(6))
        await asyncio.sleep(0)
        batches.start()
        await asyncio.to_thread(batches.stop)
        return await waiting

    batches = Batches(halve, most=8, bound=8, linger_s=60)
    assert asyncio.run(run()) == 3
