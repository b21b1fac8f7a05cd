"""Writes the record of a national election to disk: real proofs and signatures, real blocks, no ballot twice.

Setup (roll, ceremony, drill, opening) is judged by the state machine as it is written. From then on blocks are written
unjudged, because the audit that is measured judges all of them; the sums that the trustees open are known from the
ballots' own seeds. After every few blocks all that is needed to go on is stored, so that a generation that was ended
goes on where it was, with the same bytes.

>>> SIZE_A_BALLOT > 2_500
True
"""

import json
import os
import pickle
import shutil
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.national_nation import (
    NationalBooth,
    NationalCommission,
    NationalElectorate,
    Scale,
    leaf_of,
    make_electorate,
    read_nation,
    stride,
)
from crypto.election.board import Block, Writer
from crypto.election.encoding import Message
from crypto.election.entries import Aggregate, Close, Contest, Manifest, Opening, Result, Units
from crypto.election.tally import Election, Plan, Sums, make_share, plan_cells
from crypto.elgamal import encrypt
from crypto.errors import Misuse
from crypto.merkle import CHECKPOINT_PATH, TileReader
from crypto.signatures import parse_note
from crypto.threshold import decrypt_partially, interpolate_at_zero, solve_total, verify_partial_decryption
from demo.ballots import GROUP, NO_BALLOT, Head, Task
from demo.board import Board
from demo.commission import CLOSES_AT_MS, HOUR_MS, OPENS_AT_MS, THRESHOLD, WITNESS_NAMES, WITNESSES
from demo.day import Day
from demo.one_room import Trustees
from demo.witnesses import Witnesses

SIZE_A_BALLOT: Final = 5_000
"""Bytes of disk for a ballot, its credential, their tiles, and a hint file beside them."""

_BLOCKS_OF_THE_DAY: Final = 640
_SMALLEST_BLOCK: Final = 500
_CREDENTIALS_A_BLOCK: Final = 4_000
_CHUNK: Final = 125
_AGAIN_AFTER: Final = 3
_STORE_EVERY: Final = 10
_SEED: Final = 2025

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished record in its folder, with the figures from outside."""

    folder: Path
    manifest_hash: bytes
    ballots: int
    share: float

    @property
    def record(self) -> Path:
        """Return the folder of the log's files."""
        return self.folder / "record"

    @property
    def slots(self) -> Path:
        """Return the file of slots by district."""
        return self.folder / "slots.json"


