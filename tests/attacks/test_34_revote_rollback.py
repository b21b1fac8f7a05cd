"""Re-vote rollback: an earlier ballot is posted again to undo a later one."""

import pytest

from crypto.errors import Refused
from crypto.proofs import Position
from tests.attacks.checks import BALLOT_7
from tests.simulator import Voter, World, fresh


def voted_twice() -> tuple[World, Voter, bytes, bytes]:
    """Return a world, a voter, and the entries of the voter's two ballots."""
    world = fresh("open")
    voter = world.registered()[0]
    first = world.vote(voter, ((0,), (1,)))
    world.accept([], [first])
    second = world.vote(voter, ((1,), (2,)))
    world.accept([], [second])
    return world, voter, first, second


def test_the_first_ballot_again_is_refused() -> None:
    world, voter, first, _ = voted_twice()
    refusal = world.refuse(first)
    assert refusal.check == BALLOT_7
    assert voter.pseudonym.hex() in refusal.culprit
    assert world.last(voter)[0] == 2


@pytest.mark.parametrize(("number", "previous"), [(2, None), (4, None), (3, bytes(32)), (1, bytes(32))])
def test_numbers_and_previous_hashes_must_continue(number: int, previous: bytes | None) -> None:
    world, voter, _, _ = voted_twice()
    position = Position(voter.pseudonym, number, voter.previous if previous is None else previous)
    ballot, _ = world.seal_ballot(voter, position=position)
    with pytest.raises(Refused) as refusal:
        world.record.admit(world.cast(voter, ballot))
    assert refusal.value.check == BALLOT_7


def test_only_the_last_one_counts() -> None:
    world, voter, _, _ = voted_twice()
    figures = world.record.figures()
    assert (figures.valid, figures.counted, figures.superseded) == (2, 1, 1)
    assert world.record.tally.sums.ballots[voter.unit, 1] == 1
