"""Every signature of the protocol: authors, signed notes and cosignatures, passkeys, the witnesses' BLS certificate.

Spec: `docs/spec/signatures.md` (RFC 8032, C2SP signed-note, tlog-checkpoint, tlog-cosignature and tlog-policy, WebAuthn
level 3, RFC 9052, the BLS signature draft's proof-of-possession suite). Tags come in as bytes and times as numbers; a
verifier raises and never answers False. Ed25519 has one rule everywhere: the strict one of section "Ed25519".

>>> key = SigningKey.from_seed(bytes(32))
>>> key_id, signature = sign_author(key, b"dobush/1/demo/author", bytes(32), "round", b"body")
>>> verify_author(key.public_key, b"dobush/1/demo/author", bytes(32), "round", b"body", signature)
>>> verify_author(key.public_key, b"dobush/1/real/author", bytes(32), "round", b"body", signature)
Traceback (most recent call last):
crypto.errors.Refused: SIGNATURE-1: the Ed25519 signature is not valid under this key
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, NoReturn, cast

import nacl.bindings
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256
from nacl.exceptions import BadSignatureError
from nacl.exceptions import RuntimeError as SodiumError

from crypto import _kernel
from crypto.errors import MalformedEncoding, Misuse, Refused

if TYPE_CHECKING:
    from eth_typing import BLSPubkey, BLSSignature
    from py_ecc.bls.ciphersuites import G2ProofOfPossession

_ED25519 = "SIGNATURE-1"
_MALFORMED = "SIGNATURE-2"
_NOTE = "SIGNATURE-3"
_LOG = "SIGNATURE-4"
_QUORUM = "SIGNATURE-5"
_COSE_KEY = "SIGNATURE-6"
_CLIENT_DATA = "SIGNATURE-7"
_CHALLENGE = "SIGNATURE-8"
_ORIGIN = "SIGNATURE-9"
_CROSS_ORIGIN = "SIGNATURE-10"
_AUTHENTICATOR = "SIGNATURE-11"
_RP_ID = "SIGNATURE-12"
_USER = "SIGNATURE-13"
_ASSERTION = "SIGNATURE-14"
_POSSESSION = "SIGNATURE-15"
_CERTIFICATE = "SIGNATURE-16"

MAX_U63 = 2**63 - 1

# ------------------------------------------------------------------------------------------------------------ Ed25519

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_Y_MASK = 2**255 - 1
_BASE_POINT = b"\x58" + b"\x66" * 31
# The y coordinates of the eight points of small order (RFC 7748 curve's torsion): order 1, 2, 4 and twice 8.
_Y_ORDER_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER_Y = frozenset({0, 1, _P - 1, _Y_ORDER_8, _P - _Y_ORDER_8})


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key pair; the secret never shows in its representation."""

    public_key: bytes
    _secret: bytes = field(repr=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """Return the key of a 32-byte seed (RFC 8032 section 5.1.5)."""
        if len(seed) != 32:
            raise Misuse("an Ed25519 seed has 32 bytes")
        public_key, secret = nacl.bindings.crypto_sign_seed_keypair(seed)
        return cls(public_key, secret)

    @property
    def seed(self) -> bytes:
        """Return the 32-byte seed, for whoever stores the key."""
        return self._secret[:32]

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of a message."""
        return nacl.bindings.crypto_sign(message, self._secret)[:64]


def _require_point(data: bytes) -> None:
    """Refuse a point that is not canonical or has small order."""
    y = int.from_bytes(data, "little") & _Y_MASK
    if y >= _P or y in _SMALL_ORDER_Y:
        raise Refused(_ED25519, "a point of the Ed25519 signature or key is not canonical or has small order")


def verify_ed25519(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Check a 64-byte signature by the strict rule; raises Refused.

    libsodium repeats these checks and compares R byte by byte (no cofactor), as dalek's `verify_strict` does.
    """
    # The key has 32 bytes and the signature 64; A and R are canonical, on the curve and not of small order; S < L; and
    # the encoding of SB − hA is R.
    if len(public_key) != 32 or len(signature) != 64:
        raise Refused(_ED25519, "an Ed25519 key has 32 bytes and a signature 64")
    _require_point(public_key)
    _require_point(signature[:32])
    if int.from_bytes(signature[32:], "little") >= _L:
        raise Refused(_ED25519, "the scalar of the Ed25519 signature is not canonical")
    try:
        nacl.bindings.crypto_sign_open(signature + message, public_key)
    except BadSignatureError:
        raise Refused(_ED25519, "the Ed25519 signature is not valid under this key") from None


_OFTEN = 24
"""From so many signatures on, the tables of a key pay; they are kept for the keys met last."""


@lru_cache(maxsize=8)
def _tables_of(public_key: bytes) -> _kernel.Ed25519Key | None:
    try:
        return _kernel.Ed25519Key(public_key)
    except ValueError:
        return None


def sift_ed25519(signed: Sequence[tuple[bytes, bytes, bytes]]) -> list[bool]:
    """Tell of each (public key, message, signature) whether it holds; False also where it was not looked at.

    For keys that sign many of them the kernel computes S·B - h·A of every one from tables and compares its encoding
    with R: the strict rule itself, no random combination, so that it cannot differ from `verify_ed25519`. Whoever gets
    False asks that.
    """
    often = {key for key, count in Counter(key for key, _, _ in signed).items() if count >= _OFTEN}
    tables = {key: table for key in often if (table := _tables_of(key)) is not None}
    chosen = [at for at, (key, _, signature) in enumerate(signed) if key in tables and len(signature) == 64]
    verdicts = [False] * len(signed)
    if chosen:
        items = [signed[at] for at in chosen]
        held = _kernel.vartime_verify_ed25519(
            [tables[key] for key, _, _ in items], [item[1] for item in items], [item[2] for item in items]
        )
        for at, holds in zip(chosen, held, strict=True):
            verdicts[at] = holds
    return verdicts


# ------------------------------------------------------------------------------------------------------------ authors


def key_id(public_key: bytes) -> bytes:
    """Return the 8 bytes by which entries name an author's key."""
    return sha256(b"dobush/1/key" + public_key).digest()[:8]


def author_message(tag: bytes, manifest_hash: bytes, entry_type: str, author: bytes, body: bytes) -> bytes:
    """Return what an author signs: tag, manifest hash (32 zero bytes in the manifest), type, key id (8 bytes), body."""
    if len(manifest_hash) != 32 or len(author) != 8:
        raise Misuse("a manifest hash has 32 bytes and a key id 8")
    name = entry_type.encode("ascii")
    prefixes = (len(tag).to_bytes(2, "big"), len(name).to_bytes(2, "big"), len(body).to_bytes(4, "big"))
    return b"".join((prefixes[0], tag, manifest_hash, prefixes[1], name, author, prefixes[2], body))


def sign_author(key: SigningKey, tag: bytes, manifest_hash: bytes, entry_type: str, body: bytes) -> tuple[bytes, bytes]:
    """Return (key id, signature) of an entry's author; `tag` is that of the use "author"."""
    author = key_id(key.public_key)
    return author, key.sign(author_message(tag, manifest_hash, entry_type, author, body))


def verify_author(
    public_key: bytes, tag: bytes, manifest_hash: bytes, entry_type: str, body: bytes, signature: bytes
) -> None:
    """Check the signature of an entry's author; raises Refused."""
    message = author_message(tag, manifest_hash, entry_type, key_id(public_key), body)
    verify_ed25519(public_key, message, signature)


# ------------------------------------------------------------------------------------------------------- signed notes

TYPE_ED25519 = 0x01
TYPE_COSIGNATURE = 0x04
MAX_NOTE_SIZE = 65_535
MAX_SIGNATURE_LINES = 16

_DASH = "— "
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_SECRET_PREFIX = "PRIVATE+KEY+"  # noqa: S105 - the format's word, no secret


def _malformed(reason: str) -> NoReturn:
    raise MalformedEncoding(_MALFORMED, reason)


def _decode(text: str) -> bytes:
    """Return the bytes of standard base64 with padding, in its one spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        _malformed("not base64")
    if base64.b64encode(data).decode() != text:
        _malformed("base64 has another spelling")
    return data


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _parse_number(text: str) -> int:
    """Return a decimal number below 2^63 without leading zeros."""
    if _NUMBER.fullmatch(text) is None or int(text) > MAX_U63:
        _malformed("not a decimal number below 2^63 without leading zeros")
    return int(text)


def _require_name(name: str) -> None:
    if not name or len(name) > 255 or "+" in name or any(sign.isspace() or ord(sign) < 0x20 for sign in name):
        _malformed("a key's name is empty, too long, or holds a space or a plus sign")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key of the signed note format: name, type (0x01 log, 0x04 witness), 32 bytes."""

    name: str
    public_key: bytes
    key_type: int = TYPE_ED25519

    @property
    def note_key_id(self) -> bytes:
        """Return the 4 bytes by which a signature line names the key."""
        material = self.name.encode() + b"\n" + bytes([self.key_type]) + self.public_key
        return sha256(material).digest()[:4]

    def to_text(self) -> str:
        """Return the vkey."""
        return f"{self.name}+{self.note_key_id.hex()}+{_encode(bytes([self.key_type]) + self.public_key)}"


def parse_verifier_key(text: str) -> VerifierKey:
    """Return the key of a vkey of type 0x01 or 0x04; raises MalformedEncoding."""
    parts = text.split("+", 2)
    if len(text) > 512 or len(parts) != 3:
        _malformed("a vkey has three parts")
    _require_name(parts[0])
    material = _decode(parts[2])
    if len(material) != 33 or material[0] not in {TYPE_ED25519, TYPE_COSIGNATURE}:
        _malformed("a vkey holds an Ed25519 key of a log or a witness")
    key = VerifierKey(parts[0], material[1:], material[0])
    if key.note_key_id.hex() != parts[1]:
        _malformed("a vkey's id is not that of its key")
    return key


def signer_key_to_text(name: str, key: SigningKey) -> str:
    """Return the secret key of a log in Go's text form; it holds the seed."""
    log = VerifierKey(name, key.public_key)
    return f"{_SECRET_PREFIX}{name}+{log.note_key_id.hex()}+{_encode(bytes([TYPE_ED25519]) + key.seed)}"


def parse_signer_key(text: str) -> tuple[str, SigningKey]:
    """Return name and key of a secret key in Go's text form; raises MalformedEncoding."""
    parts = text.removeprefix(_SECRET_PREFIX).split("+", 2)
    if len(text) > 512 or not text.startswith(_SECRET_PREFIX) or len(parts) != 3:
        _malformed("not a secret note key")
    _require_name(parts[0])
    material = _decode(parts[2])
    if len(material) != 33 or material[0] != TYPE_ED25519:
        _malformed("a secret note key holds an Ed25519 seed")
    key = SigningKey.from_seed(material[1:])
    if signer_key_to_text(parts[0], key) != text:
        _malformed("a secret note key's id is not that of its key")
    return parts[0], key


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: the key's name, its 4-byte id, and the signature's bytes."""

    name: str
    note_key_id: bytes
    signature: bytes

    def to_text(self) -> str:
        """Return the line with its line feed."""
        return f"{_DASH}{self.name} {_encode(self.note_key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A signed note: its text (ends with a line feed) and its signature lines, none of them checked."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def to_bytes(self) -> bytes:
        """Return the note."""
        return (self.text + "\n" + "".join(line.to_text() for line in self.signatures)).encode()

    def with_signatures(self, *lines: NoteSignature) -> Note:
        """Return the note with more signature lines; raises Misuse beyond 16."""
        if len(self.signatures) + len(lines) > MAX_SIGNATURE_LINES:
            raise Misuse(f"a note carries at most {MAX_SIGNATURE_LINES} signature lines")
        return Note(self.text, (*self.signatures, *lines))

    def lines_of(self, key: VerifierKey) -> tuple[NoteSignature, ...]:
        """Return the lines that name this key by name and id."""
        wanted = (key.name, key.note_key_id)
        return tuple(line for line in self.signatures if (line.name, line.note_key_id) == wanted)


def parse_signature_lines(text: str) -> tuple[NoteSignature, ...]:
    """Return 1..16 signature lines; raises MalformedEncoding."""
    lines = text.split("\n", MAX_SIGNATURE_LINES + 1)
    if len(text) > MAX_NOTE_SIZE or lines.pop() or not 1 <= len(lines) <= MAX_SIGNATURE_LINES:
        _malformed(f"1 to {MAX_SIGNATURE_LINES} signature lines, each with its line feed")
    signatures = []
    for line in lines:
        name, separator, blob = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH) or not separator:
            _malformed("not a signature line")
        _require_name(name)
        data = _decode(blob)
        if len(data) < 5:
            _malformed("a signature line holds a key id and a signature")
        signatures.append(NoteSignature(name, data[:4], data[4:]))
    return tuple(signatures)


def parse_note(data: bytes) -> Note:
    """Return a signed note's text and lines, not yet verified; raises MalformedEncoding."""
    if len(data) > MAX_NOTE_SIZE:
        _malformed("a note is too long")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        _malformed("a note is UTF-8")
    if any(sign < " " and sign != "\n" for sign in whole):
        _malformed("a note holds no control character but the line feed")
    text, separator, lines = whole.rpartition("\n\n")
    if not separator:
        _malformed("a note has an empty line before its signatures")
    return Note(text + "\n", parse_signature_lines(lines))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree's head: origin, size and root (32 bytes). Extension lines do not exist here."""

    origin: str
    size: int
    root: bytes

    def to_text(self) -> str:
        """Return the note's text, three lines."""
        return f"{self.origin}\n{self.size}\n{_encode(self.root)}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the head that a note's text states; raises MalformedEncoding unless it has exactly three lines."""
    lines = text.split("\n", 4)
    if len(lines) != 4 or lines[3]:
        _malformed("a checkpoint has three lines and no extension")
    _require_name(lines[0])
    root = _decode(lines[2])
    if len(root) != 32:
        _malformed("a root has 32 bytes")
    return Checkpoint(lines[0], _parse_number(lines[1]), root)


def sign_checkpoint(key: SigningKey, checkpoint: Checkpoint) -> Note:
    """Return the checkpoint as a note with the log's line; the key's name is the origin."""
    text = checkpoint.to_text()
    log = VerifierKey(checkpoint.origin, key.public_key)
    return Note(text, (NoteSignature(log.name, log.note_key_id, key.sign(text.encode())),))


def verify_log_signature(note: Note, log: VerifierKey) -> Checkpoint:
    """Return the head of a note that the log signed; raises Refused."""
    checkpoint = parse_checkpoint(note.text)
    lines = note.lines_of(log)
    # A checkpoint carries its origin's signature under the log key that the manifest names.
    if log.key_type != TYPE_ED25519 or checkpoint.origin != log.name or not lines:
        raise Refused(_LOG, "the checkpoint is not signed by the log", culprit=log.name)
    _verify_line(log, note.text.encode(), lines[0].signature)
    return checkpoint


def _verify_line(key: VerifierKey, message: bytes, signature: bytes) -> None:
    try:
        verify_ed25519(key.public_key, message, signature)
    except Refused as refusal:
        # A bad signature of a known key refuses the whole note.
        raise Refused(_NOTE, "a known key's signature line is bad", culprit=key.name) from refusal


def verify_checkpoint(data: bytes, log: VerifierKey) -> Checkpoint:
    """Return the head of a checkpoint's bytes after checking the log's signature; raises Refused."""
    return verify_log_signature(parse_note(data), log)


# -------------------------------------------------------------------------------------------- cosignatures and quorum


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A verified witness line: whose, and at which time (POSIX seconds)."""

    witness: VerifierKey
    time_s: int


@dataclass(frozen=True, slots=True)
class QuorumCheckpoint:
    """A head with the cosignatures that count: one a public key, time above zero and not from the future."""

    checkpoint: Checkpoint
    cosignatures: tuple[Cosignature, ...]

    @property
    def times_s(self) -> tuple[int, ...]:
        """Return the cosignature times in seconds, smallest first."""
        return tuple(sorted(item.time_s for item in self.cosignatures))


def _cosignature_message(text: str, time_s: int) -> bytes:
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def cosign(key: SigningKey, name: str, text: str, time_s: int) -> NoteSignature:
    """Return a witness's line (cosignature/v1) over a checkpoint's text at a time in POSIX seconds."""
    if not 0 < time_s <= MAX_U63:
        raise Misuse("a cosignature's time is above zero and below 2^63 seconds")
    witness = VerifierKey(name, key.public_key, TYPE_COSIGNATURE)
    signature = time_s.to_bytes(8, "big") + key.sign(_cosignature_message(text, time_s))
    return NoteSignature(name, witness.note_key_id, signature)


def verify_cosignatures(note: Note, witnesses: Iterable[VerifierKey], latest_s: int) -> tuple[Cosignature, ...]:
    """Return the cosignatures that count, in the order of `witnesses`; raises Refused for a bad line of a known key.

    A line with time 0 or later than `latest_s` does not count; a public key counts once, whatever its names.
    """
    counted: dict[bytes, Cosignature] = {}
    for witness in witnesses:
        lines = note.lines_of(witness)
        if not lines or witness.key_type != TYPE_COSIGNATURE:
            continue
        blob = lines[0].signature
        time_s = int.from_bytes(blob[:8], "big")
        _verify_line(witness, _cosignature_message(note.text, time_s), blob[8:])
        if 0 < time_s <= min(latest_s, MAX_U63):
            counted.setdefault(witness.public_key, Cosignature(witness, time_s))
    return tuple(counted.values())


def verify_quorum(
    data: bytes, log: VerifierKey, witnesses: Iterable[VerifierKey], quorum: int, latest_s: int
) -> QuorumCheckpoint:
    """Return a checkpoint that the log signed and at least `quorum` witnesses cosigned; raises Refused.

    `latest_s` is the latest time, in POSIX seconds, at which a cosignature can have been made.
    """
    if quorum < 1:
        raise Misuse("a quorum is at least one witness")
    note = parse_note(data)
    checkpoint = verify_log_signature(note, log)
    counted = verify_cosignatures(note, witnesses, latest_s)
    # At least k witnesses with different public keys cosigned, each at a time above zero and not from the future.
    if len(counted) < quorum:
        reason = f"{len(counted)} cosignatures count, {quorum} are needed"
        raise Refused(_QUORUM, reason, culprit=f"checkpoint of {checkpoint.size} entries")
    return QuorumCheckpoint(checkpoint, counted)


@dataclass(frozen=True, slots=True)
class Policy:
    """A quorum as a tlog-policy file states it: one log, n witnesses, k of them."""

    log: VerifierKey
    witnesses: tuple[VerifierKey, ...]
    quorum: int

    def to_bytes(self) -> bytes:
        """Return the file."""
        names = [f"w{number}" for number in range(1, len(self.witnesses) + 1)]
        lines = [f"log {self.log.to_text()}"]
        lines += [f"witness {name} {key.to_text()}" for name, key in zip(names, self.witnesses, strict=True)]
        lines += [f"group quorum-of-witnesses {self.quorum} {' '.join(names)}", "quorum quorum-of-witnesses", ""]
        return "\n".join(lines).encode()


def parse_policy(data: bytes) -> Policy:
    """Return the policy of a file as `Policy.to_bytes` writes it; raises MalformedEncoding for any other policy."""
    try:
        lines = [line.split(" ") for line in data[:MAX_NOTE_SIZE].decode("utf-8").split("\n", 300)]
    except UnicodeDecodeError:
        _malformed("a policy is UTF-8")
    logs = [line[1] for line in lines if line[0] == "log" and len(line) == 2]
    witnesses = tuple(parse_verifier_key(line[2]) for line in lines if line[0] == "witness" and len(line) == 3)
    counts = [line[2] for line in lines if line[0] == "group" and len(line) > 2]
    if len(logs) != 1 or len(counts) != 1:
        _malformed("a policy names one log and one group")
    policy = Policy(parse_verifier_key(logs[0]), witnesses, _parse_number(counts[0]))
    distinct = {key.public_key for key in witnesses}
    if policy.to_bytes() != data or not 1 <= policy.quorum <= len(distinct) == len(witnesses):
        _malformed("a policy is k of n witnesses with different keys, in the form that this program writes")
    return policy


# ----------------------------------------------------------------------------------------------------------- passkeys

ES256, EDDSA, RS256 = -7, -8, -257
MAX_CLIENT_DATA_SIZE = 2_048
MAX_AUTHENTICATOR_DATA_SIZE = 1_024
MAX_COSE_KEY_SIZE = 1_024

_ES256_SHAPE = re.compile(rb"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20(.{32})\x22\x58\x20(.{32})", re.DOTALL)
_EDDSA_SHAPE = re.compile(rb"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20(.{32})", re.DOTALL)
_RS256_SHAPE = re.compile(rb"\xa4\x01\x03\x03\x39\x01\x00\x20\x59(..)(.{256,512})\x21\x43\x01\x00\x01", re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_CURVE = ec.SECP256R1()
_ECDSA = ec.ECDSA(SHA256())
_SHA256 = SHA256()
_PKCS1 = padding.PKCS1v15()
_USER_PRESENT, _USER_VERIFIED, _ATTESTED, _EXTENDED = 0x01, 0x04, 0x40, 0x80

PasskeyPublic = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | bytes


def cose_es256(x: bytes, y: bytes) -> bytes:
    """Return the COSE key of a P-256 point: {1: 2, 3: -7, -1: 1, -2: x, -3: y}, each coordinate 32 bytes big endian."""
    return b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20" + x + b"\x22\x58\x20" + y


def cose_eddsa(public_key: bytes) -> bytes:
    """Return the COSE key of an Ed25519 key: {1: 1, 3: -8, -1: 6, -2: key}."""
    return b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20" + public_key


def cose_rs256(modulus: int) -> bytes:
    """Return the COSE key of an RSA key with exponent 65537: {1: 3, 3: -257, -1: modulus, -2: 65537}."""
    data = modulus.to_bytes((modulus.bit_length() + 7) // 8, "big")
    return b"\xa4\x01\x03\x03\x39\x01\x00\x20\x59" + len(data).to_bytes(2, "big") + data + b"\x21\x43\x01\x00\x01"


def parse_cose_key(data: bytes) -> tuple[int, PasskeyPublic]:
    """Return (COSE algorithm, public key) of a passkey's key in its one form; raises MalformedEncoding."""
    # The key has the canonical form of its algorithm; its point is on the curve, its modulus has 2048 to 4096 bits.
    try:
        if match := _ES256_SHAPE.fullmatch(data):
            return ES256, ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, b"\x04" + match[1] + match[2])
        if match := _EDDSA_SHAPE.fullmatch(data):
            _require_point(match[1])
            # libsodium's addition decodes its points and accepts any subgroup, like the strict rule.
            nacl.bindings.crypto_core_ed25519_add(match[1], _BASE_POINT)
            return EDDSA, match[1]
        if len(data) <= MAX_COSE_KEY_SIZE and (match := _RS256_SHAPE.fullmatch(data)):
            modulus = int.from_bytes(match[2], "big")
            if (
                match[1] == len(match[2]).to_bytes(2, "big")
                and match[2][0]
                and modulus & 1
                and modulus.bit_length() >= 2048
            ):
                return RS256, rsa.RSAPublicNumbers(65_537, modulus).public_key()
    except (ValueError, SodiumError, Refused) as error:
        raise MalformedEncoding(_COSE_KEY, "the passkey's public key is not valid on its curve") from error
    raise MalformedEncoding(_COSE_KEY, "not the canonical COSE form of an ES256, EdDSA or RS256 key")


