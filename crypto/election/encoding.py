"""The bytes of every entry: one declaration of fields gives writer, strict reader, CDDL and the list of fields.

Spec: `docs/spec/encoding.md`. A `Message` subclass declares each field once, with its limits: `Annotated[type, kind]`.
From that come `to_bytes` (deterministic CBOR, RFC 8949 section 4.2.1), `parse` (the only bytes it takes are those that
`to_bytes` gives), `fields_of` and `cddl`. The reader walks the declaration, so depth and work are bounded by the
declaration and by the input's length, whatever the bytes say.

>>> Close(ballots=20).to_bytes().hex()
'a16762616c6c6f747314'
>>> Close.parse(bytes.fromhex("a16762616c6c6f747314")).ballots
20
>>> Close.parse(bytes.fromhex("a16762616c6c6f74731814"))
Traceback (most recent call last):
...
crypto.errors.MalformedEncoding: ENCODING-1: an integer is not in its shortest form
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Protocol, Self, TypeAlias, get_type_hints

import cbor2

from crypto.errors import MalformedEncoding, Misuse, Refused
from crypto.signatures import verify_ed25519

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_ENTRY_SIZE = 65_535
MAX_SIGNATURES = 16
MAX_CELL_UNITS = 8192
MAX_UINT = 2**53 - 1
_U16, _U32 = 2**16 - 1, 2**32 - 1

UINT, BSTR, TSTR, ARRAY, MAP = 0, 2, 3, 4, 5
_MAJOR_NAMES = {UINT: "an unsigned integer", BSTR: "a byte string", TSTR: "a text", ARRAY: "an array", MAP: "a map"}
# Control characters, and those that turn the direction of a line: a name must read as what it is.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

ReadResult: TypeAlias = "tuple[object, int]"


def malformed(reason: str) -> MalformedEncoding:
    """Return the refusal of bytes that are not the one encoding of what is declared."""
    # The bytes MUST be the one deterministic encoding of exactly the declared fields, with nothing after it.
    return MalformedEncoding("ENCODING-1", reason)


def _out_of_limits(reason: str) -> MalformedEncoding:
    # Every value MUST lie within the limits declared for its field; texts hold no control characters.
    return MalformedEncoding("ENCODING-2", reason)


def _require_size(data: bytes) -> None:
    if len(data) > MAX_ENTRY_SIZE:
        # An entry MUST have at most 65,535 bytes.
        raise MalformedEncoding("ENCODING-3", f"{len(data)} bytes, {MAX_ENTRY_SIZE} are allowed")


def read_head(data: bytes, at: int, major: int) -> tuple[int, int]:
    """Read one CBOR head of a major type at a position; return its argument and the position after it.

    Raises MalformedEncoding where the head is of another type, cut off or not in its shortest form.
    """
    if at >= len(data):
        raise malformed("the bytes end too early")
    first = data[at]
    if first >> 5 != major:
        raise malformed(f"{_MAJOR_NAMES[major]} was expected")
    info = first & 31
    if info < 24:
        return info, at + 1
    if info > 27:
        raise malformed("indefinite and reserved lengths are not allowed")
    size = 1 << (info - 24)
    end = at + 1 + size
    if end > len(data):
        raise malformed("the bytes end too early")
    value = int.from_bytes(data[at + 1 : end], "big")
    if value < 24 or (size > 1 and value >> (4 * size) == 0):
        raise malformed("an integer is not in its shortest form")
    return value, end


def read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    """Read one byte string at a position; return it and the position after it."""
    if data[at : at + 1] == b"\x58" and len(data) > at + 1 and data[at + 1] >= 24:
        # Most strings of a ballot have 24 to 255 bytes: their head needs no second function.
        start, length = at + 2, data[at + 1]
    else:
        length, start = read_head(data, at, BSTR)
    end = start + length
    if end > len(data):
        raise malformed("the bytes end too early")
    return data[start:end], end


class FieldKind(Protocol):
    """What a field may hold: how its bytes are read, how a value is written, and its CDDL."""

    def read(self, data: bytes, at: int) -> ReadResult:
        """Read one value at a position; return it and the position after it."""

    def plain(self, value: object) -> object:
        """Return what cbor2 writes for a value; Misuse where the value is not within the limits."""

    def cddl(self) -> str:
        """Return the CDDL expression."""


@dataclass(frozen=True, slots=True)
class Uint:
    """An unsigned integer within limits, both included."""

    maximum: int = MAX_UINT
    minimum: int = 0

    def read(self, data: bytes, at: int) -> ReadResult:
        """Read an unsigned integer."""
        value, end = read_head(data, at, UINT)
        if not self.minimum <= value <= self.maximum:
            raise _out_of_limits(f"{value} is not between {self.minimum} and {self.maximum}")
        return value, end

    def plain(self, value: object) -> object:
        """Return the integer."""
        if type(value) is not int or not self.minimum <= value <= self.maximum:
            raise _misuse(value, self.cddl())
        return value

    def cddl(self) -> str:
        """Return a range."""
        return f"{self.minimum}..{self.maximum}"


@dataclass(frozen=True, slots=True)
class Int:
    """A signed integer of a closed list (COSE algorithm numbers)."""

    values: tuple[int, ...]

    def read(self, data: bytes, at: int) -> ReadResult:
        """Read a signed integer."""
        if at < len(data) and data[at] >> 5 == 1:
            # A negative integer's head is that of its complement with another major type.
            argument, length = read_head(bytes([data[at] & 31]) + data[at + 1 : at + 9], 0, UINT)
            value, end = -1 - argument, at + length
        else:
            value, end = read_head(data, at, UINT)
        if value not in self.values:
            raise _out_of_limits(f"{value} is none of {self.values}")
        return value, end

    def plain(self, value: object) -> object:
        """Return the integer."""
        if type(value) is not int or value not in self.values:
            raise _misuse(value, self.cddl())
        return value

    def cddl(self) -> str:
        """Return the alternatives."""
        return " / ".join(map(str, self.values))


@dataclass(frozen=True, slots=True)
class Flag:
    """A boolean."""

    def read(self, data: bytes, at: int) -> ReadResult:
        """Read false (f4) or true (f5)."""
        if data[at : at + 1] not in (b"\xf4", b"\xf5"):
            raise malformed("a boolean was expected")
        return data[at] == 0xF5, at + 1

    def plain(self, value: object) -> object:
        """Return the boolean."""
        if type(value) is not bool:
            raise _misuse(value, self.cddl())
        return value

    def cddl(self) -> str:
        """Return the name."""
        return "bool"


@dataclass(frozen=True, slots=True)
class Bytes:
    """A byte string of `minimum` to `maximum` bytes, a multiple of `step`."""

    minimum: int
    maximum: int = -1
    step: int = 1

    @property
    def limit(self) -> int:
        """Return the largest length; a single number in the declaration is the exact one."""
        return self.minimum if self.maximum < 0 else self.maximum

    def read(self, data: bytes, at: int) -> ReadResult:
        """Read a byte string."""
        value, end = read_bytes(data, at)
        limit = self.minimum if self.maximum < 0 else self.maximum
        if not self.minimum <= len(value) <= limit or len(value) % self.step:
            raise _out_of_limits(f"{len(value)} bytes where {self.cddl()} is declared")
        return value, end

    def plain(self, value: object) -> object:
        """Return the bytes."""
        if type(value) is not bytes or not self.minimum <= len(value) <= self.limit or len(value) % self.step:
            raise _misuse(value, self.cddl())
        return value

    def cddl(self) -> str:
        """Return the size."""
        size = str(self.minimum) if self.minimum == self.limit else f"({self.minimum}..{self.limit})"
        return f"bstr .size {size}" + (f" ; a multiple of {self.step} bytes" if self.step > 1 else "")


@dataclass(frozen=True, slots=True)
class Text:
    """A text of 1 to `maximum` bytes of UTF-8 (0 where `empty`), without control characters."""

    maximum: int
    empty: bool = False

    def _is_within(self, value: str, size: int) -> bool:
        return int(not self.empty) <= size <= self.maximum and not _UNPRINTABLE.search(value)

    def read(self, data: bytes, at: int) -> ReadResult:
        """Read a text."""
        length, start = read_head(data, at, TSTR)
        end = start + length
        if end > len(data):
            raise malformed("the bytes end too early")
        try:
            value = str(data[start:end], "utf-8")
        except UnicodeDecodeError:
            raise malformed("a text is not UTF-8") from None
        if not self._is_within(value, length):
            raise _out_of_limits(f"a text is not {self.cddl()}, or holds a control character")
        return value, end

    def plain(self, value: object) -> object:
        """Return the text."""
        try:
            if isinstance(value, str) and self._is_within(value, len(value.encode())):
                return value
        except UnicodeEncodeError:
            pass
        raise _misuse(value, self.cddl())

    def cddl(self) -> str:
        """Return the size in bytes."""
        return f"tstr .size ({int(not self.empty)}..{self.maximum})"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few fixed texts."""

    values: tuple[str, ...]

    def read(self, data: bytes, at: int) -> ReadResult:
        """Read a text of the list."""
        value, end = Text(64).read(data, at)
        if value not in self.values:
            raise _out_of_limits(f"a text is none of {', '.join(self.values)}")
        return value, end

    def plain(self, value: object) -> object:
        """Return the text."""
        if value not in self.values:
            raise _misuse(value, self.cddl())
        return value

    def cddl(self) -> str:
        """Return the alternatives."""
        return " / ".join(f'"{value}"' for value in self.values)


