"""Tables of the identity side: versions of the roll, persons, slots, codes, identifications, requests, acts.

Spec: `docs/architecture.md`, section "Server". Nothing here knows of a ballot; the only bridge to the board is the body
of a request, which the registrars sign on their own machines. Versions, slots and acts only grow.

>>> sorted(table.name for table in (ROLLS, SLOTS, ACTS) if table.info["append_only"])
['acts', 'roll_versions', 'slots']
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from crypto.transcript import tagged_hash
from voting_server.plumbing.database import BIG, BYTES, IDENTITY, NOW_MS, append_only
from voting_server.voters.evidence import Code
from voting_server.voters.roll import Person
from voting_server.voters.slots import Slot

FOUNDING = Table(
    "founding_entries",
    IDENTITY,
    Column("index", Integer, primary_key=True, autoincrement=False),
    Column("raw", BYTES, nullable=False),
)
ROTATIONS = append_only(
    Table(
        "key_rotations",
        IDENTITY,
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("raw", BYTES, nullable=False),
    )
)
ROLLS = append_only(
    Table(
        "roll_versions",
        IDENTITY,
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("use", String(8), nullable=False),
        Column("format", String(8), nullable=False),
        Column("content", Text, nullable=False),
        Column("places", Text, nullable=False),
        Column("previous", LargeBinary(32), nullable=False),
        Column("hash", LargeBinary(32), nullable=False, unique=True),
        Column("signer", LargeBinary(8), nullable=False),
        Column("signature", LargeBinary(64), nullable=False),
        Column("imported_at_ms", BIG, nullable=False, server_default=None),
    )
)
PEOPLE = Table(
    "people",
    IDENTITY,
    Column("number", String(20), primary_key=True),
    Column("surname", String(500), nullable=False),
    Column("given", String(500), nullable=False),
    Column("patronymic", String(500), nullable=False),
    Column("born", String(10), nullable=False),
    Column("address", String(500), nullable=False),
    Column("unit", BIG, nullable=False),
    Column("style", Integer, nullable=False),
    Column("fault", String(20), nullable=False, index=True),
)
SLOTS = append_only(
    Table(
        "slots",
        IDENTITY,
        Column("number", String(20), primary_key=True),
        Column("pseudonym", LargeBinary(16), nullable=False, unique=True),
        Column("unit", BIG, nullable=False),
        Column("style", Integer, nullable=False),
    )
)
CODES = Table(
    "codes",
    IDENTITY,
    Column("key", LargeBinary(32), primary_key=True),
    Column("number", String(20), nullable=False, index=True),
    Column("expires_at_ms", BIG, nullable=False),
    Column("assurance", String(16), nullable=False),
    Column("issuer", LargeBinary(8), nullable=False),
    Column("issued", LargeBinary(64), nullable=False),
    Column("state", String(8), nullable=False),
)
ENROLMENTS = Table(
    "enrolments",
    IDENTITY,
    Column("id", LargeBinary(16), primary_key=True),
    Column("browser", LargeBinary(32), nullable=False),
    Column("token", LargeBinary(32), nullable=False),
    Column("software", Boolean, nullable=False),
    Column("key", BYTES),
    Column("expires_at_ms", BIG, nullable=False, index=True),
)
IDENTIFICATIONS = Table(
    "identifications",
    IDENTITY,
    Column("state", LargeBinary(32), primary_key=True),
    Column("browser", LargeBinary(32), nullable=False),
    Column("verifier", String(64), nullable=False),
    Column("random", LargeBinary(16), nullable=False),
    Column("enrolment", LargeBinary(16)),
    Column("expires_at_ms", BIG, nullable=False, index=True),
)
REQUESTS = Table(
    "requests",
    IDENTITY,
    Column("id", BIG, primary_key=True),
    Column("type", String(16), nullable=False),
    Column("body", BYTES, nullable=False),
    Column("number", String(20), index=True),
    Column("evidence", Text, nullable=False),
    Column("once", String(80), unique=True),
    Column("created_at_ms", BIG, nullable=False),
    Column("is_delivered", Boolean, nullable=False, index=True),
)
SIGNATURES = Table(
    "request_signatures",
    IDENTITY,
    Column("request", BIG, ForeignKey("requests.id"), primary_key=True),
    Column("author", LargeBinary(8), primary_key=True),
    Column("signature", LargeBinary(64), nullable=False),
)
NOTICES = Table(
    "notices",
    IDENTITY,
    Column("request", BIG, ForeignKey("requests.id"), primary_key=True, autoincrement=False),
    Column("created_at_ms", BIG, nullable=False),
    Column("sent_at_ms", BIG),
)
ACTS = append_only(
    Table(
        "acts",
        IDENTITY,
        Column("number", BIG, primary_key=True, autoincrement=False),
        Column("type", String(24), nullable=False),
        Column("actor", String(64), nullable=False),
        Column("subject", String(200), nullable=False),
        Column("at_ms", BIG, nullable=False),
        Column("previous", LargeBinary(32), nullable=False, unique=True),
        Column("hash", LargeBinary(32), nullable=False),
    )
)
ZERO = bytes(32)
_ACTS_LOCK = 0x646F6275
_MANY = 5_000


class ConflictError(Exception):
    """A row that may stand once stands there already."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the roll."""

    number: int
    use: str
    form: str
    content: str
    places: str
    previous: bytes
    hash: bytes
    signer: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """What waits for the registrars: an unsigned body, whose it is, and the signatures so far."""

    id: int
    type: str
    body: bytes
    number: str | None
    evidence: str
    is_delivered: bool
    signatures: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A passkey on its way: bound to one browser until an identification takes it."""

    id: bytes
    browser: bytes
    token: bytes
    software: bool
    key: bytes | None


@dataclass(frozen=True, slots=True)
class Identification:
    """A voter's browser that is away at the provider."""

    browser: bytes
    verifier: str
    random: bytes
    enrolment: bytes | None


