"""One cell of the fault matrix: a town on PostgreSQL, real processes to hurt, voters over HTTP, the audit at the end.

`Trial` founds a town and leads it to its opening, keeps every receipt that a voter got and every checkpoint that
anybody could see, and at the end lets the election finish and `judge`s it: no acknowledged ballot is missing, none
stands twice, no two checkpoints disagree, and the record is verified. Clocks of database and witnesses are the town's.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from audit import cli as audit_cli
from audit.mirror import Mirror
from crypto.election.ballot import Receipt, cast_challenge, hash_ballot, verify_receipt
from crypto.election.entries import BallotEntry, Entry, parse_entry
from crypto.merkle import CHECKPOINT_PATH, Tiles, publish
from crypto.signatures import VerifierKey, verify_checkpoint
from tests.desk import ORIGIN, ballot_of, decode, encode
from tests.integration.board.town import Town, found_town
from tests.integration.conftest import Cluster, create_databases, short_folder
from tests.simulator import Voter, secret
from voting_server.app import create_app
from voting_server.board.sequencer import Sequencer
from voting_server.casting.login import login_challenge
from voting_server.plumbing.database import Database
from voting_server.plumbing.settings import Limits, Settings

PROGRAM = Path(sys.executable).parent / "dobush-server"
WAIT_S = 60
"""The longest wait for anything, on a machine that has other things to do."""
PAUSE_S = 0.05
INTERVAL_MS = 1_000
# Shorter than the margin at which the sequencer holds nothing back: a ballot is in the next block.
CHANGES = {"interval_ms": INTERVAL_MS, "receipt_delay_ms": 3_000, "dispute_ms": 10_000}
NO_SKEW_MS = 10**15
SESSION_S = Limits().session_s
_CLOCK = (
    "CREATE TABLE world_clock (now bigint)",
    "INSERT INTO world_clock VALUES (0)",
    "GRANT SELECT ON world_clock TO PUBLIC",
    "CREATE OR REPLACE FUNCTION now_ms() RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT now FROM world_clock'",
)


def wait_until(holds: Callable[[], bool], otherwise: str) -> None:
    """Wait until something holds, asked again and again; raises TimeoutError with a text when it does not in time."""
    end = time.monotonic() + WAIT_S
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"{otherwise}, for {WAIT_S} s")
        time.sleep(PAUSE_S)


@dataclass(slots=True)
class Part:
    """A process of the server, and what it told on its log."""

    process: subprocess.Popen[str]
    events: list[dict[str, Any]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    reader: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        """Begin to read its log."""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self.changed:
                with suppress(ValueError):
                    self.events.append(json.loads(line))
                self.changed.notify_all()
        with self.changed:
            self.events.append({"event": "end"})
            self.changed.notify_all()

    def wait_for(self, event: str, after: int = 0) -> int:
        """Wait until an event comes (after so many others); return how many have come by then."""

        def place() -> int | None:
            return next((at for at, each in enumerate(self.events[after:], after) if each["event"] == event), None)

        def is_over() -> bool:
            return place() is not None or any(each["event"] == "end" for each in self.events)

        with self.changed:
            self.changed.wait_for(is_over, WAIT_S)
            found = place()
            if found is None:
                raise TimeoutError(f"{event} does not come within {WAIT_S} s: {self.events[-5:]}")
            return found + 1

    def wait_for_death(self) -> int:
        """Wait until the process is gone; return its status."""
        status = self.process.wait(WAIT_S)
        self.reader.join(WAIT_S)
        return status

    def stop(self) -> None:
        """End it, if it still runs; by SIGKILL, and with an error, if it does not want to."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.wait_for_death()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.wait_for_death()
            raise
        finally:
            # While it is read, closing it would wait for the reader.
            if self.process.stderr is not None and not self.reader.is_alive():
                self.process.stderr.close()