@dataclass(frozen=True, slots=True)
class Optional:
    """A value or null."""

    kind: FieldKind

    def read(self, data: bytes, at: int) -> ReadResult:
        """Read null (f6) or the value."""
        return (None, at + 1) if data[at : at + 1] == b"\xf6" else self.kind.read(data, at)

    def plain(self, value: object) -> object:
        """Return None or the value's plain form."""
        return None if value is None else self.kind.plain(value)

    def cddl(self) -> str:
        """Return the alternatives."""
        return f"null / {self.kind.cddl()}"


@dataclass(frozen=True, slots=True)
class Either:
    """One of several kinds of different major types, told apart by the first byte."""

    kinds: tuple[tuple[int, FieldKind], ...]

    def read(self, data: bytes, at: int) -> ReadResult:
        """Read the kind whose major type stands there."""
        for major, kind in self.kinds:
            if at < len(data) and data[at] >> 5 == major:
                return kind.read(data, at)
        raise malformed(f"{self.cddl()} was expected")

    def plain(self, value: object) -> object:
        """Return the plain form by the first kind that takes the value."""
        for _, kind in self.kinds:
            try:
                return kind.plain(value)
            except Misuse:
                continue
        raise _misuse(value, self.cddl())

    def cddl(self) -> str:
        """Return the alternatives."""
        return " / ".join(kind.cddl() for _, kind in self.kinds)


