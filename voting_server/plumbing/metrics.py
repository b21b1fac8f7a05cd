"""Counters of one process (of all workers where `PROMETHEUS_MULTIPROC_DIR` is set), for Prometheus to read.

Spec: `docs/operations/settings.md`, section "Metrics". Labels come from closed lists: templates of routes, statuses,
check ids, witness names; never anything of a person.

>>> b"dobush_requests_total" in exposition()
True
"""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

REGISTRY = CollectorRegistry()
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

REQUESTS = Counter("dobush_requests", "Answered requests", ("method", "route", "status"), registry=REGISTRY)
REQUEST_SECONDS = Histogram("dobush_request_seconds", "Time to answer", ("route",), registry=REGISTRY, buckets=_BUCKETS)
ENTRIES = Counter("dobush_entries", "Entries taken in", ("type",), registry=REGISTRY)
REFUSALS = Counter("dobush_refusals", "Entries refused at intake", ("check",), registry=REGISTRY)
WAITING = Gauge("dobush_waiting", "Entries that wait for a block", registry=REGISTRY, multiprocess_mode="mostrecent")
SIZE = Gauge("dobush_log_size", "Entries of the log", registry=REGISTRY, multiprocess_mode="mostrecent")
QUORUM_SIZE = Gauge(
    "dobush_quorum_size",
    "Entries under a quorum checkpoint",
    registry=REGISTRY,
    multiprocess_mode="mostrecent",
)
WITNESS_FAILURES = Counter("dobush_witness_failures", "Failed requests to a witness", ("witness",), registry=REGISTRY)


def exposition() -> bytes:
    """Return all metrics in Prometheus's text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
