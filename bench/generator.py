"""The voters of `make bench-server`: one process, hand-written HTTP/1.1 over kept connections, prebuilt ballots.

`python -m bench.generator PLAN` reads a pickled `Plan`, prints `ready`, waits for a line, votes, writes JSON. One
cast is two requests, the nonce's and the ballot's, with a passkey's signature between them; log-ins were before.
Casts begin at their times whether earlier ones are answered or not, and their latency counts from that time.
"""

import asyncio
import base64
import json
import pickle
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from bench.polling import KIND, Prebuilt
from crypto.election.ballot import Receipt, cast_challenge
from crypto.election.entries import BallotEntry, Entry
from crypto.signatures import ES256
from demo.voters import SoftwarePasskey, make_passkey
from tests.simulator import secret

ORIGIN, RP_ID = "https://vote.example", "vote.example"
SECOND_BALLOT_AFTER_S = 2.5


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send where: casts a second for some seconds, over so many connections; cookies by voter."""

    port: int
    manifest_hash: bytes
    rate: float
    seconds: float
    connections: int
    ballots: list[Prebuilt]
    cookies: dict[int, str]
    output: str


@dataclass(slots=True)
class Tally:
    """What came back."""

    latencies_s: list[float] = field(default_factory=list)  # since the cast was due
    answers_s: list[float] = field(default_factory=list)  # since it was sent
    refused_s: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    acknowledged: dict[str, int] = field(default_factory=dict)
    last_s: float = 0.0


class Connection:
    """One kept connection; knows just enough HTTP for this server's answers."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, cookie: str, body: bytes = b"") -> tuple[int, bytes]:
        """Return (status, body)."""
        if self._writer is None or self._reader is None or self._writer.is_closing():
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: vote.example\r\nOrigin: {ORIGIN}\r\n"
            f"Cookie: __Host-dobush-ballot={cookie}\r\n"
            f"Content-Type: application/cbor\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in answer.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        content = await self._reader.readexactly(length)
        if b"connection: close" in answer.lower():
            self._writer.close()
        return int(answer[9:12]), content


class Crowd:
    """All voters."""

    def __init__(self, plan: Plan) -> None:
        """Make everybody's passkey before the clock runs."""
        self.plan, self.tally = plan, Tally()
        self.free: asyncio.Queue[Connection] = asyncio.Queue()
        for _ in range(plan.connections):
            self.free.put_nowait(Connection(plan.port))
        self.first = deque(each for each in plan.ballots if each.number == 1)
        self.second = {each.voter: each for each in plan.ballots if each.number == 2}
        self.due: deque[tuple[float, Prebuilt]] = deque()
        self.keys: dict[int, SoftwarePasskey] = {
            each.voter: make_passkey(secret("passkey", "bench", each.voter), ES256) for each in self.first
        }

    def next(self, now: float) -> Prebuilt | None:
        """Return the next ballot to cast: a second one that is due, else a first one."""
        if self.due and self.due[0][0] <= now:
            return self.due.popleft()[1]
        return self.first.popleft() if self.first else None

    async def run(self) -> None:
        """Cast by the plan, then wait for all answers."""
        loop, plan = asyncio.get_running_loop(), self.plan
        started, running = loop.time(), set[asyncio.Task[None]]()
        for place in range(int(plan.rate * plan.seconds)):
            at = started + place / plan.rate
            if at > loop.time():
                await asyncio.sleep(at - loop.time())
            ballot = self.next(loop.time())
            if ballot is None:
                if not running:
                    break
                continue
            task = loop.create_task(self.cast(ballot, at))
            running.add(task)
            task.add_done_callback(running.discard)
        if running:
            await asyncio.wait(running)
        self.tally.last_s = loop.time() - started

    async def cast(self, ballot: Prebuilt, at: float) -> None:
        """Cast one ballot; who is turned away stands in line again."""
        connection = await self.free.get()
        loop = asyncio.get_running_loop()
        sent = loop.time()
        try:
            step, status, body = await self.exchange(connection, ballot)
        except (ConnectionError, asyncio.IncompleteReadError, OSError):
            step, status, body = "connection", 0, b""
            connection = Connection(self.plan.port)
        finally:
            self.free.put_nowait(connection)
        now = loop.time()
        if status == 201:
            receipt = Receipt.parse(base64.urlsafe_b64decode(json.loads(body)["receipt"] + "=="))
            if receipt.ballot_hash != ballot.hash:
                self.tally.statuses["wrong receipt"] += 1
                return
            self.tally.latencies_s.append(now - at)
            self.tally.answers_s.append(now - sent)
            self.tally.acknowledged[ballot.hash.hex()] = receipt.deadline_ms
            self.tally.statuses["accepted"] += 1
            if ballot.number == 1 and ballot.voter in self.second:
                self.due.append((now + SECOND_BALLOT_AFTER_S, self.second[ballot.voter]))
            return
        problem = json.loads(body).get("type", "").rpartition("/")[2] if body else ""
        self.tally.statuses[f"{step} {status} {problem}"] += 1
        self.tally.refused_s.append(now - sent)
        if ballot.number == 2:
            self.due.append((now + 1.0, ballot))
        else:
            self.first.append(ballot)

    async def exchange(self, connection: Connection, ballot: Prebuilt) -> tuple[str, int, bytes]:
        """Ask for the nonce, sign, cast."""
        cookie = self.plan.cookies[ballot.voter]
        status, body = await connection.post(f"/casting/nonces/{ballot.hash.hex()}", cookie)
        if status != 201:
            return "nonce", status, body
        nonce = base64.urlsafe_b64decode(json.loads(body)["nonce"] + "==")
        challenge = cast_challenge(KIND, self.plan.manifest_hash, ballot.hash, nonce)
        answer = self.keys[ballot.voter].sign(challenge, RP_ID, ORIGIN)
        entry = Entry("ballot", BallotEntry(ballot.ballot, nonce, *answer.parts()).to_bytes()).to_bytes()
        status, body = await connection.post("/ballots", cookie, entry)
        return "cast", status, body


def main() -> None:
    """Read the plan, wait for the word, vote, write what came back."""
    plan: Plan = pickle.loads(Path(sys.argv[1]).read_bytes())  # noqa: S301 - written by the bench a moment ago
    crowd = Crowd(plan)
    print("ready", flush=True)
    sys.stdin.readline()
    cpu = time.process_time()
    uvloop.run(crowd.run())
    tally = crowd.tally
    result = {
        "latencies_s": tally.latencies_s,
        "answers_s": tally.answers_s,
        "refused_s": tally.refused_s,
        "statuses": tally.statuses,
        "acknowledged": tally.acknowledged,
        "seconds": tally.last_s,
        "cpu_s": time.process_time() - cpu,
    }
    Path(plan.output).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
