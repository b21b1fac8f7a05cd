"""A trustee's program is handed dealings that no honest record holds: nothing is decrypted, nothing revealed."""

from dataclasses import replace

import pytest

from crypto.election.ceremony import make_dealing
from crypto.election.entries import CeremonyComplaint, CeremonyDealing, parse_entry
from crypto.errors import Refused
from tests.attacks.checks import CEREMONY_7
from tests.trustees import Programs
from trustee_tools import ceremony as acts
from trustee_tools.ceremony import Consent

YES = Consent(now_ms=21_000, short_name="test")


def forge(programs: Programs, case: str) -> CeremonyDealing:
    """Return a dealing in the name of trustee 3 whose U_3 she does not know the logarithm of."""
    state = programs.view.ceremony
    setting, keys = state.setting, state.keys()
    victim, honest = state.dealings()[0], make_dealing(setting, 1, 3, keys)
    shifted = setting.group.parse_element(victim.ephemeral) + 77 * setting.group.generator
    forged = {
        "shifted from the first": replace(honest, ephemeral=shifted.to_bytes()),
        "copied with its proof": replace(honest, ephemeral=victim.ephemeral, ephemeral_proof=victim.ephemeral_proof),
        "proved in another run": replace(make_dealing(setting, 2, 3, keys), run=1),
    }
    return forged[case]


@pytest.mark.parametrize("case", ["shifted from the first", "copied with its proof", "proved in another run"])
def test_a_proof_that_fails_stops_the_answer_before_any_share_is_opened(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = Programs()
    programs.finish(rounds=3)
    programs.view.ceremony._run.dealings[3] = forge(programs, case)
    before = programs.start(2).secrets

    def decrypt(*_: object) -> bytes:
        pytest.fail("something was decrypted")

    monkeypatch.setattr("crypto.election.ceremony.derive_shared_point", decrypt)
    with pytest.raises(Refused) as refusal:
        programs.start(2).perform("answer", YES)
    family = CEREMONY_7.partition("-")[0]
    assert (refusal.value.check.partition("-")[0], refusal.value.culprit) == (family, "trustee 3")
    assert programs.start(2).secrets == before


def test_a_complaint_opens_the_bad_share_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """One dealer's share is bad: nothing of an honest dealer's is revealed, and nothing is accepted."""
    programs = Programs()
    programs.finish(rounds=1)

    def deal(*arguments: object) -> CeremonyDealing:
        dealing = make_dealing(*arguments)  # type: ignore[arg-type]
        return replace(dealing, shares=(dealing.shares[1], *dealing.shares[1:]))

    for place in (1, 2, 3):
        with monkeypatch.context() as patched:
            if place == 3:
                patched.setattr(acts, "make_dealing", deal)
            programs.act(place)
    programs.finish(rounds=1)
    (complaint,) = map(parse_entry, programs.start(1).perform("answer", YES))
    assert complaint.type == "ceremony-complaint"
    assert CeremonyComplaint.parse(complaint.body).against == 3
    assert programs.start(1).secrets.shares == {}
    (acceptance,) = map(parse_entry, programs.start(2).perform("answer", YES))
    assert acceptance.type == "ceremony-acceptance"
