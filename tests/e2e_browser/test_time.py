"""What time and absence do to an open ballot: cover, wipe, a session that ends, a closed tab, a second phone."""

from __future__ import annotations

from playwright.sync_api import Page, Route, expect

from tests.e2e_browser.test_lines import confirm
from tests.e2e_browser.test_trust import CHOSEN, sealed, stored
from tests.e2e_browser.town import Town
from tests.e2e_browser.walk import CHOICES, Walk

# Chromium without a screen never hides a page: it is told what a phone tells it, by the same property and event.
HIDE = """hidden => {
  Object.defineProperty(document, 'visibilityState', {configurable: true, get: () => hidden ? 'hidden' : 'visible'});
  document.dispatchEvent(new Event('visibilitychange'));
}"""


def marked(town: Town, *, clock: bool = False) -> Walk:
    """Lead a voter to the check page; with a clock that the test moves, where it is asked for."""
    walk = Walk(town, town.resident(), "en")
    if clock:
        walk.page.clock.install()
    walk.return_home()
    walk.log_in()
    walk.mark()
    return walk


def shows_choice(page: Page) -> bool:
    """Tell whether anything of the choice stands in the page."""
    text = str(page.evaluate("document.documentElement.outerHTML"))
    return any(name in text for name in CHOSEN)


def test_a_hidden_page_is_covered_and_loses_nothing(town: Town) -> None:
    walk = marked(town)
    assert shows_choice(walk.page)
    walk.page.evaluate(HIDE, arg=True)
    walk.heading("cover.heading").wait_for()
    assert not shows_choice(walk.page), "the picture of the app switcher"
    walk.page.evaluate(HIDE, arg=False)
    expect(walk.heading("cover.heading")).to_be_visible()
    walk.button("cover.go").click()
    for name in CHOSEN:
        expect(walk.page.get_by_text(name, exact=False).first).to_be_visible()
    walk.seal()
    # A code and its sign are nobody's business either.
    walk.page.evaluate(HIDE, arg=True)
    walk.heading("cover.heading").wait_for()
    assert not walk.page.locator(".code, .qr").count()


def test_a_page_without_a_choice_is_not_covered(town: Town) -> None:
    walk = Walk(town, town.resident(), "en")
    walk.return_home()
    walk.page.evaluate(HIDE, arg=True)
    walk.log_in()
    walk.page.evaluate(HIDE, arg=True)
    expect(walk.page.locator("#contest")).to_be_visible()


def test_a_choice_is_wiped_after_ten_quiet_minutes_and_twenty_seconds_of_asking(town: Town) -> None:
    walk = marked(town, clock=True)
    walk.page.clock.run_for(9 * 60_000)
    assert not walk.page.get_by_role("alertdialog").count()
    walk.page.clock.run_for(41_000)
    dialog = walk.page.get_by_role("alertdialog", name=walk.t("wipe.heading"))
    expect(dialog).to_be_visible()
    expect(walk.button("wipe.stay")).to_be_focused()
    walk.page.clock.run_for(25_000)
    walk.heading("wiped.heading").wait_for()
    assert not shows_choice(walk.page)
    assert not any(name in stored(walk.page) for name in CHOSEN)
    # Nothing leads back to it, neither the page's way back nor the phone's.
    walk.button("wiped.go").click()
    walk.button("start.go-on").wait_for()
    walk.page.evaluate("history.back()")
    walk.page.wait_for_load_state()
    assert not shows_choice(walk.page)
    assert [each.url for each in walk.seen if each.method == "POST" and each.url.endswith("/ballots")] == []


def test_who_answers_the_question_keeps_her_choice_for_ten_more_minutes(town: Town) -> None:
    walk = marked(town, clock=True)
    walk.page.clock.run_for(585_000)
    walk.page.get_by_role("alertdialog").wait_for()
    # Touching the page is no answer.
    walk.page.keyboard.press("Shift")
    walk.page.clock.run_for(1_000)
    expect(walk.page.get_by_role("alertdialog")).to_be_visible()
    walk.button("wipe.stay").click()
    walk.page.clock.run_for(570_000)
    assert not walk.page.get_by_role("alertdialog").count()
    assert shows_choice(walk.page)
    walk.page.clock.run_for(15_000)
    walk.page.get_by_role("alertdialog").wait_for()
    walk.button("wipe.now").click()
    walk.heading("wiped.heading").wait_for()
    assert not shows_choice(walk.page)


