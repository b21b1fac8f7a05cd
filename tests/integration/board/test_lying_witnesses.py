"""Witnesses that are dead, slow, wrong or malicious: only valid lines of known keys are believed."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from crypto.signatures import Checkpoint, SigningKey, cosign, parse_note, sign_checkpoint
from tests.integration.board.town import Town
from tests.simulator import signing_key
from voting_server.board.sequencer import Sequencer
from voting_server.board.service import Board
from voting_server.board.witnesses import ForkError
from voting_server.plumbing.clock import SkewError

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


@contextmanager
def liar(answer: Answer) -> Iterator[str]:
    """Run a server that answers every request as it likes."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.ended = ended
            with suppress(OSError):
                answer(self, body)

        def do_GET(self) -> None:
            self.ended = ended
            with suppress(OSError):
                answer(self, b"")

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def reply(handler: Any, status: int, body: bytes, kind: str = "text/plain") -> None:  # noqa: ANN401
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def text_of(body: bytes) -> str:
    return parse_note(body.partition(b"\n\n")[2]).text if body else ""


NAME = "watch.example/1"
OTHER = SigningKey.from_seed(bytes([9]) * 32)


def _stall(handler: Any, _body: bytes) -> None:  # noqa: ANN401
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"\xe2")
    handler.wfile.flush()
    handler.ended.wait(20)


def _reply_at(handler: Any, date: str) -> None:  # noqa: ANN401
    handler.send_response_only(404)
    handler.send_header("Date", date)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


