"""What stands in the log: the body of every type of entry, the envelope around it, and what remains of one to do.

Spec: `docs/spec/entries.md`. Each body is declared once (`crypto/election/encoding.py`); `BODIES` names them all. An
entry is its type, its body's bytes and its authors' signatures. `parse_entry` takes the envelope apart and leaves the
body as bytes; who may write which entry, and when, is for the slices of the record above this module. What a slice
returns is a `Step`: claims that need no state, then one change.

>>> raw = Entry("close", Close(ballots=20).to_bytes()).to_bytes()
>>> entry = parse_entry(raw)
>>> BODIES[entry.type].parse(entry.body)
Close(ballots=20)
>>> parse_entry(raw[:-1])
Traceback (most recent call last):
...
crypto.errors.MalformedEncoding: ENCODING-1: the bytes end too early
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar, Literal, NamedTuple, Protocol, TypeAlias

import cbor2

from crypto.cbor import ARRAY, BSTR, TSTR, UINT, malformed, read_bytes, read_head
from crypto.election.encoding import (
    MAX_UINT,
    Bytes,
    Choice,
    Either,
    Flag,
    Int,
    Items,
    Message,
    Nested,
    Optional,
    Text,
    Uint,
    require_size,
)
from crypto.errors import MalformedEncoding, Refused
from crypto.merkle import MAX_ENTRY_SIZE
from crypto.signatures import verify_ed25519

MAX_SIGNATURES = 16
MAX_CELL_UNITS = 8192
_U16, _U32 = 2**16 - 1, 2**32 - 1

Hash: TypeAlias = Annotated[bytes, Bytes(32)]
PublicKey: TypeAlias = Annotated[bytes, Bytes(32)]
KeyId: TypeAlias = Annotated[bytes, Bytes(8)]
Pseudonym: TypeAlias = Annotated[bytes, Bytes(16)]
Point: TypeAlias = Annotated[bytes, Bytes(32, 33)]
KnowledgeProof: TypeAlias = Annotated[bytes, Bytes(64, 65)]
EqualityProof: TypeAlias = Annotated[bytes, Bytes(96, 98)]
Count: TypeAlias = Annotated[int, Uint(_U32)]
Id16: TypeAlias = Annotated[int, Uint(_U16)]
UnitId: TypeAlias = Annotated[int, Uint(_U32)]
TrusteeIndex: TypeAlias = Annotated[int, Uint(255, 1)]
Number16: TypeAlias = Annotated[int, Uint(_U16, 1)]
TimeMs: TypeAlias = Annotated[int, Uint()]
Reason: TypeAlias = Annotated[str, Text(1_000)]
ElectionKind = Literal["demo", "practice", "real"]
Assurance = Literal["passkey", "security-key", "software"]
_ASSURANCES = ("passkey", "security-key", "software")


@dataclass(frozen=True, slots=True)
class Text3(Message):
    """One text in the three languages."""

    ky: Annotated[str, Text(500)]
    ru: Annotated[str, Text(500)]
    en: Annotated[str, Text(500)]


TranslatedText: TypeAlias = Annotated[Text3, Nested(Text3)]


@dataclass(frozen=True, slots=True)
class Trustee(Message):
    """A trustee's name and signing key; trustees are numbered 1..n in this order."""

    name: Annotated[str, Text(200)]
    key: PublicKey


@dataclass(frozen=True, slots=True)
class BodyKey(Message):
    """A registrar or officer: a person's or office's name, the body they answer to, the signing key."""

    name: Annotated[str, Text(200)]
    body: Annotated[str, Text(200)]
    key: PublicKey


@dataclass(frozen=True, slots=True)
class BlsKey(Message):
    """A BLS12-381 key (48 bytes) and the proof of its possession (96 bytes)."""

    key: Annotated[bytes, Bytes(48)]
    proof: Annotated[bytes, Bytes(96)]


@dataclass(frozen=True, slots=True)
class Witness(Message):
    """A witness: cosigner name, Ed25519 key, and a BLS key where it has one."""

    name: Annotated[str, Text(200)]
    key: PublicKey
    bls: Annotated[BlsKey | None, Optional(Nested(BlsKey))]


@dataclass(frozen=True, slots=True)
class Style(Message):
    """A ballot style: the contests on it, in the manifest's order."""

    id: Id16
    contests: Annotated[tuple[int, ...], Items(Uint(_U16), 1, 64)]


