"""Evidence of an identification, bound to one passkey: what the identity side takes in and each registrar checks again.

Spec: `docs/operations/identification.md`. Two providers behind one interface: an OpenID Connect ID token whose nonce is
a hash of the passkey's public key, and an enrolment code, which is a key: the voter's device signs the passkey's public
key with it, and the server never sees the code. So nobody between voter and registrar can put another key in its place.

>>> code = make_code(secrets.token_bytes)
>>> len(code), code_key("demo", bytes(32), code.lower().replace("-", " ")) == code_key("demo", bytes(32), code)
(29, True)
"""

import base64
import binascii
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from crypto.election.entries import Assurance
from crypto.errors import Refused
from crypto.signatures import SigningKey, key_id, sign_author, verify_author, verify_ed25519
from crypto.transcript import Kind, tag, tagged_hash

ALPHABET = "23456789ACEHKPTX"
CODE_DIGITS = 24
"""23 random digits of 4 bits and one that finds a slip of the pen."""
ALGORITHMS = ("RS256", "PS256", "ES256", "Ed25519")
SKEW_S = 60
_LONGEST_TOKEN = 16_384
_ISSUED = "enrolment-code"


class IdentificationError(Exception):
    """The evidence does not show what it should; the message says why and names nobody."""


@dataclass(frozen=True, slots=True)
class Election:
    """What binds evidence to one election."""

    kind: Kind
    manifest_hash: bytes


@dataclass(frozen=True, slots=True)
class Identified:
    """Who somebody is, as a provider says; `level` is the provider's own word for how sure it is."""

    number: str
    level: str
    assurance: Assurance | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a provider gave for one passkey (or, with an empty key, for looking only)."""

    provider: Literal["oidc", "code"]
    fields: Mapping[str, str]

    def to_text(self) -> str:
        """Return it as JSON."""
        return json.dumps({"provider": self.provider, **self.fields}, sort_keys=True)


def parse_evidence(text: str) -> Evidence:
    """Read what `to_text` wrote. Raises IdentificationError."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise IdentificationError("the evidence cannot be read") from error
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        raise IdentificationError("the evidence cannot be read")
    provider = fields.pop("provider", "")
    if provider not in {"oidc", "code"}:
        raise IdentificationError("the evidence is of no known provider")
    return Evidence(provider, fields)


class Provider(Protocol):
    """One way of identifying somebody. Implementations keep nothing and ask nobody."""

    def verify(self, election: Election, key: bytes, evidence: Evidence, now_ms: int) -> Identified:
        """Return whom the evidence shows for a passkey's COSE key. Raises IdentificationError."""
        ...


def bind(election: Election, key: bytes) -> bytes:
    """Return the 32 bytes to which an identification is bound: this election, this COSE key."""
    return tagged_hash(tag(election.kind, "identification"), election.manifest_hash, key)


# -------------------------------------------------------------------------------------------------- OpenID Connect


