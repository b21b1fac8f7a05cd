"""The witnesses' BLS certificates at the opening and at the close: one signature that stands for a quorum.

Spec: `docs/spec/board.md` (certificate), `docs/spec/signatures.md`. Additional evidence, never counted as a
cosignature. Pairings take a third of a second each, so this runs in the worker, in a process of its own. Each share is
asked from `GET <witness>/bls/<origin hash>/<size>` and verified alone before it is added up, so that a bad one costs
only itself.

>>> import inspect
>>> [name for name, _ in inspect.getmembers(Certifier, inspect.isfunction)]
['__init__', '_ask', '_collect', '_due', '_sign', 'step']
"""

import time
from hashlib import sha256

from crypto.election.board import Head, Phase
from crypto.election.entries import Certificate, Entry, Manifest
from crypto.errors import Refused
from crypto.signatures import BlsKey, aggregate_bls, bls_message, sign_author, verify_bls_certificate
from crypto.transcript import tag
from voting_server.board.service import Board
from voting_server.plumbing.fetching import FetchError, fetch
from voting_server.plumbing.logging import log

_WAIT_S = 10.0
_LARGEST_SHARE = 256
_AGAIN_S = 30.0


class Certifier:
    """Collects shares and queues certificate entries; used by one process."""

    def __init__(self, board: Board) -> None:
        """Stand on the board."""
        self._board = board
        self._done: set[int] = set()
        self._not_before = 0.0

    def step(self) -> bool:
        """Queue a certificate where one is due and a quorum gives its shares; tell whether one was queued."""
        if time.monotonic() < self._not_before:
            return False
        with self._board.record() as record:
            due = self._due(record.board.opening_index, record.board.close_index, record.accepted["certificate"])
            head = record.board.newest
            manifest, manifest_hash = record.parts.manifest, record.manifest_hash
            if due < 0 or head is None or head.size <= due or record.board.phase is Phase.PARTS:
                return False
        shares = self._collect(manifest, head)
        if len(shares) < manifest.quorum:
            log().warning("certificate-failed", size=head.size, count=len(shares))
            self._not_before = time.monotonic() + _AGAIN_S
            return False
        self._board.enqueue(self._sign(manifest, manifest_hash, head, shares))
        self._done.add(due)
        log().info("certified", size=head.size, count=len(shares))
        return True

    def _due(self, opening: int, close: int, certificates: int) -> int:
        """Return the index of the event that needs a certificate, -1 for none; a restart counts what the log holds."""
        marks = [mark for mark in (opening, close) if mark >= 0]
        for mark in marks[certificates:]:
            if mark not in self._done:
                return mark
        return -1

    def _collect(self, manifest: Manifest, head: Head) -> dict[str, bytes]:
        """Return verified shares by witness name."""
        message = bls_message(tag(manifest.kind, "certificate"), manifest.origin, head.size, head.root)
        shares: dict[str, bytes] = {}
        for witness in manifest.witnesses:
            url = self._board.context.settings.witnesses.get(witness.name)
            if witness.bls is None or url is None:
                continue
            share = self._ask(url, manifest.origin, head.size)
            try:
                # The key's proof of possession was checked with the manifest.
                verify_bls_certificate([BlsKey(witness.bls.key)], message, share)
            except Refused:
                log().warning("witness-failed", witness=witness.name, error="no BLS share")
                continue
            shares[witness.name] = share
        return shares

    @staticmethod
    def _ask(url: str, origin: str, size: int) -> bytes:
        path = f"{url.rstrip('/')}/bls/{sha256(origin.encode()).hexdigest()}/{size}"
        try:
            answer = fetch("GET", path, largest=_LARGEST_SHARE, wait_s=_WAIT_S)
            return bytes.fromhex(answer.body.decode("ascii").strip()) if answer.status == 200 else b""
        except (FetchError, ValueError):
            return b""

    def _sign(self, manifest: Manifest, manifest_hash: bytes, head: Head, shares: dict[str, bytes]) -> bytes:
        names = tuple(sorted(shares))
        body = Certificate(head.size, head.root, names, aggregate_bls([shares[name] for name in names])).to_bytes()
        signature = sign_author(self._board.log_key(), tag(manifest.kind, "author"), manifest_hash, "certificate", body)
        return Entry("certificate", body, (signature,)).to_bytes()
