"""Decoding hints are untrusted: whatever they hold, a ballot's verdict stays what it is without them."""

import random
from collections.abc import Callable

import pytest

from crypto.group import parse_suite
from crypto.proofs import BallotVerifier, Position, seal_contest
from crypto.rules import OneOf
from tests.forger import make_contest, make_frame, make_seed, make_verifier, parts

GROUP = parse_suite("RISTRETTO255-SHA512")
CONTESTS = [make_contest(GROUP, OneOf.default(3), contest=number) for number in (1, 2)]


def prepare() -> tuple[BallotVerifier, list[bytes], list[bytes]]:
    """Return a verifier, three good ballots and one with a wrong proof, and their honest hints."""
    ballots = []
    for number in range(4):
        position = Position(bytes([number]) * 16, 1, bytes(32))
        sealed = tuple(seal_contest(contest, position, make_seed(number), [number % 3]) for contest in CONTESTS)
        ballots.append(make_frame(sealed, position).to_bytes())
    ballots[3] = ballots[3][:-1] + bytes([ballots[3][-1] ^ 1])
    verifier = make_verifier(CONTESTS)
    return verifier, ballots, [verifier.make_hints(ballot) for ballot in ballots]


BREAKERS: dict[str, Callable[[bytes], bytes]] = {
    "one bit flipped each": lambda hint: bytes([hint[0] ^ 1]) + hint[1:] if hint else hint,
    "every point's hint flipped": lambda hint: bytes(byte ^ (at % 32 == 7) for at, byte in enumerate(hint)),
    "neighbours swapped": lambda hint: hint[32:64] + hint[:32] + hint[64:],
    "turned round": lambda hint: hint[::-1],
    "zeros": lambda hint: bytes(len(hint)),
    "all ones": lambda hint: b"\xff" * len(hint),
    "random": lambda hint: random.Random(1).randbytes(len(hint)),
    "cut": lambda hint: hint[:-1],
    "too long": lambda hint: hint + bytes(32),
    "none": lambda hint: hint[:0],
}
CASES = [*BREAKERS, "of another ballot"]


def break_hints(hints: list[bytes], case: str) -> list[bytes]:
    """Return the hints, broken in one way."""
    if case in BREAKERS:
        return [BREAKERS[case](hint) for hint in hints]
    return [*hints[1:], hints[0]]


@pytest.mark.parametrize("case", CASES)
def test_hints_never_change_a_verdict(case: str) -> None:
    verifier, ballots, hints = prepare()
    expected = [parts(verdict) for verdict in verifier.verify(ballots)]
    assert [verdict is None for verdict in expected] == [True, True, True, False]
    assert [parts(verdict) for verdict in verifier.verify(ballots, hints=hints)] == expected
    assert [parts(verdict) for verdict in verifier.verify(ballots, hints=break_hints(hints, case))] == expected


@pytest.mark.parametrize("case", CASES)
def test_hints_never_change_a_sum(case: str) -> None:
    verifier, ballots, hints = prepare()
    plain = verifier.verify_and_sum(ballots, [1, 1, 2, 2])
    assert verifier.verify_and_sum(ballots, [1, 1, 2, 2], hints=break_hints(hints, case)).sums == plain.sums


def test_hints_do_not_save_a_bad_point() -> None:
    """The honest hint of the negative square root's twin: s = p - s' encodes nothing, with any hint."""
    verifier, ballots, hints = prepare()
    at = ballots[0].index(b"\x58\xc0") + 2
    s = int.from_bytes(ballots[0][at : at + 32], "little")
    twin = ((2**255 - 19) - s).to_bytes(32, "little")
    bad = ballots[0][:at] + twin + ballots[0][at + 32 :]
    [without] = verifier.verify([bad])
    assert without is not None
    for hint in hints:
        assert [parts(verdict) for verdict in verifier.verify([bad], hints=[hint])] == [parts(without)]
