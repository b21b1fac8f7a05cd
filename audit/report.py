"""The auditor's report as one value: its verdict, its exit status, its JSON and its plain text.

Spec: `docs/operations/audit.md`. Pure: everything comes in as values, texts come from the dictionary. Promises that
*not run* is never counted or shown as passed, that the verdict stands first and names the kind of election, and that
every percentage stands beside its count and its base. `audit.page` renders the same value as one HTML page.

>>> finding = Finding("EXAMPLE-1", "passed", 12)
>>> exit_status([finding]), exit_status([finding, Finding("EXAMPLE-2", "not run", 0, blocking=True)])
(0, 3)
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final, Literal

from locales import Dictionary

Outcome = Literal["passed", "failed", "not run"]
Verdict = Literal["verified", "failed", "incomplete"]

EXIT_VERIFIED: Final = 0
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_INCOMPLETE: Final = 3

SYMBOLS: Final[dict[Outcome, str]] = {"passed": "✔", "failed": "✘", "not run": "○"}
"""A shape for each state, so that no state is told by colour alone."""

SHOWN_CULPRITS: Final = 20
"""How many culprits of one check the report spells out; the JSON counts all of them."""


@dataclass(frozen=True, slots=True)
class Culprit:
    """One object that failed: its entry (or None for a file), what is wrong, and whether a release entry names it."""

    index: int | None
    reason: str
    culprit: str
    leaf_hash: str = ""
    released: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What one numbered check found.

    `count` is the number of objects it covered. A check that is *not run* is `blocking` when the record or the caller
    owed what it needs, and not blocking when the record rightly holds no such object; `note` is the dictionary key that
    says which.
    """

    check: str
    outcome: Outcome
    count: int
    culprits: tuple[Culprit, ...] = ()
    failures: int = 0
    blocking: bool = False
    note: str = ""

    @property
    def family(self) -> str:
        """Return the part of the id before its number."""
        return self.check.rpartition("-")[0]


@dataclass(frozen=True, slots=True)
class Software:
    """What checked: version, SHA-256 over the installed files, SHA-256 of the compiled kernel, Python's version."""

    version: str
    package_hash: str
    kernel_hash: str
    python: str


@dataclass(frozen=True, slots=True)
class Subject:
    """The election as its manifest names it."""

    kind: str
    title: dict[str, str]
    short_name: str
    origin: str
    manifest_hash: str
    suite: str
    trustees: int
    threshold: int
    minimum_cell: int
    opens_at_ms: int
    closes_at_ms: int
    interval_ms: int = 0


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a contest and its votes; `withdrawn` by a decision (a candidate withdrawn, a list struck)."""

    name: dict[str, str]
    votes: int
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """One published cell: the places it unites, its counted ballots, its votes in the options' order."""

    places: tuple[dict[str, str], ...]
    ballots: int
    votes: tuple[int, ...]
    unanimous: bool
    annulled: bool = False


