"""The Merkle log: hashes, a compact tree, proofs, tiles, entry bundles and the offline proof, all as pure functions.

Spec: `docs/spec/merkle.md` (RFC 6962 section 2.1, RFC 9162 section 2.1, C2SP tlog-tiles and tlog-proof). Nothing here
reads or writes a file: who publishes gets paths with their bytes, in the order in which they must become visible; who
reads supplies `get(path)`, which answers with the bytes, or with None where there is no such file. Which checkpoint a
size and a root come from, and who signed it, is told by the caller.

>>> tree, files = publish(Tiles(), [b"ballot-0", b"ballot-1"])
>>> [path for path, _ in files]
['tile/entries/000.p/2', 'tile/0/000.p/2']
>>> list(read_entries(dict(files).get, tree.size, tree.root()))
[(b'ballot-0', b'ballot-1')]
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise

from crypto.errors import MalformedEncoding, Misuse, Refused

HASH_SIZE = 32
TILE_WIDTH = 256
MAX_ENTRY_SIZE = 65_535
MAX_SIZE = 2**63 - 1
MAX_PROOF_HASHES = 63
MAX_LOG_PROOF_SIZE = 131_072
CHECKPOINT_PATH = "checkpoint"
EMPTY_ROOT = sha256().digest()

_MALFORMED = "MERKLE-1"
_MISSING = "MERKLE-2"
_TILE = "MERKLE-3"
_ENTRY = "MERKLE-4"
_INCLUSION = "MERKLE-5"
_CONSISTENCY = "MERKLE-6"

_MAX_LEVEL = 63
_LEVEL_BITS = 8
_PATH = re.compile(r"tile/(entries|[0-9]{1,2})((?:/x[0-9]{3})*/[0-9]{3})(?:\.p/([0-9]{1,3}))?", re.ASCII)
_LOG_PROOF_HEADER = b"c2sp.org/tlog-proof@v1"

Get = Callable[[str], bytes | None]
# (level, index) -> hash of the complete subtree over the 2^level leaves that start at index * 2^level.
HashSource = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """Return the 32-byte hash of an entry as a leaf: SHA-256(0x00, entry)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the 32-byte hash of an inner node: SHA-256(0x01, left, right)."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The compact tree: its size and the roots of its complete subtrees, largest first; at most 63 hashes."""

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        """Begin empty, or where `size` and `peaks` of an earlier tree say."""
        self.size = size
        self._peaks = list(peaks)
        if not 0 <= size <= MAX_SIZE or len(self._peaks) != size.bit_count():
            raise Misuse("a tree has one peak for each bit of its size")

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """Return the roots of the complete subtrees, largest first."""
        return tuple(self._peaks)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        peaks, rest = self._peaks, self.size
        while rest & 1:
            leaf = sha256(b"\x01" + peaks.pop() + leaf).digest()
            rest >>= 1
        peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the 32-byte root."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root

    def copy(self) -> Frontier:
        """Return an independent tree of the same leaves."""
        return Frontier(self.size, self._peaks)


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes (RFC 6962 section 2.1)."""
    tree = Frontier()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


def _full_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over 2^k hashes, level by level, which is faster than one by one."""
    while len(hashes) > 1:
        pairs = iter(hashes)
        hashes = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return hashes[0]


# ------------------------------------------------------------------------------------------------------------- proofs


def _range_root(source: HashSource, start: int, end: int) -> bytes:
    """Return MTH(D[start:end]) where `start` is a multiple of the largest power of two below the range's length."""
    peaks = []
    while start < end:
        level = (end - start).bit_length() - 1
        peaks.append(source(level, start >> level))
        start += 1 << level
    root = peaks.pop()
    while peaks:
        root = node_hash(peaks.pop(), root)
    return root


def _split(size: int) -> int:
    """Return the largest power of two smaller than `size`, which is at least 2."""
    return 1 << (size - 1).bit_length() - 1


