"""Screenshots of every screen in three languages: `python -m tests.e2e_browser.gallery [FOLDER]`, or `make gallery`.

To be looked at by people. Not a test, and nothing of it belongs to a commit.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.e2e_browser.town import Town, build_client, open_town
from tests.e2e_browser.walk import Walk

LANGUAGES = ("ky", "ru", "en")
WIDTHS = (320, 1280)


def shoot(page: Page, folder: Path) -> Callable[[str], None]:
    """Return what takes a picture of a page under a name, numbered in order."""
    taken: list[str] = []

    def look(name: str) -> None:
        taken.append(name)
        page.screenshot(path=folder / f"{len(taken):02d}-{name}.png", full_page=True, animations="disabled")

    return look


def show_voter(town: Town, folder: Path, language: str, width: int) -> None:
    """Take the voter's whole way, once cast and once challenged."""
    walk = Walk(town, town.voter(viewport={"width": width, "height": 720}), language)
    walk.look = shoot(walk.page, folder)
    walk.start()
    walk.button("start.candidates").click()
    walk.heading("candidates.heading").wait_for()
    walk.look("candidates")
    walk.page.go_back()
    walk.identify()
    walk.log_in()
    walk.mark()
    walk.seal()
    walk.button("decide.check").click()
    walk.heading("challenge.heading").wait_for()
    walk.button("challenge.show").click()
    walk.look("challenge")
    walk.button("challenge.next").click()
    walk.mark()
    walk.seal()
    walk.cast()
    walk.see_on_board()
    walk.voter.context.close()


def show_public(town: Town, folder: Path, language: str, width: int) -> None:
    """Take the check page, the public pages and the console's entrance."""
    context = town.browser.new_context(viewport={"width": width, "height": 720})
    page = context.new_page()
    look = shoot(page, folder)
    for name in ("check", "board", "console"):
        page.goto(f"{town.url}/{name}/?language={language}")
        page.locator("h1").first.wait_for()
        page.wait_for_load_state("networkidle")
        look(name)
    context.close()


def main(arguments: list[str]) -> None:
    """Serve a town and take every picture."""
    target = Path(arguments[0] if arguments else "gallery")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        client = build_client(Path(scratch) / "client")
        with open_town(playwright, Path(scratch) / "town", client) as town:
            for language in LANGUAGES:
                for width in WIDTHS:
                    for name, show in (("vote", show_voter), ("public", show_public)):
                        folder = target / language / f"{name}-{width}"
                        folder.mkdir(parents=True, exist_ok=True)
                        show(town, folder, language, width)
    sys.stdout.write(f"{len(list(target.rglob('*.png')))} pictures in {target}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
