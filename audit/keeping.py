"""Where an audit's state is kept: one file, there whole or not at all, renewed while the audit runs.

Spec: `docs/operations/audit.md`, section "Going on".

>>> StateFile(Path("nowhere"), "p").read() is None
True
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from audit.fetch import InputError, read_file
from audit.mirror import write_file
from audit.resume import Progress, StateError, parse_progress

EVERY_S: Final = 30.0
"""How often a running audit keeps its state: what an interruption costs at most."""

LARGEST: Final = 1 << 30
_MOST_NOTES: Final = 64


@dataclass(slots=True)
class StateFile:
    """A kept state on the disk; `program` names what may go on from it."""

    path: Path
    program: str
    last_s: float = field(default_factory=lambda: time.monotonic())  # noqa: PLW0108 -- looked up at each call

    def read(self) -> Progress | None:
        """Return what was kept, None where there is no file yet. Raises StateError."""
        if not self.path.exists():
            return None
        try:
            return parse_progress(read_file(self.path, LARGEST), self.program)
        except InputError as error:
            raise StateError("damaged") from error

    def due(self) -> bool:
        """Tell whether the last time was long ago."""
        return time.monotonic() - self.last_s >= EVERY_S

    def keep(self, progress: Progress) -> None:
        """Write the file."""
        write_file(self.path, progress.to_bytes(self.program))
        self.last_s = time.monotonic()


def keep_notes(folder: Path, notes: Iterable[bytes]) -> None:
    """Write checkpoints into a folder, each once under the hash of its bytes; no more than a disk holds easily."""
    for note in notes:
        file = folder / f"checkpoint-{sha256(note).hexdigest()[:16]}.txt"
        if not file.exists() and len(list(folder.glob("checkpoint-*.txt"))) < _MOST_NOTES:
            write_file(file, note)
