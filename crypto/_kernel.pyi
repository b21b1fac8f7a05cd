"""The compiled kernel (crypto/kernel, Rust): ristretto255 of RFC 9496 and whole ballots of `docs/spec/proofs.md`.

Bytes of a wrong length or that encode nothing raise ValueError. Names with `vartime_` are for public data only; all
other arithmetic is constant time in scalars and points. Long calls release the interpreter lock.
"""

from collections.abc import Sequence
from typing import Final, final

SOURCES_SHA256: Final[str]
"""SHA-256 of the sources this module was built from: over Cargo.toml, Cargo.lock, build.rs and src/**/*.rs by path
(relative to crypto/kernel): path, 00, length as 8 bytes big endian, bytes."""

BUILD_PROFILE: Final[str]
"""`release` or `debug`."""

@final
class Scalar:
    """An integer modulo the group order."""

    @staticmethod
    def from_bytes(data: bytes, /) -> Scalar:
        """Decode 32 bytes, little endian, less than the order."""

    @staticmethod
    def from_wide(data: bytes, /) -> Scalar:
        """Reduce 64 bytes, little endian."""

    @staticmethod
    def random() -> Scalar:
        """Draw from the operating system's randomness."""

    def to_bytes(self) -> bytes:
        """Return 32 bytes, little endian."""

    def is_zero(self) -> bool:
        """Tell whether this is 0."""

    def invert(self) -> Scalar:
        """Return the inverse; ValueError for 0."""

    def __add__(self, other: Scalar, /) -> Scalar: ...
    def __sub__(self, other: Scalar, /) -> Scalar: ...
    def __mul__(self, other: Scalar, /) -> Scalar: ...
    def __neg__(self) -> Scalar: ...

@final
class Point:
    """A decoded element of ristretto255; equal and hashed as group element."""

    @staticmethod
    def from_bytes(data: bytes, /) -> Point:
        """Decode 32 bytes (RFC 9496, section 4.3.1); the identity is decoded too."""

    @staticmethod
    def from_uniform(data: bytes, /) -> Point:
        """Map 64 uniform bytes to an element (RFC 9496, section 4.3.4)."""

    @staticmethod
    def generator() -> Point:
        """Return G."""

    @staticmethod
    def identity() -> Point:
        """Return the neutral element."""

    @staticmethod
    def mul_base(scalar: Scalar, /) -> Point:
        """Return scalar times G, faster than `generator() * scalar`."""

    def to_bytes(self) -> bytes:
        """Return the one valid encoding, 32 bytes."""

    def is_identity(self) -> bool:
        """Tell whether this is the neutral element."""

    def mul(self, scalar: Scalar, /) -> Point:
        """Return scalar times this point."""

    def __mul__(self, scalar: Scalar, /) -> Point: ...
    def __add__(self, other: Point, /) -> Point: ...
    def __sub__(self, other: Point, /) -> Point: ...
    def __neg__(self) -> Point: ...
    def __hash__(self) -> int: ...

@final
class BaseTable:
    """Precomputed multiples of one point (30 kB): a multiplication costs a quarter of `Point.mul`."""

    def __new__(cls, point: Point, /) -> BaseTable: ...
    def mul(self, scalar: Scalar, /) -> Point:
        """Return scalar times the table's point."""

def multiscalar_mul(scalars: Sequence[Scalar], points: Sequence[Point], /) -> Point:
    """Return the sum of scalars[i] times points[i]; constant time."""

def vartime_msm(scalars: Sequence[Scalar], points: Sequence[Point], /) -> Point:
    """Return the sum of scalars[i] times points[i] over public data."""

def vartime_decode_batch(data: bytes, hints: bytes | None = None) -> list[Point | None]:
    """Decode 32 bytes a point, None for each that is no valid encoding; `hints` are 32 untrusted bytes a point."""

def vartime_discrete_log(point: Point, maximum: int, /) -> int | None:
    """Return v with point = v G and 0 <= v <= maximum, None when there is none (or maximum is above 2^43)."""
