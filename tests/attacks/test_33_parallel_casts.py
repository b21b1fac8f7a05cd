"""Double-vote race: fifty ballots with one number at once, in one worker and in two; exactly one is accepted."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.desk import Desk, Sitting, open_desk
from tests.simulator import secret

FIFTY = 50


def rivals(sitting: Sitting) -> list[bytes]:
    """Return fifty entries of different ballots with the same number."""
    return [sitting.entry(seed=secret("rival", number)) for number in range(FIFTY)]


def send(sitting: Sitting, entries: list[bytes]) -> list[int]:
    """Send all at once; return the statuses."""
    with ThreadPoolExecutor(FIFTY) as pool:
        return [answer.status_code for answer in pool.map(sitting.cast, entries)]


@pytest.fixture
def limits() -> dict[str, int]:
    return {"casts_a_minute": 1_000, "nonces_a_minute": 1_000}


def outcome(desk: Desk, statuses: list[int]) -> None:
    """Check that one got a receipt, the others a plain no, and that the board counts that one."""
    assert sorted(statuses) == [201] + [409] * (FIFTY - 1)
    assert desk.store.count_waiting() == 1
    assert desk.sequence() == []
    assert desk.world.record.tally.accepted == 1


def test_fifty_ballots_with_one_number(tmp_path: Path, limits: dict[str, int]) -> None:
    with open_desk(tmp_path, limits=limits) as desk:
        sitting = desk.log_in(0)
        outcome(desk, send(sitting, rivals(sitting)))


def test_fifty_copies_of_one_ballot_get_one_receipt(tmp_path: Path, limits: dict[str, int]) -> None:
    with open_desk(tmp_path, limits=limits) as desk:
        sitting = desk.log_in(0)
        entry = sitting.entry()
        with ThreadPoolExecutor(FIFTY) as pool:
            answers = list(pool.map(sitting.cast, [entry] * FIFTY))
        assert {answer.text for answer in answers} == {answers[0].text}
        assert answers[0].status_code == 201
        assert desk.store.count_waiting() == 1


def test_fifty_waiting_casts_after_the_block_was_written(tmp_path: Path, limits: dict[str, int]) -> None:
    with open_desk(tmp_path, limits=limits) as desk:
        sitting = desk.log_in(0)
        late = rivals(sitting)
        sitting.vote()
        desk.sequence()
        assert set(send(sitting, late)) == {409}
        assert desk.store.count_waiting() == 0
