"""Ballot bytes, hashes, nonces, receipts and sequences, on the vectors and on the simulator's votes."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.election.ballot import (
    TRACKING_ALPHABET,
    Receipt,
    cast_challenge,
    hash_ballot,
    lock_of,
    make_nonce,
    make_receipt,
    parse_ballot,
    receipt_message,
    tracking_code,
    verify_receipt,
)
from crypto.election.entries import BallotEntry, parse_entry
from crypto.errors import MalformedEncoding, Misuse, Refused
from crypto.proofs import parse_frame
from crypto.signatures import SigningKey, verify_ed25519
from tests.simulator import fresh, signing_key, world_at
from tests.strategies import broken

VECTORS = json.loads((Path(__file__).resolve().parents[3] / "vectors/ballot.json").read_text(encoding="utf-8"))
BALLOT = bytes.fromhex(VECTORS["ballot"])
MANIFEST_HASH = bytes.fromhex(VECTORS["manifest_hash"])


def test_everything_that_is_derived_from_a_ballot() -> None:
    digest = hash_ballot("demo", BALLOT)
    assert digest.hex() == VECTORS["ballot_hash"]
    assert tracking_code(digest) == VECTORS["tracking_code"]
    assert lock_of("demo", bytes.fromhex(VECTORS["opening"])).hex() == VECTORS["lock"]
    nonce = make_nonce(
        signing_key("receipt"),
        "demo",
        MANIFEST_HASH,
        parse_ballot(BALLOT).pseudonym,
        digest,
        bytes(range(16)),
        VECTORS["issued_at_ms"],
    )
    assert nonce.hex() == VECTORS["nonce"]
    assert cast_challenge("demo", MANIFEST_HASH, digest, nonce).hex() == VECTORS["challenge"]


def test_the_receipt_of_the_vector() -> None:
    receipt = Receipt.parse(bytes.fromhex(VECTORS["receipt"]))
    assert receipt_message("demo", receipt).hex() == VECTORS["receipt_message"]
    verify_ed25519(bytes.fromhex(VECTORS["receipt_key"]), receipt_message("demo", receipt), receipt.signature)
    assert receipt.ballot_hash.hex() == VECTORS["ballot_hash"]


def test_the_entry_of_the_vector_holds_the_ballot() -> None:
    entry = parse_entry(bytes.fromhex(VECTORS["entry"]))
    body = BallotEntry.parse(entry.body)
    assert (entry.type, entry.signatures, body.ballot) == ("ballot", (), BALLOT)
    assert len(entry.to_bytes()) - sum(len(vector) for vector in parse_ballot(BALLOT).vectors) < 700 + 2 * 640


def test_a_head_says_what_the_frame_says() -> None:
    head, frame = parse_ballot(BALLOT), parse_frame(BALLOT)
    assert frame is not None
    assert (head.manifest_hash, head.style, head.lock) == (frame.manifest_hash, frame.style, frame.lock)
    assert (head.head_size, head.head_root) == (frame.head_size, frame.head_root)
    position = (head.pseudonym, head.number, head.previous)
    assert position == (frame.position.pseudonym, frame.position.number, frame.position.previous)
    assert head.vectors == tuple(contest.ciphertexts for contest in frame.contests)
    assert head.firsts == tuple(contest.ciphertexts[:32] for contest in frame.contests)


@settings(max_examples=300)
@given(st.data())
def test_broken_ballots_are_refused_or_the_one_encoding(data: st.DataObject) -> None:
    _, wrong = data.draw(broken(BALLOT))
    frame = parse_frame(wrong)
    if frame is None:
        with pytest.raises(MalformedEncoding):
            parse_ballot(wrong)
    else:
        assert frame.to_bytes() == wrong


@given(st.binary(min_size=32, max_size=32))
def test_tracking_codes_show_the_first_eighteen_bytes(digest: bytes) -> None:
    code = tracking_code(digest)
    groups = code.split("-")
    assert [len(group) for group in groups] == [4] * 9
    numbers = [TRACKING_ALPHABET.index(sign) for sign in "".join(groups)]
    assert bytes(16 * high + low for high, low in zip(numbers[::2], numbers[1::2], strict=True)) == digest[:18]


def test_the_alphabet_reads_alike_in_cyrillic_and_latin() -> None:
    assert len(set(TRACKING_ALPHABET)) == 16
    assert not set(TRACKING_ALPHABET) & set("01BDGIJLOQSUVWYZ")


def test_a_lock_takes_32_bytes() -> None:
    with pytest.raises(Misuse):
        lock_of("demo", bytes(31))


def test_a_receipt_is_valid_under_any_key_that_ever_was() -> None:
    manifest = world_at("open").manifest
    receipt = make_receipt(signing_key("receipt"), manifest, BALLOT, 5)
    assert receipt.deadline_ms == 5 + manifest.receipt_delay_ms
    newer = SigningKey.from_seed(bytes(32)).public_key
    verify_receipt(receipt, manifest, MANIFEST_HASH, [newer, manifest.receipt_key])


def test_the_vectors_receipts_fall_due_or_are_refused() -> None:
    world = world_at("open")

    def verify(receipt: str) -> None:
        verify_receipt(Receipt.parse(bytes.fromhex(receipt)), world.manifest, world.manifest_hash, keys)

    keys = [bytes.fromhex(VECTORS["receipt_key"])]
    verify(VECTORS["receipt"])
    verify(VECTORS["last_receipt"])
    for endless in VECTORS["endless_receipts"]:
        with pytest.raises(Refused, match="later than any"):
            verify(endless)


def test_sequences_counts_and_sums() -> None:
    record = world_at("complete").record
    assert (record.ballots.accepted, record.ballots.spoiled, record.superseded) == (22, 1, 2)
    figures = record.figures()
    assert (figures.valid, figures.counted, figures.superseded, figures.struck) == (22, 19, 2, 1)
    assert record.board.ballots_by_block == {7: 9, 8: 11, 9: 2}


def test_a_refused_ballot_leaves_no_trace() -> None:
    world = fresh("open")
    voter = world.registered()[0]
    ballot, _ = world.seal_ballot(voter)
    wrong = world.cast(voter, ballot, receipt_key=signing_key("log"))
    world.refuse(wrong)
    assert (world.last(voter), world.record.tally.accepted) == ((0, -1), 0)
    world.accept([], [world.cast(voter, ballot)])
    assert world.last(voter)[0] == 1
