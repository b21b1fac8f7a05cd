"""After the close: aggregates signed by the log, results prepared for the officers' signatures, totals that add up.

Spec: `docs/spec/tally.md`. Everything is computed from the one record; trustees' shares come in as author-signed
entries like any other and are judged there. The server has no officer's key: it prepares the bodies of result entries,
and the officers sign them on their own machines. Totals are served only while ballots and people add up; else nothing.

>>> import inspect
>>> [name for name, _ in inspect.getmembers(Tallies, inspect.isfunction) if not name.startswith("_")]
['dispute', 'prepare', 'read', 'start', 'step', 'stop']
"""

import threading
from dataclasses import dataclass

from crypto.election.board import Phase
from crypto.election.encoding import Message
from crypto.election.entries import Aggregate, Contest, Dispute, Entry, Result, Text3
from crypto.election.record import Figures, Record
from crypto.election.tally import Totals, verify_counts
from crypto.errors import Refused
from crypto.merkle import leaf_hash
from crypto.signatures import sign_author
from crypto.transcript import tag
from voting_server.board.service import Board, Queued
from voting_server.plumbing.logging import log
from voting_server.plumbing.problems import ProblemError

_FRESH_MS = 1_000


@dataclass(frozen=True, slots=True)
class Prepared:
    """The body of a result entry, ready to be signed by two officers of different bodies."""

    contest: int
    cell: int
    ballots: int
    votes: tuple[int, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class ContestResult:
    """A contest with its totals so far; `open_cells` of `cells` have their result."""

    contest: Contest
    totals: Totals
    cells: int
    open_cells: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """All results so far with the counts that they rest on."""

    complete: bool
    closed_root: bytes
    figures: Figures
    contests: tuple[ContestResult, ...]
    units: dict[int, Text3]


class Tallies:
    """The tally of one board; safe to share between threads."""

    def __init__(self, board: Board) -> None:
        """Stand on the board."""
        self._board = board
        self._opened: dict[tuple[int, int], tuple[int, ...]] = {}
        self._counting = threading.Lock()
        self._counted: tuple[bytes, Figures] | None = None  # by the root at the close, after which nobody votes
        self._outcome: tuple[tuple[object, ...], Outcome] | None = None

    def start(self) -> None:
        """Nothing is to be got ready."""

    def stop(self) -> None:
        """Nothing is to be let go of."""

    # ------------------------------------------------------------------------------------------------ the server's act

    def step(self) -> int:
        """Queue the aggregates that are missing in the log; return how many. For the worker, which has the log key."""
        with self._board.record() as record:
            if record.board.phase is not Phase.CLOSED or record.accepted["aggregate"] == len(record.tally.plan.items):
                return 0
            entries = [
                self._sign(
                    record,
                    "aggregate",
                    Aggregate(item.contest, item.number, item.cell.units, item.cell.ballots, item.sums),
                )
                for item in record.tally.plan.items
            ]
        missing = [raw for raw in entries if self._board.find_entry(leaf_hash(raw)) is None]
        for raw in missing:
            self._board.enqueue(raw)
        return len(missing)

    def _sign(self, record: Record, entry_type: str, body: Message) -> bytes:
        kind = record.parts.manifest.kind
        data = body.to_bytes()
        key = self._board.log_key()
        signature = sign_author(key, tag(kind, "author"), record.manifest_hash, entry_type, data)
        return Entry(entry_type, data, (signature,)).to_bytes()

    # --------------------------------------------------------------------------------------------------------- voters

    def dispute(self, receipt: bytes) -> Queued:
        """Put a voter's receipt of a ballot that is missing after its deadline on the board, against this server.

        Raises Refused where the promise was kept or is not due, or the receipt is none of this election's.
        """
        with self._board.record() as record:
            record.verify_dispute(receipt)
            raw = self._sign(record, "dispute", Dispute(receipt))
        return self._board.enqueue(raw)

    # ------------------------------------------------------------------------------------------------------- officers

    def prepare(self) -> list[Prepared]:
        """Return the results that enough valid shares open and that are not in the log yet, for officers to sign.

        Empty while shares are missing. Raises Refused where a total is out of range; ProblemError before the close.
        """
        with self._board.record() as record:
            tally = self._after_close(record).tally
            if len(tally.shared()) < tally.election.threshold:
                return []
            items = [item for item in tally.plan.items if (item.contest, item.number) not in tally.results]
        prepared = []
        for item in items:
            place = (item.contest, item.number)
            if place not in self._opened:
                # Under the lock for one cell at a time: a country has thousands, and others wait for the record.
                with self._board.record(stale_ms=_FRESH_MS) as record:
                    if place not in self._opened:  # whoever held the record before may have opened it
                        self._opened[place] = record.tally.open_cell(item)
            votes = self._opened[place]
            body = Result(item.contest, item.number, votes).to_bytes()
            prepared.append(Prepared(item.contest, item.number, item.cell.ballots, votes, body))
        return prepared

    @staticmethod
    def _after_close(record: Record) -> Record:
        if record.board.phase is not Phase.CLOSED:
            raise ProblemError("not-yet-covered")
        return record

    # ------------------------------------------------------------------------------------------------------ everybody

    def read(self) -> Outcome:
        """Return all results so far. Raises Refused, and alarms, where ballots and people do not add up."""
        with self._board.record() as record:
            self._after_close(record)
        figures = self._figures(record)
        try:
            verify_counts(figures.valid, figures.counted, figures.superseded, figures.struck, figures.districts)
        except Refused as refusal:
            log().error("totals-refused", check=refusal.check)
            raise
        with self._board.record() as record:
            tally, accepted = self._after_close(record).tally, record.accepted
            state = (tally.closed_root, figures, *(accepted[each] for each in ("result", "decision", "release")))
            if self._outcome is not None and self._outcome[0] == state:
                return self._outcome[1]
            cells = dict.fromkeys(record.parts.contests, 0)
            opened = dict(cells)
            for item in tally.plan.items:
                cells[item.contest] += 1
                opened[item.contest] += (item.contest, item.number) in tally.results
            contests = tuple(
                ContestResult(record.parts.contests[each.contest], each, cells[each.contest], opened[each.contest])
                for each in tally.totals()
            )
            units = {unit.id: unit.name for chunk in record.parts.chunks for unit in chunk.units}
            outcome = Outcome(record.is_complete(), tally.closed_root or b"", figures, contests, units)
            self._outcome = state, outcome
            return outcome

    def _figures(self, record: Record) -> Figures:
        """Count ballots and people, once: seconds over a country's roll, which no lock of the record is held for.

        After the close no entry changes what they rest on.
        """
        root = record.tally.closed_root or b""
        with self._counting:
            if self._counted is None or self._counted[0] != root:
                self._counted = root, record.figures()
            return self._counted[1]
