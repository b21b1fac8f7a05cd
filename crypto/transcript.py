"""Tags, tagged hashes and the one typed transcript that every challenge comes from.

Spec: `docs/spec/transcript.md`. Every item is labelled and length-prefixed, so that no two sequences of items hash the
same bytes; every tag names protocol, version, kind of election and use. Nothing here knows a group: a challenge is 64
bytes, and `Group.reduce_wide` makes a scalar of it.

>>> state = Transcript(tag("demo", "example"))
>>> state.absorb("item", b"one")
>>> state.challenge("x").hex()[:16]
'4f8d3ce16db64273'
>>> tagged_hash(tag("demo", "a"), b"b", b"") == tagged_hash(tag("demo", "a"), b"", b"b")
False
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Literal, get_args

from crypto.errors import Misuse

Kind = Literal["demo", "practice", "real"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_PREFIX = b"dobush/1/"
_INIT, _ABSORB, _CHALLENGE = b"\x00", b"\x01", b"\x02"
_DIGEST_SIZE = 64


def tag(kind: Kind, use: str) -> bytes:
    """Return the tag of a use in elections of a kind: `dobush/1/<kind>/<use>`, ASCII."""
    if kind not in KINDS:
        raise Misuse(f"no such kind of election: {kind!r}")
    return _PREFIX + f"{kind}/{use}".encode("ascii")


def tagged_hash(tag_bytes: bytes, *fields: bytes) -> bytes:
    """Return SHA-256 (32 bytes) over the tag and the fields, each with its length before it."""
    parts = [len(tag_bytes).to_bytes(2, "big"), tag_bytes]
    for field in fields:
        parts += (len(field).to_bytes(4, "big"), field)
    return hashlib.sha256(b"".join(parts)).digest()


class Transcript:
    """A chained SHA-512 state of 64 bytes: what was absorbed, in what order, under which labels."""

    __slots__ = ("state",)

    def __init__(self, tag_bytes: bytes) -> None:
        """Begin with a tag."""
        self.state = hashlib.sha512(_INIT + _prefixed(tag_bytes)).digest()

    @classmethod
    def resume(cls, state: bytes) -> Transcript:
        """Continue from the 64 bytes of an earlier state (a prefix that many proofs share)."""
        if len(state) != _DIGEST_SIZE:
            raise Misuse(f"a transcript state has {_DIGEST_SIZE} bytes, not {len(state)}")
        new = cls.__new__(cls)
        new.state = state
        return new

    def absorb(self, label: str, item: bytes) -> None:
        """Chain one labelled item (at most 2^32 - 1 bytes)."""
        label_bytes = label.encode("ascii")
        self.state = hashlib.sha512(_ABSORB + self.state + _prefixed(label_bytes) + _prefixed(item)).digest()

    def challenge(self, label: str, index: int | None = None) -> bytes:
        """Return 64 challenge bytes; the state stays as it is, so absorb before asking again.

        With an index the label is followed by the index as four bytes: one challenge per member of a list.
        """
        label_bytes = label.encode("ascii")
        if index is not None:
            label_bytes += index.to_bytes(4, "big")
        return hashlib.sha512(_CHALLENGE + self.state + _prefixed(label_bytes)).digest()


def hkdf_extract(salt: bytes, secret: bytes) -> bytes:
    """Return the 64-byte pseudorandom key of a secret (RFC 5869 with SHA-512)."""
    return hmac.digest(salt, secret, "sha512")


def hkdf_expand(key: bytes, info: bytes, length: int) -> bytes:
    """Return `length` bytes (at most 64: one block is all that this protocol asks for) of RFC 5869's output."""
    if not 0 < length <= _DIGEST_SIZE:
        raise Misuse(f"HKDF output of {length} bytes was asked for; 1 to {_DIGEST_SIZE} is what one block gives")
    return hmac.digest(key, info + b"\x01", "sha512")[:length]


def _prefixed(item: bytes) -> bytes:
    return len(item).to_bytes(4, "big") + item
