"""Five trustees' programs, each a process of its own, and a board that is one too; only the time is virtual."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from crypto.election.entries import Drill, Opening
from crypto.election.entries import Trustee as TrusteeKey
from tests.desk import desk_settings
from tests.integration.board.town import Town, found_town
from tests.simulator import OPENS_AT_MS
from trustee_tools.cli import app
from voting_server.plumbing.database import Database
from voting_server.plumbing.migration import migrate_side

COUNT, THRESHOLD = 5, 3
WAIT_S = 180
PASSPHRASE = "ten green bottles"
PROGRAM = [sys.executable, "-m", "trustee_tools"]


def free_port() -> int:
    """Return a port of loopback at which nobody listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
        return port


@dataclass
class Hall:
    """A ceremony's room: folders of five trustees, the town's board, the server process."""

    folder: Path
    town: Town = field(init=False)
    url: str = ""
    server: subprocess.Popen[bytes] | None = None

    def start(self) -> Hall:
        """Let five programs make their keys, found the log, start the server."""
        for place in range(1, COUNT + 1):
            self.desk(place).mkdir(parents=True)
            (self.desk(place) / "passphrase").write_text(PASSPHRASE + "\n")
        calls = [["init", "--name", f"trustee {n}", "--hardness", "test", *self.own(n)] for n in range(1, COUNT + 1)]
        keys = [bytes.fromhex(answer["key"]) for _, answer in self.together(calls)]
        trustees = tuple(TrusteeKey(f"trustee {n}", key) for n, key in enumerate(keys, start=1))
        data = self.folder / "board"
        data.mkdir()
        self.set_clock(OPENS_AT_MS)
        migrate_side(desk_settings(data))
        database = Database(f"sqlite:///{data}/ballot.sqlite", clock=lambda: int((data / "clock").read_text()))
        self.town = found_town(data, database, self.set_clock, trustees=trustees, threshold=THRESHOLD)
        self.town.begin()
        self.town.write()
        self.serve(data)
        (self.folder / "slots.json").write_text('{"2": 10, "3": 14}')
        return self

    def serve(self, data: Path, port: int = 0) -> None:
        """Start the server process and wait until it listens."""
        port = port or free_port()
        self.url = f"http://127.0.0.1:{port}"
        arguments = ["-m", "tests.integration.trustees.server", str(data), str(port)]
        with (self.folder / "server.log").open("wb") as log:
            self.server = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=log)
        assert self.server.stdout is not None
        assert any(line == b"listening\n" for line in self.server.stdout), "the server ended"

    def kill(self) -> None:
        """End the server process without a word."""
        if self.server is not None:
            self.server.kill()
            self.server.communicate(timeout=30)
            self.server = None

    def stop(self) -> None:
        """End what was started."""
        self.kill()
        self.town.stop()

    def set_clock(self, now_ms: int) -> None:
        """Set the clock of database and server."""
        fresh = self.folder / "board" / "clock.new"
        fresh.write_text(str(now_ms))
        fresh.replace(self.folder / "board" / "clock")

    def desk(self, place: int) -> Path:
        """Return a trustee's folder."""
        return self.folder / f"trustee-{place}"

    def own(self, place: int) -> list[str]:
        """Return the options of one trustee's every call."""
        desk = self.desk(place)
        keys = [part for name in ("a.key", "b.key") for part in ("--keys", str(desk / name))]
        return [*keys, "--passphrase-file", str(desk / "passphrase"), "--json"]

    def online(self, place: int) -> list[str]:
        """Return where a trustee with a network finds the board and keeps her copy."""
        return ["--board", self.url, "--record", str(self.desk(place) / "copy")]

    def consent(self) -> list[str]:
        """Return what every act is given from outside the record."""
        town = self.town
        return ["--manifest-hash", town.manifest_hash.hex(), "--confirm", "town-2026", "--now-ms", str(town.clock_ms)]

    @staticmethod
    def together(calls: Sequence[Sequence[str]]) -> list[tuple[int, Any]]:
        """Run the program once for each list of arguments, all at once; return exit codes and JSON answers."""
        environment = {**os.environ, "TERM": "dumb"}
        running = [
            subprocess.Popen([*PROGRAM, *call], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
            for call in calls
        ]
        try:
            ended = [(process, *process.communicate(timeout=WAIT_S)) for process in running]
        finally:
            for process in running:
                process.kill()
        assert all(out for _, out, _ in ended), [error.decode()[-800:] for _, _, error in ended]
        return [(process.returncode, json.loads(out)) for process, out, _ in ended]

    def run(self, *call: str) -> tuple[int, Any]:
        """Run the program once."""
        return self.together([call])[0]

    def act(self, online: Sequence[int], act: str = "next", *more: str, apart: int = 0) -> list[str]:
        """Let trustees act all at once, `apart` without a network; return what each did, once the log holds it.

        The one apart reads an exchange file of the first one's copy; her entries go back on the stick.
        """
        calls = [[act, *self.online(n), *self.consent(), *self.own(n), *more] for n in online]
        if apart:
            where = ["--record", str(self.bring(online[0], apart)), "--out", str(self.desk(apart) / "out")]
            calls.append([act, *where, *self.consent(), *self.own(apart), *more])
        answers = self.together(calls)
        assert [code for code, _ in answers] == [0] * len(calls), answers
        if apart:
            self.courier("send", *answers[-1][1]["entries"], "--board", self.url)
        self.town.block()
        return [answer["act"] for _, answer in answers]

    def bring(self, courier: int, place: int) -> Path:
        """Fetch a courier's copy, pack it for the stick, unpack it on the other machine; return the copy there."""
        theirs, copy, packed = self.desk(courier) / "copy", self.desk(place) / "copy", self.folder / "stick.zip"
        self.courier("fetch", "--record", str(theirs), "--board", self.url)
        self.courier("pack", "--record", str(theirs), "--to", str(packed))
        self.courier("unpack", "--from", str(packed), "--record", str(copy))
        return copy

    @staticmethod
    def courier(*call: str) -> None:
        """Run a command that needs no key file, in this process."""
        ended = CliRunner().invoke(app, [*call, "--json"])
        assert ended.exit_code == 0, (ended.output, ended.exception)

    def drill(self) -> None:
        """Let two officers fix a drill on the newest head."""
        town = self.town
        town.block()
        head = town.head()
        number = len(town.record.ceremony.drills) + 1
        town.accept([town.by_officers("drill", Drill(number, head.size, head.root))])

    def open_the_election(self) -> None:
        """Open, register twenty voters, wait for the hour."""
        town = self.town
        certificate = town.record.ceremony.conclude()
        opening = town.by_officers("opening", Opening(certificate.key, certificate.hash))
        town.accept([opening], [town.credential(voter) for voter in town.registered()])
        town.wait_until(town.manifest.opens_at_ms)
        town.accept()
        town.accept()
