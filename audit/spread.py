"""Workers on a Dask cluster: the same windows by the same function, on other machines.

Spec: `docs/operations/audit.md`, section "Other machines". Each worker keeps the sums of its windows until they are
asked for; where a worker was lost with its sums, the audit ends as incomplete and is never concluded.

>>> run = secrets.token_bytes(8)
>>> take_here(run)[1]
0
"""

import pickle
import secrets
import threading
from dataclasses import dataclass, field
from typing import Any, Self

from audit.processes import peak_bytes
from crypto.election.record import Discharged, Office, Totals, Work, discharge
from crypto.errors import Misuse


@dataclass(slots=True)
class _Run:
    """What one worker process holds of one audit."""

    totals: Totals = field(default_factory=Totals)
    windows: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


# By the random name of an audit: two audits on one cluster do not meet.
_RUNS: dict[bytes, _Run] = {}


def discharge_here(run: bytes, packed: bytes) -> tuple[Discharged, int]:
    """Verify one window in a worker; return the outcome and the worker's peak memory in bytes."""
    office, works, hints = pickle.loads(packed)  # noqa: S301 -- sent by the auditor who runs this cluster
    held = _RUNS.setdefault(run, _Run())
    with held.lock:
        outcome = discharge(office, works, hints, totals=held.totals)
        held.windows += 1
    return outcome, peak_bytes()


def take_here(run: bytes) -> tuple[Discharged, int]:
    """Return the sums that a worker holds of an audit and from how many windows, and forget them."""
    held = _RUNS.pop(run, None) or _Run()
    with held.lock:
        return held.totals.take(), held.windows


class Cluster:
    """The workers behind a scheduler's address; a context manager."""

    def __init__(self, address: str) -> None:
        """Connect; OSError where nothing answers."""
        import distributed  # noqa: PLC0415 -- an extra that other audits do without

        library: Any = distributed  # it declares no types
        self._client = library.Client(address, timeout=10)
        self._run = secrets.token_bytes(8)
        self._collected = 0
        self._peaks: dict[str, int] = {}
        self.count: int = max(1, sum(self._client.nthreads().values()))
        self.depth = 2 * self.count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def start(self, office: Office | None, works: list[Work], hints: list[bytes] | None) -> "_Sent":
        """Send one window to the cluster."""
        packed = pickle.dumps((office, works, hints), protocol=pickle.HIGHEST_PROTOCOL)
        return _Sent(self._client.submit(discharge_here, self._run, packed, pure=False), self)

    def collected(self, peak: int) -> None:
        """Note an outcome that came back."""
        self._collected += 1
        self._peaks["largest"] = max(peak, self._peaks.get("largest", 0))

    def take(self) -> list[Discharged]:
        """Return all workers' sums. Raises Misuse where they are not those of the windows that came back."""
        held = list(self._client.run(take_here, self._run).values())
        windows, self._collected = self._collected, 0
        if sum(each for _, each in held) != windows:
            message = "a worker of the cluster was lost, and its sums with it"
            raise Misuse(message)
        return [outcome for outcome, _ in held]

    def peak_bytes(self) -> int:
        """Return this process's peak and, for every worker, the largest that one of them reported."""
        largest: int = self._peaks.get("largest", 0)
        return peak_bytes() + self.count * largest


@dataclass(frozen=True, slots=True)
class _Sent:
    future: Any
    cluster: Cluster

    def result(self) -> Discharged:
        """Wait for the outcome."""
        outcome, peak = self.future.result()
        self.cluster.collected(peak)
        self.future.release()
        result: Discharged = outcome
        return result
