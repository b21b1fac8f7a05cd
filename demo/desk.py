"""A desk installation: `python -m demo.desk` serves the demo's finished election and an open practice election.

Spec: `docs/operations/settings.md`. One process, SQLite files, two witnesses in threads: to look at, to learn with, to
develop against, and not for an election. What it makes lies in one folder and is used again at the next start; the
practice election's keys lie there too.
"""

import argparse
import secrets
import shutil
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from rich.console import Console
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from audit.serve import WitnessServer, open_keys
from crypto.election.entries import parse_entry
from crypto.election.record import Record
from crypto.merkle import CHECKPOINT_PATH, TILE_WIDTH, read_bundle
from crypto.signatures import VerifierKey, parse_checkpoint, parse_note
from demo.direct import STEPS as DEMO_STEPS
from demo.direct import Demo
from demo.electorate import Electorate, published
from demo.practice import People, Preparation, witness_name
from demo.register import CODES_FILE, Registrars, fill
from demo.screen import Screen
from demo.web_client import built_client
from voting_server.app import create_app
from voting_server.board.sequencer import Sequencer
from voting_server.board.service import Board
from voting_server.board.store import Store
from voting_server.cli import DESK_WARNING
from voting_server.elections.service import Elections
from voting_server.plumbing import logging
from voting_server.plumbing.context import Context
from voting_server.plumbing.database import Database, wall_clock_ms
from voting_server.plumbing.migration import migrate_side
from voting_server.plumbing.serving import options
from voting_server.plumbing.settings import Settings, Side
from voting_server.voters.service import Voters

FINISHED, PRACTICE = "finished", "practice"
DEMO_VOTERS, DEMO_SEED = 120, 2021
WITNESSES = 2
SOON_MS = 5_000


# ------------------------------------------------------------------------------------------- the finished election


def keep_finished(folder: Path, console: Console) -> Settings:
    """Run the demo once and load its record into a database; return the settings that serve it."""
    settings = Settings(side=Side.DESK, data_dir=folder)
    if (folder / "ballot.sqlite").exists():
        return settings
    with tempfile.TemporaryDirectory() as scratch:
        demo = Demo(Screen(console, DEMO_STEPS), Path(scratch), Electorate(published(), DEMO_VOTERS, DEMO_SEED), 2)
        if not demo.run():
            message = "the demo did not end verified"
            raise RuntimeError(message)
        migrate_side(settings)
        shutil.copytree(demo.folder / "record", settings.published_dir)
    load_record(settings)
    return settings


