"""Connections with bounds: so many bytes in so much time from one peer, so many connections of one address and in all.

Spec: `docs/operations/witness.md`, section "Hostile peers". Who sends one byte a second, never ends a head, or opens
connections by the thousand costs a bounded amount of threads, memory and time, here as a server and there as a client.

>>> Bounds().connections, Bounds().an_address
(64, 16)
"""

import io
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from socket import SHUT_RDWR, SOCK_STREAM, getaddrinfo, socket
from typing import Any

from audit.witness import TEXT_TYPE, Answer

_MOST_ADDRESSES = 4


def dial(host: str, port: int, end: float) -> socket:
    """Connect to one of the first few addresses of a name, all tries together until a moment of the monotonic clock.

    Raises OSError. Only the name's resolution has its own time, that of the system's resolver.
    """
    addresses = getaddrinfo(host, port, type=SOCK_STREAM)[:_MOST_ADDRESSES]
    failure: OSError = TimeoutError(f"{host} has no address")
    for place, (family, kind, protocol, _, address) in enumerate(addresses):
        left_s = end - time.monotonic()
        if left_s <= 0:
            break
        connection = socket(family, kind, protocol)
        # Who does not answer takes no more than its part: another address may.
        connection.settimeout(left_s / (len(addresses) - place))
        try:
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure


class Timed(io.RawIOBase):
    """What comes in through a socket until a moment and up to a number of bytes; then TimeoutError."""

    def __init__(self, connection: socket) -> None:
        """Read from a socket; nothing comes before `begin`."""
        self._connection, self._end, self._left = connection, 0.0, 0

    def begin(self, wait_s: float, size: int) -> None:
        """Let so many bytes come within so many seconds, all together."""
        self._end, self._left = time.monotonic() + wait_s, size

    def allow(self, size: int) -> None:
        """Let so many bytes more come before the same moment."""
        self._left += size

    def readable(self) -> bool:
        """Say that this is for reading."""
        return True

    def readinto(self, target: Any) -> int:  # noqa: ANN401 - the buffer protocol has no type in Python 3.11
        """Read what is there, waiting no longer than the moment. Raises TimeoutError."""
        left_s = self._end - time.monotonic()
        if left_s <= 0 or self._left <= 0:
            raise TimeoutError
        self._connection.settimeout(left_s)
        count = self._connection.recv_into(target, min(len(target), self._left))
        self._left -= count
        return count


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a server grants: connections in all and of one address, seconds and head bytes of one request."""

    connections: int = 64
    an_address: int = 16
    wait_s: float = 10.0
    head_bytes: int = 16_384


class Listener(ThreadingHTTPServer):
    """A threading server with bounds on open connections.

    When all places are taken the connection that has waited longest for its request gives its place to the new one, so
    that silence keeps nobody out. The own machine's addresses have no bound of their own: a web server stands there.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], bounds: Bounds | None = None
    ) -> None:
        """Listen at an address."""
        self.bounds = bounds or Bounds()
        self._lock = threading.Lock()
        self._open: dict[socket, str] = {}
        self._reading: dict[socket, None] = {}  # the longest wait first
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the library's types
        """Start a thread for a connection, or close it where there are too many."""
        if self._enter(request, name_network(client_address[0])):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def _enter(self, request: socket, name: str) -> bool:
        with self._lock:
            counts = Counter(self._open.values())
            if name and counts[name] >= self.bounds.an_address:
                return False
            if len(self._open) >= self.bounds.connections:
                # Threads of those that were put out are about to end; more than twice the bound never run.
                oldest = next(iter(self._reading), None)
                if oldest is None or len(self._open) >= 2 * self.bounds.connections:
                    return False
                del self._reading[oldest]
                with suppress(OSError):
                    oldest.shutdown(SHUT_RDWR)
            self._open[request] = name
            self._reading[request] = None
            return True

    def note_reading(self, request: socket, *, reading: bool) -> None:
        """Note whether a connection waits for a request or has sent one."""
        with self._lock:
            self._reading.pop(request, None)
            if reading and request in self._open:
                self._reading[request] = None

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Give the place back when the connection ends."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.pop(request, None)
                self._reading.pop(request, None)

    def server_close(self) -> None:
        """Stop listening, and end the connections that are open."""
        super().server_close()
        with self._lock:
            for request in self._open:
                with suppress(OSError):
                    request.shutdown(SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away."""


def name_network(address: str) -> str:
    """Return what counts as one address: an IPv4 address, an IPv6 network of 64 bits; empty for the own machine.

    >>> name_network("192.0.2.7"), name_network("2001:db8::7"), name_network("::ffff:127.0.0.1"), name_network("::1")
    ('192.0.2.7', '2001:db8::', '', '')
    """
    parsed = ip_address(address.partition("%")[0])
    plain = getattr(parsed, "ipv4_mapped", None) or parsed
    if plain.is_loopback:
        return ""
    return str(plain) if plain.version == 4 else str(ip_address(int(plain) >> 64 << 64))


class Handler(BaseHTTPRequestHandler):
    """One connection: each request whole within its time and size, silent in logs."""

    protocol_version = "HTTP/1.1"
    server_version = "dobush"
    sys_version = ""
    server: Listener

    def setup(self) -> None:
        """Read through the bounds instead of from the socket itself."""
        super().setup()
        self.incoming = Timed(self.connection)
        self.rfile = io.BufferedReader(self.incoming)

    def handle_one_request(self) -> None:
        """Answer one request; its head, its body and the pause before it share one time."""
        bounds = self.server.bounds
        self.incoming.begin(bounds.wait_s, bounds.head_bytes)
        self.server.note_reading(self.connection, reading=True)
        super().handle_one_request()

    def take(self) -> None:
        """Note that a request without a body is here; what sends one nevertheless gets no second request.

        Else a body that nobody reads would be taken for the next request, which a proxy may have sent for another.
        """
        self.server.note_reading(self.connection, reading=False)
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.close_connection = True

    def take_body(self, largest: int) -> bytes | None:
        """Return the request's body, None where it states no length, two, or one above `largest`."""
        (length, *others) = self.headers.get_all("Content-Length") or [""]
        is_plain = length.isascii() and length.isdecimal() and len(length) <= 9
        if not is_plain or others or "Transfer-Encoding" in self.headers or int(length) > largest:
            self.close_connection = True
            return None
        self.incoming.allow(int(length))
        body = self.rfile.read(int(length))
        self.server.note_reading(self.connection, reading=False)
        return body

    def send_answer(self, answer: Answer, cache: str = "no-cache") -> None:
        """Send an answer that any page may read."""
        # `sendall` takes this for the time of all bytes together.
        self.connection.settimeout(self.server.bounds.wait_s)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type or TEXT_TYPE)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", cache)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_arguments: object) -> None:
        """Write no access log."""
