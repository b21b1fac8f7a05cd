"""HTTP of the casting: log-in, the voter's place, nonce, cast, challenge, status, receipt, proof, live events.

Spec: the OpenAPI description that these routes produce. Bodies that end on the board travel as the CBOR they are there;
everything else is JSON. The two requests of a cast are answered in micro-batches and therefore asynchronous.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from crypto.election.ballot import tracking_code
from crypto.merkle import LogProof
from voting_server.board.feed import Feed
from voting_server.board.service import Heads, Queued
from voting_server.casting.service import Casting, NonceRequest, code_of
from voting_server.plumbing.bodies import CBOR, RawBody, cbor_body, read_cbor
from voting_server.plumbing.context import Context
from voting_server.plumbing.guards import address_of, is_own_origin
from voting_server.plumbing.passkeys import EXAMPLE_ASSERTION, AssertionJson
from voting_server.plumbing.problems import ProblemError
from voting_server.plumbing.sessions import BALLOT_SESSIONS, FOUND

PROOF_TYPE = "text/plain; charset=utf-8"
_NO_STORE = {"Cache-Control": "no-store"}
_EXAMPLE_HASH = "ab" * 32
_EXAMPLE_CODE = "PTXC-PTXC-PTXC-PTXC-PTXC-PTXC-PTXC-PTXC-PTXC"

BallotHash = Annotated[str, Path(pattern="^[0-9a-f]{64}$", examples=[_EXAMPLE_HASH], description="ballot hash")]
BallotName = Annotated[
    str, Path(min_length=36, max_length=64, examples=[_EXAMPLE_CODE], description="ballot hash or tracking code")
]


class LoginStart(BaseModel):
    """What the client makes the log-in's challenge of."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"token": "A" * 75, "manifest_hash": _EXAMPLE_HASH}]})

    token: str = Field(description="56 bytes, base64url; serves once, for two minutes")
    manifest_hash: str = Field(description="must be the one that the client has pinned")


class Login(BaseModel):
    """A log-in."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"token": "A" * 75, "pseudonym": "cd" * 16, "credential": EXAMPLE_ASSERTION}],
        },
    )

    token: str = Field(min_length=75, max_length=75, description="as it was given")
    pseudonym: str = Field(pattern="^[0-9a-f]{32}$", description="which slot; the identity side tells it to its voter")
    credential: AssertionJson = Field(description="the browser's PublicKeyCredential.toJSON()")


class Head(BaseModel):
    """A quorum checkpoint that a seal of the log holds."""

    size: int
    root: str


class VoterState(BaseModel):
    """What the client needs to seal the voter's next ballot."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "pseudonym": "cd" * 16,
                    "unit": 4,
                    "style": 1,
                    "contests": [1, 2],
                    "number": 1,
                    "previous": _EXAMPLE_HASH,
                    "waiting": False,
                    "struck": False,
                    "head": {"size": 1042, "root": "ef" * 32},
                }
            ]
        }
    )

    pseudonym: str
    unit: int
    style: int = Field(description="ballot style: which contests, in this order")
    contests: list[int]
    number: int = Field(description="how many ballots the board holds; the next one has the number after it")
    previous: str = Field(description="hash of the newest of them, zeros when there is none")
    waiting: bool = Field(description="an entry of this pseudonym waits for its block; ask again before sealing")
    struck: bool = Field(description="the voter voted at a station; no ballot counts any more")
    head: Head = Field(description="the head that the next ballot names")


class Nonce(BaseModel):
    """A nonce for one ballot."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"nonce": "B" * 118}]})

    nonce: str = Field(description="88 bytes, base64url")


class Accepted(BaseModel):
    """A ballot was taken in."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"code": _EXAMPLE_CODE, "receipt": "p2ZudW1iZXIB", "deadline_ms": 1_768_050_600_000}],
        }
    )

    code: str = Field(description="tracking code")
    receipt: str = Field(description="the receipt, canonical CBOR, base64url")
    deadline_ms: int = Field(description="by when the ballot stands on the board")


