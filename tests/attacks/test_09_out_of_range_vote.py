"""Votes that are not 0 or 1, with the honest proof of a permitted choice or with bits that repeat the lie."""

import pytest

from crypto.errors import Refused
from crypto.group import parse_suite
from crypto.proofs import Check
from crypto.rules import Between, OneOf, Rule
from tests.forger import SUITES, forge, make_contest, verify_everywhere
from tests.oracles import textbook_accepts

LIES: list[tuple[Rule, list[int], list[int]]] = [
    (OneOf(3, (3,)), [2, 0, 0], [1, 0, 0]),
    (OneOf(3, (3,)), [-1, 0, 0], [1, 0, 0]),
    (OneOf(3, (3,)), [2, -1, 0], [1, 0, 0]),
    (OneOf(3, (3,)), [1, 1, -1], [1, 0, 0]),
    (OneOf(3, (3,)), [0, 0, 0], [1, 0, 0]),
    (OneOf(4, (2, 2)), [2, -1, 0, 0], [1, 0, 1, 0]),
    (OneOf(4, (2, 2)), [1, 0, 0, 1], [1, 0, 1, 0]),
    (Between(3, 1, 1), [2, -1, 0], [1, 0, 0]),
    (Between(3, 0, 2), [2, 0, 0], [1, 1, 0, 0, 0]),
]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(("rule", "votes", "bits"), LIES)
def test_votes_are_not_the_committed_choice(suite: str, rule: Rule, votes: list[int], bits: list[int]) -> None:
    contest = make_contest(parse_suite(suite), rule)
    with pytest.raises(Refused) as refusal:
        verify_everywhere(contest, forge(contest, votes, bits))
    assert refusal.value.check == "PROOF-8"


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("votes", [[2, 0, 0], [2, -1, 0], [-1, 1, 1], [3, -1, -1], [5, -2, -2]])
def test_bits_repeat_the_lie(suite: str, votes: list[int]) -> None:
    contest = make_contest(parse_suite(suite), OneOf(3, (3,)))
    with pytest.raises(Refused) as refusal:
        verify_everywhere(contest, forge(contest, votes, votes))
    assert refusal.value.check == Check.BITS.value


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("votes", [[a, b, c] for a in (-1, 0, 1, 2) for b in (0, 1, 2) for c in (0, 1)])
def test_verdict_of_the_textbook_proof(suite: str, votes: list[int]) -> None:
    """The argument accepts exactly the vectors that a 0/1 proof for each option and a sum proof accept."""
    group = parse_suite(suite)
    contest = make_contest(group, OneOf(3, (3,)))
    expected = textbook_accepts(group, 7, votes, 1, 1)
    try:
        verify_everywhere(contest, forge(contest, votes, votes))
    except Refused:
        assert not expected
    else:
        assert expected
