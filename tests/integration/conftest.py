"""Throw-away services for the integration tests: PostgreSQL and Redis on unix sockets, stopped by their pid.

`cluster` is the PostgreSQL cluster of the whole run with durability on; `databases` gives a test two fresh databases
with their roles; `redis_server` starts a Redis of its own. As root the cluster belongs to the system user `postgres`.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import FrameType
from urllib.parse import quote

import psycopg
import pytest
import redis

import voting_server.app  # noqa: F401 - declares every table
from voting_server.plumbing.migration import migrate_side
from voting_server.plumbing.settings import Settings, Side

_DATABASES = count(1)
LONGEST_S = 480
"""A test with all its fixtures; the whole suite has its ceiling in `tests/budget.toml`."""
_PROGRAM_S = 120


class DeadlineError(BaseException):
    """A test went on for too long; no `except Exception` of what it tests takes this for a fault of its own."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """End whatever a test waits for when its time is up: it fails with the place where it waited, the next ones run."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        message = f"{item.nodeid} went on for {LONGEST_S} s"
        raise DeadlineError(message)

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_S, 10)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def binary(name: str) -> str:
    """Return the path of one of PostgreSQL's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not found:
        message = f"{name} is missing; `make` installs packages.txt"
        raise FileNotFoundError(message)
    return str(found[-1])


def as_postgres(command: list[str]) -> list[str]:
    """Return the command as the system user `postgres` where we are root, which PostgreSQL refuses to run as."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


@dataclass(slots=True)
class Cluster:
    """One PostgreSQL cluster in a folder, reached through a unix socket in it."""

    folder: Path
    settings: tuple[str, ...] = ()
    pid: int = 0
    has_templates: bool = False

    def create(self) -> None:
        """Make the cluster's files."""
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        command = [binary("initdb"), "-D", f"{self.folder}/data", "-A", "trust", "-U", "postgres", "-E", "UTF8"]
        subprocess.run(
            as_postgres([*command, "--locale=C"]), check=True, capture_output=True, cwd=self.folder, timeout=_PROGRAM_S
        )
        with Path(self.folder, "data/postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(
                f"listen_addresses = ''\nunix_socket_directories = '{self.folder}'\nmax_connections = 200\n"
                "fsync = on\nsynchronous_commit = on\nfull_page_writes = on\nshared_buffers = 128MB\n"
                "autovacuum_naptime = 5s\n" + "".join(f"{line}\n" for line in self.settings)
            )

    def start(self) -> None:
        """Start the server and remember its pid."""
        command = [binary("pg_ctl"), "-D", f"{self.folder}/data", "-w", "-l", f"{self.folder}/log", "start"]
        subprocess.run(as_postgres(command), check=True, stdout=subprocess.DEVNULL, cwd=self.folder, timeout=_PROGRAM_S)
        self.pid = int(Path(self.folder, "data/postmaster.pid").read_text(encoding="ascii").split()[0])

    def stop(self, mode: str = "fast") -> None:
        """Stop the server and end its connections; `immediate` writes nothing more."""
        command = [binary("pg_ctl"), "-D", f"{self.folder}/data", "-w", "-m", mode, "stop"]
        subprocess.run(as_postgres(command), check=True, stdout=subprocess.DEVNULL, cwd=self.folder, timeout=_PROGRAM_S)
        self.pid = 0

    def kill(self) -> None:
        """Kill the server's main process as a crash would; its children notice and end themselves."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
        os.kill(self.pid, signal.SIGKILL)
        # Only without any of them may the cluster be started again.
        for pid in (self.pid, *map(int, children)):
            wait_for_end(pid)
        # Where nobody reaps orphans, its number still seems to be taken.
        for name in ("data/postmaster.pid", ".s.PGSQL.5432.lock"):
            Path(self.folder, name).unlink()
        self.pid = 0

    def url(self, database: str, role: str = "postgres") -> str:
        """Return the URL of a database as a role."""
        return f"postgresql://{role}@/{database}?host={quote(str(self.folder), safe='')}"

    def connect(self, database: str = "postgres", role: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """Connect directly."""
        return psycopg.connect(dbname=database, user=role, host=str(self.folder), autocommit=True, connect_timeout=60)


@dataclass(frozen=True, slots=True)
class Databases:
    """The names of two databases, one a side; no role of one may enter the other."""

    cluster: Cluster
    identity: str
    ballot: str
    urls: dict[str, str] = field(default_factory=dict)

    def settings(self, side: Side, data_dir: Path, **more: object) -> Settings:
        """Return the settings of a process of one side, as its serving role."""
        key = f"{side}_database"
        return Settings(side=side, data_dir=data_dir, **{key: self.urls[side], **more})  # type: ignore[arg-type]


def wait_for_end(pid: int) -> None:
    """Return when a process that is not our child is gone."""
    for _ in range(2_000):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.005)
    message = f"process {pid} does not end"
    raise TimeoutError(message)


def short_folder() -> Path:
    """Return a new folder whose path is short enough for a unix socket."""
    return Path(tempfile.mkdtemp(prefix="dobush-"))


@pytest.fixture(scope="session")
def make_cluster() -> Iterator[Callable[..., Cluster]]:
    """Return a maker of clusters, all of which are stopped and removed at the end of the run."""
    made: list[Cluster] = []

    def make(*settings: str) -> Cluster:
        cluster = Cluster(short_folder(), settings)
        made.append(cluster)
        cluster.create()
        cluster.start()
        return cluster

    yield make
    for cluster in made:
        if cluster.pid:
            cluster.stop("immediate")
        shutil.rmtree(cluster.folder)


@pytest.fixture(scope="session")
def cluster(make_cluster: Callable[..., Cluster]) -> Cluster:
    """Return the run's PostgreSQL cluster; a test that stops or kills one makes its own."""
    return make_cluster()