@dataclass(frozen=True, slots=True)
class ImportedLog(Message):
    """The closed log of an earlier round whose roll and credentials this election shares."""

    manifest_hash: Hash
    origin: Annotated[str, Text(200)]
    log_key: PublicKey
    closed_size: TimeMs
    closed_root: Hash


@dataclass(frozen=True, slots=True)
class Manifest(Message):
    """Entry 0: everything that must be known before the ceremony begins; times in ms since 1970, durations in ms."""

    protocol: Annotated[int, Uint(1, 1)]
    suite: Annotated[str, Text(64)]
    kind: Annotated[ElectionKind, Choice(("demo", "practice", "real"))]
    origin: Annotated[str, Text(200)]
    short_name: Annotated[str, Text(40)]
    title: TranslatedText
    opens_at_ms: TimeMs
    closes_at_ms: TimeMs
    grace_ms: TimeMs
    settle_ms: TimeMs
    interval_ms: Annotated[int, Uint(MAX_UINT, 1)]
    receipt_delay_ms: TimeMs
    dispute_ms: TimeMs
    change_delay_ms: TimeMs
    release_by_ms: TimeMs
    round_deadlines_ms: Annotated[tuple[int, ...], Items(Uint(), 4, 4)]
    minimum_cell: Annotated[int, Uint(_U32, 1)]
    threshold: TrusteeIndex
    log_key: PublicKey
    receipt_key: PublicKey
    trustees: Annotated[tuple[Trustee, ...], Items(Nested(Trustee), 1, 255)]
    registrars: Annotated[tuple[BodyKey, ...], Items(Nested(BodyKey), 2, 2)]
    officers: Annotated[tuple[BodyKey, ...], Items(Nested(BodyKey), 2, 16)]
    witnesses: Annotated[tuple[Witness, ...], Items(Nested(Witness), 1, 15)]
    faults: Annotated[int, Uint(15)]
    quorum: Annotated[int, Uint(15, 1)]
    rp_id: Annotated[str, Text(253)]
    origins: Annotated[tuple[str, ...], Items(Text(300), 1, 8)]
    algorithms: Annotated[tuple[int, ...], Items(Int((-7, -8, -257)), 1, 3)]
    software_keys: Annotated[bool, Flag()]
    styles: Annotated[tuple[Style, ...], Items(Nested(Style), 1, 1024)]
    contests: Annotated[tuple[bytes, ...], Items(Bytes(32), 1, 512)]
    units: Annotated[tuple[bytes, ...], Items(Bytes(32), 1, 512)]
    imported: Annotated[ImportedLog | None, Optional(Nested(ImportedLog))]


@dataclass(frozen=True, slots=True)
class Option(Message):
    """One option of a contest."""

    name: TranslatedText


@dataclass(frozen=True, slots=True)
class Contest(Message):
    """A part entry: one contest. `rule` as in rules.md; contests with one `question` share one region."""

    id: Id16
    question: Id16
    title: TranslatedText
    rule: Annotated[bytes, Bytes(4, 64)]
    options: Annotated[tuple[Option, ...], Items(Nested(Option), 2, 1024)]
    region: UnitId
    seats: Annotated[int, Uint(1024, 1)]


@dataclass(frozen=True, slots=True)
class Unit(Message):
    """One unit of the electoral geography; `parent` is null at the root."""

    id: UnitId
    parent: Annotated[int | None, Optional(Uint(_U32))]
    name: TranslatedText
    district: Annotated[bool, Flag()]


@dataclass(frozen=True, slots=True)
class Units(Message):
    """A part entry: a chunk of the units."""

    units: Annotated[tuple[Unit, ...], Items(Nested(Unit), 1, 4096)]


@dataclass(frozen=True, slots=True)
class Seal(Message):
    """First entry of every block but block 0: the block before it, signed and witnessed."""

    block: Count
    checkpoint: Annotated[bytes, Bytes(1, 1_024)]
    quorum: Annotated[tuple[bytes, ...], Items(Bytes(1, 8_192), 0, 32)]
    tokens: Annotated[tuple[bytes, ...], Items(Bytes(1, 16_384), 0, 3)]


@dataclass(frozen=True, slots=True)
class CeremonyKey(Message):
    """R0 of the ceremony."""

    run: Number16
    trustee: TrusteeIndex
    key: Point
    proof: KnowledgeProof


@dataclass(frozen=True, slots=True)
class CeremonyCommitment(Message):
    """R0.5 of the ceremony."""

    run: Number16
    trustee: TrusteeIndex
    hash: Hash


