"""Log-in by passkey: one token serves one voter once, for a moment, on this page, and nothing else opens a session."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from crypto.signatures import ES256
from demo.voters import make_passkey
from tests.desk import ORIGIN, Desk, encode, open_desk
from tests.simulator import secret
from voting_server.board import service
from voting_server.board.replica import Replica
from voting_server.casting import login
from voting_server.casting.login import TOKEN_LIFE_MS
from voting_server.plumbing.passkeys import verify_assertion


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path) as served:
        yield served


def test_the_voter_learns_what_the_next_ballot_needs(desk: Desk) -> None:
    sitting = desk.log_in(0)
    state = sitting.client.get("/casting/voter").json()
    assert (state["pseudonym"], state["number"], state["waiting"]) == (sitting.voter.pseudonym.hex(), 0, False)
    assert state["head"] == {"size": desk.world.head().size, "root": desk.world.head().root.hex()}
    sitting.vote()
    assert sitting.client.get("/casting/voter").json()["waiting"] is True
    desk.sequence()
    state = sitting.client.get("/casting/voter").json()
    assert (state["number"], state["previous"], state["waiting"]) == (1, sitting.voter.previous.hex(), False)


def test_a_token_serves_once(desk: Desk) -> None:
    voter, token = desk.registered(0), desk.start_login()
    credential = desk.credential(voter, token)
    assert desk.send_login(desk.anonymous(), voter, token, credential).status_code == 200
    assert desk.send_login(desk.anonymous(), voter, token, credential).status_code == 401


def test_a_token_serves_for_a_moment(desk: Desk) -> None:
    voter, token = desk.registered(0), desk.start_login()
    desk.world.clock_ms += TOKEN_LIFE_MS + 1
    assert desk.send_login(desk.anonymous(), voter, token, desk.credential(voter, token)).status_code == 401


def test_a_token_made_elsewhere_is_refused(desk: Desk) -> None:
    voter, token = desk.registered(0), bytearray(desk.start_login())
    token[0] ^= 1
    assert (
        desk.send_login(desk.anonymous(), voter, bytes(token), desk.credential(voter, bytes(token))).status_code == 401
    )


@pytest.mark.parametrize("origin", ["https://evil.example", "http://vote.example", "https://my.vote.example"])
def test_a_passkey_answer_made_on_another_page_is_refused(desk: Desk, origin: str) -> None:
    voter, token = desk.registered(0), desk.start_login()
    credential = desk.credential(voter, token, origin=origin)
    assert desk.send_login(desk.anonymous(), voter, token, credential).status_code == 401


def test_a_ballot_signature_opens_no_session(desk: Desk) -> None:
    voter, token = desk.registered(0), desk.start_login()
    assert desk.send_login(desk.anonymous(), voter, token, desk.credential(voter, token, use="cast")).status_code == 401


def test_another_key_opens_no_session(desk: Desk) -> None:
    voter, token = desk.registered(0), desk.start_login()
    thief = desk.registered(1)
    credential = desk.credential(thief, token)
    credential["response"]["userHandle"] = None
    assert desk.send_login(desk.anonymous(), voter, token, credential).status_code == 401


def test_a_user_handle_proves_nothing_and_is_not_asked_for(desk: Desk) -> None:
    # A passkey is made before anybody is identified, so that its handle is random; it is not signed either.
    voter, token = desk.registered(0), desk.start_login()
    credential = desk.credential(voter, token)
    credential["response"]["userHandle"] = encode(bytes(32))
    assert desk.send_login(desk.anonymous(), desk.registered(1), token, credential).status_code == 401
    assert desk.send_login(desk.anonymous(), voter, token, credential).status_code == 200


def test_a_slot_without_credential_logs_nobody_in(desk: Desk) -> None:
    voter = next(each for each in desk.world.voters if each not in desk.world.registered())
    voter.passkey = make_passkey(secret("own"), ES256)
    token = desk.start_login()
    assert desk.send_login(desk.anonymous(), voter, token, desk.credential(voter, token)).status_code == 401


@pytest.mark.parametrize("part", ["clientDataJSON", "authenticatorData", "signature"])
@pytest.mark.parametrize("value", ["", "AA", "!!", "A" * 2_000])
def test_garbage_is_a_failed_login(desk: Desk, part: str, value: str) -> None:
    voter, token = desk.registered(0), desk.start_login()
    credential = desk.credential(voter, token)
    credential["response"][part] = value
    assert desk.send_login(desk.anonymous(), voter, token, credential).status_code in {400, 401}


def test_logging_out_ends_the_session(desk: Desk) -> None:
    sitting = desk.log_in(0)
    cookie = sitting.client.cookies["__Host-dobush-ballot"]
    assert sitting.post("/casting/logout").status_code == 204
    other = desk.anonymous()
    other.cookies["__Host-dobush-ballot"] = cookie
    assert other.get("/casting/voter").status_code == 401


def test_log_ins_of_a_credential_are_limited(tmp_path: Path) -> None:
    with open_desk(tmp_path, limits={"logins_a_minute": 2}) as desk:
        for _ in range(2):
            desk.log_in(0)
        voter, token = desk.registered(0), desk.start_login()
        answer = desk.send_login(desk.anonymous(), voter, token, desk.credential(voter, token))
        assert (answer.status_code, "retry-after" in answer.headers) == (429, True)
        desk.log_in(1)


def test_who_cannot_sign_does_not_use_up_anybodys_limit(tmp_path: Path) -> None:
    with open_desk(tmp_path, limits={"logins_a_minute": 1}) as desk:
        voter, token = desk.registered(0), desk.start_login()
        for _ in range(3):
            desk.send_login(
                desk.anonymous(), voter, token, desk.credential(voter, token, origin="https://evil.example")
            )
        assert desk.send_login(desk.anonymous(), voter, token, desk.credential(voter, token)).status_code == 200


def test_the_cookie_is_for_this_host_only(desk: Desk) -> None:
    voter, token = desk.registered(0), desk.start_login()
    header = desk.send_login(desk.anonymous(), voter, token, desk.credential(voter, token)).headers["set-cookie"]
    assert header.startswith("__Host-dobush-ballot=")
    assert all(part in header for part in ("Secure", "HttpOnly", "Path=/", "SameSite=strict"))
    assert "Domain" not in header
    assert ORIGIN.startswith("https")


def test_nobody_waits_for_the_signature_of_a_log_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replicas, free = [], []

    def make(*arguments: Any) -> Replica:  # noqa: ANN401
        replicas.append(Replica(*arguments))
        return replicas[-1]

    def is_free() -> bool:
        taken = replicas[0]._lock.acquire(blocking=False)
        if taken:
            replicas[0]._lock.release()
        return taken

    def verify(*arguments: Any) -> None:  # noqa: ANN401
        with ThreadPoolExecutor(1) as pool:
            # A lock that is held may be entered again by its own thread, so another one has to try.
            free.append(pool.submit(is_free).result())
        verify_assertion(*arguments)

    monkeypatch.setattr(service, "Replica", make)
    monkeypatch.setattr(login, "verify_assertion", verify)
    with open_desk(tmp_path) as desk:
        desk.log_in(0)
    assert free == [True]
