"""The tables of roles: people, passkeys, tokens that serve once, sessions, the trail of acts. The same on each side.

Spec: `docs/operations/officers.md`. A side's people are its own: nothing here refers to the other side, to a voter, or
to a secret. Of an invitation and of a session the table has a hash; of a signing key the public half.

>>> sorted(TABLES)
['ballot', 'identity']
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    ForeignKey,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from crypto.signatures import key_id
from crypto.transcript import tagged_hash
from voting_server.plumbing.database import BALLOT, BIG, IDENTITY, NOW_MS, append_only
from voting_server.plumbing.sessions import Sessions, session_table

Role = Literal["officer", "registrar", "operator"]
ROLES: tuple[Role, ...] = ("officer", "registrar", "operator")
ZERO = bytes(32)
_TRAIL_LOCK = 0x646F6272
_MOST = 500


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one side."""

    people: Table
    passkeys: Table
    tokens: Table
    trail: Table
    sessions: Sessions


def _declare(metadata: MetaData, side: str) -> Tables:
    people = Table(
        "people_with_roles",
        metadata,
        Column("id", BIG, primary_key=True),
        Column("name", String(120), nullable=False),
        Column("body", String(120), nullable=False),
        Column("role", String(16), nullable=False),
        Column("key", LargeBinary(32), unique=True),
        Column("invitation", LargeBinary(32), unique=True),
        Column("invited_until_ms", BIG),
        Column("is_active", Boolean, nullable=False),
    )
    passkeys = Table(
        "role_passkeys",
        metadata,
        Column("id", LargeBinary(1_023), primary_key=True),
        Column("person", BIG, ForeignKey(people.c.id), nullable=False, index=True),
        Column("key", LargeBinary, nullable=False),
        Column("counter", BIG, nullable=False),
    )
    tokens = Table(
        "role_tokens",
        metadata,
        Column("hash", LargeBinary(32), primary_key=True),
        Column("expires_at_ms", BIG, nullable=False, index=True),
    )
    trail = append_only(
        Table(
            "role_trail",
            metadata,
            Column("number", BIG, primary_key=True, autoincrement=False),
            Column("at_ms", BIG, nullable=False),
            Column("person", BIG, nullable=False),
            Column("act", String(40), nullable=False),
            Column("subject", String(120), nullable=False),
            Column("outcome", String(40), nullable=False),
            Column("previous", LargeBinary(32), nullable=False, unique=True),
            Column("hash", LargeBinary(32), nullable=False),
        )
    )
    sessions = Sessions(f"__Host-dobush-roles-{side}", session_table(metadata, "role_sessions"))
    return Tables(people, passkeys, tokens, trail, sessions)


