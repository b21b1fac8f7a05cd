"""The ballot argument: stored bytes, completeness, sizes, simulation, refusals."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from crypto.elgamal import add_vectors, parse_sums
from crypto.errors import MalformedEncoding, Misuse
from crypto.group import parse_suite
from crypto.proofs import (
    BallotVerifier,
    Check,
    FrameCheck,
    Position,
    SealedContest,
    _Decoded,
    _pair,
    _power_weights,
    _verify_equations,
    ciphertexts_size,
    derive_generator,
    encrypt_votes,
    parse_frame,
    proof_size,
    seal_contest,
)
from crypto.rules import Between, OneOf, Rule, parse_rule
from tests.forger import (
    POSITION,
    SECRET,
    STYLE,
    SUITES,
    forge,
    make_contest,
    make_frame,
    make_seed,
    make_verifier,
    seal,
    verify_everywhere,
)
from tests.make_vectors import proofs_vectors

FOLDER = Path(__file__).resolve().parents[2] / "vectors"
STORED = json.loads((FOLDER / "proofs.json").read_text(encoding="utf-8"))
GROUP = parse_suite(SUITES[0])
RULES: list[Rule] = [OneOf.default(2), OneOf.default(3), OneOf(5, (2, 3)), OneOf(7, (2, 2, 2))]
RULES += [Between(2, 0, 1), Between(3, 0, 3), Between(3, 2, 2), Between(4, 1, 3)]


def choices(rule: Rule) -> list[tuple[int, ...]]:
    """Return every choice that a small rule allows."""
    low, high = (1, 1) if isinstance(rule, OneOf) else (rule.minimum, rule.maximum)
    sizes = (itertools.combinations(range(rule.options), size) for size in range(low, high + 1))
    return list(itertools.islice(itertools.chain.from_iterable(sizes), 1000))


# ---- stored vectors


def test_stored_vectors_are_what_is_computed() -> None:
    assert proofs_vectors() == STORED


@pytest.mark.parametrize("index", range(len(STORED["contests"])))
def test_stored_contests_verify(index: int) -> None:
    item = STORED["contests"][index]
    contest = make_contest(parse_suite(item["suite"]), parse_rule(bytes.fromhex(item["rule"])))
    assert contest.key.hex() == item["key"]
    sealed = SealedContest(bytes.fromhex(item["ciphertexts"]), bytes.fromhex(item["proof"]))
    verify_everywhere(contest, sealed)


def test_stored_ballot_verifies() -> None:
    frame = parse_frame(bytes.fromhex(STORED["frame"]))
    assert frame is not None
    assert frame.to_bytes().hex() == STORED["frame"]
    contests = [make_contest(GROUP, rule, contest=at) for at, rule in enumerate((OneOf.default(2), OneOf.default(10)))]
    for python_only in (True, False):
        assert make_verifier(contests, python_only=python_only).verify([bytes.fromhex(STORED["frame"])]) == [None]


# ---- sizes


def test_sizes() -> None:
    assert [proof_size(GROUP, OneOf.default(n)) for n in (10, 54)] == [416, 608]
    for n in range(2, 55):
        rule = OneOf.default(n)
        assert ciphertexts_size(GROUP, rule) + proof_size(GROUP, rule) <= 64 * n + 640
    for n in (2, 10, 100):
        for minimum in (0, 1, n):
            between = Between(n, minimum, n)
            assert ciphertexts_size(GROUP, between) + proof_size(GROUP, between) <= 96 * n + 400


# ---- completeness


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_every_allowed_choice_verifies(suite: str, rule: Rule) -> None:
    contest = make_contest(parse_suite(suite), rule)
    group = contest.group
    for number, chosen in enumerate(choices(rule)):
        sealed = seal_contest(contest, POSITION, make_seed(number), chosen)
        verify_everywhere(contest, sealed)
        vector = parse_sums(group, sealed.ciphertexts, rule.options)
        votes = [group.vartime_logarithm(item.b - SECRET * item.a, 1) for item in vector]
        assert votes == [int(option in chosen) for option in range(rule.options)]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_choice_outside_the_rule_is_misuse(rule: Rule) -> None:
    allowed = {frozenset(choice) for choice in choices(rule)}
    contest = make_contest(GROUP, rule)
    for size in range(rule.options + 1):
        for chosen in itertools.combinations(range(rule.options), size):
            if frozenset(chosen) not in allowed:
                with pytest.raises(Misuse):
                    seal_contest(contest, POSITION, make_seed(), chosen)
    for wrong in (-1, rule.options):
        with pytest.raises(Misuse):
            seal_contest(contest, POSITION, make_seed(), [wrong])


@pytest.mark.parametrize("rule", [*RULES, OneOf.default(54), Between(20, 3, 17)], ids=str)
def test_the_kernel_seals_the_same_bytes_as_the_readable_prover(rule: Rule) -> None:
    contest = make_contest(GROUP, rule, contest=700)
    for number, chosen in enumerate(itertools.islice(choices(rule), 0, 400, 7)):
        votes = [int(option in chosen) for option in range(rule.options)]
        assert seal_contest(contest, POSITION, make_seed(number), chosen) == forge(
            contest, votes, rule.bits(votes), seed=number
        )


def test_sealing_is_determined_by_the_seed() -> None:
    contest = make_contest(GROUP)
    assert seal(contest, [3]) == seal(contest, [3])
    assert seal(contest, [3]).ciphertexts == encrypt_votes(contest, make_seed(), [0, 0, 0, 1, 0, 0, 0, 0, 0, 0])


def test_one_seed_for_two_statements_gives_other_masks() -> None:
    contest = make_contest(GROUP)
    first = seal_contest(contest, POSITION, make_seed(), [3])
    second = seal_contest(contest, replace(POSITION, number=4), make_seed(), [3])
    third = seal_contest(contest, POSITION, make_seed(), [4])
    assert first.ciphertexts == second.ciphertexts
    heads = {sealed.proof[at : at + 32] for sealed in (first, second, third) for at in (0, 32, 64, 96, 128, 160)}
    assert len(heads) == 18


def test_generators_differ_and_depend_on_the_suite() -> None:
    names = [("K", 0), *((label, index) for label in "GH" for index in range(20))]
    points = {derive_generator(parse_suite(suite), *name).to_bytes() for suite in SUITES for name in names}
    assert len(points) == 2 * len(names)


# ---- zero knowledge: for one digit anyone can make a transcript that looks like a proof


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("votes", [[0, 0, 1], [2, 7, 1], [0, 0, 0]])
def test_simulator_for_one_digit(suite: str, votes: list[int]) -> None:
    contest = make_contest(parse_suite(suite), OneOf(3, (3,)))
    group, q = contest.group, contest.group.order
    vector = parse_sums(group, encrypt_votes(contest, make_seed(), votes), 3)
    x, y, w, z, m1 = (group.random_scalar() for _ in range(5))
    f = [group.random_scalar() for _ in range(2)]
    f = [(x - sum(f)) % q, *f]
    M1, G, H = m1 * derive_generator(group, "K", 0), group.generator, group.parse_element(contest.key)
    M0 = w * derive_generator(group, "K", 0) - x * M1
    for bit in range(3):
        M0 += f[bit] * derive_generator(group, "G", bit) + f[bit] * (x - f[bit]) * derive_generator(group, "H", bit)
    phi = sum(pow(y, t, q) * f[t] for t in range(3))
    placeholder = _Decoded(contest, vector, M1, M0, _pair([G, G]), f, w, z, x, y, b"")
    weights = _power_weights(placeholder)[:3]
    digit_a = z * G - group.vartime_sum(weights, [item.a for item in vector])
    digit_b = z * H + phi * G - group.vartime_sum(weights, [item.b for item in vector])
    _verify_equations(replace(placeholder, digits=_pair([digit_a, digit_b])))


# ---- whole ballots


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("python_only", [True, False])
def test_ballots_are_verified_and_summed(suite: str, python_only: bool) -> None:
    group = parse_suite(suite)
    contests = [make_contest(group, OneOf.default(3), contest=4), make_contest(group, Between(4, 0, 2), contest=9)]
    ballots, vectors = [], []
    for number in range(6):
        position = Position(bytes([number]) * 16, 1, bytes(32))
        sealed = tuple(seal_contest(contest, position, make_seed(number), [number % 3]) for contest in contests)
        vectors.append([parse_sums(group, item.ciphertexts, n) for item, n in zip(sealed, (3, 4), strict=True)])
        ballots.append(make_frame(sealed, position).to_bytes())
    ballots[4] = ballots[4][:-1] + bytes([ballots[4][-1] ^ 1])
    verifier = make_verifier(contests, python_only=python_only)
    outcome = verifier.verify_and_sum(ballots, [1, 1, 2, 2, 2, 3], threads=1)
    assert [verdict is None for verdict in outcome.verdicts] == [True, True, True, True, False, True]
    assert set(outcome.sums) == {(leaf, contest) for leaf in (1, 2, 3) for contest in (4, 9)}
    for leaf, members in ((1, (0, 1)), (2, (2, 3)), (3, (5,))):
        for at, (contest_id, options) in enumerate(((4, 3), (9, 4))):
            expected = add_vectors([vectors[member][at] for member in members])
            assert parse_sums(group, outcome.sums[leaf, contest_id], options) == expected


@pytest.mark.parametrize("suite", SUITES)
def test_a_batch_names_every_bad_ballot(suite: str) -> None:
    contest = make_contest(parse_suite(suite))
    good = make_frame((seal(contest),)).to_bytes()
    bad = bytearray(good)
    bad[-40] ^= 1
    ballots = [good, bytes(bad), good, good, b"", bytes(bad), good]
    for python_only in (True, False):
        verdicts = make_verifier([contest], python_only=python_only).verify(ballots)
        assert [verdict and verdict.check for verdict in verdicts] == [
            None,
            Check.BITS.value,
            None,
            None,
            f"frame: {FrameCheck.STRUCTURE.value}",
            Check.BITS.value,
            None,
        ]


def test_no_ballots() -> None:
    for python_only in (True, False):
        assert make_verifier([make_contest(GROUP)], python_only=python_only).verify([]) == []


@pytest.mark.parametrize("python_only", [True, False])
def test_styles_that_contradict_each_other_are_misuse(python_only: bool) -> None:
    two, three = OneOf.default(2), OneOf.default(3)
    for styles in ({1: [(5, two), (5, two)]}, {1: [(5, two)], 2: [(5, three)]}):
        with pytest.raises(Misuse):
            BallotVerifier("demo", GROUP, bytes(32), make_contest(GROUP).key, styles, {}, python_only=python_only)


@pytest.mark.parametrize("suite", SUITES)
def test_refusals_of_the_frame(suite: str) -> None:
    contests = [make_contest(parse_suite(suite), OneOf.default(2), contest=at) for at in (1, 2)]
    first, second = (seal(contest, seed=at) for at, contest in enumerate(contests))
    good = make_frame((first, second))
    size = contests[0].group.element_size
    repeated = SealedContest(first.ciphertexts[:size] + second.ciphertexts[size:], second.proof)
    cases = [
        (replace(good, manifest_hash=bytes(32)), FrameCheck.MANIFEST),
        (replace(good, manifest_hash=bytes(32), style=1), FrameCheck.MANIFEST),
        (replace(good, style=STYLE + 1), FrameCheck.STYLE),
        (replace(good, style=0, contests=(first,)), FrameCheck.STYLE),
        (replace(good, contests=(first,)), FrameCheck.CONTESTS),
        (replace(good, contests=(first, second, second)), FrameCheck.CONTESTS),
        (replace(good, contests=(first, repeated)), FrameCheck.REPEATED),
    ]
    for python_only in (True, False):
        verifier = make_verifier(contests, python_only=python_only)
        assert verifier.verify([good.to_bytes()]) == [None]
        for frame, check in cases:
            [verdict] = verifier.verify([frame.to_bytes()])
            assert verdict is not None
            assert verdict.check == f"frame: {check.value}"


def _broken_frames() -> dict[str, bytes]:
    contest = make_contest(GROUP, OneOf.default(2))
    frame = make_frame((seal(contest),))
    good = frame.to_bytes()
    style = good.index(bytes([STYLE, 0x50]))
    return {
        "empty": b"",
        "cut": good[:-1],
        "trailing byte": good + b"\0",
        "eight items": bytes([0x88]) + good[1:],
        "indefinite array": b"\x9f" + good[1:] + b"\xff",
        "map": bytes([0xA9]) + good[1:],
        "tagged": b"\xd9\xd9\xf7" + good,
        "long head": b"\x98\x09" + good[1:],
        "style as two bytes": good[:style] + b"\x18\x07" + good[style + 1 :],
        "style as text": good[:style] + b"\x67" + good[style + 1 :],
        "style negative": good[:style] + b"\x27" + good[style + 1 :],
        "style too large": replace(frame, style=2**16).to_bytes(),
        "number 0": replace(frame, position=replace(POSITION, number=0)).to_bytes(),
        "number too large": replace(frame, position=replace(POSITION, number=2**32)).to_bytes(),
        "head size too large": replace(frame, head_size=2**53).to_bytes(),
        "short manifest hash": replace(frame, manifest_hash=bytes(31)).to_bytes(),
        "long pseudonym": replace(frame, position=replace(POSITION, pseudonym=bytes(17))).to_bytes(),
        "short previous": replace(frame, position=replace(POSITION, previous=bytes(0))).to_bytes(),
        "long lock": replace(frame, position=replace(POSITION, lock=bytes(33))).to_bytes(),
        "short root": replace(frame, head_root=bytes(31)).to_bytes(),
        "no contests": replace(frame, contests=()).to_bytes(),
        "65 contests": replace(frame, contests=(SealedContest(b"", b""),) * 65).to_bytes(),
        "reserved head": bytes([0x9C]) + good[1:],
        "huge string": good[:1] + b"\x5b" + b"\xff" * 8 + good[3:],
    }


@pytest.mark.parametrize("why", sorted(_broken_frames()))
def test_broken_frames(why: str) -> None:
    data = _broken_frames()[why]
    assert parse_frame(data) is None
    contest = make_contest(GROUP, OneOf.default(2))
    for python_only in (True, False):
        [verdict] = make_verifier([contest], python_only=python_only).verify([data])
        assert isinstance(verdict, MalformedEncoding)
        assert verdict.check == f"frame: {FrameCheck.STRUCTURE.value}"
