r"""Looking into a record without auditing it: one entry as readable values, and one entry's offline proof.

Spec: `docs/operations/audit.md`. Pure: bytes come through `get(path)`. Every entry is compared with its tile and so
with the root of the checkpoint file before anything is said about it; who signed that checkpoint is for `audit.verify`.

>>> readable(b"\x01\x02"), readable((1, None, "x"))
('0102', [1, None, 'x'])
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from audit.verify import entry_type
from crypto.election.ballot import Receipt, verify_receipt
from crypto.election.board import head_of
from crypto.election.encoding import Message, fields_of
from crypto.election.entries import BODIES, VOTER_TYPES, parse_entry
from crypto.election.record import Record, verifier_of
from crypto.errors import MalformedEncoding, Misuse, Refused
from crypto.merkle import (
    CHECKPOINT_PATH,
    TILE_WIDTH,
    Get,
    LogProof,
    TileReader,
    leaf_hash,
    prove_inclusion,
)
from crypto.signatures import (
    TYPE_COSIGNATURE,
    Checkpoint,
    VerifierKey,
    parse_checkpoint,
    parse_note,
    verify_quorum,
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One entry: where it stands, its leaf hash, its type, its fields in JSON's types, or why it cannot be decoded."""

    index: int
    leaf_hash: str
    size: int
    type: str
    body: object
    signers: tuple[str, ...]
    error: str = ""


def readable(value: object) -> object:
    """Return a decoded value in JSON's types: bytes as hexadecimal digits, messages as objects, tuples as arrays."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Message):
        return {field.name: readable(getattr(value, field.name)) for field in fields_of(type(value))}
    if isinstance(value, tuple | list):
        return [readable(member) for member in value]
    return value


def show(index: int, raw: bytes) -> Shown:
    """Decode one entry; bytes that are no entry are shown with the reason and no fields."""
    leaf = leaf_hash(raw).hex()
    try:
        entry = parse_entry(raw)
        body = readable(BODIES[entry.type].parse(entry.body))
    except MalformedEncoding as refusal:
        return Shown(index, leaf, len(raw), "?", None, (), str(refusal))
    return Shown(index, leaf, len(raw), entry.type, body, tuple(key_id.hex() for key_id, _ in entry.signatures))


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a receipt: the entry that holds its ballot, or None where it is not due yet."""

    index: int | None
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Lookup:
    """The entries of one record, each compared with the root in its checkpoint file."""

    note: bytes
    checkpoint: Checkpoint
    reader: TileReader

    @classmethod
    def open(cls, get: Get) -> "Lookup":
        """Read the checkpoint file and the unfinished tiles. Raises Refused where they do not fit."""
        note = get(CHECKPOINT_PATH) or b""
        checkpoint = parse_checkpoint(parse_note(note).text)
        return cls(note, checkpoint, TileReader(get, checkpoint.size, checkpoint.root))

    def entry(self, index: int) -> bytes:
        """Return one entry's bytes; Misuse when there is no such entry, Refused when it is not the tree's."""
        if not 0 <= index < self.checkpoint.size:
            raise Misuse(f"no entry {index} in a log of {self.checkpoint.size}")
        return self.reader.bundle(index // TILE_WIDTH)[index % TILE_WIDTH]

    def entries(self) -> Iterator[tuple[int, bytes]]:
        """Yield every entry with its index."""
        for bundle in range(-(-self.checkpoint.size // TILE_WIDTH)):
            for offset, raw in enumerate(self.reader.bundle(bundle)):
                yield bundle * TILE_WIDTH + offset, raw

    def prove(self, index: int) -> LogProof:
        """Return the C2SP tlog-proof of one entry under the record's checkpoint."""
        self.entry(index)
        proof = prove_inclusion(self.reader.source(), index, self.checkpoint.size)
        return LogProof(index, tuple(proof), self.note)

    def hints(self, tell: Callable[[int, int], None]) -> Iterator[tuple[int, bytes]]:
        """Yield (index, point hints) of every ballot and spoiled ballot; `tell` hears how far it is."""
        record, verifier = Record(self.entry), None
        for index, raw in self.entries():
            kind = entry_type(raw)
            if verifier is None:
                with suppress(Refused):
                    record.apply(raw)
                office = record.office()
                verifier = None if office is None else verifier_of(office)
            elif kind in {b"ballot", b"spoiled"}:
                with suppress(MalformedEncoding):
                    yield index, verifier.make_hints(record.ballots.ballot_of_entry(raw))
            if index % TILE_WIDTH == 0:
                tell(index, self.checkpoint.size)

    def answer(self, receipt: bytes, now_ms: int) -> Answer:
        """Look for the ballot that a receipt promises, as far as the record reaches.

        Entries are replayed without their proofs: the answer says where the ballot stands, the audit whether it counts.
        Raises Refused where the receipt is not this election's, or where a quorum checkpoint later than its deadline
        lacks the ballot, which convicts the server.
        """
        parsed = Receipt.parse(receipt)
        record = self._replay(now_ms)
        if record.manifest is None:
            raise Misuse("a record without a manifest answers no receipt")
        verify_receipt(parsed, record.manifest, record.manifest_hash, record.keyring.receipt_keys)
        self._add_last_head(record, now_ms)
        record.ballots.verify_kept(parsed, self.entry)
        index = record.ballots.stands(parsed, self.entry, record.size)
        return Answer(None if index < 0 else index, parsed.deadline_ms)

    def _replay(self, now_ms: int) -> Record:
        """Read up to the close: no ballot comes after it, and the sums, which are not made here, begin to matter."""
        record = Record(self.entry, now_ms // 1000)
        for _, raw in self.entries():
            kind = entry_type(raw).decode("ascii", "replace")
            if kind == "close":
                break
            with suppress(Refused):
                if kind in VOTER_TYPES:
                    record.settle(record.stage(raw))
                else:
                    record.apply(raw)
        return record

    def _add_last_head(self, record: Record, now_ms: int) -> None:
        """Let the board know the record's own checkpoint where a quorum cosigned it: it is later than every seal."""
        manifest, board = record.parts.manifest, record.board
        witnesses = [VerifierKey(name, key, TYPE_COSIGNATURE) for name, key in record.keyring.witnesses.items()]
        log = VerifierKey(manifest.origin, manifest.log_key)
        with suppress(Refused):
            quorum = verify_quorum(self.note, log, witnesses, manifest.quorum, now_ms // 1000)
            if self.checkpoint.size not in board.heads:
                board.heads[self.checkpoint.size] = head_of(quorum, manifest.faults)
                board.sizes.append(self.checkpoint.size)
