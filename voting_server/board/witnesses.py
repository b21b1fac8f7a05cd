"""The log's side of the witness protocol: ask all at once, take only lines that verify, believe nothing else.

Spec: `docs/spec/witness.md` (C2SP tlog-witness). A witness may be slow, dead or lying: each has one deadline, a bounded
answer, and no say but its own valid signature line. Only a larger or different tree that carries *this log's*
signature counts against us, whoever shows it; then nothing must be signed any more.

>>> origin_path("board.example/demo/town")
'1dbc9506ac50fbcdc504771f3e131c37a397f79e4b5e06b16d2369ebf91a8406/checkpoint'
"""

import base64
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any

import httpx

from crypto.errors import Refused
from crypto.merkle import HashSource, prove_consistency
from crypto.signatures import (
    MAX_SIGNATURE_LINES,
    Checkpoint,
    Note,
    NoteSignature,
    VerifierKey,
    parse_checkpoint,
    parse_note,
    parse_signature_lines,
    verify_checkpoint,
    verify_cosignatures,
)
from voting_server.plumbing.database import wall_clock_ms
from voting_server.plumbing.logging import log
from voting_server.plumbing.metrics import WITNESS_FAILURES

_LARGEST_ANSWER = 65_536
_QUORUM_PATIENCE_S = 0.25
# A connection that rested longer may be one that the witness is just closing.
_LIMITS = httpx.Limits(max_connections=4, keepalive_expiry=2.5)


class WitnessError(Exception):
    """A witness gave no cosignature; the text is one of a few words and nothing of what it sent."""


class ForkError(RuntimeError):
    """A checkpoint with this log's own signature that this database does not continue: sequencing must stop."""


def origin_path(origin: str) -> str:
    """Return the path at which a witness shows the checkpoint of an origin that it cosigned last."""
    return f"{sha256(origin.encode()).hexdigest()}/checkpoint"


@dataclass(frozen=True, slots=True)
class Request:
    """What all witnesses are asked: cosign this note; `prove` gives the proof from an older size."""

    note: Note
    checkpoint: Checkpoint
    source: HashSource
    lock: threading.Lock = field(default_factory=threading.Lock)

    def body(self, old_size: int) -> bytes:
        """Return the body of add-checkpoint from an old size."""
        with self.lock:
            proof = prove_consistency(self.source, old_size, self.checkpoint.size)
        return _add_checkpoint(old_size, proof, self.note.to_bytes())


def _add_checkpoint(old_size: int, proof: Sequence[bytes], checkpoint: bytes) -> bytes:
    lines = [b"old %d" % old_size, *(base64.b64encode(item) for item in proof), b"", checkpoint]
    return b"\n".join(lines)