def prove_inclusion(source: HashSource, index: int, size: int) -> tuple[bytes, ...]:
    """Return PATH(index, D[size]), leaf sibling first (RFC 6962 section 2.1.1).

    Raises Misuse unless 0 <= index < size.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise Misuse("an inclusion proof needs an index inside the tree")
    proof = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_range_root(source, middle, end))
            end = middle
        else:
            proof.append(_range_root(source, start, middle))
            start = middle
    return tuple(reversed(proof))


def prove_consistency(source: HashSource, old_size: int, new_size: int) -> tuple[bytes, ...]:
    """Return PROOF(old_size, D[new_size]) (RFC 6962 section 2.1.2); empty where old_size is 0 or new_size.

    Raises Misuse unless 0 <= old_size <= new_size.
    """
    if not 0 <= old_size <= new_size <= MAX_SIZE:
        raise Misuse("a consistency proof goes from a smaller tree to a larger one")
    if old_size in {0, new_size}:
        return ()
    proof = []
    start, end = 0, new_size
    while end != old_size:
        middle = start + _split(end - start)
        if old_size <= middle:
            proof.append(_range_root(source, middle, end))
            end = middle
        else:
            proof.append(_range_root(source, start, middle))
            start = middle
    if start:
        proof.append(_range_root(source, start, end))
    return tuple(reversed(proof))


def verify_inclusion(leaf: bytes, index: int, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """Check that `leaf` (a leaf hash) stands at `index` of the tree (RFC 9162 section 2.1.3.2).

    Raises Refused, naming the entry.
    """
    # The index is below the size, and the path has exactly the length that they determine and leads to the root.
    refusal = Refused(_INCLUSION, "the path does not lead from the leaf to the root", culprit=f"entry {index}")
    if not 0 <= index < size <= MAX_SIZE or len(proof) > MAX_PROOF_HASHES:
        raise refusal
    node, last = index, size - 1
    for sibling in proof:
        if last == 0 or len(sibling) != HASH_SIZE:
            raise refusal
        if node & 1 or node == last:
            leaf = node_hash(sibling, leaf)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            leaf = node_hash(leaf, sibling)
        node >>= 1
        last >>= 1
    if last != 0 or leaf != root:
        raise refusal


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of `new_size` begins with the leaves of the tree of `old_size` (RFC 9162 section 2.1.4.2).

    Raises Refused.
    """
    # The proof leads to both roots; a size has one root; the empty tree has its own root and an empty proof.
    refusal = Refused(_CONSISTENCY, f"the tree of {new_size} entries does not continue the tree of {old_size}")
    if not 0 <= old_size <= new_size <= MAX_SIZE or len(proof) > MAX_PROOF_HASHES:
        raise refusal
    if (old_size == 0 and old_root != EMPTY_ROOT) or (new_size == 0 and new_root != EMPTY_ROOT):
        raise refusal
    if old_size in {0, new_size}:
        if proof or (old_size == new_size and old_root != new_root):
            raise refusal
        return
    if _climb_consistency(old_size, old_root, new_size, proof) != (old_root, new_root):
        raise refusal


def _climb_consistency(
    old_size: int, old_root: bytes, new_size: int, proof: Sequence[bytes]
) -> tuple[bytes, bytes] | None:
    """Return the two roots that the proof leads to, or None where its length does not fit the sizes."""
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path or any(len(item) != HASH_SIZE for item in path):
        return None
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node >>= 1
        last >>= 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return None
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            new = node_hash(new, sibling)
        node >>= 1
        last >>= 1
    return (old, new) if last == 0 else None


# -------------------------------------------------------------------------------------------------- tiles and bundles


@dataclass(frozen=True, slots=True)
class TileName:
    """What a path names: a tile of a level, or (level None) a bundle of entries; `width` 256 is a full one."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    def path(self) -> str:
        """Return the path, relative to the log's prefix."""
        groups = [f"{self.index % 1000:03d}"]
        rest = self.index // 1000
        while rest:
            groups.insert(0, f"x{rest % 1000:03d}")
            rest //= 1000
        kind = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{kind}/{'/'.join(groups)}{partial}"


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a hash tile: level 0..63, width 1..256."""
    return TileName(level, index, width).path()


def bundle_path(index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of an entry bundle: width 1..256."""
    return TileName(None, index, width).path()


