"""How uvicorn is run: limits from the settings, its log through ours, clocks on a request's head, body and answer.

Spec: `docs/operations/settings.md`, section "Limits". uvicorn limits connections, idle time and head size; it waits for
ever for a slow head or body, or for a client that does not read, so its protocol gets timers here.
"""

import asyncio
import os
import shutil
import tempfile
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from voting_server.plumbing import logging
from voting_server.plumbing.separation import mark_redis
from voting_server.plumbing.settings import Limits, Settings, read_settings


class TimedProtocol(HttpToolsProtocol):
    """uvicorn's protocol that drops a connection whose request does not come whole in time or has too big a head."""

    limits = Limits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock of the first head."""
        super().connection_made(transport)
        self._head_bytes = 0
        self._in_head = True
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.TimerHandle | None = None
        self._start(self.limits.header_ms)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        self._stop()
        self._stop_sending()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count the bytes of a head; more than the limit ends the connection."""
        if self._in_head:
            if self._timer is None:
                self._start(self.limits.header_ms)
            end = data.find(b"\r\n\r\n")
            self._head_bytes += len(data) if end < 0 else end + 4
            if self._head_bytes > self.limits.header_bytes:
                self.send_400_response("The head of the request is too large.")
                return
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Start the clock of the body."""
        self._in_head, self._head_bytes = False, 0
        self._start(self.limits.body_ms)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Stop the clock; the next head starts it again with its first byte."""
        self._stop()
        self._in_head = True
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Start the clock of a client that does not take what was sent to it: its answer stays in our memory."""
        super().pause_writing()
        self._stop_sending()
        self._sending = self.loop.call_later(self.limits.answer_ms / 1_000, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop that clock."""
        self._stop_sending()
        super().resume_writing()

    def _stop_sending(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def _start(self, wait_ms: int) -> None:
        self._stop()
        self._timer = self.loop.call_later(wait_ms / 1_000, self._give_up)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self.transport.close()


def options(settings: Settings) -> dict[str, Any]:
    """Return what uvicorn is told."""
    limits = settings.limits
    TimedProtocol.limits = limits
    return {
        "http": TimedProtocol,
        "ws": "none",
        # uvicorn counts the connection itself and refuses at the number that it is given.
        "limit_concurrency": limits.connections + 1,
        "backlog": limits.backlog,
        "timeout_keep_alive": limits.idle_s,
        "timeout_graceful_shutdown": 10,
        "proxy_headers": bool(settings.trusted_proxies),
        "forwarded_allow_ips": list(settings.trusted_proxies),
        "server_header": False,
        "access_log": False,
        "log_config": None,
    }


def serve(application: str, host: str, port: int, workers: int, uds: str | None = None) -> int:
    """Run workers of an application factory until the process is told to end; return the exit status."""
    logging.configure()
    settings = read_settings()
    mark_redis(settings)
    folder = tempfile.mkdtemp(prefix="dobush-metrics-") if workers > 1 else ""
    if folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    try:
        uvicorn.run(application, factory=True, host=host, port=port, uds=uds, workers=workers, **options(settings))
    finally:
        shutil.rmtree(folder or "-", ignore_errors=True)
    return 0
