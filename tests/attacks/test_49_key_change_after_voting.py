"""Key change: somebody else's key is bound to a pseudonym that voted, by one registrar, or without the delay."""

import pytest

from crypto import signatures
from crypto.election.entries import Change
from crypto.errors import Refused
from demo.voters import make_passkey
from tests.attacks.checks import BALLOT_8, CREDENTIAL_9, MANIFEST_11
from tests.simulator import Voter, World, fresh, secret, signing_key

NEW = make_passkey(secret("somebody else's phone"))


def change(world: World, voter: Voter) -> bytes:
    """Return a change of the voter's key to a new one, signed by both registrars."""
    return world.by_registrars("change", Change(voter.pseudonym, NEW.cose_key, "software", "asked for at a counter"))


def test_a_change_after_a_ballot_is_refused() -> None:
    world = fresh("voted")
    refusal = world.refuse(change(world, world.registered()[0]))
    assert refusal.check == CREDENTIAL_9


def test_a_change_without_a_credential_is_refused() -> None:
    world = fresh("open")
    absent = next(voter for voter in world.voters if voter not in world.registered())
    assert world.refuse(change(world, absent)).check == CREDENTIAL_9


@pytest.mark.parametrize("keys", [(0,), (1,), ()])
def test_a_change_by_fewer_than_two_registrars_is_refused(keys: tuple[int, ...]) -> None:
    world = fresh("open")
    body = Change(world.registered()[0].pseudonym, NEW.cose_key, "software", "alone")
    raw = world.sign("change", body, *(signing_key("registrar", at) for at in keys))
    assert world.refuse(raw).check == MANIFEST_11


def test_the_new_key_waits_for_the_delay() -> None:
    world = fresh("open")
    voter = world.registered()[0]
    world.accept([], [change(world, voter)])
    world.accept()
    ballot, _ = world.seal_ballot(voter)
    with pytest.raises(Refused) as refusal:
        world.record.admit(world.cast(voter, ballot, passkey=NEW))
    assert refusal.value.check == signatures._ASSERTION
    world.record.admit(world.cast(voter, ballot))


def test_a_ballot_by_the_old_key_ends_a_change_that_waits() -> None:
    world = fresh("open")
    voter = world.registered()[0]
    world.accept([], [change(world, voter)])
    world.accept([], [world.vote(voter)])
    world.wait_until(world.clock_ms + world.manifest.change_delay_ms)
    world.accept()
    world.accept()
    ballot, _ = world.seal_ballot(voter)
    with pytest.raises(Refused):
        world.record.admit(world.cast(voter, ballot, passkey=NEW))
    world.record.admit(world.cast(voter, ballot))


def test_a_ballot_by_the_new_key_must_have_seen_the_change() -> None:
    world = fresh("open")
    voter = world.registered()[0]
    before = world.head()
    world.accept([], [change(world, voter)])
    world.wait_until(world.clock_ms + world.manifest.change_delay_ms)
    world.accept()
    world.wait_until(world.clock_ms + world.manifest.change_delay_ms)
    world.accept()
    world.accept()
    old, _ = world.seal_ballot(voter, head=before)
    with pytest.raises(Refused) as refusal:
        world.record.admit(world.cast(voter, old, passkey=NEW))
    assert refusal.value.check == BALLOT_8
    new, _ = world.seal_ballot(voter)
    world.accept([], [world.cast(voter, new, passkey=NEW)])
    assert world.last(voter)[0] == 1


def test_a_second_change_does_not_bring_back_the_key_that_was_given_up() -> None:
    world = fresh("open")
    voter = world.registered()[0]
    world.accept([], [change(world, voter)])
    world.wait_until(world.clock_ms + 2 * world.manifest.change_delay_ms)
    world.accept()
    world.accept()
    third = make_passkey(secret("a third phone"))
    body = Change(voter.pseudonym, third.cose_key, "software", "lost again")
    world.accept([], [world.by_registrars("change", body)])
    world.accept()
    ballot, _ = world.seal_ballot(voter)
    for passkey in (None, third):
        with pytest.raises(Refused) as refusal:
            world.record.admit(world.cast(voter, ballot, passkey=passkey))
        assert refusal.value.check == signatures._ASSERTION
    world.record.admit(world.cast(voter, ballot, passkey=NEW))
