"""A witness's page: who it is, what it cosigned last, what it found in the logs, the proofs that it keeps.

Spec: `docs/operations/witness.md`. Static HTML without script; everything that came from a log is escaped.

>>> _row("Key", "<b>")
'<tr><th scope="row">Key</th><td><bdi translate="no">&lt;b&gt;</bdi></td></tr>'
"""

from datetime import UTC, datetime
from html import escape
from typing import Final, Protocol
from urllib.parse import parse_qs

from audit.follow import Follower, Found
from audit.witness import State
from crypto.signatures import VerifierKey, parse_note, verify_cosignatures
from locales import LANGUAGES, Dictionary, dictionary

_LATEST: Final = 2**63 - 1
_STYLE: Final = (
    "body{font:18px/1.5 system-ui,sans-serif;color:#111;background:#fff;max-width:64rem;margin:0 auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}th,td{border:1px solid #555;padding:.35rem .6rem;text-align:left;"
    "vertical-align:top;overflow-wrap:anywhere}.bad{background:#6b0000;color:#fff;padding:.6rem 1rem}"
)


class Noticed(Protocol):
    """What the page shows."""

    followers: list[Follower]

    @property
    def verifier_key(self) -> VerifierKey:
        """The witness's key."""
        ...

    @property
    def state(self) -> State:
        """What it cosigned last."""
        ...

    def fork_names(self) -> list[str]:
        """Return the files of the proofs that are kept."""
        ...


def _row(name: str, value: object) -> str:
    return f'<tr><th scope="row">{escape(name)}</th><td><bdi translate="no">{escape(str(value))}</bdi></td></tr>'


def to_html(witness: Noticed, query: str) -> str:
    """Return the page in the language that `lang=` of the query names, Kyrgyz without."""
    asked = parse_qs(query).get("lang", [""])[0]
    t = dictionary(asked if asked in LANGUAGES else LANGUAGES[0])
    title = t("witness.page.title", name=witness.verifier_key.name)
    links = " · ".join(f'<a href="/?lang={language}">{language}</a>' for language in LANGUAGES)
    parts = [
        f'<!doctype html><html lang="{t.language}"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head><body>',
        f"<nav>{links}</nav><h1>{escape(title)}</h1><p>{escape(t('witness.page.what'))}</p>",
        f"<p>{escape(t('witness.page.key'))} <code>{escape(witness.verifier_key.to_text())}</code></p>",
    ]
    forks = witness.fork_names()
    if forks:
        names = ", ".join(f'<a href="/forks/{escape(name)}">{escape(name)}</a>' for name in forks)
        parts.append(f'<p class="bad" role="alert">{escape(t("witness.page.forks"))} {names}</p>')
    found = {follower.log.name: follower.found for follower in witness.followers}
    for origin, head in witness.state.heads.items():
        lines = verify_cosignatures(parse_note(head.note), [witness.verifier_key], _LATEST)
        when = f"{datetime.fromtimestamp(lines[0].time_s, UTC):%Y-%m-%d %H:%M:%S} UTC" if lines else "-"
        parts.append(f'<h2><bdi translate="no">{escape(origin)}</bdi></h2><table><tbody>')
        parts.append(_row(t("witness.page.size"), t.number(head.checkpoint.size)))
        parts.append(_row(t("witness.page.time"), when))
        parts.append(_show_found(found.get(origin), t))
        parts.append("</tbody></table>")
    parts.append("</body></html>")
    return "".join(parts)


def _show_found(found: Found | None, t: Dictionary) -> str:
    if found is None:
        return _row(t("witness.page.followed"), t("witness.page.not_followed"))
    rows = [
        _row(t("witness.page.followed"), t.number(found.size)),
        _row(t("witness.page.quorumless"), t.number(found.quorumless)),
        _row(t("witness.page.accepted"), ", ".join(f"{name} {number}" for name, number in found.accepted.items())),
    ]
    if found.error:
        rows.append(_row(t("witness.page.error"), found.error))
    rows += [_row(t("witness.page.fault"), fault) for fault in found.faults]
    rows += [
        _row(t("witness.page.refused", index=index), f"{kind}: {check}: {reason}")
        for index, kind, check, reason in found.refused
    ]
    return "".join(rows)
