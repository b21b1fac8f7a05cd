"""Errors in two ballots that add up to nothing: the batch refuses and bisection names both, and nobody else."""

import pytest

from crypto.group import Group, parse_suite
from crypto.proofs import Check, Position, seal_contest
from tests.forger import SUITES, make_contest, make_frame, make_seed, make_verifier


def shift_scalar(group: Group, ballot: bytes, at: int, by: int) -> bytes:
    """Add to a scalar that ends `at` bytes before the ballot's end."""
    end = len(ballot) - at
    value = group.parse_scalar(ballot[end - 32 : end])
    return ballot[: end - 32] + group.scalar_bytes(value + by) + ballot[end:]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(("field", "check"), [(32, Check.BITS), (0, Check.RANDOMNESS)])
@pytest.mark.parametrize("python_only", [True, False])
def test_shifts_that_cancel(suite: str, field: int, check: Check, python_only: bool) -> None:
    """W (then z) plus 7 in one ballot, minus 7 in another."""
    group = parse_suite(suite)
    contest = make_contest(group)
    ballots = []
    for number in range(7):
        position = Position(bytes([number]) * 16, 1, bytes(32))
        ballots.append(make_frame((seal_contest(contest, position, make_seed(number), [number]),), position).to_bytes())
    verifier = make_verifier([contest], python_only=python_only)
    assert verifier.verify(ballots) == [None] * 7
    ballots[2] = shift_scalar(group, ballots[2], field, 7)
    ballots[5] = shift_scalar(group, ballots[5], field, -7)
    verdicts = verifier.verify(ballots)
    assert [at for at, verdict in enumerate(verdicts) if verdict is not None] == [2, 5]
    assert {verdict.check for verdict in verdicts if verdict is not None} == {check.value}


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("python_only", [True, False])
def test_shifts_that_cancel_between_contests_of_one_ballot(suite: str, python_only: bool) -> None:
    group = parse_suite(suite)
    contests = [make_contest(group, contest=number) for number in (1, 2)]
    sealed = [seal_contest(contest, Position(bytes(16), 1, bytes(32)), make_seed(), [0]) for contest in contests]
    sealed = [
        type(item)(item.ciphertexts, shift_scalar(group, item.proof, 32, by))
        for item, by in zip(sealed, (7, -7), strict=True)
    ]
    ballot = make_frame(tuple(sealed), Position(bytes(16), 1, bytes(32))).to_bytes()
    [verdict] = make_verifier(contests, python_only=python_only).verify([ballot])
    assert verdict is not None
    assert (verdict.check, verdict.culprit) == (Check.BITS.value, "contest 1")
