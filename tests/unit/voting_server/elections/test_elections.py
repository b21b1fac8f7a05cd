"""Founding an election and the generic intake over HTTP: what is signed wrongly, malformed or twice is turned away."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from crypto.election.ceremony import make_key
from crypto.election.entries import Incident
from crypto.merkle import leaf_hash
from tests.roles import app_of, lay_out, operate
from tests.simulator import World, secret, signing_key
from voting_server.app import create_app
from voting_server.board.sequencer import Sequencer
from voting_server.board.service import Board
from voting_server.plumbing.context import Context
from voting_server.plumbing.settings import Limits, Settings, Side

STRANGER = {"Cookie": f"__Host-dobush-roles-ballot={'ab' * 32}", "Origin": "http://localhost:8000"}
CBOR = {"Content-Type": "application/cbor", "Accept-Language": "en"}


@pytest.fixture
def world() -> World:
    """Return an election that is about to begin: nothing is written yet."""
    return World()


def settings(folder: Path, **limits: int) -> Settings:
    """Return the settings of a ballot side that holds the world's log key and receipt key."""
    return Settings(
        side=Side.BALLOT,
        data_dir=folder,
        log_key=secret("key", "log", 0).hex(),
        receipt_key=secret("key", "receipt", 0).hex(),
        limits=Limits(**limits),
    )


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """Return a client of a ballot side without an election."""
    made = settings(tmp_path, entries_a_minute=3)
    lay_out(made)
    with TestClient(create_app(made)) as client:
        yield client


def founding(world: World, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the body that founds the world's election."""
    entry = world.sign("manifest", world.manifest, signing_key("officer", 0), signing_key("officer", 1))
    parts = [("contest", contest) for contest in world.parts.contests] + [
        ("units", chunk) for chunk in world.parts.units
    ]
    return {
        "manifest": base64.b64encode(entry).decode(),
        "parts": [{"type": name, "body": base64.b64encode(body.to_bytes()).decode()} for name, body in parts],
        **changes,
    }


@pytest.fixture
def founded(client: TestClient, world: World) -> TestClient:
    """Return a client of a ballot side with the world's election, whose first seal is written."""
    assert client.post("/election", json=founding(world), headers=operate(app_of(client))).status_code == 201
    write_block(client)
    return client


def write_block(client: TestClient) -> None:
    """Let the sequencer write one block."""
    context: Context = client.app.state.context  # type: ignore[attr-defined]
    sequencer = Sequencer(Board(context))
    sequencer.start()
    sequencer.step()
    sequencer.stop()


def problem(answer: Any) -> str:  # noqa: ANN401
    """Return the code of a problem."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return str(answer.json()["type"]).removeprefix("/problems/")


def key_entry(world: World, trustee: int, *, signer: int | None = None) -> bytes:
    """Return a trustee's R0 entry."""
    body = make_key(world.setting(), 1, trustee, trustee)
    return world.sign("ceremony-key", body, signing_key("trustee", (signer or trustee) - 1))


def test_before_the_founding_there_is_no_election(client: TestClient, world: World) -> None:
    assert problem(client.get("/election")) == "no-election"
    assert problem(client.post("/entries", content=key_entry(world, 1), headers=CBOR)) == "no-election"


def test_the_keys_are_the_ones_for_the_manifest(client: TestClient, world: World) -> None:
    expected = {"log_key": world.manifest.log_key.hex(), "receipt_key": world.manifest.receipt_key.hex()}
    assert client.get("/keys").json() == expected


def test_an_election_is_founded_once_and_waits_for_its_trustees(founded: TestClient, world: World) -> None:
    state = founded.get("/election").json()
    assert state["manifest_hash"] == world.manifest_hash.hex()
    assert (state["phase"], state["counts"]["entries"], state["counts"]["blocks"]) == ("setup", 5, 2)
    assert state["awaited"][0] == {
        "type": "ceremony-key",
        "by": "trustees",
        "who": ["trustee 1", "trustee 2", "trustee 3"],
        "not_before_ms": None,
    }
    assert (
        problem(founded.post("/election", json=founding(world), headers=operate(app_of(founded)))) == "election-exists"
    )


def test_a_founding_may_be_as_large_as_the_limit_and_not_a_byte_larger(tmp_path: Path, world: World) -> None:
    content = json.dumps(founding(world)).encode()
    for limit, code in ((len(content) - 1, 413), (len(content), 201)):
        made = settings(tmp_path / str(code), body_bytes=4_000, import_bytes=limit)
        lay_out(made)
        with TestClient(create_app(made)) as client:
            headers = {**operate(app_of(client)), "Content-Type": "application/json"}
            assert client.post("/election", content=content, headers=headers).status_code == code


@pytest.mark.parametrize("header", [{}, STRANGER])
def test_a_large_body_of_a_stranger_is_not_even_read(tmp_path: Path, header: dict[str, str]) -> None:
    made = settings(tmp_path, body_bytes=1_000)
    lay_out(made)
    with TestClient(create_app(made)) as client:
        headers = {**header, "Content-Type": "application/json"}
        assert problem(client.post("/election", content=b"[" * 1_001, headers=headers)) == "too-large"
        assert (
            client.post("/election", content=b"[" * 1_001, headers={**headers, **operate(app_of(client))}).status_code
            == 400
        )


@pytest.mark.parametrize("header", [{}, STRANGER, {"Authorization": "Bearer let me in"}])
def test_only_an_operator_founds(client: TestClient, world: World, header: dict[str, str]) -> None:
    assert problem(client.post("/election", json=founding(world), headers=header)) == "not-logged-in"
    assert problem(client.get("/election")) == "no-election"


def test_a_desk_or_sqlite_is_not_for_a_real_election(client: TestClient, world: World) -> None:
    manifest = replace(world.manifest, kind="real", origin=world.manifest.origin.replace("/demo/", "/real/"))
    entry = world.sign("manifest", manifest, signing_key("officer", 0), signing_key("officer", 1))
    body = founding(world, manifest=base64.b64encode(entry).decode())
    assert problem(client.post("/election", json=body, headers=operate(app_of(client)))) == "not-for-real"
    assert problem(client.get("/election")) == "no-election"


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"ballot_origin": "http://vote.example"}, False),
        ({"ballot_database": "sqlite://"}, False),
        ({"side": Side.DESK}, False),
    ],
)
def test_a_real_election_needs_a_side_a_server_and_a_secure_origin(changes: dict[str, Any], fits: bool) -> None:
    good = {"side": Side.BALLOT, "ballot_database": "postgresql://x@/y", "ballot_origin": "https://vote.example"}
    context = Context.open(Settings(**{**good, **changes}), "ballot")
    assert context.is_for_real is fits
    context.close()