class BallotStatus(BaseModel):
    """What became of a ballot. Nobody learns here when it came."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": _EXAMPLE_CODE,
                    "ballot_hash": _EXAMPLE_HASH,
                    "kind": "cast",
                    "state": "sequenced",
                    "index": 1043,
                },
                {"code": _EXAMPLE_CODE, "ballot_hash": _EXAMPLE_HASH, "kind": "challenged", "state": "waiting"},
            ]
        }
    )

    code: str = Field(description="tracking code")
    ballot_hash: str
    kind: Literal["cast", "challenged"]
    state: Literal["waiting", "sequenced", "refused"]
    index: int | None = Field(None, description="its place in the log, once it has one")


def make_router(casting: Casting, context: Context, feed: Feed) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["casting"])
    _add_casts(router, casting, context)
    _add_login(router, casting, context)
    _add_status(router, casting, context, feed)
    return router


def _pseudonym(context: Context, request: Request) -> bytes:
    with context.database.read() as connection:
        return BALLOT_SESSIONS.subject(connection, request)


def _status(row: Queued) -> BallotStatus:
    return BallotStatus(
        code=code_of(row),
        ballot_hash=(row.ballot_hash or b"").hex(),
        kind="cast" if row.type == "ballot" else "challenged",
        state=row.state,
        index=row.entry_index,
    )


def _decode(text: str) -> bytes:
    try:
        return base64url_to_bytes(text)
    except ValueError:
        raise ProblemError("malformed") from None


# --------------------------------------------------------------------------------------------------------------- log-in


def _add_login(router: APIRouter, casting: Casting, context: Context) -> None:
    @router.post("/casting/login/start")
    def start_login(response: Response) -> LoginStart:
        """Begin a log-in. The challenge is SHA-256(u16 length of the tag, tag `log-in`, manifest hash, token)."""
        token, manifest_hash = casting.begin_login()
        response.headers.update(_NO_STORE)
        return LoginStart(token=bytes_to_base64url(token), manifest_hash=manifest_hash.hex())

    @router.post("/casting/login")
    def log_in(login: Login, request: Request, response: Response) -> VoterState:
        """Log in by passkey; a new session begins, whatever cookie came along ends."""
        origin = request.headers.get("origin")
        if origin is not None and not is_own_origin(origin, context.origin):
            raise ProblemError("foreign-origin")
        pseudonym = bytes.fromhex(login.pseudonym)
        session = casting.log_in(_decode(login.token), pseudonym, login.credential)
        with context.database.begin() as connection:
            BALLOT_SESSIONS.end(connection, request)
        BALLOT_SESSIONS.hand_out(response, session, context.limits.session_s)
        response.headers.update(_NO_STORE)
        return _state(casting, pseudonym)

    @router.post("/casting/logout", status_code=204)
    def log_out(request: Request, response: Response) -> None:
        """End the session."""
        with context.database.begin() as connection:
            BALLOT_SESSIONS.end(connection, request)
        BALLOT_SESSIONS.take_back(response)

    @router.get("/casting/voter")
    def read_voter(request: Request, response: Response) -> VoterState:
        """Tell where the voter stands: style, number and hash of the newest ballot, the head to name."""
        response.headers.update(_NO_STORE)
        return _state(casting, _pseudonym(context, request))


def _state(casting: Casting, pseudonym: bytes) -> VoterState:
    voter = casting.voter(pseudonym)
    return VoterState(
        pseudonym=voter.pseudonym.hex(),
        unit=voter.unit,
        style=voter.style,
        contests=list(voter.contests),
        number=voter.number,
        previous=voter.previous.hex(),
        waiting=voter.waiting,
        struck=voter.struck,
        head=Head(size=voter.head_size, root=voter.head_root.hex()),
    )


# ---------------------------------------------------------------------------------------------------------------- casts


def _add_casts(router: APIRouter, casting: Casting, context: Context) -> None:
    @router.post("/casting/nonces/{ballot_hash}", response_model=Nonce, status_code=201)
    async def issue_nonce(ballot_hash: BallotHash, request: Request) -> Response:
        """Issue a nonce for a ballot hash and the session's pseudonym; no body."""
        nonce = await casting.nonce(NonceRequest(BALLOT_SESSIONS.digest(request), bytes.fromhex(ballot_hash)))
        request.scope[FOUND] = True
        return _json({"nonce": bytes_to_base64url(nonce)}, 201)

    @router.post(
        "/ballots",
        response_model=Accepted,
        status_code=201,
        openapi_extra=cbor_body("a ballot entry: [1, 'ballot', body, []] (docs/spec/ballot.md)"),
    )
    async def cast_ballot(request: Request) -> Response:
        """Cast a ballot; a repeat of an accepted one gets the same receipt."""
        # Read here and not by a parameter: resolving one costs a tenth of a cast.
        raw = await read_cbor(request)
        receipt = await casting.cast(BALLOT_SESSIONS.digest(request), raw)
        request.scope[FOUND] = True
        body = {
            "code": tracking_code(receipt.ballot_hash),
            "receipt": bytes_to_base64url(receipt.to_bytes()),
            "deadline_ms": receipt.deadline_ms,
        }
        return _json(body, 201)

    @router.post(
        "/ballots/challenged",
        status_code=201,
        openapi_extra=cbor_body("the body of a spoiled entry: ballot and the opening of its lock"),
    )
    def challenge_ballot(raw: RawBody, request: Request, response: Response) -> BallotStatus:
        """Challenge a sealed ballot instead of casting it: it is opened, barred for ever, and uses up no number."""
        response.headers.update(_NO_STORE)
        return _status(casting.challenge(_pseudonym(context, request), raw))