@dataclass(slots=True)
class WitnessClient:
    """One witness: its key, where it listens, and the size that we believe it cosigned last."""

    log: VerifierKey
    key: VerifierKey
    url: str
    http: httpx.Client
    size: int = 0
    clock_off_ms: int | None = None

    def ask(self, request: Request, deadline: float, latest_s: Callable[[], int]) -> NoteSignature:
        """Return the witness's verified line. Raises WitnessError, ForkError."""
        for _ in range(2):
            body = request.body(self.size)
            status, kind, answer = self._exchange("POST", "add-checkpoint", body, deadline)
            if status == 200:
                line = self._accept(request.note, answer, latest_s())
                self.size = request.checkpoint.size
                return line
            if status != 409 or kind.partition(";")[0].strip() != "text/x.tlog.size":
                raise WitnessError(f"status {status}")
            size = _parse_size(answer)
            if size > request.checkpoint.size:
                self._compare_ahead(request.checkpoint, deadline)
                raise WitnessError("claims a larger tree")
            self.size = size
        raise WitnessError("conflict again")

    def _accept(self, note: Note, answer: bytes, latest_s: int) -> NoteSignature:
        try:
            lines = parse_signature_lines(answer.decode())
        except (UnicodeDecodeError, Refused):
            raise WitnessError("no signature lines") from None
        own = [line for line in lines if (line.name, line.note_key_id) == (self.key.name, self.key.note_key_id)][:1]
        try:
            if own and verify_cosignatures(Note(note.text, tuple(own)), [self.key], latest_s):
                return own[0]
        except Refused:
            pass
        raise WitnessError("no valid line")

    def last(self, deadline: float) -> Checkpoint | None:
        """Return the checkpoint that the witness cosigned last, None where it has none of this log's signature."""
        status, _, answer = self._exchange("GET", origin_path(self.log.name), b"", deadline)
        if status == 404:
            return None
        if status != 200:
            raise WitnessError(f"status {status}")
        try:
            return verify_checkpoint(answer, self.log)
        except Refused:
            return None

    def _compare_ahead(self, own: Checkpoint, deadline: float) -> None:
        seen = self.last(deadline)
        if seen is not None and seen.size > own.size:
            raise ForkError(
                f"{self.key.name} holds {seen.size} entries signed by this log; this database has {own.size}"
            )

    def _exchange(self, method: str, path: str, body: bytes, deadline: float) -> tuple[int, str, bytes]:
        """Return status, media type and body, all within the deadline and a limit."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise WitnessError("too slow")
        data = bytearray()
        try:
            url = f"{self.url.rstrip('/')}/{path}"
            with self.http.stream(method, url, content=body or None, timeout=left) as answer:
                self.clock_off_ms = _clock_off_ms(answer.headers.get("date"))
                for piece in answer.iter_raw():
                    data += piece
                    if len(data) > _LARGEST_ANSWER:
                        raise WitnessError("answer too large")
                    if time.monotonic() > deadline:
                        raise WitnessError("too slow")
                return answer.status_code, answer.headers.get("content-type", ""), bytes(data)
        except (httpx.HTTPError, httpx.InvalidURL, ArithmeticError, LookupError, TypeError, ValueError) as error:
            # Whatever a reader of answers stumbles over is that witness's failure and nobody else's.
            raise WitnessError(type(error).__name__) from None


def _clock_off_ms(date: str | None) -> int | None:
    """Return by how much a server's Date header, which counts whole seconds, is off; None where it says no time."""
    try:
        theirs_ms = int(parsedate_to_datetime(date or "").timestamp()) * 1_000
    except (ValueError, OverflowError):
        # A zone or a year of twenty digits overflows before it is found to be no date.
        return None
    own_ms = wall_clock_ms()
    return theirs_ms - own_ms if theirs_ms > own_ms else min(0, theirs_ms + 1_000 - own_ms)


def _parse_size(answer: bytes) -> int:
    digits = answer.removesuffix(b"\n")
    if not digits.isdigit() or len(digits) > 19 or (digits[:1] == b"0" and digits != b"0"):
        raise WitnessError("no size in a conflict")
    return int(digits)


