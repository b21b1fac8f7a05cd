"""What stands around the service: Redis killed and emptied, the disk full, clocks that jump."""

import os
import resource
import signal
from collections.abc import Callable

import pytest
import redis

from tests.integration.conftest import RedisServer
from tests.integration.faults.conftest import Matrix
from tests.integration.faults.trial import WAIT_S, Client, Trial, served
from tests.simulator import HOUR_MS, MINUTE_MS
from voting_server.plumbing.settings import Limits

MOST_NONCES = 2 * Limits().nonces_a_minute + 1
"""More than are given in Redis and in memory together."""


def empty(server: RedisServer) -> None:
    """Take away everything that it holds."""
    with connect(server) as connection:
        connection.flushall()


def restart(server: RedisServer) -> None:
    """Let another one, which knows nothing, stand in its place."""
    server.kill()
    server.start()


def hang(server: RedisServer) -> None:
    """Let it take connections and never answer."""
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGSTOP)


def go_on(server: RedisServer) -> None:
    """Let it answer again."""
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGCONT)


def demote(server: RedisServer) -> None:
    """Let it be a replica whose master is gone: it answers, and takes no change."""
    with connect(server) as connection:
        connection.replicaof("127.0.0.1", 1)


def promote(server: RedisServer) -> None:
    """Let it be the master."""
    with connect(server) as connection:
        connection.replicaof("NO", "ONE")


def connect(server: RedisServer) -> "redis.Redis":
    """Return a connection that waits for no answer too long."""
    return redis.Redis.from_url(server.url, socket_timeout=WAIT_S)


def leave(_server: RedisServer) -> None:
    """Do nothing."""


Act = Callable[[RedisServer], None]
REDIS: dict[str, tuple[Act, Act]] = {
    "emptied": (empty, leave),
    "killed and started again": (restart, leave),
    "gone for a while": (RedisServer.kill, RedisServer.start),
    "hung for a while (SIGSTOP)": (hang, go_on),
    "failing over: a replica without a master for a while": (demote, promote),
}


@pytest.mark.parametrize("fault", REDIS)
def test_redis_is_lost(make_trial: Callable[..., Trial], matrix: Matrix, redis_server: RedisServer, fault: str) -> None:
    begin, end = REDIS[fault]
    trial = make_trial(redis=redis_server.url)
    with served(trial) as client:
        clients = [client(place) for place in range(4)]
        clients[0].vote()
        entry = clients[1].make()
        begin(redis_server)
        try:
            assert clients[1].cast(entry).status_code == 201
            assert clients[1].cast(entry).status_code == 201
            trial.town.write()
            for each in (*clients[2:], clients[0]):
                each.vote()
            # No limit is lifted: each process counts for itself meanwhile.
            asked = [clients[3].ask_nonce(bytes([number]) * 32) for number in range(MOST_NONCES)]
            assert 201 in asked
            assert 429 in asked
        finally:
            end(redis_server)
        client(4).vote()
    trial.finish()
    matrix.note("Redis", fault, trial.judge())


def test_the_disk_is_full(make_trial: Callable[..., Trial], matrix: Matrix) -> None:
    trial = make_trial()
    trial.start_web()
    sequencer = trial.start_sequencer()
    clients = [trial.client(place) for place in range(4)]
    for each in clients[:2]:
        each.vote()
    seen = sequencer.wait_for("quorum-reached", len(sequencer.events))
    trial.look()
    _, hard = resource.prlimit(sequencer.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(sequencer.process.pid, resource.RLIMIT_FSIZE, (512, hard))
    failed = sequencer.wait_for("sequencer-waits", seen)
    for each in clients[2:]:
        each.vote()
    trial.look()
    sequencer.wait_for("sequencer-waits", failed)
    resource.prlimit(sequencer.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    sequencer.wait_for("quorum-reached", failed)
    trial.look()
    sequencer.stop()
    trial.take_over()
    trial.finish()
    matrix.note("disk", "full for the published files (RLIMIT_FSIZE), then free again", trial.judge())


@pytest.mark.parametrize("jump_ms", [-2 * HOUR_MS, 2 * HOUR_MS])
def test_the_databases_clock_jumps_and_returns(make_trial: Callable[..., Trial], matrix: Matrix, jump_ms: int) -> None:
    trial = make_trial()
    town, statuses = trial.town, set[int]()
    with served(trial) as client:
        town.clock_ms += 20 * MINUTE_MS
        town.write()
        town.write()
        clients = [client(place) for place in range(4)]
        clients[0].vote()
        town.write()
        entry = clients[1].make()
        town.set_clock(town.clock_ms + jump_ms)
        for each in (clients[1], clients[2], clients[0]):
            statuses.add(_try(each, entry if each is clients[1] else None))
        town.sequencer.step()
        trial.look()
        town.set_clock(town.clock_ms)
        town.write()
        town.write()
        for place in range(4):
            client(place).vote()
            town.write()
    trial.finish()
    way = f"{abs(jump_ms) // MINUTE_MS} minutes {'back' if jump_ms < 0 else 'forward'}"
    answers = " and ".join(map(str, sorted(statuses)))
    matrix.note("clock", f"the database's clock {way}, casts answered {answers}, and right again", trial.judge())


def _try(client: Client, entry: bytes | None) -> int:
    """Cast while the clock is wrong; return the status: 201, or an honest refusal."""
    try:
        status = client.cast(entry or client.make()).status_code
    except Exception as error:  # noqa: BLE001 - httpx and Starlette's client have errors of their own
        status = error.response.status_code  # type: ignore[attr-defined]
    assert status == 201 or 400 <= status < 500 or status == 503
    return int(status)
