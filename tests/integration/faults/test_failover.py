"""A primary is killed while people vote, its synchronous standby promoted: every receipt holds, one tree is signed.

The steps are those of `docs/operations/incidents.md`, section "Failing over the database".
"""

import os
import pwd
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.conftest import Cluster, short_folder
from tests.integration.faults.conftest import Matrix
from tests.integration.faults.standbys import (
    count_unconfirmed,
    demand,
    follow,
    promote,
    url_of_both,
    wait_for_standby,
)
from tests.integration.faults.trial import WAIT_S, Trial, wait_until

FIRST, SECOND = "east", "west"


@pytest.fixture
def first(make_cluster: Callable[..., Cluster]) -> Cluster:
    """Return a primary."""
    return make_cluster()


@pytest.fixture
def second(first: Cluster) -> Iterator[Cluster]:
    """Return a place for its standby."""
    cluster = Cluster(short_folder(), first.settings)
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(cluster.folder, owner.pw_uid, owner.pw_gid)
    yield cluster
    if cluster.pid:
        cluster.stop("immediate")
    shutil.rmtree(cluster.folder)


@pytest.mark.parametrize("way", ["the same programs go on", "programs with other settings are started"])
def test_the_synchronous_standby_is_promoted(
    make_trial: Callable[..., Trial], matrix: Matrix, first: Cluster, second: Cluster, way: str
) -> None:
    trial = make_trial(cluster=first)
    follow(second, SECOND, first)
    for cluster in (first, second):
        demand(cluster, FIRST, SECOND)
    wait_for_standby(first, SECOND)
    stays = way.startswith("the same")
    if stays:
        trial.url = url_of_both(first, second, trial.database_name, "ballot")
    web, sequencer = trial.start_web(), trial.start_sequencer()
    clients = [trial.client(place) for place in range(8)]
    for client in clients[:2]:
        client.vote()
    sequencer.wait_for("quorum-reached", len(sequencer.events))
    trial.look()
    *sent, late = [(client, client.make()) for client in clients[2:]]
    seen = len(sequencer.events)
    with ThreadPoolExecutor(len(sent)) as pool:
        # Some are answered before the end of the primary, some are not, some of these stand on the standby's disk.
        answers = [pool.submit(client.cast, entry) for client, entry in sent]
        first.kill()
        assert {answer.result(WAIT_S).status_code for answer in answers} <= {201, 503}
    promised = set(trial.receipts)
    promote(second)
    trial.repoint(second)
    if not stays:
        web.stop()
        sequencer.stop()
        trial.start_web()
        sequencer, seen = trial.start("sequencer"), 0
    with ThreadPoolExecutor(1) as pool:
        client, entry = late
        waiting = pool.submit(client.cast_until_answered, entry)
        wait_until(lambda: count_unconfirmed(second, "ballot") > 0, "nothing waits for a second disk")
        assert set(trial.receipts) == promised
        follow(first, FIRST, second)
        assert waiting.result(WAIT_S).status_code == 201
    wait_for_standby(second, FIRST)
    for client, entry in sent:
        assert client.cast_until_answered(entry).status_code == 201
    sequencer.wait_for("quorum-reached", seen)
    trial.look()
    clients[0].vote()
    sequencer.wait_for("quorum-reached", len(sequencer.events))
    sequencer.stop()
    trial.take_over()
    trial.finish()
    matrix.note("PostgreSQL", f"primary killed, its synchronous standby promoted: {way}", trial.judge())
