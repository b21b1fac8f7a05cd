"""Proof that a log showed two trees: two checkpoints with its own signature of which neither continues the other.

Spec: `docs/spec/witness.md`, section "Fork". The proof is one text that anybody checks with nothing but the log's key;
who holds one needs to trust nobody. `judge` finds one in two checkpoints, given the files of the larger tree.

>>> from crypto.signatures import Checkpoint, SigningKey, sign_checkpoint
>>> log = SigningKey.from_seed(bytes(32))
>>> one, other = (sign_checkpoint(log, Checkpoint("b.example", 7, bytes([n]) * 32)).to_bytes() for n in (1, 2))
>>> key = VerifierKey("b.example", log.public_key)
>>> verify_fork(judge(one, other, key).to_bytes(), key)
7
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from crypto.errors import Refused
from crypto.merkle import Frontier, HashSource, prove_consistency, verify_consistency
from crypto.signatures import MAX_NOTE_SIZE, Note, VerifierKey, parse_note, verify_log_signature

_HEADER = b"dobush-fork/1\n"
_BETWEEN = b"\x00"


@dataclass(frozen=True, slots=True)
class Fork:
    """Two signed checkpoints as they were served, the smaller first, and what shows that they differ.

    `root` is the larger tree's root at the smaller's size, `proof` the consistency proof from there to the larger.
    """

    one: bytes
    other: bytes
    root: bytes
    proof: tuple[bytes, ...] = ()

    def to_bytes(self) -> bytes:
        """Return the proof: header, note, zero byte, note, zero byte, then root and proof as lines of base64."""
        lines = b"".join(base64.b64encode(item) + b"\n" for item in (self.root, *self.proof))
        return _HEADER + _BETWEEN.join((self.one, self.other, lines))


def parse_fork(data: bytes) -> Fork:
    """Return the parts of a proof, not yet verified. Raises Refused."""
    parts = data.removeprefix(_HEADER).split(_BETWEEN)
    if not data.startswith(_HEADER) or len(parts) != 3 or len(data) > 3 * MAX_NOTE_SIZE:
        raise _refuse("not two notes and a path after the header")
    try:
        root, *proof = (base64.b64decode(line, validate=True) for line in parts[2].splitlines())
    except (binascii.Error, ValueError):
        raise _refuse("no path after the notes") from None
    fork = Fork(parts[0], parts[1], root, tuple(proof))
    if fork.to_bytes() != data:
        raise _refuse("another spelling")
    return fork


def verify_fork(data: bytes, log: VerifierKey) -> int:
    """Check a proof with the log's key; return the size of which the log showed two trees. Raises Refused."""
    fork = parse_fork(data)
    try:
        one, other = (verify_log_signature(parse_note(note), log) for note in (fork.one, fork.other))
        verify_consistency(one.size, fork.root, other.size, other.root, fork.proof)
    except Refused as refusal:
        raise _refuse(refusal.reason) from refusal
    if one.root == fork.root or one.size == 0:
        raise _refuse(f"the tree of {other.size} entries continues the tree of {one.size}")
    return one.size


def _refuse(reason: str) -> Refused:
    # The proof of a fork MUST hold two checkpoints signed by the log's key, and a consistency proof that leads from
    # another root than the smaller one's, at its size, to the larger one's root.
    return Refused("WITNESS-7", reason, culprit="log")


def judge(one: bytes, other: bytes, log: VerifierKey, larger: HashSource | None = None) -> Fork | None:
    """Return the proof where two checkpoints contradict each other, None where they do not (or are not the log's).

    `larger` are the hashes of the larger tree; without them only checkpoints of one size can be judged.
    """
    try:
        notes = [_log_line(note, log) for note in (one, other)]
        heads = [verify_log_signature(note, log) for note in notes]
    except Refused:
        return None
    if heads[0].size > heads[1].size:
        notes.reverse()
        heads.reverse()
    small, large = heads
    if small.size == large.size:
        fork = Fork(notes[0].to_bytes(), notes[1].to_bytes(), large.root)
    elif larger is None:
        return None
    else:
        proof = prove_consistency(larger, small.size, large.size)
        fork = Fork(notes[0].to_bytes(), notes[1].to_bytes(), root_at(larger, small.size), proof)
    try:
        verify_fork(fork.to_bytes(), log)
    except Refused:
        return None
    return fork


def root_at(source: HashSource, size: int) -> bytes:
    """Return the root of a tree's first `size` entries."""
    peaks, start = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            peaks.append(source(level, start >> level))
            start += 1 << level
    return Frontier(size, peaks).root()


def _log_line(data: bytes, log: VerifierKey) -> Note:
    """Return a note with the log's line alone. Raises Refused where there is none."""
    note = parse_note(data)
    verify_log_signature(note, log)
    return Note(note.text, note.lines_of(log)[:1])
