"""What a registrar's program and the identity side say to each other: calls signed by the registrar's key.

Spec: `docs/operations/registrar.md`. A registrar has no password and no session: each call carries a signature over
method, path, time and body. An entry is composed from a body and both registrars' signatures by whoever has both.

>>> from crypto.signatures import key_id
>>> key = SigningKey.from_seed(bytes(32))
>>> election = Election("demo", bytes(32))
>>> header = sign_call(key, election, "GET", "/registrar/requests", b"", 1_000)
>>> known = {key_id(key.public_key): key.public_key}
>>> verify_call(header, known, election, "GET", "/registrar/requests", b"", 2_000) in known
True
"""

from collections.abc import Iterable, Mapping

from crypto.election.entries import Entry
from crypto.errors import Refused
from crypto.signatures import SigningKey, sign_author, verify_author
from crypto.transcript import tag, tagged_hash
from voting_server.plumbing.problems import ProblemError
from voting_server.voters.evidence import Election

HEADER = "dobush-registrar"
LIFE_MS = 60_000
_CALL, _VERSION = "registrar-call", "roll-version"


def sign_call(key: SigningKey, election: Election, method: str, path: str, body: bytes, now_ms: int) -> str:
    """Return the header's value: key id, time in ms, signature."""
    author, signature = sign_author(
        key, tag(election.kind, _CALL), election.manifest_hash, _CALL, _digest(election, method, path, body, now_ms)
    )
    return f"{author.hex()} {now_ms} {signature.hex()}"


def verify_call(
    header: str, keys: Mapping[bytes, bytes], election: Election, method: str, path: str, body: bytes, now_ms: int
) -> bytes:
    """Return the key id of the registrar who signed a call within a minute. Raises ProblemError."""
    try:
        author_text, time_text, signature_text = header.split(" ")
        author, at_ms, signature = bytes.fromhex(author_text), int(time_text), bytes.fromhex(signature_text)
        key = keys[author]
        if abs(now_ms - at_ms) > LIFE_MS:
            raise ProblemError("forbidden")
        digest = _digest(election, method, path, body, at_ms)
        verify_author(key, tag(election.kind, _CALL), election.manifest_hash, _CALL, digest, signature)
    except (ValueError, KeyError, OverflowError, Refused):
        raise ProblemError("forbidden") from None
    return author


def sign_version(key: SigningKey, election: Election, digest: bytes) -> tuple[bytes, bytes]:
    """Return (key id, signature) over the hash of a version of the roll."""
    return sign_author(key, tag(election.kind, _VERSION), election.manifest_hash, _VERSION, digest)


def verify_version(key: bytes, election: Election, digest: bytes, signature: bytes) -> None:
    """Check a registrar's signature over a version of the roll. Raises Refused."""
    verify_author(key, tag(election.kind, _VERSION), election.manifest_hash, _VERSION, digest, signature)


def sign_body(key: SigningKey, election: Election, kind: str, body: bytes) -> tuple[bytes, bytes]:
    """Return (key id, signature) of an entry's author."""
    return sign_author(key, tag(election.kind, "author"), election.manifest_hash, kind, body)


def verify_body(key: bytes, election: Election, kind: str, body: bytes, signature: bytes) -> None:
    """Check an author's signature over an entry's body. Raises Refused."""
    verify_author(key, tag(election.kind, "author"), election.manifest_hash, kind, body, signature)


def compose(kind: str, body: bytes, signatures: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the entry of a body and its authors' signatures."""
    return Entry(kind, body, tuple(sorted(signatures))).to_bytes()


def _digest(election: Election, method: str, path: str, body: bytes, at_ms: int) -> bytes:
    fields = (method.encode(), path.encode(), at_ms.to_bytes(8, "big"), body)
    return tagged_hash(tag(election.kind, _CALL), *fields)
