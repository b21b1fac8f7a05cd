"""A drill is used to have a chosen point multiplied by the shares: k A + b G of somebody's ballot."""

import pytest

from crypto.election.ceremony import derive_drill, make_drill_share
from crypto.election.encoding import fields_of
from crypto.election.entries import Drill, DrillShare
from crypto.errors import MalformedEncoding, Refused
from crypto.logarithms import prove_equality
from crypto.transcript import Transcript, tag
from tests.trustees import HERE, ROOT, Trustees


def test_a_drill_has_no_room_for_a_point() -> None:
    assert {field.name for field in fields_of(Drill)} == {"number", "size", "root"}
    drill = Drill(number=1, size=5, root=ROOT)
    assert Drill.parse(drill.to_bytes()) == drill
    with_point = bytes([0xA4]) + drill.to_bytes()[1:] + bytes.fromhex("65706f696e745820") + bytes(32)
    with pytest.raises(MalformedEncoding):
        Drill.parse(with_point)


@pytest.mark.parametrize(
    ("number", "size", "root"),
    [(2, 5, ROOT), (1, 6, ROOT), (1, 5, bytes(32))],
    ids=["skips a number", "another size", "another root"],
)
def test_a_drill_off_the_sealed_quorum_checkpoints_is_refused(number: int, size: int, root: bytes) -> None:
    trustees = Trustees()
    trustees.finish_rounds()
    with pytest.raises(Refused) as refusal:
        trustees.state.stage_drill(Drill(number=number, size=size, root=root), HERE)
    assert (refusal.value.check, refusal.value.culprit) == ("CEREMONY-13", "officers")


def test_a_drill_before_all_have_certified_is_refused() -> None:
    trustees = Trustees()
    trustees.send_keys()
    with pytest.raises(Refused, match="no drill can stand here"):
        trustees.state.stage_drill(Drill(number=1, size=5, root=ROOT), HERE)


def answer_chosen_point(trustees: Trustees, drill: Drill) -> DrillShare:
    """Return what a trustee would send who multiplied a voter's A instead of the derived point, perfectly proven."""
    group = trustees.setting.group
    chosen = (12345 * group.generator).to_bytes()
    context = Transcript(tag("demo", "drill-share"))
    value = (trustees.x[1] * group.parse_element(chosen)).to_bytes()
    proof = prove_equality(group, context, trustees.x[1], chosen)
    return DrillShare(number=drill.number, trustee=1, value=value, proof=proof)


@pytest.mark.parametrize(
    "case", ["a chosen point", "another drill", "no such drill", "answered before", "not a trustee"]
)
def test_an_answer_that_is_not_for_the_derived_point_is_refused(case: str) -> None:
    trustees = Trustees()
    certificate = trustees.finish_rounds()
    first, second = trustees.hold_drill([2]), trustees.hold_drill([2])
    honest = make_drill_share(trustees.setting, certificate, first, 1, trustees.x[1])
    body = {
        "a chosen point": answer_chosen_point(trustees, first),
        "another drill": DrillShare(second.number, 1, honest.value, honest.proof),
        "no such drill": DrillShare(3, 1, honest.value, honest.proof),
        "answered before": make_drill_share(trustees.setting, certificate, first, 2, trustees.x[2]),
        "not a trustee": DrillShare(1, 4, honest.value, honest.proof),
    }[case]
    with pytest.raises(Refused) as refusal:
        trustees.state.stage_drill_share(body, HERE)
    assert (refusal.value.check, refusal.value.culprit) == ("CEREMONY-14", f"trustee {body.trustee}")


def test_nobody_knows_the_logarithm_of_the_derived_point_from_outside() -> None:
    trustees = Trustees()
    certificate = trustees.finish_rounds()
    drill = Drill(number=1, size=5, root=ROOT)
    point = derive_drill(trustees.setting, certificate, drill)
    assert point == derive_drill(trustees.setting, certificate, drill)
    assert not trustees.setting.group.parse_element(point).is_identity()
