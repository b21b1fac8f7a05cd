"""Sessions end to the millisecond, belong to one side, and leave only a hash in the database."""

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient
from sqlalchemy import select

from voting_server.plumbing.database import BALLOT, Database
from voting_server.plumbing.problems import ProblemError
from voting_server.plumbing.sessions import BALLOT_SESSIONS, IDENTITY_SESSIONS

LIFE_S = 60


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        """Begin at some time."""
        self.now_ms = 1_700_000_000_000

    def __call__(self) -> int:
        """Return the time."""
        return self.now_ms


def asking(cookie: str) -> Request:
    """Return a request with a Cookie header."""
    return Request({"type": "http", "headers": [(b"cookie", cookie.encode())]})


@pytest.fixture
def clock() -> Clock:
    """Return a clock."""
    return Clock()


@pytest.fixture
def database(clock: Clock) -> Database:
    """Return a ballot side's database on that clock."""
    made = Database("sqlite://", clock=clock)
    BALLOT.create_all(made.engine)
    return made


def open_session(database: Database) -> str:
    """Open a session and return its cookie."""
    with database.begin() as connection:
        return f"{BALLOT_SESSIONS.cookie}={BALLOT_SESSIONS.open(connection, b'subject', LIFE_S)}"


def subject_of(database: Database, cookie: str) -> bytes:
    """Return whom a cookie speaks for."""
    with database.read() as connection:
        return BALLOT_SESSIONS.subject(connection, asking(cookie))


def test_a_session_holds_until_its_last_millisecond(database: Database, clock: Clock) -> None:
    cookie = open_session(database)
    clock.now_ms += LIFE_S * 1_000
    assert subject_of(database, cookie) == b"subject"
    clock.now_ms += 1
    with pytest.raises(ProblemError, match="not-logged-in"):
        subject_of(database, cookie)


@pytest.mark.parametrize("token", ["", "00" * 32, "zz", "0", "é", "a" * 100_000])
def test_a_token_that_was_never_given_speaks_for_nobody(database: Database, token: str) -> None:
    open_session(database)
    with pytest.raises(ProblemError, match="not-logged-in"):
        subject_of(database, f"{BALLOT_SESSIONS.cookie}={token}")


def test_the_other_sides_cookie_says_nothing_here(database: Database) -> None:
    token = open_session(database).partition("=")[2]
    with pytest.raises(ProblemError, match="not-logged-in"):
        subject_of(database, f"{IDENTITY_SESSIONS.cookie}={token}")


def test_an_ended_session_is_gone(database: Database) -> None:
    cookie = open_session(database)
    with database.begin() as connection:
        BALLOT_SESSIONS.end(connection, asking(cookie))
    with pytest.raises(ProblemError, match="not-logged-in"):
        subject_of(database, cookie)


def test_the_database_does_not_hold_the_token(database: Database) -> None:
    token = bytes.fromhex(open_session(database).partition("=")[2])
    with database.read() as connection:
        (row,) = connection.execute(select(BALLOT_SESSIONS.table)).all()
    assert token not in [bytes(value) for value in row if isinstance(value, bytes)]


def test_expired_sessions_are_swept_away(database: Database, clock: Clock) -> None:
    open_session(database)
    clock.now_ms += LIFE_S * 1_000 + 1
    open_session(database)
    with database.read() as connection:
        assert len(connection.execute(select(BALLOT_SESSIONS.table)).all()) == 1


@pytest.mark.parametrize("sessions", [IDENTITY_SESSIONS, BALLOT_SESSIONS], ids=["identity", "ballot"])
def test_the_cookie_is_bound_to_its_host(sessions: object) -> None:
    app = FastAPI()

    @app.get("/in")
    def hand_out() -> Response:
        response = Response()
        BALLOT_SESSIONS.hand_out(response, "token", LIFE_S)
        return response

    header = TestClient(app).get("/in").headers["set-cookie"]
    assert header.startswith("__Host-")
    assert {part.strip().lower() for part in header.split(";")[1:]} == {
        "httponly",
        "secure",
        "path=/",
        "samesite=strict",
        f"max-age={LIFE_S}",
    }
