"""Problems: one table in three languages, nothing that a client sent comes back, no library's text either."""

import json
import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError

from crypto.errors import MalformedEncoding, Refused
from locales import LANGUAGES, dictionary
from voting_server.plumbing.problems import (
    MEDIA_TYPE,
    PROBLEMS,
    ProblemError,
    install,
    language_of,
    status_of_check,
)

ROOT = Path(__file__).resolve().parents[4]
CANARY = "canary-4711"


class Body(BaseModel):
    number: int


def client() -> TestClient:
    """Return a client of an application that fails in every way."""
    app = FastAPI()
    install(app)
    failures: dict[str, Exception] = {
        "problem": ProblemError("rate-limited", retry_after_s=7, seconds=7),
        "refused": Refused("BALLOT" + "-7", f"number {CANARY}", culprit=CANARY),
        "malformed": MalformedEncoding("ENCODING" + "-1", CANARY),
        "database": OperationalError(f"SELECT {CANARY}", {"a": CANARY}, Exception(CANARY)),
        "bug": ValueError(CANARY),
    }

    @app.get("/fail/{how}")
    def fail(how: str) -> None:
        raise failures[how]

    @app.post("/body")
    def take(body: Body) -> int:
        return body.number

    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("problem", 429, "rate-limited"),
        ("refused", 409, "refused"),
        ("malformed", 400, "malformed"),
        ("database", 503, "unavailable"),
        ("bug", 500, "internal"),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_failure_becomes_a_problem_in_the_readers_language(how: str, status: int, code: str, language: str) -> None:
    answer = client().get(f"/fail/{how}", headers={"Accept-Language": language})
    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["content-language"] == language
    assert answer.json()["title"] == dictionary(language).texts[f"problem.{code}"].replace("{seconds}", "7")
    assert CANARY not in answer.text


def test_a_refusal_names_its_check_and_what_it_demands() -> None:
    answer = client().get("/fail/refused", headers={"Accept-Language": "en"}).json()
    assert answer["check"] == "BALLOT" + "-7"
    assert answer["detail"] == dictionary("en")("check.BALLOT-7")
    assert "culprit" not in answer


def test_who_must_wait_is_told_how_long() -> None:
    assert client().get("/fail/problem").headers["retry-after"] == "7"
    assert client().get("/fail/database").headers["retry-after"] == "2"


@pytest.mark.parametrize(
    "content", [b'{"number": "canary-4711"}', b'{"canary-4711": 1}', b"canary-4711", b"[" * 500, b'{"number": 1e400}']
)
def test_a_malformed_body_is_never_repeated(content: bytes) -> None:
    answer = client().post("/body", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json().keys() == {"type", "title", "status"}
    assert CANARY not in answer.text


@pytest.mark.parametrize(("method", "path", "status"), [("GET", f"/{CANARY}", 404), ("PUT", "/body", 405)])
def test_what_is_not_there_is_a_problem_too(method: str, path: str, status: int) -> None:
    answer = client().request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE)
    assert CANARY not in answer.text


def test_an_unknown_code_is_a_bug() -> None:
    with pytest.raises(KeyError):
        ProblemError("no-such-problem")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_problem_has_its_text_and_no_text_is_left_over(language: str) -> None:
    texts = {key.removeprefix("problem.") for key in dictionary(language).texts if key.startswith("problem.")}
    assert texts == set(PROBLEMS)


def test_the_page_of_problems_is_the_table() -> None:
    page = (ROOT / "docs/operations/problems.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| ([0-9]{3}) \| (.+) \|$", page, re.MULTILINE)
    assert {(code, int(status)) for code, status, _ in rows} == set(PROBLEMS.items())
    assert [text for code, _, text in rows if text != dictionary("en").texts[f"problem.{code}"]] == []


def test_every_code_that_is_raised_is_in_the_table() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "voting_server").rglob("*.py")]
    raised = {code for text in sources for code in re.findall(r"ProblemError\(\s*\"([a-z-]+)\"", text)}
    assert raised <= set(PROBLEMS)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "ky"),
        ("de", "ky"),
        ("ru", "ru"),
        ("EN-us", "en"),
        ("ru;q=0.1, en;q=0.2", "en"),
        ("ru;q=x, en;q=0.5", "en"),
        ("*;q=0.5", "ky"),
        (",;q=,en;q=NaN,ru;q=0", "ky"),
        ("x" * 100_000 + ",en", "ky"),
    ],
)
def test_the_language_of_a_header(header: str, language: str) -> None:
    assert language_of(header) == language


@pytest.mark.parametrize(
    ("family", "status"), [("ENCODING", 400), ("SIGNATURE", 403), ("BOARD", 409), ("PROOF", 422), ("NEW", 422)]
)
def test_the_status_of_a_check_is_its_familys(family: str, status: int) -> None:
    assert status_of_check(f"{family}-3") == status


def test_the_answer_is_json_without_surprises() -> None:
    answer = client().get("/fail/bug")
    assert json.loads(answer.content) == {
        "type": "/problems/internal",
        "title": dictionary("ky")("problem.internal"),
        "status": 500,
    }
