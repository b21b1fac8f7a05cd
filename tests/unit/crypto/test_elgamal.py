"""Vectors of options encrypt, add up and decrypt; one seed determines all randomness."""

import json
from pathlib import Path

import pytest

from crypto.elgamal import BallotSeed, add_vectors, encrypt_vector, parse_sums, vector_to_bytes
from crypto.errors import MalformedEncoding, Misuse
from crypto.group import parse_suite
from tests.forger import SECRET, SUITES
from tests.make_vectors import elgamal_vectors

FOLDER = Path(__file__).resolve().parents[2] / "vectors"


def test_stored_vectors_are_what_is_computed() -> None:
    assert json.loads((FOLDER / "elgamal.json").read_text(encoding="utf-8")) == elgamal_vectors()


@pytest.mark.parametrize("suite", SUITES)
def test_sums_decrypt_to_totals(suite: str) -> None:
    group = parse_suite(suite)
    key = SECRET * group.generator
    votes = [[1, 0, 0], [0, 0, 1], [0, 0, 1]]
    vectors = [encrypt_vector(group, key, row, [group.random_scalar() for _ in row]) for row in votes]
    total = add_vectors(vectors)
    assert [group.vartime_logarithm(item.b - SECRET * item.a, 5) for item in total] == [1, 0, 2]
    without = tuple(left - right for left, right in zip(total, vectors[1], strict=True))
    assert [group.vartime_logarithm(item.b - SECRET * item.a, 5) for item in without] == [1, 0, 1]
    assert parse_sums(group, vector_to_bytes(total), 3) == total


@pytest.mark.parametrize("suite", SUITES)
def test_a_sum_may_be_the_identity(suite: str) -> None:
    group = parse_suite(suite)
    [pair] = parse_sums(group, bytes(2 * group.element_size), 1)
    assert pair.a.is_identity()
    assert pair.b.is_identity()


@pytest.mark.parametrize("suite", SUITES)
def test_sums_of_a_wrong_length(suite: str) -> None:
    group = parse_suite(suite)
    size = group.element_size
    for length in (0, size, 2 * size - 1, 2 * size + 1, 4 * size):
        with pytest.raises(MalformedEncoding, match="pairs"):
            parse_sums(group, bytes(length), 1, culprit="cell 1")
    with pytest.raises(MalformedEncoding, match="not the encoding"):
        parse_sums(group, b"\xff" * 2 * size, 1)


def test_no_vectors_have_no_sum() -> None:
    with pytest.raises(Misuse):
        add_vectors([])


@pytest.mark.parametrize("size", [0, 31, 33])
def test_seed_of_a_wrong_length(size: int) -> None:
    with pytest.raises(Misuse):
        BallotSeed("demo", bytes(size))


def test_everything_derived_differs() -> None:
    group = parse_suite(SUITES[0])
    derived: list[object] = []
    for seed in (BallotSeed("demo", bytes(32)), BallotSeed("real", bytes(32)), BallotSeed("demo", b"\1" * 32)):
        derived.append(seed.derive_opening())
        derived += [seed.derive_encryption(group, contest, option) for contest in (1, 2) for option in (0, 1)]
        derived += [
            seed.derive_proof(group, label, contest, index, statement)
            for label in ("mask", "alpha", "gamma", "digit")
            for contest in (1, 2)
            for index in (0, 1)
            for statement in (bytes(64), b"\1" * 64)
        ]
    assert len(set(derived)) == len(derived)
