"""An officer's own program against a served election: what it shows is what it signs, and it signs nothing else."""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from crypto.election.entries import Client, ClientFile, Close
from crypto.signatures import SigningKey
from tests.desk import Desk, open_desk
from tests.roles import roles_of
from tests.simulator import secret, signing_key
from voting_server import cli
from voting_server.elections.acts import ActError
from voting_server.elections.remote import Remote, show
from voting_server.voters import key_file

WORDS = "correct horse battery staple"
BODY = Client((ClientFile("index.html", secret("page")),))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Return a served election whose officers have keys here and no passkey."""
    with open_desk(tmp_path, "certified") as made:
        roles = roles_of(made.app)
        for place, person in enumerate(made.world.manifest.officers):
            roles.add(f"O{place}", person.body, "officer", signing_key("officer", place).public_key)
        yield made


def remote(desk: Desk, place: int, key: SigningKey | None = None) -> Remote:
    """Return the program of one officer."""
    client: Any = TestClient(desk.app, base_url="https://vote.example")
    used = key or signing_key("officer", place)
    return Remote("https://vote.example", used, lambda: desk.world.clock_ms, client=client)


def propose(desk: Desk) -> dict[str, Any]:
    """Let officer 0 propose the client's files."""
    return remote(desk, 0).propose(desk.world.kind, desk.world.manifest_hash, "client", BODY)


def test_one_proposes_and_another_signs_what_she_saw(desk: Desk) -> None:
    made = propose(desk)
    second = remote(desk, 1)
    assert [(each["id"], each["state"]) for each in second.proposals()] == [(made["id"], "waiting")]
    found, body = second.proposal(made["id"])
    assert show(found, body)["body"] == {"files": [{"hash": secret("page").hex(), "name": "index.html"}]}
    done = second.sign(desk.world.kind, desk.world.manifest_hash, made["id"], body)
    assert (done["state"], desk.store.count_waiting()) == ("taken", 1)


def test_a_body_that_changes_between_showing_and_signing_is_not_signed(desk: Desk) -> None:
    made = propose(desk)
    with pytest.raises(ActError, match="another one than was shown"):
        remote(desk, 1).sign(desk.world.kind, desk.world.manifest_hash, made["id"], Close(0).to_bytes())
    assert desk.store.count_waiting() == 0


@pytest.mark.parametrize("wrong", ["kind", "hash"])
def test_a_signature_under_another_election_is_refused_by_the_service(desk: Desk, wrong: str) -> None:
    made = propose(desk)
    second = remote(desk, 1)
    _, body = second.proposal(made["id"])
    kind, digest = ("practice", desk.world.manifest_hash) if wrong == "kind" else (desk.world.kind, bytes(32))
    with pytest.raises(ActError, match="403"):
        second.sign(kind, digest, made["id"], body)  # type: ignore[arg-type]


def test_a_stranger_sees_and_ends_nothing(desk: Desk) -> None:
    made = propose(desk)
    stranger = remote(desk, 0, signing_key("stranger"))
    for act in (stranger.proposals, lambda: stranger.proposal(made["id"]), lambda: stranger.reject(made["id"], "no")):
        with pytest.raises(ActError, match="401"):
            act()


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"{}", b'{"id": 1, "type": "client", "body": "not base64!", "signatures": []}']
)
def test_an_answer_that_cannot_be_read_is_refused(answer: bytes) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=answer))
    client = httpx.Client(transport=transport, base_url="https://vote.example")
    with pytest.raises((ActError, TypeError)):
        Remote("https://vote.example", signing_key("officer"), lambda: 0, client=client).proposal(1)


def test_a_service_that_calls_a_body_something_else_is_not_believed() -> None:
    with pytest.raises(ActError, match="cannot be read here"):
        show({"id": 1, "type": "close", "state": "waiting", "signatures": []}, BODY.to_bytes())
    with pytest.raises(ActError, match="cannot be read here"):
        show({"id": 1, "type": "nonsense", "state": "waiting", "signatures": []}, BODY.to_bytes())


# --------------------------------------------------------------------------------------------- the command line


def test_the_commands_propose_list_show_approve_and_reject(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_remote(_url: str, key: SigningKey, _now: object, *, side: str) -> Remote:
        assert side == "ballot"
        return remote(desk, 0, key)

    monkeypatch.setattr("voting_server.elections.remote.Remote", open_remote)
    words, body = tmp_path / "words", tmp_path / "client.json"
    words.write_text(WORDS, encoding="utf-8")
    body.write_text(json.dumps({"files": [{"name": "index.html", "hash": "ab" * 32}]}), encoding="ascii")
    for place in range(2):
        sealed = key_file.seal(signing_key("officer", place).seed, WORDS, "test")
        (tmp_path / f"{place}.key").write_bytes(sealed)
    election = ["--kind", desk.world.kind, "--manifest-hash", desk.world.manifest_hash.hex()]

    def run(place: int, *arguments: str, typed: str = "") -> tuple[int, str]:
        own = ["--key", str(tmp_path / f"{place}.key"), "--passphrase-file", str(words)]
        result = CliRunner().invoke(cli.app, ["officer", *arguments, *own], input=typed)
        return result.exit_code, result.output

    url = "https://vote.example"
    assert run(0, "propose", url, "client", str(body), *election)[0] == 0
    assert "1\tclient\twaiting\tO0 (Commission)" in run(1, "list", url)[1]
    assert '"hash": "' + "ab" * 32 in run(1, "show", url, "1")[1]
    status, text = run(1, "approve", url, "1", *election, typed="close\n")
    assert (status, "nothing was signed" in text, desk.store.count_waiting()) == (2, True, 0)
    assert run(0, "approve", url, "1", *election, typed="client\n")[0] == 2
    status, text = run(1, "approve", url, "1", *election, typed="client\n")
    assert (status, '"state": "taken"' in text, desk.store.count_waiting()) == (0, True, 1)
    assert run(1, "reject", url, "1", "--reason", "late")[0] == 2
    assert run(1, "ask", url, "/roles/me")[0] == 0
    assert run(1, "ask", url, "/rolls")[0] == 2


def test_the_service_never_gets_the_key(desk: Desk) -> None:
    propose(desk)
    kept = b"".join(path.read_bytes() for path in desk.settings.data_dir.rglob("*") if path.is_file())
    for place in range(3):
        seed = signing_key("officer", place).seed
        assert seed not in kept
        assert seed.hex().encode() not in kept
        assert b64encode(seed) not in kept
