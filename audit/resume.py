"""What an audit has verified so far, kept so that the next one need not verify it again: values and their one file.

Spec: `docs/operations/audit.md`, section "Going on". Pure. Kept are only the outcomes that cost: which voter entries'
signatures and proofs were false, and the sums of the others' sealed votes. Everything else is made again from the
entries, each of which is read and compared with the tree as always, and must come out as it did: which entries are
refused, and the times of the heads, which depend on the clock of whoever audits. Assumes that whoever keeps the file
trusts the disk; promises that a file that is damaged, of another program or of another record is refused and never
taken for a beginning.

>>> kept = Progress(1, bytes(32), b"note", bytes(32), {}, frozenset(), bytes(32), {}, {})
>>> parse_progress(kept.to_bytes("p"), "p") == kept
True
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal

from crypto.election.board import Head
from crypto.election.entries import Manifest, parse_entry
from crypto.election.manifest import hash_manifest
from crypto.errors import DobushError, MalformedEncoding, Refused
from crypto.merkle import Get, HashSource, TileReader, prove_consistency, verify_consistency
from crypto.signatures import Checkpoint, VerifierKey, verify_checkpoint

_MAGIC: Final = b"dobush-audit-state/1\n"
_DIGEST_LINE: Final = 65
_NAMES: Final = (
    "ballots",
    "checkpoint",
    "false",
    "manifest_hash",
    "program",
    "refused",
    "root",
    "size",
    "sums",
    "times",
)

Reason = Literal["damaged", "program", "election", "shorter", "record"]


class StateError(DobushError):
    """A kept state that cannot be gone on from; `reason` is the dictionary's word for why."""

    def __init__(self, reason: Reason) -> None:
        """Name the reason."""
        super().__init__(f"the kept state cannot be used: {reason}")
        self.reason = reason


class ShorterError(StateError):
    """The record ends before what was verified: `held` and `shown` are the two checkpoints."""

    def __init__(self, held: bytes, shown: bytes) -> None:
        """Keep both checkpoints."""
        super().__init__("shorter")
        self.held, self.shown = held, shown


class RewrittenError(StateError):
    """The log shows another history than the one that was verified: `held` and `shown` are its checkpoints.

    `larger` are the hashes of the tree of `shown` where it is the larger one, which a proof of the fork needs.
    """

    def __init__(self, log: VerifierKey, held: bytes, shown: bytes, larger: HashSource | None) -> None:
        """Keep both checkpoints."""
        super().__init__("record")
        self.log, self.held, self.shown, self.larger = log, held, shown, larger


@dataclass(frozen=True, slots=True)
class Progress:
    """The first `size` entries as they were verified.

    `root` is their tree's, `checkpoint` the note of the record that they were read from, `refused` the refused entries
    by index, `false` those of them whose signatures or proofs are false, `times` the hash of the heads' times
    (`hash_times`), `sums` and `ballots` what `crypto.election.tally.Sums` holds at `size`, by (unit, contest).
    """

    size: int
    root: bytes
    checkpoint: bytes
    manifest_hash: bytes
    refused: Mapping[int, Refused]
    false: frozenset[int]
    times: bytes
    sums: Mapping[tuple[int, int], bytes]
    ballots: Mapping[tuple[int, int], int]

    def to_bytes(self, program: str) -> bytes:
        """Return the file: a line that names the format, a line with the SHA-256 of the rest, one JSON object."""
        document = {
            "program": program,
            "manifest_hash": self.manifest_hash.hex(),
            "size": self.size,
            "root": self.root.hex(),
            "checkpoint": _encode(self.checkpoint),
            "refused": [
                [index, refused.check, refused.reason, refused.culprit, isinstance(refused, MalformedEncoding)]
                for index, refused in sorted(self.refused.items())
            ],
            "false": sorted(self.false),
            "times": self.times.hex(),
            "sums": [[*pair, _encode(data)] for pair, data in sorted(self.sums.items())],
            "ballots": [[*pair, number] for pair, number in sorted(self.ballots.items())],
        }
        body = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"
        return _MAGIC + sha256(body).hexdigest().encode() + b"\n" + body


def parse_progress(data: bytes, program: str) -> Progress:
    """Read a kept state. Raises StateError where it is damaged, or was kept by another program than `program`."""
    start = len(_MAGIC)
    body = data[start + _DIGEST_LINE :]
    if data[: start + _DIGEST_LINE] != _MAGIC + sha256(body).hexdigest().encode() + b"\n":
        raise StateError("damaged")
    try:
        document: dict[str, Any] = json.loads(body)
        if sorted(document) != list(_NAMES):
            raise StateError("damaged")
        if document["program"] != program:
            raise StateError("program")
        return Progress(
            _whole(document["size"]),
            bytes.fromhex(document["root"]),
            _decode(document["checkpoint"]),
            bytes.fromhex(document["manifest_hash"]),
            {_whole(item[0]): _refused(*item[1:]) for item in document["refused"]},
            frozenset(map(_whole, document["false"])),
            bytes.fromhex(document["times"]),
            {(_whole(unit), _whole(contest)): _decode(sums) for unit, contest, sums in document["sums"]},
            {(_whole(unit), _whole(contest)): _whole(number) for unit, contest, number in document["ballots"]},
        )
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise StateError("damaged") from error


def hash_times(heads: Iterable[Head]) -> bytes:
    """Return the SHA-256 of the heads in rising order of their sizes, a line each: size, L and U in ms.

    >>> hash_times([]) == sha256().digest()
    True
    """
    return sha256("".join(f"{head.size} {head.lower_ms} {head.upper_ms}\n" for head in heads).encode()).digest()


def _refused(check: str, reason: str, culprit: str, malformed: bool) -> Refused:  # noqa: FBT001 -- a row of the file
    return (MalformedEncoding if malformed else Refused)(check, reason, culprit=culprit)


def _whole(number: object) -> int:
    if type(number) is not int or number < 0:
        raise StateError("damaged")
    return number


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise StateError("damaged") from error


def continues(kept: Progress, get: Get, note: bytes, head: Checkpoint, manifest_hash: bytes | None) -> bool:
    """Tell whether a record's hashes can be read, and so whether an audit of it can go on from a kept state.

    Where they cannot, the audit will say so from the beginning. Raises StateError where the record is another one,
    RewrittenError where it is the same election's and its log has signed both histories.
    """
    if manifest_hash is not None and manifest_hash != kept.manifest_hash:
        raise StateError("election")
    if head.size < kept.size:
        raise ShorterError(kept.checkpoint, note)
    try:
        reader = TileReader(get, head.size, head.root)
        proof = prove_consistency(reader.source(), kept.size, head.size)
        raw = reader.bundle(0)[0]
    except Refused:
        return False
    try:
        verify_consistency(kept.size, kept.root, head.size, head.root, proof)
    except Refused:
        raise _other(kept, note, raw, reader) from None
    return True


def _other(kept: Progress, note: bytes, raw: bytes, reader: TileReader) -> StateError:
    """Return why a record that does not begin with what was verified is another one."""
    try:
        entry = parse_entry(raw)
        manifest = Manifest.parse(entry.body)
        log = VerifierKey(manifest.origin, manifest.log_key)
        # Only what the log has signed twice speaks against it.
        held, _ = verify_checkpoint(kept.checkpoint, log), verify_checkpoint(note, log)
    except Refused:
        return StateError("record")
    if hash_manifest(manifest.kind, entry.body) != kept.manifest_hash:
        return StateError("record")
    larger = reader.source() if held.size <= reader.size else None
    return RewrittenError(log, kept.checkpoint, note, larger)