LIES: dict[str, Answer] = {
    "garbage": lambda handler, _: reply(handler, 200, b"\xff\xfe garbage"),
    "empty": lambda handler, _: reply(handler, 200, b""),
    "another key": lambda handler, body: reply(
        handler, 200, cosign(OTHER, NAME, text_of(body) or "x\n", 1_768_050_000).to_text().encode()
    ),
    "another root": lambda handler, body: reply(
        handler, 200, cosign(signing_key("witness", 0), NAME, f"{text_of(body)}x\n", 1_768_050_000).to_text().encode()
    ),
    "from the future": lambda handler, body: reply(
        handler, 200, cosign(signing_key("witness", 0), NAME, text_of(body) or "x\n", 2**62).to_text().encode()
    ),
    "old size": lambda handler, _: reply(handler, 409, b"1\n", "text/x.tlog.size"),
    "larger size": lambda handler, _: reply(handler, 409, b"999999\n", "text/x.tlog.size"),
    "size without end": lambda handler, _: reply(handler, 409, b"9" * 30, "text/x.tlog.size"),
    "refusal": lambda handler, _: reply(handler, 422, b""),
    "flood": lambda handler, _: reply(handler, 200, b"x" * 1_000_000),
    "stalled body": _stall,
    "redirect": lambda handler, _: reply(handler, 302, b""),
    "a zone beyond all zones": lambda handler, _: _reply_at(handler, "Mon, 01 Jan 2026 00:00:00 +99999999999999999999"),
    "a year beyond all years": lambda handler, _: _reply_at(handler, "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_costs_one_witness_and_nothing_else(desk: Town, lie: str) -> None:
    desk.run("founded")
    with liar(LIES[lie]) as url:
        _replace_first(desk, url)
        assert desk.sequencer.start()
        desk.write()
        desk.write()
        heads = desk.board.heads()
        assert heads.quorum_size == heads.size
        served = parse_note(desk.board.publication.get("checkpoint") or b"")
        assert NAME not in [line.name for line in served.signatures]


def _replace_first(town: Town, url: str) -> None:
    town.sequencer.stop()
    settings = town.context.settings
    urls = {**settings.witnesses, NAME: url}
    object.__setattr__(town.context, "settings", settings.model_copy(update={"witnesses": urls, "witness_ms": 3_000}))
    town.board = Board(town.context)
    town.board.start()
    town.sequencer = Sequencer(town.board)


def test_a_larger_tree_with_the_logs_own_signature_stops_the_sequencer(desk: Town) -> None:
    desk.run("founded")
    ahead = sign_checkpoint(signing_key("log"), Checkpoint(desk.manifest.origin, 999, bytes(32))).to_bytes()
    with liar(lambda handler, _: reply(handler, 200, ahead)) as url:
        _replace_first(desk, url)
        with pytest.raises(ForkError, match="999"):
            desk.sequencer.start()


def test_another_tree_of_a_known_size_stops_the_sequencer(desk: Town) -> None:
    desk.run("founded")
    size = desk.board.heads().size
    other = sign_checkpoint(signing_key("log"), Checkpoint(desk.manifest.origin, size, bytes(32))).to_bytes()
    with liar(lambda handler, _: reply(handler, 200, other)) as url:
        _replace_first(desk, url)
        with pytest.raises(ForkError, match="another tree"):
            desk.sequencer.start()


def test_a_conflict_with_proof_stops_a_running_sequencer(desk: Town) -> None:
    desk.run("founded")
    ahead = sign_checkpoint(signing_key("log"), Checkpoint(desk.manifest.origin, 999, bytes(32))).to_bytes()
    shown = {"ahead": False}

    def answer(handler: Any, body: bytes) -> None:  # noqa: ANN401
        if body:
            reply(handler, 409, b"999\n", "text/x.tlog.size")
        elif shown["ahead"] and handler.path.endswith(
            f"{sha256(desk.manifest.origin.encode()).hexdigest()}/checkpoint"
        ):
            reply(handler, 200, ahead)
        else:
            reply(handler, 404, b"")

    with liar(answer) as url:
        _replace_first(desk, url)
        assert desk.sequencer.start()
        shown["ahead"] = True
        with pytest.raises(ForkError, match="999"):
            desk.write()


def test_too_few_witnesses_at_the_start_keep_the_sequencer_waiting(desk: Town) -> None:
    desk.run("founded")
    desk.sequencer.stop()
    for _ in range(3):
        desk.watches.pop().stop()
    desk.restart()
    assert not desk.sequencer.start()
    desk.revive(3)
    assert not desk.sequencer.start()
    desk.revive(2)
    desk.sequencer.stop()
    assert desk.sequencer.start()


def test_a_faulty_witness_that_knows_nothing_does_not_let_the_sequencer_start(desk: Town) -> None:
    desk.run("founded")
    # The newest quorum may be of the faulty one and of those that do not answer now, all but the one that does.
    for _ in range(2):
        desk.watches.pop().stop()
    with liar(lambda handler, _: reply(handler, 404, b"")) as url:
        _replace_first(desk, url)
        assert not desk.sequencer.start()
        desk.revive(2)
        desk.sequencer.stop()
        assert desk.sequencer.start()


@pytest.mark.parametrize(("wrong", "starts"), [(1, True), (2, False)])
def test_more_wrong_clocks_than_faulty_witnesses_keep_the_sequencer_from_starting(
    desk: Town, wrong: int, starts: bool
) -> None:
    desk.run("founded")

    def answer(handler: Any, _body: bytes) -> None:  # noqa: ANN401
        handler.send_response_only(404)
        handler.send_header("Date", "Wed, 25 Nov 2020 02:00:00 GMT")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with liar(answer) as url:
        _replace_first(desk, url)
        if wrong == 2:
            settings = desk.context.settings
            urls = {**settings.witnesses, "watch.example/2": url}
            object.__setattr__(desk.context, "settings", settings.model_copy(update={"witnesses": urls}))
            desk.restart()
        if starts:
            assert desk.sequencer.start()
        else:
            with pytest.raises(SkewError):
                desk.sequencer.start()


def test_the_loop_survives_a_database_that_fails_and_ends_when_told(
    desk: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.run("founded")
    desk.sequencer.stop()
    ended = threading.Event()
    steps: list[str] = []
    real = desk.sequencer.step

    def step(_sequencer: Sequencer) -> bool:
        steps.append("step")
        if len(steps) == 2:
            raise OperationalError("SELECT 1", {}, OSError("gone"))
        if len(steps) == 4:
            ended.set()
        return real()

    monkeypatch.setattr(Sequencer, "step", step)
    monkeypatch.setattr(ended, "wait", lambda _seconds: ended.is_set())
    before = desk.board.heads().size
    desk.sequencer.run(ended)
    assert steps == ["step"] * 4
    assert desk.board.heads().size == before + 3


def test_the_loop_ends_for_good_at_a_fork(desk: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.run("founded")
    desk.sequencer.stop()
    ended = threading.Event()

    def step(_sequencer: Sequencer) -> bool:
        raise ForkError("another tree")

    monkeypatch.setattr(Sequencer, "step", step)
    monkeypatch.setattr(ended, "wait", lambda _seconds: ended.is_set())
    with pytest.raises(ForkError):
        desk.sequencer.run(ended)
    desk.sequencer = Sequencer(desk.board)
    assert desk.sequencer.start()


def test_a_witness_that_never_ends_its_answer_keeps_one_thread_and_no_more(desk: Town) -> None:
    asked = threading.Semaphore(0)

    def drip(handler: Any, body: bytes) -> None:  # noqa: ANN401
        if not body:
            reply(handler, 404, b"")
            return
        asked.release()
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nx-long: ")
        while not handler.ended.wait(0.05):
            handler.wfile.write(b"x")

    desk.run("founded")
    with liar(drip) as url:
        _replace_first(desk, url)
        assert desk.sequencer.start()
        for _ in range(3):
            desk.write()
            heads = desk.board.heads()
            assert heads.quorum_size == heads.size
        assert asked.acquire(blocking=False)
        assert not asked.acquire(blocking=False)
