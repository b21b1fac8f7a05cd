"""A cast ballot, a spoiled one, and the receipt: what must hold before either counts, and who broke a promise.

Spec: `docs/spec/ballot.md`. A ballot's validity proof is the kernel's work (`crypto.proofs`); this page binds it to a
slot, a sequence, a moment and a passkey. `Ballots` keeps 8 bytes a credential and 8 to 9 a contest of every ballot;
everything else about an earlier ballot is read again from the record when it is needed.

>>> tracking_code(bytes(32))
'2222-2222-2222-2222-2222-2222-2222-2222-2222'
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from crypto.election.board import Board
from crypto.election.credential import Fingerprints, Roll, name_pseudonym
from crypto.election.encoding import Bytes, Message, Text, Uint
from crypto.election.entries import (
    BallotEntry,
    Context,
    Entry,
    Hash,
    Manifest,
    Pseudonym,
    Spoiled,
    Step,
    TimeMs,
    parse_entry,
)
from crypto.election.manifest import Keyring
from crypto.elgamal import OPENING_SIZE
from crypto.errors import MalformedEncoding, Misuse, Refused
from crypto.group import parse_suite
from crypto.proofs import FrameCheck, parse_frame
from crypto.signatures import SigningKey, passkey_challenge, verify_ed25519, verify_passkey_assertion
from crypto.transcript import Kind, tag, tagged_hash

NONCE_SIZE = 88
TRACKING_ALPHABET = "23456789ACEHKPTX"
_NO_PREVIOUS = bytes(32)

# The bytes MUST be the one encoding of a ballot.
STRUCTURE_CHECK = "BALLOT-1"
# A ballot MUST name this election's manifest hash.
MANIFEST_CHECK = "BALLOT-2"
# A ballot MUST name the style of its slot.
STYLE_CHECK = "BALLOT-3"
FRAME_CHECKS = {
    FrameCheck.STRUCTURE: STRUCTURE_CHECK,
    FrameCheck.MANIFEST: MANIFEST_CHECK,
    FrameCheck.STYLE: STYLE_CHECK,
    # A ballot MUST hold exactly the contests of its style.
    FrameCheck.CONTESTS: "BALLOT-4",
    # Within a ballot no first component A MUST occur twice.
    FrameCheck.REPEATED: "BALLOT-5",
}


class BallotHead(NamedTuple):
    """What a ballot says outside its contests' vectors; `firsts` holds the first A of each contest."""

    manifest_hash: bytes
    style: int
    pseudonym: bytes
    number: int
    previous: bytes
    head_size: int
    head_root: bytes
    firsts: tuple[bytes, ...]
    lock: bytes
    vectors: tuple[bytes, ...]  # the ciphertexts of each contest


def parse_ballot(data: bytes, element_size: int = 32) -> BallotHead:
    """Take a ballot's bytes apart, strictly. Raises MalformedEncoding."""
    frame = parse_frame(data)
    if frame is None:
        raise MalformedEncoding(STRUCTURE_CHECK, "not the one encoding of a ballot")
    position, vectors = frame.position, tuple([contest.ciphertexts for contest in frame.contests])
    return BallotHead(
        frame.manifest_hash,
        frame.style,
        position.pseudonym,
        position.number,
        position.previous,
        frame.head_size,
        frame.head_root,
        tuple([vector[:element_size] for vector in vectors]),
        position.lock,
        vectors,
    )


def hash_ballot(kind: Kind, ballot: bytes) -> bytes:
    """Return the 32-byte ballot hash; passkey signatures are no part of it."""
    return tagged_hash(tag(kind, "ballot"), ballot)


def tracking_code(ballot_hash: bytes) -> str:
    """Return the code that a voter compares: 36 signs for the first 18 bytes, in groups of four."""
    signs = "".join(TRACKING_ALPHABET[byte >> 4] + TRACKING_ALPHABET[byte & 15] for byte in ballot_hash[:18])
    return "-".join(signs[at : at + 4] for at in range(0, 36, 4))


def lock_of(kind: Kind, opening: bytes) -> bytes:
    """Return the lock that an opening of 32 bytes opens."""
    if len(opening) != OPENING_SIZE:
        raise Misuse(f"the opening of a lock has {OPENING_SIZE} bytes")
    return tagged_hash(tag(kind, "lock"), opening)


# ------------------------------------------------------------------------------------------------------ nonce and cast


def _nonce_message(kind: Kind, manifest_hash: bytes, pseudonym: bytes, ballot_hash: bytes, start: bytes) -> bytes:
    use = tag(kind, "nonce")
    return len(use).to_bytes(2, "big") + use + manifest_hash + pseudonym + ballot_hash + start