@dataclass(frozen=True, slots=True)
class CeremonyDealing(Message):
    """R1 of the ceremony."""

    run: Number16
    trustee: TrusteeIndex
    commitments: Annotated[tuple[bytes, ...], Items(Bytes(32, 33), 1, 255)]
    proof: KnowledgeProof
    ephemeral: Point
    ephemeral_proof: KnowledgeProof
    shares: Annotated[tuple[bytes, ...], Items(Bytes(32), 1, 255)]


@dataclass(frozen=True, slots=True)
class CeremonyAcceptance(Message):
    """R2 of the ceremony: all shares are good."""

    run: Number16
    trustee: TrusteeIndex
    digest: Hash


@dataclass(frozen=True, slots=True)
class CeremonyComplaint(Message):
    """R2 of the ceremony: the share of one dealer is bad."""

    run: Number16
    trustee: TrusteeIndex
    against: TrusteeIndex
    point: Point
    proof: EqualityProof


@dataclass(frozen=True, slots=True)
class CeremonyCertificate(Message):
    """R3 of the ceremony."""

    run: Number16
    trustee: TrusteeIndex
    hash: Hash


@dataclass(frozen=True, slots=True)
class Round(Message):
    """Officers end a run that cannot go on."""

    run: Number16
    round: Annotated[int, Uint(5, 1)]
    missing: Annotated[tuple[int, ...], Items(Uint(255, 1), 0, 255)]
    disqualified: Annotated[tuple[int, ...], Items(Uint(255, 1), 0, 255)]


@dataclass(frozen=True, slots=True)
class ClientFile(Message):
    """One file of the voter client."""

    name: Annotated[str, Text(200)]
    hash: Hash


@dataclass(frozen=True, slots=True)
class Client(Message):
    """The hashes of the voter client's files."""

    files: Annotated[tuple[ClientFile, ...], Items(Nested(ClientFile), 1, 512)]


@dataclass(frozen=True, slots=True)
class RollGroup(Message):
    """Slots of one leaf unit and style: their pseudonyms, 16 bytes each, one after the other."""

    unit: UnitId
    style: Id16
    pseudonyms: Annotated[bytes, Bytes(16, 65_520, 16)]


@dataclass(frozen=True, slots=True)
class RollChunk(Message):
    """One chunk of the roll; chunks are numbered from 0."""

    number: Count
    groups: Annotated[tuple[RollGroup, ...], Items(Nested(RollGroup), 1, 1024)]


@dataclass(frozen=True, slots=True)
class DistrictSlots(Message):
    """The number of slots of one district."""

    district: UnitId
    count: Count


@dataclass(frozen=True, slots=True)
class Freeze(Message):
    """The roll is complete: how many chunks, and the slots of every district in order of their ids."""

    chunks: Count
    slots: Annotated[tuple[DistrictSlots, ...], Items(Nested(DistrictSlots), 1, 4096)]


@dataclass(frozen=True, slots=True)
class Drill(Message):
    """A drill of the trustees' shares, bound to a quorum checkpoint."""

    number: Number16
    size: TimeMs
    root: Hash


@dataclass(frozen=True, slots=True)
class DrillShare(Message):
    """One trustee's answer to a drill."""

    number: Number16
    trustee: TrusteeIndex
    value: Point
    proof: EqualityProof


@dataclass(frozen=True, slots=True)
class Opening(Message):
    """The election opens with this key."""

    key: Point
    certificate_hash: Hash


CoseKey: TypeAlias = Annotated[bytes, Bytes(1, 600)]


@dataclass(frozen=True, slots=True)
class Credential(Message):
    """One public key (COSE) bound to one slot."""

    pseudonym: Pseudonym
    key: CoseKey
    assurance: Annotated[Assurance, Choice(_ASSURANCES)]


@dataclass(frozen=True, slots=True)
class BallotEntry(Message):
    """A cast ballot with the nonce of the receipt key and the passkey's signature."""

    ballot: Annotated[bytes, Bytes(1, MAX_ENTRY_SIZE)]
    nonce: Annotated[bytes, Bytes(88)]
    authenticator_data: Annotated[bytes, Bytes(37, 1_024)]
    client_data: Annotated[bytes, Bytes(1, 1_024)]
    signature: Annotated[bytes, Bytes(1, 512)]


@dataclass(frozen=True, slots=True)
class Spoiled(Message):
    """A sealed ballot that was challenged instead of cast, and the opening of its lock."""

    ballot: Annotated[bytes, Bytes(1, MAX_ENTRY_SIZE)]
    opening: Annotated[bytes, Bytes(32)]


