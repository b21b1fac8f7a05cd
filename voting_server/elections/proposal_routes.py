"""HTTP of acts that two persons sign: propose, look, sign, send again, reject.

Spec: the OpenAPI description that these routes produce. Officers and registrars only; operators may look. The answer
holds the body as it was proposed and as plain values: whoever signs decodes the bytes on her own machine.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from voting_server.elections.acts import show_body
from voting_server.elections.proposals import Proposals, unpack
from voting_server.elections.routes import Part
from voting_server.elections.store import OPEN, Proposal
from voting_server.roles.routes import Caller
from voting_server.roles.service import Roles
from voting_server.roles.store import ROLES, Person, Role

Identifier = Annotated[int, Path(description="id of a proposal", ge=1, lt=2**53, examples=[1])]
_AUTHORS: frozenset[Role] = frozenset({"officer", "registrar"})


class SignatureIn(BaseModel):
    """An author's signature, made on her own machine (docs/spec/signatures.md)."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"key_id": "ab" * 8, "signature": "cd" * 64}]}
    )

    key_id: str = Field(pattern="^[0-9a-f]{16}$")
    signature: str = Field(pattern="^[0-9a-f]{128}$")

    def parts(self) -> tuple[bytes, bytes]:
        """Return key id and signature."""
        return bytes.fromhex(self.key_id), bytes.fromhex(self.signature)


class ProposalIn(BaseModel):
    """An act and its first signature."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"type": "close", "body": "oA==", "signature": {"key_id": "ab" * 8, "signature": "cd" * 64}}]
        },
    )

    type: str = Field(max_length=24)
    body: Base64Bytes = Field(description="canonical CBOR (docs/spec/encoding.md)")
    parts: list[Part] = Field(default=[], max_length=65_535, description="of a manifest, in its order")
    signature: SignatureIn


class RejectionIn(BaseModel):
    """Why an act is not wanted."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "the figure is wrong"}]})

    reason: str = Field(max_length=200)


class SignedOut(BaseModel):
    """Who has signed."""

    name: str
    body: str
    key_id: str
    signature: str
    at_ms: int


_EXAMPLE: JsonDict = {
    "id": 1,
    "type": "close",
    "state": "waiting",
    "body": "oA==",
    "plain": {"ballots": 7},
    "parts": [],
    "author": "A. Officer",
    "made_at_ms": 1_768_046_400_000,
    "expires_at_ms": 1_768_651_200_000,
    "signatures": [],
    "note": "",
    "check": "",
}


class ProposalOut(BaseModel):
    """An act that waits for a second person, or what became of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: int
    type: str
    state: Literal["waiting", "signed", "taken", "rejected", "expired"] = Field(
        description="signed: all have signed, and the log has not taken it yet; `note` and `check` say why"
    )
    body: str = Field(description="the bytes that are signed, base64")
    plain: dict[str, Any] = Field(description="the same in plain values; byte strings hexadecimal")
    parts: list[Part]
    author: str
    made_at_ms: int
    expires_at_ms: int
    signatures: list[SignedOut]
    ended_by: str | None = None
    note: str
    check: str
    leaf: str | None = Field(default=None, description="leaf hash of the entry, once the log has it")
    index: int | None = Field(default=None, description="its place in the log, once it has one")


class ProposalsOut(BaseModel):
    """The newest acts first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"proposals": [_EXAMPLE]}]})

    proposals: list[ProposalOut]


def make_router(proposals: Proposals, roles: Roles) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/proposals", tags=["proposals"])

    def show_all(found: Sequence[Proposal]) -> list[ProposalOut]:
        people, places = roles.names(), proposals.places_of(found)
        return [_show(each, places.get(each.id), people) for each in found]

    def show(found: Proposal) -> ProposalOut:
        return show_all([found])[0]

    @router.post("", status_code=201)
    def propose(asked: Caller, proposal: ProposalIn) -> ProposalOut:
        """Propose an act with one's own signature; where it needs no second one, it goes into the log at once."""
        with roles.acting(asked, "propose", _AUTHORS, proposal.type) as person:
            parts = [(part.type, part.body) for part in proposal.parts]
            made = proposals.propose(person, proposal.type, proposal.body, parts, proposal.signature.parts())
            return show(proposals.send(made))

    @router.get("")
    def read_proposals(asked: Caller) -> ProposalsOut:
        """Return the newest 500 acts, open and ended; parts only of those that are open."""
        roles.require(asked, ROLES)
        found = [each if each.state in OPEN else replace(each, parts=b"") for each in proposals.read()]
        return ProposalsOut(proposals=show_all(found))

    @router.get("/{identifier}")
    def read_proposal(asked: Caller, identifier: Identifier) -> ProposalOut:
        """Return one act."""
        roles.require(asked, ROLES)
        return show(proposals.find(identifier))

    @router.post("/{identifier}/signatures")
    def sign(asked: Caller, identifier: Identifier, signature: SignatureIn) -> ProposalOut:
        """Add one's own signature; with the last one that it needs, the act goes into the log."""
        with roles.acting(asked, "sign", _AUTHORS, str(identifier)) as person:
            proposals.sign(person, identifier, signature.parts())
            return show(proposals.send(identifier))

    @router.post("/{identifier}/delivery")
    def send(asked: Caller, identifier: Identifier) -> ProposalOut:
        """Send an act again that all have signed and that the log refused, because it came too early perhaps."""
        with roles.acting(asked, "send", _AUTHORS, str(identifier)):
            return show(proposals.send(identifier))

    @router.post("/{identifier}/rejection")
    def reject(asked: Caller, identifier: Identifier, rejection: RejectionIn) -> ProposalOut:
        """End an act that is not wanted; it can be proposed anew."""
        with roles.acting(asked, "reject", _AUTHORS, str(identifier)) as person:
            proposals.reject(person, identifier, rejection.reason)
            return show(proposals.find(identifier))

    return router


def _show(found: Proposal, index: int | None, people: Mapping[int, Person]) -> ProposalOut:
    def name(person: int | None) -> str:
        somebody = None if person is None else people.get(person)
        return "" if somebody is None else somebody.name

    return ProposalOut(
        id=found.id,
        type=found.type,
        state=found.state,
        body=b64encode(found.body).decode(),
        plain=show_body(found.type, found.body),
        parts=[Part.model_validate({"type": each, "body": b64encode(body)}) for each, body in unpack(found.parts)],
        author=name(found.author),
        made_at_ms=found.made_at_ms,
        expires_at_ms=found.expires_at_ms,
        signatures=[
            SignedOut(
                name=name(each.person),
                body=people[each.person].body if each.person in people else "",
                key_id=each.key_id.hex(),
                signature=each.signature.hex(),
                at_ms=each.at_ms,
            )
            for each in found.signatures
        ],
        ended_by=None if found.ended_by is None else name(found.ended_by),
        note=found.note,
        check=found.check,
        leaf=None if found.leaf is None else found.leaf.hex(),
        index=index,
    )
