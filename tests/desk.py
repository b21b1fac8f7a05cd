"""The ballot side on a simulated election: the real application and database, the world as sequencer and as clock.

`open_desk(folder)` founds nothing itself: it puts a world's log into an SQLite file (or a given database) and serves
it.
Voters log in with their software passkeys; `sequence()` writes the next block of what waits, as the sequencer would.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from crypto.election.ballot import Receipt, cast_challenge, hash_ballot
from crypto.election.entries import BallotEntry, Entry, Spoiled, parse_entry
from crypto.elgamal import BallotSeed
from crypto.errors import Refused
from crypto.merkle import Tiles, leaf_hash, parse_log_proof, publish, verify_inclusion
from crypto.signatures import parse_checkpoint, parse_note
from tests.simulator import Voter, World, fresh, secret
from voting_server.app import create_app
from voting_server.board.store import Store
from voting_server.casting.login import login_challenge
from voting_server.plumbing.migration import migrate_side
from voting_server.plumbing.settings import Settings, Side

ORIGIN = "https://vote.example"
CBOR = {"content-type": "application/cbor", "origin": ORIGIN}


def encode(data: bytes) -> str:
    """Return base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Read base64url without padding."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(slots=True)
class Sitting:
    """One voter's logged-in client."""

    desk: "Desk"
    voter: Voter
    client: TestClient

    def post(self, path: str, content: bytes = b"", **headers: str) -> Response:
        """Send a body of CBOR from the own page."""
        return self.client.post(path, content=content, headers={**CBOR, **headers})

    def nonce(self, ballot: bytes) -> bytes:
        """Ask for the nonce of a ballot."""
        answer = self.post(f"/casting/nonces/{self.hash(ballot).hex()}")
        assert answer.status_code == 201, answer.text
        return decode(answer.json()["nonce"])

    def hash(self, ballot: bytes) -> bytes:
        """Return a ballot's hash."""
        return hash_ballot(self.desk.world.kind, ballot)

    def sign(self, ballot: bytes, nonce: bytes) -> bytes:
        """Return the entry of a ballot that the voter's passkey casts with a nonce."""
        world = self.desk.world
        challenge = cast_challenge(world.kind, world.manifest_hash, self.hash(ballot), nonce)
        answer = self.voter.passkey.sign(challenge, world.manifest.rp_id, ORIGIN)
        return Entry("ballot", BallotEntry(ballot, nonce, *answer.parts()).to_bytes()).to_bytes()

    def entry(self, *, seed: bytes | None = None) -> bytes:
        """Return the entry of a new ballot, with a nonce of the server."""
        ballot, _ = self.desk.world.seal_ballot(self.voter, seed=seed)
        return self.sign(ballot, self.nonce(ballot))

    def cast(self, entry: bytes) -> Response:
        """Cast an entry."""
        return self.post("/ballots", entry)

    def vote(self) -> Receipt:
        """Cast a new ballot, note it in the voter's sequence, return its receipt."""
        entry = self.entry()
        answer = self.cast(entry)
        assert answer.status_code == 201, answer.text
        self.voter.number += 1
        self.voter.previous = self.hash(ballot_of(entry))
        return Receipt.parse(decode(answer.json()["receipt"]))

    def challenge(self, ballot: bytes, seed: bytes) -> Response:
        """Let a sealed ballot be opened."""
        opening = BallotSeed(self.desk.world.kind, seed).derive_opening()
        return self.post("/ballots/challenged", Spoiled(ballot, opening).to_bytes())


