"""Migrations of one side's database, what its role may do there, and whether a database is as this version needs it.

Spec: `docs/operations/settings.md`, section "Databases". Alembic runs inside the program; `migrations/` holds one
history a side. The owner of a database migrates it; the role that serves gets exactly what it needs and can change no
append-only table.
"""

from importlib.resources import files
from typing import Literal

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from voting_server.plumbing.clock import SkewError, require_database_agreement
from voting_server.plumbing.database import SIDES, Database, engine_of
from voting_server.plumbing.separation import comment_on
from voting_server.plumbing.sessions import BALLOT_SESSIONS, IDENTITY_SESSIONS
from voting_server.plumbing.settings import Settings, Side

SideName = Literal["identity", "ballot"]


_OWN = {"identity": IDENTITY_SESSIONS.table, "ballot": BALLOT_SESSIONS.table}
"""Plumbing's own tables; the features' are declared by whoever imports `voting_server.app`."""


def sides_of(settings: Settings) -> tuple[SideName, ...]:
    """Return the sides that a process serves."""
    if settings.side is Side.DESK:
        return ("identity", "ballot")
    return ("identity",) if settings.side is Side.IDENTITY else ("ballot",)


def migrate_side(settings: Settings) -> None:
    """Bring the database of the settings' side (at a desk: both) to the newest migration, and grant its role."""
    for side in sides_of(settings):
        url = settings.database_url(side)
        if url.startswith("sqlite:///"):
            settings.data_dir.mkdir(parents=True, exist_ok=True)
        owner = settings.owner_database.get_secret_value() if settings.owner_database else url
        database = Database(owner)
        try:
            with database.begin() as connection:
                command.upgrade(alembic_config(side, connection), "head")
                if not database.is_sqlite:
                    comment_on(connection, side)
                role = make_url(url).username
                if role and owner != url:
                    grant(connection, side, role)
        finally:
            database.close()


def alembic_config(side: SideName, connection: Connection) -> Config:
    """Return Alembic's configuration for a side, bound to an open transaction."""
    folder = files("migrations")
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("version_locations", str(folder / "versions" / side))
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=connection, metadata=SIDES[side])
    return config


def grant(connection: Connection, side: SideName, role: str) -> None:
    """Let a PostgreSQL role use a side's tables: append-only ones are for reading and inserting."""
    name = connection.dialect.identifier_preparer.quote(role)
    statements = [f"GRANT USAGE ON SCHEMA public TO {name}", f"GRANT SELECT ON alembic_version TO {name}"]
    statements.append(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}")
    for table in SIDES[side].sorted_tables:
        acts = "SELECT, INSERT" if table.info.get("append_only") else "SELECT, INSERT, UPDATE, DELETE"
        statements.append(f"GRANT {acts} ON {table.name} TO {name}")
    for statement in statements:
        connection.execute(text(statement))


class NotMigratedError(RuntimeError):
    """A database is not at the version of this program."""


def require_current(database: Database, side: SideName) -> None:
    """Check that a database has this version's migrations. Raises NotMigratedError."""
    with engine_of(database).connect() as connection:
        script = ScriptDirectory.from_config(alembic_config(side, connection))
        if MigrationContext.configure(connection).get_current_revision() != script.get_current_head():
            message = f"the {side} database is not at this version: run dobush-server migrate --side {side}"
            raise NotMigratedError(message)


def find_faults(settings: Settings) -> list[str]:
    """Return what is wrong with the databases of a process's sides: unreachable, not migrated, changed, clock."""
    faults: list[str] = []
    for side in sides_of(settings):
        database = Database(settings.database_url(side))
        try:
            with engine_of(database).connect() as connection:
                faults += [f"{side}: {fault}" for fault in _compare(connection, side)]
            require_database_agreement(database, settings.limits.skew_ms)
        except SkewError as error:
            faults.append(f"{side}: {error}")
        except SQLAlchemyError as error:
            faults.append(f"{side}: {type(error).__name__}")
        finally:
            database.close()
    return faults


def _compare(connection: Connection, side: SideName) -> list[str]:
    context = MigrationContext.configure(connection)
    script = ScriptDirectory.from_config(alembic_config(side, connection))
    if context.get_current_revision() != script.get_current_head():
        return ["not migrated to this version: run dobush-server migrate"]
    return [f"differs from this version: {difference[0]}" for difference in compare_metadata(context, SIDES[side])]