def _json(body: dict[str, object], status: int) -> Response:
    return Response(json.dumps(body), status, _NO_STORE, "application/json")


# --------------------------------------------------------------------------------------------------------------- status


def _add_status(router: APIRouter, casting: Casting, context: Context, feed: Feed) -> None:
    @router.get("/ballots/{name}")
    def read_status(name: BallotName, response: Response) -> BallotStatus:
        """Tell what became of a ballot, by hash or tracking code."""
        response.headers.update(_NO_STORE)
        return _status(casting.find(name))

    @router.get("/ballots/{name}/receipt", response_class=Response, responses=_bytes_of(CBOR, "The receipt"))
    def read_receipt(name: BallotName, request: Request) -> Response:
        """Return the receipt of the session's own ballot once more."""
        receipt = casting.receipt(_pseudonym(context, request), name)
        return Response(receipt.to_bytes(), headers=_NO_STORE, media_type=CBOR)

    @router.get("/ballots/{name}/proof", response_class=Response, responses=_bytes_of(PROOF_TYPE, "A .tlog-proof"))
    def read_proof(name: BallotName) -> Response:
        """Return the offline proof that the ballot stands on the board, once a quorum's checkpoint covers it."""
        proof = casting.prove(casting.find(name))
        named = {"Content-Disposition": f'attachment; filename="{name[:9]}.tlog-proof"'}
        return Response(proof.to_bytes(), headers={**_NO_STORE, **named}, media_type=PROOF_TYPE)

    @router.get(
        "/ballots/{name}/events", response_class=Response, responses=_bytes_of("text/event-stream", "Live events")
    )
    async def follow(name: BallotName, request: Request) -> Response:
        """Tell what becomes of a ballot as it happens: events `status` (JSON), at last `proof` (the .tlog-proof)."""
        address = address_of(request)
        feed.streams.require_room(address)
        row = await run_in_threadpool(casting.find, name)
        events = feed.streams.count(address, _events(casting, feed, row))
        return StreamingResponse(events, headers=_NO_STORE, media_type="text/event-stream")


async def _events(casting: Casting, feed: Feed, row: Queued) -> AsyncGenerator[str, None]:
    """Yield server-sent events until the proof is there or it took too long."""
    state = ""
    async with aclosing(feed.follow(row.ballot_hash or b"")) as changes:
        async for heads, newest in changes:
            row = newest or row
            if row.state != state:
                state = row.state
                yield f"event: status\ndata: {_status(row).model_dump_json()}\n\n"
            if row.state == "refused":
                return
            proof = await run_in_threadpool(_proof_of, casting, row, heads)
            if proof is not None:
                lines = proof.to_bytes().decode().split("\n")
                yield "event: proof\n" + "".join(f"data: {line}\n" for line in lines) + "\n"
                return
            yield ": still waiting\n\n"


def _proof_of(casting: Casting, row: Queued, heads: Heads) -> LogProof | None:
    if row.entry_index is None or row.entry_index >= heads.quorum_size:
        return None
    try:
        return casting.prove(row)
    except ProblemError:
        # The files may come a moment later than the database's word.
        return None


def _bytes_of(kind: str, description: str) -> dict[int | str, dict[str, object]]:
    return {200: {"description": description, "content": {kind: {"schema": {"type": "string", "format": "binary"}}}}}