@dataclass(slots=True)
class Client:
    """A voter's logged-in client over HTTP."""

    trial: Trial
    voter: Voter
    http: httpx.Client
    headers: dict[str, str] = field(default_factory=dict)

    def log_in(self) -> Client:
        """Log in by passkey and keep the session's cookie."""
        world = self.trial.town
        started = self.http.post("/casting/login/start", headers={"origin": ORIGIN}).raise_for_status()
        token = decode(started.json()["token"])
        challenge = login_challenge(world.kind, world.manifest_hash, token)
        answer = self.voter.passkey.sign(challenge, world.manifest.rp_id, ORIGIN)
        parts = zip(("authenticatorData", "clientDataJSON", "signature"), answer.parts(), strict=True)
        name = encode(self.voter.pseudonym)
        credential = {"id": name, "rawId": name, "type": "public-key"}
        body = {
            "token": encode(token),
            "pseudonym": self.voter.pseudonym.hex(),
            "credential": {**credential, "response": {part: encode(data) for part, data in parts}},
        }
        done = self.http.post("/casting/login", json=body, headers={"origin": ORIGIN}).raise_for_status()
        cookie = done.headers["set-cookie"].partition(";")[0]
        self.http.cookies.clear()
        self.headers = {"origin": ORIGIN, "content-type": "application/cbor", "cookie": cookie}
        return self

    def ask_nonce(self, ballot_hash: bytes) -> int:
        """Ask for a nonce and return the status."""
        return self.http.post(f"/casting/nonces/{ballot_hash.hex()}", headers=self.headers).status_code

    def nonce(self, ballot_hash: bytes) -> bytes:
        """Return the nonce of a ballot."""
        answer = self.http.post(f"/casting/nonces/{ballot_hash.hex()}", headers=self.headers).raise_for_status()
        return decode(answer.json()["nonce"])

    def make(self) -> bytes:
        """Return the entry of the voter's next ballot, with the server's nonce."""
        world = self.trial.town
        ballot, _ = world.seal_ballot(self.voter)
        digest = hash_ballot(world.kind, ballot)
        nonce = self.nonce(digest)
        signed = self.voter.passkey.sign(
            cast_challenge(world.kind, world.manifest_hash, digest, nonce), world.manifest.rp_id, ORIGIN
        )
        return Entry("ballot", BallotEntry(ballot, nonce, *signed.parts()).to_bytes()).to_bytes()

    def cast(self, entry: bytes) -> httpx.Response:
        """Cast an entry; an acknowledged one is kept, with its receipt."""
        answer = self.http.post("/ballots", content=entry, headers=self.headers)
        if answer.status_code == 201:
            self.trial.note(self.voter, entry, Receipt.parse(decode(answer.json()["receipt"])))
        return answer

    def cast_until_answered(self, entry: bytes) -> httpx.Response:
        """Cast as a client does: the same bytes again while the service says that it cannot answer now."""
        end = time.monotonic() + WAIT_S
        while (answer := self.cast(entry)).status_code >= 500:
            assert time.monotonic() < end, answer.text
            time.sleep(PAUSE_S)
        return answer

    def vote(self) -> None:
        """Cast a ballot and expect a receipt."""
        answer = self.cast(self.make())
        assert answer.status_code == 201, answer.text


