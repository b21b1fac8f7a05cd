"""Hostile names (attacks 41 and 52 of the list): what an election is called does nothing and moves nothing.

Markup, directions, invisible signs, names of five hundred bytes and look-alikes stand in the titles of the election, of
contests and parties, and in candidates' names. A voter votes through them on the narrowest phone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Playwright, Route, expect

from crypto.election.entries import Contest, Manifest, Option, Text3
from crypto.election.manifest import hash_manifest
from crypto.rules import Between, OneOf
from demo.practice import KIND
from tests.e2e_browser.town import Town, TownPeople, open_town
from tests.e2e_browser.walk import Walk

MARKUP = (
    "<script>window.harmed=1</script>",
    "<img src=x onerror=window.harmed=1>",
    '"><svg onload=window.harmed=1>',
    "</title></bdi></button><a href=//evil.example>Vote here</a>",
    "javascript:window.harmed=1",
    "&lt;b&gt; &amp; {count} {title} ${7*7} %s",
)
# Letters and marks that run from right to left; a manifest may hold no signs that override the direction.
RTL = "\u200f1 نور 2\u061c עמית."
OVERRIDE = "\u202etnomroN\u202c \u2067\u202eлос"
ZERO = "Аска\u200bров\u200d \ufeffНур\u2060бек"
COMBINED = "З" + "\u0335\u0336\u0489" * 60 + "лой"
ONE_WORD = "Ы" * 250
MANY_WORDS = "Өмүрзаков Ырысбек " * 13
LOOKS = ("Асанов", "Acaнoв")  # the second in Latin letters where they look alike
SINGLE = (*MARKUP, RTL, ZERO, COMBINED, ONE_WORD, MANY_WORDS.strip(), *LOOKS)
LISTED = (
    f"{MARKUP[0]} / {RTL}",
    f"{MARKUP[0]} / {ONE_WORD[:100]}",
    f"{RTL} / {MARKUP[1]}",
    f"{RTL} / {ZERO}",
    ONE_WORD,
)
TITLE = f"{MARKUP[1]} {RTL} {'Шайлоо' * 25}"


def _same(text: str) -> Text3:
    return Text3(text, text, text)


def hostile_contests() -> tuple[Contest, ...]:
    """Return a contest of single names, one of an open list of parties, and one where several are chosen."""

    def contest(at: int, title: str, rule: OneOf | Between, names: tuple[str, ...]) -> Contest:
        return Contest(at, at, _same(title), rule.to_bytes(), tuple(Option(_same(name)) for name in names), 1, 1)

    return (
        contest(1, TITLE, OneOf.default(len(SINGLE)), SINGLE),
        contest(2, ONE_WORD, OneOf.default(len(LISTED)), LISTED),
        contest(3, RTL, Between(len(MARKUP), 1, 2), MARKUP),
    )


@dataclass
class HostilePeople(TownPeople):
    """The town's people with such names everywhere."""

    papers: tuple[Contest, ...] = field(default_factory=hostile_contests)

    def write_manifest(self, *arguments: Any) -> tuple[Manifest, list[Any]]:  # noqa: ANN401 - the same as above it
        """Return the manifest with a hostile title."""
        manifest, parts = super().write_manifest(*arguments)
        manifest = replace(manifest, title=_same(TITLE))
        self.manifest_hash = hash_manifest(KIND, manifest.to_bytes())
        return manifest, parts


