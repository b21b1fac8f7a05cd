"""`make bench-server`: casts a second through the whole service, on the machine that also votes; nothing is left out.

PostgreSQL (throw-away, fsync, synchronous_commit and full_page_writes on), web workers, sequencer with publishing, five
witness processes, and the generator share the cores. Afterwards the log is audited from its files, and its ballots are
compared with the receipts. Writes `bench/results/server.json`, a list of {name, value, unit}.
"""

import argparse
import base64
import hashlib
import json
import os
import pickle
import platform
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.figures import RESULTS, Figure, show, store
from bench.generator import ORIGIN, RP_ID, Plan
from bench.polling import KIND, UNIT, Polling, Prebuilt, Press, make_polling
from bench.processes import Parts, busy_seconds, cpu_seconds, wait_for
from crypto.election.ballot import hash_ballot
from crypto.election.entries import BallotEntry, parse_entry
from crypto.merkle import read_entries
from crypto.signatures import Note, VerifierKey, parse_checkpoint, parse_note
from tests.integration.conftest import Cluster, create_databases, short_folder
from tests.simulator import secret
from voting_server.board.store import QUEUE, Store
from voting_server.casting.login import login_challenge
from voting_server.plumbing.database import Database
from voting_server.plumbing.sessions import BALLOT_SESSIONS

AGAIN = 10  # one voter in so many votes a second time
SESSION_S = 7_200


