"""Writer, strict reader and CDDL of every message agree with each other, with cbor2 and with the pages."""

import json
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.election import entries
from crypto.election.ballot import Receipt
from crypto.election.encoding import Message, fields_of
from crypto.election.entries import BODIES, Close, Incident, Manifest, Unit
from crypto.errors import MalformedEncoding, Misuse
from tests.simulator import make_manifest, make_parts, text3
from tests.strategies import broken, messages

ROOT = Path(__file__).resolve().parents[4]
VECTORS = json.loads((ROOT / "tests/vectors/encoding.json").read_text(encoding="utf-8"))
ALL: list[type[Message]] = [*BODIES.values(), Receipt]


def by_name(name: str) -> type[Message]:
    """Return the message class of a vector."""
    found: type[Message] = getattr(entries, name)
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
    for parse in (Manifest.parse, Close.parse_once, Receipt.parse):
        with pytest.raises(MalformedEncoding):
            parse(data)


@pytest.mark.parametrize("message", ALL, ids=lambda message: message.__name__)
def test_fields_stand_in_the_order_of_their_bytes(message: type[Message]) -> None:
    keys = [field.key for field in fields_of(message)]
    assert keys == sorted(keys)
    assert [cbor2.loads(key) for key in keys] == [field.name for field in fields_of(message)]


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
