"""Other people's servers that trickle, flood or lead elsewhere: a provider and a time-stamping authority."""

import socket
import threading
from contextlib import suppress

import pytest

from tests.integration.peers import PATIENCE_S, Send, server_that
from voting_server.board import timestamps
from voting_server.plumbing.fetching import FetchError, fetch
from voting_server.plumbing.problems import ProblemError
from voting_server.voters import oidc
from voting_server.voters.oidc import OidcClient


def trickle(head: bytes, data: bytes) -> Send:
    """Send a head at once and the rest byte by byte, each in good time."""

    def send(peer: socket.socket, ended: threading.Event) -> None:
        peer.sendall(head)
        with suppress(OSError):
            for at in range(len(data)):
                peer.sendall(data[at : at + 1])
                if ended.wait(0.02):
                    return

    return send


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n"
TRICKLES = [trickle(b"", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 9_000), trickle(HEAD, b" " * 9_000)]


def flood(peer: socket.socket, _ended: threading.Event) -> None:
    """Send much more than anybody asked for."""
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
    with suppress(OSError):
        for _ in range(2_000):
            peer.sendall(b" " * 100_000)


@pytest.mark.parametrize("send", TRICKLES, ids=["head", "body"])
def test_an_answer_that_trickles_is_given_up(send: Send) -> None:
    with server_that(send) as url, pytest.raises(FetchError, match="too slow"):
        fetch("GET", url, largest=10_000, wait_s=0.5)


def test_nothing_is_read_beyond_the_largest_answer() -> None:
    with server_that(flood) as url, pytest.raises(FetchError, match="too large"):
        fetch("GET", url, largest=10_000, wait_s=PATIENCE_S)


@pytest.mark.parametrize(("size", "fits"), [(100, True), (101, False)])
def test_an_answer_may_be_as_large_as_the_limit_and_not_a_byte_larger(size: int, fits: bool) -> None:
    def send(peer: socket.socket, _ended: threading.Event) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))

    with server_that(send) as url:
        if fits:
            assert fetch("GET", url, largest=100, wait_s=PATIENCE_S).body == bytes(size)
        else:
            with pytest.raises(FetchError, match="too large"):
                fetch("GET", url, largest=100, wait_s=PATIENCE_S)


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    def send(peer: socket.socket, _ended: threading.Event) -> None:
        peer.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n")

    with server_that(send) as url:
        assert fetch("GET", url, largest=100, wait_s=PATIENCE_S).status == 302


@pytest.mark.parametrize("send", [*TRICKLES, flood])
def test_a_time_stamping_authority_keeps_no_worker(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timestamps, "_WAIT_S", 0.5)
    with server_that(send) as url, pytest.raises(timestamps.TokenError):
        timestamps.post(url, b"a request")


@pytest.mark.parametrize("send", [*TRICKLES, flood, trickle(HEAD, b"")])
def test_an_identity_provider_keeps_no_request(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "_WAIT_S", 0.5)
    with server_that(send) as url, pytest.raises(ProblemError) as caught:
        OidcClient(url, "client", None, "http://localhost/").keys()
    assert caught.value.code == "unavailable"


def test_a_slow_identity_provider_is_waited_for_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "_WAIT_S", 5.0)
    asked = threading.Event()

    def stand_still(peer: socket.socket, ended: threading.Event) -> None:
        asked.set()
        ended.wait(PATIENCE_S)

    with server_that(stand_still) as url:
        client = OidcClient(url, "client", None, "http://localhost/")
        first = threading.Thread(target=lambda: suppressed(client), daemon=True)
        first.start()
        assert asked.wait(PATIENCE_S)
        # The first still waits: nobody else stands behind it, or asks the provider again.
        with pytest.raises(ProblemError) as caught:
            client.keys()
        assert caught.value.retry_after_s == 5
        assert first.is_alive()
    first.join()


def suppressed(client: OidcClient) -> None:
    with suppress(ProblemError):
        client.keys()
