"""Reused randomness: a first component A that stood on the board before, whoever put it there."""

from crypto.election.ballot import hash_ballot
from tests.attacks.checks import BALLOT_12
from tests.simulator import fresh, secret


def test_a_second_vote_with_the_first_ones_seed_is_refused() -> None:
    world = fresh("open")
    voter = world.registered()[0]
    seed = secret("kept")
    ballot, _ = world.seal_ballot(voter, seed=seed)
    world.accept([], [world.cast(voter, ballot)])
    voter.number, voter.previous = 1, hash_ballot("demo", ballot)
    again = world.cast(voter, world.seal_ballot(voter, ((1,), (2,)), seed=seed)[0])
    assert world.refuse(again).check == BALLOT_12
    assert world.last(voter)[0] == 1


def test_one_contest_in_common_is_enough() -> None:
    world = fresh("voted")
    voters = world.registered()
    both, one = voters[0], next(voter for voter in voters if voter.style == 2)
    seed = secret("kept")
    world.accept([], [world.cast(both, world.seal_ballot(both, ((0,), (1,)), seed=seed)[0])])
    refusal = world.refuse(world.cast(one, world.seal_ballot(one, ((2,),), seed=seed)[0]))
    assert refusal.check == BALLOT_12
