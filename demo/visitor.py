"""One voter's browser at both sides over HTTP: enrolment by code, log-in, casting, challenge.

Spec: `docs/operations/identification.md`, `docs/spec/ballot.md`. Challenges are computed here from what is pinned, as a
client must; a software passkey stands for the phone. Cookies are carried by hand, because they are for HTTPS only and
the demo has none.

>>> decode(encode(b"any")), sorted(attest(bytes(77), bytes(32), "localhost", "http://localhost")["response"])
(b'any', ['attestationObject', 'clientDataJSON'])
"""

import hashlib
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cbor2
import httpx

from crypto.election.ballot import Receipt, cast_challenge
from crypto.election.entries import BallotEntry, Entry, Spoiled
from demo.ballots import Head, Sealed
from demo.commission import KIND
from demo.installation import WAIT_S, InstallationError
from demo.voters import SoftwarePasskey
from voting_server.casting.login import login_challenge
from voting_server.voters.enrolment import registration_challenge
from voting_server.voters.evidence import Election, prove_code

CBOR = "application/cbor"
LONGEST_PAUSE_S = 5.0


def encode(data: bytes) -> str:
    """Return base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Read base64url without padding."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(slots=True)
class Browser:
    """A browser at one side, with its cookies."""

    http: httpx.Client
    origin: str
    cookies: dict[str, str] = field(default_factory=dict)

    def send(
        self, method: str, path: str, *, content: bytes | None = None, body: object = None, kind: str = CBOR
    ) -> httpx.Response:
        """Send a request from the own page."""
        headers = {
            "origin": self.origin,
            "cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }
        if content is not None:
            headers["content-type"] = kind
        ends = time.monotonic() + WAIT_S
        while True:
            answer = self.http.request(method, path, content=content, json=body, headers=headers)
            # A busy service says when to come again; a ballot may be sent twice.
            if answer.status_code not in {429, 503} or time.monotonic() > ends:
                break
            time.sleep(min(LONGEST_PAUSE_S, float(answer.headers.get("retry-after", 1))))
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        self.http.cookies.clear()
        return answer

    def ask(self, method: str, path: str, *, content: bytes | None = None, body: object = None) -> Any:  # noqa: ANN401
        """Send and return the answer's JSON. Raises InstallationError for anything but success."""
        answer = self.send(method, path, content=content, body=body)
        if answer.status_code >= 300:
            raise InstallationError(f"{method} {path} answers {answer.status_code}: {answer.text[:300]}")
        return answer.json() if answer.content else None


@dataclass(slots=True)
class Visitor:
    """A voter: her passkey, her browsers, and what she holds in the end."""

    passkey: SoftwarePasskey
    identity: Browser
    ballot: Browser
    election: Election
    rp_id: str
    pseudonym: bytes = b""
    receipts: list[Receipt] = field(default_factory=list)

    def enrol(self, code: str) -> None:
        """Make a passkey known by an enrolment code, and learn the own pseudonym."""
        begun = self.identity.ask("POST", "/enrolments", body={"software": True})
        token, digest = bytes.fromhex(begun["token"]), self.election.manifest_hash
        challenge = registration_challenge(KIND, digest, token)
        answer = attest(self.passkey.cose_key, challenge, self.rp_id, self.identity.origin)
        self.identity.ask("POST", f"/enrolments/{begun['id']}/key", body=answer)
        key, signature = prove_code(self.election, code, self.passkey.cose_key)
        proof = {"enrolment": begun["id"], "key": key.hex(), "signature": signature.hex()}
        self.identity.ask("POST", "/identifications/code", body=proof)
        self.pseudonym = bytes.fromhex(self.identity.ask("GET", "/voter")["pseudonym"])

    def log_in(self) -> Mapping[str, Any]:
        """Log in at the ballot side; return what the next ballot needs."""
        token = decode(self.ballot.ask("POST", "/casting/login/start")["token"])
        signed = self.passkey.sign(
            login_challenge(KIND, self.election.manifest_hash, token), self.rp_id, self.ballot.origin
        )
        parts = zip(("authenticatorData", "clientDataJSON", "signature"), map(encode, signed.parts()), strict=True)
        name = encode(self.pseudonym)
        credential = {"id": name, "rawId": name, "type": "public-key", "response": dict(parts)}
        body = {"token": encode(token), "pseudonym": self.pseudonym.hex(), "credential": credential}
        state: Mapping[str, Any] = self.ballot.ask("POST", "/casting/login", body=body)
        return state

    def sign(self, sealed: Sealed) -> bytes:
        """Ask for a nonce and return the signed ballot entry."""
        nonce = decode(self.ballot.ask("POST", f"/casting/nonces/{sealed.hash.hex()}")["nonce"])
        challenge = cast_challenge(KIND, self.election.manifest_hash, sealed.hash, nonce)
        signed = self.passkey.sign(challenge, self.rp_id, self.ballot.origin)
        return Entry("ballot", BallotEntry(sealed.ballot, nonce, *signed.parts()).to_bytes()).to_bytes()

    def cast(self, sealed: Sealed) -> None:
        """Cast a ballot and keep its receipt."""
        accepted = self.ballot.ask("POST", "/ballots", content=self.sign(sealed))
        self.receipts.append(Receipt.parse(decode(accepted["receipt"])))

    def challenge(self, sealed: Sealed) -> None:
        """Let a sealed ballot be opened instead of casting it."""
        self.ballot.ask("POST", "/ballots/challenged", content=Spoiled(sealed.ballot, sealed.opening).to_bytes())


def head_of(state: Mapping[str, Any]) -> Head:
    """Return the head that the next ballot names."""
    return Head(state["head"]["size"], bytes.fromhex(state["head"]["root"]))


def attest(key: bytes, challenge: bytes, rp_id: str, origin: str) -> dict[str, Any]:
    """Return what a browser answers to `create()`: attestation none, user present and verified."""
    name = hashlib.sha256(key).digest()[:16]
    data = hashlib.sha256(rp_id.encode()).digest() + bytes([0x5D]) + bytes(4) + bytes(16) + b"\x00\x10" + name + key
    client = {"type": "webauthn.create", "challenge": encode(challenge), "origin": origin, "crossOrigin": False}
    response = {
        "clientDataJSON": encode(json.dumps(client).encode()),
        "attestationObject": encode(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
    }
    return {"id": encode(name), "rawId": encode(name), "type": "public-key", "response": response}
