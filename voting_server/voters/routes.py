"""HTTP of the identity side: the roll for those with a role, the voter's own way to a passkey, the registrars' queue.

Spec: the OpenAPI description that these routes produce. Operators log in, registrars sign each call, a voter's
browser holds two cookies: one that binds its enrolment to it (lax, since it comes back from the provider), one session.
"""

import re
import secrets
from base64 import b64encode
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from crypto.election.entries import Assurance
from voting_server.plumbing.context import Context
from voting_server.plumbing.guards import address_of, limit
from voting_server.plumbing.passkeys import AttestationJson
from voting_server.plumbing.problems import ProblemError
from voting_server.plumbing.sessions import IDENTITY_SESSIONS
from voting_server.roles.routes import Caller
from voting_server.roles.service import Roles
from voting_server.roles.store import ROLES, Role
from voting_server.voters.calls import HEADER
from voting_server.voters.enrolment import creation_options
from voting_server.voters.evidence import Code
from voting_server.voters.messages import (
    AskedOut,
    CodeIn,
    CodeProofIn,
    ElectionOut,
    EnrolmentIn,
    EnrolmentOut,
    FoundingIn,
    FreezeOut,
    KeyOut,
    NoticeOut,
    NoticesOut,
    OidcIn,
    OidcOut,
    QueueOut,
    RequestOut,
    RollIn,
    RollOut,
    RotationsIn,
    RotationsOut,
    SignatureIn,
    SignatureOut,
    SlotListOut,
    SlotOut,
    SlotsOut,
    StrikeIn,
    UnplacedOut,
    VersionOut,
    VoterOut,
    VoterRequestOut,
)
from voting_server.voters.roll import MENDS
from voting_server.voters.service import ENROLMENT_LIFE_MS, RollState, Taken, Voters
from voting_server.voters.store import Request as Asked

SLOTS_A_PAGE = 5_000
BROWSER_COOKIE = "__Host-dobush-browser"


Identifier = Annotated[int, Path(description="id of a request", ge=1, lt=2**53, examples=[1])]


def make_router(voters: Voters, context: Context, roles: Roles) -> APIRouter:
    """Return all routes of the identity side."""
    router = APIRouter()
    _add_operator_routes(router, voters, roles)
    _add_voter_routes(router, voters, context)
    _add_registrar_routes(router, voters)
    return router


_OPERATORS: frozenset[Role] = frozenset({"operator"})
_KEEPERS: frozenset[Role] = frozenset({"operator", "registrar"})
"""Who keeps the roll: those who run the identity side, and the registrars who answer for it."""


def _add_operator_routes(router: APIRouter, voters: Voters, roles: Roles) -> None:
    only: dict[str, Any] = {"tags": ["roll"]}

    @router.post("/founding", status_code=201, **only)
    def take_founding(asked: Caller, founding: FoundingIn) -> ElectionOut:
        """Take the public block 0 of the ballot side, once."""
        with roles.acting(asked, "take-founding", {"operator", "officer"}):
            frame = voters.found(founding.entries)
        return ElectionOut(
            manifest_hash=frame.election.manifest_hash.hex(),
            kind=frame.election.kind,
            short_name=frame.manifest.short_name,
        )

    @router.post("/rolls", status_code=201, **only)
    def import_roll(asked: Caller, version: RollIn) -> RollOut:
        """Take a signed version of the roll, all or nothing; who has no place is reported and kept."""
        signed = bytes.fromhex(version.signer), bytes.fromhex(version.signature)
        with roles.acting(asked, "import-roll", _KEEPERS, version.use):
            return _roll_out(voters.import_roll(version.use, version.format, version.content, version.places, signed))

    @router.get("/rolls", **only)
    def read_roll(asked: Caller) -> RollOut:
        """Tell where the roll stands and who is without a place."""
        roles.require(asked, _KEEPERS)
        return _roll_out(voters.roll_state())

    @router.post("/slots", status_code=201, **only)
    def draw_slots(asked: Caller) -> SlotsOut:
        """Draw everybody's pseudonym, once, and ask the registrars for the roll chunks."""
        with roles.acting(asked, "draw-slots", _KEEPERS):
            return SlotsOut(chunks=voters.draw_slots())

    @router.get("/freeze", **only)
    def read_freeze(asked: Caller) -> FreezeOut:
        """Return the freeze's body, unsigned, and its figures."""
        roles.require(asked, ROLES)
        figures, body = voters.figures()
        slots = {str(district): number for district, number in figures.items()}
        return FreezeOut(body=b64encode(body).decode(), slots=slots)

    @router.post("/codes", status_code=204, **only)
    def add_code(asked: Caller, code: CodeIn) -> None:
        """Take a code that its issuer signed; an earlier one of the same person ends."""
        assurance: Assurance = code.assurance
        made = Code(code.number, bytes.fromhex(code.key), code.expires_at_ms, assurance)
        # The trail names the code's public key, never the person whom it was handed to.
        with roles.acting(asked, "issue-code", _KEEPERS, code.key):
            voters.add_code(made, bytes.fromhex(code.issuer), bytes.fromhex(code.issued))

    @router.post("/strikes", status_code=202, **only)
    def ask_strike(asked: Caller, strike: StrikeIn) -> RequestOut:
        """Ask both registrars to strike somebody's slot."""
        with roles.acting(asked, "ask-strike", _KEEPERS):
            return RequestOut(id=voters.ask_strike(strike.number, strike.reason))

    @router.get("/notices", **only)
    def read_notices(asked: Caller) -> NoticesOut:
        """Return whom to tell by a second channel that her key is to be changed."""
        roles.require(asked, _KEEPERS)
        rows = [NoticeOut(request=made, type=kind, number=number) for made, kind, number in voters.notices()]
        return NoticesOut(notices=rows)

    @router.post("/rotations", **only)
    def take_rotations(request: Request, given: RotationsIn) -> RotationsOut:
        """Take the ballot side's rotations of keys; each proves itself by its signatures, whoever brings it."""
        limit(roles.context.cache, "rotations", address_of(request), roles.context.limits.role_tries_a_minute)
        return RotationsOut(new=voters.rotate(given.entries))

    @router.post("/notices/{identifier}/sent", status_code=204, **only)
    def note_told(asked: Caller, identifier: Identifier) -> None:
        """Note that somebody was told; only then do registrars sign the change."""
        with roles.acting(asked, "note-told", _OPERATORS, str(identifier)):
            voters.note_told(identifier)


