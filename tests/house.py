"""The identity side with a simulated election behind it: the real application, two registrars, a world as ballot side.

`open_house(folder)` serves a world whose trustees have certified their key and whose roll is still to come. Registrars
reach the identity side by HTTP and the ballot side through `House.ballot`, which admits and sequences at once.
"""

import hashlib
import json
import tempfile
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import cbor2
from fastapi.testclient import TestClient
from httpx2 import Response

from crypto.election.entries import Freeze, parse_entry
from crypto.errors import Refused
from crypto.signatures import SigningKey, key_id
from demo.voters import SoftwarePasskey, make_passkey
from tests.roles import enter
from tests.simulator import World, fresh, secret, signing_key
from voting_server.app import create_app
from voting_server.plumbing.database import Database
from voting_server.plumbing.migration import migrate_side
from voting_server.plumbing.settings import Settings, Side
from voting_server.voters import roll
from voting_server.voters.calls import sign_version
from voting_server.voters.enrolment import registration_challenge
from voting_server.voters.evidence import Code, CodeVerifier, Election, Provider, code_key, make_code, prove_code
from voting_server.voters.registrar import Journal, Link, Registrar, fetch_frame
from voting_server.voters.slots import cut

ORIGIN = "https://id.vote.example"
ISSUER = SigningKey.from_seed(secret("issuer"))
DAY_MS = 86_400_000
PLACES = "address,unit\nTown / North,2\nTown / South / left bank,4\nTown / South / right bank,5\nBerlin,\n"
_ADDRESSES = (
    ("Town, North, Alma street 1",) * 5 + ("Town, South, left bank, 7",) * 4 + ("Town, South, Right  Bank",) * 3
)


def number_of(place: int) -> str:
    """Return the personal number of one of the twelve persons."""
    return f"{20_000_000_000_000 + place}"


def roll_text(addresses: tuple[str, ...] = _ADDRESSES) -> str:
    """Return a roll of persons at these addresses as CSV."""
    rows = [
        f'{number_of(place)},Surname{place},Given{place},,1990-01-{place + 1:02},"{address}"'
        for place, address in enumerate(addresses)
    ]
    return "number,surname,given,patronymic,born,address\n" + "\n".join(rows) + "\n"


def encode(data: bytes) -> str:
    """Return base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def attest(
    key: bytes,
    challenge: bytes,
    *,
    origin: str = ORIGIN,
    rp_id: str = "vote.example",
    flags: int = 0x5D,
    **members: object,
) -> dict[str, Any]:
    """Return what a browser answers to `create()`: attestation none, user present and verified."""
    data = hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + bytes(4)
    data += bytes(16) + (16).to_bytes(2, "big") + secret("credential", key)[:16] + key
    client = {"type": "webauthn.create", "challenge": encode(challenge), "origin": origin, "crossOrigin": False}
    attestation = {"fmt": members.pop("fmt", "none"), "attStmt": {}, "authData": data}
    text = encode(secret("credential", key)[:16])
    response = {
        "clientDataJSON": encode(json.dumps({**client, **members}).encode()),
        "attestationObject": encode(cbor2.dumps(attestation)),
    }
    return {"id": text, "rawId": text, "type": "public-key", "response": response}


@dataclass(slots=True)
class Browser:
    """One voter's browser at the identity side."""

    house: "House"
    client: TestClient

    def post(self, path: str, body: object = None, **headers: str) -> Response:
        """Send JSON from the own page."""
        return self.client.post(path, json={} if body is None else body, headers={"origin": ORIGIN, **headers})

    def begin(self, *, software: bool = True) -> dict[str, Any]:
        """Begin an enrolment."""
        answer = self.post("/enrolments", {"software": software})
        assert answer.status_code == 201, answer.text
        begun: dict[str, Any] = answer.json()
        return begun

    def enrol(self, passkey: SoftwarePasskey, *, software: bool = True) -> str:
        """Register a passkey; return the enrolment's id."""
        begun = self.begin(software=software)
        answer = self.post(f"/enrolments/{begun['id']}/key", attest(passkey.cose_key, self.challenge(begun)))
        assert answer.status_code == 200, answer.text
        assert answer.json()["key"] == passkey.cose_key.hex()
        return str(begun["id"])

    def challenge(self, begun: Mapping[str, Any]) -> bytes:
        """Compute the challenge of a registration, as a client does."""
        return registration_challenge(
            begun["kind"], bytes.fromhex(begun["manifest_hash"]), bytes.fromhex(begun["token"])
        )

    def use_code(self, enrolment: str, code: str, passkey: SoftwarePasskey) -> Response:
        """Prove a code for an enrolment."""
        key, signature = prove_code(self.house.election, code, passkey.cose_key)
        return self.post(
            "/identifications/code", {"enrolment": enrolment, "key": key.hex(), "signature": signature.hex()}
        )


