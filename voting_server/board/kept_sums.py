"""Sums of ballots kept in the database, so that a process that starts after the close need not add up all again.

Spec: `docs/operations/faults.md` ("Start-up time"). The sequencer keeps the sums as they were under one checkpoint of
the log, signed with the log key together with that checkpoint's size and root. Who starts reads every entry as ever and
takes them only where its own tree has that root at that size; anything else is passed over, and the ballots are added
up. They prove nothing to anybody: each aggregate is recomputed from the ballots by every auditor.

>>> kept = KeptSums(7, bytes(32), 5, {(2, 1): (3, b"ab"), (9, 1): (-1, b"")})
>>> KeptSums.parse(kept.to_bytes()) == kept
True
>>> KeptSums.parse(b"")
Traceback (most recent call last):
...
ValueError: no kept sums
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, LargeBinary, Table, delete, insert, select

from crypto.election.record import Record
from crypto.election.tally import Sums
from crypto.errors import Refused
from crypto.signatures import SigningKey, sign_author, verify_author
from crypto.transcript import tag
from voting_server.plumbing.database import BALLOT, BIG, BYTES, Database

KEPT_SUMS = Table(
    "kept_sums",
    BALLOT,
    Column("size", BIG, primary_key=True, autoincrement=False),
    Column("content", BYTES, nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
)
_HEAD = struct.Struct(">Q32sQ")
_PAIR = struct.Struct(">IIqI")
_USE = "kept-sums"
"""Of the tag: nothing signed for it can pass for an entry, whose tag is another."""


@dataclass(frozen=True, slots=True)
class KeptSums:
    """Sums under a checkpoint: its size and root; ballots before index `end` are in them.

    `pairs` are ballots and sums by (unit, contest); ballots are below 0 where more was taken out than is in already.
    """

    size: int
    root: bytes
    end: int
    pairs: Mapping[tuple[int, int], tuple[int, bytes]]

    @classmethod
    def of(cls, record: Record, end: int) -> "KeptSums":
        """Return what a record's sums are now; ballots from index `end` on are still to be added."""
        sums = record.tally.sums
        pairs = {pair: (sums.ballots[pair], sums.total([pair[0]], pair[1]) or b"") for pair in sorted(sums.ballots)}
        return cls(record.size, record.tree.root(), end, pairs)

    def to_bytes(self) -> bytes:
        """Return the bytes that are signed and kept."""
        parts = [_HEAD.pack(self.size, self.root, self.end)]
        for (unit, contest), (ballots, data) in self.pairs.items():
            parts += [_PAIR.pack(unit, contest, ballots, len(data)), data]
        return b"".join(parts)

    @classmethod
    def parse(cls, content: bytes) -> "KeptSums":
        """Read them. Raises ValueError."""
        try:
            size, root, end = _HEAD.unpack_from(content)
            at, pairs = _HEAD.size, dict[tuple[int, int], tuple[int, bytes]]()
            while at < len(content):
                unit, contest, ballots, length = _PAIR.unpack_from(content, at)
                at += _PAIR.size
                pairs[unit, contest] = ballots, content[at : at + length]
                at += length
        except struct.error:
            at = -1
        if at != len(content):
            raise ValueError("no kept sums")
        return cls(size, root, end, pairs)

    def restore(self, record: Record) -> None:
        """Put these sums in the place of the record's. Raises Refused where a sum is none."""
        sums = Sums(record.tally.election.group)
        sums.merge(
            {pair: data for pair, (_, data) in self.pairs.items() if data},
            {pair: ballots for pair, (ballots, _) in self.pairs.items()},
        )
        record.tally.sums = sums


class KeptSumsStore:
    """The newest kept sums of one log."""

    def __init__(self, database: Database) -> None:
        """Keep the database of the ballot side."""
        self._database = database

    def write(self, key: SigningKey, record: Record, kept: KeptSums) -> None:
        """Keep sums in the place of those before."""
        content = kept.to_bytes()
        _, signature = sign_author(key, tag(record.parts.manifest.kind, _USE), record.manifest_hash, _USE, content)
        with self._database.begin() as connection:
            connection.execute(delete(KEPT_SUMS))
            connection.execute(insert(KEPT_SUMS).values(size=kept.size, content=content, signature=signature))

    def size(self) -> int:
        """Return the size of the checkpoint under which sums are kept, 0 where none are."""
        with self._database.read() as connection:
            return connection.execute(select(KEPT_SUMS.c.size)).scalar() or 0

    def read(self, record: Record) -> KeptSums | None:
        """Return the kept sums where they are this log's own; `record` has that log's manifest."""
        with self._database.read() as connection:
            row: Any = connection.execute(select(KEPT_SUMS)).first()
        if row is None:
            return None
        content, manifest = bytes(row.content), record.parts.manifest
        try:
            tag_bytes = tag(manifest.kind, _USE)
            verify_author(manifest.log_key, tag_bytes, record.manifest_hash, _USE, content, bytes(row.signature))
            return KeptSums.parse(content)
        except (Refused, ValueError):
            return None
