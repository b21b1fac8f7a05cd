"""One entry, its offline proof, the receipts' answers and the hints, out of a record's files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest

from audit import lookup
from audit.fetch import HintReader, HintWriter
from audit.lookup import Lookup
from audit.verify import Inline, audit
from crypto.election.ballot import Receipt, make_receipt
from crypto.election.entries import BallotEntry, parse_entry
from crypto.errors import MalformedEncoding, Misuse, Refused
from crypto.merkle import leaf_hash, parse_log_proof, verify_inclusion
from crypto.signatures import parse_checkpoint, parse_note
from tests.folders import NOW_MS, Memory, files_of, given_of, world_at
from tests.simulator import World, signing_key


def opened(world: World) -> Lookup:
    return Lookup.open(Memory(files_of(world)).get)


def receipt_of(world: World, index: int, **changes: object) -> Receipt:
    ballot = BallotEntry.parse(parse_entry(world.entries[index]).body).ballot
    issued = changes.pop("issued_at_ms", world.manifest.opens_at_ms)
    assert isinstance(issued, int)
    return make_receipt(signing_key("receipt"), world.manifest, ballot, issued)


def ballot_indexes(world: World) -> list[int]:
    return [index for index, raw in enumerate(world.entries) if raw[3:9] == b"ballot"]


def test_every_entry_is_shown_in_types_of_json() -> None:
    world = world_at("complete")
    for index, raw in opened(world).entries():
        shown = lookup.show(index, raw)
        assert (shown.error, shown.leaf_hash) == ("", leaf_hash(raw).hex())
        assert json.loads(json.dumps(shown.body)) == shown.body


def test_bytes_that_are_no_entry_are_shown_with_the_reason() -> None:
    shown = lookup.show(3, b"\x84\x01\x64seal\xff")
    assert (shown.type, shown.body) == ("?", None)
    assert shown.error


def test_a_proof_leads_to_the_records_checkpoint() -> None:
    world = world_at("complete")
    index = ballot_indexes(world)[5]
    proof = parse_log_proof(opened(world).prove(index).to_bytes())
    checkpoint = parse_checkpoint(parse_note(proof.checkpoint).text)
    verify_inclusion(leaf_hash(world.entries[index]), proof.index, checkpoint.size, checkpoint.root, proof.proof)


@pytest.mark.parametrize("index", [-1, 10_000])
def test_there_is_no_entry_outside_the_log(index: int) -> None:
    with pytest.raises(Misuse):
        opened(world_at("complete")).entry(index)


@pytest.mark.parametrize("stage", ["voted", "closed", "complete"])
def test_a_receipt_finds_its_ballot(stage: str) -> None:
    world = world_at(stage)
    for index in ballot_indexes(world)[:6]:
        assert opened(world).answer(receipt_of(world, index).to_bytes(), NOW_MS).index == index


def unpublished_receipt(world: World) -> Receipt:
    voter = world.registered()[5]
    ballot, _ = world.seal_ballot(voter, ((1,), (2,)))
    return make_receipt(signing_key("receipt"), world.manifest, ballot, world.manifest.opens_at_ms)


def test_a_dropped_ballot_convicts_the_server_once_a_later_checkpoint_lacks_it() -> None:
    world = world_at("complete")
    with pytest.raises(Refused) as refused:
        opened(world).answer(unpublished_receipt(world.fork("voted")).to_bytes(), NOW_MS)
    assert (refused.value.check.partition("-")[0], refused.value.culprit) == ("RECEIPT", "server")


def test_nothing_is_concluded_before_the_deadline() -> None:
    world = world_at("voted")
    found = opened(world).answer(unpublished_receipt(world).to_bytes(), NOW_MS)
    assert (found.index, found.deadline_ms) == (None, world.manifest.opens_at_ms + world.manifest.receipt_delay_ms)


def test_a_receipt_of_another_key_is_none() -> None:
    world = world_at("voted")
    ballot, _ = world.seal_ballot(world.registered()[5])
    forged = make_receipt(signing_key("log"), world.manifest, ballot, world.manifest.opens_at_ms)
    with pytest.raises(Refused) as refused:
        opened(world).answer(forged.to_bytes(), NOW_MS)
    assert refused.value.culprit != "server"


def test_bytes_that_are_no_receipt_are_malformed() -> None:
    with pytest.raises(MalformedEncoding):
        opened(world_at("voted")).answer(b"\xa0", NOW_MS)


def test_a_broken_tree_answers_nothing() -> None:
    files = files_of(world_at("complete"))
    tile = next(name for name in files if name.startswith("tile/0"))
    with pytest.raises(Refused):
        Lookup.open(Memory({**files, tile: bytes(len(files[tile]))}).get)


def test_hints_help_and_false_ones_change_nothing() -> None:
    world = world_at("complete")
    stream = io.BytesIO()
    writer = HintWriter(stream)
    told: list[int] = []
    for index, hint in opened(world).hints(lambda done, _size: told.append(done)):
        writer.put(index, bytes(reversed(hint)) if index % 2 else hint)
    assert told

    def again() -> Callable[[int], bytes]:
        stream.seek(0)
        return HintReader(stream).get

    plain = audit(Memory(files_of(world)), given_of(world), Inline())
    helped = audit(Memory(files_of(world)), given_of(world), Inline(), hints=again)
    assert plain.record is not None
    assert helped.record is not None
    assert helped.record.refused == plain.record.refused == {}
    assert helped.record.counts == plain.record.counts
