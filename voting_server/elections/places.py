"""Where in the log the entries stand that a reader needs before all others: hints, each checked where it is read.

Spec: `docs/spec/record.md`. A client finds with them the opening, the ceremony's messages of the run that was
certified, the parts and the client's files without reading every entry; a registrar's program finds the rotations of
keys.

>>> places = Places()
>>> places.add(9, "rotate", b"")
>>> places.rotations
[9]
"""

from dataclasses import dataclass, field
from typing import ClassVar

from crypto.election.entries import BODIES, Contest, parse_entry

_CEREMONY = ("ceremony-key", "ceremony-commitment", "ceremony-dealing", "ceremony-acceptance", "ceremony-certificate")

_OTHERS = ("opening", "close", "client", "contest", "units", "rotate", "freeze")


@dataclass
class Places:
    """Indices by what stands there."""

    TYPES: ClassVar[tuple[str, ...]] = (*_CEREMONY, *_OTHERS)

    opening: int | None = None
    close: int | None = None
    client: list[int] = field(default_factory=list)
    freeze: int | None = None
    contests: dict[int, int] = field(default_factory=dict)
    units: list[int] = field(default_factory=list)
    rotations: list[int] = field(default_factory=list)
    runs: dict[int, list[int]] = field(default_factory=dict)

    @property
    def ceremony(self) -> list[int]:
        """The trustees' messages of the last run: the certified one, once there is an opening."""
        return self.runs[max(self.runs)] if self.runs else []

    def add(self, index: int, kind: str, raw: bytes) -> None:
        """Note where an entry stands; what stands there first counts (a second one is a refused entry)."""
        if kind in _CEREMONY:
            run = getattr(BODIES[kind].parse(parse_entry(raw).body), "run", 0)
            self.runs.setdefault(run, []).append(index)
        elif kind == "contest":
            body = BODIES[kind].parse(parse_entry(raw).body)
            if isinstance(body, Contest):
                self.contests.setdefault(body.id, index)
        elif kind == "opening" and self.opening is None:
            self.opening = index
        elif kind == "close" and self.close is None:
            self.close = index
        elif kind == "freeze" and self.freeze is None:
            self.freeze = index
        elif kind in {"client", "units", "rotate"}:
            {"client": self.client, "units": self.units, "rotate": self.rotations}[kind].append(index)