@dataclass(slots=True)
class Trial:
    """A town at its opening, its processes, its receipts and checkpoints."""

    cluster: Cluster
    folder: Path
    town: Town
    admin: psycopg.Connection[tuple[object, ...]]
    url: str
    database_name: str
    receipts: dict[bytes, Receipt] = field(default_factory=dict)
    checkpoints: set[bytes] = field(default_factory=set)
    parts: list[Part] = field(default_factory=list)
    clients: list[httpx.Client] = field(default_factory=list)

    # ------------------------------------------------------------------------------------------------- processes

    def environment(self, **more: str) -> dict[str, str]:
        """Return what a process of the ballot side is given."""
        settings = self.town.context.settings
        return {
            "PATH": os.environ["PATH"],
            "DOBUSH_SIDE": "ballot",
            "DOBUSH_DATA_DIR": str(self.folder),
            "DOBUSH_BALLOT_DATABASE": self.url,
            "DOBUSH_BALLOT_ORIGIN": ORIGIN,
            "DOBUSH_LOG_KEY": secret("key", "log", 0).hex(),
            "DOBUSH_RECEIPT_KEY": secret("key", "receipt", 0).hex(),
            "DOBUSH_WITNESSES": json.dumps(settings.witnesses),
            "DOBUSH_WITNESS_MS": str(settings.witness_ms),
            "DOBUSH_LIMITS__SKEW_MS": str(NO_SKEW_MS),
            **more,
        }

    def killed_at(self, point: str) -> dict[str, str]:
        """Return what lets a process die at a kill point once `arm` was called."""
        names = {"AT": point, "LOG": str(self.folder / "killed"), "WHEN": str(self.folder / "armed")}
        return {f"DOBUSH_KILL_{name}": value for name, value in names.items()}

    def arm(self) -> None:
        """From now on the process dies at its kill point."""
        (self.folder / "armed").touch()

    def start(self, *arguments: str, **environment: str) -> Part:
        """Start a process of the server."""
        made = Part(
            subprocess.Popen(
                [PROGRAM, *arguments],
                env=self.environment(**environment),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        self.parts.append(made)
        return made

    def start_web(self, **environment: str) -> Part:
        """Start a web worker and wait until it serves."""
        socket = self.folder / "web.sock"
        socket.unlink(missing_ok=True)
        made = self.start("run", "--side", "ballot", "--uds", str(socket), **environment)
        made.wait_for("started")
        return made

    def start_sequencer(self, **environment: str) -> Part:
        """Let the town's own sequencer go, start a process, and wait until witnesses have answered it."""
        self.town.sequencer.stop()
        made = self.start("sequencer", **environment)
        made.wait_for("quorum-reached")
        return made

    def take_over(self) -> None:
        """Sequence in this process again, with what database and files hold, as a new process would."""
        self.town.restart()
        # The database may not have noticed yet that a killed process let go of the lock.
        wait_until(self.town.sequencer.start, "too few witnesses answer, or another process holds the lock")

    def reconnect(self) -> None:
        """Give the test its own connections back after the database was away."""
        self.town.context.database.engine.dispose()
        self.admin.close()
        self.admin = self.cluster.connect(self.database_name)

    def repoint(self, cluster: Cluster) -> None:
        """Let this process, and every process that is started from now on, use the same database of another cluster."""
        self.cluster, self.url = cluster, cluster.url(self.database_name, "ballot")
        self.reconnect()
        object.__setattr__(self.town.context, "database", Database(self.url))

    # ---------------------------------------------------------------------------------------------------- voters

    def client(self, place: int) -> Client:
        """Return a logged-in client of the voter at a place."""
        transport = httpx.HTTPTransport(uds=str(self.folder / "web.sock"))
        http = httpx.Client(transport=transport, base_url="http://vote.example", timeout=WAIT_S)
        self.clients.append(http)
        return Client(self, self.town.registered()[place], http).log_in()

    def note(self, voter: Voter, entry: bytes, receipt: Receipt) -> None:
        """Keep what was promised; a repeat must be promised the same."""
        town = self.town
        verify_receipt(receipt, town.manifest, town.manifest_hash, town.record.keyring.receipt_keys)
        known = self.receipts.setdefault(receipt.ballot_hash, receipt)
        assert known == receipt
        self.advance(voter, entry)

    def advance(self, voter: Voter, entry: bytes) -> None:
        """Note the voter's ballot in her sequence."""
        ballot = ballot_of(entry)
        digest = hash_ballot(self.town.kind, ballot)
        if voter.previous != digest:
            voter.choices = self.town.default_choices(voter)
            voter.number, voter.previous = voter.number + 1, digest

    def look(self) -> None:
        """Note the checkpoint that is served, and what the witnesses hold."""
        served = self.town.board.publication.get(CHECKPOINT_PATH)
        if served is not None:
            self.checkpoints.add(served)
        for file in self.folder.glob("witness-*/**/*"):
            # What is replaced while this looks at it is looked at the next time.
            with suppress(FileNotFoundError, IsADirectoryError):
                data = b"" if file.suffix == ".new" else file.read_bytes()
                if b"\n\n" in data:
                    self.checkpoints.add(data)

    # ------------------------------------------------------------------------------------------------ the verdict

    def finish(self, voters: Iterable[int] = range(8, 20)) -> None:
        """Let the others vote, close, count."""
        town = self.town
        town.block((), [town.vote(town.registered()[place]) for place in voters])
        town.write()
        self.look()
        town.close()
        town.dispute()
        town.count()
        town.write()
        self.look()

    def judge(self, *, unacknowledged: int = 0) -> dict[str, int]:
        """Audit the published record and compare it with receipts and checkpoints; return what was counted.

        `unacknowledged` is how many ballots may stand on the record that nobody got a receipt for.
        """
        town = self.town
        copy = self.folder / "copy"
        Mirror(copy, VerifierKey(town.manifest.origin, town.manifest.log_key), self.folder / "forks").update(
            town.board.publication.get
        )
        slots = self.folder / "slots.json"
        slots.write_text(json.dumps({str(unit): count for unit, count in town.record.roll.slots_by_district.items()}))
        arguments = ["verify", str(copy), "--manifest-hash", town.manifest_hash.hex(), "--slots", str(slots)]
        result = CliRunner().invoke(audit_cli.app, [*arguments, "--workers", "1"])
        assert result.exit_code == 0, result.output
        served = town.board.publication.get(CHECKPOINT_PATH) or b""
        size = self.head_of(served)[0]
        entries = [parse_entry(raw) for raw in town.entries[:size]]
        ballots = Counter(
            hash_ballot(town.kind, BallotEntry.parse(entry.body).ballot) for entry in entries if entry.type == "ballot"
        )
        lost, doubled = set(self.receipts) - set(ballots), [digest for digest, count in ballots.items() if count > 1]
        assert (lost, doubled, town.record.refused) == (set(), [], {})
        assert town.record.is_complete()
        direct = {voter.previous for voter in town.voters if voter.number}
        assert len(set(ballots) - set(self.receipts) - direct) <= unacknowledged
        votes = [counts for (contest, _), counts in town.record.tally.results.items() if contest == 1]
        assert tuple(map(sum, zip(*votes, strict=True))) == town.expected(1)
        return {"acknowledged": len(self.receipts), "ballots": len(ballots), "checkpoints": self.compare()}

    def head_of(self, note: bytes) -> tuple[int, bytes]:
        """Return size and root of a checkpoint of this log. Raises Refused."""
        head = verify_checkpoint(note, VerifierKey(self.town.manifest.origin, self.town.manifest.log_key))
        return head.size, head.root

    def compare(self) -> int:
        """Check that every checkpoint ever seen or stored is one of this tree; return how many there are."""
        with self.admin.cursor() as cursor:
            rows = cursor.execute(b"SELECT note FROM checkpoints UNION SELECT quorum_note FROM checkpoints").fetchall()
        notes = {bytes(row[0]) for row in rows if isinstance(row[0], bytes)} | self.checkpoints
        heads = {self.head_of(note) for note in notes}
        assert len({size for size, _ in heads}) == len(heads)
        tiles, start = Tiles(), 0
        for size, root in sorted(heads):
            tiles, _ = publish(tiles, self.town.entries[start:size])
            start = size
            assert tiles.root() == root, f"another tree of {size} entries was signed"
        return len(heads)

    def stop(self) -> None:
        """End everything, each part even if another does not end well."""
        with ExitStack() as stack:
            stack.callback(self.admin.close)
            stack.callback(self.town.stop)
            for part in self.parts:
                stack.callback(part.stop)
            for client in self.clients:
                stack.callback(client.close)


def open_trial(
    cluster: Cluster,
    until: str = "open",
    *,
    session_s: int = SESSION_S,
    **settings: Any,  # noqa: ANN401
) -> Trial:
    """Return a trial at a stage of the town's story, on new databases of a cluster; further settings are added."""
    folder = short_folder()
    databases = create_databases(cluster, folder)
    admin = cluster.connect(databases.ballot)
    for statement in _CLOCK:
        admin.execute(statement.encode())
    made: list[Trial] = []

    def set_clock(now_ms: int) -> None:
        connection = made[0].admin if made else admin
        connection.execute(b"UPDATE world_clock SET now = %s", (now_ms,))

    url = databases.urls["ballot"]
    town = found_town(folder, Database(url), set_clock, **CHANGES)
    more = {
        "ballot_origin": ORIGIN,
        "ballot_database": url,
        "limits": {"skew_ms": NO_SKEW_MS, "session_s": session_s},
        **settings,
    }
    kept = {**town.context.settings.model_dump(exclude_unset=True), **more}
    object.__setattr__(town.context, "settings", Settings(**kept))
    town.sequencer.stop()
    town.sequencer = Sequencer(town.board)
    trial = Trial(cluster, folder, town, admin, url, databases.ballot)
    made.append(trial)
    town.run(until)
    return trial


@contextmanager
def served(trial: Trial) -> Iterator[Callable[[int], Client]]:
    """Serve the town in this process; lends a maker of logged-in clients by the voter's place."""
    app = create_app(trial.town.context.settings)
    with TestClient(app, base_url=ORIGIN):

        def client(place: int) -> Client:
            http = TestClient(app, base_url=ORIGIN)
            return Client(trial, trial.town.registered()[place], http).log_in()  # type: ignore[arg-type]

        yield client
