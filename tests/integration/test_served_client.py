"""The program that compares a served client, over HTTP: what it says, and which answers it does not take."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from typer.testing import CliRunner

from audit.cli import app
from audit.client import LARGEST, Listing, read_served
from audit.fetch import InputError
from tests.folders import files_of, write_files
from tests.unit.audit.test_client import BUILT, served, world


class Site(BaseHTTPRequestHandler):
    """Serves what a test put there; a path may have headers of its own."""

    contents: ClassVar[dict[str, tuple[int, dict[str, str], bytes]]] = {}

    def do_GET(self) -> None:
        status, headers, body = self.contents.get(self.path.removeprefix("/"), (404, {}, b""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()
    Site.contents.clear()


def test_the_program_says_it_in_words(site: str, tmp_path: Path) -> None:
    rows = {name: {"sha256": digest} for name, digest in Listing.of(BUILT).files.items()}
    build = write_files(tmp_path / "build", {**BUILT, "manifest.sri.json": json.dumps({"files": rows}).encode()})
    packed = {"Content-Encoding": "gzip"}
    Site.contents.update({name: (200, packed, gzip.compress(data)) for name, data in served().items()})
    folder = write_files(tmp_path / "record", files_of(world()))
    common = ["client", site, "--record", str(folder), "--build", str(build)]
    digest = world().manifest_hash.hex()
    good = CliRunner().invoke(app, [*common, "--manifest-hash", digest])
    assert (good.exit_code, good.output.splitlines()[-1]) == (0, "SAME: all 3 files are those of the board")
    unsure = CliRunner().invoke(app, common)
    assert (unsure.exit_code, "○ no manifest hash from outside" in unsure.output) == (3, True)
    Site.contents["vote/main-0a1b2c3d.js"] = (200, {}, b"spy()")
    bad = CliRunner().invoke(app, [*common, "--manifest-hash", digest])
    assert bad.exit_code == 1
    assert "✘ vote/main-0a1b2c3d.js: ANOTHER FILE" in bad.output
    assert bad.output.splitlines()[-1] == "NOT THE SAME: do not use this client"
    told = json.loads(CliRunner().invoke(app, [*common, "--json"]).output)
    assert (told["exit_status"], told["compared_build"]) == (1, True)
    assert CliRunner().invoke(app, ["client", site]).exit_code == 2


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (302, {"Location": "/elsewhere"}, b""),
        (500, {}, b""),
        (200, {"Refresh": "0; url=https://evil.example"}, b"x"),
        (200, {"Link": "</spy.js>; rel=preload"}, b"x"),
        (200, {"Content-Encoding": "br"}, b"x"),
        (200, {"Content-Encoding": "gzip"}, b"x"),
        (200, {"Content-Encoding": "gzip"}, gzip.compress(b"x")[:-1]),
        (200, {"Content-Encoding": "gzip"}, gzip.compress(b"x") + gzip.compress(b"y")),
        (200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(LARGEST + 1))),
        (200, {}, bytes(LARGEST + 1)),
    ],
)
def test_an_answer_that_is_no_plain_file_is_an_error(
    site: str, status: int, headers: dict[str, str], body: bytes
) -> None:
    Site.contents["vote/"] = (status, headers, body)
    with pytest.raises(InputError):
        read_served(site)("vote/")


def test_what_is_not_there_is_none_and_other_schemes_are_refused(site: str) -> None:
    assert read_served(site)("vote/") is None
    with pytest.raises(InputError, match="no http"):
        read_served("file:///etc")
    with pytest.raises(InputError, match="does not answer"):
        read_served("http://127.0.0.1:1")("vote/")


class Drip(HTTPServer):
    """A site that hands out every file a byte at a time, and never the last one, until it is told to end."""

    ended = threading.Event()

    def finish_request(self, request: object, _address: object) -> None:
        assert isinstance(request, socket.socket)
        request.recv(4_096)
        with suppress(OSError):
            request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not self.ended.wait(0.02):
                request.sendall(b"x")


@pytest.fixture
def drip() -> Iterator[str]:
    Drip.ended.clear()
    server = Drip(("127.0.0.1", 0), BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    Drip.ended.set()
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_server_that_sends_a_byte_at_a_time_does_not_hold_the_program(drip: str) -> None:
    # Each byte comes in time; the answer as a whole does not.
    with pytest.raises(InputError, match="does not answer"):
        read_served(drip, timeout_s=0.3)("vote/")


def test_all_files_together_have_a_time_of_their_own(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("audit.client.time.monotonic", lambda: now[0])
    Site.contents["vote/"] = (200, {}, b"x")
    get = read_served(site, total_s=60)
    now[0] = 59.0
    assert get("vote/") == b"x"
    now[0] = 60.0
    with pytest.raises(InputError, match="did not hand out all files within 60 seconds"):
        get("vote/")
