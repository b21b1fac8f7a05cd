"""The refusals of the log's files that no numbered attack covers: missing files, proofs for another entry."""

import pytest

from crypto.errors import Refused
from crypto.merkle import (
    Tiles,
    hashes_from_leaves,
    leaf_hash,
    prove_inclusion,
    publish,
    read_entries,
    root_of,
    verify_inclusion,
)

ENTRIES = [b"%d" % index for index in range(600)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
MISSING, INCLUSION = "MERKLE-2", "MERKLE-5"


@pytest.mark.parametrize("path", [path for path, _ in publish(Tiles(), ENTRIES)[1]])
def test_a_missing_file_is_named(path: str) -> None:
    tiles, files = publish(Tiles(), ENTRIES)
    left = {name: data for name, data in files if name != path}
    with pytest.raises(Refused) as refusal:
        list(read_entries(left.get, tiles.size, tiles.root()))
    assert (refusal.value.check, refusal.value.culprit) == (MISSING, path)


@pytest.mark.parametrize(("index", "size"), [(5, 7), (4, 9), (7, 7), (-1, 7), (4, 0), (4, 2**63)])
def test_a_path_for_another_place(index: int, size: int) -> None:
    proof = prove_inclusion(hashes_from_leaves(LEAVES[:7]), 4, 7)
    verify_inclusion(LEAVES[4], 4, 7, root_of(LEAVES[:7]), proof)
    with pytest.raises(Refused) as refusal:
        verify_inclusion(LEAVES[4], index, size, root_of(LEAVES[:7]), proof)
    assert (refusal.value.check, refusal.value.culprit) == (INCLUSION, f"entry {index}")


def test_an_entry_that_is_a_node() -> None:
    # Without the prefixes 0x00 and 0x01 an inner node could pass as an entry.
    forged = leaf_hash(LEAVES[0] + LEAVES[1])
    with pytest.raises(Refused) as refusal:
        verify_inclusion(forged, 0, 2, root_of(LEAVES[:4]), prove_inclusion(hashes_from_leaves(LEAVES[:4]), 0, 4)[1:])
    assert refusal.value.check == INCLUSION


def test_a_path_of_64_hashes() -> None:
    with pytest.raises(Refused) as refusal:
        verify_inclusion(LEAVES[0], 0, 2**63 - 1, bytes(32), [bytes(32)] * 64)
    assert refusal.value.check == INCLUSION