@dataclass(slots=True)
class Desk:
    """A served election: its world, application, and what the test looks at directly."""

    world: World
    app: FastAPI
    client: TestClient
    settings: Settings
    stack: ExitStack
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        """Find the board's tables."""
        self.store = Store(self.app.state.context.database)

    def registered(self, number: int) -> Voter:
        """Return a voter with a credential."""
        return self.world.registered()[number]

    def anonymous(self) -> TestClient:
        """Return another client of the same application."""
        return TestClient(self.app, base_url=ORIGIN)

    def credential(self, voter: Voter, token: bytes, *, origin: str = ORIGIN, use: str = "log-in") -> dict[str, Any]:
        """Return what a browser would send for a log-in."""
        world = self.world
        challenge = login_challenge(world.kind, world.manifest_hash, token)
        if use == "cast":
            challenge = cast_challenge(world.kind, world.manifest_hash, token[:32], bytes(88))
        answer = voter.passkey.sign(challenge, world.manifest.rp_id, origin)
        handle = encode(voter.pseudonym)
        return {
            "id": encode(secret("id", handle)),
            "rawId": encode(secret("id", handle)),
            "type": "public-key",
            "response": {
                "clientDataJSON": encode(answer.client_data),
                "authenticatorData": encode(answer.authenticator_data),
                "signature": encode(answer.signature),
                "userHandle": handle,
            },
        }

    def start_login(self, client: TestClient | None = None) -> bytes:
        """Ask for a log-in token."""
        answer = (client or self.client).post("/casting/login/start", headers={"origin": ORIGIN})
        return decode(answer.json()["token"])

    def send_login(
        self, client: TestClient, voter: Voter, token: bytes, credential: dict[str, Any], **headers: str
    ) -> Response:
        """Send a log-in."""
        body = {"token": encode(token), "pseudonym": voter.pseudonym.hex(), "credential": credential}
        sent = {"content-type": "application/json", "origin": ORIGIN, **headers}
        return client.post("/casting/login", content=json.dumps(body), headers=sent)

    def log_in(self, number: int) -> Sitting:
        """Return a logged-in client of a registered voter."""
        voter, client = self.registered(number), self.anonymous()
        token = self.start_login()
        answer = self.send_login(client, voter, token, self.credential(voter, token))
        assert answer.status_code == 200, answer.text
        return Sitting(self, voter, client)

    def sequence(self, *, quorum: bool = True) -> list[Refused]:
        """Write the next block of everything that waits; return what the record refused of it."""
        world, store = self.world, self.store
        rows = store.waiting(1_000)
        before = len(world.entries)
        refusals = world.block([], [raw for _, raw in rows], quorum=quorum)
        self.load(before)
        places = {raw: index for index, raw in enumerate(world.entries)}
        with self.app.state.context.database.begin() as connection:
            store.settle(connection, [(row.id, places[raw]) for row, raw in rows], [])
        return refusals

    def load(self, start: int) -> None:
        """Put the world's entries from an index on, and its newest checkpoint, into the database and the files."""
        world, store = self.world, self.store
        raws = [(parse_entry(raw).type, raw) for raw in world.entries[start:]]
        note = world.checkpoints[-1]
        size, block = len(world.entries), world.writer.block
        with self.app.state.context.database.begin() as connection:
            store.append(connection, start, block, raws)
            store.add_checkpoint(connection, size, block, note)
        if len(parse_note(note).signatures) > world.manifest.quorum:
            store.add_cosignatures(size, [], note)
        publish_tiles(world, self.settings.published_dir)

    def verify_proof(self, text: bytes, entry: bytes) -> int:
        """Check a .tlog-proof of an entry as anybody would; return the entry's index."""
        proof = parse_log_proof(text)
        head = parse_checkpoint(parse_note(proof.checkpoint).text)
        verify_inclusion(leaf_hash(entry), proof.index, head.size, head.root, proof.proof)
        return proof.index


def publish_tiles(world: World, folder: Path) -> None:
    """Write the tiles and bundles of a world's log."""
    _, files = publish(Tiles(), world.entries)
    for path, data in files:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def ballot_of(entry: bytes) -> bytes:
    """Return the ballot bytes inside a ballot entry."""
    return BallotEntry.parse(parse_entry(entry).body).ballot


def desk_settings(folder: Path, **more: Any) -> Settings:  # noqa: ANN401
    """Return the settings of a ballot side that serves a world."""
    keys = {"log_key": secret("key", "log", 0).hex(), "receipt_key": secret("key", "receipt", 0).hex()}
    limits = {"skew_ms": 10**15, "intake_ms": 60_000, **more.pop("limits", {})}
    return Settings(
        **{"side": Side.BALLOT, "data_dir": folder, "ballot_origin": ORIGIN, "limits": limits, **keys, **more}
    )


@contextmanager
def open_desk(folder: Path, stage: str | World = "open", **more: Any) -> Iterator[Desk]:  # noqa: ANN401
    """Serve a world, or a fresh one at a stage, from an SQLite file (or `ballot_database`)."""
    world = stage if isinstance(stage, World) else fresh(stage)
    settings = desk_settings(folder, **more)
    if "ballot_database" not in more:
        folder.mkdir(parents=True, exist_ok=True)
        migrate_side(settings)
    with ExitStack() as stack:
        app = create_app(settings)
        database = app.state.context.database
        if database.is_sqlite:
            database._clock = lambda: world.clock_ms
            database.engine.dispose()
        desk = Desk(world, app, TestClient(app, base_url=ORIGIN), settings, stack)
        desk.load(0)
        stack.enter_context(desk.client)
        yield desk


__all__ = ["CBOR", "ORIGIN", "Desk", "Sitting", "ballot_of", "decode", "encode", "open_desk"]
