"""One request to somebody else's server: a whole answer within a time and a size, or none; no redirect, no proxy.

Spec: `docs/operations/settings.md`, "What the service asks others". The usual timeouts of a client hold for each read
alone: a server that sends a byte now and then would keep a thread for ever. Here every read of a request shares one
deadline, from the connection to the last byte, and nothing beyond the largest useful answer is read.

>>> fetch("GET", "ftp://provider.example/", largest=10, wait_s=1)
Traceback (most recent call last):
...
voting_server.plumbing.fetching.FetchError: no http or https address
"""

import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpcore


class FetchError(Exception):
    """No whole answer came in time; the text is one of a few words and nothing of what came."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer."""

    status: int
    body: bytes


class _Stream(httpcore.NetworkStream):
    """A connection whose reads and writes share one deadline."""

    def __init__(self, inner: httpcore.NetworkStream, ends_at: float) -> None:
        self._inner, self._ends_at = inner, ends_at

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the library's signature
        return self._inner.read(max_bytes, _left_s(self._ends_at))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the library's signature
        self._inner.write(buffer, _left_s(self._ends_at))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the library's signature
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _left_s(self._ends_at)), self._ends_at)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - the library's type
        return self._inner.get_extra_info(info)


class _Backend(httpcore.SyncBackend):
    """Connects within a deadline and hands on the rest of it."""

    def __init__(self, ends_at: float) -> None:
        self._ends_at = ends_at

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the library's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = super().connect_tcp(host, port, _left_s(self._ends_at), local_address, socket_options)
        return _Stream(stream, self._ends_at)


def _left_s(ends_at: float) -> float:
    left_s = ends_at - time.monotonic()
    if left_s <= 0:
        raise httpcore.ReadTimeout
    return left_s


def fetch(
    method: str,
    url: str,
    *,
    largest: int,
    wait_s: float,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Fetched:
    """Return an answer of at most `largest` bytes that came whole within `wait_s` seconds. Raises FetchError."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise FetchError("no http or https address") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise FetchError("no http or https address")
    ends_at = time.monotonic() + wait_s
    # Nothing is to be unpacked: an answer is as large as it came.
    sent = {"Accept-Encoding": "identity", "Connection": "close", **(headers or {})}
    try:
        with (
            httpcore.ConnectionPool(network_backend=_Backend(ends_at)) as pool,
            pool.stream(method, url, headers=list(sent.items()), content=body) as answer,
        ):
            data = bytearray()
            for piece in answer.iter_stream():
                data += piece
                if len(data) > largest:
                    raise FetchError("answer too large")
            return Fetched(answer.status, bytes(data))
    except (httpcore.TimeoutException, TimeoutError):
        raise FetchError("too slow") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError, ValueError) as error:
        raise FetchError(type(error).__name__) from None
