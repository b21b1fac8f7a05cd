"""The sequencer's lock: one process of all machines (PostgreSQL's advisory lock) or of this machine (a locked file).

Spec: `docs/operations/faults.md`. The lock ends with the connection or the process that holds it, whatever kills them;
the primary key of `entries` refuses a second writer even where a lock was lost unnoticed.

>>> import tempfile
>>> folder = Path(tempfile.mkdtemp())
>>> first, second = SequencerLock(Database("sqlite://"), folder), SequencerLock(Database("sqlite://"), folder)
>>> first.acquire(), second.acquire(), first.release(), second.acquire(), second.release()
(True, False, None, True, None)
"""

import fcntl
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from voting_server.plumbing.database import Database

_KEY = 0x646F_6275_7368  # "dobush"


class SequencerLock:
    """Held by at most one; the same object may take it again after letting go."""

    def __init__(self, database: Database, folder: Path) -> None:
        """Keep the database, and the folder of the file that stands for SQLite's."""
        self._database, self._folder = database, folder
        self._connection: Connection | None = None
        self._file: BinaryIO | None = None

    def acquire(self) -> bool:
        """Take the lock; False where another has it."""
        if self._connection is not None or self._file is not None:
            return True
        return self._lock_file() if self._database.is_sqlite else self._lock_database()

    def _lock_file(self) -> bool:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = (self._folder / "sequencer.lock").open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def _lock_database(self) -> bool:
        connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _KEY}).scalar_one():
            self._connection = connection
            return True
        connection.close()
        return False

    def is_held(self) -> bool:
        """Tell whether the lock is still ours; the database is asked."""
        if self._connection is None:
            return self._file is not None
        try:
            held = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
            return bool(self._connection.execute(held).scalar_one())
        except SQLAlchemyError:
            return False

    def release(self) -> None:
        """Let go of the lock."""
        if self._connection is not None:
            with suppress(SQLAlchemyError):
                self._connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _KEY})
            # Whatever happened to the connection, its session ends, and its locks with the session.
            with suppress(SQLAlchemyError):
                self._connection.invalidate()
            self._connection.close()
            self._connection = None
        if self._file is not None:
            self._file.close()
            self._file = None
