"""The state of an election while it runs, for those who run it: turnout, queue, board, witnesses, drills, alarms.

Spec: `docs/operations/monitoring.md`. Read from the record and the board's tables; nothing of a voter. Alarms are names
that stand in the dictionary (`console.alarm.<name>`); each says what a person can do.

>>> sorted(ALARMS)[0]
'drill-due'
"""

from collections import Counter

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from crypto.election.board import Phase
from crypto.election.record import Record
from crypto.errors import Refused
from crypto.signatures import parse_signature_lines
from voting_server.board.service import Board
from voting_server.elections.progress import EXAMPLE_STATE, ElectionState, describe, names_of

ALARMS = frozenset(
    {
        "no-quorum",
        "witness-behind",
        "queue-filling",
        "refused-entries",
        "drill-due",
        "release-awaited",
        "late",
        "stopped",
    }
)
MOST_COUNTED = 20_000
"""Credentials of the largest roll whose voters are counted by district here, once for each size of the log."""
_PATIENCE_INTERVALS, _PATIENCE_MS = 5, 30_000


class DistrictTurnout(BaseModel):
    """The same of one district."""

    unit: int
    name: dict[str, str]
    slots: int
    credentials: int
    voters: int | None = Field(
        default=None, description="none where the district is smaller than the smallest group, or the roll is large"
    )


class Turnout(BaseModel):
    """How many may vote, can vote, have voted."""

    slots: int
    credentials: int
    voters: int = Field(description="pseudonyms with a valid ballot")
    ballots: int = Field(description="valid ballots, re-votes among them")
    districts: list[DistrictTurnout] = []


class Queue(BaseModel):
    """What waits for a block."""

    waiting: int
    limit: int


class BoardState(BaseModel):
    """How far the log is."""

    size: int
    block: int
    quorum_size: int
    quorum_at_ms: int | None = Field(default=None, description="when the quorum's last witness signed")


class WitnessState(BaseModel):
    """One witness and its last cosignature."""

    name: str
    size: int | None = None
    at_ms: int | None = None
    is_behind: bool


class DrillState(BaseModel):
    """One drill and who has passed it."""

    number: int
    passed: list[str]
    missing: list[str]


class Alarm(BaseModel):
    """Something that a person has to look at."""

    name: str
    who: list[str] = []
    count: int | None = None


_EXAMPLE: JsonDict = {
    "election": EXAMPLE_STATE,
    "turnout": {"slots": 24, "credentials": 20, "voters": 7, "ballots": 9, "districts": []},
    "queue": {"waiting": 0, "limit": 20_000},
    "board": {"size": 40, "block": 9, "quorum_size": 40, "quorum_at_ms": 1_768_046_400_000},
    "witnesses": [{"name": "watch.example/1", "size": 40, "at_ms": 1_768_046_400_000, "is_behind": False}],
    "drills": [{"number": 1, "passed": ["trustee 1"], "missing": ["trustee 2"]}],
    "alarms": [{"name": "witness-behind", "who": ["watch.example/2"]}],
}


class LiveState(BaseModel):
    """An election as those who run it see it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    election: ElectionState
    turnout: Turnout
    queue: Queue
    board: BoardState
    witnesses: list[WitnessState]
    drills: list[DrillState]
    alarms: list[Alarm]


class Districts:
    """The turnout of each district; its voters are counted once for each size of the log, under the record's lock."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self._voters: tuple[bytes, int, Counter[int]] = (b"", -1, Counter())

    def of(self, record: Record) -> list[DistrictTurnout]:
        """Return the districts of a record, which nobody else has at this time."""
        voters, smallest = None, record.parts.manifest.minimum_cell
        if record.roll.credentials <= MOST_COUNTED:
            if self._voters[:2] != (record.manifest_hash, record.size):
                self._voters = record.manifest_hash, record.size, _count_voters(record)
            voters = self._voters[2]
        return [
            DistrictTurnout(
                unit=unit,
                name={each: getattr(record.parts.units[unit].name, each) for each in ("ky", "ru", "en")},
                slots=slots,
                credentials=record.roll.credentials_by_district[unit],
                voters=voters[unit] if voters is not None and slots >= smallest else None,
            )
            for unit, slots in sorted(record.roll.slots_by_district.items())
        ]


