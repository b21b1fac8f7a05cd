"""The OpenAPI description is complete: words for every route, schema and example for every body, problems as such."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from fastapi.testclient import TestClient

from voting_server.app import create_app
from voting_server.plumbing.database import SIDES
from voting_server.plumbing.problems import MEDIA_TYPE
from voting_server.plumbing.settings import Settings, Side

CANARY = "canary-4711"
DESCRIPTIONS = {
    "identity": create_app(Settings(side=Side.IDENTITY, identity_database="sqlite://")).openapi(),
    "ballot": create_app(Settings(side=Side.BALLOT, ballot_database="sqlite://")).openapi(),
}
Operation = dict[str, Any]


def operations() -> Iterator[tuple[str, str, Operation]]:
    """Yield side, name and description of every operation."""
    for side, description in DESCRIPTIONS.items():
        for path, methods in description["paths"].items():
            for method, operation in methods.items():
                yield side, f"{method.upper()} {path}", operation


ALL = [pytest.param(side, operation, id=f"{side} {name}") for side, name, operation in operations()]


def validator(side: str, schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """Return a validator that knows the components of a side."""
    return jsonschema_rs.Draft202012Validator({**schema, "components": DESCRIPTIONS[side]["components"]})


def resolve(side: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return what a reference refers to."""
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = DESCRIPTIONS[side]["components"]["schemas"][name] if name else schema
    return found


def json_bodies(operation: Operation) -> Iterator[dict[str, Any]]:
    """Yield the media objects of an operation's JSON bodies, in and out."""
    holders = [operation.get("requestBody", {}), *operation["responses"].values()]
    for holder in holders:
        for kind, media in holder.get("content", {}).items():
            if kind.endswith("json"):
                yield media


@pytest.mark.parametrize(("side", "operation"), ALL)
def test_every_route_says_what_it_does(side: str, operation: Operation) -> None:
    assert operation["description"].endswith((".", ")"))
    assert operation["tags"]
    for parameter in operation.get("parameters", []):
        schema = parameter["schema"]
        assert parameter.get("description") or parameter.get("examples") or schema.get("examples"), parameter["name"]


@pytest.mark.parametrize(("side", "operation"), ALL)
def test_every_answer_has_a_kind_and_problems_have_theirs(side: str, operation: Operation) -> None:
    for status, answer in operation["responses"].items():
        if status in {"4XX", "5XX"}:
            assert list(answer["content"]) == [MEDIA_TYPE]
        elif status not in {"204", "303", "307"}:
            assert answer["content"], status


@pytest.mark.parametrize(("side", "operation"), ALL)
def test_every_json_body_has_examples_that_fit_its_schema(side: str, operation: Operation) -> None:
    for media in json_bodies(operation):
        schema = resolve(side, media["schema"])
        items = resolve(side, schema.get("items", {})).get("examples")
        found = media.get("examples") or schema.get("examples") or ([items] if items else None)
        assert found, schema.get("title")
        for example in found.values() if isinstance(found, dict) else found:
            validator(side, media["schema"]).validate(example)


def test_no_operation_is_called_twice() -> None:
    for description in DESCRIPTIONS.values():
        names = [
            operation["operationId"] for methods in description["paths"].values() for operation in methods.values()
        ]
        assert len(names) == len(set(names))


@pytest.fixture(scope="module")
def clients() -> dict[str, TestClient]:
    """Return a client of each side, on an empty database."""
    made = {}
    for side in DESCRIPTIONS:
        app = create_app(Settings(side=Side(side), **{f"{side}_database": "sqlite://"}))  # type: ignore[arg-type]
        SIDES[side].create_all(app.state.context.database.engine)
        made[side] = TestClient(app, raise_server_exceptions=False)
    return made


NAMED = [pytest.param(side, name, operation, id=f"{side} {name}") for side, name, operation in operations()]


@pytest.mark.parametrize(("side", "name", "operation"), [each for each in NAMED if not str(each.id).endswith("/feed")])
def test_no_answer_repeats_what_was_sent(
    clients: dict[str, TestClient], side: str, name: str, operation: Operation
) -> None:
    client = clients[side]
    method, _, path = name.partition(" ")
    query = {each["name"]: CANARY for each in operation.get("parameters", []) if each["in"] == "query"}
    fields: dict[str, Any] = {}
    for kind, media in operation.get("requestBody", {}).get("content", {}).items():
        if kind.endswith("json"):
            fields = dict.fromkeys(resolve(side, media["schema"]).get("properties", {}), CANARY)
    origin = {"origin": client.app.state.context.origin}  # type: ignore[attr-defined]
    for body in ({**fields, CANARY: CANARY}, {name: {CANARY: [CANARY]} for name in fields}, CANARY):
        answer = client.request(
            method, re.sub(r"\{[^}]*\}", CANARY, path), params=query, headers=origin, json=body, follow_redirects=False
        )
        assert CANARY not in answer.text
        assert CANARY not in str(answer.headers)
        assert answer.status_code != 500
