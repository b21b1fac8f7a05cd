"""The board over HTTP: a verified copy that grows and never takes back what it held; signed messages brought there.

Spec: `docs/spec/trustee.md`, section "Board". The only module of the trustee's program that knows a network (httpx, in
the extra `trustee`; without it the program works on folders and exchange files). Nothing that a server says is
believed: every file is compared with a head that the log signed, and a head must continue the own copy. What the log
itself signed against its own word is kept as proof.

>>> import tempfile
>>> Copy(Path(tempfile.mkdtemp())).size
0
"""

from __future__ import annotations

import glob
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from crypto.election.entries import Manifest, parse_entry
from crypto.election.manifest import hash_manifest
from crypto.errors import DobushError, Refused
from crypto.merkle import (
    CHECKPOINT_PATH,
    TILE_WIDTH,
    Get,
    TileReader,
    Tiles,
    leaf_hash,
    prove_consistency,
    publish,
    read_bundle,
    read_tiles,
    verify_consistency,
)
from crypto.signatures import MAX_NOTE_SIZE, Checkpoint, VerifierKey, parse_checkpoint, parse_note, verify_checkpoint
from trustee_tools.link import LARGEST_FILE, Folder, refuse_fork, write_file

if TYPE_CHECKING:
    import httpx
else:
    try:
        import httpx
    except ImportError:  # the base install has no network library, on purpose
        httpx = None

ANSWER_S = 20.0
"""Seconds within which one answer must be there whole."""

FIRST_LOOK = 10_000
"""Entries that a copy takes at most from a log whose manifest nobody vouches for: a stranger must not fill a disk."""

_LARGEST_WORD = 65_536
_TRIES = 6
_LONGEST_PAUSE_S = 30.0
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})

State = Literal["waiting", "sequenced", "refused"]
Tell = Callable[[int, int], None]


class BoardError(DobushError):
    """The board cannot be reached or has nothing to show yet; nothing is wrong with the record so far."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What the board says became of an entry; believed only once the own copy holds it."""

    leaf: bytes
    state: State
    check: str = ""


def _refuse_answer(reason: str, path: str) -> Refused:
    # An answer of the board MUST come whole and uncompressed, and MUST NOT be larger than any file of a log.
    return Refused("TRUSTEE-22", reason, culprit=f"the board's answer for {path}")


