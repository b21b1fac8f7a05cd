"""A proof is shown with another statement than its own, or a statement is fitted to a challenge already known."""

from dataclasses import replace
from typing import Any

import pytest

from crypto.errors import Refused
from crypto.group import parse_suite
from crypto.proofs import SealedContest, _begin_transcript
from crypto.rules import OneOf
from tests.forger import POSITION, SUITES, make_contest, seal, verify_everywhere

CONTEXTS: dict[str, dict[str, Any]] = {
    "kind": {"kind": "real"},
    "manifest hash": {"manifest_hash": b"\1" * 32},
    "style": {"style": 8},
    "contest": {"contest": 2},
    "rule": {"rule": OneOf(10, (5, 2))},
}
POSITIONS: dict[str, dict[str, Any]] = {
    "pseudonym": {"pseudonym": b"\1" * 16},
    "number": {"number": 4},
    "previous ballot": {"previous": bytes(32)},
    "lock": {"lock": b"\1" * 32},
}


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("field", CONTEXTS)
def test_proof_under_another_context(suite: str, field: str) -> None:
    contest = make_contest(parse_suite(suite))
    sealed = seal(contest)
    with pytest.raises(Refused) as refusal:
        verify_everywhere(replace(contest, **CONTEXTS[field]), sealed)
    assert refusal.value.check == "PROOF-6"


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("field", POSITIONS)
def test_proof_at_another_position(suite: str, field: str) -> None:
    contest = make_contest(parse_suite(suite))
    sealed = seal(contest)
    with pytest.raises(Refused, match="committed digits"):
        verify_everywhere(contest, sealed, replace(POSITION, **POSITIONS[field]))


@pytest.mark.parametrize("suite", SUITES)
def test_proof_under_another_key(suite: str) -> None:
    group = parse_suite(suite)
    contest = make_contest(group)
    with pytest.raises(Refused, match="committed digits"):
        verify_everywhere(replace(contest, key=(5 * group.generator).to_bytes()), seal(contest))


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("column", [0, 1])
def test_ciphertexts_fitted_to_a_known_challenge(suite: str, column: int) -> None:
    """With y known beforehand, (C_0 + y T, C_1 - T) has the same power sum: only hashing all ciphertexts stops it."""
    group = parse_suite(suite)
    contest = make_contest(group)
    honest, size = seal(contest), group.element_size
    transcript = _begin_transcript(contest, POSITION, honest.ciphertexts)
    transcript.absorb("commitments", honest.proof[: 2 * size])
    y = group.reduce_wide(transcript.challenge("y"))
    elements = [
        group.parse_element(honest.ciphertexts[at : at + size]) for at in range(0, len(honest.ciphertexts), size)
    ]
    elements[column] += y * group.generator
    elements[column + 2] -= group.generator
    forged = SealedContest(b"".join(element.to_bytes() for element in elements), honest.proof)
    with pytest.raises(Refused, match="committed digits"):
        verify_everywhere(contest, forged)


@pytest.mark.parametrize("suite", SUITES)
def test_commitments_of_another_proof(suite: str) -> None:
    contest = make_contest(parse_suite(suite))
    first, second = seal(contest, seed=1), seal(contest, seed=2)
    cut = 2 * contest.group.element_size
    for proof in (first.proof[:cut] + second.proof[cut:], second.proof[:cut] + first.proof[cut:]):
        with pytest.raises(Refused, match="committed digits"):
            verify_everywhere(contest, SealedContest(first.ciphertexts, proof))
