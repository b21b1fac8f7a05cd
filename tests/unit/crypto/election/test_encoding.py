"""Writer, strict reader and CDDL of every message agree with each other, with cbor2 and with the pages."""

import json
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.election import encoding
from crypto.election.ballot import Receipt
from crypto.election.encoding import (
    BODIES,
    Close,
    Entry,
    Incident,
    Items,
    Manifest,
    Message,
    Nested,
    Optional,
    SignatureClaim,
    Unit,
    cddl,
    fields_of,
    parse_entry,
)
from crypto.errors import MalformedEncoding, Misuse, Refused
from crypto.signatures import SigningKey
from tests.simulator import make_manifest, make_parts, text3, world_at
from tests.strategies import broken, messages

ROOT = Path(__file__).resolve().parents[4]
VECTORS = json.loads((ROOT / "tests/vectors/encoding.json").read_text(encoding="utf-8"))
ALL: list[type[Message]] = [*BODIES.values(), Receipt]


def by_name(name: str) -> type[Message]:
    """Return the message class of a vector."""
    found: type[Message] = getattr(encoding, name)
    return found


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda vector: str(vector["rule"]))
def test_messages_have_their_bytes(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["bytes"])
    message = by_name(vector["rule"]).parse(data)
    assert message.to_bytes() == data
    assert json.loads(json.dumps(message.plain(), default=lambda item: {"hex": item.hex()})) == vector["fields"]
    assert cbor2.loads(data) == message.plain()


@pytest.mark.parametrize("vector", VECTORS["refused_as_close"], ids=lambda vector: str(vector["why"]))
def test_wrong_bytes_are_refused(vector: dict[str, str]) -> None:
    with pytest.raises(MalformedEncoding) as refusal:
        Close.parse(bytes.fromhex(vector["bytes"]))
    assert refusal.value.check == vector["check"]


def test_an_entry_has_its_bytes() -> None:
    vector = VECTORS["entry"]
    entry = parse_entry(bytes.fromhex(vector["bytes"]))
    assert entry.to_bytes().hex() == vector["bytes"]
    assert (entry.type, entry.body.hex()) == (vector["type"], vector["body"])
    assert [[author.hex(), signature.hex()] for author, signature in entry.signatures] == vector["signatures"]


@pytest.mark.parametrize("message", ALL, ids=lambda message: message.__name__)
def test_every_message_round_trips(message: type[Message]) -> None:
    @settings(max_examples=15)
    @given(messages(message), st.data())
    def check(value: Message, data: st.DataObject) -> None:
        written = value.to_bytes()
        assert message.parse(written) == value
        assert message.parse_once(written) == value
        assert cbor2.dumps(cbor2.loads(written), canonical=True) == written
        _, wrong = data.draw(broken(written))
        try:
            other = message.parse_once(wrong)
        except MalformedEncoding as refusal:
            assert refusal.check in {f"ENCODING-{number}" for number in (1, 2, 3)}  # noqa: PT017 - either outcome
        else:
            # A changed bit may give another valid message; then these are that message's one encoding.
            assert other.to_bytes() == wrong

    check()


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_garbage_gives_typed_errors(data: bytes) -> None:
    for parse in (parse_entry, Manifest.parse, Close.parse_once, Receipt.parse):
        with pytest.raises(MalformedEncoding):
            parse(data)


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


@pytest.mark.parametrize("message", ALL, ids=lambda message: message.__name__)
def test_the_pages_carry_the_cddl(message: type[Message]) -> None:
    pages = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs/spec").glob("*.md"))
    own = {"ceremony", "round", "drill", "opening", "close", "aggregate", "share", "result", "dispute", "release"}
    rule = cddl(message)
    if rule.partition(" ")[0].partition("-")[0] not in own and not rule.startswith("decision"):
        assert rule in pages


@pytest.mark.parametrize("message", ALL, ids=lambda message: message.__name__)
def test_fields_stand_in_the_order_of_their_bytes(message: type[Message]) -> None:
    keys = [field.key for field in fields_of(message)]
    assert keys == sorted(keys)
    assert [cbor2.loads(key) for key in keys] == [field.name for field in fields_of(message)]


def test_nesting_is_bounded_by_the_declaration() -> None:
    def depth(message: type[Message]) -> int:
        return 1 + max(map(depth_of, (field.kind for field in fields_of(message))))

    def depth_of(kind: object) -> int:
        if isinstance(kind, Items | Optional):
            return isinstance(kind, Items) + depth_of(kind.kind)
        return depth(kind.message) if isinstance(kind, Nested) else 0

    assert max(map(depth, ALL)) <= 8


@pytest.mark.parametrize(
    "build",
    [
        lambda: Close(-1),
        lambda: Close(2**32),
        lambda: Close(True),  # noqa: FBT003 - a boolean is no count
        lambda: Close(1.0),  # type: ignore[arg-type]
        lambda: Incident(bytes(31), "x"),
        lambda: Incident(bytes(32), ""),
        lambda: Incident(bytes(32), "a\nb"),
        lambda: Incident(bytes(32), "\ud800"),
        lambda: Incident(bytes(32), "x" * 1_001),
        lambda: Unit(1, None, "North", district=True),  # type: ignore[arg-type]
        lambda: Unit(1, -1, text3("North"), district=True),
        lambda: Unit(1, None, text3("North"), district=1),  # type: ignore[arg-type]
        lambda: make_manifest(make_parts(), algorithms=(-9,)),
        lambda: make_manifest(make_parts(), trustees=()),
        lambda: make_manifest(make_parts(), kind="test"),  # type: ignore[arg-type]
    ],
)
def test_a_value_out_of_its_limits_is_the_writers_mistake(build: Any) -> None:  # noqa: ANN401
    with pytest.raises((Misuse, TypeError)):
        build().to_bytes()


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
