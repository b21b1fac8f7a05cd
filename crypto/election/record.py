"""The one state machine: server, trustee, witness and auditor alike accept or refuse every entry of a log here.

Spec: `docs/spec/record.md`. `Record.apply` takes one entry after the other. Whoever has many cores uses the same three
steps apart: `stage` makes every check that needs the state, `discharge` verifies claims that need none (anywhere),
`settle` changes the state. A refused entry keeps its leaf in the tree, changes nothing else and is listed.

>>> record = Record(read=lambda index: b"")
>>> record.apply(b"no entry")
Traceback (most recent call last):
...
crypto.errors.MalformedEncoding: ENCODING-1: an entry is an array of four that begins with the version 1 (entry 0)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from crypto.cbor import UINT, read_head
from crypto.election.ballot import (
    FRAME_CHECKS,
    Ballots,
    BallotStep,
    CastClaim,
    Receipt,
    parse_ballot,
    verify_receipt,
)
from crypto.election.board import Board, Phase
from crypto.election.ceremony import Ceremony, Setting
from crypto.election.credential import Roll, verify_imported
from crypto.election.entries import (
    BODIES,
    VOTER_TYPES,
    BallotEntry,
    Change,
    Claim,
    Contest,
    Context,
    Credential,
    Entry,
    Imported,
    Manifest,
    Seal,
    SignatureClaim,
    Spoiled,
    Step,
    Units,
    parse_entry,
)
from crypto.election.manifest import Keyring, Parts, hash_manifest, verify_manifest
from crypto.election.tally import RELEASABLE, DistrictCounts, Election, Tally, verify_counts
from crypto.errors import Misuse, Refused
from crypto.group import parse_suite
from crypto.merkle import Frontier, leaf_hash
from crypto.proofs import BallotVerifier, RunningSums
from crypto.rules import parse_rule
from crypto.signatures import MAX_U63, sift_ed25519
from crypto.transcript import Kind

WINDOW = 512


class UnsettledError(Misuse):
    """The entry cannot be staged before entries that wait for `settle`; settle them and stage it again."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused entry: where it stands, and which check it failed."""

    index: int
    type: str
    refused: Refused


# -------------------------------------------------------------------------------------------------- work without state


class Work(NamedTuple):
    """What a worker verifies of one entry: claims, a ballot's proof; `group` is its unit, -1 where nothing counts."""

    claims: tuple[Claim, ...]
    ballot: bytes | None = None
    group: int = -1


@dataclass(frozen=True, slots=True)
class Office:
    """What workers must know of an election to verify its ballots: a small value that can be sent to a process."""

    kind: Kind
    suite: str
    manifest_hash: bytes
    key: bytes
    styles: tuple[tuple[int, tuple[tuple[int, bytes], ...]], ...]


@dataclass(slots=True)
class Discharged:
    """What verifying came to: a refusal or None a work, and the accepted ballots' sums by unit and contest."""

    refusals: list[Refused | None]
    sums: dict[tuple[int, int], bytes] = field(default_factory=dict)
    ballots: Counter[tuple[int, int]] = field(default_factory=Counter)


class Totals:
    """Sums over many calls of `discharge`, encoded once when they are taken: with many units most of the work."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.sums = RunningSums()
        self.ballots: Counter[tuple[int, int]] = Counter()

    def take(self) -> Discharged:
        """Return sums and numbers of ballots so far, and begin with nothing again."""
        ballots, self.ballots = self.ballots, Counter()
        return Discharged([], self.sums.take(), ballots)


@lru_cache(maxsize=4)
def verifier_of(office: Office) -> BallotVerifier:
    """Return the verifier of an election's ballots; one a process, because its tables take a moment to make."""
    styles = {style: [(contest, parse_rule(rule)) for contest, rule in rules] for style, rules in office.styles}
    group = parse_suite(office.suite)
    return BallotVerifier(office.kind, group, office.manifest_hash, office.key, styles, FRAME_CHECKS)


