"""What other features ask of the board: found a log, let an entry wait for a block, say what became of it, read it.

Spec: `docs/spec/board.md`, `docs/spec/record.md`. Acceptance is the record's alone: `enqueue` runs the same numbered
checks that every auditor runs. A row that is committed here is never lost; a repeat is answered with its first row.

>>> import inspect
>>> [name for name, _ in inspect.getmembers(Board, inspect.isfunction) if name in {"found", "enqueue", "prove"}]
['enqueue', 'found', 'prove']
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from crypto.election.ballot import hash_ballot
from crypto.election.board import Writer, pseudonym_of
from crypto.election.encoding import Message
from crypto.election.entries import BODIES, VOTER_TYPES, Entry, Manifest, Rotate, Spoiled, parse_entry
from crypto.election.manifest import hash_manifest
from crypto.election.record import Record, discharge
from crypto.errors import Refused
from crypto.merkle import LogProof, TileReader, leaf_hash, prove_inclusion
from crypto.signatures import (
    TYPE_COSIGNATURE,
    Policy,
    SigningKey,
    VerifierKey,
    parse_checkpoint,
    parse_note,
)
from voting_server.board.kept_sums import KeptSumsStore
from voting_server.board.publication import Publication
from voting_server.board.replica import Replica
from voting_server.board.store import BALLOT_TYPES, Along, LateError, NewEntry, Queued, Store, StoredCheckpoint
from voting_server.plumbing.context import Context
from voting_server.plumbing.logging import log
from voting_server.plumbing.metrics import ENTRIES, WAITING
from voting_server.plumbing.problems import ProblemError

__all__ = ["FEED", "Board", "Heads", "NewEntry", "Queued", "StoredCheckpoint"]

FEED = "feed"
"""Channel that wakes the readers of the live feed."""

_COUNT_S = 0.25
_CHANGE_S = 60
_ROTATION_S = 30


@dataclass(frozen=True, slots=True)
class Heads:
    """How far the log is: entries and blocks written, and entries under a quorum checkpoint."""

    size: int
    block: int
    quorum_size: int


class Board:
    """The board as one process of the ballot side sees it; safe to share between threads."""

    def __init__(self, context: Context) -> None:
        """Keep what the features share."""
        self.context = context
        self.store = Store(context.database)
        self.publication = Publication(context.settings.published_dir)
        self.kept_sums = KeptSumsStore(context.database)
        self.replica = self.make_replica()
        self._counted = (0.0, 0)

    def make_replica(self) -> Replica:
        """Return a record of its own that follows this log."""
        return Replica(self.store.entries, self.store.read, self.kept_sums.read)

    def start(self) -> None:
        """Catch up with the log before anything is served."""
        with self.replica.follow():
            pass

    def stop(self) -> None:
        """Nothing is to be let go of."""

    # -------------------------------------------------------------------------------------------------- the log

    def found(self, manifest_entry: bytes, parts: Sequence[tuple[str, Message]]) -> bytes:
        """Write block 0: the manifest and its parts; return the manifest hash.

        Raises Refused where the state machine refuses any of it; ProblemError where the log has begun already.
        """
        entry = parse_entry(manifest_entry)
        manifest = Manifest.parse(entry.body)
        digest = hash_manifest(manifest.kind, entry.body)
        block = Writer(manifest, digest, self.log_key()).begin(manifest_entry, parts)
        scratch = Record(block.entries.__getitem__)
        for raw in block.entries:
            scratch.apply(raw)
        scratch.parts.require_complete()
        database = self.context.database
        try:
            with database.begin() as connection:
                rows = [(parse_entry(raw).type, raw) for raw in block.entries]
                self.store.append(connection, 0, 0, rows)
                self.store.add_checkpoint(connection, len(rows), 0, block.checkpoint)
        except IntegrityError:
            raise ProblemError("election-exists") from None
        log().info("election-founded", size=len(block.entries))
        return digest

    def log_key(self) -> SigningKey:
        """Return the log key of the settings. Raises ProblemError where this process has none."""
        seed = self.context.settings.log_key
        if seed is None:
            raise ProblemError("unavailable")
        return SigningKey.from_seed(bytes.fromhex(seed.get_secret_value()))

    @contextmanager
    def record(self, stale_ms: int = 0) -> Iterator[Record]:
        """Lend the record under its lock, not older than `stale_ms`. Raises ProblemError before block 0 is written."""
        with self.replica.follow(stale_ms) as record:
            if record.manifest is None:
                raise ProblemError("no-election")
            yield record

    def now_ms(self) -> int:
        """Return the database's clock, the one that decides."""
        return self.context.database.now_ms()

    # --------------------------------------------------------------------------------------------------- intake

    def enqueue(self, raw: bytes, delay_ms: int | None = None, *, count: Callable[[], None] = lambda: None) -> Queued:
        """Take an entry in after all its checks; return its row, the first one where it was taken in before.

        `count` is called for a new entry whose checks all held, before it is stored; what it raises refuses the entry.
        Raises Refused, or ProblemError: the queue is full, or another entry of this pseudonym waits.
        """
        known = self.find_entry(leaf_hash(raw))
        if known is not None:
            return known
        self.require_room()
        self._require_authors(raw)
        with self.record() as record:
            work, office, seen = record.review(raw), record.office(), record.size
        if work is not None:
            refusal = discharge(office, [work]).refusals[0]
            if refusal is not None:
                raise refusal
        count()
        return self.insert(self._describe(raw, delay_ms, seen))

    def _require_authors(self, raw: bytes) -> None:
        """Check form and signatures of an entry before anybody waits for it under the record's lock. Raises Refused.

        Anybody may send one: what is not signed by whom it must be costs nobody else anything.
        """
        entry = parse_entry(raw)
        with self.record() as record:
            # First as everywhere, so that the first failing check is the same.
            record.board.require_phase(entry.type)
        body = BODIES[entry.type].parse(entry.body)
        with self.record() as record:
            claims = record.keyring.authors(entry, body)
        for claim in claims:
            claim.verify()

    def _describe(self, raw: bytes, delay_ms: int | None, seen: int | None = None) -> NewEntry:
        entry = parse_entry(raw)
        if entry.type not in VOTER_TYPES:
            return NewEntry(raw, entry.type, role=role_of(entry))
        ballot_hash = None
        if entry.type == "spoiled":
            with self.record() as record:
                kind = record.parts.manifest.kind
            ballot_hash = hash_ballot(kind, Spoiled.parse_once(entry.body).ballot)
        return NewEntry(raw, entry.type, pseudonym_of(entry), None, ballot_hash, delay_ms, seen, role_of(entry))

    def insert(self, entry: NewEntry, latest_ms: int | None = None) -> Queued:
        """Let one checked entry wait; what conflicts is answered as `insert_many` does."""
        result = self.insert_many([entry], latest_ms)[0]
        if isinstance(result, ProblemError):
            raise result
        return result

    def insert_many(
        self, entries: Sequence[NewEntry], latest_ms: int | None = None, along: Along | None = None
    ) -> list[Queued | ProblemError]:
        """Let checked entries wait, in one transaction and one statement; a repeat gives its first row.

        `along` stores what belongs to them in the same transaction; whatever it raises undoes all.

        A result is a ProblemError where another entry has this number or hash, waits for this pseudonym, strikes it or
        is to change its key.
        Raises ProblemError `intake-ended` for all where the database's clock is beyond `latest_ms`.
        """
        try:
            rows = self.store.insert(entries, latest_ms, along)
        except LateError:
            raise ProblemError("intake-ended") from None
        results: list[Queued | ProblemError] = []
        for entry, row in zip(entries, rows, strict=True):
            if row is not None:
                ENTRIES.labels(entry.type).inc()
                results.append(row)
            else:
                results.append(self._explain(entry))
        return results

    def _explain(self, entry: NewEntry) -> Queued | ProblemError:
        same = self.store.find(leaf=entry.leaf)
        if same is None and entry.ballot_hash is not None:
            same = self.store.find(ballot_hash=entry.ballot_hash)
        if same is not None and same.type == entry.type:
            return same
        if entry.pseudonym is not None:
            rows = self.store.find_deciding(entry.pseudonym)
            if entry.type in BALLOT_TYPES:
                return _explain_ballot(rows) or self._explain_number(entry)
            if entry.type == "strike" and "strike" in rows:
                return ProblemError("entry-waits" if rows["strike"].state == "waiting" else "struck")
            if entry.type == "change" and "ballot" in rows:
                return ProblemError("change-late")
            return ProblemError("entry-waits")
        return ProblemError("number-taken")

    def _explain_number(self, entry: NewEntry) -> ProblemError:
        """Return why a ballot may not wait although nothing of its pseudonym is in its way but its number."""
        with self.context.database.read() as connection:
            if entry.number is not None and self.store.has_number(connection, entry.pseudonym, entry.number):
                return ProblemError("number-taken")
            is_rotating = self.store.is_rotating(connection, entry.seen)
        return self.rotation_problem() if is_rotating else ProblemError("ballot-waits", retry_after_s=1)

    def rotation_problem(self) -> ProblemError:
        """Return what is answered while the receipt key is being rotated: all that is new comes again in a moment."""
        return ProblemError("key-rotates", retry_after_s=_ROTATION_S)

    def require_room(self) -> None:
        """Refuse more work while the queue is full. Raises ProblemError (503 with Retry-After)."""
        counted_at, count = self._counted
        if time.monotonic() - counted_at > _COUNT_S:
            count = self.store.count_waiting()
            self._counted = (time.monotonic(), count)
            WAITING.set(count)
        if count >= self.context.limits.queue:
            raise ProblemError("queue-full", retry_after_s=2)

    def find(self, ballot_hash: bytes) -> Queued | None:
        """Return what became of a cast or challenged ballot."""
        return self.store.find(ballot_hash=ballot_hash)

    def find_ballots(self, connection: Connection, ballot_hashes: Sequence[bytes]) -> dict[bytes, Queued]:
        """Return what became of cast or challenged ballots, by their hashes."""
        return self.store.find_ballots(connection, ballot_hashes)

    def find_prefix(self, prefix: bytes) -> Queued | None:
        """Return the cast or challenged ballot whose hash begins with a tracking code's bytes."""
        return self.store.find_prefix(prefix)

    def find_entry(self, leaf: bytes) -> Queued | None:
        """Return what became of an entry that was taken in."""
        return self.store.find(leaf=leaf)

    # -------------------------------------------------------------------------------------------------- reading

    def read(self, index: int) -> bytes:
        """Return an entry of the log. Raises ProblemError where there is none."""
        try:
            return self.store.read(index)
        except LookupError:
            raise ProblemError("not-found") from None

    def find_index(self, leaf: bytes) -> int | None:
        """Return where an entry stands in the log, None when it does not."""
        return self.store.find_index(leaf)

    def find_types(self, start: int, types: Sequence[str]) -> list[tuple[int, str]]:
        """Return index and type of every entry of some types, from an index on."""
        return self.store.find_types(start, types)

    def type_of(self, index: int) -> str:
        """Return the type of an entry of the log. Raises ProblemError where there is none."""
        return parse_entry(self.read(index)).type

    def heads(self) -> Heads:
        """Return how far the log is."""
        newest, quorum = self.store.checkpoint(), self.store.checkpoint(quorum=True)
        if newest is None:
            raise ProblemError("no-election")
        return Heads(newest.size, newest.block, 0 if quorum is None else quorum.size)

    def quorum_checkpoint(self) -> StoredCheckpoint:
        """Return the newest checkpoint with a quorum. Raises ProblemError before there is one."""
        quorum = self.store.checkpoint(quorum=True)
        if quorum is None or quorum.quorum_note is None:
            raise ProblemError("not-yet-covered")
        return quorum

    def prove(self, index: int) -> LogProof:
        """Return an entry's offline proof under the newest quorum checkpoint; ProblemError until one covers it."""
        quorum = self.quorum_checkpoint()
        if index >= quorum.size or quorum.quorum_note is None:
            raise ProblemError("not-yet-covered")
        head = parse_checkpoint(parse_note(quorum.quorum_note).text)
        try:
            source = TileReader(self.publication.get, head.size, head.root).source()
            return LogProof(index, prove_inclusion(source, index, head.size), quorum.quorum_note)
        except Refused:
            # A worker on another machine may see the files a moment later than the database.
            raise ProblemError("not-yet-covered") from None

    def policy(self) -> Policy:
        """Return whose signatures a reader should ask for: the log's key, the witnesses' keys, how many of them."""
        with self.record() as record:
            manifest, keys = record.parts.manifest, dict(record.keyring.witnesses)
        witnesses = tuple(VerifierKey(name, key, TYPE_COSIGNATURE) for name, key in keys.items())
        return Policy(VerifierKey(manifest.origin, manifest.log_key), witnesses, manifest.quorum)

    @property
    def published(self) -> Path:
        """Folder of the published files."""
        return self.publication.folder


def role_of(entry: Entry) -> str | None:
    """Return whose key an entry changes: a rotation's role, `change` for a voter's, None for every other entry."""
    if entry.type == "change":
        return entry.type
    return Rotate.parse(entry.body).role if entry.type == "rotate" else None


def _explain_ballot(rows: Mapping[str, Queued]) -> ProblemError | None:
    """Return why a ballot may not wait, by what decides that: a strike, a change of the key, another entry."""
    if "strike" in rows:
        return ProblemError("entry-waits" if rows["strike"].state == "waiting" else "struck")
    if "change" in rows:
        return ProblemError("key-changes", retry_after_s=_CHANGE_S)
    return ProblemError("ballot-waits") if rows else None
