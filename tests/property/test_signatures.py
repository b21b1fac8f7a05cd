"""The strict rule equals its plain arithmetic on broken signatures; no parser takes two spellings or another error."""

import contextlib
import json
import re
from enum import Enum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.witness import State, Witness, add_checkpoint, parse_add_checkpoint
from crypto.errors import MalformedEncoding, Refused
from crypto.signatures import (
    Checkpoint,
    SigningKey,
    VerifierKey,
    client_data_start,
    cose_eddsa,
    cose_es256,
    cosign,
    parse_checkpoint,
    parse_cose_key,
    parse_note,
    parse_policy,
    parse_verifier_key,
    sign_checkpoint,
    verify_ed25519,
    verify_passkey_assertion,
    verify_quorum,
)
from demo.voters import make_passkey
from tests import edwards

KEY, OTHER = SigningKey.from_seed(bytes(32)), SigningKey.from_seed(bytes([1]) * 32)
LOG, WITNESS = VerifierKey("b.example", KEY.public_key), VerifierKey("w.example", OTHER.public_key, 4)
NOTE = sign_checkpoint(KEY, Checkpoint("b.example", 7, bytes(32)))
NOTE = NOTE.with_signatures(cosign(OTHER, "w.example", NOTE.text, 1_767_225_600))
POINTS = [edwards.multiply(number, edwards.TORSION) for number in range(8)]


class Breakage(Enum):
    """Ways to break an Ed25519 signature; some leave it valid, which the arithmetic decides."""

    NOTHING = "nothing"
    BIT = "flip a bit of key or signature"
    MESSAGE = "another message"
    ORDER = "add L to S"
    MIXED_KEY = "a torsion point added to A"
    MIXED_NONCE = "a torsion point added to R"
    SMALL_KEY = "A of small order"
    SMALL_NONCE = "R of small order"


