"""A whole small election written stage by stage, so that somebody can plant one error at any of them.

Spec: `docs/operations/observers.md`, section "Practice records". Everything is honest but what is planted: the log
seals again whatever was planted and a quorum of witnesses signs it, as if the server and they were in it together, so
that an auditor must find the error itself and not a broken hash. What the state machine refuses is released where
officers may release it, and the count goes on.

>>> STAGES[0], STAGES[-1]
('begin', 'complete')
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from crypto.election.board import Block
from crypto.election.ceremony import Certificate
from crypto.election.entries import Aggregate, Close, Drill, Opening, Release, ReleaseItem, Result, Strike
from crypto.election.tally import RELEASABLE
from crypto.merkle import CHECKPOINT_PATH, TileReader
from crypto.signatures import parse_note
from demo.ballots import NO_BALLOT, Booth, Sealed, Task
from demo.board import Board
from demo.commission import CLOSES_AT_MS, HOUR_MS, OPENS_AT_MS, WITNESS_NAMES, WITNESSES, Commission
from demo.day import Habits
from demo.electorate import Electorate, published
from demo.one_room import Trustees
from demo.witnesses import Witnesses

STAGES: Final = (
    "begin",
    "ceremony",
    "roll",
    "frozen",
    "credentials",
    "waiting",
    "voting",
    "voted",
    "closed",
    "aggregated",
    "released",
    "shared",
    "complete",
)
BLOCKS: Final = 8
_RELEASES_AT_ONCE: Final = 512


class TolerantBoard(Board):
    """A board that publishes whatever it is given; its record lists what it refuses."""

    def _publish(self, block: Block) -> None:
        self.now_ms += self.manifest.interval_ms
        for path, data in block.files:
            self._store(path, data)
        self.record.extend(block.entries, threads=1)
        source = TileReader(self.get, self.writer.tiles.size, self.writer.tiles.root()).source()
        note = parse_note(block.checkpoint)
        cosigned = self.witnesses.cosign(source, self.writer.tiles.size, note, self.now_ms // 1_000)
        self.writer.add_quorum(cosigned.to_bytes())
        self._store(CHECKPOINT_PATH, cosigned.to_bytes())


@dataclass(slots=True)
class Voted:
    """A voter's last ballot on the board."""

    number: int
    hash: bytes
    entry: bytes