def make_nonce(
    key: SigningKey, kind: Kind, manifest_hash: bytes, pseudonym: bytes, ballot_hash: bytes, random: bytes, issued: int
) -> bytes:
    """Return a nonce of 88 bytes: 16 random ones, the time of issue in ms, the receipt key's signature."""
    start = random + issued.to_bytes(8, "big")
    return start + key.sign(_nonce_message(kind, manifest_hash, pseudonym, ballot_hash, start))


def cast_challenge(kind: Kind, manifest_hash: bytes, ballot_hash: bytes, nonce: bytes) -> bytes:
    """Return what the passkey signs to cast a ballot; the client computes it itself and signs no other 32 bytes."""
    return passkey_challenge(tag(kind, "cast"), manifest_hash, ballot_hash, nonce)


@dataclass(frozen=True, slots=True)
class CastRules:
    """What is the same for every cast of an election."""

    kind: Kind
    manifest_hash: bytes
    rp_id: str
    origins: frozenset[str]


class CastClaim(NamedTuple):
    """That the receipt key issued the nonce for this ballot, and that the passkey signed ballot and nonce."""

    rules: CastRules
    ballot_hash: bytes
    pseudonym: bytes
    receipt_key: bytes
    key: bytes
    nonce: bytes
    authenticator_data: bytes
    client_data: bytes
    signature: bytes

    def signed(self) -> tuple[bytes, bytes, bytes]:
        """Return the Ed25519 signature of the nonce: public key, message, signature."""
        rules, nonce = self.rules, self.nonce
        message = _nonce_message(rules.kind, rules.manifest_hash, self.pseudonym, self.ballot_hash, nonce[:24])
        return self.receipt_key, message, nonce[24:]

    def verify(self) -> None:
        """Verify nonce and passkey, in this order. Raises Refused."""
        try:
            verify_ed25519(*self.signed())
        except Refused as refusal:
            # The nonce MUST be signed under the receipt key for this manifest, pseudonym and ballot.
            reason, culprit = "the nonce was not issued for this ballot", name_pseudonym(self.pseudonym)
            raise Refused("BALLOT-11", reason, culprit=culprit) from refusal
        self.verify_rest()

    def verify_rest(self) -> None:
        """Verify the passkey's part, where the nonce's signature is known to hold. Raises Refused."""
        rules, nonce, culprit = self.rules, self.nonce, name_pseudonym(self.pseudonym)
        challenge = cast_challenge(rules.kind, rules.manifest_hash, self.ballot_hash, nonce)
        try:
            verify_passkey_assertion(
                self.key,
                self.authenticator_data,
                self.client_data,
                self.signature,
                challenge,
                rules.rp_id,
                rules.origins,
            )
        except Refused as refusal:
            raise type(refusal)(refusal.check, refusal.reason, culprit=culprit) from refusal


# -------------------------------------------------------------------------------------------------------------- receipt


@dataclass(frozen=True, slots=True)
class Receipt(Message):
    """The server's promise, at intake, that a ballot stands on the board by a deadline (ms)."""

    origin: Annotated[str, Text(200)]
    manifest_hash: Hash
    ballot_hash: Hash
    pseudonym: Pseudonym
    number: Annotated[int, Uint(2**32 - 1, 1)]
    deadline_ms: TimeMs
    signature: Annotated[bytes, Bytes(64)]


def receipt_message(kind: Kind, receipt: Receipt) -> bytes:
    """Return what the receipt key signs."""
    use, origin = tag(kind, "receipt"), receipt.origin.encode()
    return b"".join(
        (
            len(use).to_bytes(2, "big"),
            use,
            receipt.manifest_hash,
            len(origin).to_bytes(2, "big"),
            origin,
            receipt.ballot_hash,
            receipt.pseudonym,
            receipt.number.to_bytes(4, "big"),
            receipt.deadline_ms.to_bytes(8, "big"),
        )
    )


def make_receipt(key: SigningKey, manifest: Manifest, ballot: bytes, issued_at_ms: int) -> Receipt:
    """Return the receipt of a ballot taken in at a time."""
    head = parse_ballot(ballot, parse_suite(manifest.suite).element_size)
    parts = {
        "origin": manifest.origin,
        "manifest_hash": head.manifest_hash,
        "ballot_hash": hash_ballot(manifest.kind, ballot),
        "pseudonym": head.pseudonym,
        "number": head.number,
        "deadline_ms": issued_at_ms + manifest.receipt_delay_ms,
    }
    unsigned = Receipt(**parts, signature=bytes(64))  # type: ignore[arg-type]
    return Receipt(**parts, signature=key.sign(receipt_message(manifest.kind, unsigned)))  # type: ignore[arg-type]


