"""What ballots and receipts are refused for, beyond the numbered attacks."""

from dataclasses import replace

import pytest

from crypto import signatures
from crypto.election.ballot import Receipt, make_receipt, verify_receipt
from crypto.election.entries import BallotEntry, Dispute, Entry, Opening, parse_entry
from crypto.errors import MalformedEncoding, Refused
from crypto.proofs import parse_frame
from tests.attacks.checks import BALLOT_1, BALLOT_8, BALLOT_11, MANIFEST_11, RECEIPT_2, RECEIPT_3, TALLY_7
from tests.simulator import World, fresh, secret, signing_key


def admit(world: World, ballot: bytes) -> Refused:
    """Return what a cast of these ballot bytes by the first voter is refused for."""
    with pytest.raises(Refused) as refusal:
        world.record.admit(world.cast(world.registered()[0], ballot))
    return refusal.value


@pytest.mark.parametrize("change", ["trailing", "cut", "garbage"])
def test_bytes_that_are_no_ballot(change: str) -> None:
    world = fresh("open")
    ballot, _ = world.seal_ballot(world.registered()[0])
    broken = {"trailing": ballot + b"\x00", "cut": ballot[:-1], "garbage": bytes(len(ballot))}[change]
    refusal = admit(world, broken)
    assert isinstance(refusal, MalformedEncoding)
    assert refusal.check == BALLOT_1


def test_another_elections_ballot() -> None:
    world = fresh("open")
    ballot, _ = world.seal_ballot(world.registered()[0], manifest_hash=secret("another election"))
    assert admit(world, ballot).check == "BALLOT-2"


@pytest.mark.parametrize("style", [2, 3, 65_535])
def test_another_style_than_the_slots(style: int) -> None:
    world = fresh("open")
    ballot, _ = world.seal_ballot(world.registered()[0], style=style)
    assert admit(world, ballot).check == "BALLOT-3"


@pytest.mark.parametrize("count", [1, 3])
def test_other_contests_than_the_styles(count: int) -> None:
    world = fresh("open")
    voter = world.registered()[0]
    frame = parse_frame(world.seal_ballot(voter)[0])
    assert frame is not None
    contests = (frame.contests * 2)[:count]
    ballot, _ = world.seal_ballot(voter, contests=contests)
    assert admit(world, ballot).check == "BALLOT-4"


def test_one_first_component_twice_in_a_ballot() -> None:
    world = fresh("open")
    voter = world.registered()[0]
    frame = parse_frame(world.seal_ballot(voter)[0])
    assert frame is not None
    vector = frame.contests[0].ciphertexts
    repeated = replace(frame.contests[0], ciphertexts=vector[:64] + vector[:32] + vector[96:])
    ballot, _ = world.seal_ballot(voter, contests=(repeated, frame.contests[1]))
    assert admit(world, ballot).check == "BALLOT-5"


@pytest.mark.parametrize("change", ["size", "root", "before the opening", "of no block"])
def test_a_head_that_this_log_never_had(change: str) -> None:
    world = fresh("open")
    head = world.head()
    wrong = {
        "size": replace(head, size=head.size - 1),
        "root": replace(head, root=secret("root")),
        "before the opening": min(world.record.board.heads.values(), key=lambda each: each.size),
        "of no block": replace(head, size=world.record.size + 5),
    }[change]
    ballot, _ = world.seal_ballot(world.registered()[0], head=wrong)
    assert admit(world, ballot).check == BALLOT_8


def test_a_head_that_covers_the_credential_but_not_the_opening() -> None:
    world = fresh("frozen")
    world.accept([], [world.credential(world.registered()[0])])
    world.accept()
    head, certificate = world.head(), world.record.ceremony.conclude()
    opening = world.by_officers("opening", Opening(certificate.key, certificate.hash))
    world.accept([*world.drill(1), opening])
    world.wait_until(world.manifest.opens_at_ms)
    world.accept()
    world.accept()
    ballot, _ = world.seal_ballot(world.registered()[0], head=head)
    assert admit(world, ballot).check == BALLOT_8
    world.record.admit(world.cast(world.registered()[0], world.seal_ballot(world.registered()[0])[0]))


def test_a_head_that_no_seal_holds_yet() -> None:
    world = fresh("open")
    unsealed = replace(world.head(), size=world.record.size, root=world.record.tree.root())
    ballot, _ = world.seal_ballot(world.registered()[0], head=unsealed)
    assert admit(world, ballot).check == BALLOT_8


