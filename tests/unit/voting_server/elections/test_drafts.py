"""A draft becomes a manifest that founds an election; whatever is missing or fails a check is said in words."""

from base64 import b64decode
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from crypto.election.credential import Roll
from crypto.election.entries import Contest, Manifest
from crypto.election.manifest import ZERO_HASH
from crypto.signatures import sign_author
from crypto.transcript import tag
from tests.desk import open_desk
from tests.roles import Headers, app_of, enter, lay_out
from tests.simulator import fresh, signing_key
from tests.unit.voting_server.elections.test_elections import settings
from voting_server.app import create_app
from voting_server.elections import live
from voting_server.elections.drafts import CHECKS

DAY_MS = 86_400_000
OPENS = 1_900_000_000_000


def names(text: str) -> dict[str, str]:
    """Return a text in three languages."""
    return {"ky": f"{text} ky", "ru": f"{text} ru", "en": text}


def person(role: str, place: int, body: str = "") -> dict[str, str]:
    """Return somebody whom a manifest names."""
    return {"name": f"{role} {place}", "body": body, "key": signing_key(role, place).public_key.hex()}


def election(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a description of a sound election."""
    made = {
        "kind": "practice",
        "short_name": "council-2030",
        "title": names("Council"),
        "opens_at_ms": OPENS,
        "closes_at_ms": OPENS + DAY_MS,
        "round_deadlines_ms": [OPENS - 5 * DAY_MS + day * DAY_MS for day in range(4)],
        "release_by_ms": OPENS + 10 * DAY_MS,
        "trustees": [person("trustee", place) for place in range(3)],
        "registrars": [person("registrar", 0, "Register"), person("registrar", 1, "Commission")],
        "officers": [person("officer", 0, "Commission"), person("officer", 1, "Chamber")],
        "witnesses": [{**person("witness", place), "name": f"watch.example/{place}"} for place in range(3)],
        "quorum": 2,
        "faults": 0,
        "units": [
            {"id": 1, "parent": None, "name": names("Country"), "district": False},
            {"id": 2, "parent": 1, "name": names("North"), "district": True},
            {"id": 3, "parent": 1, "name": names("South"), "district": True},
        ],
        "contests": [
            {"title": names("Head"), "options": [names("A"), names("B"), names("Against all")]},
            {"title": names("Board"), "options": [names("C"), names("D")], "maximum": 2, "minimum": 0, "region": 2},
        ],
    }
    return {**deepcopy(made), **changes}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """Return a ballot side without an election."""
    made = settings(tmp_path)
    lay_out(made)
    with TestClient(create_app(made)) as client:
        yield client


@pytest.fixture
def people(client: TestClient) -> list[Headers]:
    """Let two officers in."""
    return [
        enter(app_of(client), "officer", name=f"O{place}", body=body, key=signing_key("officer", place))
        for place, body in enumerate(("Commission", "Chamber"))
    ]


def check(client: TestClient, headers: Headers, described: dict[str, Any], language: str = "en") -> dict[str, Any]:
    """Return what the service says of a description."""
    answer = client.post("/manifests/checks", json=described, headers={**headers, "accept-language": language})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_what_passes_every_check_founds_an_election(client: TestClient, people: list[Headers]) -> None:
    found = check(client, people[0], election())
    assert (found["faults"], {each["state"] for each in found["checks"]}) == ([], {"passed"})
    assert [each["id"] for each in found["checks"]] == list(CHECKS)
    body = b64decode(found["manifest"])
    manifest = Manifest.parse(body)
    assert [style.contests for style in manifest.styles] == [(1, 2), (1,)]
    keys = [signing_key("officer", place) for place in range(2)]
    signed = [sign_author(key, tag("practice", "author"), ZERO_HASH, "manifest", body) for key in keys]
    signatures = [{"key_id": author.hex(), "signature": signature.hex()} for author, signature in signed]
    act = {"type": "manifest", "body": found["manifest"], "parts": found["parts"], "signature": signatures[0]}
    made = client.post("/proposals", json=act, headers=people[0]).json()
    done = client.post(f"/proposals/{made['id']}/signatures", json=signatures[1], headers=people[1]).json()
    assert (done["state"], done["note"]) == ("taken", "")
    assert client.get("/election").json()["manifest_hash"] == found["manifest_hash"]


def test_the_order_of_the_lot_is_the_order_on_the_ballot(client: TestClient, people: list[Headers]) -> None:
    described = election()
    described["contests"][0]["options"].reverse()
    part = check(client, people[0], described)["parts"][0]
    contest = Contest.parse(b64decode(part["body"]))
    assert [option.name.en for option in contest.options] == ["Against all", "B", "A"]


def test_nothing_is_kept_of_a_draft(client: TestClient, people: list[Headers]) -> None:
    check(client, people[0], election())
    assert client.get("/election").status_code == 404
    assert client.get("/proposals", headers=people[0]).json()["proposals"] == []


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"closes_at_ms": OPENS}, 1),
        ({"opens_at_ms": OPENS - 5 * DAY_MS}, 1),
        ({"settle_ms": 1}, 1),
        ({"release_by_ms": OPENS + DAY_MS}, 1),
        ({"quorum": 1}, 2),
        ({"quorum": 4}, 2),
        ({"trustees": [person("officer", 0), person("trustee", 1), person("trustee", 2)]}, 4),
        ({"officers": [person("officer", 0, "One"), person("officer", 1, "One")]}, 4),
        ({"registrars": [person("registrar", 0, "One"), person("registrar", 1, "One")]}, 4),
        ({"kind": "real", "faults": 1, "quorum": 3}, 6),
        ({"units": [{"id": 1, "parent": None, "name": names("All"), "district": False}]}, 9),
        ({"units": [{"id": at, "parent": None, "name": names("All"), "district": True} for at in (1, 2)]}, 9),
    ],
)
def test_a_check_that_fails_is_explained_and_the_others_are_made(
    client: TestClient, people: list[Headers], changes: dict[str, Any], number: int
) -> None:
    described = election(**changes)
    if "units" in changes:
        described["contests"] = described["contests"][:1]
    found = check(client, people[0], described)
    states = {each["id"]: each for each in found["checks"]}
    wanted = states[f"MANIFEST-{number}"]
    assert (wanted["state"], bool(wanted["claim"]), bool(wanted["reason"])) == ("failed", True, True)
    if number < 7:
        assert [each["id"] for each in found["checks"] if each["state"] != "passed"] == [f"MANIFEST-{number}"]


def test_claims_are_in_the_readers_language(client: TestClient, people: list[Headers]) -> None:
    claims = [check(client, people[0], election(), language)["checks"][0]["claim"] for language in ("ky", "ru", "en")]
    assert len(set(claims)) == 3


def test_all_failing_checks_are_said_at_once(client: TestClient, people: list[Headers]) -> None:
    found = check(client, people[0], election(closes_at_ms=OPENS, quorum=1))
    failed = [each["id"] for each in found["checks"] if each["state"] == "failed"]
    assert failed == [f"MANIFEST-{number}" for number in (1, 2)]


def test_a_threshold_that_is_none_fails(client: TestClient, people: list[Headers]) -> None:
    for threshold in (1, 3, 4):
        found = check(client, people[0], election(threshold=threshold))
        assert "failed" in {each["state"] for each in found["checks"]}


@pytest.mark.parametrize(
    ("changes", "at", "name"),
    [
        ({"short_name": ""}, "short_name", "empty"),
        ({"short_name": "Кеңеш"}, "short_name", "short-name"),
        ({"title": {"ky": "", "ru": "Совет", "en": "Council"}}, "title.ky", "empty"),
        ({"officers": []}, "officers", "nobody"),
        ({"officers": [person("officer", 0, "One")]}, "officers", "two"),
        ({"registrars": [person("registrar", 0, "One")]}, "registrars", "two"),
        ({"registrars": [person("registrar", 0), person("registrar", 1, "B")]}, "registrars[0].body", "empty"),
        ({"officers": [person("officer", 0, "Board"), person("officer", 1, "board ")]}, "officers", "alike"),
        ({"registrars": [person("registrar", 0, "Хор"), person("registrar", 1, "Xop")]}, "registrars", "alike"),
        ({"trustees": [{"name": "A", "key": "xyz"}]}, "trustees[0].key", "key"),
        ({"trustees": [{"name": "A", "key": "ab" * 31}]}, "trustees[0].key", "key"),
        ({"witnesses": [{"name": "", "key": "ab" * 32}]}, "witnesses[0].name", "empty"),
        ({"units": []}, "units", "nothing"),
        ({"contests": []}, "contests", "nothing"),
        ({"contests": [{"title": names("Head"), "options": [names("A")]}]}, "contests[0].options", "two-options"),
        ({"contests": [{"title": names("H"), "options": [names("A")] * 2}]}, "contests[0].options", "twice"),
        (
            {"contests": [{"title": names("H"), "options": [names("A"), names("B")], "maximum": 3}]},
            "contests[0].maximum",
            "range",
        ),
        (
            {"contests": [{"title": names("H"), "options": [names("A"), names("B")], "minimum": 2}]},
            "contests[0].maximum",
            "range",
        ),
    ],
)
def test_what_a_field_lacks_is_said_beside_it(
    client: TestClient, people: list[Headers], changes: dict[str, Any], at: str, name: str
) -> None:
    found = check(client, people[0], election(**changes))
    assert {"at": at, "name": name} in found["faults"]
    assert found["manifest"] is None
    assert {each["state"] for each in found["checks"]} == {"not run"}


def test_a_region_that_does_not_exist_fails_a_check(client: TestClient, people: list[Headers]) -> None:
    described = election()
    described["contests"][1]["region"] = 77
    found = check(client, people[0], described)
    assert {each["id"]: each["state"] for each in found["checks"]}["MANIFEST" + "-9"] == "failed"


def test_units_that_contain_each_other_end(client: TestClient, people: list[Headers]) -> None:
    units = [
        {"id": 1, "parent": 2, "name": names("A"), "district": True},
        {"id": 2, "parent": 1, "name": names("B"), "district": False},
    ]
    found = check(client, people[0], election(units=units))
    assert "failed" in {each["state"] for each in found["checks"]}


def test_nobody_without_a_role_writes_a_draft_or_looks(client: TestClient) -> None:
    assert client.post("/manifests/checks", json=election()).status_code == 401
    assert client.get("/live").status_code == 401


# ----------------------------------------------------------------------------------------------------- the live state


def test_the_live_state_says_turnout_queue_witnesses_and_drills(tmp_path: Path) -> None:
    with open_desk(tmp_path, "voted") as desk:
        headers = enter(desk.app, "operator")
        found = desk.client.get("/live", headers=headers).json()
        record = desk.world.record
    districts = found["turnout"].pop("districts")
    assert found["turnout"] == {
        "slots": 24,
        "credentials": record.roll.credentials,
        "voters": record.accepted["ballot"] - record.ballots.replaced,
        "ballots": record.accepted["ballot"],
    }
    assert found["turnout"]["voters"] < found["turnout"]["ballots"]
    assert [(each["unit"], each["slots"]) for each in districts] == sorted(record.roll.slots_by_district.items())
    assert sum(each["credentials"] for each in districts) == found["turnout"]["credentials"]
    assert districts[0]["name"]["en"] == "North"
    struck = sum(
        record.roll.is_struck(slot) and record.ballots.last(row)[0] > 0 for slot, row in record.roll.credentialed()
    )
    assert sum(each["voters"] for each in districts) == found["turnout"]["voters"] - struck


def test_no_voters_are_shown_of_a_small_district_or_a_large_roll(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_desk(tmp_path, "voted") as desk:
        headers = enter(desk.app, "operator")

        def voters() -> list[int | None]:
            found = desk.client.get("/live", headers=headers).json()
            return [each["voters"] for each in found["turnout"]["districts"]]

        assert None not in voters()
        monkeypatch.setattr(live, "MOST_COUNTED", 1)
        assert voters() == [None, None]
    record = fresh("voted").record
    record.parts.manifest = replace(record.parts.manifest, minimum_cell=12)
    monkeypatch.undo()
    assert [each.voters is None for each in live.Districts().of(record)] == [True, False]


def test_the_voters_of_districts_are_counted_once_for_each_size_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is done under the record's lock, for which voters wait."""
    counted, credentialed = list[int](), Roll.credentialed

    def count(roll: Roll) -> Iterator[tuple[int, int]]:
        counted.append(roll.credentials)
        return credentialed(roll)

    with open_desk(tmp_path, "voted") as desk:
        headers = enter(desk.app, "operator")
        monkeypatch.setattr(Roll, "credentialed", count)
        first, again = (desk.client.get("/live", headers=headers).json()["turnout"] for _ in range(2))
        assert first == again
        assert len(counted) == 1
        desk.sequence()
        desk.client.get("/live", headers=headers)
        assert len(counted) == 2


def test_the_rest_of_the_live_state(tmp_path: Path) -> None:
    with open_desk(tmp_path, "voted") as desk:
        found = desk.client.get("/live", headers=enter(desk.app, "operator")).json()
    assert found["queue"]["waiting"] == 0
    assert [drill["missing"] for drill in found["drills"]][:1] == [[]]
    assert [each["name"] for each in found["witnesses"]] == sorted(w.name for w in desk.world.manifest.witnesses)


def test_alarms_say_who_is_missing(tmp_path: Path) -> None:
    with open_desk(tmp_path, "open") as desk:
        headers = enter(desk.app, "operator")
        alarms = {each["name"]: each for each in desk.client.get("/live", headers=headers).json()["alarms"]}
        names_ = [witness.name for witness in desk.world.manifest.witnesses]
    assert alarms["witness-behind"]["who"] == names_
    assert alarms["drill-due"]["who"] == ["trustee 1", "trustee 2", "trustee 3"]
