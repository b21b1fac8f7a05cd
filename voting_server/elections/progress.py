"""Where an election stands and whose act it waits for, read from the one state machine; no rule is made here.

Spec: `docs/spec/board.md` (phases), `ceremony.md` (rounds), `tally.md`. Assumes an up-to-date record;
what is listed as awaited is advice to people and programs, only `Record.admit` decides.

>>> from tests.simulator import world_at
>>> [(act.type, act.by, act.who) for act in awaited(world_at("founded").record)][0]
('ceremony-key', 'trustees', ['trustee 1', 'trustee 2', 'trustee 3'])
>>> awaited(world_at("complete").record)
[]
"""

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from crypto.election.board import Phase
from crypto.election.ceremony import ANSWER_ROUND, ROUNDS
from crypto.election.record import Record

Role = Literal["officers", "registrars", "trustees", "server", "voters", "witnesses"]
_TYPES = ("ceremony-key", "ceremony-commitment", "ceremony-dealing", "ceremony-acceptance", "ceremony-certificate")


class Awaited(BaseModel):
    """One act that the log waits for."""

    type: str = Field(description="entry type", examples=["ceremony-key"])
    by: Role
    who: list[str] = Field(default=[], description="names from the manifest, where it is known who")
    not_before_ms: int | None = Field(default=None, description="board time before which it would be refused")


class Times(BaseModel):
    """The manifest's times and the board's own, in ms since 1970."""

    opens_at_ms: int
    closes_at_ms: int
    intake_ends_ms: int
    board_ms: int | None = Field(
        default=None, description="L of the newest block: no honest witness saw this log end before it"
    )
    now_ms: int = Field(description="the database's clock, which decides at intake")


class Counts(BaseModel):
    """How much the record holds."""

    entries: int
    blocks: int
    quorum_entries: int = Field(description="entries under the newest sealed quorum checkpoint")
    slots: int
    credentials: int
    ballots: int
    spoiled: int
    refused: int
    results: int


EXAMPLE_STATE: JsonDict = {
    "short_name": "town-2026",
    "origin": "board.example/demo/town-2026",
    "kind": "demo",
    "manifest_hash": "5e" * 32,
    "title": {"ky": "Шайлоо", "ru": "Выборы", "en": "Elections"},
    "phase": "setup",
    "times": {
        "opens_at_ms": 1_768_050_000_000,
        "closes_at_ms": 1_768_053_600_000,
        "intake_ends_ms": 1_768_053_900_000,
        "board_ms": 1_768_046_340_000,
        "now_ms": 1_768_046_400_000,
    },
    "counts": {
        "entries": 5,
        "blocks": 2,
        "quorum_entries": 0,
        "slots": 0,
        "credentials": 0,
        "ballots": 0,
        "spoiled": 0,
        "refused": 0,
        "results": 0,
    },
    "trustees": ["trustee 1", "trustee 2", "trustee 3"],
    "threshold": 2,
    "undrilled": ["trustee 1", "trustee 2", "trustee 3"],
    "awaited": [{"type": "ceremony-key", "by": "trustees", "who": ["trustee 1"]}],
}


class ElectionState(BaseModel):
    """An election as everybody may see it."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_STATE]})

    short_name: str
    origin: str
    kind: Literal["demo", "practice", "real"]
    manifest_hash: str
    title: dict[str, str]
    phase: Literal["setup", "open", "closed", "complete"]
    times: Times
    counts: Counts
    trustees: list[str]
    threshold: int
    undrilled: list[str] = Field(
        default=[], description="trustees who have not passed a drill since the opening (before it: any): an alarm"
    )
    election_key: str | None = Field(default=None, description="H, once the opening entry stands in the log")
    awaited: list[Awaited]


class SlotState(BaseModel):
    """What the board says of one slot: whoever knows its pseudonym sees whether it voted, as everybody does."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "pseudonym": "ab" * 16,
                    "unit": 2,
                    "style": 1,
                    "has_credential": True,
                    "ballots": 1,
                    "is_struck": False,
                }
            ]
        }
    )

    pseudonym: str
    unit: int
    style: int
    has_credential: bool
    ballots: int = Field(description="how many ballots of this slot stand in the log; the last one counts")
    is_struck: bool


