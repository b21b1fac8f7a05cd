r"""RFC 3161 time-stamp tokens over quorum checkpoints: a second clock, kept by somebody who knows nothing of elections.

Spec: `docs/spec/board.md` (seal). An authority stamps SHA-256 of a checkpoint's three lines. Here it is checked that an
answer is granted and is about these bytes and this request; whose certificate signed it is for readers to judge
(`openssl ts -verify`, with the roots that they trust). The answer stands in the next seal.

>>> imprint("board.example/demo/town\n7\nAAAA\n").hex()[:16]
'7216b903a6695c1b'
"""

import hashlib
from collections.abc import Callable

from rfc3161_client import HashAlgorithm, PKIStatus, TimestampRequestBuilder, decode_timestamp_response

from voting_server.board.service import Board
from voting_server.board.witnesses import read_note
from voting_server.plumbing.fetching import FetchError, fetch
from voting_server.plumbing.logging import log

LARGEST_TOKEN = 10_000
"""Three of them fit into a seal beside its notes."""
EVERY_MS = 600_000
"""A quorum checkpoint is stamped so often, and the first after the opening and after the close always."""
_WAIT_S = 10.0

Post = Callable[[str, bytes], bytes]


class TokenError(Exception):
    """An authority's answer is no granted token over what was asked."""


def imprint(text: str) -> bytes:
    """Return the 32 bytes that an authority stamps for a checkpoint's text."""
    return hashlib.sha256(text.encode()).digest()


def post(url: str, body: bytes) -> bytes:
    """Send a request to an authority. Raises TokenError."""
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    try:
        answer = fetch("POST", url, largest=LARGEST_TOKEN, wait_s=_WAIT_S, body=body, headers=headers)
    except FetchError as error:
        raise TokenError(str(error)) from None
    if answer.status != 200:
        raise TokenError(f"status {answer.status}")
    return answer.body


def request_token(text: str, url: str, send: Post = post) -> bytes:
    """Return an authority's answer over a checkpoint's text, as it came. Raises TokenError."""
    builder = TimestampRequestBuilder().data(text.encode()).hash_algorithm(HashAlgorithm.SHA256)
    request = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    data = send(url, request.as_bytes())
    if len(data) > LARGEST_TOKEN:
        raise TokenError("too large")
    try:
        answer = decode_timestamp_response(data)
        if answer.status != PKIStatus.GRANTED:
            raise TokenError(f"not granted: {answer.status}")
        info = answer.tst_info
        stamped, nonce = info.message_imprint.message, info.nonce
    except ValueError:
        raise TokenError("no time-stamp answer") from None
    if stamped != imprint(text) or nonce != request.nonce:
        raise TokenError("about something else")
    return data


class Stamper:
    """Asks the authorities of the settings; runs in the worker, so that no block waits for it."""

    def __init__(self, board: Board, send: Post = post) -> None:
        """Stand on the board."""
        self._board, self._send = board, send
        self._stamped_at_ms: dict[str, int] = {}
        self._stamped_size: dict[str, int] = {}

    def step(self) -> int:
        """Stamp the newest quorum checkpoint where one is due; return how many tokens came."""
        quorum = self._board.store.checkpoint(quorum=True)
        if quorum is None:
            return 0
        with self._board.record() as record:
            marks = (record.board.opening_index, record.board.close_index)
        came = 0
        for url in self._board.context.settings.timestamping:
            if not self._is_due(url, quorum.size, marks):
                continue
            try:
                token = request_token(read_note(quorum.note)[0].text, url, self._send)
            except TokenError as error:
                log().warning("timestamp-failed", error=str(error))
                continue
            self._board.store.add_token(quorum.size, url, token)
            self._stamped_at_ms[url], self._stamped_size[url] = self._board.now_ms(), quorum.size
            log().info("timestamped", size=quorum.size)
            came += 1
        return came

    def _is_due(self, url: str, size: int, marks: tuple[int, int]) -> bool:
        last = self._stamped_size.get(url, 0)
        if size <= last:
            return False
        passed_mark = any(last <= mark < size for mark in marks)
        return passed_mark or self._board.now_ms() - self._stamped_at_ms.get(url, 0) >= EVERY_MS
