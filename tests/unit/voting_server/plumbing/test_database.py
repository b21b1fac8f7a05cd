"""The database's clock, its transactions, and its wall against changes (SQLite half; PostgreSQL: integration)."""

from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from voting_server.plumbing.clock import SkewError, require_agreement, require_database_agreement
from voting_server.plumbing.database import BALLOT, IDENTITY, NOW_MS, Database, append_only, wall_clock_ms

METADATA = MetaData()
GROWING = append_only(Table("growing", METADATA, Column("a", Integer, primary_key=True)))


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Return a file's database with a row."""
    made = Database(f"sqlite:///{tmp_path}/a.sqlite")
    METADATA.create_all(made.engine)
    with made.begin() as connection:
        connection.execute(insert(GROWING).values(a=1))
    return made


@pytest.mark.parametrize("change", [update(GROWING).values(a=2), delete(GROWING)], ids=["update", "delete"])
def test_an_append_only_table_does_not_change(database: Database, change: object) -> None:
    with pytest.raises(IntegrityError, match="append-only"), database.begin() as connection:
        connection.execute(change)  # type: ignore[call-overload]
    with database.read() as connection:
        assert connection.execute(select(GROWING.c.a)).scalars().all() == [1]


def test_no_table_of_a_side_refers_to_the_other() -> None:
    for metadata in (IDENTITY, BALLOT):
        targets = {key.column.table for table in metadata.sorted_tables for key in table.foreign_keys}
        assert targets <= set(metadata.sorted_tables)


def test_the_clock_is_the_databases() -> None:
    times = iter([5, 1_000_000])
    database = Database("sqlite://", clock=lambda: next(times))
    assert database.now_ms() == 5
    with database.read() as connection:
        assert connection.execute(select(NOW_MS + 1)).scalar_one() == 1_000_001


@pytest.mark.parametrize("difference", [1_000, -1_000, 0])
def test_clocks_may_differ_by_the_limit(difference: int) -> None:
    require_agreement("a", 10_000, 10_000 + difference, 1_000)


@pytest.mark.parametrize("difference", [1_001, -1_001, 10**12])
def test_clocks_may_not_differ_by_more(difference: int) -> None:
    with pytest.raises(SkewError):
        require_agreement("a", 10_000, 10_000 + difference, 1_000)


@pytest.mark.parametrize("off", [60_000, -60_000])
def test_a_database_whose_clock_is_off_is_not_served(off: int) -> None:
    require_database_agreement(Database("sqlite://"), 1_000)
    with pytest.raises(SkewError):
        require_database_agreement(Database("sqlite://", clock=lambda: wall_clock_ms() + off), 1_000)


def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    with database.begin() as writer:
        writer.execute(insert(GROWING).values(a=2))
        with database.read() as reader:
            assert reader.execute(select(GROWING.c.a)).scalars().all() == [1]
    with database.read() as reader:
        assert reader.execute(select(GROWING.c.a)).scalars().all() == [1, 2]


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    with pytest.raises(ValueError, match="stop"), database.begin() as connection:
        insert_and_stop(connection)
    with database.read() as connection:
        assert connection.execute(select(GROWING.c.a)).scalars().all() == [1]


def insert_and_stop(connection: Connection) -> None:
    """Insert a row and raise."""
    connection.execute(insert(GROWING).values(a=2))
    message = "stop"
    raise ValueError(message)
