"""Responses plus the group order, and the largest integers, in every scalar field: the same proof in other bytes."""

import pytest

from crypto.errors import MalformedEncoding
from crypto.group import parse_suite
from crypto.proofs import SealedContest
from tests.forger import SUITES, make_contest, seal, verify_everywhere


@pytest.mark.parametrize("suite", SUITES)
def test_noncanonical_scalar_anywhere(suite: str) -> None:
    group = parse_suite(suite)
    contest = make_contest(group)
    honest, order = seal(contest), group.scalar_byteorder
    for at in range((2 + 2 * contest.rule.digits) * group.element_size, len(honest.proof), 32):
        value = int.from_bytes(honest.proof[at : at + 32], order)
        shifted = [value + group.order] if value + group.order < 2**256 else []
        for wrong in (*shifted, group.order, 2**256 - 1):
            proof = honest.proof[:at] + wrong.to_bytes(32, order) + honest.proof[at + 32 :]
            with pytest.raises(MalformedEncoding) as refusal:
                verify_everywhere(contest, SealedContest(honest.ciphertexts, proof))
            assert refusal.value.check == "PROOF-4"


@pytest.mark.parametrize("suite", SUITES)
def test_noncanonical_scalar_alone(suite: str) -> None:
    group = parse_suite(suite)
    for wrong in (group.order, group.order + 1, 2**256 - 1):
        with pytest.raises(MalformedEncoding) as refusal:
            group.parse_scalar(wrong.to_bytes(32, group.scalar_byteorder), culprit="z")
        assert (refusal.value.check, refusal.value.culprit) == ("GROUP-3", "z")
