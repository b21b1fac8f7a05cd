"""HTTP of the elections: the state, the founding, the generic intake of author-signed entries.

Spec: the OpenAPI description that these routes produce. Whoever may read the board may read the state; operators and
officers found; whoever holds a key that the manifest names sends entries, and the signature is all that counts.
"""

from base64 import b64encode
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


class PlacesOut(BaseModel):
    """Where a reader finds what it needs first: hints, none of which has to be believed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "opening": 40,
                    "client": [12],
                    "freeze": 31,
                    "ceremony": [6, 7, 8],
                    "contests": {"1": 1},
                    "units": [3],
                    "rotations": [],
                }
            ]
        }
    )

    opening: int | None = None
    close: int | None = None
    client: list[int]
    freeze: int | None = None
    ceremony: list[int] = Field(description="the trustees' messages of the run that counts")
    contests: dict[str, int] = Field(description="entry of each contest by its id")
    units: list[int]
    rotations: list[int]


class BlockOut(BaseModel):
    """Block 0, as the identity side takes it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"entries": ["hAEA"]}]})

    entries: list[str] = Field(description="the manifest and its parts in their order, base64")


class RotationOut(BaseModel):
    """One rotation of a key."""

    index: int
    entry: str = Field(description="the entry, base64")


class RotationsOut(BaseModel):
    """Every rotation of a key, in the log's order."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rotations": [{"index": 9, "entry": "hAEA"}]}]})

    rotations: list[RotationOut]


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

    @router.get("/election/places")
    def read_places(response: Response) -> PlacesOut:
        """Tell where opening, ceremony, parts and rotations stand in the log; any page may ask, a check page too."""
        response.headers["Access-Control-Allow-Origin"] = "*"
        found = elections.places()
        return PlacesOut(
            opening=found.opening,
            close=found.close,
            client=found.client,
            freeze=found.freeze,
            ceremony=found.ceremony,
            contests={str(contest): index for contest, index in found.contests.items()},
            units=found.units,
            rotations=found.rotations,
        )

    @router.get("/election/founding")
    def read_founding() -> BlockOut:
        """Return block 0: somebody brings it to the identity side, which has no way to this one."""
        return BlockOut(entries=[b64encode(raw).decode() for raw in elections.founding()])

    @router.get("/election/rotations")
    def read_rotations() -> RotationsOut:
        """Return every entry that put a new key in the place of an old one."""
        rows = [RotationOut(index=index, entry=b64encode(raw).decode()) for index, raw in elections.rotations()]
        return RotationsOut(rotations=rows)

    @router.get("/slots/{pseudonym}")
    def read_slot(
        pseudonym: Annotated[str, Path(pattern="^[0-9a-f]{32}$", examples=["ab" * 16], description="hexadecimal")],
        response: Response,
    ) -> SlotState:
        """Tell whether a slot has a credential, voted, or is struck, as far as the log has come; any page may ask."""
        response.headers["Access-Control-Allow-Origin"] = "*"
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
