"""A town's board on PostgreSQL and on SQLite, with four witnesses over HTTP and the world's clock."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.board.town import Town, found_town, sqlite_town
from voting_server.plumbing.database import Database

_CLOCK = (
    "CREATE TABLE world_clock (now bigint)",
    "INSERT INTO world_clock VALUES (0)",
    "GRANT SELECT ON world_clock TO PUBLIC",
    "CREATE OR REPLACE FUNCTION now_ms() RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT now FROM world_clock'",
)


@pytest.fixture(params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    """Return a town before block 0, on each kind of database."""
    if request.param == "sqlite":
        made = sqlite_town(tmp_path)
    else:
        databases = request.getfixturevalue("databases")
        admin = databases.cluster.connect(databases.ballot)
        for statement in _CLOCK:
            admin.execute(statement.encode())

        def set_clock(now_ms: int) -> None:
            admin.execute(b"UPDATE world_clock SET now = %s", (now_ms,))

        made = found_town(tmp_path, Database(databases.urls["ballot"]), set_clock)
    yield made
    made.stop()
    if request.param == "postgresql":
        admin.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Town]:
    """Return a town on SQLite alone, for what does not depend on the database."""
    made = sqlite_town(tmp_path)
    yield made
    made.stop()