class Witnesses:
    """All witnesses of one log that have an address in the settings."""

    def __init__(self, log_key: VerifierKey, urls: Mapping[str, str], wait_ms: int) -> None:
        """Keep their addresses; `wait_ms` is the longest wait for all of them together."""
        self._log_key = log_key
        self._urls = dict(urls)
        self._wait_s = wait_ms / 1_000
        self._clients: dict[str, WitnessClient] = {}
        self._asked: dict[str, Future[Any]] = {}
        self._pool = ThreadPoolExecutor(max_workers=2 * max(len(urls), 1), thread_name_prefix="witness")

    def close(self) -> None:
        """Let go of threads and connections."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for client in self._clients.values():
            client.http.close()

    def _select(self, keys: Sequence[VerifierKey]) -> list[WitnessClient]:
        """Return a client for each counted witness with an address; a new key (rotation) starts a new one."""
        for key in keys:
            known = self._clients.get(key.name)
            if key.name in self._urls and (known is None or known.key != key):
                http = httpx.Client(follow_redirects=False, trust_env=False, limits=_LIMITS)
                self._clients[key.name] = WitnessClient(self._log_key, key, self._urls[key.name], http)
        return [self._clients[key.name] for key in keys if key.name in self._clients]

    def cosign(
        self, request: Request, keys: Sequence[VerifierKey], quorum: int, latest_s: Callable[[], int]
    ) -> list[NoteSignature]:
        """Ask all in parallel; return the verified lines that came in time, in the order of `keys`.

        Waits for everybody, but for stragglers only a moment once the quorum is there. Raises ForkError.
        """
        started = time.monotonic()
        deadline = started + self._wait_s
        clients = self._select(keys)
        # Who still keeps a thread (an answer's head may come byte by byte) is not given another: others need it.
        clients = [client for client in clients if not self._is_busy(client.key.name)]
        futures = {self._pool.submit(client.ask, request, deadline, latest_s): client for client in clients}
        self._asked.update({client.key.name: future for future, client in futures.items()})
        lines: dict[str, NoteSignature] = {}
        pending = set(futures)
        while pending and time.monotonic() < deadline:
            end = min(deadline, started + _QUORUM_PATIENCE_S) if len(lines) >= quorum else deadline
            left = end - time.monotonic()
            if left <= 0:
                break
            done, pending = wait(pending, timeout=left, return_when="FIRST_COMPLETED")
            for future in done:
                client = futures[future]
                try:
                    lines[client.key.name] = future.result()
                except WitnessError as error:
                    self._note_failure(client.key.name, str(error))
        for future in pending:
            future.cancel()
            self._note_failure(futures[future].key.name, "too slow")
        return [lines[key.name] for key in keys if key.name in lines]

    def _is_busy(self, name: str) -> bool:
        asked = self._asked.get(name)
        if asked is None or asked.done():
            return False
        self._note_failure(name, "too slow")
        return True

    @staticmethod
    def _note_failure(name: str, error: str) -> None:
        WITNESS_FAILURES.labels(name).inc()
        log().warning("witness-failed", witness=name, error=error)

    def compare(self, keys: Sequence[VerifierKey], root_at: Callable[[int], bytes | None], size: int) -> int:
        """Ask every witness for its last checkpoint before anything is signed; return how many answered.

        Raises ForkError where one holds a tree with this log's signature that is larger or not this one. What their
        clocks say is kept for `wrong_clocks`.
        """
        deadline = time.monotonic() + self._wait_s
        clients = [client for client in self._select(keys) if not self._is_busy(client.key.name)]
        futures = {self._pool.submit(client.last, deadline): client for client in clients}
        self._asked.update({client.key.name: future for future, client in futures.items()})
        wait(futures, timeout=self._wait_s)
        answered = 0
        for future, client in futures.items():
            name = client.key.name
            if not future.done():
                self._note_failure(name, "too slow")
                continue
            try:
                seen = future.result()
            except WitnessError as error:
                self._note_failure(name, str(error))
                continue
            answered += 1
            if seen is None:
                continue
            if seen.size > size:
                raise ForkError(f"{name} holds {seen.size} entries signed by this log; this database has {size}")
            if root_at(seen.size) != seen.root:
                raise ForkError(f"{name} holds another tree of {seen.size} entries signed by this log")
            client.size = seen.size
        return answered

    def wrong_clocks(self, limit_ms: int) -> list[tuple[str, int]]:
        """Return the witnesses whose clock was further off when they last answered, and by how many ms."""
        offs = [(name, client.clock_off_ms) for name, client in self._clients.items()]
        return [(name, off) for name, off in offs if off is not None and abs(off) > limit_ms]


def quorum_note(note: Note, lines: Sequence[NoteSignature]) -> bytes:
    """Return a checkpoint with witnesses' lines, at most 16 lines in all."""
    return note.with_signatures(*lines[: MAX_SIGNATURE_LINES - len(note.signatures)]).to_bytes()


def read_note(data: bytes) -> tuple[Note, Checkpoint]:
    """Return a stored note and its head."""
    note = parse_note(data)
    return note, parse_checkpoint(note.text)
