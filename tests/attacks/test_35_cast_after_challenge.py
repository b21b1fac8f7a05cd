"""A ballot is challenged and then cast over HTTP: what was opened is never counted, whichever the server sees first."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.desk import open_desk


def test_a_challenged_ballot_is_not_cast(tmp_path: Path) -> None:
    with open_desk(tmp_path) as desk:
        sitting = desk.log_in(0)
        ballot, seed = desk.world.seal_ballot(sitting.voter)
        entry = sitting.sign(ballot, sitting.nonce(ballot))
        assert sitting.challenge(ballot, seed).status_code == 201
        for _ in range(2):
            answer = sitting.cast(entry)
            assert (answer.status_code, answer.json()["type"]) == (409, "/problems/ballot-spoiled")
            desk.sequence()
        assert desk.world.record.tally.accepted == 0


def test_cast_and_challenge_at_once_is_one_of_both(tmp_path: Path) -> None:
    with open_desk(tmp_path) as desk:
        sitting = desk.log_in(0)
        ballot, seed = desk.world.seal_ballot(sitting.voter)
        entry = sitting.sign(ballot, sitting.nonce(ballot))
        with ThreadPoolExecutor(2) as pool:
            cast, challenged = pool.submit(sitting.cast, entry), pool.submit(sitting.challenge, ballot, seed)
        assert sorted([cast.result().status_code, challenged.result().status_code]) == [201, 409]
        assert desk.sequence() == []
        record = desk.world.record
        assert (record.tally.accepted, record.ballots.spoiled) in {(1, 0), (0, 1)}
