"""One r for two options of a ballot, in one contest or across two: it would reveal the difference of the votes."""

import pytest

from crypto.elgamal import encrypt_vector, vector_to_bytes
from crypto.group import parse_suite
from crypto.proofs import FrameCheck, SealedContest
from crypto.rules import OneOf
from tests.forger import FRAME_CHECKS, SUITES, make_contest, make_frame, make_verifier, seal


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("python_only", [True, False])
def test_inside_a_contest(suite: str, python_only: bool) -> None:
    """The check comes before the equations, so a forger's valid proof is not needed to show it."""
    group = parse_suite(suite)
    contest = make_contest(group, OneOf.default(3))
    key = group.parse_element(contest.key)
    ciphertexts = vector_to_bytes(encrypt_vector(group, key, [0, 1, 0], [5, 6, 5]))
    ballot = make_frame((SealedContest(ciphertexts, seal(contest).proof),)).to_bytes()
    [verdict] = make_verifier([contest], python_only=python_only).verify([ballot])
    assert verdict is not None
    assert verdict.check == FRAME_CHECKS[FrameCheck.REPEATED]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("python_only", [True, False])
def test_across_contests(suite: str, python_only: bool) -> None:
    group = parse_suite(suite)
    contests = [make_contest(group, OneOf.default(2), contest=number) for number in (1, 2)]
    first, second = (seal(contest, seed=at) for at, contest in enumerate(contests))
    size = group.element_size
    moved = SealedContest(second.ciphertexts[: 2 * size] + first.ciphertexts[2 * size :], second.proof)
    [verdict] = make_verifier(contests, python_only=python_only).verify([make_frame((first, moved)).to_bytes()])
    assert verdict is not None
    assert verdict.check == FRAME_CHECKS[FrameCheck.REPEATED]


def test_seeds_never_reuse_it() -> None:
    group = parse_suite(SUITES[0])
    contests = [make_contest(group, contest=number) for number in (1, 2)]
    sealed = [seal(contest, seed=seed) for contest in contests for seed in (0, 1)]
    firsts = {item.ciphertexts[at : at + 32] for item in sealed for at in range(0, 640, 64)}
    assert len(firsts) == 40
