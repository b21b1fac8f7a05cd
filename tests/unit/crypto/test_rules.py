"""Contest rules: stored bits and constraints, shortest default radices, exact slack, bytes that are no rule."""

import itertools
import json
from math import prod
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.errors import MalformedEncoding
from crypto.rules import Between, OneOf, Rule, default_radices, evaluate, parse_rule
from tests.make_vectors import rules_vectors

FOLDER = Path(__file__).resolve().parents[2] / "vectors"
STORED = json.loads((FOLDER / "rules.json").read_text(encoding="utf-8"))
RULES: list[Rule] = [parse_rule(bytes.fromhex(item["rule"])) for item in STORED["rules"]]


def test_stored_vectors_are_what_is_computed() -> None:
    assert rules_vectors() == STORED


@pytest.mark.parametrize("item", STORED["rules"], ids=lambda item: str(item["rule"]))
def test_stored_bits_obey_their_constraints(item: dict[str, Any]) -> None:
    for constraint in item["constraints"]:
        bits = item["bits"][constraint["first"] :]
        total = sum(weight * bit for weight, bit in zip(constraint["weights"], bits, strict=False))
        assert total == constraint["target"]


@pytest.mark.parametrize("data", STORED["refused"])
def test_bytes_that_are_no_rule(data: str) -> None:
    with pytest.raises(MalformedEncoding, match="not a contest rule"):
        parse_rule(bytes.fromhex(data))


@given(st.binary(max_size=12))
def test_garbage_is_refused_or_the_one_encoding(data: bytes) -> None:
    try:
        rule = parse_rule(data)
    except MalformedEncoding:
        return
    assert rule.to_bytes() == data


def test_default_radices_make_the_shortest_proof() -> None:
    for n in range(2, 41):
        best = min(
            (sum(radices) + m, m, prod(radices), radices)
            for m in range(1, 5)
            for radices in itertools.product(range(2, max(3, min(n, 14) + 1)), repeat=m)
            if prod(radices) >= n
        )
        assert default_radices(n) == best[3], n


@pytest.mark.parametrize("slack", range(40))
def test_slack_weights_cover_exactly_what_may_be_missing(slack: int) -> None:
    rule = Between(64, 64 - slack, 64)
    weights = rule.slack_weights
    sums = {sum(itertools.compress(weights, bits)) for bits in itertools.product((0, 1), repeat=len(weights))}
    assert sums == set(range(slack + 1))
    for chosen in range(64 - slack, 65):
        bits = rule.bits([1] * chosen + [0] * (64 - chosen))
        [constraint] = rule.bit_groups()
        assert set(bits) <= {0, 1}
        assert sum(weight * bit for weight, bit in zip(constraint.weights, bits, strict=True)) == constraint.target


@pytest.mark.parametrize("rule", [*RULES, OneOf.default(1024), Between(1024, 0, 1024)])
def test_rules_round_trip(rule: Rule) -> None:
    assert parse_rule(rule.to_bytes()) == rule


@pytest.mark.parametrize("rule", [rule for rule in RULES if isinstance(rule, OneOf)], ids=str)
def test_digits_of_a_choice_are_the_power_of_y(rule: OneOf) -> None:
    order, y = 10_007, 5
    for chosen in range(rule.options):
        bits = rule.bits([int(option == chosen) for option in range(rule.options)])
        assert prod(rule.digit_polynomials(order, y, bits)) % order == pow(y, chosen, order)


def test_evaluation() -> None:
    assert evaluate(101, 3, [7, 0, 2]) == 7 + 2 * 9
    assert evaluate(101, 3, []) == 0
