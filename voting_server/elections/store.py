"""The tables of acts that wait for a second person: a body, its authors' signatures, what became of it.

Spec: `docs/operations/officers.md`, section "Two persons". A body never changes: another body is another proposal.

>>> OPEN
('waiting', 'signed')
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from voting_server.plumbing.database import BALLOT, BIG, NOW_MS

State = Literal["waiting", "signed", "taken", "rejected", "expired"]
OPEN: tuple[State, ...] = ("waiting", "signed")
"""States in which something may still come of a proposal."""
_MOST = 500

PROPOSALS = Table(
    "proposals",
    BALLOT,
    Column("id", BIG, primary_key=True),
    Column("type", String(24), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("parts", LargeBinary, nullable=False),
    Column("author", BIG, nullable=False),
    Column("made_at_ms", BIG, nullable=False),
    Column("expires_at_ms", BIG, nullable=False),
    Column("state", String(12), nullable=False, index=True),
    Column("ended_by", BIG),
    Column("note", String(300), nullable=False),
    Column("check", String(24), nullable=False),
    Column("leaf", LargeBinary(32)),
)
SIGNATURES = Table(
    "proposal_signatures",
    BALLOT,
    Column("proposal", BIG, ForeignKey(PROPOSALS.c.id), primary_key=True),
    Column("key_id", LargeBinary(8), primary_key=True),
    Column("signature", LargeBinary(64), nullable=False),
    Column("person", BIG, nullable=False),
    Column("at_ms", BIG, nullable=False),
    UniqueConstraint("proposal", "person"),
)


@dataclass(frozen=True, slots=True)
class Signed:
    """One author's signature."""

    key_id: bytes
    signature: bytes
    person: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """An act that waits, or what became of it."""

    id: int
    type: str
    body: bytes
    parts: bytes
    author: int
    made_at_ms: int
    expires_at_ms: int
    state: State
    ended_by: int | None
    note: str
    check: str
    leaf: bytes | None
    signatures: tuple[Signed, ...]


class SignedError(Exception):
    """This key or this person has signed already."""


def add(connection: Connection, entry_type: str, body: bytes, parts: bytes, author: int, life_ms: int) -> int:
    """Add a proposal; return its id."""
    values = {"type": entry_type, "body": body, "parts": parts, "author": author, "state": "waiting"}
    added = connection.execute(
        insert(PROPOSALS).values(made_at_ms=NOW_MS, expires_at_ms=NOW_MS + life_ms, note="", check="", **values)
    )
    key: Any = added.inserted_primary_key
    return int(key[0])


def count_open(connection: Connection, author: int) -> int:
    """Return how many proposals of somebody wait."""
    chosen = select(func.count()).where(PROPOSALS.c.author == author, PROPOSALS.c.state.in_(OPEN))
    return int(connection.execute(chosen).scalar_one())


def add_signature(connection: Connection, proposal: int, signed: Signed) -> None:
    """Keep a signature. Raises SignedError."""
    try:
        connection.execute(
            insert(SIGNATURES).values(
                proposal=proposal,
                key_id=signed.key_id,
                signature=signed.signature,
                person=signed.person,
                at_ms=NOW_MS,
            )
        )
    except IntegrityError as error:
        raise SignedError from error


def was_withdrawn(connection: Connection, entry_type: str, body: bytes, keys: Collection[bytes]) -> bool:
    """Tell whether one of these keys' owners has rejected her own signature over these bytes, or let it run out.

    What she has proposed or signed anew counts again. Nobody withdraws anybody else's signature.
    """
    signed = SIGNATURES.c
    chosen = (
        select(PROPOSALS.c.state, PROPOSALS.c.ended_by, signed.key_id, signed.person)
        .join_from(PROPOSALS, SIGNATURES, signed.proposal == PROPOSALS.c.id)
        .where(PROPOSALS.c.type == entry_type, PROPOSALS.c.body == body, signed.key_id.in_(keys))
    )
    withdrawn, wanted = set[bytes](), set[bytes]()
    for row in connection.execute(chosen).all():
        if row.state in {*OPEN, "taken"}:
            wanted.add(bytes(row.key_id))
        elif row.state == "expired" or row.ended_by == row.person:
            withdrawn.add(bytes(row.key_id))
    return bool(withdrawn - wanted)


def expire(connection: Connection) -> None:
    """End what nobody signed in time."""
    connection.execute(
        update(PROPOSALS).where(PROPOSALS.c.state.in_(OPEN), PROPOSALS.c.expires_at_ms < NOW_MS).values(state="expired")
    )


def set_state(
    connection: Connection,
    proposal: int,
    state: State,
    *,
    ended_by: int | None = None,
    note: str = "",
    check: str = "",
) -> bool:
    """Say what became of an open proposal; False where it is open no more."""
    changed = connection.execute(
        update(PROPOSALS)
        .where(PROPOSALS.c.id == proposal, PROPOSALS.c.state.in_(OPEN))
        .values(state=state, ended_by=ended_by, note=note[:300], check=check)
    )
    return changed.rowcount == 1


def set_taken(connection: Connection, proposal: int, leaf: bytes | None) -> None:
    """Say that the log took a proposal's entry: whatever was said of it meanwhile came too late."""
    values = {"state": "taken", "ended_by": None, "note": "", "check": "", "leaf": leaf}
    connection.execute(update(PROPOSALS).where(PROPOSALS.c.id == proposal).values(**values))


def find(connection: Connection, proposal: int, *, lock: bool = False) -> Proposal | None:
    """Return a proposal; `lock` lets nobody else change it before the transaction ends."""
    chosen = select(PROPOSALS).where(PROPOSALS.c.id == proposal)
    row = connection.execute(chosen.with_for_update() if lock else chosen).first()
    return None if row is None else _proposal(row, _signatures(connection, [row.id]))


def read(connection: Connection) -> list[Proposal]:
    """Return the newest proposals, the newest first."""
    rows = connection.execute(select(PROPOSALS).order_by(PROPOSALS.c.id.desc()).limit(_MOST)).all()
    signatures = _signatures(connection, [row.id for row in rows])
    return [_proposal(row, signatures) for row in rows]


def _signatures(connection: Connection, proposals: Sequence[int]) -> dict[int, list[Signed]]:
    found: dict[int, list[Signed]] = {}
    chosen = select(SIGNATURES).where(SIGNATURES.c.proposal.in_(proposals)).order_by(SIGNATURES.c.at_ms)
    for row in connection.execute(chosen).all():
        signed = Signed(bytes(row.key_id), bytes(row.signature), row.person, row.at_ms)
        found.setdefault(row.proposal, []).append(signed)
    return found


def _proposal(row: Any, signatures: dict[int, list[Signed]]) -> Proposal:  # noqa: ANN401 - SQLAlchemy's own type
    leaf = None if row.leaf is None else bytes(row.leaf)
    return Proposal(
        row.id,
        row.type,
        bytes(row.body),
        bytes(row.parts),
        row.author,
        row.made_at_ms,
        row.expires_at_ms,
        row.state,
        row.ended_by,
        row.note,
        row.check,
        leaf,
        tuple(signatures.get(row.id, ())),
    )