def _show_refusal(request: Request, page: str, problem: ProblemError) -> Response:
    """Send a browser that brings back a no to the voter's page, which says so. Raises the problem for a program."""
    if "text/html" not in request.headers.get("accept", ""):
        raise problem
    return RedirectResponse(f"{page}#to={'not-listed' if problem.code == 'not-eligible' else 'failed'}", 303)


def _add_voter_routes(router: APIRouter, voters: Voters, context: Context) -> None:
    database, life_s = context.database, context.limits.session_s

    def browser_of(request: Request) -> str:
        browser = request.cookies.get(BROWSER_COOKIE, "")
        if not re.fullmatch("[0-9a-f]{64}", browser):
            raise ProblemError("enrolment-failed")
        return browser

    def keep_browser(request: Request, response: Response) -> str:
        browser = request.cookies.get(BROWSER_COOKIE, "")
        if not re.fullmatch("[0-9a-f]{64}", browser):
            browser = secrets.token_hex(32)
        # Lax: the browser must show it when it comes back from the provider's page.
        response.set_cookie(
            BROWSER_COOKIE, browser, max_age=ENROLMENT_LIFE_MS // 1_000, path="/", secure=True, httponly=True
        )
        return browser

    def begin_session(response: Response, taken: Taken) -> None:
        with database.begin() as connection:
            token = IDENTITY_SESSIONS.open(connection, taken.number.encode(), life_s)
        IDENTITY_SESSIONS.hand_out(response, token, life_s)

    @router.post("/enrolments", status_code=201, tags=["voter"])
    def begin_enrolment(request: Request, response: Response, wanted: EnrolmentIn) -> EnrolmentOut:
        """Begin a passkey's registration, bound to this browser for a quarter of an hour."""
        browser = keep_browser(request, response)
        made, frame = voters.begin_enrolment(browser, address_of(request), software=wanted.software)
        return EnrolmentOut(
            id=made.id.hex(),
            token=made.token.hex(),
            manifest_hash=frame.election.manifest_hash.hex(),
            kind=frame.election.kind,
            options=creation_options(frame.manifest, secrets.token_bytes(16)),
        )

    @router.post("/enrolments/{enrolment}/key", tags=["voter"])
    def finish_enrolment(
        request: Request,
        enrolment: Annotated[str, Path(pattern="^[0-9a-f]{32}$", examples=["ab" * 16])],
        answer: AttestationJson,
    ) -> KeyOut:
        """Take the passkey's public key from the authenticator's answer."""
        return KeyOut(key=voters.finish_enrolment(bytes.fromhex(enrolment), browser_of(request), answer).hex())

    @router.post("/identifications/oidc", tags=["voter"])
    def begin_identification(request: Request, response: Response, wanted: OidcIn) -> OidcOut:
        """Send the browser to the identity provider: for an enrolment, or to look only."""
        browser = keep_browser(request, response)
        enrolment = None if wanted.enrolment is None else bytes.fromhex(wanted.enrolment)
        return OidcOut(url=voters.begin_identification(browser, address_of(request), enrolment))

    @router.get("/identifications/oidc/answer", status_code=303, response_class=RedirectResponse, tags=["voter"])
    def finish_identification(
        request: Request,
        state: Annotated[str, Query(max_length=128, examples=["x"])],
        code: Annotated[str, Query(max_length=2_048, examples=["x"])] = "",
        iss: Annotated[str | None, Query(max_length=500, examples=["https://id.example"])] = None,
    ) -> Response:
        """Take the browser back from the provider; it goes on to the voter's page, with a session.

        A browser that brings back a no is told so by the page, in the voter's language; a program gets the problem.
        """
        page = f"{context.origin}{request.scope.get('root_path', '')}/vote/"
        try:
            taken = voters.finish_identification(browser_of(request), state, code, iss)
        except ProblemError as problem:
            return _show_refusal(request, page, problem)
        response = RedirectResponse(page, 303)
        begin_session(response, taken)
        return response

    @router.post("/identifications/code", status_code=204, tags=["voter"])
    def identify_by_code(request: Request, proof: CodeProofIn) -> Response:
        """Take the proof of a code that was handed out in person, for an enrolment; begins a session."""
        enrolment, key, signature = (bytes.fromhex(each) for each in (proof.enrolment, proof.key, proof.signature))
        taken = voters.identify_by_code(browser_of(request), address_of(request), enrolment, key, signature)
        response = Response(status_code=204)
        begin_session(response, taken)
        return response

    @router.get("/voter", tags=["voter"])
    def read_voter(request: Request) -> VoterOut:
        """Tell the voter of this session her slot and where her requests stand."""
        with database.read() as connection:
            number = IDENTITY_SESSIONS.subject(connection, request).decode()
        standing = voters.standing(number)
        slot = standing.slot
        requests = [VoterRequestOut(type=kind, state=state) for kind, state in standing.requests]
        return VoterOut(pseudonym=slot.pseudonym.hex(), unit=slot.unit, style=slot.style, requests=requests)

    @router.post("/voter/logout", status_code=204, tags=["voter"])
    def log_out(request: Request) -> Response:
        """End the session."""
        with database.begin() as connection:
            IDENTITY_SESSIONS.end(connection, request)
        response = Response(status_code=204)
        IDENTITY_SESSIONS.take_back(response)
        return response