def passkey_challenge(tag: bytes, *fields: bytes) -> bytes:
    """Return the 32-byte challenge over fields of fixed lengths: SHA-256(u16 length of tag, tag, fields)."""
    return sha256(len(tag).to_bytes(2, "big") + tag + b"".join(fields)).digest()


def client_data_start(challenge: bytes) -> bytes:
    """Return how clientDataJSON begins, up to the origin's first character (WebAuthn section 5.8.1.1)."""
    text = base64.urlsafe_b64encode(challenge).rstrip(b"=")
    return b'{"type":"webauthn.get","challenge":"' + text + b'","origin":"'


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _verify_client_data(data: bytes, challenge: bytes, origins: Collection[str]) -> None:
    """Check clientDataJSON by its raw beginning, then its members; raises Refused."""
    # At most 2,048 bytes.
    if len(data) > MAX_CLIENT_DATA_SIZE:
        raise MalformedEncoding(_CLIENT_DATA, f"clientDataJSON has at most {MAX_CLIENT_DATA_SIZE} bytes")
    # It begins with the type webauthn.get and with the challenge, as every browser writes them.
    start = client_data_start(challenge)
    if not data.startswith(start):
        raise Refused(_CHALLENGE, "clientDataJSON does not begin with this type and challenge")
    # The origin follows and is one that the manifest lists.
    end = data.find(b'"', len(start))
    if end < 0 or data[len(start) : end].decode("latin-1") not in origins:
        raise Refused(_ORIGIN, "the passkey signed for an origin that the manifest does not list")
    tail = data[end + 1 :]
    if tail in {b',"crossOrigin":false}', b"}"}:
        return
    # The whole is one JSON object in UTF-8, with at most 8 opening brackets and braces, no \u escape of a surrogate,
    # and no member twice in any object.
    if data.count(b"{") + data.count(b"[") > 8 or _SURROGATE.search(data):
        raise MalformedEncoding(_CLIENT_DATA, "clientDataJSON is nested too deeply or escapes a surrogate")
    try:
        members = json.loads(data.decode("utf-8"), object_pairs_hook=_unique_members, parse_constant=_refuse_constant)
    except ValueError as error:
        raise MalformedEncoding(_CLIENT_DATA, "clientDataJSON is not JSON with members that stand once") from error
    # crossOrigin is absent or false, topOrigin is absent.
    if members.get("crossOrigin", False) is not False or "topOrigin" in members:
        raise Refused(_CROSS_ORIGIN, "the passkey signed inside another site's frame")


