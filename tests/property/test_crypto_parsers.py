"""Parsers of the primitives: any bytes are parsed to a value that encodes to the same bytes, or refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.elgamal import parse_sums, vector_to_bytes
from crypto.errors import MalformedEncoding, Refused
from crypto.group import parse_suite
from crypto.logarithms import verify_equality, verify_knowledge
from crypto.proofs import parse_frame, seal_contest
from crypto.rules import Between, OneOf, Rule, parse_rule
from crypto.transcript import Transcript, tag
from tests.forger import POSITION, SUITES, make_contest, make_frame, make_seed, verify_everywhere
from tests.oracles import RistrettoOracle

FAST = settings(max_examples=150, deadline=None)
suites = st.sampled_from(SUITES).map(parse_suite)
RISTRETTO = parse_suite(SUITES[0])


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """Draw any small rule within the limits."""
    options = draw(st.integers(2, 12))
    if draw(st.booleans()):
        maximum = draw(st.integers(1, options))
        return Between(options, draw(st.integers(0, maximum)), maximum)
    radices = [draw(st.integers(2, options))]
    product = radices[0]
    while product < options:
        radices.append(draw(st.integers(2, options)))
        product *= radices[-1]
    return OneOf(options, tuple(radices))


@FAST
@given(st.binary(max_size=40))
def test_elements(data: bytes) -> None:
    for suite in (parse_suite(name) for name in SUITES):
        try:
            assert suite.parse_sum(data).to_bytes() == data
        except MalformedEncoding:
            continue


@FAST
@given(st.binary(min_size=32, max_size=32))
def test_ristretto_decoding_is_the_oracles(data: bytes) -> None:
    even = bytes([data[0] & 0xFE]) + data[1:31] + bytes([data[31] & 0x7F])
    for candidate in (data, even):
        expected = RistrettoOracle.decode(candidate)
        try:
            assert RISTRETTO.parse_sum(candidate).to_bytes() == candidate
        except MalformedEncoding:
            assert expected is None
        else:
            assert expected is not None
            assert expected.encode() == candidate


@FAST
@given(st.binary(max_size=40))
def test_scalars(data: bytes) -> None:
    for suite in (parse_suite(name) for name in SUITES):
        try:
            assert suite.scalar_bytes(suite.parse_scalar(data)) == data
        except MalformedEncoding:
            assert len(data) != 32 or int.from_bytes(data, suite.scalar_byteorder) >= suite.order


@FAST
@given(st.binary(max_size=30) | rules().map(lambda rule: rule.to_bytes()))
def test_rules(data: bytes) -> None:
    try:
        assert parse_rule(data).to_bytes() == data
    except MalformedEncoding:
        return


@FAST
@given(st.binary(max_size=400))
def test_frames(data: bytes) -> None:
    frame = parse_frame(data)
    assert frame is None or frame.to_bytes() == data


@FAST
@given(st.data())
def test_spliced_frames(data: st.DataObject) -> None:
    good = make_frame(()).to_bytes()
    at = data.draw(st.integers(0, len(good)))
    spliced = good[:at] + data.draw(st.binary(max_size=12)) + good[data.draw(st.integers(at, len(good))) :]
    frame = parse_frame(spliced)
    assert frame is None or frame.to_bytes() == spliced


@FAST
@given(st.integers(0, 3), st.binary(max_size=140))
def test_sums(options: int, data: bytes) -> None:
    for suite in (parse_suite(name) for name in SUITES):
        try:
            assert vector_to_bytes(parse_sums(suite, data, options)) == data
        except MalformedEncoding:
            continue


@FAST
@given(st.binary(max_size=110))
def test_noise_proves_nothing(proof: bytes) -> None:
    context = Transcript(tag("demo", "noise"))
    for suite in (parse_suite(name) for name in SUITES):
        public = suite.generator.to_bytes()
        with pytest.raises(Refused):
            verify_knowledge(suite, context, public, proof)
        with pytest.raises(Refused):
            verify_equality(suite, context, public, public, public, proof)


@settings(max_examples=60, deadline=None)
@given(rules(), st.data())
def test_any_allowed_choice_of_any_rule_verifies(rule: Rule, data: st.DataObject) -> None:
    low, high = (1, 1) if isinstance(rule, OneOf) else (rule.minimum, rule.maximum)
    chosen = data.draw(st.sets(st.integers(0, rule.options - 1), min_size=low, max_size=high))
    contest = make_contest(data.draw(suites), rule)
    seed = make_seed(data.draw(st.integers(0, 2**64)))
    verify_everywhere(contest, seal_contest(contest, POSITION, seed, chosen))