@dataclass(frozen=True, slots=True)
class Items:
    """An array of `minimum` to `maximum` values of one kind, a tuple in Python."""

    kind: FieldKind
    minimum: int
    maximum: int

    def read(self, data: bytes, at: int) -> ReadResult:
        """Read an array; its count is compared with the limits before anything in it is read."""
        count, at = read_head(data, at, ARRAY)
        if not self.minimum <= count <= self.maximum:
            raise _out_of_limits(f"{count} members where {self.minimum} to {self.maximum} are declared")
        values = []
        for _ in range(count):
            value, at = self.kind.read(data, at)
            values.append(value)
        return tuple(values), at

    def plain(self, value: object) -> object:
        """Return a list of plain values."""
        if not isinstance(value, tuple) or not self.minimum <= len(value) <= self.maximum:
            raise _misuse(value, self.cddl())
        return [self.kind.plain(member) for member in value]

    def cddl(self) -> str:
        """Return the array with its occurrence."""
        return f"[{self.minimum}*{self.maximum} {self.kind.cddl()}]"


@dataclass(frozen=True, slots=True)
class Nested:
    """A message inside a message."""

    message: type[Message]

    def read(self, data: bytes, at: int) -> ReadResult:
        """Read the inner map."""
        return self.message.read(data, at)

    def plain(self, value: object) -> object:
        """Return the inner map."""
        if not isinstance(value, self.message):
            raise _misuse(value, self.cddl())
        return value.plain()

    def cddl(self) -> str:
        """Return the rule's name."""
        return _rule_name(self.message)


