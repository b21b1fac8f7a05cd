"""The log shows a smaller or another tree after a larger one: neither a reader nor a witness goes along."""

import pytest

from audit.witness import AddCheckpoint, State, Witness, add_checkpoint
from crypto.errors import Refused
from crypto.merkle import EMPTY_ROOT, hashes_from_leaves, leaf_hash, prove_consistency, root_of, verify_consistency
from crypto.signatures import Checkpoint, SigningKey, VerifierKey, sign_checkpoint

LOG = SigningKey.from_seed(bytes([1]) * 32)
ORIGIN = "board.example/demo"
WITNESS = Witness("watch.example", SigningKey.from_seed(bytes([2]) * 32), (VerifierKey(ORIGIN, LOG.public_key),))
LEAVES = [leaf_hash(b"%d" % index) for index in range(20)]
FORK = [*LEAVES[:8], leaf_hash(b"another"), *LEAVES[9:]]
NOW_S = 1_767_225_600
CONSISTENCY = "MERKLE-6"


def checkpoint(leaves: list[bytes]) -> bytes:
    return sign_checkpoint(LOG, Checkpoint(ORIGIN, len(leaves), root_of(leaves))).to_bytes()


def cosigned(size: int) -> State:
    state, answer = add_checkpoint(WITNESS, State(), AddCheckpoint(0, (), checkpoint(LEAVES[:size])).to_bytes(), NOW_S)
    assert answer.status == 200
    return state


def refuse(state: State, request: AddCheckpoint) -> tuple[int, str]:
    after, answer = add_checkpoint(WITNESS, state, request.to_bytes(), NOW_S)
    assert after is state
    assert answer.refusal is not None
    return answer.status, answer.refusal.check


@pytest.mark.parametrize("old", range(9, 20))
def test_no_proof_leads_from_a_tree_to_its_fork(old: int) -> None:
    for source in (hashes_from_leaves(LEAVES), hashes_from_leaves(FORK)):
        proof = prove_consistency(source, old, 20)
        with pytest.raises(Refused) as refusal:
            verify_consistency(old, root_of(LEAVES[:old]), 20, root_of(FORK), proof)
        assert refusal.value.check == CONSISTENCY


@pytest.mark.parametrize(
    ("old", "old_root", "new", "new_root"),
    [
        (20, root_of(LEAVES), 9, root_of(LEAVES[:9])),
        (20, root_of(LEAVES), 20, root_of(FORK)),
        (0, bytes(32), 20, root_of(LEAVES)),
        (0, EMPTY_ROOT, 0, root_of(LEAVES)),
        (-1, EMPTY_ROOT, 20, root_of(LEAVES)),
    ],
    ids=["smaller", "same size, other root", "empty tree of another root", "size 0 of a full tree", "negative"],
)
def test_sizes_and_roots_that_cannot_be(old: int, old_root: bytes, new: int, new_root: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        verify_consistency(old, old_root, new, new_root, ())
    assert refusal.value.check == CONSISTENCY


def test_a_witness_does_not_go_back() -> None:
    smaller = checkpoint(LEAVES[:9])
    assert refuse(cosigned(20), AddCheckpoint(20, (), smaller)) == (400, "WITNESS-4")
    status, check = refuse(cosigned(20), AddCheckpoint(0, (), smaller))
    assert (status, check) == (409, "WITNESS-5")


def test_a_witness_does_not_follow_a_fork() -> None:
    proof = prove_consistency(hashes_from_leaves(FORK), 9, 20)
    status, check = refuse(cosigned(9), AddCheckpoint(9, proof, checkpoint(FORK)))
    assert (status, check) == (422, "WITNESS-6")
    assert refuse(cosigned(20), AddCheckpoint(20, (), checkpoint(FORK))) == (status, check)
    assert refuse(State(), AddCheckpoint(0, proof, checkpoint(FORK))) == (status, check)