TABLES = {"identity": _declare(IDENTITY, "identity"), "ballot": _declare(BALLOT, "ballot")}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a role; `key` is her public signing key, where she has one."""

    id: int
    name: str
    body: str
    role: Role
    key: bytes | None
    is_active: bool
    invited_until_ms: int | None = None
    passkeys: int = 0

    @property
    def key_id(self) -> bytes | None:
        """Key id of the signing key."""
        return None if self.key is None else key_id(self.key)


@dataclass(frozen=True, slots=True)
class Act:
    """One row of the trail."""

    number: int
    at_ms: int
    person: int
    act: str
    subject: str
    outcome: str
    hash: bytes = b""


class TakenError(Exception):
    """A key or passkey that stands here already."""


def hash_secret(secret: bytes) -> bytes:
    """Return what the tables know an invitation or token by."""
    return tagged_hash(b"dobush/1/installation/role-secret", secret)


class Store:
    """Reads and writes of one side's tables; every method is given its transaction."""

    def __init__(self, side: Literal["identity", "ballot"]) -> None:
        """Choose the side."""
        self.tables = TABLES[side]

    @staticmethod
    def now_ms(connection: Connection) -> int:
        """Return the database's clock."""
        return int(connection.execute(select(NOW_MS)).scalar_one())

    # --------------------------------------------------------------------------------------------------- people

    def add_person(self, connection: Connection, name: str, body: str, role: Role, key: bytes | None) -> int:
        """Add somebody; return her id. Raises TakenError where the key is somebody's already."""
        values = {"name": name, "body": body, "role": role, "key": key, "is_active": True}
        try:
            added = connection.execute(insert(self.tables.people).values(**values))
        except IntegrityError as error:
            raise TakenError from error
        key_of_row: Any = added.inserted_primary_key
        return int(key_of_row[0])

    def set_key(self, connection: Connection, person: int, key: bytes) -> bool:
        """Give somebody another signing key. Raises TakenError."""
        people = self.tables.people
        try:
            changed = connection.execute(update(people).where(people.c.id == person).values(key=key))
        except IntegrityError as error:
            raise TakenError from error
        return changed.rowcount == 1

    def set_invitation(self, connection: Connection, person: int, digest: bytes, life_ms: int) -> bool:
        """Invite somebody, again perhaps: an earlier invitation ends."""
        people = self.tables.people
        changed = connection.execute(
            update(people)
            .where(people.c.id == person, people.c.is_active)
            .values(invitation=digest, invited_until_ms=NOW_MS + life_ms)
        )
        return changed.rowcount == 1

    def find_invited(self, connection: Connection, digest: bytes) -> Person | None:
        """Return whom an invitation that still holds is for."""
        people = self.tables.people
        return self._one(
            connection, (people.c.invitation == digest) & (people.c.invited_until_ms >= NOW_MS) & people.c.is_active
        )

    def take_invitation(self, connection: Connection, digest: bytes) -> bool:
        """Use an invitation up."""
        people = self.tables.people
        used = connection.execute(
            update(people)
            .where(people.c.invitation == digest, people.c.invited_until_ms >= NOW_MS)
            .values(invitation=None, invited_until_ms=None)
        )
        return used.rowcount == 1

    def find_person(self, connection: Connection, person: int) -> Person | None:
        """Return somebody, active or not."""
        return self._one(connection, self.tables.people.c.id == person)

    def find_signer(self, connection: Connection, identifier: bytes) -> Person | None:
        """Return the active person whose signing key has this id."""
        return next((each for each in self.people(connection) if each.is_active and each.key_id == identifier), None)

    def people(self, connection: Connection) -> list[Person]:
        """Return everybody, the oldest first."""
        table, passkeys = self.tables.people, self.tables.passkeys
        owners: list[int] = list(connection.execute(select(passkeys.c.person)).scalars())
        rows = connection.execute(select(table).order_by(table.c.id)).all()
        return [_person(row, owners.count(row.id)) for row in rows]

    def retire(self, connection: Connection, person: int) -> bool:
        """End somebody's role: her passkeys, sessions and invitation go, her name stays for the trail."""
        people, passkeys, sessions = self.tables.people, self.tables.passkeys, self.tables.sessions.table
        ended = connection.execute(
            update(people)
            .where(people.c.id == person, people.c.is_active)
            .values(is_active=False, invitation=None, invited_until_ms=None)
        )
        connection.execute(delete(passkeys).where(passkeys.c.person == person))
        connection.execute(delete(sessions).where(sessions.c.subject == subject_of(person)))
        return ended.rowcount == 1

    def _one(self, connection: Connection, condition: Any) -> Person | None:  # noqa: ANN401 - SQLAlchemy's own type
        row = connection.execute(select(self.tables.people).where(condition)).first()
        if row is None:
            return None
        passkeys = self.tables.passkeys
        owned = select(func.count()).select_from(passkeys).where(passkeys.c.person == row.id)
        return _person(row, connection.execute(owned).scalar_one())

    # ------------------------------------------------------------------------------------------------- passkeys

    def add_passkey(self, connection: Connection, identifier: bytes, person: int, key: bytes) -> None:
        """Keep a passkey's public key; whoever had others loses them and every session. Raises TakenError."""
        passkeys, sessions = self.tables.passkeys, self.tables.sessions.table
        connection.execute(delete(passkeys).where(passkeys.c.person == person))
        connection.execute(delete(sessions).where(sessions.c.subject == subject_of(person)))
        try:
            connection.execute(insert(passkeys).values(id=identifier, person=person, key=key, counter=0))
        except IntegrityError as error:
            raise TakenError from error

    def find_passkey(self, connection: Connection, identifier: bytes) -> tuple[Person, bytes, int] | None:
        """Return whose passkey this is, its key, its counter."""
        passkeys = self.tables.passkeys
        row = connection.execute(select(passkeys).where(passkeys.c.id == identifier)).first()
        person = None if row is None else self.find_person(connection, row.person)
        if row is None or person is None or not person.is_active:
            return None
        return person, bytes(row.key), int(row.counter)

    def set_counter(self, connection: Connection, identifier: bytes, counter: int) -> None:
        """Note how often a passkey has signed, as it counts itself."""
        passkeys = self.tables.passkeys
        connection.execute(update(passkeys).where(passkeys.c.id == identifier).values(counter=counter))

    # --------------------------------------------------------------------------------------------------- tokens

    def add_token(self, connection: Connection, digest: bytes, life_ms: int) -> None:
        """Keep a token until it is used or ends; ended ones are swept away."""
        tokens = self.tables.tokens
        connection.execute(delete(tokens).where(tokens.c.expires_at_ms < NOW_MS))
        connection.execute(insert(tokens).values(hash=digest, expires_at_ms=NOW_MS + life_ms))

    def take_token(self, connection: Connection, digest: bytes) -> bool:
        """Use a token up; False where there is none (any more)."""
        tokens = self.tables.tokens
        used = connection.execute(delete(tokens).where(tokens.c.hash == digest, tokens.c.expires_at_ms >= NOW_MS))
        return used.rowcount == 1

    # ---------------------------------------------------------------------------------------------------- trail

    def add_act(self, connection: Connection, person: int, act: str, subject: str, outcome: str) -> None:
        """Append an act to the chain; acts of all processes stand in one order."""
        trail = self.tables.trail
        if connection.dialect.name != "sqlite":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _TRAIL_LOCK})
        last = connection.execute(select(trail.c.number, trail.c.hash).order_by(trail.c.number.desc()).limit(1)).first()
        number, previous = (0, ZERO) if last is None else (last.number + 1, bytes(last.hash))
        made = Act(number, self.now_ms(connection), person, act, subject[:120], outcome[:40])
        connection.execute(
            insert(trail).values(
                number=made.number,
                at_ms=made.at_ms,
                person=made.person,
                act=made.act,
                subject=made.subject,
                outcome=made.outcome,
                previous=previous,
                hash=hash_act(previous, made),
            )
        )

    def trail(self, connection: Connection, before: int | None = None, most: int = _MOST) -> list[Act]:
        """Return the newest acts, those before a number, the newest first."""
        trail = self.tables.trail
        chosen = select(trail).order_by(trail.c.number.desc()).limit(most)
        if before is not None:
            chosen = chosen.where(trail.c.number < before)
        return [_act(row) for row in connection.execute(chosen).all()]

    def verify_trail(self, connection: Connection) -> int:
        """Check the chain of acts; return its length. Raises ValueError at the first break."""
        previous, count = ZERO, 0
        for row in connection.execute(select(self.tables.trail).order_by(self.tables.trail.c.number)).all():
            digest = hash_act(previous, _act(row))
            if row.number != count or bytes(row.previous) != previous or bytes(row.hash) != digest:
                raise ValueError(f"act {row.number} does not follow from the one before")
            previous, count = digest, count + 1
        return count


