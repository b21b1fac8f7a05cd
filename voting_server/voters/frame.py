"""What the identity side and a registrar's program know of an election: block 0, checked, and later changes of keys.

Spec: `docs/spec/manifest.md`. Both get the same public bytes; who holds the manifest hash from elsewhere compares it.
A rotation proves itself by its signatures, under the keys that were in force before it.

>>> read_frame([])
Traceback (most recent call last):
...
voting_server.voters.frame.NoElectionError: no election is known here yet
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from crypto.election.entries import BODIES, Context, Manifest, Rotate, parse_entry
from crypto.election.manifest import Keyring, Parts
from crypto.election.record import Record
from crypto.errors import Misuse
from voting_server.voters.evidence import Election


@dataclass(frozen=True, slots=True)
class Frame:
    """An election as its block 0 fixes it."""

    election: Election
    parts: Parts
    keyring: Keyring
    rotations: tuple[bytes, ...] = ()

    @property
    def manifest(self) -> Manifest:
        """The manifest."""
        return self.parts.manifest

    @property
    def registrars(self) -> dict[bytes, bytes]:
        """Key id → public key of both registrars, as they are now."""
        return {name: each.key for name, each in self.keyring.holders.items() if each.role == "registrar"}


class NoElectionError(Misuse):
    """There is no block 0 to read."""


class NoRotationError(Misuse):
    """An entry of another type."""


def read_frame(raws: Sequence[bytes], rotations: Iterable[bytes] = ()) -> Frame:
    """Check the entries of block 0, then rotations in the log's order; return what they fix.

    Raises Refused, NoElectionError.
    """
    if not raws:
        raise NoElectionError("no election is known here yet")
    record = Record(raws.__getitem__)
    for raw in raws:
        record.apply(raw)
    record.parts.require_complete()
    keyring = record.keyring
    if keyring is None:
        raise NoElectionError("block 0 holds no manifest")
    kept = tuple(rotations)
    for raw in kept:
        rotate(keyring, raw)
    return Frame(Election(record.parts.manifest.kind, record.manifest_hash), record.parts, keyring, kept)


def rotate(keyring: Keyring, raw: bytes) -> None:
    """Put the new key of a rotation in the place of the old one, after checking who signed. Raises Refused."""
    entry = parse_entry(raw)
    body = BODIES[entry.type].parse(entry.body) if entry.type in BODIES else None
    if not isinstance(body, Rotate):
        raise NoRotationError("this is no rotation of a key")
    for claim in keyring.authors(entry, body):
        claim.verify()
    keyring.stage_rotate(body, Context(0, 0, _read_nothing)).commit()


def _read_nothing(_index: int) -> bytes:
    raise Misuse("a rotation needs no earlier entry")
