"""Tags, hashes and the transcript: the stored bytes, and that nothing that differs hashes alike."""

import hashlib
import json
from pathlib import Path

import pytest

from crypto.errors import Misuse
from crypto.transcript import Transcript, hkdf_expand, hkdf_extract, tag, tagged_hash
from tests.make_vectors import transcript_vectors

FOLDER = Path(__file__).resolve().parents[2] / "vectors"
STORED = json.loads((FOLDER / "transcript.json").read_text(encoding="utf-8"))


def test_stored_vectors_are_what_is_computed() -> None:
    assert transcript_vectors() == STORED


def test_tag() -> None:
    assert tag("real", "ballot") == b"dobush/1/real/ballot"


@pytest.mark.parametrize("kind", ["", "Demo", "test", "real/demo"])
def test_unknown_kind(kind: str) -> None:
    with pytest.raises(Misuse):
        tag(kind, "ballot")  # type: ignore[arg-type]


def test_tagged_hash_written_out() -> None:
    data = b"\x00\x01t" + b"\x00\x00\x00\x02ab" + b"\x00\x00\x00\x00"
    assert tagged_hash(b"t", b"ab", b"") == hashlib.sha256(data).digest()


def test_transcript_written_out() -> None:
    state = hashlib.sha512(b"\x00" + b"\x00\x00\x00\x01t").digest()
    state = hashlib.sha512(b"\x01" + state + b"\x00\x00\x00\x05label" + b"\x00\x00\x00\x04item").digest()
    transcript = Transcript(b"t")
    transcript.absorb("label", b"item")
    assert transcript.state == state
    assert transcript.challenge("x") == hashlib.sha512(b"\x02" + state + b"\x00\x00\x00\x01x").digest()
    indexed = hashlib.sha512(b"\x02" + state + b"\x00\x00\x00\x05x" + b"\x00\x00\x00\x09").digest()
    assert transcript.challenge("x", 9) == indexed


def test_a_challenge_leaves_the_state_alone() -> None:
    transcript = Transcript(b"t")
    before = transcript.state
    assert transcript.challenge("x") == transcript.challenge("x")
    assert transcript.challenge("x") != transcript.challenge("y")
    assert transcript.challenge("x", 0) != transcript.challenge("x", 1)
    assert transcript.state == before


def test_resume() -> None:
    first = Transcript(b"t")
    first.absorb("a", b"1")
    second = Transcript.resume(first.state)
    second.absorb("b", b"2")
    first.absorb("b", b"2")
    assert first.challenge("x") == second.challenge("x")
    with pytest.raises(Misuse):
        Transcript.resume(bytes(32))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([("a", b"bc")], [("ab", b"c")]),
        ([("a", b""), ("b", b"")], [("b", b""), ("a", b"")]),
        ([("a", b"b")], [("a", b""), ("b", b"")]),
        ([("a", b"1"), ("a", b"2")], [("a", b"12")]),
        ([], [("", b"")]),
    ],
)
def test_different_items_give_different_states(left: list[tuple[str, bytes]], right: list[tuple[str, bytes]]) -> None:
    states = []
    for items in (left, right):
        transcript = Transcript(b"t")
        for label, item in items:
            transcript.absorb(label, item)
        states.append(transcript.state)
    assert states[0] != states[1]


@pytest.mark.parametrize(
    ("left", "right"), [((b"a", b"b"), (b"ab",)), ((b"a|b",), (b"a", b"b")), ((b"",), ()), ((b"", b"a"), (b"a", b""))]
)
def test_different_fields_give_different_hashes(left: tuple[bytes, ...], right: tuple[bytes, ...]) -> None:
    assert tagged_hash(b"t", *left) != tagged_hash(b"t", *right)


def test_hkdf_is_one_block_of_rfc5869() -> None:
    key = hkdf_extract(b"salt", b"secret")
    assert len(key) == 64
    assert hkdf_expand(key, b"info", 32) == hkdf_expand(key, b"info", 64)[:32]
    for length in (0, 65):
        with pytest.raises(Misuse):
            hkdf_expand(key, b"info", length)
