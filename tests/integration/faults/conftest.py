"""The cluster of the fault matrix, which its tests may stop and kill, and the matrix itself, printed at the end."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Cluster
from tests.integration.faults.trial import Trial, open_trial

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs/operations/faults.md"
FILES = len(list(HERE.glob("test_*.py")))
_TABLE = re.compile(r"\| part \| fault \|.*?\n\n", re.DOTALL)


@dataclass(slots=True)
class Matrix:
    """What was hurt, how, and what the audit found; one row a cell."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def note(self, part: str, fault: str, found: dict[str, int]) -> None:
        """Add a row."""
        text = ", ".join(f"{count} {name}" for name, count in found.items())
        self.rows.append((part, fault, f"verified: {text}"))

    def table(self) -> str:
        """Return the rows as a Markdown table."""
        lines = ["| part | fault | what the audit found |", "|---|---|---|"]
        return "\n".join([*lines, *(f"| {part} | {fault} | {found} |" for part, fault, found in sorted(self.rows))])


@pytest.fixture(scope="session")
def matrix(request: pytest.FixtureRequest) -> Iterator[Matrix]:
    """Return the matrix; it is printed when all cells are done, and its cells must be those of the page.

    With `DOBUSH_KEEP_MATRIX` in the environment the page gets the new results instead.
    """
    made = Matrix()
    yield made
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{made.table()}")  # noqa: T201 - this is where the matrix is shown
    if len({item.path for item in request.session.items} & set(HERE.glob("test_*.py"))) < FILES:
        return
    page = PAGE.read_text(encoding="utf-8")
    if os.environ.get("DOBUSH_KEEP_MATRIX"):
        PAGE.write_text(_TABLE.sub(lambda _: made.table() + "\n\n", page, count=1), encoding="utf-8")
    elif not request.config.option.keyword and not request.session.testsfailed:
        kept = _TABLE.search(page)
        assert kept is not None
        assert _cells(kept[0]) == _cells(made.table())


def _cells(table: str) -> list[str]:
    """Return a table's parts and faults without their results, which tell of numbers that vary with the timing."""
    return [line.rpartition(" | ")[0] for line in table.splitlines() if line]


@pytest.fixture(scope="session")
def frail(make_cluster: Callable[..., Cluster]) -> Cluster:
    """Return a cluster that a test may kill, if it starts it again."""
    return make_cluster()


@pytest.fixture
def make_trial(frail: Cluster) -> Iterator[Callable[..., Trial]]:
    """Return a maker of trials; each is stopped and removed at the end of its test."""
    with ExitStack() as stack:

        def make(*arguments: Any, cluster: Cluster = frail, **settings: Any) -> Trial:  # noqa: ANN401
            if not cluster.pid:
                # A test that failed in the middle left it down; the others are not to fail with it.
                cluster.start()
            trial = open_trial(cluster, *arguments, **settings)
            stack.callback(shutil.rmtree, trial.folder, ignore_errors=True)
            stack.callback(trial.stop)
            return trial

        yield make
