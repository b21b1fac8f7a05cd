"""Malformed bytes: every parser answers with a typed error, in bounded work, whatever the bytes say."""

import cbor2
import pytest

from crypto.election.ballot import Receipt, parse_ballot
from crypto.election.encoding import Message
from crypto.election.entries import BODIES, Close, Entry, Incident, Manifest, Seal, parse_entry
from crypto.election.record import Record
from crypto.errors import MalformedEncoding
from crypto.merkle import MAX_ENTRY_SIZE
from tests.attacks.checks import BALLOT_1, ENCODING_1, ENCODING_2
from tests.simulator import world_at

DEEP = b"\x81" * 10_000 + b"\x00"
DEEP_MAP = b"\xa1\x61a" * 10_000 + b"\x00"
HUGE = b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"
NOTE = Incident(bytes(32), "x").to_bytes()
NOT_CLOSE = {
    "empty": b"",
    "trailing": b"\xa1gballots\x01\x00",
    "twice": b"\xa2gballots\x01gballots\x01",
    "unknown field": b"\xa2gballots\x01fgarble\x01",
    "missing field": b"\xa0",
    "other field": b"\xa1gballotz\x01",
    "indefinite map": b"\xbfgballots\x01\xff",
    "indefinite text": b"\xa1\x7fgballots\xff\x01",
    "long head of a map": b"\xb8\x01gballots\x01",
    "long integer": b"\xa1gballots\x18\x01",
    "longer integer": b"\xa1gballots\x1b\x00\x00\x00\x00\x00\x00\x00\x01",
    "not a number": b"\xa1gballots\xf9\x7e\x00",
    "float": b"\xa1gballots\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00",
    "bignum": b"\xa1gballots\xc2\x49" + b"\x01" * 9,
    "tag": b"\xa1gballots\xc0\x01",
    "undefined": b"\xa1gballots\xf7",
    "negative": b"\xa1gballots\x20",
    "text for a number": b"\xa1gballots\x611",
    "byte string as key": b"\xa1\x47ballots\x01",
    "deep array": DEEP,
    "deep map": DEEP_MAP,
    "huge count": HUGE,
    "huge map": b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
    "huge string": b"\xa1gballots\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    "cut off": b"\xa1gballots\x19\x01",
    "reserved": b"\xa1gballots\x1c",
}


@pytest.mark.parametrize("name", NOT_CLOSE)
def test_only_the_one_encoding_is_read(name: str) -> None:
    with pytest.raises(MalformedEncoding) as refusal:
        Close.parse(NOT_CLOSE[name])
    assert refusal.value.check == ENCODING_1


@pytest.mark.parametrize(
    "data",
    [
        b"\xa1gballots\x1b\x00\x00\x00\x01\x00\x00\x00\x00",
        NOTE.replace(b"dnoteax", b"dnote\x60"),
        NOTE.replace(b"dnoteax", b"dnotea\x00"),
        NOTE.replace(b"dnoteax", b"dnotea\x7f"),
        NOTE.replace(b"dnoteax", b"dnotec" + "\u202e".encode()),
        NOTE.replace(b"\x58\x20" + bytes(32), b"\x41\x00"),
    ],
)
def test_values_out_of_their_limits_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedEncoding) as refusal:
        (Close if data.startswith(b"\xa1") else Incident).parse(data)
    assert refusal.value.check == ENCODING_2


def test_half_a_surrogate_pair_is_no_text() -> None:
    data = NOTE.replace(b"dnoteax", b"dnotec\xed\xa0\x80")
    with pytest.raises(MalformedEncoding) as refusal:
        Incident.parse(data)
    assert refusal.value.check == ENCODING_1


@pytest.mark.parametrize("parse", [parse_entry, Manifest.parse, Seal.parse, Close.parse])
def test_an_entry_has_a_size(parse) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    with pytest.raises(MalformedEncoding) as refusal:
        parse(bytes(MAX_ENTRY_SIZE + 1))
    assert refusal.value.check == "ENCODING-3"


@pytest.mark.parametrize("name", ["ballots", "", "Ballot", "ballot\x00", "б"])
def test_unknown_types_are_refused(name: str) -> None:
    with pytest.raises(MalformedEncoding) as refusal:
        parse_entry(cbor2.dumps([1, name, b"", []]))
    assert refusal.value.check == "ENCODING-4"


@pytest.mark.parametrize(
    "raw",
    [
        cbor2.dumps([1, "close", b"", []]) + b"\x00",
        cbor2.dumps([1, "close", b""]),
        cbor2.dumps([1, "close", "", []]),
        cbor2.dumps([1, "close", b"", [[b"k" * 7, b"s" * 64]]]),
        cbor2.dumps([1, "close", b"", [[b"k" * 8, b"s" * 63]]]),
        cbor2.dumps([1, "close", b"", [[b"k" * 8, b"s" * 64, 1]]]),
        cbor2.dumps([1, "close", b"", [[b"k" * 8, b"s" * 64]] * 2]),
        cbor2.dumps([1, "close", b"", [[b"z" * 8, b"s" * 64], [b"a" * 8, b"s" * 64]]]),
        cbor2.dumps([1, "close", b"", [[bytes([at]) * 8, b"s" * 64] for at in range(17)]]),
        b"\x84\x01eclose\x40\x9a\x00\x00\x00\x00",
        b"\x84\x01\x78\x05close\x40\x80",
        b"\x9f\x01eclose\x40\x80\xff",
        DEEP,
        b"\x84\x01eclose" + HUGE,
        b"\x84\x01eclose\x40" + HUGE,
    ],
)
def test_envelopes_have_one_spelling(raw: bytes) -> None:
    with pytest.raises(MalformedEncoding) as refusal:
        parse_entry(raw)
    assert refusal.value.check == ENCODING_1


@pytest.mark.parametrize("data", [DEEP, DEEP_MAP, HUGE, b"", b"\xff", bytes(100), b"\x00"])
def test_every_body_refuses_garbage(data: bytes) -> None:
    bodies: list[type[Message]] = [*BODIES.values(), Receipt]
    for body in bodies:
        with pytest.raises(MalformedEncoding):
            body.parse(data)
        with pytest.raises(MalformedEncoding):
            body.parse_once(data)


def test_a_ballots_bytes_have_one_spelling() -> None:
    world = world_at("open")
    ballot, _ = world.seal_ballot(world.registered()[0])
    for broken in (
        ballot + b"\x00",
        ballot[:-1],
        b"\x98\x09" + ballot[1:],
        ballot[:35] + b"\x18\x01" + ballot[36:],
        ballot[:1] + b"\x59\x00\x20" + ballot[3:],
        b"",
        b"\x89",
        DEEP,
    ):
        with pytest.raises(MalformedEncoding) as refusal:
            parse_ballot(broken)
        assert refusal.value.check == BALLOT_1


def test_a_record_of_garbage_is_a_record_of_refusals() -> None:
    garbage = [b"", b"\x00", DEEP, HUGE, bytes(MAX_ENTRY_SIZE + 1), Entry("close", b"").to_bytes()]
    record = Record(garbage.__getitem__)
    record.extend(garbage)
    assert sorted(record.refused) == list(range(len(garbage)))
    assert record.size == len(garbage)
