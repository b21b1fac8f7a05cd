"""Worker processes for the audit: windows of raw bytes go out, verdicts come back, sums stay until they are asked for.

Spec: `docs/operations/audit.md`, section "Memory and time". Nothing is shared with the workers but what they are sent.

>>> peak_bytes() > 0
True
"""

import gc
import multiprocessing
import os
import pickle
import resource
import sys
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Self

from audit.verify import Inline, Ticket
from crypto.election.record import Discharged, Office, Totals, Work, discharge


def peak_bytes() -> int:
    """Return this process's peak memory in bytes; the system counts KiB, but for macOS."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def collect_rarely() -> None:
    """Let the cycle collector run seldom: an audit makes millions of small objects and hardly any cycle of them."""
    gc.freeze()
    gc.set_threshold(200_000, 50, 1_000)


def usable_cores() -> int:
    """Return how many cores this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# What a worker process has counted since it was last asked.
_TOTALS = Totals()


def discharge_window(packed: bytes) -> tuple[Discharged, int, int]:
    """Verify one window in a worker process; return the outcome, the process and its peak memory in bytes."""
    office, works, hints = pickle.loads(packed)  # noqa: S301 -- sent by the process that started this one
    outcome = discharge(office, works, hints, totals=_TOTALS)
    return outcome, os.getpid(), peak_bytes()


def take_totals() -> Discharged:
    """Return what this worker process has counted, and begin with nothing again."""
    return _TOTALS.take()


@dataclass(slots=True)
class _Worker:
    """One process; `load` windows are under way in it."""

    pool: ProcessPoolExecutor
    load: int = 0


class Processes:
    """Worker processes that share nothing with this one but the windows they are sent; a context manager.

    One worker is this process itself: nothing is started then.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.depth = 2 * count
        self._peaks: dict[int, int] = {}
        self._inline = Inline()
        self._workers: list[_Worker] = []
        collect_rarely()
        if count > 1:
            # A fork server starts without this process's threads and memory; it has the modules loaded once for all.
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["audit.processes"])
            # One pool a process: each keeps sums of its own, and must be asked for them.
            self._workers = [
                _Worker(ProcessPoolExecutor(1, mp_context=context, initializer=collect_rarely)) for _ in range(count)
            ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.pool.shutdown(cancel_futures=True)

    def start(self, office: Office | None, works: list[Work], hints: list[bytes] | None) -> Ticket:
        """Send one window to the process with the least to do."""
        if not self._workers:
            return self._inline.start(office, works, hints)
        worker = min(self._workers, key=lambda each: each.load)
        worker.load += 1
        # Packed here and once: what the pool's own thread would pack holds every object until it is sent.
        packed = pickle.dumps((office, works, hints), protocol=pickle.HIGHEST_PROTOCOL)
        return _Sent(worker.pool.submit(discharge_window, packed), worker, self._peaks)

    def take(self) -> list[Discharged]:
        """Return the sums that every worker has counted since it was last asked."""
        if not self._workers:
            return self._inline.take()
        return [future.result() for future in [worker.pool.submit(take_totals) for worker in self._workers]]

    def peak_bytes(self) -> int:
        """Return the peak memory of this process and of every worker that has answered, summed."""
        return peak_bytes() + sum(self._peaks.values())


@dataclass(frozen=True, slots=True)
class _Sent:
    future: "Future[tuple[Discharged, int, int]]"
    worker: _Worker
    peaks: dict[int, int] = field(default_factory=dict)

    def result(self) -> Discharged:
        outcome, process, peak = self.future.result()
        self.worker.load -= 1
        self.peaks[process] = peak
        return outcome