def nonce_of(election: Election, key: bytes, random: bytes) -> str:
    """Return the nonce of an authorization request: base64url of a hash over key and 16 random bytes."""
    digest = tagged_hash(tag(election.kind, "identification-nonce"), bind(election, key), random)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class OidcVerifier:
    """Verifies ID tokens of one provider with its published keys; `acr` are the levels that are enough.

    Tokens older than `max_age_s` are refused; `expiring` also refuses those past their own end, which a registrar, who
    comes later, does not ask.
    """

    issuer: str
    client: str
    keys: Mapping[str, Any]
    acr: tuple[str, ...]
    claim: str = "personal_number"
    max_age_s: int = 600
    expiring: bool = True

    def verify(self, election: Election, key: bytes, evidence: Evidence, now_ms: int) -> Identified:
        """Check signature, issuer, audience, times, nonce and level, in this order. Raises IdentificationError."""
        claims = self._claims(evidence.fields.get("token", ""))
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != self.issuer or self.client not in audiences:
            raise IdentificationError("the token is for somebody else")
        if claims.get("azp", self.client) != self.client or (len(audiences) > 1 and "azp" not in claims):
            raise IdentificationError("the token was asked for by somebody else")
        self._check_times(claims, now_ms // 1_000)
        random = _from_hex(evidence.fields.get("random", ""), 16)
        nonce = claims.get("nonce")
        if not isinstance(nonce, str) or not secrets.compare_digest(
            nonce.encode(), nonce_of(election, key, random).encode()
        ):
            raise IdentificationError("the token is bound to another key")
        level = claims.get("acr")
        if level not in self.acr:
            raise IdentificationError("the provider is not sure enough")
        number = claims.get(self.claim)
        if not isinstance(number, str) or not number.isascii() or not number.isdigit():
            raise IdentificationError("the token names no personal number")
        methods = claims.get("amr", [])
        used = "+".join(str(each) for each in methods) if isinstance(methods, list) else ""
        return Identified(number, f"{level} {used}".strip()[:200])

    def _claims(self, token: str) -> dict[str, Any]:
        if not token or len(token) > _LONGEST_TOKEN:
            raise IdentificationError("no token, or one that is too long")
        try:
            keys = KeySet.import_key_set(self.keys)  # type: ignore[arg-type]
            return jwt.decode(token, keys, registry=JWSRegistry(algorithms=list(ALGORITHMS))).claims
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise IdentificationError("the token is not signed by the provider") from error

    def _check_times(self, claims: Mapping[str, Any], now_s: int) -> None:
        issued, ends = _time(claims.get("iat")), _time(claims.get("exp"))
        if not now_s - self.max_age_s - SKEW_S <= issued <= now_s + SKEW_S:
            raise IdentificationError("the token is too old, or from the future")
        if self.expiring and ends + SKEW_S < now_s:
            raise IdentificationError("the token has expired")


# ------------------------------------------------------------------------------------------------- enrolment codes


def make_code(random: Callable[[int], bytes]) -> str:
    """Return a new code: six groups of four digits of `ALPHABET`."""
    digits = [value & 15 for value in random(CODE_DIGITS - 1)]
    digits.append(_check_digit(digits))
    text = "".join(ALPHABET[digit] for digit in digits)
    return "-".join(text[start : start + 4] for start in range(0, CODE_DIGITS, 4))


def code_key(kind: Kind, manifest_hash: bytes, code: str) -> SigningKey:
    """Return the key that a code stands for in an election. Raises IdentificationError for what is no code."""
    text = "".join(code.upper().replace("-", " ").split())
    digits = [ALPHABET.find(letter) for letter in text]
    if len(digits) != CODE_DIGITS or -1 in digits or _check_digit(digits[:-1]) != digits[-1]:
        raise IdentificationError("this is not a code")
    return SigningKey.from_seed(tagged_hash(tag(kind, _ISSUED), manifest_hash, text.encode()))


def prove_code(election: Election, code: str, key: bytes) -> tuple[bytes, bytes]:
    """Return (public key of the code, signature over the binding): what the voter's device sends."""
    signer = code_key(election.kind, election.manifest_hash, code)
    return signer.public_key, signer.sign(_code_message(election, key))


@dataclass(frozen=True, slots=True)
class Code:
    """An issued code as everybody but its holder knows it: a public key for a person, until a time."""

    number: str
    key: bytes
    expires_at_ms: int
    assurance: Assurance

    def to_bytes(self) -> bytes:
        """Return what the issuer signs."""
        return b"".join(
            (
                len(self.number).to_bytes(1, "big"),
                self.number.encode(),
                self.key,
                self.expires_at_ms.to_bytes(8, "big"),
                self.assurance.encode(),
            )
        )

    def sign(self, election: Election, issuer: SigningKey) -> bytes:
        """Return the signature of who handed it out."""
        return sign_author(issuer, tag(election.kind, _ISSUED), election.manifest_hash, _ISSUED, self.to_bytes())[1]

    def verify(self, election: Election, issuer: bytes, signature: bytes) -> None:
        """Check the signature of who handed it out. Raises IdentificationError."""
        try:
            verify_author(
                issuer, tag(election.kind, _ISSUED), election.manifest_hash, _ISSUED, self.to_bytes(), signature
            )
        except Refused as refusal:
            raise IdentificationError("the code was not issued by who it says") from refusal


@dataclass(frozen=True, slots=True)
class CodeVerifier:
    """Verifies proofs of codes that one of the trusted issuers handed out in person.

    `grace_ms` is how long after a code's end a registrar may still come.
    """

    issuers: tuple[bytes, ...]
    grace_ms: int = 0

    def verify(self, election: Election, key: bytes, evidence: Evidence, now_ms: int) -> Identified:
        """Check issuer, end and proof. Raises IdentificationError."""
        fields = evidence.fields
        assurance = fields.get("assurance", "")
        ends = fields.get("expires_at_ms", "")
        if assurance not in {"passkey", "security-key"} or not (ends.isascii() and ends.isdigit() and len(ends) < 16):
            raise IdentificationError("the evidence cannot be read")
        number: Assurance = "passkey" if assurance == "passkey" else "security-key"
        code = Code(fields.get("number", ""), _from_hex(fields.get("key", ""), 32), int(ends), number)
        issuers = {key_id(each).hex(): each for each in self.issuers}
        issuer = issuers.get(fields.get("issuer", ""))
        if issuer is None or not (code.number.isascii() and code.number.isdigit() and len(code.number) <= 20):
            raise IdentificationError("nobody whom we trust issued this code")
        code.verify(election, issuer, _from_hex(fields.get("issued", ""), 64))
        if now_ms > code.expires_at_ms + self.grace_ms:
            raise IdentificationError("the code has expired")
        try:
            verify_ed25519(code.key, _code_message(election, key), _from_hex(fields.get("signature", ""), 64))
        except Refused as refusal:
            raise IdentificationError("the code did not sign this key") from refusal
        return Identified(code.number, "in person", number)


def _code_message(election: Election, key: bytes) -> bytes:
    label = tag(election.kind, "code-proof")
    return len(label).to_bytes(2, "big") + label + bind(election, key)


def _check_digit(digits: list[int]) -> int:
    """Return a digit that changes with any one digit and with most swaps of neighbours (Luhn's way to base 16)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = digit * (2 - place % 2)
        total += value // 16 + value % 16
    return -total % 16


def _from_hex(text: str, size: int) -> bytes:
    try:
        data = binascii.unhexlify(text)
    except (binascii.Error, ValueError) as error:
        raise IdentificationError("the evidence cannot be read") from error
    if len(data) != size:
        raise IdentificationError("the evidence cannot be read")
    return data


def _time(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**40:
        raise IdentificationError("the token has no times")
    return value
