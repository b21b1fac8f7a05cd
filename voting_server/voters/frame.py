"""What the identity side and a registrar's program know of an election: block 0, checked, and nothing that follows it.

Spec: `docs/spec/manifest.md`. Both get the same public bytes; who holds the manifest hash from elsewhere compares it.

>>> read_frame([])
Traceback (most recent call last):
...
voting_server.voters.frame.NoElectionError: no election is known here yet
"""

from collections.abc import Sequence
from dataclasses import dataclass

from crypto.election.entries import Manifest
from crypto.election.manifest import Parts
from crypto.election.record import Record
from crypto.errors import Misuse
from crypto.signatures import key_id
from voting_server.voters.evidence import Election


@dataclass(frozen=True, slots=True)
class Frame:
    """An election as its block 0 fixes it."""

    election: Election
    parts: Parts

    @property
    def manifest(self) -> Manifest:
        """The manifest."""
        return self.parts.manifest

    @property
    def registrars(self) -> dict[bytes, bytes]:
        """Key id → public key of both registrars."""
        return {key_id(each.key): each.key for each in self.manifest.registrars}


class NoElectionError(Misuse):
    """There is no block 0 to read."""


def read_frame(raws: Sequence[bytes]) -> Frame:
    """Check the entries of block 0 and return what they fix. Raises Refused, NoElectionError."""
    if not raws:
        raise NoElectionError("no election is known here yet")
    record = Record(raws.__getitem__)
    for raw in raws:
        record.apply(raw)
    record.parts.require_complete()
    return Frame(Election(record.parts.manifest.kind, record.manifest_hash), record.parts)
