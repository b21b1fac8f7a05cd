"""What every test gets: no network outside the suites that run whole programs, and repeatable property tests."""

import socket
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

# Without a deadline, because a busy machine must not fail a test; derandomized, because a commit is judged once.
settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("repeatable")

SUITES_WITHOUT_NETWORK = frozenset({"unit", "property", "attacks", "independent", "mutation"})


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to open a socket in a suite that has no business with one."""
    suite = Path(request.node.path).relative_to(Path(__file__).parent).parts[0]

    def refuse(*_: object, **__: object) -> NoReturn:
        pytest.fail("this test opened a socket")

    if suite in SUITES_WITHOUT_NETWORK:
        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket.socket, "bind", refuse)
