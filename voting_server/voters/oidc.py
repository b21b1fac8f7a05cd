"""OpenID Connect as a client: discovery, the authorization request with PKCE, the exchange of a code for an ID token.

Spec: `docs/operations/identification.md`; OpenID Connect Core 1.0, RFC 7636 (S256), RFC 9207 (issuer in the answer).
Nothing is decided here: the ID token goes to `evidence.OidcVerifier`, with the keys that the provider publishes.

>>> challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
"""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from voting_server.plumbing.fetching import Fetched, FetchError, fetch
from voting_server.plumbing.problems import ProblemError

_KEYS_LIFE_S = 300
_WAIT_S = 10.0
_QUEUE_S = 1.0
_REST_S = 2.0
_LARGEST = 262_144


def challenge_of(verifier: str) -> str:
    """Return the PKCE challenge (S256) of a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass
class OidcClient:
    """A confidential or public client of one provider; what it published is kept for five minutes."""

    issuer: str
    client: str
    secret: str | None
    redirect: str
    _known: dict[str, Any] = field(default_factory=dict)
    _until_s: float = 0
    _rests_until_s: float = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def authorization_url(self, state: str, nonce: str, challenge: str, acr: tuple[str, ...]) -> str:
        """Return where the voter's browser is sent. Raises ProblemError where the provider does not answer."""
        query = {
            "response_type": "code",
            "client_id": self.client,
            "redirect_uri": self.redirect,
            "scope": "openid profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "prompt": "login",
        }
        if acr:
            query["acr_values"] = " ".join(acr)
        return f"{self._discovered()['authorization_endpoint']}?{urlencode(query)}"

    def exchange(self, code: str, verifier: str) -> str:
        """Return the ID token for an authorization code. Raises ProblemError."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect,
            "code_verifier": verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if self.secret is None:
            form["client_id"] = self.client
        else:
            pair = base64.b64encode(f"{self.client}:{self.secret}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        answer = _fetch("POST", self._discovered()["token_endpoint"], urlencode(form).encode(), headers)
        if answer.status >= 500:
            raise ProblemError("unavailable", retry_after_s=5)
        token = _object(answer).get("id_token") if answer.status == 200 else None
        if not isinstance(token, str):
            raise ProblemError("identification-failed")
        return token

    def keys(self) -> Mapping[str, Any]:
        """Return the provider's published keys. Raises ProblemError."""
        self._discovered()
        keys: Mapping[str, Any] = self._known["keys"]
        return keys

    def _discovered(self) -> dict[str, Any]:
        if time.monotonic() < self._until_s:
            return self._known
        # One asks; the others do not wait for a slow provider with it, or all threads would.
        if time.monotonic() < self._rests_until_s or not self._lock.acquire(timeout=_QUEUE_S):
            raise ProblemError("unavailable", retry_after_s=5)
        try:
            if time.monotonic() >= self._until_s:
                self._known, self._until_s = self._discover(), time.monotonic() + _KEYS_LIFE_S
        except ProblemError:
            self._rests_until_s = time.monotonic() + _REST_S
            raise
        finally:
            self._lock.release()
        return self._known

    def _discover(self) -> dict[str, Any]:
        found = _object(_fetch("GET", f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"))
        if found.get("issuer") != self.issuer:
            # A provider that calls itself otherwise is another one (OpenID Connect Discovery, 4.3).
            raise ProblemError("unavailable")
        if not all(isinstance(found.get(name), str) for name in ("authorization_endpoint", "token_endpoint")):
            raise ProblemError("unavailable")
        found["keys"] = _object(_fetch("GET", str(found.get("jwks_uri", ""))))
        return found


def _fetch(method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Fetched:
    """Return the provider's answer. Raises ProblemError where none comes whole, in time and in size."""
    try:
        return fetch(method, url, largest=_LARGEST, wait_s=_WAIT_S, body=body, headers=headers)
    except FetchError:
        raise ProblemError("unavailable", retry_after_s=5) from None


def _object(answer: Fetched) -> dict[str, Any]:
    """Return the JSON object of an answer. Raises ProblemError."""
    try:
        content = json.loads(answer.body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise ProblemError("unavailable", retry_after_s=5)
    return content
