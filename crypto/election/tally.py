"""Cells, their sums, the trustees' shares, totals and what officers decide about them.

Spec: `docs/spec/tally.md`. Only sums over cells are ever decrypted; `form_cells` makes them so that no published
figure, nor any difference of published figures, speaks about fewer people than the minimum. The rest is the slice of
the record's state that begins with the close entry.

>>> cells, rest = form_cells(0, {0: [1, 2, 3]}, {1: 12, 2: 4, 3: 11}, minimum=10)
>>> [(cell.units, cell.ballots) for cell in cells], rest.units
([((1,), 12), ((2, 3), 15)], ())
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from types import MappingProxyType
from typing import Protocol

from crypto.election.ceremony import Ceremony, name_trustee
from crypto.election.entries import (
    VOTER_TYPES,
    Aggregate,
    Close,
    Contest,
    Context,
    Decision,
    Dispute,
    Manifest,
    Release,
    Result,
    Share,
    Step,
    Units,
)
from crypto.errors import MalformedEncoding, Misuse, Refused
from crypto.group import Element, Group, parse_suite
from crypto.rules import Between, Rule, parse_rule
from crypto.threshold import (
    CellOption,
    DecryptionStatement,
    PartialDecryption,
    decrypt_partially,
    interpolate_at_zero,
    solve_total,
    verify_partial_decryption,
)
from crypto.transcript import Kind, tag, tagged_hash

POINTS_A_PART = 1024
RELEASABLE = VOTER_TYPES | {"", "dispute", "incident", "certificate", "client", "drill", "drill-share"}
"""Types of refused entries that officers can release: the others would be failures of log, ceremony or roll."""


# --------------------------------------------------------------------------------------------------------------- cells


@dataclass(frozen=True, slots=True)
class Cell:
    """Leaf units (ascending) that are counted together, and the number of their counted ballots."""

    units: tuple[int, ...]
    ballots: int


def form_cells(
    region: int, children: Mapping[int, Sequence[int]], counted: Mapping[int, int], minimum: int
) -> tuple[tuple[Cell, ...], Cell]:
    """Return the finished cells below a unit, by lowest unit id, and the residual that is not decrypted.

    `children` names the parts of each unit, `counted` the distinct counted pseudonyms of each leaf. The tree may be as
    deep as it likes: no recursion. Misuse for a minimum below 1.
    """
    if minimum < 1:
        message = "a cell of nobody cannot be decrypted: the minimum is at least 1"
        raise Misuse(message)
    done: dict[int, _Merged] = {}
    todo = [region]
    while todo:
        node = todo[-1]
        waiting = [child for child in children.get(node, ()) if child not in done]
        if waiting:
            todo += waiting
            continue
        parts = [done.pop(child) for child in children.get(node, ())]
        merged = _unite(parts) if parts else _Merged([], [node], counted.get(node, 0))
        merged.settle(minimum)
        done[node] = merged
        todo.pop()
    whole = done[region]
    cells = [Cell(tuple(sorted(units)), ballots) for ballots, _, units in whole.finished]
    return tuple(sorted(cells, key=lambda cell: cell.units[0])), Cell(tuple(sorted(whole.rest)), whole.ballots)


@dataclass(slots=True)
class _Merged:
    """A node's finished cells, as a heap of (ballots, lowest unit, units), and its residual."""

    finished: list[tuple[int, int, list[int]]]
    rest: list[int]
    ballots: int

    def settle(self, minimum: int) -> None:
        """Let the residual take the smallest finished cell where it is too small, and finish it where it is not."""
        # One cell is enough: it alone has the minimum.
        if 0 < self.ballots < minimum and self.finished:
            ballots, _, units = heappop(self.finished)
            self.rest += units
            self.ballots += ballots
        if self.ballots >= minimum:
            heappush(self.finished, (self.ballots, min(self.rest), self.rest))
            self.rest, self.ballots = [], 0


def _unite(parts: Sequence[_Merged]) -> _Merged:
    """Unite the children of a node; the longest lists are kept, so that no unit is moved often."""
    finished = max((part.finished for part in parts), key=len)
    rest = max((part.rest for part in parts), key=len)
    for part in parts:
        if part.finished is not finished:
            for cell in part.finished:
                heappush(finished, cell)
        if part.rest is not rest:
            rest += part.rest
    return _Merged(finished, rest, sum(part.ballots for part in parts))


