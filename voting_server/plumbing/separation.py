"""Whether the two sides are as far apart as they can be: what one side's process sees of the other's services.

Spec: `docs/operations/installation.md`, `docs/operations/settings.md` ("Databases", "Redis"). A process of one side has
neither settings nor rights of the other. What it may see: the comment that `migrate` leaves on a database is there for
all roles of a PostgreSQL server, and a Redis shows the mark that every process of a side leaves in it.

>>> from voting_server.plumbing.settings import Settings, Side
>>> hosts = {"ballot_origin": "https://vote.example", "rp_id": "vote.example"}
>>> for finding in _of_origins(Settings(side=Side.BALLOT, identity_origin="https://id.vote.example:8443", **hosts)):
...     print(finding)
>>> for finding in _of_origins(Settings(side=Side.BALLOT, identity_origin="http://vote.example:8001", **hosts)):
...     print(finding.text)
identity: its origin http://vote.example:8001 is not https
both sides have the host vote.example: a browser keeps their cookies and storage together
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import redis
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from voting_server.plumbing.database import Database, engine_of
from voting_server.plumbing.settings import Settings, Side

_MARK = "dobush-side-"
_MARK_S = 7 * 24 * 3_600
_REDIS_S = 2.0
_REDIS_DATABASES = 16
_COMMENT = "dobush: the side "
_OTHER = {"identity": "ballot", "ballot": "identity"}
# What the catalogue shows to every role: no right on the other database is needed, nor asked for.
_NEIGHBOURS = text(
    "SELECT datname, has_database_privilege(current_user, oid, 'CONNECT') AS enters FROM pg_database "
    "WHERE shobj_description(oid, 'pg_database') = :comment AND datname <> current_database()"
)
_ROLE = text(
    "SELECT rolsuper OR rolcreaterole OR rolcreatedb AS rules, "
    "pg_has_role(current_user, (SELECT datdba FROM pg_database WHERE datname = current_database()), 'MEMBER') AS owns "
    "FROM pg_roles WHERE rolname = current_user"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found; with a fault no election can be held."""

    text: str
    is_fault: bool = False


def comment_on(connection: Connection, side: str) -> None:
    """Write on a PostgreSQL database whose it is, as its owner; where that is somebody else, nothing is written."""
    quote = connection.dialect.identifier_preparer.quote
    name = quote(str(connection.execute(text("SELECT current_database()")).scalar_one()))
    try:
        with connection.begin_nested():
            connection.execute(text(f"COMMENT ON DATABASE {name} IS '{_COMMENT}{side}'"))
    except SQLAlchemyError:
        return


def mark_redis(settings: Settings) -> None:
    """Leave this side's mark in its Redis, where there is one and it answers."""
    if settings.redis is not None and settings.side is not Side.DESK:
        with suppress(redis.RedisError), _redis(settings) as client:
            client.set(_MARK + settings.side, b"1", ex=_MARK_S)


def look(settings: Settings) -> list[Finding]:
    """Return what is nearer together than it has to be, or not as a real election needs it; nothing at a desk."""
    if settings.side is Side.DESK:
        return []
    return [*_of_origins(settings), *_of_redis(settings), *_of_database(settings)]


def _of_origins(settings: Settings) -> Iterator[Finding]:
    hosts = []
    for side, origin in (("identity", settings.identity_origin), ("ballot", settings.ballot_origin)):
        parts = urlsplit(origin)
        host = parts.hostname or ""
        hosts.append(host)
        if parts.scheme != "https":
            yield Finding(f"{side}: its origin {origin} is not https")
        if host != settings.rp_id and not host.endswith(f".{settings.rp_id}"):
            yield Finding(f"{side}: {host} is not {settings.rp_id} nor below it: no passkey works there", is_fault=True)
    if hosts[0] == hosts[1]:
        yield Finding(f"both sides have the host {hosts[0]}: a browser keeps their cookies and storage together")


def _redis(settings: Settings) -> "redis.Redis":
    url = settings.redis.get_secret_value() if settings.redis is not None else ""
    return redis.Redis.from_url(
        url, single_connection_client=True, socket_timeout=_REDIS_S, socket_connect_timeout=_REDIS_S
    )


def _of_redis(settings: Settings) -> Iterator[Finding]:
    if settings.redis is None:
        yield Finding("no Redis is set: each worker counts its limits alone")
        return
    try:
        with _redis(settings) as client:
            client.ping()
            is_shared = _has_mark(client, _OTHER[settings.side])
    except redis.RedisError:
        yield Finding("Redis does not answer", is_fault=True)
        return
    if is_shared:
        yield Finding("the other side uses this Redis too: who reads it sees when both were used")


def _has_mark(client: "redis.Redis", side: str) -> bool:
    for number in range(_REDIS_DATABASES):
        # A Redis may have fewer databases, or let this user into one only.
        with suppress(redis.ResponseError):
            client.execute_command("SELECT", number)  # type: ignore[no-untyped-call]
            if client.exists(_MARK + side):
                return True
    return False


def _of_database(settings: Settings) -> Iterator[Finding]:
    side = settings.side.value
    database = Database(settings.database_url("identity" if settings.side is Side.IDENTITY else "ballot"))
    try:
        if database.is_sqlite:
            yield Finding(f"{side}: its database is a file, which is not for an election")
            return
        with engine_of(database).connect() as connection:
            role = connection.execute(_ROLE).one()
            neighbours = connection.execute(_NEIGHBOURS, {"comment": _COMMENT + _OTHER[side]}).all()
    except SQLAlchemyError:
        return  # told as a fault
    finally:
        database.close()
    if role.rules or role.owns:
        yield Finding(f"{side}: its role owns the database or rules the server: no table is safe", is_fault=True)
    for name, enters in neighbours:
        if enters:
            yield Finding(f"{side}: its role may enter {name}, the other side's database", is_fault=True)
        else:
            yield Finding(f"the other side's database {name} is on this PostgreSQL server: who rules it sees both")