def discharge(
    office: Office | None,
    works: Sequence[Work],
    hints: Sequence[bytes] | None = None,
    threads: int = 1,
    totals: Totals | None = None,
) -> Discharged:
    """Verify works of any entries: claims first, then all ballots' proofs at once. Pure; runs in any process.

    `hints` are one for each work (empty for those without a ballot). The first failing check is the refusal. With
    `totals` the sums go there, and the answer has none.
    """
    result = Discharged(_first_false_of_each(works))
    counted_ballots = result.ballots if totals is None else totals.ballots
    for counted in (True, False):
        chosen = [
            at
            for at, work in enumerate(works)
            if result.refusals[at] is None and (work.group >= 0) == counted and work.ballot is not None
        ]
        if not chosen:
            continue
        if office is None:
            raise Misuse("ballots cannot be verified before the opening")
        verifier = verifier_of(office)
        ballots = [works[at].ballot or b"" for at in chosen]
        helped = None if hints is None else [hints[at] for at in chosen]
        if counted:
            groups = [works[at].group for at in chosen]
            running = None if totals is None else totals.sums
            verified = verifier.verify_and_sum(ballots, groups, hints=helped, threads=threads, totals=running)
            verdicts, result.sums = verified.verdicts, verified.sums
            contests = {style: [contest for contest, _ in rules] for style, rules in office.styles}
            for ballot, group, verdict in zip(ballots, groups, verdicts, strict=True):
                if verdict is None:
                    for contest in contests[read_head(ballot, 35, UINT)[0]]:
                        counted_ballots[group, contest] += 1
        else:
            verdicts = verifier.verify(ballots, hints=helped, threads=threads)
        for at, verdict in zip(chosen, verdicts, strict=True):
            result.refusals[at] = verdict
    return result


def _first_false_of_each(works: Sequence[Work]) -> list[Refused | None]:
    """Return the first false claim of each work; signatures of keys that sign much are looked at together first."""
    signed = [claim for work in works for claim in work.claims if isinstance(claim, (SignatureClaim, CastClaim))]
    held = iter(sift_ed25519([claim.signed() for claim in signed]))
    refusals: list[Refused | None] = []
    for work in works:
        refusal = None
        for claim in work.claims:
            if isinstance(claim, (SignatureClaim, CastClaim)) and next(held):
                refusal = refusal or _refusal_of(claim.verify_rest)
            else:
                refusal = refusal or _refusal_of(claim.verify)
        refusals.append(refusal)
    return refusals


def _refusal_of(verify: Callable[[], None]) -> Refused | None:
    try:
        verify()
    except Refused as refusal:
        return refusal
    return None


def _first_false(claims: Iterable[Claim]) -> Refused | None:
    for claim in claims:
        try:
            claim.verify()
        except Refused as refusal:
            return refusal
    return None


# ---------------------------------------------------------------------------------------------------------- the record


