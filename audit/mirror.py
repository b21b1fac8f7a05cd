"""`dobush-audit mirror`: a verified copy of a log that grows with it and never takes back what it once held.

Spec: `docs/operations/mirror.md`. Every bundle is compared with the signed root before it is written; the checkpoint is
written last. A log that no longer continues the copy is refused, and both checkpoints are kept as proof.

>>> import tempfile
>>> Mirror(Path(tempfile.mkdtemp()), VerifierKey("b.example", bytes(32))).size
0
"""

import http.client
import io
import os
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from http.client import HTTPMessage
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import urlsplit

from audit.connections import Timed, dial
from audit.fetch import LARGEST_FILE, InputError
from audit.fork import Fork, judge
from crypto.errors import Refused
from crypto.merkle import (
    CHECKPOINT_PATH,
    TILE_WIDTH,
    Get,
    HashSource,
    TileReader,
    Tiles,
    prove_consistency,
    publish,
    read_tiles,
    verify_consistency,
)
from crypto.signatures import MAX_NOTE_SIZE, Checkpoint, VerifierKey, parse_checkpoint, parse_note, verify_checkpoint

_TIMEOUT_S = 20
_LARGEST_HEAD = 65_536
_MOST_FORKS = 64


class _Response(http.client.HTTPResponse):
    """An answer of which so many bytes come within so many seconds, head and body together, or TimeoutError."""

    def __init__(self, connection: socket, wait_s: float, size: int, **options: Any) -> None:  # noqa: ANN401
        super().__init__(connection, **options)
        incoming = Timed(connection)
        incoming.begin(wait_s, size + _LARGEST_HEAD)
        # What it was keeps the socket open when the connection lets go of it, which is before the body is read.
        self._kept, self.fp = self.fp, io.BufferedReader(incoming)

    def close(self) -> None:
        """Let go of the socket."""
        super().close()
        self._kept.close()


def ask(
    prefix: str, path: str, *, largest: int, wait_s: float, headers: Mapping[str, str] | None = None
) -> tuple[int, HTTPMessage, bytes]:
    """Return status, headers and at most `largest + 1` bytes of a file under an http(s) address.

    Raises InputError for another address, or where head and body are not there within `wait_s` seconds of the name's
    resolution, whatever the number of its addresses. No redirect is followed.
    """
    address = urlsplit(prefix)
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise InputError(f"{prefix} is no http or https address")
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    end = time.monotonic() + wait_s
    try:
        connection = kind(address.hostname, address.port)
        try:
            connection.sock = _connect(connection, secure=address.scheme == "https", end=end)
            bounded = partial(_Response, wait_s=end - time.monotonic(), size=largest + 1)
            connection.response_class = bounded  # type: ignore[assignment]
            asked = {**(headers or {}), "Connection": "close"}
            connection.request("GET", f"{address.path.rstrip('/')}/{path}", headers=asked)
            with connection.getresponse() as answer:
                data = answer.read(largest + 1) if answer.status == http.client.OK else b""
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise InputError(f"{prefix}/{path} does not answer") from error
    return answer.status, answer.headers, data


def _connect(connection: http.client.HTTPConnection, *, secure: bool, end: float) -> socket:
    """Return a connection to a server, with TLS where asked for, made and written to until a moment. Raises OSError."""
    made = dial(connection.host, connection.port, end)
    left_s = end - time.monotonic()
    if left_s <= 0:
        made.close()
        raise TimeoutError
    made.settimeout(left_s)
    if not secure:
        return made
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    try:
        return context.wrap_socket(made, server_hostname=connection.host)
    except BaseException:
        made.close()
        raise


def read_url(prefix: str, timeout_s: float = _TIMEOUT_S) -> Get:
    """Return a reader of the files under an http(s) address; None for a file that is not there.

    Raises InputError where nothing answers in time, or for another status (a redirect too: a log's files stand where
    the log says); nothing is read beyond the largest possible file of its kind.
    """
    address = urlsplit(prefix)
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise InputError(f"{prefix} is no http or https address")

    def get(path: str) -> bytes | None:
        status, _, data = ask(prefix, path, largest=_largest(path), wait_s=timeout_s)
        if status not in {http.client.OK, http.client.NOT_FOUND}:
            raise InputError(f"{prefix}/{path} answers {status}")
        return data if status == http.client.OK else None

    return get


