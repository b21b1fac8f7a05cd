"""Acts of two persons: one proposes and signs, a second one of another body signs too; then the intake gets the entry.

Spec: `docs/operations/officers.md`, section "Two persons". Signatures are made on the authors' own machines; they are
kept beside the body until the entry can be composed, which then passes the intake like any other. Who may sign what is
the manifest's rule; the checks here only tell people early.

>>> "manifest" in TYPES, "ballot" in TYPES
(True, False)
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from crypto.election.encoding import Message
from crypto.election.entries import BODIES, Entry, Manifest
from crypto.election.manifest import ZERO_HASH, Keyring, hash_manifest
from crypto.errors import Refused
from crypto.signatures import key_id, verify_author
from crypto.transcript import Kind, tag
from voting_server.board.service import Board
from voting_server.elections import store
from voting_server.elections.acts import BY_OFFICERS
from voting_server.elections.service import Elections
from voting_server.elections.store import Proposal, Signed, SignedError
from voting_server.plumbing.context import Context
from voting_server.plumbing.problems import ProblemError
from voting_server.roles.service import Roles
from voting_server.roles.store import Person

TYPES = BY_OFFICERS
"""Types of entries that may be proposed."""
Parts = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Keys:
    """Whose signatures count for an entry, and under which hash."""

    keyring: Keyring
    kind: Kind
    bound_hash: bytes


class Proposals:
    """The acts that wait on one ballot side."""

    def __init__(self, context: Context, elections: Elections, board: Board, roles: Roles) -> None:
        """Stand on the elections' intake."""
        self._context, self._elections, self._board, self._roles = context, elections, board, roles

    def propose(self, person: Person, entry_type: str, body: bytes, parts: Parts, signed: tuple[bytes, bytes]) -> int:
        """Keep a body with its author's signature; return the proposal's id. Raises Refused, ProblemError."""
        if entry_type not in TYPES or (parts and entry_type != "manifest"):
            raise ProblemError("invalid-request")
        keys = self._keys(entry_type, body)
        BODIES[entry_type].parse(body)
        self._verify(person, keys, entry_type, body, signed)
        with self._context.database.begin() as connection:
            store.expire(connection)
            if store.count_open(connection, person.id) >= self._context.limits.proposals:
                raise ProblemError("too-many-proposals")
            life_ms = self._context.limits.proposal_s * 1_000
            made = store.add(connection, entry_type, body, _pack(parts), person.id, life_ms)
            store.add_signature(connection, made, Signed(*signed, person.id, 0))
        return made

    def sign(self, person: Person, identifier: int, signed: tuple[bytes, bytes]) -> None:
        """Keep another person's signature. Raises Refused where it is none, ProblemError where it may not be hers."""
        with self._context.database.begin() as connection:
            store.expire(connection)
            found = store.find(connection, identifier, lock=True)
            if found is None:
                raise ProblemError("not-found")
            if found.state not in store.OPEN:
                raise ProblemError("proposal-closed")
            if any(person.id == each.person or signed[0] == each.key_id for each in found.signatures):
                raise ProblemError("signed-already")
            signers = {each.person for each in found.signatures}
            others = [each for each in self._roles.store.people(connection) if each.id in signers]
            if any((each.role, each.body) == (person.role, person.body) for each in others):
                raise ProblemError("same-body")
            if not all(each.is_active for each in others):
                # Whose role has ended decides nothing any more, with what she signed before either.
                raise ProblemError("proposal-closed")
            self._verify(person, self._keys(found.type, found.body), found.type, found.body, signed)
            try:
                store.add_signature(connection, identifier, Signed(*signed, person.id, 0))
            except SignedError:
                raise ProblemError("signed-already") from None

    def send(self, identifier: int) -> Proposal:
        """Give a proposal that has all its signatures to the intake; return what became of it.

        A refusal is kept with it and ends nothing: what came too early is sent again. Raises ProblemError.
        """
        found = self.find(identifier)
        if found.state not in store.OPEN:
            return found
        keys = self._keys(found.type, found.body)
        signatures = sorted((each.key_id, each.signature) for each in found.signatures)
        entry = Entry(found.type, found.body, tuple(signatures))
        try:
            keys.keyring.authors(entry, BODIES[found.type].parse(found.body))
        except Refused:
            # Not yet signed by all who must: nothing to send.
            return found
        try:
            leaf = self._take(found, entry.to_bytes())
        except Refused as refusal:
            self._note(identifier, refusal.reason, refusal.check)
        except ProblemError as problem:
            self._note(identifier, problem.code)
        else:
            with self._context.database.begin() as connection:
                store.set_taken(connection, identifier, leaf)
        return self.find(identifier)

    def reject(self, person: Person, identifier: int, reason: str) -> None:
        """End a proposal. Raises ProblemError where it is open no more, or is no affair of this person's role."""
        if person.role != "officer" and self.find(identifier).type != "rotate":
            raise ProblemError("forbidden")
        self.find(identifier)
        with self._context.database.begin() as connection:
            if not store.set_state(connection, identifier, "rejected", ended_by=person.id, note=reason):
                raise ProblemError("proposal-closed")

    def find(self, identifier: int) -> Proposal:
        """Return a proposal. Raises ProblemError."""
        with self._context.database.begin() as connection:
            store.expire(connection)
            found = store.find(connection, identifier)
        if found is None:
            raise ProblemError("not-found")
        return found

    def read(self) -> list[Proposal]:
        """Return the newest proposals."""
        with self._context.database.begin() as connection:
            store.expire(connection)
            return store.read(connection)

    def places_of(self, proposals: Sequence[Proposal]) -> dict[int, int]:
        """Return where the entries of taken proposals stand in the log, by the proposals' ids."""
        leaves = {each.leaf: each.id for each in proposals if each.leaf is not None}
        return {leaves[leaf]: index for leaf, index in self._board.store.find_indices(list(leaves)).items()}

    # ------------------------------------------------------------------------------------------------------- inside

    def _take(self, proposal: Proposal, raw: bytes) -> bytes | None:
        if proposal.type == "manifest":
            self._elections.found(raw, unpack(proposal.parts))
            return None
        return self._elections.take(raw).leaf

    def _note(self, identifier: int, note: str, check: str = "") -> None:
        with self._context.database.begin() as connection:
            store.set_state(connection, identifier, "signed", note=note, check=check)

    def _keys(self, entry_type: str, body: bytes) -> Keys:
        """Return whose signatures count: those of the election, or for a manifest those that it names itself."""
        if entry_type == "manifest":
            manifest = Manifest.parse(body)
            return Keys(Keyring(manifest, hash_manifest(manifest.kind, body)), manifest.kind, ZERO_HASH)
        with self._board.record() as record:
            if record.keyring is None:
                raise ProblemError("no-election")
            return Keys(record.keyring, record.parts.manifest.kind, record.manifest_hash)

    @staticmethod
    def _verify(person: Person, keys: Keys, entry_type: str, body: bytes, signed: tuple[bytes, bytes]) -> None:
        """Check that a signature is this person's own, by the key that the election names for her body."""
        identifier, signature = signed
        if person.role != "officer" and entry_type != "rotate":
            # One signature too many would keep the log from ever taking the act.
            raise ProblemError("forbidden")
        holder = keys.keyring.holders.get(identifier)
        is_own = person.key is not None and key_id(person.key) == identifier
        if holder is None or not is_own or (holder.role, holder.body) != (person.role, person.body):
            raise ProblemError("not-your-key")
        author_tag = tag(keys.kind, "author")
        verify_author(holder.key, author_tag, keys.bound_hash, entry_type, body, signature)


def _pack(parts: Parts) -> bytes:
    return json.dumps([[name, b64encode(body).decode()] for name, body in parts]).encode() if parts else b""


def unpack(packed: bytes) -> list[tuple[str, bytes]]:
    """Return the parts of a manifest's proposal."""
    return [(name, b64decode(body)) for name, body in json.loads(packed)] if packed else []


def read_part(name: str, body: bytes) -> Message:
    """Return a part's body. Raises Refused."""
    return BODIES[name].parse(body)
