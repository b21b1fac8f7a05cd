"""`python -m bench.restart`: what a start costs after the close, with and without the sums that the sequencer keeps.

An election of one contest of 18 options with as many ballots as told is written into a throw-away PostgreSQL, closed;
then a new replica reads it whole, as a web worker or sequencer that starts does. Processor time of one thread, so that
a busy machine changes little. Writes `bench/results/restart.json`; the last figures are those for a country's size.
"""

import argparse
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rich.console import Console

from bench.figures import RESULTS, Figure, show, store
from bench.polling import KIND, Polling, Prebuilt, Press, make_polling
from bench.server import throw_away
from crypto.election.ballot import cast_challenge, make_nonce
from crypto.election.entries import BallotEntry, Entry, parse_entry
from crypto.signatures import Note, parse_note
from tests.integration.conftest import create_databases
from tests.simulator import secret, signing_key
from voting_server.board.kept_sums import KeptSums, KeptSumsStore
from voting_server.board.replica import Replica
from voting_server.board.store import Store
from voting_server.plumbing.database import Database

NATION = 1_600_000
_BLOCK = 2_000
_PIECE = 250


@dataclass(frozen=True, slots=True)
class Start:
    """One start: processor seconds up to the last entry before the close, and of all."""

    seconds: float
    sums: KeptSums


def seal(polling: Polling) -> list[Prebuilt]:
    """Seal a ballot for everybody, in all processes."""
    head, opening = polling.head(), polling.record.ceremony.opening
    press = Press(polling.manifest_hash, opening.key if opening else b"", head.size, head.root)
    tasks = [(voter, False) for voter in range(len(polling.voters))]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        pieces = pool.map(press.seal_many, [tasks[at : at + _PIECE] for at in range(0, len(tasks), _PIECE)])
        return [each for piece in pieces for each in piece]


def cast(polling: Polling, ballot: Prebuilt) -> bytes:
    """Return a sealed ballot as its voter's passkey casts it."""
    voter = polling.voters[ballot.voter]
    random = secret("nonce", ballot.hash.hex())[:16]
    place = (KIND, polling.manifest_hash, voter.pseudonym, ballot.hash)
    nonce = make_nonce(signing_key("receipt"), *place, random, polling.clock_ms)
    challenge = cast_challenge(KIND, polling.manifest_hash, ballot.hash, nonce)
    answer = voter.passkey.sign(challenge, polling.manifest.rp_id, polling.manifest.origins[0])
    return Entry("ballot", BallotEntry(ballot.ballot, nonce, *answer.parts()).to_bytes()).to_bytes()


def hold(polling: Polling) -> None:
    """Write all ballots in blocks, and close."""
    ballots = iter(seal(polling))
    while some := list(islice(ballots, _BLOCK)):
        block = polling.writer.write([], [cast(polling, each) for each in some])
        polling.entries.extend(block.entries)
        polling.record.extend(block.entries, threads=2)
        polling.witness(block.checkpoint)
    polling.close()


def load(polling: Polling, database: Database) -> int:
    """Put the log into a database; return the size of the checkpoint before the close."""
    rows, notes = Store(database), iter(polling.checkpoints)
    start, number, block, before = 0, 0, list[tuple[str, bytes]](), 0

    def end(size: int) -> None:
        quorum = next(notes)
        note = parse_note(quorum)
        with database.begin() as connection:
            rows.append(connection, start, number, block)
            rows.add_checkpoint(connection, size, number, Note(note.text, note.signatures[:1]).to_bytes())

    for index, raw in enumerate(polling.entries):
        kind = parse_entry(raw).type
        if kind == "seal":
            end(index)
            start, block, number, before = index, [], number + 1, index
        block.append((kind, raw))
    end(len(polling.entries))
    return before


def begin(database: Database, *, kept: bool) -> Start:
    """Read the whole log as a process does that starts."""
    rows = Store(database)
    replica = (
        Replica(rows.entries, rows.read, KeptSumsStore(database).read) if kept else Replica(rows.entries, rows.read)
    )
    started = time.process_time()
    with replica.follow() as record:
        seconds = time.process_time() - started
        return Start(seconds, KeptSums.of(record, 0))


def keep(database: Database, size: int) -> float:
    """Keep the sums under the checkpoint before the close, as the sequencer does; return the seconds of keeping."""
    rows = Store(database)
    replica = Replica(lambda start: rows.entries(start, size), rows.read)
    with replica.follow() as record:
        replica.sum_up()
        started = time.process_time()
        KeptSumsStore(database).write(signing_key("log"), record, replica.sums())
    return time.process_time() - started


def measure(ballots: int, console: Console) -> list[Figure]:
    """Return the figures of one run."""
    with console.status(f"an election of {ballots:,} ballots …"):
        polling = make_polling(ballots, 1_000)
        hold(polling)
    with throw_away() as (folder, cluster):
        database = Database(create_databases(cluster, folder).urls["ballot"])
        before = load(polling, database)
        slow = begin(database, kept=False)
        keeping = keep(database, before)
        fast = begin(database, kept=True)
        database.close()
    if slow.sums != fast.sums:
        raise RuntimeError("the kept sums are not those of the ballots")
    each_slow, each_fast = slow.seconds / ballots, fast.seconds / ballots
    return [
        Figure(
            "restart.entries", len(polling.entries), "entries", f"{ballots:,} credentials and ballots of 18 options"
        ),
        Figure("restart.added_up.s", slow.seconds, "s", "processor time, everything added up at the close"),
        Figure("restart.kept.s", fast.seconds, "s", "processor time, with the kept sums"),
        Figure("restart.keeping.ms", keeping * 1e3, "ms", "writing them, 36 points"),
        Figure("restart.added_up.us", each_slow * 1e6, "us", "a ballot and its credential"),
        Figure("restart.kept.us", each_fast * 1e6, "us", "a ballot and its credential"),
        Figure("restart.nation.added_up.s", each_slow * NATION, "s", f"extrapolated to {NATION:,} of each"),
        Figure("restart.nation.kept.s", each_fast * NATION, "s", f"extrapolated to {NATION:,} of each"),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(prog="python -m bench.restart", description=__doc__.partition("\n")[0])
    parser.add_argument("--ballots", type=int, default=16_000, help="how many vote")
    parser.add_argument("--output", type=Path, default=RESULTS / "restart.json", help="where the figures go")
    options = parser.parse_args(arguments)
    console = Console()
    figures = measure(options.ballots, console)
    show(figures, console)
    store(figures, options.output)


if __name__ == "__main__":
    main()