def find_finished(folder: Path, share: float) -> Finished | None:
    """Return the finished record of this share in a folder, None where there is none."""
    try:
        said = json.loads((folder / "finished.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if said["share"] != share:
        return None
    return Finished(folder, bytes.fromhex(said["manifest_hash"]), said["ballots"], share)


# -------------------------------------------------------------------------------------------------------------- workers

Known = dict[int, tuple[list[int], list[int], int]]
"""By position of a leaf unit: sums of the randomness by option, votes by option, ballots."""

_BOOTH: list[NationalBooth] = []


def _enter(booth: NationalBooth) -> None:
    _BOOTH[:] = [booth]


def _make_credentials(voters: Sequence[int]) -> list[bytes]:
    return [_BOOTH[0].credential(voter) for voter in voters]


def _make_ballots(tasks: Sequence[Task], head: Head) -> tuple[list[tuple[int, bytes, bytes]], Known]:
    """Return (voter, entry, ballot hash) of each task, and what the ballots change in the sums."""
    booth, made, known = _BOOTH[0], [], Known()
    for task in tasks:
        sealed = booth.seal(task, head)
        made.append((task.voter, booth.cast(sealed, task.issued_at_ms, booth.passkey(task.voter)), sealed.hash))
        _add(known, *booth.opened(task.voter, task.number), 1)
        if task.number > 1:
            _add(known, *booth.opened(task.voter, task.number - 1), -1)
    return made, known


def _add(known: Known, place: int, randomness: list[int], choice: int, sign: int) -> None:
    zeros = [0] * len(randomness)
    before, votes, ballots = known.get(place, (zeros, list(zeros), 0))
    votes[choice] += sign
    known[place] = [left + sign * right for left, right in zip(before, randomness, strict=True)], votes, ballots + sign


# ------------------------------------------------------------------------------------------------------------- the log


class Log(Board):
    """The demo's board, which can write on without judging."""

    judges = True

    @property
    def head(self) -> Head:
        """Return the newest quorum checkpoint that a seal holds."""
        return super().head if self.judges else self._sealed

    def write_on(self) -> None:
        """Judge no more from here on; what was judged is forgotten."""
        self._sealed = super().head
        self.judges = False
        del self.record

    def append(self, control: Sequence[bytes] = (), voters: Sequence[bytes] = ()) -> Block:
        """Write the next block."""
        if not self.judges and self.writer.quorum:
            newest = parse_note(self.writer.quorum[-1]).text.split("\n")
            self._sealed = Head(int(newest[1]), self.writer.tiles.root())
        return super().append(control, voters)

    def _publish(self, block: Block) -> None:
        if self.judges:
            super()._publish(block)
            return
        self.now_ms += self.manifest.interval_ms
        for path, data in block.files:
            self._store(path, data)
        source = TileReader(self.get, self.writer.tiles.size, self.writer.tiles.root()).source()
        note = parse_note(block.checkpoint)
        cosigned = self.witnesses.cosign(source, self.writer.tiles.size, note, self.now_ms // 1_000)
        self.writer.add_quorum(cosigned.to_bytes())
        self._store(CHECKPOINT_PATH, cosigned.to_bytes())


@dataclass
class Progress:
    """All that is needed to go on: stored every few blocks."""

    writer: Writer
    witnesses: Witnesses
    now_ms: int
    sealed: Head
    key: bytes
    shares: tuple[int, ...]
    enrolled: int = 0
    arrived: int = 0
    known: Known = field(default_factory=dict)
    waiting: list[tuple[int, int, bytes]] = field(default_factory=list)  # due block, voter, hash of the first ballot
    block: int = 0


@dataclass
class National:
    """One election of a share of the country, in one folder."""

    folder: Path
    share: float
    workers: int
    tell: Tell
    scale: Scale = field(init=False)
    electorate: NationalElectorate = field(init=False)
    commission: NationalCommission = field(init=False)

    def __post_init__(self) -> None:
        """Make electorate and commission from the share alone."""
        self.scale = Scale.of(read_nation(), self.share)
        self.electorate = make_electorate(self.scale, _SEED)
        self.commission = NationalCommission(self.electorate)

    def make(self) -> Finished:
        """Write the record, or what is missing of it, and return it. SystemExit where the disk is too small."""
        finished = find_finished(self.folder, self.share)
        if finished is not None:
            return finished
        self.folder.mkdir(parents=True, exist_ok=True)
        self._require_disk()
        seeds = [self.electorate.secret("bench/witness", number) for number in range(WITNESSES)]
        witnesses, trustees = Witnesses.begin(seeds, WITNESS_NAMES, None), Trustees.of(self.commission)
        keys = [signer.key.public_key for signer in trustees.signers]
        manifest, parts = self.commission.write_manifest(keys, witnesses.public_keys)
        log = Log(self.folder / "record", self.commission, manifest, witnesses, OPENS_AT_MS - 24 * HOUR_MS)
        progress = self._load()
        if progress is None:
            shutil.rmtree(log.folder, ignore_errors=True)
            log.begin(self.commission.by_officers("manifest", manifest), parts)
            progress = self._prepare(log, trustees)
        self._restore(log, progress, trustees)
        booth = NationalBooth(self.electorate, self.commission.manifest_hash, progress.key)
        with ProcessPoolExecutor(self.workers, initializer=_enter, initargs=(booth,)) as pool:
            self._enroll(log, pool, progress)
            self._vote(log, pool, progress)
        self._count(log, progress, _read_election(self.commission, manifest, parts), trustees)
        slots = {str(name): count for name, count in self.commission.slots_by_district.items()}
        (self.folder / "slots.json").write_text(json.dumps(slots), encoding="utf-8")
        said = {
            "share": self.share,
            "ballots": self.scale.ballots,
            "manifest_hash": self.commission.manifest_hash.hex(),
        }
        (self.folder / "finished.json").write_text(json.dumps(said), encoding="utf-8")
        return Finished(self.folder, self.commission.manifest_hash, self.scale.ballots, self.share)

    def _require_disk(self) -> None:
        there = sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())
        needed = self.scale.ballots * SIZE_A_BALLOT + 200_000_000 - there
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            sys.exit(f"{self.folder} has {free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB are needed")

    # -------------------------------------------------------------------------------------------------- to the opening

    def _prepare(self, log: Log, trustees: Trustees) -> Progress:
        certificate = trustees.hold_ceremony(log)
        for chunk in _tens(self.commission.write_roll()):
            log.append([self.commission.by_registrars("roll", part) for part in chunk])
            self.tell("roll", chunk[-1].number, self.electorate.slots // 4_000)
        day = Day(log, self.commission, self.electorate, self.workers)
        chunks = log.record.roll.chunks
        log.append([self.commission.by_officers("freeze", self.commission.write_freeze(chunks))])
        day.call_drill(1)
        trustees.drill(log, certificate)
        opening = Opening(key=certificate.key, certificate_hash=certificate.hash)
        log.append([self.commission.by_officers("opening", opening)])
        log.write_on()
        progress = Progress(log.writer, log.witnesses, log.now_ms, log.head, certificate.key, trustees.shares)
        self._store(log, progress)
        return progress

    def _restore(self, log: Log, progress: Progress, trustees: Trustees) -> None:
        log.judges, log._sealed = False, progress.sealed  # noqa: SLF001 -- the same board, as it was
        log.writer, log.witnesses, log.now_ms = progress.writer, progress.witnesses, progress.now_ms
        trustees.shares = progress.shares

    def _store(self, log: Log, progress: Progress) -> None:
        progress.writer, progress.witnesses, progress.now_ms = log.writer, log.witnesses, log.now_ms
        progress.sealed = log.head
        fresh = self.folder / "progress.new"
        with fresh.open("wb") as stream:
            pickle.dump(progress, stream)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(self.folder / "progress.pickle")

    def _load(self) -> Progress | None:
        try:
            with (self.folder / "progress.pickle").open("rb") as stream:
                progress: Any = pickle.load(stream)  # noqa: S301 -- written here, by this program
        except OSError:
            return None
        return progress if isinstance(progress, Progress) else None

    # ---------------------------------------------------------------------------------------------------------- voters

    def _order(self, places: range) -> list[int]:
        """Return the voters who come at some places of the queue: neighbours of the queue live far apart."""
        step = stride(self.scale.voters)
        return [place * step % self.scale.voters for place in places]

    def _enroll(self, log: Log, pool: ProcessPoolExecutor, progress: Progress) -> None:
        ahead: deque[tuple[int, list[Future[list[bytes]]]]] = deque()
        at = progress.enrolled
        while at < self.scale.voters or ahead:
            if at < self.scale.voters and len(ahead) < 2:
                places = range(at, min(at + _CREDENTIALS_A_BLOCK, self.scale.voters))
                parts = [self._order(places[start : start + _CHUNK]) for start in range(0, len(places), _CHUNK)]
                ahead.append((places.stop, [pool.submit(_make_credentials, part) for part in parts]))
                at = places.stop
                continue
            progress.enrolled, futures = ahead.popleft()
            log.append(voters=[entry for future in futures for entry in future.result()])
            self.tell("credentials", progress.enrolled, self.scale.voters)
            if log.writer.block % _STORE_EVERY == 0 and not ahead:
                self._store(log, progress)
        if progress.arrived == 0 and log.now_ms < OPENS_AT_MS:
            log.wait_until(OPENS_AT_MS)
            log.append()
            self._store(log, progress)

    @property
    def block_size(self) -> int:
        """Return how many first ballots stand in a block."""
        return max(_SMALLEST_BLOCK, -(-self.scale.voters // _BLOCKS_OF_THE_DAY))

    def _vote(self, log: Log, pool: ProcessPoolExecutor, progress: Progress) -> None:
        voters, size = self.scale.voters, self.block_size
        blocks = -(-voters // size) + _AGAIN_AFTER
        step_ms = (CLOSES_AT_MS - OPENS_AT_MS - HOUR_MS) // blocks
        while progress.block < blocks:
            when_ms = OPENS_AT_MS + (progress.block + 1) * step_ms
            places = range(progress.arrived, min(progress.arrived + size, voters))
            tasks = [Task(voter, 1, NO_BALLOT, when_ms - 1_000) for voter in self._order(places)]
            last = progress.block == blocks - 1
            due = [item for item in progress.waiting if item[0] <= progress.block or last]
            tasks += [Task(voter, 2, previous, when_ms - 1_000) for _, voter, previous in due]
            head = log.head
            futures = [pool.submit(_make_ballots, tasks[at : at + _CHUNK], head) for at in range(0, len(tasks), _CHUNK)]
            made = [future.result() for future in futures]
            log.now_ms = max(log.now_ms, when_ms)
            log.append(voters=[entry for part, _ in made for _, entry, _ in part])
            progress.waiting = [item for item in progress.waiting if item not in due]
            hashes = {voter: ballot_hash for part, _ in made for voter, _, ballot_hash in part}
            for place, voter in zip(places, self._order(places), strict=True):
                if (place + 1) * self.scale.again // voters > place * self.scale.again // voters:
                    progress.waiting.append((progress.block + _AGAIN_AFTER, voter, hashes[voter]))
            for _, known in made:
                for leaf, (randomness, votes, ballots) in known.items():
                    _merge(progress.known, leaf, randomness, votes, ballots)
            progress.arrived, progress.block = places.stop, progress.block + 1
            self.tell("ballots", progress.arrived, voters)
            if progress.block % _STORE_EVERY == 0 or progress.block == blocks:
                self._store(log, progress)

    # ----------------------------------------------------------------------------------------------------------- tally

    def _count(self, log: Log, progress: Progress, election: Election, trustees: Trustees) -> None:
        """Close, publish the sums, let the trustees open them, and announce."""
        log.wait_until(CLOSES_AT_MS + log.manifest.grace_ms)
        log.append([self.commission.by_officers("close", Close(ballots=self.scale.ballots))])
        root = log.writer.tiles.root()
        log.append()
        log.wait_until(log.now_ms + log.manifest.dispute_ms)
        sums, votes = _sum_up(progress)
        plan = plan_cells(election, sums)
        for items in _tens(iter(plan.items), 64):
            log.append([self.commission.by_log("aggregate", _aggregate(item)) for item in items])
        for trustee in range(1, THRESHOLD + 1):
            parts = make_share(election, plan, root, trustee, trustees.shares[trustee - 1])
            signer = trustees.signers[trustee - 1]
            log.append([self.commission.sign("share", part, [signer]) for part in parts])
        log.append([self.commission.by_officers("result", result) for result in _results(plan, votes)])
        log.append()


def _read_election(
    commission: NationalCommission, manifest: Manifest, parts: Sequence[tuple[str, Message]]
) -> Election:
    contests = [body for _, body in parts if isinstance(body, Contest)]
    units = [body for _, body in parts if isinstance(body, Units)]
    return Election.read(manifest, commission.manifest_hash, contests, units)


def _sum_up(progress: Progress) -> tuple[Sums, dict[int, list[int]]]:
    """Return the encrypted sums, made from the sums of the randomness, and the votes by leaf unit."""
    sums, key = Sums(GROUP), GROUP.parse_element(progress.key)
    votes_of: dict[int, list[int]] = {}
    for place, (randomness, votes, ballots) in progress.known.items():
        contest, unit = read_nation().places[place][0], leaf_of(place)
        pairs = zip(randomness, votes, strict=True)
        data = b"".join(encrypt(GROUP, key, vote, scalar % GROUP.order).to_bytes() for scalar, vote in pairs)
        sums.merge({(unit, contest): data}, Counter({(unit, contest): ballots}))
        votes_of[unit] = votes
    return sums, votes_of


def measure_tally(finished: Finished) -> float:
    """Return the seconds from the encrypted sums to all totals: three shares, their proofs, every cell opened."""
    with (finished.folder / "progress.pickle").open("rb") as stream:
        progress: Progress = pickle.load(stream)  # noqa: S301 -- written here, by this program
    national = National(finished.folder, finished.share, 1, lambda *_: None)
    trustees = Trustees.of(national.commission)
    keys = [signer.key.public_key for signer in trustees.signers]
    seeds = [national.electorate.secret("bench/witness", number) for number in range(WITNESSES)]
    witnesses = Witnesses.begin(seeds, WITNESS_NAMES, None)
    election = _read_election(national.commission, *national.commission.write_manifest(keys, witnesses.public_keys))
    sums, votes = _sum_up(progress)
    expected = [result.votes for result in _results(plan_cells(election, sums), votes)]
    started = time.perf_counter()
    plan = plan_cells(election, sums)
    statement = plan.statement(election, bytes(32))
    used = list(range(1, THRESHOLD + 1))
    values = []
    for trustee in used:
        share = progress.shares[trustee - 1]
        partial = decrypt_partially(GROUP, statement, trustee, share)
        verify_partial_decryption(GROUP, statement, (share * GROUP.generator).to_bytes(), partial)
        values.append([GROUP.parse_sum(value) for value in partial.values])
    weights = interpolate_at_zero(GROUP, used)
    at, size = 0, GROUP.element_size
    for item, told in zip(plan.items, expected, strict=True):
        opened = []
        for option in range(len(item.sums) // (2 * size)):
            mask = GROUP.vartime_sum(weights, [column[at] for column in values])
            total = GROUP.parse_sum(item.sums[(2 * option + 1) * size : (2 * option + 2) * size]) - mask
            opened.append(solve_total(GROUP, total, item.cell.ballots, culprit=f"cell {item.number}"))
            at += 1
        if tuple(opened) != told:
            raise Misuse(f"cell {item.number} of contest {item.contest} opens to other votes than were cast")
    return time.perf_counter() - started


def _aggregate(item: Any) -> Aggregate:  # noqa: ANN401 -- the plan's item
    return Aggregate(
        contest=item.contest, cell=item.number, units=item.cell.units, ballots=item.cell.ballots, sums=item.sums
    )


def _results(plan: Plan, votes: dict[int, list[int]]) -> Iterator[Result]:
    for item in plan.items:
        columns = zip(*(votes[unit] for unit in item.cell.units), strict=True)
        yield Result(contest=item.contest, cell=item.number, votes=tuple(map(sum, columns)))


def _merge(total: Known, leaf: int, randomness: list[int], votes: list[int], ballots: int) -> None:
    if leaf not in total:
        total[leaf] = ([value % GROUP.order for value in randomness], list(votes), ballots)
        return
    before, counted, number = total[leaf]
    total[leaf] = (
        [(left + right) % GROUP.order for left, right in zip(before, randomness, strict=True)],
        [left + right for left, right in zip(counted, votes, strict=True)],
        number + ballots,
    )


def _tens(items: Iterator[Any], size: int = 10) -> Iterator[list[Any]]:
    """Yield lists of up to `size` items."""
    part: list[Any] = []
    for item in items:
        part.append(item)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def require_nothing_else(folder: Path) -> None:
    """Refuse to write into a folder that holds something of another kind. Raises Misuse."""
    ours = {"record", "slots.json", "finished.json", "progress.pickle", "progress.new", "hints.bin", "report.json"}
    if folder.is_dir() and (foreign := {file.name for file in folder.iterdir()} - ours):
        raise Misuse(f"{folder} holds {min(foreign)}, which is no part of a national record")
