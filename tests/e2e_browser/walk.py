"""A voter's way through the pages, step by step, in any language: every button is found by the dictionary's words."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, Request, expect

from locales import dictionary
from tests.e2e_browser.town import Town, Voter

NATIVE = {"ky": "Кыргызча", "ru": "Русский", "en": "English"}
PATIENCE_MS = 20_000
# One choice for each contest of the town: against all; two of five; a party's candidate; line 43 of the long list.
CHOICES: tuple[tuple[int, ...], ...] = ((3,), (0, 3), (2,), (42,))


@dataclass
class Walk:
    """One voter on her way; `seen` holds each request's method and path, `errors` what the page complained about."""

    town: Town
    voter: Voter
    language: str = "en"
    seen: list[Request] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    look: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        """Watch the page."""
        page = self.page
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        page.on("request", lambda request: self.seen.append(request))  # noqa: PLW0108 - a builtin method is refused
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    @property
    def page(self) -> Page:
        """The voter's page."""
        return self.voter.page

    def t(self, key: str, **fields: object) -> str:
        """Return a text of the client in the voter's language."""
        return dictionary(self.language)(f"client.{key}", **fields)

    def button(self, key: str, **fields: object) -> Locator:
        """Return the button with a text of the client."""
        return self.page.get_by_role("button", name=self.t(key, **fields), exact=True)

    def link(self, key: str) -> Locator:
        """Return the link with a text of the client."""
        return self.page.get_by_role("link", name=self.t(key), exact=True)

    def heading(self, key: str) -> Locator:
        """Return the page's heading with a text of the client."""
        return self.page.get_by_role("heading", level=1).filter(has_text=self.t(key))

    def problem(self, key: str, **fields: object) -> Locator:
        """Return the message at the page's top that something did not work."""
        return self.page.get_by_role("alert").get_by_text(self.t(key, **fields), exact=True)

    # ------------------------------------------------------------------------------------------------------- the way

    def start(self, path: str = "/vote/") -> None:
        """Open the page and choose the language."""
        self.page.goto(f"{self.town.url}{path}")
        native = self.page.get_by_role("button", name=NATIVE[self.language], exact=True)
        native.wait_for()
        self.look("language")
        native.click()
        self.button("start.candidates").wait_for()
        self.look("start")

    def identify(self, code: str | None = None) -> None:
        """Go from the start to a key that the registrars check."""
        self.button("start.vote").click()
        self.link("frame.next").wait_for()
        self.look("device")
        self.link("frame.next").click()
        self.enter_code(code or self.town.code())
        self.button("key.go").click()
        self.link("enrolled.go").wait_for()
        self.look("enrolled")
        self.link("enrolled.go").click()
        self.heading("waiting.heading").or_(self.heading("login.heading")).wait_for()
        self.look("waiting")

    def enter_code(self, code: str) -> None:
        """Type a code on the identity side's page; the key is announced."""
        self.page.get_by_label(self.t("identify.code"), exact=True).fill(code)
        self.look("identify")
        self.button("identify.code-go").click()
        self.heading("key.heading").wait_for()
        self.look("key")

    def return_home(self) -> None:
        """Open the page as somebody whose key stands on the board, until the log-in is asked for."""
        self.page.goto(f"{self.town.url}/vote/#lang={self.language}&{self.voter.handover}")
        self.button("login.go").wait_for()

    def log_in(self) -> None:
        """Wait for the log-in and confirm it; the ballot opens."""
        self.button("login.go").wait_for()
        self.look("login")
        self.button("login.go").click()
        self.page.locator("#contest").wait_for()

    def mark(self, choices: Sequence[Sequence[int]] = CHOICES) -> None:
        """Fill the ballot in and go on to the check page."""
        for contest, chosen in enumerate(choices):
            self.page.get_by_text(self.t("ballot.step", step=contest + 1, total=len(choices))).wait_for()
            self.look(f"ballot-{contest + 1}")
            for option in chosen:
                self.choose(option)
            self.look(f"ballot-{contest + 1}-marked")
            self.button("frame.next").click()
            leave = self.button("ballot.leave")
            step = self.page.get_by_text(self.t("ballot.step", step=contest + 2, total=len(choices)))
            leave.or_(step).or_(self.heading("review.heading")).first.wait_for()
            if leave.count():
                self.look(f"ballot-{contest + 1}-fewer")
                leave.click()
        self.heading("review.heading").wait_for()
        self.look("review")

    def choose(self, option: int) -> None:
        """Tap a line, in an open party list through its party."""
        line = self.page.locator(f'[data-option="{option}"]')
        parties = self.page.locator("[aria-controls^=party-]")
        for place in range(parties.count()):
            if line.count():
                break
            parties.nth(place).click()
            self.page.locator(f"#party-{place} [data-option]").first.wait_for()
        line.click()

    def seal(self) -> str:
        """Seal what the check page shows; return the code of the commitment."""
        self.button("review.seal").click()
        self.heading("commitment.heading").wait_for()
        self.page.locator("svg.qr").wait_for()
        self.look("commitment")
        code = "-".join(self.page.locator(".code span").all_inner_texts())
        self.button("commitment.taken").click()
        self.heading("decide.heading").wait_for()
        self.look("decide")
        return code

    def cast(self) -> None:
        """Cast the sealed vote and see that it was received."""
        self.button("decide.cast").click()
        self.heading("cast.heading").wait_for()
        self.look("cast")
        self.button("cast.go").click()
        self.heading("received.heading").wait_for()
        self.look("received")

    def see_on_board(self) -> None:
        """Wait until the page has verified that the vote stands on the board."""
        self.page.locator(".board.good").wait_for()
        self.look("on-the-board")

    def vote(self, choices: Sequence[Sequence[int]] = CHOICES) -> str:
        """Go the whole way; return the tracking code."""
        self.start()
        self.identify()
        self.log_in()
        self.mark(choices)
        code = self.seal()
        self.cast()
        self.see_on_board()
        return code

    # ----------------------------------------------------------------------------------- what was kept, what was sent

    def kept(self, what: str) -> dict[str, object]:
        """Return what the page keeps in this browser: `me`, or the `outbox` with the sealed and signed ballot."""
        stored = json.loads(str(self.page.evaluate("JSON.stringify({...localStorage})")))
        found = json.loads(next(value for name, value in stored.items() if name.endswith(f"-{what}")))
        assert isinstance(found, dict)
        return found

    def origins(self) -> set[str]:
        """Return the origins that the page has asked."""
        parts = [urlsplit(request.url) for request in self.seen]
        return {f"{each.scheme}://{each.netloc}" for each in parts if each.scheme not in {"blob", "data"}}
