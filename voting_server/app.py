"""Wiring: which services and routes a side has, what stands before them, and what is checked before it serves.

Spec: `docs/architecture.md`, section "Server". The only place that builds services; nothing is wired at import.

>>> from voting_server.plumbing.settings import Settings
>>> create_app(Settings(side="ballot", ballot_database="sqlite://")).title
'Dobush ballot side'
"""

import gc
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import anyio.to_thread
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response
from starlette.types import ASGIApp

from crypto.errors import Refused
from voting_server.board.certificates import Certifier
from voting_server.board.feed import Feed
from voting_server.board.publication import Publication
from voting_server.board.recovery import recover
from voting_server.board.routes import create_router as create_board_router
from voting_server.board.sequencer import Sequencer
from voting_server.board.service import Board
from voting_server.board.summing import Summing
from voting_server.board.timestamps import Stamper
from voting_server.casting.forgetting import Forgetter
from voting_server.casting.routes import make_router as make_casting_router
from voting_server.casting.service import Casting
from voting_server.elections.console_routes import make_router as make_console_router
from voting_server.elections.proposal_routes import make_router as make_proposals_router
from voting_server.elections.proposals import Proposals
from voting_server.elections.routes import make_router as make_elections_router
from voting_server.elections.service import Elections
from voting_server.plumbing import logging, metrics, problems
from voting_server.plumbing.clock import SkewError, require_database_agreement
from voting_server.plumbing.context import Context
from voting_server.plumbing.guards import Guards, require_token
from voting_server.plumbing.migration import NotMigratedError, require_current
from voting_server.plumbing.pages import make_pages_router
from voting_server.plumbing.problems import ProblemError
from voting_server.plumbing.serving import TimedProtocol
from voting_server.plumbing.sessions import BALLOT_SESSIONS, IDENTITY_SESSIONS
from voting_server.plumbing.settings import Settings, Side, read_settings
from voting_server.roles.routes import make_router as make_roles_router
from voting_server.roles.service import Roles
from voting_server.tally.routes import create_router as create_tally_router
from voting_server.tally.service import Tallies
from voting_server.voters.routes import make_router as make_voters_router
from voting_server.voters.service import Voters

_GARBAGE = (20_000, 20, 100)
IMPORTS = ("/rolls", "/election", "/founding", "/proposals", "/manifests/checks")
"""Paths whose body may be as large as a whole roll, from somebody with a role."""


_WORKER_PAUSE_S = 1.0


class Service(Protocol):
    """What the application starts before it serves and stops afterwards."""

    def start(self) -> None:
        """Get ready; raise to refuse to start."""

    def stop(self) -> None:
        """Let go of everything."""


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [{"type": "/problems/not-found", "title": "There is nothing here.", "status": 404}]
        },
    )

    type: str
    title: str
    status: int
    detail: str | None = None
    check: str | None = None


def create_app(settings: Settings) -> FastAPI:
    """Return the application of the side that the settings name; a desk gets both in one."""
    if settings.side is not Side.DESK:
        return _create_side(settings, "identity" if settings.side is Side.IDENTITY else "ballot")
    identity = _create_side(settings, "identity")
    ballot = _create_side(settings, "ballot", inner=[identity])
    ballot.mount("/identity", identity)
    return ballot


def from_environment() -> FastAPI:
    """Return the application of the environment's settings: what a worker process loads."""
    logging.configure()
    settings = read_settings()
    TimedProtocol.limits = settings.limits
    app = create_app(settings)
    app.state.owns_process = True
    return app


def _create_side(settings: Settings, side: Literal["identity", "ballot"], inner: Sequence[FastAPI] = ()) -> FastAPI:
    context = Context.open(settings, side)
    roles = Roles(context)
    services, routers = (_identity_features if side == "identity" else _ballot_features)(context, roles)
    answers: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem, "description": text}
        for status, text in (("4XX", "The request is refused."), ("5XX", "The service cannot answer now."))
    }
    app = FastAPI(
        title=f"Dobush {side} side",
        version="1",
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        lifespan=_lifespan(context, services, inner),
        docs_url=None,
        redoc_url=None,
        responses=answers,
    )
    app.state.context = context
    problems.install(app)
    app.include_router(_own_routes(context))
    for router in routers:
        app.include_router(router)
    app.add_middleware(_guards, context=context, roles=roles)
    app.openapi = lambda: _describe(app)  # type: ignore[method-assign]
    return app


