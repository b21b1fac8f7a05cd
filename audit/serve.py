"""`dobush-audit witness`: cosigns a log's checkpoints over HTTP, keeps proofs of forks, shows what it found.

Spec: `docs/spec/witness.md`, `docs/operations/witness.md`. The standard library's server is enough (one small request a
block and log) and lets anybody who has the auditor run a witness with nothing else installed. The new state is on the
disk, durably, before the answer is sent; a witness that loses its state must not go on under the same key.

>>> import tempfile
>>> HeadStore(Path(tempfile.mkdtemp())).state.heads
{}
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from audit.connections import Bounds, Handler, Listener
from audit.fetch import InputError
from audit.follow import Follower
from audit.fork import judge
from audit.mirror import keep, write_file
from audit.notice import to_html
from audit.witness import (
    MAX_REQUEST_SIZE,
    SIZE_TYPE,
    Answer,
    Head,
    State,
    Witness,
    add_checkpoint,
    parse_add_checkpoint,
    read_checkpoint,
)
from crypto.errors import Refused
from crypto.merkle import CHECKPOINT_PATH, Get, parse_path
from crypto.signatures import (
    TYPE_COSIGNATURE,
    SigningKey,
    VerifierKey,
    bls_message,
    bls_secret,
    parse_checkpoint,
    parse_note,
    prove_bls_possession,
    sign_bls,
    verify_log_signature,
)
from crypto.transcript import tag

__all__ = ["SIZE_TYPE", "HeadStore", "WitnessKeys", "WitnessServer", "open_keys", "serve_copy"]

_RECENT: Final = 256
_QPD: Final = 86_400
_KINDS: Final = ("demo", "practice", "real")


# ------------------------------------------------------------------------------------------------------------ the keys


@dataclass(frozen=True, slots=True)
class WitnessKeys:
    """A witness's name, its Ed25519 key and the seed of its BLS key."""

    name: str
    key: SigningKey
    bls_seed: bytes

    @property
    def verifier_key(self) -> VerifierKey:
        """The key that manifests and policies name."""
        return VerifierKey(self.name, self.key.public_key, TYPE_COSIGNATURE)

    def bls_key(self) -> tuple[bytes, bytes]:
        """Return the BLS key with its proof of possession, for the manifest. Takes a second."""
        return prove_bls_possession(bls_secret(self.bls_seed))