@dataclass
class Training:
    """One election in one folder; `run` goes on from stage to stage."""

    folder: Path
    voters: int
    seed: int = 7
    electorate: Electorate = field(init=False)
    commission: Commission = field(init=False)
    trustees: Trustees = field(init=False)
    witnesses: Witnesses = field(init=False)
    board: TolerantBoard = field(init=False)
    booth: Booth = field(init=False)
    certificate: Certificate = field(init=False)
    last: dict[int, Voted] = field(default_factory=dict)
    spoiled: list[tuple[int, Sealed]] = field(default_factory=list)
    planted: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Seat everybody."""
        self.electorate = Electorate(published(), self.voters, self.seed)
        self.commission = Commission(self.electorate)
        self.trustees = Trustees.of(self.commission)
        seeds = [self.electorate.secret("training/witness", number) for number in range(WITNESSES)]
        self.witnesses = Witnesses.begin(seeds, WITNESS_NAMES, None)

    # -------------------------------------------------------------------------------------------------------- going on

    def run(
        self, start: str = "begin", until: str = "", plant: Callable[["Training"], bool | None] | None = None
    ) -> None:
        """Go on from a stage to just before another one, or to the end; plant something first.

        A plant that returns True takes the place of its stage's own step.
        """
        steps: dict[str, Callable[[], None]] = {
            "begin": self.begin,
            "ceremony": self.hold_ceremony,
            "roll": self.write_roll,
            "frozen": self.open,
            "credentials": self.enroll,
            "waiting": lambda: self.board.wait_until(OPENS_AT_MS),
            "voting": self.vote,
            "voted": self.close,
            "closed": self.aggregate,
            "aggregated": self.release,
            "released": self.decrypt,
            "shared": self.announce,
            "complete": lambda: None,
        }
        for stage in STAGES[STAGES.index(start) :]:
            if stage == until or (stage != "begin" and self.board.record.manifest is None):
                return
            if stage == start and plant is not None and plant(self):
                continue
            steps[stage]()

    def append(self, control: Sequence[bytes] = (), voters: Sequence[bytes] = (), *, planted: bool = False) -> None:
        """Write a block; note where planted entries stand."""
        first = self.board.writer.tiles.size + 1
        block = self.board.append(control, voters)
        if planted:
            self.planted += range(first, first + len(block.entries) - 1)

    # ---------------------------------------------------------------------------------------------------------- stages

    def begin(self) -> None:
        """Write block 0."""
        manifest, parts = self.commission.write_manifest(self.trustees.public_keys, self.witnesses.public_keys)
        entry = self.commission.by_officers("manifest", manifest)
        self.board = TolerantBoard(
            self.folder / "record", self.commission, manifest, self.witnesses, OPENS_AT_MS - 24 * HOUR_MS
        )
        self.board.begin(entry, parts)

    def hold_ceremony(self) -> None:
        """Make the key."""
        self.certificate = self.trustees.hold_ceremony(self.board)

    def write_roll(self) -> None:
        """Publish the roll, its freeze, and the first drill."""
        chunks = list(self.commission.write_roll())
        for chunk in chunks:
            self.append([self.commission.by_registrars("roll", chunk)])
        self.append([self.commission.by_officers("freeze", self.commission.write_freeze(len(chunks)))])
        self.append([self.drill(1)])
        self.trustees.drill(self.board, self.certificate)

    def drill(self, number: int) -> bytes:
        """Return a drill entry on the newest sealed head."""
        head = self.board.head
        return self.commission.by_officers("drill", Drill(number=number, size=head.size, root=head.root))

    def open(self) -> None:
        """Publish the key."""
        opening = Opening(key=self.certificate.key, certificate_hash=self.certificate.hash)
        self.append([self.commission.by_officers("opening", opening)])
        self.booth = Booth(self.electorate, self.commission.manifest_hash, self.certificate.key)

    def enroll(self) -> None:
        """Publish all credentials."""
        for voters in self._blocks():
            self.append(voters=[self.booth.credential(voter) for voter in voters])
        self.append()

    def vote(self) -> None:
        """Let everybody vote; some let a ballot be opened first, some vote again, some are struck in the end."""
        habits = Habits(self.electorate)
        step_ms = (CLOSES_AT_MS - OPENS_AT_MS) // (BLOCKS + 4)
        later: list[int] = []
        for place, voters in enumerate([*self._blocks(), range(0)]):
            self.board.now_ms = max(self.board.now_ms, OPENS_AT_MS + (place + 1) * step_ms)
            entries = [self.cast(voter) for voter in [*later, *(v for v in voters if not habits.challenges(v))]]
            later = [voter for voter in voters if habits.votes_again(voter) and not habits.challenges(voter)]
            for voter in filter(habits.challenges, voters):
                task = Task(voter, 1, NO_BALLOT, self.board.now_ms)
                sealed = self.booth.seal(task, self.board.head, use="challenge")
                self.spoiled.append((voter, sealed))
                entries.append(self.booth.spoil(sealed))
                later.append(voter)
            self.append(voters=entries)
        struck = [Strike(pseudonym=self.booth.pseudonym(v), reason="voted on paper") for v in habits.struck()]
        self.append(voters=[self.commission.by_registrars("strike", strike) for strike in struck])

    def cast(self, voter: int) -> bytes:
        """Return the next ballot entry of a voter and note it."""
        before = self.last.get(voter, Voted(0, NO_BALLOT, b""))
        task = Task(voter, before.number + 1, before.hash, self.board.now_ms)
        sealed = self.booth.seal(task, self.board.head)
        entry = self.booth.cast(sealed, task.issued_at_ms, self.booth.passkey(voter))
        self.last[voter] = Voted(task.number, sealed.hash, entry)
        return entry

    def close(self) -> None:
        """Close after the intake's end, and let the dispute period pass."""
        self.board.wait_until(CLOSES_AT_MS + self.board.manifest.grace_ms)
        self.append([self.commission.by_officers("close", Close(ballots=self.board.record.tally.accepted))])
        self.append()
        self.board.wait_until(self.board.now_ms + self.board.manifest.dispute_ms)

    def aggregate(self) -> None:
        """Publish the sums of all cells."""
        self.append(self.aggregates())

    def aggregates(self) -> list[bytes]:
        """Return the aggregate of every cell."""
        return [
            self.commission.by_log(
                "aggregate",
                Aggregate(
                    contest=item.contest,
                    cell=item.number,
                    units=item.cell.units,
                    ballots=item.cell.ballots,
                    sums=item.sums,
                ),
            )
            for item in self.board.record.tally.plan.items
        ]

    def release(self) -> None:
        """Let officers release what was refused, where they may."""
        items = [
            ReleaseItem(target=target, effect="looked into; the entry changes nothing")
            for target in self.board.record.tally.unresolved()
            if not isinstance(target, int) or self.board.record.refused[target].type in RELEASABLE
        ]
        for start in range(0, len(items), _RELEASES_AT_ONCE):
            part = tuple(items[start : start + _RELEASES_AT_ONCE])
            self.append([self.commission.by_officers("release", Release(items=part))])

    def decrypt(self) -> None:
        """Let three trustees decrypt, unless something stands in the way that nobody can release."""
        if not self.board.record.tally.unresolved():
            self.trustees.decrypt(self.board)

    def announce(self) -> None:
        """Publish the results of all cells, where there are shares."""
        tally = self.board.record.tally
        if tally.shared():
            self.append([self.commission.by_officers("result", result) for result in self.results()])
        self.append()

    def results(self) -> list[Result]:
        """Return the votes of every cell."""
        tally = self.board.record.tally
        return [
            Result(contest=item.contest, cell=item.number, votes=tally.open_cell(item)) for item in tally.plan.items
        ]

    # -------------------------------------------------------------------------------------------------------- material

    def once(self, place: int = 0) -> int:
        """Return a voter who voted once and is not struck: the `place`-th of them."""
        struck = set(Habits(self.electorate).struck())
        return [voter for voter, last in sorted(self.last.items()) if last.number == 1 and voter not in struck][place]

    def next_ballot(self, voter: int) -> Sealed:
        """Return the next honest ballot of a voter, cast nowhere."""
        last = self.last[voter]
        return self.booth.seal(Task(voter, last.number + 1, last.hash, self.board.now_ms), self.board.head)

    def _blocks(self) -> list[range]:
        size = -(-self.voters // BLOCKS)
        return [range(start, min(start + size, self.voters)) for start in range(0, self.voters, size)]

    def moved_to(self, folder: Path) -> None:
        """Go on writing in another folder, which holds a copy of what was written."""
        self.folder = folder
        if hasattr(self, "board"):
            self.board.folder = folder / "record"
