"""Tables of the casting: log-in tokens that were used, and first components of the ballots that were taken in.

Spec: `docs/spec/ballot.md`, section on uniqueness. Private to this feature. Two ballots that wait at once and share a
component would each get a receipt although the board can take only one; their rows here exclude that.

>>> LOGINS.name, FIRSTS.name
('used_logins', 'firsts')
"""

from collections.abc import Iterable

from sqlalchemy import Column, Connection, LargeBinary, Table, delete, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from voting_server.plumbing.database import BALLOT, BIG, NOW_MS, Database

LOGINS = Table(
    "used_logins",
    BALLOT,
    Column("token", LargeBinary(16), primary_key=True),
    Column("expires_at_ms", BIG, nullable=False, index=True),
)
FIRSTS = Table(
    "firsts",
    BALLOT,
    Column("value", LargeBinary(33), primary_key=True),
)


_RESERVE = text("INSERT INTO firsts (value) SELECT unnest(CAST(:values AS bytea[]))")


class TakenError(Exception):
    """A first component stands in a ballot that was taken in before."""


class Store:
    """Writes of the casting's own tables."""

    def __init__(self, database: Database) -> None:
        """Keep the database of the ballot side."""
        self._database = database

    def use_login(self, connection: Connection, token: bytes, life_ms: int) -> bool:
        """Note that a log-in token is used; tell whether it was the first time. Tokens that expired are swept away."""
        connection.execute(delete(LOGINS).where(LOGINS.c.expires_at_ms < NOW_MS))
        dialect = sqlite if self._database.is_sqlite else postgresql
        row = dialect.insert(LOGINS).values(token=token, expires_at_ms=NOW_MS + life_ms)
        return connection.execute(row.on_conflict_do_nothing().returning(LOGINS.c.token)).first() is not None

    def reserve(self, connection: Connection, firsts: Iterable[bytes]) -> None:
        """Reserve first components. Raises TakenError; the transaction is spoiled then."""
        # In one order everywhere, so that two transactions never wait for each other in a circle.
        values = sorted(firsts)
        try:
            if self._database.is_sqlite:
                connection.execute(FIRSTS.insert(), [{"value": value} for value in values])
            else:
                connection.execute(_RESERVE, {"values": values})
        except IntegrityError:
            raise TakenError from None
