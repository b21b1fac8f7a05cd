"""Contest rules: what a voter may choose, as secret bits and linear constraints on them.

Spec: `docs/spec/rules.md`. A rule knows its bytes, which bits a choice becomes, which weighted sums of them must give
which target, and the polynomials that tie the bits to the encrypted votes. All of it is arithmetic on small integers,
modulo an order that the caller names: no group, no randomness. `crypto/proofs.py` proves what a rule states.

>>> rule = OneOf.default(10)
>>> rule.radices, parse_rule(rule.to_bytes()) == rule
((2, 5), True)
>>> rule.bits([0, 0, 0, 1, 0, 0, 0, 0, 0, 0])  # 3 = 1 + 2 × 1
[0, 1, 0, 1, 0, 0, 0]
>>> Between(4, 0, 3).slack_weights
[1, 2]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import NoReturn, Self, TypeAlias

from crypto.errors import MalformedEncoding

MAX_OPTIONS = 1024
MAX_DIGITS = 10
_ONE_OF, _BETWEEN = 1, 2


@dataclass(frozen=True, slots=True)
class BitGroup:
    """Secret bits `first .. first + len(weights) - 1` with sum of weight × bit = target: one linear constraint."""

    first: int
    weights: tuple[int, ...]
    target: int

    def rest(self) -> list[tuple[int, int]]:
        """Return (bit, weight) of all bits but the first, whose weight is 1 and whose response is recomputed."""
        return [(self.first + at, weight) for at, weight in enumerate(self.weights)][1:]


@dataclass(frozen=True, slots=True)
class OneOf:
    """Choose exactly one of n: the choice is written in mixed radix, least significant digit first."""

    options: int
    radices: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse a rule outside the limits, wherever it comes from."""
        if not (
            2 <= self.options <= MAX_OPTIONS
            and 1 <= len(self.radices) <= MAX_DIGITS
            and all(2 <= radix <= self.options for radix in self.radices)
            and self.options <= prod(self.radices) < 2**16
        ):
            _refuse_rule()

    @classmethod
    def default(cls, options: int) -> Self:
        """Return the rule with the radices that make the shortest proof."""
        return cls(options, default_radices(options))

    @property
    def digits(self) -> int:
        """Return m, the number of digits."""
        return len(self.radices)

    @property
    def digit_weights(self) -> list[int]:
        """Return w_l, the product of all radices before digit l."""
        return [prod(self.radices[:at]) for at in range(self.digits)]

    def bit_groups(self) -> list[BitGroup]:
        """Return one constraint a digit: exactly one of its bits is set."""
        firsts = [sum(self.radices[:at]) for at in range(self.digits)]
        return [BitGroup(first, (1,) * radix, 1) for first, radix in zip(firsts, self.radices, strict=True)]

    def bits(self, votes: Sequence[int]) -> list[int]:
        """Return the one-hot digits of a vote vector with a single 1."""
        chosen = votes.index(1)
        return [
            int(chosen // weight % radix == digit)
            for weight, radix in zip(self.digit_weights, self.radices, strict=True)
            for digit in range(radix)
        ]

    def digit_polynomials(self, order: int, y: int, bits: Sequence[int]) -> list[int]:
        """Return sum over t of y^(t w_l) × bit_(l,t) for each digit l, modulo the group order."""
        return [
            sum(pow(y, at * weight, order) * bits[group.first + at] for at in range(len(group.weights))) % order
            for group, weight in zip(self.bit_groups(), self.digit_weights, strict=True)
        ]

    def to_bytes(self) -> bytes:
        """Return the rule as the manifest carries it."""
        radices = b"".join(radix.to_bytes(2, "big") for radix in self.radices)
        return bytes([_ONE_OF]) + self.options.to_bytes(2, "big") + bytes([self.digits]) + radices


@dataclass(frozen=True, slots=True)
class Between:
    """Choose at least `minimum` and at most `maximum` of n; slack bits take up what is missing to the maximum."""

    options: int
    minimum: int
    maximum: int

    def __post_init__(self) -> None:
        """Refuse a rule outside the limits, wherever it comes from."""
        if not (
            2 <= self.options <= MAX_OPTIONS and 0 <= self.minimum <= self.maximum <= self.options and self.maximum >= 1
        ):
            _refuse_rule()

    @property
    def digits(self) -> int:
        """Return m = 1: the votes are their own bits."""
        return 1

    @property
    def slack_weights(self) -> list[int]:
        """Return the slack's weights 1, 2, ..., 2^(t-2), S - (2^(t-1) - 1): subsets cover exactly 0..S."""
        slack = self.maximum - self.minimum
        length = slack.bit_length()
        if length == 0:
            return []
        return [1 << at for at in range(length - 1)] + [slack - ((1 << (length - 1)) - 1)]

    def bit_groups(self) -> list[BitGroup]:
        """Return the one constraint: votes plus weighted slack make the maximum."""
        return [BitGroup(0, (1,) * self.options + tuple(self.slack_weights), self.maximum)]

    def bits(self, votes: Sequence[int]) -> list[int]:
        """Return the votes followed by the slack bits: the last weight where needed, the rest in binary."""
        weights = self.slack_weights
        if not weights:
            return list(votes)
        missing = self.maximum - sum(votes)
        last = int(missing >= 1 << (len(weights) - 1))
        missing -= last * weights[-1]
        return [*votes, *(missing >> at & 1 for at in range(len(weights) - 1)), last]

    def digit_polynomials(self, order: int, y: int, bits: Sequence[int]) -> list[int]:
        """Return the one sum of y^j × bit_j over the options (slack bits take no part), modulo the group order."""
        return [evaluate(order, y, bits[: self.options])]

    def to_bytes(self) -> bytes:
        """Return the rule as the manifest carries it."""
        numbers = (self.options, self.minimum, self.maximum)
        return bytes([_BETWEEN]) + b"".join(number.to_bytes(2, "big") for number in numbers)


Rule: TypeAlias = OneOf | Between


def parse_rule(data: bytes) -> Rule:
    """Decode a rule strictly. Raises MalformedEncoding."""
    rule: Rule | None = None
    if data[:1] == bytes([_ONE_OF]) and len(data) >= 4:
        radices = tuple(int.from_bytes(data[at : at + 2], "big") for at in range(4, len(data), 2))
        rule = OneOf(int.from_bytes(data[1:3], "big"), radices)
    elif data[:1] == bytes([_BETWEEN]) and len(data) == 7:
        rule = Between(*(int.from_bytes(data[at : at + 2], "big") for at in (1, 3, 5)))
    if rule is None or rule.to_bytes() != data:
        _refuse_rule()
    return rule


def _refuse_rule() -> NoReturn:
    # A rule MUST be one of the two forms, within its limits, exactly as long as it says.
    raise MalformedEncoding("PROOF-9", "not a contest rule within the limits")


@cache
def default_radices(options: int) -> tuple[int, ...]:
    """Return the radices of the shortest proof for one of n.

    Ties: fewer digits, then fewer padded indices, then the lexicographically smallest; always in rising order.
    """
    best: tuple[int, int, int, tuple[int, ...]] | None = None
    stack: list[tuple[tuple[int, ...], int]] = [((), 1)]
    while stack:
        radices, product = stack.pop()
        if len(radices) == MAX_DIGITS:
            continue
        lowest = radices[-1] if radices else 2
        last = max(lowest, -(-options // product))
        candidate = (*radices, last)
        cost = (sum(candidate) + len(candidate), len(candidate), product * last, candidate)
        if best is None or cost < best:
            best = cost
        # A digit before the last one never exceeds it, so the rest of the choice is small.
        stack += [((*radices, radix), product * radix) for radix in range(lowest, last) if product * radix < options]
    if best is None:
        _refuse_rule()
    return best[3]


def count_bits(rule: Rule) -> int:
    """Return B, the number of secret bits of a rule."""
    last = rule.bit_groups()[-1]
    return last.first + len(last.weights)


def evaluate(order: int, point: int, coefficients: Sequence[int]) -> int:
    """Return the sum of point^j × coefficient_j modulo the order."""
    value = 0
    for coefficient in reversed(coefficients):
        value = (value * point + coefficient) % order
    return value
