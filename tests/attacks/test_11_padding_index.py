"""Digits that point at an option beyond the last one: indices that exist only because the radices multiply to more."""

import pytest

from crypto.errors import Refused
from crypto.group import parse_suite
from crypto.proofs import Check
from crypto.rules import OneOf
from tests.forger import SUITES, forge, make_contest, verify_everywhere


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(
    ("options", "radices", "index"), [(11, (2, 2, 3), 11), (10, (3, 4), 10), (10, (3, 4), 11), (5, (2, 2, 2), 7)]
)
def test_digits_of_a_padded_index(suite: str, options: int, radices: tuple[int, ...], index: int) -> None:
    contest = make_contest(parse_suite(suite), OneOf(options, radices))
    padded = OneOf(index + 1, radices)
    bits = padded.bits([0] * index + [1])
    for votes in ([0] * options, [1] + [0] * (options - 1), [0] * (options - 1) + [1]):
        with pytest.raises(Refused) as refusal:
            verify_everywhere(contest, forge(contest, votes, bits))
        assert refusal.value.check == Check.VOTES.value
