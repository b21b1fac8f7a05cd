"""What the command line shows: the values of `words` as panels and tables of a plain terminal.

Spec: `docs/operations/trustee.md`. Decides nothing and words nothing; what a manifest or a board wrote is shown as
it is, never as markup.

>>> from locales import dictionary
>>> Screen(Console(width=60), dictionary("en")).show_line("nobody")
nobody
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from crypto.election.ceremony import Task
from crypto.errors import Refused
from locales import Dictionary
from trustee_tools.ceremony import View
from trustee_tools.words import (
    Notice,
    list_alarms,
    list_complaints,
    list_obstacles,
    list_steps,
    say_decryption,
    say_election,
    say_refusal,
    say_task,
)

KIND_STYLES = {"demo": "yellow", "practice": "cyan", "real": "bold red"}


@dataclass(frozen=True, slots=True)
class Screen:
    """A console in one language."""

    console: Console
    say: Dictionary

    def show_notice(self, notice: Notice, style: str = "default") -> None:
        """Show a title and its lines in a frame."""
        self.console.print(Panel(Text("\n".join(notice.lines)), title=Text(notice.title), style=style))

    def show_election(self, view: View, name: str, place: int) -> None:
        """Show kind, title, fingerprint and whose program this is."""
        notice = say_election(view, name, place, self.say)
        lines = Text.assemble((notice.title, KIND_STYLES[view.manifest.kind]), "\n", "\n".join(notice.lines))
        self.console.print(Panel(lines, style="default"))

    def show_steps(self, view: View, own: int) -> None:
        """Show the checklist: who, what, done, witnessed by."""
        say = self.say
        table = Table(title=say("trustee.list.title"))
        for column in ("who", "what", "done", "witnessed"):
            table.add_column(say(f"trustee.list.{column}"))
        for row in list_steps(view, own, say):
            done = say(f"trustee.state.{row.state}") + (f"\n{row.detail}" if row.detail else "")
            table.add_row(Text(row.who), Text(row.what), Text(done), Text(row.witnessed))
        self.console.print(table)

    def show_task(self, view: View, task: Task, *, again: bool = False) -> None:
        """Say what comes next and why, or whom the ceremony waits for."""
        self.show_notice(say_task(view, task, self.say, again=again))

    def show_decryption(self, view: View) -> None:
        """Show what is about to be decrypted, and what officers released before it."""
        self.show_notice(say_decryption(view, self.say))

    def show_complaints(self, view: View, entries: Sequence[bytes]) -> None:
        """Say whom own entries complain about."""
        for complaint in list_complaints(view, entries, self.say):
            self.console.print(Text(f"! {complaint}", style="bold yellow"))

    def show_alarms(self, view: View, now_ms: int) -> None:
        """Show complaints as judged, refused messages, missing drills, disputes and releases."""
        for alarm in list_alarms(view, now_ms, self.say):
            self.console.print(Text(f"! {alarm}", style="yellow"))

    def show_obstacles(self, view: View, now_ms: int) -> None:
        """Say why nothing can be decrypted yet."""
        for obstacle in list_obstacles(view, now_ms, self.say):
            self.console.print(Text(f"– {obstacle}", style="dim"))

    def show_refusal(self, refusal: Refused) -> None:
        """Say what was refused, by which check, and what the check is for."""
        self.show_notice(say_refusal(refusal, self.say), "red")

    def show_line(self, key: str, **fields: object) -> None:
        """Say one sentence."""
        self.console.print(Text(self.say(f"trustee.{key}", **fields)))
