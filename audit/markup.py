"""The small pieces that the report's page is made of: text, names, tables, files to save.

Spec: `docs/operations/audit.md`, section "The page". Whatever is foreign comes out escaped, untranslated and isolated
from the text around it; every function returns ready HTML.

>>> from locales import dictionary
>>> name({"ky": "<b>Асан</b>"}, dictionary("en"))
'<bdi translate="no" lang="ky">&lt;b&gt;Асан&lt;/b&gt;</bdi>'
"""

import base64
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from html import escape
from typing import Final

from audit.report import printable
from locales import Dictionary

BISHKEK: Final = timezone(timedelta(hours=6), "Asia/Bishkek")


def text(content: str) -> str:
    """Write text."""
    return escape(printable(content), quote=True)


def say(t: Dictionary, key: str, **fields: object) -> str:
    """Write a text of the dictionary."""
    return text(t(key, **fields))


def name(names: dict[str, str], t: Dictionary) -> str:
    """Write a name as data: escaped, never translated, its own direction, its own language."""
    content, language = t.pick(names)
    return f'<bdi translate="no" lang="{language}">{text(content)}</bdi>'


def code(content: str) -> str:
    """Write what is copied and not read."""
    return f'<code translate="no">{text(content)}</code>'


def table(caption: str, head: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a table; `head` gives each column's title and whether it holds figures; cells are ready HTML."""
    wide = ' class="wide"' if len(head) > 3 else ""
    titles = "".join(f'<th scope="col"{" class=n" if figure else ""}>{title}</th>' for title, figure in head)
    body = []
    for row in rows:
        cells = [f'<th scope="row">{row[0]}</th>']
        cells += [f"<td{' class=n' if head[i][1] else ''}>{cell}</td>" for i, cell in enumerate(row[1:], 1)]
        body.append("<tr>" + "".join(cells) + "</tr>\n")
    return (
        f'<div class="scroll" tabindex="0"><table{wide}><caption>{caption}</caption>\n'
        f"<thead><tr>{titles}</tr></thead>\n"
        f"<tbody>\n{''.join(body)}</tbody></table></div>\n"
    )


def pairs(items: Iterable[tuple[str, str]]) -> str:
    """Write names with their values."""
    return "<dl>" + "".join(f"<dt>{title}</dt><dd>{value}</dd>" for title, value in items) + "</dl>\n"


def saved(file: str, media: str, content: str) -> str:
    """Write the link under which a file that the page holds itself is saved."""
    data = base64.b64encode(content.encode()).decode()
    return f'<a download="{file}" href="data:{media};base64,{data}">{file}</a>'


def instant(ms: int) -> datetime | None:
    """Return an instant, None where no calendar has it."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def moment(ms: int) -> str:
    """Write an instant in Bishkek's time and in UTC; an impossible one as its number."""
    found = instant(ms)
    if found is None:
        return str(ms)
    return f"{found.astimezone(BISHKEK):%Y-%m-%d %H:%M} (Asia/Bishkek), {found:%Y-%m-%d %H:%M} UTC"


def short_moment(ms: int | None) -> str:
    """Write day and time in Bishkek's time, for an axis; nothing where it is unknown."""
    found = None if ms is None else instant(ms)
    return "" if found is None else f"{found.astimezone(BISHKEK):%d.%m. %H:%M}"
