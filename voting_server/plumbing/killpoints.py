"""Named points at which a process may die; tests kill it exactly there and see what recovery finds.

Spec: `docs/operations/faults.md`. In operation `reach` does nothing. A process that a test started with
`DOBUSH_KILL_AT=name` writes the name to `DOBUSH_KILL_LOG` and kills itself with SIGKILL when it gets there; with
`DOBUSH_KILL_WHEN` naming a file, only once that file exists.

>>> reach("sequencer-before-commit")
"""

import os
import signal
from pathlib import Path

POINTS: set[str] = {
    "cast-before-insert",
    "cast-before-commit",
    "cast-after-commit",
    "sequencer-before-commit",
    "sequencer-after-commit",
    "publish-after-bundles",
    "publish-after-tiles",
    "publish-after-checkpoint",
    "witness-before-store",
}
"""Every kill point named in code; the fault matrix asserts that each was hit."""


def reach(name: str) -> None:
    """Mark that the process is at a kill point. Raises KeyError for a name that is not in `POINTS`."""
    if name not in POINTS:
        raise KeyError(name)
    if os.environ.get("DOBUSH_KILL_AT") != name:
        return
    armed = os.environ.get("DOBUSH_KILL_WHEN")
    if armed and not Path(armed).exists():
        return
    journal = os.environ.get("DOBUSH_KILL_LOG")
    if journal:
        with Path(journal).open("a", encoding="ascii") as file:
            file.write(f"{name}\n")
            file.flush()
            os.fsync(file.fileno())
    os.kill(os.getpid(), signal.SIGKILL)
