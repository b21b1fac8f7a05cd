"""Signatures of keys that sign much are judged by tables of multiples; they must be judged as one alone is."""

import json
from pathlib import Path

import pytest

from crypto import _kernel
from crypto.errors import Refused
from crypto.signatures import SigningKey, sift_ed25519, verify_ed25519

VECTORS = json.loads(Path("tests/vectors/signatures.json").read_text(encoding="utf-8"))["ed25519"]
ENOUGH = 30


def holds(public_key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        verify_ed25519(public_key, message, signature)
    except Refused:
        return False
    return True


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["why"])
def test_every_vector_is_judged_in_company_as_alone(vector: dict[str, str]) -> None:
    item = (bytes.fromhex(vector["public_key"]), bytes.fromhex(vector["message"]), bytes.fromhex(vector["signature"]))
    assert sift_ed25519([item] * ENOUGH) == [holds(*item)] * ENOUGH
    assert holds(*item) == bool(vector["valid"])


def test_one_false_signature_among_many_of_two_keys_is_the_one_that_is_named() -> None:
    keys = [SigningKey.from_seed(bytes([number]) * 32) for number in (1, 2)]
    items = [(keys[at % 2].public_key, bytes([at]), keys[at % 2].sign(bytes([at]))) for at in range(2 * ENOUGH)]
    assert all(sift_ed25519(items))
    for place in (0, 17, 2 * ENOUGH - 1):
        key, message, signature = items[place]
        broken = [*items[:place], (key, message + b"!", signature), *items[place + 1 :]]
        assert [at for at, held in enumerate(sift_ed25519(broken)) if not held] == [place]


def test_keys_that_sign_little_are_left_to_the_ordinary_way() -> None:
    key = SigningKey.from_seed(bytes(32))
    assert sift_ed25519([(key.public_key, b"m", key.sign(b"m"))] * 3) == [False] * 3


def test_signatures_of_a_wrong_length_are_left_to_the_ordinary_way() -> None:
    key = SigningKey.from_seed(bytes(32))
    assert sift_ed25519([(key.public_key, b"m", key.sign(b"m")[:-1])] * ENOUGH) == [False] * ENOUGH


@pytest.mark.parametrize("data", [bytes(32), bytes(31), b"\x02" * 32, b"\xf1" + b"\xff" * 30 + b"\x7f"])
def test_what_is_no_key_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="key"):
        _kernel.Ed25519Key(data)


def test_lists_of_different_lengths_are_refused() -> None:
    key = SigningKey.from_seed(bytes(32))
    with pytest.raises(ValueError, match="as many"):
        _kernel.vartime_verify_ed25519([_kernel.Ed25519Key(key.public_key)], [], [])
