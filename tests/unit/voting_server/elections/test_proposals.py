"""Acts of two persons over HTTP: proposed by one, signed by another of another body; whatever else is turned away."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from crypto.election.encoding import Message
from crypto.election.entries import Client, ClientFile, Close, Entry, Incident, Manifest, Rotate, parse_entry
from crypto.election.manifest import ZERO_HASH
from crypto.signatures import SigningKey, key_id, sign_author
from crypto.transcript import tag
from tests.desk import Desk, open_desk
from tests.roles import Headers, app_of, enter, lay_out, roles_of
from tests.simulator import World, secret, signing_key
from tests.unit.voting_server.elections.test_elections import founding, settings
from voting_server.app import create_app
from voting_server.board.service import Queued
from voting_server.elections import store
from voting_server.elections.service import Elections

BODY = Client((ClientFile("index.html", secret("client page")),))


@dataclass
class Commission:
    """A served election with its people: officers 0 and 2 are of one body, officer 1 of another."""

    desk: Desk
    people: dict[str, Headers] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Let everybody in."""
        manifest = self.desk.world.manifest
        for place, person in enumerate(manifest.officers):
            key = signing_key("officer", place)
            self.people[f"officer {place}"] = enter(
                self.desk.app, "officer", name=f"O{place}", body=person.body, key=key
            )
        registrar = manifest.registrars[0]
        key = signing_key("registrar", 0)
        self.people["registrar"] = enter(self.desk.app, "registrar", name="R", body=registrar.body, key=key)
        self.people["operator"] = enter(self.desk.app, "operator")

    @property
    def client(self) -> TestClient:
        """A client without cookies of its own."""
        return self.desk.client

    def signature(self, entry_type: str, body: bytes, key: SigningKey, **changes: Any) -> dict[str, str]:  # noqa: ANN401
        """Return a signature as the author's machine makes it."""
        world = self.desk.world
        bound = changes.get("manifest_hash", world.manifest_hash)
        identifier, signature = sign_author(
            key, tag(changes.get("kind", world.kind), "author"), bound, changes.get("type", entry_type), body
        )
        return {"key_id": identifier.hex(), "signature": signature.hex()}

    def propose(
        self,
        body: Message | bytes = BODY,
        entry_type: str = "client",
        who: str = "officer 0",
        **changes: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Propose an act; return the answer."""
        content = body if isinstance(body, bytes) else body.to_bytes()
        key = changes.pop("key", None) or signing_key(*_name(who))
        act = {
            "type": entry_type,
            "body": b64encode(content).decode(),
            "signature": self.signature(entry_type, content, key, **changes),
        }
        return self.client.post("/proposals", json=act, headers=self.people[who])

    def sign(self, made: dict[str, Any], who: str, **changes: Any) -> Any:  # noqa: ANN401
        """Sign an act as somebody; return the answer."""
        key = changes.pop("key", None) or signing_key(*_name(who))
        signature = self.signature(made["type"], b64decode(made["body"]), key, **changes)
        return self.client.post(f"/proposals/{made['id']}/signatures", json=signature, headers=self.people[who])

    def read(self, identifier: int) -> dict[str, Any]:
        """Return an act as it stands."""
        found: dict[str, Any] = self.client.get(f"/proposals/{identifier}", headers=self.people["officer 0"]).json()
        return found

    def taken(self) -> int:
        """Return how many entries wait for a block."""
        return self.desk.store.count_waiting()


def _name(who: str) -> tuple[str, int]:
    role, _, place = who.partition(" ")
    return role, int(place or 0)


@pytest.fixture
def commission(tmp_path: Path) -> Iterator[Commission]:
    """Return a served election before its opening."""
    with open_desk(tmp_path, "certified") as desk:
        yield Commission(desk)


def problem(answer: Any) -> str:  # noqa: ANN401
    """Return the code of a problem."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return str(answer.json()["type"]).removeprefix("/problems/")


def test_two_officers_of_different_bodies_sign_and_the_log_takes_it(commission: Commission) -> None:
    made = commission.propose().json()
    assert (made["state"], made["plain"]["files"][0]["name"]) == ("waiting", "index.html")
    assert commission.taken() == 0
    done = commission.sign(made, "officer 1").json()
    assert (done["state"], len(done["signatures"]), commission.taken()) == ("taken", 2, 1)
    assert [each["name"] for each in done["signatures"]] == ["O0", "O1"]
    row = commission.desk.store.find(leaf=bytes.fromhex(done["leaf"]))
    assert row is not None
    assert (row.type, row.state) == ("client", "waiting")
    commission.desk.sequence()
    assert commission.read(made["id"])["index"] == commission.desk.world.record.size - 1


def test_an_act_of_one_person_goes_into_the_log_at_once(commission: Commission) -> None:
    made = commission.propose(Incident(secret("paper"), "a power cut"), "incident").json()
    assert (made["state"], commission.taken()) == ("taken", 1)


def test_an_officer_changes_her_own_key_alone_and_anothers_with_a_second_person(commission: Commission) -> None:
    old, new = key_id(signing_key("officer", 0).public_key), signing_key("new").public_key
    assert commission.propose(Rotate("officer", old, new, "lost"), "rotate").json()["state"] == "taken"
    hers = Rotate("officer", key_id(signing_key("officer", 2).public_key), signing_key("newer").public_key, "ill")
    made = commission.propose(hers, "rotate", "officer 1").json()
    assert made["state"] == "waiting"
    assert commission.sign(made, "officer 0").json()["state"] == "taken"


def test_a_registrars_key_needs_the_other_registrar(commission: Commission) -> None:
    body = Rotate("registrar", key_id(signing_key("registrar", 1).public_key), signing_key("r").public_key, "lost")
    made = commission.propose(body, "rotate", "registrar").json()
    assert made["state"] == "waiting"
    assert commission.sign(made, "officer 0").json()["state"] == "waiting"
    assert problem(commission.sign(made, "officer 2")) == "same-body"
    assert commission.taken() == 0
    assert commission.sign(made, "officer 1").json()["state"] == "taken"


# ------------------------------------------------------------------------------------------------- who may not


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nobody_without_a_role_sees_or_proposes_anything(commission: Commission, method: str) -> None:
    act = {"type": "client", "body": "oA==", "signature": {"key_id": "ab" * 8, "signature": "cd" * 64}}
    body = act if method == "POST" else None
    assert problem(commission.client.request(method, "/proposals", json=body)) == "not-logged-in"


def test_an_operator_looks_and_decides_nothing(commission: Commission) -> None:
    made = commission.propose().json()
    operator = commission.people["operator"]
    assert commission.client.get(f"/proposals/{made['id']}", headers=operator).status_code == 200
    content = BODY.to_bytes()
    signature = commission.signature("client", content, signing_key("officer", 1))
    act = {"type": "client", "body": b64encode(content).decode(), "signature": signature}
    path = f"/proposals/{made['id']}"
    for answer in (
        commission.client.post("/proposals", json=act, headers=operator),
        commission.client.post(f"{path}/signatures", json=signature, headers=operator),
        commission.client.post(f"{path}/rejection", json={"reason": "no"}, headers=operator),
        commission.client.post(f"{path}/delivery", headers=operator),
    ):
        assert problem(answer) == "forbidden"
    assert (commission.read(made["id"])["state"], commission.taken()) == ("waiting", 0)


def test_a_second_officer_of_the_same_body_is_no_second_person(commission: Commission) -> None:
    made = commission.propose().json()
    assert problem(commission.sign(made, "officer 2")) == "same-body"
    assert len(commission.read(made["id"])["signatures"]) == 1


def test_nobody_signs_twice(commission: Commission) -> None:
    made = commission.propose().json()
    assert problem(commission.sign(made, "officer 0")) == "signed-already"
    assert commission.taken() == 0


@pytest.mark.parametrize("key", [("officer", 2), ("registrar", 0), ("trustee", 0), ("log", 0), ("stranger", 0)])
def test_nobody_brings_a_signature_of_another_key(commission: Commission, key: tuple[str, int]) -> None:
    made = commission.propose().json()
    assert problem(commission.sign(made, "officer 1", key=signing_key(*key))) == "not-your-key"
    assert problem(commission.propose(key=signing_key(*key))) == "not-your-key"


def test_a_registrar_writes_no_entry_of_officers(commission: Commission) -> None:
    made = commission.propose().json()
    assert problem(commission.sign(made, "registrar")) == "forbidden"
    assert problem(commission.propose(who="registrar")) == "forbidden"
    assert commission.sign(made, "officer 1").json()["state"] == "taken"


def test_a_person_whose_body_the_manifest_writes_otherwise_does_not_sign(commission: Commission) -> None:
    roles = roles_of(commission.desk.app)
    with roles.context.database.begin() as connection:
        people = roles.store.tables.people
        connection.execute(people.update().where(people.c.name == "O1").values(body="Chamber of others"))
    made = commission.propose().json()
    assert problem(commission.sign(made, "officer 1")) == "not-your-key"


# ------------------------------------------------------------------------------------------- what is not signed


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "practice"},
        {"kind": "real"},
        {"manifest_hash": bytes(32)},
        {"type": "close"},
    ],
)
def test_a_signature_is_for_this_election_and_this_type(commission: Commission, changes: dict[str, Any]) -> None:
    made = commission.propose().json()
    assert problem(commission.sign(made, "officer 1", **changes)) == "refused"
    assert problem(commission.propose(**changes)) == "refused"
    assert len(commission.read(made["id"])["signatures"]) == 1


