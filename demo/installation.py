"""A whole installation on one machine for the demo: the server's programs, witnesses, a copy of the log that grows.

Spec: `docs/operations/installation.md`. Every part is a process of its own, started by its command, ended by its pid;
they meet over HTTP alone. Two SQLite files, one a side.

>>> len(set(free_ports(3)))
3
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from audit.fetch import InputError
from audit.mirror import Mirror, read_url
from crypto.election.entries import Manifest, parse_entry
from crypto.election.record import Record
from crypto.errors import DobushError
from crypto.merkle import TILE_WIDTH, read_bundle
from crypto.signatures import VerifierKey
from demo.commission import Commission
from demo.roles import make_holder

WAIT_S = 300.0
_LOOK_S = 0.2


class InstallationError(DobushError):
    """A part of the installation did not do what the demo expects."""


def free_ports(count: int) -> list[int]:
    """Return ports of loopback at which nobody listens."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_until(done: Callable[[], bool], what: str, installation: "Installation", seconds: float = WAIT_S) -> None:
    """Return when something has happened. Raises InstallationError when it does not, or a program has ended."""
    ends = time.monotonic() + seconds
    while not done():
        installation.require_running()
        if time.monotonic() > ends:
            raise InstallationError(f"waited for {what} in vain")
        time.sleep(_LOOK_S)


