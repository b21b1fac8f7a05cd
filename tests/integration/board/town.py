"""The simulator's town on a real board: database, sequencer, published files, witnesses over HTTP, virtual time.

Everything that the simulator would put into its own log goes through `Board.enqueue` and `Sequencer.step` instead; the
clock of the database and of the witnesses is the world's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit.serve import WitnessKeys, WitnessServer
from crypto.election.board import Block
from crypto.errors import Misuse, Refused
from crypto.signatures import VerifierKey
from tests.simulator import OPENS_AT_MS, World, secret, signing_key
from voting_server.board.sequencer import Sequencer
from voting_server.board.service import Board
from voting_server.plumbing.cache import Cache
from voting_server.plumbing.context import Context
from voting_server.plumbing.database import BALLOT, Database, engine_of
from voting_server.plumbing.settings import Settings

MOST_BLOCKS = 8


@dataclass(slots=True)
class Watch:
    """One witness behind HTTP in this process; `url` is where it listens."""

    server: WitnessServer
    url: str
    thread: threading.Thread
    http: Any

    @classmethod
    def start(
        cls,
        world: World,
        place: int,
        folder: Path,
        log_url: str | None = None,
        clock: Callable[[], int] | None = None,
    ) -> Watch:
        """Start the world's witness number `place` (from 0), state under `folder`, on the world's clock unless told."""
        keys = WitnessKeys(world.manifest.witnesses[place].name, signing_key("witness", place), secret("bls", place))
        log = VerifierKey(world.manifest.origin, world.manifest.log_key)
        own_clock = clock or (lambda: world.clock_ms // 1_000 + place)
        server = WitnessServer(keys, {log: log_url}, folder / f"witness-{place}", own_clock)
        http = server.listen("127.0.0.1", 0)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        return cls(server, f"http://127.0.0.1:{http.server_address[1]}", thread, http)

    def stop(self) -> None:
        """Stop listening."""
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@dataclass(slots=True)
class Town(World):
    """A world whose log is the server's; `entries` and `record` are copies of what it holds."""

    folder: Path = Path()
    set_clock: Callable[[int], None] = field(default=lambda _: None)
    context: Context = field(init=False)
    board: Board = field(init=False)
    sequencer: Sequencer = field(init=False)
    watches: list[Watch] = field(default_factory=list)

    def connect(self, settings: Settings, database: Database) -> Town:
        """Open the board on a database and start the witnesses that the settings do not name yet."""
        for place in range(len(self.manifest.witnesses)):
            self.watches.append(Watch.start(self, place, self.folder))
        urls = {watch.server.keys.name: watch.url for watch in self.watches}
        changes = {
            "witnesses": urls,
            "log_key": signing_key("log").seed.hex(),
            "receipt_key": signing_key("receipt").seed.hex(),
            "data_dir": self.folder,
            "witness_ms": 5_000,  # a busy machine is no dead witness
        }
        self.context = Context(
            Settings(**{**settings.model_dump(exclude_unset=True), **changes}), database, Cache(), "ballot"
        )
        self.board = Board(self.context)
        self.sequencer = Sequencer(self.board)
        return self

    def stop(self) -> None:
        """Stop everything that runs."""
        self.sequencer.stop()
        for watch in self.watches:
            watch.stop()
        self.context.close()

    def revive(self, place: int) -> None:
        """Start a stopped witness again, with the state that it had, at another address."""
        watch = Watch.start(self, place, self.folder)
        self.watches.append(watch)
        settings = self.context.settings
        urls = {**settings.witnesses, watch.server.keys.name: watch.url}
        object.__setattr__(self.context, "settings", settings.model_copy(update={"witnesses": urls}))

    def restart(self) -> None:
        """Begin again with what the database and the files hold, as a new process would."""
        self.sequencer.stop()
        self.board = Board(self.context)
        self.sequencer = Sequencer(self.board)
        self.board.start()
        self.record = self.board.replica.record

    # ---------------------------------------------------------------------- what the simulator's story is told with

    def append(self, block: Block, **_options: object) -> list[Refused]:
        """Found the log: the only block that the story writes by itself is block 0."""
        self.set_clock(self.clock_ms)
        entry, *_ = block.entries
        parts: list[Any] = [("contest", contest) for contest in self.parts.contests]
        parts += [("units", chunk) for chunk in self.parts.units]
        self.board.found(entry, parts)
        self.board.start()
        self.record = self.board.replica.record
        if not self.sequencer.start():
            raise Misuse("the sequencer does not start")
        self.clock_ms += self.manifest.interval_ms
        return []

    def block(self, control: Sequence[bytes] = (), voters: Iterable[bytes] = (), **_options: object) -> list[Refused]:
        """Enqueue entries and write blocks until none waits; control entries may build on each other."""
        self.set_clock(self.clock_ms)
        for raw in control:
            try:
                self.board.enqueue(raw)
            except Refused:
                self.write()
                self.board.enqueue(raw)
        for raw in voters:
            self.board.enqueue(raw, delay_ms=self.manifest.receipt_delay_ms)
        self.write()
        for _ in range(MOST_BLOCKS):
            if self.board.store.count_waiting() == 0:
                break
            self.write()
        return []

    def write(self) -> None:
        """Write one block, move the clock by an interval, and let the board's record follow."""
        self.set_clock(self.clock_ms)
        self.sequencer.step()
        self.clock_ms += self.manifest.interval_ms
        with self.board.record():
            self.entries += self.board.store.entries(len(self.entries))

    def read(self, index: int) -> bytes:
        """Return an entry of the log."""
        return self.board.read(index)

    def mark(self, stage: str) -> None:
        """Mark nothing: the story on a server goes forward only."""


def found_town(folder: Path, database: Database, set_clock: Callable[[int], None], **changes: Any) -> Town:  # noqa: ANN401
    """Return a town on a database of its own, with witnesses, before block 0."""
    return Town(changes=changes, folder=folder, set_clock=set_clock).connect(Settings(side="ballot"), database)


def sqlite_town(folder: Path, **changes: Any) -> Town:  # noqa: ANN401
    """Return a town on a new SQLite database."""
    now = [OPENS_AT_MS]
    database = Database(f"sqlite:///{folder}/ballot.sqlite", clock=lambda: now[0])
    BALLOT.create_all(engine_of(database))

    def set_clock(now_ms: int) -> None:
        now[0] = now_ms

    return found_town(folder, database, set_clock, **changes)