def test_a_body_that_was_changed_after_the_first_signature_gets_no_second_one(commission: Commission) -> None:
    made = commission.propose().json()
    other = Client((ClientFile("index.html", secret("another page")),)).to_bytes()
    with commission.desk.app.state.context.database.begin() as connection:
        connection.execute(store.PROPOSALS.update().values(body=other))
    # The second officer signs what she saw: the service's other body has no signature of hers.
    assert problem(commission.sign(made, "officer 1")) == "refused"
    # And where she signs the other one, the first signature does not hold for it: the log takes nothing.
    changed = commission.read(made["id"])
    assert changed["plain"] != made["plain"]
    answer = commission.sign(changed, "officer 1").json()
    assert (answer["state"], answer["check"], commission.taken()) == ("signed", "MANIFEST" + "-12", 0)


@pytest.mark.parametrize("signature", [{"key_id": "ab" * 8}, {"key_id": "AB" * 8, "signature": "cd" * 64}, {}, None])
def test_what_is_no_signature_is_refused(commission: Commission, signature: Any) -> None:  # noqa: ANN401
    made = commission.propose().json()
    path = f"/proposals/{made['id']}/signatures"
    assert problem(commission.client.post(path, json=signature, headers=commission.people["officer 1"])) == (
        "invalid-request"
    )


