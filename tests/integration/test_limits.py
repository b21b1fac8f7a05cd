"""Limits that only a real connection has: size and time of a request's head and body, idle time, connections."""

import asyncio
import errno
import re
import select as select_module
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import uvicorn
from fastapi import Response
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tests.desk import open_desk
from tests.integration.conftest import Databases, short_folder
from voting_server.app import create_app
from voting_server.plumbing.bodies import RawBody
from voting_server.plumbing.database import NOW_MS, Database
from voting_server.plumbing.migration import migrate_side
from voting_server.plumbing.serving import TimedProtocol, options
from voting_server.plumbing.settings import Limits, Settings, Side

HEAD = b"GET /health HTTP/1.1\r\nHost: a\r\n"
END = b"\r\n\r\n"
WAIT_S = 20
LARGE = 50_000_000
Connect = Callable[[], socket.socket]


def padded(size: int) -> bytes:
    """Return a head of exactly so many bytes."""
    return HEAD + b"X-Pad: " + b"x" * (size - len(HEAD) - len(b"X-Pad: ") - len(END)) + END


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Connect]]:
    """Return a function that serves a ballot side with some limits and returns a way to connect to it."""
    stops: list[Callable[[], None]] = []
    folder = short_folder()

    def start(**limits: int) -> Connect:
        path = f"{folder}/{len(stops)}.sock"
        settings = Settings(side=Side.BALLOT, data_dir=tmp_path, limits=Limits(**limits))
        migrate_side(settings)
        app = create_app(settings)

        @app.get("/large")
        def give() -> Response:
            return Response(bytes(LARGE))

        @app.post("/take")
        def take(raw: RawBody) -> int:
            return len(raw)

        config = uvicorn.Config(app, uds=path, **options(settings))
        server = uvicorn.Server(config)
        started = threading.Event()
        startup = server.startup

        async def startup_and_tell(sockets: "list[socket.socket] | None" = None) -> None:
            await startup(sockets)
            started.set()

        server.startup = startup_and_tell  # type: ignore[method-assign]
        thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
        thread.start()

        def stop() -> None:
            server.should_exit = True
            thread.join(WAIT_S)
            assert not thread.is_alive()

        stops.append(stop)
        assert started.wait(WAIT_S)

        def connect() -> socket.socket:
            made = socket.socket(socket.AF_UNIX)
            made.settimeout(WAIT_S)
            made.connect(path)
            return made

        return connect

    yield start
    for stop in stops:
        stop()
    TimedProtocol.limits = Limits()


def answer(connection: socket.socket, data: bytes) -> bytes:
    """Send bytes and return the first line of the answer, empty when the server ends the connection instead."""
    connection.sendall(data)
    return first_line(connection)


def first_line(connection: socket.socket) -> bytes:
    """Read one whole answer and return its first line."""
    received = b""
    while END not in received:
        more = connection.recv(4_096)
        if not more:
            return received
        received += more
    head, _, body = received.partition(END)
    (length, *_) = map(int, re.findall(rb"(?i)content-length: ([0-9]+)", head) or [0])
    while len(body) < length and (more := connection.recv(4_096)):
        body += more
    return head.partition(b"\r\n")[0]


def test_a_head_may_be_as_large_as_the_limit_and_not_a_byte_larger(serve: Callable[..., Connect]) -> None:
    connect = serve(header_bytes=2_000)
    with connect() as connection:
        assert answer(connection, padded(2_000)) == b"HTTP/1.1 200 OK"
    with connect() as connection:
        assert answer(connection, padded(2_001)) == b"HTTP/1.1 400 Bad Request"


def test_a_head_that_comes_in_pieces_is_counted_whole(serve: Callable[..., Connect]) -> None:
    with serve(header_bytes=2_000)() as connection:
        connection.sendall(padded(2_001)[:1_500])
        assert answer(connection, padded(2_001)[1_500:]) == b"HTTP/1.1 400 Bad Request"


def test_the_second_request_of_a_connection_has_its_own_count(serve: Callable[..., Connect]) -> None:
    with serve(header_bytes=2_000)() as connection:
        for size in (2_000, 1_999):
            assert answer(connection, padded(size)) == b"HTTP/1.1 200 OK"


def test_a_head_in_time_is_answered_and_a_slow_one_ends_the_connection(serve: Callable[..., Connect]) -> None:
    with serve(header_ms=60_000)() as connection:
        connection.sendall(HEAD)
        assert answer(connection, END[2:]) == b"HTTP/1.1 200 OK"
    with serve(header_ms=100)() as connection:
        assert answer(connection, HEAD) == b""


def test_silence_ends_the_connection_too(serve: Callable[..., Connect]) -> None:
    with serve(header_ms=100)() as connection:
        assert first_line(connection) == b""


def test_a_body_that_comes_in_time_is_answered_and_a_slow_one_ends_the_connection(
    serve: Callable[..., Connect],
) -> None:
    head = b"POST /take HTTP/1.1\r\nHost: a\r\nContent-Type: application/cbor\r\nContent-Length: 5" + END
    with serve(body_ms=60_000)() as connection:
        connection.sendall(head + b"1234")
        assert answer(connection, b"5") == b"HTTP/1.1 200 OK"
    with serve(body_ms=100)() as connection:
        assert answer(connection, head + b"1234") == b""


