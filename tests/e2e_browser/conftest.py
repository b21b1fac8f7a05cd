"""Fixtures of the tests in a browser; their own pytest run, because Playwright's loop does not go with other suites."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, sync_playwright

from tests.e2e_browser.town import Town, build_client, open_town


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Start Playwright once."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the web pages once."""
    return build_client(tmp_path_factory.mktemp("client"))


# One a file: each voter uses up one of the practice election's codes.
@pytest.fixture(scope="module")
def town(playwright: Playwright, client: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Serve one practice election for all tests of a file that do not harm it."""
    with open_town(playwright, tmp_path_factory.mktemp("town"), client) as opened:
        yield opened
