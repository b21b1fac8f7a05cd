"""One call of the command line: its language, whether it may ask, how it answers, which desk it looks at.

Spec: `docs/operations/trustee.md`. Without a terminal it never asks; with JSON the standard output holds the answer
alone.

>>> Session.begin("en", as_json=True).may_ask
False
"""

from __future__ import annotations

import getpass
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from crypto.errors import Refused
from locales import LANGUAGES, dictionary
from trustee_tools.ceremony import View
from trustee_tools.desk import Desk
from trustee_tools.screen import Screen

_LARGE = 2_000


@dataclass(frozen=True, slots=True)
class Session:
    """One call of the program: its screen, whether it may ask, and how it answers."""

    screen: Screen
    as_json: bool

    @classmethod
    def begin(cls, language: str, *, as_json: bool) -> Session:
        """Choose language and console; JSON leaves the standard output to the answer."""
        if language not in LANGUAGES:
            raise typer.BadParameter(f"one of {', '.join(LANGUAGES)}", param_hint="--language")
        return cls(Screen(Console(stderr=as_json, quiet=as_json), dictionary(language)), as_json)

    @property
    def may_ask(self) -> bool:
        """Tell whether a person sits at a terminal."""
        return not self.as_json and sys.stdin.isatty()

    def ask(self, key: str) -> str:
        """Ask one thing."""
        return str(typer.prompt(self.screen.say(f"trustee.prompt.{key}")))

    def passphrase(self, file: Path | None, descriptor: int | None, *, twice: bool = False) -> str:
        """Get the passphrase from where the person says, else ask without showing it."""
        if file is not None:
            return file.read_text(encoding="utf-8").split("\n", 1)[0]
        if descriptor is not None:
            with os.fdopen(descriptor, encoding="utf-8") as stream:
                return stream.readline().rstrip("\n")
        if not self.may_ask:
            raise typer.BadParameter("needed where nobody can be asked", param_hint="--passphrase-file")
        passphrase = getpass.getpass(self.screen.say("trustee.prompt.passphrase") + ": ")
        if twice and getpass.getpass(self.screen.say("trustee.prompt.passphrase_again") + ": ") != passphrase:
            raise typer.BadParameter(self.screen.say("trustee.prompt.passphrases_differ"))
        return passphrase

    def answer(self, **values: object) -> None:
        """Print the JSON answer where one was asked for."""
        if self.as_json:
            typer.echo(json.dumps(values, ensure_ascii=False, sort_keys=True))

    def look(self, desk: Desk, *, decrypting: bool = False) -> View:
        """Look at the record with a progress bar where it is large."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.screen.console, transient=True) as bar:
            line = bar.add_task(self.screen.say("trustee.progress.replay"), total=None)

            def show(done: int, total: int) -> None:
                if total > _LARGE:
                    bar.update(line, completed=done, total=total)

            view = desk.look(show, decrypting=decrypting)
        if desk.practising:
            self.screen.show_line("rehearsal")
        return view


def read_clock(view: View, now_ms: int | None) -> int:
    """Return the time in ms: the machine's, or a virtual one where the kind of election allows it. Raises Refused."""
    if now_ms is None:
        return time.time_ns() // 1_000_000
    if view.manifest.kind == "real":
        # In a real election the clock MUST be the machine's own.
        raise Refused("TRUSTEE-20", "a real election has no virtual clock", culprit="--now-ms")
    return now_ms
