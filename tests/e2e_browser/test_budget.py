"""What a browser fetches before a ballot is on its screen: the files, as they travel, are those of the budget."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Request

from bench.client import LANGUAGES, read_pages
from tests.e2e_browser.town import Town
from tests.e2e_browser.walk import Walk

KB = 1024
FIRST_BYTES = 12 * KB
BEFORE_BYTES = 40 * KB
IDENTITY_BYTES = 36 * KB
FILE_BYTES = 12 * KB
# The last thing that is asked before the ballot opens: whether the voter waits for a block.
LAST = "/practice/casting/voter"


def travelled(requests: list[Request], start: str) -> dict[str, int]:
    """Return the files below a path with their sizes on the line; a file from the browser's store counts once."""
    sizes: dict[str, int] = {}
    for request in requests:
        path = urlsplit(request.url).path
        if path.startswith(start):
            name = path.removeprefix(start) or "index.html"
            sizes[name] = max(sizes.get(name, 0), request.sizes()["responseBodySize"])
    return sizes


@pytest.mark.parametrize("language", ["ky"])
def test_what_a_browser_fetches_before_the_ballot_is_the_budgets(town: Town, client: Path, language: str) -> None:
    walk = Walk(town, town.voter(), language)
    first: list[Request] = []
    walk.look = lambda name: first.extend(walk.seen) if name == "language" else None
    walk.start()
    walk.identify()
    walk.log_in()
    asked = [urlsplit(request.url).path for request in walk.seen]
    before = walk.seen[: asked.index(LAST)]
    pages = read_pages(client / "vote")
    ballot_side, identity_side = travelled(before, "/practice/vote/"), travelled(before, "/practice/identity/vote/")
    assert set(travelled(first, "/practice/vote/")) == pages.first
    assert set(ballot_side) == pages.before_ballot(language)
    assert set(identity_side) == pages.identification(language)
    assert not [name for name in ballot_side if name.startswith("core-")], "a curve before the ballot"
    assert sum(travelled(first, "/practice/vote/").values()) <= FIRST_BYTES
    assert sum(ballot_side.values()) < BEFORE_BYTES
    assert sum(identity_side.values()) < IDENTITY_BYTES
    assert max(*ballot_side.values(), *identity_side.values()) <= FILE_BYTES
    assert walk.errors == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_budget_in_each_language(client: Path, language: str) -> None:
    pages = read_pages(client / "vote")
    assert pages.weigh(pages.first) <= FIRST_BYTES
    assert pages.weigh(pages.before_ballot(language)) < BEFORE_BYTES
    assert pages.weigh(pages.identification(language)) < IDENTITY_BYTES
    everything = pages.before_ballot(language) | pages.identification(language) | pages.afterwards(language)
    assert max(pages.weigh([name]) for name in everything) <= FILE_BYTES