def add_act(connection: Connection, kind: str, actor: str, subject: str) -> None:
    """Append an act to the chain; acts of all processes stand in one order."""
    if connection.dialect.name != "sqlite":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ACTS_LOCK})
    last = connection.execute(select(ACTS.c.number, ACTS.c.hash).order_by(ACTS.c.number.desc()).limit(1)).first()
    number, previous = (0, ZERO) if last is None else (last.number + 1, bytes(last.hash))
    at_ms = connection.execute(select(NOW_MS)).scalar_one()
    digest = act_hash(previous, kind, actor, subject, at_ms)
    values = {"type": kind, "actor": actor, "subject": subject, "at_ms": at_ms, "previous": previous, "hash": digest}
    connection.execute(insert(ACTS).values(number=number, **values))


def act_hash(previous: bytes, kind: str, actor: str, subject: str, at_ms: int) -> bytes:
    """Return what the next act chains to."""
    fields = (kind.encode(), actor.encode(), subject.encode(), at_ms.to_bytes(8, "big"))
    return tagged_hash(b"dobush/1/act", previous, *fields)


def read_acts(connection: Connection) -> Sequence[Any]:
    """Return all acts in order."""
    return connection.execute(select(ACTS).order_by(ACTS.c.number)).all()


def count(connection: Connection, table: Table) -> int:
    """Return how many rows a table has."""
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


# --------------------------------------------------------------------------------------------------- election, roll


def read_founding(connection: Connection) -> list[bytes]:
    """Return block 0 as it was given."""
    return [bytes(raw) for raw in connection.execute(select(FOUNDING.c.raw).order_by(FOUNDING.c.index)).scalars()]


def read_rotations(connection: Connection) -> list[bytes]:
    """Return the changes of keys that were given, in their order."""
    return [bytes(raw) for raw in connection.execute(select(ROTATIONS.c.raw).order_by(ROTATIONS.c.number)).scalars()]


def add_rotation(connection: Connection, number: int, raw: bytes) -> None:
    """Keep a change of a key. Raises ConflictError where another one has its place."""
    try:
        connection.execute(insert(ROTATIONS).values(number=number, raw=raw))
    except IntegrityError as error:
        raise ConflictError from error