def test_an_idle_connection_ends(serve: Callable[..., Connect]) -> None:
    with serve(idle_s=1)() as connection:
        assert answer(connection, padded(200)) == b"HTTP/1.1 200 OK"
        assert first_line(connection) == b""


def test_as_many_connections_as_the_limit_and_not_one_more(serve: Callable[..., Connect]) -> None:
    connect = serve(connections=2)
    with connect() as first, connect() as second:
        assert answer(first, padded(200)) == b"HTTP/1.1 200 OK"
        assert answer(second, padded(200)) == b"HTTP/1.1 200 OK"
        with connect() as third:
            assert answer(third, padded(200)) == b"HTTP/1.1 503 Service Unavailable"


def test_who_does_not_take_an_answer_loses_the_connection(serve: Callable[..., Connect]) -> None:
    with serve(answer_ms=100)() as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: a" + END)
        # The head comes with what the kernel holds; the rest is dropped while nobody reads.
        assert wait_for_end(connection) < LARGE


def test_who_takes_an_answer_gets_all_of_it(serve: Callable[..., Connect]) -> None:
    with serve(answer_ms=60_000)() as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close" + END)
        received = 0
        while more := connection.recv(1_000_000):
            received += len(more)
        assert received > LARGE


def wait_for_end(connection: socket.socket) -> int:
    """Read nothing before the peer has ended the connection; return how many bytes it had sent."""
    poll = select_module.poll()
    poll.register(connection, select_module.POLLRDHUP)
    assert poll.poll(WAIT_S * 1_000)
    received = 0
    with suppress(ConnectionError):
        while more := connection.recv(1_000_000):
            received += len(more)
    return received


def test_as_many_live_streams_as_the_limit_and_not_one_more(serve: Callable[..., Connect]) -> None:
    connect = serve(streams=2)
    ask = b"GET /log/feed HTTP/1.1\r\nHost: a" + END
    with connect() as first, connect() as second, connect() as third:
        for connection in (first, second):
            assert answer(connection, ask) == b"HTTP/1.1 200 OK"
        assert answer(third, ask) == b"HTTP/1.1 503 Service Unavailable"
        first.close()
        # Until the server has noticed that the first is gone.
        ends = time.monotonic() + WAIT_S
        while answer(third, ask) != b"HTTP/1.1 200 OK":
            assert time.monotonic() < ends


def test_the_kernel_holds_as_many_connections_as_the_backlog_says(tmp_path: Path) -> None:
    settings = Settings(side=Side.BALLOT, data_dir=tmp_path, limits=Limits(backlog=3))
    migrate_side(settings)
    path = f"{short_folder()}/backlog.sock"
    held = [socket.socket(socket.AF_UNIX) for _ in range(6)]
    answers: list[int] = []

    async def fill() -> None:
        config = uvicorn.Config(create_app(settings), uds=path, lifespan="off", **options(settings))
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        # From here on the loop stands still: nobody takes a connection from the kernel, which holds one more than told.
        for connection in held:
            connection.settimeout(0)
            answers.append(connection.connect_ex(path))
        await server.shutdown()

    asyncio.run(asyncio.wait_for(fill(), WAIT_S))
    assert answers == [0] * (3 + 1) + [errno.EAGAIN] * 2
    for connection in held:
        connection.close()


def test_a_session_lives_to_its_last_millisecond_and_not_one_longer(tmp_path: Path) -> None:
    with open_desk(tmp_path, limits={"session_s": 60}) as desk:
        sitting = desk.log_in(0)
        path = f"/casting/nonces/{'ab' * 32}"
        desk.world.clock_ms += 60_000
        assert sitting.post(path).status_code == 201
        desk.world.clock_ms += 1
        assert sitting.post(path).status_code == 401


def test_as_many_requests_compute_at_a_time_as_the_limit_and_the_next_waits(tmp_path: Path) -> None:
    settings = Settings(side=Side.BALLOT, data_dir=tmp_path, limits=Limits(threads=2))
    migrate_side(settings)
    app = create_app(settings)
    inside, peak, lock, together = 0, 0, threading.Lock(), threading.Barrier(2)

    @app.get("/slow")
    def slow() -> None:
        nonlocal inside, peak
        with lock:
            inside += 1
            peak = max(peak, inside)
        together.wait(WAIT_S)
        with lock:
            inside -= 1

    with TestClient(app) as client, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.get("/slow").status_code, range(4)))
    assert (answers, peak) == ([200] * 4, 2)


def test_a_process_holds_as_many_database_connections_as_the_limit_and_not_one_more(databases: Databases) -> None:
    database = Database(databases.urls["ballot"], pool=2, pool_wait_s=0.1)
    with database.read() as first, database.read() as second:
        assert [connection.execute(select(NOW_MS)).scalar_one() > 0 for connection in (first, second)] == [True, True]
        with pytest.raises(PoolTimeout), database.read() as third:
            third.execute(select(NOW_MS))
    database.close()


def test_the_listening_socket_gets_the_backlog_of_the_settings() -> None:
    assert options(Settings(limits=Limits(backlog=7)))["backlog"] == 7
