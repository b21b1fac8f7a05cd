"""HTTP of the elections: the state, the founding, the generic intake of author-signed entries.

Spec: the OpenAPI description that these routes produce. Whoever may read the board may read the state; operators and
officers found; whoever holds a key that the manifest names sends entries, and the signature is all that counts.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field
from starlette.responses import Response

from crypto.errors import Refused
from voting_server.elections.progress import ElectionState, SlotState
from voting_server.elections.service import Elections
from voting_server.plumbing.bodies import RawBody, cbor_body
from voting_server.plumbing.problems import respond_refused
from voting_server.roles.routes import Caller
from voting_server.roles.service import Roles


class Part(BaseModel):
    """The body of one part entry."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["contest", "units"]
    body: Base64Bytes = Field(description="canonical CBOR")


class Founding(BaseModel):
    """What an election begins with."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"manifest": "hAEA", "parts": [{"type": "contest", "body": "oA=="}]}]},
    )

    manifest: Base64Bytes = Field(description="the manifest entry, signed by two officers")
    parts: list[Part] = Field(min_length=1, max_length=65_535, description="in the manifest's order")


class Keys(BaseModel):
    """The keys that a manifest for this installation must name."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"log_key": "01" * 32, "receipt_key": "02" * 32}]})

    log_key: str = Field(description="Ed25519, hexadecimal")
    receipt_key: str = Field(description="Ed25519, hexadecimal")


class Taken(BaseModel):
    """What became of an entry."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"leaf": "ab" * 32, "state": "sequenced", "index": 6}]})

    leaf: str = Field(description="leaf hash, hexadecimal")
    state: Literal["waiting", "sequenced", "refused"]
    index: int | None = Field(default=None, description="its place in the log, once it has one")
    check: str | None = Field(default=None, description="the check that it failed when its block was made")


def make_router(elections: Elections, roles: Roles) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["election"])

    @router.get("/election")
    def read_election() -> ElectionState:
        """Tell where the election stands and whose act it waits for."""
        return elections.state()

    @router.get("/slots/{pseudonym}")
    def read_slot(
        pseudonym: Annotated[str, Path(pattern="^[0-9a-f]{32}$", examples=["ab" * 16], description="hexadecimal")],
    ) -> SlotState:
        """Tell whether a slot has a credential, voted, or is struck, as far as the log has come."""
        return elections.slot(bytes.fromhex(pseudonym))

    @router.get("/keys")
    def read_keys() -> Keys:
        """Return the public keys of this installation, for whoever writes the manifest."""
        log, receipt = elections.public_keys()
        return Keys(log_key=log.hex(), receipt_key=receipt.hex())

    @router.post("/election", status_code=201)
    def found_election(asked: Caller, founding: Founding) -> ElectionState:
        """Write block 0: the manifest, then its parts, which the log signs. Operators and officers only, once."""
        with roles.acting(asked, "found", {"operator", "officer"}):
            return elections.found(founding.manifest, [(part.type, part.body) for part in founding.parts])

    @router.post(
        "/entries",
        status_code=202,
        response_model=Taken,
        openapi_extra=cbor_body("one entry, signed by its authors (docs/spec/encoding.md)"),
    )
    def take_entry(request: Request, raw: RawBody) -> Taken | Response:
        """Take in an entry signed by officers, registrars or trustees; a repeat gets its old answer."""
        try:
            queued = elections.take(raw)
        except Refused as refusal:
            return respond_refused(request, refusal, reason=True)
        return Taken(leaf=queued.leaf.hex(), state=queued.state, index=queued.entry_index, check=queued.check_id)

    return router