@settings(max_examples=100)
@given(st.sampled_from(Breakage), st.integers(0, 767), st.integers(0, 7), st.binary(max_size=20))
def test_the_strict_rule(breakage: Breakage, bit: int, torsion: int, message: bytes) -> None:
    secret, nonce = 11 * bit + 5, 13 * bit + 7
    key, commitment = edwards.multiply(secret, edwards.BASE), edwards.multiply(nonce, edwards.BASE)
    if breakage is Breakage.MIXED_KEY:
        key = edwards.add(key, POINTS[torsion])
    elif breakage is Breakage.MIXED_NONCE:
        commitment = edwards.add(commitment, POINTS[torsion])
    elif breakage is Breakage.SMALL_KEY:
        secret, key = 0, POINTS[torsion]
    elif breakage is Breakage.SMALL_NONCE:
        nonce, commitment = 0, POINTS[torsion]
    public_key, signature = edwards.forge(secret, nonce, key, commitment, message)
    if breakage is Breakage.ORDER:
        scalar = int.from_bytes(signature[32:], "little") + edwards.L
        signature = signature[:32] + scalar.to_bytes(32, "little")
    elif breakage is Breakage.BIT:
        whole = bytearray(public_key + signature)
        whole[bit // 8] ^= 1 << bit % 8
        public_key, signature = bytes(whole[:32]), bytes(whole[32:])
    elif breakage is Breakage.MESSAGE:
        message += b"!"
    if edwards.is_valid(public_key, message, signature):
        verify_ed25519(public_key, message, signature)
    else:
        with pytest.raises(Refused):
            verify_ed25519(public_key, message, signature)


@given(st.integers(0, 8 * len(NOTE.to_bytes()) - 1))
def test_a_flipped_bit_never_leaves_a_quorum_of_another_head(bit: int) -> None:
    data = bytearray(NOTE.to_bytes())
    data[bit // 8] ^= 1 << bit % 8
    try:
        read = verify_quorum(bytes(data), LOG, [WITNESS], 1, 1_767_225_600)
    except Refused:
        return
    pytest.fail(f"accepted {read}")


PIECES = st.sampled_from(
    [
        "b.example",
        "7",
        "AAAA",
        "A" * 43 + "=",
        "\n",
        "\n\n",
        "— ",
        "— b.example AAAAAAA=\n",
        " ",
        "+",
        "\r",
        "\t",
        "é",
        "0",
    ]
)


@given(st.lists(PIECES | st.text(max_size=8), max_size=12).map("".join))
def test_notes_checkpoints_and_keys_have_one_spelling(text: str) -> None:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        data = text.encode("utf-8", "surrogatepass")
    with contextlib.suppress(MalformedEncoding):
        assert parse_note(data).to_bytes() == data
    with contextlib.suppress(MalformedEncoding):
        assert parse_checkpoint(text).to_text() == text
    with contextlib.suppress(MalformedEncoding):
        assert parse_verifier_key(text).to_text() == text
    with contextlib.suppress(MalformedEncoding):
        assert parse_policy(data).to_bytes() == data


@given(st.binary(max_size=90) | st.binary(min_size=64, max_size=64).map(lambda xy: cose_es256(xy[:32], xy[32:])))
def test_random_keys_are_no_passkeys(data: bytes) -> None:
    # A random pair of coordinates is on the curve with probability 2^-256.
    with pytest.raises(MalformedEncoding):
        parse_cose_key(data)


@given(st.binary(min_size=32, max_size=32))
def test_eddsa_keys_are_points(data: bytes) -> None:
    point = edwards.decode(data)
    if point is None or edwards.multiply(8, point) == edwards.IDENTITY:
        with pytest.raises(MalformedEncoding):
            parse_cose_key(cose_eddsa(data))
    else:
        parse_cose_key(cose_eddsa(data))


PASSKEY, ORIGIN, CHALLENGE = make_passkey(bytes(32)), "https://v.example", bytes(32)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
NAMES = st.sampled_from(["type", "challenge", "origin", "crossOrigin", "topOrigin", "tokenBinding", "x", "y"])


@given(st.lists(st.tuples(NAMES, st.just(value=False) | VALUES), max_size=4), st.booleans())
def test_members_after_the_origin(members: list[tuple[str, object]], ascii_only: bool) -> None:
    tail = "".join(f",{json.dumps(name)}:{json.dumps(value, ensure_ascii=ascii_only)}" for name, value in members)
    start = (client_data_start(CHALLENGE) + ORIGIN.encode()).decode() + '"'
    client_data = f"{start}{tail}}}".encode("utf-8", "surrogatepass")
    data = PASSKEY.sign(CHALLENGE, "v.example", ORIGIN).authenticator_data
    signature = PASSKEY.sign_raw(data, client_data)
    names = [name for name, _ in members]
    allowed = len(set(names)) == len(names) and not {"type", "challenge", "origin", "topOrigin"} & set(names)
    allowed = allowed and all(value is False for name, value in members if name == "crossOrigin")
    allowed = allowed and client_data.count(b"{") + client_data.count(b"[") <= 8 and not re.search(r"\\ud[89a-f]", tail)
    try:
        verify_passkey_assertion(PASSKEY.cose_key, data, client_data, signature, CHALLENGE, "v.example", [ORIGIN])
    except Refused:
        assert not allowed
    else:
        assert allowed


LINES = st.sampled_from([b"old 0", b"old 7", b"old 07", b"A" * 43 + b"=", b"", b"b.example", b"x"]) | st.binary(
    max_size=9
)


@given(st.lists(LINES, max_size=8).map(b"\n".join))
def test_requests_have_one_spelling_and_every_answer_a_status(request: bytes) -> None:
    with contextlib.suppress(MalformedEncoding):
        assert parse_add_checkpoint(request).to_bytes() == request
    state, answer = add_checkpoint(Witness("w.example", OTHER, (LOG,)), State(), request, 1_767_225_600)
    assert (state, answer.status) == (State(), 400)
