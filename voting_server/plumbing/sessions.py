"""Sessions: a random token in a `__Host-` cookie, its hash in the side's own database.

Spec: `docs/operations/settings.md`, section "Cookies". Each side has its own cookie, its own host and its own table; a
session of one side says nothing to the other. A request that a cookie speaks for must come from this side's own origin.

>>> IDENTITY_SESSIONS.cookie, BALLOT_SESSIONS.cookie
('__Host-dobush-identity', '__Host-dobush-ballot')
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request, Response
from sqlalchemy import Column, Connection, LargeBinary, MetaData, Table, delete, insert, select

from voting_server.plumbing.database import BALLOT, BIG, IDENTITY, NOW_MS
from voting_server.plumbing.problems import ProblemError

_TOKEN_BYTES = 32
FOUND = "dobush.session"
"""Key of a request's scope: a session was found for its cookie; True for the side's own voters, else its digest."""


def session_table(metadata: MetaData, name: str = "sessions") -> Table:
    """Return a table of sessions."""
    return Table(
        name,
        metadata,
        Column("token_hash", LargeBinary(32), primary_key=True),
        Column("subject", LargeBinary(64), nullable=False),
        Column("expires_at_ms", BIG, nullable=False, index=True),
    )


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions of one side; `subject` is what the side knows its people by (a person's row, a pseudonym)."""

    cookie: str
    table: Table

    def open(self, connection: Connection, subject: bytes, life_s: int) -> str:
        """Store a new session and return its token, which only the client keeps; expired ones are swept away."""
        token = secrets.token_bytes(_TOKEN_BYTES)
        connection.execute(delete(self.table).where(self.table.c.expires_at_ms < NOW_MS))
        connection.execute(
            insert(self.table).values(token_hash=_hash(token), subject=subject, expires_at_ms=NOW_MS + life_s * 1_000)
        )
        return token.hex()

    def subject(self, connection: Connection, request: Request) -> bytes:
        """Return whom a request's cookie speaks for. Raises ProblemError when it speaks for nobody (any more)."""
        try:
            token = bytes.fromhex(request.cookies.get(self.cookie, ""))
        except ValueError:
            token = b""
        found = connection.execute(
            select(self.table.c.subject).where(
                self.table.c.token_hash == _hash(token), self.table.c.expires_at_ms >= NOW_MS
            )
        ).scalar_one_or_none()
        if found is None:
            raise ProblemError("not-logged-in")
        request.scope[FOUND] = self.digest(request)
        return bytes(found)

    def digest(self, request: Request) -> bytes:
        """Return what the table knows a request's cookie by; of no session where there is none."""
        try:
            return _hash(bytes.fromhex(request.cookies.get(self.cookie, "")))
        except ValueError:
            return _hash(b"")

    def find_subjects(self, connection: Connection, digests: Sequence[bytes]) -> tuple[dict[bytes, bytes], int]:
        """Return whom each of many cookies speaks for, as far as they do, and the database's clock: one statement."""
        now = select(NOW_MS.label("now_ms")).subquery()
        joined = now.outerjoin(
            self.table, self.table.c.token_hash.in_(digests) & (self.table.c.expires_at_ms >= now.c.now_ms)
        )
        rows = connection.execute(
            select(now.c.now_ms, self.table.c.token_hash, self.table.c.subject).select_from(joined)
        ).all()
        found = {bytes(row.token_hash): bytes(row.subject) for row in rows if row.token_hash is not None}
        return found, rows[0].now_ms

    def end(self, connection: Connection, request: Request) -> None:
        """Forget the session of a request's cookie."""
        cookie = request.cookies.get(self.cookie, "")
        try:
            token = bytes.fromhex(cookie)
        except ValueError:
            return
        connection.execute(delete(self.table).where(self.table.c.token_hash == _hash(token)))

    def hand_out(self, response: Response, token: str, life_s: int) -> None:
        """Set the cookie: this host only, HTTPS only (or localhost), never for scripts, never from other sites."""
        response.set_cookie(self.cookie, token, max_age=life_s, path="/", secure=True, httponly=True, samesite="strict")

    def take_back(self, response: Response) -> None:
        """Delete the cookie."""
        response.delete_cookie(self.cookie, path="/", secure=True, httponly=True, samesite="strict")


def _hash(token: bytes) -> bytes:
    return hashlib.sha256(b"dobush session" + token).digest()


IDENTITY_SESSIONS = Sessions("__Host-dobush-identity", session_table(IDENTITY))
BALLOT_SESSIONS = Sessions("__Host-dobush-ballot", session_table(BALLOT))
