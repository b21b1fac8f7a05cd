"""Attack 57 at the identity side: who owns it alone adds no slot, gives no second credential, strikes nobody."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crypto.election.entries import Credential, RollChunk, RollGroup, Strike
from crypto.errors import Refused
from tests.house import House, number_of, open_house, passkey_of
from tests.simulator import signing_key
from voting_server.voters import store
from voting_server.voters.calls import compose, sign_body
from voting_server.voters.slots import MismatchError, Slot, cut


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[House]:
    """Return an identity side whose roll is frozen."""
    with open_house(tmp_path) as house:
        house.freeze()
        yield house


def ask(house: House, kind: str, body: bytes, evidence: str = "", number: str | None = None) -> int:
    """Write a request into the database, as its owner could."""
    with house.database.begin() as connection:
        return store.add_request(connection, kind, body, number=number, evidence=evidence, once=None)


def test_a_slot_added_after_the_freeze_finds_no_signature_and_no_place(frozen: House) -> None:
    body = RollChunk(1, (RollGroup(2, 1, bytes(16)),))
    ask(frozen, "roll", body.to_bytes())
    for link in frozen.links:
        assert link.serve()[0][1].startswith("refused")
    with pytest.raises(Refused) as refusal:
        frozen.world.record.admit(frozen.world.by_registrars("roll", body))
    assert refusal.value.culprit in {"registrars", "author", "server"}


def test_a_person_added_to_the_identity_side_is_seen_by_both_registrars(frozen: House) -> None:
    with frozen.database.begin() as connection:
        store.add_slots(connection, [Slot(number_of(99), bytes(16), 2, 1)])
    for link in frozen.links:
        slots = link.fetch_slots()
        with pytest.raises(MismatchError):
            link.registrar.accept(slots, cut(slots))


def test_one_key_on_two_slots_is_refused_by_the_board(frozen: House) -> None:
    key = passkey_of("one key")
    frozen.enrol(0, key)
    for link in frozen.links:
        link.serve()
    frozen.enrol(1, key)
    frozen.links[0].serve()
    assert frozen.links[1].serve()[0][1].startswith("signed; the ballot side says 409")
    assert frozen.world.record.roll.credentials == 1


def test_a_second_credential_for_a_slot_is_refused_by_registrars_and_board(frozen: House) -> None:
    frozen.enrol(0)
    (asked,) = frozen.links[0].fetch_requests()
    for link in frozen.links:
        link.serve()
    second = replace(Credential.parse(asked.body), key=passkey_of("second").cose_key)
    ask(frozen, "credential", second.to_bytes(), asked.evidence, asked.number)
    for link in frozen.links:
        assert link.serve()[0][1].startswith("refused")
    with pytest.raises(Refused):
        frozen.world.record.admit(frozen.world.by_registrars("credential", second))
    assert frozen.world.record.roll.credentials == 1


@pytest.mark.parametrize("twice", [False, True])
def test_a_strike_by_one_registrar_is_refused_by_the_board(frozen: House, *, twice: bool) -> None:
    registrar = frozen.links[0].registrar
    body = Strike(registrar.slots[number_of(0)].pseudonym, "alone").to_bytes()
    own = sign_body(registrar.key, registrar.election, "strike", body)
    other = sign_body(signing_key("officer", 0), registrar.election, "strike", body)
    with pytest.raises(Refused) as refusal:
        frozen.world.record.admit(compose("strike", body, [own, other] if twice else [own]))
    assert refusal.value.culprit == "author"
    assert sum(frozen.world.record.roll.strikes_by_district.values()) == 0