def _verify_authenticator_data(data: bytes, rp_id: str) -> None:
    """Check authenticatorData; raises Refused."""
    # 37 bytes, or up to 1,024 where the flags announce extensions or attested data; at least 38 then.
    flagged = len(data) >= 37 and data[32] & (_ATTESTED | _EXTENDED)
    if not (37 < len(data) <= MAX_AUTHENTICATOR_DATA_SIZE if flagged else len(data) == 37):
        raise MalformedEncoding(_AUTHENTICATOR, "authenticatorData has 37 bytes unless its flags announce more")
    # Its first 32 bytes are the hash of the manifest's rpId.
    if data[:32] != sha256(rp_id.encode()).digest():
        raise Refused(_RP_ID, "the passkey signed for another relying party")
    # The user was present and verified.
    if data[32] & (_USER_PRESENT | _USER_VERIFIED) != _USER_PRESENT | _USER_VERIFIED:
        raise Refused(_USER, "the passkey did not verify its user")


def verify_passkey_assertion(
    cose_key: bytes,
    authenticator_data: bytes,
    client_data_json: bytes,
    signature: bytes,
    challenge: bytes,
    rp_id: str,
    origins: Collection[str],
) -> None:
    """Check that the passkey signed this challenge here, its user present and verified (WebAuthn section 7.2).

    Raises Refused, the first failing check in the order of the specification. The counter is ignored: synced passkeys
    have none.
    """
    algorithm, key = parse_cose_key(cose_key)
    _verify_client_data(client_data_json, challenge, origins)
    _verify_authenticator_data(authenticator_data, rp_id)
    message = authenticator_data + sha256(client_data_json).digest()
    # The signature verifies under the credential's key: ES256 in strict DER, EdDSA by the strict rule, RS256.
    try:
        if isinstance(key, bytes):
            verify_ed25519(key, message, signature)
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, _PKCS1, _SHA256)
        else:
            _require_strict_der(signature)
            key.verify(signature, message, _ECDSA)
    except (InvalidSignature, ValueError, Refused):
        reason = f"the passkey's signature (COSE algorithm {algorithm}) is not valid"
        raise Refused(_ASSERTION, reason) from None


