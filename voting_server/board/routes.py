"""The log over HTTP: checkpoint, tiles, bundles, single entries, proofs, policy, live feed; anybody may read it.

Spec: `docs/spec/merkle.md` (C2SP tlog-tiles). All of it is public and the same for everybody, so it may be read from
any page (CORS) and kept by any cache: tiles and bundles for ever, the checkpoint for a moment. The files under
`/log/` are those of the published folder; a web server or delivery network can serve them instead.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict

from crypto.errors import Refused
from crypto.merkle import CHECKPOINT_PATH, leaf_hash, parse_path
from voting_server.board.feed import Feed
from voting_server.board.service import Board, Heads
from voting_server.plumbing.guards import address_of
from voting_server.plumbing.problems import ProblemError

_FOR_EVER = "public, max-age=31536000, immutable"
_A_MOMENT = "public, max-age=1"
_OCTETS = "application/octet-stream"
_TEXT = "text/plain; charset=utf-8"
_PROOF = "text/plain; charset=utf-8"

LeafHash = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256, lower-case hexadecimal")]
BallotStart = Annotated[
    str, Path(pattern="^([0-9a-f]{64}|[0-9a-f]{36})$", description="A ballot hash, or the 18 bytes of a tracking code")
]
Index = Annotated[int, Path(ge=0, le=2**53 - 1, description="Index of an entry, from 0")]


class LogState(BaseModel):
    """How far the log is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"size": 1042, "block": 97, "quorum_size": 1042}]})

    size: int
    block: int
    quorum_size: int


class EntryPlace(BaseModel):
    """Where an entry stands, or that it waits; `check` says why one was refused."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"state": "sequenced", "type": "ballot", "index": 17, "leaf": "ab" * 32}]}
    )

    state: str
    type: str
    leaf: str
    index: int | None = None
    check: str | None = None


class BlockStarts(BaseModel):
    """Where some blocks begin: hints, since the seal that stands there names its block itself."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"starts": {"1": 4, "2": 17}}]})

    starts: dict[int, int]


def create_router(board: Board, feed: Feed | None = None) -> APIRouter:
    """Return the routes of the log; `feed` is what other routers of the process share."""
    router = APIRouter(prefix="/log", tags=["log"])
    _add_files(router, board)
    _add_entries(router, board)
    _add_feed(router, board, feed or Feed(board))
    return router


def _public(content: bytes, media_type: str, cache: str, **headers: str) -> Response:
    fixed = {
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cache-Control": cache,
    }
    return Response(content, media_type=media_type, headers={**fixed, **headers})


def _bytes_of(kind: str, description: str) -> dict[int | str, dict[str, object]]:
    content = {kind: {"schema": {"type": "string", "format": "binary"}}}
    return {200: {"description": description, "content": content}}


def _add_files(router: APIRouter, board: Board) -> None:
    @router.get("/checkpoint", response_class=Response, responses=_bytes_of(_TEXT, "A signed note"))
    def read_checkpoint() -> Response:
        """Return the newest checkpoint that a quorum of witnesses cosigned."""
        data = board.publication.get(CHECKPOINT_PATH)
        if data is None:
            raise ProblemError("not-yet-covered")
        return _public(data, _TEXT, _A_MOMENT)

    @router.get("/tile/{path:path}", response_class=Response, responses=_bytes_of(_OCTETS, "A tile or entry bundle"))
    def read_tile(path: Annotated[str, Path(max_length=64, examples=["0/000.p/7"])]) -> Response:
        """Return a hash tile (`<level>/<index>`) or a bundle (`entries/<index>`), full or partial (`.p/<width>`)."""
        name = f"tile/{path}"
        try:
            parse_path(name)
        except Refused:
            raise ProblemError("not-found") from None
        data = board.publication.get(name)
        if data is None:
            raise ProblemError("not-found")
        return _public(data, _OCTETS, _FOR_EVER)

    @router.get("/policy", response_class=Response, responses=_bytes_of(_TEXT, "A tlog-policy file"))
    def read_policy() -> Response:
        """Return the policy file: the log's key, the witnesses' keys, and how many of them make a quorum."""
        return _public(board.policy().to_bytes(), _TEXT, _A_MOMENT)