@dataclass(slots=True)
class Bench:
    """One run: its options, its processes, its figures."""

    options: argparse.Namespace
    console: Console
    folder: Path
    cluster: Cluster
    figures: list[Figure] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)
    polling: Polling = field(init=False)
    database: Database = field(init=False)
    cookies: dict[int, str] = field(default_factory=dict)
    ballots: list[Prebuilt] = field(default_factory=list)
    port: int = 0

    def note(self, name: str, value: float | None, unit: str, text: str = "") -> None:
        """Keep and print a figure."""
        figure = Figure(name, value, unit, text)
        self.figures.append(figure)
        self.console.log(name, figure.text, text, highlight=False)

    # ------------------------------------------------------------------------------------------------ preparation

    def prepare(self, parts: Parts) -> None:
        """Make the election, put its log into the database, start everything."""
        options, casts = self.options, self.options.rate * self.options.seconds
        voters = int(casts) + options.overload_casts + 1
        with self.console.status(f"an election of {voters:,} voters …"):
            self.polling = make_polling(voters, options.interval_ms)
        databases = create_databases(self.cluster, self.folder)
        url = databases.urls["ballot"]
        self.database = Database(url)
        self._load()
        self._open_sessions()
        with self.console.status("ballots …"):
            self._seal()
        self._start(parts, url)

    def _load(self) -> None:
        """Put the prepared log into the database, block by block."""
        rows = Store(self.database)
        start, block = 0, list[tuple[str, bytes]]()
        notes = iter(self.polling.checkpoints)
        number = 0

        def end(size: int) -> None:
            quorum = next(notes)
            note = parse_note(quorum)
            with self.database.begin() as connection:
                rows.append(connection, start, number, block)
                rows.add_checkpoint(connection, size, number, Note(note.text, note.signatures[:1]).to_bytes())
            rows.add_cosignatures(size, [], quorum)

        for index, raw in enumerate(self.polling.entries):
            kind = parse_entry(raw).type
            if kind == "seal":
                end(index)
                start, block, number = index, [], number + 1
            block.append((kind, raw))
        end(len(self.polling.entries))

    def _open_sessions(self) -> None:
        """Log everybody in, by the table alone: the log-in is measured apart."""
        ends_ms = self.database.now_ms() + SESSION_S * 1_000
        rows = []
        for number, voter in enumerate(self.polling.voters):
            token = secrets.token_bytes(32)
            self.cookies[number] = token.hex()
            digest = hashlib.sha256(b"dobush session" + token).digest()
            rows.append({"token_hash": digest, "subject": voter.pseudonym, "expires_at_ms": ends_ms})
        with self.database.begin() as connection:
            connection.execute(BALLOT_SESSIONS.table.insert(), rows)

    def _seal(self) -> None:
        """Seal all ballots before the clock runs."""
        head, opening = self.polling.head(), self.polling.record.ceremony.opening
        press = Press(self.polling.manifest_hash, opening.key if opening else b"", head.size, head.root)
        tasks = [(voter, voter % AGAIN == 0) for voter in range(len(self.polling.voters))]
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            for made in pool.map(press.seal_many, [tasks[at : at + 250] for at in range(0, len(tasks), 250)]):
                self.ballots += made

    def _start(self, parts: Parts, url: str) -> None:
        """Start witnesses, sequencer and web workers."""
        manifest = self.polling.manifest
        log = VerifierKey(manifest.origin, manifest.log_key).to_text()
        ports = free_ports(len(manifest.witnesses) + 1)
        self.port = ports.pop()
        addresses = {
            witness.name: f"http://127.0.0.1:{port}/" for witness, port in zip(manifest.witnesses, ports, strict=True)
        }
        environment = {
            "DOBUSH_SIDE": "ballot",
            "DOBUSH_DATA_DIR": str(self.folder / "data"),
            "DOBUSH_BALLOT_DATABASE": url,
            "DOBUSH_BALLOT_ORIGIN": ORIGIN,
            "DOBUSH_LOG_KEY": secret("key", "log", 0).hex(),
            "DOBUSH_RECEIPT_KEY": secret("key", "receipt", 0).hex(),
            "DOBUSH_WITNESSES": json.dumps(addresses),
            # All these voters have one address, which real ones do not.
            "DOBUSH_LIMITS__REQUESTS_A_MINUTE": "10000000",
        }
        parts.environment = environment
        for at, (name, port) in enumerate(zip(self.polling.names, ports, strict=True)):
            seed = secret("key", "witness", at).hex()
            parts.start("witnesses", "witness", name, seed, log, str(port), str(self.folder / f"witness-{at}"))
        for port in ports:
            wait_for(f"http://127.0.0.1:{port}/vkey")
        parts.start("sequencer", "sequencer")
        parts.start("web", "web", str(self.port), str(self.options.workers))
        wait_for(f"http://127.0.0.1:{self.port}/health")
        ends = time.monotonic() + 60
        while self._written() <= len(self.polling.entries) and time.monotonic() < ends:
            time.sleep(0.2)

    def _written(self) -> int:
        newest = Store(self.database).checkpoint(quorum=True)
        return 0 if newest is None else newest.size

    # ------------------------------------------------------------------------------------------------ measuring

    def vote(self, parts: Parts, name: str, rate: float, seconds: float, ballots: list[Prebuilt]) -> dict[str, Any]:
        """Let the generator vote by a plan; return what came back, with the CPU seconds of every part."""
        output, plan_file = self.folder / f"{name}.json", self.folder / f"{name}.plan"
        connections = self.options.connections * (1 if name == "casts" else 8)
        plan = Plan(
            self.port, self.polling.manifest_hash, rate, seconds, connections, ballots, self.cookies, str(output)
        )
        plan_file.write_bytes(pickle.dumps(plan))
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.generator", str(plan_file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the generator has no pipes")
        process.stdout.readline()
        before = {**parts.cpu(), "postgres": cpu_seconds(self.cluster.pid)}
        started, busy = time.monotonic(), busy_seconds()
        process.stdin.write(b"go\n")
        process.stdin.flush()
        process.wait()
        seconds, busy = time.monotonic() - started, busy_seconds() - busy
        own = sum(parts.cpu().values()) + cpu_seconds(self.cluster.pid) - sum(before.values())
        self._drain()
        after = {**parts.cpu(), "postgres": cpu_seconds(self.cluster.pid)}
        result: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
        result["cpu"] = {part: after[part] - before[part] for part in after}
        result["cpu"]["generator"] = result["cpu_s"]
        result["others"] = max(0.0, busy - own - result["cpu_s"]) / seconds / (os.cpu_count() or 1)
        self.acknowledged |= set(result["acknowledged"])
        return result

    def _drain(self) -> None:
        """Wait until every ballot that was taken in stands under a quorum checkpoint."""
        rows, ends = Store(self.database), time.monotonic() + 120
        while rows.count_waiting() and time.monotonic() < ends:
            time.sleep(0.2)
        size = self._written()
        while self._written() <= size and time.monotonic() < ends:
            time.sleep(0.2)

    def log_in(self, rounds: int = 50) -> None:
        """Measure log-ins one after the other, both requests of each."""
        seconds = []
        for voter in self.polling.voters[-rounds:]:
            started = time.perf_counter()
            token = self._post("/casting/login/start", {})["token"]
            challenge = login_challenge(KIND, self.polling.manifest_hash, base64.urlsafe_b64decode(token + "=="))
            answer = voter.passkey.sign(challenge, RP_ID, ORIGIN)
            parts = dict(
                zip(("authenticatorData", "clientDataJSON", "signature"), map(_encode, answer.parts()), strict=True)
            )
            credential = {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": parts}
            body = {"token": token, "pseudonym": voter.pseudonym.hex(), "credential": credential}
            self._post("/casting/login", body)
            seconds.append(time.perf_counter() - started)
        self.note(
            "login.p50_ms", statistics.median(seconds) * 1e3, "ms", "token, passkey, session; nothing else goes on"
        )

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Origin": ORIGIN}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def measure(self, parts: Parts) -> None:
        """Vote at the rate, then at ten times as much."""
        options = self.options
        self.log_in()
        voters = int(options.rate * options.seconds)
        mine = [each for each in self.ballots if each.voter < voters]
        rest = [each for each in self.ballots if each.voter >= voters]
        result = self.vote(parts, "casts", options.rate, options.seconds, mine)
        self._report("cast", result, options.rate)
        count = len(result["latencies_s"])
        for part, seconds in sorted(result["cpu"].items()):
            self.note(f"cast.cpu_us.{part}", seconds * 1e6 / count, "us", "CPU a ballot")
        each = sum(result["cpu"].values()) / count
        bound = (
            f"CPU bounds: {os.cpu_count()} cores to themselves would do {(os.cpu_count() or 1) / each:,.0f} a second"
        )
        self.note("cast.cpu_us.all", each * 1e6, "us", bound)
        if options.overload_casts:
            rate = 10 * options.rate
            result = self.vote(parts, "overload", rate, options.overload_seconds, rest)
            self._report("overload", result, rate)
            refused = result["refused_s"]
            self.note("overload.refused", len(refused), "answers", str(result["statuses"]))
            if refused:
                self.note("overload.refused_p99_ms", quantile(refused, 0.99) * 1e3, "ms")

    def _report(self, name: str, result: dict[str, Any], rate: float) -> None:
        overload = name == "overload"
        latencies, seconds = result["answers_s" if overload else "latencies_s"], result["seconds"]
        text = f"asked for {rate:g} a second for {seconds:.0f} s: {json.dumps(result['statuses'])}"
        self.note(f"{name}.per_s", len(latencies) / seconds, "1/s", text)
        self.note(
            f"{name}.others_percent", result["others"] * 100, "%", "of the cores went to other programs meanwhile"
        )
        for percent in (50, 95, 99):
            since = "the sending" if overload else "the time it was due"
            milliseconds = quantile(latencies, percent / 100) * 1e3
            self.note(f"{name}.p{percent}_ms", milliseconds, "ms", f"from {since} to the intake receipt")

    # ------------------------------------------------------------------------------------------------ afterwards

    def compare(self) -> None:
        """Audit the published log and compare its ballots with the receipts."""
        record, folder = self.folder / "data" / "log", self.folder
        slots = folder / "slots.json"
        slots.write_text(json.dumps({str(UNIT): len(self.polling.voters)}), encoding="utf-8")
        report_file = folder / "report.json"
        arguments = ["verify", str(record), "--manifest-hash", self.polling.manifest_hash.hex()]
        command = [sys.executable, "-c", "from audit.cli import main; main()", *arguments]
        started = time.monotonic()
        ended = subprocess.run(
            [*command, "--slots", str(slots), "--json", str(report_file)], capture_output=True, text=True, check=False
        )
        report = json.loads(report_file.read_text(encoding="utf-8"))
        failed = [finding["check"] for finding in report["findings"] if finding["outcome"] == "failed"]
        self.note("audit.status", ended.returncode, "exit", "3: not run are only the checks of an ended election")
        self.note("audit.failed", len(failed), "checks", " ".join(failed))
        self.note("audit.seconds", time.monotonic() - started, "s")
        note = parse_note((record / "checkpoint").read_bytes())
        head = parse_checkpoint(note.text)

        def get(path: str) -> bytes | None:
            file = record / path
            return file.read_bytes() if file.is_file() else None

        found = set[str]()
        for entries in read_entries(get, head.size, head.root):
            for raw in entries:
                entry = parse_entry(raw)
                if entry.type == "ballot":
                    found.add(hash_ballot("demo", BallotEntry.parse_once(entry.body).ballot).hex())
        self.note("cast.acknowledged", len(self.acknowledged), "ballots")
        self.note("cast.on_record", len(found), "ballots")
        self.note("cast.lost", len(self.acknowledged - found), "ballots")
        self.note("cast.unacknowledged", len(found - self.acknowledged), "ballots", "on the record without a receipt")
        with self.database.read() as connection:
            rows = connection.execute(QUEUE.select().with_only_columns(QUEUE.c.state)).scalars().all()
        self.note("cast.refused_later", sum(state == "refused" for state in rows), "ballots")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of the values does not exceed; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens at."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def fdatasync_ms(folder: Path, rounds: int = 100) -> tuple[float, float]:
    """Return median and 99th percentile of writing 8 KiB and fdatasync in a folder, in ms."""
    seconds = []
    with (folder / "fdatasync").open("wb") as file:
        for _ in range(rounds):
            file.write(bytes(8_192))
            file.flush()
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds) * 1e3, quantile(seconds, 0.99) * 1e3