@dataclass(slots=True)
class Board:
    """A ballot side under one address: its log's files, and the intake of signed entries.

    `pause` waits before another try; `answer_s` bounds one whole answer, however slowly it trickles.
    """

    url: str
    answer_s: float = ANSWER_S
    pause: Callable[[float], None] = time.sleep
    transport: httpx.BaseTransport | None = None
    _client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        """Make the client; nothing is asked yet. Raises BoardError."""
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
            raise BoardError(f"{self.url!r} is no http or https address")
        if httpx is None:
            raise BoardError("this installation has no network library: install dobush[trustee], or use exchange files")
        self.url = self.url.rstrip("/")
        headers = {"accept-encoding": "identity", "user-agent": "dobush-trustee"}
        self._client = httpx.Client(
            headers=headers, timeout=self.answer_s, trust_env=False, follow_redirects=False, transport=self.transport
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def get(self, path: str) -> bytes | None:
        """Return a file of the log, None where there is none. Raises Refused, BoardError."""
        status, data = self._ask("GET", f"{self.url}/log/{path}", limit=LARGEST_FILE)
        if status == 404:
            return None
        if status != 200:
            raise BoardError(f"{self.url}/log/{path} answers {status}")
        return data

    def send(self, entry: bytes) -> Taken:
        """Bring one signed entry to the board; a second time changes nothing. Raises Refused, BoardError."""
        leaf = leaf_hash(entry)
        for attempt in range(_TRIES):
            try:
                status, data = self._ask("POST", f"{self.url}/entries", limit=_LARGEST_WORD, content=entry)
            except BoardError:
                if attempt + 1 == _TRIES:
                    raise
            else:
                if status not in _AGAIN:
                    return _read_taken(status, data, leaf)
                if attempt + 1 == _TRIES:
                    raise BoardError(f"the board answers {status}: try again later")
            self.pause(min(_LONGEST_PAUSE_S, 2.0**attempt / 2))
        raise BoardError("the board does not take the entry")

    def _ask(self, method: str, url: str, *, limit: int, content: bytes | None = None) -> tuple[int, bytes]:
        """Return status and body of one request, read no further than the limit and no longer than its time."""
        ends = time.monotonic() + self.answer_s
        headers = {} if content is None else {"content-type": "application/cbor"}
        pieces: list[bytes] = []
        held = 0
        try:
            with self._client.stream(method, url, content=content, headers=headers) as answer:
                if answer.headers.get("content-encoding", "identity") != "identity":
                    raise _refuse_answer("it is compressed, which was not asked for", url)
                for piece in answer.iter_raw():
                    held += len(piece)
                    pieces.append(piece)
                    if held > limit:
                        raise _refuse_answer(f"it is larger than {limit} bytes", url)
                    if time.monotonic() > ends:
                        raise BoardError(f"{url} answers too slowly: not whole after {self.answer_s:g} s")
                return answer.status_code, b"".join(pieces)
        except httpx.RemoteProtocolError as error:
            if pieces:
                raise _refuse_answer("it ends before it is whole", url) from error
            raise BoardError(f"{url} does not answer") from error
        except (httpx.HTTPError, OSError) as error:
            raise BoardError(f"{url} does not answer ({type(error).__name__})") from error


def _read_taken(status: int, data: bytes, leaf: bytes) -> Taken:
    """Read what the board says of an entry. Raises Refused where it refuses it, BoardError for anything else."""
    try:
        said = json.loads(data)
        said = said if isinstance(said, dict) else {}
    except (ValueError, RecursionError):
        said = {}
    check, state = said.get("check"), said.get("state")
    if status == 202 and state in {"waiting", "sequenced"} and said.get("leaf") == leaf.hex():
        return Taken(leaf, "sequenced" if state == "sequenced" else "waiting")
    if isinstance(check, str) and check:
        given = said.get("reason") or said.get("detail") or "no reason given"
        raise Refused(_printable(check, 40), f"the board refuses the entry: {_printable(given, 300)}", culprit="board")
    raise BoardError(f"the board answers {status} and does not say what became of the entry")


def _printable(text: object, longest: int) -> str:
    """Return what a server said without anything that a terminal would obey."""
    return "".join(sign if sign.isprintable() else "?" for sign in str(text)[:longest])


@contextmanager
def open_board(url: str, **options: float) -> Iterator[Board]:
    """Give a board and let go of it afterwards."""
    board = Board(url, **options)  # type: ignore[arg-type]
    try:
        yield board
    finally:
        board.close()


# ---------------------------------------------------------------------------------------------------------------- copy


@dataclass(frozen=True, slots=True)
class Copy:
    """The own copy of one log in a folder; it grows from a board or an exchange file, and nothing leaves it."""

    folder: Path

    def get(self, path: str) -> bytes | None:
        """Return a file of the copy."""
        return Folder(self.folder).get(path)

    @property
    def head(self) -> Checkpoint | None:
        """The head of the copy, None while it is empty."""
        note = self.get(CHECKPOINT_PATH)
        return None if note is None else parse_checkpoint(parse_note(note).text)

    @property
    def size(self) -> int:
        """How many entries the copy has."""
        head = self.head
        return 0 if head is None else head.size

    def update(self, remote: Get, manifest_hash: bytes = b"", tell: Tell = lambda _done, _total: None) -> int:
        """Take over what the log has more; return how many entries came.

        `manifest_hash` is the one known from outside, where it is known. Raises Refused where files contradict the
        head or the head contradicts the copy; then the copy is as it was, and the two heads are kept beside it.
        """
        note = remote(CHECKPOINT_PATH)
        if note is None:
            raise BoardError("the log shows no checkpoint yet")
        if len(note) > MAX_NOTE_SIZE:
            raise _refuse_answer("it is larger than a checkpoint can be", CHECKPOINT_PATH)
        shown, held = parse_checkpoint(parse_note(note).text), self.head
        if shown.size == 0:
            raise BoardError("the log holds nothing yet")
        verify_checkpoint(note, self._require_log(remote, shown, held, manifest_hash))
        if held is not None and shown.size <= held.size:
            self._require_continued(note, shown, held, TileReader(self.get, held.size, held.root))
            if shown.size == held.size:
                write_file(self.folder / CHECKPOINT_PATH, note)
            return 0
        reader = TileReader(remote, shown.size, shown.root)
        tiles = Tiles()
        if held is not None:
            self._require_continued(note, held, shown, reader)
            tiles = read_tiles(self.get, held.size)
        start = tiles.size
        while tiles.size < shown.size:
            entries = reader.bundle(tiles.size // TILE_WIDTH)[tiles.size % TILE_WIDTH :]
            tiles, files = publish(tiles, entries)
            for path, data in files:
                write_file(self.folder / path, data)
            tell(tiles.size, shown.size)
        # Last, so that a copy that was cut off goes on from the head that it has all files of.
        write_file(self.folder / CHECKPOINT_PATH, note)
        return shown.size - start

    def _require_log(
        self, remote: Get, shown: Checkpoint, held: Checkpoint | None, manifest_hash: bytes
    ) -> VerifierKey:
        """Return the key of the election's log: from the own copy, at first from the manifest that is shown."""
        if held is not None:
            first = read_bundle(self.get, 0, held.size)[0]
        else:
            first = TileReader(remote, shown.size, shown.root).bundle(0)[0]
        entry = parse_entry(first)
        manifest = Manifest.parse(entry.body)
        found = hash_manifest(manifest.kind, entry.body)
        is_long = held is None and not manifest_hash and shown.size > FIRST_LOOK
        if entry.type != "manifest" or (manifest_hash and found != manifest_hash) or is_long:
            # A copy MUST begin with the manifest whose hash the key file or the person knows; while nobody does, no
            # more than 10,000 entries MUST be taken.
            reason = "this log begins with another manifest"
            if is_long:
                reason = "a log this long is copied only with --manifest-hash from outside"
            raise Refused("TRUSTEE-23", reason, culprit=_printable(shown.origin, 120))
        return VerifierKey(manifest.origin, manifest.log_key)

    def _require_continued(self, note: bytes, small: Checkpoint, large: Checkpoint, reader: TileReader) -> None:
        """Check that the larger of two trees begins with the smaller; keep both heads where it does not."""
        # Outside of the `try`: a damaged tile is no fork.
        proof = prove_consistency(reader.source(), small.size, large.size)
        try:
            verify_consistency(small.size, small.root, large.size, large.root, proof)
        except Refused as refusal:
            kept = self._keep_fork(note)
            raise refuse_fork(f"the log has signed two different records; both heads are kept in {kept}") from refusal

    def _keep_fork(self, note: bytes) -> Path:
        held = self.get(CHECKPOINT_PATH) or b""
        name = hashlib.sha256(held + note).hexdigest()[:16]
        folder = self.folder.with_name(f"{self.folder.name}-fork-{name}")
        write_file(folder / "held.checkpoint", held)
        write_file(folder / "shown.checkpoint", note)
        return folder


@dataclass(frozen=True, slots=True)
class Fork:
    """Two heads that one log has signed and that contradict each other, as they are kept beside the copy."""

    folder: Path
    held: bytes
    shown: bytes


def find_forks(copy: Path) -> list[Fork]:
    """Return what is kept of a log that showed two records, in the order of the folders' names."""
    names = sorted(copy.parent.glob(f"{glob.escape(copy.name)}-fork-*"))
    found = [[each / name for name in ("held.checkpoint", "shown.checkpoint")] for each in names]
    return [
        Fork(folder, held.read_bytes(), shown.read_bytes())
        for folder, (held, shown) in zip(names, found, strict=True)
        if held.is_file() and shown.is_file()
    ]


def deliver(board: Board, entries: Sequence[bytes]) -> list[Taken]:
    """Bring entries to the board in their order. Raises Refused with the board's own reason, BoardError."""
    return [board.send(entry) for entry in entries]


def wait_for(
    board: Board, copy: Copy, entries: Sequence[bytes], seconds: float, pause: Callable[[float], None] = time.sleep
) -> list[bytes]:
    """Follow the log until the own copy holds the entries; return those that it does not hold in time."""
    ends, look_s, start = time.monotonic() + seconds, 0.5, 0
    missing = list(entries)
    while True:
        copy.update(board.get)
        size = copy.size
        for bundle in range(start // TILE_WIDTH, -(-size // TILE_WIDTH)):
            held = set(read_bundle(copy.get, bundle, size))
            missing = [entry for entry in missing if entry not in held]
        start = size
        left = ends - time.monotonic()
        if not missing or left <= 0:
            return missing
        pause(min(look_s, left))
        look_s = min(2 * look_s, 10.0)
