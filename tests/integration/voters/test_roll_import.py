"""Versions of the roll over HTTP: signed, chained, all or nothing; who has no place is reported and never dropped."""

import json
from typing import Any

import pytest

from crypto.signatures import SigningKey
from tests.house import ORIGIN, PLACES, House, number_of, roll_text
from tests.roles import app_of, enter
from tests.simulator import secret, signing_key
from voting_server.voters.roll import COLUMNS, Person, parse_people
from voting_server.voters.service import verify_acts
from voting_server.voters.store import read_acts

PROBLEM_ADDRESSES = ("Town, North, 1", "", "Berlin, Alexanderplatz 1", "Elsewhere, 5", "Town, South, left bank")
MENDS = "number,unit,style,reason\n"


def vars_of(person: Person) -> dict[str, str]:
    """Return a person's fields as a file has them."""
    return {name: getattr(person, name) for name in COLUMNS}


def send(house: House, version: dict[str, Any]) -> Any:  # noqa: ANN401
    """Import a version."""
    return house.operate("POST", "/rolls", version)


def test_a_person_without_a_place_is_reported_with_what_mends_it(house: House) -> None:
    state = send(house, house.version(roll_text(PROBLEM_ADDRESSES))).json()
    assert state["people"] == len(PROBLEM_ADDRESSES)
    assert state["unplaced"] == {"abroad": 1, "no-address": 1, "unknown-address": 1}
    assert [(row["number"], row["fault"]) for row in state["report"]] == [
        (number_of(1), "no-address"),
        (number_of(2), "abroad"),
        (number_of(3), "unknown-address"),
    ]
    assert all(row["mend"] for row in state["report"])


def test_no_slot_is_drawn_while_somebody_has_no_place(house: House) -> None:
    send(house, house.version(roll_text(PROBLEM_ADDRESSES)))
    refused = house.operate("POST", "/slots")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/roll-unplaced")
    assert "3" in refused.json()["title"]


def test_mends_place_them_and_outlast_the_next_version(house: House) -> None:
    send(house, house.version(roll_text(PROBLEM_ADDRESSES)))
    rows = "".join(f"{number_of(place)},5,2,shown at the consulate\n" for place in (1, 2, 3))
    assert send(house, house.version(MENDS + rows, use="mend")).json()["unplaced"] == {}
    state = send(house, house.version(roll_text(PROBLEM_ADDRESSES))).json()
    assert (state["unplaced"], len(state["versions"])) == ({}, 3)
    assert house.operate("POST", "/slots").json() == {"chunks": 1}


def test_versions_chain(house: House) -> None:
    for _ in range(2):
        state = send(house, house.version(house.text)).json()
    first, second = state["versions"]
    assert (first["previous"], second["previous"]) == ("00" * 32, first["hash"])


@pytest.mark.parametrize(
    ("mends", "fault"),
    [
        (f"{number_of(0)},99,,moved\n", "no-such-unit"),
        (f"{number_of(0)},3,,a unit that has children\n", "no-such-unit"),
        (f"{number_of(0)},2,9,a style that is not\n", "no-style"),
    ],
)
def test_a_mend_that_names_no_place_leaves_the_person_reported(house: House, mends: str, fault: str) -> None:
    send(house, house.version(house.text))
    state = send(house, house.version(MENDS + mends, use="mend")).json()
    assert (state["unplaced"], state["people"]) == ({fault: 1}, 12)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", 1),
        ("number,surname,given,patronymic,born\n", 1),
        (roll_text().replace("1990-01-01", "01.01.1990"), 2),
        (roll_text().replace("1990-01-02", "1990-02-30"), 3),
        (roll_text().replace(number_of(1), number_of(0)), 3),
        (roll_text().replace(number_of(2), "123"), 4),
        (roll_text().replace("Surname3", ""), 5),
        (roll_text().replace("Given0", "G" * 501), 2),
        (roll_text().replace("Given0", "Given0,more"), 2),
        (roll_text() + '"', 14),
    ],
)
def test_a_faulty_file_is_refused_as_a_whole_and_says_where(house: House, content: str, line: int) -> None:
    refused = send(house, house.version(content))
    assert (refused.status_code, refused.json()["faults"][0]["line"]) == (422, line)
    assert "Surname" not in refused.text
    assert house.operate("GET", "/rolls").json()["versions"] == []


def test_a_field_may_be_as_long_as_the_limit_and_not_a_sign_longer(house: House) -> None:
    answers = [send(house, house.version(roll_text().replace("Given0", "G" * length))) for length in (501, 500)]
    assert [answer.status_code for answer in answers] == [422, 201]


