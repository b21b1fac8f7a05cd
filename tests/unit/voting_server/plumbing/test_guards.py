"""Before any route: size of the body, origin of what a cookie speaks for, rate limits by address, headers."""

from collections.abc import Iterator
from hashlib import sha256

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient

from voting_server.app import create_app
from voting_server.plumbing.bodies import RawBody
from voting_server.plumbing.cache import Cache
from voting_server.plumbing.context import Context
from voting_server.plumbing.database import BALLOT
from voting_server.plumbing.guards import address_of, limit
from voting_server.plumbing.metrics import exposition
from voting_server.plumbing.problems import ProblemError
from voting_server.plumbing.sessions import BALLOT_SESSIONS
from voting_server.plumbing.settings import Limits, Settings, Side

BODY = 100
OWN = "https://ballot.example"
CBOR = {"Content-Type": "application/cbor"}


def application(**limits: int) -> FastAPI:
    """Return a ballot side with small limits and two routes more."""
    settings = Settings(
        side=Side.BALLOT,
        ballot_database="sqlite://",
        ballot_origin=OWN,
        limits=Limits(body_bytes=BODY, **limits),
        metrics_token=sha256(b"scraper").hexdigest(),
    )
    app = create_app(settings)

    @app.post("/length")
    def measure(raw: RawBody) -> int:
        return len(raw)

    return app


@pytest.fixture
def client() -> TestClient:
    """Return a client of that application."""
    return TestClient(application(), raise_server_exceptions=False)


def test_a_body_may_be_as_large_as_the_limit_and_not_a_byte_larger(client: TestClient) -> None:
    assert client.post("/length", content=b"x" * BODY, headers=CBOR).json() == BODY
    refused = client.post("/length", content=b"x" * (BODY + 1), headers=CBOR)
    assert (refused.status_code, refused.json()["type"]) == (413, "/problems/too-large")


def test_a_body_that_states_no_length_is_counted(client: TestClient) -> None:
    def chunks(size: int) -> Iterator[bytes]:
        yield b"x" * 60
        yield b"x" * (size - 60)

    assert client.post("/length", content=chunks(BODY), headers=CBOR).json() == BODY
    assert client.post("/length", content=chunks(BODY + 1), headers=CBOR).status_code == 413


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_foreign_form_could_send_is_no_entry(client: TestClient, media_type: str) -> None:
    refused = client.post("/length", content=b"x", headers={"Content-Type": media_type})
    assert (refused.status_code, refused.json()["type"]) == (415, "/problems/media-type")


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://ballot.example", OWN + ":443", OWN + "/"]
)
def test_a_cookie_speaks_only_for_requests_of_its_own_pages(client: TestClient, origin: str | None) -> None:
    headers = {**CBOR, "Cookie": "a=b", **({} if origin is None else {"Origin": origin})}
    refused = client.post("/length", content=b"x", headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/foreign-origin")


def test_a_cookie_from_its_own_pages_and_no_cookie_at_all_are_let_through(client: TestClient) -> None:
    assert client.post("/length", content=b"x", headers={**CBOR, "Cookie": "a=b", "Origin": OWN}).status_code == 200
    assert client.post("/length", content=b"x", headers=CBOR).status_code == 200
    assert client.get("/health", headers={"Cookie": "a=b"}).status_code == 200


def test_an_address_may_ask_as_often_as_the_limit_and_not_once_more() -> None:
    client = TestClient(application(requests_a_minute=3))
    assert [client.get("/health").status_code for _ in range(3)] == [200, 200, 200]
    refused = client.get("/health")
    assert (refused.status_code, refused.json()["type"]) == (429, "/problems/rate-limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 60


def test_a_known_session_counts_for_itself_and_an_invented_cookie_by_its_address() -> None:
    app = application(requests_a_minute=2, session_requests_a_minute=9)
    context: Context = app.state.context
    BALLOT.create_all(context.database.engine)

    @app.get("/me")
    def tell(request: Request) -> Response:
        with context.database.read() as connection:
            return Response(BALLOT_SESSIONS.subject(connection, request))

    with context.database.begin() as connection:
        token = BALLOT_SESSIONS.open(connection, b"somebody", 60)
    client = TestClient(app)
    known = {"Cookie": f"{BALLOT_SESSIONS.cookie}={token}"}
    assert [client.get("/me", headers=known).status_code for _ in range(9)] == [200] * 9
    invented = [{"Cookie": f"{BALLOT_SESSIONS.cookie}={number:064x}"} for number in range(3)]
    assert [client.get("/me", headers=headers).status_code for headers in invented] == [401, 429, 429]
    assert client.get("/me", headers=known).status_code == 200
    # Nine after the first one; no other way to write the same token counts apart.
    assert client.get("/me", headers={"Cookie": f"{BALLOT_SESSIONS.cookie}={token.upper()}"}).status_code == 429
    assert client.get("/me", headers={"Cookie": f"x=y; {BALLOT_SESSIONS.cookie}={token}"}).status_code == 429


def test_a_limit_counts_each_key_apart() -> None:
    cache = Cache()
    for _ in range(5):
        limit(cache, "casts", "one", 5)
    limit(cache, "casts", "other", 5)
    limit(cache, "spoils", "one", 5)
    with pytest.raises(ProblemError, match="rate-limited"):
        limit(cache, "casts", "one", 5)


def test_every_answer_forbids_to_be_framed_sniffed_or_referred_from(client: TestClient) -> None:
    for path in ("/health", "/nothing"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert "server" not in headers


def test_metrics_are_for_the_bearer_of_the_token_and_name_routes_not_paths(client: TestClient) -> None:
    client.get("/canary-4711")
    client.post("/length", content=b"canary-4711", headers=CBOR)
    text = client.get("/metrics", headers={"Authorization": "Bearer scraper"}).text
    assert 'dobush_requests_total{method="POST",route="/length",status="200"}' in text
    assert "canary" not in text
    assert b"canary" not in exposition()


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer guess"}, {"Authorization": "Basic scraper"}])
def test_nobody_else_reads_metrics_wherever_she_comes_from(header: dict[str, str]) -> None:
    neighbour = TestClient(application(), client=("127.0.0.1", 1))
    assert neighbour.get("/metrics", headers=header).status_code == 403


def test_without_a_token_in_the_settings_nobody_reads_metrics() -> None:
    app = create_app(Settings(side=Side.BALLOT, ballot_database="sqlite://"))
    answer = TestClient(app, client=("127.0.0.1", 1)).get("/metrics", headers={"Authorization": "Bearer "})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("2001:db8:1:3::9", "2001:db8:1:3::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::"),
        ("no:address", "no:address"),
    ],
)
def test_a_network_of_64_bits_counts_as_one_address(host: str, counted: str) -> None:
    assert address_of(Request({"type": "http", "client": (host, 1)})) == counted


def test_who_has_a_network_has_one_limit() -> None:
    app = application(requests_a_minute=2)
    statuses = [TestClient(app, client=(f"2001:db8::{at}", 1)).get("/nothing").status_code for at in range(1, 5)]
    assert statuses == [404, 404, 429, 429]
