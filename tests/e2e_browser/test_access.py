"""A whole vote by the keyboard alone, text at twice its size, and axe on the screens that only those in trouble see."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e_browser.test_time import HIDE
from tests.e2e_browser.town import Town
from tests.e2e_browser.walk import CHOICES, Walk

AXE = Path(__file__).resolve().parents[2] / "voter_client/node_modules/axe-core/axe.min.js"
MOST_TABS = 150
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Hands:
    """A voter without a pointer: she tabs to what she wants, and presses Enter or Space."""

    def __init__(self, walk: Walk) -> None:
        """Take the keyboard."""
        self.walk, self.keyboard = walk, walk.page.keyboard

    def reach(self, wanted: Locator) -> None:
        """Press Tab until the wanted element has the focus, which is to be seen."""
        wanted.wait_for()
        for _ in range(MOST_TABS):
            if wanted.evaluate("each => each === document.activeElement"):
                break
            self.keyboard.press("Tab")
        expect(wanted).to_be_focused()
        assert wanted.evaluate("each => getComputedStyle(each).outlineStyle") != "none", "the focus is not seen"

    def press(self, wanted: Locator, key: str = "Enter") -> None:
        """Press what is wanted."""
        self.reach(wanted)
        self.keyboard.press(key)


def test_a_vote_by_the_keyboard_alone(town: Town) -> None:
    walk = Walk(town, town.voter(), "en")
    hands = Hands(walk)
    walk.page.goto(f"{town.url}/vote/")
    hands.press(walk.page.get_by_role("button", name="English", exact=True))
    hands.press(walk.button("start.vote"))
    hands.press(walk.link("frame.next"))
    hands.reach(walk.page.get_by_label(walk.t("identify.code"), exact=True))
    walk.page.keyboard.type(town.code())
    walk.page.keyboard.press("Enter")
    hands.press(walk.button("key.go"))
    hands.press(walk.link("enrolled.go"))
    hands.press(walk.button("login.go"))
    for contest, chosen in enumerate(CHOICES):
        walk.page.get_by_text(walk.t("ballot.step", step=contest + 1, total=len(CHOICES))).wait_for()
        # Who listens to the page is told where she is.
        expect(walk.page.locator("h1")).to_be_focused()
        for option in chosen:
            line = walk.page.locator(f'[data-option="{option}"]')
            if not line.count():
                hands.press(walk.page.locator("[aria-controls^=party-]").first)
            hands.press(line, "Space")
            expect(line).to_have_attribute("aria-checked", "true")
        hands.press(walk.button("frame.next"))
        if contest == 1:
            hands.press(walk.button("ballot.leave"))
    hands.press(walk.button("review.seal"))
    hands.press(walk.button("commitment.taken"))
    hands.press(walk.button("decide.cast"))
    hands.press(walk.button("cast.go"))
    walk.heading("received.heading").wait_for()
    assert walk.errors == []


@pytest.mark.parametrize("language", ["ky", "ru"])
def test_text_at_twice_its_size_is_not_wider_than_the_phone(town: Town, language: str) -> None:
    walk = Walk(town, town.resident(viewport={"width": 360, "height": 740}), language)
    wide: dict[str, int] = {}

    def look(name: str) -> None:
        walk.page.evaluate("document.documentElement.style.fontSize = '225%'")
        over = int(walk.page.evaluate(WIDER))
        wide.update({name: over} if over > 0 else {})

    walk.look = look
    walk.return_home()
    walk.log_in()
    walk.mark()
    walk.seal()
    walk.cast()
    walk.see_on_board()
    assert wide == {}


class Look:
    """Runs axe on a screen, and measures whether it is wider than the phone."""

    def __init__(self) -> None:
        """Begin with nothing found."""
        self.faults: dict[str, list[str]] = {}
        self.source = AXE.read_text(encoding="utf-8")

    def __call__(self, walk: Walk, name: str) -> None:
        """Look at a screen."""
        walk.page.evaluate(self.source)
        found = walk.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        said = [f"{each['id']} {each['nodes'][0]['html'][:80]}" for each in found["violations"]]
        if walk.page.evaluate(WIDER) > 0:
            said.append("wider than the phone")
        self.faults.update({name: said} if said else {})


@pytest.mark.parametrize("language", ["ky", "ru", "en"])
def test_no_screen_of_somebody_in_trouble_has_an_accessibility_fault(town: Town, language: str) -> None:
    look, narrow = Look(), {"width": 320, "height": 640}
    unready = Walk(town, town.voter(authenticator=False, viewport=narrow), language)
    unready.start()
    unready.button("start.vote").click()
    unready.button("device.recheck").wait_for()
    look(unready, "device")
    lost = Walk(town, town.voter(viewport=narrow), language)
    lost.start()
    lost.button("start.candidates").click()
    lost.heading("candidates.heading").wait_for()
    folded = lost.page.locator("main details:not([open]) > summary")
    lost.page.locator("main summary").first.wait_for()
    for _ in range(folded.count()):
        folded.first.click()
    lost.page.get_by_text("Талапкер 43", exact=True).wait_for()
    look(lost, "candidates")
    walk = Walk(town, town.resident(viewport=narrow), language)
    walk.return_home()
    walk.voter.verify_user(able=False)
    walk.button("login.go").click()
    walk.problem("login.failed").wait_for()
    look(walk, "login-failed")
    walk.voter.verify_user(able=True)
    walk.log_in()
    walk.button("frame.next").click()
    walk.page.get_by_role("alert").wait_for()
    look(walk, "nothing-chosen")
    walk.mark()
    walk.page.evaluate(HIDE, arg=True)
    walk.heading("cover.heading").wait_for()
    look(walk, "cover")
    walk.button("cover.go").click()
    walk.page.evaluate(HIDE, arg=False)
    walk.seal()
    walk.voter.context.route("**/ballots", lambda route: route.abort("connectionreset"))
    walk.button("decide.cast").click()
    walk.button("cast.go").click()
    walk.page.get_by_text(walk.t("sending.saved")).wait_for()
    look(walk, "sending")
    walk.page.goto(f"{town.url}/vote/")
    walk.button("start.send").wait_for()
    look(walk, "start-unsent")
    assert look.faults == {}


@pytest.mark.parametrize("language", ["ky", "ru", "en"])
def test_no_screen_after_a_wipe_or_a_challenge_has_an_accessibility_fault(town: Town, language: str) -> None:
    look = Look()
    walk = Walk(town, town.resident(viewport={"width": 320, "height": 640}), language)
    walk.page.clock.install()
    walk.return_home()
    walk.log_in()
    walk.mark()
    walk.seal()
    walk.button("decide.check").click()
    walk.heading("challenge.heading").wait_for()
    look(walk, "challenge")
    walk.button("challenge.show").click()
    walk.page.locator("svg.qr").wait_for()
    look(walk, "challenge-shown")
    walk.button("challenge.next").click()
    walk.mark()
    dialog = walk.page.get_by_role("alertdialog")
    for _ in range(300):  # the page may have scrolled by itself meanwhile, which begins the ten minutes anew
        if dialog.count():
            break
        walk.page.clock.run_for(5_000)
    look(walk, "wiping")
    walk.button("wipe.now").click()
    walk.heading("wiped.heading").wait_for()
    look(walk, "wiped")
    walk.button("wiped.go").click()
    walk.button("start.record").click()
    walk.heading("record.heading").wait_for()
    look(walk, "record")
    assert look.faults == {}
