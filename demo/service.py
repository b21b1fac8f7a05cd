"""A whole election through the service: `python -m demo [--voters N] [--keep DIR] [--seed S]`.

The presidential election of 2021-01-10 and the same day's referendum, in real time and with real programs: identity
side, ballot side, sequencer and worker of `dobush-server`, two registrars' programs, five witnesses (`dobush-audit
witness`), trustees (`dobush-trustee`), enrolment by codes, casting over HTTP, and the audit of a copy that
`dobush-audit mirror` would make. Exit status 0 only if the auditor says VERIFIED, the published votes are the ones that
were drawn, and every receipt is on the record. A slow machine gets a longer day: how long the programs take to start
decides.
"""

import argparse
import json
import os
import shlex
import tempfile
import time
from base64 import b64decode, b64encode
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
from rich.console import Console

from audit.serve import open_keys
from crypto.election.entries import BodyKey, Close, Drill, Freeze, Manifest, Opening, Result
from crypto.election.manifest import hash_manifest
from crypto.election.record import Record
from crypto.errors import DobushError
from crypto.signatures import SigningKey, VerifierKey
from demo.commission import KIND, TRUSTEES, WITNESS_NAMES, Commission, Signer
from demo.crowd import Crowd, number_of
from demo.electorate import Electorate, published
from demo.installation import WAIT_S, Follower, Installation, InstallationError, free_ports
from demo.programs import Trustees, Verdict, audit
from demo.screen import Screen
from demo.web_client import built_client

STEPS = 9
LEAST_VOTERS, MOST_VOTERS = 20, 2_000
DEFAULT_VOTERS, DEFAULT_SEED = 240, 2021
ABSENT = 3
SECOND_MS = 1_000
# On a machine that does nothing else: seconds until all programs answer, from there to the first log-in, of voting.
START_S, PREPARATION_S, VOTING_S = 6.0, 12.0, 3.0
ENROLMENT_S, CAST_S = 0.035, 0.015
# The hour of closing is fixed before anybody knows how busy the machine will be: what comes on top.
SLACK, SPARE_S = 1.3, 15.0
INTERVAL_MS = 500
LAST_CALL_MS = 4_000
LIFE_MS = 86_400_000
SIDES = ("identity", "ballot")


