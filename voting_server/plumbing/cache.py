"""What may be lost: rate limits, the feed's wake-up calls and small caches, in Redis or in this process's memory.

Spec: `docs/operations/settings.md`, section "Redis". Assumes nothing of Redis: while it does not answer, everything
falls back to memory and Redis is asked again after a second. Promises that no answer about a ballot depends on it.

>>> cache = Cache()
>>> [cache.hit("cast", "slot 1", amount=2, seconds=60) is None for _ in range(3)]
[True, True, False]
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import limits
import redis
import redis.asyncio
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter

from voting_server.plumbing.logging import log

_ANSWER_S = 0.25
_REST_S = 1.0
_VALUES = 4_096
_T = TypeVar("_T")


class Cache:
    """Rate limits, wake-up calls and values with an end; safe to share between threads."""

    def __init__(self, url: str | None = None) -> None:
        """Use Redis at `url`, or memory alone."""
        self._memory = FixedWindowRateLimiter(MemoryStorage())
        self._values: dict[str, tuple[float, bytes]] = {}
        self._url = url
        self._resting_until = 0.0
        self._client: redis.Redis | None = None
        self._shared: FixedWindowRateLimiter | None = None
        if url is not None:
            self._client = redis.Redis.from_url(url, socket_timeout=_ANSWER_S, socket_connect_timeout=_ANSWER_S)
            storage = RedisStorage(
                url, wrap_exceptions=True, socket_timeout=_ANSWER_S, socket_connect_timeout=_ANSWER_S
            )
            self._shared = FixedWindowRateLimiter(storage)

    @property
    def is_lost(self) -> bool:
        """Tell whether Redis was given and did not answer a moment ago."""
        return self._resting_until > time.monotonic()

    def hit(self, name: str, *keys: str, amount: int, seconds: int) -> int | None:
        """Count one use; return None while the limit holds, else the seconds until the window ends."""
        item = limits.RateLimitItemPerSecond(amount, seconds, namespace=name)

        def count(limiter: FixedWindowRateLimiter) -> int | None:
            if limiter.hit(item, *keys):
                return None
            return max(1, math.ceil(limiter.get_window_stats(item, *keys).reset_time - time.time()))

        shared = self._shared
        if shared is None:
            return count(self._memory)
        return self._try(lambda: count(shared), lambda: count(self._memory))

    def get(self, key: str) -> bytes | None:
        """Return a kept value, None when there is none (any more)."""
        client = self._client
        if client is None:
            return self._recall(key)
        return self._try(lambda: _bytes_or_none(client.get(key)), lambda: self._recall(key))

    def set(self, key: str, value: bytes, seconds: int) -> None:
        """Keep a value for some seconds, or less."""
        client = self._client
        if client is None:
            self._keep(key, value, seconds)
            return
        self._try(lambda: bool(client.set(key, value, ex=seconds)), lambda: self._keep(key, value, seconds))

    def wake(self, channel: str) -> None:
        """Wake everybody who waits on a channel, in any process."""
        client = self._client
        if client is not None:
            self._try(lambda: client.publish(channel, b"1"), lambda: None)

    async def ticks(self, channel: str, seconds: float) -> AsyncIterator[None]:
        """Yield at every wake-up call of a channel, and after `seconds` at the latest."""
        if self._url is None:
            while True:
                yield
                await asyncio.sleep(seconds)
        client = redis.asyncio.Redis.from_url(self._url, socket_timeout=_ANSWER_S, socket_connect_timeout=_ANSWER_S)
        pubsub = client.pubsub(ignore_subscribe_messages=True)
        try:
            while True:
                yield
                try:
                    if not pubsub.subscribed:
                        await pubsub.subscribe(channel)
                    await pubsub.get_message(timeout=seconds)
                except redis.RedisError:
                    await asyncio.sleep(seconds)
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]
            await client.aclose()

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()

    def _try(self, ask: Callable[[], _T], fall_back: Callable[[], _T]) -> _T:
        if self.is_lost:
            return fall_back()
        try:
            answer = ask()
        except (redis.RedisError, StorageError):
            self._resting_until = time.monotonic() + _REST_S
            log().warning("cache-lost")
            return fall_back()
        return answer

    def _recall(self, key: str) -> bytes | None:
        ends, value = self._values.get(key, (0.0, b""))
        return value if ends > time.monotonic() else None

    def _keep(self, key: str, value: bytes, seconds: int) -> None:
        if len(self._values) >= _VALUES:
            self._values.clear()
        self._values[key] = (time.monotonic() + seconds, value)


def _bytes_or_none(answer: object) -> bytes | None:
    return answer if isinstance(answer, bytes) else None
