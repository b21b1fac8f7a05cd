"""Somebody with a role in the demo: registers a software passkey by invitation and logs in with it, over HTTP.

Spec: `docs/operations/officers.md`. Challenges are computed here from the server's token, as every client must. Cookies
are carried by hand, because they are for HTTPS only and the demo has none.

>>> make_holder("any").passkey.cose_key == make_holder("any").passkey.cose_key
True
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from demo.voters import SoftwarePasskey, answer_in_json, attest, make_passkey
from voting_server.roles.service import login_challenge, registration_challenge

Post = Callable[[str, Mapping[str, Any], Mapping[str, str]], Any]
"""Posts JSON (path, body, headers) and returns the answer: `status_code`, `headers`, `json()`."""


class EntranceError(RuntimeError):
    """A side that does not let somebody in."""


@dataclass(slots=True)
class Holder:
    """One person and her passkey."""

    passkey: SoftwarePasskey
    headers: dict[str, str] = field(default_factory=dict)

    def register(self, post: Post, side: str, code: str, rp_id: str, origin: str) -> None:
        """Use an invitation. Raises EntranceError."""
        own = {"origin": origin}
        token = _ask(post, "/roles/registrations", {"code": code}, own).json()["token"]
        challenge = registration_challenge(side, bytes.fromhex(token))
        answer = attest(self.passkey, challenge, rp_id, origin)
        _ask(post, "/roles/registrations/passkey", {"code": code, "token": token, "credential": answer}, own)

    def log_in(self, post: Post, side: str, rp_id: str, origin: str) -> dict[str, str]:
        """Log in; return the headers that speak for her from now on. Raises EntranceError."""
        token = _ask(post, "/roles/login/start", {}, {"origin": origin}).json()["token"]
        body = {"token": token, "credential": self.answer(side, bytes.fromhex(token), rp_id, origin)}
        cookie = _ask(post, "/roles/login", body, {"origin": origin}).headers["set-cookie"].partition(";")[0]
        self.headers = {"cookie": cookie, "origin": origin}
        return self.headers

    def answer(self, side: str, token: bytes, rp_id: str, origin: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return what a browser answers to a log-in's challenge; `changes` are those of `SoftwarePasskey.sign`."""
        signed = self.passkey.sign(login_challenge(side, token), rp_id, origin, **changes)
        return answer_in_json(self.passkey, signed)


def make_holder(*names: object) -> Holder:
    """Return somebody whose passkey comes from a name."""
    return Holder(make_passkey(hashlib.sha256(repr(names).encode()).digest()))


def _ask(post: Post, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Any:  # noqa: ANN401 - any client's
    answer = post(path, body, headers)
    if answer.status_code >= 300:
        raise EntranceError(f"{path} answers {answer.status_code}: {answer.text[:200]}")
    return answer