def add_founding(connection: Connection, raws: Sequence[bytes]) -> None:
    """Keep block 0. Raises ConflictError where there is one."""
    try:
        connection.execute(insert(FOUNDING), [{"index": index, "raw": raw} for index, raw in enumerate(raws)])
    except IntegrityError as error:
        raise ConflictError from error


def read_versions(connection: Connection) -> list[Version]:
    """Return all versions of the roll in order."""
    rows = connection.execute(select(ROLLS).order_by(ROLLS.c.number)).all()
    return [
        Version(
            row.number,
            row.use,
            row.format,
            row.content,
            row.places,
            bytes(row.previous),
            bytes(row.hash),
            bytes(row.signer),
            bytes(row.signature),
        )
        for row in rows
    ]


def add_version(connection: Connection, version: Version) -> None:
    """Append a version. Raises ConflictError where another came first."""
    try:
        connection.execute(
            insert(ROLLS).values(
                number=version.number,
                use=version.use,
                format=version.form,
                content=version.content,
                places=version.places,
                previous=version.previous,
                hash=version.hash,
                signer=version.signer,
                signature=version.signature,
                imported_at_ms=NOW_MS,
            )
        )
    except IntegrityError as error:
        raise ConflictError from error


def replace_people(connection: Connection, people: Iterable[Person]) -> None:
    """Put a version's persons in place of the last one's."""
    connection.execute(delete(PEOPLE))
    rows = [{name: getattr(each, name) for name in PEOPLE.c.keys()} for each in people]  # noqa: SIM118 - SQLAlchemy's
    for start in range(0, len(rows), _MANY):
        connection.execute(insert(PEOPLE), rows[start : start + _MANY])


def read_people(connection: Connection, *, only_unplaced: bool = False, most: int | None = None) -> list[Person]:
    """Return persons in order of their numbers."""
    wanted = select(PEOPLE).order_by(PEOPLE.c.number)
    if only_unplaced:
        wanted = wanted.where(PEOPLE.c.fault != "")
    return [Person(**row._mapping) for row in connection.execute(wanted.limit(most))]  # noqa: SLF001 - its public name


def count_unplaced(connection: Connection) -> dict[str, int]:
    """Return how many persons have each fault."""
    wanted = select(PEOPLE.c.fault, func.count()).where(PEOPLE.c.fault != "").group_by(PEOPLE.c.fault)
    return {fault: number for fault, number in connection.execute(wanted)}  # noqa: C416 - typed rows


def add_slots(connection: Connection, slots: Sequence[Slot]) -> None:
    """Keep everybody's slot. Raises ConflictError where slots were drawn."""
    rows = [
        {"number": each.number, "pseudonym": each.pseudonym, "unit": each.unit, "style": each.style} for each in slots
    ]
    try:
        for start in range(0, len(rows), _MANY):
            connection.execute(insert(SLOTS), rows[start : start + _MANY])
    except IntegrityError as error:
        raise ConflictError from error


def read_slots(connection: Connection, after: str = "", most: int | None = None) -> list[Slot]:
    """Return slots in order of the personal numbers: all, or some after a number."""
    rows = connection.execute(select(SLOTS).where(SLOTS.c.number > after).order_by(SLOTS.c.number).limit(most))
    return [Slot(row.number, bytes(row.pseudonym), row.unit, row.style) for row in rows]


def find_slot(connection: Connection, number: str) -> Slot | None:
    """Return a person's slot."""
    row = connection.execute(select(SLOTS).where(SLOTS.c.number == number)).first()
    return None if row is None else Slot(row.number, bytes(row.pseudonym), row.unit, row.style)


# ------------------------------------------------------------------------------------------------------------ codes


