"""The console after the close: a refused entry waits for two officers, who release it; then figures and decisions."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.sync_api import Browser, Playwright, expect

from crypto.election.entries import Incident
from tests.desk import Desk, open_desk
from tests.e2e_browser.officer import NATIVE, Officer, open_browser, sign_act
from tests.e2e_browser.town import ARGUMENTS, CHROMIUM, free_port
from tests.roles import roles_of
from tests.simulator import World, fresh, secret, signing_key
from voting_server.plumbing.serving import options

KEEP = """async ([secret, open]) => {
    const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    const privateKey = await crypto.subtle.importKey("pkcs8", bytes(secret), "Ed25519", false, ["sign"]);
    const publicKey = await crypto.subtle.importKey("raw", bytes(open), "Ed25519", true, ["verify"]);
    const asked = indexedDB.open("dobush-console", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("keys");
    const database = await new Promise((done) => { asked.onsuccess = () => done(asked.result); });
    const put = database.transaction("keys", "readwrite").objectStore("keys").put({ privateKey, publicKey }, "officer");
    await new Promise((done) => { put.onsuccess = done; });
    database.close();
}"""


@dataclass
class Hall:
    """A simulated election served on loopback, and a browser."""

    desk: Desk
    url: str
    browser: Browser

    def officer(self, place: int, language: str = "en") -> Officer:
        """Return an officer of the manifest at her browser, which holds her key."""
        holder, key = self.desk.world.manifest.officers[place], signing_key("officer", place)
        roles = roles_of(self.desk.app)
        person = roles.add(holder.name, holder.body, "officer", key.public_key)
        officer = open_browser(self, language)
        officer.enter(roles.invite(person))
        sealed = Ed25519PrivateKey.from_private_bytes(key.seed)
        secret_half = sealed.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        officer.page.evaluate(KEEP, [b64encode(each).decode() for each in (secret_half, key.public_key)])
        officer.page.reload()
        return officer


def closed_world() -> World:
    """Return an election that has closed with an entry in its log that was refused."""
    world = fresh("voted")
    world.refuse(world.sign("incident", Incident(secret("paper"), "a note"), signing_key("stranger")))
    world.close()
    return world


@pytest.fixture
def hall(playwright: Playwright, client: Path, tmp_path: Path) -> Iterator[Hall]:
    """Serve the election after its close."""
    port = free_port()
    url = f"http://localhost:{port}"
    more = {"ballot_origin": url, "identity_origin": url, "client_dir": client}
    with open_desk(tmp_path, closed_world(), **more) as desk:
        settings = {**options(desk.settings), "log_level": "warning", "lifespan": "off"}
        server = uvicorn.Server(uvicorn.Config(desk.app, host="127.0.0.1", port=port, **settings))
        thread = threading.Thread(target=server.run)
        thread.start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            while not server.started:
                thread.join(0.02)
            yield Hall(desk, url, browser)
        finally:
            browser.close()
            server.should_exit = True
            thread.join()


def test_two_officers_release_what_was_refused(hall: Hall) -> None:
    first, second = hall.officer(0), hall.officer(1, "ru")
    name = hall.desk.world.manifest.short_name
    first.go("live")
    first.page.get_by_text(first.t("alarm.release-awaited", n=1)).wait_for()
    first.go("acts")
    first.page.get_by_text(first.t("type.release"), exact=True).click()
    propose = first.page.get_by_role("button", name=first.t("acts.propose", act=first.t("type.release")), exact=True)
    # A case without its effect in words is not proposed.
    expect(propose).to_be_disabled()
    first.page.locator("#effect-0").fill("it never was a ballot")
    for language in NATIVE:
        first.speak(language)
        assert first.violations() == []
    first.speak("en")
    propose.click()
    first.page.get_by_text(first.t("acts.barrier.signed")).wait_for()
    second.go("acts")
    second.page.get_by_role("button", name=second.t("type.release")).first.click()
    second.page.get_by_text("it never was a ballot").wait_for()
    sign_act(second, "release", name)
    second.page.get_by_text(second.t("state.taken")).first.wait_for()
    assert hall.desk.sequence() == []
    assert hall.desk.world.record.tally.unresolved() == ()
    first.go("live")
    expect(first.page.get_by_text(first.t("alarm.release-awaited", n=1))).to_have_count(0)
    assert first.errors + second.errors == []


def test_the_evidence_comes_as_one_file(hall: Hall) -> None:
    officer = hall.officer(0)
    officer.go("evidence")
    with officer.page.expect_download(timeout=120_000) as saved:
        officer.page.get_by_role("link", name=officer.t("evidence.go"), exact=True).click()
    assert saved.value.suggested_filename == f"evidence-{hall.desk.world.manifest.short_name}.zip"
    assert saved.value.path().stat().st_size > 100_000
