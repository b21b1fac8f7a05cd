"""Plots as SVG that needs no script: shapes only, stretched to any width; what is to be read stands beside it as text.

Spec: `docs/operations/audit.md`, section "The page". All numbers are public figures of the report; labels come in as
ready HTML.

>>> bar(25.0)
'<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect width="100" height="10" \
fill="#e4e4e4"/><rect width="25.0" height="10" fill="#1d4f91"/></svg>'
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

_WIDTH: Final = 1000
_HEIGHT: Final = 200


class Column(NamedTuple):
    """One column from `start` to `end` along the axis, `height` high, both in their own units."""

    start: float
    end: float
    height: float


def bar(percent: float) -> str:
    """Draw one horizontal bar on the scale 0–100 %; the figure stands beside it."""
    length = round(min(max(percent, 0.0), 100.0), 2)
    return (
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="100" height="10" fill="#e4e4e4"/><rect width="{length}" height="10" fill="#1d4f91"/></svg>'
    )


def columns(shown: Sequence[Column], label: str, highest: float, reference: float | None = None) -> str:
    """Draw columns from 0 to `highest`, with lines at a half and the whole and, dashed, at `reference`."""
    first, last = shown[0].start, max(column.end for column in shown)
    scale = _WIDTH / (last - first or 1)
    shapes = [_line(_HEIGHT * share, "#ccc") for share in (0.0, 0.5)]
    for column in shown:
        height = _HEIGHT * min(column.height / highest, 1.0) if highest else 0.0
        width = max(scale * (column.end - column.start) * 0.92, 0.6)
        x = scale * (column.start - first)
        shapes.append(
            f'<rect x="{x:.1f}" y="{_HEIGHT - height:.1f}" width="{width:.1f}" height="{height:.1f}" fill="#1d4f91"/>'
        )
    if reference is not None and 0 < reference <= highest:
        shapes.append(_line(_HEIGHT * (1 - reference / highest), "#8a2b00", ' stroke-dasharray="8 5"'))
    shapes.append(_line(_HEIGHT, "#111"))
    return (
        f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{label}">{"".join(shapes)}</svg>'
    )


def axis(labels: Sequence[str]) -> str:
    """Write labels under a plot, from its left edge to its right."""
    return '<p class="axis">' + "".join(f"<span>{label}</span>" for label in labels) + "</p>"


def figure(caption: str, plot: str, labels: Sequence[str], data: str) -> str:
    """Put a plot together: what its height means, the plot, its axis, its figures to save."""
    return f'<figure><figcaption>{caption}</figcaption>{plot}{axis(labels)}<p class="data">{data}</p></figure>\n'


def _line(y: float, colour: str, more: str = "") -> str:
    return (
        f'<path d="M0 {y:.1f}H{_WIDTH}" fill="none" stroke="{colour}" stroke-width="1.5" '
        f'vector-effect="non-scaling-stroke"{more}/>'
    )