def create_databases(cluster: Cluster, data_dir: Path) -> Databases:
    """Create two migrated databases, one a side, as copies of the cluster's templates (made with the first)."""
    number = next(_DATABASES)
    made = Databases(cluster, f"identity_{number}", f"ballot_{number}")
    if not cluster.has_templates:
        make_templates(cluster, data_dir)
    for side, name in (("identity", made.identity), ("ballot", made.ballot)):
        run(
            cluster,
            "postgres",
            f"CREATE DATABASE {name} OWNER {side}_owner TEMPLATE template_{side}",
            *rights(side, name),
        )
        made.urls[side] = cluster.url(name, side)
    return made


def make_templates(cluster: Cluster, data_dir: Path) -> None:
    """Make the four roles, and for each side a database migrated by its owner."""
    for side in ("identity", "ballot"):
        name = f"template_{side}"
        create = [
            f"CREATE ROLE {side}_owner LOGIN",
            f"CREATE ROLE {side} LOGIN",
            f"CREATE DATABASE {name} OWNER {side}_owner",
        ]
        run(cluster, "postgres", *create, *rights(side, name))
        run(cluster, name, "REVOKE ALL ON SCHEMA public FROM PUBLIC", f"GRANT ALL ON SCHEMA public TO {side}_owner")
        owner = Settings(
            side=Side(side),
            data_dir=data_dir,
            owner_database=cluster.url(name, f"{side}_owner"),
            **{f"{side}_database": cluster.url(name, side)},  # type: ignore[arg-type]
        )
        migrate_side(owner)
    cluster.has_templates = True


def rights(side: str, database: str) -> list[str]:
    """Return the statements that let only a side's two roles enter its database."""
    return [f"REVOKE ALL ON DATABASE {database} FROM PUBLIC", f"GRANT CONNECT ON DATABASE {database} TO {side}"]


def run(cluster: Cluster, database: str, *statements: str) -> None:
    """Run statements as the cluster's superuser."""
    with cluster.connect(database) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.fixture
def databases(cluster: Cluster, tmp_path: Path) -> Databases:
    """Return two fresh databases, migrated; the roles are called `identity`, `ballot` and `…_owner`."""
    return create_databases(cluster, tmp_path)


@dataclass(slots=True)
class RedisServer:
    """One Redis without persistence on a unix socket."""

    folder: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """The URL for the settings."""
        return f"unix://{self.folder}/redis.sock"

    def start(self) -> None:
        """Start it and wait until it answers."""
        socket = f"{self.folder}/redis.sock"
        options = ["--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", f"{self.folder}"]
        self.process = subprocess.Popen(
            ["redis-server", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        client = redis.Redis(unix_socket_path=socket)
        for _ in range(400):
            try:
                client.ping()
            except redis.ConnectionError:
                time.sleep(0.01)
            else:
                client.close()
                return
        message = "Redis does not answer"
        raise TimeoutError(message)

    def kill(self) -> None:
        """Kill it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """Return a running Redis of the test's own."""
    server = RedisServer(short_folder())
    server.start()
    yield server
    server.kill()
    shutil.rmtree(server.folder)