@dataclass
class Service:
    """One run in one folder."""

    screen: Screen
    folder: Path
    electorate: Electorate
    commission: Commission = field(init=False)
    installation: Installation = field(init=False)
    trustees: Trustees = field(init=False)
    follower: Follower = field(init=False)
    manifest: Manifest = field(init=False)
    issuer: SigningKey = field(init=False)
    crowd: Crowd = field(init=False)
    pace: float = 1.0
    enrols_until_ms: int = 0

    def __post_init__(self) -> None:
        """Seat everybody."""
        self.commission = Commission(self.electorate)
        self.installation = Installation(self.folder, self.commission)
        self.trustees = Trustees.seat(self.folder / "desks")
        self.issuer = SigningKey.from_seed(os.urandom(32))

    @staticmethod
    def _now_ms() -> int:
        return time.time_ns() // 1_000_000

    @property
    def slots_file(self) -> Path:
        """Where the commission announces the slots of each district, outside the record."""
        return self.folder / "slots.json"

    def run(self) -> bool:
        """Run all steps; tell whether everything is as it should be."""
        try:
            self.prepare()
            self.hold_ceremony()
            self.write_roll()
            self.enrol()
            self.open()
            self.vote()
            self.close()
            matches = self.tally()
        finally:
            self.installation.stop()
        self.crowd.close()
        with self.screen.step("Audit: everything again, from the copied files alone") as step:
            step.doing("dobush-audit verify")
            verdict = audit(self.folder / "record", self.commission.manifest_hash, self.slots_file, self.folder)
            step.proved(f"status {verdict.status}, given the manifest hash and the slots per region from outside")
        return self.conclude(verdict, matches=matches)

    # -------------------------------------------------------------------------------------------------- preparation

    def prepare(self) -> None:
        """Start all programs and write block 0."""
        made = self.installation
        with self.screen.step("Installation and manifest") as step:
            began = time.monotonic()
            step.doing("keys of trustees, registrars and witnesses, each made by its own program; empty databases")
            with ThreadPoolExecutor() as pool:
                making = pool.submit(self.trustees.make_keys)
                registrars = list(pool.map(self._make_registrar, (0, 1)))
                list(pool.map(lambda side: made.call("dobush-server", "migrate", "--side", side, side=side), SIDES))
                trustee_keys = making.result()
            step.doing("dobush-server run, sequencer, worker; dobush-audit witness")
            witness_keys = self._start_programs()
            self.pace = max(1.0, (time.monotonic() - began) / START_S)
            manifest, parts = self.commission.write_manifest(trustee_keys, witness_keys)
            self.manifest = self._with_times(replace(manifest, registrars=tuple(registrars)))
            self.commission.manifest_hash = hash_manifest(KIND, self.manifest.to_bytes())
            self.crowd = Crowd(made, self.electorate, self.manifest, self.commission.manifest_hash, self.issuer)
            entry = self.commission.by_officers("manifest", self.manifest)
            body = {
                "manifest": b64encode(entry).decode(),
                "parts": [{"type": name, "body": b64encode(part.to_bytes()).decode()} for name, part in parts],
            }
            made.operate("ballot", "/election", body)
            self.follower = Follower(self.folder / "record", made, self.manifest, self.commission)
            self.follower.wait_for(lambda record: record.board.newest is not None, "a quorum of the witnesses")
            step.proved(f"{len(made.running)} programs run; they meet over HTTP alone")
            step.proved(f"manifest hash {self.commission.manifest_hash.hex()[:16]}…")

    def _start_programs(self) -> list[bytes]:
        """Start witnesses, both sides, sequencer and worker; return the witnesses' keys when the sides answer."""
        made = self.installation
        states = [self.folder / f"witness-{place}" for place in range(len(WITNESS_NAMES))]
        keys = [open_keys(state / "key", name, os.urandom) for state, name in zip(states, WITNESS_NAMES, strict=True)]
        ports = free_ports(len(states))
        log = VerifierKey(self.commission.origin, self.commission.log.key.public_key).to_text()
        for name, state, port in zip(WITNESS_NAMES, states, ports, strict=True):
            at = ["--log", f"{log}={made.log_url}", "--state", str(state), "--port", str(port)]
            made.start("dobush-audit", "witness", name, *at)
        addresses = {n: f"http://127.0.0.1:{port}" for n, port in zip(WITNESS_NAMES, ports, strict=True)}
        extra = {"DOBUSH_WITNESSES": json.dumps(addresses)}
        own = {"identity": {"DOBUSH_ISSUERS": json.dumps([self.issuer.public_key.hex()])}, "ballot": extra}
        for side in SIDES:
            listen = ["--port", str(made.ports[side == "ballot"])]
            made.start("dobush-server", "run", "--side", side, *listen, side=side, **own[side])
        for program in ("sequencer", "worker"):
            made.start("dobush-server", program, side="ballot", **extra)
        for side in SIDES:
            made.wait_for_side(side)
        return [each.key.public_key for each in keys]

    def _with_times(self, manifest: Manifest) -> Manifest:
        """Let the day begin in a moment and be short; longer where the programs were slow to start."""
        voters, unit_ms, now_ms = self.electorate.voters, self.pace * SECOND_MS, self._now_ms()
        preparation_ms = (PREPARATION_S + ENROLMENT_S * voters) * unit_ms
        voting_ms = (VOTING_S + CAST_S * voters) * unit_ms
        # Who opens later than the hour loses only time, so the hour is an early one.
        opens_at = now_ms + int(preparation_ms / 2)
        closes_at = now_ms + int((preparation_ms + voting_ms) * SLACK + SPARE_S * SECOND_MS)
        self.enrols_until_ms = closes_at - int(voting_ms * SLACK + SPARE_S / 2 * SECOND_MS)
        return replace(
            manifest,
            interval_ms=INTERVAL_MS,
            opens_at_ms=opens_at,
            closes_at_ms=closes_at,
            grace_ms=2 * SECOND_MS,
            settle_ms=int(20 * unit_ms),
            dispute_ms=2 * SECOND_MS,
            receipt_delay_ms=int(30 * unit_ms),
            change_delay_ms=SECOND_MS,
            release_by_ms=closes_at + LIFE_MS,
            round_deadlines_ms=tuple(opens_at - before for before in (4, 3, 2, 1)),
            rp_id="localhost",
            origins=(self.installation.url("ballot"),),
        )

    # ------------------------------------------------------------------------------------------------- registrars

    def _registrar(self, place: int, *command: str) -> str:
        folder = self.folder / f"registrar-{place}"
        given = ["--folder", str(folder), "--passphrase-file", str(folder / "passphrase")]
        return self.installation.call("dobush-server", "registrar", command[0], *given, *command[1:])

    def _make_registrar(self, place: int) -> BodyKey:
        folder = self.folder / f"registrar-{place}"
        folder.mkdir(parents=True)
        (folder / "passphrase").write_text(f"demo passphrase of registrar {place}\n")
        signer: Signer = self.commission.registrars[place]
        key = bytes.fromhex(json.loads(self._registrar(place, "init", "--hardness", "test"))["key"])
        return BodyKey(signer.name, signer.body, key)

    def _write_copies(self) -> None:
        """Give each registrar her own copy of the roll, and her settings."""
        units = [unit.name["en"] for unit in self.electorate.published.units]
        rows, places, slot = ["number,surname,given,patronymic,born,address"], ["address,unit"], 0
        for name, (unit, count) in zip(units, self.commission.slots_by_district.items(), strict=True):
            places.append(f"{name},{unit}")
            for _ in range(count):
                rows.append(f'{number_of(slot)},Surname{slot},Given{slot},,1990-01-01,"{name}, house {slot}"')
                slot += 1
        lines = {
            "identity": self.installation.url("identity"),
            "ballot": self.installation.url("ballot"),
            "manifest_hash": self.commission.manifest_hash.hex(),
            "roll": "roll.csv",
            "places": "places.csv",
        }
        settings = "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())
        settings += f"code_issuers = {json.dumps([self.issuer.public_key.hex()])}\n"
        for place in (0, 1):
            folder = self.folder / f"registrar-{place}"
            for name, text in (("roll.csv", rows), ("places.csv", places)):
                (folder / name).write_text("\n".join(text) + "\n", encoding="utf-8")
            (folder / "registrar.toml").write_text(settings, encoding="utf-8")

    # ---------------------------------------------------------------------------------------------- before opening

    def hold_ceremony(self) -> None:
        """Run R0 to R3 through the trustees' program on the copy of the log."""
        acts = ("key", "commitment", "dealing", "answer", "certificate")
        with self.screen.step(f"Key ceremony: {TRUSTEES} trustees, over the board") as step:
            step.expect(len(acts))
            for act in acts:
                step.doing(f"dobush-trustee {act}")
                self._let_trustees(act)
                step.advance(1)
            step.proved("the key was never whole; every trustee checked all proofs and certified the run")

    def _let_trustees(self, act: str, **options: object) -> None:
        entries = self.trustees.act(self.follower, act, **options)  # type: ignore[arg-type]
        self._send(entries)

    def _send(self, entries: Sequence[bytes]) -> None:
        """Bring entries to the board; return when the copy holds them and a seal holds their quorum checkpoint."""
        self.installation.send(entries)
        self.follower.wait_for(
            lambda record: set(entries) <= set(self.follower.entries) and record.size > 0, "the copy of the log"
        )

    def write_roll(self) -> None:
        """Import the roll, draw slots, let both registrars compare and sign, freeze."""
        made = self.installation
        with self.screen.step("Roll: two registrars, each with a copy of her own") as step:
            block_0 = [b64encode(raw).decode() for raw in self.follower.entries[: 1 + len(self.manifest.contests) + 1]]
            made.operate("identity", "/founding", {"entries": block_0})
            self._write_copies()
            step.doing("dobush-server registrar version, roll, freeze")
            made.operate("identity", "/rolls", json.loads(self._registrar(0, "version")))
            made.operate("identity", "/slots")
            for place in (0, 1):
                self._registrar(place, "roll")
            body = bytes.fromhex(json.loads(self._registrar(1, "freeze"))["body"])
            client = built_client()
            declared = [] if client is None else [self.commission.by_officers("client", client)]
            self._send([*declared, self.commission.by_officers("freeze", Freeze.parse(body))])
            self.slots_file.write_text(json.dumps({str(k): v for k, v in self.commission.slots_by_district.items()}))
            for place in (0, 1):
                folder = self.folder / f"registrar-{place}"
                given = ["--folder", str(folder), "--passphrase-file", str(folder / "passphrase"), "--every", "1"]
                made.start("dobush-server", "registrar", "serve-queue", *given)
            step.proved(f"{self.electorate.slots:,} slots, compared one by one and signed by both")

    def enrol(self) -> None:
        """Hand out codes; every voter enrols a passkey; both registrars check each of them again."""
        with self.screen.step("Codes and passkeys") as step:
            step.expect(self.electorate.voters)
            step.doing("each voter makes a passkey known by her code; dobush-server registrar serve-queue")
            self.crowd.enrol(self.enrols_until_ms, step.advance)
            count = len(self.crowd.visitors)
            self.follower.wait_for(lambda record: record.accepted["credential"] == count, "the credentials")
            step.proved(f"{count} codes used once each; {count} credentials signed by two programs that checked alone")

    def open(self) -> None:
        """Drill the trustees, open, wait for the hour."""
        with self.screen.step("Drill and opening") as step:
            self._drill(1)
            certificate = self.follower.record.ceremony.certificate
            if certificate is None:
                raise InstallationError("the ceremony has no certificate")
            self._send([self.commission.by_officers("opening", Opening(certificate.key, certificate.hash))])
            opens_at = self.manifest.opens_at_ms
            step.doing("waiting for the opening hour")
            left_s = max(0, opens_at - self._now_ms()) / SECOND_MS
            self.follower.wait_for(lambda record: (record.board.lower or 0) >= opens_at, "the opening", left_s + WAIT_S)
            self.follower.wait_for(_is_open, "a head that covers the opening")
            step.proved("opened by two officers at the hour of the manifest, as the witnesses' clocks show it")

    def _drill(self, number: int, absent: Sequence[int] = ()) -> None:
        self.follower.update()
        head = self.follower.record.board.newest
        if head is None:
            raise InstallationError("no seal holds a quorum checkpoint")
        self._send([self.commission.by_officers("drill", Drill(number=number, size=head.size, root=head.root))])
        self._let_trustees("drill", absent=absent)

    # ------------------------------------------------------------------------------------------------------ voting

    def vote(self) -> None:
        """Let everybody vote; some challenge their phone first, some vote again."""
        opening, crowd = self.follower.record.ceremony.opening, self.crowd
        booth = crowd.booth(opening.key if opening else b"")
        until = self.manifest.closes_at_ms - LAST_CALL_MS
        with self.screen.step("Voting over HTTP") as step:
            changing = sum(crowd.habits.votes_again(voter) for voter in crowd.visitors)
            step.expect(len(crowd.visitors) + changing)
            step.doing("some challenge their phone first")
            crowd.challenge(booth, until)
            self.follower.wait_for(lambda record: record.accepted["spoiled"] == crowd.challenged, "the spoiled ballots")
            step.doing("log-in, nonce, cast, receipt")
            crowd.cast(booth, until, step.advance)
            first = len(crowd.receipts)
            self.follower.wait_for(lambda record: record.tally.accepted >= first, "the ballots")
            step.doing("some vote again")
            crowd.cast(booth, until, step.advance, again=True)
            cast = len(crowd.receipts)
            self.follower.wait_for(lambda record: record.tally.accepted >= cast, "the second ballots")
            step.proved(
                f"{cast} ballots with receipts, all on the board: {cast - first} again, {crowd.challenged} challenged"
            )
            if crowd.away:
                step.proved(f"{len(crowd.away)} voters had no turn before the closing hour on this machine")

    def close(self) -> None:
        """Wait for the closing hour, close, let the dispute period pass."""
        with self.screen.step("Close") as step:
            self._drill(2, absent=[ABSENT])
            manifest = self.manifest
            ends_at = manifest.closes_at_ms + manifest.grace_ms
            step.doing("waiting for the closing hour")
            left_s = max(0, ends_at - self._now_ms()) / SECOND_MS
            self.follower.wait_for(lambda record: (record.board.lower or 0) >= ends_at, "the closing", left_s + WAIT_S)
            self._send([self.commission.by_officers("close", Close(self.follower.record.tally.accepted))])
            step.doing("the dispute period")
            self.follower.wait_for(lambda record: record.board.dispute_over(), "the end of the dispute period")
            root = self.follower.record.tally.closed_root or b""
            step.proved(f"{self.follower.record.tally.accepted} ballots closed under the root {root.hex()[:16]}…")

    def tally(self) -> bool:
        """Let the worker sum, trustees open, officers sign; tell whether votes and receipts are right."""
        with self.screen.step("Tally: cells summed in secret, then opened") as step:
            cells = len(self.follower.record.tally.plan.items)
            self.follower.wait_for(lambda record: record.accepted["aggregate"] == cells, "the sums")
            step.doing("dobush-trustee decrypt: each checks the whole record first")
            self._let_trustees("decrypt", absent=[ABSENT], slots=self.slots_file)
            prepared = self.installation.http["ballot"].get("/tally/prepared").json()
            bodies = [Result.parse(b64decode(each["body"])) for each in prepared]
            self._send([self.commission.by_officers("result", body) for body in bodies])
            self.follower.wait_for(lambda record: record.is_complete(), "the results")
            totals = self.follower.record.tally.totals()
            drawn = self.electorate.tally(self.crowd.last_numbers, self.crowd.away)
            matches = all(
                list(total.votes) == [counts[option] for option in range(len(total.votes))]
                for total, counts in zip(totals, drawn, strict=True)
            )
            size, record = len(self.follower.entries), self.follower.record
            receipts = self.crowd.receipts
            missing = [r for r in receipts if record.ballots.stands(r, self.follower.entries.__getitem__, size) < 0]
            step.proved(f"{cells} cells opened; the votes are {'' if matches else 'NOT '}those that the voters drew")
            step.proved(f"{len(receipts) - len(missing)} of {len(receipts)} receipts are on the record")
        return matches and not missing

    def conclude(self, verdict: Verdict, *, matches: bool) -> bool:
        """Print results and verdict."""
        for question, total in zip(self.commission.questions, self.follower.record.tally.totals(), strict=True):
            rows = [
                (names["ky"], share, votes, 100 * votes / total.ballots)
                for names, share, votes in zip(question.options, question.shares_percent, total.votes, strict=True)
            ]
            self.screen.results(question.title["en"], rows, top=6)
        verified = verdict.status == 0 and matches
        lines = [] if verified else [line for line in verdict.complaint.splitlines() if line]
        record = self.folder / "record"
        self.screen.close(verified=verified, lines=[*lines, f"report {verdict.html}", f"record {record}"])
        again = ["verify", str(record), "--manifest-hash", self.commission.manifest_hash.hex()]
        self.screen.note("Check it yourself:", shlex.join(["dobush-audit", *again, "--slots", str(self.slots_file)]))
        return verified


