"""The minutes of the ceremony as one printable page: what the record shows, and fields for what only the room saw.

Spec: `docs/operations/trustee.md`. Self-contained HTML without scripts, fonts or addresses. Hashes and times come from
the own copy of the record; seal numbers, people in the room and signatures are written by hand.

>>> from locales import dictionary
>>> "<script" in "".join(_head("Minutes", dictionary("en")))
False
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from crypto.election.ceremony import ROUNDS
from locales import Dictionary
from trustee_tools.ceremony import View, write_fingerprint
from trustee_tools.link import write_file
from trustee_tools.words import list_steps, name_of, names_of, say_time, say_title

_STYLE = """
@page { size: A4; margin: 18mm 15mm; }
body { font: 11pt/1.4 sans-serif; color: #000; background: #fff; max-width: 180mm; margin: 1em auto; padding: 0 1em; }
h1 { font-size: 17pt; margin: 0 0 .2em; } h2 { font-size: 13pt; margin: 1.4em 0 .4em; break-after: avoid; }
.kind { border: 2px solid #000; padding: .2em .6em; font-weight: bold; display: inline-block; }
table { border-collapse: collapse; width: 100%; } tr { break-inside: avoid; }
th, td { border: 1px solid #555; padding: .3em .45em; text-align: left; vertical-align: top; }
th { background: #eee; } td.field { height: 2.1em; min-width: 28mm; }
code { font: 10pt/1.5 monospace; overflow-wrap: anywhere; } .print { font-size: 12pt; white-space: pre-wrap; }
.room { border: 1px solid #555; height: 45mm; break-inside: avoid; }
li { margin: .25em 0; } .small { font-size: 9pt; color: #333; } .rule { border: 2px solid #000; padding: .2em 1em; }
@media print { body { margin: 0; max-width: none; padding: 0; } }
"""
_EMPTY_ROWS = 4
_RULES = ("fingerprint", "seal", "media", "alone", "camera", "refused", "people")


def write_minutes(file: Path, view: View, say: Dictionary) -> None:
    """Write the page; it is whole or not there."""
    write_file(file, make_minutes(view, say).encode())


def make_minutes(view: View, say: Dictionary) -> str:
    """Return the page in the reader's language."""
    parts = [
        *_head(say("trustee.minutes.title"), say),
        *_election(view, say),
        *_runs(view, say),
        *_steps(view, say),
        *_seals(view, say),
        *_people(view, say),
        *_abort(say),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _head(title: str, say: Dictionary) -> Iterator[str]:
    yield f'<!doctype html>\n<html lang="{say.language}"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"


def _election(view: View, say: Dictionary) -> Iterator[str]:
    manifest, certificate = view.manifest, view.ceremony.certificate
    yield f"<h1>{escape(say('trustee.minutes.title'))}</h1>"
    yield f'<p class="kind">{escape(say(f"trustee.kind.{manifest.kind}"))}</p>'
    yield f'<p><b translate="no">{escape(say_title(view, say))}</b> ({escape(manifest.short_name)})</p>'
    rule = say("trustee.list.some-trustees", count=len(view.keys), threshold=manifest.threshold)
    rows: list[tuple[str, str | None]] = [
        (say("trustee.minutes.origin"), escape(manifest.origin)),
        (say("trustee.minutes.threshold"), escape(rule)),
        (say("trustee.minutes.manifest"), _hash(view.manifest_hash)),
        (say("trustee.minutes.run"), str(view.ceremony.run)),
        (say("trustee.minutes.transcript"), _hash(certificate.hash) if certificate else escape(_later(say))),
        (say("trustee.minutes.key"), _hash(certificate.key) if certificate else escape(_later(say))),
        (say("trustee.minutes.record"), f"{say.number(view.size)}<br>{_hash(view.root)}"),
    ]
    rows += [(say(f"trustee.minutes.{name}"), None) for name in ("place", "began", "ended", "camera")]
    yield _table((), [(escape(name), value) for name, value in rows])


def _runs(view: View, say: Dictionary) -> Iterator[str]:
    """Say which runs were ended, and who lied in them."""
    ceremony = view.ceremony
    told = [
        say(
            "trustee.alarm.ended",
            run=ended.round.run,
            missing=names_of(view, ended.round.missing, say),
            disqualified=names_of(view, ended.round.disqualified, say),
        )
        for ended in ceremony.ended
    ]
    judged = [judgement for ended in ceremony.ended for judgement in ended.judgements] + list(ceremony.judgements())
    told += [
        say(
            "trustee.minutes.judged",
            by=name_of(view, each.trustee),
            against=name_of(view, each.against),
            liar=name_of(view, each.liar),
        )
        for each in judged
    ]
    if told:
        yield f"<h2>{escape(say('trustee.minutes.runs'))}</h2><ul>"
        yield from (f"<li>{escape(line)}</li>" for line in told)
        yield "</ul>"


def _steps(view: View, say: Dictionary) -> Iterator[str]:
    yield f"<h2>{escape(say('trustee.list.title'))}</h2>"
    columns = [say(f"trustee.list.{name}") for name in ("who", "what", "done", "witnessed")]
    rows = [
        (*(escape(cell) for cell in (row.who, row.what, say(f"trustee.state.{row.state}"), row.witnessed)), None)
        # 0 is nobody's place: the minutes do not know whose turn "yours" is.
        for row in list_steps(view, 0, say)
    ]
    yield _table((*columns, say("trustee.minutes.room")), rows)
    if view.seen_ms:
        yield f"<h2>{escape(say('trustee.minutes.seen'))}</h2>"
        acts = (*ROUNDS, "drill")
        columns = [say("trustee.minutes.trustee"), *(say(f"trustee.table.{act}") for act in ROUNDS)]
        columns.append(say("trustee.minutes.drills"))
        yield _table(
            columns,
            [
                (escape(name_of(view, place)), *(_seen(view, act, place) for act in acts))
                for place in view.ceremony.everyone
            ],
        )


def _seen(view: View, act: str, place: int) -> str:
    times = [
        time
        for (name, number, who), time in view.seen_ms.items()
        if name == act and who == place and time is not None and (act == "drill" or number == view.ceremony.run)
    ]
    return "<br>".join(escape(say_time(time)) for time in sorted(times)) or "–"


def _seals(view: View, say: Dictionary) -> Iterator[str]:
    """Leave room for the number of each bag's seal, before and after, and where it is kept."""
    yield f"<h2>{escape(say('trustee.minutes.seals'))}</h2>"
    names = ("trustee", "medium", "seal-before", "seal-after", "kept")
    columns = [say(f"trustee.minutes.{name}") for name in names]
    media = [(place, medium) for place in view.ceremony.everyone for medium in ("A", "B")]
    yield _table(columns, [(escape(name_of(view, place)), medium, None, None, None) for place, medium in media])


def _people(view: View, say: Dictionary) -> Iterator[str]:
    """List trustees with their keys and officers, and leave rows for those who watched; all sign."""
    manifest = view.manifest
    yield f"<h2>{escape(say('trustee.minutes.people'))}</h2>"
    columns = [say(f"trustee.minutes.{name}") for name in ("person", "role", "fingerprint", "signature")]
    rows: list[tuple[str | None, ...]] = [
        (_name(name_of(view, place)), escape(say("trustee.minutes.trustee")), _print(view.keys[place - 1]), None)
        for place in view.ceremony.everyone
    ]
    rows += [
        (f"{_name(each.name)}<br>{_name(each.body)}", escape(say("trustee.minutes.officer")), _print(each.key), None)
        for each in manifest.officers
    ]
    rows += [(None, escape(say("trustee.minutes.watcher")), "–", None)] * _EMPTY_ROWS
    yield _table(columns, rows)


def _abort(say: Dictionary) -> Iterator[str]:
    yield f'<h2>{escape(say("trustee.minutes.abort"))}</h2><div class="rule"><ol>'
    yield from (f"<li>{escape(say(f'trustee.minutes.abort.{name}'))}</li>" for name in _RULES)
    yield f"</ol><p><b>{escape(say('trustee.minutes.abort.then'))}</b></p></div>"
    # Whoever writes down what happened and what two officers decided needs room for it.
    yield f"<h2>{escape(say('trustee.minutes.incident'))}</h2>" + '<div class="room"></div>'
    yield f'<p class="small">{escape(say("trustee.minutes.source"))}</p>'


def _later(say: Dictionary) -> str:
    return say("trustee.state.later")


def _name(name: str) -> str:
    return f'<span translate="no">{escape(name)}</span>'


def _hash(digest: bytes) -> str:
    return f"<code>{digest.hex()}</code><br>{_print(digest)}"


def _print(digest: bytes) -> str:
    return f'<code class="print" translate="no">{write_fingerprint(digest)}</code>'


def _table(columns: Iterable[str], rows: Iterable[tuple[str | None, ...]]) -> str:
    """Return a table; a cell of None is a field to fill in, all others are HTML already."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        "<tr>" + "".join('<td class="field"></td>' if cell is None else f"<td>{cell}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table>{f'<tr>{head}</tr>' if head else ''}{body}</table>"