@pytest.mark.parametrize("entry_type", ["ballot", "seal", "credential", "share", "ceremony-key", "contest", "nonsense"])
def test_what_officers_do_not_sign_cannot_be_proposed(commission: Commission, entry_type: str) -> None:
    assert problem(commission.propose(entry_type=entry_type)) == "invalid-request"


@pytest.mark.parametrize("body", [b"", b"\xa0", b"\x9f\xff", b"no body"])
def test_a_body_that_is_none_cannot_be_proposed(commission: Commission, body: bytes) -> None:
    assert problem(commission.propose(body)) in {"malformed", "invalid-request"}


def test_there_is_nothing_to_sign_where_there_is_no_act(commission: Commission) -> None:
    made = {"id": 999, "type": "client", "body": b64encode(BODY.to_bytes()).decode()}
    assert problem(commission.sign(made, "officer 1")) == "not-found"


# ------------------------------------------------------------------------------------------- what becomes of them


def test_a_rejected_act_gets_no_signature_more(commission: Commission) -> None:
    made = commission.propose().json()
    path = f"/proposals/{made['id']}/rejection"
    answer = commission.client.post(path, json={"reason": "other files"}, headers=commission.people["officer 1"])
    assert (answer.json()["state"], answer.json()["note"], answer.json()["ended_by"]) == (
        "rejected",
        "other files",
        "O1",
    )
    assert problem(commission.sign(made, "officer 1")) == "proposal-closed"
    assert problem(commission.client.post(path, json={"reason": ""}, headers=commission.people["officer 1"])) == (
        "proposal-closed"
    )
    assert commission.taken() == 0


def test_an_act_ends_with_its_time(commission: Commission) -> None:
    made = commission.propose().json()
    roles, states = roles_of(commission.desk.app), []
    with roles.context.database.begin() as connection:
        connection.execute(roles.store.tables.sessions.table.update().values(expires_at_ms=2**52))
    for later_ms in (0, 1):
        commission.desk.world.clock_ms = made["expires_at_ms"] + later_ms
        states.append(commission.read(made["id"])["state"])
    assert states == ["waiting", "expired"]
    assert problem(commission.sign(made, "officer 1")) == "proposal-closed"
    assert commission.taken() == 0


