"""The bulletin board: blocks, seals, what time it was, and how a log's owner writes the next block.

Spec: `docs/spec/board.md`. Entries carry no times. What is known about time comes from the witnesses' cosignatures on
the checkpoints that seals hold: L bounds when a block began from below, U bounds when a head stood from above. `Board`
reads a log in this way; `Writer` makes one, as files in the order in which they must become visible.

>>> arrange([b"b", b"a"]) == sorted([b"a", b"b"], key=leaf_hash)
True
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from crypto.cbor import UINT, malformed, read_head
from crypto.election.encoding import Message
from crypto.election.entries import (
    CEREMONY_TYPES,
    VOTER_TYPES,
    BallotEntry,
    Certificate,
    Change,
    Client,
    Credential,
    Entry,
    Manifest,
    Seal,
    Spoiled,
    Step,
    Strike,
    parse_entry,
)
from crypto.election.manifest import Keyring
from crypto.errors import Misuse, Refused
from crypto.merkle import Frontier, Tiles, leaf_hash, publish
from crypto.signatures import (
    MAX_U63,
    TYPE_COSIGNATURE,
    BlsKey,
    Checkpoint,
    QuorumCheckpoint,
    SigningKey,
    VerifierKey,
    bls_message,
    sign_author,
    sign_checkpoint,
    verify_bls_certificate,
    verify_checkpoint,
    verify_quorum,
)
from crypto.transcript import tag

_PSEUDONYM_SIZE = 16


class Phase(Enum):
    """What the log is waiting for; the value names it in refusals."""

    PARTS = "the manifest's parts"
    SETUP = "the preparation"
    OPEN = "the voting"
    CLOSED = "the tally"


_CEREMONY = {*CEREMONY_TYPES, "round"}
_ALWAYS = {"seal", "certificate", "incident"}
_PLACES: dict[Phase, frozenset[str]] = {
    Phase.PARTS: frozenset({"contest", "units", "seal"}),
    Phase.SETUP: frozenset(
        _ALWAYS
        | _CEREMONY
        | {"client", "roll", "freeze", "imported", "drill", "drill-share", "opening", "rotate"}
        | {"credential", "change", "strike"}
    ),
    Phase.OPEN: frozenset(_ALWAYS | VOTER_TYPES | {"drill", "drill-share", "rotate", "dispute", "close"}),
    Phase.CLOSED: frozenset(_ALWAYS | {"aggregate", "share", "result", "decision", "dispute", "release"}),
}


@dataclass(frozen=True, slots=True)
class Head:
    """A quorum checkpoint that a seal holds; times in ms, from the cosignatures that count."""

    size: int
    root: bytes
    lower_ms: int  # the (f+1)-th largest time: some honest witness saw no larger tree before it
    upper_ms: int  # the (f+1)-th smallest time: some honest witness saw this tree by then


@dataclass(slots=True)
class Attendance:
    """How a witness kept up with the sealed heads: how many it cosigned, and how long after the first one."""

    heads: int = 0
    behind_s: int = 0  # all together
    most_s: int = 0


@dataclass(slots=True)
class Board:
    """The slice of the record's state that knows tree, blocks, heads and times; owned by the record.

    `latest_s` is the reader's own clock in POSIX seconds where it has one: later cosignatures do not count.
    """

    manifest: Manifest
    keyring: Keyring
    latest_s: int = MAX_U63
    tree: Frontier = field(default_factory=Frontier)
    phase: Phase = Phase.PARTS
    block: int = 0
    block_start: int = 0
    newest: Head | None = None
    lower: int | None = None  # L of the current block, the largest so far
    heads: dict[int, Head] = field(default_factory=dict)  # by size
    sizes: list[int] = field(default_factory=list)
    open_ends: dict[int, bytes] = field(default_factory=dict)  # roots of block ends above the newest head
    quorumless: int = 0
    last_ballot_index: int = -1
    ballots_by_block: dict[int, int] = field(default_factory=dict)
    revotes_by_block: dict[int, int] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)  # by size: the block that ended there
    attendance: dict[str, Attendance] = field(default_factory=dict)  # by witness
    opening_index: int = -1
    close_index: int = -1
    closed_root: bytes = b""
    certificates: int = 0
    _close_block: int = -1
    _last_leaf: bytes = b""
    _touched: set[bytes] = field(default_factory=set)

    # ------------------------------------------------------------------------------------------------- questions

    def lower_ms(self) -> int | None:
        """Return L of the current block in ms, None while no seal held a quorum checkpoint."""
        return self.lower

    def upper_ms(self, index: int) -> int | None:
        """Return U of an entry in ms: that of the first sealed head which covers it; None while there is none."""
        place = bisect_right(self.sizes, index)
        return self.heads[self.sizes[place]].upper_ms if place < len(self.sizes) else None

    def holds_checkpoint(self, size: int, root: bytes) -> bool:
        """Tell whether a seal of this log holds the quorum checkpoint of this size and root."""
        head = self.heads.get(size)
        return head is not None and head.root == root

    def last_ballot_upper_ms(self) -> int | None:
        """Return U of the last ballot block in ms, None when nothing covers it yet or there is none."""
        return None if self.last_ballot_index < 0 else self.upper_ms(self.last_ballot_index)

    @property
    def intake_end_ms(self) -> int:
        """When intake ends: closing and grace."""
        return self.manifest.closes_at_ms + self.manifest.grace_ms

    def is_late(self) -> bool:
        """Tell whether the last ballot block was witnessed later than settling allows (or never)."""
        if self.last_ballot_index < 0:
            return False
        upper = self.last_ballot_upper_ms()
        return upper is None or upper > self.intake_end_ms + self.manifest.settle_ms

    def dispute_over(self) -> bool:
        """Tell whether a seal shows that the dispute period has ended: L(b) ≥ U(close) + period."""
        upper = self.upper_ms(self.close_index) if self.close_index >= 0 else None
        return upper is not None and self.lower is not None and self.lower >= upper + self.manifest.dispute_ms

    # ---------------------------------------------------------------------------------------------------- places

    def require_phase(self, entry_type: str) -> None:
        """Check that entries of this type may stand here."""
        if entry_type not in _PLACES[self.phase]:
            # An entry MUST be of a type that its phase allows: the parts, the preparation, the voting or the tally.
            raise Refused("BOARD-1", f"no {entry_type} entry belongs into {self.phase.value}", culprit="server")

    def require_place(self, index: int, entry_type: str) -> None:
        """Check the place of a control entry in its block."""
        if self._last_leaf:
            # In a block control entries MUST come before voter entries.
            raise Refused("BOARD-2", f"a {entry_type} entry after a voter entry", culprit="server")
        after_close = self._close_block == self.block
        if after_close or (entry_type == "close" and index != self.block_start + 1):
            # The close MUST stand alone in its block, after the seal.
            raise Refused("BOARD-5", "the close is not alone in its block", culprit="server")

    def enter_voter(self, leaf: bytes, pseudonym: bytes) -> None:
        """Note a voter entry in its block and check its place; it is noted whether it is accepted or not."""
        in_order, again = leaf > self._last_leaf, pseudonym in self._touched
        self._last_leaf = leaf
        self._touched.add(pseudonym)
        if not in_order:
            # In a block voter entries MUST stand in rising order of their leaf hashes.
            raise Refused("BOARD-3", "a voter entry out of the order of leaf hashes", culprit="server")
        if again:
            # A block MUST hold at most one voter entry of a pseudonym.
            raise Refused("BOARD-4", "a second voter entry of one pseudonym in a block", culprit="server")

    def require_open(self) -> None:
        """Check that ballots may stand in this block."""
        if self.lower is None or self.lower < self.manifest.opens_at_ms:
            # A ballot or spoiled ballot MUST stand in a block b with L(b) ≥ opens_at.
            raise Refused("BOARD-8", "nothing shows that this block began after the opening", culprit="server")

    # ----------------------------------------------------------------------------------------------------- steps

    def stage_seal(self, body: Seal, index: int) -> Step:
        """Stage the seal that begins the next block: the block before it, signed; and the witnessed heads since."""
        log = VerifierKey(self.manifest.origin, self.manifest.log_key)
        root = self.tree.root()
        try:
            checkpoint = verify_checkpoint(body.checkpoint, log)
        except Refused as refusal:
            raise self._refuse_seal(refusal.reason) from refusal
        stated = (body.block, checkpoint.size, checkpoint.root)
        if stated != (self.block + 1, index, root):
            raise self._refuse_seal("another block number, size or root than this log's")
        quorums = self._verify_heads(body.quorum, log, (index, root))

        def commit() -> None:
            self.ends[index] = self.block
            self.block, self.block_start = body.block, index
            self._last_leaf = b""
            self._touched.clear()
            self.open_ends[index] = root
            if self.phase is Phase.PARTS:
                self.phase = Phase.SETUP
            if not quorums:
                self.quorumless += 1
                return
            for quorum in quorums:
                head = head_of(quorum, self.manifest.faults)
                self.heads[head.size] = head
                self.sizes.append(head.size)
                self._note_attendance(quorum)
            self.newest = self.heads[self.sizes[-1]]
            self.lower = max(self.lower or 0, self.newest.lower_ms)
            # Sizes rise, so only those that go are looked at, however many have waited.
            while self.open_ends and (size := next(iter(self.open_ends))) <= self.newest.size:
                del self.open_ends[size]
            self.keyring.count_covered(self.newest.size)

        return Step((), commit)

    @staticmethod
    def _refuse_seal(reason: str) -> Refused:
        # A seal MUST begin the block of its number and hold the checkpoint, signed by the log key, of exactly the tree
        # before it.
        return Refused("BOARD-6", reason, culprit="server")

    def _verify_heads(self, notes: Sequence[bytes], log: VerifierKey, end: tuple[int, bytes]) -> list[QuorumCheckpoint]:
        """Check the quorum checkpoints of a seal against the ends of earlier blocks and of the one before (`end`)."""
        keys = self.keyring.witnesses.items()
        witnesses = [VerifierKey(name, key, TYPE_COSIGNATURE) for name, key in keys]
        quorums: list[QuorumCheckpoint] = []
        last = self.newest.size if self.newest is not None else 0
        for note in notes:
            try:
                quorum = verify_quorum(note, log, witnesses, self.manifest.quorum, self.latest_s)
            except Refused as refusal:
                raise self._refuse_quorum(refusal.reason) from refusal
            size, root = quorum.checkpoint.size, quorum.checkpoint.root
            if size <= last or (self.open_ends.get(size) != root and (size, root) != end):
                raise self._refuse_quorum(f"{size} entries with this root are no end of a block above the last head")
            last = size
            quorums.append(quorum)
        return quorums

    def _note_attendance(self, quorum: QuorumCheckpoint) -> None:
        first = quorum.times_s[0]
        for item in quorum.cosignatures:
            kept = self.attendance.setdefault(item.witness.name, Attendance())
            kept.heads += 1
            kept.behind_s += item.time_s - first
            kept.most_s = max(kept.most_s, item.time_s - first)

    @staticmethod
    def _refuse_quorum(reason: str) -> Refused:
        # A quorum checkpoint in a seal MUST be of the end of an earlier block, with the root that this log has there,
        # in rising order of sizes, and MUST carry the signatures of the log and of a quorum of witnesses.
        return Refused("BOARD-7", reason, culprit="server")

    def stage_close(self, step: Step, index: int) -> Step:
        """Add what the board asks of a close to the tally's step."""
        lower, upper = self.lower, self.last_ballot_upper_ms()
        early = lower is None or lower < self.intake_end_ms
        if early or (self.last_ballot_index >= 0 and upper is None):
            # The close MUST stand in a block with L ≥ closing + grace, and a sealed quorum checkpoint MUST cover the
            # last ballot block.
            reason = "intake has not ended" if early else "no quorum checkpoint covers the last ballots"
            raise Refused("BOARD-9", reason, culprit="server")

        def commit() -> None:
            step.commit()
            self.close_index = index
            self._close_block = self.block
            self.phase = Phase.CLOSED

        return Step(step.claims, commit, step.recheck)

    def stage_opening(self, step: Step, index: int) -> Step:
        """Add the change of phase to the ceremony's step."""

        def commit() -> None:
            step.commit()
            self.opening_index = index
            self.phase = Phase.OPEN

        return Step(step.claims, commit, step.recheck)

    def stage_client(self, body: Client) -> Step:
        """Stage the voter client's file hashes."""
        names = [item.name for item in body.files]
        if names != sorted(set(names)):
            # A client entry MUST name its files once each, in order of their names.
            raise Refused("BOARD-12", "a file twice, or out of order", culprit="officers")
        return Step()

    def stage_certificate(self, body: Certificate) -> Step:
        """Stage the witnesses' BLS certificate over a sealed head; evidence beside the cosignatures."""
        keys = {each.name: each.bls.key for each in self.manifest.witnesses if each.bls is not None}
        enough = self.manifest.quorum <= len(body.signers) == len(set(body.signers)) and set(body.signers) <= set(keys)
        if not enough or list(body.signers) != sorted(body.signers) or not self.holds_checkpoint(body.size, body.root):
            raise refuse_certificate("not a quorum's names in order, or not a sealed head")
        claim = CertificateClaim(
            tuple(keys[name] for name in body.signers),
            bls_message(tag(self.manifest.kind, "certificate"), self.manifest.origin, body.size, body.root),
            body.signature,
        )

        def commit() -> None:
            self.certificates += 1

        return Step((claim,), commit)

    def count_ballot(self, index: int, block: int, *, again: bool = False) -> None:
        """Note an accepted ballot of a block; `again` where it replaces an earlier one."""
        if again:
            self.revotes_by_block[block] = self.revotes_by_block.get(block, 0) + 1
        self.ballots_by_block[block] = self.ballots_by_block.get(block, 0) + 1
        self.last_ballot_index = index


