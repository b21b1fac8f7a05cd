"""Every error that the service answers: one table, RFC 9457, in Kyrgyz, Russian or English.

Spec: `docs/operations/problems.md` (a test compares it with the table). A refusal of a numbered check becomes a problem
by the family of its id; what a client sent is never repeated, and no text of a library reaches anybody.

>>> status_of_check("BALLOT-" + "7"), PROBLEMS["queue-full"]
(409, 503)
"""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from crypto.errors import MalformedEncoding, Refused
from locales import LANGUAGES, Dictionary, dictionary
from voting_server.plumbing.logging import log

MEDIA_TYPE = "application/problem+json"

PROBLEMS: Mapping[str, int] = {
    "invalid-request": 422,
    "malformed": 400,
    "not-logged-in": 401,
    "login-failed": 401,
    "code-refused": 403,
    "identification-failed": 403,
    "enrolment-failed": 403,
    "not-eligible": 403,
    "not-told": 409,
    "roll-closed": 409,
    "roll-faulty": 422,
    "roll-unplaced": 409,
    "foreign-origin": 403,
    "forbidden": 403,
    "invitation-refused": 403,
    "not-your-key": 403,
    "same-body": 409,
    "signed-already": 409,
    "proposal-closed": 409,
    "too-many-proposals": 429,
    "key-taken": 409,
    "not-found": 404,
    "wrong-method": 405,
    "no-election": 404,
    "election-exists": 409,
    "other-keys": 409,
    "not-for-real": 409,
    "other-way": 403,
    "not-yet-covered": 404,
    "ballot-waits": 409,
    "ballot-spoiled": 409,
    "ballot-cast": 409,
    "struck": 409,
    "key-changes": 409,
    "change-late": 409,
    "entry-waits": 409,
    "number-taken": 409,
    "not-open": 409,
    "intake-ended": 409,
    "slot-taken": 409,
    "too-large": 413,
    "media-type": 415,
    "refused": 422,
    "rate-limited": 429,
    "queue-full": 503,
    "busy": 503,
    "key-rotates": 503,
    "unavailable": 503,
    "client-not-built": 503,
    "internal": 500,
}
"""Code of a problem → HTTP status; the text of `code` stands in the dictionary under `problem.<code>`."""

_FAMILIES: Mapping[str, int] = {
    "ENCODING": 400,
    "SIGNATURE": 403,
    "MANIFEST": 403,
    "BALLOT": 409,
    "BOARD": 409,
    "RECORD": 409,
    "CREDENTIAL": 409,
    "CEREMONY": 409,
    "TALLY": 409,
    "RECEIPT": 409,
}
"""Family of a check id → HTTP status; every other family is 422."""


class ProblemError(Exception):
    """An answer other than success; `fields` fill the text, `extra` are members of the JSON object."""

    def __init__(
        self, code: str, *, retry_after_s: int | None = None, extra: Mapping[str, Any] | None = None, **fields: object
    ) -> None:
        """Raise KeyError for a code that is not in the table."""
        super().__init__(code)
        self.code, self.status = code, PROBLEMS[code]
        self.retry_after_s, self.fields, self.extra = retry_after_s, fields, dict(extra or {})


def status_of_check(check: str) -> int:
    """Return the HTTP status of a refused check."""
    return _FAMILIES.get(check.rpartition("-")[0], 422)


def language_of(header: str) -> str:
    """Return the best of the dictionary's languages for an Accept-Language header; Kyrgyz when it names none.

    >>> language_of("de, ru;q=0.8, en;q=0.9"), language_of(""), language_of("ru-RU")
    ('en', 'ky', 'ru')
    """
    best, weight = LANGUAGES[0], 0.0
    for item in header[:256].split(","):
        name, _, rest = item.strip().partition(";")
        text = rest.strip().removeprefix("q=") or "1"
        number = float(text) if text.replace(".", "", 1).isdecimal() else 0.0
        short = name.strip().lower().partition("-")[0]
        if short in LANGUAGES and number > weight:
            best, weight = short, number
    return best


def dictionary_of(request: Request) -> Dictionary:
    """Return the dictionary of the language that a request asks for."""
    return dictionary(language_of(request.headers.get("accept-language", "")))


def respond(request: Request, problem: ProblemError) -> Response:
    """Return the answer for a problem."""
    texts = dictionary_of(request)
    body = {
        "type": f"/problems/{problem.code}",
        "title": texts(f"problem.{problem.code}", **problem.fields),
        "status": problem.status,
        **problem.extra,
    }
    headers = {"Content-Language": texts.language, "Cache-Control": "no-store"}
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(problem.retry_after_s)
    request.scope["problem"] = problem.extra.get("check", problem.code)
    return JSONResponse(body, problem.status, headers, MEDIA_TYPE)


def respond_refused(request: Request, refusal: Refused, *, reason: bool = False) -> Response:
    """Return the answer for a refused check: its id and what it demands, in the reader's language.

    `reason` adds the refusal's own English sentence, for officers and programs that sent a control entry.
    """
    code = "malformed" if isinstance(refusal, MalformedEncoding) else "refused"
    texts, claim = dictionary_of(request), f"check.{refusal.check}"
    extra: dict[str, Any] = {"check": refusal.check}
    if claim in texts:
        extra["detail"] = texts(claim)
    if reason:
        extra["reason"] = refusal.reason
    problem = ProblemError(code, extra=extra)
    problem.status = status_of_check(refusal.check)
    return respond(request, problem)


def install(app: FastAPI) -> None:
    """Let every error of an application become a problem of the table."""

    def answer(code: str, retry_after_s: int | None = None) -> Any:  # noqa: ANN401 - Starlette's type of a handler
        async def handle(request: Request, _error: Exception) -> Response:
            return respond(request, ProblemError(code, retry_after_s=retry_after_s))

        return handle

    async def handle_problem(request: Request, error: Exception) -> Response:
        if not isinstance(error, ProblemError):
            raise error
        return respond(request, error)

    async def handle_refusal(request: Request, error: Exception) -> Response:
        if not isinstance(error, Refused):
            raise error
        return respond_refused(request, error)

    async def handle_http(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        codes = {404: "not-found", 405: "wrong-method", 413: "too-large", 400: "malformed", 415: "media-type"}
        return respond(request, ProblemError(codes.get(status, "internal"), wanted=""))

    async def handle_unknown(request: Request, error: Exception) -> Response:
        log().error("request-failed", error=type(error).__name__)
        return respond(request, ProblemError("internal"))

    app.add_exception_handler(ProblemError, handle_problem)
    app.add_exception_handler(Refused, handle_refusal)
    app.add_exception_handler(RequestValidationError, answer("invalid-request"))
    app.add_exception_handler(HTTPException, handle_http)
    for error in (OperationalError, InterfaceError, PoolTimeout):
        app.add_exception_handler(error, answer("unavailable", 2))
    app.add_exception_handler(Exception, handle_unknown)
