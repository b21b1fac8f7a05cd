"""Exponential ElGamal over vectors of options, and all of a ballot's randomness from one seed.

Spec: `docs/spec/elgamal.md`. Option j of a contest is `(A_j, B_j) = (r_j G, r_j H + v_j G)`; vectors of one contest add
up component by component, which is how a tally is made. A sum may be the identity, a single ciphertext may not.
`BallotSeed` derives every secret scalar of a ballot from 32 bytes, so that revealing the seed opens the whole ballot.

>>> from crypto.group import parse_suite
>>> group = parse_suite("RISTRETTO255-SHA512")
>>> seed = BallotSeed("demo", bytes(32))
>>> randomness = [seed.derive_encryption(group, contest=1, option=j) for j in range(2)]
>>> ballot = encrypt_vector(group, 7 * group.generator, [0, 1], randomness)
>>> total = add_vectors([ballot, ballot])
>>> (total[1].b - 7 * total[1].a) == 2 * group.generator
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crypto.errors import MalformedEncoding, Misuse
from crypto.group import Element, Group
from crypto.transcript import Kind, hkdf_expand, hkdf_extract, tag

SEED_SIZE = 32
OPENING_SIZE = 32
_WIDE_SIZE = 64


@dataclass(frozen=True, slots=True)
class Ciphertext:
    """One encrypted option, or a sum of them."""

    a: Element
    b: Element

    def __add__(self, other: Ciphertext) -> Ciphertext:
        """Add component by component: the plaintexts add up."""
        return Ciphertext(self.a + other.a, self.b + other.b)

    def __sub__(self, other: Ciphertext) -> Ciphertext:
        """Take a ciphertext out of a sum again."""
        return Ciphertext(self.a - other.a, self.b - other.b)

    def to_bytes(self) -> bytes:
        """Return A and B, one after the other."""
        return self.a.to_bytes() + self.b.to_bytes()


def encrypt(group: Group, key: Element, value: int, randomness: int) -> Ciphertext:
    """Encrypt `value` in the exponent under `key`; `randomness` is a scalar that is used for nothing else."""
    return Ciphertext(
        randomness * group.generator,
        randomness * key + value * group.generator,
    )


def encrypt_vector(
    group: Group, key: Element, values: Sequence[int], randomness: Sequence[int]
) -> tuple[Ciphertext, ...]:
    """Encrypt one contest's options, each under a scalar of its own."""
    return tuple(encrypt(group, key, value, scalar) for value, scalar in zip(values, randomness, strict=True))


def add_vectors(vectors: Sequence[tuple[Ciphertext, ...]]) -> tuple[Ciphertext, ...]:
    """Add ciphertext vectors of one length; Misuse for none (the length would be unknown)."""
    if not vectors:
        raise Misuse("the sum of no vectors has no length")
    total = vectors[0]
    for vector in vectors[1:]:
        total = tuple(left + right for left, right in zip(total, vector, strict=True))
    return total


def vector_to_bytes(vector: Sequence[Ciphertext]) -> bytes:
    """Return `A_0 B_0 A_1 B_1 ...`, 2 n elements."""
    return b"".join(ciphertext.to_bytes() for ciphertext in vector)


def parse_sums(group: Group, data: bytes, options: int, *, culprit: str = "") -> tuple[Ciphertext, ...]:
    """Decode the summed vector of a cell: n pairs (A*, B*), the identity allowed. Raises MalformedEncoding."""
    if len(data) != 2 * group.element_size * options:
        # A vector of n options MUST be exactly 2 n elements long.
        raise MalformedEncoding("ELGAMAL-1", f"not {options} pairs of elements", culprit=culprit)
    elements = group.parse_sums(data, culprit=culprit)
    return tuple(Ciphertext(a, b) for a, b in zip(elements[::2], elements[1::2], strict=True))


class BallotSeed:
    """The 32-byte seed of one ballot and everything that is derived from it (HKDF, RFC 5869, SHA-512).

    `key` is the 64-byte pseudorandom key, as secret as the seed.
    """

    __slots__ = ("key",)

    def __init__(self, kind: Kind, seed: bytes) -> None:
        """Extract the ballot's pseudorandom key; Misuse unless the seed has 32 bytes."""
        if len(seed) != SEED_SIZE:
            raise Misuse(f"a ballot seed has {SEED_SIZE} bytes, not {len(seed)}")
        self.key = hkdf_extract(tag(kind, "ballot-seed"), seed)

    def derive_encryption(self, group: Group, contest: int, option: int) -> int:
        """Return the encryption scalar r_j of one option."""
        info = b"r" + contest.to_bytes(2, "big") + option.to_bytes(4, "big")
        return group.reduce_wide(hkdf_expand(self.key, info, _WIDE_SIZE))

    def derive_proof(self, group: Group, label: str, contest: int, index: int, statement: bytes) -> int:
        """Return a secret scalar of the validity proof, bound to the 64-byte state of the statement.

        One seed therefore never gives the same mask to two statements, which would reveal the vote.
        """
        info = label.encode("ascii") + contest.to_bytes(2, "big") + index.to_bytes(4, "big") + statement
        return group.reduce_wide(hkdf_expand(self.key, info, _WIDE_SIZE))

    def derive_opening(self) -> bytes:
        """Return k, the 32 bytes that open the ballot's lock and prove who sealed it."""
        return hkdf_expand(self.key, b"lock", OPENING_SIZE)
