"""Batch weights that a forger could foresee: they come from fresh randomness and from every response together."""

import pytest

from crypto.group import Group, parse_suite
from crypto.proofs import (
    Check,
    Contest,
    Position,
    SealedContest,
    _bits_equation,
    _decode_contest,
    _holds,
    draw_weights,
    seal_contest,
)
from tests.forger import SUITES, make_contest, make_frame, make_seed, make_verifier


def test_weights_depend_on_every_response() -> None:
    proofs = [bytes([at]) * 100 for at in range(4)]
    weights = draw_weights(proofs, random=bytes(32))
    assert draw_weights(proofs, random=bytes(32)) == weights
    for changed in range(4):
        others = [*proofs]
        others[changed] = others[changed][:-1] + b"\xff"
        drawn = draw_weights(others, random=bytes(32))
        assert all(left != right for a, b in zip(weights, drawn, strict=True) for left, right in zip(a, b, strict=True))


def test_weights_depend_on_fresh_randomness() -> None:
    proofs = [b"a", b"b"]
    assert draw_weights(proofs) != draw_weights(proofs)


def test_weights_are_independent_and_long() -> None:
    flat = [weight for triple in draw_weights([bytes(3)] * 200) for weight in triple]
    assert len(set(flat)) == 600
    assert max(flat) < 2**128
    assert sum(weight >= 2**127 for weight in flat) > 200


def shift_w(group: Group, sealed: SealedContest, by: int) -> SealedContest:
    """Add to w, the scalar before the last."""
    w = group.parse_scalar(sealed.proof[-64:-32])
    return SealedContest(sealed.ciphertexts, sealed.proof[:-64] + group.scalar_bytes(w + by) + sealed.proof[-32:])


@pytest.mark.parametrize("suite", SUITES)
def test_shifts_fitted_to_foreseen_weights(suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even with dead randomness, fitting the responses changes the weights that they were fitted to."""
    monkeypatch.setattr("crypto.proofs.os.urandom", bytes)
    contest: Contest = make_contest(parse_suite(suite))
    group, q = contest.group, contest.group.order
    positions = [Position(bytes([number]) * 16, 1, bytes(32)) for number in range(2)]
    sealed = [seal_contest(contest, position, make_seed(at), [0]) for at, position in enumerate(positions)]
    (first, _, _), (second, _, _) = draw_weights([item.proof for item in sealed])
    fitted = [shift_w(group, sealed[0], second), shift_w(group, sealed[1], -first)]
    decoded = [_decode_contest(contest, *pair) for pair in zip(positions, fitted, strict=True)]
    equations = [_bits_equation(item) for item in decoded]
    assert _holds(contest, [(first % q, equations[0]), (second % q, equations[1])])
    ballots = [make_frame((item,), position).to_bytes() for item, position in zip(fitted, positions, strict=True)]
    verdicts = make_verifier([contest], python_only=True).verify(ballots)
    assert [verdict and verdict.check for verdict in verdicts] == [Check.BITS.value] * 2
