"""The compiled kernel by itself: strict encodings, two arithmetics with one answer, batches that hide nothing, sums.

A single ballot goes through curve25519-dalek and a large batch through the kernel's own arithmetic for public data, so
every broken ballot here is judged alone and in company.
"""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import _kernel
from crypto.proofs import Contest, contest_state
from crypto.rules import Between, OneOf, Rule
from crypto.transcript import tag
from tests.forger import POSITION, SECRET, STYLE, forge, make_contest, make_frame, make_seed, seal, suite

GROUP = suite()
KEY = (SECRET * GROUP.generator).to_bytes()
RULES: list[Rule] = [OneOf.default(5), Between(4, 1, 3)]
CONTESTS = [make_contest(GROUP, rule, contest=10 + at) for at, rule in enumerate(RULES)]
COMPANY = 40


def make_verifier(contests: list[Contest]) -> _kernel.BallotVerifier:
    styles = [(STYLE, [(contest.contest, contest.rule.to_bytes()) for contest in contests])]
    return _kernel.BallotVerifier(tag("demo", f"ballot-proof/{GROUP.name}"), contests[0].manifest_hash, KEY, styles)


VERIFIER = make_verifier(CONTESTS)
GOOD = [
    make_frame(tuple(seal(contest, [seed % contest.rule.options], seed=seed) for contest in CONTESTS)).to_bytes()
    for seed in range(COMPANY)
]
HINTS = [VERIFIER.make_hints(ballot) for ballot in GOOD]


def judge(ballot: bytes) -> int:
    """Return the one code that a ballot gets alone, among valid ballots, on two threads, and with hints."""
    company = [*GOOD[: COMPANY // 2], ballot, *GOOD[COMPANY // 2 :]]
    hints = [*HINTS[: COMPANY // 2], VERIFIER.make_hints(ballot), *HINTS[COMPANY // 2 :]]
    codes = VERIFIER.verify([ballot])
    for together in (VERIFIER.verify(company), VERIFIER.verify(company, None, 2), VERIFIER.verify(company, hints)):
        assert together.pop(COMPANY // 2) == codes[0]
        assert not any(together)
    return codes[0]


def scalar(value: int) -> _kernel.Scalar:
    return _kernel.Scalar.from_bytes(GROUP.scalar_bytes(value))


# ----------------------------------------------------------------------------------------------------------- encodings


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(33), b"\x01" + bytes(31), b"\xff" * 32, bytes(31) + b"\x80"])
def test_bytes_that_are_no_point_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="point"):
        _kernel.Point.from_bytes(data)


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(33), GROUP.order.to_bytes(32, "little"), b"\xff" * 32])
def test_bytes_that_are_no_scalar_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="scalar"):
        _kernel.Scalar.from_bytes(data)


def test_lengths_are_checked_everywhere() -> None:
    point = _kernel.Point.generator()
    for call in (
        lambda: _kernel.Scalar.from_wide(bytes(63)),
        lambda: _kernel.Point.from_uniform(bytes(65)),
        lambda: _kernel.vartime_decode_batch(bytes(33)),
        lambda: _kernel.vartime_msm([], [point]),
        lambda: _kernel.multiscalar_mul([scalar(1)], []),
        lambda: _kernel.vartime_sum_encoded(bytes(32), bytes(64)),
        lambda: _kernel.vartime_sum_encoded(bytes(32), bytes(32), bytes(31)),
        lambda: _kernel.vartime_sum_encoded(b"\xff" * 32, bytes(32)),
        lambda: _kernel.vartime_sum_encoded(bytes(32), b"\xff" * 32),
        lambda: _kernel.vartime_sum_ciphertexts([]),
        lambda: _kernel.vartime_sum_ciphertexts([bytes(64), bytes(32)]),
        lambda: _kernel.vartime_sum_ciphertexts([b"\xff" * 32]),
        lambda: _kernel.vartime_subtract_ciphertexts(bytes(32), bytes(64)),
        lambda: _kernel.Scalar.from_bytes(bytes(32)).invert(),
        lambda: VERIFIER.verify([b""], []),
        lambda: VERIFIER.verify_and_sum([b""], []),
        lambda: _kernel.Sealer(bytes(32)),
        lambda: _kernel.BallotVerifier(b"", bytes(31), KEY, []),
        lambda: _kernel.BallotVerifier(b"", bytes(32), bytes(32), []),
        lambda: _kernel.BallotVerifier(b"", bytes(32), KEY, [(1, [(1, b"")])]),
    ):
        with pytest.raises(ValueError, match=r"."):
            call()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, GROUP.order - 1), st.binary(min_size=64, max_size=64)), max_size=20))