def wrong_foundings() -> dict[str, tuple[dict[str, Any], str]]:
    """Return bodies that must found nothing, each with the problem that it makes."""
    world = World()
    good = founding(world)
    officer = world.sign("manifest", world.manifest, signing_key("officer", 0))
    same_body = world.sign("manifest", world.manifest, signing_key("officer", 0), signing_key("officer", 2))
    other = World(changes={"log_key": signing_key("other").public_key})
    swapped = [good["parts"][1], good["parts"][0], *good["parts"][2:]]
    return {
        "no parts": (founding(world, parts=[]), "invalid-request"),
        "a part too few": (founding(world, parts=good["parts"][:-1]), "refused"),
        "parts swapped": (founding(world, parts=swapped), "refused"),
        "a part twice": (founding(world, parts=[*good["parts"], good["parts"][0]]), "refused"),
        "no base64": (founding(world, manifest="A"), "invalid-request"),
        "no entry": (founding(world, manifest="AAAA"), "malformed"),
        "one more field": (founding(world, more=1), "invalid-request"),
        "one officer": (founding(world, manifest=base64.b64encode(officer).decode()), "refused"),
        "one body": (founding(world, manifest=base64.b64encode(same_body).decode()), "refused"),
        "another log key": (founding(other), "other-keys"),
    }


@pytest.mark.parametrize("name", list(wrong_foundings()))
def test_a_wrong_founding_founds_nothing(client: TestClient, name: str) -> None:
    body, code = wrong_foundings()[name]
    assert problem(client.post("/election", json=body, headers=operate(app_of(client)))) == code
    assert problem(client.get("/election")) == "no-election"


