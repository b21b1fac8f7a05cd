"""What one point costs on one core: decoding, decoding with a hint, and its part of a multi-scalar sum.

>>> POINTS
(1000, 10000, 100000)
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from bench.figures import Figure, best_of, one_core
from crypto._kernel import Point, Scalar, vartime_decode_batch, vartime_msm

POINTS = (1_000, 10_000, 100_000)


@dataclass(slots=True)
class PointFigures:
    """Microseconds of one point at the largest size measured; the floor of a ballot is made of them."""

    size: int = 0
    decode_us: float = 0.0
    hinted_us: float = 0.0
    sum_us: float = 0.0


def measure_points(measured: PointFigures) -> Iterator[Figure]:
    """Yield the figures of every size; `measured` keeps those of the largest."""
    largest = max(POINTS)
    points = [Point.from_uniform(os.urandom(64)) for _ in range(largest)]
    scalars = [Scalar.random() for _ in range(largest)]
    data = b"".join(point.to_bytes() for point in points)
    hints = make_hints(data)
    with one_core():
        for size in POINTS:
            rounds = 5 if size < largest else 2
            chunk, chunk_hints = data[: 32 * size], hints[: 32 * size]
            some_scalars, some_points = scalars[:size], points[:size]
            plain = best_of(rounds, lambda chunk=chunk: vartime_decode_batch(chunk))
            hinted = best_of(rounds, lambda chunk=chunk, hints=chunk_hints: vartime_decode_batch(chunk, hints))
            summed = best_of(rounds, lambda s=some_scalars, p=some_points: vartime_msm(s, p))
            measured.size = size
            measured.decode_us, measured.hinted_us, measured.sum_us = (
                seconds / size * 1e6 for seconds in (plain, hinted, summed)
            )
            note = f"{size:,} points, one core"
            yield Figure(f"decode.{size}.us", measured.decode_us, "us", note)
            yield Figure(f"decode.{size}.hints.us", measured.hinted_us, "us", note)
            yield Figure(f"sum.{size}.us", measured.sum_us, "us", note)


def make_hints(data: bytes) -> bytes:
    """Return 32 bytes a point: the inverse square root I with I² v u2² = 1 (PROTOCOL, section 2).

    >>> point = Point.generator().to_bytes()
    >>> len(make_hints(point + point))
    64
    """
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    root_m1 = pow(2, (p - 1) // 4, p)
    hints = []
    for at in range(0, len(data), 32):
        s = int.from_bytes(data[at : at + 32], "little")
        u1, u2 = 1 - s * s, 1 + s * s
        x = (-d * u1 * u1 - u2 * u2) * u2 * u2 % p
        # 1/sqrt(x) = x^((p-5)/8) · x^((p-1)/2 - ...) up to a fourth root of unity, found by trying it.
        root = pow(x, 3, p) * pow(pow(x, 7, p), (p - 5) // 8, p) % p
        if root * root * x % p != 1:
            root = root * root_m1 % p
        hints.append(min(root, p - root).to_bytes(32, "little"))
    return b"".join(hints)
