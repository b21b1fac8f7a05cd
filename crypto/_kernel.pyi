"""The compiled kernel (crypto/kernel, Rust): ristretto255 of RFC 9496 and whole ballots of `docs/spec/proofs.md`.

Bytes of a wrong length or that encode nothing raise ValueError. Names with `vartime_` are for public data only; all
other arithmetic is constant time in scalars and points. Long calls release the interpreter lock.

Codes of a ballot's verdict: 0 accepted, otherwise check * 256 + position of the contest in the ballot (position 0 where
the check is about the whole ballot). The checks in their order: 9 the bytes are not the one valid encoding of a ballot,
10 another manifest hash, 11 unknown style, 12 number of contests; then contest by contest 1 sizes, 2 a ciphertext,
3 a commitment, 4 a scalar that is not canonical, 5 a challenge is zero; then 13 a ciphertext's first component twice in
the ballot; then contest by contest 6 E1, 7 E2, 8 E3.
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
    def from_bytes(data: bytes) -> Scalar:
        """Decode 32 bytes, little endian, less than the order."""

    @staticmethod
    def from_wide(data: bytes) -> Scalar:
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
    def from_bytes(data: bytes) -> Point:
        """Decode 32 bytes (RFC 9496, section 4.3.1); the identity is decoded too."""

    @staticmethod
    def from_uniform(data: bytes) -> Point:
        """Map 64 uniform bytes to an element (RFC 9496, section 4.3.4)."""

    @staticmethod
    def generator() -> Point:
        """Return G."""

    @staticmethod
    def identity() -> Point:
        """Return the neutral element."""

    @staticmethod
    def mul_base(scalar: Scalar) -> Point:
        """Return scalar times G, faster than `generator() * scalar`."""

    def to_bytes(self) -> bytes:
        """Return the one valid encoding, 32 bytes."""

    def is_identity(self) -> bool:
        """Tell whether this is the neutral element."""

    def mul(self, scalar: Scalar) -> Point:
        """Return scalar times this point."""

    def __mul__(self, scalar: Scalar, /) -> Point: ...
    def __add__(self, other: Point, /) -> Point: ...
    def __sub__(self, other: Point, /) -> Point: ...
    def __neg__(self) -> Point: ...
    def __hash__(self) -> int: ...

@final
class BaseTable:
    """Precomputed multiples of one point (30 kB): a multiplication costs a quarter of `Point.mul`."""

    def __new__(cls, point: Point) -> BaseTable: ...
    def mul(self, scalar: Scalar) -> Point:
        """Return scalar times the table's point."""

def multiscalar_mul(scalars: Sequence[Scalar], points: Sequence[Point]) -> Point:
    """Return the sum of scalars[i] times points[i]; constant time."""

def vartime_msm(scalars: Sequence[Scalar], points: Sequence[Point]) -> Point:
    """Return the sum of scalars[i] times points[i] over public data."""

def vartime_decode_batch(data: bytes) -> list[Point | None]:
    """Decode 32 bytes a point, None for each that is no valid encoding."""

def vartime_discrete_log(point: Point, maximum: int) -> int | None:
    """Return v with point = v G and 0 <= v <= maximum, None when there is none (or maximum is above 2^43)."""

def vartime_sum_encoded(scalars: bytes, points: bytes, hints: bytes | None = None) -> bytes:
    """Decode 32 bytes a point and sum scalars[i] times points[i]; returns the sum's encoding.

    The arithmetic of `BallotVerifier`, here on its own: what its floor is measured with. Sums may be the identity.
    """

def vartime_hints(points: bytes) -> bytes:
    """Return the hint of each encoded element, 32 bytes, zeros for what is no valid encoding."""

def vartime_sum_ciphertexts(vectors: Sequence[bytes]) -> bytes:
    """Add vectors of encoded elements (at least one, all of one length) component by component."""

def vartime_subtract_ciphertexts(total: bytes, part: bytes) -> bytes:
    """Subtract `part` from `total`, vectors of one length, component by component."""

@final
class BallotVerifier:
    """Verifies whole ballots of one election from their bytes, many in one multi-scalar sum.

    `tag` is the tag of the argument's transcript; `styles` lists (style, [(contest id, rule bytes)]). ValueError when
    the key is no key, a rule no rule, a style is given twice, a contest twice in a style, or a contest with two rules.
    """

    def __new__(
        cls, tag: bytes, manifest_hash: bytes, key: bytes, styles: Sequence[tuple[int, Sequence[tuple[int, bytes]]]]
    ) -> BallotVerifier: ...
    def verify(self, ballots: Sequence[bytes], hints: Sequence[bytes] | None = None, threads: int = 1) -> list[int]:
        """Return each ballot's code. `hints`: one item a ballot, empty for none; `threads`: 0 means all cores.

        Public data only. Every bad ballot of a batch gets the code that it gets alone; hints never change a code.
        """

    def verify_and_sum(
        self,
        ballots: Sequence[bytes],
        groups: Sequence[int],
        hints: Sequence[bytes] | None = None,
        threads: int = 1,
        totals: Totals | None = None,
    ) -> tuple[list[int], dict[tuple[int, int], bytes]]:
        """Return the codes, and A*, B* of every option summed over accepted ballots by (groups[i], contest id).

        With `totals` the sums go there, and the dictionary is empty.
        """

    def make_hints(self, ballot: bytes) -> bytes:
        """Return 32 bytes a point (each contest's ciphertexts, then M1, M0, D), empty when there are no such parts."""

@final
class Totals:
    """Sums of many windows of ballots, kept as points until they are asked for: encoding costs most of summing."""

    def __new__(cls) -> Totals: ...
    def take(self) -> dict[tuple[int, int], bytes]:
        """Return the sums so far by (group, contest id), and begin with nothing again."""

@final
class Ed25519Key:
    """A key that signs much, with 165 kB of multiples; ValueError where it is no key by the strict rule."""

    def __new__(cls, data: bytes) -> Ed25519Key: ...

def vartime_verify_ed25519(
    keys: Sequence[Ed25519Key], messages: Sequence[bytes], signatures: Sequence[bytes]
) -> list[bool]:
    """Tell of each signature whether it holds by the strict rule of `docs/spec/signatures.md`: no random combination.

    ValueError for lists of different lengths and for signatures that have not 64 bytes.
    """

@final
class Sealer:
    """Encrypts and proves contests under one election key; constant time in votes and randomness.

    Making one costs tables of 30 kB: keep it. ValueError for a key that is no valid encoding or the identity.
    """

    def __new__(cls, key: bytes) -> Sealer: ...
    def seal(
        self,
        prefix: bytes,
        rule: bytes,
        contest: int,
        pseudonym: bytes,
        number: int,
        previous: bytes,
        lock: bytes,
        ballot_key: bytes,
        votes: bytes,
    ) -> tuple[bytes, bytes]:
        """Return (ciphertexts, proof).

        `prefix`: the contest's 64-byte transcript state; `ballot_key`: the 64 bytes that HKDF-Extract gives for the
        ballot's seed; `votes`: a byte 0 or 1 for each option.

        ValueError when the rule does not allow the votes.
        """
