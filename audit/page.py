"""The report as one self-contained HTML page: no script, nothing fetched, readable from a USB stick.

Spec: `docs/operations/audit.md`, section "The page". Assumes nothing about the names in a record: every one is escaped,
kept from a browser's translation and isolated from the text around it; a content-security policy forbids whatever
slipped through. Verdict first, tables before charts, each state told by word, shape and colour.

>>> "default-src 'none'" in policy()
True
"""

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from typing import Final

from audit import report as reports
from audit import tables
from audit.markup import code, moment, name, pairs, saved, say, table, text
from audit.page_figures import contest_section, districts_section, turnout_section, witnesses_section
from audit.report import Culprit, Finding, Report
from locales import Dictionary

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
figcaption{margin:.25rem 0}
.plot{display:block;width:100%;height:11rem;background:#fff}
.bar{display:block;width:100%;min-width:3.2rem;height:.55rem;margin:.2rem 0}
.axis{display:flex;justify-content:space-between;gap:.5rem;margin:.15rem 0;font-size:.85rem;line-height:1.3}
.axis span:last-child{text-align:right}
.data{margin:.25rem 0 1rem;font-size:.9rem}
a{color:#00277a}
a:focus-visible,summary:focus-visible{outline:3px solid #00277a;outline-offset:2px}
.scroll{overflow-x:auto}
.scroll:focus-visible{outline:3px solid #00277a}
@media(max-width:40rem){body{font-size:17px}
h1{font-size:1.5rem}
h2{font-size:1.3rem}
table{font-size:.88rem}
th,td{padding:.3rem .35rem}
tbody th{min-width:5.5rem;max-width:9rem;overflow-wrap:anywhere;position:sticky;left:0;background:#fff}
.wide{min-width:34rem}
dl{grid-template-columns:1fr}
dt{margin-top:.4rem}
.state{min-width:0}}
@media print{details{break-inside:avoid}
.verdict,.state,.kind{print-color-adjust:exact}}
"""


def policy() -> str:
    """Return the content-security policy: this page's own style, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def to_html(report: Report, t: Dictionary) -> str:
    """Return the whole page in the dictionary's language."""
    title = f"{reports.headline(report, t)} · {report.subject.short_name if report.subject else report.record}"
    parts = [
        f'<!DOCTYPE html>\n<html lang="{t.language}">\n<head>\n<meta charset="utf-8">\n',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy())}">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        '<meta name="referrer" content="no-referrer">\n',
        f"<title>{text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n",
        _verdict(report, t),
        _failures(report, t),
        _subject(report, t),
        *(contest_section(report, contest, t) for contest in report.contests),
        turnout_section(report, t),
        districts_section(report, t),
        witnesses_section(report, t),
        _checks(report, t),
        _downloads(report, t),
        "</main>\n</body>\n</html>\n",
    ]
    return "".join(parts)


def _state(finding: Finding, t: Dictionary) -> str:
    css = finding.outcome.replace(" ", "_")
    return f'<span class="state {css}">{reports.SYMBOLS[finding.outcome]} {say(t, "report.outcome." + css)}</span>'


def _verdict(report: Report, t: Dictionary) -> str:
    kind = report.subject.kind if report.subject else "unknown"
    symbol = {"verified": "✔", "failed": "✘", "incomplete": "○"}[report.verdict]
    return (
        f'<header><div class="verdict {report.verdict}" role="status">'
        f"<h1>{symbol} {text(reports.headline(report, t))}</h1>\n"
        f"<p>{say(t, 'report.verdict.' + report.verdict + '.means')}</p>\n"
        f"<p>{text(reports.scope(report, t))}</p></div>\n"
        f'<p class="kind {text(kind)}">{say(t, "report.kind." + kind + ".means")}</p></header>\n'
    )


def _failures(report: Report, t: Dictionary) -> str:
    """Name failures and skipped checks above everything else that could be read as good news."""
    bad = [f for f in report.findings if f.outcome == "failed" or (f.outcome == "not run" and f.blocking)]
    names = ", ".join(report.undrilled)
    remarks = "".join(f"<li>{say(t, 'report.remark.' + remark, names=names)}</li>\n" for remark in report.remarks)
    listed = f"<ul>{remarks}</ul>\n" if remarks else ""
    if not bad:
        return listed
    head = [(say(t, f"report.column.{column}"), False) for column in ("check", "outcome", "claim", "result")]
    rows = (
        [
            f'<a href="#{text(f.check)}">{text(f.check)}</a>',
            _state(f, t),
            text(reports.claim(f, t)),
            text(reports.result(f, t)) + _culprits(f.culprits[:3], t),
        ]
        for f in bad
    )
    return f"<section><h2>{say(t, 'report.attention')}</h2>\n{table('', head, rows)}{listed}</section>\n"


def _culprits(culprits: Sequence[Culprit], t: Dictionary) -> str:
    items = []
    for culprit in culprits:
        where = t("report.file") if culprit.index is None else t("report.entry", index=culprit.index)
        line = f'{text(where)}: <bdi translate="no">{text(culprit.reason)}</bdi>'
        if culprit.culprit:
            line += f' (<bdi translate="no">{text(culprit.culprit)}</bdi>)'
        if culprit.leaf_hash:
            line += f"<br>{say(t, 'report.leaf')} {code(culprit.leaf_hash)}"
        if culprit.released:
            line += f" — {say(t, 'report.released')}"
        items.append(f"<li>{line}</li>")
    return f"<ul>{''.join(items)}</ul>" if items else ""


def _subject(report: Report, t: Dictionary) -> str:
    items: list[tuple[str, str]] = []
    if report.subject:
        subject = report.subject
        trustees = t("report.trustees.value", threshold=subject.threshold, trustees=subject.trustees)
        items += [
            (say(t, "report.election"), name(subject.title, t)),
            (say(t, "report.short_name"), f'<bdi translate="no">{text(subject.short_name)}</bdi>'),
            (say(t, "report.origin"), code(subject.origin)),
            (say(t, "report.manifest_hash"), code(subject.manifest_hash)),
            (say(t, "report.opens"), moment(subject.opens_at_ms)),
            (say(t, "report.closes"), moment(subject.closes_at_ms)),
            (say(t, "report.trustees"), text(trustees)),
            (say(t, "report.suite"), code(subject.suite)),
        ]
    work = report.work
    megabytes = t.number(work.peak_bytes >> 20)
    items += [
        (say(t, "report.record"), code(report.record)),
        (say(t, "report.size"), t.number(report.size)),
        (say(t, "report.root"), code(report.root_hash)),
        (
            say(t, "report.software"),
            f"dobush {text(report.software.version)}, {code(report.software.package_hash)}",
        ),
        (say(t, "report.kernel"), code(report.software.kernel_hash)),
        (say(t, "report.python"), text(report.software.python)),
        (
            say(t, "report.cost"),
            say(t, "report.work", seconds=t.decimal(work.seconds, 1), workers=work.workers, megabytes=megabytes),
        ),
    ]
    numbers = ((say(t, f"report.number.{key}"), t.number(value)) for key, value in report.numbers.items())
    return (
        f"<section><h2>{say(t, 'report.about')}</h2>\n{pairs(items)}"
        f"<h3>{say(t, 'report.numbers')}</h3>\n{pairs(numbers)}</section>\n"
    )


def _checks(report: Report, t: Dictionary) -> str:
    parts = [f"<section><h2>{say(t, 'report.checks')}</h2>\n<p>{say(t, 'report.checks.how')}</p>\n"]
    family = ""
    for finding in report.findings:
        if finding.family != family:
            family = finding.family
            heading = t(f"family.{family}") if f"family.{family}" in t else family
            parts.append(f"<h3>{text(heading)}</h3>\n")
        parts.append(
            f'<details id="{text(finding.check)}"{" open" if finding.outcome == "failed" else ""}>'
            f"<summary>{_state(finding, t)} "
            f"<strong>{text(finding.check)}</strong> {text(reports.claim(finding, t))}</summary>"
        )
        items = [
            (say(t, "report.column.method"), text(reports.method(finding, t))),
            (say(t, "report.column.result"), text(reports.result(finding, t))),
            (say(t, "report.column.count"), t.number(finding.count)),
            (say(t, "report.repeat"), code(reports.repeat(report, finding))),
        ]
        parts.append(pairs(items) + _culprits(finding.culprits[: reports.SHOWN_CULPRITS], t) + "</details>\n")
    return "".join(parts) + "</section>\n"


def _downloads(report: Report, t: Dictionary) -> str:
    files = [("report.json", "application/json", reports.to_json(report))]
    files += [(file, "text/csv", tables.FILES[file](report)) for file in ("results.csv", "cells.csv")]
    links = "".join(f"<li>{saved(*file)}</li>" for file in files)
    return f"<section><h2>{say(t, 'report.downloads')}</h2>\n<ul>{links}</ul></section>\n"
