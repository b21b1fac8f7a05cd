"""Clash: two voters get one ballot's randomness, so that one tracking code would answer both."""

from crypto.election.ballot import hash_ballot, tracking_code
from tests.attacks.checks import BALLOT_12
from tests.simulator import fresh, secret


def test_the_second_of_two_ballots_with_one_first_component_is_refused() -> None:
    world = fresh("open")
    first, second = world.registered()[:2]
    seed = secret("one seed for two")
    world.accept([], [world.cast(first, world.seal_ballot(first, seed=seed)[0])])
    refusal = world.refuse(world.cast(second, world.seal_ballot(second, seed=seed)[0]))
    assert type(refusal).__name__ == "Refused"
    assert refusal.check == BALLOT_12
    assert second.pseudonym.hex() in refusal.culprit


def test_in_one_block_the_one_with_the_larger_leaf_hash_is_refused() -> None:
    world = fresh("open")
    seed = secret("one seed for two")
    casts = [world.cast(voter, world.seal_ballot(voter, seed=seed)[0]) for voter in world.registered()[:2]]
    refusals = world.block([], casts)
    assert [refusal.check for refusal in refusals] == [BALLOT_12]
    assert refusals[0].culprit.endswith(f"entry {world.record.size - 1}")


def test_windows_and_single_steps_decide_alike() -> None:
    world, other = fresh("open"), fresh("open")
    seed = secret("one seed for two")
    casts = [world.cast(voter, world.seal_ballot(voter, seed=seed)[0]) for voter in world.registered()[:4]]
    world.block([], casts)
    other.entries = world.entries
    other.record.extend(world.entries[other.record.size :])
    assert [(at, str(item.refused)) for at, item in other.record.refused.items()] == [
        (at, str(item.refused)) for at, item in world.record.refused.items()
    ]
    units = (2, 4, 5)
    assert other.record.tally.sums.total(units, 1) == world.record.tally.sums.total(units, 1)


def test_two_voters_never_share_a_tracking_code() -> None:
    world = fresh("open")
    seed = secret("one seed for two")
    ballots = [world.seal_ballot(voter, seed=seed)[0] for voter in world.registered()[:2]]
    assert len({tracking_code(hash_ballot("demo", ballot)) for ballot in ballots}) == 2