def parse_path(path: str) -> TileName:
    """Return what a path of the log's static files names.

    Raises MalformedEncoding for anything but the one spelling of a tile or bundle.
    """
    match = _PATH.fullmatch(path) if len(path) <= 64 else None
    if match is None:
        raise MalformedEncoding(_MALFORMED, "not the path of a tile or bundle")
    kind, groups, width = match.groups()
    name = TileName(
        None if kind == "entries" else int(kind),
        int(groups.replace("/x", "").replace("/", "")),
        TILE_WIDTH if width is None else int(width),
    )
    fits = (name.level or 0) <= _MAX_LEVEL and 1 <= name.width <= TILE_WIDTH and name.index <= MAX_SIZE
    if not fits or name.path() != path:
        raise MalformedEncoding(_MALFORMED, "a tile's path has another spelling")
    return name


def tile_to_bytes(hashes: Sequence[bytes]) -> bytes:
    """Return a tile's bytes: its 1..256 hashes, one after another."""
    return b"".join(hashes)


def parse_tile(data: bytes, width: int) -> tuple[bytes, ...]:
    """Return a tile's hashes; raises MalformedEncoding unless there are exactly `width`."""
    if not 1 <= width <= TILE_WIDTH or len(data) != width * HASH_SIZE:
        raise MalformedEncoding(_MALFORMED, f"a tile of width {width} has {width * HASH_SIZE} bytes")
    return tuple(data[start : start + HASH_SIZE] for start in range(0, len(data), HASH_SIZE))


def bundle_to_bytes(entries: Sequence[bytes]) -> bytes:
    """Return a bundle's bytes: each entry after its length (u16, big endian); raises Misuse for an entry too long."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_SIZE:
            raise Misuse(f"an entry has at most {MAX_ENTRY_SIZE} bytes")
        parts += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(parts)


def parse_bundle(data: bytes, width: int) -> tuple[bytes, ...]:
    """Return a bundle's entries; raises MalformedEncoding unless there are exactly `width` and no byte is left."""
    entries: list[bytes] = []
    start, end = 0, len(data)
    while start + 2 <= end and len(entries) < width:
        stop = start + 2 + int.from_bytes(data[start : start + 2], "big")
        entries.append(data[start + 2 : stop])
        start = stop
    if start != end or len(entries) != width:
        raise MalformedEncoding(_MALFORMED, f"a bundle of width {width} holds exactly that many entries")
    return tuple(entries)


# ---------------------------------------------------------------------------------------------------------- publisher


@dataclass(frozen=True, slots=True)
class Tiles:
    """What a publisher keeps: per level the hashes of the unfinished tile, and the entries of the unfinished bundle."""

    size: int = 0
    rows: tuple[tuple[bytes, ...], ...] = ()
    entries: tuple[bytes, ...] = ()

    def frontier(self) -> Frontier:
        """Return the compact tree of the same leaves."""
        peaks: list[bytes] = []
        for row in reversed(self.rows):
            part = Frontier()
            for item in row:
                part.append(item)
            peaks += part.peaks
        return Frontier(self.size, peaks)

    def root(self) -> bytes:
        """Return the 32-byte root."""
        return self.frontier().root()