def _misuse(value: object, cddl: str) -> Misuse:
    return Misuse(f"{str(value)[:40]!r} is not {cddl}")


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field; `key` is the CBOR encoding of its name."""

    name: str
    kind: FieldKind
    key: bytes


class Message:
    """A CBOR map with text keys; subclasses are frozen slots dataclasses whose fields are all annotated."""

    __slots__ = ()

    def plain(self) -> dict[str, object]:
        """Return what cbor2 writes; Misuse where a value is not within its limits."""
        return {field.name: field.kind.plain(getattr(self, field.name)) for field in fields_of(type(self))}

    def to_bytes(self) -> bytes:
        """Return the deterministic encoding."""
        return cbor2.dumps(self.plain(), canonical=True)

    @classmethod
    def read(cls, data: bytes, at: int) -> tuple[Self, int]:
        """Read the map at a position; return the message and the position after it."""
        fields = fields_of(cls)
        count, at = read_head(data, at, MAP)
        if count != len(fields):
            raise malformed(f"{count} fields where {len(fields)} are declared")
        values: dict[str, object] = {}
        for field in fields:
            if not data.startswith(field.key, at):
                raise malformed(f'the field "{field.name}" was expected')
            values[field.name], at = field.kind.read(data, at + len(field.key))
        return cls(**values), at

    @classmethod
    def parse_once(cls, data: bytes) -> Self:
        """Parse whole bytes without writing them again: for entries that come by the million.

        Each head is read in its shortest form only, each key at its one place and nothing may follow, so no two inputs
        give one message; `parse` shows the same by a second road, and a property test compares the two.
        """
        _require_size(data)
        message, end = cls.read(data, 0)
        if end != len(data):
            raise malformed("bytes follow the end")
        return message

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Parse whole bytes, write the message again with cbor2 and compare. Raises MalformedEncoding."""
        message = cls.parse_once(data)
        if message.to_bytes() != data:
            raise malformed("writing it again gives other bytes")
        return message


_FIELDS: dict[type[Message], tuple[Field, ...]] = {}  # filled by fields_of, once a class


def fields_of(message: type[Message]) -> tuple[Field, ...]:
    """Return the declared fields in the order of their encoded keys (RFC 8949, section 4.2.1)."""
    known = _FIELDS.get(message)
    if known is not None:
        return known
    hints = get_type_hints(message, include_extras=True)
    declared = [
        Field(name, next(part for part in hint.__metadata__ if hasattr(part, "cddl")), cbor2.dumps(name))
        for name, hint in hints.items()
        if hasattr(hint, "__metadata__")
    ]
    _FIELDS[message] = tuple(sorted(declared, key=lambda field: field.key))
    return _FIELDS[message]


def _rule_name(message: type[Message]) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", message.__name__).lower()


def cddl(message: type[Message]) -> str:
    """Return a message's CDDL rule, fields in the order in which they stand in the bytes."""
    lines = [f"{_rule_name(message)} = {{"]
    for field in fields_of(message):
        expression, _, remark = field.kind.cddl().partition(" ; ")
        lines.append(f"  {field.name}: {expression}," + (f"  ; {remark}" if remark else ""))
    return "\n".join([*lines, "}"])


# ---------------------------------------------------------------------------------------------- what entries consist of

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
    """A part entry: one contest. `rule` as in proofs.md; contests with one `question` share one region."""

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
    _require_size(raw)
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


@dataclass(frozen=True, slots=True)
class SignatureClaim:
    """An Ed25519 signature that must verify; a refusal carries the check that asked for it."""

    check: str
    culprit: str
    public_key: bytes
    message: bytes
    signature: bytes

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
