"""The line is cut at each request of a vote: once before the server has it, once after, when the answer is lost."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import cbor2
import pytest
from playwright.sync_api import Locator, Route

from crypto.election.entries import parse_entry
from tests.e2e_browser.test_trust import CHOSEN
from tests.e2e_browser.town import Town
from tests.e2e_browser.walk import Walk

# The requests of the way that the page makes of itself, in its order, as the OpenAPI descriptions name them.
BEFORE = (
    "/election$",
    "/identity/enrolments$",
    "/identity/enrolments/[0-9a-f]+/key$",
    "/identity/identifications/code$",
    "/identity/voter$",
    "/slots/[0-9a-f]+$",
)
INSIDE = (
    "/casting/login/start$",
    "/casting/login$",
    "/log/checkpoint$",
    r"/log/entry/\d+$",
    "/log/tile/",
    "/casting/voter$",
)
AFTER = ("/casting/nonces/[0-9a-f]+$", "/ballots$")


@dataclass
class Cut:
    """Cuts the first request that fits: before the server has it, or after it has answered."""

    pattern: str
    answered: bool
    done: list[str] = field(default_factory=list)

    def __call__(self, route: Route) -> None:
        """Cut, or let through."""
        if self.done:
            route.continue_()
            return
        self.done.append(route.request.url)
        if self.answered:
            route.fetch()
        route.abort("connectionreset")


def cutting(walk: Walk, pattern: str, *, answered: bool) -> Cut:
    """Cut the line of a voter at the next request that fits."""
    cut = Cut(pattern, answered)
    walk.voter.context.route(re.compile(pattern), cut)
    return cut


def press(walk: Walk, button: Locator, then: Locator) -> None:
    """Press a button until what it leads to is there: where something failed, the page says so and she tries again."""
    for _ in range(3):
        button.click()
        problem = walk.page.get_by_role("alert")
        then.or_(problem).or_(walk.button("frame.again")).first.wait_for()
        if then.count():
            return
        assert problem.count(), "what failed is said"
        again = walk.button("frame.again")
        if again.count():
            button = again
    then.wait_for()


def ballots_on_board(town: Town, pseudonym: str) -> list[bytes]:
    """Return the ballots that the log holds of a pseudonym."""
    bodies = [cbor2.loads(entry.body) for entry in map(parse_entry, town.entries()) if entry.type == "ballot"]
    found = [body["ballot"] for body in bodies]
    return [ballot for ballot in found if cbor2.loads(ballot)[2].hex() == pseudonym]


@pytest.mark.parametrize("answered", [False, True], ids=["lost", "answer-lost"])
@pytest.mark.parametrize("pattern", BEFORE)
def test_a_line_that_is_cut_while_somebody_identifies_is_said_and_she_goes_on(
    town: Town, pattern: str, *, answered: bool
) -> None:
    walk = Walk(town, town.voter(), "en")
    cut = cutting(walk, pattern, answered=answered)
    walk.page.goto(f"{town.url}/vote/")
    walk.page.get_by_role("button", name="English", exact=True).click()
    start, again = walk.button("start.vote"), walk.button("frame.again")
    start.or_(again).first.wait_for()
    if again.count():
        again.click()
    start.click()
    walk.link("frame.next").click()
    walk.enter_code(town.code())
    press_key(walk)
    walk.link("enrolled.go").click()
    walk.button("login.go").wait_for()
    assert cut.done != []


def press_key(walk: Walk) -> None:
    """Make the key; where the line was cut, press once more: nothing is typed again."""
    done = walk.link("enrolled.go")
    walk.button("key.go").click()
    done.or_(walk.page.get_by_role("alert")).first.wait_for()
    if not done.count():
        walk.problem("frame.offline").wait_for()
        walk.button("key.go").click()
        done.wait_for()


@pytest.mark.parametrize("answered", [False, True], ids=["lost", "answer-lost"])
@pytest.mark.parametrize("pattern", INSIDE)
def test_a_line_that_is_cut_before_the_ballot_opens_is_said_and_she_goes_on(
    town: Town, pattern: str, *, answered: bool
) -> None:
    walk = Walk(town, town.resident(), "en")
    walk.return_home()
    cut = cutting(walk, pattern, answered=answered)
    press(walk, walk.button("login.go"), walk.page.locator("#contest"))
    assert cut.done != []
    assert walk.errors == []


@pytest.mark.parametrize("answered", [False, True], ids=["lost", "answer-lost"])
@pytest.mark.parametrize("pattern", AFTER)
def test_a_line_that_is_cut_while_a_vote_is_cast_keeps_it_and_casts_it_once(
    town: Town, pattern: str, *, answered: bool
) -> None:
    walk = Walk(town, town.resident(), "en")
    walk.return_home()
    walk.log_in()
    walk.mark()
    code = walk.seal()
    pseudonym = str(walk.kept("me")["pseudonym"])
    before = len(ballots_on_board(town, pseudonym))
    cut = cutting(walk, pattern, answered=answered)
    walk.button("decide.cast").click()
    walk.heading("cast.heading").wait_for()
    walk.button("cast.go").click()
    received, problem = walk.heading("received.heading"), walk.page.get_by_role("alert")
    received.or_(problem).first.wait_for()
    if walk.heading("cast.heading").count():
        # Nothing was signed: what was sealed is still there, and is confirmed once more.
        walk.problem("frame.offline").wait_for()
        walk.button("cast.go").click()
    received.wait_for()
    walk.see_on_board()
    assert cut.done != []
    assert walk.kept("outbox")["code"] == code
    assert len(ballots_on_board(town, pseudonym)) == before + 1
    assert walk.errors == []


def test_a_line_that_is_cut_at_a_challenge_spoils_the_ballot_once(town: Town) -> None:
    walk = Walk(town, town.resident(), "en")
    walk.return_home()
    walk.log_in()
    walk.mark()
    walk.seal()
    cut = cutting(walk, "/ballots/challenged$", answered=True)
    walk.button("decide.check").click()
    walk.problem("frame.offline").wait_for()
    # Its seed may have been told: it can be opened, and not be cast any more.
    walk.button("decide.check").click()
    walk.heading("challenge.heading").wait_for()
    assert cut.done != []
    assert walk.errors == []


def test_the_page_says_that_a_part_of_it_did_not_come_and_fetches_it_again(town: Town) -> None:
    walk = Walk(town, town.resident(), "en")
    walk.page.goto(f"{town.url}/vote/")
    walk.page.wait_for_load_state("networkidle")
    walk.voter.context.set_offline(True)
    walk.page.get_by_role("button", name="English", exact=True).click()
    broken = walk.page.get_by_text(walk.t("first.broken"), exact=True)
    broken.or_(walk.problem("frame.offline")).or_(walk.button("frame.again")).first.wait_for()
    walk.voter.context.set_offline(False)
    walk.page.reload()
    walk.button("start.candidates").wait_for()


def test_a_line_that_stays_away_loses_no_mark(town: Town) -> None:
    walk = Walk(town, town.resident(), "en")
    walk.return_home()
    walk.log_in()
    walk.voter.context.set_offline(True)
    walk.mark()
    walk.button("review.seal").click()
    walk.problem("frame.offline").wait_for()
    for name in CHOSEN:
        walk.page.get_by_text(name, exact=False).first.wait_for()
    walk.voter.context.set_offline(False)
    walk.seal()
    walk.cast()
