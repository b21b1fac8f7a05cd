"""A ballot is cast after its opening was shown: whoever knows the seed knows the vote."""

from tests.simulator import fresh


def test_a_spoiled_ballot_cannot_be_cast() -> None:
    world = fresh("open")
    voter = world.registered()[0]
    ballot, seed = world.seal_ballot(voter)
    world.accept([], [world.spoil(ballot, seed)])
    refusal = world.refuse(world.cast(voter, ballot))
    assert refusal.check == "BALLOT-13"
    assert world.record.tally.accepted == 0


def test_spoiling_uses_up_no_number() -> None:
    world = fresh("open")
    voter = world.registered()[0]
    ballot, seed = world.seal_ballot(voter)
    world.accept([], [world.spoil(ballot, seed)])
    world.accept([], [world.vote(voter)])
    assert world.last(voter)[0] == 1
