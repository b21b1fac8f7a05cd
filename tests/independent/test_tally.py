"""The independent tally's own parts, against RFC 9496 and by hand; the demo's record is counted in `tests/e2e`."""

import ast
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.independent import tally

SOURCE = Path(tally.__file__).read_text(encoding="utf-8")

# RFC 9496, appendix A.1.
MULTIPLES = (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
    "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
    "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259",
    "da80862773358b466ffadfe0b3293ab3d9fd53c5ea6c955358f568322daf6a57",
    "e882b131016b52c1d3337080187cf768423efccbb517bb495ab812c4160ff44e",
)

# RFC 9496, appendix A.2: one of each reason.
NO_POINTS = (
    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
    "4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f",
    "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
)


def test_it_imports_nothing_but_the_standard_library() -> None:
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(ast.parse(SOURCE))
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        (node.module or "").partition(".")[0]
        for node in ast.walk(ast.parse(SOURCE))
        if isinstance(node, ast.ImportFrom)
    }
    assert imported <= sys.stdlib_module_names


def test_it_has_at_most_300_lines() -> None:
    assert len(SOURCE.splitlines()) <= 300


@pytest.mark.parametrize("scalar", range(len(MULTIPLES)))
def test_multiples_of_the_generator(scalar: int) -> None:
    assert tally.encode(tally.multiply(scalar, tally.BASE)).hex() == MULTIPLES[scalar]


@pytest.mark.parametrize("scalar", range(len(MULTIPLES)))
def test_decoding_and_encoding_are_inverse(scalar: int) -> None:
    data = bytes.fromhex(MULTIPLES[scalar])
    assert tally.encode(tally.decode(data)) == data


@pytest.mark.parametrize("data", NO_POINTS)
def test_what_is_no_point(data: str) -> None:
    with pytest.raises(ValueError, match="point"):
        tally.decode(bytes.fromhex(data))


def test_small_logarithms() -> None:
    assert [tally.small_logarithm(tally.multiply(v, tally.BASE), 50) for v in (0, 1, 7, 8, 49, 50)] == [
        0,
        1,
        7,
        8,
        49,
        50,
    ]


def test_what_has_no_small_logarithm() -> None:
    with pytest.raises(ValueError, match="no small logarithm"):
        tally.small_logarithm(tally.multiply(5_000, tally.BASE), 50)


@pytest.mark.parametrize(
    ("data", "value"),
    [("83011818f6", [1, 24, None]), ("a1616142ff00", {"a": b"\xff\x00"}), ("82f4f5", [False, True]), ("26", -7)],
)
def test_reading_cbor(data: str, value: object) -> None:
    assert tally.read_whole(bytes.fromhex(data)) == value


def test_bytes_after_the_item() -> None:
    with pytest.raises(ValueError, match="after the item"):
        tally.read_whole(b"\x00\x00")


@pytest.mark.parametrize(
    ("counted", "cells"),
    [
        ({1: 12, 2: 4, 3: 11}, [(1,), (2, 3)]),
        ({1: 12, 2: 0, 3: 11}, [(1,), (3,)]),
        ({1: 3, 2: 4, 3: 2}, []),
        ({1: 3, 2: 4, 3: 5}, [(1, 2, 3)]),
        ({1: 10, 2: 10, 3: 10}, [(1,), (2,), (3,)]),
    ],
)
def test_cells_by_the_merge_rule(counted: dict[int, int], cells: list[tuple[int, ...]]) -> None:
    children: dict[int | None, list[int]] = {0: [1, 2, 3], 1: [], 2: [], 3: []}
    assert tally.form_cells(0, children, 10, Counter(counted)) == cells
