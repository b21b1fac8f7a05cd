"""Spoiling: of a cast ballot, by whoever cannot open the lock, or with somebody else's randomness."""

from dataclasses import replace

import pytest

from crypto.election.ballot import lock_of
from crypto.election.entries import Spoiled
from crypto.errors import Refused
from crypto.proofs import Check, Position, parse_frame
from tests.attacks.checks import BALLOT_12, BALLOT_15, MANIFEST_11
from tests.simulator import fresh, secret


def test_a_cast_ballot_cannot_be_spoiled() -> None:
    world = fresh("open")
    voter = world.registered()[0]
    ballot, seed = world.seal_ballot(voter)
    world.accept([], [world.cast(voter, ballot)])
    refusal = world.refuse(world.spoil(ballot, seed))
    assert refusal.check == BALLOT_15
    assert world.record.ballots.spoiled == 0


def test_a_spoiled_ballot_cannot_be_spoiled_again() -> None:
    world = fresh("open")
    ballot, seed = world.seal_ballot(world.registered()[0])
    world.accept([], [world.spoil(ballot, seed)])
    assert world.refuse(world.spoil(ballot, seed)).check == BALLOT_15


def test_the_server_alone_cannot_spoil() -> None:
    world = fresh("open")
    ballot, _ = world.seal_ballot(world.registered()[0])
    refusal = world.refuse(world.by_log("spoiled", Spoiled(ballot, secret("a guess"))))
    assert refusal.check == "BALLOT-14"


def test_only_the_log_writes_spoiled_entries() -> None:
    world = fresh("open")
    ballot, _ = world.seal_ballot(world.registered()[0])
    raw = world.by_officers("spoiled", Spoiled(ballot, secret("a guess")))
    assert world.refuse(raw).check == MANIFEST_11


def test_a_spoiled_entry_with_another_voters_first_component_is_refused() -> None:
    world = fresh("open")
    victim, other = world.registered()[:2]
    seed = secret("shared")
    world.accept([], [world.cast(victim, world.seal_ballot(victim, seed=seed)[0])])
    ballot, _ = world.seal_ballot(other, seed=seed)
    refusal = world.refuse(world.spoil(ballot, seed))
    assert refusal.check == BALLOT_12


def test_a_spoiled_entry_passes_the_proof_like_any_ballot() -> None:
    world = fresh("open")
    voter, other = world.registered()[:2]
    opening = secret("own lock")
    position = Position(other.pseudonym, 1, bytes(32))
    ballot, _ = world.seal_ballot(
        voter, position=Position(voter.pseudonym, 1, bytes(32)), lock=lock_of("demo", opening)
    )
    moved = ballot.replace(voter.pseudonym, position.pseudonym)
    with pytest.raises(Refused) as refusal:
        world.record.admit(world.by_log("spoiled", Spoiled(moved, opening)))
    assert refusal.value.check == Check.BITS.value


def test_the_server_puts_its_own_lock_on_a_voters_ballot() -> None:
    world = fresh("open")
    voter, opening = world.registered()[0], secret("the server's own lock")
    ballot, _ = world.seal_ballot(voter)
    frame = parse_frame(ballot)
    assert frame is not None
    locked = replace(frame, position=replace(frame.position, lock=lock_of("demo", opening)))
    assert world.refuse(world.by_log("spoiled", Spoiled(locked.to_bytes(), opening))).check == Check.BITS.value
    # Else the first A of her ballot would be taken, and her own cast refused.
    world.accept([], [world.cast(voter, ballot)])


def test_sequence_and_passkey_are_not_asked_of_it() -> None:
    world = fresh("voted")
    voter = world.registered()[0]
    position = Position(voter.pseudonym, 9, secret("no such ballot"))
    ballot, seed = world.seal_ballot(voter, position=position)
    world.accept([], [world.spoil(ballot, seed)])
