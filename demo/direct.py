"""The same day without the service, in virtual time: `python -m demo.direct [--voters N] [--keep DIR] [--seed S]`.

The presidential election of 2021-01-10 and the same day's referendum, from the key ceremony to the auditor's verdict.
Exit status 0 only if the auditor says VERIFIED and the published votes are the ones that were drawn.
"""

import argparse
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from crypto.errors import DobushError
from demo.board import Board
from demo.commission import (
    CLOSES_AT_MS,
    HOUR_MS,
    MINIMUM_CELL,
    OPENS_AT_MS,
    THRESHOLD,
    TRUSTEES,
    WITNESS_NAMES,
    WITNESSES,
    Commission,
)
from demo.day import Day
from demo.electorate import Electorate, published
from demo.programs import Trustees, Verdict, audit
from demo.screen import Screen
from demo.web_client import built_client
from demo.witnesses import Witnesses

STEPS = 9
ABSENT = 3
DEFAULT_VOTERS, DEFAULT_SEED = 2_000, 2021
LEAST_VOTERS, MOST_VOTERS = 20, 1_000_000
SHOWN = 6


@dataclass
class Demo:
    """One run of the demo in one folder."""

    screen: Screen
    folder: Path
    electorate: Electorate
    workers: int
    commission: Commission = field(init=False)
    witnesses: Witnesses = field(init=False)
    trustees: Trustees = field(init=False)
    day: Day = field(init=False)

    def __post_init__(self) -> None:
        """Seat everybody."""
        self.commission = Commission(self.electorate)
        seeds = [self.electorate.secret("key/witness", number) for number in range(WITNESSES)]
        self.witnesses = Witnesses.begin(seeds, WITNESS_NAMES, None)
        self.trustees = Trustees.seat(self.folder / "desks")

    @property
    def board(self) -> Board:
        """The election's board."""
        return self.day.board

    @property
    def slots_file(self) -> Path:
        """Where the commission announces the slots per district, outside the record."""
        return self.folder / "slots.json"

    def run(self) -> bool:
        """Run all steps; tell whether the election is verified and the votes are the drawn ones."""
        self.prepare()
        self.hold_ceremony()
        self.open()
        with self.day.pool() as pool:
            with self.screen.step("Credentials: a passkey for each voter") as step:
                step.expect(self.electorate.voters)
                self.day.enroll(pool, step.advance)
                step.proved(f"{self.electorate.voters:,} passkeys bound to slots, each signed by both registrars")
            with self.screen.step("Voting: sealed ballots, block by block") as step:
                step.expect(self.electorate.voters)
                self.day.vote(pool, step.advance)
                self.day.strike()
                day, blocks = self.day, len(self.board.record.board.ballots_by_block)
                step.proved(
                    f"{day.ballots:,} ballots in {blocks} blocks, each with its proof and a passkey's signature"
                )
                step.proved(
                    f"{day.again:,} voted again, {day.spoiled:,} challenged their phone first, {day.struck:,} struck"
                )
                for event in self.witnesses.events:
                    step.proved(event)
        refused = self.attack()
        self.close()
        matches = self.tally()
        verdict = self.audit()
        return self.conclude(verdict, matches=matches, refused=refused)

    def prepare(self) -> None:
        """Write manifest and parts: block 0."""
        with self.screen.step("Manifest: what the election is") as step:
            step.doing("five trustees make their signing keys (dobush-trustee init)")
            manifest, parts = self.commission.write_manifest(self.trustees.make_keys(), self.witnesses.public_keys)
            board = Board(self.folder / "record", self.commission, manifest, self.witnesses, OPENS_AT_MS - 24 * HOUR_MS)
            board.begin(self.commission.by_officers("manifest", manifest), parts)
            self.day = Day(board, self.commission, self.electorate, self.workers)
            self.slots_file.write_text(json.dumps({str(k): v for k, v in self.commission.slots_by_district.items()}))
            options = " and ".join(str(len(question.options)) for question in self.commission.questions)
            step.proved(f"contests of {options} options; manifest hash {self.commission.manifest_hash.hex()[:16]}…")

    def hold_ceremony(self) -> None:
        """Run R0 to R3 through the trustees' program."""
        acts = ("key", "commitment", "dealing", "answer", "certificate")
        with self.screen.step(f"Key ceremony: {TRUSTEES} trustees, {THRESHOLD} needed") as step:
            step.expect(len(acts))
            for act in acts:
                step.doing(f"dobush-trustee {act}")
                self.board.append(self.trustees.act(self.board, act))
                step.advance(1)
            step.proved("the key was never whole; every trustee checked all proofs and certified the run")

    def open(self) -> None:
        """Publish the roll, drill the trustees, open."""
        with self.screen.step("Roll, drill and opening") as step:
            client = built_client()
            if client is not None:
                self.day.write_client(client)
            self.day.write_roll()
            step.doing("dobush-trustee drill")
            self.day.call_drill(1)
            self.board.append(self.trustees.act(self.board, "drill"))
            self.day.open()
            units = len(self.electorate.slots_by_unit)
            step.proved(
                f"{self.electorate.slots:,} slots in {units} regions; all {TRUSTEES} trustees hold their shares"
            )

    def attack(self) -> bool:
        """Try every forgery; tell whether the board refused all of them."""
        with self.screen.step("Forged ballots, refused at intake") as step:
            refusals = []
            for forgery in self.day.forger().forgeries(CLOSES_AT_MS - HOUR_MS):
                refusal = self.board.admit(forgery.entry)
                refusals.append(refusal)
                said = "ACCEPTED" if refusal is None else f"{refusal.check:<9} {refusal.reason.partition(',')[0]}"
                step.proved(f"{forgery.name:<10} {said}")
        return all(refusal is not None for refusal in refusals)

    def close(self) -> None:
        """Drill once more with one trustee absent, close, and wait for the dispute period."""
        with self.screen.step("Close") as step:
            step.doing("dobush-trustee drill")
            self.day.call_drill(2)
            self.board.append(self.trustees.act(self.board, "drill", absent=[ABSENT]))
            self.day.close()
            root = self.board.record.tally.closed_root or b""
            step.proved(f"{self.day.ballots:,} ballots closed under the root {root.hex()[:16]}…")

    def tally(self) -> bool:
        """Publish sums, decrypt with four of five trustees, announce; tell whether the votes are the drawn ones."""
        with self.screen.step("Tally: cells summed in secret, then opened") as step:
            cells = self.day.aggregate()
            step.doing("dobush-trustee decrypt: each checks the whole record first")
            self.board.append(self.trustees.act(self.board, "decrypt", absent=[ABSENT], slots=self.slots_file))
            self.day.announce()
            drawn = self.electorate.tally(self.day.habits.last_numbers(), set(self.day.habits.struck()))
            totals = self.board.record.tally.totals()
            matches = all(
                list(total.votes) == [counts[option] for option in range(len(total.votes))] and not total.undisclosed
                for total, counts in zip(totals, drawn, strict=True)
            )
            step.proved(f"{cells} cells of at least {MINIMUM_CELL} voters opened; no single ballot ever was")
            step.proved(f"trustee {ABSENT} was absent; the other four proved their parts, {THRESHOLD} are enough")
            step.proved(
                "the votes are exactly those that the voters drew"
                if matches
                else "THE VOTES ARE NOT THOSE THAT THE VOTERS DREW"
            )
        return matches

    def audit(self) -> Verdict:
        """Run the auditor's program."""
        with self.screen.step("Audit: everything again, from the files alone") as step:
            step.doing("dobush-audit verify")
            manifest_hash = self.commission.manifest_hash
            verdict = audit(self.folder / "record", manifest_hash, self.slots_file, self.folder)
            step.proved(f"status {verdict.status}, given the manifest hash and the slots per region from outside")
        return verdict

    def conclude(self, verdict: Verdict, *, matches: bool, refused: bool) -> bool:
        """Print results and verdict."""
        totals = self.board.record.tally.totals()
        for question, total in zip(self.commission.questions, totals, strict=True):
            rows = [
                (names["ky"], share, votes, 100 * votes / total.ballots)
                for names, share, votes in zip(question.options, question.shares_percent, total.votes, strict=True)
            ]
            self.screen.results(question.title["en"], rows, top=SHOWN)
        verified = verdict.status == 0 and matches and refused
        lines = [] if verified else [line for line in verdict.complaint.splitlines() if line]
        record = self.folder / "record"
        self.screen.close(verified=verified, lines=[*lines, f"report {verdict.html}", f"record {record}"])
        again = ["verify", str(record), "--manifest-hash", self.commission.manifest_hash.hex()]
        self.screen.note("Check it yourself:", shlex.join(["dobush-audit", *again, "--slots", str(self.slots_file)]))
        return verified


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m demo.direct", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--voters", type=int, default=DEFAULT_VOTERS, metavar="N", help=f"voters who vote (default {DEFAULT_VOTERS:,})"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="folder for record, report and desks (must be new or empty)"
    )
    parser.add_argument(
        "--seed", type=int, default=DEFAULT_SEED, metavar="S", help="seed of the draw and of all demo keys"
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, metavar="W", help="processes that seal ballots"
    )
    options = parser.parse_args(arguments)
    if not LEAST_VOTERS <= options.voters <= MOST_VOTERS:
        parser.error(f"--voters: between {LEAST_VOTERS} and {MOST_VOTERS:,}")
    if options.workers < 1:
        parser.error("--workers: at least 1")
    if options.keep is not None and options.keep.exists() and any(options.keep.iterdir()):
        parser.error(f"--keep: {options.keep} is not empty")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit status."""
    options = parse_arguments(arguments)
    folder = options.keep or Path(tempfile.mkdtemp(prefix="dobush-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False)
    electorate = Electorate(published(), options.voters, options.seed)
    screen = Screen(console, STEPS)
    screen.open(
        "dobush: an election that anyone can check, written directly",
        f"President and referendum of 2021-01-10 in Kyrgyzstan, replayed · kind demo · {options.voters:,} voters · "
        f"seed {options.seed}",
    )
    try:
        verified = Demo(screen, folder.resolve(), electorate, options.workers).run()
    except (DobushError, OSError) as error:
        screen.close(verified=False, lines=[f"{type(error).__name__}: {error}", f"left in {folder}"])
        return 1
    return 0 if verified else 1


if __name__ == "__main__":
    sys.exit(main())