def hash_act(previous: bytes, act: Act) -> bytes:
    """Return what the next act chains to."""
    numbers = [number.to_bytes(8, "big") for number in (act.number, act.at_ms, act.person)]
    texts = [text.encode() for text in (act.act, act.subject, act.outcome)]
    return tagged_hash(b"dobush/1/installation/role-act", previous, *numbers, *texts)


def subject_of(person: int) -> bytes:
    """Return what a session knows somebody by."""
    return person.to_bytes(8, "big")


def _person(row: Any, passkeys: int) -> Person:  # noqa: ANN401 - SQLAlchemy's own type
    key = None if row.key is None else bytes(row.key)
    return Person(row.id, row.name, row.body, row.role, key, row.is_active, row.invited_until_ms, passkeys)


def _act(row: Any) -> Act:  # noqa: ANN401 - SQLAlchemy's own type
    return Act(row.number, row.at_ms, row.person, row.act, row.subject, row.outcome, bytes(row.hash))


def fits(entries: Sequence[str]) -> bool:
    """Tell whether names and bodies fit their columns.

    >>> fits(["Aida", "Board"]), fits([""]), fits(["x" * 121])
    (True, False, False)
    """
    return all(entry.strip() == entry and entry.isprintable() and 0 < len(entry) <= 120 for entry in entries)
