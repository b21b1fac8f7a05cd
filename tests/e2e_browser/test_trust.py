"""What the voter's client does not believe and does not tell, and how a second device looks into a sealed ballot."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from crypto.election.ballot import hash_ballot, tracking_code
from locales import dictionary
from tests.e2e_browser.town import Town
from tests.e2e_browser.walk import CHOICES, Walk

AXE = Path(__file__).resolve().parents[2] / "voter_client/node_modules/axe-core/axe.min.js"
CHOSEN = ("Кеңешчи А", "Кеңешчи Г", "Ак Жол / Асанова Гүл", "Талапкер 43")


def sealed(town: Town, language: str = "en") -> tuple[Walk, str]:
    """Lead a voter to a sealed ballot; return her way and the code that she has taken."""
    walk = Walk(town, town.resident(accept_downloads=True), language)
    walk.return_home()
    walk.log_in()
    walk.mark()
    return walk, walk.seal()


def stored(page: Page) -> str:
    """Return everything that the page has stored, and where it is."""
    return str(
        page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])")
    )


def check_seed(walk: Walk, code: str) -> tuple[Page, dict[str, str]]:
    """Take the code on a second device, then challenge; return that device and the check file."""
    second = walk.town.browser.new_context(locale="en-GB").new_page()
    second.goto(f"{walk.town.url}/check/?language=en")
    second.get_by_role("textbox").last.fill(code)
    second.get_by_role("button", name=dictionary("en")("check-page.take"), exact=True).last.click()
    second.get_by_text(dictionary("en")("check-page.step-2"), exact=True).wait_for()
    walk.button("decide.check").click()
    walk.heading("challenge.heading").wait_for()
    with walk.page.expect_download() as download:
        walk.button("challenge.file").click()
    return second, json.loads(download.value.path().read_text(encoding="utf-8"))


def give_seed(second: Page, seed: bytes) -> None:
    text = base64.urlsafe_b64encode(seed).rstrip(b"=").decode()
    second.get_by_role("textbox").last.fill(f"dobush:seed:1:{text}")
    second.get_by_role("button", name=dictionary("en")("check-page.take"), exact=True).last.click()


def test_a_second_device_shows_what_was_sealed_and_the_ballot_does_not_count(town: Town) -> None:
    walk, code = sealed(town)
    second, file = check_seed(walk, code)
    ballot, seed = base64.b64decode(file["ballot"]), base64.b64decode(file["seed"])
    assert tracking_code(hash_ballot("practice", ballot)) == code
    give_seed(second, seed)
    second.get_by_text(dictionary("en")("check-page.step.commitment")).wait_for()
    assert not second.get_by_text(CHOSEN[-1]).count(), "shown without a tap"
    second.get_by_role("button", name=dictionary("en")("check-page.show-choice"), exact=True).click()
    for name in CHOSEN:
        expect(second.get_by_text(name, exact=False).first).to_be_visible()
    # The next ballot is another one, and is cast.
    walk.button("challenge.next").click()
    walk.mark()
    assert walk.seal() != code
    walk.cast()
    assert walk.errors == []


def test_a_seed_of_another_ballot_opens_nothing(town: Town) -> None:
    walk, code = sealed(town)
    second, file = check_seed(walk, code)
    seed = bytearray(base64.b64decode(file["seed"]))
    seed[0] ^= 1
    give_seed(second, bytes(seed))
    second.get_by_role("heading", name=dictionary("en")("check-page.step-3"), exact=True).wait_for()
    second.get_by_text(dictionary("en")("check-page.state.failed")).first.wait_for()
    assert not second.get_by_role("button", name=dictionary("en")("check-page.show-choice"), exact=True).count()


def test_nothing_of_choice_or_seed_is_stored_sent_or_shown_in_an_address(town: Town) -> None:
    walk = Walk(town, town.resident(), "en")
    walk.return_home()
    walk.log_in()
    before, asked = stored(walk.page), len(walk.seen)
    walk.mark()
    assert stored(walk.page).partition("#")[0] == before.partition("#")[0]
    marking = walk.seen[asked:]
    assert [request.url for request in marking if request.method != "GET"] == []
    assert [request.url for request in marking if "/casting/" in request.url] == []
    walk.seal()
    sent = [request for request in walk.seen[asked:] if request.method == "POST"]
    assert sent == [], "a sealed ballot is sent only when it is cast"
    for name in CHOSEN:
        assert name not in stored(walk.page)
        assert name not in walk.page.title()
    assert walk.origins() == {town.origin}


def test_who_refuses_the_prompt_has_sent_nothing_and_may_try_again(town: Town) -> None:
    walk, _ = sealed(town)
    walk.voter.verify_user(able=False)
    walk.button("decide.cast").click()
    walk.heading("cast.heading").wait_for()
    walk.button("cast.go").click()
    walk.page.get_by_text(walk.t("cast.failed")).wait_for()
    assert [request.url for request in walk.seen if request.url.endswith("/ballots")] == []
    walk.voter.verify_user(able=True)
    walk.button("cast.go").click()
    walk.heading("received.heading").wait_for()


def forge_key(data: bytes) -> bytes:
    """Return an opening entry with another key in it."""
    at = data.index(b"ckey") + 6
    return data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]


def forge_name(data: bytes) -> bytes:
    """Return a contest with one option renamed."""
    old, new = "Талапкер 43".encode(), "Талапкер 44".encode()
    return data.replace(old, new)


@pytest.mark.parametrize(
    ("forge", "what"), [(forge_key, b"gopening"), (forge_name, b"gcontest"), (forge_name, b"hmanifest")]
)
def test_a_forged_election_is_refused_before_anybody_votes(town: Town, forge: object, what: bytes) -> None:
    walk = Walk(town, town.voter(), "en")
    changed: list[str] = []

    def answer(route: Route) -> None:
        response = route.fetch()
        body = response.body()
        if body[2:12].startswith(what) and callable(forge):
            forged = forge(body) if what != b"hmanifest" else body[:-200] + bytes([body[-200] ^ 1]) + body[-199:]
            if forged != body:
                changed.append(route.request.url)
            body = forged
        route.fulfill(response=response, body=body)

    walk.voter.context.route("**/log/entry/*", answer)
    walk.start()
    walk.button("start.candidates").click()
    walk.page.get_by_text(walk.t("refused.what")).first.wait_for()
    assert changed
    assert not walk.page.get_by_text("Талапкер").count()


def test_a_service_that_names_another_kind_of_election_is_refused(town: Town) -> None:
    walk = Walk(town, town.voter(), "en")

    def answer(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json={**response.json(), "kind": "real"})

    walk.voter.context.route(re.compile(r"/election$"), answer)
    walk.start()
    walk.button("start.candidates").click()
    walk.page.get_by_text(walk.t("refused.what")).first.wait_for()
    assert not walk.page.get_by_text("Талапкер").count()


@pytest.mark.parametrize("language", ["ky", "ru", "en"])
def test_no_screen_of_the_way_has_an_accessibility_fault(town: Town, language: str) -> None:
    source = AXE.read_text(encoding="utf-8")
    faults: dict[str, list[str]] = {}
    walk = Walk(town, town.voter(viewport={"width": 320, "height": 640}), language)

    def look(name: str) -> None:
        walk.page.evaluate(source)
        found = walk.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        faults.update({name: [each["id"] for each in found["violations"]]} if found["violations"] else {})

    walk.look = look
    walk.vote(CHOICES)
    assert faults == {}


@pytest.mark.parametrize("language", ["ky", "ru", "en"])
@pytest.mark.parametrize("page", ["check", "board", "console"])
def test_no_other_page_has_an_accessibility_fault(town: Town, page: str, language: str) -> None:
    context = town.browser.new_context(viewport={"width": 320, "height": 640})
    opened = context.new_page()
    opened.goto(f"{town.url}/{page}/?language={language}")
    opened.locator("h1").first.wait_for()
    opened.wait_for_load_state("networkidle")
    opened.evaluate(AXE.read_text(encoding="utf-8"))
    found = opened.evaluate("axe.run(document, {resultTypes: ['violations']})")
    context.close()
    assert [(each["id"], [node["html"][:80] for node in each["nodes"]]) for each in found["violations"]] == []
