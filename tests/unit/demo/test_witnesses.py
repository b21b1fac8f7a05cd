"""Witnesses of the demo: honest logs are cosigned, one refuses once, one is late, a forked log stops the demo."""

import pytest

from crypto.errors import Misuse
from crypto.merkle import hashes_from_leaves, leaf_hash, root_of
from crypto.signatures import Checkpoint, Note, SigningKey, VerifierKey, sign_checkpoint
from demo.commission import WITNESS_NAMES
from demo.witnesses import Witnesses

LOG = SigningKey.from_seed(bytes(range(32)))
ORIGIN = "board.example/demo/x"
LEAVES = [leaf_hash(bytes([number])) for number in range(20)]


def seat() -> Witnesses:
    return Witnesses.begin([bytes([9, n]) * 16 for n in range(5)], WITNESS_NAMES, VerifierKey(ORIGIN, LOG.public_key))


def cosign(witnesses: Witnesses, leaves: list[bytes]) -> Note:
    note = sign_checkpoint(LOG, Checkpoint(ORIGIN, len(leaves), root_of(leaves)))
    return witnesses.cosign(hashes_from_leaves(leaves), len(leaves), note, 1_700_000_000 + len(leaves))


def test_one_refuses_once_and_one_is_late() -> None:
    witnesses = seat()
    lines = [len(cosign(witnesses, LEAVES[:size]).signatures) - 1 for size in range(1, 9)]
    assert lines == [5, 5, 5, 5, 5, 4, 5, 5]
    assert len(witnesses.events) == 2
    assert "refused once" in witnesses.events[0]
    assert "answered late" in witnesses.events[1]


def test_a_forked_log_is_not_cosigned() -> None:
    witnesses = seat()
    cosign(witnesses, LEAVES[:3])
    with pytest.raises(Misuse, match="does not cosign"):
        cosign(witnesses, [LEAVES[9], *LEAVES[1:5]])


def test_every_witness_has_a_state_of_its_own() -> None:
    witnesses = seat()
    cosign(witnesses, LEAVES[:2])
    assert len({id(watcher.state) for watcher in witnesses.watchers}) == 5
    assert {watcher.believed_size for watcher in witnesses.watchers} == {2}
