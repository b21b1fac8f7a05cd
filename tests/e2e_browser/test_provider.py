"""Identification by an OpenID Connect provider, in a browser, with both sides on hosts of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Playwright, expect

from tests.e2e_browser.hosts import Hosts, open_hosts
from tests.e2e_browser.walk import Walk


@pytest.fixture(scope="module")
def hosts(playwright: Playwright, client: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    with open_hosts(playwright, tmp_path_factory.mktemp("hosts"), client) as opened:
        yield opened


def go_to_provider(hosts: Hosts, language: str = "en") -> Walk:
    """Make a key and go to the provider's page."""
    walk = Walk(hosts, hosts.voter(), language)
    walk.start()
    walk.button("start.vote").click()
    walk.link("frame.next").click()
    walk.button("identify.service-go").click()
    walk.heading("key.heading").wait_for()
    walk.button("key.go").click()
    walk.page.get_by_label("Personal number").wait_for()
    return walk


def test_a_voter_identifies_by_the_service_and_votes(hosts: Hosts) -> None:
    walk = go_to_provider(hosts, "ky")
    hosts.admit(walk.page, 12)
    walk.link("enrolled.go").wait_for()
    assert urlsplit(walk.page.url).query == ""
    walk.link("enrolled.go").click()
    walk.log_in()
    walk.mark()
    code = walk.seal()
    walk.cast()
    walk.see_on_board()
    assert walk.kept("outbox")["code"] == code
    assert walk.kept("me")["pseudonym"] == hosts.practice.people.pseudonym(12).hex()
    assert walk.errors == []
    # The provider learns that somebody identifies, and nothing else.
    assert walk.origins() == {hosts.origin, hosts.identity, hosts.issuer}
    for request in walk.seen:
        if request.url.startswith(hosts.issuer):
            assert request.is_navigation_request()
            assert "referer" not in request.headers or request.headers["referer"].startswith(hosts.issuer)


@pytest.mark.parametrize(("slot", "level"), [(None, "high"), (13, "low")])
def test_who_is_not_identified_comes_back_to_the_page_and_is_told_so(
    hosts: Hosts, slot: int | None, level: str
) -> None:
    walk = go_to_provider(hosts)
    hosts.admit(walk.page, slot, level)
    walk.problem("identify.failed").wait_for()
    assert walk.page.url.startswith(f"{hosts.identity}/vote/")
    assert not urlsplit(walk.page.url).query + urlsplit(walk.page.url).fragment
    # Everything is there to try again, or by a code.
    expect(walk.button("identify.service-go")).to_be_visible()
    expect(walk.page.get_by_label(walk.t("identify.code"), exact=True)).to_be_visible()


def test_who_is_not_on_the_roll_is_told_where_to_turn(hosts: Hosts) -> None:
    walk = go_to_provider(hosts, "ru")
    hosts.admit(walk.page, 77)
    walk.problem("identify.not-listed").wait_for()
    expect(walk.button("identify.service-go")).to_be_visible()


def test_somebody_looks_at_her_place_on_the_list_without_a_key(hosts: Hosts) -> None:
    walk = Walk(hosts, hosts.voter(), "en")
    walk.start()
    walk.button("start.place").click()
    walk.link("place.identify").click()
    walk.button("identify.service-go").click()
    hosts.admit(walk.page, 14)
    walk.link("frame.next").click()
    walk.heading("place.heading").wait_for()
    walk.page.get_by_text(walk.t("place.known", unit="Town"), exact=True).wait_for()
    assert walk.errors == []


def test_a_provider_that_does_not_answer_is_no_dead_end(hosts: Hosts) -> None:
    walk = Walk(hosts, hosts.voter(), "en")
    walk.start()
    walk.button("start.vote").click()
    walk.link("frame.next").click()
    # Asked before a key is made, and again with the key: the line may be cut at either.
    for button in ("identify.service-go", "key.go"):
        walk.page.route("**/identifications/oidc", lambda route: route.abort("connectionreset"))
        walk.button(button).click()
        walk.problem("frame.offline").wait_for()
        walk.page.unroute("**/identifications/oidc")
        walk.button(button).click()
    hosts.admit(walk.page, 15)
    walk.link("enrolled.go").wait_for()
