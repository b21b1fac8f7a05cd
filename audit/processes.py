"""Worker processes for the audit: windows of raw bytes go out, outcomes come back, and each tells its peak memory.

Spec: `docs/operations/audit.md`, section "Memory and time". Nothing is shared with the workers but what they are sent.

>>> _peak() > 0
True
"""

import gc
import multiprocessing
import os
import resource
import sys
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Self

from audit.verify import Inline, Ticket
from crypto.election.record import Discharged, Office, Work, discharge


def _peak() -> int:
    """Return this process's peak memory in bytes; the system counts KiB, but for macOS."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _collect_rarely() -> None:
    """Let the cycle collector run seldom: an audit makes millions of small objects and hardly any cycle of them."""
    gc.freeze()
    gc.set_threshold(200_000, 50, 1_000)


def usable_cores() -> int:
    """Return how many cores this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _discharge(office: Office | None, works: list[Work], hints: list[bytes] | None) -> tuple[Discharged, int, int]:
    """Verify one window in a worker process; return the outcome, the process and its peak memory in bytes."""
    outcome = discharge(office, works, hints)
    return outcome, os.getpid(), _peak()


class Processes:
    """Worker processes that share nothing with this one but the windows they are sent; a context manager.

    One worker is this process itself: nothing is started then.
    """

    def __init__(self, count: int) -> None:
        self.depth = 2 * count
        self._peaks: dict[int, int] = {}
        self._pool: ProcessPoolExecutor | None = None
        _collect_rarely()
        if count > 1:
            # A fork server starts without this process's threads and memory; it has the modules loaded once for all.
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["audit.processes"])
            self._pool = ProcessPoolExecutor(count, mp_context=context, initializer=_collect_rarely)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def start(self, office: Office | None, works: list[Work], hints: list[bytes] | None) -> Ticket:
        """Send one window to whichever process is free."""
        if self._pool is None:
            return Inline().start(office, works, hints)
        return _Sent(self._pool.submit(_discharge, office, works, hints), self._peaks)

    def peak_bytes(self) -> int:
        """Return the peak memory of this process and of every worker that has answered, summed."""
        return _peak() + sum(self._peaks.values())


@dataclass(frozen=True, slots=True)
class _Sent:
    future: Future[tuple[Discharged, int, int]]
    peaks: dict[int, int]

    def result(self) -> Discharged:
        outcome, process, peak = self.future.result()
        self.peaks[process] = peak
        return outcome
