"""A log that shows one tree to some and another to others: whoever sees both holds a proof that needs no trust."""

from collections.abc import Callable

import pytest

from audit.fork import Fork, judge, verify_fork
from audit.witness import AddCheckpoint, State, Witness, add_checkpoint
from crypto.errors import Refused
from crypto.merkle import hashes_from_leaves, leaf_hash, prove_consistency, root_of
from crypto.signatures import Checkpoint, SigningKey, VerifierKey, sign_checkpoint

ORIGIN = "board.example/demo/town"
LOG = SigningKey.from_seed(bytes([1]) * 32)
KEY = VerifierKey(ORIGIN, LOG.public_key)
HONEST = [leaf_hash(b"entry %d" % n) for n in range(9)]
HIDDEN = [*HONEST[:4], leaf_hash(b"another"), *HONEST[5:]]


def signed(leaves: list[bytes], size: int, key: SigningKey = LOG) -> bytes:
    return sign_checkpoint(key, Checkpoint(ORIGIN, size, root_of(leaves[:size]))).to_bytes()


def test_two_heads_of_one_size_are_a_proof() -> None:
    fork = judge(signed(HONEST, 7), signed(HIDDEN, 7), KEY)
    assert fork is not None
    assert verify_fork(fork.to_bytes(), KEY) == 7


@pytest.mark.parametrize(("small", "large"), [(5, 9), (6, 8), (5, 8), (7, 9)])
def test_two_heads_of_different_sizes_are_a_proof_with_the_larger_trees_hashes(small: int, large: int) -> None:
    fork = judge(signed(HIDDEN, large), signed(HONEST, small), KEY, hashes_from_leaves(HIDDEN[:large]))
    assert fork is not None
    assert verify_fork(fork.to_bytes(), KEY) == small


def test_a_witness_that_saw_one_view_refuses_the_other() -> None:
    witness = Witness("watch.example/a", SigningKey.from_seed(bytes([2]) * 32), (KEY,))
    state, answer = add_checkpoint(witness, State(), AddCheckpoint(0, (), signed(HONEST, 7)).to_bytes(), 1_767_225_600)
    assert answer.status == 200
    proof = prove_consistency(hashes_from_leaves(HIDDEN), 7, 9)
    after, answer = add_checkpoint(witness, state, AddCheckpoint(7, proof, signed(HIDDEN, 9)).to_bytes(), 1_767_225_660)
    assert answer.status == 422
    assert after == state


def test_an_honest_log_gives_no_proof() -> None:
    assert judge(signed(HONEST, 5), signed(HONEST, 9), KEY, hashes_from_leaves(HONEST)) is None
    assert judge(signed(HONEST, 7), signed(HONEST, 7), KEY) is None
    assert judge(signed(HONEST, 7), signed(HIDDEN, 7, SigningKey.from_seed(bytes([9]) * 32)), KEY) is None


def _forged(one: bytes, other: bytes) -> Callable[[], Fork]:
    return lambda: Fork(one, other, root_of(HONEST[:5]), prove_consistency(hashes_from_leaves(HONEST), 5, 9))


@pytest.mark.parametrize(
    "make",
    [
        _forged(signed(HONEST, 5), signed(HONEST, 9)),
        _forged(signed(HIDDEN, 5), signed(HONEST, 9, SigningKey.from_seed(bytes([9]) * 32))),
        _forged(signed(HIDDEN, 5, SigningKey.from_seed(bytes([9]) * 32)), signed(HONEST, 9)),
        _forged(signed(HIDDEN, 5), signed(HIDDEN, 9)),
        lambda: Fork(signed(HONEST, 9), signed(HIDDEN, 5), root_of(HIDDEN[:5])),
        lambda: Fork(signed(HONEST, 7), signed(HIDDEN, 7), bytes(32)),
        lambda: Fork(b"", signed(HIDDEN, 7), root_of(HIDDEN[:7])),
    ],
)
def test_what_proves_nothing_is_refused(make: Callable[[], Fork]) -> None:
    with pytest.raises(Refused) as caught:
        verify_fork(make().to_bytes(), KEY)
    assert caught.value.check == "WITNESS-7"


@pytest.mark.parametrize(
    "spoil", [lambda data: data[1:], lambda data: data + b"\n", lambda data: data + b"\x00", bytes]
)
def test_a_proof_has_one_spelling(spoil: Callable[[bytes], bytes]) -> None:
    fork = judge(signed(HONEST, 7), signed(HIDDEN, 7), KEY)
    assert fork is not None
    with pytest.raises(Refused):
        verify_fork(spoil(fork.to_bytes()) if spoil is not bytes else b"", KEY)
