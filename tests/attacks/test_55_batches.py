"""Batches: two entries of one pseudonym, a ballot before its credential, an order that shows who came when."""

from crypto.merkle import leaf_hash
from tests.attacks.checks import BALLOT_6, BALLOT_8, BOARD_3, BOARD_4
from tests.simulator import World, fresh


def later_and_earlier(world: World, count: int = 2) -> list[bytes]:
    """Return casts of different voters in falling order of their leaf hashes."""
    return sorted(map(world.vote, world.registered()[:count]), key=leaf_hash, reverse=True)


def test_voter_entries_out_of_order_are_refused() -> None:
    world = fresh("open")
    refusals = world.block_as_given(*later_and_earlier(world))
    assert [refusal.check for refusal in refusals] == [BOARD_3]
    assert world.record.tally.accepted == 1


def test_the_order_holds_over_refused_entries_too() -> None:
    world = fresh("open")
    first, second, third = sorted(map(world.vote, world.registered()[:3]), key=leaf_hash)
    assert [refusal.check for refusal in world.block_as_given(second, first, third)] == [BOARD_3]
    assert world.record.tally.accepted == 2


def test_two_entries_of_one_pseudonym_in_a_block_are_refused() -> None:
    world = fresh("open")
    voter = world.registered()[0]
    ballot, seed = world.seal_ballot(voter)
    refusals = world.block([], [world.spoil(ballot, seed), world.vote(voter)])
    assert [refusal.check for refusal in refusals] == [BOARD_4]


def test_a_credential_and_its_ballot_do_not_share_a_block() -> None:
    world = fresh("open")
    absent = next(voter for voter in world.voters if voter not in world.registered())
    ballot, _ = world.seal_ballot(absent, ((0,), (1,)))
    refusals = world.block([], [world.credential(absent), world.cast(absent, ballot)])
    assert len(refusals) >= 1
    assert {refusal.check for refusal in refusals} <= {BOARD_4, BALLOT_6}
    assert world.record.tally.accepted == 0


def test_a_ballot_must_have_seen_its_credential() -> None:
    world = fresh("open")
    absent = next(voter for voter in world.voters if voter not in world.registered())
    head = world.head()
    world.accept([], [world.credential(absent)])
    ballot, _ = world.seal_ballot(absent, ((0,), (1,)), head=head)
    assert world.refuse(world.cast(absent, ballot)).check == BALLOT_8


def test_control_entries_after_voter_entries_are_refused() -> None:
    world = fresh("open")
    ballot = world.vote(world.registered()[0])
    refusals = world.block_as_given(ballot, *world.drill(2))
    assert {refusal.check for refusal in refusals} == {"BOARD-2"}