def _require_strict_der(signature: bytes) -> None:
    """Raise ValueError unless the bytes are the one DER encoding of two integers."""
    if len(signature) > 72 or utils.encode_dss_signature(*utils.decode_dss_signature(signature)) != signature:
        raise ValueError("not strict DER")


# ------------------------------------------------------------------------------------------------ the BLS certificate


@dataclass(frozen=True, slots=True)
class BlsKey:
    """A witness's BLS12-381 key (48 bytes) whose possession is proven; `verify_bls_possession` is the only maker."""

    public_key: bytes


def _bls() -> type[G2ProofOfPossession]:
    """Return the suite; imported where it is used, because it takes 0.7 s and most processes never need it."""
    limit = sys.getrecursionlimit()
    from py_ecc.bls.ciphersuites import G2ProofOfPossession  # noqa: PLC0415 - see above

    # py-ecc raises the limit to 100,000 when it is imported; deeply nested input to any parser of this process (json's
    # scanner, for one) would then overflow the C stack instead of being refused.
    sys.setrecursionlimit(limit)
    return G2ProofOfPossession


def bls_message(tag: bytes, origin: str, size: int, root: bytes) -> bytes:
    """Return what witnesses sign for a certificate: tag, origin, size (u64), root."""
    name = origin.encode()
    prefixes = (len(tag).to_bytes(2, "big"), len(name).to_bytes(2, "big"))
    return b"".join((prefixes[0], tag, prefixes[1], name, size.to_bytes(8, "big"), root))