@dataclass(frozen=True, slots=True)
class Contest:
    """One contest's recomputed result; `undecrypted` ballots were too few for any cell and stay closed."""

    id: str
    title: dict[str, str]
    options: tuple[Option, ...]
    ballots: int
    undecrypted: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class District:
    """Slots, credentials, changes and strikes of one district; `given` are the slots named from outside.

    `voted` counts pseudonyms with a counted ballot, `revotes` ballots that replaced another; None is withheld, because
    it would speak of fewer people than the minimum of a cell.
    """

    id: int
    name: dict[str, str]
    slots: int
    given: int | None
    credentials: int
    changes: int
    strikes: int
    voted: int | None = None
    revotes: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive blocks and the ballots they took in; `seen_ms` is when the witnesses had seen the last of them."""

    first_block: int
    last_block: int
    ballots: int
    seen_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Witness:
    """How many sealed checkpoints a witness cosigned, and how many seconds after the first of all it did."""

    name: str
    checkpoints: int
    mean_s: float
    most_s: int


@dataclass(frozen=True, slots=True)
class Sighting:
    """A sealed checkpoint: the block it ends, when witnesses had seen it, and milliseconds since the one before."""

    block: int
    seen_ms: int
    wait_ms: int


@dataclass(frozen=True, slots=True)
class Work:
    """What the audit cost: wall seconds, processes, peak memory of all of them in bytes (0 = not measured)."""

    seconds: float
    workers: int
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one audit found. `command` repeats the audit; `subject` is None when no manifest could be read."""

    command: str
    record: str
    checked_at: str
    software: Software
    subject: Subject | None
    size: int
    root_hash: str
    findings: tuple[Finding, ...]
    numbers: dict[str, int] = field(default_factory=dict)
    contests: tuple[Contest, ...] = ()
    districts: tuple[District, ...] = ()
    turnout: tuple[Span, ...] = ()
    revotes: tuple[Span, ...] = ()
    witnesses: tuple[Witness, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    remarks: tuple[str, ...] = ()
    undrilled: tuple[str, ...] = ()
    work: Work = Work(0.0, 0, 0)

    @property
    def verdict(self) -> Verdict:
        """Return the one word that the exit status says as a number."""
        words: dict[int, Verdict] = {EXIT_VERIFIED: "verified", EXIT_FAILED: "failed"}
        return words.get(exit_status(self.findings), "incomplete")


def exit_status(findings: Iterable[Finding]) -> int:
    """Return 0 only if every check that the record owes passed: 1 after a failure, 3 when one was not run."""
    found = tuple(findings)
    if any(finding.outcome == "failed" for finding in found):
        return EXIT_FAILED
    if any(finding.outcome == "not run" and finding.blocking for finding in found):
        return EXIT_INCOMPLETE
    return EXIT_VERIFIED if any(finding.outcome == "passed" for finding in found) else EXIT_INCOMPLETE


def is_settled(findings: Iterable[Finding]) -> bool:
    """Tell whether no later entry of the record can change what was found: no check waits for the election's end."""
    return all(finding.note != "report.note.not_due" for finding in findings)


def spans(ballots_by_block: Sequence[int], minimum: int, most: int = 48) -> tuple[Span, ...]:
    """Unite blocks into at most about `most` spans, none of which holds between 1 and `minimum` − 1 ballots.

    A few ballots in one minute say who voted then; the last span therefore swallows what is too small.

    >>> [(span.first_block, span.last_block, span.ballots) for span in spans([0, 3, 9, 30, 2], minimum=10)]
    [(1, 2, 12), (3, 4, 32)]
    """
    used = [block for block, ballots in enumerate(ballots_by_block) if ballots]
    if not used:
        return ()
    width = -(-(used[-1] - used[0] + 1) // most)
    done: list[Span] = []
    first, total = used[0], 0
    for block in range(used[0], used[-1] + 1):
        total += ballots_by_block[block]
        if block - first + 1 >= width and total >= max(minimum, 1):
            done.append(Span(first, block, total))
            first, total = block + 1, 0
    if total and done:
        last = done.pop()
        done.append(Span(last.first_block, used[-1], last.ballots + total))
    elif total >= minimum:
        done.append(Span(first, used[-1], total))
    return tuple(done)


def withhold(figures: Mapping[int, int], minimum: int) -> dict[int, int | None]:
    """Take out the figures of fewer than `minimum` people, and so many more that no difference speaks of so few.

    Where all figures but one are known beside their sum, the sum would tell the last one: what is withheld together is
    nothing or at least the minimum.

    >>> withhold({1: 30, 2: 4, 3: 12, 4: 0}, 10)
    {1: 30, 2: None, 3: None, 4: 0}
    """
    shown: dict[int, int | None] = dict(figures)
    hidden = 0
    for name, figure in sorted(figures.items(), key=lambda item: (item[1], item[0])):
        if 0 < figure < minimum or 0 < hidden < minimum:
            shown[name] = None if figure else 0
            hidden += figure
    return shown


def to_json(report: Report) -> str:
    """Return the whole report as one JSON object with a trailing newline; keys are the fields' names."""
    document = asdict(report)
    document["verdict"] = report.verdict
    document["exit_status"] = exit_status(report.findings)
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def headline(report: Report, t: Dictionary) -> str:
    """Return the verdict with the election's kind, in one line."""
    kind = report.subject.kind if report.subject else "unknown"
    return f"{t('report.verdict.' + report.verdict)} · {t('report.kind.' + kind)}"


def scope(report: Report, t: Dictionary) -> str:
    """Return what the verdict covers: ballots, checks by outcome, software."""
    by_outcome = {outcome: sum(f.outcome == outcome for f in report.findings) for outcome in SYMBOLS}
    skipped = sum(f.outcome == "not run" and f.blocking for f in report.findings)
    return t(
        "report.scope",
        ballots=t.number(report.numbers.get("ballots_checked", 0)),
        all=t.number(report.numbers.get("ballots", 0)),
        entries=t.number(report.size),
        passed=by_outcome["passed"],
        failed=by_outcome["failed"],
        skipped=skipped,
        absent=by_outcome["not run"] - skipped,
        time=report.checked_at,
        software=report.software.package_hash,
    )


def claim(finding: Finding, t: Dictionary) -> str:
    """Return the check's claim in the reader's language."""
    key = "check." + finding.check
    return t(key) if key in t else t("check.unknown", check=finding.check)


def method(finding: Finding, t: Dictionary) -> str:
    """Return how checks of this family are carried out."""
    key = "method." + finding.family
    return t(key) if key in t else t("method.unknown")


def repeat(report: Report, finding: Finding) -> str:
    """Return a command that shows this finding again."""
    indexes = [culprit.index for culprit in finding.culprits if culprit.index is not None]
    if finding.outcome == "failed" and indexes:
        return f"dobush-audit show {report.record} {indexes[0]}"
    return f"{report.command} --check {finding.check}"


def result(finding: Finding, t: Dictionary) -> str:
    """Return the outcome in words with its count or its reason."""
    if finding.outcome == "failed":
        return t("report.result.failed", failures=t.number(finding.failures), count=t.number(finding.count))
    if finding.outcome == "passed":
        return t("report.result.passed", count=t.number(finding.count))
    return t(finding.note or "report.note.unreached")


def percent(part: int, base: int, t: Dictionary) -> str:
    """Return a percentage with two decimals, or a dash where there is no base."""
    return t.decimal(100 * part / base, 2) + " %" if base else "–"


def printable(text: str) -> str:
    """Replace what could move a terminal's cursor or reorder a line: control, format and surrogate characters."""
    return "".join(c if c.isprintable() or c == "\u00a0" else "�" for c in text)


def to_text(report: Report, t: Dictionary) -> str:
    """Return the report as plain text for a terminal; foreign names are stripped of control characters."""
    lines = [headline(report, t), scope(report, t), ""]
    if report.subject:
        title, _ = t.pick(report.subject.title)
        lines += [
            f"{t('report.election')}: {title}",
            f"{t('report.origin')}: {report.subject.origin}",
            f"{t('report.manifest_hash')}: {report.subject.manifest_hash}",
        ]
    lines += [f"{t('report.root')}: {report.root_hash}", ""]
    for contest in report.contests:
        lines += _contest_lines(contest, t)
    lines += [t("report.checks"), *(_finding_line(finding, t) for finding in report.findings), ""]
    for finding in report.findings:
        if finding.outcome == "failed":
            lines.append(f"{SYMBOLS['failed']} {finding.check}: {claim(finding, t)}")
            lines += ["    " + _culprit_line(culprit, t) for culprit in finding.culprits[:SHOWN_CULPRITS]]
            lines.append(f"    {t('report.repeat')}: {repeat(report, finding)}")
    names = ", ".join(report.undrilled)
    lines += [t("report.remark." + remark, names=names) for remark in report.remarks]
    work = report.work
    lines.append(
        t(
            "report.work",
            seconds=t.decimal(work.seconds, 1),
            workers=work.workers,
            megabytes=t.number(work.peak_bytes >> 20),
        )
    )
    lines.append(headline(report, t))
    return "\n".join(printable(line) for line in lines) + "\n"


def finding_to_text(report: Report, check: str, t: Dictionary) -> str:
    """Return one check in full: claim, method, result, count, culprits, how to repeat it."""
    found = [finding for finding in report.findings if finding.check == check]
    lines = [] if found else [t("check.unknown", check=check)]
    for finding in found:
        lines += [
            _finding_line(finding, t),
            f"{t('report.column.method')}: {method(finding, t)}",
            f"{t('report.column.result')}: {result(finding, t)}",
            f"{t('report.repeat')}: {repeat(report, finding)}",
            *("    " + _culprit_line(culprit, t) for culprit in finding.culprits),
        ]
    return "\n".join(printable(line) for line in [*lines, headline(report, t)]) + "\n"


def _contest_lines(contest: Contest, t: Dictionary) -> list[str]:
    title, _ = t.pick(contest.title)
    rows = [title, f"  {t('report.base', base=t.number(contest.ballots))}"]
    for option in contest.options:
        name, _ = t.pick(option.name)
        tail = f" ({t('report.withdrawn')})" if option.withdrawn else ""
        rows.append(f"  {t.number(option.votes):>12}  {percent(option.votes, contest.ballots, t):>9}  {name}{tail}")
    if contest.undecrypted:
        rows.append("  " + t("report.undecrypted", ballots=t.number(contest.undecrypted)))
    return [*rows, ""]


def _finding_line(finding: Finding, t: Dictionary) -> str:
    word = t("report.outcome." + finding.outcome.replace(" ", "_"))
    return (
        f"{SYMBOLS[finding.outcome]} {word:<12} {finding.check:<16} {t.number(finding.count):>11}  {claim(finding, t)}"
    )


def _culprit_line(culprit: Culprit, t: Dictionary) -> str:
    where = t("report.file") if culprit.index is None else t("report.entry", index=culprit.index)
    tail = f" ({culprit.culprit})" if culprit.culprit else ""
    return f"{where}: {culprit.reason}{tail}" + (f" [{t('report.released')}]" if culprit.released else "")