# ------------------------------------------------------------------------------------------------------------ elections


@dataclass(frozen=True, slots=True)
class ContestFacts:
    """What the tally needs of a contest."""

    id: int
    question: int
    region: int
    rule: Rule


@dataclass(frozen=True, slots=True)
class Election:
    """What manifest and parts fix for the tally; contests in the manifest's order."""

    kind: Kind
    group: Group
    manifest_hash: bytes
    threshold: int
    minimum: int
    contests: tuple[ContestFacts, ...]
    children: Mapping[int, Sequence[int]]
    release_by_ms: int

    @classmethod
    def read(
        cls, manifest: Manifest, manifest_hash: bytes, contests: Iterable[Contest], units: Iterable[Units]
    ) -> Election:
        """Take the facts out of a checked manifest and its parts."""
        children: dict[int, list[int]] = {}
        for chunk in units:
            for unit in chunk.units:
                if unit.parent is not None:
                    children.setdefault(unit.parent, []).append(unit.id)
        facts = tuple(
            ContestFacts(contest.id, contest.question, contest.region, parse_rule(contest.rule)) for contest in contests
        )
        return cls(
            manifest.kind,
            parse_suite(manifest.suite),
            manifest_hash,
            manifest.threshold,
            manifest.minimum_cell,
            facts,
            children,
            manifest.release_by_ms,
        )


class Sums:
    """Sums of the ciphertexts of accepted ballots per (leaf unit, contest), and how many ballots are in each.

    Memory: two elements an option for every pair that occurs, whatever the number of ballots.
    """

    def __init__(self, group: Group) -> None:
        """Begin with nothing."""
        self._group = group
        self._points: dict[tuple[int, int], list[Element]] = {}
        self.ballots: Counter[tuple[int, int]] = Counter()

    def merge(self, partial: Mapping[tuple[int, int], bytes], ballots: Mapping[tuple[int, int], int]) -> None:
        """Add sums (A* then B* for each option, concatenated) of as many ballots as `ballots` says for each pair."""
        for pair, data in partial.items():
            self._add(pair, self._parse(data))
        self.ballots.update(ballots)

    def subtract(self, unit: int, contests: Mapping[int, bytes]) -> None:
        """Take out one ballot: its ciphertexts by contest id."""
        for contest, data in contests.items():
            self._add((unit, contest), [-point for point in self._parse(data)])
            self.ballots[unit, contest] -= 1

    def total(self, units: Iterable[int], contest: int) -> bytes | None:
        """Return the sums over some units as bytes, None when no ballot of them was ever accepted."""
        rows = [self._points[unit, contest] for unit in units if (unit, contest) in self._points]
        if not rows:
            return None
        total = list(rows[0])
        for row in rows[1:]:
            total = [left + right for left, right in zip(total, row, strict=True)]
        return b"".join(point.to_bytes() for point in total)

    def snapshot(self) -> dict[tuple[int, int], bytes]:
        """Return all sums as bytes, for `restore`."""
        return {pair: b"".join(point.to_bytes() for point in points) for pair, points in self._points.items()}

    def restore(self, sums: Mapping[tuple[int, int], bytes], ballots: Mapping[tuple[int, int], int]) -> None:
        """Hold what another held when it was asked for its snapshot and its `ballots`, and nothing else."""
        self._points = {pair: self._parse(data) for pair, data in sums.items()}
        self.ballots = Counter(ballots)

    def _add(self, pair: tuple[int, int], points: list[Element]) -> None:
        before = self._points.get(pair)
        if before is None:
            self._points[pair] = points
        else:
            before[:] = [left + right for left, right in zip(before, points, strict=True)]

    def _parse(self, data: bytes) -> list[Element]:
        return list(self._group.parse_sums(data))


@dataclass(frozen=True, slots=True)
class Item:
    """One cell of one contest as it is decrypted: its number, units, ballots and sums."""

    contest: int
    number: int
    cell: Cell
    sums: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be decrypted after a close: all cells, and the residuals that stay closed (by contest)."""

    items: tuple[Item, ...]
    residuals: Mapping[int, Cell]

    def statement(self, election: Election, closed_root: bytes) -> DecryptionStatement:
        """Return the statement that every share answers."""
        size = election.group.element_size
        options = tuple(
            CellOption(name_cell(item.contest, item.number), at // (2 * size), item.sums[at : at + size])
            for item in self.items
            for at in range(0, len(item.sums), 2 * size)
        )
        return DecryptionStatement(tag(election.kind, "share"), election.manifest_hash, closed_root, options)


def name_cell(contest: int, number: int) -> bytes:
    """Return how the share's transcript names a cell: contest id (two bytes), cell number (four), big endian."""
    return contest.to_bytes(2, "big") + number.to_bytes(4, "big")


