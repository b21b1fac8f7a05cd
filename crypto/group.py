"""The two prime-order groups of the protocol, behind one interface, and their one valid encoding each.

Spec: `docs/spec/group.md`. An `Element` is always a decoded group element; bytes become elements only through
`parse_element` (a single message: the identity is refused) or `parse_sum` (a sum: it may occur). Scalars are Python
integers in `[0, order)`. Products with a secret factor run in constant time inside the Rust kernel (ristretto255)
or OpenSSL (P-256); the integer arithmetic around them does not, which `docs/non-claims.md` says. Names with `vartime_`
are for public data only.

>>> group = parse_suite("RISTRETTO255-SHA512")
>>> element = 5 * group.generator
>>> group.parse_element(element.to_bytes()) == group.generator + 4 * group.generator
True
>>> group.parse_sum(bytes(32)).is_identity()
True
"""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from math import isqrt
from typing import Any, Literal, TypeAlias

from crypto import _kernel
from crypto.errors import MalformedEncoding, Misuse

RISTRETTO255_NAME = "RISTRETTO255-SHA512"
P256_NAME = "P256-SHA256"
SCALAR_SIZE = 32
WIDE_SIZE = 64

LibraryPoint: TypeAlias = Any
"""Each suite's library has a point type of its own; only that suite looks inside."""


@dataclass(frozen=True, slots=True, eq=False)
class Element:
    """One group element; `point` belongs to the library that computes in `group`."""

    group: Group
    point: LibraryPoint

    def __add__(self, other: Element) -> Element:
        """Return the sum of two elements of one group."""
        return Element(self.group, self.group.add_points(self.point, self._same_group(other)))

    def __sub__(self, other: Element) -> Element:
        """Return the difference of two elements of one group."""
        return self + (-other)

    def __neg__(self) -> Element:
        """Return the inverse."""
        return Element(self.group, self.group.negate_point(self.point))

    def __rmul__(self, scalar: int) -> Element:
        """Return the multiple by an integer, in constant time (the integer is reduced first)."""
        return Element(self.group, self.group.multiply_point(scalar % self.group.order, self.point))

    def __eq__(self, other: object) -> bool:
        """Compare as group elements."""
        return isinstance(other, Element) and self.group is other.group and self.to_bytes() == other.to_bytes()

    def __hash__(self) -> int:
        """Hash the one encoding."""
        return hash(self.to_bytes())

    def is_identity(self) -> bool:
        """Tell whether this is the neutral element."""
        return self.to_bytes() == self.group.identity_bytes

    def to_bytes(self) -> bytes:
        """Return the one valid encoding: `group.element_size` bytes."""
        return self.group.encode_point(self.point)

    def _same_group(self, other: Element) -> LibraryPoint:
        if other.group is not self.group:
            raise Misuse("elements of two groups cannot be added")
        return other.point


