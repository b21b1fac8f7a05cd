"""Somebody at the console in a browser of her own: registers, logs in, names her key, goes from room to room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, expect

from locales import dictionary
from tests.e2e_browser.town import ROOT, add_authenticator

PATIENCE_MS = 20_000
AXE = ROOT / "voter_client/node_modules/axe-core/axe.min.js"
NATIVE = {"ky": "Кыргызча", "ru": "Русский", "en": "English"}


class Site(Protocol):
    """Where a side is served, and the browser that visits it."""

    url: str
    browser: Browser


@dataclass
class Officer:
    """One person at her own browser."""

    site: Site
    context: BrowserContext
    page: Page
    cdp: CDPSession
    authenticator: str
    errors: list[str]
    language: str = "en"

    def t(self, key: str, **fields: object) -> str:
        """Return a text of the console."""
        return dictionary(self.language)(f"console.{key}", **fields)

    def press(self, key: str, **fields: object) -> None:
        """Press the button with a text of the console."""
        self.page.get_by_role("button", name=self.t(key, **fields), exact=True).click()

    def go(self, room: str) -> None:
        """Go to a room of the console."""
        rooms = self.page.get_by_role("navigation", name=self.t("rooms"), exact=True)
        rooms.get_by_role("link", name=self.t(room), exact=True).click()
        self.page.get_by_role("heading", name=self.t(room), exact=True).first.wait_for()

    def speak(self, language: str) -> None:
        """Change the language."""
        self.page.get_by_role("button", name=NATIVE[language], exact=True).click()
        self.language = language
        self.page.get_by_role("heading", level=1, name=self.t("title"), exact=True).wait_for()

    def enter(self, code: str) -> None:
        """Register a passkey with an invitation, then log in."""
        self.page.goto(f"{self.site.url}/console/?lang={self.language}")
        self.page.get_by_label(self.t("entrance.code"), exact=True).fill(code)
        self.press("entrance.register")
        self.page.get_by_role("status").filter(has_text=",").wait_for()
        self.log_in()

    def log_in(self) -> None:
        """Log in."""
        self.press("entrance.login-go")
        self.page.get_by_role("button", name=self.t("leave"), exact=True).wait_for()

    def name_key(self) -> str:
        """Make and name a signing key; return its public half."""
        self.go("key")
        self.press("key.make")
        self.press("key.name")
        self.page.get_by_text(self.t("key.known")).wait_for()
        return self.page.locator("p.mono").first.inner_text().replace(" ", "")

    def fill(self, key: str, value: str) -> None:
        """Fill the field with a label of the console."""
        self.page.get_by_label(self.t(key), exact=True).fill(value)

    def choose(self, key: str, path: str) -> None:
        """Choose a file for the field with a label of the console."""
        self.page.get_by_label(self.t(key), exact=True).set_input_files(path)

    def violations(self) -> list[str]:
        """Return what axe finds wrong with the page."""
        if not self.page.evaluate("() => !!window.axe"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: Any = self.page.evaluate("async () => (await axe.run(document)).violations")
        return [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in found]


def open_browser(site: Site, language: str = "en") -> Officer:
    """Return a new person at a browser of her own, with an authenticator."""
    context = site.browser.new_context(locale="en-GB", viewport={"width": 1_100, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    cdp = context.new_cdp_session(page)
    return Officer(site, context, page, cdp, add_authenticator(cdp), errors, language)


def sign_act(officer: Officer, act: str, short_name: str = "council-2030") -> None:
    """Open an act of the list, type the short name, sign."""
    officer.go("acts")
    officer.page.get_by_role("button", name=officer.t(f"type.{act}")).first.click()
    sign = officer.page.get_by_role("button", name=officer.t("acts.sign-go"), exact=True)
    expect(sign).to_be_disabled()
    officer.page.get_by_label(officer.t("acts.type-name", name=short_name), exact=True).fill(short_name)
    sign.click()
