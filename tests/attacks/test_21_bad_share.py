"""A dealer sends one trustee a bad share; a trustee claims a bad share that is good; officers end a run unjustly."""

from dataclasses import replace

import pytest

from crypto.election.ceremony import complain, judge_complaint, make_dealing
from crypto.election.entries import Round
from crypto.errors import Refused
from tests.trustees import HERE, Trustees


def deal(*, bad: bool) -> Trustees:
    """Return trustees after R1; dealer 3's share for trustee 1 is bad where asked."""
    trustees = Trustees()
    trustees.send_keys()
    dealing = make_dealing(trustees.setting, 1, 3, trustees.state.keys())
    if bad:
        dealing = replace(dealing, shares=(dealing.shares[1], *dealing.shares[1:]))
    trustees.drawn[3] = dealing
    trustees.send_commitments()
    trustees.send_dealings()
    return trustees


@pytest.mark.parametrize(("bad", "liar"), [(True, 3), (False, 1)])
def test_anybody_can_decide_who_lied(bad: bool, liar: int) -> None:
    trustees = deal(bad=bad)
    body = complain(trustees.setting, trustees.state.dealings()[2], 1, trustees.e[1])
    trustees.apply(trustees.state.stage_ceremony_complaint(body, HERE))
    assert trustees.state.disqualified() == (liar,)
    assert trustees.state.open_round() == 4


@pytest.mark.parametrize("lie", ["another point", "another secret", "another complainer"])
def test_a_complaint_whose_point_is_not_proven_is_refused(lie: str) -> None:
    trustees = deal(bad=True)
    setting, dealing = trustees.setting, trustees.state.dealings()[2]
    body = complain(setting, dealing, 1, trustees.e[1])
    if lie == "another point":
        body = replace(body, point=(2 * setting.group.generator).to_bytes())
    elif lie == "another secret":
        body = complain(setting, dealing, 1, trustees.e[2])
    else:
        body = replace(body, trustee=2)
    key = trustees.state.keys()[body.trustee - 1]
    with pytest.raises(Refused) as refusal:
        judge_complaint(setting, body, key, dealing)
    assert (refusal.value.check, refusal.value.culprit) == ("CEREMONY-9", f"trustee {body.trustee}")


@pytest.mark.parametrize(
    ("run", "number", "missing", "disqualified", "lower_ms"),
    [
        (1, 4, (2, 3), (3,), 3999),  # before the deadline
        (1, 4, (2, 3), (3,), None),  # no seal shows any time
        (1, 4, (2, 3), (), 4000),  # shields the liar
        (1, 4, (2, 3), (1,), 4000),  # blames the one who complained
        (1, 4, (2,), (3,), 4000),  # hides one who is missing
        (1, 4, (1, 2, 3), (3,), 4000),  # calls one missing who answered
        (1, 3, (2, 3), (3,), 4000),  # another round
        (2, 4, (2, 3), (3,), 4000),  # another run
    ],
)
def test_officers_cannot_end_a_run_otherwise_than_the_record_shows(
    run: int, number: int, missing: tuple[int, ...], disqualified: tuple[int, ...], lower_ms: int | None
) -> None:
    trustees = deal(bad=True)
    body = complain(trustees.setting, trustees.state.dealings()[2], 1, trustees.e[1])
    trustees.apply(trustees.state.stage_ceremony_complaint(body, HERE))
    trustees.board.lower = lower_ms
    end = Round(run=run, round=number, missing=missing, disqualified=disqualified)
    with pytest.raises(Refused) as refusal:
        trustees.state.stage_round(end, HERE)
    assert (refusal.value.check, refusal.value.culprit) == ("CEREMONY-10", "officers")


def test_officers_cannot_end_a_run_that_goes_on() -> None:
    trustees = deal(bad=False)
    trustees.board.lower = 9999
    trustees.send_acceptances()
    trustees.send_certificates()
    for number in range(1, 6):
        with pytest.raises(Refused, match="not the trustees that the record shows"):
            trustees.state.stage_round(Round(run=1, round=number, missing=(), disqualified=()), HERE)
