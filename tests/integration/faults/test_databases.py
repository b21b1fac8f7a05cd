"""PostgreSQL restarted and killed under running processes; an older database put back in place."""

from collections.abc import Callable

import pytest

from crypto.merkle import CHECKPOINT_PATH
from tests.integration.conftest import Cluster
from tests.integration.faults.conftest import Matrix
from tests.integration.faults.trial import Part, Trial, served
from voting_server.board.recovery import recover
from voting_server.board.witnesses import ForkError


def interrupt(cluster: Cluster, fault: str) -> None:
    """Restart the database, or kill it and start it again."""
    if fault == "killed":
        cluster.kill()
    else:
        cluster.stop("fast")
    cluster.start()


@pytest.mark.parametrize("fault", ["restarted", "killed"])
def test_the_database_goes_down_while_people_vote(make_trial: Callable[..., Trial], matrix: Matrix, fault: str) -> None:
    trial = make_trial()
    trial.start_web()
    sequencer = trial.start_sequencer()
    clients = [trial.client(place) for place in range(4)]
    clients[0].vote()
    entries = [client.make() for client in clients[1:]]
    assert clients[1].cast(entries[0]).status_code == 201
    seen = len(sequencer.events)
    interrupt(trial.cluster, fault)
    trial.reconnect()
    for client, entry in zip(clients[1:], entries, strict=True):
        answer = client.cast_until_answered(entry)
        assert answer.status_code == 201, answer.text
    _wait_for_recovery(sequencer, seen)
    trial.look()
    sequencer.stop()
    trial.take_over()
    trial.finish()
    matrix.note("PostgreSQL", f"{fault} while people vote", trial.judge())


def _wait_for_recovery(sequencer: Part, seen: int) -> None:
    """Wait until the same process has noticed, has come back by itself and reached a quorum again."""
    noticed = sequencer.wait_for("sequencer-waits", seen)
    sequencer.wait_for("quorum-reached", noticed)


def test_without_a_database_nothing_is_acknowledged(make_trial: Callable[..., Trial], matrix: Matrix) -> None:
    trial = make_trial()
    trial.start_web()
    client = trial.client(0)
    entry = client.make()
    trial.cluster.stop("immediate")
    answer = client.cast(entry)
    health = client.http.get("/health")
    trial.cluster.start()
    trial.reconnect()
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert health.status_code == 503
    assert client.cast_until_answered(entry).status_code == 201
    trial.take_over()
    trial.finish()
    matrix.note("PostgreSQL", "down: 503 and no receipt; then up again", trial.judge())


def copy_database(trial: Trial, source: str, target: str) -> None:
    """Make a copy of a database to which nobody is connected."""
    trial.town.sequencer.stop()
    trial.town.context.database.engine.dispose()
    trial.admin.close()
    with trial.cluster.connect() as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {target} WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {target} OWNER ballot_owner TEMPLATE {source}".encode())
    trial.admin = trial.cluster.connect(trial.database_name)


@pytest.mark.parametrize("seen_by", ["the published files", "the witnesses alone"])
def test_an_older_database_does_not_sequence(make_trial: Callable[..., Trial], matrix: Matrix, seen_by: str) -> None:
    trial = make_trial()
    town, name = trial.town, trial.database_name
    copy_database(trial, name, f"{name}_old")
    trial.take_over()
    with served(trial) as client:
        for place in range(4):
            client(place).vote()
    town.write()
    trial.look()
    copy_database(trial, name, f"{name}_new")
    copy_database(trial, f"{name}_old", name)
    checkpoint = town.board.published / CHECKPOINT_PATH
    kept = checkpoint.read_bytes()
    if seen_by != "the published files":
        checkpoint.unlink()
    town.restart()
    with pytest.raises(ForkError):
        town.sequencer.start()
    town.sequencer.stop()
    process = trial.start("sequencer")
    assert process.wait_for_death() != 0
    assert "block-written" not in [event["event"] for event in process.events]
    checkpoint.write_bytes(kept)
    if seen_by == "the published files":
        assert recover(town.board, town.board.publication.get) > 0
    else:
        copy_database(trial, f"{name}_new", name)
    trial.take_over()
    with served(trial) as client:
        client(0).vote()
    trial.finish()
    way = "recovered from the published files" if seen_by == "the published files" else "right copy put back"
    matrix.note("PostgreSQL", f"an older copy in place, told by {seen_by}: refuses to sequence; {way}", trial.judge())
