r"""Every check of the protocol over one record: the one state machine, driven in parallel, with everything counted.

Spec: `docs/spec/audit.md` and, through `crypto.election.record`, all other pages. Pure: bytes come through `get(path)`,
the folder's listing, the figures from outside and the workers are values of the caller. Promises that what is not
checked is never reported as passed, and that the outcome does not depend on the number of workers.

How it is parallel: an entry is staged and settled at once, as if its proofs and signatures held, and these go to a
worker as one small value. Where a worker finds a false one, the whole pass is thrown away and run again with that entry
refused, until a pass finds nothing new; an honest record takes one pass. Nothing is concluded from a pass that was
thrown away.

An audit can go on from what an earlier one kept (`audit.resume`): the entries up to there are read, compared with the
tree and staged as always, and only what workers would verify of them is taken from there. Where anything else comes out
in another way than it did then, as under another clock, nothing is taken and the audit begins at the beginning.

>>> entry_type(bytes.fromhex("8401") + b"\x64seal")
b'seal'
"""

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from audit.resume import Progress, continues, hash_times
from crypto.election.entries import VOTER_TYPES
from crypto.election.record import Discharged, Office, Record, Totals, Work, discharge
from crypto.errors import DobushError, Misuse, Refused
from crypto.merkle import (
    CHECKPOINT_PATH,
    HASH_SIZE,
    TILE_WIDTH,
    Get,
    TileName,
    TileReader,
    leaf_hash,
    parse_bundle,
    parse_path,
    read_bundle,
    read_tile,
)
from crypto.signatures import (
    TYPE_COSIGNATURE,
    Checkpoint,
    VerifierKey,
    parse_checkpoint,
    parse_note,
    verify_checkpoint,
    verify_quorum,
)

WINDOW: Final = 768
"""Entries a worker gets at once: enough points for one large sum, small enough that no worker waits for another."""

_PASSES: Final = 6
_RECENT: Final = 8
_VOTER_TYPES: Final = frozenset(name.encode("ascii") for name in VOTER_TYPES)


class Source(Protocol):
    """A record: `get` answers with a file's bytes or None, `paths` names everything that is there."""

    def get(self, path: str) -> bytes | None:
        """Return the bytes of the file at `path`, None when there is none."""
        ...

    def paths(self) -> Iterable[str]:
        """Name every file."""
        ...


class Ticket(Protocol):
    """Work under way."""

    def result(self) -> Discharged:
        """Wait for the outcome."""
        ...


class Workers(Protocol):
    """Who verifies proofs and signatures: `depth` windows may be under way at a time."""

    depth: int

    def start(self, office: Office | None, works: list[Work], hints: list[bytes] | None) -> Ticket:
        """Begin with one window."""
        ...

    def take(self) -> list[Discharged]:
        """Return the sums of all windows that ended since this was last asked."""
        ...


class Keeper(Protocol):
    """Who keeps what was verified so far, so that an audit can go on from it."""

    def due(self) -> bool:
        """Tell whether it is time to keep again; asked after every bundle."""
        ...

    def keep(self, progress: Progress) -> None:
        """Keep it; also called at the end."""
        ...


@dataclass(frozen=True, slots=True)
class _Done:
    outcome: Discharged

    def result(self) -> Discharged:
        return self.outcome


class Inline:
    """Workers that are this process itself."""

    depth = 1

    def __init__(self) -> None:
        """Begin with no sums."""
        self._totals = Totals()

    def start(self, office: Office | None, works: list[Work], hints: list[bytes] | None) -> Ticket:
        """Verify a window at once."""
        return _Done(discharge(office, works, hints, totals=self._totals))

    def take(self) -> list[Discharged]:
        """Return the sums so far."""
        return [self._totals.take()]


@dataclass(frozen=True, slots=True)
class Given:
    """What comes from outside the record: the two figures that say which election it is, and the time."""

    manifest_hash: bytes | None
    slots: Mapping[int, int] | None
    now_ms: int


@dataclass(slots=True)
class Audited:
    """What an audit found: the state after the last entry, refusals of files, whether the tree could be read whole."""

    checkpoint: Checkpoint | None = None
    record: Record | None = None
    files: list[Refused] = field(default_factory=list)
    complete: bool = False
    paths: int = 0
    refused_leaves: dict[int, bytes] = field(default_factory=dict)
    passes: int = 0


