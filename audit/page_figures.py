"""What an analyst looks at: results as bars, turnout and re-votes over the blocks, districts, how witnesses kept up.

Spec: `docs/operations/audit.md`, section "The page". Every plot stands beside its table or its figures to save, so that
nothing is told by a picture alone; figures of few people were withheld before they came here (`audit.report.withhold`).

>>> thin([1, 5, 2, 9], 2)
[(0, 2, 5), (2, 4, 9)]
"""

from collections.abc import Sequence
from typing import Final

from audit import plots, tables
from audit import report as reports
from audit.markup import name, saved, say, short_moment, table, text
from audit.report import Contest, Report, Sighting, Span
from locales import Dictionary

_SHOWN_CELLS: Final = 200
_MOST_COLUMNS: Final = 160


def thin(values: Sequence[int], most: int) -> list[tuple[int, int, int]]:
    """Unite neighbours into at most about `most` groups: (first, behind the last, the largest of them)."""
    width = max(-(-len(values) // most), 1)
    return [
        (start, min(start + width, len(values)), max(values[start : start + width]))
        for start in range(0, len(values), width)
    ]


def _amount(value: float, t: Dictionary) -> str:
    """Write a figure with so many digits as somebody reads."""
    return t.number(round(value)) if value >= 100 or value == round(value) else t.decimal(value, 1)


def _saved(file: str, report: Report) -> str:
    return saved(file, "text/csv", tables.FILES[file](report))


# ------------------------------------------------------------------------------------------------------------- results


def contest_section(report: Report, contest: Contest, t: Dictionary) -> str:
    """Write a contest's result: one table with a bar in each row, then the cells."""
    head = [(say(t, "report.column.option"), False), (say(t, "report.column.votes"), True)]
    head += [(say(t, "report.column.percent"), True)]
    rows = [
        [
            name(option.name, t) + (f" ({say(t, 'report.withdrawn')})" if option.withdrawn else ""),
            t.number(option.votes),
            _share(option.votes, contest.ballots, t),
        ]
        for option in contest.options
    ]
    parts = [
        f"<section><h2>{say(t, 'report.result_of')} {name(contest.title, t)}</h2>\n",
        table(say(t, "report.base", base=t.number(contest.ballots)), head, rows),
    ]
    if report.verdict != "verified":
        parts.append(f"<p><strong>{say(t, 'report.result_unverified')}</strong></p>\n")
    if contest.undecrypted:
        parts.append(f"<p>{say(t, 'report.undecrypted', ballots=t.number(contest.undecrypted))}</p>\n")
    if len(contest.cells) > 1:
        parts.append(_cells(contest, t))
    return "".join(parts) + "</section>\n"


def _share(part: int, base: int, t: Dictionary) -> str:
    return reports.percent(part, base, t) + (plots.bar(100 * part / base) if base else "")


def _cells(contest: Contest, t: Dictionary) -> str:
    head = [(say(t, "report.column.places"), False), (say(t, "report.column.ballots"), True)]
    head += [(name(option.name, t), True) for option in contest.options]
    rows = []
    for cell in contest.cells[:_SHOWN_CELLS]:
        places = ", ".join(name(place, t) for place in cell.places[:12]) + (" …" if len(cell.places) > 12 else "")
        flags = "".join(
            f" <strong>({say(t, 'report.' + flag)})</strong>"
            for flag in ("unanimous", "annulled")
            if getattr(cell, flag)
        )
        rows.append([places + flags, t.number(cell.ballots), *(t.number(votes) for votes in cell.votes)])
    more = len(contest.cells) - _SHOWN_CELLS
    tail = f"<p>{say(t, 'report.more_in_json', more=t.number(more))}</p>" if more > 0 else ""
    summary = say(t, "report.cells", cells=t.number(len(contest.cells)))
    return f"<details><summary>{summary}</summary>{table(say(t, 'report.cells.caption'), head, rows)}{tail}</details>\n"


# ------------------------------------------------------------------------------------------------------ over the blocks


def turnout_section(report: Report, t: Dictionary) -> str:
    """Write ballots over the blocks, and those among them that replaced another."""
    parts = []
    for part, spans in (("turnout", report.turnout), ("revotes", report.revotes)):
        if spans:
            minimum = report.subject.minimum_cell if report.subject else 0
            parts.append(f"<section><h2>{say(t, f'report.{part}')}</h2>\n")
            parts.append(f"<p>{say(t, f'report.{part}.rule', minimum=minimum)}</p>\n")
            parts.append(_over_blocks(report, part, spans, t) + "</section>\n")
        elif part == "revotes" and report.turnout:
            parts.append(
                f"<section><h2>{say(t, 'report.revotes')}</h2>\n<p>{say(t, 'report.revotes.few')}</p></section>\n"
            )
    return "".join(parts)


def _over_blocks(report: Report, part: str, spans: Sequence[Span], t: Dictionary) -> str:
    shown = [
        plots.Column(span.first_block, span.last_block + 1, span.ballots / (span.last_block + 1 - span.first_block))
        for span in spans
    ]
    highest = max(column.height for column in shown)
    caption = say(t, f"report.{part}.scale", most=_amount(highest, t))
    middle = spans[len(spans) // 2]
    edges = [spans[0], middle, spans[-1]] if len(spans) > 2 else [spans[0], spans[-1]]
    labels = [
        _place(span.first_block if at < len(edges) - 1 else span.last_block, span.seen_ms, t)
        for at, span in enumerate(edges)
    ]
    plot = plots.columns(shown, say(t, f"report.{part}"), highest)
    head = [(say(t, "report.column.blocks"), False), (say(t, "report.column.seen"), False)]
    head += [(say(t, "report.column.ballots"), True)]
    rows = [
        [f"{span.first_block}–{span.last_block}", short_moment(span.seen_ms) or "–", t.number(span.ballots)]
        for span in spans
    ]
    return (
        plots.figure(caption, plot, labels, _saved(f"{part}.csv", report))
        + f"<details><summary>{say(t, 'report.turnout.table')}</summary>{table('', head, rows)}</details>\n"
    )


def _place(block: int, seen_ms: int | None, t: Dictionary) -> str:
    moment = short_moment(seen_ms)
    return say(t, "report.block", block=block) + (f"<br>{text(moment)}" if moment else "")


# ----------------------------------------------------------------------------------------------------------- districts


def districts_section(report: Report, t: Dictionary) -> str:
    """Write slots, keys and voters of every district."""
    if not report.districts:
        return ""
    columns = ("district", "slots", "voted", "turnout", "revotes", "credentials", "given", "changes", "strikes")
    head = [(say(t, f"report.column.{column}"), column != "district") for column in columns]
    withheld = say(t, "report.withheld")
    rows = [
        [
            name(d.name, t),
            t.number(d.slots),
            withheld if d.voted is None else t.number(d.voted),
            withheld if d.voted is None else _share(d.voted, d.slots, t),
            withheld if d.revotes is None else t.number(d.revotes),
            t.number(d.credentials),
            "–" if d.given is None else t.number(d.given),
            t.number(d.changes),
            t.number(d.strikes),
        ]
        for d in report.districts
    ]
    minimum = report.subject.minimum_cell if report.subject else 0
    return (
        f"<section><h2>{say(t, 'report.districts')}</h2>\n<p>{say(t, 'report.districts.rule', minimum=minimum)}</p>\n"
        f'{table("", head, rows)}<p class="data">{_saved("districts.csv", report)}</p></section>\n'
    )


# ----------------------------------------------------------------------------------------------------------- witnesses


def witnesses_section(report: Report, t: Dictionary) -> str:
    """Write how the witnesses kept up: each of them, and how long the log went without a quorum while people voted."""
    if not report.witnesses:
        return ""
    columns = ("witness", "cosigned", "mean_behind", "most_behind")
    head = [(say(t, f"report.column.{column}"), column != "witness") for column in columns]
    sealed = len(report.sightings) + 1
    rows = [
        [
            f'<bdi translate="no">{text(each.name)}</bdi>',
            t.number(each.checkpoints) + plots.bar(100 * each.checkpoints / sealed),
            t.decimal(each.mean_s, 1),
            t.number(each.most_s),
        ]
        for each in report.witnesses
    ]
    parts = [
        f"<section><h2>{say(t, 'report.witnesses')}</h2>\n",
        table(say(t, "report.witnesses.caption", checkpoints=t.number(sealed)), head, rows),
        f'<p class="data">{_saved("witnesses.csv", report)}</p>\n',
    ]
    return "".join(parts) + _waits(report, t) + "</section>\n"


def _waits(report: Report, t: Dictionary) -> str:
    shown = [each for each in report.sightings if _while_voting(report, each)]
    if len(shown) < 2:
        return ""
    groups = thin([each.wait_ms for each in shown], _MOST_COLUMNS)
    interval = report.subject.interval_ms / 1000 if report.subject else 0.0
    highest = max(max(each.wait_ms for each in shown) / 1000, interval)
    plot = plots.columns(
        [plots.Column(start, end, most / 1000) for start, end, most in groups],
        say(t, "report.waits"),
        highest,
        interval,
    )
    edges = [shown[0], shown[len(shown) // 2], shown[-1]]
    caption = say(t, "report.waits.scale", most=_amount(highest, t), interval=_amount(interval, t))
    labels = [_place(each.block, each.seen_ms, t) for each in edges]
    return f"<h3>{say(t, 'report.waits')}</h3>\n" + plots.figure(
        caption, plot, labels, _saved("checkpoints.csv", report)
    )


def _while_voting(report: Report, each: Sighting) -> bool:
    subject = report.subject
    return (
        subject is not None
        and subject.opens_at_ms < each.seen_ms - each.wait_ms
        and each.seen_ms <= subject.closes_at_ms
    )
