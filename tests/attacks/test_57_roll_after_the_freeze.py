"""The roll: a slot after the freeze, one key on two slots, a second credential, a strike by one person."""

import pytest

from crypto.election.entries import Credential, RollChunk, RollGroup, Strike
from demo.voters import make_passkey
from tests.attacks.checks import CREDENTIAL_1, CREDENTIAL_6, CREDENTIAL_8, MANIFEST_11
from tests.simulator import fresh, secret, signing_key


def test_a_slot_after_the_freeze_is_refused() -> None:
    world = fresh("frozen")
    chunk = RollChunk(1, (RollGroup(2, 1, secret("late slot")[:16]),))
    assert world.refuse(world.by_registrars("roll", chunk)).check == CREDENTIAL_1
    assert sum(world.record.roll.slots_by_district.values()) == 24


@pytest.mark.parametrize("number", [0, 2])
def test_chunks_out_of_order_are_refused(number: int) -> None:
    world = fresh("certified")
    world.accept([world.by_registrars("roll", world.roll_chunk())])
    chunk = RollChunk(number, (RollGroup(2, 1, secret("slot")[:16]),))
    assert world.refuse(world.by_registrars("roll", chunk)).check == CREDENTIAL_1


def test_one_key_on_two_slots_is_refused() -> None:
    world = fresh("open")
    absent = [voter for voter in world.voters if voter not in world.registered()]
    body = Credential(absent[0].pseudonym, world.registered()[0].passkey.cose_key, "software")
    refusal = world.refuse(world.by_registrars("credential", body))
    assert refusal.check == CREDENTIAL_8


def test_one_new_key_on_two_slots_of_a_block_is_refused_once() -> None:
    world = fresh("open")
    absent = [voter for voter in world.voters if voter not in world.registered()]
    key = make_passkey(secret("one key for two")).cose_key
    raws = [world.by_registrars("credential", Credential(voter.pseudonym, key, "software")) for voter in absent[:2]]
    assert [refusal.check for refusal in world.block([], raws)] == [CREDENTIAL_8]


def test_a_second_credential_of_a_slot_is_refused() -> None:
    world = fresh("open")
    body = Credential(world.registered()[0].pseudonym, make_passkey(secret("second")).cose_key, "software")
    assert world.refuse(world.by_registrars("credential", body)).check == CREDENTIAL_6


def test_a_credential_without_a_slot_is_refused() -> None:
    world = fresh("open")
    body = Credential(secret("nobody")[:16], make_passkey(secret("second")).cose_key, "software")
    assert world.refuse(world.by_registrars("credential", body)).check == CREDENTIAL_6


@pytest.mark.parametrize("keys", [("registrar", "officer"), ("registrar",), ("officer", "officer")])
def test_a_strike_without_both_registrars_is_refused(keys: tuple[str, ...]) -> None:
    world = fresh("voted")
    body = Strike(world.registered()[0].pseudonym, "one person says so")
    signers = [signing_key(role, at) for at, role in enumerate(keys)]
    assert world.refuse(world.sign("strike", body, *signers)).check == MANIFEST_11


def test_no_ballot_of_a_struck_pseudonym_is_in_the_sums() -> None:
    world = fresh("open")
    before, after, twice, other = world.registered()[:4]
    world.accept([], [world.vote(voter) for voter in (before, twice, other)])
    strikes = [world.by_registrars("strike", Strike(voter.pseudonym, "on paper")) for voter in (before, after, twice)]
    world.accept([], strikes)
    world.accept([], [world.vote(after), world.vote(twice)])
    figures, sums = world.record.figures(), world.record.tally.sums
    assert (figures.counted, figures.struck, figures.superseded) == (1, 3, 1)
    assert sums.ballots[other.unit, 1] == 1
    alone = fresh("open")
    alone.accept([], [world.read(world.last(other)[1])])
    assert sums.total([other.unit], 1) == alone.record.tally.sums.total([other.unit], 1)