def plan_cells(election: Election, sums: Sums) -> Plan:
    """Form the cells of every contest from the counted ballots; contests on one question share one partition."""
    items: list[Item] = []
    residuals: dict[int, Cell] = {}
    for contest in election.contests:
        together = [other.id for other in election.contests if other.question == contest.question]
        leaves = {unit for unit, other in sums.ballots if other in together}
        counted = {unit: min(sums.ballots[unit, other] for other in together) for unit in leaves}
        cells, rest = form_cells(contest.region, election.children, counted, election.minimum)
        for number, cell in enumerate(cells):
            total = sums.total(cell.units, contest.id)
            if total is None:
                message = f"cell {number} of contest {contest.id} has ballots but no sums"
                raise Misuse(message)
            ballots = sum(sums.ballots[unit, contest.id] for unit in cell.units)
            items.append(Item(contest.id, number, Cell(cell.units, ballots), total))
        residuals[contest.id] = Cell(rest.units, sum(sums.ballots[unit, contest.id] for unit in rest.units))
    return Plan(tuple(items), residuals)


def make_share(
    election: Election, plan: Plan, closed_root: bytes, trustee: int, share: int, *, random: bytes | None = None
) -> tuple[Share, ...]:
    """Return the parts of a trustee's share, computed from the plan of its own copy and from nothing else."""
    statement = plan.statement(election, closed_root)
    partial = decrypt_partially(election.group, statement, trustee, share, random=random)
    values = partial.values
    pieces = [b"".join(values[at : at + POINTS_A_PART]) for at in range(0, len(values), POINTS_A_PART)]
    return tuple(
        Share(
            trustee=trustee,
            closed_root=closed_root,
            part=part,
            parts=len(pieces),
            values=piece,
            proof=partial.proof,
        )
        for part, piece in enumerate(pieces)
    )


# --------------------------------------------------------------------------------------------------------------- state


class BoardView(Protocol):
    """What the tally asks of the board's slice."""

    def lower_ms(self) -> int | None:
        """Return L(b) of the newest seal that holds a quorum checkpoint, None before there is one."""
        ...

    def dispute_over(self) -> bool:
        """Tell whether a seal shows that the dispute period has ended."""
        ...

    def verify_dispute(self, receipt: bytes) -> None:
        """Check that a receipt is this election's and that its ballot is missing after the deadline. Raises Refused."""
        ...


@dataclass(frozen=True, slots=True)
class Totals:
    """The totals of a contest: votes by option over open cells, what decisions took out, what stays closed."""

    contest: int
    votes: tuple[int, ...]
    ballots: int
    annulled: tuple[int, ...]
    withdrawn: tuple[int, ...]
    struck: tuple[int, ...]
    unanimous: tuple[int, ...]
    undisclosed: int


@dataclass(slots=True)
class _Closed:
    """What begins with the close entry."""

    root: bytes
    plan: Plan
    pending: dict[int | bytes | str, bool]  # what needs a release, and whether there can be one
    statement: DecryptionStatement
    places: dict[tuple[int, int], tuple[Item, int]]  # each cell's item and the place of its first option
    aggregates: set[tuple[int, int]] = field(default_factory=set)
    parts: dict[int, list[Share]] = field(default_factory=dict)
    valid: dict[int, tuple[bytes, ...]] = field(default_factory=dict)
    results: dict[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)
    decisions: dict[tuple[str, int, int], bytes] = field(default_factory=dict)