def look(board: Board, now_ms: int, queue_limit: int, districts: Districts) -> LiveState:
    """Return the live state. Raises ProblemError before there is an election."""
    heads, waiting = board.heads(), board.store.count_waiting()
    lines = board.store.newest_cosignatures()
    with board.record() as record:
        state, names = describe(record, now_ms), sorted(record.keyring.witnesses)
        patience_ms = max(_PATIENCE_MS, _PATIENCE_INTERVALS * record.parts.manifest.interval_ms)
        witnesses = [_witness(name, lines.get(name), heads.quorum_size) for name in names]
        times = sorted(each.at_ms for each in witnesses if each.at_ms is not None and each.size == heads.quorum_size)
        quorum_at_ms = times[-1] if times else None
        ballots, drills = record.accepted["ballot"], _drills(record)
        alarms = _alarms(record, witnesses)
        turnout = Turnout(
            slots=len(record.roll.names),
            credentials=record.roll.credentials,
            voters=ballots - record.ballots.replaced,
            ballots=ballots,
            districts=districts.of(record),
        )
    late_ms = now_ms - (quorum_at_ms or 0)
    if heads.quorum_size < heads.size and late_ms > patience_ms:
        alarms.insert(0, Alarm(name="no-quorum"))
    elif state.phase != "complete" and late_ms > 2 * patience_ms:
        alarms.insert(0, Alarm(name="stopped"))
    if waiting * 2 > queue_limit:
        alarms.append(Alarm(name="queue-filling", count=waiting))
    return LiveState(
        election=state,
        turnout=turnout,
        queue=Queue(waiting=waiting, limit=queue_limit),
        board=BoardState(size=heads.size, block=heads.block, quorum_size=heads.quorum_size, quorum_at_ms=quorum_at_ms),
        witnesses=witnesses,
        drills=drills,
        alarms=alarms,
    )


def _count_voters(record: Record) -> Counter[int]:
    roll, parts, voters = record.roll, record.parts, Counter[int]()
    for slot, row in roll.credentialed():
        if record.ballots.last(row)[0] and not roll.is_struck(slot):
            voters[parts.district[roll.unit_and_style(slot)[0]]] += 1
    return voters


def _witness(name: str, newest: tuple[int, bytes] | None, quorum_size: int) -> WitnessState:
    if newest is None:
        return WitnessState(name=name, is_behind=True)
    size, line = newest
    try:
        signature = parse_signature_lines(line.decode())[0].signature
    except (Refused, UnicodeDecodeError):
        return WitnessState(name=name, size=size, is_behind=True)
    at_ms = int.from_bytes(signature[:8], "big") * 1_000
    return WitnessState(name=name, size=size, at_ms=at_ms, is_behind=size < quorum_size)


def _drills(record: Record) -> list[DrillState]:
    ceremony = record.ceremony
    return [
        DrillState(
            number=number,
            passed=names_of(record, passed),
            missing=names_of(record, set(ceremony.everyone) - passed),
        )
        for number, passed in sorted(ceremony.passed.items())
    ]


def _alarms(record: Record, witnesses: list[WitnessState]) -> list[Alarm]:
    found: list[Alarm] = []
    behind = [each.name for each in witnesses if each.is_behind]
    if behind:
        found.append(Alarm(name="witness-behind", who=behind))
    if record.refused:
        found.append(Alarm(name="refused-entries", count=len(record.refused)))
    if record.board.phase is Phase.OPEN and record.ceremony.undrilled():
        found.append(Alarm(name="drill-due", who=names_of(record, record.ceremony.undrilled())))
    if record.board.phase is Phase.CLOSED:
        if record.board.is_late():
            found.append(Alarm(name="late"))
        if record.tally.unresolved():
            found.append(Alarm(name="release-awaited", count=len(record.tally.unresolved())))
    return found