Hints = Callable[[int], bytes]
Tell = Callable[[int, int], None]


def entry_type(raw: bytes) -> bytes:
    """Return an entry's type as its bytes say it, without judging anything else; empty where there is none."""
    if len(raw) < 3 or raw[2] >> 5 != 3 or raw[2] & 31 > 23:
        return b""
    return raw[3 : 3 + (raw[2] & 31)]


def audit(
    source: Source,
    given: Given,
    workers: Workers,
    *,
    hints: Callable[[], Hints] | None = None,
    tell: Tell = lambda _done, _all: None,
    kept: Progress | None = None,
    keeper: Keeper | None = None,
) -> Audited:
    """Check a record. Never raises Refused: whatever is wrong with the record is part of the outcome.

    `hints` opens the untrusted point hints, asked by rising entry index; `tell` hears how many entries of how many are
    done. `kept` is what an earlier audit verified, StateError where it is not of this record; `keeper` gets the same of
    this one. The outcome is the same with and without.
    """
    audited = Audited()
    try:
        note = source.get(CHECKPOINT_PATH) or b""
        audited.checkpoint = parse_checkpoint(parse_note(note).text)
        if kept is not None and not continues(kept, source.get, note, audited.checkpoint, given.manifest_hash):
            # What was not compared may be right: it is neither gone on from nor written over.
            kept = keeper = None
        least = 0 if kept is None else kept.size
        reading = _Reading(source.get, audited.checkpoint, note, given, kept, keeper, least)
        _read_entries(reading, workers, audited, hints, tell)
        audited.complete = True
    except Refused as refusal:
        audited.files.append(refusal)
        return audited
    audited.files += [*_check_checkpoint(note, given, audited), *_check_folder(source, audited)]
    return audited


# ---------------------------------------------------------------------------------------------------------- the entries


@dataclass(frozen=True, slots=True)
class _Reading:
    """What all passes of an audit read: the record under one checkpoint, what was verified of it before.

    Of fewer than `least` entries nothing is kept: as many hold what is kept already.
    """

    get: Get
    checkpoint: Checkpoint
    note: bytes
    given: Given
    kept: Progress | None
    keeper: Keeper | None
    least: int


def _read_entries(
    reading: _Reading, workers: Workers, audited: Audited, hints: Callable[[], Hints] | None, tell: Tell
) -> None:
    """Run passes over all entries until one finds no false claim that it did not know of."""
    known: dict[int, tuple[Work, Refused]] = {}
    for number in range(_PASSES):
        run = _Pass(reading, workers if number < _PASSES - 1 else None, known)
        audited.record, audited.refused_leaves, audited.passes = run.record, run.refused_leaves, number + 1
        run.read(hints() if hints else None, tell)
        if run.outdated:
            _read_entries(replace(reading, kept=None), workers, audited, hints, tell)
            return
        if not run.found:
            return
        known.update(run.found)


