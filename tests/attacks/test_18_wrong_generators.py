"""A prover who knows logarithms between the generators: every verifier derives them anew and never reads any."""

import pytest

import crypto.proofs
from crypto.errors import Refused
from crypto.group import Element, Group, parse_suite
from crypto.proofs import Check, derive_generator
from tests.forger import SUITES, forge, make_contest, verify_everywhere


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("votes", [[1, 0, 0, 0, 0, 0, 0, 0, 0, 0], [2, -1, 0, 0, 0, 0, 0, 0, 0, 0]])
@pytest.mark.parametrize("trapdoor", ["K", "G", "H"])
def test_proof_under_chosen_generators(
    suite: str, votes: list[int], trapdoor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    contest = make_contest(parse_suite(suite))

    def choose(group: Group, label: str, index: int = 0) -> Element:
        return (7 + index) * group.generator if label == trapdoor else derive_generator(group, label, index)

    with monkeypatch.context() as patch:
        patch.setattr(crypto.proofs, "_generator", choose)
        forged = forge(contest, votes, contest.rule.bits([1] + [0] * 9))
    with pytest.raises(Refused) as refusal:
        verify_everywhere(contest, forged)
    assert refusal.value.check == Check.BITS.value


@pytest.mark.parametrize("suite", SUITES)
def test_generators_are_hashed_from_their_names(suite: str) -> None:
    group = parse_suite(suite)
    dst = f"dobush/1/generators/{group.name}/{group.hash_suite}".encode()
    for label, index in (("K", 0), ("G", 0), ("G", 1023), ("H", 7)):
        expected = group.hash_to_element(label.encode() + index.to_bytes(4, "big"), dst)
        assert derive_generator(group, label, index) == expected
