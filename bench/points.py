"""What one point costs on one core: decoding, and its part of a multi-scalar sum.

>>> POINTS
(1000, 10000, 100000)
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from bench.figures import Figure, best_of, one_core
from crypto._kernel import Point, Scalar, vartime_decode_batch, vartime_msm

POINTS = (1_000, 10_000, 100_000)


@dataclass(slots=True)
class PointFigures:
    """Microseconds of one point at the largest size measured; the floor of a ballot is made of them."""

    size: int = 0
    decode_us: float = 0.0
    sum_us: float = 0.0


def measure_points(measured: PointFigures) -> Iterator[Figure]:
    """Yield the figures of every size; `measured` keeps those of the largest."""
    largest = max(POINTS)
    points = [Point.from_uniform(os.urandom(64)) for _ in range(largest)]
    scalars = [Scalar.random() for _ in range(largest)]
    data = b"".join(point.to_bytes() for point in points)
    with one_core():
        for size in POINTS:
            rounds = 5 if size < largest else 2
            chunk, some_scalars, some_points = data[: 32 * size], scalars[:size], points[:size]
            decoded = best_of(rounds, partial(vartime_decode_batch, chunk))
            summed = best_of(rounds, partial(vartime_msm, some_scalars, some_points))
            measured.size = size
            measured.decode_us, measured.sum_us = decoded / size * 1e6, summed / size * 1e6
            note = f"{size:,} points, one core"
            yield Figure(f"decode.{size}.us", measured.decode_us, "us", note)
            yield Figure(f"sum.{size}.us", measured.sum_us, "us", note)
