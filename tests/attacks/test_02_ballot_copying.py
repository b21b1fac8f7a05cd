"""Ballot copying: another voter's sealed ballot is cast again, as it stands or under one's own pseudonym."""

import pytest

from crypto import signatures
from crypto.errors import Refused
from crypto.proofs import Check, Position, parse_frame
from tests.simulator import fresh


def test_a_copy_under_ones_own_passkey_is_refused() -> None:
    world = fresh("open")
    victim, copier = world.registered()[:2]
    ballot, _ = world.seal_ballot(victim)
    with pytest.raises(Refused) as refusal:
        world.record.admit(world.cast(victim, ballot, passkey=copier.passkey))
    assert refusal.value.check == signatures._ASSERTION


def test_a_copy_under_ones_own_pseudonym_is_refused() -> None:
    world = fresh("open")
    victim, copier = world.registered()[:2]
    ballot, _ = world.seal_ballot(victim)
    frame = parse_frame(ballot)
    assert frame is not None
    copy, _ = world.seal_ballot(copier, contests=frame.contests, lock=frame.lock)
    with pytest.raises(Refused) as refusal:
        world.record.admit(world.cast(copier, copy))
    assert refusal.value.check == Check.BITS.value


def test_the_board_refuses_the_copy_and_keeps_the_original() -> None:
    world = fresh("open")
    victim, copier = world.registered()[:2]
    original = world.vote(victim)
    frame = parse_frame(world.record.ballots.ballot_of_entry(original))
    assert frame is not None
    position = Position(copier.pseudonym, 1, bytes(32))
    copy, _ = world.seal_ballot(copier, contests=frame.contests, position=position)
    refusals = world.block([], [original, world.cast(copier, copy)])
    assert [refusal.check for refusal in refusals] == [Check.BITS.value]
    assert world.record.tally.accepted == 1