@dataclass(frozen=True, slots=True)
class Change(Message):
    """Another key for a slot that has a credential and no ballot."""

    pseudonym: Pseudonym
    key: CoseKey
    assurance: Annotated[Assurance, Choice(_ASSURANCES)]
    reason: Reason


@dataclass(frozen=True, slots=True)
class Strike(Message):
    """None of this pseudonym's ballots counts: its person voted on paper or elsewhere in person."""

    pseudonym: Pseudonym
    reason: Reason


@dataclass(frozen=True, slots=True)
class Close(Message):
    """The end of voting, with the number of accepted ballot entries."""

    ballots: Count


@dataclass(frozen=True, slots=True)
class Aggregate(Message):
    """The encrypted sums of one cell: for each option A* then B*."""

    contest: Id16
    cell: Count
    units: Annotated[tuple[int, ...], Items(Uint(_U32), 1, MAX_CELL_UNITS)]
    ballots: Count
    sums: Annotated[bytes, Bytes(64, MAX_ENTRY_SIZE)]


@dataclass(frozen=True, slots=True)
class Share(Message):
    """One piece of a trustee's partial decryptions."""

    trustee: TrusteeIndex
    closed_root: Hash
    part: Id16
    parts: Number16
    values: Annotated[bytes, Bytes(32, MAX_ENTRY_SIZE)]
    proof: EqualityProof


@dataclass(frozen=True, slots=True)
class Result(Message):
    """The votes of one cell, option by option."""

    contest: Id16
    cell: Count
    votes: Annotated[tuple[int, ...], Items(Uint(_U32), 1, 1024)]


@dataclass(frozen=True, slots=True)
class Certificate(Message):
    """A quorum's BLS signature over (origin, size, root); additional evidence."""

    size: TimeMs
    root: Hash
    signers: Annotated[tuple[str, ...], Items(Text(200), 1, 15)]
    signature: Annotated[bytes, Bytes(96)]


@dataclass(frozen=True, slots=True)
class Dispute(Message):
    """A receipt whose ballot is not on the board."""

    receipt: Annotated[bytes, Bytes(1, 1_024)]


@dataclass(frozen=True, slots=True)
class ReleaseItem(Message):
    """What is released: a refused entry's index, a receipt's hash or the late last block; and the effect in words."""

    target: Annotated[int | bytes | str, Either(((UINT, Uint()), (BSTR, Bytes(32)), (TSTR, Choice(("late",)))))]
    effect: Reason


@dataclass(frozen=True, slots=True)
class Release(Message):
    """Officers settle what stands between the close and decryption."""

    items: Annotated[tuple[ReleaseItem, ...], Items(Nested(ReleaseItem), 1, 512)]


@dataclass(frozen=True, slots=True)
class Decision(Message):
    """A decision after the results, applied by rule."""

    action: Annotated[Literal["withdrawn", "annulled", "struck"], Choice(("withdrawn", "annulled", "struck"))]
    contest: Id16
    target: Count
    document_hash: Hash


@dataclass(frozen=True, slots=True)
class Incident(Message):
    """An officer's note, with the hash of a document."""

    document_hash: Hash
    note: Reason


ROLES = ("log", "receipt", "trustee", "registrar", "officer", "witness")


@dataclass(frozen=True, slots=True)
class Rotate(Message):
    """A new key in the place of an old one."""

    role: Annotated[str, Choice(ROLES)]
    old: KeyId
    new: PublicKey
    reason: Reason


@dataclass(frozen=True, slots=True)
class Imported(Message):
    """An entry of the imported log, byte for byte, with its inclusion proof."""

    entry: Annotated[bytes, Bytes(1, 65_000)]
    index: TimeMs
    proof: Annotated[tuple[bytes, ...], Items(Bytes(32), 0, 63)]


BODIES: dict[str, type[Message]] = {
    "manifest": Manifest,
    "contest": Contest,
    "units": Units,
    "seal": Seal,
    "ceremony-key": CeremonyKey,
    "ceremony-commitment": CeremonyCommitment,
    "ceremony-dealing": CeremonyDealing,
    "ceremony-acceptance": CeremonyAcceptance,
    "ceremony-complaint": CeremonyComplaint,
    "ceremony-certificate": CeremonyCertificate,
    "round": Round,
    "client": Client,
    "roll": RollChunk,
    "freeze": Freeze,
    "drill": Drill,
    "drill-share": DrillShare,
    "opening": Opening,
    "credential": Credential,
    "ballot": BallotEntry,
    "spoiled": Spoiled,
    "change": Change,
    "strike": Strike,
    "close": Close,
    "aggregate": Aggregate,
    "share": Share,
    "result": Result,
    "certificate": Certificate,
    "dispute": Dispute,
    "release": Release,
    "decision": Decision,
    "incident": Incident,
    "rotate": Rotate,
    "imported": Imported,
}
CEREMONY_TYPES = tuple(name for name in BODIES if name.startswith("ceremony-"))  # what a trustee writes in rounds
VOTER_TYPES = frozenset({"credential", "ballot", "spoiled", "change", "strike"})

