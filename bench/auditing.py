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
from typing import Any

from bench.figures import Figure
from crypto.election.ceremony import (
    Ceremony,
    Certificate,
    commit_dealing,
    digest_dealings,
    make_dealing,
    make_drill_share,
    make_key,
    open_dealing,
)
from crypto.election.entries import CeremonyAcceptance, CeremonyCertificate
from crypto.election.tally import make_share
from crypto.signatures import SigningKey
from crypto.threshold import combine_shares
from demo.board import Board
from demo.commission import HOUR_MS, OPENS_AT_MS, THRESHOLD, TRUSTEES, WITNESS_NAMES, WITNESSES, Commission, Signer
from demo.day import Day
from demo.electorate import Electorate, published
from demo.programs import command
from demo.witnesses import Witnesses

WORKERS = 2
SEED = 7


@dataclass(slots=True)
class Trustees:
    """All trustees in one process: what no election may have, and a benchmark may."""

    commission: Commission
    signers: tuple[Signer, ...]
    shares: tuple[int, ...] = ()

    @classmethod
    def of(cls, commission: Commission) -> "Trustees":
        """Draw their signing keys."""
        secrets = [commission.electorate.secret("bench/trustee", number) for number in range(TRUSTEES)]
        return cls(commission, tuple(Signer("trustee", "bench", SigningKey.from_seed(secret)) for secret in secrets))

    def _sign(self, entry_type: str, bodies: list[Any]) -> list[bytes]:
        return [self.commission.sign(entry_type, body, [self.signers[body.trustee - 1]]) for body in bodies]

    def hold_ceremony(self, board: Board) -> Certificate:
        """Run R0 to R3."""
        ceremony: Ceremony = board.record.ceremony
        setting, everyone = ceremony.setting, range(1, TRUSTEES + 1)
        secrets = [setting.group.random_scalar() for _ in everyone]
        board.append(self._sign("ceremony-key", [make_key(setting, 1, at, secrets[at - 1]) for at in everyone]))
        keys = ceremony.keys()
        dealings = [make_dealing(setting, 1, at, keys) for at in everyone]
        board.append(self._sign("ceremony-commitment", [commit_dealing(setting, dealing) for dealing in dealings]))
        board.append(self._sign("ceremony-dealing", dealings))
        digest = digest_dealings(setting, dealings)
        accepted = [CeremonyAcceptance(run=1, trustee=at, digest=digest) for at in everyone]
        board.append(self._sign("ceremony-acceptance", accepted))
        self.shares = tuple(
            combine_shares(setting.group, [open_dealing(setting, deal, keys, at, secrets[at - 1]) for deal in dealings])
            for at in everyone
        )
        certificate = ceremony.conclude()
        certified = [CeremonyCertificate(run=1, trustee=at, hash=certificate.hash) for at in everyone]
        board.append(self._sign("ceremony-certificate", certified))
        return certificate

    def drill(self, board: Board, certificate: Certificate) -> None:
        """Answer the first drill."""
        setting, drill = board.record.ceremony.setting, board.record.ceremony.drills[1]
        answers = [
            make_drill_share(setting, certificate, drill, at, share) for at, share in enumerate(self.shares, start=1)
        ]
        board.append(self._sign("drill-share", answers))

    def decrypt(self, board: Board) -> None:
        """Give as many shares as are needed."""
        tally = board.record.tally
        root = tally.closed_root or b""
        for trustee in range(1, THRESHOLD + 1):
            parts = make_share(tally.election, tally.plan, root, trustee, self.shares[trustee - 1])
            board.append(self._sign("share", list(parts)))


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