def refuse_certificate(reason: str) -> Refused:
    """Return the refusal of a certificate entry."""
    # A certificate MUST be signed by at least a quorum of witnesses with proven BLS keys, each named once in order,
    # over a sealed head.
    return Refused("BOARD-11", reason, culprit="server")


@dataclass(frozen=True, slots=True)
class CertificateClaim:
    """A quorum's BLS signature over one message; the keys' proofs were checked with the manifest."""

    keys: tuple[bytes, ...]
    message: bytes
    signature: bytes

    def verify(self) -> None:
        """Verify the aggregate. Raises Refused."""
        try:
            verify_bls_certificate([BlsKey(key) for key in self.keys], self.message, self.signature)
        except Refused as refusal:
            raise refuse_certificate(refusal.reason) from refusal


def head_of(quorum: QuorumCheckpoint, faults: int) -> Head:
    """Return a quorum checkpoint with its two times: f + 1 witnesses, one of them honest, vouch for each."""
    times = quorum.times_s
    checkpoint = quorum.checkpoint
    return Head(checkpoint.size, checkpoint.root, times[-1 - faults] * 1_000, times[faults] * 1_000)


# -------------------------------------------------------------------------------------------------------------- writing


def pseudonym_of(entry: Entry) -> bytes:
    """Return the pseudonym of a voter entry. Raises MalformedEncoding; Misuse for another type."""
    if entry.type == "ballot":
        return ballot_pseudonym(BallotEntry.parse_once(entry.body).ballot)
    if entry.type == "spoiled":
        return ballot_pseudonym(Spoiled.parse_once(entry.body).ballot)
    if entry.type == "credential":
        return Credential.parse_once(entry.body).pseudonym
    if entry.type == "change":
        return Change.parse_once(entry.body).pseudonym
    if entry.type == "strike":
        return Strike.parse_once(entry.body).pseudonym
    raise Misuse(f"a {entry.type} entry has no pseudonym")


