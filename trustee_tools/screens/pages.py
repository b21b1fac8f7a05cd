"""The pages: open the key file, compare the fingerprint, the checklist, one act, its outcome.

Spec: `docs/operations/trustee.md`. A page shows what `work` says and hands on what was typed. What was typed survives a
change of language. Nothing is worded or decided here; a manifest's texts are never read as markup.

>>> [page.__name__ for page in (UnlockPage, FingerprintPage, ChecklistPage, ActPage, OutcomePage)][0]
'UnlockPage'
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from crypto.errors import DobushError
from locales import LANGUAGES, Dictionary
from trustee_tools.ceremony import differing_groups
from trustee_tools.words import Notice, Row

if TYPE_CHECKING:
    from trustee_tools.screens.app import TrusteeApp
    from trustee_tools.screens.work import Work

NAMES = {"ky": "Кыргызча", "ru": "Русский", "en": "English"}
_STYLES = {"done": "green", "you": "bold", "now": "default", "later": "dim", "alarm": "bold yellow"}


def frame(notice: Notice, kind: str = "") -> Static:
    """Return a title and its lines as one block."""
    text = Text.assemble((notice.title, "bold"), "\n", "\n".join(notice.lines))
    return Static(text, classes=f"notice {kind}", markup=False)


def table_of(rows: list[Row], say: Dictionary) -> Table:
    """Return the checklist as a table: who, what, done, witnessed by."""
    table = Table(expand=True, show_lines=False)
    for column in ("who", "what", "done", "witnessed"):
        table.add_column(say(f"trustee.list.{column}"))
    for row in rows:
        done = say(f"trustee.state.{row.state}") + (f"\n{row.detail}" if row.detail else "")
        cells = (row.who, row.what, done, row.witnessed)
        table.add_row(*(Text(cell, style=_STYLES[row.state]) for cell in cells))
    return table


class Page(Screen[None]):
    """What all pages share: the kind of election on top, three languages, one body, a refusal where there is one."""

    BINDINGS = [("escape", "back", "")]  # noqa: RUF012 - Textual's way
    AUTO_FOCUS = "#body Input, #body Button"

    def __init__(self) -> None:
        super().__init__()
        self.refusal: DobushError | None = None
        self.typed = ""

    @property
    def trustee_app(self) -> TrusteeApp:
        """The program."""
        app: TrusteeApp = self.app  # type: ignore[assignment]
        return app

    @property
    def work(self) -> Work:
        """What the pages work on."""
        return self.trustee_app.work

    @property
    def say(self) -> Dictionary:
        """The texts of the language that was chosen."""
        return self.trustee_app.say

    def compose(self) -> ComposeResult:
        """Show the banner, the languages, the body, what was refused."""
        view, say = self.work.view, self.say
        kind = view.manifest.kind if view is not None else "demo"
        banner = say(f"trustee.kind.{kind}") if view is not None else ""
        if self.work.desk.practising:
            banner = f"{say('trustee.rehearsal')} · {banner}" if banner else say("trustee.rehearsal")
        yield Static(banner, id="banner", classes=kind, markup=False)
        with Horizontal(id="languages"):
            for language in LANGUAGES:
                chosen = language == say.language
                label = f"✓ {NAMES[language]}" if chosen else NAMES[language]
                yield Button(label, id=f"language-{language}", classes="chosen" if chosen else "", compact=True)
        with VerticalScroll(id="body"):
            if self.refusal is not None:
                yield frame(self.trustee_app.say_error(self.refusal), "refusal")
            yield from self.body()
        yield Static(say("trustee.tui.keys"), id="keys", markup=False)

    def body(self) -> Iterator[Widget]:
        """Return what this page shows."""
        yield from ()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Keep what is typed."""
        self.typed = event.value

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Hand a press on."""
        name = event.button.id or ""
        if name.startswith("language-"):
            self.trustee_app.speak(name.removeprefix("language-"))
        else:
            self.press(name)

    def on_input_submitted(self) -> None:
        """Take Enter for the page's own button."""
        self.press("do")

    def press(self, name: str) -> None:
        """Do what a button says."""

    def action_back(self) -> None:
        """Go back to the checklist; nothing is lost by it."""
        if self.work.is_bound:
            self.trustee_app.turn_to(ChecklistPage())

    async def show_again(self) -> None:
        """Show the page anew, and leave the hand where it was."""
        await self.recompose()
        for widget in self.query("#typed, #do"):
            widget.focus()
            break

    def attempt(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do something that takes time, one at a time; a refusal is shown on this page."""
        if self.trustee_app.is_busy:
            return  # nothing happens twice, however often a button is pressed
        self.trustee_app.is_busy = True

        async def guarded() -> None:
            self.query_one("#body").loading = True
            try:
                await act()
            except (DobushError, OSError) as error:
                self.refusal = error if isinstance(error, DobushError) else DobushError(str(error))
                if self.is_current:
                    await self.show_again()
            else:
                self.refusal = None
            finally:
                self.trustee_app.is_busy = False
                if self.is_mounted:
                    self.query_one("#body").loading = False

        # Of the program, not of the page: an act goes on when its page is turned.
        self.trustee_app.run_worker(guarded())


class WaitPage(Page):
    """The record is being read; nothing else is known yet."""

    def body(self) -> Iterator[Widget]:
        """Say so."""
        if self.refusal is None:
            yield frame(Notice(self.say("trustee.progress.replay"), ()))
        else:
            yield Button(self.say("trustee.tui.refresh"), id="do", variant="primary")

    def on_mount(self) -> None:
        """Look at the record before anything is asked."""
        self.attempt(self.trustee_app.begin)

    def press(self, name: str) -> None:
        """Look again."""
        if name == "do":
            self.attempt(self.trustee_app.begin)


class UnlockPage(Page):
    """The key file's passphrase."""

    def body(self) -> Iterator[Widget]:
        """Ask for it, without showing it."""
        say = self.say
        yield frame(Notice(say("trustee.tui.unlock.title"), tuple(map(str, self.work.keys))))
        yield Input(self.typed, password=True, placeholder=say("trustee.prompt.passphrase"), id="typed")
        yield Button(say("trustee.tui.unlock.button"), id="do", variant="primary")

    def press(self, name: str) -> None:
        """Open."""
        if name == "do":
            passphrase, self.typed = self.typed, ""
            self.attempt(lambda: self.trustee_app.unlock(passphrase))


class FingerprintPage(Page):
    """The manifest's fingerprint from outside, typed back; the groups that differ are shown, never the right ones."""

    def __init__(self) -> None:
        super().__init__()
        self.compared = ""

    def body(self) -> Iterator[Widget]:
        """Ask for it; show how each group compares after a try."""
        say = self.say
        title = say("trustee.tui.fingerprint.title")
        yield frame(Notice(title, (self.trustee_app.title_of_election(), say("trustee.fingerprint.explain"))))
        if self.compared:
            yield Static(self.compare(), id="groups", markup=False)
        yield Input(self.typed, placeholder=say("trustee.prompt.fingerprint"), id="typed")
        yield Button(say("trustee.tui.fingerprint.button"), id="do", variant="primary")

    def compare(self) -> Text:
        """Return what was typed in groups of four, each marked by sign, word and colour."""
        signs = "".join(self.compared.replace("-", " ").split())
        groups = [signs[at : at + 4] for at in range(0, max(len(signs), 36), 4)]
        wrong = differing_groups(self.work.seen.manifest_hash, self.compared)
        text = Text()
        for number, group in enumerate(groups, start=1):
            key, style = ("wrong", "bold red reverse") if number in wrong else ("right", "green")
            text.append(self.say(f"trustee.tui.group.{key}", number=number, group=group or "····"), style)
            text.append("\n" if number % 3 == 0 else "   ")
        return text

    def press(self, name: str) -> None:
        """Compare, and bind where all groups are the same."""
        if name == "do":
            self.compared = self.typed
            self.attempt(lambda: self.trustee_app.take(self.compared))


class ChecklistPage(Page):
    """Where the election stands: who, what, done, witnessed by; what is wrong; whose turn it is."""

    def body(self) -> Iterator[Widget]:
        """Show everything that a trustee should see before she acts."""
        say, work = self.say, self.work
        yield frame(work.say_election(say))
        for warning in work.list_warnings(say):
            yield Static(f"! {warning}", classes="warning", markup=False)
        task = work.next_task()
        yield frame(work.say_task(say), "task" if task.act != "wait" else "")
        with Horizontal(classes="buttons"):
            yield Button(say("trustee.tui.next"), id="do", variant="primary", disabled=task.act == "wait")
            yield Button(say("trustee.tui.refresh"), id="refresh")
            yield Button(say("trustee.tui.minutes"), id="minutes")
        yield Static(table_of(work.list_steps(say), say), id="steps")

    def press(self, name: str) -> None:
        """Turn to the act, look again, or write the minutes."""
        if name == "do" and self.work.next_task().act != "wait":
            self.trustee_app.turn_to(ActPage())
        elif name == "refresh":
            self.attempt(self.trustee_app.refresh_view)
        elif name == "minutes":
            self.attempt(self.trustee_app.write_minutes)


class ActPage(Page):
    """One act: what it does, what it cannot undo, and the election's short name where it cannot be undone."""

    def body(self) -> Iterator[Widget]:
        """Explain the act; the button says what it does."""
        say, work = self.say, self.work
        notice = work.say_act(say)
        dangerous = work.needs_name()
        yield Static(self.trustee_app.title_of_election(), classes="election", markup=False)
        yield frame(notice, "dangerous" if dangerous else "task")
        if dangerous:
            yield Static(say("trustee.prompt.short_name"), markup=False)
            yield Input(self.typed, id="typed")
        with Horizontal(classes="buttons"):
            yield Button(notice.title, id="do", variant="error" if dangerous else "primary")
            yield Button(say("trustee.tui.back"), id="back")

    def press(self, name: str) -> None:
        """Act, or go back."""
        if name == "back":
            self.action_back()
        elif name == "do":
            typed, self.typed = self.typed, ""
            self.attempt(lambda: self.trustee_app.perform(typed))


class OutcomePage(Page):
    """What was done, and where it went."""

    def __init__(self, notice: Callable[[Dictionary], Notice]) -> None:
        super().__init__()
        self.notice = notice

    def body(self) -> Iterator[Widget]:
        """Show it."""
        yield frame(self.notice(self.say), "task")
        yield Button(self.say("trustee.tui.back"), id="do", variant="primary")

    def press(self, name: str) -> None:
        """Go back to the checklist."""
        if name == "do":
            self.action_back()