def add_code(connection: Connection, code: Code, issuer: bytes, issued: bytes) -> None:
    """Keep an issued code; earlier open ones of the same issuer and person are void from now on.

    Raises ConflictError.
    """
    earlier = (CODES.c.number == code.number) & (CODES.c.issuer == issuer) & (CODES.c.state == "open")
    connection.execute(update(CODES).where(earlier).values(state="void"))
    try:
        connection.execute(
            insert(CODES).values(
                key=code.key,
                number=code.number,
                expires_at_ms=code.expires_at_ms,
                assurance=code.assurance,
                issuer=issuer,
                issued=issued,
                state="open",
            )
        )
    except IntegrityError as error:
        raise ConflictError from error


def find_code(connection: Connection, key: bytes, *, state: str = "open") -> tuple[Code, bytes, bytes] | None:
    """Return (code, issuer's key id, issuer's signature) of a code in a state that has not expired."""
    row = connection.execute(
        select(CODES).where(CODES.c.key == key, CODES.c.state == state, CODES.c.expires_at_ms > NOW_MS)
    ).first()
    if row is None:
        return None
    return Code(row.number, bytes(row.key), row.expires_at_ms, row.assurance), bytes(row.issuer), bytes(row.issued)


def use_code(connection: Connection, key: bytes) -> bool:
    """Mark an open code as used; False where somebody was quicker."""
    done = connection.execute(update(CODES).where(CODES.c.key == key, CODES.c.state == "open").values(state="used"))
    return done.rowcount == 1


# -------------------------------------------------------------------------------------- enrolments, identifications


def add_enrolment(connection: Connection, enrolment: Enrolment, life_ms: int) -> None:
    """Keep a new enrolment; expired ones are swept away."""
    connection.execute(delete(ENROLMENTS).where(ENROLMENTS.c.expires_at_ms < NOW_MS))
    connection.execute(
        insert(ENROLMENTS).values(
            id=enrolment.id,
            browser=enrolment.browser,
            token=enrolment.token,
            software=enrolment.software,
            key=None,
            expires_at_ms=NOW_MS + life_ms,
        )
    )


def find_enrolment(connection: Connection, identifier: bytes, browser: bytes) -> Enrolment | None:
    """Return an enrolment of this browser that has not expired."""
    row = connection.execute(
        select(ENROLMENTS).where(
            ENROLMENTS.c.id == identifier, ENROLMENTS.c.browser == browser, ENROLMENTS.c.expires_at_ms > NOW_MS
        )
    ).first()
    if row is None:
        return None
    key = None if row.key is None else bytes(row.key)
    return Enrolment(bytes(row.id), bytes(row.browser), bytes(row.token), row.software, key)


def set_key(connection: Connection, identifier: bytes, key: bytes) -> bool:
    """Keep the passkey's key of an enrolment; False where it has one."""
    done = connection.execute(
        update(ENROLMENTS).where(ENROLMENTS.c.id == identifier, ENROLMENTS.c.key.is_(None)).values(key=key)
    )
    return done.rowcount == 1


def take_enrolment(connection: Connection, identifier: bytes) -> bool:
    """Remove an enrolment; False where somebody was quicker."""
    return connection.execute(delete(ENROLMENTS).where(ENROLMENTS.c.id == identifier)).rowcount == 1


def add_identification(connection: Connection, state: bytes, begun: Identification, life_ms: int) -> None:
    """Keep that a browser went to the provider; expired ones are swept away."""
    connection.execute(delete(IDENTIFICATIONS).where(IDENTIFICATIONS.c.expires_at_ms < NOW_MS))
    connection.execute(
        insert(IDENTIFICATIONS).values(
            state=state,
            browser=begun.browser,
            verifier=begun.verifier,
            random=begun.random,
            enrolment=begun.enrolment,
            expires_at_ms=NOW_MS + life_ms,
        )
    )


def take_identification(connection: Connection, state: bytes, browser: bytes) -> Identification | None:
    """Take out what this browser began, once."""
    row = connection.execute(
        delete(IDENTIFICATIONS)
        .where(
            IDENTIFICATIONS.c.state == state,
            IDENTIFICATIONS.c.browser == browser,
            IDENTIFICATIONS.c.expires_at_ms > NOW_MS,
        )
        .returning(IDENTIFICATIONS)
    ).first()
    if row is None:
        return None
    enrolment = None if row.enrolment is None else bytes(row.enrolment)
    return Identification(bytes(row.browser), row.verifier, bytes(row.random), enrolment)