@dataclass(slots=True)
class Staged:
    """One entry between its stateful checks and the change of the state; `refusal` is set where a check failed."""

    index: int
    type: str
    pseudonym: bytes = b""
    step: Step | None = None
    work: Work | None = None
    refusal: Refused | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Valid ballot entries, and what they came to; slots, credentials and counted pseudonyms by district."""

    valid: int
    counted: int
    superseded: int
    struck: int
    districts: Mapping[int, DistrictCounts]


@dataclass(frozen=True, slots=True)
class Findings:
    """What the end of a record shows: objects covered by each check, checks that failed there, checks not run."""

    counts: Mapping[str, int]
    failed: tuple[Refused, ...]
    not_run: tuple[str, ...]


def _expand(text: str) -> tuple[str, ...]:
    """Return the check ids of a list such as `BALLOT 1-3 7`, families separated by commas."""
    ids = []
    for family in text.split(","):
        name, *ranges = family.split()
        for item in ranges:
            first, _, last = item.partition("-")
            ids += [f"{name}-{number}" for number in range(int(first), int(last or first) + 1)]
    return tuple(ids)


_EVERY = _expand("ENCODING 1-4, BOARD 1, MANIFEST 11 12")
_CONTROL = _expand("BOARD 2 5 13")
_VOTER = _expand("BOARD 3 4")
_COVERED: Mapping[str, tuple[str, ...]] = {
    "manifest": _expand("GROUP 4, THRESHOLD 1, MANIFEST 1-6, RECORD 1"),
    "contest": _expand("MANIFEST 7-10, PROOF 9"),
    "units": _expand("MANIFEST 7 9"),
    "seal": _expand("BOARD 6 7"),
    "rotate": _expand("MANIFEST 13"),
    "ceremony-key": _expand("CEREMONY 1-3"),
    "ceremony-commitment": _expand("CEREMONY 1 2"),
    "ceremony-dealing": _expand("CEREMONY 1 2 4-7"),
    "ceremony-acceptance": _expand("CEREMONY 1 2 8"),
    "ceremony-complaint": _expand("CEREMONY 1 2 9"),
    "ceremony-certificate": _expand("CEREMONY 1 2 11"),
    "round": _expand("CEREMONY 10"),
    "opening": _expand("CEREMONY 12"),
    "drill": _expand("CEREMONY 13"),
    "drill-share": _expand("CEREMONY 14"),
    "client": _expand("BOARD 12"),
    "roll": _expand("CREDENTIAL 1-3"),
    "freeze": _expand("CREDENTIAL 4 5"),
    "credential": _expand("CREDENTIAL 6-8, SIGNATURE 6"),
    "change": _expand("CREDENTIAL 7-9, SIGNATURE 6"),
    "strike": _expand("CREDENTIAL 10"),
    "imported": _expand("CREDENTIAL 11"),
    "ballot": _expand("BALLOT 1-13, BOARD 8, SIGNATURE 7-14, PROOF 1-8"),
    "spoiled": _expand("BALLOT 1-6 8 9 12 14 15, BOARD 8, PROOF 1-8"),
    "close": _expand("BOARD 9, TALLY 1"),
    "aggregate": _expand("TALLY 2"),
    "share": _expand("TALLY 3 4"),
    "result": _expand("TALLY 5 9"),
    "decision": _expand("TALLY 6"),
    "dispute": _expand("TALLY 7, RECEIPT 1-3"),
    "release": _expand("TALLY 8"),
    "certificate": _expand("BOARD 11, SIGNATURE 16"),
}
_AT_THE_END = _expand("RECORD 3-5, BOARD 10, TALLY 10")
CHECKS = frozenset({*_EVERY, *_CONTROL, *_VOTER, *_AT_THE_END, *(each for ids in _COVERED.values() for each in ids)})
"""Every check that covers objects of a record; what `Record.counts` has no number for, covered none."""


class Record:
    """A log's state, from nothing to the last decision; `read` gives an earlier entry's bytes again by index."""

    def __init__(self, read: Callable[[int], bytes], latest_s: int = MAX_U63) -> None:
        """Begin before entry 0; `latest_s` is the reader's own clock in POSIX seconds, where it has one."""
        self.tree = Frontier()
        self.refused: dict[int, Refusal] = {}
        self.accepted: Counter[str] = Counter()
        self.superseded = 0
        self.manifest: Manifest | None = None
        self.manifest_hash = b""
        self.parts: Parts
        self.keyring: Keyring
        self.board: Board
        self.roll: Roll
        self.ballots: Ballots
        self.ceremony: Ceremony
        self.tally: Tally
        self._read = read
        self._latest_s = latest_s
        self._figures: tuple[int, Figures] | None = None  # by the tree's size, because counting takes seconds
        self._imported = -1  # index, in its own log, of the newest imported entry
        self._leaves: set[bytes] = set()  # of control entries; seals and voter entries differ by their own checks
        self._waiting: dict[int, bytes] = {}  # staged and not settled: index to pseudonym (empty: a control entry)
        self._waiting_names: set[bytes] = set()

    @property
    def size(self) -> int:
        """How many entries the log has."""
        return self.tree.size

    def office(self) -> Office | None:
        """Return what workers need for the ballots, None before the opening."""
        if self.manifest is None or self.board.phase in {Phase.PARTS, Phase.SETUP} or self.ceremony.opening is None:
            return None
        rules = self.parts.rules
        styles = tuple(
            (style.id, tuple((contest, rules[contest].to_bytes()) for contest in style.contests))
            for style in self.manifest.styles
        )
        return Office(self.manifest.kind, self.manifest.suite, self.manifest_hash, self.ceremony.opening.key, styles)

    # --------------------------------------------------------------------------------------------- one at a time

    def apply(self, raw: bytes) -> None:
        """Append one entry. Raises Refused after listing it; its leaf is in the tree then, nothing else changed."""
        staged = self.stage(raw)
        refusal, done = staged.refusal, None
        if refusal is None and staged.work is not None:
            done = discharge(self.office(), [staged.work])
            refusal = done.refusals[0]
        refusal = self.settle(staged, refusal)
        if refusal is not None:
            raise refusal
        if done is not None:
            self.merge(done)

    def extend(self, entries: Iterable[bytes], *, threads: int = 1) -> None:
        """Append many entries, verifying the voter entries of a block together; refused ones are in `refused`."""
        window: list[Staged] = []
        for raw in entries:
            try:
                staged = self.stage(raw)
            except UnsettledError:
                self._settle_window(window, threads)
                staged = self.stage(raw)
            window.append(staged)
            if staged.type not in VOTER_TYPES or len(window) >= WINDOW:
                self._settle_window(window, threads)
        self._settle_window(window, threads)

    def _settle_window(self, window: list[Staged], threads: int) -> None:
        waiting = [staged for staged in window if staged.refusal is None and staged.work is not None]
        done = discharge(self.office(), [staged.work for staged in waiting if staged.work is not None], None, threads)
        verdicts = {staged.index: refusal for staged, refusal in zip(waiting, done.refusals, strict=True)}
        self.merge(done)
        for staged in window:
            verdict = verdicts.get(staged.index)
            late = self.settle(staged, verdict)
            counted = staged.work is not None and staged.work.group >= 0
            if late is not None and verdict is None and staged.refusal is None and counted:
                # Refused by a neighbour of the window after its vectors went into the sums.
                self.tally.sums.subtract(*self.ballots.vectors_of_entry(self._read(staged.index)))
        window.clear()

    def admit(self, raw: bytes) -> None:
        """Check whether an entry would be accepted in the current block, its place there aside. Raises Refused.

        Changes nothing: a server asks this before it promises anything.
        """
        work = self.review(raw)
        if work is not None:
            refusal = discharge(self.office(), [work]).refusals[0]
            if refusal is not None:
                raise _at(refusal, self.size)

    def review(self, raw: bytes) -> Work | None:
        """Make those checks of `admit` that need the state; return the work that is left, for `discharge` anywhere.

        Changes nothing. Raises Refused. A server reviews one entry after the other and discharges many at once.
        """
        if self._waiting:
            raise Misuse("entries wait for settle")
        staged = self._examine(raw, leaf_hash(raw), Staged(self.size, ""), place=False)
        if staged.step is not None:
            staged.step.recheck()
        return staged.work

    # ------------------------------------------------------------------------------------------ the three steps

    def stage(self, raw: bytes) -> Staged:
        """Enter an entry's leaf and make every check that needs the state; claims are left to `discharge`.

        Where a check fails, `Staged.refusal` says so. Raises UnsettledError, before anything has changed, where the
        entry depends on staged ones: control entries do on all (seals on none), voter entries on those of their
        pseudonym, everything on a staged control entry.
        """
        staged = Staged(self.size, "")
        leaf = leaf_hash(raw)
        try:
            self._examine(raw, leaf, staged, place=True)
        except Refused as refusal:
            staged.refusal = _at(refusal, staged.index)
        self.tree.append(leaf)
        self._waiting[staged.index] = staged.pseudonym
        self._waiting_names.add(staged.pseudonym)
        return staged

    def settle(self, staged: Staged, refusal: Refused | None = None) -> Refused | None:
        """Commit a staged entry, or list it as refused with what it failed; return the refusal, None when accepted.

        In log order. Sums of a counted ballot are merged by the caller, before or after; a ballot refused here must
        stay out of them.
        """
        if next(iter(self._waiting), -1) != staged.index:
            raise Misuse("entries are settled in the order of the log, each once")
        step, refusal = staged.step or Step(), staged.refusal or refusal
        if refusal is None:
            try:
                step.recheck()
            except Refused as late:
                refusal = late
        self._waiting_names.discard(self._waiting.pop(staged.index))
        if refusal is not None:
            refusal = _at(refusal, staged.index)
            self.refused[staged.index] = Refusal(staged.index, staged.type, refusal)
            return refusal
        step.commit()
        self.accepted[staged.type] += 1
        if isinstance(step, BallotStep):
            self._count(step, staged.index)
        elif staged.type == "close":
            released = [index for index, place in self.refused.items() if place.type in RELEASABLE]
            lasting = [index for index, place in self.refused.items() if place.type not in RELEASABLE]
            self.tally.begin(self.tree.root(), released, late=self.board.is_late(), lasting=lasting)
        return None

    def merge(self, done: Discharged) -> None:
        """Add the sums of discharged ballots; all must be merged before the close is staged."""
        if done.sums:
            self.tally.sums.merge(done.sums, done.ballots)

    def snapshot_sums(self) -> tuple[dict[tuple[int, int], bytes], dict[tuple[int, int], int]]:
        """Return the sums of all ballots merged so far and their numbers by (unit, contest), for `restore_sums`."""
        if self.manifest is None or self.board.phase is Phase.PARTS:
            return {}, {}
        return self.tally.sums.snapshot(), dict(self.tally.sums.ballots)

    def restore_sums(self, sums: Mapping[tuple[int, int], bytes], ballots: Mapping[tuple[int, int], int]) -> None:
        """Take the sums of another record over the same entries, whose ballots were settled here and not merged."""
        if self.manifest is not None and self.board.phase is not Phase.PARTS:
            self.tally.sums.restore(sums, ballots)

    def _count(self, step: BallotStep, index: int) -> None:
        """Let the newest ballot of a slot stand in the sums, and none where the slot is struck."""
        self.tally.accepted += 1
        self.superseded += step.replaces >= 0
        struck = self.roll.is_struck(step.slot)
        leaves = index if struck else step.replaces
        if leaves >= 0:
            self.tally.sums.subtract(*self.ballots.vectors_of_entry(self._read(leaves)))

    # --------------------------------------------------------------------------------------------------- checks

    def _examine(self, raw: bytes, leaf: bytes, staged: Staged, *, place: bool) -> Staged:
        """Make the stateful checks of an entry and fill `staged`. Raises Refused, UnsettledError."""
        entry = parse_entry(raw)
        staged.type = entry.type
        if entry.type not in VOTER_TYPES:
            if b"" in self._waiting_names or (self._waiting and entry.type != "seal"):
                raise UnsettledError(f"a {entry.type} entry depends on the {len(self._waiting)} that wait")
            staged.step = self._stage_control(entry, leaf, staged.index, place=place)
            if staged.step.claims:
                staged.work = Work(staged.step.claims)
            return staged
        self._require_manifest()
        self.board.require_phase(entry.type)
        self._stage_voter(entry, leaf, staged, place=place)
        return staged

    def _require_manifest(self) -> None:
        if self.manifest is None:
            # Entry 0 MUST be the manifest; without one nothing else is accepted.
            raise Refused("RECORD-1", "the log does not begin with a manifest that holds", culprit="server")

    def _stage_voter(self, entry: Entry, leaf: bytes, staged: Staged, *, place: bool) -> None:
        body: Any = BODIES[entry.type].parse_once(entry.body)
        head = None
        if isinstance(body, (BallotEntry, Spoiled)):
            head = parse_ballot(body.ballot, self.tally.election.group.element_size)
        pseudonym = body.pseudonym if head is None else head.pseudonym
        if pseudonym in self._waiting_names or b"" in self._waiting_names:
            raise UnsettledError("an entry of this pseudonym, or a control entry, waits")
        staged.pseudonym = pseudonym
        if place:
            self.board.enter_voter(leaf, pseudonym)
        authors = self.keyring.authors(entry, body)
        context = Context(staged.index, self.board.block, self._read)
        if head is not None and isinstance(body, BallotEntry):
            step = self.ballots.stage_ballot(body, head, context)
            staged.step, staged.work = step, Work((*authors, *step.claims), body.ballot, step.unit)
            return
        if head is not None:
            staged.step = self.ballots.stage_spoiled(body, head, context)
            staged.work = Work((*authors, *staged.step.claims), body.ballot)
            return
        if entry.type == "credential":
            staged.step = self.roll.stage_credential(body, context)
        elif entry.type == "change":
            has_ballot = self.ballots.has_ballot(body.pseudonym)
            staged.step = self._stage_change(body, context, has_ballot=has_ballot)
        else:
            staged.step = self._stage_strike(body, context)
        staged.work = Work((*authors, *staged.step.claims))

    def _stage_change(self, body: Change, context: Context, *, has_ballot: bool) -> Step:
        slot, board, in_force = self.roll.slot(body.pseudonym), self.board, -1
        if slot >= 0 and (row := self.roll.row(slot)) >= 0:
            in_force = self.roll.key_in_force(row, board.lower or 0, board.upper_ms, context.read)[1]
        return self.roll.stage_change(body, context, has_ballot=has_ballot, in_force=in_force)

    def _stage_strike(self, body: Any, context: Context) -> Step:  # noqa: ANN401
        step = self.roll.stage_strike(body, context)

        def commit() -> None:
            step.commit()
            row = self.roll.row(self.roll.slot(body.pseudonym))
            index = self.ballots.last(row)[1] if row >= 0 else -1
            if index >= 0:
                self.tally.sums.subtract(*self.ballots.vectors_of_entry(self._read(index)))

        return Step(step.claims, commit, step.recheck)

    def _stage_control(self, entry: Entry, leaf: bytes, index: int, *, place: bool) -> Step:
        if index == 0 and entry.type == "manifest":
            return self._stage_manifest(entry)
        self._require_manifest()
        self.board.require_phase(entry.type)
        if place and entry.type != "seal":
            self.board.require_place(index, entry.type)
        if leaf in self._leaves:
            # No control entry MUST have the bytes of one that was accepted before.
            raise Refused("BOARD-13", "this entry stands in the log already", culprit="server")
        body = BODIES[entry.type].parse(entry.body)
        authors = self.keyring.authors(entry, body)
        # Before any costly check: else unsigned shares or certificates would cost whoever reads them seconds each.
        refusal = _first_false(authors)
        if refusal is not None:
            raise refusal
        step = self._stage_body(entry, body, Context(index, self.board.block, self._read))

        def commit() -> None:
            step.commit()
            if entry.type != "seal":
                self._leaves.add(leaf)

        return Step(step.claims, commit, step.recheck)

    def _stage_body(self, entry: Entry, body: Any, context: Context) -> Step:  # noqa: ANN401
        """Send a control entry to the slice that owns it."""
        name = entry.type
        if isinstance(body, Seal):
            return self._stage_seal(body, context)
        if isinstance(body, (Contest, Units)):
            return self.parts.stage_part(entry, body)
        if isinstance(body, Imported):
            return self._stage_imported(body, context)
        if name == "incident":
            return Step()
        if name in {"client", "certificate"}:
            step: Step = getattr(self.board, f"stage_{name}")(body)
            return step
        owner: object = self.tally
        if name == "rotate":
            owner = self.keyring
        elif name in {"roll", "freeze"}:
            owner = self.roll
        elif name in {"round", "drill", "drill-share", "opening"} or name.startswith("ceremony-"):
            owner = self.ceremony
        step = getattr(owner, f"stage_{name.replace('-', '_')}")(body, context)
        if name == "close":
            return self.board.stage_close(step, context.index)
        if name == "opening":
            return self.board.stage_opening(self._after_freeze(step), context.index)
        return step

    def _after_freeze(self, step: Step) -> Step:
        if self.roll.frozen is None:
            # The opening MUST come after the freeze of the roll.
            raise Refused("RECORD-2", "the roll is not frozen", culprit="officers")
        return step

    def _stage_manifest(self, entry: Entry) -> Step:
        body = Manifest.parse(entry.body)
        verify_manifest(body)
        digest = hash_manifest(body.kind, entry.body)
        keyring = Keyring(body, digest)
        claims = keyring.authors(entry, body)

        def commit() -> None:
            self.manifest, self.manifest_hash, self.keyring = body, digest, keyring
            self.parts = Parts(body)
            self.board = Board(body, keyring, self._latest_s)
            # One tree, shared: the board reads it and the record alone appends.
            self.board.tree = self.tree
            self.roll = Roll(self.parts)
            self.ballots = Ballots(digest, keyring, self.roll, self.board, self._is_refused)
            self.ceremony = Ceremony(Setting.read(body, digest), self.board)

        return Step(claims, commit)

    def _stage_seal(self, body: Seal, context: Context) -> Step:
        self.parts.require_complete()
        step = self.board.stage_seal(body, context.index)
        if self.board.phase is not Phase.PARTS:
            return step

        def commit() -> None:
            step.commit()
            contests = [self.parts.contests[contest] for contest in self.parts.contests]
            election = Election.read(self.parts.manifest, self.manifest_hash, contests, self.parts.chunks)
            self.tally = Tally(election, self.ceremony, _TallyView(self))

        return Step(step.claims, commit, step.recheck)

    def _stage_imported(self, body: Imported, context: Context) -> Step:
        """Stage an entry of an earlier round's log; its own checks and signatures hold as if it stood here."""
        log = self.parts.manifest.imported
        verify_imported(body, log, self._imported)
        entry = parse_entry(body.entry)
        inner: Any = BODIES[entry.type].parse(entry.body)
        authors = self.keyring.authors(entry, inner, imported=log)
        if isinstance(inner, Credential):
            step = self.roll.stage_credential(inner, context)
        elif entry.type == "change":
            step = self._stage_change(inner, context, has_ballot=False)
        else:
            step = self._stage_body(entry, inner, context)

        def commit() -> None:
            step.commit()
            self._imported = body.index

        return Step((*authors, *step.claims), commit, step.recheck)

    def verify_dispute(self, receipt: bytes) -> None:
        """Check that a receipt is this election's and that its promise was broken. Raises Refused where it was not."""
        parsed = Receipt.parse(receipt)
        verify_receipt(parsed, self.parts.manifest, self.manifest_hash, self.keyring.receipt_keys)
        try:
            self.ballots.verify_kept(parsed, self._read)
        except Refused:
            return
        # A dispute's receipt MUST be broken: its deadline passed, and its ballot not in a later quorum checkpoint.
        raise Refused("RECEIPT-3", "the promise was kept, or is not due", culprit="author")

    # ------------------------------------------------------------------------------------------------------ end

    @property
    def counts(self) -> Counter[str]:
        """How many objects each check has covered: accepted entries by all of their type's, others by what failed."""
        counts: Counter[str] = Counter()
        for entry_type, number in self.accepted.items():
            place = _VOTER if entry_type in VOTER_TYPES else _CONTROL
            for check in (*_EVERY, *place, *_COVERED.get(entry_type, ())):
                counts[check] += number
        counts.update(refusal.refused.check for refusal in self.refused.values())
        return counts

    def finish(self, slots_by_district: Mapping[int, int] | None, manifest_hash: bytes | None) -> Findings:
        """Make the checks that need the whole record and what is known from outside; None where nothing is known."""
        failed: list[Refused] = []
        not_run: list[str] = []
        counts = self.counts
        frozen = self.manifest is not None and self.roll.frozen is not None
        for check, given, own, sentence in (
            # The manifest hash MUST be the one that is known from outside.
            ("RECORD-3", manifest_hash, self.manifest_hash, "another manifest than the one given"),
            # The slots of every district MUST be the figures that are known from outside.
            ("RECORD-4", slots_by_district if frozen else None, self._slots(), "other slots than the figures given"),
        ):
            counts[check] += given is not None
            if given is None:
                not_run.append(check)
            elif given != own:
                failed.append(Refused(check, sentence, culprit="record"))
        closed = self.manifest is not None and self.board.phase is Phase.CLOSED
        overdue = closed and (self.board.lower or 0) >= self.parts.manifest.release_by_ms
        for check, due, wrong, sentence, culprit in (
            # U of the last ballot block MUST be at most closing + grace + settle.
            ("BOARD-10", closed, closed and self.board.is_late(), "the last ballots were witnessed too late", "server"),
            # By release_by a record MUST hold the results of all cells; until then an unfinished one is not judged.
            ("RECORD-5", self.is_complete() or overdue, not self.is_complete(), "no results by the last day", "record"),
        ):
            counts[check] += due
            if not due:
                not_run.append(check)
            elif wrong:
                failed.append(Refused(check, sentence, culprit=culprit))
        if self.manifest is not None and self.board.phase is not Phase.PARTS:
            figures = self.figures()
            counts[_AT_THE_END[-1]] += len(figures.districts)
            try:
                verify_counts(figures.valid, figures.counted, figures.superseded, figures.struck, figures.districts)
            except Refused as refusal:
                failed.append(refusal)
            failed += self._broken_promises()
        return Findings(counts, tuple(failed), tuple(not_run))

    def _broken_promises(self) -> Iterator[Refused]:
        """Yield what each dispute of the log proves: an acknowledged ballot is missing, released or not."""
        for receipt in self.tally.disputes.values():
            try:
                self.ballots.verify_kept(Receipt.parse(receipt), self._read)
            except Refused as refusal:
                yield refusal

    def figures(self) -> Figures:
        """Count ballots and people from the columns of the roll; Misuse before the manifest."""
        self._require_begun()
        if self._figures is not None and self._figures[0] == self.size:
            return self._figures[1]
        counted: Counter[int] = Counter()
        revotes: Counter[int] = Counter()
        struck = 0
        for slot, row in self.roll.credentialed():
            number = self.ballots.last(row)[0]
            if number:
                district = self.parts.district[self.roll.unit_and_style(slot)[0]]
                revotes[district] += number - 1
                if self.roll.is_struck(slot):
                    struck += 1
                else:
                    counted[district] += 1
        districts = {
            district: DistrictCounts(
                slots, self.roll.credentials_by_district[district], counted[district], revotes[district]
            )
            for district, slots in sorted(self.roll.slots_by_district.items())
        }
        figures = Figures(self.ballots.accepted, counted.total(), self.superseded, struck, districts)
        self._figures = self.size, figures
        return figures

    def _require_begun(self) -> None:
        if self.manifest is None:
            raise Misuse("there is nothing to count before the manifest")

    def _is_refused(self, index: int) -> bool:
        return index in self.refused

    def _slots(self) -> dict[int, int]:
        return {} if self.manifest is None else dict(self.roll.slots_by_district)

    def is_complete(self) -> bool:
        """Tell whether the log has its close and the results of all cells."""
        if self.manifest is None or self.board.phase is not Phase.CLOSED:
            return False
        return self.accepted["result"] == len(self.tally.plan.items)


@dataclass(frozen=True, slots=True)
class _TallyView:
    """What the tally may ask: time from the board, receipts from the record."""

    record: Record

    def lower_ms(self) -> int | None:
        """Return L(b) of the current block."""
        return self.record.board.lower_ms()

    def dispute_over(self) -> bool:
        """Tell whether the dispute period has ended."""
        return self.record.board.dispute_over()

    def verify_dispute(self, receipt: bytes) -> None:
        """Check a disputed receipt."""
        self.record.verify_dispute(receipt)


def _at(refusal: Refused, index: int) -> Refused:
    """Return the refusal with the entry's index in its culprit, once."""
    where = f"entry {index}"
    if where in refusal.culprit.split(", "):
        return refusal
    culprit = f"{refusal.culprit}, {where}" if refusal.culprit else where
    return type(refusal)(refusal.check, refusal.reason, culprit=culprit)
