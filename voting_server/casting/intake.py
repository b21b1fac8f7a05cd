"""The intake of ballots: many casts checked together, stored in one transaction, each answered for itself.

Spec: `docs/spec/ballot.md`, `docs/spec/record.md`. The order for each cast: session, a repeat (answered from the
database), the limit of its credential, every check that needs the state, nonce and passkey, proof, then the database
with its clock. A row that is committed here is a promise, so that whatever would refuse the ballot later on the board
is refused now.

>>> Cast(bytes(32), b"").raw
b''
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from crypto.election.ballot import BallotHead, hash_ballot, parse_ballot
from crypto.election.board import Phase
from crypto.election.entries import BallotEntry, Manifest, parse_entry
from crypto.election.record import Office, Record, Work, discharge
from crypto.errors import DobushError, Refused
from crypto.group import parse_suite
from voting_server.board.service import Board, NewEntry, Queued
from voting_server.casting.store import Store, TakenError
from voting_server.plumbing.context import Context
from voting_server.plumbing.guards import limit
from voting_server.plumbing.killpoints import reach
from voting_server.plumbing.metrics import REFUSALS
from voting_server.plumbing.problems import ProblemError
from voting_server.plumbing.sessions import BALLOT_SESSIONS

_STALE_MS = 100
"""Older than this the record may be for a first look; what decides is the database's uniqueness, then the sequencer."""


@dataclass(frozen=True, slots=True)
class Cast:
    """One cast request: the digest of the session's cookie, and the ballot entry's bytes."""

    session: bytes
    raw: bytes


@dataclass(slots=True)
class _Place:
    """One cast on its way; `answer` is set as soon as there is one."""

    cast: Cast
    head: BallotHead
    ballot: bytes
    ballot_hash: bytes
    work: Work = field(default_factory=lambda: Work(()))
    seen: int = 0
    answer: Queued | Exception | None = None

    def entry(self, delay_ms: int) -> NewEntry:
        head = self.head
        return NewEntry(self.cast.raw, "ballot", head.pseudonym, head.number, self.ballot_hash, delay_ms, self.seen)