def _describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI description, in which problems have their own media type."""
    description = FastAPI.openapi(app)
    for methods in description["paths"].values():
        for operation in methods.values():
            for status in ("4XX", "5XX"):
                schema = {"$ref": "#/components/schemas/Problem"}
                operation["responses"][status]["content"] = {problems.MEDIA_TYPE: {"schema": schema}}
    return description


def _guards(app: ASGIApp, context: Context, roles: Roles) -> ASGIApp:
    voters = IDENTITY_SESSIONS if context.side == "identity" else BALLOT_SESSIONS
    sessions = (voters, roles.store.tables.sessions)
    return Guards(
        app, context.cache, context.limits, context.origin, sessions, imports=IMPORTS, may_import=roles.may_import
    )


def _lifespan(context: Context, services: Sequence[Service], inner: Sequence[FastAPI]) -> Any:  # noqa: ANN401
    """Return what runs before the first request and after the last."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = context.limits.threads
        await anyio.to_thread.run_sync(require_sound, context)
        async with AsyncExitStack() as stack:
            for other in inner:
                await stack.enter_async_context(other.router.lifespan_context(other))
            for service in services:
                await anyio.to_thread.run_sync(service.start)
                stack.callback(service.stop)
            if getattr(app.state, "owns_process", False):
                # What was loaded until now lives as long as the process: looking through it for garbage again and
                # again costs a fifth of a request.
                gc.collect()
                gc.freeze()
                gc.set_threshold(*_GARBAGE)
            logging.log().info("started", side=context.side)
            yield
        context.close()
        logging.log().info("stopped", side=context.side)

    return lifespan


def run_sequencer(settings: Settings, ended: threading.Event) -> None:
    """Write blocks until `ended` is set. Raises what `require_sound` does, and ForkError."""
    logging.configure()
    context = Context.open(settings, "ballot")
    try:
        require_sound(context)
        logging.log().info("started", side="sequencer")
        Sequencer(Board(context)).run(ended)
        logging.log().info("stopped", side="sequencer")
    finally:
        context.close()


def run_worker(settings: Settings, ended: threading.Event) -> None:
    """Do what no request and no block waits for, until `ended` is set.

    Aggregates, time-stamp tokens, BLS certificates, forgetting. Raises what `require_sound` does.
    """
    logging.configure()
    context = Context.open(settings, "ballot")
    try:
        require_sound(context)
        board = Board(context)
        acts = (Tallies(board).step, Stamper(board).step, Certifier(board).step, Forgetter(board).step)
        logging.log().info("started", side="worker")
        while not ended.wait(_WORKER_PAUSE_S):
            for act in acts:
                try:
                    act()
                except (ProblemError, Refused, SQLAlchemyError) as error:
                    if not isinstance(error, ProblemError):
                        logging.log().error("worker-failed", error=type(error).__name__)
        logging.log().info("stopped", side="worker")
    finally:
        context.close()


def run_recovery(settings: Settings, copy: Path) -> int:
    """Take over what a copy of the log has more than the database; return how many entries. Raises Refused, Misuse."""
    logging.configure()
    context = Context.open(settings, "ballot")
    try:
        require_sound(context)
        return recover(Board(context), Publication(copy).get)
    finally:
        context.close()


def require_sound(context: Context) -> None:
    """Check database and clocks before anything is served. Raises SkewError, NotMigratedError, SQLAlchemyError."""
    try:
        require_current(context.database, context.side)
        require_database_agreement(context.database, context.limits.skew_ms)
    except (SkewError, NotMigratedError, SQLAlchemyError) as error:
        logging.log().error("refused-to-start", side=context.side, error=type(error).__name__)
        raise


def _identity_features(context: Context, roles: Roles) -> tuple[list[Service], list[APIRouter]]:
    """Build the features of the identity side."""
    voters = Voters(context)
    pages = make_pages_router(context, lambda: voters.frame().election.manifest_hash)
    return [voters], [make_voters_router(voters, context, roles), make_roles_router(roles), pages]


def _ballot_features(context: Context, roles: Roles) -> tuple[list[Service], list[APIRouter]]:
    """Build the features of the ballot side, each with those below it."""
    board = Board(context)
    elections = Elections(context, board)
    casting = Casting(context, board)
    feed = Feed(board)
    tallies = Tallies(board)
    # The casts come most, and routers are asked in this order.
    routers = [
        make_casting_router(casting, context, feed),
        create_board_router(board, feed),
        create_tally_router(tallies),
        make_elections_router(elections, roles),
        make_proposals_router(Proposals(context, elections, board, roles), roles),
        make_roles_router(roles),
        make_console_router(elections, roles),
        make_pages_router(context, lambda: _hash_of(board)),
    ]
    return [board, Summing(board), elections, casting], routers


def _hash_of(board: Board) -> bytes:
    with board.record() as record:
        return record.manifest_hash


class Health(BaseModel):
    """That the process serves, and what time its database has."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"side": "ballot", "now_ms": 1_768_046_400_000}]})

    side: Literal["identity", "ballot"]
    now_ms: int


def _own_routes(context: Context) -> APIRouter:
    """Return the routes that every side has."""
    router = APIRouter(tags=["operation"])

    @router.get("/health")
    def read_health() -> Health:
        """Tell that this process serves and its database answers; 503 when it does not."""
        return Health(side=context.side, now_ms=context.database.now_ms())

    @router.get("/metrics", response_class=PlainTextResponse)
    def read_metrics(request: Request) -> Response:
        """Return the counters for Prometheus, to the bearer of the token of `metrics_token` only."""
        require_token(request, context.settings.metrics_token)
        return PlainTextResponse(metrics.exposition())

    return router