# --------------------------------------------------------------------------------------------------------- requests


def add_request(
    connection: Connection, kind: str, body: bytes, *, number: str | None, evidence: str, once: str | None
) -> int:
    """Keep what the registrars are asked to sign; return its id. Raises ConflictError where `once` stands there."""
    values = {"type": kind, "body": body, "number": number, "evidence": evidence, "once": once}
    try:
        made = connection.execute(
            insert(REQUESTS).values(**values, created_at_ms=NOW_MS, is_delivered=False).returning(REQUESTS.c.id)
        )
    except IntegrityError as error:
        raise ConflictError from error
    return int(made.scalar_one())


def read_requests(
    connection: Connection, *, after: int = 0, most: int = 200, number: str | None = None, identifier: int | None = None
) -> list[Request]:
    """Return requests in order: of a person, the one of an id, or those that have not reached the board."""
    wanted = select(REQUESTS).where(REQUESTS.c.id > after).order_by(REQUESTS.c.id).limit(most)
    if number is not None:
        wanted = wanted.where(REQUESTS.c.number == number)
    elif identifier is not None:
        wanted = wanted.where(REQUESTS.c.id == identifier)
    else:
        wanted = wanted.where(REQUESTS.c.is_delivered.is_(False))
    rows = connection.execute(wanted).all()
    signed: dict[int, list[tuple[bytes, bytes]]] = {row.id: [] for row in rows}
    found = select(SIGNATURES).where(SIGNATURES.c.request.in_(list(signed))).order_by(SIGNATURES.c.author)
    for each in connection.execute(found):
        signed[each.request].append((bytes(each.author), bytes(each.signature)))
    return [
        Request(row.id, row.type, bytes(row.body), row.number, row.evidence, row.is_delivered, tuple(signed[row.id]))
        for row in rows
    ]


def remove_request(connection: Connection, request: int) -> None:
    """Take back a request, with its signatures."""
    connection.execute(delete(SIGNATURES).where(SIGNATURES.c.request == request))
    connection.execute(delete(REQUESTS).where(REQUESTS.c.id == request))


def add_signature(connection: Connection, request: int, author: bytes, signature: bytes) -> bool:
    """Keep a registrar's signature; False where it stands there."""
    known = select(SIGNATURES.c.author).where(SIGNATURES.c.request == request, SIGNATURES.c.author == author)
    if connection.execute(known).first() is not None:
        return False
    connection.execute(insert(SIGNATURES).values(request=request, author=author, signature=signature))
    return True


def add_notice(connection: Connection, request: int) -> None:
    """Keep that the person of a request is to be told by a second channel."""
    connection.execute(insert(NOTICES).values(request=request, created_at_ms=NOW_MS, sent_at_ms=None))


def read_notices(connection: Connection) -> list[tuple[int, str, str]]:
    """Return (request, its type, personal number) of those that were not sent."""
    wanted = select(NOTICES.c.request, REQUESTS.c.type, REQUESTS.c.number).join(REQUESTS)
    rows = connection.execute(wanted.where(NOTICES.c.sent_at_ms.is_(None)).order_by(NOTICES.c.request))
    return [(row.request, row.type, row.number) for row in rows]


def set_sent(connection: Connection, request: int) -> bool:
    """Mark a notice as sent; False where none waits."""
    done = connection.execute(
        update(NOTICES).where(NOTICES.c.request == request, NOTICES.c.sent_at_ms.is_(None)).values(sent_at_ms=NOW_MS)
    )
    return done.rowcount == 1


def set_delivered(connection: Connection, request: int) -> None:
    """Mark that the ballot side took a request's entry."""
    connection.execute(update(REQUESTS).where(REQUESTS.c.id == request).values(is_delivered=True))
