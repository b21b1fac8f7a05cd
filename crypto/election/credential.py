"""Who may vote: the roll of slots, one passkey bound to a slot, its change and the strike of a slot.

Spec: `docs/spec/credential.md`. A slot is a random pseudonym with a leaf unit and a style; who stands behind it is
known to the registrars and to nobody here. Everything is kept in columns (about 36 bytes a slot, 80 a credential),
because a country has millions of both. Author signatures and phases are checked before these steps run.

>>> names = Names()
>>> [names.add(bytes([number]) * 16) for number in (7, 8)], names.find(bytes([8]) * 16), names.find(bytes(16))
([0, 1], 1, -1)
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from crypto.election.entries import (
    Change,
    Context,
    Credential,
    Freeze,
    Imported,
    ImportedLog,
    RollChunk,
    Step,
    Strike,
    parse_entry,
)
from crypto.election.manifest import Parts
from crypto.errors import MalformedEncoding, Refused
from crypto.merkle import leaf_hash, verify_inclusion
from crypto.signatures import EDDSA, ES256, RS256, cose_eddsa, cose_es256, parse_cose_key

PSEUDONYM_SIZE = 16
_KEY_SIZE = 64
_BUCKETS = 65_536
_NO_ROW = 0
IMPORTED_TYPES = frozenset({"roll", "freeze", "credential", "change"})


class Names:
    """Pseudonyms by the order in which they came: 16 bytes each and an open-addressed table of 32-bit numbers."""

    __slots__ = ("_mask", "_names", "_table")

    def __init__(self) -> None:
        """Begin empty."""
        self._names = bytearray()
        self._mask = 1023
        self._table = array("I", bytes(4 * 1024))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._names) // PSEUDONYM_SIZE

    def __getitem__(self, slot: int) -> bytes:
        """Return the pseudonym of a slot."""
        return bytes(self._names[slot * PSEUDONYM_SIZE : (slot + 1) * PSEUDONYM_SIZE])

    def find(self, pseudonym: bytes) -> int:
        """Return a pseudonym's number, -1 when it is not there."""
        names, table, mask = self._names, self._table, self._mask
        # Python keys this hash with a secret of the process, so nobody can choose pseudonyms that collide.
        place = hash(pseudonym) & mask
        while slot := table[place]:
            end = slot * PSEUDONYM_SIZE
            if names[end - PSEUDONYM_SIZE : end] == pseudonym:
                return slot - 1
            place = (place + 1) & mask
        return -1

    def add(self, pseudonym: bytes) -> int:
        """Add a pseudonym that is not there yet; return its number."""
        self.add_all(pseudonym)
        return len(self) - 1

    def add_all(self, pseudonyms: bytes) -> None:
        """Add several that are not there yet and differ, written one after the other."""
        first = len(self)
        self._names += pseudonyms
        if len(self) * 4 > self._mask * 3:
            self._grow()
        else:
            self._place(pseudonyms, first)

    def _place(self, pseudonyms: bytes, before: int) -> None:
        """Enter names into the table; their numbers follow `before`."""
        table, mask = self._table, self._mask
        for number, start in enumerate(range(0, len(pseudonyms), PSEUDONYM_SIZE), start=before + 1):
            place = hash(pseudonyms[start : start + PSEUDONYM_SIZE]) & mask
            while table[place]:
                place = (place + 1) & mask
            table[place] = number

    def _grow(self) -> None:
        while len(self) * 4 > self._mask * 3:
            self._mask = self._mask * 2 + 1
        self._table = array("I", bytes(4 * (self._mask + 1)))
        step = PSEUDONYM_SIZE * 4_096
        for start in range(0, len(self._names), step):
            self._place(bytes(self._names[start : start + step]), start // PSEUDONYM_SIZE)


class Fingerprints:
    """A set of byte strings kept as 64-bit keyed hashes in small sorted arrays: 8 to 9 bytes a member.

    The hash's key is drawn for each run, so nobody can choose two strings that share a fingerprint; a hit is still
    confirmed by whoever asks, by reading the record again.
    """

    __slots__ = ("_buckets", "_key")

    def __init__(self) -> None:
        """Begin empty, with a key of its own."""
        self._key = os.urandom(16)
        self._buckets: list[array[int] | None] = [None] * _BUCKETS

    def of(self, item: bytes) -> int:
        """Return the fingerprint of an item in this set."""
        return int.from_bytes(blake2b(item, digest_size=8, key=self._key).digest(), "big")

    def __contains__(self, fingerprint: int) -> bool:
        """Tell whether a fingerprint is there."""
        bucket = self._buckets[fingerprint >> 48]
        if bucket is None:
            return False
        place = bisect_left(bucket, fingerprint)
        return place < len(bucket) and bucket[place] == fingerprint

    def add(self, fingerprint: int) -> None:
        """Add a fingerprint."""
        bucket = self._buckets[fingerprint >> 48]
        if bucket is None:
            self._buckets[fingerprint >> 48] = array("Q", (fingerprint,))
        else:
            bucket.insert(bisect_left(bucket, fingerprint), fingerprint)


class KeyClaim(NamedTuple):
    """That a passkey's COSE key is in its one form and on its curve."""

    key: bytes
    culprit: str

    def verify(self) -> None:
        """Parse the key. Raises MalformedEncoding."""
        try:
            parse_cose_key(self.key)
        except MalformedEncoding as refusal:
            raise MalformedEncoding(refusal.check, refusal.reason, culprit=self.culprit) from refusal


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A change that has not taken effect: the entry's index and the new key."""

    index: int
    key: bytes


def name_pseudonym(pseudonym: bytes) -> str:
    """Return how refusals name a pseudonym."""
    return f"pseudonym {pseudonym.hex()}"


def algorithm_of(key: bytes) -> int:
    """Return the COSE algorithm that a key's length stands for; `KeyClaim` checks the rest."""
    return {77: ES256, 42: EDDSA}.get(len(key), RS256)


class Roll:
    """The slice of the record's state that says who may vote and with which key; only its own commits change it."""

    def __init__(self, parts: Parts) -> None:
        """Begin before the first chunk."""
        self._parts = parts
        self._manifest = parts.manifest
        self.names = Names()
        self.chunks = 0
        self.frozen: Freeze | None = None
        self.slots_by_district: Counter[int] = Counter()
        self.credentials_by_district: Counter[int] = Counter()
        self.changes_by_district: Counter[int] = Counter()
        self.strikes_by_district: Counter[int] = Counter()
        self._slots_by_style: Counter[int] = Counter()
        self._groups: list[tuple[int, int]] = []  # distinct (unit, style); slots hold their place in this list
        self._group_places: dict[tuple[int, int], int] = {}
        self._group_of = array("I")
        self._row_of = array("I")  # by slot: 1 + row of its credential, 0 while there is none
        self._struck = bytearray()
        self._keys = bytearray()  # by row: 64 bytes, x and y or the Ed25519 key; zeros where the entry must be read
        self._bound = array("I")  # by row: index of the entry that binds the key in force
        self._kinds = array("b")  # by row: 1 ES256, 2 EdDSA, 3 RS256
        self._known_keys = Fingerprints()
        self._pending: dict[int, PendingChange] = {}

    # -------------------------------------------------------------------------------------------------- questions

    def slot(self, pseudonym: bytes) -> int:
        """Return a pseudonym's slot, -1 when the roll has none."""
        return self.names.find(pseudonym)

    def unit_and_style(self, slot: int) -> tuple[int, int]:
        """Return a slot's leaf unit and style."""
        return self._groups[self._group_of[slot]]

    def options(self, contest: int) -> int:
        """Return how many options a contest has."""
        return self._parts.rules[contest].options

    def row(self, slot: int) -> int:
        """Return the row of a slot's credential, -1 while it has none."""
        return self._row_of[slot] - 1

    def credentialed(self) -> Iterator[tuple[int, int]]:
        """Yield slot and row of every credential, in the order of the slots."""
        return ((slot, row - 1) for slot, row in enumerate(self._row_of) if row)

    def is_struck(self, slot: int) -> bool:
        """Tell whether a slot is struck."""
        return bool(self._struck[slot])

    @property
    def credentials(self) -> int:
        """The number of credentials."""
        return len(self._bound)

    def key_in_force(
        self, row: int, lower_ms: int, upper_ms: Callable[[int], int | None], read: Callable[[int], bytes]
    ) -> tuple[bytes, int]:
        """Return the COSE key that a row's ballots must be signed with in a block of this L, and the index binding it.

        A change counts from the first block b with L(b) ≥ U(change) + the manifest's delay; until then the old key.
        """
        pending = self._pending.get(row) if self._pending else None
        if pending is not None:
            bound = upper_ms(pending.index)
            if bound is not None and lower_ms >= bound + self._manifest.change_delay_ms:
                return pending.key, pending.index
        kind, start = self._kinds[row], row * _KEY_SIZE
        if kind == 1:
            stored = bytes(self._keys[start : start + _KEY_SIZE])
            return cose_es256(stored[:32], stored[32:]), self._bound[row]
        if kind == 2:
            return cose_eddsa(bytes(self._keys[start : start + 32])), self._bound[row]
        return _key_of_entry(read(self._bound[row])), self._bound[row]

    def settle_key(self, row: int, index: int) -> None:
        """Let a row keep the key bound by entry `index` from now on; a change that waits is dropped."""
        pending = self._pending.pop(row, None)
        if pending is not None and pending.index == index:
            self._store_key(row, pending.key, index)

    # ------------------------------------------------------------------------------------------------------ roll

    def stage_roll(self, body: RollChunk, _context: Context) -> Step:
        """Stage one chunk of the roll."""
        if self.frozen is not None or body.number != self.chunks:
            # Chunks MUST come in the order of their numbers, from 0, before the freeze.
            raise Refused("CREDENTIAL-1", f"chunk {body.number} cannot stand here", culprit="registrars")
        styles = {style.id: style for style in self._manifest.styles}
        new: set[bytes] = set()
        for group in body.groups:
            style = styles.get(group.style)
            regions = [] if style is None else [self._parts.contests[contest].region for contest in style.contests]
            is_leaf = group.unit in self._parts.district
            if style is None or not is_leaf or not all(self._parts.covers(region, group.unit) for region in regions):
                # A slot MUST name a leaf unit and a style of the manifest whose contests' regions hold the unit.
                reason = f"unit {group.unit} with style {group.style}"
                raise Refused("CREDENTIAL-2", f"{reason} is no place to vote", culprit="registrars")
            find = self.names.find
            for start in range(0, len(group.pseudonyms), PSEUDONYM_SIZE):
                pseudonym = group.pseudonyms[start : start + PSEUDONYM_SIZE]
                if pseudonym in new or find(pseudonym) >= 0:
                    # A pseudonym MUST stand on the roll once.
                    raise Refused("CREDENTIAL-3", "a second slot", culprit=name_pseudonym(pseudonym))
                new.add(pseudonym)
        return Step((), lambda: self._enter(body))

    def _enter(self, body: RollChunk) -> None:
        self.chunks += 1
        for group in body.groups:
            pair = (group.unit, group.style)
            place = self._group_places.setdefault(pair, len(self._groups))
            if place == len(self._groups):
                self._groups.append(pair)
            count = len(group.pseudonyms) // PSEUDONYM_SIZE
            self.names.add_all(group.pseudonyms)
            self._group_of.extend([place] * count)
            self._row_of.extend([_NO_ROW] * count)
            self._struck.extend(bytes(count))
            self.slots_by_district[self._parts.district[group.unit]] += count
            self._slots_by_style[group.style] += count

    def stage_freeze(self, body: Freeze, _context: Context) -> Step:
        """Stage the end of the roll."""
        stated = [(item.district, item.count) for item in body.slots]
        if self.frozen is not None or body.chunks != self.chunks or stated != sorted(self.slots_by_district.items()):
            # The freeze MUST occur once and state the chunks and the slots of every district, in order of their ids.
            raise Refused("CREDENTIAL-4", "not the roll that stands here", culprit="officers")
        for contest in self._parts.contests:
            styles = [style.id for style in self._manifest.styles if contest in style.contests]
            slots = sum(self._slots_by_style[style] for style in styles)
            if slots < self._manifest.minimum_cell:
                # The freeze MUST NOT stand while a contest has fewer slots than the minimum of a cell.
                raise Refused("CREDENTIAL-5", f"contest {contest} has {slots} slots", culprit="officers")

        def commit() -> None:
            self.frozen = body

        return Step((), commit)

    # ----------------------------------------------------------------------------------------------- credentials

    def stage_credential(self, body: Credential, context: Context) -> Step:
        """Stage the binding of a key to a slot."""
        slot = self.names.find(body.pseudonym)
        if self.frozen is None or slot < 0 or self._row_of[slot] != _NO_ROW:
            # A credential MUST name a slot of the frozen roll that has none yet.
            raise Refused("CREDENTIAL-6", "no slot, or it has a credential", culprit=name_pseudonym(body.pseudonym))
        fingerprint = self._require_allowed(body)

        def commit() -> None:
            self._known_keys.add(fingerprint)
            row = len(self._bound)
            self._row_of[slot] = row + 1
            self._keys += bytes(_KEY_SIZE)
            self._bound.append(context.index)
            self._kinds.append(0)
            self._store_key(row, body.key, context.index)
            self.credentials_by_district[self._district(slot)] += 1

        claim = KeyClaim(body.key, name_pseudonym(body.pseudonym))
        return Step((claim,), commit, lambda: self._require_unknown(fingerprint, body.pseudonym))

    def stage_change(self, body: Change, context: Context, *, has_ballot: bool, in_force: int) -> Step:
        """Stage another key for a slot; `has_ballot` says whether a ballot of it is on the board.

        `in_force` is the index of the entry that binds the key in force now (-1: none).
        """
        slot = self.names.find(body.pseudonym)
        row = -1 if slot < 0 else self.row(slot)
        if row < 0 or has_ballot:
            # A change MUST name a slot that has a credential and no ballot on the board.
            reason = "no credential to change" if row < 0 else "a ballot of this pseudonym is on the board"
            raise Refused("CREDENTIAL-9", reason, culprit=name_pseudonym(body.pseudonym))
        fingerprint = self._require_allowed(body)

        def commit() -> None:
            self._known_keys.add(fingerprint)
            # A change that has taken effect stays: while the next one waits, no key that was given up comes back.
            self.settle_key(row, in_force)
            self._pending[row] = PendingChange(context.index, body.key)
            self.changes_by_district[self._district(slot)] += 1

        claim = KeyClaim(body.key, name_pseudonym(body.pseudonym))
        return Step((claim,), commit, lambda: self._require_unknown(fingerprint, body.pseudonym))

    def stage_strike(self, body: Strike, _context: Context) -> Step:
        """Stage the strike of a slot."""
        slot = self.names.find(body.pseudonym)
        if self.frozen is None or slot < 0 or self._struck[slot]:
            # A strike MUST name a slot of the frozen roll, once.
            raise Refused("CREDENTIAL-10", "no slot, or it is struck", culprit=name_pseudonym(body.pseudonym))

        def commit() -> None:
            self._struck[slot] = 1
            self.strikes_by_district[self._district(slot)] += 1

        return Step((), commit)

    def _require_allowed(self, body: Credential | Change) -> int:
        """Check algorithm and assurance; return the key's fingerprint."""
        manifest = self._manifest
        if algorithm_of(body.key) not in manifest.algorithms or (
            body.assurance == "software" and not manifest.software_keys
        ):
            # A key MUST be of an algorithm and an assurance that the manifest allows.
            raise Refused(
                "CREDENTIAL-7", f"a {body.assurance} key of this kind", culprit=name_pseudonym(body.pseudonym)
            )
        return self._known_keys.of(body.key)

    def _require_unknown(self, fingerprint: int, pseudonym: bytes) -> None:
        if fingerprint in self._known_keys:
            # A key MUST occur once in all credentials and changes.
            raise Refused("CREDENTIAL-8", "the key is bound already", culprit=name_pseudonym(pseudonym))

    def _store_key(self, row: int, key: bytes, index: int) -> None:
        kind = algorithm_of(key)
        start = row * _KEY_SIZE
        self._bound[row] = index
        if kind == ES256:
            self._kinds[row] = 1
            self._keys[start : start + _KEY_SIZE] = key[10:42] + key[45:77]
        elif kind == EDDSA:
            self._kinds[row] = 2
            self._keys[start : start + 32] = key[10:42]
        else:
            self._kinds[row] = 3

    def _district(self, slot: int) -> int:
        return self._parts.district[self.unit_and_style(slot)[0]]


def _key_of_entry(raw: bytes) -> bytes:
    """Return the key that a credential or change entry binds, also where an imported entry wraps it."""
    entry = parse_entry(raw)
    if entry.type == "imported":
        entry = parse_entry(Imported.parse(entry.body).entry)
    body = Credential.parse(entry.body) if entry.type == "credential" else Change.parse(entry.body)
    return body.key


def verify_imported(body: Imported, log: ImportedLog | None, after: int) -> None:
    """Check that an entry of an allowed type stands in the closed log that the manifest names, behind entry `after`.

    Raises Refused.
    """
    try:
        if log is None or parse_entry(body.entry).type not in IMPORTED_TYPES:
            raise _not_imported("this election imports nothing of the kind")
        if body.index <= after:
            raise _not_imported(f"it stands before entry {after} there, which was imported already")
        verify_inclusion(leaf_hash(body.entry), body.index, log.closed_size, log.closed_root, body.proof)
    except Refused as refusal:
        raise _not_imported(refusal.reason) from refusal


def _not_imported(reason: str) -> Refused:
    # An imported entry MUST be a roll, freeze, credential or change entry of the log that the manifest names, included
    # in its closed root, behind all that were imported before it, and MUST itself pass the checks of its type here.
    return Refused("CREDENTIAL-11", reason, culprit="server")
