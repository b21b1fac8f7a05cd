"""HTTP of roles, the same on each side: registration by invitation, log-in by passkey, who I am, people, trail.

Spec: the OpenAPI description that these routes produce. `caller` is what other features' routes ask who sends.
"""

import hashlib
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from voting_server.plumbing.guards import address_of
from voting_server.plumbing.passkeys import EXAMPLE_ASSERTION, EXAMPLE_ATTESTATION, AssertionJson, AttestationJson
from voting_server.roles.calls import HEADER
from voting_server.roles.service import ALGORITHMS, Asked, Roles
from voting_server.roles.store import ROLES, Person

TOKEN = Field(pattern="^[0-9a-f]{64}$", description="32 bytes, hexadecimal; the challenge is computed from it")
CODE = Field(min_length=32, max_length=64, description="as it was handed over; spaces and dashes do not count")


def _example(**fields: Any) -> ConfigDict:  # noqa: ANN401 - values of JSON
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [fields]})


class InvitationIn(BaseModel):
    """The code of an invitation."""

    model_config = _example(code="ABCD" * 8)

    code: str = CODE


class RegistrationOut(BaseModel):
    """Who is invited, and what her browser gives to `create()`; it computes the challenge itself."""

    model_config = _example(
        name="A. Officer",
        body="Commission",
        role="officer",
        token="ab" * 32,
        options={"rp": {"id": "vote.example", "name": "Dobush"}},
    )

    name: str
    body: str
    role: Literal["officer", "registrar", "operator"]
    token: str = TOKEN
    options: dict[str, Any]


class RegistrationIn(BaseModel):
    """The browser's answer for an invitation."""

    model_config = _example(code="ABCD" * 8, token="ab" * 32, credential=EXAMPLE_ATTESTATION)

    code: str = CODE
    token: str = TOKEN
    credential: AttestationJson


class TokenOut(BaseModel):
    """What a log-in begins with."""

    model_config = _example(token="ab" * 32)

    token: str = TOKEN


class LoginIn(BaseModel):
    """The browser's answer."""

    model_config = _example(token="ab" * 32, credential=EXAMPLE_ASSERTION)

    token: str = TOKEN
    credential: AssertionJson


class PersonOut(BaseModel):
    """Somebody with a role."""

    model_config = _example(
        id=1, name="A. Officer", body="Commission", role="officer", key="01" * 32, is_active=True, has_passkey=True
    )

    id: int
    name: str
    body: str
    role: Literal["officer", "registrar", "operator"]
    key: str | None = Field(default=None, description="public signing key, hexadecimal, where she has one")
    is_active: bool
    has_passkey: bool


class KeyIn(BaseModel):
    """A public signing key."""

    model_config = _example(key="01" * 32)

    key: str = Field(pattern="^[0-9a-f]{64}$")


class PeopleOut(BaseModel):
    """Everybody who has or had a role on this side."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"people": []}]})

    people: list[PersonOut]


class ActOut(BaseModel):
    """One line of the trail."""

    model_config = _example(
        number=4,
        at_ms=1_768_046_400_000,
        person=1,
        name="A. Officer",
        act="log-in",
        subject="",
        outcome="done",
        hash="ab" * 32,
    )

    number: int
    at_ms: int
    person: int = Field(description="0: the installation's own command line")
    name: str
    act: str
    subject: str
    outcome: str = Field(description="begun, done, or the code of the problem, or the check that refused")
    hash: str = Field(description="what the next act chains to: covers this act and all before it")


class TrailOut(BaseModel):
    """The newest acts first; nothing of voters, no secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"acts": []}]})

    acts: list[ActOut]


