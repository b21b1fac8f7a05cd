"""Fixtures of the tests in a browser; their own pytest run, because Playwright's loop does not go with other suites."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error, Playwright, sync_playwright

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


def towns_of(item: pytest.Item | pytest.FixtureRequest) -> list[Town]:
    """Return the towns that a test uses."""
    node: Any = item if isinstance(item, pytest.Item) else item.node
    return [value for value in getattr(node, "funcargs", {}).values() if isinstance(value, Town)]


@pytest.fixture(autouse=True)
def leave_town(request: pytest.FixtureRequest) -> Iterator[None]:
    """Close a test's phones after it: a page that is open goes on asking the server."""
    yield
    for town in towns_of(request):
        for context in town.browser.contexts:
            context.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say what every page showed when a test failed."""
    report = yield
    if report.when == "call" and report.failed:
        for page in [page for town in towns_of(item) for context in town.browser.contexts for page in context.pages]:
            try:
                shown = page.inner_text("body", timeout=1_000)
            except Error as error:
                shown = str(error)
            report.sections.append((f"page {page.url}", shown))
    return report