class Tally:
    """The slice of the record's state from the first accepted ballot to the last decision."""

    def __init__(self, election: Election, ceremony: Ceremony, board: BoardView) -> None:
        """Begin before the first ballot."""
        self.election = election
        self.sums = Sums(election.group)
        self.accepted = 0
        self.disputes: dict[bytes, bytes] = {}
        self.released: dict[int | bytes | str, str] = {}
        self._ceremony = ceremony
        self._board = board
        self._close_staged = False
        self._closed: _Closed | None = None

    @property
    def closed_root(self) -> bytes | None:
        """The root at the close entry, None before it."""
        return None if self._closed is None else self._closed.root

    @property
    def plan(self) -> Plan:
        """What is decrypted; Misuse before the close."""
        return self._after_close().plan

    def begin(self, closed_root: bytes, refused: Iterable[int], *, late: bool, lasting: Iterable[int] = ()) -> None:
        """Form the cells, once the close entry stands in the tree.

        `refused` are the indices refused up to it that officers may release, `lasting` those that nobody can.
        """
        plan = plan_cells(self.election, self.sums)
        pending: dict[int | bytes | str, bool] = dict.fromkeys(
            (*refused, *self.disputes, *(["late"] if late else [])), True
        )
        pending |= dict.fromkeys(lasting, False)
        places, first = {}, 0
        for item in plan.items:
            places[item.contest, item.number] = item, first
            first += len(item.sums) // (2 * self.election.group.element_size)
        statement = plan.statement(self.election, closed_root)
        self._closed = _Closed(closed_root, plan, pending, statement, places)

    def unresolved(self) -> tuple[int | bytes | str, ...]:
        """Return what still needs a release: indices of refused entries, hashes of disputed receipts, `late`."""
        closed = self._after_close()
        return tuple(target for target in closed.pending if target not in self.released)

    @property
    def results(self) -> Mapping[tuple[int, int], tuple[int, ...]]:
        """Return the votes of every result entry by (contest id, cell number); nothing before the close."""
        return MappingProxyType({} if self._closed is None else self._closed.results)

    def is_summed(self) -> bool:
        """Tell whether the log holds the sums of every cell, without which it takes no share."""
        closed = self._closed
        return closed is not None and len(closed.aggregates) >= len(closed.plan.items)

    def shared(self) -> frozenset[int]:
        """Return the trustees whose whole share stands in the record; none is needed where nothing is decrypted."""
        if self._closed is None:
            return frozenset()
        nothing = not self._closed.plan.items
        return frozenset(self._ceremony.everyone if nothing else self._closed.valid)

    def stage_close(self, body: Close, _context: Context) -> Step:
        """Stage the close; the record calls `begin` when its leaf is in the tree."""
        if self._close_staged or body.ballots != self.accepted:
            # The close entry MUST occur once, and its count MUST be the number of accepted ballot entries.
            reason = "closed before" if self._close_staged else f"{self.accepted} ballots were accepted"
            raise Refused("TALLY-1", reason, culprit="officers")

        def commit() -> None:
            self._close_staged = True

        return Step((), commit)

    def stage_aggregate(self, body: Aggregate, _context: Context) -> Step:
        """Stage the aggregate of one cell."""
        closed = self._after_close()
        item, _ = closed.places.get((body.contest, body.cell), (None, 0))
        fits = item is not None and (item.cell.units, item.cell.ballots, item.sums) == (
            tuple(body.units),
            body.ballots,
            body.sums,
        )
        if not fits or (body.contest, body.cell) in closed.aggregates:
            # An aggregate MUST name a finished cell without one, with its units, ballots and recomputed sums.
            raise Refused("TALLY-2", f"not the sums of cell {body.cell}, contest {body.contest}", culprit="server")
        return Step((), lambda: closed.aggregates.add((body.contest, body.cell)))

    def stage_share(self, body: Share, _context: Context) -> Step:
        """Stage a part of a share; the last part brings the proof of all."""
        closed, culprit = self._after_close(), name_trustee(body.trustee)
        statement = closed.statement
        reason = self._misplaced_share(closed, body, len(statement.options))
        if reason:
            # A share MUST stand after aggregates, dispute period and releases, its parts in order, once, for this root.
            raise Refused("TALLY-3", reason, culprit=culprit)
        parts = [*closed.parts.get(body.trustee, []), body]
        if len(parts) < body.parts:
            return Step((), lambda: closed.parts.update({body.trustee: parts}))
        size, whole = self.election.group.element_size, b"".join(part.values for part in parts)
        values = tuple(whole[at : at + size] for at in range(0, len(whole), size))
        certificate = self._ceremony.certificate
        if certificate is None:
            message = "shares without a certificate: the board opens no such election"
            raise Misuse(message)
        partial = PartialDecryption(body.trustee, values, body.proof)
        try:
            share_key = certificate.share_keys[body.trustee - 1]
            verify_partial_decryption(self.election.group, statement, share_key, partial)
        except MalformedEncoding:
            raise
        except Refused as refusal:
            # The proof of a share MUST hold for the recomputed sums.
            raise Refused("TALLY-4", refusal.reason, culprit=culprit) from refusal

        def commit() -> None:
            closed.parts.pop(body.trustee, None)
            closed.valid[body.trustee] = values

        return Step((), commit)

    def stage_result(self, body: Result, _context: Context) -> Step:
        """Stage the votes of one cell."""
        closed = self._after_close()
        place, votes = (body.contest, body.cell), tuple(body.votes)
        item, _ = closed.places.get(place, (None, 0))
        ready = item is not None and place not in closed.results and len(closed.valid) >= self.election.threshold
        if item is None or not ready or votes != self.open_cell(item):
            # A result MUST name a cell without one, and its votes MUST be those that valid shares open.
            reason = "not the votes that the shares open" if ready else "no such cell, said before, or too few shares"
            raise Refused("TALLY-5", reason, culprit=f"contest {body.contest}, cell {body.cell}")
        rule = next(contest.rule for contest in self.election.contests if contest.id == body.contest)
        lowest, highest = (rule.minimum, rule.maximum) if isinstance(rule, Between) else (1, 1)
        if not lowest * item.cell.ballots <= sum(votes) <= highest * item.cell.ballots:
            # Votes MUST add up to the cell's ballots, or lie between kmin and kmax times them.
            raise Refused("TALLY-9", f"{sum(votes)} votes from {item.cell.ballots} ballots", culprit="server")
        return Step((), lambda: closed.results.update({place: votes}))

    def stage_decision(self, body: Decision, _context: Context) -> Step:
        """Stage what officers decide after the results."""
        closed = self._after_close()
        complete = len(closed.results) == len(closed.plan.items)
        rule = next((contest.rule for contest in self.election.contests if contest.id == body.contest), None)
        if body.action == "annulled":
            known = (body.contest, body.target) in closed.places
        else:
            known = rule is not None and body.target < rule.options
        place = (body.action, body.contest, body.target)
        if not complete or not known or place in closed.decisions:
            # A decision MUST come after the results of all cells and name an option or a cell, once.
            raise Refused("TALLY-6", "too early, said before, or about nothing of this contest", culprit="officers")
        return Step((), lambda: closed.decisions.update({place: body.document_hash}))

    def stage_dispute(self, body: Dispute, _context: Context) -> Step:
        """Stage a voter's receipt without its ballot."""
        name = hash_receipt(body.receipt, self.election.kind)
        try:
            self._board.verify_dispute(body.receipt)
            reason = "this receipt is disputed already" if name in self.disputes else ""
        except MalformedEncoding:
            raise
        except Refused as refusal:
            reason = refusal.reason
        if reason:
            # A dispute MUST carry a receipt of this election whose ballot is missing after its deadline, once.
            raise Refused("TALLY-7", reason, culprit="server")

        def commit() -> None:
            self.disputes[name] = body.receipt
            closed = self._closed
            # Once shares are out nothing can be released any more: what comes then is listed and stops nobody.
            if closed is not None and not closed.parts and not closed.valid:
                closed.pending[name] = True

        return Step((), commit)

    def stage_release(self, body: Release, _context: Context) -> Step:
        """Stage what two officers of different bodies settle before the decryption."""
        closed = self._after_close()
        targets = [item.target for item in body.items]
        known = all(closed.pending.get(target, False) and target not in self.released for target in targets)
        late = (self._board.lower_ms() or 0) > self.election.release_by_ms
        if late or not known or len(set(targets)) < len(targets) or closed.parts or closed.valid:
            # A release MUST come by the manifest's date and before the first share, and name what is unresolved, once.
            raise Refused("TALLY-8", "too late, or not about something unresolved", culprit="officers")
        return Step((), lambda: self.released.update({item.target: item.effect for item in body.items}))

    def open_cell(self, item: Item) -> tuple[int, ...]:
        """Return the votes of one cell from the lowest t valid shares. Raises Refused when a total is out of range."""
        closed, group = self._after_close(), self.election.group
        size = group.element_size
        used = tuple(sorted(closed.valid))[: self.election.threshold]
        weights = interpolate_at_zero(group, used)
        _, first = closed.places[item.contest, item.number]
        votes = []
        for option in range(len(item.sums) // (2 * size)):
            opened = group.vartime_sum(weights, [group.parse_sum(closed.valid[at][first + option]) for at in used])
            message = group.parse_sum(item.sums[(2 * option + 1) * size : (2 * option + 2) * size]) - opened
            culprit = f"contest {item.contest}, cell {item.number}"
            votes.append(solve_total(group, message, item.cell.ballots, culprit=culprit))
        return tuple(votes)

    def totals(self) -> tuple[Totals, ...]:
        """Return the totals of every contest from the results and decisions so far."""
        closed = self._after_close()
        return tuple(self._total(closed, contest) for contest in self.election.contests)

    def _total(self, closed: _Closed, contest: ContestFacts) -> Totals:
        taken: dict[str, list[int]] = {"annulled": [], "withdrawn": [], "struck": []}
        for action, where, target in sorted(closed.decisions):
            if where == contest.id:
                taken[action].append(target)
        votes = [0] * contest.rule.options
        ballots, unanimous = 0, []
        for item in closed.plan.items:
            result = closed.results.get((item.contest, item.number))
            if item.contest != contest.id or result is None:
                continue
            if max(result) == sum(result) == item.cell.ballots:
                unanimous.append(item.number)
            if item.number not in taken["annulled"]:
                ballots += item.cell.ballots
                votes = [left + right for left, right in zip(votes, result, strict=True)]
        return Totals(
            contest=contest.id,
            votes=tuple(votes),
            ballots=ballots,
            annulled=tuple(taken["annulled"]),
            withdrawn=tuple(taken["withdrawn"]),
            struck=tuple(taken["struck"]),
            unanimous=tuple(unanimous),
            undisclosed=closed.plan.residuals[contest.id].ballots,
        )

    def _misplaced_share(self, closed: _Closed, body: Share, points: int) -> str:
        """Return why a share cannot stand here, nothing when it can."""
        size, before = self.election.group.element_size, closed.parts.get(body.trustee, [])
        parts = -(-points // POINTS_A_PART)
        expected = min(POINTS_A_PART, points - body.part * POINTS_A_PART) * size
        reasons = (
            (len(closed.aggregates) < len(closed.plan.items), "aggregates are missing"),
            (not self._board.dispute_over(), "the dispute period has not ended"),
            (bool(self.unresolved()), "something unresolved has no release"),
            (body.closed_root != closed.root, "another closed root"),
            (not 1 <= body.trustee <= self._ceremony.setting.trustees, "no such trustee"),
            (body.trustee in closed.valid, "this trustee's share is there already"),
            (body.parts != parts or body.part != len(before), "not the part that comes next"),
            (len(body.values) != expected, "not one value for every option of every cell"),
            (any(part.proof != body.proof for part in before), "the parts carry different proofs"),
        )
        return next((reason for fails, reason in reasons if fails), "")

    def _after_close(self) -> _Closed:
        if self._closed is None:
            message = "there is no tally before the close"
            raise Misuse(message)
        return self._closed


def hash_receipt(receipt: bytes, kind: Kind) -> bytes:
    """Return the 32 bytes by which a release names a disputed receipt."""
    return tagged_hash(tag(kind, "dispute"), receipt)


@dataclass(frozen=True, slots=True)
class DistrictCounts:
    """Slots, credentials and pseudonyms with a counted ballot of one district, and ballots that replaced another."""

    slots: int
    credentials: int
    counted: int
    revotes: int = 0


def verify_counts(
    valid: int, counted: int, superseded: int, struck: int, districts: Mapping[int, DistrictCounts]
) -> None:
    """Check that the ballots and people of a closed election add up. Raises Refused.

    `valid` counts accepted ballot entries; `struck` those of struck pseudonyms that would else be counted.
    """
    reasons = [
        (valid != counted + superseded + struck, "valid ballots are not counted + superseded + struck", ""),
        (counted != sum(district.counted for district in districts.values()), "districts do not add up", ""),
    ]
    for name, district in sorted(districts.items()):
        ordered = district.counted <= district.credentials <= district.slots
        reasons.append((not ordered, "more counted ballots than credentials, or than slots", f"district {name}"))
    for fails, reason, culprit in reasons:
        if fails:
            # Ballots MUST equal counted + superseded + struck, and votes <= credentials <= slots in any district.
            raise Refused("TALLY-10", reason, culprit=culprit)