async def caller(request: Request) -> Asked:
    """Return who sends a request, as far as the request says; the dependency of every route that asks for a role."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    query = f"?{request.url.query}" if request.url.query else ""
    signer = request.headers.get(HEADER, "")
    digest = hashlib.sha256(await request.body()).digest() if signer else None
    return Asked(request, request.method, path + query, signer, digest)


Caller = Annotated[Asked, Depends(caller)]


def make_router(roles: Roles) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/roles", tags=["roles"])
    _add_entrance(router, roles)

    @router.get("/me")
    def read_own_role(asked: Caller) -> PersonOut:
        """Tell who this session belongs to."""
        return show_person(roles.person_of(asked))

    @router.post("/me/key")
    def set_own_key(asked: Caller, given: KeyIn) -> PersonOut:
        """Name one's own signing key, where none was named yet; another one is noted on the command line only."""
        with roles.acting(asked, "name-key", {"officer", "registrar"}, given.key) as person:
            roles.name_key(person, bytes.fromhex(given.key))
        return show_person(roles.person_of(asked))

    @router.get("/people")
    def read_people(asked: Caller) -> PeopleOut:
        """Return everybody who has or had a role here, to anybody who has one."""
        roles.require(asked, ROLES)
        return PeopleOut(people=[show_person(each) for each in roles.people()])

    @router.get("/trail")
    def read_trail(
        asked: Caller,
        before: Annotated[
            int | None, Query(ge=0, lt=2**53, description="numbers below this one", examples=[500])
        ] = None,
    ) -> TrailOut:
        """Return up to 500 acts of people with a role, the newest first."""
        roles.require(asked, ROLES)
        names = roles.names()
        return TrailOut(
            acts=[
                ActOut(
                    number=each.number,
                    at_ms=each.at_ms,
                    person=each.person,
                    name=names[each.person].name if each.person in names else "",
                    act=each.act,
                    subject=each.subject,
                    outcome=each.outcome,
                    hash=each.hash.hex(),
                )
                for each in roles.trail(before)
            ]
        )

    return router


def _add_entrance(router: APIRouter, roles: Roles) -> None:
    sessions, life_s = roles.store.tables.sessions, roles.context.limits.role_session_s

    @router.post("/registrations", status_code=201)
    def begin_registration(request: Request, invitation: InvitationIn) -> RegistrationOut:
        """Begin the registration of a passkey with an invitation."""
        person, token = roles.begin_registration(invitation.code, address_of(request))
        return RegistrationOut(
            name=person.name,
            body=person.body,
            role=person.role,
            token=token.hex(),
            options=_creation_options(roles.context.settings.rp_id, person, token),
        )

    @router.post("/registrations/passkey", status_code=201)
    def finish_registration(answer: RegistrationIn) -> PersonOut:
        """Keep the passkey; the invitation is used up, and the person logs in with it from now on."""
        return show_person(roles.finish_registration(answer.code, bytes.fromhex(answer.token), answer.credential))

    @router.post("/login/start", status_code=201)
    def begin_login(request: Request) -> TokenOut:
        """Return a token that serves for one log-in within five minutes."""
        return TokenOut(token=roles.begin_login(address_of(request)).hex())

    @router.post("/login")
    def log_in(answer: LoginIn, response: Response) -> PersonOut:
        """Log in by passkey, with user verification; begins a session."""
        person, session = roles.log_in(bytes.fromhex(answer.token), answer.credential)
        sessions.hand_out(response, session, life_s)
        return show_person(person)

    @router.post("/logout", status_code=204)
    def log_out(request: Request) -> Response:
        """End the session."""
        roles.log_out(request)
        response = Response(status_code=204)
        sessions.take_back(response)
        return response


def show_person(person: Person) -> PersonOut:
    """Return somebody as JSON."""
    return PersonOut(
        id=person.id,
        name=person.name,
        body=person.body,
        role=person.role,
        key=None if person.key is None else person.key.hex(),
        is_active=person.is_active,
        has_passkey=person.passkeys > 0,
    )


def _creation_options(rp_id: str, person: Person, token: bytes) -> dict[str, Any]:
    """Return what the client gives to `create()`: a random handle, and the name that she sees when she logs in."""
    return {
        "rp": {"id": rp_id, "name": "Dobush"},
        "user": {"id": token[:16].hex(), "name": f"{person.name}, {person.role}", "displayName": person.name},
        "pubKeyCredParams": [{"type": "public-key", "alg": each} for each in ALGORITHMS],
        "authenticatorSelection": {"residentKey": "required", "userVerification": "required"},
        "attestation": "none",
    }
