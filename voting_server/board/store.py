"""Tables of the log: entries for ever, what waits for a block, signed checkpoints, cosignatures, time-stamp tokens.

Spec: `docs/architecture.md`, section "Server". Private to this feature. One log a database. Rows of `entries` are never
changed or deleted (trigger); of `queue` only the state changes, and only the sequencer changes it.

>>> [table.name for table in (ENTRIES, QUEUE, CHECKPOINTS, COSIGNATURES, TOKENS)]
['entries', 'queue', 'checkpoints', 'cosignatures', 'tokens']
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Index,
    LargeBinary,
    Row,
    String,
    Table,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from crypto.merkle import leaf_hash
from voting_server.plumbing.database import BALLOT, BIG, BYTES, NOW_MS, Database, append_only

State: TypeAlias = Literal["waiting", "sequenced", "refused"]
Along: TypeAlias = Callable[[Connection, Sequence[bytes]], None]
"""Stores in the same transaction what belongs to new rows, given by their leaf hashes."""


def _where(condition: str) -> dict[str, Any]:
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


def _unique_where(name: str, columns: Sequence[str], condition: str) -> Index:
    return Index(name, *columns, unique=True, **_where(condition))


ENTRIES = append_only(
    Table(
        "entries",
        BALLOT,
        Column("index", BIG, primary_key=True, autoincrement=False),
        Column("leaf", LargeBinary(32), nullable=False, unique=True),
        Column("type", String(32), nullable=False),
        Column("block", BIG, nullable=False),
        Column("raw", BYTES, nullable=False),
    )
)
QUEUE = Table(
    "queue",
    BALLOT,
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("leaf", LargeBinary(32), nullable=False, unique=True),
    Column("type", String(32), nullable=False),
    Column("raw", BYTES, nullable=False),
    Column("pseudonym", LargeBinary(16)),
    Column("number", BIG),
    Column("ballot_hash", LargeBinary(32), unique=True),
    Column("state", String(10), nullable=False),
    Column("entry_index", BIG),
    Column("check_id", String(32)),
    Column("received_at_ms", BIG, nullable=False),
    Column("deadline_ms", BIG),
    Column("role", String(16)),  # whose key an entry changes: of a rotation its role, of a change "change"
    Index("ix_queue_state_id", "state", "id"),
    Index("ix_queue_roles", "role", "pseudonym", **_where("role IS NOT NULL")),
    # A refused ballot leaves its number free, or its voter could never vote again.
    _unique_where("uq_queue_pseudonym_number", ("pseudonym", "number"), "state <> 'refused'"),
    # One voter entry of a pseudonym waits at a time: none can be overtaken by what it depends on. A change and a strike
    # wait beside it: who casts or challenges again and again cannot put them off.
    _unique_where(
        "uq_queue_waiting_pseudonym", ("pseudonym",), "state = 'waiting' AND type <> 'strike' AND type <> 'change'"
    ),
    _unique_where("uq_queue_change", ("pseudonym",), "state = 'waiting' AND type = 'change'"),
    _unique_where("uq_queue_strike", ("pseudonym",), "state <> 'refused' AND type = 'strike'"),
)
CHECKPOINTS = Table(
    "checkpoints",
    BALLOT,
    Column("size", BIG, primary_key=True, autoincrement=False),
    Column("block", BIG, nullable=False, unique=True),
    Column("note", BYTES, nullable=False),
    Column("quorum_note", BYTES),
)
COSIGNATURES = Table(
    "cosignatures",
    BALLOT,
    Column("size", BIG, primary_key=True, autoincrement=False),
    Column("witness", String(255), primary_key=True),
    Column("line", BYTES, nullable=False),
)
TOKENS = Table(
    "tokens",
    BALLOT,
    Column("size", BIG, primary_key=True, autoincrement=False),
    Column("authority", String(255), primary_key=True),
    Column("token", BYTES, nullable=False),
    Column("block", BIG),
)

BALLOT_TYPES = frozenset({"ballot", "spoiled"})
"""Types that carry a ballot; none is taken in after a strike, nor while a change of the key waits."""
_PRECEDING = frozenset({"change", "strike"})
# The words of the partial indexes, so that they serve whatever values a prepared statement gets.
_IS_LIVE = literal_column("state <> 'refused'", Boolean)
_BARS_BALLOTS = literal_column(
    "(state <> 'refused' AND type = 'strike' OR state = 'waiting' AND type = 'change')", Boolean
)
_BARS_CHANGE = literal_column(
    "state = 'waiting' AND type <> 'strike' AND type <> 'change' AND type = 'ballot'", Boolean
)
_IS_ROTATION = literal_column("role = 'receipt'", Boolean)
_DECIDES = literal_column("state <> 'refused' AND (state = 'waiting' OR type = 'strike')", Boolean)
_QUEUED = [column for column in QUEUE.c if column.name != "raw"]
_CHUNK = 1_000
_GIVEN = {
    "leaf": "bytea",
    "type": "text",
    "raw": "bytea",
    "pseudonym": "bytea",
    "number": "bigint",
    "ballot_hash": "bytea",
    "role": "text",
    "delay_ms": "bigint",
    "seen": "bigint",
}
_KEPT = [name for name in _GIVEN if name not in {"delay_ms", "seen"}]
_NO_SUCH = "NOT EXISTS (SELECT 1 FROM queue WHERE queue.pseudonym = given.pseudonym AND "
_FREE = (
    f"(given.type NOT IN ('ballot', 'spoiled') OR {_NO_SUCH} state <> 'refused' AND queue.type = 'strike') "  # noqa: S608 - made of the words above alone
    # Not by the index on the state: of what waits there may be many, of what has a role never.
    f"AND {_NO_SUCH} queue.role = 'change' AND state || '' = 'waiting')) "
    f"AND (given.type <> 'change' OR {_NO_SUCH} state = 'waiting' AND queue.type <> 'strike' "
    "AND queue.type <> 'change' AND queue.type = 'ballot')) "
    # A ballot's nonce must still be good in its block, or its receipt would be a broken promise.
    "AND (given.type <> 'ballot' OR NOT EXISTS (SELECT 1 FROM queue WHERE queue.role = 'receipt' "
    "AND (state = 'waiting' OR state = 'sequenced' AND entry_index >= given.seen)))"
)
# Arrays on PostgreSQL, so that a statement is one text, prepared once, however many rows it has.
_INSERT = text(
    # The clock is read once: a deadline is the time of arrival plus the delay, also in the last millisecond of intake.
    "WITH clock AS MATERIALIZED (SELECT now_ms() AS read_ms) "  # noqa: S608 - made of the names above alone
    f"INSERT INTO queue ({', '.join(_KEPT)}, state, received_at_ms, deadline_ms) "
    f"SELECT {', '.join(_KEPT)}, 'waiting', clock.read_ms, clock.read_ms + delay_ms FROM clock, unnest("
    + ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _GIVEN.items())
    + f") AS given ({', '.join(_GIVEN)}) WHERE {_FREE} ON CONFLICT DO NOTHING RETURNING "
    + ", ".join(column.name for column in _QUEUED)
)
_APPEND = text(
    "INSERT INTO entries (index, leaf, type, block, raw) SELECT index, leaf, type, :block, raw FROM unnest("
    "CAST(:index AS bigint[]), CAST(:leaf AS bytea[]), CAST(:type AS text[]), CAST(:raw AS bytea[])) "
    "AS given (index, leaf, type, raw)"
)
_SEQUENCED = text(
    "UPDATE queue SET state = 'sequenced', entry_index = given.at "
    "FROM unnest(CAST(:row AS bigint[]), CAST(:at AS bigint[])) AS given (place, at) "
    "WHERE queue.id = given.place AND queue.state = 'waiting'"
)


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry that passed its checks and shall wait for a block.

    `delay_ms` is the promise of its receipt; `seen` how many entries the record had under which a ballot was checked;
    `role` whose key it changes.
    """

    raw: bytes
    type: str
    pseudonym: bytes | None = None
    number: int | None = None
    ballot_hash: bytes | None = None
    delay_ms: int | None = None
    seen: int | None = None
    role: str | None = None

    @property
    def leaf(self) -> bytes:
        """The entry's leaf hash."""
        return leaf_hash(self.raw)


