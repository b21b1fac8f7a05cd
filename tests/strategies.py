"""Hypothesis strategies: valid messages of every declared kind, and the ways to break valid bytes."""

from __future__ import annotations

from enum import Enum
from typing import Any

from hypothesis import strategies as st

from crypto.election.encoding import (
    Bytes,
    Choice,
    Either,
    FieldKind,
    Flag,
    Int,
    Items,
    Message,
    Nested,
    Optional,
    Text,
    Uint,
    fields_of,
)
from crypto.errors import Misuse

# Letters of the three languages and a few signs; sizes count bytes, and these have at most two.
LETTERS = st.text("abcZ09 -,ңөүҢёЯя", min_size=1, max_size=20)


def values(kind: FieldKind) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one line a kind
    """Return a strategy for the values that a field kind allows; arrays and strings stay short."""
    if isinstance(kind, Uint):
        return st.integers(kind.minimum, kind.maximum)
    if isinstance(kind, Int | Choice):
        return st.sampled_from(kind.values)
    if isinstance(kind, Flag):
        return st.booleans()
    if isinstance(kind, Bytes):
        longest = min(kind.limit, kind.minimum + 4 * kind.step) // kind.step
        return st.integers(-(-kind.minimum // kind.step), longest).flatmap(
            lambda count: st.binary(min_size=count * kind.step, max_size=count * kind.step)
        )
    if isinstance(kind, Text):
        return LETTERS.map(lambda text: text.encode()[: kind.maximum].decode(errors="ignore"))
    if isinstance(kind, Optional):
        return st.none() | values(kind.kind)
    if isinstance(kind, Either):
        return st.one_of(*(values(inner) for _, inner in kind.kinds))
    if isinstance(kind, Items):
        most = min(kind.maximum, kind.minimum + 2)
        return st.lists(values(kind.kind), min_size=kind.minimum, max_size=most).map(tuple)
    if isinstance(kind, Nested):
        return messages(kind.message)
    raise Misuse(f"no strategy for {kind}")


def messages(message: type[Message]) -> st.SearchStrategy[Any]:
    """Return a strategy for the messages of a class."""
    return st.builds(message, **{field.name: values(field.kind) for field in fields_of(message)})


class Break(Enum):
    """Ways to break valid bytes."""

    CUT = "the last bytes are missing"
    TRAIL = "bytes follow"
    FLIP = "one bit differs"
    DROP = "one byte is missing inside"
    INSERT = "one byte more stands inside"
    DOUBLE = "everything stands twice"


@st.composite
def broken(draw: st.DrawFn, data: bytes) -> tuple[Break, bytes]:
    """Return bytes that differ from valid ones, and how."""
    how = draw(st.sampled_from(Break))
    at = draw(st.integers(0, len(data) - 1))
    byte = draw(st.binary(min_size=1, max_size=1))
    if how is Break.CUT:
        return how, data[:at]
    if how is Break.TRAIL:
        return how, data + byte
    if how is Break.FLIP:
        return how, data[:at] + bytes([data[at] ^ 1 << draw(st.integers(0, 7))]) + data[at + 1 :]
    if how is Break.DROP:
        return how, data[:at] + data[at + 1 :]
    if how is Break.INSERT:
        return how, data[:at] + byte + data[at:]
    return how, data + data