def test_four_ways_to_sum_give_one_answer(terms: list[tuple[int, bytes]]) -> None:
    scalars = [scalar(number) for number, _ in terms]
    points = [_kernel.Point.from_uniform(uniform) for _, uniform in terms]
    expected = _kernel.Point.identity()
    for number, point in zip(scalars, points, strict=True):
        expected += _kernel.BaseTable(point).mul(number)
    encoded = b"".join(point.to_bytes() for point in points)
    numbers = b"".join(number.to_bytes() for number in scalars)
    assert _kernel.vartime_msm(scalars, points) == expected
    assert _kernel.multiscalar_mul(scalars, points) == expected
    for hints in (None, _kernel.vartime_hints(encoded), bytes(len(encoded)), encoded):
        assert _kernel.vartime_sum_encoded(numbers, encoded, hints) == expected.to_bytes()


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.booleans())
def test_both_decoders_accept_the_same_bytes(data: bytes, hint: bytes, even: bool) -> None:
    if even:
        data = bytes([data[0] & 0xFE]) + data[1:31] + bytes([data[31] & 0x7F])
    [point] = _kernel.vartime_decode_batch(data)
    one = (1).to_bytes(32, "little")
    for hints in (None, hint, _kernel.vartime_hints(data)):
        if point is None:
            with pytest.raises(ValueError, match="valid encoding"):
                _kernel.vartime_sum_encoded(one, data, hints)
        else:
            assert _kernel.vartime_sum_encoded(one, data, hints) == data == point.to_bytes()


def test_logarithms_are_found_up_to_the_bound_only() -> None:
    for value in (0, 1, 999, 1000):
        point = _kernel.Point.mul_base(scalar(value))
        assert _kernel.vartime_discrete_log(point, 1000) == value
        assert _kernel.vartime_discrete_log(point, value - 1 if value else 0) == (None if value else 0)
    assert _kernel.vartime_discrete_log(_kernel.Point.mul_base(scalar(GROUP.order - 1)), 1000) is None


# ------------------------------------------------------------------------------------------------------------- ballots


def test_valid_ballots_and_an_empty_batch() -> None:
    assert judge(GOOD[0]) == 0
    assert VERIFIER.verify([]) == []
    assert all(len(hint) == 32 * sum(2 * rule.options + 2 * rule.digits + 2 for rule in RULES) for hint in HINTS)


def test_forged_choices_get_the_code_of_the_first_equation_that_fails() -> None:
    first, second = (seal(contest) for contest in CONTESTS)

    def with_first(votes: list[int], bits: list[int]) -> int:
        return judge(make_frame((forge(CONTESTS[0], votes, bits), second)).to_bytes())

    rule = RULES[0]
    one_hot = rule.bits([1, 0, 0, 0, 0])
    assert with_first([1, 0, 0, 0, 0], one_hot) == 0
    # Two votes, a negative vote, no vote, another option than the digits say: the digits are honest, E3 is not.
    for votes in ([1, 1, 0, 0, 0], [2, 0, 0, 0, 0], [1, 1, -1, 0, 0], [0, 0, 0, 0, 0], [0, 1, 0, 0, 0]):
        assert with_first(votes, one_hot) == 8 << 8
    # Two bits of a digit, or a bit that is none: E1.
    assert with_first([1, 0, 0, 0, 0], [2, *one_hot[1:]]) == 6 << 8
    assert with_first([1, 1, 0, 0, 0], [1] * len(one_hot)) == 6 << 8
    # Too many and too few of 1..3 of 4, in the second contest.
    too_many = forge(CONTESTS[1], [1, 1, 1, 1], [1, 1, 1, 1, 0, 0])
    too_few = forge(CONTESTS[1], [0, 0, 0, 0], [0, 0, 0, 0, 1, 1])
    assert judge(make_frame((first, too_many)).to_bytes()) == (6 << 8) + 1
    assert judge(make_frame((first, too_few)).to_bytes()) == (6 << 8) + 1


def test_a_proof_does_not_move() -> None:
    sealed = tuple(seal(contest) for contest in CONTESTS)
    assert judge(make_frame(sealed).to_bytes()) == 0
    for position in (
        replace(POSITION, pseudonym=bytes(16)),
        replace(POSITION, number=POSITION.number + 1),
        replace(POSITION, previous=bytes(32)),
        replace(POSITION, lock=b"\xff" * 32),
    ):
        assert judge(make_frame(sealed, position).to_bytes()) == 6 << 8
    assert judge(replace(make_frame(sealed), manifest_hash=bytes(32)).to_bytes()) == 10 << 8
    assert judge(replace(make_frame(sealed), style=STYLE + 1).to_bytes()) == 11 << 8
    assert judge(make_frame(sealed[:1]).to_bytes()) == 12 << 8
    assert judge(make_frame((*sealed, sealed[0])).to_bytes()) == 12 << 8
    assert judge(make_frame((sealed[1], sealed[0])).to_bytes()) == 1 << 8


