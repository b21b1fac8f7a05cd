"""What the trustee's program shows: the state as a checklist, the next act in plain words, refusals with reasons.

Spec: `docs/operations/trustee.md`. Everything shown comes from a `View` and a `Task`; no rule is decided here. Texts
come from `locales`, under keys that begin with `trustee.`.

>>> from locales import dictionary
>>> say_target(dictionary("en"), "late")
'the late last block'
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from crypto.election.ceremony import ROUNDS, Task
from crypto.errors import Refused
from locales import Dictionary
from trustee_tools.ceremony import View, write_fingerprint


@dataclass(frozen=True, slots=True)
class Screen:
    """A console in one language."""

    console: Console
    say: Dictionary

    def show_election(self, view: View, name: str, place: int) -> None:
        """Show kind, title, fingerprint and whose program this is: first, lest one work on the wrong one."""
        manifest = view.manifest
        style = {"demo": "yellow", "practice": "cyan", "real": "bold red"}[manifest.kind]
        title, _ = self.say.pick({"ky": manifest.title.ky, "ru": manifest.title.ru, "en": manifest.title.en})
        lines = Text.assemble(
            (self.say(f"trustee.kind.{manifest.kind}"), style),
            f"\n{title} ({manifest.short_name})\n",
            self.say("trustee.election.fingerprint"),
            f"\n{write_fingerprint(view.manifest_hash)}\n",
            self.say("trustee.election.you", name=name, place=place, count=len(view.keys)),
        )
        self.console.print(Panel(lines, style="default"))

    def show_rounds(self, view: View, own: int) -> None:
        """Show the steps of the current run and the drills: done by whom, awaited from whom."""
        ceremony, say = view.ceremony, self.say
        table = Table(title=say("trustee.table.title", run=ceremony.run))
        table.add_column(say("trustee.table.step"))
        table.add_column(say("trustee.table.you"), justify="center")
        table.add_column(say("trustee.table.state"))
        steps = [(say(f"trustee.table.{act}"), ceremony.missing(number)) for number, act in enumerate(ROUNDS, start=1)]
        for number, passed in sorted(ceremony.passed.items()):
            missing = tuple(sorted(set(ceremony.everyone) - passed))
            steps.append((say("trustee.table.drill", number=number), missing))
        for step, missing in steps:
            if missing:
                state = say("trustee.wait.for", names=", ".join(name_of(view, place) for place in missing))
            else:
                state = say("trustee.table.all", count=len(view.keys))
            table.add_row(step, "…" if own in missing else say("trustee.table.sent"), state)
        self.console.print(table)

    def show_task(self, view: View, task: Task) -> None:
        """Say what comes next and why, or whom the ceremony waits for."""
        say = self.say
        explain = say(f"trustee.act.{task.act}.explain", number=task.number)
        if task.missing and task.act == "wait":
            names = ", ".join(name_of(view, place) for place in task.missing)
            explain += "\n" + say("trustee.wait.for", names=names)
        self.console.print(Panel(explain, title=say(f"trustee.act.{task.act}.title", number=task.number)))

    def show_decryption(self, view: View) -> None:
        """Show what is about to be decrypted, and what officers released before it."""
        tally, say = view.tally, self.say
        if tally is None or tally.closed_root is None:
            return
        cells = len(tally.plan.items)
        lines = [say("trustee.decrypt.plan", cells=say.number(cells), ballots=say.number(tally.accepted))]
        lines.append(say("trustee.decrypt.root", root=write_fingerprint(tally.closed_root)))
        lines += [
            say("trustee.decrypt.released", target=say_target(say, target), effect=effect)
            for target, effect in tally.released.items()
        ]
        self.console.print(Panel("\n".join(lines), title=say("trustee.act.decrypt.title", number=0)))

    def show_obstacles(self, view: View, now_ms: int) -> None:
        """Say why nothing can be decrypted yet: a forbidden act is shown with its reason, not hidden."""
        manifest, tally = view.manifest, view.tally
        reasons = {
            "closed": tally is None or not view.close_covered,
            "dispute": not view.dispute_over,
            "clock": now_ms < manifest.closes_at_ms + manifest.grace_ms,
            "release": tally is not None and bool(tally.unresolved()),
        }
        for name, holds in reasons.items():
            if holds:
                self.console.print(f"[dim]– {self.say(f'trustee.obstacle.{name}')}[/dim]")

    def show_refusal(self, refusal: Refused) -> None:
        """Say what was refused, by which check, and what the check is for."""
        say, meaning = self.say, f"check.{refusal.check}"
        lines = [f"{refusal.check}: {refusal.reason}" + (f" ({refusal.culprit})" if refusal.culprit else "")]
        if meaning in say:
            lines.append(say(meaning))
        lines.append(say("trustee.refused.what_now"))
        self.console.print(Panel("\n".join(lines), title=say("trustee.refused.title"), style="red"))

    def show_line(self, key: str, **fields: object) -> None:
        """Say one sentence."""
        self.console.print(self.say(f"trustee.{key}", **fields), highlight=False)


def name_of(view: View, place: int) -> str:
    """Return a trustee's name by her place from 1."""
    return view.manifest.trustees[place - 1].name


def say_target(say: Dictionary, target: int | bytes | str) -> str:
    """Return in words what a release settles."""
    if isinstance(target, bytes):
        return say("trustee.target.receipt", hash=write_fingerprint(target))
    return say("trustee.target.late") if isinstance(target, str) else say("trustee.target.entry", index=target)