def test_a_taken_act_is_signed_rejected_or_sent_no_more(commission: Commission) -> None:
    made = commission.propose().json()
    commission.sign(made, "officer 1")
    assert problem(commission.sign(made, "officer 2")) == "proposal-closed"
    path, headers = f"/proposals/{made['id']}", commission.people["officer 0"]
    assert problem(commission.client.post(f"{path}/rejection", json={"reason": ""}, headers=headers)) == (
        "proposal-closed"
    )
    assert commission.client.post(f"{path}/delivery", headers=headers).json()["state"] == "taken"
    assert commission.taken() == 1


def test_what_came_too_early_keeps_its_signatures_and_is_sent_again(commission: Commission) -> None:
    made = commission.propose(Close(0), "close").json()
    early = commission.sign(made, "officer 1").json()
    assert (early["state"], bool(early["check"]), bool(early["note"])) == ("signed", True, True)
    again = commission.client.post(f"/proposals/{made['id']}/delivery", headers=commission.people["officer 0"])
    assert (again.json()["state"], len(again.json()["signatures"])) == ("signed", 2)


def test_one_person_may_have_as_many_acts_waiting_as_the_limit_and_not_one_more(tmp_path: Path) -> None:
    with open_desk(tmp_path, "certified", limits={"proposals": 2}) as desk:
        commission = Commission(desk)
        bodies = [Client((ClientFile("index.html", secret("page", place)),)) for place in range(3)]
        assert [commission.propose(body).status_code for body in bodies] == [201, 201, 429]
        assert commission.propose(bodies[2], who="officer 1").status_code == 201


def test_the_trail_names_both_and_what_came_of_it(commission: Commission) -> None:
    made = commission.propose().json()
    commission.sign(made, "officer 2")
    commission.sign(made, "officer 1")
    rows = commission.client.get("/roles/trail", headers=commission.people["operator"]).json()["acts"]
    found = [(row["name"], row["act"], row["outcome"]) for row in reversed(rows) if row["act"] in {"propose", "sign"}]
    assert found == [
        ("O0", "propose", "begun"),
        ("O0", "propose", "done"),
        ("O2", "sign", "begun"),
        ("O2", "sign", "same-body"),
        ("O1", "sign", "begun"),
        ("O1", "sign", "done"),
    ]


# ------------------------------------------------------------------------------------------------- the manifest


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[TestClient]:
    """Return a ballot side without an election."""
    made = settings(tmp_path)
    lay_out(made)
    with TestClient(create_app(made)) as client:
        yield client


def propose_manifest(client: TestClient, world: World, headers: Headers, manifest: Manifest | None = None) -> Any:  # noqa: ANN401
    """Propose a founding as officer 0."""
    content = (manifest or world.manifest).to_bytes()
    identifier, signature = sign_author(
        signing_key("officer", 0), tag((manifest or world.manifest).kind, "author"), ZERO_HASH, "manifest", content
    )
    act = {
        "type": "manifest",
        "body": b64encode(content).decode(),
        "parts": founding(world)["parts"],
        "signature": {"key_id": identifier.hex(), "signature": signature.hex()},
    }
    return client.post("/proposals", json=act, headers=headers)


def officers(client: TestClient, world: World) -> list[Headers]:
    """Let the officers of a world's manifest in."""
    return [
        enter(app_of(client), "officer", name=f"O{place}", body=person.body, key=signing_key("officer", place))
        for place, person in enumerate(world.manifest.officers)
    ]


def test_two_officers_found_an_election(empty: TestClient) -> None:
    world = World()
    people = officers(empty, world)
    made = propose_manifest(empty, world, people[0]).json()
    assert (made["state"], len(made["parts"])) == ("waiting", len(founding(world)["parts"]))
    assert problem(empty.get("/election")) == "no-election"
    entry = parse_entry(b64decode(founding(world)["manifest"]))
    second = key_id(signing_key("officer", 1).public_key)
    signature = dict(entry.signatures)[second]
    answer = empty.post(
        f"/proposals/{made['id']}/signatures",
        json={"key_id": second.hex(), "signature": signature.hex()},
        headers=people[1],
    )
    assert answer.json()["state"] == "taken"
    assert empty.get("/election").json()["manifest_hash"] == world.manifest_hash.hex()


def test_a_manifest_that_does_not_name_its_proposer_is_refused(empty: TestClient) -> None:
    world = World()
    people = officers(empty, world)
    others = tuple(
        replace(each, key=signing_key("other", place).public_key) for place, each in enumerate(world.manifest.officers)
    )
    manifest = replace(world.manifest, officers=others)
    assert problem(propose_manifest(empty, world, people[0], manifest)) == "not-your-key"


