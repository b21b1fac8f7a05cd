"""The eight torsion points of the Edwards curve, in all their encodings, as ristretto elements."""

import pytest

from crypto.errors import MalformedEncoding
from crypto.group import parse_suite
from crypto.proofs import Check, SealedContest
from tests.forger import make_contest, seal, verify_everywhere

GROUP = parse_suite("RISTRETTO255-SHA512")
TOP = bytes(31) + b"\x80"
# y of the points of order 1, 2, 4 and 8, then the noncanonical p and p + 1; each with and without the sign bit.
YS = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]
ENCODINGS = [bytes(a | b for a, b in zip(bytes.fromhex(y), sign, strict=True)) for y in YS for sign in (bytes(32), TOP)]


@pytest.mark.parametrize("data", ENCODINGS, ids=bytes.hex)
def test_torsion_is_no_element(data: bytes) -> None:
    with pytest.raises(MalformedEncoding):
        GROUP.parse_element(data)
    contest = make_contest(GROUP)
    honest = seal(contest)
    with pytest.raises(MalformedEncoding) as refusal:
        verify_everywhere(contest, SealedContest(data + honest.ciphertexts[32:], honest.proof))
    assert refusal.value.check == Check.CIPHERTEXT.value
    with pytest.raises(MalformedEncoding) as refusal:
        verify_everywhere(contest, SealedContest(honest.ciphertexts, data + honest.proof[32:]))
    assert refusal.value.check == Check.COMMITMENT.value
