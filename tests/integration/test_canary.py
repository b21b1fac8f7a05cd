"""The canary: somebody recognisable enrols and votes; then every table, log and file of both sides is searched.

The ballot side must hold nothing that names her, the identity side nothing of her ballot, and neither side what would
open it, her code, a session's secret or what her browser told of itself.
"""

import hashlib
import io
import sqlite3
from base64 import b64encode, urlsafe_b64encode
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from crypto.election.ballot import tracking_code
from crypto.election.entries import Incident, Opening
from crypto.elgamal import BallotSeed
from crypto.signatures import SigningKey, sign_author
from crypto.transcript import tag
from demo.roles import make_holder
from tests.desk import Desk, Sitting, ballot_of, open_desk
from tests.house import House, number_of, open_house, passkey_of, roll_text
from tests.roles import app_of, invite, log_in
from tests.simulator import Voter, secret, signing_key
from voting_server.plumbing import logging

SURNAME, GIVEN, STREET, AGENT = "Kanarbekova", "Zymyrat", "Sayrak kuchasy 77", "Canary-Browser/7.7"
SEED = secret("canary")
CHOICES = ((2,), (1, 3))
EMPTY = {
    # What waits for a provider's answer, for a passkey, for somebody to be told; each goes when it was used.
    "identity": {"enrolments", "identifications", "key_rotations", "notices", "role_tokens"},
    # What witnesses and authorities sent, sums over all ballots, and tokens that were used.
    "ballot": {"cosignatures", "kept_sums", "role_tokens", "tokens"},
}
"""Tables in which this test leaves nothing."""


