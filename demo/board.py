"""The demo's board: writes blocks by the pure functions, has them cosigned, and publishes a folder of static files.

Spec: `docs/spec/{board,merkle}.md`. Files appear in the order bundles, tiles, checkpoint. Time is virtual;
a block takes one interval, or the day goes on at once (`wait_until`). What `admit` refuses never becomes an entry.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crypto.election.board import Block, Writer
from crypto.election.encoding import Message
from crypto.election.entries import Manifest
from crypto.election.record import Record
from crypto.errors import Misuse, Refused
from crypto.merkle import CHECKPOINT_PATH, TILE_WIDTH, TileReader, read_bundle
from crypto.signatures import VerifierKey, parse_note
from demo.ballots import Head
from demo.commission import Commission
from demo.witnesses import Witnesses

THREADS = 0


@dataclass
class Board:
    """One log in one folder, its state machine, its witnesses, and the time of day."""

    folder: Path
    commission: Commission
    manifest: Manifest
    witnesses: Witnesses
    now_ms: int
    writer: Writer = field(init=False)
    record: Record = field(init=False)
    ballots_by_block: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin before block 0."""
        commission, manifest = self.commission, self.manifest
        self.writer = Writer(manifest, commission.manifest_hash, commission.log.key)
        self.record = Record(self.read)
        self.witnesses.watch(VerifierKey(manifest.origin, manifest.log_key))

    def get(self, path: str) -> bytes | None:
        """Return a published file, None where there is none."""
        file = self.folder / path
        return file.read_bytes() if file.is_file() else None

    def read(self, index: int) -> bytes:
        """Return an entry from the published files."""
        return read_bundle(self.get, index // TILE_WIDTH, self.writer.tiles.size)[index % TILE_WIDTH]

    @property
    def head(self) -> Head:
        """Return the newest quorum checkpoint that a seal holds."""
        newest = self.record.board.newest
        if newest is None:
            raise Misuse("no seal holds a quorum checkpoint yet")
        return Head(newest.size, newest.root)

    def begin(self, manifest_entry: bytes, parts: Sequence[tuple[str, Message]]) -> None:
        """Write block 0."""
        self._publish(self.writer.begin(manifest_entry, parts))

    def append(self, control: Sequence[bytes] = (), voters: Sequence[bytes] = ()) -> Block:
        """Write the next block and return it; Misuse when the state machine refuses any of it."""
        block = self.writer.write(control, voters)
        self._publish(block)
        return block

    def admit(self, raw: bytes) -> Refused | None:
        """Ask the state machine about an entry; return its refusal, None where it may stand in the next block."""
        try:
            self.record.admit(raw)
        except Refused as refusal:
            return refusal
        return None

    def wait_until(self, when_ms: int) -> None:
        """Let the day go on to a time: one block to be witnessed then, and one whose seal holds that time."""
        self.now_ms = max(self.now_ms, when_ms)
        self.append()
        self.append()

    def _publish(self, block: Block) -> None:
        self.now_ms += self.manifest.interval_ms
        for path, data in block.files:
            self._store(path, data)
        self.record.extend(block.entries, threads=THREADS)
        if self.record.refused:
            first = next(iter(self.record.refused.values()))
            raise Misuse(f"the board wrote a {first.type} entry that is refused: {first.refused}")
        note = parse_note(block.checkpoint)
        source = TileReader(self.get, self.writer.tiles.size, self.writer.tiles.root()).source()
        cosigned = self.witnesses.cosign(source, self.writer.tiles.size, note, self.now_ms // 1_000)
        self.writer.add_quorum(cosigned.to_bytes())
        self._store(CHECKPOINT_PATH, cosigned.to_bytes())

    def _store(self, path: str, data: bytes) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f"{file.name}.new")
        fresh.write_bytes(data)
        fresh.replace(file)
        # Partial tiles and bundles may go once the full one is there.
        shutil.rmtree(file.with_name(f"{file.name}.p"), ignore_errors=True)
