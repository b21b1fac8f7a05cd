"""A process's copy of the one state machine, which follows the entries that the database holds.

Spec: `docs/spec/record.md`. Whoever wrote an entry into the database has verified its claims; following makes the
checks that need the state again, and all checks of control entries. The sums of the ballots are needed only from the
close on: a replica adds them up then, or little by little before (`sum_up`), since sums may be added in any order.
Where sums are kept (`kept_sums`), a replica takes them once it has read up to their checkpoint.

An entry that is read again must be the one that was entered, whatever the database holds by then: of each a replica
keeps a fingerprint under a key of its own, 8 bytes. Else sums that are signed and kept would outlast the repair of a
database that somebody changed for a moment.

>>> Replica(entries=lambda start: iter(()), read=lambda index: b"").record.size
0
"""

import os
import threading
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from itertools import islice

from crypto.election.entries import VOTER_TYPES
from crypto.election.record import Record, Staged, discharge
from crypto.errors import Refused
from voting_server.board.kept_sums import KeptSums
from voting_server.plumbing.logging import log

_GAP = 100
"""So many other entries are read over rather than asked for anew."""


class ChangedError(OSError):
    """The database holds another entry than it held when this process entered it."""


class Replica:
    """One record and the lock that everybody takes who looks at it; owned by one process."""

    def __init__(
        self,
        entries: Callable[[int], Iterator[bytes]],
        read: Callable[[int], bytes],
        kept: Callable[[Record], KeptSums | None] = lambda _: None,
    ) -> None:
        """Begin before entry 0; `entries(start)` yields what the log holds from an index on, `kept` its kept sums."""
        self._entries = entries
        self._read = read
        self._find_kept = kept
        self._kept: KeptSums | None = None
        self._lock = threading.RLock()
        self._unsummed: deque[int] = deque()
        self._followed_at = 0.0
        self._secret = os.urandom(16)
        self._prints = array("Q")  # by index; nobody outside can look for other bytes that have the same
        self.record = Record(self._read_again)

    @contextmanager
    def follow(self, stale_ms: int = 0) -> Iterator[Record]:
        """Take the lock, catch up with the log unless that was done within `stale_ms`, and lend the record."""
        with self._lock:
            now = time.monotonic()
            if now - self._followed_at > stale_ms / 1_000:
                self._catch_up()
                self._followed_at = now
            yield self.record

    def _catch_up(self) -> None:
        try:
            for raw in self._entries(self.record.size):
                self.enter(raw)
        except BaseException:
            # A read that failed may have left an entry half entered: begin again from entry 0 the next time.
            self.record = Record(self._read_again)
            self._prints = array("Q")
            self._unsummed.clear()
            self._kept = None
            raise

    def enter(self, raw: bytes) -> Refused | None:
        """Append an entry of the log; return why it is refused there, None where it is accepted."""
        record = self.record
        staged = record.stage(raw)
        self._prints.append(self._print(raw))
        if staged.type not in VOTER_TYPES:
            refusal = self._enter_control(staged)
        else:
            refusal = record.settle(staged)
            if refusal is None and staged.type == "ballot":
                self._unsummed.append(staged.index)
        if record.size == 1 and record.manifest is not None:
            self._kept = self._find_kept(record)
        if self._kept is not None and record.size >= self._kept.size:
            self._take_kept(self._kept)
        return refusal

    def _take_kept(self, kept: KeptSums) -> None:
        """Take sums that were kept under the root that this tree has; else all is added up as if there were none."""
        self._kept = None
        if (self.record.size, self.record.tree.root()) != (kept.size, kept.root):
            return
        try:
            kept.restore(self.record)
        except Refused:
            return
        while self._unsummed and self._unsummed[0] < kept.end:
            self._unsummed.popleft()

    def sums(self) -> KeptSums:
        """Return the sums as they are now, to be kept."""
        with self._lock:
            end = self._unsummed[0] if self._unsummed else self.record.size
            return KeptSums.of(self.record, end)

    def _enter_control(self, staged: Staged) -> Refused | None:
        if staged.type == "close":
            self.sum_up()
        refusal = staged.refusal
        if refusal is None and staged.work is not None:
            refusal = discharge(self.record.office(), [staged.work]).refusals[0]
        return self.record.settle(staged, refusal)

    def _print(self, raw: bytes) -> int:
        return int.from_bytes(blake2b(raw, digest_size=8, key=self._secret).digest(), "big")

    def _read_again(self, index: int) -> bytes:
        """Return an entry that was entered. Raises ChangedError where the database holds another one now."""
        return self._require_entered(index, self._read(index))

    def _require_entered(self, index: int, raw: bytes) -> bytes:
        if index >= len(self._prints) or self._prints[index] != self._print(raw):
            log().error("entry-changed", index=index)
            raise ChangedError(f"entry {index} is not the one that was entered")
        return raw

    def sum_up(self, most: int | None = None) -> int:
        """Add ballots that are not in the sums yet, at most so many; return how many are left. Raises ChangedError."""
        with self._lock:
            record = self.record
            indices = list(islice(self._unsummed, most))
            for raw in self._read_all(indices):
                unit, vectors = record.ballots.vectors_of_entry(raw)
                pairs = {(unit, contest): vector for contest, vector in vectors.items()}
                record.tally.sums.merge(pairs, dict.fromkeys(pairs, 1))
                # Only now: where the next read fails, what is left is still known.
                self._unsummed.popleft()
            return len(self._unsummed)

    def _read_all(self, indices: Sequence[int]) -> Iterator[bytes]:
        """Yield the entries at rising indices; neighbours are read together: a statement costs more than a row."""
        at = 0
        while at < len(indices):
            start = indices[at]
            for index, raw in enumerate(self._entries(start), start):
                if indices[at] - index > _GAP:
                    break
                if index < indices[at]:
                    continue
                yield self._require_entered(index, raw)
                at += 1
                if at == len(indices):
                    return
