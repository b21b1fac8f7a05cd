"""A figure, how it is timed on one core, and how the run is shown and stored.

>>> Figure("verify.1of10.us", 161.4, "us").text
'161.4 us'
>>> best_of(3, lambda: sum(range(10))) >= 0
True
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value with its unit, None when it was not measured; the note says on what or why not."""

    name: str
    value: float | None
    unit: str
    note: str = ""

    @property
    def text(self) -> str:
        """Return value and unit for people."""
        if self.value is None:
            return f"not measured: {self.note}"
        digits = 0 if self.value >= 1000 or self.unit == "bytes" else 1 if self.value >= 10 else 3
        return f"{self.value:,.{digits}f} {self.unit}"


def not_measured(name: str, reason: str) -> Figure:
    """Return a row without a value."""
    return Figure(name, None, name.rsplit(".", 1)[-1], reason)


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process on one core, so that a figure per core is one."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def best_of(rounds: int, action: Callable[[], object]) -> float:
    """Return the seconds of the fastest of some rounds: other load on the machine only ever adds."""
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def seconds_each(action: Callable[[], object], *, at_least: float = 0.3) -> float:
    """Return the seconds of one call, by as many calls as fill `at_least` seconds."""
    calls, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < at_least or calls == 0:
        action()
        calls += 1
    return spent / calls


def show(figures: Sequence[Figure], console: Console) -> None:
    """Print the table."""
    table = Table(title="dobush benchmarks", title_justify="left", show_edge=False)
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("on what", style="dim")
    for figure in figures:
        value = "not measured" if figure.value is None else figure.text
        table.add_row(figure.name, value, figure.note)
    console.print(table)


def store(figures: Sequence[Figure], path: Path) -> None:
    """Write the list of {name, value, unit}; what was not measured has the value null and says why."""
    rows: list[dict[str, object]] = []
    for figure in figures:
        row: dict[str, object] = {"name": figure.name, "value": figure.value, "unit": figure.unit}
        if figure.note:
            row["note"] = figure.note
        rows.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