def _is_open(record: Record) -> bool:
    newest = record.board.newest
    return newest is not None and newest.size > record.board.opening_index


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--voters",
        type=int,
        default=DEFAULT_VOTERS,
        metavar="N",
        help=f"voters who vote, {LEAST_VOTERS} to {MOST_VOTERS:,} (default {DEFAULT_VOTERS})",
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="new folder for everything")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, metavar="S", help="seed of the draw")
    options = parser.parse_args(arguments)
    if not LEAST_VOTERS <= options.voters <= MOST_VOTERS:
        parser.error(f"--voters: {LEAST_VOTERS} to {MOST_VOTERS}")
    folder = (options.keep or Path(tempfile.mkdtemp(prefix="dobush-demo-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    screen = Screen(Console(highlight=False), STEPS)
    electorate = Electorate(published(), options.voters, options.seed)
    screen.open(
        "dobush: an election that anyone can check",
        f"President and referendum of 2021-01-10 in Kyrgyzstan, replayed · kind demo · {options.voters:,} voters · "
        "in real time, through the service's programs",
    )
    try:
        verified = Service(screen, folder, electorate).run()
    except (DobushError, OSError, httpx.HTTPError) as error:
        screen.close(verified=False, lines=[f"{type(error).__name__}: {error}", f"left in {folder}"])
        return 1
    return 0 if verified else 1
