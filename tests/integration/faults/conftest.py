"""The cluster of the fault matrix, which its tests may stop and kill, and the matrix itself, printed at the end."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Cluster
from tests.integration.faults.trial import Trial, open_trial

PAGE = Path(__file__).resolve().parents[3] / "docs/operations/faults.md"


@dataclass(slots=True)
class Matrix:
    """What was hurt, how, and what the audit found; one row a cell."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def note(self, part: str, fault: str, found: dict[str, int] | str) -> None:
        """Add a row."""
        text = found if isinstance(found, str) else ", ".join(f"{count} {name}" for name, count in found.items())
        self.rows.append((part, fault, text))

    def table(self) -> str:
        """Return the rows as a Markdown table."""
        lines = ["| part | fault | what the audit found |", "|---|---|---|"]
        return "\n".join([*lines, *(f"| {part} | {fault} | {found} |" for part, fault, found in sorted(self.rows))])


@pytest.fixture(scope="session")
def matrix(request: pytest.FixtureRequest) -> Iterator[Matrix]:
    """Return the matrix; it is printed when all cells are done."""
    made = Matrix()
    yield made
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{made.table()}")  # noqa: T201 - this is where the matrix is shown


@pytest.fixture(scope="session")
def frail(make_cluster: Callable[..., Cluster]) -> Cluster:
    """Return a cluster that a test may kill, if it starts it again."""
    return make_cluster()


@pytest.fixture
def make_trial(frail: Cluster) -> Iterator[Callable[..., Trial]]:
    """Return a maker of trials; each is stopped and removed at the end of its test."""
    made: list[Trial] = []

    def make(*arguments: Any, **settings: Any) -> Trial:  # noqa: ANN401
        trial = open_trial(frail, *arguments, **settings)
        made.append(trial)
        return trial

    yield make
    for trial in made:
        trial.stop()
        shutil.rmtree(trial.folder, ignore_errors=True)
    time.sleep(0)