def publish(tiles: Tiles, entries: Sequence[bytes]) -> tuple[Tiles, list[tuple[str, bytes]]]:
    """Return the tree with the entries appended, and the files to write, in this order, before the new checkpoint.

    The order is bundles, then tiles from level 0 upwards. A file written twice has the same bytes both times. The
    checkpoint itself (`CHECKPOINT_PATH`) is signed and written afterwards by the caller.
    """
    files: list[tuple[str, bytes]] = []
    waiting = [*tiles.entries, *entries]
    first = tiles.size // TILE_WIDTH
    for start in range(0, len(waiting), TILE_WIDTH):
        chunk = waiting[start : start + TILE_WIDTH]
        if entries:
            files.append((bundle_path(first + start // TILE_WIDTH, len(chunk)), bundle_to_bytes(chunk)))
    rows = list(tiles.rows)
    fresh = [leaf_hash(entry) for entry in entries]
    level = 0
    while fresh:
        if level == len(rows):
            rows.append(())
        row = [*rows[level], *fresh]
        first = tiles.size >> (_LEVEL_BITS * (level + 1))
        fresh = []
        for start in range(0, len(row), TILE_WIDTH):
            chunk = row[start : start + TILE_WIDTH]
            files.append((tile_path(level, first + start // TILE_WIDTH, len(chunk)), tile_to_bytes(chunk)))
            if len(chunk) == TILE_WIDTH:
                fresh.append(_full_root(chunk))
        rows[level] = tuple(row[len(row) // TILE_WIDTH * TILE_WIDTH :])
        level += 1
    kept = tuple(waiting[len(waiting) // TILE_WIDTH * TILE_WIDTH :])
    return Tiles(tiles.size + len(entries), tuple(rows), kept), files


# ------------------------------------------------------------------------------------------------------------- reader


def _fetch(get: Get, name: TileName) -> tuple[bytes, int]:
    """Return a file's bytes and width; where a partial one has gone, the full one that replaced it."""
    data = get(name.path())
    if data is not None:
        return data, name.width
    if name.width < TILE_WIDTH:
        data = get(TileName(name.level, name.index).path())
        if data is not None:
            return data, TILE_WIDTH
    # Every tile and bundle of the checkpoint's size is served.
    raise Refused(_MISSING, "a file of the log is missing", culprit=name.path())


def _width(size: int, level: int, index: int) -> int:
    """Return how many hashes (level 0: also entries) tile `index` of a level has in a tree of this size."""
    return min(TILE_WIDTH, (size >> (_LEVEL_BITS * level)) - index * TILE_WIDTH)


def read_tile(get: Get, level: int, index: int, size: int) -> tuple[bytes, ...]:
    """Return the hashes of a tile as the log of this size has it, not yet compared with any root."""
    width = _width(size, level, index)
    if width < 1:
        raise Misuse("the tree has no such tile")
    data, served = _fetch(get, TileName(level, index, width))
    return parse_tile(data, served)[:width]


def read_bundle(get: Get, index: int, size: int) -> tuple[bytes, ...]:
    """Return the entries of a bundle as the log of this size has it, not yet compared with any hash."""
    width = _width(size, 0, index)
    if width < 1:
        raise Misuse("the tree has no such bundle")
    data, served = _fetch(get, TileName(None, index, width))
    return parse_bundle(data, served)[:width]


def read_tiles(get: Get, size: int) -> Tiles:
    """Return the publisher's state as the files of a log of this size hold it (a program that starts again)."""
    rows = []
    for level in range((size.bit_length() + _LEVEL_BITS - 1) // _LEVEL_BITS):
        count = size >> (_LEVEL_BITS * level)
        rows.append(read_tile(get, level, count // TILE_WIDTH, size) if count % TILE_WIDTH else ())
    entries = read_bundle(get, size // TILE_WIDTH, size) if size % TILE_WIDTH else ()
    return Tiles(size, tuple(rows), entries)


@dataclass(slots=True)
class TileReader:
    """The tiles of one checkpoint, each compared with the hash above it, up to the root, before it is handed out."""

    get: Get
    size: int
    root: bytes
    _rows: tuple[tuple[bytes, ...], ...] = field(init=False)
    _last: dict[int, tuple[int, tuple[bytes, ...]]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Read the unfinished tiles; together they give the root."""
        tiles = read_tiles(self.get, self.size)
        # The unfinished tiles of all levels give the checkpoint's root.
        if tiles.root() != self.root:
            raise Refused(_TILE, "the tiles do not give the checkpoint's root", culprit=f"tree of {self.size} entries")
        self._rows = tiles.rows

    def tile(self, level: int, index: int) -> tuple[bytes, ...]:
        """Return the hashes of a tile; raises Refused, naming the tile, where they do not give the hash above it."""
        if _width(self.size, level, index) < TILE_WIDTH:
            return self._rows[level]
        known = self._last.get(level)
        if known is not None and known[0] == index:
            return known[1]
        above = self.tile(level + 1, index // TILE_WIDTH)[index % TILE_WIDTH]
        hashes = read_tile(self.get, level, index, self.size)
        # A full tile's root is the hash that the tile above it holds.
        if _full_root(hashes) != above:
            first = index << (_LEVEL_BITS * (level + 1))
            reason = f"a tile does not give the hash above it; first entry under it: {first}"
            raise Refused(_TILE, reason, culprit=tile_path(level, index))
        self._last[level] = (index, hashes)
        return hashes

    def bundle(self, index: int) -> tuple[bytes, ...]:
        """Return the entries of a bundle; raises Refused, naming the first entry that is not its leaf in the tile."""
        leaves = self.tile(0, index)
        entries = read_bundle(self.get, index, self.size)
        for offset, (entry, leaf) in enumerate(zip(entries, leaves, strict=True)):
            # An entry's leaf hash is the one that the level 0 tile holds.
            if sha256(b"\x00" + entry).digest() != leaf:
                culprit = f"entry {index * TILE_WIDTH + offset}"
                raise Refused(_ENTRY, "the entry is not the one that the tree holds", culprit=culprit)
        return entries

    def source(self) -> HashSource:
        """Return the hashes of complete subtrees, for proofs."""

        def subtree(level: int, index: int) -> bytes:
            tile_level, height = divmod(level, _LEVEL_BITS)
            start = index << height
            offset = start % TILE_WIDTH
            return _full_root(self.tile(tile_level, start // TILE_WIDTH)[offset : offset + (1 << height)])

        return subtree


def read_entries(get: Get, size: int, root: bytes, start: int = 0) -> Iterator[tuple[bytes, ...]]:
    """Yield the log's entries, one bundle at a time, from the bundle that holds entry `start`.

    Every entry is compared with its tile and so with the root before it is yielded. Raises Refused.
    """
    if size == 0 and root == EMPTY_ROOT:
        return
    reader = TileReader(get, size, root)
    for index in range(start // TILE_WIDTH, -(-size // TILE_WIDTH)):
        yield reader.bundle(index)


def hashes_from_leaves(leaves: Sequence[bytes]) -> HashSource:
    """Return the source of a tree held in memory as leaf hashes."""
    rows = [list(leaves)]
    while len(rows[-1]) > 1:
        rows.append([node_hash(*pair) for pair in list(pairwise(rows[-1]))[::2]])
    return lambda level, index: rows[level][index]


# ------------------------------------------------------------------------------------------------------ offline proof


@dataclass(frozen=True, slots=True)
class LogProof:
    """A voter's offline proof (C2SP tlog-proof): an entry's index, its path, and the signed checkpoint as served."""

    index: int
    proof: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def to_bytes(self) -> bytes:
        """Return the text of a `.tlog-proof` file."""
        lines = [_LOG_PROOF_HEADER]
        if self.extra is not None:
            lines.append(b"extra " + base64.b64encode(self.extra))
        lines.append(b"index %d" % self.index)
        lines += [base64.b64encode(item) for item in self.proof]
        return b"\n".join([*lines, b"", self.checkpoint])


def _decode(text: bytes) -> bytes:
    """Return the bytes of standard base64 with padding, in its one spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if base64.b64encode(data) != text:
        raise MalformedEncoding(_MALFORMED, "not the one base64 spelling of anything")
    return data


def parse_log_proof(data: bytes) -> LogProof:
    """Return the parts of a `.tlog-proof` file; raises MalformedEncoding.

    The checkpoint is handed back as it stands: `signatures.verify_quorum` says what it is worth, and `verify_inclusion`
    with its size and root finishes the check.
    """
    head, separator, checkpoint = data.partition(b"\n\n")
    lines = head.split(b"\n", MAX_PROOF_HASHES + 3)
    if len(data) > MAX_LOG_PROOF_SIZE or not separator or lines.pop(0) != _LOG_PROOF_HEADER:
        raise MalformedEncoding(_MALFORMED, "not a log proof")
    extra = _decode(lines.pop(0)[6:]) if lines and lines[0].startswith(b"extra ") else None
    index = lines.pop(0) if lines else b""
    if re.fullmatch(rb"index (?:0|[1-9][0-9]{0,18})", index) is None or int(index[6:]) > MAX_SIZE:
        raise MalformedEncoding(_MALFORMED, "a log proof names an index")
    proof = tuple(_decode(line) for line in lines)
    if len(proof) > MAX_PROOF_HASHES or any(len(item) != HASH_SIZE for item in proof):
        raise MalformedEncoding(_MALFORMED, "a log proof has at most 63 hashes of 32 bytes")
    return LogProof(int(index[6:]), proof, checkpoint, extra)
