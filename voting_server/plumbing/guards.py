"""What every request passes first: size of the body, origin of what a cookie speaks for, rate limits, headers, metrics.

Spec: `docs/operations/settings.md`. Plain ASGI, because it stands before routing and costs every cast. Rate limits are
keyed by credential first; the address counts only while no session is known, since many voters share one address.

>>> is_own_origin("https://vote.example", "https://vote.example"), is_own_origin("null", "https://vote.example")
(True, False)
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import AddressValueError, IPv6Address

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voting_server.plumbing.cache import Cache
from voting_server.plumbing.logging import log
from voting_server.plumbing.metrics import REQUEST_SECONDS, REQUESTS
from voting_server.plumbing.problems import ProblemError, respond
from voting_server.plumbing.sessions import FOUND, Sessions
from voting_server.plumbing.settings import Limits

_SAFE = {"GET", "HEAD", "OPTIONS"}
_KNOWN = 65_536
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-site"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


def is_own_origin(origin: str | None, own: str) -> bool:
    """Tell whether an Origin header names exactly the side's own origin."""
    return origin is not None and origin == own


def address_of(request: Request) -> str:
    """Return what limits count as one address, as uvicorn knows it (behind a trusted proxy: the forwarded one).

    Of IPv6 that is a network of 64 bits: whoever has one address there has all of them.
    """
    host = request.client.host if request.client else "unknown"
    if ":" not in host:
        return host
    try:
        parsed = IPv6Address(host.partition("%")[0])
    except AddressValueError:
        return host
    return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))


def require_token(request: Request, digest: str | None) -> None:
    """Check a program's bearer token against its SHA-256. Raises ProblemError, always where there is no digest.

    An address says nothing: behind a proxy on the same machine everybody comes from 127.0.0.1.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    given = hashlib.sha256(token.encode()).hexdigest()
    if digest is None or scheme.lower() != "bearer" or not hmac.compare_digest(given, digest):
        raise ProblemError("forbidden")


def limit(cache: Cache, name: str, key: str, amount: int, seconds: int = 60) -> None:
    """Count one use under a key. Raises ProblemError (429) beyond the limit."""
    wait_s = cache.hit(name, key, amount=amount, seconds=seconds)
    if wait_s is not None:
        raise ProblemError("rate-limited", retry_after_s=wait_s, seconds=wait_s)


class Guards:
    """The ASGI middleware of one side."""

    def __init__(
        self,
        app: ASGIApp,
        cache: Cache,
        limits: Limits,
        origin: str,
        sessions: Sequence[Sessions],
        *,
        imports: Iterable[str] = (),
        may_import: Callable[[Request], bool] = lambda _: False,
    ) -> None:
        """Stand before `app`; `sessions` begins with the voters'.

        `imports` are the paths where the body of whom `may_import` knows may be as large as a roll.
        """
        self._app, self._cache, self._limits, self._origin = app, cache, limits, origin
        self._sessions = tuple(sessions)
        self._imports, self._may_import = frozenset(imports), may_import
        # Per session that was found: the minute and its requests in it, the newest session last. In memory, because it
        # is asked at every request; what it protects is this worker.
        self._known: dict[bytes, list[int]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that a guard stops; let the others through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request = Request(scope)
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                names = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(item for item in _HEADERS if item[0] not in names)]
            await send(message)

        try:
            try:
                self._check(request)
                largest = await self._largest(request)
                await self._app(scope, self._bound(receive, largest), send_with_headers)
            except ProblemError as problem:
                await respond(request, problem)(scope, receive, send_with_headers)
        finally:
            self._remember(request)
            self._note(scope, status, time.perf_counter() - started)

    def _check(self, request: Request) -> None:
        """Count by address what no known session speaks for; refuse what a cookie speaks for from a foreign page."""
        known = self._find_known(request)
        if known is None:
            limit(self._cache, "address", address_of(request), self._limits.requests_a_minute)
        else:
            self._count(known)
        foreign = not is_own_origin(request.headers.get("origin"), self._origin)
        if "cookie" in request.headers and request.method not in _SAFE and foreign:
            raise ProblemError("foreign-origin")

    def _find_known(self, request: Request) -> list[int] | None:
        """Return the count of the session that a cookie of this request is known to belong to."""
        for sessions in self._sessions:
            if sessions.cookie in request.cookies:
                known = self._known.get(sessions.digest(request))
                if known is not None:
                    return known
        return None

    def _count(self, known: list[int]) -> None:
        now_s = int(time.monotonic())
        if known[0] != now_s // 60:
            known[:] = [now_s // 60, 0]
        known[1] += 1
        if known[1] > self._limits.session_requests_a_minute:
            left_s = 60 - now_s % 60
            raise ProblemError("rate-limited", retry_after_s=left_s, seconds=left_s)

    def _remember(self, request: Request) -> None:
        """Keep the cookie of a session that a route has found, so that its next request counts for itself."""
        found = request.scope.get(FOUND)
        if found:
            digest = self._sessions[0].digest(request) if found is True else found
            self._known[digest] = self._known.pop(digest, [0, 0])
            if len(self._known) > _KNOWN:
                del self._known[next(iter(self._known))]

    async def _largest(self, request: Request) -> int:
        """Return how large this request's body may be; a stated length refuses early."""
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        largest = self._limits.body_bytes
        # A body is read and parsed before its route asks who sent it: a large one is for people with a role only.
        if path in self._imports and await anyio.to_thread.run_sync(self._may_import, request):
            largest = self._limits.import_bytes
        stated = request.headers.get("content-length", "0")
        if stated.isdecimal() and int(stated) > largest:
            raise ProblemError("too-large")
        return largest

    @staticmethod
    def _bound(receive: Receive, largest: int) -> Receive:
        """Return a `receive` that stops after the largest body."""
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > largest:
                # FastAPI lets only this type through while it reads a body.
                raise HTTPException(413)
            return message

        return bounded

    @staticmethod
    def _note(scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        REQUESTS.labels(scope["method"] if scope["method"] in {*_SAFE, "POST"} else "other", route, status).inc()
        REQUEST_SECONDS.labels(route).observe(seconds)
        problem = scope.get("problem", "")
        if problem or status >= 500:
            log().info("request", route=route, status=status, ms=round(seconds * 1_000, 1), problem=problem)
