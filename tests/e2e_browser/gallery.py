"""Screenshots of every screen: `python -m tests.e2e_browser.gallery [FOLDER] [LANGUAGE …]`, or `make gallery`.

To be looked at by people, in three languages. Not a test, and nothing of it belongs to a commit. Besides the way itself
it shows what a voter meets when something is in her way: another program's browser, a phone without a lock, a wrong
code, a cut line, a false receipt.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Error, Page, Route, ViewportSize, sync_playwright

from locales import LANGUAGES
from tests.e2e_browser.town import Town, build_client, open_town
from tests.e2e_browser.walk import Walk

WIDTHS = (360, 1280)
PHONE = 360
HEIGHT = 640
WHATSAPP = (
    "Mozilla/5.0 (Linux; Android 11; SM-A013F; wv) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36 WhatsApp/2.24"
)
NO_KEYS = "Object.defineProperty(window, 'PublicKeyCredential', {value: undefined})"
HIDE = """() => {
  Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}"""
SHOW = "Object.defineProperty(document, 'visibilityState', {value: 'visible', configurable: true})"
DAY_MS = 86_400_000


def shoot(page: Page, folder: Path, group: str) -> Callable[[str], None]:
    """Return what takes a picture of a page under a name, numbered in order."""
    taken: list[str] = []

    def look(name: str) -> None:
        taken.append(name)
        path = folder / f"{group}-{len(taken):02d}-{name}.png"
        # A ballot's buttons stay at the screen's lower edge: it is shown as the screen shows it.
        page.screenshot(path=path, full_page=not name.startswith("ballot"), animations="disabled")

    return look


def moved(by_ms: int) -> Callable[[Route], None]:
    """Return what tells a page that voting lies some time later or earlier."""

    def answer(route: Route) -> None:
        got = route.fetch()
        body = got.json()
        body["times"]["opens_at_ms"] += by_ms
        body["times"]["closes_at_ms"] += by_ms
        route.fulfill(response=got, body=json.dumps(body))

    return answer


def spoil_note(route: Route) -> None:
    """Take the witnesses' signatures off a checkpoint."""
    got = route.fetch()
    kept = [line for line in got.text().splitlines(keepends=True) if not line.startswith("\u2014 localhost/witness")]
    route.fulfill(response=got, body="".join(kept))