class Group(ABC):
    """A group of prime order with a generator; subclasses bind one library each.

    The four abstract `*_point` methods and `decode_point` are the whole binding; everything else is common, so that the
    same conformance tests run on every suite.
    """

    name: str
    hash_suite: str
    order: int
    element_size: int
    scalar_byteorder: Literal["little", "big"]
    identity_bytes: bytes
    generator: Element
    identity: Element

    @abstractmethod
    def add_points(self, left: LibraryPoint, right: LibraryPoint) -> LibraryPoint:
        """Add two of the library's points."""

    @abstractmethod
    def negate_point(self, point: LibraryPoint) -> LibraryPoint:
        """Negate one of the library's points."""

    @abstractmethod
    def multiply_point(self, scalar: int, point: LibraryPoint) -> LibraryPoint:
        """Multiply in constant time by a scalar in `[0, order)`."""

    @abstractmethod
    def encode_point(self, point: LibraryPoint) -> bytes:
        """Return the one valid encoding."""

    @abstractmethod
    def decode_point(self, data: bytes) -> LibraryPoint | None:
        """Return the point that `data` encodes (the identity included), None when it is no valid encoding."""

    @abstractmethod
    def vartime_sum(self, scalars: Sequence[int], elements: Sequence[Element]) -> Element:
        """Return the sum of `scalars[i] * elements[i]` over public data, in variable time."""

    @abstractmethod
    def hash_to_element(self, message: bytes, dst: bytes) -> Element:
        """Hash to an element whose logarithm nobody knows (RFC 9380, the suite `hash_suite`)."""

    def vartime_logarithm(self, element: Element, maximum: int) -> int | None:
        """Return v with `element` = v G and 0 <= v <= maximum, None when there is none (baby steps, giant steps)."""
        step = isqrt(maximum) + 1
        table = _baby_steps(self, step)
        giant = -(step * self.generator)
        for number in range(step + 1):
            small = table.get(element.to_bytes())
            if small is not None:
                value = number * step + small
                return value if value <= maximum else None
            element += giant
        return None

    def decode_points(self, data: bytes) -> list[LibraryPoint | None]:
        """Decode elements that stand one after the other, None for each that is no valid encoding."""
        size = self.element_size
        return [self.decode_point(data[at : at + size]) for at in range(0, len(data), size)]

    def parse_sums(self, data: bytes, *, culprit: str = "") -> list[Element]:
        """Decode elements that stand one after the other and may be the identity: sums of other elements (A*, B*, D).

        Raises MalformedEncoding.
        """
        whole = len(data) % self.element_size == 0
        return self._wrap(self.decode_points(data) if whole else [None], culprit)

    def parse_sum(self, data: bytes, *, culprit: str = "") -> Element:
        """Decode one element that may be the identity. Raises MalformedEncoding."""
        whole = len(data) == self.element_size
        return self._wrap([self.decode_point(data) if whole else None], culprit)[0]

    def _wrap(self, points: list[LibraryPoint | None], culprit: str) -> list[Element]:
        if any(point is None for point in points):
            # A group element MUST be the one valid encoding, exactly as long as the suite says.
            raise MalformedEncoding("GROUP-1", f"not the encoding of an element of {self.name}", culprit=culprit)
        return [Element(self, point) for point in points]

    def parse_element(self, data: bytes, *, culprit: str = "") -> Element:
        """Decode an element of a single message: key, ciphertext, commitment.

        Raises MalformedEncoding, with a check of its own for the identity.
        """
        element = self.parse_sum(data, culprit=culprit)
        if data == self.identity_bytes:
            # A key, a ciphertext component or a commitment MUST NOT be the identity.
            raise MalformedEncoding("GROUP-2", "the identity is no valid single message", culprit=culprit)
        return element

    def parse_scalar(self, data: bytes, *, culprit: str = "") -> int:
        """Decode 32 bytes to a scalar. Raises MalformedEncoding."""
        scalar = int.from_bytes(data, self.scalar_byteorder)
        if len(data) != SCALAR_SIZE or scalar >= self.order:
            # A scalar MUST be exactly 32 bytes and less than the group order.
            raise MalformedEncoding("GROUP-3", "not a canonical scalar", culprit=culprit)
        return scalar

    def scalar_bytes(self, scalar: int) -> bytes:
        """Return the 32 bytes of a scalar (reduced first)."""
        return (scalar % self.order).to_bytes(SCALAR_SIZE, self.scalar_byteorder)

    def reduce_wide(self, data: bytes) -> int:
        """Reduce 64 uniform bytes to a scalar with negligible bias, in the suite's byte order."""
        if len(data) != WIDE_SIZE:
            raise Misuse(f"a wide scalar is reduced from {WIDE_SIZE} bytes, not {len(data)}")
        return int.from_bytes(data, self.scalar_byteorder) % self.order

    def random_scalar(self) -> int:
        """Draw a scalar from the operating system, never 0."""
        return self.reduce_wide(os.urandom(WIDE_SIZE)) or self.random_scalar()


@lru_cache(maxsize=4)
def _baby_steps(group: Group, count: int) -> dict[bytes, int]:
    table = {}
    element = group.identity
    for value in range(count):
        table[element.to_bytes()] = value
        element += group.generator
    return table