@dataclass
class House:
    """The identity side, its election, its registrars."""

    world: World
    settings: Settings
    client: TestClient
    folder: Path
    text: str = field(default_factory=roll_text)
    links: list[Link] = field(default_factory=list)
    providers: dict[str, Provider] = field(default_factory=dict)
    now_ms: int = 0
    operator: dict[str, str] = field(default_factory=dict)
    rotations: list[dict[str, Any]] = field(default_factory=list)

    @property
    def election(self) -> Election:
        """The election."""
        return Election(self.world.kind, self.world.manifest_hash)

    @property
    def database(self) -> Database:
        """The identity database."""
        database: Database = self.client.app.state.context.database  # type: ignore[attr-defined]
        return database

    def time_ms(self) -> int:
        """Return the identity side's clock, or what a test set instead."""
        return self.now_ms or self.database.now_ms()

    def ballot(self, method: str, path: str, body: bytes, _headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Answer for the ballot side: entries by index, and the intake of author-signed entries."""
        if path == "/election/rotations":
            return 200, json.dumps({"rotations": self.rotations}).encode()
        if method == "GET":
            return 200, self.world.read(int(path.rpartition("/")[2]))
        try:
            self.world.record.admit(body)
        except Refused as refusal:
            return 409, json.dumps({"check": refusal.check}).encode()
        voters = parse_entry(body).type in {"credential", "change", "strike"}
        self.world.accept([] if voters else [body], [body] if voters else [])
        return 202, b"{}"

    def identity(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Reach the identity side."""
        answer = self.client.request(method, path, content=body, headers=dict(headers))
        return answer.status_code, answer.content

    def operate(self, method: str, path: str, body: object = None) -> Response:
        """Act as an operator."""
        return self.client.request(method, path, json=body, headers=self.operator)

    def found(self) -> Response:
        """Give block 0 to the identity side."""
        count = 1 + len(self.world.record.parts.expected)
        entries = [b64encode(self.world.read(index)).decode() for index in range(count)]
        return self.operate("POST", "/founding", {"entries": entries})

    def version(
        self, content: str, *, use: str = "roll", places: str = PLACES, signer: SigningKey | None = None
    ) -> dict[str, Any]:
        """Return a signed version of the roll, as an operator sends it."""
        versions = self.operate("GET", "/rolls").json()["versions"]
        previous = bytes.fromhex(versions[-1]["hash"]) if versions else bytes(32)
        digest = roll.version_hash(self.world.kind, previous, use, places.encode(), content.encode())
        author, signature = sign_version(signer or signing_key("registrar", 0), self.election, digest)
        signed = {"signer": author.hex(), "signature": signature.hex()}
        return {"use": use, "content": content, "places": places, **signed}

    def registrar(self, place: int, text: str | None = None) -> Link:
        """Return a registrar with her own copy of the roll."""
        frame = fetch_frame(self.ballot, self.world.manifest_hash)
        people = roll.place_all(roll.parse_people(text or self.text, "csv"), roll.parse_places(PLACES), [], frame.parts)
        own = {each.number: (each.unit, each.style) for each in people}
        journal = Journal(self.folder / f"journal-{place}.jsonl")
        made = Registrar(signing_key("registrar", place), frame, own, self.providers, journal)
        return Link(made, self.identity, self.ballot, self.time_ms)

    def freeze(self) -> None:
        """Import the roll, draw slots, let both registrars sign, freeze; two registrars are ready afterwards."""
        assert self.operate("POST", "/rolls", self.version(self.text)).status_code == 201
        assert self.operate("POST", "/slots").status_code == 201
        self.links = [self.registrar(0), self.registrar(1)]
        for link in self.links:
            slots = link.fetch_slots()
            link.registrar.accept(slots, cut(slots))
        assert [what for _, what in self.links[0].serve()] == ["signed"]
        assert [what for _, what in self.links[1].serve()] == ["delivered"]
        body = Freeze.parse(b64decode(self.operate("GET", "/freeze").json()["body"]))
        self.world.accept([self.world.by_officers("freeze", body)])

    def issue(self, place: int, *, days: int = 1, issuer: SigningKey = ISSUER, kind: str = "passkey") -> str:
        """Hand out a code to a person; return it."""
        code, answer = self.try_issue(place, days=days, issuer=issuer, kind=kind)
        assert answer.status_code == 204, answer.text
        return code

    def try_issue(
        self, place: int, *, days: int, issuer: SigningKey = ISSUER, kind: str = "passkey"
    ) -> tuple[str, Response]:
        """Make a code and send its public half."""
        code = make_code(lambda size: secret("code", place, self.database.now_ms())[:size])
        public = code_key(self.world.kind, self.world.manifest_hash, code).public_key
        assurance: Any = kind
        made = Code(number_of(place), public, self.database.now_ms() + days * DAY_MS, assurance)
        sent = {
            "number": made.number,
            "key": public.hex(),
            "expires_at_ms": made.expires_at_ms,
            "assurance": kind,
            "issuer": key_id(issuer.public_key).hex(),
            "issued": made.sign(self.election, issuer).hex(),
        }
        return code, self.operate("POST", "/codes", sent)

    def browser(self) -> Browser:
        """Return a new browser."""
        return Browser(self, TestClient(self.client.app, base_url=ORIGIN))

    def enrol(self, place: int, passkey: SoftwarePasskey | None = None) -> Browser:
        """Enrol a person by code; the registrars have not yet been asked."""
        browser, key = self.browser(), passkey or passkey_of(place)
        answer = browser.use_code(browser.enrol(key), self.issue(place), key)
        assert answer.status_code == 204, answer.text
        return browser


def passkey_of(*names: object) -> SoftwarePasskey:
    """Return a person's software passkey."""
    return make_passkey(secret("house", *names))


@cache
def migrated() -> bytes:
    """Return a migrated, empty identity database."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(side=Side.IDENTITY, data_dir=Path(folder))
        migrate_side(settings)
        return Path(folder, "identity.sqlite").read_bytes()


@contextmanager
def open_house(folder: Path, **more: Any) -> Iterator[House]:  # noqa: ANN401 - settings
    """Serve an identity side whose election's roll is still to come."""
    settings = Settings(
        side=Side.IDENTITY,
        data_dir=folder,
        identity_origin=ORIGIN,
        rp_id="vote.example",
        **{"issuers": (ISSUER.public_key.hex(),), **more},
    )
    (folder / "identity.sqlite").write_bytes(migrated())
    with TestClient(create_app(settings), base_url=ORIGIN) as client:
        house = House(fresh("certified"), settings, client, folder)
        house.operator = enter(client.app)  # type: ignore[arg-type]
        house.providers["code"] = CodeVerifier((ISSUER.public_key,))
        assert house.found().status_code == 201
        yield house