def test_before_the_first_seal_nothing_else_is_taken_in(client: TestClient, world: World) -> None:
    assert client.post("/election", json=founding(world), headers=operate(app_of(client))).status_code == 201
    answer = client.post("/entries", content=key_entry(world, 1), headers=CBOR)
    assert (answer.status_code, answer.json()["check"]) == (409, "BOARD" + "-1")


def test_a_taken_entry_gets_its_place_with_the_next_block(founded: TestClient, world: World) -> None:
    raw = key_entry(world, 1)
    founded.post("/entries", content=raw, headers=CBOR)
    write_block(founded)
    answer = founded.post("/entries", content=raw, headers=CBOR).json()
    assert (answer["state"], answer["index"]) == ("sequenced", 6)
    assert founded.get("/election").json()["awaited"][0]["who"] == ["trustee 2", "trustee 3"]


def test_an_entry_is_taken_in_once_however_often_it_comes(founded: TestClient, world: World) -> None:
    raw = key_entry(world, 1)
    answers = [founded.post("/entries", content=raw, headers=CBOR) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    expected = {"leaf": leaf_hash(raw).hex(), "state": "waiting", "index": None, "check": None}
    assert [answer.json() for answer in answers] == [expected] * 3


def test_a_wrong_entry_is_turned_away_with_its_check(founded: TestClient, world: World) -> None:
    raw = key_entry(world, 1, signer=2)
    answer = founded.post("/entries", content=raw, headers=CBOR)
    assert (answer.status_code, problem(answer)) == (403, "refused")
    assert answer.json()["check"] == "MANIFEST" + "-11"
    assert answer.json()["reason"]


def test_a_broken_signature_is_turned_away(founded: TestClient, world: World) -> None:
    raw = bytearray(key_entry(world, 1))
    raw[-1] ^= 1
    answer = founded.post("/entries", content=bytes(raw), headers=CBOR)
    assert (answer.status_code, answer.json()["check"]) == (403, "MANIFEST" + "-12")


@pytest.mark.parametrize("raw", [b"", b"\x00", b"no entry", b"\x84" * 1_000, b"\x9f\xff"])
def test_what_is_no_entry_is_malformed(founded: TestClient, raw: bytes) -> None:
    answer = founded.post("/entries", content=raw, headers=CBOR)
    assert (answer.status_code, problem(answer)) == (400, "malformed")


@pytest.mark.parametrize("entry_type", ["seal", "contest", "units", "manifest", "ballot", "spoiled"])
def test_what_comes_another_way_is_not_taken_in_here(founded: TestClient, world: World, entry_type: str) -> None:
    raw = world.sign(entry_type, b"\xa0", signing_key("log"))
    assert problem(founded.post("/entries", content=raw, headers=CBOR)) == "other-way"


def test_a_key_may_send_as_many_entries_as_the_limit_and_not_one_more(founded: TestClient, world: World) -> None:
    def send(number: int) -> Any:  # noqa: ANN401
        body = Incident(bytes([number]) * 32, "a note")
        return founded.post("/entries", content=world.sign("incident", body, signing_key("officer")), headers=CBOR)

    assert [send(number).status_code for number in range(3)] == [202, 202, 202]
    assert problem(send(3)) == "rate-limited"
    store = Board(founded.app.state.context).store  # type: ignore[attr-defined]
    assert store.count_waiting() == 3


def test_nobody_uses_up_a_keys_limit_with_what_stands_on_the_board(founded: TestClient, world: World) -> None:
    def send(number: int) -> int:
        body = Incident(bytes([number]) * 32, "a note")
        raw = world.sign("incident", body, signing_key("officer"))
        return founded.post("/entries", content=raw, headers=CBOR).status_code

    assert {send(0) for _ in range(10)} <= {200, 202}
    assert [send(number) for number in (1, 2)] == [202, 202]


def test_nobody_uses_up_the_limit_of_somebody_elses_key(founded: TestClient, world: World) -> None:
    for _ in range(5):
        raw = bytearray(key_entry(world, 1))
        raw[-1] ^= 1
        assert founded.post("/entries", content=bytes(raw), headers=CBOR).status_code == 403
    assert founded.post("/entries", content=key_entry(world, 1), headers=CBOR).status_code == 202
