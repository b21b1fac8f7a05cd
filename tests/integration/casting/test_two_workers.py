"""Two workers on one PostgreSQL database: what races is decided by the database, to the millisecond by its clock."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from tests.desk import ORIGIN, Desk, Sitting, desk_settings, open_desk
from tests.integration.conftest import Databases, RedisServer
from tests.simulator import secret
from voting_server.app import create_app
from voting_server.plumbing.sessions import BALLOT_SESSIONS

LIMITS = {"casts_a_minute": 1_000, "nonces_a_minute": 1_000, "logins_a_minute": 100}


@pytest.fixture
def set_clock(databases: Databases) -> Callable[[int], None]:
    """Return what sets the database's clock."""

    def set_to(now_ms: int) -> None:
        with databases.cluster.connect(databases.ballot) as connection:
            body = f"SELECT {now_ms}::bigint"
            connection.execute(
                f"CREATE OR REPLACE FUNCTION now_ms() RETURNS bigint LANGUAGE sql VOLATILE AS '{body}'".encode()
            )

    return set_to


@pytest.fixture
def workers(
    databases: Databases, redis_server: RedisServer, tmp_path: Path, set_clock: Callable[[int], None]
) -> Iterator[tuple[Desk, TestClient]]:
    """Return a desk on PostgreSQL, and a client of a second worker on the same database and Redis."""
    more: dict[str, Any] = {"ballot_database": databases.urls["ballot"], "redis": redis_server.url, "limits": LIMITS}
    with ExitStack() as stack:
        desk = stack.enter_context(open_desk(tmp_path, **more))
        set_clock(desk.world.clock_ms)
        second = create_app(desk_settings(tmp_path, **more))
        yield desk, stack.enter_context(TestClient(second, base_url=ORIGIN))


def at_the_other(sitting: Sitting, client: TestClient) -> Sitting:
    """Return the same voter's client at the second worker: one session, one database."""
    client.cookies = sitting.client.cookies
    return Sitting(sitting.desk, sitting.voter, client)


def test_fifty_ballots_with_one_number_at_two_workers(workers: tuple[Desk, TestClient]) -> None:
    desk, second = workers
    sitting = desk.log_in(0)
    pair = (sitting, at_the_other(sitting, second))
    entries = [sitting.entry(seed=secret("rival", number)) for number in range(50)]
    with ThreadPoolExecutor(50) as pool:
        futures = [pool.submit(pair[place % 2].cast, entry) for place, entry in enumerate(entries)]
    statuses = sorted(future.result().status_code for future in futures)
    assert statuses == [201] + [409] * 49
    assert desk.store.count_waiting() == 1
    assert desk.sequence() == []
    assert desk.world.record.tally.accepted == 1


def test_copies_at_two_workers_get_one_receipt(workers: tuple[Desk, TestClient]) -> None:
    desk, second = workers
    sittings = [desk.log_in(number) for number in range(8)]
    casts = [(sitting, sitting.entry()) for sitting in sittings]
    with ThreadPoolExecutor(32) as pool:
        futures = {
            place: [
                pool.submit(who.cast, entry)
                for who in (sitting, Sitting(desk, sitting.voter, clone(second, sitting)))
                for _ in range(2)
            ]
            for place, (sitting, entry) in enumerate(casts)
        }
    for answers in futures.values():
        assert {future.result().status_code for future in answers} == {201}
        assert len({future.result().text for future in answers}) == 1
    assert desk.store.count_waiting() == 8


def clone(client: TestClient, sitting: Sitting) -> TestClient:
    """Return a client of the same worker with a voter's cookie."""
    other = TestClient(client.app, base_url=ORIGIN)
    other.cookies = sitting.client.cookies
    return other


def test_a_shared_component_is_taken_once_at_two_workers(workers: tuple[Desk, TestClient]) -> None:
    desk, second = workers
    first, other = desk.log_in(0), desk.log_in(1)
    entries = [sitting.entry(seed=secret("shared")) for sitting in (first, other)]
    elsewhere = at_the_other(other, second)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(first.cast, entries[0]), pool.submit(elsewhere.cast, entries[1])]
    assert sorted(future.result().status_code for future in futures) == [201, 409]
    assert desk.sequence() == []


def test_receipt_means_counted_by_the_databases_clock(
    workers: tuple[Desk, TestClient], set_clock: Callable[[int], None]
) -> None:
    desk, second = workers
    world, manifest = desk.world, desk.world.manifest
    sittings = [desk.log_in(number) for number in range(4)]
    entries = [sitting.entry() for sitting in sittings]
    end_ms, statuses = manifest.closes_at_ms + manifest.grace_ms, []
    with desk.store._database.begin() as connection:
        connection.execute(update(BALLOT_SESSIONS.table).values(expires_at_ms=end_ms + 60_000))
    for late_ms, sitting, entry in zip((-1, 0, 1, 0), sittings, entries, strict=True):
        set_clock(end_ms + late_ms)
        statuses.append(at_the_other(sitting, second).cast(entry).status_code)
    assert statuses == [201, 201, 409, 201]
    world.clock_ms = end_ms
    assert desk.sequence() == []
    assert world.record.tally.accepted == 3


def test_losing_redis_loses_no_cast(workers: tuple[Desk, TestClient], redis_server: RedisServer) -> None:
    desk, second = workers
    sitting = desk.log_in(0)
    entry = sitting.entry()
    redis_server.kill()
    receipt = sitting.cast(entry)
    assert receipt.status_code == 201
    assert at_the_other(sitting, second).cast(entry).json() == receipt.json()
