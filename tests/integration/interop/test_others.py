"""Programs of others on our log: Go's x/mod reads and proves it over HTTP, PyPI's aics-witness cosigns it.

`make` builds both into `.venv/interop`. They know nothing of this project: one speaks signed notes and tiles, the other
the witness protocol.
"""

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from crypto.election.entries import Incident
from crypto.signatures import MAX_U63, TYPE_COSIGNATURE, VerifierKey, parse_note, parse_verifier_key, verify_quorum
from tests.integration.board.town import Town, sqlite_town
from tests.simulator import QUORUM, make_manifest, make_parts, signing_key
from voting_server.board.routes import create_router
from voting_server.board.sequencer import Sequencer
from voting_server.board.service import Board
from voting_server.plumbing import problems

PROGRAMS = Path(__file__).resolve().parents[3] / ".venv" / "interop" / "bin"
NAME = "watch.example/4"


@contextmanager
def served(town: Town) -> Iterator[str]:
    """Serve the town's log over HTTP."""
    app = FastAPI()
    problems.install(app)
    app.include_router(create_router(town.board))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/log"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def read_with_go(url: str, *vkeys: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([PROGRAMS / "reader", url, *vkeys], capture_output=True, text=True, check=False, timeout=120)


def test_go_reads_verifies_and_proves_the_log(tmp_path: Path) -> None:
    town = sqlite_town(tmp_path)
    try:
        town.run("certified")
        for number in range(280):
            town.board.enqueue(town.sign("incident", Incident(bytes(32), f"note {number}"), signing_key("officer")))
        town.write()
        policy = town.board.policy()
        with served(town) as url:
            result = read_with_go(url, policy.log.to_text(), *(key.to_text() for key in policy.witnesses))
            assert result.returncode == 0, result.stderr
            found = json.loads(result.stdout)
            assert found["size"] == town.board.heads().quorum_size >= 300
            assert found["signatures"] > QUORUM
            other = VerifierKey(policy.log.name, policy.witnesses[0].public_key).to_text()
            assert read_with_go(url, other).returncode != 0
            (town.board.published / "tile/entries/000").write_bytes(b"\x00\x01x" * 256)
            assert read_with_go(url, policy.log.to_text()).returncode != 0
    finally:
        town.stop()


@contextmanager
def aics_witness(folder: Path, origin: str, log_vkey: str) -> Iterator[tuple[str, VerifierKey]]:
    """Run a witness that nobody here wrote; yield its address and its key."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder.mkdir()
    config = ["--config", str(folder / "witness.json")]
    program = str(PROGRAMS / "aics-witness")
    listen = ["--name", NAME, "--listen", f"127.0.0.1:{port}"]
    made = subprocess.run(
        [program, "init", *config, *listen], check=True, capture_output=True, text=True, cwd=folder, timeout=60
    )
    vkey = next(word for line in made.stdout.splitlines() for word in line.split() if word.startswith(f"{NAME}+"))
    subprocess.run(
        [program, "add-log", *config, "--origin", origin, "--vkey", log_vkey],
        check=True,
        capture_output=True,
        cwd=folder,
        timeout=60,
    )
    process = subprocess.Popen(
        [program, "serve", *config], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/healthz")
        yield url, parse_verifier_key(vkey)
    finally:
        process.kill()
        process.wait(60)


def wait_for(url: str) -> None:
    """Return when a server answers."""
    for _ in range(400):
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    message = f"{url} does not answer"
    raise TimeoutError(message)


def test_a_witness_that_nobody_here_wrote_cosigns_the_log(tmp_path: Path) -> None:
    manifest = make_manifest(make_parts())
    log_vkey = VerifierKey(manifest.origin, manifest.log_key).to_text()
    with aics_witness(tmp_path / "aics", manifest.origin, log_vkey) as (url, key):
        assert key.key_type == TYPE_COSIGNATURE
        witnesses = (*manifest.witnesses[:3], replace(manifest.witnesses[3], key=key.public_key))
        town = sqlite_town(tmp_path, witnesses=witnesses)
        try:
            name_witness(town, url)
            town.run("certified")
            town.watches.pop(0).stop()
            town.write()
            assert town.board.heads().quorum_size == town.board.heads().size
            note = town.board.publication.get("checkpoint") or b""
            assert NAME in [line.name for line in parse_note(note).signatures]
            policy = town.board.policy()
            counted = verify_quorum(note, policy.log, policy.witnesses, policy.quorum, MAX_U63).cosignatures
            assert NAME in [each.witness.name for each in counted]
            town.restart()
            assert town.sequencer.start()
            town.write()
            assert town.board.heads().quorum_size == town.board.heads().size
        finally:
            town.stop()


def name_witness(town: Town, url: str) -> None:
    """Ask the other witness at its own address instead of the simulator's fourth."""
    town.watches.pop().stop()
    settings = town.context.settings
    changed = settings.model_copy(update={"witnesses": {**settings.witnesses, NAME: url}})
    object.__setattr__(town.context, "settings", changed)
    town.board = Board(town.context)
    town.sequencer = Sequencer(town.board)


@pytest.mark.parametrize("program", ["reader", "aics-witness"])
def test_the_programs_are_built(program: str) -> None:
    assert (PROGRAMS / program).is_file(), "make builds it"
