"""Real processes: whose keys are in them, whose clock they trust, whose database they serve."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from crypto.election.ceremony import make_key
from crypto.election.entries import parse_entry
from crypto.signatures import key_id
from demo.roles import make_holder
from tests.integration.board.town import Watch
from tests.integration.conftest import Databases, short_folder
from tests.integration.memory import read_memory
from tests.simulator import World, secret, signing_key
from tests.unit.voting_server.elections.test_elections import founding
from voting_server.plumbing.context import Context
from voting_server.plumbing.database import CLOCK_SQL
from voting_server.plumbing.settings import Side
from voting_server.roles.service import Roles

PROGRAM = Path(sys.executable).parent / "dobush-server"
WAIT_S = 60
OWN = [("log", 0), ("receipt", 0)]
OTHERS = [(role, place) for role in ("officer", "registrar", "trustee", "witness") for place in range(3)]


def environment(databases: Databases, folder: Path, side: str) -> dict[str, str]:
    """Return the environment of a process of one side of the world's election."""
    made = {
        "PATH": os.environ["PATH"],
        "DOBUSH_SIDE": side,
        "DOBUSH_DATA_DIR": str(folder),
        f"DOBUSH_{side.upper()}_DATABASE": databases.urls[side],
    }
    if side == "ballot":
        made["DOBUSH_LOG_KEY"], made["DOBUSH_RECEIPT_KEY"] = (secret("key", role, 0).hex() for role, _ in OWN)
    return made