def _largest(path: str) -> int:
    """Return how large a file of a log may be; one byte more is read, so that a larger one fails its check."""
    if path == CHECKPOINT_PATH:
        return MAX_NOTE_SIZE
    return LARGEST_FILE if path.startswith("tile/entries/") else TILE_WIDTH * 32


def write_file(file: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all, even after a power cut."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.new")
    with fresh.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@dataclass(slots=True)
class Mirror:
    """A copy of one log in one folder; `forks` is where proofs against the log are kept (beside the copy).

    `proof` is the file of the last one that this object kept.
    """

    folder: Path
    log: VerifierKey
    forks: Path | None = None
    proof: Path | None = None

    def get(self, path: str) -> bytes | None:
        """Return a file of the copy, None where there is none."""
        try:
            return (self.folder / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The head of the copy, None while it is empty."""
        note = self.get(CHECKPOINT_PATH)
        return None if note is None else parse_checkpoint(parse_note(note).text)

    @property
    def size(self) -> int:
        """How many entries the copy has."""
        head = self.checkpoint
        return 0 if head is None else head.size

    def update(self, remote: Get, note: bytes | None = None, tell: Callable[[int, int], None] | None = None) -> int:
        """Take over what the log has more (up to `note`, else its checkpoint); return how many entries came.

        Raises Refused where the log's files contradict its checkpoint or the copy (the proof is kept then);
        InputError where it shows no checkpoint.
        """
        note = remote(CHECKPOINT_PATH) if note is None else note
        if note is None:
            raise InputError("the log shows no checkpoint (yet)")
        head, held = verify_checkpoint(note, self.log), self.checkpoint
        if held is not None and head.size <= held.size:
            self._require_continued(note, head, held, TileReader(self.get, held.size, held.root).source())
            if head.size == held.size:
                write_file(self.folder / CHECKPOINT_PATH, note)
            return 0
        reader = TileReader(remote, head.size, head.root)
        tiles = Tiles()
        if held is not None:
            self._require_continued(note, held, head, reader.source())
            tiles = read_tiles(self.get, held.size)
        start = tiles.size
        while tiles.size < head.size:
            entries = reader.bundle(tiles.size // TILE_WIDTH)[tiles.size % TILE_WIDTH :]
            tiles, files = publish(tiles, entries)
            for path, data in files:
                write_file(self.folder / path, data)
            if tell is not None:
                tell(tiles.size, head.size)
        write_file(self.folder / CHECKPOINT_PATH, note)
        return head.size - start

    def _require_continued(self, note: bytes, small: Checkpoint, large: Checkpoint, source: HashSource) -> None:
        """Check that the larger of two trees begins with the smaller; keep the proof where it does not."""
        try:
            proof = prove_consistency(source, small.size, large.size)
            verify_consistency(small.size, small.root, large.size, large.root, proof)
        except Refused:
            self.keep_fork(note, source)
            raise

    def keep_fork(self, note: bytes, larger: HashSource | None = None) -> Path | None:
        """Keep the proof that a shown checkpoint contradicts the copy; return its file, None where it does not."""
        held = self.get(CHECKPOINT_PATH)
        fork = None if held is None else judge(held, note, self.log, larger)
        if fork is None or self.forks is None:
            return None
        self.proof = keep(self.forks, fork)
        return self.proof


def keep(folder: Path, fork: Fork) -> Path:
    """Write the proof of a fork into a folder and return its file.

    One is enough to convict a log: of so many that they could fill a disk no more are written.
    """
    data = fork.to_bytes()
    file = folder / f"fork-{sha256(data).hexdigest()[:16]}.txt"
    if len(list(folder.glob("fork-*.txt"))) < _MOST_FORKS:
        write_file(file, data)
    return file