def describe(record: Record, now_ms: int) -> ElectionState:
    """Return the state of an election; Misuse before its manifest."""
    manifest, board, roll = record.parts.manifest, record.board, record.roll
    title = manifest.title
    opening = record.ceremony.opening
    return ElectionState(
        short_name=manifest.short_name,
        origin=manifest.origin,
        kind=manifest.kind,
        manifest_hash=record.manifest_hash.hex(),
        title={"ky": title.ky, "ru": title.ru, "en": title.en},
        phase=_phase(record),
        times=Times(
            opens_at_ms=manifest.opens_at_ms,
            closes_at_ms=manifest.closes_at_ms,
            intake_ends_ms=board.intake_end_ms,
            board_ms=board.lower_ms(),
            now_ms=now_ms,
        ),
        counts=Counts(
            entries=record.size,
            blocks=board.block + 1,
            quorum_entries=board.newest.size if board.newest else 0,
            slots=len(roll.names),
            credentials=roll.credentials,
            ballots=record.accepted["ballot"],
            spoiled=record.accepted["spoiled"],
            refused=len(record.refused),
            results=record.accepted["result"],
        ),
        trustees=[trustee.name for trustee in manifest.trustees],
        threshold=manifest.threshold,
        undrilled=names_of(record, record.ceremony.undrilled()),
        election_key=opening.key.hex() if opening else None,
        awaited=awaited(record),
    )


def names_of(record: Record, places: Iterable[int]) -> list[str]:
    """Return the trustees at these places, by the names that the manifest gives them."""
    trustees = record.parts.manifest.trustees
    return [trustees[place - 1].name for place in sorted(places)]


def awaited(record: Record) -> list[Awaited]:
    """Return the acts that the log waits for, the nearest first; nothing when it is complete."""
    if record.board.phase in {Phase.PARTS, Phase.SETUP}:
        return _before_opening(record)
    if record.board.phase is Phase.OPEN:
        return _while_open(record)
    return _after_close(record)


def _phase(record: Record) -> Literal["setup", "open", "closed", "complete"]:
    if record.is_complete():
        return "complete"
    phases: dict[Phase, Literal["setup", "open", "closed"]] = {Phase.OPEN: "open", Phase.CLOSED: "closed"}
    return phases.get(record.board.phase, "setup")


def _before_opening(record: Record) -> list[Awaited]:
    ceremony, acts = record.ceremony, list[Awaited]()
    number, manifest = ceremony.open_round(), record.parts.manifest
    if number <= len(ROUNDS):
        missing = ceremony.missing(number)
        if missing:
            acts.append(Awaited(type=_TYPES[number - 1], by="trustees", who=names_of(record, missing)))
        if number < len(ROUNDS):
            disputed = number == ANSWER_ROUND and not missing
            deadline = None if disputed else manifest.round_deadlines_ms[number - 1]
            acts.append(Awaited(type="round", by="officers", not_before_ms=deadline))
    if record.roll.frozen is None:
        acts += [Awaited(type="roll", by="registrars"), Awaited(type="freeze", by="officers")]
    if ceremony.certificate is not None:
        acts += _drills(record)
        if record.roll.frozen is not None and any(
            len(passed) == ceremony.setting.trustees for passed in ceremony.passed.values()
        ):
            acts.append(Awaited(type="opening", by="officers"))
    return acts


def _drills(record: Record) -> list[Awaited]:
    """Return what a drill waits for: one before the opening, one more before the close, which never waits for it."""
    ceremony = record.ceremony
    number = ceremony.current_drill()
    if not number:
        return [Awaited(type="drill", by="officers")]
    missing = sorted(set(ceremony.everyone) - ceremony.passed[number])
    return [Awaited(type="drill-share", by="trustees", who=names_of(record, missing))] if missing else []


def _while_open(record: Record) -> list[Awaited]:
    board, manifest = record.board, record.parts.manifest
    if board.lower is None or board.lower < board.intake_end_ms:
        return [
            *_drills(record),
            Awaited(type="credential", by="registrars"),
            Awaited(type="ballot", by="voters", not_before_ms=manifest.opens_at_ms),
            Awaited(type="close", by="officers", not_before_ms=board.intake_end_ms),
        ]
    if board.last_ballot_index >= 0 and board.last_ballot_upper_ms() is None:
        return [Awaited(type="seal", by="witnesses")]
    return [Awaited(type="close", by="officers", not_before_ms=board.intake_end_ms)]


def _after_close(record: Record) -> list[Awaited]:
    tally, board, acts = record.tally, record.board, list[Awaited]()
    items = len(tally.plan.items)
    if record.accepted["aggregate"] < items:
        acts.append(Awaited(type="aggregate", by="server"))
    if tally.unresolved():
        acts.append(Awaited(type="release", by="officers"))
    setting = record.ceremony.setting
    if len(tally.shared()) < setting.threshold:
        upper = board.upper_ms(board.close_index)
        missing = [each for each in record.ceremony.everyone if each not in tally.shared()]
        earliest = None if upper is None else upper + record.parts.manifest.dispute_ms
        acts.append(Awaited(type="share", by="trustees", who=names_of(record, missing), not_before_ms=earliest))
    elif record.accepted["result"] < items:
        acts.append(Awaited(type="result", by="officers"))
    return acts