def open_keys(file: Path, name: str, random: Callable[[int], bytes]) -> WitnessKeys:
    """Read the key file, or make one (readable by its owner only) where there is none. Raises InputError."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(f"{random(32).hex()}\n{random(32).hex()}\n", encoding="ascii")
    try:
        seed, bls_seed = (bytes.fromhex(line) for line in file.read_text(encoding="ascii").split())
        return WitnessKeys(name, SigningKey.from_seed(seed), bls_seed)
    except (OSError, ValueError) as error:
        raise InputError(f"{file} is no key file of a witness") from error


# ----------------------------------------------------------------------------------------------------------- the state


class HeadStore:
    """What a witness must never forget, one small file a log, replaced as a whole and synced; owned by one process."""

    def __init__(self, folder: Path) -> None:
        """Read the state under `folder`. Raises InputError where a file is damaged: then the key must be retired."""
        self.folder = folder
        self.recent: dict[str, dict[int, bytes]] = {}
        heads: dict[str, Head] = {}
        for file in sorted(folder.glob("*.json")) if folder.is_dir() else []:
            try:
                content = json.loads(file.read_bytes())
                note = content["note"].encode()
                head = Head(parse_checkpoint(parse_note(note).text), note)
                recent = {int(size): bytes.fromhex(root) for size, root in content["recent"]}
            except (ValueError, KeyError, TypeError, Refused) as error:
                raise InputError(f"{file} is damaged; a witness that lost its state must not go on") from error
            heads[head.checkpoint.origin] = head
            self.recent[head.checkpoint.origin] = recent
        self.state = State(heads)

    def save(self, state: State, origin: str) -> None:
        """Make the new head of one log durable, then take it as the state. Raises OSError, with nothing changed."""
        head = state.heads[origin]
        recent = {**self.recent.get(origin, {}), head.checkpoint.size: head.checkpoint.root}
        recent = dict(sorted(recent.items())[-_RECENT:])
        content = {"note": head.note.decode(), "recent": [[size, root.hex()] for size, root in recent.items()]}
        write_file(self.folder / f"{name_origin(origin)}.json", json.dumps(content).encode())
        self.recent[origin] = recent
        self.state = state


def name_origin(origin: str) -> str:
    """Return how paths name a log: lower-case hex of SHA-256 of its origin."""
    return sha256(origin.encode()).hexdigest()


# ---------------------------------------------------------------------------------------------------------- the server


class WitnessServer:
    """Everything that the handler answers from; requests that change the state pass one lock, one after the other."""

    def __init__(
        self,
        keys: WitnessKeys,
        logs: Mapping[VerifierKey, str | None],
        folder: Path,
        now_s: Callable[[], int] = lambda: int(time.time()),
    ) -> None:
        """Read the state of `folder`; `logs` are the watched logs, each with the address of its files, if any."""
        self.keys, self.logs, self._now_s = keys, dict(logs), now_s
        self.store = HeadStore(folder / "heads")
        self.forks = folder / "forks"
        self.witness = Witness(keys.name, keys.key, tuple(logs))
        self.followers = [
            Follower(log, url, folder / "mirror" / name_origin(log.name), self.forks)
            for log, url in logs.items()
            if url
        ]
        self._lock = threading.Lock()
        self._certifying = threading.Lock()
        self._certificates: dict[tuple[str, int], bytes] = {}

    @property
    def verifier_key(self) -> VerifierKey:
        """The witness's key."""
        return self.keys.verifier_key

    @property
    def state(self) -> State:
        """What the witness cosigned last of each log."""
        return self.store.state

    # ------------------------------------------------------------------------------------------------- answers

    def add_checkpoint(self, request: bytes) -> Answer:
        """Decide on a request; what it changes is durable before the answer is returned. Raises OSError."""
        with self._lock:
            state, answer = add_checkpoint(self.witness, self.store.state, request, self._now_s())
            if answer.status == 200:
                before = self.store.state.heads
                for origin in [name for name, head in state.heads.items() if before.get(name) != head]:
                    self.store.save(state, origin)
            elif answer.refusal is not None:
                self._suspect(request)
        return answer

    def _suspect(self, request: bytes) -> None:
        """Keep a proof where a refused checkpoint with the log's signature contradicts what was cosigned."""
        try:
            shown = parse_add_checkpoint(request).checkpoint
            note = parse_note(shown)
            log = next(log for log in self.logs if log.name == parse_checkpoint(note.text).origin)
            verify_log_signature(note, log)
        except (Refused, StopIteration):
            return
        held = self.store.state.heads.get(log.name)
        fork = None if held is None else judge(held.note, shown, log)
        if fork is not None:
            keep(self.forks, fork)
            return
        for follower in self.followers:
            if follower.log == log:
                follower.suspect(shown)

    def read(self, path: str, query: str) -> Answer:
        """Answer a GET: the monitoring endpoint, the witness's key, its logs, a BLS share, forks, the page."""
        parts = path.strip("/").split("/")
        with self._lock:
            state = self.store.state
        if len(parts) == 2 and parts[1] == "checkpoint":
            return read_checkpoint(state, parts[0])
        if parts == ["vkey"]:
            return Answer(200, f"{self.keys.verifier_key.to_text()}\n".encode())
        if parts == ["logs"]:
            return Answer(200, self.list_logs())
        if parts == ["forks"]:
            return Answer(200, "".join(f"{name}\n" for name in self.fork_names()).encode())
        if len(parts) == 2 and parts[0] == "forks" and parts[1] in self.fork_names():
            return Answer(200, (self.forks / parts[1]).read_bytes(), "application/octet-stream")
        if len(parts) == 3 and parts[0] == "bls" and parts[2].isdecimal() and len(parts[2]) < 20:
            return self._certify(parts[1], int(parts[2]))
        if parts == [""]:
            return Answer(200, to_html(self, query).encode(), "text/html; charset=utf-8")
        return Answer(404)

    def list_logs(self) -> bytes:
        """Return the watched logs in the form that witness networks read."""
        lines = ["logs/v0"]
        for log in self.logs:
            lines += ["", f"vkey {log.to_text()}", f"origin {log.name}", f"qpd {_QPD}", "bastion none", "contact none"]
        return ("\n".join(lines) + "\n").encode()

    def fork_names(self) -> list[str]:
        """Return the files of the proofs that are kept."""
        return sorted(file.name for file in self.forks.glob("fork-*.txt")) if self.forks.is_dir() else []

    def _certify(self, origin_hash: str, size: int) -> Answer:
        """Return this witness's BLS signature on a head that it cosigned, in hexadecimal."""
        origin = next((log.name for log in self.logs if name_origin(log.name) == origin_hash), None)
        kind = next((kind for kind in _KINDS if origin is not None and kind in origin.split("/")), None)
        with self._lock:
            root = None if origin is None else self.store.recent.get(origin, {}).get(size)
        if origin is None or kind is None or root is None:
            return Answer(404)
        known = self._certificates.get((origin, size))
        if known is None:
            # One at a time, each once, and nobody waits for it: it takes a good part of a second, and anybody may ask.
            if not self._certifying.acquire(blocking=False):
                return Answer(503)
            try:
                message = bls_message(tag(kind, "certificate"), origin, size, root)
                known = sign_bls(bls_secret(self.keys.bls_seed), message)
            finally:
                self._certifying.release()
            self._certificates[origin, size] = known
            if len(self._certificates) > _RECENT * len(self.logs):
                del self._certificates[next(iter(self._certificates))]
        return Answer(200, known.hex().encode() + b"\n")

    # ------------------------------------------------------------------------------------------------- running

    def listen(self, host: str, port: int, bounds: Bounds | None = None) -> Listener:
        """Return an HTTP server that answers for this witness; `serve_forever` runs it."""
        return Listener((host, port), _handler_of(self), bounds)

    def follow(self, ended: threading.Event, pause_s: float) -> None:
        """Follow the entries of all logs with an address until `ended` is set; a slow log holds up itself alone."""
        threads = [
            threading.Thread(target=self._follow_one, args=(follower, ended, pause_s), daemon=True)
            for follower in self.followers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _follow_one(self, follower: Follower, ended: threading.Event, pause_s: float) -> None:
        while not ended.is_set():
            with self._lock:
                head = self.store.state.heads.get(follower.log.name)
            follower.step(None if head is None else head.note)
            ended.wait(pause_s)


def serve_copy(get: Get, host: str, port: int, bounds: Bounds | None = None) -> Listener:
    """Return an HTTP server of a log's static files, as `get` knows them: the checkpoint, tiles and bundles."""

    class CopyHandler(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the library's name
            """Answer with a file of the log."""
            self.take()
            path = urlsplit(self.path).path.removeprefix("/")
            try:
                if path != CHECKPOINT_PATH:
                    parse_path(path)
            except Refused:
                self.send_answer(Answer(404))
                return
            data = get(path)
            if data is None:
                self.send_answer(Answer(404))
            elif path == CHECKPOINT_PATH:
                self.send_answer(Answer(200, data), "public, max-age=1")
            else:
                answer = Answer(200, data, "application/octet-stream")
                self.send_answer(answer, "public, max-age=31536000, immutable")

    return Listener((host, port), CopyHandler, bounds)


def _handler_of(server: WitnessServer) -> type[Handler]:
    class WitnessHandler(Handler):
        def do_POST(self) -> None:  # noqa: N802 - the library's name
            """Answer add-checkpoint."""
            body = self.take_body(MAX_REQUEST_SIZE)
            if body is None:
                self.send_answer(Answer(400))
                return
            if urlsplit(self.path).path.rpartition("/")[2] != "add-checkpoint":
                self.send_answer(Answer(404))
                return
            try:
                self.send_answer(server.add_checkpoint(body))
            except OSError:
                # Nothing was promised: the state could not be stored.
                self.send_answer(Answer(500))

        def do_GET(self) -> None:  # noqa: N802 - the library's name
            """Answer what anybody may read."""
            self.take()
            address = urlsplit(self.path)
            self.send_answer(server.read(address.path, address.query))

    return WitnessHandler
