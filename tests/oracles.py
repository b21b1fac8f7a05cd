"""Slow and obvious second opinions for the tests: ristretto255 from RFC 9496's text, and a textbook 0/1 proof.

`RistrettoOracle` does its arithmetic on Python integers and shares no line with the kernel. The OR-proof is that of
Cramer, Damgård and Schoenmakers (CRYPTO 1994) for one ciphertext, with a proof that the votes add up to one: the usual
way to show that a ballot is well formed, here only to compare verdicts with.
"""

import hashlib
import secrets
from dataclasses import dataclass

from crypto.elgamal import Ciphertext
from crypto.group import Element, Group

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def is_negative(value: int) -> bool:
    """Tell whether the least nonnegative residue is odd (RFC 9496, section 4.1)."""
    return value % P % 2 == 1


def sqrt_ratio(u: int, v: int) -> tuple[bool, int]:
    """Return (was square, root) of u/v (RFC 9496, section 4.2)."""
    root = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * root * root % P
    correct, flipped, flipped_i = check == u % P, check == -u % P, check == -u * SQRT_M1 % P
    if flipped or flipped_i:
        root = root * SQRT_M1 % P
    return correct or flipped, -root % P if is_negative(root) else root


INVSQRT_A_MINUS_D = sqrt_ratio(1, -1 - D)[1]
SQRT_AD_MINUS_ONE = P - sqrt_ratio(-D - 1, 1)[1]  # the RFC takes the odd root


@dataclass(frozen=True, slots=True)
class RistrettoOracle:
    """A point in affine coordinates of the Edwards curve -x² + y² = 1 + d x² y²."""

    x: int
    y: int

    @staticmethod
    def decode(data: bytes) -> "RistrettoOracle | None":
        """Decode by RFC 9496, section 4.3.1; None for an invalid encoding."""
        s = int.from_bytes(data, "little")
        if len(data) != 32 or s >= P or is_negative(s):
            return None
        ss = s * s % P
        u1, u2 = (1 - ss) % P, (1 + ss) % P
        u2_sqr = u2 * u2 % P
        v = (-D * u1 * u1 - u2_sqr) % P
        was_square, invsqrt = sqrt_ratio(1, v * u2_sqr)
        den_x = invsqrt * u2 % P
        den_y = invsqrt * den_x * v % P
        x = 2 * s * den_x % P
        x = -x % P if is_negative(x) else x
        y = u1 * den_y % P
        if not was_square or is_negative(x * y) or y == 0:
            return None
        return RistrettoOracle(x, y)

    def encode(self) -> bytes:
        """Encode by RFC 9496, section 4.3.2."""
        x, y, t = self.x, self.y, self.x * self.y % P
        u1, u2 = (1 + y) * (1 - y) % P, t
        _, invsqrt = sqrt_ratio(1, u1 * u2 * u2)
        den1, den2 = invsqrt * u1 % P, invsqrt * u2 % P
        z_inv = den1 * den2 * t % P
        if is_negative(t * z_inv):
            x, y, den_inv = y * SQRT_M1 % P, x * SQRT_M1 % P, den1 * INVSQRT_A_MINUS_D % P
        else:
            den_inv = den2
        if is_negative(x * z_inv):
            y = -y % P
        s = den_inv * (1 - y) % P
        return (-s % P if is_negative(s) else s).to_bytes(32, "little")

    def __add__(self, other: "RistrettoOracle") -> "RistrettoOracle":
        """Add by the affine Edwards law."""
        cross = D * self.x * other.x * self.y * other.y
        x = (self.x * other.y + self.y * other.x) * pow(1 + cross, -1, P) % P
        y = (self.y * other.y + self.x * other.x) * pow(1 - cross, -1, P) % P
        return RistrettoOracle(x, y)

    def __rmul__(self, scalar: int) -> "RistrettoOracle":
        """Multiply by doubling and adding."""
        out, power = RistrettoOracle(0, 1), self
        while scalar:
            out = out + power if scalar & 1 else out
            power, scalar = power + power, scalar >> 1
        return out


