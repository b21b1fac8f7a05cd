"""The ceremony's happy ways, its restarts, and the checklist."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crypto.election.ceremony import (
    Ceremony,
    Setting,
    Task,
    complain,
    derive_drill,
    judge_complaint,
    make_dealing,
    next_step,
    open_dealing,
    verify_dealing,
)
from crypto.election.encoding import Message
from crypto.election.entries import (
    BODIES,
    CeremonyAcceptance,
    CeremonyCertificate,
    CeremonyCommitment,
    CeremonyDealing,
    CeremonyKey,
    Drill,
    DrillShare,
    Round,
)
from crypto.errors import Misuse, Refused
from crypto.group import parse_suite
from crypto.threshold import interpolate_at_zero
from tests.trustees import HERE, ROOT, QuietBoard, Trustees, make_setting


@pytest.mark.parametrize("suite", ["RISTRETTO255-SHA512", "P256-SHA256"])
def test_all_certify_and_any_threshold_of_them_holds_the_key(suite: str) -> None:
    group = parse_suite(suite)
    trustees = Trustees(make_setting(group, trustees=4, threshold=3))
    certificate = trustees.open()
    for used in ([1, 2, 3], [2, 3, 4], [1, 2, 4]):
        weights = interpolate_at_zero(group, used)
        secret = sum(weight * trustees.x[j] for weight, j in zip(weights, used, strict=True)) % group.order
        assert (secret * group.generator).to_bytes() == certificate.key
    for trustee, share in trustees.x.items():
        assert (share * group.generator).to_bytes() == certificate.share_keys[trustee - 1]


def test_fewer_than_threshold_do_not_hold_the_key() -> None:
    trustees = Trustees(make_setting(trustees=4, threshold=3))
    certificate = trustees.open()
    group = trustees.setting.group
    weights = interpolate_at_zero(group, [1, 2])
    secret = (weights[0] * trustees.x[1] + weights[1] * trustees.x[2]) % group.order
    assert (secret * group.generator).to_bytes() != certificate.key


def test_the_checklist_names_each_act_in_turn_and_whom_it_waits_for() -> None:
    trustees = Trustees()
    state = trustees.state
    assert next_step(state, 2) == Task("key", 1, 0, (1, 2, 3))
    trustees.send_keys([2])
    assert next_step(state, 2) == Task("wait", 1, 0, (1, 3))
    trustees.send_keys([1, 3])
    assert next_step(state, 2) == Task("commitment", 1, 0, (1, 2, 3))
    trustees.send_commitments()
    assert next_step(state, 2).act == "dealing"
    trustees.send_dealings()
    assert next_step(state, 2).act == "answer"
    trustees.send_acceptances()
    assert next_step(state, 2).act == "certificate"
    trustees.send_certificates([1, 2])
    assert next_step(state, 2) == Task("wait", 1, 0, (3,))
    trustees.send_certificates([3])
    assert next_step(state, 2) == Task("wait", 1, 0, ())
    trustees.hold_drill([1, 3])
    assert next_step(state, 2) == Task("drill", 1, 1, (2,))


def spoil_share(dealing: CeremonyDealing, recipient: int) -> CeremonyDealing:
    """Return the dealing with one bit of one share flipped."""
    shares = list(dealing.shares)
    shares[recipient - 1] = bytes([shares[recipient - 1][0] ^ 1]) + shares[recipient - 1][1:]
    return replace(dealing, shares=tuple(shares))


def deal_with_one_bad_share() -> Trustees:
    """Return trustees after R1, in which dealer 3 gave trustee 1 a bad share."""
    trustees = Trustees()
    trustees.send_keys()
    honest = make_dealing(trustees.setting, 1, 3, trustees.state.keys())
    trustees.drawn[3] = spoil_share(honest, 1)
    trustees.send_commitments()
    trustees.send_dealings()
    return trustees


def test_a_bad_share_disqualifies_its_dealer_and_a_new_run_begins_with_new_keys() -> None:
    trustees = deal_with_one_bad_share()
    state, setting = trustees.state, trustees.setting
    with pytest.raises(Refused, match="does not open the commitments"):
        open_dealing(setting, state.dealings()[2], state.keys(), 1, trustees.e[1])
    trustees.apply(state.stage_ceremony_complaint(complain(setting, state.dealings()[2], 1, trustees.e[1]), HERE))
    trustees.send_acceptances([2])
    assert state.disqualified() == (3,)
    trustees.board.lower = 4000
    trustees.apply(state.stage_round(Round(run=1, round=4, missing=(3,), disqualified=(3,)), HERE))
    assert (state.run, state.open_round(), state.disqualified()) == (2, 1, ())
    trustees.open()
    assert state.opening is not None
    assert state.certificate is not None
    assert state.certificate.run == 2


def test_all_who_answered_need_not_wait_for_the_deadline_to_end_a_disqualified_run() -> None:
    trustees = deal_with_one_bad_share()
    state, setting = trustees.state, trustees.setting
    trustees.apply(state.stage_ceremony_complaint(complain(setting, state.dealings()[2], 1, trustees.e[1]), HERE))
    trustees.send_acceptances([2, 3])
    trustees.apply(state.stage_round(Round(run=1, round=4, missing=(), disqualified=(3,)), HERE))
    assert state.run == 2


def test_a_false_complaint_disqualifies_the_one_who_complains() -> None:
    trustees = Trustees()
    trustees.send_keys()
    trustees.send_commitments()
    trustees.send_dealings()
    dealing = trustees.state.dealings()[0]
    body = complain(trustees.setting, dealing, 2, trustees.e[2])
    assert judge_complaint(trustees.setting, body, trustees.state.keys()[1], dealing) == 2


def test_a_run_ends_when_the_deadline_of_its_open_round_has_passed() -> None:
    trustees = Trustees()
    trustees.send_keys([1, 2])
    trustees.board.lower = 1000
    trustees.apply(trustees.state.stage_round(Round(run=1, round=1, missing=(3,), disqualified=()), HERE))
    assert next_step(trustees.state, 1) == Task("key", 2, 0, (1, 2, 3))


def test_two_dealings_of_one_trustee_share_nothing() -> None:
    trustees = Trustees()
    trustees.send_keys()
    first, second = (make_dealing(trustees.setting, 1, 1, trustees.state.keys()) for _ in range(2))
    assert not {first.ephemeral, *first.commitments} & {second.ephemeral, *second.commitments}
    verify_dealing(trustees.setting, first, trustees.state.keys())


def test_the_drill_point_depends_on_everything_it_names() -> None:
    trustees = Trustees()
    certificate = trustees.finish_rounds()
    drill = Drill(number=1, size=5, root=ROOT)
    points = {
        derive_drill(trustees.setting, certificate, drill),
        derive_drill(trustees.setting, certificate, replace(drill, number=2)),
        derive_drill(trustees.setting, certificate, replace(drill, root=bytes(32))),
        derive_drill(trustees.setting, replace(certificate, hash=bytes(32)), drill),
        derive_drill(replace(trustees.setting, manifest_hash=bytes(32)), certificate, drill),
        derive_drill(replace(trustees.setting, kind="practice"), certificate, drill),
    }
    assert len(points) == 6


def test_nothing_is_concluded_before_all_have_accepted() -> None:
    with pytest.raises(Misuse):
        Ceremony(make_setting(), QuietBoard()).conclude()


VECTORS = json.loads((Path(__file__).parents[3] / "vectors/ceremony.json").read_text(encoding="utf-8"))["ceremonies"]


def read_all(message: type[Message], rows: list[str]) -> list[Any]:
    return [message.parse(bytes.fromhex(row)) for row in rows]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["suite"])
def test_the_stored_ceremony_is_accepted_and_gives_the_stored_values(vector: dict[str, Any]) -> None:
    group = parse_suite(vector["suite"])
    manifest_hash = bytes.fromhex(vector["manifest_hash"])
    setting = Setting("demo", group, manifest_hash, vector["trustees"], vector["threshold"], (1, 2, 3, 4))
    state = Ceremony(setting, QuietBoard())
    refused = vector["refused"]

    def refuse(places: range) -> None:
        for case in refused[places.start : places.stop]:
            body = BODIES[case["type"]].parse(bytes.fromhex(case["body"]))
            with pytest.raises(Refused) as refusal:
                getattr(state, f"stage_{case['type'].replace('-', '_')}")(body, HERE)
            assert refusal.value.check == case["check"], case["why"]

    refuse(range(3))
    for body in read_all(CeremonyKey, vector["keys"]):
        Trustees.apply(state.stage_ceremony_key(body, HERE))
    for body in read_all(CeremonyCommitment, vector["commitments"]):
        Trustees.apply(state.stage_ceremony_commitment(body, HERE))
    refuse(range(3, 4))
    for case in vector["refused_dealings"]:
        with pytest.raises(Refused) as refusal:
            verify_dealing(setting, CeremonyDealing.parse(bytes.fromhex(case["body"])), state.keys())
        assert refusal.value.check == case["check"], case["why"]
    for body in read_all(CeremonyDealing, vector["dealings"]):
        Trustees.apply(state.stage_ceremony_dealing(body, HERE))
    for body in read_all(CeremonyAcceptance, vector["acceptances"]):
        Trustees.apply(state.stage_ceremony_acceptance(body, HERE))
    certificate = state.conclude()
    assert certificate.hash.hex() == vector["certificate_hash"]
    assert certificate.key.hex() == vector["key"]
    assert [key.hex() for key in certificate.share_keys] == vector["share_keys"]
    for trustee in state.everyone:
        secret = int(vector["encryption_secrets"][trustee - 1], 16)
        shares = [open_dealing(setting, one, state.keys(), trustee, secret) for one in state.dealings()]
        assert sum(shares) % group.order == int(vector["shares"][trustee - 1], 16)
        Trustees.apply(
            state.stage_ceremony_certificate(CeremonyCertificate(run=1, trustee=trustee, hash=certificate.hash), HERE)
        )
    drill = Drill.parse(bytes.fromhex(vector["drill"]))
    assert derive_drill(setting, certificate, drill).hex() == vector["drill_point"]
    Trustees.apply(state.stage_drill(drill, HERE))
    refuse(range(4, 6))
    for body in read_all(DrillShare, vector["drill_shares"]):
        Trustees.apply(state.stage_drill_share(body, HERE))
    assert state.passed[1] == {1, 2, 3}
