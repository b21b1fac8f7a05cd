"""The codec of every entry: one declaration of fields gives writer, strict reader, CDDL and the list of fields.

Spec: `docs/spec/encoding.md`. A `Message` subclass declares each field once, with its limits: `Annotated[type, kind]`.
From that come `to_bytes` (deterministic CBOR, RFC 8949 section 4.2.1), `parse` (the only bytes it takes are those that
`to_bytes` gives), `fields_of` and `cddl`. The reader walks the declaration, so depth and work are bounded by the
declaration and by the input's length, whatever the bytes say.

>>> from crypto.election.entries import Close
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
from typing import Protocol, Self, TypeAlias, get_type_hints

import cbor2

from crypto.cbor import ARRAY, MAP, TSTR, UINT, malformed, read_bytes, read_head
from crypto.errors import MalformedEncoding, Misuse
from crypto.merkle import MAX_ENTRY_SIZE

MAX_UINT = 2**53 - 1

# Control characters, and those that turn the direction of a line: a name must read as what it is.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

ReadResult: TypeAlias = "tuple[object, int]"


def _out_of_limits(reason: str) -> MalformedEncoding:
    # Every value MUST lie within the limits declared for its field; texts hold no control characters.
    return MalformedEncoding("ENCODING-2", reason)


def require_size(data: bytes) -> None:
    """Check the size of an entry or body before anything in it is read. Raises MalformedEncoding."""
    if len(data) > MAX_ENTRY_SIZE:
        # An entry MUST have at most 65,535 bytes.
        raise MalformedEncoding("ENCODING-3", f"{len(data)} bytes, {MAX_ENTRY_SIZE} are allowed")


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
        require_size(data)
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