def test_parts_belong_to_a_manifest_only(commission: Commission) -> None:
    content = BODY.to_bytes()
    act = {
        "type": "client",
        "body": b64encode(content).decode(),
        "parts": founding(World())["parts"],
        "signature": commission.signature("client", content, signing_key("officer", 0)),
    }
    answer = commission.client.post("/proposals", json=act, headers=commission.people["officer 0"])
    assert problem(answer) == "invalid-request"


# ------------------------------------------------------------------------------------- what two persons decided against


def complete(commission: Commission, made: dict[str, Any], who: str) -> Any:  # noqa: ANN401
    """Add one's own signature to somebody's that was seen, and send the entry as a file, past the proposals."""
    signatures = [(bytes.fromhex(each["key_id"]), bytes.fromhex(each["signature"])) for each in made["signatures"]]
    body = b64decode(made["body"])
    own = commission.signature(made["type"], body, signing_key(*_name(who)))
    signatures.append((bytes.fromhex(own["key_id"]), bytes.fromhex(own["signature"])))
    raw = Entry(made["type"], body, tuple(sorted(signatures))).to_bytes()
    return commission.client.post("/entries", content=raw, headers={"content-type": "application/cbor"})


def test_what_the_log_took_is_not_shown_as_rejected(commission: Commission, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rejection that comes between the intake's yes and its note is too late: the entry stands in the log."""
    made, take = commission.propose().json(), Elections.take

    def slow(elections: Elections, raw: bytes) -> Queued:
        taken = take(elections, raw)
        assert reject(commission, made["id"], "officer 0").json()["state"] == "rejected"
        return taken

    monkeypatch.setattr(Elections, "take", slow)
    assert commission.sign(made, "officer 1").json()["state"] == "taken"
    assert commission.desk.sequence() == []
    found = commission.read(made["id"])
    assert (found["state"], found["note"]) == ("taken", "")
    assert found["index"] is not None


def reject(commission: Commission, identifier: int, who: str) -> Any:  # noqa: ANN401
    """End an act; return the answer."""
    path = f"/proposals/{identifier}/rejection"
    return commission.client.post(path, json={"reason": "no"}, headers=commission.people[who])


def test_nobody_completes_alone_what_was_rejected(commission: Commission) -> None:
    made = commission.propose().json()
    assert reject(commission, made["id"], "officer 0").status_code == 200
    assert problem(complete(commission, made, "officer 1")) == "proposal-closed"
    assert commission.taken() == 0
    # Proposed anew, it is wanted again.
    again = commission.propose().json()
    assert commission.sign(again, "officer 1").json()["state"] == "taken"
    assert complete(commission, made, "officer 1").status_code == 202
    assert commission.taken() == 1


def test_nobody_else_withdraws_a_signature(commission: Commission) -> None:
    made = commission.propose().json()
    assert reject(commission, made["id"], "officer 2").status_code == 200
    # A third officer's own proposal of the same bytes, rejected by herself, is no affair of the other two.
    own = commission.propose(who="officer 2").json()
    assert reject(commission, own["id"], "officer 2").status_code == 200
    assert problem(complete(commission, own, "officer 1")) == "proposal-closed"
    assert complete(commission, made, "officer 1").status_code == 202
    assert commission.taken() == 1


def test_nobody_completes_alone_what_ran_out(commission: Commission) -> None:
    made = commission.propose().json()
    with commission.desk.app.state.context.database.begin() as connection:
        connection.execute(store.PROPOSALS.update().values(expires_at_ms=0))
    assert problem(complete(commission, made, "officer 1")) == "proposal-closed"
    assert commission.taken() == 0


def test_what_was_never_rejected_comes_in_as_a_file(commission: Commission) -> None:
    assert complete(commission, commission.propose().json(), "officer 1").status_code == 202
    assert commission.taken() == 1


def test_what_a_dismissed_officer_had_signed_gets_no_second_signature(commission: Commission) -> None:
    made = commission.propose().json()
    roles = roles_of(app_of(commission.client))
    roles.retire(next(each.id for each in roles.people() if each.name == "O0"))
    assert problem(commission.sign(made, "officer 1")) == "proposal-closed"
    assert commission.taken() == 0


def test_a_registrar_ends_no_act_of_officers(commission: Commission) -> None:
    made = commission.propose().json()
    assert problem(reject(commission, made["id"], "registrar")) == "forbidden"
    assert commission.sign(made, "officer 1").json()["state"] == "taken"