@dataclass(frozen=True, slots=True)
class Queued:
    """What became of an entry: waiting, in the log at `entry_index`, or refused by the check `check_id`."""

    id: int
    leaf: bytes
    type: str
    pseudonym: bytes | None
    number: int | None
    ballot_hash: bytes | None
    state: State
    entry_index: int | None
    check_id: str | None
    received_at_ms: int
    deadline_ms: int | None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A block's end: its size and number, the note signed by the log, and with a quorum's lines once there is one."""

    size: int
    block: int
    note: bytes
    quorum_note: bytes | None


class Store:
    """Reads and writes of the log's tables; every method is one transaction unless it is given a connection."""

    def __init__(self, database: Database) -> None:
        """Keep the database of the ballot side."""
        self._database = database

    # -------------------------------------------------------------------------------------------------- entries

    def read(self, index: int) -> bytes:
        """Return an entry's bytes. Raises LookupError."""
        with self._database.read() as connection:
            raw = connection.execute(select(ENTRIES.c.raw).where(ENTRIES.c.index == index)).scalar()
        if raw is None:
            raise LookupError(index)
        return bytes(raw)

    def find_index(self, leaf: bytes) -> int | None:
        """Return where an entry stands, None when it is not in the log."""
        with self._database.read() as connection:
            return connection.execute(select(ENTRIES.c.index).where(ENTRIES.c.leaf == leaf)).scalar()

    def find_indices(self, leaves: Sequence[bytes]) -> dict[bytes, int]:
        """Return where entries stand, by leaf hash; those that are not in the log are left out."""
        chosen = select(ENTRIES.c.leaf, ENTRIES.c.index).where(ENTRIES.c.leaf.in_(leaves))
        with self._database.read() as connection:
            return {bytes(leaf): index for leaf, index in connection.execute(chosen).all()}

    def find_types(self, start: int, types: Sequence[str]) -> list[tuple[int, str]]:
        """Return index and type of every entry of some types, from an index on."""
        chosen = select(ENTRIES.c.index, ENTRIES.c.type).where(ENTRIES.c.index >= start, ENTRIES.c.type.in_(types))
        with self._database.read() as connection:
            return [(index, kind) for index, kind in connection.execute(chosen.order_by(ENTRIES.c.index)).all()]

    def entries(self, start: int, end: int | None = None) -> Iterator[bytes]:
        """Yield entries in their order from an index (to before another), read in portions."""
        while end is None or start < end:
            chosen = select(ENTRIES.c.raw).where(ENTRIES.c.index >= start).order_by(ENTRIES.c.index).limit(_CHUNK)
            if end is not None:
                chosen = chosen.where(ENTRIES.c.index < end)
            with self._database.read() as connection:
                raws = connection.execute(chosen).scalars().all()
            yield from map(bytes, raws)
            start += len(raws)
            if len(raws) < _CHUNK:
                return

    def append(self, connection: Connection, start: int, block: int, raws: Sequence[tuple[str, bytes]]) -> None:
        """Append a block's entries (type, bytes). Raises IntegrityError where the log has another at this index."""
        rows = [
            {"index": start + place, "leaf": leaf_hash(raw), "type": kind, "block": block, "raw": raw}
            for place, (kind, raw) in enumerate(raws)
        ]
        if self._database.is_sqlite:
            connection.execute(insert(ENTRIES), rows)
            return
        columns = {name: [row[name] for row in rows] for name in ("index", "leaf", "type", "raw")}
        connection.execute(_APPEND, {**columns, "block": block})

    # ---------------------------------------------------------------------------------------------------- queue

    def insert(
        self, entries: Sequence[NewEntry], latest_ms: int | None = None, along: Along | None = None
    ) -> list[Queued | None]:
        """Let entries wait, in one transaction; return the row of each that is new, None for what conflicts.

        A ballot conflicts with a strike of its pseudonym, waiting or written, and with a change that waits; a change
        with a ballot that waits, because that one is acknowledged. No ballot is taken in while a rotation of the
        receipt key waits, or where one was written that its check had not `seen`.

        `along` stores in the same transaction what belongs to the new rows; whatever it raises undoes them all. Raises
        LateError, with nothing stored, where the database received them after `latest_ms`.
        """
        insert_all = self._insert_sqlite if self._database.is_sqlite else self._insert_postgresql
        with self._database.begin() as connection:
            if any(entry.type in _PRECEDING or entry.role == "receipt" for entry in entries):
                # A ballot beside it is seen here, every later one sees it: no acknowledged ballot comes too late.
                self.lock_queue(connection)
            made = {row.leaf: row for row in insert_all(connection, entries)}
            if latest_ms is not None and any(row.received_at_ms > latest_ms for row in made.values()):
                raise LateError
            if along is not None and made:
                along(connection, list(made))
        return [made.pop(entry.leaf, None) for entry in entries]

    @staticmethod
    def _insert_sqlite(connection: Connection, entries: Sequence[NewEntry]) -> list[Queued]:
        def barred(types: Collection[str], condition: ColumnElement[bool]) -> set[bytes]:
            names = [entry.pseudonym for entry in entries if entry.type in types]
            chosen = select(QUEUE.c.pseudonym).where(QUEUE.c.pseudonym.in_(names), condition)
            return set(connection.execute(chosen).scalars())

        rotations = connection.execute(select(QUEUE.c.state, QUEUE.c.entry_index).where(_IS_ROTATION)).all()
        is_rotating = any(row.state == "waiting" for row in rotations)
        rotated_at = max((row.entry_index for row in rotations if row.state == "sequenced"), default=-1)
        conflicts = {"change": barred({"change"}, _BARS_CHANGE)}
        conflicts.update(dict.fromkeys(BALLOT_TYPES, barred(BALLOT_TYPES, _BARS_BALLOTS)))
        now_ms = int(connection.execute(select(NOW_MS)).scalar_one())
        rows = [
            {
                **{name: getattr(entry, name) for name in _KEPT},
                "state": "waiting",
                "received_at_ms": now_ms,
                "deadline_ms": None if entry.delay_ms is None else now_ms + entry.delay_ms,
            }
            for entry in entries
            if entry.pseudonym not in conflicts.get(entry.type, ())
            and (entry.type != "ballot" or not (is_rotating or (entry.seen is not None and entry.seen <= rotated_at)))
        ]
        if not rows:
            return []
        statement = sqlite.insert(QUEUE).values(rows).on_conflict_do_nothing().returning(*_QUEUED)
        return [_queued(row) for row in connection.execute(statement)]

    @staticmethod
    def _insert_postgresql(connection: Connection, entries: Sequence[NewEntry]) -> list[Queued]:
        columns = {name: [getattr(entry, name) for entry in entries] for name in _GIVEN}
        return [_queued(row) for row in connection.execute(_INSERT, columns)]

    def find(
        self, *, leaf: bytes | None = None, ballot_hash: bytes | None = None, pseudonym: bytes | None = None
    ) -> Queued | None:
        """Return what became of an entry, by leaf, by its ballot's hash, or the waiting one of a pseudonym."""
        if leaf is not None:
            condition = QUEUE.c.leaf == leaf
        elif ballot_hash is not None:
            condition = QUEUE.c.ballot_hash == ballot_hash
        else:
            condition = (QUEUE.c.pseudonym == pseudonym) & _IS_LIVE & (QUEUE.c.state == "waiting")
        with self._database.read() as connection:
            row = connection.execute(select(*_QUEUED).where(condition)).first()
        return None if row is None else _queued(row)

    def find_deciding(self, pseudonym: bytes) -> dict[str, Queued]:
        """Return what decides whether another entry of a pseudonym may wait: what waits, and its strike; by type."""
        with self._database.read() as connection:
            rows = connection.execute(select(*_QUEUED).where(QUEUE.c.pseudonym == pseudonym, _DECIDES))
            return {row.type: _queued(row) for row in rows}

    @staticmethod
    def find_ballots(connection: Connection, ballot_hashes: Sequence[bytes]) -> dict[bytes, Queued]:
        """Return what became of cast or challenged ballots, by their hashes, in one statement."""
        rows = connection.execute(select(*_QUEUED).where(QUEUE.c.ballot_hash.in_(ballot_hashes)))
        return {bytes(row.ballot_hash): _queued(row) for row in rows}

    def find_prefix(self, prefix: bytes) -> Queued | None:
        """Return the first cast or challenged ballot whose hash begins so (a tracking code is such a beginning)."""
        wanted = QUEUE.c.ballot_hash.between(prefix.ljust(32, b"\x00"), prefix.ljust(32, b"\xff"))
        with self._database.read() as connection:
            row = connection.execute(select(*_QUEUED).where(wanted).order_by(QUEUE.c.ballot_hash).limit(1)).first()
        return None if row is None else _queued(row)

    def count_waiting(self) -> int:
        """Return how many entries wait for a block."""
        with self._database.read() as connection:
            chosen = select(func.count()).select_from(QUEUE).where(QUEUE.c.state == "waiting")
            return connection.execute(chosen).scalar_one()

    def waiting(self, limit: int) -> list[tuple[Queued, bytes]]:
        """Return waiting entries by their state (never by an id above the last), in the order of their arrival."""
        chosen = select(*_QUEUED, QUEUE.c.raw).where(QUEUE.c.state == "waiting").order_by(QUEUE.c.id).limit(limit)
        with self._database.read() as connection:
            return [(_queued(row), bytes(row.raw)) for row in connection.execute(chosen)]

    def lock_queue(self, connection: Connection) -> None:
        """Wait for all open inserts and keep new ones out until this transaction ends (SQLite's does that anyway)."""
        if not self._database.is_sqlite:
            connection.execute(text("LOCK TABLE queue IN SHARE ROW EXCLUSIVE MODE"))

    @staticmethod
    def has_waiting(connection: Connection, types: Collection[str]) -> bool:
        """Tell whether any entry of these types waits."""
        chosen = select(QUEUE.c.id).where(QUEUE.c.state == "waiting", QUEUE.c.type.in_(sorted(types))).limit(1)
        return connection.execute(chosen).first() is not None

    @staticmethod
    def has_number(connection: Connection, pseudonym: bytes | None, number: int) -> bool:
        """Tell whether a ballot of a pseudonym has this number, waiting or written."""
        same = (QUEUE.c.pseudonym == pseudonym) & (QUEUE.c.number == number) & _IS_LIVE
        return connection.execute(select(QUEUE.c.id).where(same).limit(1)).first() is not None

    @staticmethod
    def is_rotating(connection: Connection, seen: int | None = None) -> bool:
        """Tell whether a rotation of the receipt key waits, or was written at an index from `seen` on."""
        condition = QUEUE.c.state == "waiting"
        if seen is not None:
            condition |= (QUEUE.c.state == "sequenced") & (QUEUE.c.entry_index >= seen)
        return connection.execute(select(QUEUE.c.id).where(_IS_ROTATION, condition).limit(1)).first() is not None

    def settle(
        self, connection: Connection, sequenced: Iterable[tuple[int, int]], refused: Iterable[tuple[int, str]]
    ) -> None:
        """Note which rows (by id) stand at which index, and which were refused by which check."""
        by_id = update(QUEUE).where(QUEUE.c.id == bindparam("row"), QUEUE.c.state == "waiting")
        rows = [{"row": row, "at": index} for row, index in sequenced]
        if rows and not self._database.is_sqlite:
            connection.execute(_SEQUENCED, {name: [row[name] for row in rows] for name in ("row", "at")})
        elif rows:
            connection.execute(by_id.values(state="sequenced", entry_index=bindparam("at")), rows)
        failed = [{"row": row, "check": check} for row, check in refused]
        if failed:
            connection.execute(by_id.values(state="refused", check_id=bindparam("check")), failed)

    def forget_arrivals(self, connection: Connection, most: int) -> int:
        """Forget when and in which order entries came that the log holds or refused; return of how many.

        Their ids, which tell the order, become negative, by the places that everybody sees.
        """
        settled = (QUEUE.c.state != "waiting") & (QUEUE.c.received_at_ms > 0)
        chosen = select(QUEUE.c.id).where(settled).order_by(QUEUE.c.id).limit(most)
        ids = connection.execute(chosen).scalars().all()
        if ids:
            # Refused ones have no place; among themselves alone they keep their order.
            place = func.coalesce(-1 - QUEUE.c.entry_index, -(2**62) + QUEUE.c.id)
            blank = update(QUEUE).where(QUEUE.c.id.in_(ids))
            connection.execute(blank.values(id=place, received_at_ms=0, deadline_ms=None))
        return len(ids)

    def restore(
        self, connection: Connection, entries: Sequence[tuple[NewEntry, int]], judge: Callable[[bytes], str]
    ) -> list[Queued]:
        """Note entries that stand in the log at an index, where the queue does not know them or lets them wait.

        What waits in the place of one of them (another ballot with its number, another strike of its slot) is refused
        by the check that `judge` names for its bytes; return those rows. The same ballot signed again is that ballot.
        """
        dialect: Any = sqlite if self._database.is_sqlite else postgresql
        refused = []
        for entry, index in entries:
            values = {name: getattr(entry, name) for name in _KEPT}
            for rival, raw in self._rivals(connection, entry):
                state: dict[str, Any] = {"state": "refused", "check_id": ""}
                if rival.ballot_hash is not None and rival.ballot_hash == entry.ballot_hash:
                    state = {**values, "state": "sequenced", "entry_index": index}
                else:
                    state["check_id"] = judge(raw)
                    refused.append(rival)
                connection.execute(update(QUEUE).where(QUEUE.c.id == rival.id).values(**state))
            statement = dialect.insert(QUEUE).values(
                **values, state="sequenced", entry_index=index, received_at_ms=NOW_MS
            )
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["leaf"], set_={"state": "sequenced", "entry_index": index}
                )
            )
        return refused

    @staticmethod
    def _rivals(connection: Connection, entry: NewEntry) -> list[tuple[Queued, bytes]]:
        """Return other rows that wait and cannot stand beside a written entry."""
        same = QUEUE.c.ballot_hash == entry.ballot_hash
        if entry.number is not None:
            same |= (QUEUE.c.pseudonym == entry.pseudonym) & (QUEUE.c.number == entry.number)
        if entry.type == "strike":
            same |= (QUEUE.c.pseudonym == entry.pseudonym) & (QUEUE.c.type == "strike")
        chosen = select(*_QUEUED, QUEUE.c.raw).where(QUEUE.c.leaf != entry.leaf, QUEUE.c.state == "waiting", same)
        return [(_queued(row), bytes(row.raw)) for row in connection.execute(chosen)]

    # ---------------------------------------------------------------------------------------------- checkpoints

    def set_quorum(self, connection: Connection, size: int, quorum_note: bytes) -> None:
        """Keep a quorum checkpoint of a block's end, the first one for ever."""
        of_size = update(CHECKPOINTS).where(CHECKPOINTS.c.size == size, CHECKPOINTS.c.quorum_note.is_(None))
        connection.execute(of_size.values(quorum_note=quorum_note))

    def add_checkpoint(self, connection: Connection, size: int, block: int, note: bytes) -> None:
        """Store a block's signed end."""
        connection.execute(insert(CHECKPOINTS).values(size=size, block=block, note=note))

    def checkpoint(self, *, size: int | None = None, quorum: bool = False) -> StoredCheckpoint | None:
        """Return the newest checkpoint (with `quorum`: that has one), or the one of a size; None when there is none."""
        chosen = select(CHECKPOINTS).order_by(CHECKPOINTS.c.size.desc()).limit(1)
        if size is not None:
            chosen = chosen.where(CHECKPOINTS.c.size == size)
        if quorum:
            chosen = chosen.where(CHECKPOINTS.c.quorum_note.is_not(None))
        with self._database.read() as connection:
            row = connection.execute(chosen).first()
        return None if row is None else StoredCheckpoint(row.size, row.block, row.note, row.quorum_note)

    def quorums_above(self, size: int) -> list[bytes]:
        """Return the quorum checkpoints of larger trees, by size."""
        chosen = select(CHECKPOINTS.c.quorum_note).where(
            CHECKPOINTS.c.size > size, CHECKPOINTS.c.quorum_note.is_not(None)
        )
        with self._database.read() as connection:
            return [bytes(note) for note in connection.execute(chosen.order_by(CHECKPOINTS.c.size)).scalars()]

    def block_starts(self, first: int, step: int, limit: int = 500) -> dict[int, int]:
        """Return where every step-th block from `first` on begins: where the block before it ends."""
        ends = CHECKPOINTS.c
        wanted = (ends.block >= first - 1, (ends.block - (first - 1)) % step == 0)
        chosen = select(ends.block, ends.size).where(*wanted).order_by(ends.block).limit(limit)
        with self._database.read() as connection:
            return {row.block + 1: row.size for row in connection.execute(chosen)}

    def sizes(self) -> list[int]:
        """Return the sizes of all blocks' ends."""
        with self._database.read() as connection:
            return list(connection.execute(select(CHECKPOINTS.c.size).order_by(CHECKPOINTS.c.size)).scalars())

    def add_cosignatures(self, size: int, lines: Sequence[tuple[str, bytes]], quorum_note: bytes | None) -> None:
        """Store witnesses' lines (name, line) on a checkpoint, and the checkpoint with a quorum's lines."""
        dialect: Any = sqlite if self._database.is_sqlite else postgresql
        with self._database.begin() as connection:
            if lines:
                rows = [{"size": size, "witness": name, "line": line} for name, line in lines]
                statement = dialect.insert(COSIGNATURES).values(rows)
                connection.execute(
                    statement.on_conflict_do_update(
                        index_elements=["size", "witness"], set_={"line": statement.excluded.line}
                    )
                )
            if quorum_note is not None:
                self.set_quorum(connection, size, quorum_note)

    def cosignatures(self, size: int) -> dict[str, bytes]:
        """Return the stored lines on a checkpoint by witness."""
        with self._database.read() as connection:
            rows = connection.execute(select(COSIGNATURES).where(COSIGNATURES.c.size == size))
            return {row.witness: bytes(row.line) for row in rows}

    def newest_cosignatures(self) -> dict[str, tuple[int, bytes]]:
        """Return each witness's last line and the size of the checkpoint that it is on."""
        chosen = select(COSIGNATURES.c.witness, func.max(COSIGNATURES.c.size)).group_by(COSIGNATURES.c.witness)
        with self._database.read() as connection:
            found: dict[str, tuple[int, bytes]] = {}
            for witness, size in connection.execute(chosen).all():
                at = (COSIGNATURES.c.witness == witness) & (COSIGNATURES.c.size == size)
                found[witness] = size, bytes(connection.execute(select(COSIGNATURES.c.line).where(at)).scalar_one())
        return found

    # --------------------------------------------------------------------------------------------------- tokens

    def add_token(self, size: int, authority: str, token: bytes) -> None:
        """Store a time-stamp token over a checkpoint, once."""
        dialect: Any = sqlite if self._database.is_sqlite else postgresql
        row = dialect.insert(TOKENS).values(size=size, authority=authority, token=token)
        with self._database.begin() as connection:
            connection.execute(row.on_conflict_do_nothing())

    def tokens(self, limit: int) -> list[tuple[int, str, bytes]]:
        """Return tokens (size, authority, token) that no seal holds yet, oldest first."""
        chosen = select(TOKENS).where(TOKENS.c.block.is_(None)).order_by(TOKENS.c.size).limit(limit)
        with self._database.read() as connection:
            return [(row.size, row.authority, bytes(row.token)) for row in connection.execute(chosen)]

    def seal_tokens(self, connection: Connection, block: int, tokens: Iterable[tuple[int, str, bytes]]) -> None:
        """Note the block whose seal holds these tokens."""
        for size, authority, _ in tokens:
            of_token = update(TOKENS).where(TOKENS.c.size == size, TOKENS.c.authority == authority)
            connection.execute(of_token.values(block=block))


class LateError(Exception):
    """The database received something after the time up to which it may be taken."""


def _queued(row: "Row[*tuple[Any, ...]]") -> Queued:
    fields = row._mapping  # noqa: SLF001 - SQLAlchemy's documented way to read a row by name
    return Queued(**{column.name: _plain(fields[column.name]) for column in _QUEUED})


def _plain(value: object) -> Any:  # noqa: ANN401
    return bytes(value) if isinstance(value, memoryview) else value
