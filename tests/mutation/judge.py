"""What the auditor says of a broken record, in one short text: the first failing check, and where it failed.

`CHECK self`: the broken entry itself is refused by this check. `CHECK later`: it is accepted, and the first thing that
fails is a later entry that depends on it. `CHECK files`, `CHECK end`: the files of the log, or the record as a whole.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from multiprocessing import get_context
from pathlib import Path

from crypto.election.entries import parse_entry
from tests.folders import audited, given_of
from tests.mutation.mutate import MODES, WHOLE, Mode, Mutation, break_files, mutations_of, rebuild, reseal_honestly
from tests.mutation.story import Story, tell

EXPECTED = Path(__file__).with_name("expected.json")
VERIFIED = "VERIFIED"
SLICES = 4
FILES = "files"


def judge(story: Story, files: Mapping[str, bytes], touched: Container[int] = ()) -> str:
    """Audit files and return what was found first."""
    outcome, report = audited(files, given_of(story))
    if report.verdict == "verified":
        return VERIFIED
    if outcome.record is not None and outcome.record.refused:
        index, refusal = min(outcome.record.refused.items())
        return f"{refusal.refused.check} {'self' if index in touched else 'later'}"
    if outcome.files:
        return f"{outcome.files[0].check} files"
    failed = [finding.check for finding in report.findings if finding.outcome == "failed"]
    return f"{failed[0]} end" if failed else "incomplete"


def modes_of(mutation: Mutation) -> Iterator[Mode]:
    """Yield the modes in which a mutation is tried: whole entries carry their old signatures in any case."""
    yield from (mode for mode in MODES if mode != "resigned" or mutation.path != WHOLE)


def outcome_of(story: Story, mutation: Mutation, mode: Mode) -> str:
    """Break the record, put it together again as the mode says, audit it."""
    rebuilt = rebuild(story, mutation, mode)
    return judge(story, rebuilt.files, rebuilt.touched)


def entry_types(story: Story) -> list[str]:
    """Return the types of the story's entries."""
    return sorted({parse_entry(raw).type for raw in story.entries})


@dataclass(frozen=True)
class Found:
    """What became of all mutations: by row (type, path, kind, mode) the distinct outcomes, and how many were tried."""

    rows: dict[str, list[str]]
    tried: int

    def checks(self) -> set[str]:
        """Return the ids of the checks that refused something."""
        return {outcome.partition(" ")[0] for row in self.rows.values() for outcome in row if outcome != VERIFIED}

    def summary(self) -> str:
        """Return the figures of a run in one line."""
        verified = sum(VERIFIED in outcomes for outcomes in self.rows.values())
        return (
            f"{self.tried} mutations in {len(self.rows)} rows, refused by {len(self.checks())} checks; "
            f"{verified} rows hold a variant that is another valid record"
        )


@dataclass(frozen=True)
class Expected:
    """The table: outcomes by row, and the reasons why some broken entries are accepted (patterns of rows)."""

    rows: dict[str, list[str]]
    accepted: dict[str, str]

    def reason(self, row: str) -> str:
        """Return why a row's entry may be accepted, nothing where the table gives no reason."""
        return next((reason for pattern, reason in self.accepted.items() if fnmatchcase(row, pattern)), "")


def read_expected() -> Expected:
    """Read the table."""
    document = json.loads(EXPECTED.read_text(encoding="utf-8"))
    return Expected(document["rows"], document["accepted"])


def run_all(every: int = 1) -> Found:
    """Try all mutations, or every n-th, on all cores."""
    jobs = [(name, part, every) for name in [*entry_types(tell()), FILES] for part in range(SLICES)]
    rows: dict[str, set[str]] = defaultdict(set)
    tried = 0
    # The longest first, so that no core waits for another in the end.
    jobs.sort(key=lambda job: job[0] not in {"seal", "ballot", "manifest"})
    with get_context("fork").Pool(os.cpu_count()) as pool:
        for part in pool.imap_unordered(_run_slice, jobs):
            tried += len(part)
            for row, outcome in part:
                rows[row].add(outcome)
    return Found({row: sorted(outcomes) for row, outcomes in sorted(rows.items())}, tried)


def _run_slice(job: tuple[str, int, int]) -> list[tuple[str, str]]:
    name, part, every = job
    story = tell()
    if name == FILES:
        broken = enumerate(break_files(reseal_honestly(story).files))
        return [(f"{FILES} {how}", judge(story, files)) for at, (how, files) in broken if _is_due(at, part, every)]
    return [
        (f"{mutation.name} {mode}", outcome_of(story, mutation, mode))
        for at, mutation in enumerate(mutations_of(story, name))
        if _is_due(at, part, every)
        for mode in modes_of(mutation)
    ]


def _is_due(at: int, part: int, every: int) -> bool:
    return at % SLICES == part and at // SLICES % every == 0
