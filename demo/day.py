"""The election day: roll, credentials, ballots block by block, strikes, close, cells, results.

Spec: `docs/spec/board.md`, `docs/spec/tally.md`. Sealing runs in worker processes one block ahead of the board; nothing
of a block is kept after it is written but the hashes of those who will vote again.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from crypto.election.entries import Aggregate, Client, Close, Drill, Opening, Result, Strike
from crypto.errors import Misuse
from demo.ballots import NO_BALLOT, Booth, Task, enter_booth, make_ballots, make_credentials, make_spoiled
from demo.board import Board
from demo.commission import CLOSES_AT_MS, OPENS_AT_MS, Commission
from demo.electorate import Electorate
from demo.forgeries import Forger

SMALLEST_BLOCK, LARGEST_BLOCK, BLOCKS_OF_A_SMALL_DAY = 20, 4_000, 24
AGAIN, CHALLENGES, STRIKES = 0.04, 0.02, 0.01
CHUNK = 125
Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Habits:
    """Who votes again, who challenges the telephone first, who then votes on paper: drawn, but at least one of each."""

    electorate: Electorate

    def votes_again(self, voter: int) -> bool:
        """Tell whether the voter casts a second ballot."""
        return voter == 1 or self.electorate.draw("again", voter) < AGAIN

    def challenges(self, voter: int) -> bool:
        """Tell whether the voter first lets a sealed ballot be opened."""
        return voter == 2 or self.electorate.draw("challenge", voter) < CHALLENGES

    def votes_on_paper(self, voter: int) -> bool:
        """Tell whether the voter goes to the station in the end: her ballots are struck."""
        return voter == 3 or self.electorate.draw("paper", voter) < STRIKES

    def struck(self) -> list[int]:
        """Return all voters whose ballots are struck."""
        return [voter for voter in range(self.electorate.voters) if self.votes_on_paper(voter)]

    def last_numbers(self) -> dict[int, int]:
        """Return the last ballot number of those who voted again."""
        return {voter: 2 for voter in range(self.electorate.voters) if self.votes_again(voter)}


@dataclass(frozen=True, slots=True)
class Sample:
    """A ballot on the board of a voter who votes once and is not struck: material for forgers."""

    voter: int
    entry: bytes
    hash: bytes


@dataclass
class Day:
    """One election on one board, from the roll to the results."""

    board: Board
    commission: Commission
    electorate: Electorate
    workers: int
    booth: Booth = field(init=False)
    ballots: int = 0
    again: int = 0
    spoiled: int = 0
    struck: int = 0
    samples: list[Sample] = field(default_factory=list)
    _done: set[int] = field(default_factory=set)

    @property
    def habits(self) -> Habits:
        """Return who does what."""
        return Habits(self.electorate)

    # ------------------------------------------------------------------------------------------------- before opening

    def write_client(self, client: Client) -> None:
        """Publish the hashes of the web pages' files."""
        self.board.append([self.commission.by_officers("client", client)])

    def write_roll(self) -> int:
        """Publish the roll and its freeze; return the number of chunks."""
        chunks = 0
        for chunk in self.commission.write_roll():
            self.board.append([self.commission.by_registrars("roll", chunk)])
            chunks += 1
        self.board.append([self.commission.by_officers("freeze", self.commission.write_freeze(chunks))])
        return chunks

    def call_drill(self, number: int) -> None:
        """Publish a drill on the newest sealed quorum checkpoint."""
        head = self.board.head
        self.board.append([self.commission.by_officers("drill", Drill(number=number, size=head.size, root=head.root))])

    def open(self) -> None:
        """Publish the opening entry with the certified key."""
        certificate = self.board.record.ceremony.certificate
        if certificate is None:
            raise Misuse("the ceremony has no certificate")
        opening = Opening(key=certificate.key, certificate_hash=certificate.hash)
        self.board.append([self.commission.by_officers("opening", opening)])
        self.booth = Booth(self.electorate, self.commission.manifest_hash, certificate.key)

    @contextmanager
    def pool(self) -> Iterator[ProcessPoolExecutor]:
        """Give the worker processes their booth."""
        with ProcessPoolExecutor(self.workers, initializer=enter_booth, initargs=(self.booth,)) as pool:
            yield pool

    # ---------------------------------------------------------------------------------------------------------- voters

    @property
    def block_size(self) -> int:
        """Return how many first ballots stand in a block."""
        wanted = -(-self.electorate.voters // BLOCKS_OF_A_SMALL_DAY)
        return min(LARGEST_BLOCK, max(SMALLEST_BLOCK, wanted))

    def _blocks(self) -> list[range]:
        voters, size = self.electorate.voters, self.block_size
        return [range(start, min(start + size, voters)) for start in range(0, voters, size)]

    def enroll(self, pool: ProcessPoolExecutor, advance: Advance) -> None:
        """Publish the credentials of all voters, then wait for the opening time."""
        ahead: deque[list[Future[list[bytes]]]] = deque()
        for voters in [*self._blocks(), None, None]:
            if voters is not None:
                ahead.append([pool.submit(make_credentials, part) for part in _parts(voters)])
            if len(ahead) > 1 or (voters is None and ahead):
                entries = [entry for future in ahead.popleft() for entry in future.result()]
                self.board.append(voters=entries)
                advance(len(entries))
        self.board.wait_until(OPENS_AT_MS)

    def vote(self, pool: ProcessPoolExecutor, advance: Advance) -> None:
        """Publish the ballots of the day, block by block."""
        blocks = self._blocks()
        step_ms = (CLOSES_AT_MS - OPENS_AT_MS) // (len(blocks) + 4)
        waiting: list[Task] = []  # ballots whose voter has an entry in the block before
        ahead: deque[_Sealing] = deque()
        at = 0
        while at < len(blocks) or waiting or ahead:
            if at < len(blocks) or waiting:
                when_ms = OPENS_AT_MS + (min(at, len(blocks) + 1) + 1) * step_ms
                voters = blocks[at] if at < len(blocks) else range(0)
                tasks = [Task(voter, 1, NO_BALLOT, when_ms - 1_000) for voter in voters]
                challenged = [task for task in tasks if self.habits.challenges(task.voter)]
                due = [task for task in tasks if not self.habits.challenges(task.voter)] + waiting
                waiting = list(challenged)
                head = self.board.head
                futures = [pool.submit(make_ballots, due[i : i + CHUNK], head) for i in range(0, len(due), CHUNK)]
                spoiled = pool.submit(make_spoiled, challenged, head) if challenged else None
                ahead.append(_Sealing(when_ms, futures, spoiled))
                at += 1
            if len(ahead) > 1 or (at >= len(blocks) and ahead):
                waiting += self._write(ahead.popleft(), advance)

    def forger(self) -> Forger:
        """Return somebody who knows two ballots on the board."""
        own, other = self.samples
        return Forger(self.booth, self.board.head, own.voter, own.hash, own.entry, other.entry)

    def _write(self, sealing: "_Sealing", advance: Advance) -> list[Task]:
        """Write one block; return the second ballots that may follow it."""
        made = [ballot for future in sealing.futures for ballot in future.result()]
        spoils = [] if sealing.spoiled is None else sealing.spoiled.result()
        self.board.now_ms = max(self.board.now_ms, sealing.when_ms)
        self.board.append(voters=[*(entry for _, entry, _ in made), *spoils])
        self.ballots += len(made)
        self.spoiled += len(spoils)
        advance(len(made))
        again = []
        for voter, entry, ballot_hash in made:
            if self.habits.votes_again(voter) and voter not in self._done:
                self._done.add(voter)
                again.append(Task(voter, 2, ballot_hash, sealing.when_ms + 60_000))
            elif voter not in self._done and len(self.samples) < 2 and not self.habits.votes_on_paper(voter):
                self.samples.append(Sample(voter, entry, ballot_hash))
        self.again += len(again)
        return again

    def strike(self) -> None:
        """Publish the strikes of those who voted on paper in the end."""
        struck = self.habits.struck()
        for start in range(0, len(struck), LARGEST_BLOCK):
            entries = [
                self.commission.by_registrars(
                    "strike", Strike(pseudonym=self.booth.pseudonym(voter), reason="voted on paper at the station")
                )
                for voter in struck[start : start + LARGEST_BLOCK]
            ]
            self.board.append(voters=entries)
        self.struck = len(struck)

    # ----------------------------------------------------------------------------------------------------------- tally

    def close(self) -> None:
        """Wait for the end of intake, publish the close, and let the dispute period pass."""
        manifest = self.board.manifest
        self.board.wait_until(CLOSES_AT_MS + manifest.grace_ms)
        self.board.append([self.commission.by_officers("close", Close(ballots=self.board.record.tally.accepted))])
        self.board.append()
        self.board.wait_until(self.board.now_ms + manifest.dispute_ms)

    def aggregate(self) -> int:
        """Publish the encrypted sums of every cell; return the number of cells."""
        items = self.board.record.tally.plan.items
        for start in range(0, len(items), 64):
            entries = [
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
                for item in items[start : start + 64]
            ]
            self.board.append(entries)
        return len(items)

    def announce(self) -> None:
        """Publish the votes of every cell, opened by the shares on the board."""
        tally = self.board.record.tally
        results = [
            Result(contest=item.contest, cell=item.number, votes=tally.open_cell(item)) for item in tally.plan.items
        ]
        self.board.append([self.commission.by_officers("result", result) for result in results])
        self.board.append()


@dataclass(frozen=True, slots=True)
class _Sealing:
    """A block that is being sealed: its time, its ballots, and its spoiled ones."""

    when_ms: int
    futures: Sequence[Future[list[tuple[int, bytes, bytes]]]]
    spoiled: Future[list[bytes]] | None


def _parts(voters: range) -> list[range]:
    return [voters[i : i + CHUNK] for i in range(0, len(voters), CHUNK)]
