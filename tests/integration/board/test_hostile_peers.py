"""Peers that trickle, flood or never end: a witness goes on answering others, a mirror gives up in time."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from audit.connections import Bounds, Listener
from audit.fetch import InputError
from audit.fork import Fork
from audit.mirror import _MOST_FORKS, keep, read_url
from audit.serve import WitnessServer, serve_copy
from tests.integration.board.test_lying_witnesses import _replace_first, liar
from tests.integration.board.town import Town, sqlite_town
from tests.integration.peers import PATIENCE_S, server_that

GET = b"GET /vkey HTTP/1.1\r\nHost: a\r\n\r\n"


@contextmanager
def running(listener: Listener) -> Iterator[Callable[[], socket.socket]]:
    """Run a listener; yield a way to connect to it."""
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()

    def connect() -> socket.socket:
        return socket.create_connection(("127.0.0.1", int(listener.server_address[1])), PATIENCE_S)

    try:
        yield connect
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WitnessServer]:
    """Return a witness's server that nobody listens for yet."""
    made = sqlite_town(tmp_path_factory.mktemp("watched"))
    yield made.watches[0].server
    made.stop()


def first_line(connection: socket.socket) -> bytes:
    """Return the first line of an answer, empty where the connection ends instead."""
    received = b""
    with suppress(ConnectionError):
        while b"\r\n" not in received:
            more = connection.recv(4_096)
            if not more:
                break
            received += more
    return received.partition(b"\r\n")[0]


def trickle(connection: socket.socket, data: bytes, ended: threading.Event) -> None:
    """Send a byte every moment, each well within any wait for a single byte, until the peer has enough."""
    with suppress(OSError):
        for at in range(len(data)):
            connection.sendall(data[at : at + 1])
            if ended.wait(0.02):
                return


HEAD = b"GET /vkey HTTP/1.1\r\nHost: a\r\nX-Pad: " + b"x" * 5_000
BODY = b"POST /add-checkpoint HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n"


@pytest.mark.parametrize(("sent", "trickled"), [(b"", HEAD), (b"", b"\r\n" * 5_000), (BODY, b"x" * 5_000)])
def test_a_trickle_ends_with_its_time_and_not_with_its_last_byte(
    server: WitnessServer, sent: bytes, trickled: bytes
) -> None:
    ended = threading.Event()
    with running(server.listen("127.0.0.1", 0, Bounds(wait_s=0.5))) as connect, connect() as slow:
        slow.sendall(sent)
        thread = threading.Thread(target=trickle, args=(slow, trickled, ended), daemon=True)
        thread.start()
        # Trickled to its end it would take five times as long as anybody waits here.
        slow.settimeout(PATIENCE_S)
        assert first_line(slow) == b""
        ended.set()
        thread.join()


def test_silent_connections_keep_nobody_out(server: WitnessServer) -> None:
    bounds = Bounds(connections=4, wait_s=600)
    with running(server.listen("127.0.0.1", 0, bounds)) as connect:
        silent = [connect() for _ in range(12)]
        for _ in range(3):
            with connect() as honest:
                honest.sendall(GET)
                assert first_line(honest) == b"HTTP/1.1 200 OK"
        for connection in silent:
            connection.close()


def test_one_address_gets_so_many_connections_and_no_more(
    server: WitnessServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.connections.name_network", lambda address: address)
    with running(server.listen("127.0.0.1", 0, Bounds(an_address=2))) as connect:
        kept = [connect(), connect()]
        for connection in kept:
            connection.sendall(GET)
            assert first_line(connection) == b"HTTP/1.1 200 OK"
        with connect() as third:
            assert first_line(third) == b""
        for connection in kept:
            connection.close()


@pytest.mark.parametrize(("size", "expected"), [(16_000, b"HTTP/1.1 200 OK"), (17_000, b"")])
def test_a_head_is_bounded_as_a_whole(server: WitnessServer, size: int, expected: bytes) -> None:
    pad = b"".join(b"X-%d: %s\r\n" % (at, b"x" * 990) for at in range(size // 1_000))
    with running(server.listen("127.0.0.1", 0)) as connect, connect() as connection:
        with suppress(ConnectionError):
            connection.sendall(b"GET /vkey HTTP/1.1\r\n" + pad + b"\r\n")
        assert first_line(connection) == expected


SECOND = b"GET /vkey HTTP/1.1\r\nHost: b\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /logs HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(SECOND),
        b"GET /logs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n",
        b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_a_body_is_never_taken_for_the_next_request(server: WitnessServer, head: bytes) -> None:
    with running(server.listen("127.0.0.1", 0)) as connect, connect() as connection:
        connection.sendall(head + SECOND)
        received = b""
        with suppress(ConnectionError):
            while more := connection.recv(4_096):
                received += more
        assert received.count(b"HTTP/1.1 ") == 1


# ------------------------------------------------------------------------------------------------ a log as the peer


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "trickled"), [(b"", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 9_000), (ANSWER, b"x" * 9_000)]
)
def test_a_file_that_trickles_is_given_up_in_time(sent: bytes, trickled: bytes) -> None:
    def send(peer: socket.socket, ended: threading.Event) -> None:
        peer.sendall(sent)
        trickle(peer, trickled, ended)

    with server_that(send) as url, pytest.raises(InputError, match="does not answer"):
        read_url(url, 0.5)("checkpoint")


@pytest.mark.parametrize(("path", "largest"), [("checkpoint", 65_535), ("tile/0/000", 8_192)])
def test_no_more_of_a_file_is_read_than_it_may_be_large(path: str, largest: int) -> None:
    sent: list[int] = []

    def send(peer: socket.socket, _ended: threading.Event) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        with suppress(OSError):
            for _ in range(1_000):
                peer.sendall(bytes(100_000))
                sent.append(100_000)

    with server_that(send) as url:
        data = read_url(url)(path)
    assert data is not None
    assert len(data) == largest + 1
    assert sum(sent) < 50_000_000


@pytest.mark.parametrize("length", [b"Content-Length: 60000\r\n", b""])
def test_a_file_on_a_connection_that_the_server_closes_comes_whole(length: bytes) -> None:
    def send(peer: socket.socket, _ended: threading.Event) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + length + b"\r\n" + b"x" * 60_000)

    with server_that(send) as url:
        assert read_url(url)("tile/entries/000") == b"x" * 60_000