def test_parts_of_two_valid_ballots_do_not_mix() -> None:
    one, two = (tuple(seal(contest, seed=seed) for contest in CONTESTS) for seed in (1, 2))
    mixed = replace(one[0], proof=two[0].proof)
    assert judge(make_frame((mixed, one[1])).to_bytes()) == 6 << 8
    assert judge(make_frame((two[0], one[1])).to_bytes()) == 0
    twice = replace(one[0], ciphertexts=one[0].ciphertexts[64:128] * 2 + one[0].ciphertexts[128:])
    assert judge(make_frame((twice, one[1])).to_bytes()) == 13 << 8


def test_every_bad_ballot_of_a_batch_is_named() -> None:
    batch, expected = list(GOOD), [0] * COMPANY
    for at in range(0, COMPANY, 3):
        batch[at] = batch[at][:-1] + bytes([batch[at][-1] ^ 1])
        [expected[at]] = VERIFIER.verify([batch[at]])
    assert all(expected[::3])
    assert VERIFIER.verify(batch) == VERIFIER.verify(batch, HINTS, 2) == expected


def test_truncated_and_lengthened_ballots_have_no_structure() -> None:
    for end in range(0, len(GOOD[0]), 29):
        assert VERIFIER.verify([GOOD[0][:end]]) == [9 << 8]
    assert VERIFIER.verify([GOOD[0] + b"\0", bytes(70_000)]) == [9 << 8, 9 << 8]
    assert VERIFIER.make_hints(GOOD[0][:-1]) == b""


def test_foreign_hints_change_nothing() -> None:
    bad = GOOD[0][:200] + bytes([GOOD[0][200] ^ 2]) + GOOD[0][201:]
    batch = [bad, *GOOD[1:]]
    codes = VERIFIER.verify(batch)
    assert codes[0]
    for hints in ([*HINTS[1:], HINTS[0]], [b""] * COMPANY, [b"\xff" * len(HINTS[0])] * COMPANY, [b"x"] * COMPANY):
        assert VERIFIER.verify(batch, hints) == codes


# ---------------------------------------------------------------------------------------------------------------- sums


def test_sums_hold_the_accepted_ballots_of_each_group() -> None:
    batch = [GOOD[0][:-1] + bytes([GOOD[0][-1] ^ 1]), *GOOD[1:]]
    groups = [at % 3 for at in range(COMPANY)]
    codes, sums = VERIFIER.verify_and_sum(batch, groups, HINTS, 2)
    assert [at for at, code in enumerate(codes) if code] == [0]
    assert set(sums) == {(group, contest.contest) for group in range(3) for contest in CONTESTS}
    for contest in CONTESTS:
        for group in range(3):
            vectors = [
                seal(contest, [seed % contest.rule.options], seed=seed).ciphertexts
                for seed in range(1, COMPANY)
                if seed % 3 == group
            ]
            assert sums[group, contest.contest] == _kernel.vartime_sum_ciphertexts(vectors)
            without_last = _kernel.vartime_subtract_ciphertexts(sums[group, contest.contest], vectors[-1])
            assert without_last == _kernel.vartime_sum_ciphertexts(vectors[:-1])


def test_a_vector_minus_itself_is_the_identity() -> None:
    vector = seal(CONTESTS[0]).ciphertexts
    assert _kernel.vartime_subtract_ciphertexts(vector, vector) == bytes(len(vector))


# -------------------------------------------------------------------------------------------------------------- sealer


@pytest.mark.parametrize(
    "votes", [b"", bytes(5), b"\1\1\0\0\0", b"\2\0\0\0\0", b"\1\0\0\0", b"\1\0\0\0\0\0", b"\xff" * 5]
)
def test_votes_that_the_rule_does_not_allow_are_not_sealed(votes: bytes) -> None:
    contest, sealer = CONTESTS[0], _kernel.Sealer(KEY)
    with pytest.raises(ValueError, match="does not allow"):
        sealer.seal(
            contest_state(contest),
            contest.rule.to_bytes(),
            contest.contest,
            POSITION.pseudonym,
            POSITION.number,
            POSITION.previous,
            POSITION.lock,
            make_seed().key,
            votes,
        )


def test_one_seed_masks_two_statements_differently() -> None:
    """Equal masks would give x - x' = difference of two responses, and with it the secret bits."""
    contest = CONTESTS[0]
    sealed = [seal(contest, [choice], seed=5) for choice in (0, 1, 2)]
    for left, right in pairwise(sealed):
        assert left.ciphertexts[:32] == right.ciphertexts[:32]
        assert left.proof[32:64] != right.proof[32:64]
