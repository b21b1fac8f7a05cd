"""What the screens promise in words: the banner on both sides, what closes by itself, what no tap forgets."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e_browser.town import Town
from tests.e2e_browser.walk import Walk

SHOWN_MS = 60_000


def at_decision(town: Town) -> Walk:
    """Lead somebody whose key stands on the board to a sealed ballot."""
    walk = Walk(town, town.resident(), "en")
    walk.page.clock.install()
    walk.return_home()
    walk.log_in()
    walk.mark()
    walk.seal()
    return walk


def test_the_identity_side_says_that_the_election_is_practice_too(town: Town) -> None:
    walk = Walk(town, town.voter(), "en")
    walk.start()
    walk.button("start.vote").click()
    walk.link("frame.next").click()
    walk.heading("identify.heading").wait_for()
    expect(walk.page.get_by_text(walk.t("frame.practice"), exact=True)).to_be_visible()
    assert "#" not in walk.page.url


def test_what_opens_a_seal_closes_by_itself(town: Town) -> None:
    walk = at_decision(town)
    walk.button("decide.check").click()
    walk.button("challenge.show").click()
    walk.page.locator("svg.qr").wait_for()
    walk.page.clock.fast_forward(SHOWN_MS - 5_000)
    expect(walk.page.locator("svg.qr")).to_be_visible()
    walk.page.clock.fast_forward(5_000)
    expect(walk.page.locator("svg.qr")).to_have_count(0)
    expect(walk.button("challenge.show")).to_be_visible()


def test_a_vote_that_was_not_sent_is_not_forgotten_by_a_tap(town: Town) -> None:
    walk = at_decision(town)
    walk.voter.context.route("**/ballots", lambda route: route.abort("connectionreset"))
    walk.button("decide.cast").click()
    walk.button("cast.go").click()
    walk.page.get_by_text(walk.t("sending.saved")).wait_for()
    walk.page.goto(f"{town.url}/vote/")
    walk.button("start.record").click()
    expect(walk.page.get_by_text(walk.t("record.forget-unsent"), exact=True)).to_be_visible()
    expect(walk.button("start.send")).to_be_visible()
    expect(walk.button("record.forget")).to_have_count(0)
    assert walk.kept("outbox")["receipt"] is None


def test_a_service_that_is_not_connected_is_said_before_a_key_is_made(town: Town) -> None:
    walk = Walk(town, town.voter(), "en")
    walk.page.goto(f"{town.url}/identity/vote/#lang=en")
    walk.button("identify.service-go").click()
    walk.problem("identify.service-none").wait_for()
    expect(walk.heading("identify.heading")).to_be_visible()
    assert not [each for each in walk.seen if each.url.endswith("/enrolments")]
