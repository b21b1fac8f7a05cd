"""Micro-batches: requests that wait in memory are handled together, so that one check and one commit serve many.

Spec: `docs/operations/settings.md`, limits `intake`, `intake_ms` and `batch`. The line is bounded in length and time:
who would have to wait too long is told so at once. Nothing in it was acknowledged; what a crash takes with it, its
sender sends again.

>>> import asyncio
>>> double = Batches(lambda items: [2 * item for item in items], most=8, bound=100)
>>> double.start(); asyncio.run(double.submit(21)); double.stop()
42
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from voting_server.plumbing.problems import ProblemError

Item = TypeVar("Item")
Answer = TypeVar("Answer")
_Place = tuple[Item, asyncio.Future[Answer], asyncio.AbstractEventLoop, float]


class Batches(Generic[Item, Answer]):
    """A bounded line and the thread that takes from it; `handle` answers each item, or gives the error to raise."""

    def __init__(
        self,
        handle: Callable[[Sequence[Item]], Sequence[Answer | Exception]],
        *,
        most: int,
        bound: int,
        patience_s: float = 1.0,
        linger_s: float = 0.0,
    ) -> None:
        """Take at most `most` items at once; let at most `bound` wait, and no more while the first waits `patience_s`.

        The first waits `linger_s` for company.
        """
        self._handle, self._most, self._bound = handle, most, bound
        self._patience_s, self._linger_s = patience_s, linger_s
        self._line: deque[_Place[Item, Answer]] = deque()
        self._changed = threading.Condition()
        self._ending = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to take."""
        self._thread.start()

    def stop(self) -> None:
        """Answer everybody who waits, then end."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._thread.join()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._line)

    def require_room(self, share: float = 1.0) -> None:
        """Refuse more while the line is filled to a share of its bounds. Raises ProblemError (503, Retry-After)."""
        line = self._line
        try:
            waited_s = time.monotonic() - line[0][3]
        except IndexError:
            return
        if len(line) >= share * self._bound or waited_s >= share * self._patience_s:
            raise ProblemError("busy", retry_after_s=1)

    async def submit(self, item: Item) -> Answer:
        """Wait for the answer to an item. Raises ProblemError when the line is full, or what `handle` gave."""
        self.require_room()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        with self._changed:
            self._line.append((item, answer, loop, time.monotonic()))
            self._changed.notify()
        return await answer

    def _run(self) -> None:
        while places := self._take():
            results: Sequence[Answer | Exception]
            try:
                results = self._handle([place[0] for place in places])
            except Exception as error:  # noqa: BLE001 - nobody may wait for ever; each request answers for itself
                results = [error] * len(places)
            pairs = [(place, result) for place, result in zip(places, results, strict=True)]
            for loop in {place[2] for place in places}:
                # One wake-up for all, because each costs a system call.
                own = [(place[1], result) for place, result in pairs if place[2] is loop]
                if not loop.is_closed():
                    loop.call_soon_threadsafe(_deliver, own)

    def _take(self) -> list[_Place[Item, Answer]]:
        """Return the next items; nothing at the end."""
        with self._changed:
            while not self._line and not self._ending:
                self._changed.wait()
            if self._linger_s and not self._ending and len(self._line) < self._most:
                self._changed.wait_for(lambda: self._ending or len(self._line) >= self._most, self._linger_s)
            return [self._line.popleft() for _ in range(min(self._most, len(self._line)))]


def _deliver(pairs: Sequence[tuple[asyncio.Future[Answer], Answer | Exception]]) -> None:
    for future, result in pairs:
        if future.cancelled():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