def load_record(settings: Settings) -> None:
    """Load a record folder into an empty database: its entries, and its last checkpoint."""
    log = settings.published_dir
    note = (log / CHECKPOINT_PATH).read_bytes()
    size = parse_checkpoint(parse_note(note).text).size

    def get(path: str) -> bytes | None:
        file = log / path
        return file.read_bytes() if file.is_file() else None

    database = Database(settings.database_url("ballot"))
    store, block = Store(database), -1
    with database.begin() as connection:
        for bundle in range(-(-size // TILE_WIDTH)):
            raws = read_bundle(get, bundle, size)
            rows = [(parse_entry(raw).type, raw) for raw in raws]
            for place, row in enumerate(rows):
                block += row[0] in {"manifest", "seal"}
                store.append(connection, bundle * TILE_WIDTH + place, block, [row])
        store.add_checkpoint(connection, size, block, note)
    store.add_cosignatures(size, [], note)
    database.close()


# ------------------------------------------------------------------------------------------- the practice election


class Practice:
    """The practice election of a folder: its settings, its witnesses' threads, its sequencer's thread."""

    def __init__(self, folder: Path, web_origin: str, seat: Callable[[bytes], People] = People) -> None:
        """Read or make the people's secret and the witnesses' keys; start the witnesses. `seat` seats the people."""
        folder.mkdir(parents=True, exist_ok=True)
        secret = folder / "people.secret"
        if not secret.exists():
            secret.touch(mode=0o600)
            secret.write_text(secrets.token_hex(32), encoding="ascii")
        self.people = seat(bytes.fromhex(secret.read_text(encoding="ascii")))
        self._folder, self._web_origin = folder, web_origin
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self._stops: list[Callable[[], None]] = []
        self._witness_keys = [
            open_keys(folder / f"witness-{place + 1}.key", witness_name(place), secrets.token_bytes)
            for place in range(WITNESSES)
        ]
        log = VerifierKey("localhost/practice/languages", self.people.key("log").public_key)
        urls = {
            keys.name: self._start_witness(WitnessServer(keys, {log: None}, folder / keys.name))
            for keys in self._witness_keys
        }
        self.settings = Settings(
            side=Side.DESK,
            data_dir=folder,
            log_key=self.people.seed("key", "log", 0).hex(),
            receipt_key=self.people.seed("key", "receipt", 0).hex(),
            witnesses=urls,
            identity_origin=web_origin,
            ballot_origin=web_origin,
            issuers=(self.people.key("issuer").public_key.hex(),),
        )

    def _start_witness(self, witness: WitnessServer) -> str:
        """Serve a witness in a thread at a port of the system's choice; return its URL."""
        server = witness.listen("127.0.0.1", 0)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self._stops += [server.shutdown, server.server_close]
        return f"http://127.0.0.1:{server.server_address[1]}"

    def prepare(self) -> None:
        """Found the election and lead it to its opening, unless that was done before."""
        migrate_side(self.settings)
        context = Context.open(self.settings, "ballot")
        board = Board(context)
        if board.store.checkpoint() is None:
            self._lead(board, Elections(context, board))
            self._fill_register(board)
        context.close()

    def _fill_register(self, board: Board) -> None:
        """Give the identity side its persons, and write down their codes."""
        with board.record() as record:
            count = 1 + len(record.parts.manifest.contests) + len(record.parts.manifest.units)
        context = Context.open(self.settings, "identity")
        codes = fill(context, self.people, [board.read(index) for index in range(count)])
        context.close()
        (self._folder / CODES_FILE).write_text("".join(f"{code}\n" for code in codes), encoding="ascii")

    @property
    def codes(self) -> list[str]:
        """Enrolment codes, each for one person."""
        return (self._folder / CODES_FILE).read_text(encoding="ascii").split()

    def _lead(self, board: Board, elections: Elections) -> None:
        manifest, parts = self.people.write_manifest(
            self._web_origin, wall_clock_ms() + SOON_MS, [keys.key.public_key for keys in self._witness_keys]
        )
        entry = self.people.by_officers("manifest", manifest)
        elections.found(entry, [(name, body.to_bytes()) for name, body in parts])
        sequencer = Sequencer(board)
        sequencer.start()

        def send(entries: Sequence[bytes]) -> None:
            for raw in entries:
                elections.take(raw)
            # One block holds them, the seal of the next one the witnesses' answer about it.
            sequencer.step()
            sequencer.step()

        def record() -> Record:
            with board.record() as lent:
                return lent

        sequencer.step()
        Preparation(self.people, record, send, built_client(self.settings.client_dir)).run()
        sequencer.stop()

    def start_sequencer(self) -> None:
        """Write blocks in a thread until `stop`."""
        context = Context.open(self.settings, "ballot")
        thread = threading.Thread(target=Sequencer(Board(context)).run, args=(self._ended,))
        thread.start()
        self._threads.append(thread)
        self._stops.append(context.close)

    def start_registrars(self, url: str) -> None:
        """Check and sign what voters ask for in a thread until `stop`; `url` is where the election is served."""
        context = Context.open(self.settings, "identity")
        voters = Voters(context)
        registrars = Registrars(self.people, voters.frame(), self._folder, url, wall_clock_ms, voters)
        thread = threading.Thread(target=registrars.serve, args=(self._ended,))
        thread.start()
        self._threads.append(thread)
        self._stops.append(context.close)

    def stop(self) -> None:
        """End all threads."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        for stop in self._stops:
            stop()


# ---------------------------------------------------------------------------------------------------------- serving


def assemble(apps: dict[str, FastAPI]) -> Starlette:
    """Return one application that serves each election below its name, and the list of them at the root."""

    async def show(_request: Request) -> Response:
        return JSONResponse({name: f"/{name}/election" for name in apps})

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for app in apps.values():
                await stack.enter_async_context(app.router.lifespan_context(app))
            yield

    mounts = [Mount(f"/{name}", app) for name, app in apps.items()]
    return Starlette(routes=[Route("/", show), *mounts], lifespan=lifespan)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m demo.desk", description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("dobush-data"), help="where everything is kept")
    parser.add_argument("--port", type=int, default=8000, help="port to listen at (default 8000)")
    parser.add_argument("--prepare", action="store_true", help="prepare both elections and end")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare what is missing, then serve until the process is told to end."""
    given = parse_arguments(arguments)
    console, folder = Console(highlight=False), given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    logging.configure((folder / "log.jsonl").open("a", encoding="utf-8"))
    web_origin = f"http://localhost:{given.port}"
    console.print(DESK_WARNING, style="bold")
    finished = keep_finished(folder / FINISHED, console)
    practice = Practice(folder / PRACTICE, web_origin)
    try:
        practice.prepare()
        for name in (FINISHED, PRACTICE):
            console.print(f"{name} election: {web_origin}/{name}/election")
            console.print(f"  public pages: {web_origin}/{name}/board/  check page: {web_origin}/{name}/check/")
        console.print(f"the keys of the practice election: {folder / PRACTICE}; events: {folder / 'log.jsonl'}")
        if given.prepare:
            return 0
        console.print(f"vote: {web_origin}/{PRACTICE}/vote/ with a code of {folder / PRACTICE / CODES_FILE}")
        practice.start_sequencer()
        practice.start_registrars(f"{web_origin}/{PRACTICE}")
        app = assemble({FINISHED: create_app(finished), PRACTICE: create_app(practice.settings)})
        uvicorn.run(app, host="127.0.0.1", port=given.port, **options(practice.settings))
    finally:
        practice.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
