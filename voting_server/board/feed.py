"""The live feed: one poller a worker looks at the log, however many readers wait; each is told what concerns it.

Spec: `docs/operations/settings.md`, section "Redis" and limits `streams`, `streams_an_address`. Redis wakes the poller;
without Redis it looks once a second. A reader that misses a change sees the next: what is told is always the newest.

>>> streams = Streams(most=2, an_address=1)
>>> streams.require_room("192.0.2.7")
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from voting_server.board.service import FEED, Board, Heads, Queued
from voting_server.plumbing.problems import ProblemError

LOOK_S = 1.0
LONGEST_S = 900.0
"""A stream ends then; browsers open it again by themselves."""


class Streams:
    """Counts live streams of this worker; used by its event loop alone."""

    def __init__(self, most: int, an_address: int) -> None:
        """Let so many be open in all, and of one address."""
        self._open: Counter[str] = Counter()
        self._most, self._an_address = most, an_address

    def require_room(self, address: str) -> None:
        """Refuse one more. Raises ProblemError (503 with Retry-After)."""
        if self._open.total() >= self._most or self._open[address] >= self._an_address:
            raise ProblemError("busy", retry_after_s=5)

    async def count(self, address: str, events: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        """Pass events on, counted from the first to the end."""
        # Counted here and not before: a reader who leaves at once is never sent anything, so that nothing would end.
        self._open[address] += 1
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]


class Feed:
    """What is new, for all readers of one worker."""

    def __init__(self, board: Board) -> None:
        """Stand on the board; nothing is looked at before somebody reads."""
        limits = board.context.limits
        self.streams = Streams(limits.streams, limits.streams_an_address)
        self._board = board
        self._pollers: dict[asyncio.AbstractEventLoop, _Poller] = {}

    async def follow(self, ballot_hash: bytes | None = None) -> AsyncGenerator[tuple[Heads, Queued | None], None]:
        """Yield how far the log is and what became of a ballot, now and whenever the log or its quorum grows."""
        loop = asyncio.get_running_loop()
        poller = self._pollers.get(loop)
        if poller is None:
            poller = self._pollers[loop] = _Poller(self._board)
        poller.enter(ballot_hash)
        seen, ends = None, loop.time() + LONGEST_S
        try:
            while loop.time() < ends:
                news = poller.news
                if poller.heads is not None and (poller.heads, poller.rows.get(ballot_hash or b"")) != seen:
                    seen = (poller.heads, poller.rows.get(ballot_hash or b""))
                    yield seen
                else:
                    await asyncio.wait({news}, timeout=ends - loop.time())
        finally:
            if poller.leave(ballot_hash):
                del self._pollers[loop]


class _Poller:
    """The one that looks, for the readers of one event loop; begins with the first of them and ends with the last."""

    def __init__(self, board: Board) -> None:
        self._board, self._readers = board, 0
        self._watched: Counter[bytes] = Counter()
        self._fresh: set[bytes] = set()
        self.heads: Heads | None = None
        self.rows: dict[bytes, Queued] = {}
        self.news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._called = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def enter(self, ballot_hash: bytes | None) -> None:
        """Count a reader and let what it asks for be looked at soon."""
        self._readers += 1
        if ballot_hash is not None:
            self._watched[ballot_hash] += 1
            self._fresh.add(ballot_hash)
            self._called.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def leave(self, ballot_hash: bytes | None) -> bool:
        """Count a reader out; tell whether it was the last."""
        self._readers -= 1
        if ballot_hash is not None:
            self._watched[ballot_hash] -= 1
            if not self._watched[ballot_hash]:
                del self._watched[ballot_hash]
                self.rows.pop(ballot_hash, None)
        if self._readers:
            return False
        if self._task is not None:
            self._task.cancel()
        return True

    async def _run(self) -> None:
        ticks = asyncio.get_running_loop().create_task(self._tick())
        try:
            while True:
                await self._called.wait()
                self._called.clear()
                # Readers who come together are answered together.
                await asyncio.sleep(0)
                with suppress(SQLAlchemyError, ProblemError):
                    await self._look()
        finally:
            ticks.cancel()

    async def _tick(self) -> None:
        async for _ in self._board.context.cache.ticks(FEED, LOOK_S):
            self._called.set()

    async def _look(self) -> None:
        heads = await run_in_threadpool(self._board.heads)
        fresh, self._fresh = self._fresh, set()
        # A row changes only with a block.
        grew = self.heads is None or heads.block != self.heads.block
        asked = list(self._watched) if grew else [name for name in fresh if name in self._watched]
        try:
            rows = await run_in_threadpool(self._find, asked) if asked else {}
        except SQLAlchemyError:
            self._fresh |= fresh
            raise
        self.rows.update((name, row) for name, row in rows.items() if name in self._watched)
        if heads != self.heads or rows:
            self.heads = heads
            self.news.set_result(None)
            self.news = asyncio.get_running_loop().create_future()

    def _find(self, ballot_hashes: Sequence[bytes]) -> dict[bytes, Queued]:
        with self._board.context.database.read() as connection:
            return self._board.find_ballots(connection, ballot_hashes)
