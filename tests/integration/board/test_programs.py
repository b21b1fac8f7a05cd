"""`dobush-audit witness` and `dobush-audit mirror` as processes: killed after an answer, pointed at a log over HTTP."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import httpx
from typer.testing import CliRunner

from audit import cli as audit_cli
from audit.mirror import Mirror, read_url
from audit.serve import serve_copy
from audit.witness import AddCheckpoint
from crypto.merkle import EMPTY_ROOT
from crypto.signatures import Checkpoint, VerifierKey, parse_note, parse_verifier_key, sign_checkpoint
from tests.integration.board.town import Town
from tests.integration.interop.test_others import served, wait_for
from tests.simulator import signing_key

ORIGIN = "board.example/demo/town-2026"
LOG = VerifierKey(ORIGIN, signing_key("log").public_key)


@contextmanager
def witness_program(state: Path, port: int) -> Iterator["subprocess.Popen[str]"]:
    """Run the program."""
    program = [sys.executable, "-c", "from audit.cli import main; main()", "witness", "watch.example/ngo"]
    options = ["--log", LOG.to_text(), "--state", str(state), "--port", str(port)]
    process = subprocess.Popen([*program, *options], stdout=subprocess.PIPE, text=True)
    try:
        wait_for(f"http://127.0.0.1:{port}/vkey")
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


def test_a_witness_killed_after_its_answer_remembers_it(tmp_path: Path) -> None:
    note = sign_checkpoint(signing_key("log"), Checkpoint(ORIGIN, 0, EMPTY_ROOT)).to_bytes()
    port = 20_000 + os.getpid() % 20_000
    url = f"http://127.0.0.1:{port}"
    with witness_program(tmp_path, port) as process:
        answer = httpx.post(f"{url}/add-checkpoint", content=AddCheckpoint(0, (), note).to_bytes(), trust_env=False)
        assert answer.status_code == 200
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    with witness_program(tmp_path, port):
        shown = httpx.get(f"{url}/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint", trust_env=False)
        assert parse_note(shown.content).text == parse_note(note).text
        assert httpx.get(f"{url}/logs", trust_env=False).text.startswith("logs/v0\n")
        key = parse_verifier_key(httpx.get(f"{url}/vkey", trust_env=False).text.strip())
        assert key.name == "watch.example/ngo"


def test_a_mirror_of_a_served_log_grows_with_it_and_refuses_another(desk: Town, tmp_path: Path) -> None:
    desk.run("founded")
    copy = tmp_path / "copy"
    with served(desk) as url:
        command = ["mirror", url, str(copy), "--log", LOG.to_text()]
        first = CliRunner().invoke(audit_cli.app, command)
        assert first.exit_code == 0, first.output
        desk.write()
        second = CliRunner().invoke(audit_cli.app, command)
        assert json.loads(second.output)["size"] == desk.board.heads().size
        other = VerifierKey(ORIGIN, signing_key("receipt").public_key).to_text()
        assert CliRunner().invoke(audit_cli.app, [*command[:-1], other]).exit_code == 1
        assert CliRunner().invoke(audit_cli.app, ["mirror", f"{url}/no", str(copy), *command[3:]]).exit_code == 2
    assert CliRunner().invoke(audit_cli.app, command).exit_code == 2
    assert (copy / "checkpoint").read_bytes() == desk.board.publication.get("checkpoint")


def test_the_feed_over_http_wakes_its_readers(desk: Town) -> None:
    desk.run("founded")
    with served(desk) as url, httpx.stream("GET", f"{url}/feed", timeout=10, trust_env=False) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = (json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: "))
        assert next(events)["size"] == desk.board.heads().size
        desk.write()
        assert next(events)["size"] == desk.board.heads().size


def test_a_copy_is_served_like_the_log_itself(desk: Town, tmp_path: Path) -> None:
    desk.run("certified")
    first = Mirror(tmp_path / "first", LOG)
    first.update(desk.board.publication.get)
    server = serve_copy(first.get, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        second = Mirror(tmp_path / "second", LOG)
        assert second.update(read_url(url)) == first.size == desk.board.heads().size
        assert httpx.get(f"{url}/checkpoint", trust_env=False).headers["cache-control"] == "public, max-age=1"
        for path in ("", "tile/0/001", "../key", "tile/entries/000.p/1.new", ".checkpoint.new"):
            assert httpx.get(f"{url}/{path}", trust_env=False).status_code == 404
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
