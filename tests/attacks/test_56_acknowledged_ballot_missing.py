"""A drop: the server acknowledged a ballot and did not put it on the board by the deadline."""

import pytest

from crypto.election.ballot import Receipt, make_receipt
from crypto.election.entries import Dispute
from crypto.errors import Refused
from tests.attacks.checks import RECEIPT_1
from tests.simulator import MINUTE_MS, World, fresh, signing_key


def acknowledged(world: World, raw: bytes) -> Receipt:
    """Return the receipt that the server gives for a cast now."""
    ballot = world.record.ballots.ballot_of_entry(raw)
    return make_receipt(signing_key("receipt"), world.manifest, ballot, world.clock_ms)


def let_time_pass(world: World) -> None:
    """Write blocks until a sealed head is later than any deadline given before."""
    world.wait_until(world.clock_ms + world.manifest.receipt_delay_ms + MINUTE_MS)
    world.accept()
    world.accept()


def test_receipt_and_checkpoint_convict_the_server() -> None:
    world = fresh("open")
    receipt = acknowledged(world, world.vote(world.registered()[0]))
    world.record.ballots.verify_kept(receipt, world.read)
    let_time_pass(world)
    with pytest.raises(Refused) as refusal:
        world.record.ballots.verify_kept(receipt, world.read)
    assert refusal.value.check == RECEIPT_1
    assert refusal.value.culprit == "server"


def test_a_ballot_that_came_after_the_deadline_convicts_too() -> None:
    world = fresh("open")
    raw = world.vote(world.registered()[0])
    receipt = acknowledged(world, raw)
    let_time_pass(world)
    world.accept([], [raw])
    world.accept()
    with pytest.raises(Refused) as refusal:
        world.record.ballots.verify_kept(receipt, world.read)
    assert refusal.value.check == RECEIPT_1


def test_a_ballot_in_time_answers_its_receipt_even_when_it_was_replaced() -> None:
    world = fresh("open")
    voter = world.registered()[0]
    raw = world.vote(voter)
    receipt = acknowledged(world, raw)
    world.accept([], [raw])
    world.accept([], [world.vote(voter)])
    let_time_pass(world)
    world.record.ballots.verify_kept(receipt, world.read)


def test_a_spoiled_entry_never_answers_a_receipt() -> None:
    world = fresh("open")
    voter = world.registered()[0]
    ballot, seed = world.seal_ballot(voter)
    receipt = acknowledged(world, world.cast(voter, ballot))
    world.accept([], [world.spoil(ballot, seed)])
    let_time_pass(world)
    with pytest.raises(Refused) as refusal:
        world.record.ballots.verify_kept(receipt, world.read)
    assert refusal.value.check == RECEIPT_1


def test_the_dispute_goes_to_the_board_and_stops_the_tally() -> None:
    world = fresh("open")
    receipt = acknowledged(world, world.vote(world.registered()[0]))
    let_time_pass(world)
    world.accept([world.by_log("dispute", Dispute(receipt.to_bytes()))])
    world.close()
    assert len(world.record.tally.unresolved()) == 1
    # The record convicts the server for ever, whatever officers release.
    failed = world.record.finish(None, None).failed
    assert [(refusal.check, refusal.culprit) for refusal in failed] == [(RECEIPT_1, "server")]