def test_who_goes_on_marking_is_not_asked(town: Town) -> None:
    walk = marked(town, clock=True)
    for _ in range(3):
        walk.page.clock.run_for(570_000)
        walk.page.keyboard.press("Tab")
        walk.page.clock.run_for(1_000)
    assert not walk.page.get_by_role("alertdialog").count()
    assert shows_choice(walk.page)


def test_a_sealed_vote_is_wiped_too_and_its_seed_opens_nothing_more(town: Town) -> None:
    walk = marked(town, clock=True)
    walk.seal()
    walk.page.clock.run_for(610_000)
    walk.heading("wiped.heading").wait_for()
    assert not walk.page.locator(".code, .qr").count()
    assert "outbox" not in stored(walk.page)


def test_a_closed_tab_with_an_open_ballot_leaves_nothing(town: Town) -> None:
    walk = marked(town)
    before = stored(walk.page)
    assert not any(name in before for name in CHOSEN)
    page = walk.voter.context.new_page()
    walk.page.close()
    page.goto(f"{town.url}/vote/")
    page.get_by_role("button", name=walk.t("start.go-on"), exact=True).wait_for()
    assert not shows_choice(page)
    assert "outbox" not in stored(page)
    assert not page.get_by_text(walk.t("start.waiting-sent"), exact=True).count()


def test_a_reload_with_an_open_ballot_leaves_nothing(town: Town) -> None:
    walk, _ = sealed(town)
    walk.page.reload()
    walk.button("start.go-on").wait_for()
    assert not shows_choice(walk.page)
    assert "outbox" not in stored(walk.page)


def test_a_session_that_ends_at_any_step_keeps_the_choice(town: Town) -> None:
    walk = marked(town)
    walk.voter.context.clear_cookies()
    walk.button("review.seal").click()
    walk.problem("login.expired").wait_for()
    # The choice is in memory here too: covered, and wiped when nobody comes back.
    walk.page.evaluate(HIDE, arg=True)
    walk.heading("cover.heading").wait_for()
    walk.page.evaluate(HIDE, arg=False)
    walk.button("cover.go").click()
    walk.button("login.go").click()
    walk.heading("review.heading").wait_for()
    for name in CHOSEN:
        expect(walk.page.get_by_text(name, exact=False).first).to_be_visible()
    code = walk.seal()
    # At the challenge: the same sealed ballot is opened after the log-in.
    walk.voter.context.clear_cookies()
    walk.button("decide.check").click()
    walk.problem("login.expired").wait_for()
    walk.button("login.go").click()
    walk.heading("decide.heading").wait_for()
    walk.button("decide.check").click()
    walk.heading("challenge.heading").wait_for()
    walk.button("challenge.next").click()
    walk.mark()
    assert walk.seal() != code
    # Between the signature and the sending: what was signed is sent after the log-in.
    confirm_without_session(walk)
    walk.heading("received.heading").wait_for()
    assert walk.errors == []


def confirm_without_session(walk: Walk) -> None:
    """Sign, lose the session before the ballot is sent, log in again."""

    def end(route: Route) -> None:
        walk.voter.context.clear_cookies()
        route.continue_(headers={name: value for name, value in route.request.headers.items() if name != "cookie"})

    walk.voter.context.route("**/ballots", end, times=1)
    confirm(walk)
    walk.problem("login.expired").wait_for()
    walk.button("login.go").click()


def test_of_two_phones_each_vote_is_kept_and_the_last_one_counts(town: Town) -> None:
    first, _ = sealed(town)
    slot = town.practice.people.pseudonym
    at = next(place for place in range(12) if slot(place).hex() in first.voter.handover)
    confirm(first)
    first.heading("received.heading").wait_for()
    first.see_on_board()
    second = Walk(town, town.resident(at), "en")
    second.return_home()
    second.log_in()
    second.mark(((0,), (1, 2), (2,), (7,)))
    code = second.seal()
    # Meanwhile the first phone has sealed another vote after the one that is on the board.
    first.button("received.change").click()
    first.button("login.go").or_(first.page.locator("#contest")).first.wait_for()
    if first.button("login.go").count():
        first.button("login.go").click()
    first.mark(CHOICES)
    first.seal()
    confirm(second)
    second.heading("received.heading").wait_for()
    second.see_on_board()
    # The first phone's vote has the same number: the server says so, and the voter may vote again.
    confirm(first)
    first.page.get_by_role("alert").wait_for()
    assert not first.heading("received.heading").count()
    first.button("sending.vote-again").click()
    first.page.locator("#contest").or_(first.button("login.go")).first.wait_for()
    numbers = [int(str(walk.kept("outbox")["number"])) for walk in (first, second)]
    assert numbers[0] == numbers[1]
    assert second.kept("outbox")["code"] == code
