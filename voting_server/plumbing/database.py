"""One database of one side: its engine, its transactions, its clock; append-only tables.

Spec: `docs/architecture.md`, section "Server". The features' stores declare their tables on `IDENTITY` or `BALLOT`; no
table of one refers to the other. The database's clock decides: `now_ms()` is a function *in* the database (PostgreSQL)
or on its connection (SQLite), the only clock that a deadline is compared with.

>>> database = Database("sqlite://")
>>> database.now_ms() > 1_700_000_000_000
True
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    create_engine,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy.pool import StaticPool
from sqlalchemy.schema import DDL

_NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
IDENTITY = MetaData(naming_convention=_NAMES)
"""Tables of the identity side: who somebody is, and that a slot was taken."""
BALLOT = MetaData(naming_convention=_NAMES)
"""Tables of the ballot side: entries, what waits, what was signed."""
SIDES = {"identity": IDENTITY, "ballot": BALLOT}

BIG = BigInteger().with_variant(Integer, "sqlite")
"""64 bits everywhere; SQLite numbers rows only in a column that is called INTEGER."""
BYTES = LargeBinary()

NOW_MS = func.now_ms(type_=BigInteger)
"""The database's clock as an SQL expression, ms since 1970."""

CLOCK_SQL = """CREATE OR REPLACE FUNCTION now_ms() RETURNS bigint LANGUAGE sql VOLATILE AS
$$ SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint $$"""
"""PostgreSQL's `now_ms()`: the wall clock, not the start of the transaction."""


_READS = "dobush_reads"


def _ddl(statement: str, dialect: str) -> Any:  # noqa: ANN401 - SQLAlchemy's own type
    """Return a statement that runs where this dialect creates tables."""
    ddl: Any = DDL
    return ddl(statement.replace("%", "%%")).execute_if(dialect=dialect)


for _side in SIDES.values():
    event.listen(_side, "before_create", _ddl(CLOCK_SQL, "postgresql"))


def protect(table: str, dialect: str) -> list[str]:
    """Return the statements that let a table grow and never change: no update, no delete, no truncation."""
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for act in ("UPDATE", "DELETE")
        ]
    return [
        (
            f"CREATE OR REPLACE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
        ),
        (
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()"
        ),
    ]


def append_only(table: Table) -> Table:
    """Declare a table append-only: whoever creates it creates its triggers too."""
    table.info["append_only"] = True
    for dialect in ("sqlite", "postgresql"):
        for statement in protect(table.name, dialect):
            event.listen(table, "after_create", _ddl(statement, dialect))
    return table


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get(_READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def wall_clock_ms() -> int:
    """Return this machine's clock in ms since 1970."""
    return time.time_ns() // 1_000_000


class Database:
    """An engine with this project's rules; safe to share between threads."""

    def __init__(
        self, url: str, *, pool: int = 16, pool_wait_s: float = 5, clock: Callable[[], int] = wall_clock_ms
    ) -> None:
        """Open lazily; `clock` is what SQLite, which has no clock of its own, takes for one.

        Who asks for one connection more than `pool` waits `pool_wait_s` and is refused with SQLAlchemy's TimeoutError.
        """
        self._clock = clock
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        if not self.is_sqlite:
            parsed = make_url(url).set(drivername="postgresql+psycopg")
            self.engine = create_engine(
                parsed, pool_size=pool, max_overflow=0, pool_timeout=pool_wait_s, pool_pre_ping=True
            )
            return
        options: dict[str, Any] = {"connect_args": {"check_same_thread": False, "timeout": 30}}
        if make_url(url).database in {None, "", ":memory:"}:
            options["poolclass"] = StaticPool
        self.engine = create_engine(url, **options)
        event.listen(self.engine, "connect", self._set_up_sqlite)
        # The driver's own transactions begin only at the first write; a reader-then-writer would then fail.
        event.listen(self.engine, "begin", _begin_sqlite)

    def _set_up_sqlite(self, connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own type
        connection.isolation_level = None
        connection.create_function("now_ms", 0, self._clock)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Run one transaction: committed at the end, rolled back when anything is raised."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Run one transaction that only reads, beside whoever writes."""
        with self.engine.connect().execution_options(**{_READS: True}) as connection:
            yield connection

    def now_ms(self) -> int:
        """Return the database's clock."""
        with self.read() as connection:
            return int(connection.execute(select(NOW_MS)).scalar_one())

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def engine_of(database: Database) -> Engine:
    """Return the engine, for migrations only."""
    return database.engine