def map_uniform(data: bytes) -> RistrettoOracle:
    """Map 64 uniform bytes to a point (RFC 9496, section 4.3.4)."""
    return _map(data[:32]) + _map(data[32:])


def _map(data: bytes) -> RistrettoOracle:
    t = (int.from_bytes(data, "little") % 2**255) % P
    r = SQRT_M1 * t * t % P
    u = (r + 1) * (1 - D * D) % P
    v = (-1 - r * D) * (r + D) % P
    was_square, s = sqrt_ratio(u, v)
    s_prime = s * t % P
    s_prime = s_prime if is_negative(s_prime) else -s_prime % P
    s, c = (s, -1) if was_square else (s_prime, r)
    n = (c * (r - 1) * (D - 1) ** 2 - v) % P
    w0, w1 = 2 * s * v % P, n * SQRT_AD_MINUS_ONE % P
    w2, w3 = (1 - s * s) % P, (1 + s * s) % P
    return RistrettoOracle(w0 * pow(w1, -1, P) % P, w2 * pow(w3, -1, P) % P)


# --------------------------------------------------------------------------------------------- textbook validity proof


def challenge(group: Group, *parts: bytes) -> int:
    """Hash the parts to a scalar; good enough for a comparison in tests."""
    return group.reduce_wide(hashlib.sha512(b"textbook".join(parts)).digest())


def prove_bit(
    group: Group, key: Element, ciphertext: Ciphertext, vote: int, randomness: int
) -> list[tuple[Element, Element, int, int]]:
    """Prove that a ciphertext holds 0 or 1: two branches (a, b, c, z), the false one simulated."""
    q, G = group.order, group.generator
    real = int(vote == 1)
    branches: list[tuple[Element, Element, int, int]] = []
    k = secrets.randbelow(q)
    for value in (0, 1):
        if value == real:
            branches.append((k * G, k * key, 0, 0))
        else:
            c, z = secrets.randbelow(q), secrets.randbelow(q)
            branches.append((z * G - c * ciphertext.a, z * key - c * (ciphertext.b - value * G), c, z))
    parts = [ciphertext.to_bytes(), *(a.to_bytes() + b.to_bytes() for a, b, _, _ in branches)]
    c = (challenge(group, *parts) - branches[1 - real][2]) % q
    branches[real] = (branches[real][0], branches[real][1], c, (k + c * randomness) % q)
    return branches


def bit_holds(
    group: Group, key: Element, ciphertext: Ciphertext, branches: list[tuple[Element, Element, int, int]]
) -> bool:
    """Check the 0/1 proof of one ciphertext."""
    q, G = group.order, group.generator
    parts = [ciphertext.to_bytes(), *(a.to_bytes() + b.to_bytes() for a, b, _, _ in branches)]
    if sum(c for _, _, c, _ in branches) % q != challenge(group, *parts):
        return False
    return all(
        z * G == a + c * ciphertext.a and z * key == b + c * (ciphertext.b - value * G)
        for value, (a, b, c, z) in enumerate(branches)
    )


def textbook_accepts(group: Group, secret: int, votes: list[int], low: int, high: int) -> bool:
    """Encrypt and prove votes bit by bit, then check all bits and that their sum lies in `low..high`.

    The sum is read by decryption with the election secret, which an oracle may do.
    """
    key = secret * group.generator
    total = Ciphertext(group.identity, group.identity)
    for vote in votes:
        randomness = secrets.randbelow(group.order - 1) + 1
        ciphertext = Ciphertext(randomness * group.generator, randomness * key + vote * group.generator)
        if not bit_holds(group, key, ciphertext, prove_bit(group, key, ciphertext, vote, randomness)):
            return False
        total += ciphertext
    return any(total.b - secret * total.a == count * group.generator for count in range(low, high + 1))
