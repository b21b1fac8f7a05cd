"""The database's disk is full, for its tables and for its log of changes: no receipt, nothing lost, casting goes on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.integration.conftest import Cluster, short_folder
from tests.integration.faults.conftest import Matrix
from tests.integration.faults.disks import SmallDisk, small_disk
from tests.integration.faults.trial import Client, Trial, wait_until

VOTERS = 20
DISK_MIB = 320
SETTINGS = ("max_wal_size = 48MB", "min_wal_size = 32MB", "wal_recycle = off")


@pytest.fixture(scope="module")
def disk() -> Iterator[SmallDisk]:
    """Return a small disk."""
    folder = short_folder()
    with small_disk(folder, DISK_MIB) as made:
        yield made
    folder.rmdir()


@pytest.fixture(scope="module")
def cramped(disk: SmallDisk) -> Iterator[Cluster]:
    """Return a cluster that has nothing but a small disk."""
    cluster = Cluster(disk.folder, SETTINGS)
    cluster.create()
    cluster.start()
    yield cluster
    end(cluster)


def end(cluster: Cluster) -> None:
    """Make sure that no server runs, whether it has given up by itself or not."""
    if cluster.pid and Path(cluster.folder, "data/postmaster.pid").exists():
        cluster.stop("immediate")
    cluster.pid = 0


def fill_tables(trial: Trial, _disk: SmallDisk) -> None:
    """Do nothing more: the next row that needs a page of its own finds no room."""
    assert trial.admin.execute(b"SELECT 1").fetchone() == (1,)


def fill_changes(trial: Trial, disk: SmallDisk) -> None:
    """Let the server need a new file for its changes: it stops rather than confirm what it could not write down."""

    def take_a_file() -> bool:
        disk.fill()
        try:
            trial.admin.execute(b"UPDATE world_clock SET now = now")
            trial.admin.execute(b"SELECT pg_switch_wal()")
        except psycopg.OperationalError:
            return True
        return False

    wait_until(take_a_file, "the server finds room for its changes on a full disk")


CELLS = {"for its tables": fill_tables, "for its changes (WAL)": fill_changes}


@pytest.mark.parametrize("where", CELLS)
def test_the_databases_disk_is_full(
    make_trial: Callable[..., Trial], matrix: Matrix, disk: SmallDisk, cramped: Cluster, where: str
) -> None:
    trial = make_trial(cluster=cramped)
    trial.start_web()
    sequencer = trial.start_sequencer()
    clients = [trial.client(place) for place in range(VOTERS)]
    clients[0].vote()
    entries = [client.make() for client in clients[1:]]
    seen = sequencer.wait_for("quorum-reached", len(sequencer.events))
    trial.look()
    disk.fill()
    try:
        CELLS[where](trial, disk)
        refused = cast_until_refused(clients[1:], entries)
        sequencer.wait_for("sequencer-waits", seen)
        trial.look()
    finally:
        disk.make_room()
    assert refused > 0
    revive(trial)
    for client, entry in zip(clients[1:], entries, strict=True):
        answer = client.cast_until_answered(entry)
        assert answer.status_code == 201, answer.text
    sequencer.wait_for("quorum-reached", sequencer.wait_for("sequencer-waits", seen))
    trial.look()
    sequencer.stop()
    trial.take_over()
    clients[0].vote()
    trial.finish(())
    found = trial.judge()
    matrix.note("PostgreSQL", f"disk full {where}: 503 and no receipt; room made, and it goes on", found)


def cast_until_refused(clients: list[Client], entries: list[bytes]) -> int:
    """Cast all; return how many were told that the service cannot answer now, with the promise of nothing."""
    refused = 0
    for client, entry in zip(clients, entries, strict=True):
        answer = client.cast(entry)
        if answer.status_code == 201:
            continue
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json"), answer.text
        assert int(answer.headers["retry-after"]) > 0
        refused += 1
    return refused


def revive(trial: Trial) -> None:
    """Do what an operator does who has made room: look whether the server still runs, start it where it does not."""
    cluster = trial.cluster

    def answers() -> bool:
        try:
            cluster.connect(trial.database_name).close()
        except psycopg.OperationalError:
            return False
        return True

    if not answers():
        end(cluster)
        cluster.start()
    wait_until(answers, "the database does not answer")
    trial.reconnect()