def verify_receipt(receipt: Receipt, manifest: Manifest, manifest_hash: bytes, keys: Collection[bytes]) -> None:
    """Check that a receipt is this election's, signed under one of its receipt keys, and falls due. Raises Refused."""
    named = (receipt.origin, receipt.manifest_hash) == (manifest.origin, manifest_hash)
    is_own = named and _is_signed(receipt_message(manifest.kind, receipt), receipt.signature, keys)
    latest_ms = manifest.closes_at_ms + manifest.grace_ms + manifest.receipt_delay_ms
    if not is_own or receipt.deadline_ms > latest_ms:
        # A receipt MUST name this election, carry the signature of one of its receipt keys, and fall due at or before
        # closes_at_ms + grace_ms + receipt_delay_ms.
        reason = "the deadline is later than any that intake can give" if is_own else "not a receipt of this election"
        raise Refused("RECEIPT-2", reason, culprit="server" if is_own else name_pseudonym(receipt.pseudonym))


def _is_signed(message: bytes, signature: bytes, keys: Collection[bytes]) -> bool:
    for key in keys:
        with suppress(Refused):
            verify_ed25519(key, message, signature)
            return True
    return False


# ---------------------------------------------------------------------------------------------------------------- state


@dataclass(frozen=True, slots=True)
class BallotStep(Step):
    """The step of a cast ballot: the unit it counts in, and the index of the ballot that it replaces (-1: none)."""

    unit: int = 0
    slot: int = -1
    replaces: int = -1
    contests: tuple[int, ...] = ()