class Intake:
    """Takes ballots in for one process."""

    def __init__(self, context: Context, board: Board, store: Store, receipt_key: bytes) -> None:
        """Keep what is needed; `receipt_key` is the public key that this process signs receipts under."""
        self._context, self._board, self._store = context, board, store
        self._receipt_key = receipt_key

    def take(self, casts: Sequence[Cast]) -> list[Queued | Exception]:
        """Return each cast's row, or why it is refused (Refused, ProblemError); called by several threads."""
        with self._board.record(_STALE_MS) as record:
            manifest, latest_ms = record.parts.manifest, record.board.intake_end_ms
        parsed = [_parse(manifest, cast) for cast in casts]
        places = [place for place in parsed if isinstance(place, _Place)]
        first: dict[bytes, _Place] = {}
        for place in places:
            first.setdefault(place.ballot_hash, place)
        now_ms = self._recognise(places)
        fresh = [place for place in first.values() if place.answer is None]
        self._limit(_open(fresh))
        with self._board.record(_STALE_MS) as record:
            office = record.office()
            for place in _open(fresh):
                place.answer = self._review(record, place, now_ms)
        refused = [place for place in fresh if isinstance(place.answer, Refused)]
        if refused:
            # Perhaps only because the newest block was not read yet.
            with self._board.record() as record:
                office = record.office()
                for place in refused:
                    place.answer = self._review(record, place, now_ms)
            for place in refused:
                waiting = self._board.store.find(pseudonym=place.head.pseudonym)
                if isinstance(place.answer, Refused) and waiting is not None:
                    # It follows a ballot that no block holds yet, as far as one can say now.
                    code = "key-changes" if waiting.type == "change" else "ballot-waits"
                    place.answer = ProblemError(code, retry_after_s=max(1, manifest.interval_ms // 1_000))
        # Signatures first and proofs after them: a proof costs most, and only who holds the key may cause that.
        self._verify(_open(fresh), office, lambda work: Work(work.claims))
        self._verify(_open(fresh), office, lambda work: Work((), work.ballot))
        self._store_all(_open(fresh), manifest.receipt_delay_ms, latest_ms, max(1, manifest.interval_ms // 1_000))
        for place in places:
            if place.answer is None:
                place.answer = first[place.ballot_hash].answer
        answers = [place.answer if isinstance(place, _Place) else place for place in parsed]
        for answer in answers:
            if isinstance(answer, Refused):
                REFUSALS.labels(answer.check).inc()
        return [answer or ProblemError("internal") for answer in answers]

    def _recognise(self, places: Sequence[_Place]) -> int:
        """Answer those without a session of their own and those that were taken in before; return the time."""
        with self._context.database.read() as connection:
            sessions = [place.cast.session for place in places]
            subjects, now_ms = BALLOT_SESSIONS.find_subjects(connection, sessions)
            known = self._board.find_ballots(connection, [place.ballot_hash for place in places])
            is_rotating = self._board.store.is_rotating(connection)
        for place in places:
            subject, row = subjects.get(place.cast.session), known.get(place.ballot_hash)
            if subject is None:
                place.answer = ProblemError("not-logged-in")
            elif subject != place.head.pseudonym:
                place.answer = ProblemError("forbidden")
            elif row is not None:
                place.answer = row if row.type == "ballot" else ProblemError("ballot-spoiled")
            elif is_rotating:
                place.answer = self._board.rotation_problem()
        return now_ms

    def _limit(self, places: Sequence[_Place]) -> None:
        for place in places:
            try:
                self._board.require_room()
                limit(self._context.cache, "casts", place.head.pseudonym.hex(), self._context.limits.casts_a_minute)
            except ProblemError as problem:
                place.answer = problem

    def _review(self, record: Record, place: _Place, now_ms: int) -> Exception | None:
        """Make the checks that need the state, and foresee what the ballot's block could refuse."""
        if record.board.phase is not Phase.OPEN:
            return ProblemError("intake-ended" if record.board.phase is Phase.CLOSED else "not-open")
        if record.keyring.receipt_key != self._receipt_key:
            # After a rotation, until this process has the new key: its receipts would be under the old one.
            return ProblemError("unavailable", retry_after_s=5)
        try:
            place.work, place.seen = record.review(place.cast.raw) or place.work, record.size
        except DobushError as refusal:
            return refusal
        manifest, board, roll, head = record.parts.manifest, record.board, record.roll, place.head
        slot = roll.slot(head.pseudonym)
        if roll.is_struck(slot):
            return ProblemError("struck")
        if board.heads[head.head_size].upper_ms > manifest.closes_at_ms:
            # In its block, after closing, BALLOT-9's rule would hold.
            return ProblemError("intake-ended")
        row, read = roll.row(slot), self._board.read
        due_ms = now_ms + manifest.receipt_delay_ms
        now_in_force = roll.key_in_force(row, board.lower or 0, board.upper_ms, read)
        later = roll.key_in_force(row, due_ms, lambda index: board.upper_ms(index) or now_ms, read)
        return None if now_in_force == later else ProblemError("key-changes")

    @staticmethod
    def _verify(places: Sequence[_Place], office: Office | None, part: Callable[[Work], Work]) -> None:
        """Verify one part of the work of all places together."""
        refusals = discharge(office, [part(place.work)._replace(group=-1) for place in places]).refusals
        for place, refusal in zip(places, refusals, strict=True):
            place.answer = refusal

    def _store_all(self, places: Sequence[_Place], delay_ms: int, latest_ms: int, wait_s: int) -> None:
        """Store at most one ballot of each pseudonym; another that came at the same time waits for the next block."""
        while places:
            chosen: dict[bytes, _Place] = {}
            for place in places:
                chosen.setdefault(place.head.pseudonym, place)
            # In one order everywhere, so that two transactions never wait for each other in a circle.
            turn = [chosen[pseudonym] for pseudonym in sorted(chosen)]
            entries = [place.entry(delay_ms) for place in turn]
            for place, answer in zip(
                turn, self.insert(entries, [place.head.firsts for place in turn], latest_ms), strict=True
            ):
                place.answer = answer
            taken = {place.head.pseudonym for place in turn if isinstance(place.answer, Queued)}
            places = _open(places)
            for place in places:
                if place.head.pseudonym in taken:
                    place.answer = ProblemError("ballot-waits", retry_after_s=wait_s)
            places = _open(places)

    def insert(
        self, entries: Sequence[NewEntry], firsts: Sequence[tuple[bytes, ...]], latest_ms: int
    ) -> list[Queued | Exception]:
        """Store checked entries and their first components in one transaction; one by one where that fails."""
        reserved = {entry.leaf: values for entry, values in zip(entries, firsts, strict=True)}

        def along(connection: Connection, made: Sequence[bytes]) -> None:
            self._store.reserve(connection, [value for leaf in made for value in reserved[leaf]])
            reach("cast-before-commit")

        reach("cast-before-insert")
        try:
            rows = self._board.insert_many(entries, latest_ms, along)
        except (TakenError, ProblemError) as error:
            if len(entries) > 1:
                pairs = zip(entries, firsts, strict=True)
                return [answer for entry, own in pairs for answer in self.insert([entry], [own], latest_ms)]
            # Another ballot with this component waits; once it stands on the board, the record names the check.
            return [ProblemError("ballot-waits", retry_after_s=1) if isinstance(error, TakenError) else error]
        reach("cast-after-commit")
        return list(rows)


def _open(places: Sequence[_Place]) -> list[_Place]:
    return [place for place in places if place.answer is None]


def _parse(manifest: Manifest, cast: Cast) -> _Place | Exception:
    """Take a cast's bytes apart as far as the intake must."""
    try:
        entry = parse_entry(cast.raw)
        if entry.type != "ballot":
            return ProblemError("other-way")
        ballot = BallotEntry.parse_once(entry.body).ballot
        head = parse_ballot(ballot, parse_suite(manifest.suite).element_size)
    except Refused as refusal:
        return refusal
    return _Place(cast, head, ballot, hash_ballot(manifest.kind, ballot))
