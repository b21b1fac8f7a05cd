"""Stuffing: ballots of people who are not on the roll, or under keys that are not theirs."""

import pytest

from crypto import signatures
from crypto.election.entries import Change, Strike
from crypto.errors import Refused
from demo.voters import make_passkey
from tests.attacks.checks import BALLOT_6
from tests.simulator import Voter, fresh, secret


def test_a_pseudonym_that_is_not_on_the_roll_is_refused() -> None:
    world = fresh("open")
    stranger = Voter(secret("stranger")[:16], 2, 1, make_passkey(secret("stranger")))
    ballot, _ = world.seal_ballot(stranger, ((0,), (1,)))
    refusal = world.refuse(world.cast(stranger, ballot))
    assert refusal.check == BALLOT_6
    assert stranger.pseudonym.hex() in refusal.culprit


def test_a_slot_without_a_credential_is_refused() -> None:
    world = fresh("open")
    absent = next(voter for voter in world.voters if voter not in world.registered())
    ballot, _ = world.seal_ballot(absent, ((0,), (1,)))
    assert world.refuse(world.cast(absent, ballot)).check == BALLOT_6


def test_a_key_that_was_changed_is_refused() -> None:
    world = fresh("open")
    voter = world.registered()[0]
    new = make_passkey(secret("new phone"))
    body = Change(voter.pseudonym, new.cose_key, "software", "lost phone")
    world.accept([], [world.by_registrars("change", body)])
    world.accept()
    world.wait_until(world.clock_ms + world.manifest.change_delay_ms)
    world.accept()
    world.accept()
    ballot, _ = world.seal_ballot(voter)
    with pytest.raises(Refused) as refusal:
        world.record.admit(world.cast(voter, ballot))
    assert refusal.value.check == signatures._ASSERTION
    world.accept([], [world.cast(voter, ballot, passkey=new)])


def test_ballots_of_a_struck_pseudonym_stand_and_do_not_count() -> None:
    world = fresh("voted")
    voter = world.registered()[0]
    before = world.record.figures()
    strike = world.by_registrars("strike", Strike(voter.pseudonym, "voted on paper"))
    world.accept([], [strike])
    after = world.record.figures()
    assert (after.valid, after.counted, after.struck) == (before.valid, before.counted - 1, before.struck + 1)
    world.accept([], [world.vote(voter)])
    assert world.record.figures().counted == after.counted
    assert world.record.tally.sums.ballots[voter.unit, 1] == 7
