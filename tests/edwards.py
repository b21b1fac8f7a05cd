"""A readable Ed25519 for the tests: the strict rule of `docs/spec/signatures.md` in affine arithmetic, and forgeries.

Slow, not constant time, and independent of every library: it imports nothing but hashlib.
"""

from hashlib import sha512

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]
IDENTITY: Point = (0, 1)


def decode(data: bytes) -> Point | None:
    """Return the point of a canonical encoding (RFC 8032 section 5.1.3), or None."""
    number = int.from_bytes(data, "little")
    y, sign = number & (2**255 - 1), number >> 255
    if len(data) != 32 or y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return (P - x if x & 1 != sign else x, y)


def encode(point: Point) -> bytes:
    """Return the 32-byte encoding."""
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def add(one: Point, two: Point) -> Point:
    """Return the sum on the twisted Edwards curve."""
    (x1, y1), (x2, y2) = one, two
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P)
    return x % P, y % P


def multiply(scalar: int, point: Point) -> Point:
    """Return the multiple."""
    result = IDENTITY
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def _base() -> Point:
    point = decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    if point is None:
        raise ValueError("the base point is on the curve")
    return point


def _torsion() -> Point:
    """Return a point of order 8: L times any point of order 8 L."""
    for y in range(2, 100):
        point = decode(y.to_bytes(32, "little"))
        if point is not None and multiply(4, multiply(L, point)) != IDENTITY:
            return multiply(L, point)
    raise ValueError("an eighth of all points has full order")


BASE = _base()
TORSION = _torsion()


def challenge(nonce: bytes, key: bytes, message: bytes) -> int:
    """Return h = SHA-512(R, A, message) mod L."""
    return int.from_bytes(sha512(nonce + key + message).digest(), "little") % L


def forge(secret: int, nonce: int, key: Point, commitment: Point, message: bytes) -> tuple[bytes, bytes]:
    """Return (A, signature) with S = r + h a for any encodings of A and R."""
    public, point = encode(key), encode(commitment)
    scalar = (nonce + challenge(point, public, message) * secret) % L
    return public, point + scalar.to_bytes(32, "little")


def is_valid(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether a signature is valid by the strict rule."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    key, nonce, scalar = decode(public_key), decode(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or nonce is None or scalar >= L:
        return False
    if IDENTITY in {multiply(8, key), multiply(8, nonce)}:
        return False
    expected = add(nonce, multiply(challenge(signature[:32], public_key, message), key))
    return multiply(scalar, BASE) == expected
