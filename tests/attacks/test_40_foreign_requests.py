"""Cross-site requests, sessions set beforehand, other voters' ballots: none of it acts for anybody."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto.merkle import leaf_hash
from tests.attacks.checks import BALLOT_11
from tests.desk import CBOR, Desk, ballot_of, open_desk

COOKIE = "__Host-dobush-ballot"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path) as served:
        yield served


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://vote.example", "https://vote.example.evil"])
def test_a_foreign_page_casts_nothing_with_the_voters_cookie(desk: Desk, origin: str) -> None:
    sitting = desk.log_in(0)
    entry = sitting.entry()
    for path in ("/ballots", "/ballots/challenged", f"/casting/nonces/{'ab' * 32}", "/casting/logout"):
        assert sitting.post(path, entry, origin=origin).status_code == 403
    assert desk.store.count_waiting() == 0
    assert sitting.cast(entry).status_code == 201


def test_without_an_origin_a_cookie_speaks_for_nobody(desk: Desk) -> None:
    sitting = desk.log_in(0)
    answer = sitting.client.post("/ballots", content=sitting.entry(), headers={"content-type": "application/cbor"})
    assert answer.status_code == 403


def test_a_form_cannot_carry_a_ballot(desk: Desk) -> None:
    sitting = desk.log_in(0)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert sitting.post("/ballots", sitting.entry(), **{"content-type": kind}).status_code == 415


def test_a_foreign_page_logs_nobody_in(desk: Desk) -> None:
    voter, token = desk.registered(0), desk.start_login()
    credential = desk.credential(voter, token)
    answer = desk.send_login(desk.anonymous(), voter, token, credential, origin="https://evil.example")
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_session_set_beforehand_is_not_taken_over(desk: Desk) -> None:
    thief = desk.log_in(1)
    planted = thief.client.cookies[COOKIE]
    victim = desk.anonymous()
    victim.cookies[COOKIE] = planted
    voter, token = desk.registered(0), desk.start_login()
    answer = desk.send_login(victim, voter, token, desk.credential(voter, token))
    assert answer.status_code == 200
    fresh = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
    assert fresh != planted
    # What was planted ended with the log-in; it opens neither account.
    assert thief.client.get("/casting/voter").status_code == 401


@pytest.mark.parametrize("cookie", ["", "00" * 32, "zz", "ab" * 33, "'; DROP TABLE sessions; --"])
def test_an_invented_session_is_none(desk: Desk, cookie: str) -> None:
    sitting = desk.log_in(0)
    entry = sitting.entry()
    nobody = desk.anonymous()
    headers = {**CBOR, "cookie": f"{COOKIE}={cookie}"}
    assert nobody.post("/ballots", content=entry, headers=headers).status_code == 401
    assert nobody.get("/casting/voter", headers=headers).status_code == 401


def test_another_voters_ballot_is_not_to_be_cast(desk: Desk) -> None:
    sitting, other = desk.log_in(0), desk.log_in(1)
    entry = sitting.entry()
    assert other.cast(entry).status_code == 403
    assert desk.store.count_waiting() == 0
    assert sitting.cast(entry).status_code == 201
    assert other.cast(entry).status_code == 403


def test_another_voters_nonce_is_of_no_use(desk: Desk) -> None:
    sitting, other = desk.log_in(0), desk.log_in(1)
    ballot, _ = desk.world.seal_ballot(sitting.voter)
    answer = sitting.cast(sitting.sign(ballot, other.nonce(ballot)))
    assert (answer.status_code, answer.json()["check"]) == (409, BALLOT_11)


def test_another_voters_receipt_is_not_shown(desk: Desk) -> None:
    sitting, other = desk.log_in(0), desk.log_in(1)
    receipt = sitting.vote()
    path = f"/ballots/{receipt.ballot_hash.hex()}/receipt"
    assert other.client.get(path).status_code == 403
    assert desk.anonymous().get(path).status_code == 401
    assert sitting.client.get(path).content == receipt.to_bytes()


def test_another_voters_ballot_is_not_to_be_opened(desk: Desk) -> None:
    sitting, other = desk.log_in(0), desk.log_in(1)
    ballot, seed = desk.world.seal_ballot(sitting.voter)
    assert other.challenge(ballot, seed).status_code == 403
    entry = sitting.sign(ballot, sitting.nonce(ballot))
    assert ballot_of(entry) == ballot
    assert sitting.cast(entry).status_code == 201


def test_nobody_learns_when_a_ballot_came(desk: Desk) -> None:
    sitting = desk.log_in(0)
    entry = sitting.entry()
    assert sitting.cast(entry).status_code == 201
    digest = sitting.hash(ballot_of(entry)).hex()
    stranger = desk.anonymous()
    places = [f"/ballots/{digest}", f"/log/ballot/{digest}", f"/log/leaf/{leaf_hash(entry).hex()}"]
    row = desk.store.find(leaf=leaf_hash(entry))
    assert row is not None
    assert row.deadline_ms is not None
    for _ in range(2):
        for place in places:
            answer = stranger.get(place)
            assert answer.status_code == 200
            assert not {str(row.received_at_ms), str(row.deadline_ms)} & set(re.findall("[0-9]+", answer.text))
        desk.sequence()
