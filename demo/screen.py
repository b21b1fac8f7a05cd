"""What the demo shows: numbered steps with progress and time left, what each step proved, results, one verdict.

>>> import io
>>> screen = Screen(Console(file=io.StringIO(), width=80), steps=1)
>>> with screen.step("Roll") as step:
...     step.proved("two registrars signed 5,107 slots")
>>> "two registrars signed" in screen.console.file.getvalue()
True
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table


@dataclass(slots=True)
class Step:
    """One running step: move its bar, and collect what it proved."""

    progress: Progress
    task: int
    lines: list[str] = field(default_factory=list)

    def proved(self, sentence: str) -> None:
        """Keep one sentence for the lines under the step."""
        self.lines.append(sentence)

    def expect(self, total: int, doing: str = "") -> None:
        """Start a bar of `total` parts; `doing` stands beside it."""
        self.progress.reset(self.progress.task_ids[self.task], total=total, doing=doing)

    def advance(self, parts: int = 1) -> None:
        """Move the bar."""
        self.progress.advance(self.progress.task_ids[self.task], parts)

    def doing(self, what: str) -> None:
        """Say what runs now."""
        self.progress.update(self.progress.task_ids[self.task], doing=what)


@dataclass(slots=True)
class Screen:
    """The console of one demo run with `steps` numbered steps."""

    console: Console
    steps: int
    number: int = 0
    started: float = field(default_factory=time.perf_counter)

    def open(self, title: str, subtitle: str) -> None:
        """Print the head."""
        self.console.print(
            Panel(f"[bold]{escape(title)}[/]\n[dim]{escape(subtitle)}[/]", border_style="cyan", expand=False)
        )

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Run one step under a progress line, then print its number, title, seconds and what it proved."""
        self.number += 1
        label = f"[cyan]{self.number:>2}/{self.steps}[/] [bold]{escape(title)}[/]"
        started = time.perf_counter()
        columns = (
            SpinnerColumn(),
            TextColumn(label),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("[dim]{task.fields[doing]}[/]"),
        )
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as progress:
            progress.add_task(label, total=None, doing="")
            step = Step(progress, 0)
            yield step
        self.console.print(f"{label} [dim]{time.perf_counter() - started:.1f} s[/]")
        for line in step.lines:
            self.console.print(Padding(f"[green]✓[/] {escape(line)}", (0, 0, 0, 6)))

    def results(self, title: str, rows: Sequence[tuple[str, float, int, float]], *, top: int) -> None:
        """Print one question's table: option, published share, votes and share in this run."""
        table = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
        table.add_column("option", no_wrap=True)
        table.add_column("2021, %", justify="right", style="dim")
        table.add_column("votes", justify="right")
        table.add_column("demo, %", justify="right")
        table.add_column("", no_wrap=True)
        for name, published, votes, share in rows[:top]:
            bar = "█" * round(share * 24 / 100)
            table.add_row(escape(name), f"{published:.2f}", f"{votes:,}", f"{share:.2f}", f"[cyan]{bar}[/]")
        rest = rows[top:]
        if rest:
            votes, share = sum(row[2] for row in rest), sum(row[3] for row in rest)
            table.add_row(f"{len(rest)} others", f"{sum(row[1] for row in rest):.2f}", f"{votes:,}", f"{share:.2f}", "")
        self.console.print(Padding(table, (1, 0, 0, 3)))

    def close(self, *, verified: bool, lines: Sequence[str]) -> None:
        """Print the verdict."""
        word = "[bold green]VERIFIED[/]" if verified else "[bold red]NOT VERIFIED[/]"
        seconds = time.perf_counter() - self.started
        body = "\n".join([f"{word} [dim]· kind demo · {seconds:.0f} s[/]", *map(escape, lines)])
        self.console.print(
            Padding(Panel(body, border_style="green" if verified else "red", expand=False), (1, 0, 0, 0))
        )

    def note(self, title: str, line: str) -> None:
        """Print one line that people copy: never wrapped."""
        self.console.print(f"[dim]{escape(title)}[/]")
        self.console.print(escape(line), soft_wrap=True)