class Ballots:
    """The slice of the record's state that knows which ballots stand; only its own commits change it."""

    def __init__(
        self,
        manifest_hash: bytes,
        keyring: Keyring,
        roll: Roll,
        board: Board,
        is_refused: Callable[[int], bool],
    ) -> None:
        """Begin before the first ballot; `is_refused` tells of an entry's index whether the record refused it."""
        manifest = keyring.manifest
        self.rules = CastRules(manifest.kind, manifest_hash, manifest.rp_id, frozenset(manifest.origins))
        self.accepted = 0
        self.spoiled = 0
        self._manifest = manifest
        self._keyring = keyring
        self._roll = roll
        self._board = board
        self._is_refused = is_refused
        self._element_size = parse_suite(manifest.suite).element_size
        self._contests = {style.id: style.contests for style in manifest.styles}
        self._numbers = array("I")  # by row of the roll: number of the last valid ballot, 0 while there is none
        self._entries = array("I")  # by row: index of its entry
        self._firsts = Fingerprints()
        # Re-votes in the log's order: the entry that replaced, the entry that it replaced.
        self._newer, self._older = array("I"), array("I")
        # Filled by the first hit of the uniqueness check: fingerprints of all ballots read so far, and their entries.
        self._read_prints, self._read_entries = array("Q"), array("I")
        self._read_until = 0

    @property
    def replaced(self) -> int:
        """How many valid ballots were followed by a later one of the same pseudonym."""
        return len(self._newer)

    def last(self, row: int) -> tuple[int, int]:
        """Return number and index of the last valid ballot of a credential's row (-1: no credential), else (0, -1)."""
        if not 0 <= row < len(self._numbers) or not self._numbers[row]:
            return 0, -1
        return self._numbers[row], self._entries[row]

    def has_ballot(self, pseudonym: bytes) -> bool:
        """Tell whether a ballot of a pseudonym is on the board."""
        slot = self._roll.slot(pseudonym)
        return slot >= 0 and self.last(self._roll.row(slot))[0] > 0

    def ballot_of_entry(self, raw: bytes) -> bytes:
        """Return the ballot inside the bytes of a ballot or spoiled entry."""
        entry = parse_entry(raw)
        body = BallotEntry if entry.type == "ballot" else Spoiled
        return body.parse_once(entry.body).ballot

    def vectors_of_entry(self, raw: bytes) -> tuple[int, dict[int, bytes]]:
        """Return the unit and, by contest id, the ciphertexts of an accepted ballot entry.

        Raises MalformedEncoding where they are not its style's: who settles before verifying can ask about such a one.
        """
        head = parse_ballot(self.ballot_of_entry(raw), self._element_size)
        unit, style = self._roll.unit_and_style(self._roll.slot(head.pseudonym))
        contests = self._contests[style]
        sizes = [2 * self._element_size * self._roll.options(contest) for contest in contests]
        if [len(vector) for vector in head.vectors] != sizes:
            raise MalformedEncoding(
                STRUCTURE_CHECK, "not the vectors of its style", culprit=name_pseudonym(head.pseudonym)
            )
        return unit, dict(zip(contests, head.vectors, strict=True))

    def stage_ballot(self, body: BallotEntry, head: BallotHead, context: Context) -> BallotStep:
        """Stage a cast ballot."""
        slot, row, key, unit = self._require_voter(head, context)
        number, last_index = self.last(row)
        previous = _NO_PREVIOUS
        if number and head.number == number + 1:
            previous = hash_ballot(self.rules.kind, self.ballot_of_entry(context.read(last_index)))
        if head.number != number + 1 or head.previous != previous:
            # A ballot's number MUST be the last one's plus one, and its previous hash the last one's hash.
            reason = f"number {head.number} does not follow number {number}, or names another ballot before it"
            raise Refused("BALLOT-7", reason, culprit=name_pseudonym(head.pseudonym))
        self._require_head(head, key[1])
        if int.from_bytes(body.nonce[16:24], "big") > self._manifest.closes_at_ms:
            # The nonce MUST have been issued at or before closing.
            raise Refused("BALLOT-10", "begun after closing", culprit=name_pseudonym(head.pseudonym))
        ballot_hash = hash_ballot(self.rules.kind, body.ballot)
        claim = CastClaim(
            self.rules,
            ballot_hash,
            head.pseudonym,
            self._keyring.receipt_key,
            key[0],
            body.nonce,
            body.authenticator_data,
            body.client_data,
            body.signature,
        )
        prints = self._fingerprints(head)

        def commit() -> None:
            self._keep(prints)
            if row >= len(self._numbers):
                missing = row + 1 - len(self._numbers)
                self._numbers.extend([0] * missing)
                self._entries.extend([0] * missing)
            if last_index >= 0:
                self._newer.append(context.index)
                self._older.append(last_index)
            self._numbers[row] = head.number
            self._entries[row] = context.index
            self._roll.settle_key(row, key[1])
            self.accepted += 1
            self._board.count_ballot(context.index, context.block, again=last_index >= 0)

        recheck = lambda: self._require_new(prints, head, body.ballot, context)  # noqa: E731
        contests = self._contests[head.style]
        return BallotStep((claim,), commit, recheck, unit=unit, slot=slot, replaces=last_index, contests=contests)

    def stage_spoiled(self, body: Spoiled, head: BallotHead, context: Context) -> Step:
        """Stage a challenged ballot: everything but passkey and sequence holds, and its lock is opened."""
        key = self._require_voter(head, context)[2]
        self._require_head(head, key[1])
        if lock_of(self.rules.kind, body.opening) != head.lock:
            # A spoiled entry MUST open the ballot's lock.
            raise Refused("BALLOT-14", "the lock is not opened", culprit="server")
        prints = self._fingerprints(head)

        def commit() -> None:
            self._keep(prints)
            self.spoiled += 1

        return Step((), commit, lambda: self._require_new(prints, head, body.ballot, context, spoils=True))

    def _require_voter(self, head: BallotHead, context: Context) -> tuple[int, int, tuple[bytes, int], int]:
        """Check election, time, slot, credential and style; return slot, row, (key, binding index) and unit."""
        if head.manifest_hash != self.rules.manifest_hash:
            raise Refused(MANIFEST_CHECK, "the ballot names another manifest", culprit=name_pseudonym(head.pseudonym))
        self._board.require_open()
        slot = self._roll.slot(head.pseudonym)
        row = -1 if slot < 0 else self._roll.row(slot)
        if row < 0:
            # A ballot's pseudonym MUST be a slot of the roll that has a credential.
            raise Refused("BALLOT-6", "no slot, or no credential", culprit=name_pseudonym(head.pseudonym))
        unit, style = self._roll.unit_and_style(slot)
        if head.style != style:
            raise Refused(STYLE_CHECK, "another style than the slot's", culprit=name_pseudonym(head.pseudonym))
        board = self._board
        key = self._roll.key_in_force(row, board.lower or 0, board.upper_ms, context.read)
        return slot, row, key, unit

    def _require_head(self, head: BallotHead, binding: int) -> None:
        seen = self._board.heads.get(head.head_size)
        covered = max(self._board.opening_index, binding)
        if seen is None or seen.root != head.head_root or seen.size <= covered:
            # The head seen MUST be a quorum checkpoint sealed at or before the ballot's block, and MUST cover the
            # opening entry and the entry that binds the key in force.
            raise Refused("BALLOT-8", "the head seen is none of this log", culprit=name_pseudonym(head.pseudonym))
        closes = self._manifest.closes_at_ms
        if (self._board.lower or 0) > closes and seen.upper_ms > closes:
            # In a block b with L(b) > closing the head seen MUST have U ≤ closing.
            raise Refused("BALLOT-9", "a head from after the closing", culprit=name_pseudonym(head.pseudonym))

    # ------------------------------------------------------------------------------------------------ uniqueness

    def _fingerprints(self, head: BallotHead) -> tuple[int, ...]:
        return tuple(map(self._firsts.of, head.firsts))

    def _keep(self, prints: tuple[int, ...]) -> None:
        for item in prints:
            self._firsts.add(item)

    def _require_new(
        self, prints: tuple[int, ...], head: BallotHead, ballot: bytes, context: Context, *, spoils: bool = False
    ) -> None:
        """Check that no first A of the ballot stands on the board; a hit is confirmed by reading the record again."""
        if not any(item in self._firsts for item in prints):
            return
        for index in self._find(prints, context):
            entry = parse_entry(context.read(index))
            earlier = self.ballot_of_entry(entry.to_bytes())
            if set(head.firsts).isdisjoint(parse_ballot(earlier, self._element_size).firsts):
                continue
            where = f"{name_pseudonym(head.pseudonym)}, entry {index}"
            if earlier == ballot and spoils:
                # A spoiled entry MUST NOT hold a ballot that was cast or spoiled before.
                raise Refused("BALLOT-15", "this ballot was cast or spoiled before", culprit=where)
            if earlier == ballot and entry.type == "spoiled":
                # A ballot that was spoiled MUST NOT be cast.
                raise Refused("BALLOT-13", "this ballot was spoiled", culprit=where)
            # No first component A of a contest MUST stand on the board twice.
            raise Refused("BALLOT-12", "a first component A was on the board before", culprit=where)

    def _find(self, prints: tuple[int, ...], context: Context) -> list[int]:
        """Return the accepted entries before this one that hold one of these fingerprints.

        Every entry is read once for all hits together: else a log full of copies would be read as often as it is long.
        """
        for index in range(self._read_until, context.index):
            entry = parse_entry_or_none(context.read(index))
            if entry is None or entry.type not in {"ballot", "spoiled"} or self._is_refused(index):
                continue
            body = BallotEntry if entry.type == "ballot" else Spoiled
            firsts = parse_ballot(body.parse_once(entry.body).ballot, self._element_size).firsts
            self._read_prints.extend(map(self._firsts.of, firsts))
            self._read_entries.extend([index] * len(firsts))
        self._read_until = max(self._read_until, context.index)
        wanted = frozenset(prints)
        return sorted({self._read_entries[at] for at, item in enumerate(self._read_prints) if item in wanted})

    # -------------------------------------------------------------------------------------------------- receipts

    def stands(self, receipt: Receipt, read: Callable[[int], bytes], before: int) -> int:
        """Return the index below `before` of the accepted ballot entry that a receipt promises, -1 when there is none.

        A spoiled entry never answers a receipt.
        """
        slot = self._roll.slot(receipt.pseudonym)
        number, index = (0, -1) if slot < 0 else self.last(self._roll.row(slot))
        if receipt.number > number:
            return -1
        for _ in range(number - receipt.number):
            index = self._older[bisect_left(self._newer, index)]
        holds = hash_ballot(self.rules.kind, self.ballot_of_entry(read(index))) == receipt.ballot_hash
        return index if holds and index < before else -1

    def verify_kept(self, receipt: Receipt, read: Callable[[int], bytes]) -> None:
        """Check that a receipt's promise was kept, as far as sealed heads show it. Raises Refused, culprit server."""
        index = self.stands(receipt, read, self._board.tree.size)
        for size in self._board.sizes:
            head = self._board.heads[size]
            if head.lower_ms > receipt.deadline_ms and not 0 <= index < size:
                # A receipt's ballot MUST stand in every quorum checkpoint later than its deadline.
                reason = f"the checkpoint of {size} entries is later than the deadline and lacks the ballot"
                raise Refused("RECEIPT-1", reason, culprit="server")


def parse_entry_or_none(raw: bytes) -> Entry | None:
    """Return an envelope, None where the record holds bytes that are none."""
    try:
        return parse_entry(raw)
    except MalformedEncoding:
        return None
