"""Challenge instead of cast: the ballot is opened on the board, barred for ever, and never counted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.desk import Desk, open_desk
from tests.simulator import secret


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path) as served:
        yield served


def test_a_challenged_ballot_stands_opened_on_the_board(desk: Desk) -> None:
    sitting = desk.log_in(0)
    ballot, seed = desk.world.seal_ballot(sitting.voter)
    answer = sitting.challenge(ballot, seed)
    assert (answer.status_code, answer.json()["kind"]) == (201, "challenged")
    assert sitting.challenge(ballot, seed).json() == answer.json()
    assert desk.sequence() == []
    assert desk.world.record.ballots.spoiled == 1
    assert sitting.challenge(ballot, seed).json()["state"] == "sequenced"
    sitting.vote()


def test_a_challenged_ballot_has_no_receipt(desk: Desk) -> None:
    sitting = desk.log_in(0)
    ballot, seed = desk.world.seal_ballot(sitting.voter)
    code = sitting.challenge(ballot, seed).json()["code"]
    assert sitting.client.get(f"/ballots/{code}/receipt").json()["type"] == "/problems/ballot-spoiled"


def test_a_cast_ballot_cannot_be_challenged(desk: Desk) -> None:
    sitting = desk.log_in(0)
    ballot, seed = desk.world.seal_ballot(sitting.voter)
    assert sitting.cast(sitting.sign(ballot, sitting.nonce(ballot))).status_code == 201
    assert sitting.challenge(ballot, seed).json()["type"] == "/problems/ballot-cast"
    desk.sequence()
    assert sitting.challenge(ballot, seed).json()["type"] == "/problems/ballot-cast"


def test_only_who_sealed_a_ballot_can_challenge_it(desk: Desk) -> None:
    sitting = desk.log_in(0)
    ballot, _ = desk.world.seal_ballot(sitting.voter)
    answer = sitting.challenge(ballot, secret("guess"))
    assert (answer.status_code, answer.json()["check"]) == (409, "BALLOT-14")


def test_nobody_challenges_for_another(desk: Desk) -> None:
    sitting, other = desk.log_in(0), desk.log_in(1)
    ballot, seed = desk.world.seal_ballot(sitting.voter)
    assert other.challenge(ballot, seed).status_code == 403
    assert desk.store.count_waiting() == 0


def test_ten_challenges_an_hour(desk: Desk) -> None:
    sitting = desk.log_in(0)
    statuses = []
    for number in range(11):
        ballot, seed = desk.world.seal_ballot(sitting.voter, seed=secret("challenge", number))
        statuses.append(sitting.challenge(ballot, seed).status_code)
        desk.sequence()
    assert statuses == [201] * 10 + [429]
    other = desk.log_in(1)
    assert other.challenge(*desk.world.seal_ballot(other.voter)).status_code == 201


@pytest.mark.parametrize("body", [b"", b"\xa0", b"\x80", b"\xff" * 100])
def test_garbage_is_malformed(desk: Desk, body: bytes) -> None:
    assert desk.log_in(0).post("/ballots/challenged", body).status_code == 400
