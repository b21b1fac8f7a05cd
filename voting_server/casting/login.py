"""Log-in of a voter by passkey: who holds the key of a slot's credential may act for that pseudonym, and nobody else.

Spec: `docs/spec/signatures.md`, section "Passkeys". The server sends a token; the client computes the challenge itself,
as a tagged hash over manifest hash and token, so that whatever a server chooses, a log-in signs no ballot. A token
serves once, and only for a moment.

>>> len(login_challenge("demo", bytes(32), bytes(56)))
32
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from crypto.election.record import Record
from crypto.signatures import passkey_challenge
from crypto.transcript import Kind, tag
from voting_server.plumbing.passkeys import AssertionJson, PasskeyError, verify_assertion
from voting_server.plumbing.problems import ProblemError

TOKEN_LIFE_MS = 120_000
_RANDOM, _TIME = 16, 8


def login_challenge(kind: Kind, manifest_hash: bytes, token: bytes) -> bytes:
    """Return what a passkey signs to log in; the client computes it from the token."""
    return passkey_challenge(tag(kind, "log-in"), manifest_hash, token)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes tokens and knows its own again, without storing any that nobody uses."""

    key: bytes

    def make(self, now_ms: int) -> bytes:
        """Return a token of 56 bytes: 16 random ones, the time, a code that only this installation can make."""
        start = secrets.token_bytes(_RANDOM) + now_ms.to_bytes(_TIME, "big")
        return start + self._code(start)

    def open(self, token: bytes, now_ms: int) -> bytes:
        """Return a token's random part. Raises ProblemError where it is not ours or too old."""
        start, code = token[: _RANDOM + _TIME], token[_RANDOM + _TIME :]
        age_ms = now_ms - int.from_bytes(start[_RANDOM:], "big")
        if not hmac.compare_digest(code, self._code(start)) or not 0 <= age_ms <= TOKEN_LIFE_MS:
            raise ProblemError("login-failed")
        return start[:_RANDOM]

    def _code(self, start: bytes) -> bytes:
        return hmac.digest(self.key, b"dobush log-in token" + start, "sha256")


@dataclass(frozen=True, slots=True)
class Holder:
    """What a log-in of one pseudonym is verified with: small values, so that nobody waits while it is done."""

    kind: Kind
    manifest_hash: bytes
    rp_id: str
    key: bytes


def find_holder(record: Record, read: Callable[[int], bytes], pseudonym: bytes) -> Holder:
    """Return whose log-in it may be. Raises ProblemError where the pseudonym has no credential."""
    roll, board, manifest = record.roll, record.board, record.parts.manifest
    slot = roll.slot(pseudonym)
    row = -1 if slot < 0 else roll.row(slot)
    if row < 0:
        raise ProblemError("login-failed")
    key, _ = roll.key_in_force(row, board.lower or 0, board.upper_ms, read)
    return Holder(manifest.kind, record.manifest_hash, manifest.rp_id, key)


def verify_login(holder: Holder, token: bytes, assertion: AssertionJson, origin: str) -> None:
    """Check that the passkey of a pseudonym's credential signed this log-in here. Raises ProblemError."""
    challenge = login_challenge(holder.kind, holder.manifest_hash, token)
    try:
        # Synced passkeys have no counter, so that a lower one says nothing.
        verify_assertion(assertion, challenge, holder.rp_id, origin, holder.key)
    except PasskeyError:
        raise ProblemError("login-failed") from None
