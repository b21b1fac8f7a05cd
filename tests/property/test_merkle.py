"""Proofs of random trees hold, no broken one does, and no parser takes two spellings or runs away."""

from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.errors import MalformedEncoding, Refused
from crypto.merkle import (
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
    read_entries,
    root_of,
    tile_to_bytes,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [leaf_hash(b"%d" % index) for index in range(600)]


class Breakage(Enum):
    """Ways to break a valid proof."""

    DROP_FIRST = "drop the first hash"
    DROP_LAST = "drop the last hash"
    APPEND = "append a hash"
    DOUBLE = "double a hash"
    FLIP = "flip a bit"
    SHORTEN = "shorten a hash"


def break_proof(proof: tuple[bytes, ...], breakage: Breakage, position: int) -> list[bytes]:
    broken = list(proof)
    position %= max(len(broken), 1)
    if breakage is Breakage.APPEND or not broken:
        return [*broken, bytes(32)]
    if breakage is Breakage.DROP_FIRST:
        return broken[1:]
    if breakage is Breakage.DROP_LAST:
        return broken[:-1]
    item = broken[position]
    if breakage is Breakage.DOUBLE:
        broken.insert(position, item)
    elif breakage is Breakage.FLIP:
        broken[position] = bytes([item[0] ^ 1]) + item[1:]
    else:
        broken[position] = item[:31]
    return broken


@given(st.data(), st.integers(1, 600), st.sampled_from(Breakage))
def test_inclusion(data: st.DataObject, size: int, breakage: Breakage) -> None:
    index = data.draw(st.integers(0, size - 1))
    root = root_of(LEAVES[:size])
    proof = prove_inclusion(hashes_from_leaves(LEAVES[:size]), index, size)
    verify_inclusion(LEAVES[index], index, size, root, proof)
    with pytest.raises(Refused):
        verify_inclusion(LEAVES[index], index, size, root, break_proof(proof, breakage, data.draw(st.integers(0, 9))))
    other = data.draw(st.integers(0, 700).filter(lambda number: number != index))
    with pytest.raises(Refused):
        verify_inclusion(LEAVES[index], other, size, root, proof)


@given(st.data(), st.integers(1, 600), st.sampled_from(Breakage))
def test_consistency(data: st.DataObject, new: int, breakage: Breakage) -> None:
    old = data.draw(st.integers(1, new))
    old_root, new_root = root_of(LEAVES[:old]), root_of(LEAVES[:new])
    proof = prove_consistency(hashes_from_leaves(LEAVES[:new]), old, new)
    verify_consistency(old, old_root, new, new_root, proof)
    with pytest.raises(Refused):
        verify_consistency(old, old_root, new, new_root, break_proof(proof, breakage, data.draw(st.integers(0, 9))))
    with pytest.raises(Refused):
        verify_consistency(old, bytes(32), new, new_root, proof)
    with pytest.raises(Refused):
        verify_consistency(old, old_root, new, bytes(32), proof)


@given(st.lists(st.integers(0, 300), max_size=6))
def test_any_steps_publish_one_log(steps: list[int]) -> None:
    tiles = Tiles()
    files: dict[str, bytes] = {}
    entries: list[bytes] = []
    for step in steps:
        fresh = [b"%d" % (len(entries) + number) for number in range(step)]
        tiles, written = publish(tiles, fresh)
        entries += fresh
        for path, content in written:
            assert files.setdefault(path, content) == content
    read = [entry for bundle in read_entries(files.get, tiles.size, tiles.root()) for entry in bundle]
    assert read == entries
    assert tiles.root() == root_of(map(leaf_hash, entries))


@given(st.binary(max_size=300), st.integers(-1, 300))
def test_bundles_have_one_spelling(content: bytes, width: int) -> None:
    try:
        entries = parse_bundle(content, width)
    except MalformedEncoding:
        return
    assert (bundle_to_bytes(entries), len(entries)) == (content, width)


@given(st.integers(0, 3).flatmap(lambda count: st.binary(min_size=32 * count, max_size=32 * count)), st.integers(-1, 4))
def test_tiles_have_one_spelling(content: bytes, width: int) -> None:
    try:
        read = parse_tile(content, width)
    except MalformedEncoding:
        return
    assert (tile_to_bytes(read), len(read)) == (content, width)


@given(st.from_regex(r"\Atile/(entries|[0-9]{1,3})(/x?[0-9]{2,3}){1,3}(\.p/[0-9]{1,3})?\Z") | st.text(max_size=40))
def test_paths_have_one_spelling(path: str) -> None:
    try:
        name = parse_path(path)
    except MalformedEncoding:
        return
    assert name.path() == path


@given(
    st.builds(
        lambda lines, end: b"c2sp.org/tlog-proof@v1\n" + b"\n".join(lines) + end,
        st.lists(
            st.binary(max_size=50) | st.sampled_from([b"index 5", b"extra AA==", b"A" * 43 + b"=", b""]), max_size=6
        ),
        st.binary(max_size=20),
    )
    | st.binary(max_size=200)
)
def test_offline_proofs_have_one_spelling(content: bytes) -> None:
    try:
        proof = parse_log_proof(content)
    except MalformedEncoding:
        return
    assert proof.to_bytes() == content
