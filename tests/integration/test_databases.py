"""Two databases: no role enters the other's, nothing leaves an append-only table, migrations equal tables."""

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.integration.conftest import Cluster, Databases, create_databases
from voting_server.plumbing.database import SIDES, Database
from voting_server.plumbing.migration import SideName, find_faults, migrate_side
from voting_server.plumbing.settings import Settings, Side


@pytest.fixture(scope="module")
def databases(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """Return databases for all tests of this file; none leaves anything behind."""
    return create_databases(cluster, tmp_path_factory.mktemp("databases"))


APPEND_ONLY = {(side, name) for side, data in SIDES.items() for name, table in data.tables.items() if table.info}


@pytest.mark.parametrize(("own", "other"), [("identity", "ballot"), ("ballot", "identity")])
def test_no_role_enters_the_other_sides_database(databases: Databases, own: str, other: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        databases.cluster.connect(getattr(databases, other), own)


@pytest.mark.parametrize("side", ["identity", "ballot"])
def test_the_serving_role_makes_and_drops_no_tables(databases: Databases, side: str) -> None:
    name = getattr(databases, side)
    with databases.cluster.connect(name, side) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE more (a int)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DROP TABLE sessions")


@pytest.mark.parametrize("side", list(SIDES))
def test_the_migrated_database_is_the_one_that_the_stores_declare(
    databases: Databases, side: str, tmp_path: Path
) -> None:
    assert find_faults(databases.settings(Side(side), tmp_path)) == []


def test_the_migrated_sqlite_files_are_the_ones_that_the_stores_declare(tmp_path: Path) -> None:
    settings = Settings(side=Side.DESK, data_dir=tmp_path)
    assert [fault.split(":")[0] for fault in find_faults(settings)] == ["identity", "ballot"]
    migrate_side(settings)
    assert find_faults(settings) == []


def triggers(database: Database, side: SideName) -> set[tuple[str, str]]:
    """Return the triggers of a database: table and name."""
    question = "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'"
    if not database.is_sqlite:
        question = (
            "SELECT relname, tgname FROM pg_trigger JOIN pg_class ON tgrelid = pg_class.oid WHERE NOT tgisinternal"
        )
    with database.read() as connection:
        return {(table, name) for table, name in connection.execute(text(question))}


@pytest.mark.parametrize("side", list(SIDES))
def test_migrations_make_the_triggers_that_the_tables_ask_for(
    databases: Databases, side: SideName, tmp_path: Path
) -> None:
    migrated = Database(databases.settings(Side(side), tmp_path).database_url(side))
    assert triggers(migrated, side) == {(name, f"{name}_no_change") for at, name in APPEND_ONLY if at == side}
    migrated.close()
    settings = Settings(side=Side.DESK, data_dir=tmp_path)
    migrate_side(settings)
    file = Database(settings.database_url(side))
    expected = {(name, f"{name}_no_{act}") for at, name in APPEND_ONLY if at == side for act in ("update", "delete")}
    assert triggers(file, side) == expected
    file.close()


@pytest.mark.parametrize("statement", ["UPDATE {} SET {column} = {column}", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize(("side", "table"), sorted(APPEND_ONLY))
def test_not_even_the_owner_changes_an_append_only_table(
    databases: Databases, side: str, table: str, statement: str
) -> None:
    name = getattr(databases, side)
    column = next(iter(SIDES[side].tables[table].columns)).name
    command = statement.format(table, column=column).encode()
    with (
        databases.cluster.connect(name, f"{side}_owner") as connection,
        pytest.raises(psycopg.errors.RaiseException, match="append-only"),
    ):
        connection.execute(command)


def insert_twice(database: Database) -> None:
    """Insert one row twice in one transaction."""
    insert = text("INSERT INTO sessions (token_hash, subject, expires_at_ms) VALUES ('a', 'b', now_ms())")
    with database.begin() as connection:
        connection.execute(insert)
        connection.execute(insert)


def test_a_transaction_that_fails_leaves_nothing(databases: Databases, tmp_path: Path) -> None:
    database = Database(databases.settings(Side.BALLOT, tmp_path).database_url("ballot"))
    with pytest.raises(IntegrityError):
        insert_twice(database)
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM sessions")).scalar_one() == 0
    database.close()
