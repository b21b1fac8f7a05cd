"""Thousands of broken ballots, one way of breaking after the other: kernel, single verifier and Python batch agree.

A mutation changes the bytes of one region of a valid ballot. None may be accepted unless it left the ballot as it was,
and every verifier must name the same first failing check and the same culprit.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import permutations
from typing import TypeAlias

import pytest

from crypto.group import Group, parse_suite
from crypto.proofs import Check, Contest, FrameCheck, Position, SealedContest, parse_frame, proof_size, seal_contest
from crypto.rules import Between, OneOf, Rule
from tests.forger import FRAME_CHECKS, SUITES, make_contest, make_frame, make_seed, make_verifier, parts

RULES: list[Rule] = [OneOf.default(3), Between(4, 1, 3), OneOf(5, (2, 3))]


@dataclass(frozen=True, slots=True)
class World:
    """One valid ballot of three contests, where its parts stand in its bytes, and another ballot to take parts from."""

    group: Group
    contests: list[Contest]
    ballot: bytes
    other: bytes
    regions: dict[str, list[tuple[int, int]]]


def seal_ballot(contests: list[Contest], number: int) -> bytes:
    position = Position(bytes([number]) * 16, number, bytes(32))
    sealed = tuple(
        seal_contest(contest, position, make_seed(number), [0, 2][: 2 if isinstance(contest.rule, Between) else 1])
        for contest in contests
    )
    return make_frame(sealed, position).to_bytes()


def build(suite: str) -> World:
    """Seal two ballots and find the regions by their lengths from the end."""
    group = parse_suite(suite)
    contests = [make_contest(group, rule, contest=at) for at, rule in enumerate(RULES)]
    ballot, other = (seal_ballot(contests, number) for number in (1, 2))
    size, end = group.element_size, len(ballot)
    regions: dict[str, list[tuple[int, int]]] = {"points": [], "commitments": [], "scalars": [], "heads": []}
    for contest in reversed(contests):
        start = end - proof_size(group, contest.rule)
        split = start + (2 + 2 * contest.rule.digits) * size
        regions["scalars"] += [(at, at + 32) for at in range(split, end, 32)]
        regions["commitments"] += [(at, at + size) for at in range(start, split, size)]
        end = start - 3
        regions["heads"].append((end, start))
        start = end - 2 * contest.rule.options * size
        regions["points"] += [(at, at + size) for at in range(start, end, size)]
        end = start - 4 if end - start > 255 else start - 3
        regions["heads"].append((end, start))
    regions["frame"] = [(0, end)]
    return World(group, contests, ballot, other, regions)


def flip_bit(world: World, piece: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(piece))
    return piece[:at] + bytes([piece[at] ^ 1 << draw.randrange(8)]) + piece[at + 1 :]


def replace_byte(world: World, piece: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(piece))
    return piece[:at] + draw.randbytes(1) + piece[at + 1 :]


def drop_byte(world: World, piece: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(piece))
    return piece[:at] + piece[at + 1 :]


def insert_byte(world: World, piece: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(piece) + 1)
    return piece[:at] + draw.randbytes(1) + piece[at:]


def zero(world: World, piece: bytes, draw: random.Random) -> bytes:
    return bytes(len(piece))


def ones(world: World, piece: bytes, draw: random.Random) -> bytes:
    return b"\xff" * len(piece)


def noise(world: World, piece: bytes, draw: random.Random) -> bytes:
    return draw.randbytes(len(piece))


def valid_element(world: World, piece: bytes, draw: random.Random) -> bytes:
    element = (draw.randrange(world.group.order) * world.group.generator).to_bytes()
    return element if len(piece) == len(element) else flip_bit(world, piece, draw)


def valid_scalar(world: World, piece: bytes, draw: random.Random) -> bytes:
    scalar = world.group.scalar_bytes(draw.randrange(world.group.order))
    return scalar if len(piece) == 32 else replace_byte(world, piece, draw)


def add_order(world: World, piece: bytes, draw: random.Random) -> bytes:
    order = world.group.scalar_byteorder
    value = int.from_bytes(piece[:32], order) + world.group.order
    return (value % 2**256).to_bytes(32, order) + piece[32:]


def piece_of_another_ballot(world: World, piece: bytes, draw: random.Random) -> bytes:
    at = world.ballot.index(piece)
    return world.other[at : at + len(piece)]


Breaker: TypeAlias = Callable[[World, bytes, random.Random], bytes]
BREAKERS: list[Breaker] = [
    flip_bit,
    replace_byte,
    drop_byte,
    insert_byte,
    zero,
    ones,
    noise,
    valid_element,
    valid_scalar,
    add_order,
    piece_of_another_ballot,
]


def mutate(world: World, region: str, breaker: Breaker, rounds: int) -> list[bytes]:
    """Return ballots that are broken in one way in places of one region."""
    draw = random.Random(f"{world.group.name} {region} {breaker.__name__}")
    broken = []
    for _ in range(rounds):
        start, end = draw.choice(world.regions[region])
        broken.append(world.ballot[:start] + breaker(world, world.ballot[start:end], draw) + world.ballot[end:])
    return broken


WORLDS = {suite: build(suite) for suite in SUITES}


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("region", ["frame", "heads", "points", "commitments", "scalars"])
def test_every_verifier_gives_the_same_verdict(suite: str, region: str) -> None:
    world = WORLDS[suite]
    rounds = 20 if suite == SUITES[0] else 6
    ballots = [world.ballot]
    for breaker in BREAKERS:
        ballots += mutate(world, region, breaker, rounds)
    reader = make_verifier(world.contests, python_only=True)
    alone = [parts(reader.verify([ballot])[0]) for ballot in ballots]
    assert [parts(verdict) for verdict in reader.verify(ballots)] == alone
    kernel = make_verifier(world.contests)
    assert [parts(verdict) for verdict in kernel.verify(ballots, threads=2)] == alone
    hints = [kernel.make_hints(world.ballot)] * len(ballots)
    assert [parts(verdict) for verdict in kernel.verify(ballots, hints=hints)] == alone
    accepted = [ballot for ballot, verdict in zip(ballots, alone, strict=True) if verdict is None]
    if region != "frame":
        assert set(accepted) == {world.ballot}
    # In the frame only the head seen and the lock are outside the proof: they are the ballot hash's to protect.
    assert len(accepted) < len(ballots) // 2


def test_mutations_reach_every_check() -> None:
    """The mutations above are worth something only if they get past the first checks."""
    world = WORLDS[SUITES[0]]
    verifier = make_verifier(world.contests, python_only=True)
    seen: Counter[str] = Counter()
    for region in ("points", "commitments", "scalars", "heads", "frame"):
        for breaker in BREAKERS:
            verdicts = verifier.verify(mutate(world, region, breaker, 10))
            seen.update(verdict.check for verdict in verdicts if verdict is not None)
    reached = {Check.CIPHERTEXT, Check.COMMITMENT, Check.SCALAR, Check.BITS, Check.RANDOMNESS}
    frame = {FRAME_CHECKS[check] for check in (FrameCheck.STRUCTURE, FrameCheck.MANIFEST)}
    assert {check.value for check in reached} | frame <= set(seen)


@pytest.mark.parametrize("suite", SUITES)
def test_well_formed_frames_around_wrong_parts(suite: str) -> None:
    """Heads are right, lengths, styles and the order of contests are not."""
    world = WORLDS[suite]
    good, other = parse_frame(world.ballot), parse_frame(world.other)
    assert good is not None
    assert other is not None
    frames = [replace(good, style=style) for style in (0, 23, 24, 255, 256, 65535)]
    frames += [replace(good, contests=contests) for contests in permutations(good.contests)]
    for at, sealed in enumerate(good.contests):
        parts_of = [
            *(SealedContest(sealed.ciphertexts[:cut], sealed.proof) for cut in (0, 1, 23, 24, 32, 64, 66, -1)),
            *(SealedContest(sealed.ciphertexts, sealed.proof[:cut]) for cut in (0, 1, 23, 24, 32, 64, 255, -1, -32)),
            SealedContest(sealed.ciphertexts + bytes(64), sealed.proof),
            SealedContest(sealed.ciphertexts, sealed.proof + bytes(32)),
            SealedContest(sealed.proof, sealed.ciphertexts),
            SealedContest(sealed.ciphertexts, other.contests[at].proof),
            other.contests[at],
        ]
        frames += [replace(good, contests=(*good.contests[:at], part, *good.contests[at + 1 :])) for part in parts_of]
    ballots = [frame.to_bytes() for frame in frames]
    reader = make_verifier(world.contests, python_only=True)
    alone = [parts(reader.verify([ballot])[0]) for ballot in ballots]
    assert sum(verdict is None for verdict in alone) == 1
    assert [parts(verdict) for verdict in reader.verify(ballots)] == alone
    assert [parts(verdict) for verdict in make_verifier(world.contests).verify(ballots)] == alone


@pytest.mark.parametrize("suite", SUITES)
def test_cut_anywhere(suite: str) -> None:
    world = WORLDS[suite]
    ballots = [world.ballot[:at] for at in range(len(world.ballot))]
    for python_only in (True, False):
        verdicts = make_verifier(world.contests, python_only=python_only).verify(ballots)
        assert {verdict and verdict.check for verdict in verdicts} == {"frame: structure"}
