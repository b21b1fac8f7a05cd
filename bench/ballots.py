"""The ballot argument: verification in batches and alone, sealing, bytes, and the floor that the points themselves set.

Every figure is of one core. Ballots are sealed anew for the run, so no point occurs twice.

>>> [scenario.name for scenario in SCENARIOS]
['1of2', '1of10', '1of18', '1of54', '1of500', '0to3of10']
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cbor2

from bench.figures import Figure, best_of, one_core, seconds_each
from bench.points import PointFigures
from bench.textbook import prove_votes, verify_votes
from crypto._kernel import BallotVerifier
from crypto.elgamal import BallotSeed
from crypto.group import parse_suite
from crypto.proofs import Contest, Position, parse_frame, seal_contest
from crypto.rules import Between, OneOf, Rule
from crypto.transcript import tag
from demo.ballots import Booth, Head, Task
from demo.electorate import Electorate, published

GROUP = parse_suite("RISTRETTO255-SHA512")
MANIFEST_HASH = bytes(range(32))
STYLE, CONTEST = 1, 1
BATCH_POINTS = 54_000


@dataclass(frozen=True, slots=True)
class Scenario:
    """One contest rule with a valid choice."""

    name: str
    rule: Rule
    chosen: tuple[int, ...]

    @property
    def terms(self) -> int:
        """Return the variable points of one ballot: 2n + 2m + 2 (PROTOCOL, section 2)."""
        return 2 * self.rule.options + 2 * self.rule.digits + 2


SCENARIOS = (
    Scenario("1of2", OneOf.default(2), (1,)),
    Scenario("1of10", OneOf.default(10), (3,)),
    Scenario("1of18", OneOf.default(18), (7,)),
    Scenario("1of54", OneOf.default(54), (40,)),
    Scenario("1of500", OneOf.default(500), (499,)),
    Scenario("0to3of10", Between(10, 0, 3), (2, 5)),
)


@dataclass(slots=True)
class Sealer:
    """Seals ballots of one scenario under a fresh key."""

    scenario: Scenario
    key: bytes
    contest: Contest

    @classmethod
    def of(cls, scenario: Scenario) -> "Sealer":
        """Draw a key."""
        key = (GROUP.random_scalar() * GROUP.generator).to_bytes()
        contest = Contest("demo", GROUP, MANIFEST_HASH, style=STYLE, contest=CONTEST, rule=scenario.rule, key=key)
        return cls(scenario, key, contest)

    def verifier(self) -> BallotVerifier:
        """Return the kernel's verifier of these ballots."""
        styles = [(STYLE, [(CONTEST, self.scenario.rule.to_bytes())])]
        return BallotVerifier(tag("demo", f"ballot-proof/{GROUP.name}"), MANIFEST_HASH, self.key, styles)

    def seal(self) -> tuple[bytes, int]:
        """Return the bytes of one ballot, and the bytes of its ciphertexts and proof."""
        position = Position(os.urandom(16), number=1, previous=bytes(32))
        seed = BallotSeed("demo", os.urandom(32))
        sealed = seal_contest(self.contest, position, seed, chosen=self.scenario.chosen)
        body = [MANIFEST_HASH, STYLE, position.pseudonym, 1, bytes(32), 0, bytes(32), bytes(32)]
        contests = [[sealed.ciphertexts, sealed.proof]]
        return cbor2.dumps([*body, contests]), len(sealed.ciphertexts) + len(sealed.proof)


def measure_ballots(points: PointFigures) -> Iterator[Figure]:
    """Yield the figures of every scenario; `points` are the costs of single points of the same run."""
    with one_core():
        for scenario in SCENARIOS:
            yield from _measure_scenario(scenario, points)
        yield _measure_textbook()
    yield _measure_entry()


def _measure_scenario(scenario: Scenario, points: PointFigures) -> Iterator[Figure]:
    sealer = Sealer.of(scenario)
    count = max(24, BATCH_POINTS // scenario.terms)
    ballots = []
    size = 0
    for _ in range(count):
        ballot, size = sealer.seal()
        ballots.append(ballot)
    verifier = sealer.verifier()
    if any(verifier.verify(ballots, None, 1)):
        raise SystemExit(f"the kernel refuses a ballot of {scenario.name}")
    hints = [verifier.make_hints(ballot) for ballot in ballots]
    plain = best_of(3, lambda: verifier.verify(ballots, None, 1)) / count * 1e6
    hinted = best_of(3, lambda: verifier.verify(ballots, hints, 1)) / count * 1e6
    note = f"batch of {count:,}, one core, {scenario.terms} terms"
    yield Figure(f"verify.{scenario.name}.us", plain, "us", note)
    yield Figure(f"verify.{scenario.name}.hints.us", hinted, "us", note)
    yield Figure(f"ballot.{scenario.name}.bytes", size, "bytes", "ciphertexts and proof")
    if scenario.name == "1of10":
        floor = scenario.terms * (points.decode_us + points.sum_us)
        yield Figure(
            "verify.1of10.floor.us", floor, "us", f"{scenario.terms} × (decode + sum) at {points.size:,} points"
        )
        yield Figure("verify.1of10.floor_ratio", plain / floor, "ratio", "verify.1of10.us over the floor")
    if scenario.name in {"1of10", "1of18"}:
        single = seconds_each(lambda: verifier.verify(ballots[:1], None, 1)) * 1e6
        yield Figure(f"admit.{scenario.name}.us", single, "us", "one ballot alone, as at intake, one core")
    sealing = seconds_each(sealer.seal) * 1e6
    yield Figure(f"seal.{scenario.name}.us", sealing, "us", "one ballot, one core")


def _measure_entry() -> Figure:
    """Measure what a ballot entry holds besides ciphertexts and proof, by one of the demo's."""
    figures = published()
    electorate = Electorate(replace(figures, questions=figures.questions[:1]), 20, 1)
    booth = Booth(electorate, MANIFEST_HASH, (GROUP.random_scalar() * GROUP.generator).to_bytes())
    task = Task(0, 1, bytes(32), 1_610_244_000_000)
    sealed = booth.seal(task, Head(5_000_000, bytes(32)))
    entry = booth.cast(sealed, task.issued_at_ms, booth.passkey(0))
    frame = parse_frame(sealed.ballot)
    if frame is None:
        raise SystemExit("the demo's ballot is none")
    parts = sum(len(contest.ciphertexts) + len(contest.proof) for contest in frame.contests)
    return Figure(
        "ballot.entry_rest.bytes", len(entry) - parts, "bytes", "a ballot entry without ciphertexts and proof"
    )


def _measure_textbook() -> Figure:
    options = 10
    key = GROUP.random_scalar() * GROUP.generator
    pairs, proofs, total = prove_votes(GROUP, key, options=options, chosen=3)
    seconds = seconds_each(lambda: verify_votes(GROUP, key, pairs, proofs, total), at_least=1.0)
    return Figure(
        "verify.textbook.1of10.us", seconds * 1e6, "us", "0/1 OR-proofs one by one on the same library, one core"
    )