# ------------------------------------------------------------------------------------------------------- the envelope


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log: its type, its body's bytes, and its authors' (key id, signature), sorted by key id."""

    type: str
    body: bytes
    signatures: tuple[tuple[bytes, bytes], ...] = ()

    VERSION: ClassVar[int] = 1

    def to_bytes(self) -> bytes:
        """Return the envelope's deterministic encoding."""
        signatures = [[key_id, signature] for key_id, signature in sorted(self.signatures)]
        return cbor2.dumps([self.VERSION, self.type, self.body, signatures], canonical=True)


_ENTRY_HEAD = b"\x84\x01"
_SIGNATURE_HEAD, _SIGNATURE_MIDDLE, _SIGNATURE_SIZE = b"\x82\x48", b"\x58\x40", 76


def parse_entry(raw: bytes) -> Entry:
    """Parse an envelope; the body stays bytes. Raises MalformedEncoding.

    Hand-written, because every entry passes here; the layout leaves no second spelling of anything.
    """
    require_size(raw)
    if not raw.startswith(_ENTRY_HEAD):
        raise malformed("an entry is an array of four that begins with the version 1")
    length, at = read_head(raw, 2, TSTR)
    name = raw[at : at + length].decode("ascii", "replace")
    if name not in BODIES:
        # The type of an entry MUST be one of the protocol's.
        raise MalformedEncoding("ENCODING-4", "unknown type of entry")
    body, at = read_bytes(raw, at + length)
    count, at = read_head(raw, at, ARRAY)
    if len(raw) != at + count * _SIGNATURE_SIZE:
        raise malformed("the signatures do not end where the entry ends")
    signatures = []
    for start in range(at, len(raw), _SIGNATURE_SIZE):
        if not raw.startswith(_SIGNATURE_HEAD, start) or not raw.startswith(_SIGNATURE_MIDDLE, start + 10):
            raise malformed("a signature is an array of an 8-byte key id and 64 bytes")
        signatures.append((raw[start + 2 : start + 10], raw[start + 12 : start + 76]))
    if count > 1 and any(first >= second for (first, _), (second, _) in pairwise(signatures)):
        raise malformed("the signatures are not in the order of distinct key ids")
    if count > MAX_SIGNATURES:
        raise malformed(f"{count} signatures, {MAX_SIGNATURES} are allowed")
    return Entry(name, body, tuple(signatures))


# ------------------------------------------------------------------------------------------------ steps of the machine


class Claim(Protocol):
    """A check that needs no state, as a value that can be sent to another process."""

    def verify(self) -> None:
        """Raise Refused where the claim is false."""


class SignatureClaim(NamedTuple):
    """An Ed25519 signature that must verify; a refusal carries the check that asked for it."""

    check: str
    culprit: str
    public_key: bytes
    message: bytes
    signature: bytes

    def signed(self) -> tuple[bytes, bytes, bytes]:
        """Return public key, message and signature."""
        return self.public_key, self.message, self.signature

    def verify_rest(self) -> None:
        """Verify what is left where the signature is known to hold: nothing."""

    def verify(self) -> None:
        """Verify the signature. Raises Refused with this claim's check."""
        try:
            verify_ed25519(self.public_key, self.message, self.signature)
        except Refused as refusal:
            raise Refused(self.check, "the signature does not verify", culprit=self.culprit) from refusal


@dataclass(frozen=True, slots=True)
class Context:
    """Where an entry stands: its index in the log, its block, and a way to read earlier entries again."""

    index: int
    block: int
    read: Callable[[int], bytes]


def _nothing() -> None:
    """Change nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """What remains of an entry after the stateful checks: claims to verify, a last look, then one change of the state.

    `recheck` raises Refused and changes nothing; it holds what another entry of the same window may decide (the
    uniqueness checks), so it runs after the claims and right before `commit`, which cannot fail.
    """

    claims: tuple[Claim, ...] = ()
    commit: Callable[[], None] = _nothing
    recheck: Callable[[], None] = _nothing