@pytest.fixture(scope="module")
def hostile_town(playwright: Playwright, client: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with open_town(playwright, tmp_path_factory.mktemp("hostile"), client, HostilePeople) as opened:
        yield opened


class Watch:
    """Looks at every screen: nothing ran, nothing of the markup became an element, nothing is wider than the phone."""

    FOREIGN = "main script, main img, main iframe, main a[href*='evil'], main svg[onload], main b"

    def __init__(self, page: Page) -> None:
        """Watch a page."""
        self.page = page
        self.wrong: list[str] = []
        self.screens: list[str] = []

    def __call__(self, name: str) -> None:
        """Look at the screen of this name."""
        self.screens.append(name)
        found = self.page.evaluate(
            """foreign => ({
                harmed: 'harmed' in window,
                foreign: document.querySelectorAll(foreign).length,
                wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
            })""",
            self.FOREIGN,
        )
        if found != {"harmed": False, "foreign": 0, "wide": 0}:
            self.wrong.append(f"{name}: {found}")


def vote_among(town: Town, language: str, width: int) -> tuple[Walk, Watch]:
    """Vote in the hostile town for a look-alike, a candidate with markup, and two more."""
    walk = Walk(town, town.resident(viewport={"width": width, "height": 640}), language)
    walk.look = watch = Watch(walk.page)
    walk.return_home()
    walk.log_in()
    walk.mark(((12,), (2,), (0, 5)))
    return walk, watch


@pytest.mark.parametrize(("language", "width"), [("ky", 320), ("en", 360)])
def test_a_voter_votes_among_hostile_names(hostile_town: Town, language: str, width: int) -> None:
    walk, watch = vote_among(hostile_town, language, width)
    # The check page says each chosen name letter for letter, so that look-alikes are told apart by their number.
    chosen = [each.evaluate("each => each.textContent") for each in walk.page.locator(".reviewed li bdi").all()]
    assert chosen == [LOOKS[1], LISTED[2], MARKUP[0], MARKUP[5]]
    walk.seal()
    walk.cast()
    walk.see_on_board()
    assert watch.wrong == []
    assert {"login", "ballot-1", "ballot-2-marked", "ballot-3-marked", "review", "on-the-board"} <= set(watch.screens)
    assert walk.errors == []
    assert walk.origins() == {hostile_town.origin}
    assert walk.page.title() == walk.t("frame.title")


def test_hostile_names_before_anybody_identifies(hostile_town: Town) -> None:
    walk = Walk(hostile_town, hostile_town.voter(viewport={"width": 320, "height": 640}), "ru")
    walk.look = watch = Watch(walk.page)

    def answer(route: Route) -> None:
        # The start page shows what the server calls the election, before anything was verified.
        response = route.fetch()
        route.fulfill(response=response, json={**response.json(), "title": dict.fromkeys(("ky", "ru", "en"), lie)})

    lie = f"{MARKUP[0]} {OVERRIDE}"
    walk.voter.context.route(re.compile(r"/election$"), answer)
    walk.start()
    expect(walk.page.locator("h1 bdi")).to_have_text(lie)
    walk.button("start.candidates").click()
    walk.heading("candidates.heading").wait_for()
    folded = walk.page.locator("main details:not([open]) > summary")
    walk.page.locator("main summary").first.wait_for()
    for _ in range(folded.count()):
        folded.first.click()
    walk.page.get_by_text(MARKUP[4], exact=True).first.wait_for()
    watch("candidates")
    assert watch.wrong == []
    shown = [each.evaluate("each => each.textContent") for each in walk.page.locator("main bdi").all()]
    for name in (*SINGLE, *MARKUP):
        assert name in shown
    assert walk.errors == []


def test_a_name_that_turns_the_reading_direction_turns_nothing_beside_it(hostile_town: Town) -> None:
    walk = Walk(hostile_town, hostile_town.resident(viewport={"width": 360, "height": 640}), "en")
    walk.return_home()
    walk.log_in()
    line = walk.page.locator(f'[data-option="{SINGLE.index(RTL)}"]')
    line.click()
    # The number stands before the name, the word "chosen" after it, and the number's own signs in their order.
    boxes = [line.locator(part).bounding_box() for part in (".number", "bdi", ".word")]
    lefts = [box["x"] for box in boxes if box is not None]
    assert lefts == sorted(lefts)
    assert len(lefts) == 3
    assert line.locator(".number").inner_text().strip() == f"{SINGLE.index(RTL) + 1}."


@pytest.mark.parametrize("page", ["board", "check"])
def test_public_pages_show_hostile_names_as_text(hostile_town: Town, page: str) -> None:
    opened = hostile_town.browser.new_context(viewport={"width": 320, "height": 640}).new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(f"{hostile_town.url}/{page}/?language=en")
    opened.locator("h1").first.wait_for()
    opened.wait_for_load_state("networkidle")
    watch = Watch(opened)
    watch(page)
    assert (watch.wrong, errors) == ([], [])
