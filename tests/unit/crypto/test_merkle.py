"""The Merkle log against independent vectors: roots, proofs, tiles, paths, publishing in steps, the offline proof."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from crypto.errors import MalformedEncoding, Misuse, Refused
from crypto.merkle import (
    EMPTY_ROOT,
    Frontier,
    LogProof,
    TileName,
    TileReader,
    Tiles,
    bundle_to_bytes,
    hashes_from_leaves,
    leaf_hash,
    parse_bundle,
    parse_log_proof,
    parse_path,
    parse_tile,
    prove_consistency,
    prove_inclusion,
    publish,
    read_bundle,
    read_entries,
    read_tile,
    read_tiles,
    root_of,
    verify_consistency,
    verify_inclusion,
)

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors/merkle.json").read_text(encoding="utf-8"))
ROOTS = {int(size): base64.b64decode(root) for size, root in VECTORS["roots"].items()}
ENTRIES = [b"ballot-%d" % index for index in range(max(ROOTS))]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def files_of(*sizes: int) -> dict[str, bytes]:
    tiles = Tiles()
    files: dict[str, bytes] = {}
    for size in sizes:
        tiles, fresh = publish(tiles, ENTRIES[tiles.size : size])
        files.update(fresh)
    return files


def hashes(texts: list[str]) -> list[bytes]:
    return [base64.b64decode(text) for text in texts]


def test_leaf_and_empty_root() -> None:
    assert LEAVES[0].hex() == VECTORS["leaf_0"]
    assert root_of([]) == EMPTY_ROOT == ROOTS[0] == Tiles().root()


@pytest.mark.parametrize("size", sorted(ROOTS))
def test_roots(size: int) -> None:
    assert root_of(LEAVES[:size]) == ROOTS[size]


@pytest.mark.parametrize("case", VECTORS["inclusion"])
def test_inclusion_vectors(case: dict[str, Any]) -> None:
    proof = hashes(case["proof"])
    assert list(prove_inclusion(hashes_from_leaves(LEAVES[:7]), case["index"], case["size"])) == proof
    verify_inclusion(LEAVES[case["index"]], case["index"], case["size"], ROOTS[case["size"]], proof)


@pytest.mark.parametrize("case", VECTORS["consistency"])
def test_consistency_vectors(case: dict[str, Any]) -> None:
    proof = hashes(case["proof"])
    assert list(prove_consistency(hashes_from_leaves(LEAVES[:7]), case["old"], case["new"])) == proof
    verify_consistency(case["old"], ROOTS[case["old"]], case["new"], ROOTS[case["new"]], proof)


@pytest.mark.parametrize("case", VECTORS["tiles"], ids=lambda case: f"{case['size']} {case['path']}")
def test_tiles_and_bundles(case: dict[str, Any]) -> None:
    data = files_of(case["size"])[case["path"]]
    assert (len(data), hashlib.sha256(data).hexdigest()) == (case["bytes"], case["sha256"])


def test_order_of_files() -> None:
    _, files = publish(Tiles(), ENTRIES[:300])
    names = [path for path, _ in files]
    assert names == ["tile/entries/000", "tile/entries/001.p/44", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"]
    assert publish(Tiles(), []) == (Tiles(), [])


def test_publishing_in_steps_gives_the_same_files_and_state() -> None:
    once, in_steps = files_of(600), files_of(1, 7, 255, 256, 257, 511, 512, 600)
    assert once.items() <= in_steps.items()
    state, _ = publish(Tiles(), ENTRIES[:600])
    assert read_tiles(in_steps.get, 600) == state
    assert state.frontier().peaks == publish(publish(Tiles(), ENTRIES[:313])[0], ENTRIES[313:600])[0].frontier().peaks


@pytest.mark.parametrize("size", [1, 7, 256, 300, 512, 70_000])
def test_reading_back(size: int) -> None:
    files = files_of(size)
    assert [entry for bundle in read_entries(files.get, size, ROOTS[size]) for entry in bundle] == ENTRIES[:size]


def test_reading_the_end_only() -> None:
    bundles = list(read_entries(files_of(600).get, 600, root_of(LEAVES[:600]), start=520))
    assert bundles == [tuple(ENTRIES[512:600])]
    assert list(read_entries(files_of().get, 0, EMPTY_ROOT)) == []


def test_reading_an_older_checkpoint_after_its_partial_files_went() -> None:
    files = {path: data for path, data in files_of(300, 512).items() if ".p/44" not in path}
    assert len([entry for bundle in read_entries(files.get, 300, ROOTS[300]) for entry in bundle]) == 300


def test_proofs_from_tiles_are_those_from_leaves() -> None:
    source = TileReader(files_of(70_000).get, 70_000, ROOTS[70_000]).source()
    leaves = hashes_from_leaves(LEAVES)
    for index in (0, 1, 255, 256, 65_535, 65_536, 69_999):
        proof = prove_inclusion(source, index, 70_000)
        assert proof == prove_inclusion(leaves, index, 70_000)
        verify_inclusion(LEAVES[index], index, 70_000, ROOTS[70_000], proof)
    for old in (0, 1, 255, 256, 257, 300, 512, 70_000):
        proof = prove_consistency(source, old, 70_000)
        assert proof == prove_consistency(leaves, old, 70_000)
        verify_consistency(old, ROOTS[old], 70_000, ROOTS[70_000], proof)


@pytest.mark.parametrize("case", VECTORS["paths"], ids=lambda case: case["path"])
def test_paths(case: dict[str, Any]) -> None:
    name = TileName(case["level"], case["index"], case["width"])
    assert name.path() == case["path"]
    assert parse_path(case["path"]) == name


@pytest.mark.parametrize("case", VECTORS["refused_paths"], ids=lambda case: case["why"])
def test_refused_paths(case: dict[str, Any]) -> None:
    with pytest.raises(MalformedEncoding):
        parse_path(case["path"])


def test_offline_proof() -> None:
    proof = parse_log_proof(VECTORS["log_proof"].encode())
    assert proof.to_bytes().decode() == VECTORS["log_proof"]
    verify_inclusion(LEAVES[3], proof.index, 7, ROOTS[7], proof.proof)
    with_extra = LogProof(3, proof.proof, proof.checkpoint, b"for the voter")
    assert parse_log_proof(with_extra.to_bytes()) == with_extra
    alone = LogProof(0, (), proof.checkpoint)
    assert parse_log_proof(alone.to_bytes()) == alone


@pytest.mark.parametrize("case", VECTORS["refused_log_proofs"], ids=lambda case: case["why"])
def test_refused_offline_proofs(case: dict[str, Any]) -> None:
    with pytest.raises(MalformedEncoding):
        parse_log_proof(case["text"].encode())


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00", b"\x00\x01", b"\x00\x01a\x00", b"\x00\x01a\x00\x01b", b"\x00\x02a", b"\x00\x01ab"],
    ids=["empty", "half a length", "no entry", "half a second length", "two entries", "short", "byte left over"],
)
def test_refused_bundles(data: bytes) -> None:
    with pytest.raises(MalformedEncoding):
        parse_bundle(data, 1)


@pytest.mark.parametrize(("size", "width"), [(0, 0), (31, 1), (33, 1), (64, 1), (32, 2), (8224, 257), (0, 1)])
def test_refused_tiles(size: int, width: int) -> None:
    with pytest.raises(MalformedEncoding):
        parse_tile(bytes(size), width)


def test_callers_who_break_the_contract() -> None:
    with pytest.raises(Misuse):
        prove_inclusion(hashes_from_leaves(LEAVES[:7]), 7, 7)
    with pytest.raises(Misuse):
        prove_consistency(hashes_from_leaves(LEAVES[:7]), 8, 7)
    with pytest.raises(Misuse):
        bundle_to_bytes([bytes(65_536)])
    with pytest.raises(Misuse):
        Frontier(3, [bytes(32)])
    with pytest.raises(Misuse):
        read_tile(files_of(512).get, 0, 2, 512)
    with pytest.raises(Misuse):
        read_bundle(files_of(512).get, 2, 512)


def test_the_frontier_is_small_and_copies_are_independent() -> None:
    tree = Frontier()
    for leaf in LEAVES[:300]:
        tree.append(leaf)
    copy = tree.copy()
    copy.append(LEAVES[300])
    assert (tree.size, len(tree.peaks), tree.root()) == (300, 4, ROOTS[300])
    assert copy.root() == root_of(LEAVES[:301])


@pytest.mark.parametrize("size", [7, 300, 512])
def test_every_wrong_root_is_refused(size: int) -> None:
    for wrong in (bytes(32), ROOTS[1], b""):
        with pytest.raises(Refused):
            list(read_entries(files_of(size).get, size, wrong))
