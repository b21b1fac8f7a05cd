"""Somebody with a role at a served side: invited as on its command line, registered and logged in over HTTP."""

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from crypto.signatures import SigningKey
from demo.roles import Holder, make_holder
from voting_server.plumbing.context import Context
from voting_server.plumbing.migration import migrate_side
from voting_server.plumbing.settings import Settings, Side
from voting_server.roles.service import Roles
from voting_server.roles.store import Role

Headers = dict[str, str]


@cache
def _migrated(side: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        migrate_side(Settings(side=Side(side), data_dir=Path(folder)))
        return Path(folder, f"{side}.sqlite").read_bytes()


def lay_out(settings: Settings) -> None:
    """Put a migrated, empty database where the settings of one side look for it: faster than migrating each time."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    (settings.data_dir / f"{settings.side}.sqlite").write_bytes(_migrated(settings.side))


def roles_of(app: FastAPI) -> Roles:
    """Return the roles of a served side, as its command line has them."""
    context: Context = app.state.context
    return Roles(context)


def invite(
    app: FastAPI,
    role: Role = "operator",
    *,
    name: str = "",
    body: str = "house",
    key: SigningKey | None = None,
) -> tuple[int, str]:
    """Invite somebody; return her id and the code."""
    roles = roles_of(app)
    person = roles.add(name or f"some {role}", body, role, key.public_key if key else None)
    return person, roles.invite(person)


def enter(
    app: FastAPI,
    role: Role = "operator",
    *,
    name: str = "",
    body: str = "house",
    key: SigningKey | None = None,
    holder: Holder | None = None,
) -> Headers:
    """Invite, register and log in; return the headers that speak for her."""
    _, code = invite(app, role, name=name, body=body, key=key)
    return log_in(app, holder or make_holder(role, name, body), code)


def log_in(app: FastAPI, holder: Holder, code: str = "") -> Headers:
    """Log somebody in, with a code after registering her passkey."""
    roles = roles_of(app)
    origin, rp_id = roles.context.origin, roles.context.settings.rp_id
    # A client of its own: the caller's has cookies of voters. It is closed with nothing started.
    client = TestClient(app, base_url=origin)

    def post(path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Any:  # noqa: ANN401
        client.cookies.clear()
        return client.post(path, json=dict(body), headers=dict(headers))

    if code:
        holder.register(post, roles.side, code, rp_id, origin)
    return dict(holder.log_in(post, roles.side, rp_id, origin))


def app_of(client: TestClient) -> FastAPI:
    """Return the application that a client speaks to."""
    app: FastAPI = client.app  # type: ignore[assignment]
    return app


def operate(app: FastAPI) -> Headers:
    """Return the headers of the one operator of an application."""
    if not hasattr(app.state, "operator"):
        app.state.operator = enter(app)
    headers: Headers = app.state.operator
    return headers