class Gallery:
    """Scenes of one language at one width; each opens its own phone."""

    def __init__(self, town: Town, folder: Path, language: str, width: int) -> None:
        """Make the folder."""
        self.town = town
        self.folder = folder
        self.language = language
        self.size: ViewportSize = {"width": width, "height": HEIGHT if width == PHONE else 720}
        folder.mkdir(parents=True, exist_ok=True)

    def walk(self, group: str, *, resident: bool = False, **more: Any) -> Walk:  # noqa: ANN401 - a context's options
        """Open a phone whose pictures belong to a group."""
        make = self.town.resident if resident else self.town.voter
        walk = Walk(self.town, make(viewport=self.size, **more), self.language)
        walk.look = shoot(walk.page, self.folder, group)
        return walk

    def show_way(self) -> None:
        """Take the way of a new voter, once challenged and once cast, and what the page says afterwards."""
        walk = self.walk("way")
        walk.start()
        for name in ("candidates", "place"):
            walk.button(f"start.{name}").click()
            walk.heading(f"{name}.heading").wait_for()
            walk.page.locator("[aria-busy=true]").first.wait_for(state="detached")
            walk.look(name)
            walk.page.go_back()
        walk.identify()
        walk.log_in()
        walk.page.locator('[data-option="1"]').click()
        walk.page.locator('[data-option="1"]').click()
        walk.button("frame.next").click()
        walk.look("ballot-none")
        walk.mark()
        walk.page.evaluate(HIDE)
        walk.page.locator(".cover").wait_for()
        walk.look("cover")
        walk.page.evaluate(SHOW)
        walk.button("cover.go").click()
        walk.seal()
        walk.button("decide.check").click()
        walk.heading("challenge.heading").wait_for()
        walk.look("challenge")
        walk.button("challenge.show").click()
        walk.page.locator("svg.qr").wait_for()
        walk.look("challenge-open")
        walk.button("challenge.next").click()
        walk.mark(((0,), (1, 2, 4), (3,), (7,)))
        walk.seal()
        walk.voter.verify_user(able=False)
        walk.button("decide.cast").click()
        walk.heading("cast.heading").wait_for()
        walk.button("cast.go").click()
        walk.page.get_by_role("alert").wait_for()
        walk.look("cast-failed")
        walk.voter.verify_user(able=True)
        walk.button("cast.go").click()
        walk.heading("received.heading").wait_for()
        walk.look("received")
        walk.see_on_board()
        walk.page.emulate_media(media="print")
        walk.look("printed")
        walk.page.emulate_media(media="screen")
        walk.button("start.record").click()
        walk.page.locator("strong").first.wait_for()
        walk.look("record")
        walk.page.goto(f"{self.town.url}/vote/")
        walk.button("start.record").wait_for()
        walk.look("start-again")
        walk.button("start.place").click()
        walk.page.locator("[aria-busy=true]").first.wait_for(state="detached")
        walk.look("place-known")
        walk.page.go_back()
        walk.button("start.record").click()
        walk.page.locator("strong").first.wait_for()
        walk.button("record.forget").click()
        walk.look("forgotten")
        walk.voter.context.close()

    def show_devices(self) -> None:
        """Take what phones that cannot vote show, and the identification's errors."""
        for name, agent, script in (("in-app", WHATSAPP, ""), ("no-key", None, NO_KEYS), ("no-lock", None, "")):
            walk = self.walk(name, authenticator=False, user_agent=agent)
            walk.page.add_init_script(script)
            walk.start()
            walk.button("start.vote").click()
            walk.page.locator("svg.qr").wait_for()
            walk.look("device")
            walk.voter.context.close()
        walk = self.walk("identify")
        walk.page.goto(f"{self.town.url}/identity/vote/#lang={self.language}")
        walk.page.get_by_label(walk.t("identify.code"), exact=True).fill("K7EX-2222")
        walk.button("identify.code-go").click()
        walk.page.get_by_role("alert").wait_for()
        walk.look("wrong-code")
        walk.enter_code(self.town.code())
        walk.voter.verify_user(able=False)
        walk.button("key.go").click()
        walk.page.get_by_role("alert").wait_for()
        walk.look("key-failed")
        walk.voter.context.close()

    def show_times(self) -> None:
        """Take the start before the opening and after the end, without an election, without a line."""
        for name, move in (("before", 3 * DAY_MS), ("after", -400 * DAY_MS)):
            walk = self.walk(name)
            walk.page.route("**/election", moved(move))
            walk.start()
            walk.voter.context.close()
        walk = self.walk("offline")
        walk.page.route("**/election", lambda route: route.abort())
        walk.page.goto(f"{self.town.url}/vote/#lang={self.language}")
        walk.button("frame.again").wait_for()
        walk.look("start")
        walk.voter.context.close()

    def show_lines(self) -> None:
        """Take a log-in that fails, a cut line, and a false receipt."""
        walk = self.walk("cut", resident=True)
        walk.return_home()
        walk.voter.verify_user(able=False)
        walk.button("login.go").click()
        walk.page.get_by_role("alert").wait_for()
        walk.look("login-failed")
        walk.voter.verify_user(able=True)
        walk.look = lambda _: None
        walk.log_in()
        walk.mark()
        walk.seal()
        walk.look = shoot(walk.page, self.folder, "line")
        walk.voter.context.route("**/ballots", lambda route: route.abort("connectionreset"))
        walk.button("decide.cast").click()
        walk.button("cast.go").click()
        walk.page.get_by_role("alert").wait_for()
        walk.look("cut")
        walk.page.goto(f"{self.town.url}/vote/")
        walk.button("start.send").wait_for()
        walk.look("start-waiting")

        def forge(route: Route) -> None:
            answer = route.fetch()
            body = answer.json()
            body["receipt"] = body["receipt"][:60] + ("A" if body["receipt"][60] != "A" else "B") + body["receipt"][61:]
            route.fulfill(response=answer, body=json.dumps(body))

        walk.voter.context.unroute("**/ballots")
        walk.voter.context.route("**/ballots", forge)
        walk.button("start.send").click()
        walk.page.get_by_text(walk.t("sending.false")).wait_for()
        walk.look("false-receipt")
        walk.voter.context.close()

    def show_refusal(self) -> None:
        """Take a board without witnesses, the question before a wipe and what follows it."""
        walk = self.walk("refused", resident=True)
        walk.voter.context.route("**/log/checkpoint", spoil_note)
        walk.return_home()
        walk.button("login.go").click()
        walk.heading("refused.heading").wait_for()
        walk.look("refused")
        walk.voter.context.close()
        walk = self.walk("wipe", resident=True)
        walk.page.clock.install()
        walk.return_home()
        walk.button("login.go").click()
        walk.page.locator("#contest").wait_for()
        walk.page.locator('[data-option="1"]').click()
        walk.page.clock.fast_forward(585_000)
        walk.page.get_by_role("alertdialog").wait_for()
        walk.look("asked")
        walk.page.clock.fast_forward(30_000)
        walk.heading("wiped.heading").wait_for()
        walk.look("wiped")
        walk.voter.context.close()

    def show_public(self) -> None:
        """Take the check page, the public pages and the console's entrance."""
        context = self.town.browser.new_context(viewport=self.size)
        page = context.new_page()
        look = shoot(page, self.folder, "public")
        for name in ("check", "board", "console"):
            page.goto(f"{self.town.url}/{name}/?language={self.language}")
            page.locator("h1").first.wait_for()
            with suppress(Error):
                page.wait_for_load_state("networkidle", timeout=5_000)
            look(name)
        context.close()


def main(arguments: list[str]) -> None:
    """Serve a town and take every picture."""
    target = Path(next((each for each in arguments if each not in LANGUAGES), "gallery"))
    languages = [each for each in arguments if each in LANGUAGES] or list(LANGUAGES)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        client = build_client(Path(scratch) / "client")
        with open_town(playwright, Path(scratch) / "town", client) as town:
            for language in languages:
                for width in WIDTHS:
                    gallery = Gallery(town, target / f"{language}-{width}", language, width)
                    gallery.show_way()
                    gallery.show_public()
                    if width == PHONE:
                        gallery.show_devices()
                        gallery.show_times()
                        gallery.show_lines()
                        gallery.show_refusal()
    sys.stdout.write(f"{len(list(target.rglob('*.png')))} pictures in {target}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
