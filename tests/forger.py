"""Makes valid ballots for the tests, breaks them on purpose, and asks every verifier for the verdict.

`verify_everywhere` is how the attack tests verify: the single verifier, the batch in Python and the kernel must give
the same check, reason and culprit, or the test fails whatever it expected.
"""

from dataclasses import replace
from typing import Any

from crypto.elgamal import BallotSeed
from crypto.errors import Refused
from crypto.group import Group, parse_suite
from crypto.proofs import (
    BallotVerifier,
    Contest,
    Frame,
    FrameCheck,
    Position,
    SealedContest,
    encrypt_votes,
    prove_contest,
    seal_contest,
    verify_contest,
)
from crypto.rules import OneOf, Rule

SUITES = ("RISTRETTO255-SHA512", "P256-SHA256")
SECRET = 0x5EED
FRAME_CHECKS = {check: f"frame: {check.value}" for check in FrameCheck}
STYLE = 7
POSITION = Position(bytes(range(16)), 3, bytes(range(32)))


def suite(name: str = SUITES[0]) -> Group:
    """Return a suite's group."""
    return parse_suite(name)


def make_contest(group: Group, rule: Rule | None = None, **changes: Any) -> Contest:  # noqa: ANN401 - any field
    """Return a contest under the tests' key; choose one of 10 unless a rule is given."""
    key = (SECRET * group.generator).to_bytes()
    contest = Contest("demo", group, bytes(range(32)), STYLE, 1, rule or OneOf.default(10), key)
    return replace(contest, **changes)


def make_seed(number: int = 0) -> BallotSeed:
    """Return one of the tests' seeds."""
    return BallotSeed("demo", number.to_bytes(32, "big"))


def seal(contest: Contest, chosen: list[int] | None = None, *, seed: int = 0) -> SealedContest:
    """Seal an honest choice (the first option unless given)."""
    return seal_contest(contest, POSITION, make_seed(seed), chosen or [0])


def forge(contest: Contest, votes: list[int], bits: list[int], *, seed: int = 0) -> SealedContest:
    """Encrypt any integers and run the honest prover on any bits."""
    ciphertexts = encrypt_votes(contest, make_seed(seed), votes)
    return SealedContest(ciphertexts, prove_contest(contest, POSITION, make_seed(seed), ciphertexts, bits))


def make_frame(contests: tuple[SealedContest, ...], position: Position = POSITION, style: int = STYLE) -> Frame:
    """Return a ballot's frame around sealed contests."""
    return Frame(bytes(range(32)), style, position, 99, bytes(32), contests)


def make_verifier(contests: list[Contest], *, python_only: bool = False) -> BallotVerifier:
    """Return a verifier of ballots that hold exactly these contests."""
    first = contests[0]
    styles = {STYLE: [(contest.contest, contest.rule) for contest in contests]}
    return BallotVerifier(
        first.kind, first.group, first.manifest_hash, first.key, styles, FRAME_CHECKS, python_only=python_only
    )


def parts(refusal: Refused | None) -> tuple[type, str, str, str] | None:
    """Return what two verifiers must agree on."""
    return None if refusal is None else (type(refusal), refusal.check, refusal.reason, refusal.culprit)


def verify_everywhere(contest: Contest, sealed: SealedContest, position: Position = POSITION) -> None:
    """Verify with every verifier there is; they must agree. Raises the refusal."""
    try:
        verify_contest(contest, position, sealed)
        single = None
    except Refused as refusal:
        single = refusal
    ballot = make_frame((sealed,), position, contest.style)
    ballot = replace(ballot, manifest_hash=contest.manifest_hash)
    styles = {contest.style: [(contest.contest, contest.rule)]}
    for python_only in (True, False):
        verifier = BallotVerifier(
            contest.kind,
            contest.group,
            contest.manifest_hash,
            contest.key,
            styles,
            FRAME_CHECKS,
            python_only=python_only,
        )
        [verdict] = verifier.verify([ballot.to_bytes()])
        assert parts(verdict) == parts(single)
    if single is not None:
        raise single
