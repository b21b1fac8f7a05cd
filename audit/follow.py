"""What a witness does beyond cosigning: keep a verified copy, run every entry through the state machine, compare.

Spec: `docs/operations/witness.md`. A finding is never a reason not to cosign (that says only "one tree for ever"):
it is shown on the witness's page for everybody to look into.

>>> import tempfile
>>> folder = Path(tempfile.mkdtemp())
>>> Follower(VerifierKey("b.example", bytes(32)), "http://b.example/log", folder, folder / "forks").found.size
0
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from audit.fetch import InputError
from audit.mirror import Mirror, read_url
from crypto.election.record import Record
from crypto.errors import Refused
from crypto.merkle import TILE_WIDTH, read_bundle
from crypto.signatures import VerifierKey

_SHOWN = 100
_TOLERANCE_S = 300


@dataclass(frozen=True, slots=True)
class Found:
    """What following has come to, for the page: how far, what was refused, what the log's files did wrong."""

    size: int = 0
    block: int = -1
    phase: str = ""
    quorumless: int = 0
    accepted: dict[str, int] = field(default_factory=dict)
    refused: tuple[tuple[int, str, str, str], ...] = ()
    faults: tuple[str, ...] = ()
    error: str = ""


class Follower:
    """One log's copy and record; `step` is called by one thread, everything else by any."""

    def __init__(self, log: VerifierKey, url: str, folder: Path, forks: Path) -> None:
        """Keep the copy under `folder` and proofs of forks under `forks`."""
        self.log, self.url = log, url
        self._mirror = Mirror(folder, log, forks)
        self._remote = read_url(url)
        self._lock = threading.Lock()
        self._suspects: list[bytes] = []
        self._record = Record(self._read)
        self._faults: dict[str, None] = {}
        self.found = Found()

    def suspect(self, note: bytes) -> None:
        """Compare a checkpoint of the log with the copy at the next step."""
        with self._lock:
            self._suspects = [*self._suspects[-7:], note]

    def step(self, cosigned: bytes | None) -> None:
        """Fetch what is new up to the cosigned checkpoint, apply it, and compare what the log serves to others."""
        with self._lock:
            suspects, self._suspects = self._suspects, []
        error = ""
        for note in (cosigned, None, *suspects):
            if note is None and self._mirror.size == 0:
                continue
            try:
                self._mirror.update(self._remote, note)
            except Refused as refusal:
                if len(self._faults) < _SHOWN:
                    self._faults[str(refusal)] = None
            except (InputError, OSError) as problem:
                error = str(problem) if isinstance(problem, InputError) else type(problem).__name__
        self._keep_time()
        self._record.extend(self._fresh())
        self._tell(error)

    def _keep_time(self) -> None:
        """Tell the record what time it is: cosignatures from the future do not count."""
        latest_s = int(time.time()) + _TOLERANCE_S
        if self._record.manifest is None:
            self._record = Record(self._read, latest_s)
        else:
            self._record.board.latest_s = latest_s

    def _fresh(self) -> Iterator[bytes]:
        """Yield the copy's entries that the record has not seen."""
        size = self._mirror.size
        at = self._record.size
        while at < size:
            entries = read_bundle(self._mirror.get, at // TILE_WIDTH, size)
            for raw in entries[at % TILE_WIDTH :]:
                yield raw
                at += 1

    def _read(self, index: int) -> bytes:
        return read_bundle(self._mirror.get, index // TILE_WIDTH, self._mirror.size)[index % TILE_WIDTH]

    def _tell(self, error: str) -> None:
        record = self._record
        found = Found(record.size, faults=tuple(self._faults), error=error)
        refused = tuple(
            (place.index, place.type, place.refused.check, place.refused.reason)
            for place in list(record.refused.values())[:_SHOWN]
        )
        if record.manifest is not None:
            board = record.board
            found = replace(
                found,
                block=board.block,
                phase=board.phase.name.lower(),
                quorumless=board.quorumless,
                accepted=dict(sorted(record.accepted.items())),
            )
        self.found = replace(found, refused=refused)