def test_endless_headers_are_not_read(tmp_path: Path) -> None:
    def send(peer: socket.socket, _ended: threading.Event) -> None:
        with suppress(OSError):
            peer.sendall(b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 60_000) for n in range(90)))

    with server_that(send) as url, pytest.raises(InputError):
        read_url(url)("checkpoint")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("status", [b"302 Found\r\nLocation: http://127.0.0.1:9/", b"500 Oops"])
def test_another_status_is_no_file(status: bytes) -> None:
    def send(peer: socket.socket, _ended: threading.Event) -> None:
        peer.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

    with server_that(send) as url, pytest.raises(InputError, match="answers"):
        read_url(url)("checkpoint")


def test_a_copy_is_served_within_the_same_bounds() -> None:
    listener = serve_copy({"checkpoint": b"a note\n"}.get, "127.0.0.1", 0, Bounds(connections=2, wait_s=600))
    with running(listener) as connect:
        silent = [connect() for _ in range(4)]
        with connect() as honest:
            honest.sendall(b"GET /checkpoint HTTP/1.1\r\nHost: a\r\n\r\n")
            assert first_line(honest) == b"HTTP/1.1 200 OK"
        for connection in silent:
            connection.close()


def test_a_slow_log_holds_up_nobody_elses_following(server: WitnessServer, monkeypatch: pytest.MonkeyPatch) -> None:
    ended, both = threading.Event(), threading.Barrier(2)

    class Stepping:
        log = next(iter(server.logs))

        def step(self, _note: bytes | None) -> None:
            # Each goes on only once the other has come as well.
            both.wait(PATIENCE_S)
            ended.set()

    monkeypatch.setattr(server, "followers", [Stepping(), Stepping()])
    server.follow(ended, 0.01)
    assert not both.broken


def test_proofs_of_forks_do_not_fill_the_disk(tmp_path: Path) -> None:

    for at in range(_MOST_FORKS + 5):
        keep(tmp_path, Fork(b"a", b"b", bytes([at]) * 32))
    assert len(list(tmp_path.iterdir())) == _MOST_FORKS


def test_a_witness_that_trickles_at_the_start_keeps_one_thread_and_stops_nobody(desk: Town) -> None:
    asked = threading.Semaphore(0)

    def drip(handler: object, _body: bytes) -> None:
        asked.release()
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nx-long: ")  # type: ignore[attr-defined]
        while not handler.ended.wait(0.05):  # type: ignore[attr-defined]
            handler.wfile.write(b"x")  # type: ignore[attr-defined]

    desk.run("founded")
    with liar(drip) as url:
        _replace_first(desk, url)
        settings = desk.context.settings
        object.__setattr__(desk.context, "settings", settings.model_copy(update={"witness_ms": 300}))
        desk.restart()
        for _ in range(12):
            desk.sequencer._compare() if desk.sequencer._is_loaded else desk.sequencer.start()
        assert asked.acquire(blocking=False)
        assert not asked.acquire(blocking=False)


# ------------------------------------------------------------------------------------------------- many addresses


def resolve_to(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """Let every name have so many addresses, one behind each port of this machine."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port)) for port in ports]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr("audit.connections.getaddrinfo", lambda *_, **__: found, raising=False)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_many_addresses_that_do_not_answer_cost_no_more_time_than_one(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    now, tried = [1_000.0], []

    def silence(connection: socket.socket, _: object) -> None:
        wait_s = connection.gettimeout()
        assert wait_s is not None
        tried.append(wait_s)
        now[0] += wait_s
        raise TimeoutError

    resolve_to(monkeypatch, *range(1, 60))
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("socket.socket.connect", silence)
    with pytest.raises(InputError, match="does not answer"):
        read_url(f"{scheme}://many.example", timeout_s=20)("checkpoint")
    assert 1 < len(tried) <= 4
    assert sum(tried) <= 20


def test_one_address_that_answers_among_a_few_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = closed.getsockname()[1]
    with serve_copy(lambda path: path.encode(), "127.0.0.1", 0) as listener, running(listener):
        resolve_to(monkeypatch, nobody, nobody, int(listener.server_address[1]))
        assert read_url("http://few.example")("checkpoint") == b"checkpoint"


def test_a_name_without_an_address_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch)
    with pytest.raises(InputError, match="does not answer"):
        read_url("http://none.example")("checkpoint")


def test_a_greeting_that_never_comes_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        resolve_to(monkeypatch, silent.getsockname()[1])
        with pytest.raises(InputError, match="does not answer"):
            read_url("https://silent.example", timeout_s=0.2)("checkpoint")
