"""A vote over a bad line, with a server that lies about its receipt, with a session that ends, and once more."""

from __future__ import annotations

import json

from playwright.sync_api import Route

from tests.e2e_browser.test_trust import sealed, stored
from tests.e2e_browser.town import Town
from tests.e2e_browser.walk import Walk

BALLOTS = "**/ballots"


def confirm(walk: Walk) -> None:
    """Press cast, and confirm with the phone's key."""
    walk.button("decide.cast").click()
    walk.heading("cast.heading").wait_for()
    walk.button("cast.go").click()


def test_a_cut_line_is_said_and_the_vote_is_sent_by_itself_once(town: Town) -> None:
    walk, code = sealed(town)
    tries: list[str] = []

    def cut(route: Route) -> None:
        tries.append(route.request.url)
        # The second time the server gets it, and the answer is lost on the way.
        if len(tries) == 2:
            route.fetch()
        if len(tries) < 3:
            route.abort("connectionreset")
        else:
            route.continue_()

    walk.voter.context.route(BALLOTS, cut)
    confirm(walk)
    walk.page.get_by_text(walk.t("sending.saved")).wait_for()
    assert walk.kept("outbox")["receipt"] is None
    walk.heading("received.heading").wait_for()
    assert len(tries) == 3
    assert walk.kept("outbox")["code"] == code
    walk.see_on_board()
    assert walk.errors == []


def test_a_closed_tab_finds_the_sealed_vote_again(town: Town) -> None:
    walk, code = sealed(town)
    walk.voter.context.route(BALLOTS, lambda route: route.abort("connectionreset"))
    confirm(walk)
    walk.page.get_by_text(walk.t("sending.saved")).wait_for()
    walk.voter.context.unroute(BALLOTS)
    walk.page.goto(f"{town.url}/vote/")
    walk.button("start.send").click()
    walk.heading("received.heading").wait_for()
    assert walk.kept("outbox")["code"] == code


def test_a_false_receipt_is_no_receipt(town: Town) -> None:
    walk, _ = sealed(town)

    def forge(route: Route) -> None:
        response = route.fetch()
        body = response.json()
        text = body["receipt"]
        body["receipt"] = text[:60] + ("A" if text[60] != "A" else "B") + text[61:]
        route.fulfill(response=response, body=json.dumps(body))

    walk.voter.context.route(BALLOTS, forge)
    confirm(walk)
    walk.page.get_by_text(walk.t("sending.false")).wait_for()
    assert not walk.heading("received.heading").count()
    assert walk.kept("outbox")["receipt"] is None


def test_an_ended_session_asks_for_the_log_in_and_goes_on(town: Town) -> None:
    walk, code = sealed(town)
    walk.voter.context.clear_cookies()
    walk.button("decide.cast").click()
    walk.heading("cast.heading").wait_for()
    walk.button("cast.go").click()
    walk.page.get_by_text(walk.t("login.expired")).wait_for()
    walk.button("login.go").click()
    walk.heading("cast.heading").wait_for()
    walk.button("cast.go").click()
    walk.heading("received.heading").wait_for()
    assert walk.kept("outbox")["code"] == code


def test_a_vote_is_changed(town: Town) -> None:
    walk, first = sealed(town)
    confirm(walk)
    walk.heading("received.heading").wait_for()
    walk.see_on_board()
    number = int(str(walk.kept("outbox")["number"]))
    walk.button("received.change").click()
    walk.page.locator("#contest").or_(walk.button("login.go")).first.wait_for()
    if walk.button("login.go").count():
        walk.button("login.go").click()
    walk.mark(((0,), (1, 2), (2,), (7,)))
    second = walk.seal()
    assert second != first
    confirm(walk)
    walk.heading("received.heading").wait_for()
    walk.see_on_board()
    kept = walk.kept("outbox")
    assert (kept["code"], kept["number"]) == (second, number + 1)
    assert first not in stored(walk.page)
