"""Envelopes have one encoding, every type has its body and its line in the pages, a claim carries its check."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.election.ballot import Receipt
from crypto.election.encoding import Items, Message, Nested, Optional, cddl, fields_of
from crypto.election.entries import BODIES, VOTER_TYPES, Entry, SignatureClaim, parse_entry
from crypto.errors import MalformedEncoding, Refused
from crypto.signatures import SigningKey
from tests.make_election_vectors import entries
from tests.simulator import world_at
from tests.strategies import broken

ROOT = Path(__file__).resolve().parents[4]
VECTORS = json.loads((ROOT / "tests/vectors/entries.json").read_text(encoding="utf-8"))
ALL: list[type[Message]] = [*BODIES.values(), Receipt]


def test_stored_vectors_are_what_is_computed() -> None:
    assert entries() == VECTORS


def test_an_entry_has_its_bytes() -> None:
    vector = VECTORS["entry"]
    entry = parse_entry(bytes.fromhex(vector["bytes"]))
    assert entry.to_bytes().hex() == vector["bytes"]
    assert (entry.type, entry.body.hex()) == (vector["type"], vector["body"])
    assert [[author.hex(), signature.hex()] for author, signature in entry.signatures] == vector["signatures"]


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: str(vector["why"]))
def test_wrong_envelopes_are_refused(vector: dict[str, str]) -> None:
    with pytest.raises(MalformedEncoding) as refusal:
        parse_entry(bytes.fromhex(vector["bytes"]))
    assert refusal.value.check == vector["check"]


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_garbage_gives_typed_errors(data: bytes) -> None:
    with pytest.raises(MalformedEncoding):
        parse_entry(data)


@settings(max_examples=200)
@given(st.data())
def test_broken_entries_are_refused_or_the_one_encoding(data: st.DataObject) -> None:
    raw = data.draw(st.sampled_from(world_at("open").entries))
    _, wrong = data.draw(broken(raw))
    try:
        entry = parse_entry(wrong)
    except MalformedEncoding:
        return
    assert entry.to_bytes() == wrong


def test_the_page_lists_every_type_with_its_body() -> None:
    page = (ROOT / "docs/spec/entries.md").read_text(encoding="utf-8")
    rows = [line.split("`")[1:4:2] for line in page.splitlines() if line.startswith("| `")]
    assert rows == [[name, cddl(body).partition(" ")[0]] for name, body in BODIES.items()]
    assert set(BODIES) >= VOTER_TYPES


@pytest.mark.parametrize("message", ALL, ids=lambda message: message.__name__)
def test_the_pages_carry_the_cddl(message: type[Message]) -> None:
    pages = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs/spec").glob("*.md"))
    own = {"ceremony", "round", "drill", "opening", "close", "aggregate", "share", "result", "dispute", "release"}
    rule = cddl(message)
    if rule.partition(" ")[0].partition("-")[0] not in own and not rule.startswith("decision"):
        assert rule in pages


def test_nesting_is_bounded_by_the_declaration() -> None:
    def depth(message: type[Message]) -> int:
        return 1 + max(map(depth_of, (field.kind for field in fields_of(message))))

    def depth_of(kind: object) -> int:
        if isinstance(kind, Items | Optional):
            return isinstance(kind, Items) + depth_of(kind.kind)
        return depth(kind.message) if isinstance(kind, Nested) else 0

    assert max(map(depth, ALL)) <= 8


def test_entries_are_written_with_their_signatures_sorted() -> None:
    late, early = (b"\x02" * 8, bytes(64)), (b"\x01" * 8, bytes(64))
    raw = Entry("close", b"", (late, early)).to_bytes()
    assert parse_entry(raw).signatures == (early, late)


def test_a_claim_carries_its_own_check() -> None:
    key = SigningKey.from_seed(bytes(32))
    SignatureClaim("X-1", "author", key.public_key, b"message", key.sign(b"message")).verify()
    with pytest.raises(Refused) as refusal:
        SignatureClaim("X-1", "author", key.public_key, b"other", key.sign(b"message")).verify()
    assert (refusal.value.check, refusal.value.culprit) == ("X-1", "author")
