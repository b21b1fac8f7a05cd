"""Schemathesis reads both sides' OpenAPI descriptions and sends what they allow and what they do not: a bounded run.

No answer is a server's fault, every status, media type and body is one that the description names, and what it forbids
is not accepted.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import cbor2
import schemathesis
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from tests.desk import open_desk
from tests.house import open_house

EXAMPLES = 6
WAIT_S = 30
STREAMS = ["/log/feed"]
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
# 413 is a refusal too: what is too long is not read to its end.
REFUSALS = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, "5xx"]
CONFIG = schemathesis.Config.from_dict({"checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}}})
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
MANY = {"requests_a_minute": 1_000_000, "skew_ms": 10**15}


@schemathesis.serializer("application/cbor")
def to_cbor(_context: object, value: object) -> bytes:
    """Return what is sent where a body of CBOR is asked for: some bytes as they are, anything else encoded."""
    return value if isinstance(value, bytes) else cbor2.dumps(str(value))


@contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    """Serve an application, whose services run already, at a port of loopback."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="off", log_config=None, timeout_graceful_shutdown=5)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(WAIT_S)


def probe(app: FastAPI, origin: str) -> Counter[str]:
    """Try every operation but the endless ones with good and bad values; return how many requests each got."""
    sent = Counter[str]()
    with listening(app) as url:
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json", config=CONFIG).exclude(path=STREAMS)
        for found in schema.get_all_operations():
            operation = found.ok()  # type: ignore[union-attr]
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

                @BOUNDED
                @given(case=operation.as_strategy(generation_mode=mode))
                def send(case: schemathesis.Case[Any]) -> None:
                    sent[case.operation.label] += 1
                    case.call_and_validate(checks=CHECKS, headers={"origin": origin}, timeout=WAIT_S)

                with suppress(Unsatisfiable):
                    send()
    return sent


def test_the_ballot_side_is_as_described(tmp_path: Path) -> None:
    with open_desk(tmp_path, limits=MANY) as desk:
        sent = probe(desk.app, "https://vote.example")
    assert {"POST /ballots", "GET /ballots/{name}", "POST /entries"} <= set(sent)


def test_the_identity_side_is_as_described(tmp_path: Path) -> None:
    with open_house(tmp_path, limits=MANY) as house:
        house.freeze()
        sent = probe(house.client.app, "https://id.vote.example")  # type: ignore[arg-type]
    assert {"POST /enrolments", "POST /rolls", "GET /registrar/requests"} <= set(sent)
