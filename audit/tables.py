r"""The report's figures as CSV, for a spreadsheet or a program: one table a function, lines by CRLF, a head in each.

Spec: `docs/operations/audit.md`, section "The page". What the report withholds is an empty field here.

>>> field("=1+1")
'"\'=1+1"'
"""

from collections.abc import Iterable, Sequence
from typing import Final

from audit.report import Report, Span


def field(content: str) -> str:
    """Quote a name; a leading = + - @ would be a formula in a spreadsheet."""
    safe = "'" + content if content[:1] in ("=", "+", "-", "@", "\t", "\r") else content
    return '"' + safe.replace('"', '""') + '"'


def _lines(head: str, rows: Iterable[Sequence[object]]) -> str:
    cells = (",".join("" if cell is None else str(cell) for cell in row) for row in rows)
    return "\r\n".join([head, *cells]) + "\r\n"


def _named(names: dict[str, str]) -> str:
    return field(names.get("ky") or names.get("ru") or names.get("en", ""))


def results(report: Report) -> str:
    """Return every counted figure: contest, option, votes, ballots (the base of any percentage)."""
    rows = (
        (contest.id, field(contest.title.get("en", "")), number, _named(option.name), option.votes, contest.ballots)
        for contest in report.contests
        for number, option in enumerate(contest.options, 1)
    )
    return _lines("contest_id,contest,option_number,option,votes,ballots", rows)


def cells(report: Report) -> str:
    """Return the votes of every published cell: contest, cell, its places, option, votes, ballots."""
    rows = (
        (contest.id, at, places, number, votes, cell.ballots)
        for contest in report.contests
        for at, cell in enumerate(contest.cells)
        for places in (field("; ".join(place.get("ky") or place.get("en", "") for place in cell.places)),)
        for number, votes in enumerate(cell.votes, 1)
    )
    return _lines("contest_id,cell,places,option_number,votes,ballots", rows)


def _spans(spans: Iterable[Span]) -> str:
    rows = ((span.first_block, span.last_block, span.seen_ms, span.ballots) for span in spans)
    return _lines("first_block,last_block,seen_ms,ballots", rows)


def turnout(report: Report) -> str:
    """Return ballots by span of blocks; `seen_ms` is when the witnesses had seen the span's last ones."""
    return _spans(report.turnout)


def revotes(report: Report) -> str:
    """Return ballots that replaced another, by span of blocks."""
    return _spans(report.revotes)


def districts(report: Report) -> str:
    """Return slots, credentials, voters, votes cast again, changes and strikes of every district."""
    rows = (
        (d.id, _named(d.name), d.slots, d.given, d.credentials, d.voted, d.revotes, d.changes, d.strikes)
        for d in report.districts
    )
    return _lines("district,name,slots,slots_given,credentials,voted,revotes,changes,strikes", rows)


def witnesses(report: Report) -> str:
    """Return of every witness the checkpoints that it cosigned and how long after the first of all."""
    rows = ((field(each.name), each.checkpoints, each.mean_s, each.most_s) for each in report.witnesses)
    return _lines("witness,checkpoints,mean_behind_s,most_behind_s", rows)


def checkpoints(report: Report) -> str:
    """Return of every sealed checkpoint its block, when it had been seen, and the time since the one before."""
    return _lines("block,seen_ms,wait_ms", ((each.block, each.seen_ms, each.wait_ms) for each in report.sightings))


FILES: Final = {
    "results.csv": results,
    "cells.csv": cells,
    "turnout.csv": turnout,
    "revotes.csv": revotes,
    "districts.csv": districts,
    "witnesses.csv": witnesses,
    "checkpoints.csv": checkpoints,
}
"""Every table by the name under which it is saved."""
