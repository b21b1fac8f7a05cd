"""Dealer 3 posts U_3 = U_1 + d G without knowing u_3: a complaint against it would open what dealer 1 sent.

With e_2 U_3 = e_2 U_1 + d E_2 in public, anybody takes d E_2 off and reads dealer 1's share for trustee 2.
"""

from dataclasses import replace

import pytest

from crypto.election.ceremony import commit_dealing, make_dealing, open_dealing
from crypto.election.entries import CeremonyDealing
from crypto.errors import Refused
from tests.attacks.checks import CEREMONY_7
from tests.trustees import HERE, Trustees


def prepare(related: bool) -> tuple[Trustees, CeremonyDealing]:
    """Return trustees after R0.5 and the dealing of trustee 3: shifted from U_1, or U_1 itself with its proof."""
    trustees = Trustees()
    trustees.send_keys()
    group, keys = trustees.setting.group, trustees.state.keys()
    trustees.drawn[1] = make_dealing(trustees.setting, 1, 1, keys)
    honest = make_dealing(trustees.setting, 1, 3, keys)
    victim = trustees.drawn[1]
    if related:
        shifted = group.parse_element(victim.ephemeral) + 77 * group.generator
        evil = replace(honest, ephemeral=shifted.to_bytes())
    else:
        evil = replace(honest, ephemeral=victim.ephemeral, ephemeral_proof=victim.ephemeral_proof)
    trustees.drawn[3] = evil
    trustees.send_commitments()
    return trustees, evil


@pytest.mark.parametrize("related", [True, False], ids=["shifted", "copied with its proof"])
def test_a_point_whose_logarithm_the_dealer_does_not_know_is_refused(
    related: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    trustees, evil = prepare(related)

    def decrypt(*_: object) -> bytes:
        pytest.fail("something was decrypted")

    monkeypatch.setattr("crypto.election.ceremony.derive_shared_point", decrypt)
    attempts = (
        lambda: trustees.state.stage_ceremony_dealing(evil, HERE),
        lambda: open_dealing(trustees.setting, evil, trustees.state.keys(), 2, trustees.e[2]),
    )
    for attempt in attempts:
        with pytest.raises(Refused) as refusal:
            attempt()
        check = CEREMONY_7
        assert (refusal.value.check, refusal.value.culprit) == (check, "trustee 3")


def test_a_proof_made_for_other_keys_is_refused() -> None:
    trustees, _ = prepare(related=True)
    keys = trustees.state.keys()
    stale = make_dealing(trustees.setting, 1, 3, [keys[0], keys[1], keys[1]])
    with pytest.raises(Refused, match="proof of knowledge"):
        open_dealing(trustees.setting, stale, keys, 2, trustees.e[2])
    assert commit_dealing(trustees.setting, stale).hash
