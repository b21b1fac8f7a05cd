"""The program that turns the pages: it looks at the record, opens the key file, acts in the background.

Spec: `docs/operations/trustee.md`. In rehearsal a real election is refused before a passphrase is asked for.

>>> from pathlib import Path
>>> from trustee_tools.desk import Desk
>>> TrusteeApp(Work(Desk(Path("record")), (Path("a.key"), Path("b.key"))), "ky").say.language
'ky'
"""

from __future__ import annotations

import asyncio

from textual.app import App

from crypto.errors import DobushError, Refused
from locales import Dictionary, dictionary
from trustee_tools.board import BoardError
from trustee_tools.screens.pages import ChecklistPage, FingerprintPage, OutcomePage, Page, UnlockPage, WaitPage
from trustee_tools.screens.work import Work
from trustee_tools.words import Notice, list_complaints, say_refusal, say_title


class TrusteeApp(App[None]):
    """One trustee's program as pages."""

    CSS = """
    Screen { background: $surface; }
    #banner { width: 100%; height: auto; padding: 0 1; text-align: center; text-style: bold; color: black; }
    #banner.demo { background: yellow; }
    #banner.practice { background: cyan; }
    #banner.real { background: red; color: white; }
    #languages { height: 1; }
    #languages Button { min-width: 12; margin: 0 1; }
    #languages Button.chosen { text-style: bold; }
    #languages Button:focus { text-style: bold reverse; }
    Input { border: tall $primary; }
    Input:focus { border: tall $accent; }
    #body { padding: 0 1; }
    #keys { dock: bottom; width: 100%; height: 1; color: $text-muted; }
    .election { text-style: bold; padding: 0 1; }
    .notice { border: round $primary; padding: 0 1; height: auto; }
    .task { border: heavy $success; }
    .dangerous { border: heavy red; }
    .refusal { border: heavy red; color: red; }
    .warning { color: $warning; height: auto; }
    .buttons { height: auto; }
    .buttons Button { margin: 0 1 0 0; }
    #groups { height: auto; padding: 1; }
    #steps { height: auto; }
    """
    BINDINGS = [  # noqa: RUF012 - Textual's way
        ("f2", "next_language", ""),
        ("f5", "look", ""),
        ("f10", "quit", ""),
    ]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, work: Work, language: str, *, every_s: float = 0.0) -> None:
        """Begin with a desk and a closed key file; with `every_s` the record is looked at again by itself."""
        super().__init__()
        self.work = work
        self.say: Dictionary = dictionary(language)
        self.is_busy = False
        self._every_s = every_s

    def on_mount(self) -> None:
        """Read the record first."""
        self.title = "dobush-trustee"
        self.push_screen(WaitPage())
        if self._every_s:
            self.set_interval(self._every_s, self.action_look)

    # -------------------------------------------------------------------------------------------------- language

    def speak(self, language: str) -> None:
        """Say everything in another language; what was typed stays."""
        self.say = dictionary(language)
        if isinstance(self.screen, Page):
            self.run_worker(self.screen.show_again())

    def action_next_language(self) -> None:
        """Go on to the next language."""
        order = ["ky", "ru", "en"]
        self.speak(order[(order.index(self.say.language) + 1) % len(order)])

    def title_of_election(self) -> str:
        """Return the election's title; its short name is for a person to know and to type."""
        return say_title(self.work.seen, self.say)

    def say_error(self, error: DobushError) -> Notice:
        """Say what went wrong."""
        if isinstance(error, Refused):
            return say_refusal(error, self.say)
        key = "trustee.unreached" if isinstance(error, BoardError) else "trustee.failed"
        return Notice(self.say("trustee.refused.title"), (self.say(key, reason=error),))

    # ----------------------------------------------------------------------------------------------------- pages

    def turn_to(self, page: Page) -> None:
        """Show a page in place of the one that is shown."""
        self.switch_screen(page)

    def _turn_on(self) -> None:
        if not self.work.is_open:
            self.turn_to(UnlockPage())
        else:
            self.turn_to(ChecklistPage() if self.work.is_bound else FingerprintPage())

    async def begin(self) -> None:
        """Look at the record, then ask for the key file."""
        await asyncio.to_thread(self.work.look)
        self._turn_on()

    async def unlock(self, passphrase: str) -> None:
        """Open the key file."""
        await asyncio.to_thread(self.work.unlock, passphrase)
        self._turn_on()

    async def take(self, typed: str) -> None:
        """Take the election as the key file's own."""
        await asyncio.to_thread(self.work.bind, typed)
        self._turn_on()

    async def refresh_view(self) -> None:
        """Look again; where the board cannot be reached the last copy stays on show, and the page says so."""
        try:
            await asyncio.to_thread(self.work.look)
            self.work.unreached = ""
        except BoardError as error:
            self.work.unreached = str(error)
        if isinstance(self.screen, ChecklistPage):
            await self.screen.show_again()

    async def perform(self, typed: str) -> None:
        """Do what comes next."""
        work = self.work
        view = work.seen
        entries, held = await asyncio.to_thread(work.perform, typed)

        def outcome(say: Dictionary) -> Notice:
            count, lines = len(entries), list_complaints(view, entries, say)
            if work.out is not None:
                lines.append(say("trustee.done", count=count, folder=work.out))
            if work.desk.is_connected:
                lines.append(say("trustee.sent", count=count, held=held))
            return Notice(say("trustee.tui.done"), tuple(lines))

        self.turn_to(OutcomePage(outcome))

    async def write_minutes(self) -> None:
        """Write the minutes."""
        path = await asyncio.to_thread(self.work.minutes, self.say)
        self.turn_to(
            OutcomePage(lambda say: Notice(say("trustee.tui.done"), (say("trustee.minutes.done", path=path),)))
        )

    def action_look(self) -> None:
        """Look again, from the checklist only: no page changes under a typing hand."""
        if isinstance(self.screen, ChecklistPage):
            self.screen.attempt(self.refresh_view)
