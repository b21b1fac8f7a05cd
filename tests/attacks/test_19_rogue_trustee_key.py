"""The last dealer makes the sum a key that it knows: its constant term is its own secret minus all others."""

from dataclasses import replace

import pytest

from crypto.election.ceremony import commit_dealing, make_dealing
from crypto.election.entries import CeremonyDealing
from crypto.errors import Refused
from tests.attacks.checks import CEREMONY_6
from tests.trustees import HERE, Trustees


def prepare_rogue(trustees: Trustees, proof: bytes | None) -> CeremonyDealing:
    """Return a dealing of trustee 3 that cancels the others' constants, with a proof of somebody else or its own."""
    group = trustees.setting.group
    known = group.random_scalar()
    constant = known * group.generator
    for trustee in (1, 2):
        constant -= group.parse_element(trustees.drawn[trustee].commitments[0])
    honest = make_dealing(trustees.setting, 1, 3, trustees.state.keys())
    commitments = (constant.to_bytes(), *honest.commitments[1:])
    return replace(honest, commitments=commitments, proof=proof or honest.proof)


@pytest.mark.parametrize("source", ["own polynomial", "copied from trustee 1"])
def test_a_constant_without_known_logarithm_is_refused(source: str) -> None:
    trustees = Trustees()
    trustees.send_keys()
    for trustee in (1, 2):
        trustees.drawn[trustee] = make_dealing(trustees.setting, 1, trustee, trustees.state.keys())
    copied = trustees.drawn[1].proof if source.startswith("copied") else None
    rogue = prepare_rogue(trustees, copied)
    trustees.drawn[3] = rogue
    trustees.send_commitments()
    trustees.send_dealings([1, 2])
    with pytest.raises(Refused) as refusal:
        trustees.state.stage_ceremony_dealing(rogue, HERE)
    assert (refusal.value.check, refusal.value.culprit) == (CEREMONY_6, "trustee 3")


def test_the_whole_dealing_of_another_trustee_is_refused() -> None:
    trustees = Trustees()
    trustees.send_keys()
    trustees.drawn[1] = make_dealing(trustees.setting, 1, 1, trustees.state.keys())
    trustees.drawn[3] = replace(trustees.drawn[1], trustee=3)
    trustees.send_commitments()
    with pytest.raises(Refused, match="proof of knowledge") as refusal:
        trustees.state.stage_ceremony_dealing(trustees.drawn[3], HERE)
    assert refusal.value.culprit == "trustee 3"
    assert commit_dealing(trustees.setting, trustees.drawn[3]).trustee == 3