def expand_message_xmd(message: bytes, dst: bytes, length: int, algorithm: Literal["sha256", "sha512"]) -> bytes:
    """Stretch a message to `length` uniform bytes (RFC 9380, section 5.3.1); `dst` has 1 to 255 bytes."""
    digest = hashlib.new(algorithm)
    blocks = -(-length // digest.digest_size)
    if not 0 < len(dst) <= 255 or not 0 < length <= 255 * digest.digest_size:
        raise Misuse("expand_message_xmd: length or domain separation tag out of range")
    dst_prime = dst + bytes([len(dst)])
    head = bytes(digest.block_size) + message + length.to_bytes(2, "big") + b"\0" + dst_prime
    first = hashlib.new(algorithm, head).digest()
    out = [hashlib.new(algorithm, first + b"\1" + dst_prime).digest()]
    for index in range(2, blocks + 1):
        mixed = bytes(a ^ b for a, b in zip(first, out[-1], strict=True))
        out.append(hashlib.new(algorithm, mixed + bytes([index]) + dst_prime).digest())
    return b"".join(out)[:length]


class Ristretto255(Group):
    """RFC 9496 over the Rust kernel (curve25519-dalek)."""

    name = RISTRETTO255_NAME
    hash_suite = "ristretto255_XMD:SHA-512_R255MAP_RO_"
    order = 2**252 + 27742317777372353535851937790883648493
    element_size = 32
    scalar_byteorder: Literal["little", "big"] = "little"
    identity_bytes = bytes(32)

    def __init__(self) -> None:
        self.generator = Element(self, _kernel.Point.generator())
        self.identity = Element(self, _kernel.Point.identity())

    def add_points(self, left: LibraryPoint, right: LibraryPoint) -> LibraryPoint:
        """Add two of the kernel's points."""
        return left + right

    def negate_point(self, point: LibraryPoint) -> LibraryPoint:
        """Negate one of the kernel's points."""
        return -point

    def multiply_point(self, scalar: int, point: LibraryPoint) -> LibraryPoint:
        """Multiply by dalek's constant-time ladder, through its table for the generator."""
        number = _kernel.Scalar.from_bytes(self.scalar_bytes(scalar))
        return _kernel.Point.mul_base(number) if point is self.generator.point else point.mul(number)

    def encode_point(self, point: LibraryPoint) -> bytes:
        """Return the 32 bytes of RFC 9496."""
        return bytes(point.to_bytes())

    def decode_point(self, data: bytes) -> LibraryPoint | None:
        """Decode 32 bytes by RFC 9496."""
        return self.decode_points(data)[0]

    def decode_points(self, data: bytes) -> list[LibraryPoint | None]:
        """Decode many in one call."""
        return list(_kernel.vartime_decode_batch(data))

    def vartime_sum(self, scalars: Sequence[int], elements: Sequence[Element]) -> Element:
        """Sum by the kernel's multi-scalar multiplication."""
        numbers = [_kernel.Scalar.from_bytes(self.scalar_bytes(scalar)) for scalar in scalars]
        return Element(self, _kernel.vartime_msm(numbers, [element.point for element in elements]))

    def vartime_logarithm(self, element: Element, maximum: int) -> int | None:
        """Search in the kernel."""
        return _kernel.vartime_discrete_log(element.point, maximum)

    def hash_to_element(self, message: bytes, dst: bytes) -> Element:
        """Hash by ristretto255_XMD:SHA-512_R255MAP_RO_ (RFC 9380, appendix B; RFC 9496, section 4.3.4)."""
        return self.map_uniform(expand_message_xmd(message, dst, WIDE_SIZE, "sha512"))

    def map_uniform(self, data: bytes) -> Element:
        """Map 64 uniform bytes to an element (RFC 9496, section 4.3.4)."""
        return Element(self, _kernel.Point.from_uniform(data))


class P256(Group):
    """NIST P-256 over petlib's OpenSSL binding (the extra `p256`).

    Only the binding's C functions are used: petlib's own classes drop their checks under `python -O`.
    """

    name = P256_NAME
    hash_suite = "P256_XMD:SHA-256_SSWU_RO_"
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    element_size = 33
    scalar_byteorder: Literal["little", "big"] = "big"
    # OpenSSL writes the identity as one byte; a sum needs a fixed length, so it is 33 zero bytes here.
    identity_bytes = bytes(33)

    _field = 2**256 - 2**224 + 2**192 + 2**96 - 1
    _b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    _curve_nid = 415

    def __init__(self) -> None:
        """Load OpenSSL through petlib; Misuse when the extra is not installed."""
        try:
            from petlib import bindings  # noqa: PLC0415 -- an optional extra, loaded by its suite alone
        except ImportError as error:
            raise Misuse("the suite P256-SHA256 needs the extra 'p256' (petlib)") from error
        self._c = bindings._C  # noqa: SLF001 -- petlib publishes its C functions under this name only
        self._ffi = bindings._FFI  # noqa: SLF001
        self._curve = self._c.EC_GROUP_new_by_curve_name(self._curve_nid)
        generator = self._new_point()
        self._check(self._c.EC_POINT_copy(generator, self._c.EC_GROUP_get0_generator(self._curve)))
        self.generator = Element(self, generator)
        self.identity = Element(self, self._new_point())

    def add_points(self, left: LibraryPoint, right: LibraryPoint) -> LibraryPoint:
        """Add two OpenSSL points."""
        out = self._new_point()
        self._check(self._c.EC_POINT_add(self._curve, out, left, right, self._ffi.NULL))
        return out

    def negate_point(self, point: LibraryPoint) -> LibraryPoint:
        """Negate an OpenSSL point."""
        out = self._new_point()
        self._check(self._c.EC_POINT_copy(out, point))
        self._check(self._c.EC_POINT_invert(self._curve, out, self._ffi.NULL))
        return out

    def multiply_point(self, scalar: int, point: LibraryPoint) -> LibraryPoint:
        """Multiply by OpenSSL's constant-time ladder."""
        out, null = self._new_point(), self._ffi.NULL
        self._check(self._c.EC_POINT_mul(self._curve, out, null, point, self._number(scalar), null))
        return out

    def encode_point(self, point: LibraryPoint) -> bytes:
        """Return 02 or 03 and the x coordinate, 33 zero bytes for the identity."""
        if self._c.EC_POINT_is_at_infinity(self._curve, point):
            return self.identity_bytes
        buffer = self._ffi.new("unsigned char[]", self.element_size)
        compressed = self._c.POINT_CONVERSION_COMPRESSED
        written = self._c.EC_POINT_point2oct(self._curve, point, compressed, buffer, self.element_size, self._ffi.NULL)
        self._check(written == self.element_size)
        return bytes(self._ffi.buffer(buffer))

    def decode_point(self, data: bytes) -> LibraryPoint | None:
        """Decode a compressed point; the form is checked before OpenSSL sees it."""
        point = self._new_point()
        if data == self.identity_bytes:
            return point
        if data[0] not in (2, 3) or int.from_bytes(data[1:], "big") >= self._field:
            return None
        # On failure OpenSSL queues an error that nobody reads; the queue is short and overwrites itself.
        known = self._c.EC_POINT_oct2point(self._curve, point, data, len(data), self._ffi.NULL)
        return point if known == 1 else None

    def vartime_sum(self, scalars: Sequence[int], elements: Sequence[Element]) -> Element:
        """Sum by OpenSSL's multi-exponentiation."""
        null, out = self._ffi.NULL, self._new_point()
        numbers = [self._number(scalar % self.order) for scalar, _ in zip(scalars, elements, strict=True)]
        points = [element.point for element in elements]
        self._check(self._c.EC_POINTs_mul(self._curve, out, null, len(points), points, numbers, null))
        return Element(self, out)

    def hash_to_element(self, message: bytes, dst: bytes) -> Element:
        """Hash by P256_XMD:SHA-256_SSWU_RO_ (RFC 9380, sections 3 and 8.2)."""
        uniform = expand_message_xmd(message, dst, 96, "sha256")
        return self._map(int.from_bytes(uniform[:48], "big")) + self._map(int.from_bytes(uniform[48:], "big"))

    def _map(self, value: int) -> Element:
        """Map a field element by simplified SWU (RFC 9380, section 6.6.2) with A = -3 and Z = -10."""
        p, a, z = self._field, -3, -10
        u = value % p
        zu2 = z * u * u % p
        denominator = (zu2 * zu2 + zu2) % p
        if denominator:
            x = -self._b * pow(a, -1, p) * (1 + pow(denominator, -1, p)) % p
        else:
            x = self._b * pow(z * a, -1, p) % p
        y = self._square_root(x)
        if y is None:
            x = zu2 * x % p
            y = self._square_root(x)
        if y is None:
            raise Misuse("simplified SWU found no point, which the curve's parameters exclude")
        if u % 2 != y % 2:
            y = p - y
        return self.parse_element(bytes([2 + y % 2]) + x.to_bytes(32, "big"))

    def _square_root(self, x: int) -> int | None:
        """Return a y with y^2 = x^3 - 3x + b, None when there is none."""
        p = self._field
        square = (x * x * x - 3 * x + self._b) % p
        y = pow(square, (p + 1) // 4, p)
        return y if y * y % p == square else None

    def _new_point(self) -> LibraryPoint:
        return self._ffi.gc(self._c.EC_POINT_new(self._curve), self._c.EC_POINT_clear_free)

    def _number(self, scalar: int) -> LibraryPoint:
        data = scalar.to_bytes(SCALAR_SIZE, "big")
        return self._ffi.gc(self._c.BN_bin2bn(data, len(data), self._ffi.NULL), self._c.BN_clear_free)

    @staticmethod
    def _check(result: int) -> None:
        if result != 1:
            raise Misuse("OpenSSL refused an operation on valid points (out of memory?)")


@cache
def parse_suite(name: str) -> Group:
    """Return the group of a manifest's suite name. Raises MalformedEncoding for any other text."""
    if name == RISTRETTO255_NAME:
        return Ristretto255()
    if name == P256_NAME:
        return P256()
    # The suite MUST be `RISTRETTO255-SHA512` or `P256-SHA256`.
    raise MalformedEncoding("GROUP-4", "unknown suite")
