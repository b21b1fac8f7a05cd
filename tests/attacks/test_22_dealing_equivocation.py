"""A dealer shows two dealings: a second one on the board, or another than it committed to, or to some trustees only."""

from dataclasses import replace

import pytest

from crypto.election.ceremony import complain, digest_dealings, make_dealing, make_key
from crypto.election.entries import CeremonyAcceptance
from crypto.errors import Refused
from tests.trustees import HERE, Trustees


def begin() -> Trustees:
    trustees = Trustees()
    trustees.send_keys()
    trustees.send_commitments()
    return trustees


def test_another_dealing_than_the_committed_one_is_refused() -> None:
    trustees = begin()
    other = make_dealing(trustees.setting, 1, 2, trustees.state.keys())
    with pytest.raises(Refused) as refusal:
        trustees.state.stage_ceremony_dealing(other, HERE)
    assert (refusal.value.check, refusal.value.culprit) == ("CEREMONY-4", "trustee 2")


def send_again(trustees: Trustees, what: str) -> None:
    """Stage a message that its sender has sent before, or a sender that does not exist."""
    state, setting = trustees.state, trustees.setting
    trustees.send_dealings()
    dealings = state.dealings()
    if what == "a second dealing":
        state.stage_ceremony_dealing(dealings[1], HERE)
    elif what == "a second key":
        state.stage_ceremony_key(make_key(setting, 1, 2, 5), HERE)
    elif what == "the key of a fourth trustee":
        state.stage_ceremony_key(make_key(setting, 1, 4, 5), HERE)
    elif what == "a complaint after acceptance":
        trustees.send_acceptances([2])
        state.stage_ceremony_complaint(complain(setting, dealings[0], 2, trustees.e[2]), HERE)
    elif what == "acceptance after a complaint":
        trustees.apply(state.stage_ceremony_complaint(complain(setting, dealings[0], 2, trustees.e[2]), HERE))
        trustees.send_acceptances([2])
    elif what == "a second complaint":
        for _ in range(2):
            trustees.apply(state.stage_ceremony_complaint(complain(setting, dealings[0], 2, trustees.e[2]), HERE))
    elif what == "a complaint against itself":
        state.stage_ceremony_complaint(complain(setting, dealings[1], 2, trustees.e[2]), HERE)
    else:
        body = complain(setting, dealings[1], 2, trustees.e[2])
        state.stage_ceremony_complaint(replace(body, against=4), HERE)


@pytest.mark.parametrize(
    "what",
    [
        "a second dealing",
        "a second key",
        "the key of a fourth trustee",
        "a complaint after acceptance",
        "acceptance after a complaint",
        "a second complaint",
        "a complaint against itself",
        "a complaint against a fourth trustee",
    ],
)
def test_a_second_message_or_an_unknown_sender_is_refused(what: str) -> None:
    with pytest.raises(Refused) as refusal:
        send_again(begin(), what)
    sender = "trustee 4" if what == "the key of a fourth trustee" else "trustee 2"
    assert (refusal.value.check, refusal.value.culprit) == ("CEREMONY-2", sender)


def test_who_saw_another_dealing_cannot_accept_this_one() -> None:
    trustees = begin()
    trustees.send_dealings()
    seen = list(trustees.state.dealings())
    seen[2] = make_dealing(trustees.setting, 1, 3, trustees.state.keys())
    body = CeremonyAcceptance(run=1, trustee=1, digest=digest_dealings(trustees.setting, seen))
    with pytest.raises(Refused) as refusal:
        trustees.state.stage_ceremony_acceptance(body, HERE)
    assert (refusal.value.check, refusal.value.culprit) == ("CEREMONY-8", "trustee 1")
