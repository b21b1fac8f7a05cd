"""Ciphertexts and proof of one contest are shown as another contest, in another style, or twice in one ballot."""

from dataclasses import replace

import pytest

from crypto.errors import Refused
from crypto.group import parse_suite
from crypto.proofs import Check, FrameCheck
from tests.forger import FRAME_CHECKS, SUITES, make_contest, make_frame, make_verifier, seal, verify_everywhere


@pytest.mark.parametrize("suite", SUITES)
def test_moved_to_another_contest_with_equal_options(suite: str) -> None:
    contests = [make_contest(parse_suite(suite), contest=number) for number in (1, 2)]
    first, second = (seal(contest, seed=at) for at, contest in enumerate(contests))
    for python_only in (True, False):
        verifier = make_verifier(contests, python_only=python_only)
        assert verifier.verify([make_frame((first, second)).to_bytes()]) == [None]
        [verdict] = verifier.verify([make_frame((second, first)).to_bytes()])
        assert verdict is not None
        assert (verdict.check, verdict.culprit) == (Check.BITS.value, "contest 1")


@pytest.mark.parametrize("suite", SUITES)
def test_shown_twice_in_one_ballot(suite: str) -> None:
    contests = [make_contest(parse_suite(suite), contest=number) for number in (1, 2)]
    sealed = seal(contests[0])
    for python_only in (True, False):
        [verdict] = make_verifier(contests, python_only=python_only).verify([make_frame((sealed, sealed)).to_bytes()])
        assert verdict is not None
        assert verdict.check == FRAME_CHECKS[FrameCheck.REPEATED]


@pytest.mark.parametrize("suite", SUITES)
def test_moved_to_another_style(suite: str) -> None:
    contest = make_contest(parse_suite(suite))
    with pytest.raises(Refused) as refusal:
        verify_everywhere(replace(contest, style=9), seal(contest))
    assert refusal.value.check == Check.BITS.value
