"""What a whole audit costs: `dobush-audit verify` in its own process over a record of 18 options, everything included.

The record is written by the demo's day (credentials, ballots, passkeys, second ballots, spoiled and struck ones); its
trustees are kept in this process, because it is the auditor that is measured. Ballots per second count ballot entries
over the wall time of the whole program, start-up included.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bench.figures import Figure
from demo.board import Board
from demo.commission import HOUR_MS, OPENS_AT_MS, WITNESS_NAMES, WITNESSES, Commission
from demo.day import Day
from demo.electorate import Electorate, published
from demo.one_room import Trustees
from demo.programs import command
from demo.witnesses import Witnesses

WORKERS = 2
SEED = 7


@dataclass(frozen=True, slots=True)
class Written:
    """A record on disk with the figures from outside, and how many ballot entries it holds."""

    folder: Path
    manifest_hash: bytes
    ballots: int


def write_record(folder: Path, voters: int) -> Written:
    """Write a whole election of one contest of 18 options."""
    figures = published()
    electorate = Electorate(replace(figures, questions=figures.questions[:1]), voters, SEED)
    commission = Commission(electorate)
    seeds = [electorate.secret("bench/witness", number) for number in range(WITNESSES)]
    witnesses, trustees = Witnesses.begin(seeds, WITNESS_NAMES, None), Trustees.of(commission)
    keys = [signer.key.public_key for signer in trustees.signers]
    manifest, parts = commission.write_manifest(keys, witnesses.public_keys)
    board = Board(folder / "record", commission, manifest, witnesses, OPENS_AT_MS - 24 * HOUR_MS)
    board.begin(commission.by_officers("manifest", manifest), parts)
    certificate = trustees.hold_ceremony(board)
    day = Day(board, commission, electorate, WORKERS)
    day.write_roll()
    day.call_drill(1)
    trustees.drill(board, certificate)
    day.open()
    with day.pool() as pool:
        day.enroll(pool, lambda _: None)
        day.vote(pool, lambda _: None)
    day.strike()
    day.close()
    day.aggregate()
    trustees.decrypt(board)
    day.announce()
    (folder / "slots.json").write_text(json.dumps({str(k): v for k, v in commission.slots_by_district.items()}))
    return Written(folder, commission.manifest_hash, day.ballots)


@dataclass(frozen=True, slots=True)
class Timed:
    """One audit: wall seconds, and the peak memory of all its processes together in MB."""

    seconds: float
    peak_mb: float


def run_audit(written: Written, *, hints: bool) -> Timed:
    """Run the auditor's program; SystemExit when it does not verify."""
    folder, report = written.folder, written.folder / "report.json"
    arguments = ["verify", str(folder / "record"), "--manifest-hash", written.manifest_hash.hex()]
    arguments += ["--slots", str(folder / "slots.json"), "--json", str(report), "--workers", str(WORKERS)]
    arguments += ["--hints", str(folder / "hints.bin")] if hints else []
    started = time.perf_counter()
    ended = subprocess.run([*command("dobush-audit"), *arguments], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if ended.returncode != 0:
        sys.exit(f"the audit of the benchmark's record ended with {ended.returncode}: {ended.stderr}")
    return Timed(seconds, json.loads(report.read_text(encoding="utf-8"))["work"]["peak_bytes"] / 1e6)


def measure_audit(ballots: int) -> Iterator[Figure]:
    """Yield the figures for records of about `ballots` and a quarter of it."""
    with tempfile.TemporaryDirectory(prefix="dobush-bench-") as folder:
        small_folder, large_folder = Path(folder) / "small", Path(folder) / "large"
        small = write_record(small_folder, ballots // 4)
        quarter = run_audit(small, hints=False)
        shutil.rmtree(small_folder)
        started = time.perf_counter()
        large = write_record(large_folder, ballots)
        note = f"{large.ballots:,} ballots of 18 options, {WORKERS} processes, start-up included"
        rate = large.ballots / (time.perf_counter() - started)
        yield Figure(
            "election.ballots_per_s", rate, "1/s", "the same record written: sealed, signed, verified, published"
        )
        whole = run_audit(large, hints=False)
        yield Figure("audit.ballots_per_s", large.ballots / whole.seconds, "1/s", note)
        yield Figure("audit.peak_mb", whole.peak_mb, "MB", "all processes together")
        ratio = (whole.seconds / large.ballots) / (quarter.seconds / small.ballots) * 4
        yield Figure("audit.linear_ratio", ratio, "ratio", f"time for {large.ballots:,} over {small.ballots:,} ballots")
        hints = [*command("dobush-audit"), "hints", str(large_folder / "record"), str(large_folder / "hints.bin")]
        subprocess.run(hints, check=True, capture_output=True)
        hinted = run_audit(large, hints=True)
        yield Figure("audit.ballots_per_s.hints", large.ballots / hinted.seconds, "1/s", note)
