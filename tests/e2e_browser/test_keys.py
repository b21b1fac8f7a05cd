"""Phones and their keys: both algorithms, a phone without one, a user who refuses, and browsers inside other apps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cbor2
import pytest
from playwright.sync_api import Locator, Playwright, expect

from crypto.election.entries import Manifest, parse_entry
from crypto.election.manifest import hash_manifest
from crypto.signatures import EDDSA, ES256
from demo.practice import KIND
from tests.e2e_browser.town import Town, TownPeople, open_town
from tests.e2e_browser.walk import Walk

# Each inside an app that opens links itself, as phones name them.
IN_APP = {
    "facebook": "Mozilla/5.0 (Linux; Android 13; SM-A045F; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
    "Chrome/120.0.6099.43 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/443.0.0.23.229;]",
    "instagram": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Mobile/15E148 Instagram 309.1.1.28.108",
    "telegram": "Mozilla/5.0 (Linux; Android 12; Redmi 9A) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
    "Chrome/119.0.0.0 Mobile Safari/537.36 Telegram-Android/10.3.2",
    "vk": "Mozilla/5.0 (iPhone; CPU iPhone OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Mobile/15E148 VKClient/8.49",
    "webview": "Mozilla/5.0 (Linux; Android 10; itel A25; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
    "Chrome/112.0.0.0 Mobile Safari/537.36",
}
PHONES = {
    "android": "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
    "Mobile Safari/537.36",
    "iphone": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1",
}


@dataclass
class EddsaPeople(TownPeople):
    """A town whose manifest prefers Ed25519, so that a phone that can do both makes such a key."""

    def write_manifest(self, *arguments: Any) -> tuple[Manifest, list[Any]]:  # noqa: ANN401 - the same as above it
        """Return the manifest with the algorithms in another order."""
        manifest, parts = super().write_manifest(*arguments)
        manifest = replace(manifest, algorithms=(EDDSA, ES256))
        self.manifest_hash = hash_manifest(KIND, manifest.to_bytes())
        return manifest, parts


@pytest.fixture(scope="module")
def eddsa_town(playwright: Playwright, client: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:  # noqa: ANN401
    with open_town(playwright, tmp_path_factory.mktemp("eddsa"), client, EddsaPeople) as opened:
        yield opened


def algorithm_on_board(town: Town, pseudonym: str) -> int:
    """Return the COSE algorithm of the key that the board holds for a pseudonym."""
    people = town.practice.people
    for raw in town.entries():
        entry = parse_entry(raw)
        if entry.type == "credential":
            body = cbor2.loads(entry.body)
            if body["pseudonym"].hex() == pseudonym:
                return int(cbor2.loads(body["key"])[3])
    message = f"no credential in the log of {people.manifest_hash.hex()}"
    raise AssertionError(message)


def vote_with_a_new_key(town: Town) -> int:
    """Go the whole way; return the algorithm of the key."""
    walk = Walk(town, town.voter(), "en")
    walk.vote()
    assert walk.errors == []
    return algorithm_on_board(town, str(walk.kept("me")["pseudonym"]))


def test_a_phone_with_an_ed25519_key_votes(eddsa_town: Town) -> None:
    assert vote_with_a_new_key(eddsa_town) == EDDSA


def test_a_phone_with_an_es256_key_votes(town: Town) -> None:
    assert vote_with_a_new_key(town) == ES256


def asked_identity(walk: Walk) -> list[str]:
    """Return what was asked of the identity side's service, its page's files left out."""
    return [each.url for each in walk.seen if "/identity/" in each.url and "/identity/vote/" not in each.url]


def ways_out(walk: Walk) -> list[Locator]:
    """Return what an unready phone is offered: check again, copy the link, another device, a polling station."""
    page = walk.page
    return [
        walk.button("device.recheck"),
        walk.button("first.copy"),
        page.get_by_role("img", name=walk.t("device.other"), exact=True),
        page.get_by_text(walk.t("place.other"), exact=True),
    ]


@pytest.mark.parametrize("language", ["ky", "ru"])
def test_a_phone_without_a_lock_is_told_so_before_anybody_identifies(town: Town, language: str) -> None:
    walk = Walk(town, town.voter(authenticator=False), language)
    walk.start()
    walk.button("start.vote").click()
    expect(walk.page.get_by_text(walk.t("device.lock-out"), exact=True)).to_be_visible()
    for way in ways_out(walk):
        expect(way).to_be_visible()
    expect(walk.link("device.anyway")).to_be_visible()
    assert not walk.link("frame.next").count()
    assert asked_identity(walk) == []


def test_a_lock_that_was_set_meanwhile_is_found_by_checking_again(town: Town) -> None:
    walk = Walk(town, town.voter(authenticator=False), "en")
    walk.start()
    walk.button("start.vote").click()
    walk.button("device.recheck").wait_for()
    walk.voter.add_authenticator()
    walk.button("device.recheck").click()
    walk.link("frame.next").wait_for()
    expect(walk.page.get_by_text(walk.t("device.good"), exact=True)).to_have_count(3)


def test_a_browser_without_passkeys_is_told_so_before_anybody_identifies(town: Town) -> None:
    walk = Walk(town, town.voter(authenticator=False), "en")
    walk.voter.context.add_init_script("delete window.PublicKeyCredential")
    walk.start()
    walk.button("start.vote").click()
    expect(walk.page.get_by_text(walk.t("device.key-out"), exact=True)).to_be_visible()
    for way in ways_out(walk):
        expect(way).to_be_visible()
    assert not walk.link("frame.next").count() + walk.link("device.anyway").count()
    assert asked_identity(walk) == []


@pytest.mark.parametrize("app", IN_APP)
def test_a_browser_inside_an_app_is_found_on_the_first_page(town: Town, app: str) -> None:
    walk = Walk(town, town.voter(user_agent=IN_APP[app]), "en")
    walk.page.goto(f"{town.url}/vote/")
    for language in ("ky", "ru", "en"):
        there = Walk(town, walk.voter, language)
        expect(walk.page.get_by_text(there.t("first.in-app"), exact=True)).to_be_visible()
    # Who goes on all the same meets it again before identifying, with the way out.
    walk.page.get_by_role("button", name="English", exact=True).click()
    walk.button("start.vote").click()
    for way in ways_out(walk):
        expect(way).to_be_visible()
    assert not walk.link("frame.next").count()
    assert asked_identity(walk) == []


@pytest.mark.parametrize("phone", PHONES)
def test_a_browser_of_its_own_is_not_taken_for_an_app(town: Town, phone: str) -> None:
    walk = Walk(town, town.voter(user_agent=PHONES[phone]), "en")
    walk.start()
    walk.button("start.vote").click()
    walk.link("frame.next").wait_for()
    assert not walk.page.get_by_text(walk.t("first.in-app"), exact=True).count()


def test_who_refuses_to_make_a_key_has_told_nobody_her_code_and_tries_again(town: Town) -> None:
    code = town.code()
    walk = Walk(town, town.voter(), "en")
    walk.start()
    walk.button("start.vote").click()
    walk.link("frame.next").click()
    walk.enter_code(code)
    walk.voter.verify_user(able=False)
    walk.button("key.go").click()
    walk.problem("key.failed").wait_for()
    assert [each.url for each in walk.seen if each.method == "POST" and "identifications" in each.url] == []
    walk.voter.verify_user(able=True)
    walk.button("key.go").click()
    walk.link("enrolled.go").wait_for()
    assert code not in "".join(f"{each.url} {each.post_data or ''}" for each in walk.seen)


def test_who_refuses_the_log_in_is_told_both_reasons_and_tries_again(town: Town) -> None:
    walk = Walk(town, town.resident(), "en")
    walk.return_home()
    walk.voter.verify_user(able=False)
    walk.button("login.go").click()
    walk.problem("login.failed").wait_for()
    expect(walk.link("login.lost")).to_be_visible()
    assert not walk.page.locator("#contest").count()
    walk.voter.verify_user(able=True)
    walk.log_in()


def test_a_phone_that_lost_the_key_is_led_back_to_identification(town: Town) -> None:
    walk = Walk(town, town.resident(), "en")
    walk.return_home()
    walk.voter.cdp.send("WebAuthn.clearCredentials", {"authenticatorId": walk.voter.authenticator})
    walk.button("login.go").click()
    walk.problem("login.failed").wait_for()
    walk.link("login.lost").click()
    walk.heading("identify.heading").wait_for()