def _add_registrar_routes(router: APIRouter, voters: Voters) -> None:
    async def read_call(request: Request) -> tuple[str, str, str, bytes]:
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        query = f"?{request.url.query}" if request.url.query else ""
        return request.headers.get(HEADER, ""), request.method, path + query, await request.body()

    def caller(call: Annotated[tuple[str, str, str, bytes], Depends(read_call)]) -> bytes:
        return voters.caller(*call)

    @router.get("/registrar/slots", tags=["registrar"])
    def read_slots(
        author: Annotated[bytes, Depends(caller)],  # noqa: ARG001 - asked for who calls
        after: Annotated[str, Query(pattern="^[0-9]{0,14}$", description="numbers after this one", examples=[""])] = "",
    ) -> SlotListOut:
        """Return up to 5,000 slots to a registrar, who compares them with her own copy of the roll."""
        rows = [
            SlotOut(number=each.number, pseudonym=each.pseudonym.hex(), unit=each.unit, style=each.style)
            for each in voters.slots(after, SLOTS_A_PAGE)
        ]
        return SlotListOut(slots=rows)

    @router.get("/registrar/requests", tags=["registrar"])
    def read_requests(
        author: Annotated[bytes, Depends(caller)],  # noqa: ARG001 - asked for who calls
        after: Annotated[int, Query(ge=0, lt=2**53, description="ids from the next one on", examples=[0])] = 0,
    ) -> QueueOut:
        """Return up to 200 requests that have not reached the board."""
        return QueueOut(requests=[_asked_out(each) for each in voters.requests(after)])

    @router.post("/registrar/requests/{identifier}/signature", tags=["registrar"])
    def take_signature(
        author: Annotated[bytes, Depends(caller)], identifier: Identifier, signature: SignatureIn
    ) -> AskedOut:
        """Keep a registrar's signature; the answer holds the other's too, once it is there."""
        return _asked_out(voters.take_signature(author, identifier, bytes.fromhex(signature.signature)))

    @router.post("/registrar/requests/{identifier}/delivery", status_code=204, tags=["registrar"])
    def note_delivered(author: Annotated[bytes, Depends(caller)], identifier: Identifier) -> None:
        """Note that the ballot side took the entry."""
        voters.note_delivered(author, identifier)


def _roll_out(state: RollState) -> RollOut:
    versions = [
        VersionOut(
            number=each.number,
            use="mend" if each.use == "mend" else "roll",
            hash=each.hash.hex(),
            previous=each.previous.hex(),
            signer=each.signer.hex(),
        )
        for each in state.versions
    ]
    report = [
        UnplacedOut(number=each.number, address=each.address, fault=each.fault, mend=MENDS[each.fault])
        for each in state.report
    ]
    return RollOut(
        kind=state.kind,
        versions=versions,
        people=state.people,
        unplaced=state.unplaced,
        report=report,
        slots=state.slots,
    )


def _asked_out(asked: Asked) -> AskedOut:
    kinds: dict[str, Literal["roll", "credential", "change", "strike"]] = {
        "roll": "roll",
        "credential": "credential",
        "change": "change",
        "strike": "strike",
    }
    return AskedOut(
        id=asked.id,
        type=kinds[asked.type],
        body=b64encode(asked.body).decode(),
        number=asked.number or "",
        evidence=asked.evidence,
        signatures=[
            SignatureOut(author=author.hex(), signature=signature.hex()) for author, signature in asked.signatures
        ],
    )
