"""A second PostgreSQL that follows the first one: base backup, promise of two disks, promotion, a lost one rebuilt."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

from tests.integration.conftest import Cluster, as_postgres, binary
from tests.integration.faults.trial import wait_until

_PROGRAM_S = 120


def follow(standby: Cluster, name: str, primary: Cluster) -> None:
    """Make a cluster anew as a copy of the primary, which it follows under a name, and start it."""
    data = standby.folder / "data"
    shutil.rmtree(data, ignore_errors=True)
    source = f"host={primary.folder} user=postgres application_name={name}"
    copy = [binary("pg_basebackup"), "-D", str(data), "-d", source, "-R", "-X", "stream", "-c", "fast"]
    subprocess.run(as_postgres(copy), check=True, capture_output=True, cwd=standby.folder, timeout=_PROGRAM_S)
    with Path(data, "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(f"unix_socket_directories = '{standby.folder}'\n")
    standby.start()


def demand(primary: Cluster, *names: str) -> None:
    """Let the primary confirm nothing before one of these standbys has it on its disk, from now on."""
    with primary.connect() as connection:
        connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 ({', '.join(names)})'".encode())
        connection.execute(b"SELECT pg_reload_conf()")


def wait_for_standby(primary: Cluster, name: str) -> None:
    """Wait until the primary counts on a standby."""

    def is_counted() -> bool:
        with primary.connect() as connection:
            query = "SELECT count(*) FROM pg_stat_replication WHERE application_name = %s AND sync_state = 'quorum'"
            return connection.execute(query.encode(), (name,)).fetchone() == (1,)

    wait_until(is_counted, f"{name} does not follow")


def count_unconfirmed(primary: Cluster, role: str) -> int:
    """Return how many of a role's commits wait for a standby's disk."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = %s"
    with primary.connect() as connection:
        row = connection.execute(query.encode(), (role,)).fetchone()
    return int(str(row[0])) if row else 0


def promote(standby: Cluster) -> None:
    """Let a standby become the primary."""
    command = [binary("pg_ctl"), "-D", f"{standby.folder}/data", "-w", "promote"]
    subprocess.run(as_postgres(command), check=True, stdout=subprocess.DEVNULL, cwd=standby.folder, timeout=_PROGRAM_S)


def url_of_both(first: Cluster, second: Cluster, database: str, role: str) -> str:
    """Return a URL under which a program finds whichever of the two takes changes."""
    hosts = quote(f"{first.folder},{second.folder}", safe=",")
    return f"postgresql://{role}@/{database}?host={hosts}&target_session_attrs=read-write&connect_timeout=5"
