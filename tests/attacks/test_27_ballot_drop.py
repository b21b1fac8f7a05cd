"""A server that takes a ballot out of the log after its receipt: the proof no longer holds, and watchers are told."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from audit.fork import verify_fork
from audit.mirror import Mirror
from crypto import merkle
from crypto.errors import Refused
from crypto.merkle import (
    CHECKPOINT_PATH,
    Tiles,
    hashes_from_leaves,
    leaf_hash,
    prove_inclusion,
    publish,
    root_of,
    verify_inclusion,
)
from crypto.signatures import Checkpoint, VerifierKey, sign_checkpoint
from tests.simulator import signing_key, world_at

WORLD = world_at("voted")
LOG = VerifierKey(WORLD.manifest.origin, WORLD.manifest.log_key)
DROPPED = next(index for index, raw in enumerate(WORLD.entries) if raw[3:9] == b"ballot")


def serve(entries: Sequence[bytes]) -> Callable[[str], bytes | None]:
    tiles, files = publish(Tiles(), entries)
    note = sign_checkpoint(signing_key("log"), Checkpoint(LOG.name, tiles.size, tiles.root()))
    return {**dict(files), CHECKPOINT_PATH: note.to_bytes()}.get


def test_the_proof_of_a_dropped_ballot_does_not_lead_to_the_new_head() -> None:
    leaves = [leaf_hash(raw) for raw in WORLD.entries]
    rest = leaves[:DROPPED] + leaves[DROPPED + 1 :]
    proof = prove_inclusion(hashes_from_leaves(leaves), DROPPED, len(leaves))
    verify_inclusion(leaves[DROPPED], DROPPED, len(leaves), root_of(leaves), proof)
    with pytest.raises(Refused) as caught:
        verify_inclusion(leaves[DROPPED], DROPPED, len(rest), root_of(rest), proof)
    assert caught.value.check == merkle._INCLUSION


@pytest.mark.parametrize("more", [0, 1, 5])
def test_whoever_keeps_a_copy_is_alarmed_and_holds_the_proof(tmp_path: Path, more: int) -> None:
    copy = Mirror(tmp_path / "copy", LOG, tmp_path / "forks")
    copy.update(serve(WORLD.entries))
    without = [*WORLD.entries[:DROPPED], *WORLD.entries[DROPPED + 1 :], *([b"filler"] * (1 + more))]
    with pytest.raises(Refused) as caught:
        copy.update(serve(without))
    assert caught.value.check == merkle._CONSISTENCY
    (proof,) = (tmp_path / "forks").iterdir()
    assert verify_fork(proof.read_bytes(), LOG) == len(WORLD.entries)
    assert copy.size == len(WORLD.entries)


def test_a_shorter_log_without_the_ballot_is_caught_too(tmp_path: Path) -> None:
    copy = Mirror(tmp_path / "copy", LOG, tmp_path / "forks")
    copy.update(serve(WORLD.entries))
    with pytest.raises(Refused):
        copy.update(serve([*WORLD.entries[:DROPPED], *WORLD.entries[DROPPED + 1 : -1]]))
    (proof,) = (tmp_path / "forks").iterdir()
    assert verify_fork(proof.read_bytes(), LOG) == len(WORLD.entries) - 2