class _Pass:
    """One reading of all entries. Without workers every entry is verified before it is settled, one after the other."""

    def __init__(self, reading: _Reading, workers: Workers | None, known: Mapping[int, tuple[Work, Refused]]) -> None:
        checkpoint = reading.checkpoint
        self.record = Record(_Reread(reading.get, checkpoint.size).entry, reading.given.now_ms // 1000)
        self.found: dict[int, tuple[Work, Refused]] = {}
        self.refused_leaves: dict[int, bytes] = {}
        self.outdated = False  # whether the kept part comes out otherwise than it did
        self._false: set[int] = set()  # refused entries of which a claim is false
        self._reading = reading
        self._reader = TileReader(reading.get, checkpoint.size, checkpoint.root)
        self._size = checkpoint.size
        self._kept = reading.kept if workers is not None else None
        self._kept_size = self._kept.size if self._kept is not None else 0
        self._workers = workers
        self._known = known
        self._hints: Hints | None = None
        self._works: list[Work] = []
        self._indexes = array("Q")
        self._hinted: list[bytes] = []
        self._under_way: deque[tuple[Ticket, array[int], list[Work]]] = deque()
        self._sent = False
        if workers is not None:
            workers.take()  # of a pass that was thrown away

    def read(self, hints: Hints | None, tell: Tell) -> None:
        """Apply all entries; stop early where another pass is needed. Raises Refused where the tree is broken."""
        self._hints = hints
        try:
            for number in range(-(-self._size // TILE_WIDTH)):
                for offset, raw in enumerate(self._reader.bundle(number)):
                    self._take(number * TILE_WIDTH + offset, raw)
                    if self.outdated or (self.found and not self._under_way and not self._works):
                        return
                done = min((number + 1) * TILE_WIDTH, self._size)
                if done == self._size == self._kept_size:
                    self._end_kept()
                    if self.outdated:
                        return
                tell(done, self._size)
                self._keep(done)
            self._drain()
        except (DobushError, LookupError, ValueError):
            # A state that took in a false ballot cannot always take it out again: then the false one is found now.
            self._drain()
            if not self.found:
                raise

    def _keep(self, done: int) -> None:
        """Keep what was verified up to here, where it is time or the end; only when no window is under way."""
        keeper, record = self._reading.keeper, self.record
        if keeper is None or done < self._reading.least or not (done == self._size or keeper.due()):
            return
        # Seals are refused where this clock is wrong. Which claims are false is known only of what workers verified.
        if self._workers is None or any(place.type == "seal" for place in record.refused.values()):
            return
        if not self._is_signed():
            return
        self._drain()
        if self.found:
            return
        sums, ballots = record.snapshot_sums()
        refused = {index: place.refused for index, place in record.refused.items()}
        root, note = record.tree.root(), self._reading.note
        false, times = frozenset(self._false), _hash_times(record)
        keeper.keep(Progress(done, root, note, record.manifest_hash, refused, false, times, sums, ballots))

    def _is_signed(self) -> bool:
        """Tell whether the log signed this checkpoint: else the log would be accused of what somebody else made up."""
        manifest = self.record.manifest
        if manifest is None:
            return False
        try:
            verify_checkpoint(self._reading.note, VerifierKey(manifest.origin, manifest.log_key))
        except Refused:
            return False
        return True

    def _end_kept(self) -> None:
        """Stand where the kept part ends: the times are those under which it was verified, and its sums are held."""
        if self._kept is not None:
            # Times say which key was in force, and so what the signatures were compared with.
            self.outdated = _hash_times(self.record) != self._kept.times
            self._restore()

    def _restore(self) -> None:
        """Hold the sums of the kept part: its ballots are settled here, and no worker counted them."""
        if self._kept is not None:
            self.record.restore_sums(self._kept.sums, self._kept.ballots)

    def _take(self, index: int, raw: bytes) -> None:
        kind = entry_type(raw)
        if index < self._kept_size:
            self._take_kept(index, raw, kind)
            return
        if index == self._kept_size:
            self._end_kept()
            if self.outdated:
                return
        if kind in _VOTER_TYPES and self._workers is not None:
            refusal = self._settle_at_once(index, raw)
        else:
            if kind != b"seal":
                self._drain()
                if self.found:
                    return
            refusal = self._apply(raw)
        if refusal is not None:
            self.refused_leaves[index] = leaf_hash(raw)

    def _take_kept(self, index: int, raw: bytes, kind: bytes) -> None:
        """Take an entry of the kept part: all but a voter entry's claims is checked, and must come out as then."""
        kept = self._kept
        if kept is None:
            return
        if kind in _VOTER_TYPES:
            false = kept.refused.get(index) if index in kept.false else None
            refusal = self.record.settle(self.record.stage(raw), false)
            if false is not None:
                self._false.add(index)
        else:
            if kind == b"close":
                # No ballot counts after a close, so what stood at the end of the kept part stood at its close.
                self._restore()
            refusal = self._apply(raw)
        if refusal is not None:
            self.refused_leaves[index] = leaf_hash(raw)
        self.outdated = (refusal is not None) != (index in kept.refused)

    def _apply(self, raw: bytes) -> Refused | None:
        try:
            self.record.apply(raw)
        except Refused as refusal:
            return refusal
        return None

    def _settle_at_once(self, index: int, raw: bytes) -> Refused | None:
        """Settle a voter entry as if its claims held, or as an earlier pass found them; queue its claims."""
        staged = self.record.stage(raw)
        work, before = staged.work, self._known.get(index)
        if before is not None and work == before[0]:
            self._false.add(index)
            return self.record.settle(staged, before[1])
        refusal = self.record.settle(staged)
        if work is None or staged.refusal is not None:
            return refusal
        if refusal is not None:
            # Refused while settling: its claims come first in the order of checks, and its vectors count nowhere.
            false = discharge(self.record.office(), [work]).refusals[0]
            if false is not None:
                self.found[index] = (work, false)
            return refusal
        self._works.append(work)
        self._indexes.append(index)
        if self._hints is not None:
            self._hinted.append(self._hints(index))
        if len(self._works) >= WINDOW:
            self._send()
        return None

    def _send(self) -> None:
        if not self._works or self._workers is None:
            return
        while len(self._under_way) >= self._workers.depth:
            self._collect()
        ticket = self._workers.start(
            self.record.office(), self._works, self._hinted if self._hints is not None else None
        )
        self._under_way.append((ticket, self._indexes, self._works))
        self._sent = True
        self._works, self._indexes, self._hinted = [], array("Q"), []

    def _collect(self) -> None:
        ticket, indexes, works = self._under_way.popleft()
        outcome = ticket.result()
        for index, work, refusal in zip(indexes, works, outcome.refusals, strict=True):
            if refusal is not None:
                self.found[index] = (work, refusal)
        self.record.merge(outcome)

    def _drain(self) -> None:
        self._send()
        while self._under_way:
            self._collect()
        if self._sent and self._workers is not None:
            self._sent = False
            for outcome in self._workers.take():
                self.record.merge(outcome)


def _hash_times(record: Record) -> bytes:
    """Return the hash of the times of all sealed heads; empty before there is a board."""
    if record.manifest is None:
        return b""
    return hash_times(record.board.heads[size] for size in record.board.sizes)


class _Reread:
    """Earlier entries once more, compared with the tile that was already compared with the root."""

    def __init__(self, get: Get, size: int) -> None:
        self._get = get
        self._size = size
        self._bundles: dict[int, tuple[bytes, ...]] = {}

    def entry(self, index: int) -> bytes:
        """Return the bytes of an entry that was read before."""
        number, offset = divmod(index, TILE_WIDTH)
        bundle = self._bundles.get(number)
        if bundle is None:
            bundle = read_bundle(self._get, number, self._size)
            if len(self._bundles) >= _RECENT:
                self._bundles.pop(next(iter(self._bundles)))
            self._bundles[number] = bundle
        raw = bundle[offset]
        if leaf_hash(raw) != read_tile(self._get, 0, number, self._size)[offset]:
            raise Misuse(f"entry {index} changed on disk while the record was being read")
        return raw


# ----------------------------------------------------------------------------------------------------------- the files


def _check_checkpoint(note: bytes, given: Given, audited: Audited) -> Iterator[Refused]:
    record = audited.record
    if record is None or record.manifest is None:
        return
    log = VerifierKey(record.manifest.origin, record.manifest.log_key)
    witnesses = [VerifierKey(name, key, TYPE_COSIGNATURE) for name, key in record.keyring.witnesses.items()]
    try:
        verify_quorum(note, log, witnesses, record.manifest.quorum, given.now_ms // 1000)
    except Refused as refusal:
        # The checkpoint file MUST be signed by the log key and cosigned by a quorum of the witnesses.
        yield Refused("AUDIT-2", f"{refusal.check}: {refusal.reason}", culprit=CHECKPOINT_PATH)


def _check_folder(source: Source, audited: Audited) -> Iterator[Refused]:
    """Name every file that the tree does not account for, in the order of their paths."""
    size = audited.checkpoint.size if audited.checkpoint else 0
    for path in sorted(source.paths()):
        audited.paths += 1
        if path != CHECKPOINT_PATH and not _belongs(source.get, path, size):
            # Every file MUST be the checkpoint, a tile or bundle of its tree, or an earlier one that is its beginning.
            yield Refused("AUDIT-1", "the file is no part of the record", culprit=path)


def _belongs(get: Get, path: str, size: int) -> bool:
    """Tell whether a path names a file of the tree, or an earlier unfinished one whose bytes begin the later one's."""
    try:
        name = parse_path(path)
    except Refused:
        return False
    width = min(TILE_WIDTH, (size >> (8 * (name.level or 0))) - name.index * TILE_WIDTH)
    if name.width >= width:
        return name.width == width
    earlier, later = get(path), get(TileName(name.level, name.index, width).path())
    if earlier is None or later is None or not later.startswith(earlier):
        return False
    if name.level is not None:
        return len(earlier) == name.width * HASH_SIZE
    try:
        parse_bundle(earlier, name.width)
    except Refused:
        return False
    return True