@contextmanager
def throw_away() -> Iterator[tuple[Path, Cluster]]:
    """Lend a folder and a PostgreSQL cluster; both are gone afterwards."""
    folder, cluster = Path(tempfile.mkdtemp(prefix="dobush-bench-")), Cluster(short_folder())
    try:
        cluster.create()
        cluster.start()
        yield folder, cluster
    finally:
        if cluster.pid:
            cluster.stop()
        shutil.rmtree(cluster.folder)
        shutil.rmtree(folder)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(prog="python -m bench.server", description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=float, default=310, help="casts a second")
    parser.add_argument("--seconds", type=float, default=60, help="how long")
    parser.add_argument("--workers", type=int, default=2, help="web workers")
    parser.add_argument("--connections", type=int, default=128, help="connections of the generator")
    parser.add_argument("--interval-ms", type=int, default=1_000, help="the manifest's interval")
    parser.add_argument("--overload-casts", type=int, default=5_000, help="voters for the run at ten times the rate")
    parser.add_argument("--overload-seconds", type=float, default=10, help="how long that run is")
    parser.add_argument("--output", type=Path, default=RESULTS / "server.json", help="where the figures go")
    options = parser.parse_args(arguments)
    console = Console()
    with throw_away() as (folder, cluster):
        bench = Bench(options, console, folder, cluster)
        median, worst = fdatasync_ms(cluster.folder)
        bench.note("fdatasync.p50_ms", median, "ms", f"p99 {worst:.2f} ms; 8 KiB in the cluster's folder")
        bench.note("machine.cores", os.cpu_count(), "cores", f"{platform.machine()}, load {os.getloadavg()[0]:.1f}")
        parts = Parts(folder)
        try:
            bench.prepare(parts)
            bench.measure(parts)
        finally:
            parts.stop()
        bench.compare()
    show(bench.figures, console)
    store(bench.figures, options.output)
    console.print(f"written to {options.output}")


if __name__ == "__main__":
    main()
