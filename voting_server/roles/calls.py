"""Calls that a program signs with its owner's key: for the command line, where no browser holds a passkey.

Spec: `docs/operations/officers.md`, section "Command line". The signature covers side, method, path, time and the hash
of the body; it opens what the person's own role opens, for a minute, and is no author's signature of any entry.

>>> key = SigningKey.from_seed(bytes(32))
>>> header = sign_call(key, "ballot", "GET", "/proposals", b"", 1_000)
>>> read_call(header).body_hash == hash_body(b"")
True
>>> verify_call(read_call(header), key.public_key, "ballot", "GET", "/proposals", 61_001)
Traceback (most recent call last):
...
voting_server.roles.calls.CallError: not signed within a minute
"""

import hashlib
from dataclasses import dataclass

from crypto.errors import Refused
from crypto.signatures import SigningKey, sign_author, verify_author
from crypto.transcript import tagged_hash

HEADER = "dobush-signer"
LIFE_MS = 60_000
_TAG, _USE = b"dobush/1/installation/role-call", "role-call"


class CallError(Exception):
    """A header that does not let anybody in."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a header says."""

    signer: bytes
    at_ms: int
    body_hash: bytes
    signature: bytes


def hash_body(body: bytes) -> bytes:
    """Return the hash of a body."""
    return hashlib.sha256(body).digest()


def sign_call(key: SigningKey, side: str, method: str, path: str, body: bytes, now_ms: int) -> str:
    """Return the header's value: key id, time in ms, hash of the body, signature."""
    digest = _digest(side, method, path, now_ms, hash_body(body))
    signer, signature = sign_author(key, _TAG, bytes(32), _USE, digest)
    return f"{signer.hex()} {now_ms} {hash_body(body).hex()} {signature.hex()}"


def read_call(header: str) -> Call:
    """Read a header. Raises CallError."""
    try:
        signer, time_text, body_hash, signature = header.split(" ")
        call = Call(bytes.fromhex(signer), int(time_text), bytes.fromhex(body_hash), bytes.fromhex(signature))
    except ValueError:
        raise CallError("four fields: key id, time, hash, signature") from None
    if (len(call.signer), len(call.body_hash), len(call.signature)) != (8, 32, 64) or not 0 <= call.at_ms < 2**63:
        raise CallError("a field of another length")
    return call


def verify_call(call: Call, key: bytes, side: str, method: str, path: str, now_ms: int) -> None:
    """Check a call but for its body. Raises CallError."""
    if abs(now_ms - call.at_ms) > LIFE_MS:
        raise CallError("not signed within a minute")
    try:
        verify_author(
            key, _TAG, bytes(32), _USE, _digest(side, method, path, call.at_ms, call.body_hash), call.signature
        )
    except Refused:
        raise CallError("not signed by this key") from None


def _digest(side: str, method: str, path: str, at_ms: int, body_hash: bytes) -> bytes:
    return tagged_hash(_TAG, side.encode(), method.encode(), path.encode(), at_ms.to_bytes(8, "big"), body_hash)
