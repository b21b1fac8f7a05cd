"""The report as one self-contained HTML page: no script, nothing fetched, readable from a USB stick.

Spec: `docs/operations/audit.md`, section "The page". Assumes nothing about the names in a record: every one is escaped,
kept from a browser's translation and isolated from the text around it; a content-security policy forbids whatever
slipped through. Verdict first, tables before charts, each state told by word, shape and colour.

>>> from locales import dictionary
>>> _name({"ky": "<b>Асан</b>"}, dictionary("en"))
'<bdi translate="no" lang="ky">&lt;b&gt;Асан&lt;/b&gt;</bdi>'
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from html import escape
from typing import Final

from audit import report as reports
from audit.report import Contest, Culprit, Finding, Report
from locales import Dictionary

_BISHKEK: Final = timezone(timedelta(hours=6), "Asia/Bishkek")
_SHOWN_CELLS: Final = 200

# Every pair of text and ground below has a contrast of at least 10 : 1.
_STYLE: Final = """
:root{color-scheme:light}
body{font:18px/1.5 system-ui,"Noto Sans","DejaVu Sans",sans-serif;color:#111;background:#fff;margin:0 auto;
  max-width:64rem;padding:0 1rem 4rem}
h1{font-size:1.9rem;line-height:1.2;margin:0}
h2{margin:2.5rem 0 .5rem;border-bottom:2px solid #111}
h3{margin:1.5rem 0 .25rem}
.verdict{padding:1.25rem;color:#fff;margin:1rem 0 0;overflow-wrap:anywhere}
.verdict p{margin:.5rem 0 0}
.verified{background:#003d1f}
.failed{background:#6b0000}
.incomplete{background:#432c00}
.kind{padding:.6rem 1.25rem;font-weight:700;border:4px solid #111;border-top:0;margin:0}
.kind.demo,.kind.practice{background:repeating-linear-gradient(135deg,#fff,#fff 14px,#ffe9a8 14px,#ffe9a8 28px)}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
caption{text-align:left;padding:.25rem 0}
th,td{border:1px solid #555;padding:.35rem .6rem;text-align:left;vertical-align:top}
thead th{background:#eee}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
td.n{white-space:nowrap}
tbody th{min-width:7rem}
code{font:.82em/1.4 ui-monospace,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere;user-select:all;
  background:#f2f2f2;padding:.05em .2em}
.verdict code{background:none;color:#fff}
.state{display:inline-block;min-width:8.5rem;padding:.1rem .5rem;color:#fff;font-weight:700}
.state.passed{background:#003d1f}
.state.failed{background:#6b0000}
.state.not_run{background:#fff;color:#111;outline:2px dashed #111;outline-offset:-2px}
details{border:1px solid #777;margin:.3rem 0;padding:.3rem .6rem}
summary{cursor:pointer;padding:.4rem 0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:.5rem 0}
dt{font-weight:700}
dd{margin:0;overflow-wrap:anywhere}
figure{margin:1rem 0}
svg{width:100%;height:auto;border:1px solid #777}
svg text{font:15px system-ui,"DejaVu Sans",sans-serif;fill:#111}
a{color:#00277a}
a:focus-visible,summary:focus-visible{outline:3px solid #00277a;outline-offset:2px}
.scroll{overflow-x:auto}
@media(max-width:40rem){dl{grid-template-columns:1fr}
dt{margin-top:.4rem}
.state{min-width:0}}
@media print{details{break-inside:avoid}
.verdict,.state,.kind{print-color-adjust:exact}}
"""


def to_html(report: Report, t: Dictionary) -> str:
    """Return the whole page in the dictionary's language."""
    title = f"{reports.headline(report, t)} · {report.subject.short_name if report.subject else report.record}"
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    parts = [
        f'<!DOCTYPE html>\n<html lang="{t.language}">\n<head>\n<meta charset="utf-8">\n',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        '<meta name="referrer" content="no-referrer">\n',
        f"<title>{_text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n",
        _verdict(report, t),
        _failures(report, t),
        _subject(report, t),
        *(_contest(report, contest, t) for contest in report.contests),
        _turnout(report, t),
        _districts(report, t),
        _checks(report, t),
        _downloads(report, t),
        "</main>\n</body>\n</html>\n",
    ]
    return "".join(parts)


def _text(text: str) -> str:
    return escape(reports.printable(text), quote=True)


def _say(t: Dictionary, key: str, **fields: object) -> str:
    return _text(t(key, **fields))


def _name(names: dict[str, str], t: Dictionary) -> str:
    """Write a name as data: escaped, never translated, its own direction, its own language."""
    text, language = t.pick(names)
    return f'<bdi translate="no" lang="{language}">{_text(text)}</bdi>'


def _code(text: str) -> str:
    return f'<code translate="no">{_text(text)}</code>'


def _table(caption: str, head: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a table; `head` gives each column's title and whether it holds figures; cells are ready HTML."""
    titles = "".join(f'<th scope="col"{" class=n" if figure else ""}>{title}</th>' for title, figure in head)
    body = []
    for row in rows:
        cells = [f'<th scope="row">{row[0]}</th>']
        cells += [f"<td{' class=n' if head[i][1] else ''}>{cell}</td>" for i, cell in enumerate(row[1:], 1)]
        body.append("<tr>" + "".join(cells) + "</tr>\n")
    return (
        f'<div class="scroll"><table><caption>{caption}</caption>\n<thead><tr>{titles}</tr></thead>\n'
        f"<tbody>\n{''.join(body)}</tbody></table></div>\n"
    )


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in pairs) + "</dl>\n"


def _state(finding: Finding, t: Dictionary) -> str:
    css = finding.outcome.replace(" ", "_")
    return f'<span class="state {css}">{reports.SYMBOLS[finding.outcome]} {_say(t, "report.outcome." + css)}</span>'


def _moment(ms: int) -> str:
    """Write an instant in Bishkek's time and in UTC; an impossible one as its number."""
    try:
        moment = datetime.fromtimestamp(ms / 1000, UTC)
        return f"{moment.astimezone(_BISHKEK):%Y-%m-%d %H:%M} (Asia/Bishkek), {moment:%Y-%m-%d %H:%M} UTC"
    except (OverflowError, ValueError, OSError):
        return str(ms)


def _verdict(report: Report, t: Dictionary) -> str:
    kind = report.subject.kind if report.subject else "unknown"
    symbol = {"verified": "✔", "failed": "✘", "incomplete": "○"}[report.verdict]
    return (
        f'<header><div class="verdict {report.verdict}" role="status">'
        f"<h1>{symbol} {_text(reports.headline(report, t))}</h1>\n"
        f"<p>{_say(t, 'report.verdict.' + report.verdict + '.means')}</p>\n"
        f"<p>{_text(reports.scope(report, t))}</p></div>\n"
        f'<p class="kind {_text(kind)}">{_say(t, "report.kind." + kind + ".means")}</p></header>\n'
    )


def _failures(report: Report, t: Dictionary) -> str:
    """Name failures and skipped checks above everything else that could be read as good news."""
    bad = [f for f in report.findings if f.outcome == "failed" or (f.outcome == "not run" and f.blocking)]
    names = ", ".join(report.undrilled)
    remarks = "".join(f"<li>{_say(t, 'report.remark.' + remark, names=names)}</li>\n" for remark in report.remarks)
    listed = f"<ul>{remarks}</ul>\n" if remarks else ""
    if not bad:
        return listed
    head = [(_say(t, f"report.column.{column}"), False) for column in ("check", "outcome", "claim", "result")]
    rows = (
        [
            f'<a href="#{_text(f.check)}">{_text(f.check)}</a>',
            _state(f, t),
            _text(reports.claim(f, t)),
            _text(reports.result(f, t)) + _culprits(f.culprits[:3], t),
        ]
        for f in bad
    )
    return f"<section><h2>{_say(t, 'report.attention')}</h2>\n{_table('', head, rows)}{listed}</section>\n"


def _culprits(culprits: Sequence[Culprit], t: Dictionary) -> str:
    items = []
    for culprit in culprits:
        where = t("report.file") if culprit.index is None else t("report.entry", index=culprit.index)
        line = f'{_text(where)}: <bdi translate="no">{_text(culprit.reason)}</bdi>'
        if culprit.culprit:
            line += f' (<bdi translate="no">{_text(culprit.culprit)}</bdi>)'
        if culprit.leaf_hash:
            line += f"<br>{_say(t, 'report.leaf')} {_code(culprit.leaf_hash)}"
        if culprit.released:
            line += f" — {_say(t, 'report.released')}"
        items.append(f"<li>{line}</li>")
    return f"<ul>{''.join(items)}</ul>" if items else ""


def _subject(report: Report, t: Dictionary) -> str:
    pairs: list[tuple[str, str]] = []
    if report.subject:
        subject = report.subject
        trustees = t("report.trustees.value", threshold=subject.threshold, trustees=subject.trustees)
        pairs += [
            (_say(t, "report.election"), _name(subject.title, t)),
            (_say(t, "report.short_name"), f'<bdi translate="no">{_text(subject.short_name)}</bdi>'),
            (_say(t, "report.origin"), _code(subject.origin)),
            (_say(t, "report.manifest_hash"), _code(subject.manifest_hash)),
            (_say(t, "report.opens"), _moment(subject.opens_at_ms)),
            (_say(t, "report.closes"), _moment(subject.closes_at_ms)),
            (_say(t, "report.trustees"), _text(trustees)),
            (_say(t, "report.suite"), _code(subject.suite)),
        ]
    work = report.work
    megabytes = t.number(work.peak_bytes >> 20)
    pairs += [
        (_say(t, "report.record"), _code(report.record)),
        (_say(t, "report.size"), t.number(report.size)),
        (_say(t, "report.root"), _code(report.root_hash)),
        (
            _say(t, "report.software"),
            f"dobush {_text(report.software.version)}, {_code(report.software.package_hash)}",
        ),
        (_say(t, "report.kernel"), _code(report.software.kernel_hash)),
        (_say(t, "report.python"), _text(report.software.python)),
        (
            _say(t, "report.cost"),
            _say(t, "report.work", seconds=t.decimal(work.seconds, 1), workers=work.workers, megabytes=megabytes),
        ),
    ]
    numbers = ((_say(t, f"report.number.{key}"), t.number(value)) for key, value in report.numbers.items())
    return (
        f"<section><h2>{_say(t, 'report.about')}</h2>\n{_pairs(pairs)}"
        f"<h3>{_say(t, 'report.numbers')}</h3>\n{_pairs(numbers)}</section>\n"
    )


def _contest(report: Report, contest: Contest, t: Dictionary) -> str:
    head = [
        (_say(t, "report.column.option"), False),
        (_say(t, "report.column.votes"), True),
        (_say(t, "report.column.percent"), True),
    ]
    rows = [
        [
            _name(option.name, t) + (f" ({_say(t, 'report.withdrawn')})" if option.withdrawn else ""),
            t.number(option.votes),
            reports.percent(option.votes, contest.ballots, t),
        ]
        for option in contest.options
    ]
    caption = _say(t, "report.base", base=t.number(contest.ballots))
    parts = [
        f"<section><h2>{_say(t, 'report.result_of')} {_name(contest.title, t)}</h2>\n",
        _table(caption, head, rows),
    ]
    if report.verdict != "verified":
        parts.append(f"<p><strong>{_say(t, 'report.result_unverified')}</strong></p>\n")
    if contest.undecrypted:
        parts.append(f"<p>{_say(t, 'report.undecrypted', ballots=t.number(contest.undecrypted))}</p>\n")
    parts += [_bars([o.name for o in contest.options], [o.votes for o in contest.options], contest.ballots, t)]
    if len(contest.cells) > 1:
        parts.append(_cells(contest, t))
    return "".join(parts) + "</section>\n"


def _cells(contest: Contest, t: Dictionary) -> str:
    head = [(_say(t, "report.column.places"), False), (_say(t, "report.column.ballots"), True)]
    head += [(_name(option.name, t), True) for option in contest.options]
    rows = []
    for cell in contest.cells[:_SHOWN_CELLS]:
        places = ", ".join(_name(place, t) for place in cell.places[:12]) + (" …" if len(cell.places) > 12 else "")
        flags = "".join(
            f" <strong>({_say(t, 'report.' + flag)})</strong>"
            for flag in ("unanimous", "annulled")
            if getattr(cell, flag)
        )
        rows.append([places + flags, t.number(cell.ballots), *(t.number(votes) for votes in cell.votes)])
    more = len(contest.cells) - _SHOWN_CELLS
    tail = f"<p>{_say(t, 'report.more_in_json', more=t.number(more))}</p>" if more > 0 else ""
    summary = _say(t, "report.cells", cells=t.number(len(contest.cells)))
    return (
        f"<details><summary>{summary}</summary>{_table(_say(t, 'report.cells.caption'), head, rows)}{tail}</details>\n"
    )


def _bars(names: Sequence[dict[str, str]], values: Sequence[int], base: int, t: Dictionary) -> str:
    """Draw one horizontal bar an option, all on the scale 0–100 % of the base; the table above says the same."""
    row, left, width = 44, 12, 976
    height = row * len(values) + 8
    shapes = []
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        text, language = t.pick(name)
        top = i * row + 4
        length = round(width * value / base, 1) if base else 0
        label = f'<tspan lang="{language}" direction="ltr">{_text(text[:90])}</tspan>'
        figure = f"{t.number(value)} · {reports.percent(value, base, t)}"
        shapes.append(
            f'<text x="{left}" y="{top + 16}" translate="no">{label} — {_text(figure)}</text>'
            f'<rect x="{left}" y="{top + 22}" width="{width}" height="12" fill="#fff" stroke="#777"/>'
            f'<rect x="{left}" y="{top + 22}" width="{length}" height="12" fill="#1d4f91"/>'
        )
    return (
        f'<figure><svg viewBox="0 0 1000 {height}" role="img" aria-label="{_say(t, "report.chart.results")}">'
        f"{''.join(shapes)}</svg>"
        f"<figcaption>{_say(t, 'report.chart.scale', base=t.number(base))}</figcaption></figure>\n"
    )


def _turnout(report: Report, t: Dictionary) -> str:
    if not report.turnout:
        return ""
    head = [(_say(t, "report.column.blocks"), False), (_say(t, "report.column.ballots"), True)]
    rows = [[f"{span.first_block}–{span.last_block}", t.number(span.ballots)] for span in report.turnout]
    first, last = report.turnout[0].first_block, report.turnout[-1].last_block
    scale, highest = (
        976 / (last - first + 1),
        max(s.ballots / (s.last_block - s.first_block + 1) for s in report.turnout),
    )
    shapes = []
    for span in report.turnout:
        blocks = span.last_block - span.first_block + 1
        height = round(180 * span.ballots / blocks / highest, 1)
        x, width = 12 + scale * (span.first_block - first), max(scale * blocks - 1, 1)
        shapes.append(
            f'<rect x="{x:.1f}" y="{190 - height:.1f}" width="{width:.1f}" height="{height:.1f}" fill="#1d4f91"/>'
        )
    axis = f'<text x="12" y="212">{first}</text><text x="988" y="212" text-anchor="end">{last}</text>'
    minimum = report.subject.minimum_cell if report.subject else 0
    return (
        f"<section><h2>{_say(t, 'report.turnout')}</h2>\n<p>{_say(t, 'report.turnout.rule', minimum=minimum)}</p>\n"
        f"<details><summary>{_say(t, 'report.turnout.table')}</summary>{_table('', head, rows)}</details>\n"
        f'<figure><svg viewBox="0 0 1000 220" role="img" aria-label="{_say(t, "report.turnout")}">'
        f"{''.join(shapes)}{axis}</svg>"
        f"<figcaption>{_say(t, 'report.turnout.scale', most=t.decimal(highest, 1))}</figcaption></figure></section>\n"
    )


def _districts(report: Report, t: Dictionary) -> str:
    if not report.districts:
        return ""
    columns = ("district", "slots", "given", "credentials", "changes", "strikes")
    head = [(_say(t, f"report.column.{column}"), column != "district") for column in columns]
    rows = [
        [
            _name(d.name, t),
            t.number(d.slots),
            "–" if d.given is None else t.number(d.given),
            *(t.number(value) for value in (d.credentials, d.changes, d.strikes)),
        ]
        for d in report.districts
    ]
    return f"<section><h2>{_say(t, 'report.districts')}</h2>\n{_table('', head, rows)}</section>\n"


def _checks(report: Report, t: Dictionary) -> str:
    parts = [f"<section><h2>{_say(t, 'report.checks')}</h2>\n<p>{_say(t, 'report.checks.how')}</p>\n"]
    family = ""
    for finding in report.findings:
        if finding.family != family:
            family = finding.family
            heading = t(f"family.{family}") if f"family.{family}" in t else family
            parts.append(f"<h3>{_text(heading)}</h3>\n")
        parts.append(
            f'<details id="{_text(finding.check)}"{" open" if finding.outcome == "failed" else ""}>'
            f"<summary>{_state(finding, t)} "
            f"<strong>{_text(finding.check)}</strong> {_text(reports.claim(finding, t))}</summary>"
        )
        pairs = [
            (_say(t, "report.column.method"), _text(reports.method(finding, t))),
            (_say(t, "report.column.result"), _text(reports.result(finding, t))),
            (_say(t, "report.column.count"), t.number(finding.count)),
            (_say(t, "report.repeat"), _code(reports.repeat(report, finding))),
        ]
        parts.append(_pairs(pairs) + _culprits(finding.culprits[: reports.SHOWN_CULPRITS], t) + "</details>\n")
    return "".join(parts) + "</section>\n"


def _downloads(report: Report, t: Dictionary) -> str:
    files = [
        ("report.json", "application/json", reports.to_json(report)),
        ("results.csv", "text/csv", reports.results_csv(report)),
    ]
    links = []
    for name, media, content in files:
        data = base64.b64encode(content.encode()).decode()
        links.append(f'<li><a download="{name}" href="data:{media};base64,{data}">{name}</a></li>')
    return f"<section><h2>{_say(t, 'report.downloads')}</h2>\n<ul>{''.join(links)}</ul></section>\n"
