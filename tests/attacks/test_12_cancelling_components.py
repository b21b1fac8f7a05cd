"""(A + D, B - D): under one weight for both equations the errors would cancel; each equation has its own."""

import pytest

from crypto.errors import Refused
from crypto.group import parse_suite
from crypto.proofs import Check, SealedContest, encrypt_votes, prove_contest
from crypto.rules import Between, OneOf, Rule
from tests.forger import POSITION, SUITES, make_contest, make_seed, verify_everywhere


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("rule", [OneOf.default(10), Between(10, 0, 3)], ids=str)
@pytest.mark.parametrize("signs", [(1, -1), (1, 1), (1, 0), (-1, 1)])
def test_shifted_ciphertext_with_an_honest_proof(suite: str, rule: Rule, signs: tuple[int, int]) -> None:
    group = parse_suite(suite)
    contest = make_contest(group, rule)
    votes = [1] + [0] * 9
    data, size = encrypt_votes(contest, make_seed(), votes), group.element_size
    A, B = (group.parse_element(data[at : at + size]) for at in (0, size))
    shift = 12345 * group.generator
    shifted = (A + signs[0] * shift).to_bytes() + (B + signs[1] * shift).to_bytes() + data[2 * size :]
    proof = prove_contest(contest, POSITION, make_seed(), shifted, rule.bits(votes))
    with pytest.raises(Refused) as refusal:
        verify_everywhere(contest, SealedContest(shifted, proof))
    assert refusal.value.check == "PROOF-7"


@pytest.mark.parametrize("suite", SUITES)
def test_shift_of_the_second_component_alone(suite: str) -> None:
    group = parse_suite(suite)
    contest = make_contest(group)
    votes = [1] + [0] * 9
    data, size = encrypt_votes(contest, make_seed(), votes), group.element_size
    B = group.parse_element(data[size : 2 * size])
    shifted = data[:size] + (B + 5 * group.generator).to_bytes() + data[2 * size :]
    proof = prove_contest(contest, POSITION, make_seed(), shifted, contest.rule.bits(votes))
    with pytest.raises(Refused) as refusal:
        verify_everywhere(contest, SealedContest(shifted, proof))
    assert refusal.value.check == Check.VOTES.value
