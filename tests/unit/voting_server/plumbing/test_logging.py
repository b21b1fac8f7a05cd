"""Logs hold listed events and listed keys and nothing else, whatever is thrown at them."""

import ast
import io
import json
import logging as stdlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from voting_server.plumbing import logging

ROOT = Path(__file__).resolve().parents[4]
CANARY = "canary-4711"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Return what is logged, and put the root logger back afterwards."""
    root = stdlib.getLogger()
    handlers = root.handlers
    stream = io.StringIO()
    logging.configure(stream)
    yield stream
    root.handlers = handlers
    logging.configure()
    root.handlers = handlers


def test_what_is_not_listed_is_dropped(lines: io.StringIO) -> None:
    logging.log().info("block-written", size=7, pseudonym=CANARY, address=CANARY, body=CANARY.encode())
    line = json.loads(lines.getvalue())
    assert line.keys() == {"event", "level", "size", "timestamp"}
    assert CANARY not in lines.getvalue()


def test_a_listed_key_carries_no_object(lines: io.StringIO) -> None:
    logging.log().info("request", route={"a": CANARY}, error=ValueError(CANARY), size=[CANARY])
    assert json.loads(lines.getvalue()).keys() == {"event", "level", "timestamp"}


def test_an_event_that_is_not_listed_loses_its_name(lines: io.StringIO) -> None:
    logging.log().info(CANARY)
    assert json.loads(lines.getvalue())["event"] == "unlisted"


def test_a_library_keeps_only_its_name_and_the_class_of_its_error(lines: io.StringIO) -> None:
    try:
        int(CANARY)
    except ValueError:
        stdlib.getLogger("uvicorn.error").exception("failed: %s", CANARY)
    line = json.loads(lines.getvalue())
    assert (line["event"], line["logger"], line["error"]) == ("library", "uvicorn.error", "ValueError")
    assert CANARY not in lines.getvalue()


def calls() -> Iterator[tuple[str, str, list[str]]]:
    """Yield file, event and keys of every call of the logger in the server."""
    for path in (ROOT / "voting_server").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Call)
                and ast.unparse(node.func.value.func).split(".")[-1] == "log"
            ):
                keys = [str(keyword.arg) for keyword in node.keywords]
                names = [part.value for part in ast.walk(node.args[-1]) if isinstance(part, ast.Constant)]
                yield from ((path.name, str(name), keys) for name in names or [""])


def test_every_call_in_the_server_uses_listed_names() -> None:
    found = list(calls())
    assert found
    assert [call for call in found if call[1] not in logging.EVENTS or set(call[2]) - logging.KEYS] == []
