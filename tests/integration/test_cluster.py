"""The audit on a Dask cluster of two local workers says what the audit by this process says."""

from collections.abc import Iterator

import pytest
from distributed import LocalCluster

from audit.report import Report
from audit.spread import Cluster, take_here
from crypto.errors import Misuse
from tests.folders import audited, files_of, given_of, world_at


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 40}
    with LocalCluster(**options) as local:  # type: ignore[no-untyped-call]
        yield local.scheduler_address


def told(report: Report) -> tuple[object, ...]:
    return report.verdict, report.findings, report.contests, report.numbers, report.root_hash


def test_the_cluster_says_what_one_process_says(address: str) -> None:
    world = world_at("complete")
    with Cluster(address) as workers:
        _, spread = audited(files_of(world), given_of(world), workers)
        assert workers.count == 2
    _, alone = audited(files_of(world), given_of(world))
    assert spread.verdict == "verified"
    assert told(spread) == told(alone)


def test_sums_that_are_lost_with_a_worker_end_the_audit(address: str) -> None:
    world = world_at("complete")
    with Cluster(address) as workers:
        workers.collected(0)
        with pytest.raises(Misuse, match="lost"):
            workers.take()
        assert audited(files_of(world), given_of(world), workers)[1].verdict == "verified"
    assert take_here(b"another audit")[1] == 0
