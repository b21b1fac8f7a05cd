"""A board of a country's size for tests in a browser: 1.6 million entries in a tree of their own, served from memory.

What a page fetches for results and turnout is real and signed (manifest, freeze, opening, seals, close, sums, results);
the entries between are as many as a country's, small and never judged. Nothing is written to disk.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import parse_qs

from crypto.election.entries import (
    Aggregate,
    Close,
    Contest,
    DistrictSlots,
    Freeze,
    Opening,
    Option,
    Result,
    Seal,
    Style,
    Unit,
    Units,
)
from crypto.merkle import CHECKPOINT_PATH, TILE_WIDTH, bundle_to_bytes, parse_path
from crypto.rules import OneOf
from crypto.signatures import Checkpoint, sign_checkpoint
from tests.simulator import MINUTE_MS, Parts, World, signing_key, text3

DISTRICTS, OPTIONS, BLOCKS = 30, 10, 700
SLOTS_A_LEAF, VOTED = 90, (11, 9, 8, 7, 6, 5, 4, 3, 2, 1)
"""People on the list of a polling station, and the votes of each option there."""


def make_parts(leaves: int) -> Parts:
    """Return one contest of ten options over 30 districts with so many stations each."""
    options = tuple(Option(text3(f"Candidate {place + 1}")) for place in range(OPTIONS))
    contest = Contest(1, 1, text3("President"), OneOf.default(OPTIONS).to_bytes(), options, 1, 1)
    units = [
        Unit(1, None, text3("Country"), district=False),
        *(Unit(2 + at, 1, text3(f"District {at + 1}"), district=True) for at in range(DISTRICTS)),
        *(
            Unit(100 + at, 2 + at % DISTRICTS, text3(f"Station {at + 1}"), district=False)
            for at in range(DISTRICTS * leaves)
        ),
    ]
    chunks = tuple(Units(tuple(units[at : at + 300])) for at in range(0, len(units), 300))
    return Parts((contest,), chunks)


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _root(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        pairs = [_node(hashes[at], hashes[at + 1]) for at in range(0, len(hashes) - 1, 2)]
        hashes = [*pairs, hashes[-1]] if len(hashes) % 2 else pairs
    return hashes[0]


def filler(index: int) -> bytes:
    """Return an entry that looks like a ballot and is none."""
    return b"\x84\x01\x66ballot" + index.to_bytes(8, "big")


@dataclass
class Country:
    """The board: `get` answers what a browser asks of its server."""

    ballots: int = 1_600_000
    leaves: int = 10
    world: World = field(init=False)
    special: dict[int, bytes] = field(default_factory=dict)
    starts: list[int] = field(default_factory=lambda: [0])
    places: dict[str, object] = field(default_factory=dict)
    size: int = 0
    levels: list[list[bytes]] = field(default_factory=list)
    checkpoint: bytes = b""

    def __post_init__(self) -> None:
        """Write the election, and the tree over it."""
        self.world = World(make_parts(self.leaves), changes={"styles": (Style(1, (1,)),), "minimum_cell": 10})
        self.world.begin()
        self._append(*self.world.entries)
        self._write()
        self._grow()

    # ------------------------------------------------------------------------------------------------------ writing

    def _append(self, *raws: bytes) -> int:
        for raw in raws:
            self.special[self.size] = raw
            self.size += 1
        return self.size - 1

    def _note(self, size: int, root: bytes) -> bytes:
        head = Checkpoint(self.world.manifest.origin, size, root)
        return self.world.cosign(sign_checkpoint(signing_key("log"), head).to_bytes())

    def _seal(self) -> None:
        self.world.clock_ms += MINUTE_MS
        note = self._note(self.size, bytes(32))
        block = len(self.starts)
        self.starts.append(self.size)
        self._append(self.world.by_log("seal", Seal(block, note, (note,), ())))

    def _write(self) -> None:
        world, leaves = self.world, DISTRICTS * self.leaves
        slots = tuple(DistrictSlots(2 + at, SLOTS_A_LEAF * self.leaves) for at in range(DISTRICTS))
        self._seal()
        freeze = self._append(world.by_officers("freeze", Freeze(1, slots)))
        opening = self._append(world.by_officers("opening", Opening(bytes(31) + b"\x01", bytes(32))))
        for block in range(BLOCKS):
            self._seal()
            self.size += self.ballots * (block + 1) // BLOCKS - self.ballots * block // BLOCKS
        self._seal()
        close = self._append(world.by_officers("close", Close(self.ballots)))
        self._seal()
        sums = b"\x07" * (64 * OPTIONS)
        for leaf in range(leaves):
            self._append(world.by_log("aggregate", Aggregate(1, leaf, (100 + leaf,), sum(VOTED), sums)))
        for leaf in range(leaves):
            self._append(world.by_officers("result", Result(1, leaf, VOTED)))
        self._seal()
        self.places = {"opening": opening, "close": close, "freeze": freeze, "ceremony": [], "rotations": []}

    def _grow(self) -> None:
        prefix, get = b"\x00\x84\x01\x66ballot", self.special.get
        row = [
            sha256(b"\x00" + raw if (raw := get(index)) is not None else prefix + index.to_bytes(8, "big")).digest()
            for index in range(self.size)
        ]
        peaks: list[list[bytes]] = []
        while row:
            self.levels.append(row)
            full = len(row) // TILE_WIDTH
            peaks.insert(0, row[full * TILE_WIDTH :])
            row = [_root(row[at * TILE_WIDTH : (at + 1) * TILE_WIDTH]) for at in range(full)]
        self.checkpoint = self._note(self.size, self._fold(peaks))

    @staticmethod
    def _fold(peaks: list[list[bytes]]) -> bytes:
        complete = []
        for rest in peaks:
            at = 0
            while at < len(rest):
                width = 1 << ((len(rest) - at).bit_length() - 1)
                complete.append(_root(rest[at : at + width]))
                at += width
        root = complete.pop()
        while complete:
            root = _node(complete.pop(), root)
        return root

    # ------------------------------------------------------------------------------------------------------ serving

    def entry(self, index: int) -> bytes:
        """Return an entry."""
        return self.special.get(index) or filler(index)

    def get(self, path: str) -> bytes | None:
        """Return what a server of this board answers."""
        name, _, query = path.removeprefix("log/").partition("?")
        if name == CHECKPOINT_PATH:
            return self.checkpoint
        if name == "state":
            return json.dumps({"size": self.size, "block": len(self.starts) - 1, "quorum_size": self.size}).encode()
        if path == "election/places":
            return json.dumps(self.places).encode()
        if name == "blocks":
            given = {key: int(values[0]) for key, values in parse_qs(query).items()}
            wanted = range(given["first"], len(self.starts), given["step"])[:500]
            return json.dumps({"starts": {block: self.starts[block] for block in wanted}}).encode()
        if name.startswith("entry/"):
            return self.entry(int(name.removeprefix("entry/")))
        return self._tile(name) if name.startswith("tile/") else None

    def _tile(self, path: str) -> bytes | None:
        found = parse_path(path)
        start = found.index * TILE_WIDTH
        if found.level is None:
            return bundle_to_bytes([self.entry(index) for index in range(start, start + found.width)])
        hashes = self.levels[found.level][start : start + found.width]
        return b"".join(hashes) if len(hashes) == found.width else None