def test_a_roll_in_json_gives_the_same_persons(house: House) -> None:
    send(house, house.version(house.text))
    rows = [vars_of(person) for person in parse_people(house.text, "csv")]
    version = {**house.version(json.dumps(rows, ensure_ascii=False)), "format": "json"}
    state = send(house, version).json()
    assert (state["people"], state["unplaced"], len(state["versions"])) == (12, {}, 2)


def test_a_mend_of_nobody_is_refused(house: House) -> None:
    send(house, house.version(house.text))
    refused = send(house, house.version(f"{MENDS}{number_of(77)},2,,typed wrongly\n", use="mend"))
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/roll-faulty")
    assert len(house.operate("GET", "/rolls").json()["versions"]) == 1


def test_mends_without_a_roll_are_refused(house: House) -> None:
    assert send(house, house.version(f"{MENDS}{number_of(0)},2,,first\n", use="mend")).status_code == 422


@pytest.mark.parametrize(
    ("signer", "status"),
    [(SigningKey.from_seed(secret("nobody")), 403), (signing_key("officer", 0), 403), (signing_key("log"), 403)],
)
def test_only_a_registrar_signs_a_version(house: House, signer: SigningKey, status: int) -> None:
    assert send(house, house.version(house.text, signer=signer)).status_code == status


@pytest.mark.parametrize("field", ["content", "places", "use"])
def test_a_changed_version_is_refused(house: House, field: str) -> None:
    version = house.version(house.text)
    send(house, version)
    version = house.version(house.text)
    changed = {"content": version["content"].replace("Alma", "Elma"), "places": PLACES + "Osh,5\n", "use": "mend"}
    assert send(house, {**version, field: changed[field]}).status_code == 403


def test_a_version_signed_for_another_place_in_the_chain_is_refused(house: House) -> None:
    version = house.version(house.text)
    assert send(house, version).status_code == 201
    assert send(house, version).status_code == 403


ACTS = {
    "/rolls": {"use": "roll", "content": "", "signer": "00" * 8, "signature": "00" * 64},
    "/slots": None,
    "/codes": {
        "number": "1" * 14,
        "key": "ab" * 32,
        "expires_at_ms": 1,
        "assurance": "passkey",
        "issuer": "00" * 8,
        "issued": "00" * 64,
    },
    "/strikes": {"number": "1" * 14, "reason": "voted at a station"},
    "/founding": {"entries": ["gwFlcm9sbA=="]},
    "/notices/1/sent": None,
}


@pytest.mark.parametrize("path", list(ACTS))
def test_nobody_acts_without_a_role(house: House, path: str) -> None:
    invented = {"cookie": f"__Host-dobush-roles-identity={'ab' * 32}", "origin": ORIGIN}
    for headers, status in (({}, 401), (invented, 401), ({"authorization": "Bearer x"}, 401)):
        assert house.client.post(path, json=ACTS[path], headers=headers).status_code == status, headers


@pytest.mark.parametrize("path", sorted(set(ACTS) - {"/founding"}))
def test_an_officer_keeps_no_roll(house: House, path: str) -> None:
    officer = enter(app_of(house.client), "officer", body="a commission")
    assert house.client.post(path, json=ACTS[path], headers=officer).status_code == 403


def test_nothing_is_imported_after_the_slots_were_drawn(house: House) -> None:
    send(house, house.version(house.text))
    house.operate("POST", "/slots")
    assert send(house, house.version(house.text)).json()["type"] == "/problems/roll-closed"
    assert house.operate("POST", "/slots").json()["type"] == "/problems/roll-closed"


def test_no_slots_without_a_roll(house: House) -> None:
    assert house.operate("POST", "/slots").status_code == 409
    assert house.operate("GET", "/freeze").status_code == 404


def test_one_identity_side_serves_one_election(house: House) -> None:
    assert house.found().json()["type"] == "/problems/election-exists"


def test_an_invented_block_0_is_refused(house: House) -> None:
    answer = house.client.post("/founding", json={"entries": ["gwFlcm9sbA=="]}, headers=house.operator)
    assert answer.status_code == 400


def test_acts_are_chained_and_a_change_is_seen(frozen: House) -> None:
    frozen.enrol(0)
    with frozen.database.read() as connection:
        rows = [dict(row._mapping) for row in read_acts(connection)]
    verify_acts(rows)
    assert [row["type"] for row in rows][:3] == ["election-taken", "roll-imported", "slots-drawn"]
    for field, value in (("actor", "somebody"), ("subject", ""), ("at_ms", 1), ("previous", bytes(32))):
        with pytest.raises(ValueError, match="act 2"):
            verify_acts([*rows[:2], {**rows[2], field: value}, *rows[3:]])
    with pytest.raises(ValueError, match="act 3"):
        verify_acts([*rows[:3], *rows[4:]])
