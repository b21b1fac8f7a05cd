"""An officer's own program at a service's proposals: calls signed by her key, bodies decoded and signed on her machine.

Spec: `docs/operations/officers.md`, section "Command line". The service is a stranger: what is signed are the bytes
that were decoded and shown here, under the kind and the manifest hash that the officer has from elsewhere.

>>> Remote("https://ballot.example/", SigningKey.from_seed(bytes(32)), lambda: 0).url
'https://ballot.example'
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx

from crypto.election.encoding import Message
from crypto.election.manifest import ZERO_HASH
from crypto.errors import Refused
from crypto.signatures import SigningKey, sign_author
from crypto.transcript import Kind, tag
from voting_server.elections.acts import ActError, show_body
from voting_server.roles.calls import HEADER, sign_call

TIMEOUT_S = 60


class Remote:
    """A service, as its officer's program reaches it."""

    def __init__(
        self,
        url: str,
        key: SigningKey,
        now_ms: Callable[[], int],
        *,
        side: str = "ballot",
        client: httpx.Client | None = None,
    ) -> None:
        """Keep where the service is and whose key signs the calls."""
        self.url, self._key, self._now_ms, self._side = url.rstrip("/"), key, now_ms, side
        self._client = client or httpx.Client(base_url=self.url, timeout=TIMEOUT_S, follow_redirects=False)

    def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Send a signed call; return the answer's JSON. Raises ActError with the service's own words."""
        content = b"" if body is None else json.dumps(body).encode()
        header = sign_call(self._key, self._side, method, path, content, self._now_ms())
        headers = {HEADER: header, "accept-language": "en"}
        if content:
            headers["content-type"] = "application/json"
        answer = self._client.request(method, path, content=content, headers=headers)
        if answer.status_code == 204:
            return None
        try:
            found = answer.json()
        except ValueError:
            raise ActError(f"{self.url} answers {answer.status_code} and no JSON") from None
        if answer.status_code >= 300:
            words = [str(found.get(name, "")) for name in ("title", "check", "detail", "reason")]
            raise ActError(f"{answer.status_code}: " + " ".join(word for word in words if word))
        return found

    def proposals(self) -> list[dict[str, Any]]:
        """Return the newest acts. Raises ActError."""
        found: list[dict[str, Any]] = self.call("GET", "/proposals")["proposals"]
        return found

    def proposal(self, identifier: int) -> tuple[dict[str, Any], bytes]:
        """Return an act and its body. Raises ActError where it cannot be read."""
        found: dict[str, Any] = self.call("GET", f"/proposals/{identifier}")
        try:
            return found, b64decode(found["body"], validate=True)
        except (KeyError, ValueError, TypeError):
            raise ActError("the service's answer cannot be read") from None

    def propose(
        self, kind: Kind, manifest_hash: bytes, entry_type: str, body: Message, parts: Sequence[Mapping[str, str]] = ()
    ) -> dict[str, Any]:
        """Propose an act with this key's signature. Raises ActError."""
        content = body.to_bytes()
        proposal = {
            "type": entry_type,
            "body": b64encode(content).decode(),
            "parts": list(parts),
            "signature": self._sign(kind, manifest_hash, entry_type, content),
        }
        found: dict[str, Any] = self.call("POST", "/proposals", proposal)
        return found

    def sign(self, kind: Kind, manifest_hash: bytes, identifier: int, seen: bytes) -> dict[str, Any]:
        """Sign an act whose body is the one that was seen. Raises ActError where the service shows another one now."""
        found, body = self.proposal(identifier)
        if body != seen:
            raise ActError("the act's body is another one than was shown")
        signature = self._sign(kind, manifest_hash, str(found["type"]), body)
        answer: dict[str, Any] = self.call("POST", f"/proposals/{identifier}/signatures", signature)
        return answer

    def reject(self, identifier: int, reason: str) -> dict[str, Any]:
        """End an act. Raises ActError."""
        found: dict[str, Any] = self.call("POST", f"/proposals/{identifier}/rejection", {"reason": reason})
        return found

    def send(self, identifier: int) -> dict[str, Any]:
        """Let an act that all have signed be sent again. Raises ActError."""
        found: dict[str, Any] = self.call("POST", f"/proposals/{identifier}/delivery")
        return found

    def _sign(self, kind: Kind, manifest_hash: bytes, entry_type: str, body: bytes) -> dict[str, str]:
        bound = ZERO_HASH if entry_type == "manifest" else manifest_hash
        key_id, signature = sign_author(self._key, tag(kind, "author"), bound, entry_type, body)
        return {"key_id": key_id.hex(), "signature": signature.hex()}


def show(found: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    """Return an act as its signer reads it: the body from its bytes, the rest as the service says. Raises ActError."""
    try:
        plain = show_body(str(found["type"]), body)
    except (Refused, KeyError):
        raise ActError("the act's body cannot be read here") from None
    signed = [f"{each['name']} ({each['body']})" for each in found["signatures"]]
    return {"id": found["id"], "type": found["type"], "state": found["state"], "body": plain, "signed_by": signed}