@contextmanager
def running(environment: dict[str, str], *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `dobush-server`; end it by SIGTERM and expect that it ends well."""
    process = subprocess.Popen([PROGRAM, *arguments], env=environment, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=WAIT_S)
        finally:
            process.kill()


def wait_for(process: "subprocess.Popen[bytes]", event: str) -> None:
    """Read the process's log until an event comes; end the process when it does not come."""
    assert process.stderr is not None
    last = b""
    giving_up = threading.Timer(WAIT_S, process.kill)
    giving_up.start()
    try:
        for last in process.stderr:
            if f'"event": "{event}"'.encode() in last:
                return
    finally:
        giving_up.cancel()
    pytest.fail(f"{event} did not come within {WAIT_S} s; the last line: {last!r}")


@contextmanager
def witnesses(world: World, folder: Path) -> Iterator[dict[str, str]]:
    """Run the world's witnesses in this process, on this machine's clock; yield their addresses by name."""
    watches = [Watch.start(world, place, folder, clock=lambda: int(time.time())) for place in range(4)]
    try:
        yield {watch.server.keys.name: watch.url for watch in watches}
    finally:
        for watch in watches:
            watch.stop()


def spellings(seed: bytes) -> list[bytes]:
    """Return the forms in which a seed could lie in memory or in a file."""
    return [seed, seed.hex().encode()]


def enter(databases: Databases, folder: Path, client: httpx.Client, place: int) -> dict[str, str]:
    """Invite an officer as the command line does; log her in over HTTP; return her headers."""
    roles = Roles(Context.open(databases.settings(Side.BALLOT, folder), "ballot"))
    key, body = signing_key("officer", place), World().manifest.officers[place].body
    code = roles.invite(roles.add(f"officer {place}", body, "officer", key.public_key))
    origin, holder = roles.context.origin, make_holder("officer", place)

    def post(path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> httpx.Response:
        return client.post(path, json=body, headers=headers)

    holder.register(post, "ballot", code, "localhost", origin)
    headers = holder.log_in(post, "ballot", "localhost", origin)
    roles.context.close()
    return headers


def propose_founding(client: httpx.Client, people: list[dict[str, str]], world: World) -> dict[str, Any]:
    """Let two officers found the election: one proposes, the other signs, each on her own machine (this test's)."""
    body = founding(world)
    entry = parse_entry(b64decode(body["manifest"]))
    signatures = {key: {"key_id": key.hex(), "signature": signature.hex()} for key, signature in entry.signatures}
    first, second = (signatures[key_id(signing_key("officer", place).public_key)] for place in range(2))
    act = {"type": "manifest", "body": b64encode(entry.body).decode(), "parts": body["parts"], "signature": first}
    made = client.post("/proposals", json=act, headers=people[0])
    assert (made.status_code, made.json()["state"]) == (201, "waiting"), made.text
    answer = client.post(f"/proposals/{made.json()['id']}/signatures", json=second, headers=people[1])
    state: dict[str, Any] = answer.json()
    return state


def test_nobody_elses_key_is_in_the_servers_process_database_or_files(databases: Databases, tmp_path: Path) -> None:
    world, folder = World(changes={"interval_ms": 1_000}), short_folder()
    own = environment(databases, tmp_path, "ballot")
    with running(own, "run", "--side", "ballot", "--uds", f"{folder}/a.sock") as server:
        wait_for(server, "started")
        with httpx.Client(transport=httpx.HTTPTransport(uds=f"{folder}/a.sock"), base_url="http://a") as client:
            people = [enter(databases, tmp_path, client, place) for place in range(2)]
            made = propose_founding(client, people, world)
            assert made["state"] == "taken", made
            with (
                witnesses(world, folder) as urls,
                running({**own, "DOBUSH_WITNESSES": json.dumps(urls)}, "sequencer") as sequencer,
            ):
                wait_for(sequencer, "block-published")
                raw = world.by_trustee("ceremony-key", make_key(world.setting(), 1, 1, 1))
                answer = client.post("/entries", content=raw, headers={"Content-Type": "application/cbor"})
                assert answer.status_code == 202
                memories = [read_memory(server.pid), read_memory(sequencer.pid)]
        kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    dump = subprocess.run(
        ["pg_dump", "-h", databases.cluster.folder, "-U", "postgres", databases.ballot],
        check=True,
        capture_output=True,
        timeout=WAIT_S,
    ).stdout
    seeds = [secret("key", role, place) for role, place in OTHERS]
    for where in (*memories, kept, dump):
        assert [form for seed in seeds for form in spellings(seed) if form in where] == []
    # The search finds what is there: the log's own key.
    assert any(form in memories[1] for form in spellings(secret("key", "log", 0)))
    assert "seal" in str(dump)


@pytest.mark.parametrize("program", ["voting_server", "trustee_tools"])
def test_a_crash_would_leave_no_dump(program: str) -> None:
    steps = f"import resource; from {program}.cli import main; main()"
    shown = "import atexit; atexit.register(lambda: print('dump', resource.getrlimit(resource.RLIMIT_CORE)[0]))"
    allowed = "resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)"
    code = f"import sys, resource; sys.argv = ['program', '--help']; {allowed}; {shown}; {steps}"
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=WAIT_S)
    assert ended.stdout.splitlines()[-1] == "dump 0"


@pytest.mark.parametrize("side", ["identity", "ballot"])
@pytest.mark.parametrize("off_ms", [5_000, -5_000])
def test_a_process_whose_clock_is_not_the_databases_refuses_to_start(
    databases: Databases, tmp_path: Path, side: str, off_ms: int
) -> None:
    with databases.cluster.connect(getattr(databases, side)) as connection:
        connection.execute(CLOCK_SQL.replace("::bigint $$", f"::bigint + {off_ms} $$").encode())
    ended = subprocess.run(
        [PROGRAM, "run", "--side", side, "--uds", f"{tmp_path}/a.sock"],
        env=environment(databases, tmp_path, side),
        check=False,
        capture_output=True,
        timeout=WAIT_S,
    )
    assert ended.returncode != 0
    assert b'"error": "SkewError", "event": "refused-to-start"' in ended.stderr
    shown = subprocess.run(
        [PROGRAM, "check", "--side", side],
        env=environment(databases, tmp_path, side),
        check=False,
        capture_output=True,
        timeout=WAIT_S,
    )
    assert (shown.returncode, b"the clock of database is" in shown.stdout) == (1, True)


def test_a_database_that_does_not_answer_is_not_served(databases: Databases, tmp_path: Path) -> None:
    lost = {**environment(databases, tmp_path, "ballot"), "DOBUSH_BALLOT_DATABASE": "postgresql://x@/x?host=/nowhere"}
    command = [f"{PROGRAM}", "run", "--side", "ballot", "--uds", f"{tmp_path}/a.sock"]
    ended = subprocess.run(command, env=lost, check=False, capture_output=True, timeout=WAIT_S)
    assert ended.returncode != 0
    assert b'"error": "OperationalError", "event": "refused-to-start"' in ended.stderr


def test_a_database_that_is_not_migrated_is_not_served(databases: Databases, tmp_path: Path) -> None:
    with databases.cluster.connect(databases.ballot) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'older'")
    ended = subprocess.run(
        [PROGRAM, "run", "--side", "ballot", "--uds", f"{tmp_path}/a.sock"],
        env=environment(databases, tmp_path, "ballot"),
        check=False,
        capture_output=True,
        timeout=WAIT_S,
    )
    assert ended.returncode != 0
    assert b'"error": "NotMigratedError", "event": "refused-to-start"' in ended.stderr


def test_the_serving_role_cannot_move_the_clock(databases: Databases) -> None:
    with (
        databases.cluster.connect(databases.ballot, "ballot") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("CREATE OR REPLACE FUNCTION now_ms() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'")
