"""A second form of somebody's signature: ES256 has one, which names the same challenge; every other form is refused."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from crypto.election.entries import BallotEntry, Entry, parse_entry
from crypto.errors import Refused
from crypto.signatures import EDDSA, SigningKey, passkey_challenge, verify_ed25519, verify_passkey_assertion
from demo.voters import make_passkey
from tests import edwards
from tests.simulator import fresh

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
RP_ID, ORIGIN = "localhost", "http://localhost"
CHALLENGE = passkey_challenge(b"dobush/1/demo/cast", bytes(32))
PASSKEY = make_passkey(bytes([1]) * 32)
ANSWER = PASSKEY.sign(CHALLENGE, RP_ID, ORIGIN)
R, S = decode_dss_signature(ANSWER.signature)


def verify(signature: bytes) -> None:
    data, client_data, _ = ANSWER.parts()
    verify_passkey_assertion(PASSKEY.cose_key, data, client_data, signature, CHALLENGE, RP_ID, [ORIGIN])


def integer(number: int, size: int) -> bytes:
    return bytes([2, size]) + number.to_bytes(size, "big")


def sequence(*parts: bytes) -> bytes:
    return bytes([0x30, len(b"".join(parts))]) + b"".join(parts)


def test_the_mirrored_es256_signature_covers_the_same_challenge() -> None:
    mirrored = encode_dss_signature(R, ORDER - S)
    assert mirrored != ANSWER.signature
    # Both are valid for one challenge, which holds the ballot hash: whose identity has no signature byte in it.
    verify(mirrored)


def test_the_mirrored_signature_makes_no_second_ballot() -> None:
    world = fresh("voting")
    raw = world.vote(world.registered()[0])
    world.accept([], [raw])
    body = BallotEntry.parse(parse_entry(raw).body)
    r, s = decode_dss_signature(body.signature)
    mirrored = replace(body, signature=encode_dss_signature(r, ORDER - s))
    accepted = world.record.tally.accepted
    refusal = world.refuse(Entry("ballot", mirrored.to_bytes()).to_bytes())
    assert refusal.reason.startswith("number 1 does not follow number 1")
    assert world.record.tally.accepted == accepted


@pytest.mark.parametrize(
    "signature",
    [
        encode_dss_signature(R, S + ORDER),
        encode_dss_signature(R + ORDER, S),
        encode_dss_signature(0, S),
        encode_dss_signature(R, 0),
        sequence(integer(R, 34), integer(S, 33)),
        sequence(integer(R, 33), integer(S, 33)) + b"\x00",
        b"\x30\x81" + sequence(integer(R, 33), integer(S, 33))[1:],
        b"\x30\x80" + integer(R, 33) + integer(S, 33) + b"\x00\x00",
        sequence(integer(R, 33), integer(S, 33), integer(1, 1)),
        R.to_bytes(32, "big") + S.to_bytes(32, "big"),
        b"",
    ],
    ids=["s + n", "r + n", "r = 0", "s = 0", "long integer", "trailing byte", "long length", "indefinite",
         "third integer", "raw", "empty"],
)  # fmt: skip
def test_every_other_spelling_of_es256_is_refused(signature: bytes) -> None:
    with pytest.raises(Refused, match="passkey's signature"):
        verify(signature)


def test_ed25519_has_no_second_form() -> None:
    key = SigningKey.from_seed(bytes(32))
    signature = key.sign(b"body")
    scalar = int.from_bytes(signature[32:], "little")
    verify_ed25519(key.public_key, b"body", signature)
    mirrored = edwards.encode(edwards.multiply(edwards.L - 1, edwards.BASE))
    for broken in (
        signature[:32] + (scalar + edwards.L).to_bytes(32, "little"),
        signature[:32] + ((edwards.L - scalar) % edwards.L).to_bytes(32, "little"),
        mirrored + signature[32:],
        signature[:31] + bytes([signature[31] ^ 0x80]) + signature[32:],
    ):
        with pytest.raises(Refused, match="Ed25519"):
            verify_ed25519(key.public_key, b"body", broken)


def test_an_eddsa_passkey_has_no_second_form() -> None:
    passkey = make_passkey(bytes([1]) * 32, EDDSA)
    data, client_data, signature = passkey.sign(CHALLENGE, RP_ID, ORIGIN).parts()
    scalar = int.from_bytes(signature[32:], "little") + edwards.L
    broken = signature[:32] + scalar.to_bytes(32, "little")
    with pytest.raises(Refused, match="passkey's signature"):
        verify_passkey_assertion(passkey.cose_key, data, client_data, broken, CHALLENGE, RP_ID, [ORIGIN])