def _add_entries(router: APIRouter, board: Board) -> None:
    @router.get("/entry/{index}", response_class=Response, responses=_bytes_of("application/cbor", "One entry"))
    def read_entry(index: Index) -> Response:
        """Return one entry's bytes; its leaf hash stands in the header ETag."""
        raw = board.read(index)
        return _public(raw, "application/cbor", _FOR_EVER, ETag=f'"{leaf_hash(raw).hex()}"')

    @router.get("/leaf/{leaf}")
    def find_entry(leaf: LeafHash, response: Response) -> EntryPlace:
        """Tell where the entry of a leaf hash stands, or that it waits for its block."""
        response.headers["Access-Control-Allow-Origin"] = "*"
        digest = bytes.fromhex(leaf)
        queued = board.find_entry(digest)
        if queued is not None:
            return EntryPlace(
                state=queued.state, type=queued.type, leaf=leaf, index=queued.entry_index, check=queued.check_id
            )
        index = board.find_index(digest)
        if index is None:
            raise ProblemError("not-found")
        return EntryPlace(state="sequenced", type=board.type_of(index), leaf=leaf, index=index)

    @router.get("/ballot/{ballot_hash}")
    def find_ballot(ballot_hash: BallotStart, response: Response) -> EntryPlace:
        """Tell where the ballot of a hash or tracking code stands, or that it waits for a block; never when it came."""
        response.headers["Access-Control-Allow-Origin"] = "*"
        wanted = bytes.fromhex(ballot_hash)
        queued = board.find(wanted) if len(wanted) == 32 else board.find_prefix(wanted)
        if queued is None:
            raise ProblemError("not-found")
        # No deadline: it is the time of arrival plus a constant, and the board names the pseudonym beside it.
        return EntryPlace(
            state=queued.state,
            type=queued.type,
            leaf=queued.leaf.hex(),
            index=queued.entry_index,
            check=queued.check_id,
        )

    @router.get("/proof/{index}", response_class=Response, responses=_bytes_of(_PROOF, "A tlog-proof"))
    def read_proof(index: Index) -> Response:
        """Return an entry's offline proof; 404 until a quorum checkpoint covers it."""
        name = f'attachment; filename="entry-{index}.tlog-proof"'
        return _public(board.prove(index).to_bytes(), _PROOF, _A_MOMENT, **{"Content-Disposition": name})

    @router.get("/ballot/{ballot_hash}/proof", response_class=Response, responses=_bytes_of(_PROOF, "A tlog-proof"))
    def read_ballot_proof(ballot_hash: LeafHash) -> Response:
        """Return a ballot's offline proof, the voter's final receipt; 404 until a quorum checkpoint covers it."""
        queued = board.find(bytes.fromhex(ballot_hash))
        if queued is None:
            raise ProblemError("not-found")
        if queued.entry_index is None:
            raise ProblemError("not-yet-covered")
        name = f'attachment; filename="{ballot_hash[:16]}.tlog-proof"'
        return _public(board.prove(queued.entry_index).to_bytes(), _PROOF, _A_MOMENT, **{"Content-Disposition": name})


def _add_feed(router: APIRouter, board: Board, feed: Feed) -> None:
    @router.get("/state")
    def read_state(response: Response) -> LogState:
        """Tell how many entries and blocks the log has, and how many entries a quorum checkpoint covers."""
        response.headers.update({"Access-Control-Allow-Origin": "*", "Cache-Control": _A_MOMENT})
        return _state(board.heads())

    @router.get("/blocks")
    def read_blocks(
        response: Response,
        first: Annotated[int, Query(ge=1, le=2**53 - 1, description="the first block")] = 1,
        step: Annotated[int, Query(ge=1, le=2**31 - 1, description="every how many blocks")] = 1,
    ) -> BlockStarts:
        """Tell where blocks begin (the index of each one's seal), at most 500 of them."""
        response.headers.update({"Access-Control-Allow-Origin": "*", "Cache-Control": _A_MOMENT})
        return BlockStarts(starts=board.store.block_starts(first, step))

    @router.get("/feed", response_class=StreamingResponse, responses=_bytes_of("text/event-stream", "LogState events"))
    async def follow(request: Request) -> StreamingResponse:
        """Send a `head` event (a LogState) whenever the log or its quorum grows; one may poll /log/state instead."""
        feed.streams.require_room(address_of(request))
        headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        events = feed.streams.count(address_of(request), _events(feed))
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _events(feed: Feed) -> AsyncGenerator[str, None]:
    yield "retry: 2000\n\n"
    async with aclosing(feed.follow()) as changes:
        async for heads, _ in changes:
            yield f"event: head\nid: {heads.block}\ndata: {_state(heads).model_dump_json()}\n\n"


def _state(heads: Heads) -> LogState:
    return LogState(size=heads.size, block=heads.block, quorum_size=heads.quorum_size)