def ballot_pseudonym(ballot: bytes) -> bytes:
    """Return the pseudonym that ballot bytes name, from its fixed place. Raises MalformedEncoding."""
    _, at = read_head(ballot, 35, UINT)
    pseudonym = ballot[at + 1 : at + 1 + _PSEUDONYM_SIZE]
    if ballot[at : at + 1] != b"\x50" or len(pseudonym) != _PSEUDONYM_SIZE:
        raise malformed("no pseudonym stands in this ballot")
    return pseudonym


def arrange(voters: Iterable[bytes]) -> list[bytes]:
    """Return entries in the order of their leaf hashes, which nobody's time of arrival shows in."""
    return sorted(voters, key=leaf_hash)


def take_batch(waiting: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Split waiting voter entries into one block's, arranged, and those that must wait: one a pseudonym, in order."""
    chosen: list[bytes] = []
    later: list[bytes] = []
    touched: set[bytes] = set()
    for raw in waiting:
        pseudonym = pseudonym_of(parse_entry(raw))
        (later if pseudonym in touched else chosen).append(raw)
        touched.add(pseudonym)
    return arrange(chosen), later


@dataclass(frozen=True, slots=True)
class Block:
    """One written block: its entries, the files to publish in this order, then the log-signed checkpoint."""

    number: int
    entries: tuple[bytes, ...]
    files: tuple[tuple[str, bytes], ...]
    checkpoint: bytes


@dataclass(slots=True)
class Writer:
    """Writes a log block by block with the log key; holds the unfinished tiles and the heads not yet sealed.

    What it returns is to be stored before anything of it is published. It does not judge entries: `Record.admit` does.
    """

    manifest: Manifest
    manifest_hash: bytes
    key: SigningKey
    tiles: Tiles = field(default_factory=Tiles)
    block: int = -1
    checkpoint: bytes = b""
    quorum: list[bytes] = field(default_factory=list)

    def sign(self, body: Message, entry_type: str) -> bytes:
        """Return an entry whose author is the log."""
        author_tag, data = tag(self.manifest.kind, "author"), body.to_bytes()
        signature = sign_author(self.key, author_tag, self.manifest_hash, entry_type, data)
        return Entry(entry_type, data, (signature,)).to_bytes()

    def begin(self, manifest_entry: bytes, parts: Sequence[tuple[str, Message]]) -> Block:
        """Write block 0: the manifest and its parts."""
        return self._write([manifest_entry, *(self.sign(body, entry_type) for entry_type, body in parts)])

    def add_quorum(self, note: bytes) -> None:
        """Keep a quorum checkpoint for the next seal."""
        self.quorum.append(note)

    def write(self, control: Sequence[bytes] = (), voters: Iterable[bytes] = (), tokens: Sequence[bytes] = ()) -> Block:
        """Write the next block: the seal, control entries in the order given, voter entries by leaf hash."""
        seal = Seal(block=self.block + 1, checkpoint=self.checkpoint, quorum=tuple(self.quorum), tokens=tuple(tokens))
        self.quorum = []
        return self._write([self.sign(seal, "seal"), *control, *arrange(voters)])

    def _write(self, entries: list[bytes]) -> Block:
        self.tiles, files = publish(self.tiles, entries)
        self.block += 1
        head = Checkpoint(self.manifest.origin, self.tiles.size, self.tiles.root())
        self.checkpoint = sign_checkpoint(self.key, head).to_bytes()
        return Block(self.block, tuple(entries), tuple(files), self.checkpoint)
