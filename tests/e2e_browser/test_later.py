"""What is fetched while the ballot is marked may be cut off: the voter is told, tries again, and loses nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route

from crypto.election.entries import parse_entry
from tests.e2e_browser.town import Town
from tests.e2e_browser.walk import CHOICES, NATIVE, Walk


def cut_off(walk: Walk, file: str) -> list[str]:
    """Cut every request for a file; return the list of those that were."""
    cut: list[str] = []

    def abort(route: Route) -> None:
        cut.append(route.request.url)
        route.abort("connectionreset")

    walk.voter.context.route(f"**/{file}", abort)
    return cut


def begin(town: Town, file: str) -> tuple[Walk, list[str]]:
    """Lead a voter to her ballot while a file does not come."""
    walk = Walk(town, town.voter())
    cut = cut_off(walk, file)
    walk.start()
    walk.identify()
    walk.log_in()
    return walk, cut


def fill(walk: Walk) -> None:
    """Mark every contest; the second one asks whether one more may be chosen."""
    for contest, chosen in enumerate(CHOICES):
        walk.page.get_by_text(walk.t("ballot.step", step=contest + 1, total=len(CHOICES))).wait_for()
        for option in chosen:
            walk.choose(option)
        walk.button("frame.next").click()
        if contest == 1:
            walk.button("ballot.leave").click()


def wait_for_offline(walk: Walk) -> None:
    """Wait until the page says that there is no connection."""
    walk.page.get_by_role("alert").get_by_text(walk.t("frame.offline")).wait_for()


@pytest.mark.parametrize("file", ["later-*.json", "way-*.js", "_voter-*.js"])
def test_the_start_that_was_cut_off_is_fetched_again_without_a_reload(town: Town, file: str) -> None:
    walk = Walk(town, town.voter())
    cut = cut_off(walk, file)
    walk.page.goto(f"{town.url}/vote/")
    english = walk.page.get_by_role("button", name=NATIVE["en"], exact=True)
    english.click()
    walk.page.get_by_role("alert").get_by_text(walk.t("first.broken")).wait_for()
    assert cut
    walk.voter.context.unroute(f"**/{file}")
    english.click()
    walk.button("start.candidates").wait_for()
    assert walk.errors == []


@pytest.mark.parametrize("file", ["voting-*.js", "_rest-*.js"])
def test_the_check_page_that_was_cut_off_is_fetched_again(town: Town, file: str) -> None:
    walk, cut = begin(town, file)
    fill(walk)
    wait_for_offline(walk)
    assert cut
    walk.voter.context.unroute(f"**/{file}")
    walk.button("frame.again").click()
    walk.heading("review.heading").wait_for()
    assert walk.page.locator(".reviewed li").count() == sum(map(len, CHOICES)), "the choice is still there"
    walk.seal()
    walk.cast()
    assert walk.errors == []


@pytest.mark.parametrize("file", ["core-*.js", "core-2-*.txt"])
def test_the_worker_that_was_cut_off_is_fetched_again(town: Town, file: str) -> None:
    walk, cut = begin(town, file)
    walk.mark()
    walk.button("review.seal").click()
    wait_for_offline(walk)
    walk.heading("review.heading").wait_for()
    assert cut
    walk.voter.context.unroute(f"**/{file}")
    walk.seal()
    walk.cast()
    assert walk.errors == []


def test_a_lie_that_only_the_worker_can_find_is_found_before_anything_is_sealed(town: Town) -> None:
    walk = Walk(town, town.voter())

    def forge(route: Route) -> None:
        response = route.fetch()
        raw = response.body()
        # The last byte of the body: a share that a trustee has dealt.
        if response.ok and parse_entry(raw).type == "ceremony-dealing":
            at = raw.index(body := parse_entry(raw).body) + len(body) - 1
            raw = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        route.fulfill(response=response, body=raw)

    walk.voter.context.route("**/log/entry/*", forge)
    walk.start()
    walk.identify()
    walk.log_in()
    walk.heading("refused.heading").wait_for()
    walk.page.get_by_text("CEREMONY-4").wait_for()
    assert not walk.page.locator("[data-option]").count()
    assert not walk.button("review.seal").count()
    assert walk.errors == []