def bls_secret(seed: bytes) -> int:
    """Return the secret scalar of a seed of at least 32 bytes (KeyGen of the BLS draft)."""
    if len(seed) < 32:
        raise Misuse("a BLS seed has at least 32 bytes")
    return _bls().KeyGen(seed)


def sign_bls(secret: int, message: bytes) -> bytes:
    """Return the 96-byte signature of a message."""
    return bytes(_bls().Sign(secret, message))


def prove_bls_possession(secret: int) -> tuple[bytes, bytes]:
    """Return (public key of 48 bytes, proof of possession of 96 bytes)."""
    suite = _bls()
    return bytes(suite.SkToPk(secret)), bytes(suite.PopProve(secret))


def verify_bls_possession(public_key: bytes, proof: bytes) -> BlsKey:
    """Return a key whose possession is proven; raises Refused. About a third of a second."""
    # The key is a canonical point of the prime-order group, not the identity, and its proof of possession verifies.
    suite = _bls()
    if (
        len(public_key) != 48
        or len(proof) != 96
        or not suite.PopVerify(cast("BLSPubkey", public_key), cast("BLSSignature", proof))
    ):
        raise Refused(_POSSESSION, "the possession of the BLS key is not proven")
    return BlsKey(public_key)


def aggregate_bls(signatures: Sequence[bytes]) -> bytes:
    """Return the one 96-byte signature that stands for several of the same message; raises Misuse for a bad one."""
    try:
        return bytes(_bls().Aggregate([cast("BLSSignature", item) for item in signatures]))
    except ValueError as error:
        raise Misuse("cannot aggregate what are not BLS signatures") from error


def verify_bls_certificate(keys: Sequence[BlsKey], message: bytes, signature: bytes) -> None:
    """Check that all these keys signed the message (FastAggregateVerify); raises Refused. About a third of a second."""
    # At least one key, each proven, no key twice, and the aggregate signature verifies under their sum.
    distinct = {key.public_key for key in keys}
    if not keys or len(distinct) != len(keys) or len(signature) != 96:
        raise Refused(_CERTIFICATE, "a certificate has different proven keys and a signature of 96 bytes")
    public_keys = [cast("BLSPubkey", key.public_key) for key in keys]
    if not _bls().FastAggregateVerify(public_keys, message, cast("BLSSignature", signature)):
        raise Refused(_CERTIFICATE, "the certificate's aggregate signature is not valid")