@dataclass
class Installation:
    """The programs of one installation in one folder."""

    folder: Path
    commission: Commission
    ports: list[int] = field(default_factory=lambda: free_ports(2))
    operators: dict[str, dict[str, str]] = field(default_factory=dict)
    running: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    http: dict[str, httpx.Client] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the clients."""
        for side in ("identity", "ballot"):
            self.http[side] = self.client(side)

    def client(self, side: str) -> httpx.Client:
        """Return new connections to a side."""
        return httpx.Client(base_url=self.url(side), timeout=WAIT_S, verify=False)  # noqa: S501 - loopback without TLS

    def url(self, side: str) -> str:
        """Return a side's web origin."""
        return f"http://localhost:{self.ports[side == 'ballot']}"

    @property
    def log_url(self) -> str:
        """Where the log's files are served."""
        return f"{self.url('ballot')}/log"

    # ------------------------------------------------------------------------------------------------- processes

    def environment(self, side: str, **more: str) -> dict[str, str]:
        """Return what a program of one side is given, and nothing of the other's."""
        made = {
            "PATH": os.environ.get("PATH", ""),
            "DOBUSH_SIDE": side,
            "DOBUSH_DATA_DIR": str(self.folder / side),
            "DOBUSH_IDENTITY_ORIGIN": self.url("identity"),
            "DOBUSH_BALLOT_ORIGIN": self.url("ballot"),
            # All voters of the demo come from one address.
            "DOBUSH_LIMITS__REQUESTS_A_MINUTE": "1000000",
            "DOBUSH_LIMITS__ENROLMENTS_A_MINUTE": "1000000",
            "DOBUSH_LIMITS__SESSION_REQUESTS_A_MINUTE": "1000000",
            # A machine that does something else besides is slow, not wrong.
            "DOBUSH_WITNESS_MS": "5000",
            "DOBUSH_LIMITS__SKEW_MS": "10000",
        }
        if side == "ballot":
            made["DOBUSH_LOG_KEY"] = self.commission.log.key.seed.hex()
            made["DOBUSH_RECEIPT_KEY"] = self.commission.receipts.key.seed.hex()
        return {**made, **more}

    def call(self, *arguments: str, side: str = "", **more: str) -> str:
        """Run a program to its end; return what it printed. Raises InstallationError."""
        environment = self.environment(side, **more) if side else dict(os.environ)
        ended = subprocess.run(
            [self._program(arguments[0]), *arguments[1:]], env=environment, capture_output=True, text=True, check=False
        )
        if ended.returncode != 0:
            raise InstallationError(f"{' '.join(arguments[:3])} ended with {ended.returncode}: {ended.stderr[-500:]}")
        return ended.stdout

    def start(self, *arguments: str, side: str = "", **more: str) -> None:
        """Start a program; its log goes into the folder."""
        environment = self.environment(side, **more) if side else dict(os.environ)
        with (self.folder / f"process-{len(self.running)}.log").open("wb") as out:
            command = [self._program(arguments[0]), *arguments[1:]]
            self.running.append(subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT))

    @staticmethod
    def _program(name: str) -> str:
        return str(Path(sys.executable).with_name(name))

    def wait_for_side(self, side: str) -> None:
        """Wait until a side answers."""

        def answers() -> bool:
            try:
                return self.http[side].get("/health").status_code == 200
            except httpx.HTTPError:
                return False

        wait_until(answers, f"the {side} side", self)

    def require_running(self) -> None:
        """Check that no program has ended by itself. Raises InstallationError with the last line that it wrote."""
        for place, process in enumerate(self.running):
            status = process.poll()
            if status is not None:
                log = self.folder / f"process-{place}.log"
                last = log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2][-300:]
                raise InstallationError(f"{log.name} has ended with {status}: {last}")

    def stop(self) -> None:
        """End every program."""
        for client in self.http.values():
            client.close()
        for process in self.running:
            process.send_signal(signal.SIGINT if "witness" in process.args else signal.SIGTERM)  # type: ignore[operator]
        for process in self.running:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # ---------------------------------------------------------------------------------------------------- requests

    def operate(self, side: str, path: str, body: object = None, http: httpx.Client | None = None) -> Any:  # noqa: ANN401 - JSON
        """Act as an operator; return the answer's JSON."""
        headers = self.operators.get(side) or self._enter(side)
        answer = (http or self.http[side]).post(path, json=body, headers=headers)
        if answer.status_code >= 300:
            raise InstallationError(f"{path} answers {answer.status_code}: {answer.text[:300]}")
        return answer.json() if answer.content else None

    def _enter(self, side: str) -> dict[str, str]:
        """Invite an operator on the command line and log her in with a software passkey; return her headers."""
        words = ("--role", "operator", "--name", "Operator", "--body", "the installation")
        code = json.loads(self.call("dobush-server", "role", "add", "--side", side, *words, side=side))["code"]
        holder, origin = make_holder("demo operator", side), self.url(side)
        with self.client(side) as http:

            def post(path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> httpx.Response:
                answer = http.post(path, json=body, headers=headers)
                http.cookies.clear()
                return answer

            holder.register(post, side, code, "localhost", origin)
            self.operators[side] = holder.log_in(post, side, "localhost", origin)
        return self.operators[side]

    def send(self, entries: Sequence[bytes], seconds: float = WAIT_S) -> None:
        """Bring entries to the board and wait until each stands in the log; what comes too early is sent again."""
        waiting, ends = list(entries), time.monotonic() + seconds
        while waiting:
            left: list[bytes] = []
            for raw in waiting:
                answer = self.http["ballot"].post("/entries", content=raw, headers={"content-type": "application/cbor"})
                state = answer.json().get("state") if answer.status_code == 202 else None
                if state == "refused" or answer.status_code in {400, 413, 415, 422}:
                    raise InstallationError(f"{parse_entry(raw).type} is refused: {answer.text[:300]}")
                if state != "sequenced":
                    left.append(raw)
                    if time.monotonic() > ends:
                        raise InstallationError(
                            f"{parse_entry(raw).type} does not get into the log: {answer.text[:300]}"
                        )
            waiting = left
            if waiting:
                self.require_running()
                time.sleep(_LOOK_S)


@dataclass
class Follower:
    """A mirror of the log and the state machine over it: what trustees, officers and the auditor look at."""

    folder: Path
    installation: Installation
    manifest: Manifest
    commission: Commission
    record: Record = field(init=False)
    entries: list[bytes] = field(default_factory=list)
    mirror: Mirror = field(init=False)
    trouble: str = ""

    def __post_init__(self) -> None:
        """Begin with nothing."""
        log = VerifierKey(self.manifest.origin, self.manifest.log_key)
        self.mirror = Mirror(self.folder, log, self.folder.with_name("forks"))
        self.record = Record(self.entries.__getitem__)

    @property
    def now_ms(self) -> int:
        """The time."""
        return time.time_ns() // 1_000_000

    def update(self) -> int:
        """Fetch what is new; return how many entries there are. Raises Refused where the log contradicts itself."""
        try:
            self.mirror.update(read_url(self.installation.log_url))
        except InputError as error:
            self.trouble = f" ({error})"
            return len(self.entries)
        self.trouble = ""
        size = self.mirror.size
        raws: list[bytes] = []
        for bundle in range(len(self.entries) // TILE_WIDTH, -(-size // TILE_WIDTH)):
            raws += read_bundle(self.mirror.get, bundle, size)[max(0, len(self.entries) - bundle * TILE_WIDTH) :]
            start = len(self.entries)
            self.entries += raws
            self.record.extend(self.entries[start:])
            raws = []
        return size

    def wait_for(self, done: Callable[[Record], bool], what: str, seconds: float = WAIT_S) -> None:
        """Follow the log until its record says so."""

        def look() -> bool:
            self.update()
            return self.record.manifest is not None and done(self.record)

        try:
            wait_until(look, what, self.installation, seconds)
        except InstallationError as error:
            raise InstallationError(f"{error}{self.trouble}") from error