@pytest.mark.parametrize("change", ["key", "ballot", "time"])
def test_a_nonce_that_was_not_issued_for_this_ballot(change: str) -> None:
    world = fresh("open")
    voter = world.registered()[0]
    ballot, _ = world.seal_ballot(voter)
    if change == "key":
        raw = world.cast(voter, ballot, receipt_key=signing_key("log"))
    elif change == "ballot":
        raw = world.cast(voter, ballot, nonce_for=secret("another ballot"))
    else:
        entry = parse_entry(world.cast(voter, ballot))
        body = BallotEntry.parse(entry.body)
        earlier = body.nonce[:23] + bytes([body.nonce[23] ^ 1]) + body.nonce[24:]
        raw = Entry("ballot", replace(body, nonce=earlier).to_bytes()).to_bytes()
    refusal = world.refuse(raw)
    assert refusal.check == BALLOT_11
    assert voter.pseudonym.hex() in refusal.culprit


def test_an_author_signature_on_a_ballot() -> None:
    world = fresh("open")
    body = parse_entry(world.vote(world.registered()[0])).body
    assert world.refuse(world.sign("ballot", body, signing_key("log"))).check == MANIFEST_11


def test_another_voters_assertion() -> None:
    world = fresh("open")
    voter, other = world.registered()[:2]
    body = BallotEntry.parse(parse_entry(world.vote(voter)).body)
    ballot, _ = world.seal_ballot(other)
    entry = BallotEntry.parse(parse_entry(world.cast(other, ballot)).body)
    mixed = replace(entry, client_data=body.client_data, signature=body.signature)
    raw = Entry("ballot", mixed.to_bytes()).to_bytes()
    assert world.refuse(raw).check == signatures._CHALLENGE


# ------------------------------------------------------------------------------------------------------------- receipts


def receipt_of(world: World, issued_at_ms: int | None = None) -> Receipt:
    """Return a receipt of the first voter's ballot, which is on the board already."""
    raw = world.read(world.last(world.registered()[0])[1])
    ballot = world.record.ballots.ballot_of_entry(raw)
    return make_receipt(signing_key("receipt"), world.manifest, ballot, issued_at_ms or world.clock_ms)


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "board.example/demo/elsewhere"},
        {"manifest_hash": secret("another election")},
        {"ballot_hash": secret("another ballot")},
        {"deadline_ms": 1},
        {"number": 7},
        {"signature": bytes(64)},
    ],
)
def test_a_receipt_that_the_server_did_not_sign(changes: dict[str, object]) -> None:
    world = fresh("voted")
    forged = replace(receipt_of(world), **changes)  # type: ignore[arg-type]
    with pytest.raises(Refused) as refusal:
        world.record.verify_dispute(forged.to_bytes())
    assert refusal.value.check == RECEIPT_2


def test_a_promise_that_falls_due_after_every_intake() -> None:
    world = fresh("open")
    ballot, _ = world.seal_ballot(world.registered()[0])
    end_ms = world.manifest.closes_at_ms + world.manifest.grace_ms
    last = make_receipt(signing_key("receipt"), world.manifest, ballot, end_ms)
    verify_receipt(last, world.manifest, world.manifest_hash, world.record.keyring.receipt_keys)
    for late_ms in (1, 10**12):
        endless = make_receipt(signing_key("receipt"), world.manifest, ballot, end_ms + late_ms)
        with pytest.raises(Refused) as refusal:
            world.record.verify_dispute(endless.to_bytes())
        assert (refusal.value.check, refusal.value.culprit) == (RECEIPT_2, "server")
        assert world.refuse(world.by_log("dispute", Dispute(endless.to_bytes()))).check == TALLY_7


def test_a_dispute_about_a_promise_that_was_kept() -> None:
    world = fresh("voted")
    raw = receipt_of(world, world.manifest.opens_at_ms).to_bytes()
    with pytest.raises(Refused) as refusal:
        world.record.verify_dispute(raw)
    assert refusal.value.check == RECEIPT_3
    assert world.refuse(world.by_log("dispute", Dispute(raw))).check == TALLY_7


def test_a_dispute_before_the_deadline() -> None:
    world = fresh("open")
    voter = world.registered()[0]
    ballot, _ = world.seal_ballot(voter)
    receipt = make_receipt(signing_key("receipt"), world.manifest, ballot, world.clock_ms)
    with pytest.raises(Refused) as refusal:
        world.record.verify_dispute(receipt.to_bytes())
    assert refusal.value.check == RECEIPT_3
