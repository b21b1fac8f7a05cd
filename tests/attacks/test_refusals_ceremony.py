"""What else the ceremony refuses: messages out of turn, keys without proof or used before, unfounded openings."""

from dataclasses import replace

import pytest

from crypto.election import ceremony
from crypto.election.ceremony import make_dealing, make_key, verify_dealing
from crypto.election.entries import CeremonyCommitment, CeremonyKey, Opening, Round
from crypto.errors import MalformedEncoding, Refused
from tests.attacks.checks import CEREMONY_6, CEREMONY_7, CEREMONY_12
from tests.trustees import HERE, Trustees


def disturb(trustees: Trustees, case: str) -> None:
    """Stage a message out of its turn."""
    state, setting = trustees.state, trustees.setting
    if case == "a round too early":
        state.stage_ceremony_commitment(CeremonyCommitment(run=1, trustee=1, hash=bytes(32)), HERE)
    elif case == "another run":
        state.stage_ceremony_key(make_key(setting, 2, 1, 5), HERE)
    elif case == "the run before":
        trustees.board.lower = 1000
        trustees.apply(state.stage_round(Round(run=1, round=1, missing=(1, 2, 3), disqualified=()), HERE))
        state.stage_ceremony_key(make_key(setting, 1, 1, 5), HERE)
    else:
        trustees.open()
        state.stage_ceremony_key(make_key(setting, 2, 1, 5), HERE)


@pytest.mark.parametrize("case", ["a round too early", "another run", "the run before", "after the opening"])
def test_a_message_out_of_turn_is_refused(case: str) -> None:
    trustees = Trustees()
    with pytest.raises(Refused) as refusal:
        disturb(trustees, case)
    assert (refusal.value.check, refusal.value.culprit) == ("CEREMONY-1", "trustee 1")


def break_key(trustees: Trustees, case: str) -> CeremonyKey:
    """Return a bad R0 of trustee 2."""
    setting = trustees.setting
    honest = make_key(setting, 1, 2, 11)
    if case == "copied from trustee 1":
        other = make_key(setting, 1, 1, trustees.e[1])
        return replace(other, trustee=2)
    if case == "the same secret as trustee 1":
        return make_key(setting, 1, 2, trustees.e[1])
    if case == "proof for another manifest":
        return make_key(replace(setting, manifest_hash=bytes(32)), 1, 2, 11)
    if case == "proof for another kind":
        return make_key(replace(setting, kind="real"), 1, 2, 11)
    if case == "proof for another run":
        return replace(make_key(setting, 2, 2, 11), run=1)
    return replace(honest, key=make_key(setting, 1, 2, 12).key)


@pytest.mark.parametrize(
    "case",
    [
        "copied from trustee 1",
        "the same secret as trustee 1",
        "proof for another manifest",
        "proof for another kind",
        "proof for another run",
        "proof for another key",
    ],
)
def test_a_key_without_its_own_proof_is_refused(case: str) -> None:
    trustees = Trustees()
    trustees.send_keys([1])
    with pytest.raises(Refused) as refusal:
        trustees.state.stage_ceremony_key(break_key(trustees, case), HERE)
    assert (refusal.value.check, refusal.value.culprit) == ("CEREMONY-3", "trustee 2")


def test_a_key_of_an_earlier_run_is_refused() -> None:
    trustees = Trustees()
    trustees.send_keys([1])
    trustees.board.lower = 1000
    trustees.apply(trustees.state.stage_round(Round(run=1, round=1, missing=(2, 3), disqualified=()), HERE))
    with pytest.raises(Refused, match="was there before"):
        trustees.state.stage_ceremony_key(make_key(trustees.setting, 2, 1, trustees.e[1]), HERE)


@pytest.mark.parametrize(
    "key", [bytes(32), b"\xff" * 32, bytes(31) + b"\x80"], ids=["identity", "no point", "negative"]
)
def test_a_key_that_is_no_group_element_is_refused(key: bytes) -> None:
    trustees = Trustees()
    with pytest.raises(MalformedEncoding):
        trustees.state.stage_ceremony_key(replace(make_key(trustees.setting, 1, 2, 11), key=key), HERE)


def test_a_refused_message_changes_nothing() -> None:
    trustees = Trustees()
    trustees.send_keys([1])
    with pytest.raises(Refused):
        trustees.state.stage_ceremony_key(break_key(trustees, "proof for another key"), HERE)
    assert trustees.state.missing(1) == (2, 3)


def prepare_opening(trustees: Trustees, case: str) -> Opening:
    """Bring the ceremony to a point where this opening must not stand."""
    if case == "without certificates":
        return Opening(key=(7 * trustees.setting.group.generator).to_bytes(), certificate_hash=bytes(32))
    certificate = trustees.finish_rounds()
    honest = Opening(key=certificate.key, certificate_hash=certificate.hash)
    if case == "without a drill":
        return honest
    if case == "a drill that one has not passed":
        trustees.hold_drill([1, 2])
        return honest
    trustees.hold_drill()
    if case == "another key":
        return replace(honest, key=(7 * trustees.setting.group.generator).to_bytes())
    if case == "a foreign certificate":
        return replace(honest, certificate_hash=bytes(32))
    trustees.apply(trustees.state.stage_opening(honest, HERE))
    return honest


@pytest.mark.parametrize(
    "case",
    [
        "without certificates",
        "without a drill",
        "a drill that one has not passed",
        "another key",
        "a foreign certificate",
        "a second opening",
    ],
)
def test_an_opening_that_does_not_repeat_what_all_certified_is_refused(case: str) -> None:
    trustees = Trustees()
    body = prepare_opening(trustees, case)
    with pytest.raises(Refused) as refusal:
        trustees.state.stage_opening(body, HERE)
    assert (refusal.value.check, refusal.value.culprit) == (CEREMONY_12, "officers")


def test_a_polynomial_that_was_dealt_before_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceremony, "draw_polynomial", lambda _group, threshold: tuple(range(5, 5 + threshold)))
    trustees = Trustees()
    trustees.send_keys()
    trustees.send_commitments()
    trustees.send_dealings([1])
    with pytest.raises(Refused, match="was there before") as refusal:
        trustees.send_dealings([2])
    assert (refusal.value.check, refusal.value.culprit) == (CEREMONY_6, "trustee 2")
    trustees.board.lower = 3000
    trustees.apply(trustees.state.stage_round(Round(run=1, round=3, missing=(2, 3), disqualified=()), HERE))
    trustees.send_keys()
    trustees.send_commitments()
    with pytest.raises(Refused, match="was there before"):
        trustees.send_dealings([1])


def test_an_ephemeral_point_that_was_used_before_is_refused() -> None:
    trustees = Trustees()
    trustees.send_keys()
    keys = trustees.state.keys()
    dealing = make_dealing(trustees.setting, 1, 1, keys)
    verify_dealing(trustees.setting, dealing, keys)
    with pytest.raises(Refused, match="was there before") as refusal:
        verify_dealing(trustees.setting, dealing, keys, {dealing.ephemeral})
    assert (refusal.value.check, refusal.value.culprit) == (CEREMONY_7, "trustee 1")
