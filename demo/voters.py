"""Software passkeys of the simulated voters: what a browser and an authenticator answer to a challenge, without either.

Spec: `docs/spec/signatures.md`, section "Passkeys". A key is made again from its 32-byte seed by any process, and the
same seed signs the same challenge with the same bytes, so that a demo can be repeated. There is nobody to verify behind
such a key: elections of kind *real* refuse it.

>>> from crypto.signatures import passkey_challenge, verify_passkey_assertion
>>> passkey = make_passkey(bytes(32), ES256)
>>> challenge = passkey_challenge(b"dobush/1/demo/cast", bytes(32))
>>> answer = passkey.sign(challenge, "localhost", "http://localhost:8000")
>>> verify_passkey_assertion(
...     passkey.cose_key, *answer.parts(), challenge, "localhost", ["http://localhost:8000"]
... )
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256, sha512
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from crypto.errors import Misuse
from crypto.signatures import EDDSA, ES256, SigningKey, client_data_start, cose_eddsa, cose_es256

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# User present, user verified, and the two bits of a synced key, as most phones set them.
_FLAGS = 0x01 | 0x04 | 0x08 | 0x10
_NO_COUNTER = bytes(4)


@dataclass(frozen=True, slots=True)
class Assertion:
    """A passkey's answer, as a ballot entry keeps it."""

    authenticator_data: bytes
    client_data: bytes
    signature: bytes

    def parts(self) -> tuple[bytes, bytes, bytes]:
        """Return the three parts in the order in which the verifier takes them."""
        return self.authenticator_data, self.client_data, self.signature


@dataclass(frozen=True, slots=True)
class SoftwarePasskey:
    """A passkey made by a program; `cose_key` is what a credential entry holds."""

    cose_key: bytes
    _secret: ec.EllipticCurvePrivateKey | SigningKey = field(repr=False)

    @property
    def credential_id(self) -> bytes:
        """What the authenticator calls this passkey."""
        return sha256(self.cose_key).digest()[:16]

    def sign(self, challenge: bytes, rp_id: str, origin: str, *, flags: int = _FLAGS) -> Assertion:
        """Return the assertion for a 32-byte challenge, as a browser on `origin` would."""
        authenticator_data = sha256(rp_id.encode()).digest() + bytes([flags]) + _NO_COUNTER
        client_data = client_data_start(challenge) + origin.encode() + b'","crossOrigin":false}'
        return Assertion(authenticator_data, client_data, self.sign_raw(authenticator_data, client_data))

    def sign_raw(self, authenticator_data: bytes, client_data: bytes) -> bytes:
        """Return the signature over any two parts, also ones that no browser would write."""
        message = authenticator_data + sha256(client_data).digest()
        if isinstance(self._secret, SigningKey):
            return self._secret.sign(message)
        return self._secret.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True))


def make_passkey(seed: bytes, algorithm: int = ES256) -> SoftwarePasskey:
    """Return the passkey of a 32-byte seed; `algorithm` is the COSE number of ES256 (-7) or EdDSA (-8)."""
    if len(seed) != 32:
        raise Misuse("a software passkey's seed has 32 bytes")
    if algorithm == EDDSA:
        key = SigningKey.from_seed(sha256(b"dobush/1/software-passkey/eddsa" + seed).digest())
        return SoftwarePasskey(cose_eddsa(key.public_key), key)
    if algorithm != ES256:
        raise Misuse("a software passkey is ES256 or EdDSA")
    scalar = int.from_bytes(sha512(b"dobush/1/software-passkey/es256" + seed).digest(), "big") % (_ORDER - 1) + 1
    secret = ec.derive_private_key(scalar, ec.SECP256R1())
    point = secret.public_key().public_numbers()
    return SoftwarePasskey(cose_es256(point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big")), secret)


def attest(passkey: SoftwarePasskey, challenge: bytes, rp_id: str, origin: str, *, flags: int = 0x5D) -> dict[str, Any]:
    """Return what a browser answers to `create()`, as JSON: attestation none, user present and verified."""
    data = sha256(rp_id.encode()).digest() + bytes([flags]) + _NO_COUNTER + bytes(16) + b"\x00\x10"
    data += passkey.credential_id + passkey.cose_key
    client = {"type": "webauthn.create", "challenge": encode(challenge), "origin": origin, "crossOrigin": False}
    response = {
        "clientDataJSON": encode(json.dumps(client).encode()),
        "attestationObject": encode(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
    }
    name = encode(passkey.credential_id)
    return {"id": name, "rawId": name, "type": "public-key", "response": response}


def answer_in_json(passkey: SoftwarePasskey, answer: Assertion) -> dict[str, Any]:
    """Return an assertion as a browser's `toJSON()` gives it."""
    names = ("authenticatorData", "clientDataJSON", "signature")
    name = encode(passkey.credential_id)
    response = dict(zip(names, map(encode, answer.parts()), strict=True))
    return {"id": name, "rawId": name, "type": "public-key", "response": response}


def encode(data: bytes) -> str:
    """Return base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()
