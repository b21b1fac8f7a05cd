"""Attack 52: who committed to one ballot opens another. A seed and a choice seal one sequence of bytes and no other.

The pages that compare are tried in `tests/e2e_browser/test_check.py`; here what they rest on, and what the log takes.
"""

from pathlib import Path

import pytest

from crypto.election.ballot import hash_ballot, tracking_code
from crypto.election.entries import Spoiled
from crypto.elgamal import BallotSeed
from tests.attacks.checks import BALLOT_15
from tests.desk import open_desk
from tests.simulator import World, fresh, secret

FIRST, SECOND = ((0,), (0, 1)), ((1,), (0, 1))


@pytest.fixture
def world() -> World:
    """Return an election at the hour of voting."""
    return fresh("open")


def test_seed_and_choice_seal_one_ballot_and_another_choice_or_seed_another(world: World) -> None:
    voter, seed = world.registered()[0], secret("committed")
    committed, _ = world.seal_ballot(voter, FIRST, seed=seed)
    code = tracking_code(hash_ballot(world.kind, committed))
    assert world.seal_ballot(voter, FIRST, seed=seed)[0] == committed
    opened = [
        world.seal_ballot(voter, SECOND, seed=seed)[0],
        world.seal_ballot(voter, FIRST, seed=secret("another"))[0],
        world.seal_ballot(world.registered()[1], FIRST, seed=seed)[0],
    ]
    assert code not in {tracking_code(hash_ballot(world.kind, each)) for each in opened}


def test_the_lock_of_one_ballot_does_not_open_another(world: World) -> None:
    voter = world.registered()[0]
    committed, _ = world.seal_ballot(voter, FIRST, seed=secret("committed"))
    opening = BallotSeed(world.kind, secret("another")).derive_opening()
    refusal = world.refuse(world.by_log("spoiled", Spoiled(committed, opening)))
    assert refusal.check == "BALLOT-" + "14"


def test_opening_another_ballot_leaves_the_committed_one_unopened(tmp_path: Path) -> None:
    with open_desk(tmp_path) as desk:
        sitting = desk.log_in(0)
        committed, seed = desk.world.seal_ballot(sitting.voter, FIRST, seed=secret("committed"))
        swapped, other = desk.world.seal_ballot(sitting.voter, SECOND, seed=secret("another"))
        refused = sitting.challenge(committed, other)
        assert (refused.status_code, refused.json()["check"]) == (409, "BALLOT-" + "14")
        assert sitting.challenge(swapped, other).status_code == 201
        desk.sequence()
        for ballot, status in ((committed, 404), (swapped, 200)):
            code = tracking_code(sitting.hash(ballot)).replace("-", "").replace(" ", "")
            assert desk.client.get(f"/ballots/{code}").status_code == status
        # What was opened instead is spent; the committed ballot is opened by its own seed alone.
        assert desk.world.refuse(desk.world.spoil(swapped, other)).check == BALLOT_15
        assert sitting.challenge(committed, seed).status_code in {201, 409}