@dataclass(slots=True)
class Findings:
    """What was looked through: the bytes of each place by its name."""

    places: dict[str, bytes] = field(default_factory=dict)

    def add_folder(self, folder: Path) -> None:
        """Take every file, and every table of an SQLite file as text."""
        for file in (each for each in folder.rglob("*") if each.is_file()):
            self.places[str(file.relative_to(folder))] = file.read_bytes()
            if file.suffix == ".sqlite":
                with closing(sqlite3.connect(file)) as connection:
                    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                        rows = connection.execute(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608 - its own name
                        self.places[f"table {name}"] = b"\n".join(_plain(value) for row in rows for value in row)

    def empty(self) -> set[str]:
        """Return the tables without a row."""
        return {
            place.removeprefix("table ") for place, data in self.places.items() if place[:5] == "table" and not data
        }

    def having(self, needle: bytes) -> list[str]:
        """Return the places that hold some bytes in any usual spelling."""
        spellings = {needle, needle.hex().encode(), b64encode(needle), urlsafe_b64encode(needle).rstrip(b"=")}
        return [place for place, data in self.places.items() if any(each in data for each in spellings)]


def _plain(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def enrol(house: House) -> tuple[Voter, str, list[str]]:
    """Enrol the canary by code; return the voter, her code, and her browser's secrets."""
    house.text = roll_text().replace("Surname0", SURNAME).replace("Given0", GIVEN).replace("Alma street 1", STREET, 1)
    house.freeze()
    browser, passkey, code = house.browser(), passkey_of("canary"), house.issue(0)
    browser.client.headers["user-agent"] = AGENT
    assert browser.use_code(browser.enrol(passkey), code, passkey).status_code == 204
    for link in house.links:
        link.serve()
    shown = browser.client.get("/voter").json()
    assert shown["requests"] == [{"type": "credential", "state": "delivered"}]
    voter = Voter(bytes.fromhex(shown["pseudonym"]), shown["unit"], shown["style"], passkey, choices=CHOICES)
    return voter, code, [cookie.value or "" for cookie in browser.client.cookies.jar]


def open_voting(house: House) -> None:
    """Let the world behind the house open its voting."""
    world = house.world
    certificate = world.record.ceremony.conclude()
    world.accept([*world.drill(1), world.by_officers("opening", Opening(certificate.key, certificate.hash))])
    world.wait_until(world.manifest.opens_at_ms)
    world.accept()
    world.accept()


def act(app: FastAPI, key: SigningKey | None, body: str) -> list[str]:
    """Let an officer or operator in at a side and act once; return her code and what her browser keeps."""
    _, code = invite(app, "officer" if key else "operator", name="Somebody", body=body, key=key)
    headers = log_in(app, make_holder("canary"), code)
    client = TestClient(app, base_url=headers["origin"], headers={"user-agent": AGENT})
    assert client.get("/roles/me", headers=headers).status_code == 200
    return [code, code.replace("-", ""), headers["cookie"].partition("=")[2]]


def propose(desk: Desk) -> list[str]:
    """Let an officer of the election propose an act; return her secrets."""
    key, body = signing_key("officer"), desk.world.manifest.officers[0].body
    secrets = act(desk.app, key, body)
    headers = log_in(desk.app, make_holder("canary"))
    content = Incident(secret("paper"), "a note").to_bytes()
    digest = desk.world.manifest_hash
    signer, signature = sign_author(key, tag(desk.world.kind, "author"), digest, "incident", content)
    sent = {
        "type": "incident",
        "body": b64encode(content).decode(),
        "signature": {"key_id": signer.hex(), "signature": signature.hex()},
    }
    assert desk.client.post("/proposals", json=sent, headers=headers).status_code == 201
    return [*secrets, headers["cookie"].partition("=")[2]]


def test_nothing_joins_a_name_to_a_ballot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity, ballot, log = Findings(), Findings(), io.StringIO()
    (tmp_path / "identity").mkdir()
    logging.configure(log)
    with open_house(tmp_path / "identity") as house:
        voter, code, identity_secrets = enrol(house)
        open_voting(house)
        identity_secrets += act(app_of(house.client), None, "house")
        identity.places["log"] = log.getvalue().encode()
        log.truncate(0)
        monkeypatch.setattr("tests.desk.fresh", lambda _stage: house.world)
        monkeypatch.setattr("voting_server.casting.intake._STALE_MS", -1)
        with open_desk(tmp_path / "ballot") as desk:
            client = desk.anonymous()
            client.headers["user-agent"] = AGENT
            token = desk.start_login(client)
            assert desk.send_login(client, voter, token, desk.credential(voter, token)).status_code == 200
            sitting = Sitting(desk, voter, client)
            entry = sitting.entry(seed=SEED)
            answer = sitting.cast(entry)
            assert answer.status_code == 201, answer.text
            assert desk.sequence() == []
            ballot_secrets = [cookie.value or "" for cookie in client.cookies.jar]
            role_secrets = propose(desk)
        identity.add_folder(tmp_path / "identity")
        ballot.add_folder(tmp_path / "ballot")
        ballot.places["log"] = log.getvalue().encode()
    sealed = ballot_of(entry)
    digest = sitting.hash(sealed)
    # The search finds what is there.
    assert "table entries" in ballot.having(sealed)
    assert identity.having(SURNAME.encode())
    assert identity.having(voter.pseudonym)
    assert ballot.having(voter.pseudonym)
    named = [number_of(0).encode(), SURNAME.encode(), GIVEN.encode(), STREET.encode()]
    assert [each for each in named if ballot.having(each)] == []
    cast = [sealed, digest, tracking_code(digest).encode(), answer.json()["receipt"].encode(), entry]
    assert [each for each in cast if identity.having(each)] == []
    opening = BallotSeed(house.world.kind, SEED).derive_opening()
    own = [SEED, opening, code.encode(), code.replace("-", "").encode(), AGENT.encode(), b"testclient"]
    # Every table was looked through with something in it; a new one gets something here, or is named.
    assert identity.empty() == EMPTY["identity"]
    assert ballot.empty() == EMPTY["ballot"]
    for each in (*own, *(one.encode() for one in (*identity_secrets, *ballot_secrets, *role_secrets) if one)):
        assert (each, identity.having(each), ballot.having(each)) == (each, [], [])
    # A session is known by a hash of its secret, which is no use to whoever reads the table.
    assert len(ballot_secrets) == 1
    known = hashlib.sha256(b"dobush session" + bytes.fromhex(ballot_secrets[0])).digest()
    assert "table sessions" in ballot.having(known)
