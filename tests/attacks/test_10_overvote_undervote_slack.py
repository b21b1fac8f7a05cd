"""Choose kmin..kmax: one vote too many, one too few, a slack bit of 2 or -1, slack that does not fit the votes."""

import pytest

from crypto.errors import Refused
from crypto.group import parse_suite
from crypto.proofs import Check
from crypto.rules import Between, OneOf
from tests.forger import SUITES, forge, make_contest, verify_everywhere
from tests.oracles import textbook_accepts

# Choose 1 to 3 of 4: slack weights 1 and 1.
CASES = {
    "four votes, slack 0": [1, 1, 1, 1, 0, 0],
    "four votes, slack -1": [1, 1, 1, 1, -1, 0],
    "no vote, slack 2": [0, 0, 0, 0, 1, 1],
    "no vote, slack bit 2": [0, 0, 0, 0, 2, 1],
    "no vote, slack bit 3": [0, 0, 0, 0, 3, 0],
    "one vote, slack bit 2": [1, 0, 0, 0, 2, 0],
    "one vote, too little slack": [1, 0, 0, 0, 1, 0],
    "three votes, too much slack": [1, 1, 1, 0, 0, 1],
    "two votes in one option": [2, 0, 0, 0, 1, 0],
    "slack bits 2 and -1": [1, 1, 0, 0, 2, -1],
}


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("case", CASES)
def test_kmin_to_kmax(suite: str, case: str) -> None:
    contest, bits = make_contest(parse_suite(suite), Between(4, 1, 3)), CASES[case]
    with pytest.raises(Refused) as refusal:
        verify_everywhere(contest, forge(contest, bits[:4], bits))
    assert refusal.value.check == Check.BITS.value


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("bits", [[1, 1, 0], [0, 0, 0], [1, 1, 1]])
def test_one_of_n(suite: str, bits: list[int]) -> None:
    contest = make_contest(parse_suite(suite), OneOf(3, (3,)))
    with pytest.raises(Refused) as refusal:
        verify_everywhere(contest, forge(contest, bits, bits))
    assert refusal.value.check == Check.BITS.value


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("votes", [[a, b, c] for a in (0, 1, 2) for b in (-1, 0, 1) for c in (0, 1)])
def test_verdict_of_the_textbook_proof(suite: str, votes: list[int]) -> None:
    group = parse_suite(suite)
    contest = make_contest(group, Between(3, 1, 2))
    missing = 2 - sum(votes)
    expected = textbook_accepts(group, 7, votes, 1, 2)
    try:
        verify_everywhere(contest, forge(contest, votes, [*votes, missing]))
    except Refused:
        assert not expected
    else:
        assert expected
