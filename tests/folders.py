"""Records as folders of files in memory or on disk, made from a world of `tests.simulator`, and their audit.

>>> files = files_of(world_at("founded"))
>>> sorted(files)[:2]
['checkpoint', 'tile/0/000.p/4']
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from audit.findings import conclude
from audit.report import Report, Software, Work
from audit.verify import Audited, Given, Inline, Workers, audit
from crypto.merkle import CHECKPOINT_PATH, Tiles, publish
from tests.simulator import World, world_at

NOW_MS = 1_800_000_000_000
SLOTS = {2: 10, 3: 14}


@dataclass(frozen=True, slots=True)
class Memory:
    """A record held in memory."""

    files: Mapping[str, bytes]

    def get(self, path: str) -> bytes | None:
        """Return a file's bytes."""
        return self.files.get(path)

    def paths(self) -> Iterable[str]:
        """Name every file."""
        return self.files.keys()


def files_of_entries(entries: Sequence[bytes], checkpoint: bytes) -> dict[str, bytes]:
    """Return the files of a log that was published at once."""
    _, files = publish(Tiles(), entries)
    return {**dict(files), CHECKPOINT_PATH: checkpoint}


def files_of(world: World) -> dict[str, bytes]:
    """Return the files of a world's log under its newest checkpoint."""
    return files_of_entries(world.entries, world.checkpoints[-1])


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write a record to disk; return the folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def given_of(world: World) -> Given:
    """Return what the public knows of a world from outside."""
    return Given(world.manifest_hash, SLOTS, NOW_MS)


def audited(files: Mapping[str, bytes], given: Given, workers: Workers | None = None) -> tuple[Audited, Report]:
    """Audit files and return outcome and report."""
    outcome = audit(Memory(files), given, workers or Inline())
    return outcome, report_of(outcome, given)


def report_of(outcome: Audited, given: Given) -> Report:
    """Return the report of an audit, with fixed time and cost."""
    return conclude(
        outcome,
        given,
        command="dobush-audit verify record",
        name="record",
        checked_at="2027-01-15 08:00 UTC",
        software=Software("0.1.0", "00" * 32, "00" * 32, "3.11"),
        work=Work(1.0, 1, 0),
    )


__all__ = [
    "NOW_MS",
    "SLOTS",
    "Memory",
    "audited",
    "files_of",
    "files_of_entries",
    "given_of",
    "report_of",
    "world_at",
    "write_files",
]
