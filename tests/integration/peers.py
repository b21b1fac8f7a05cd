"""Servers that answer as badly as they like."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

PATIENCE_S = 20
Send = Callable[[socket.socket, threading.Event], None]


@contextmanager
def server_that(send: Send) -> Iterator[str]:
    """Run a server that reads the head of a request and then sends what it likes."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE_S)

        def run() -> None:
            with suppress(OSError):
                peer, _ = listening.accept()
                with peer:
                    peer.recv(65_536)
                    send(peer, ended)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            ended.set()
            with suppress(OSError):
                socket.create_connection(listening.getsockname(), 1).close()
            thread.join()
