"""A witness's decision: from its state, a request's bytes and the time to its next state and its answer.

Spec: `docs/spec/witness.md` (C2SP tlog-witness and tlog-cosignature). Nothing is fetched, stored or awaited here: a
server stores the new state durably *before* it sends the answer, or the promise "one tree for ever" is void after a
crash. The same function serves the demo, the tests and a witness's server.

>>> from crypto.signatures import SigningKey, sign_checkpoint, Checkpoint, VerifierKey
>>> from crypto.merkle import EMPTY_ROOT
>>> log, key = SigningKey.from_seed(bytes(32)), SigningKey.from_seed(bytes([1]) * 32)
>>> witness = Witness("watch.example/a", key, (VerifierKey("b.example", log.public_key),))
>>> request = AddCheckpoint(0, (), sign_checkpoint(log, Checkpoint("b.example", 0, EMPTY_ROOT)).to_bytes()).to_bytes()
>>> state, answer = add_checkpoint(witness, State(), request, 1_767_225_600)
>>> answer.status, state.heads["b.example"].checkpoint.size
(200, 0)
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType

from crypto.errors import MalformedEncoding, Refused
from crypto.merkle import EMPTY_ROOT, MAX_PROOF_HASHES, verify_consistency
from crypto.signatures import (
    MAX_NOTE_SIZE,
    MAX_U63,
    Checkpoint,
    Note,
    SigningKey,
    VerifierKey,
    cosign,
    parse_checkpoint,
    parse_note,
    verify_log_signature,
)

MAX_REQUEST_SIZE = MAX_NOTE_SIZE + 4_096
SIZE_TYPE = "text/x.tlog.size"
TEXT_TYPE = "text/plain; charset=utf-8"

_MALFORMED = "WITNESS-1"
_UNKNOWN_LOG = "WITNESS-2"
_LOG_SIGNATURE = "WITNESS-3"
_OLD_SIZE = "WITNESS-4"
_CONFLICT = "WITNESS-5"
_TREE = "WITNESS-6"

# The answers of tlog-witness, by the check that failed.
_STATUS = MappingProxyType(
    {_MALFORMED: 400, _UNKNOWN_LOG: 404, _LOG_SIGNATURE: 403, _OLD_SIZE: 400, _CONFLICT: 409, _TREE: 422}
)
_OLD_LINE = re.compile(rb"old (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Witness:
    """Who the witness is: name, key, and the logs that it watches (their key's name is the origin)."""

    name: str
    key: SigningKey
    logs: tuple[VerifierKey, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """The largest tree of one log that the witness cosigned, with the note as it stood."""

    checkpoint: Checkpoint
    note: bytes


@dataclass(frozen=True, slots=True)
class State:
    """What a witness must never forget: per origin the head that it cosigned last. Owned by whoever stores it."""

    heads: Mapping[str, Head] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer without HTTP; `refusal` says why a status is not 200 and is never sent."""

    status: int
    body: bytes = b""
    content_type: str = TEXT_TYPE
    refusal: Refused | None = None


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """The request: the size that the log believes cosigned last, the consistency proof, the signed checkpoint."""

    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def to_bytes(self) -> bytes:
        """Return the request's body."""
        lines = [b"old %d" % self.old_size, *(base64.b64encode(item) for item in self.proof), b"", self.checkpoint]
        return b"\n".join(lines)


def parse_add_checkpoint(data: bytes) -> AddCheckpoint:
    """Return a request's parts; the note inside is not parsed. Raises MalformedEncoding."""
    head, separator, checkpoint = data.partition(b"\n\n")
    lines = head.split(b"\n", MAX_PROOF_HASHES + 1)
    old = _OLD_LINE.fullmatch(lines[0]) if len(lines) <= MAX_PROOF_HASHES + 1 else None
    if len(data) > MAX_REQUEST_SIZE or not separator or old is None or int(old[1]) > MAX_U63:
        raise MalformedEncoding(_MALFORMED, "the request does not begin with the old size and a proof")
    proof = tuple(_parse_hash(line) for line in lines[1:])
    return AddCheckpoint(int(old[1]), proof, checkpoint)


def _parse_hash(line: bytes) -> bytes:
    try:
        item = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        item = b""
    if len(item) != 32 or base64.b64encode(item) != line:
        raise MalformedEncoding(_MALFORMED, "a line of the proof is not the base64 of 32 bytes")
    return item


def add_checkpoint(witness: Witness, state: State, request: bytes, now_s: int) -> tuple[State, Answer]:
    """Decide on `POST add-checkpoint` at a time in POSIX seconds: return the state to store and the answer to send.

    Only a 200 changes the state. A 409 tells the size to continue from.
    """
    try:
        note, checkpoint = _accept(witness, state, request)
    except Refused as refusal:
        status = _STATUS[refusal.check]
        if refusal.check != _CONFLICT:
            return state, Answer(status, refusal=refusal)
        size = _cosigned_size(state, refusal.culprit)
        return state, Answer(status, b"%d\n" % size, SIZE_TYPE, refusal)
    line = cosign(witness.key, witness.name, note.text, now_s)
    heads = {**state.heads, checkpoint.origin: Head(checkpoint, note.with_signatures(line).to_bytes())}
    return State(heads), Answer(200, line.to_text().encode())


def _cosigned_size(state: State, origin: str) -> int:
    head = state.heads.get(origin)
    return 0 if head is None else head.checkpoint.size


def _accept(witness: Witness, state: State, request: bytes) -> tuple[Note, Checkpoint]:
    """Run the numbered checks in their order; return the note with the log's line alone, and its head."""
    # The request has the one form of tlog-witness, and its checkpoint three lines.
    parts = parse_add_checkpoint(request)
    try:
        note = parse_note(parts.checkpoint)
        claimed = parse_checkpoint(note.text)
    except MalformedEncoding as error:
        raise MalformedEncoding(_MALFORMED, f"the checkpoint is malformed: {error.reason}") from error
    # The witness watches the log of this origin.
    log = next((key for key in witness.logs if key.name == claimed.origin), None)
    if log is None:
        raise Refused(_UNKNOWN_LOG, "this witness does not watch this log", culprit=claimed.origin)
    # The log's key signed the checkpoint.
    try:
        checkpoint = verify_log_signature(note, log)
    except Refused as error:
        raise Refused(_LOG_SIGNATURE, error.reason, culprit=log.name) from error
    # The old size is at most the checkpoint's.
    if parts.old_size > checkpoint.size:
        raise Refused(_OLD_SIZE, "the old size is above the checkpoint's", culprit=log.name)
    # The old size is the one cosigned last, 0 at first.
    if parts.old_size != _cosigned_size(state, log.name):
        raise Refused(_CONFLICT, "the old size is not the one that was cosigned last", culprit=log.name)
    # The new tree continues the one cosigned last: same size, same root; no proof from size 0; else the proof holds.
    head = state.heads.get(log.name)
    old_root = EMPTY_ROOT if head is None else head.checkpoint.root
    try:
        verify_consistency(parts.old_size, old_root, checkpoint.size, checkpoint.root, parts.proof)
    except Refused as error:
        raise Refused(_TREE, error.reason, culprit=log.name) from error
    return Note(note.text, note.lines_of(log)[:1]), checkpoint


def read_checkpoint(state: State, origin_hash: str) -> Answer:
    """Answer `GET <lower-case hex of SHA-256(origin)>/checkpoint`: the checkpoint cosigned last, or 404."""
    for origin, head in state.heads.items():
        if sha256(origin.encode()).hexdigest() == origin_hash:
            return Answer(200, head.note)
    return Answer(404)
