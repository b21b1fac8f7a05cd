"""What officers could propose now, and the evidence pack: complete, and open to those whom it is for."""

import hashlib
import io
import zipfile
from base64 import b64decode
from pathlib import Path

import pytest

from crypto.election.entries import BODIES, Incident, Release
from tests.desk import open_desk
from tests.roles import enter
from tests.simulator import fresh, secret, signing_key
from voting_server.elections.prepared import TO_EXPLAIN, prepare


def prepared(folder: Path, stage: str) -> dict[str, bytes]:
    """Return the prepared acts of a stage."""
    with open_desk(folder, stage) as desk:
        headers = enter(desk.app, "officer", body="Commission")
        found = desk.client.get("/acts/prepared", headers=headers).json()["acts"]
    return {each["type"]: b64decode(each["body"]) for each in found}


@pytest.mark.parametrize(
    ("stage", "types"),
    [
        ("founded", set()),
        ("certified", {"drill"}),
        ("frozen", {"opening", "drill"}),
        ("voted", {"close", "drill"}),
        ("complete", set()),
    ],
)
def test_the_acts_that_a_stage_waits_for_are_prepared(tmp_path: Path, stage: str, types: set[str]) -> None:
    assert set(prepared(tmp_path, stage)) == types


@pytest.mark.parametrize(("stage", "entry_type"), [("frozen", "drill"), ("voted", "drill")])
def test_a_prepared_act_is_what_the_log_takes(tmp_path: Path, stage: str, entry_type: str) -> None:
    body = prepared(tmp_path, stage)[entry_type]
    world = fresh(stage)
    world.record.admit(world.by_officers(entry_type, BODIES[entry_type].parse(body)))


def test_a_release_is_prepared_without_its_effect() -> None:
    world = fresh("voted")
    world.refuse(world.sign("incident", Incident(secret("paper"), "a note"), signing_key("stranger")))
    world.close()
    bodies = dict(prepare(world.record))
    release = bodies["release"]
    assert isinstance(release, Release)
    assert [(item.target, item.effect) for item in release.items] == [
        (index, TO_EXPLAIN) for index in world.record.tally.unresolved()
    ]


def test_the_evidence_holds_record_verifier_states_and_sums(tmp_path: Path) -> None:
    with open_desk(tmp_path, "complete") as desk:
        published = desk.settings.published_dir
        published.mkdir(parents=True, exist_ok=True)
        (published / "checkpoint").write_bytes(b"a checkpoint")
        headers = enter(desk.app, "operator")
        answer = desk.client.get("/evidence", headers=headers)
        trail = desk.client.get("/roles/trail", headers=headers).json()["acts"]
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    names = set(archive.namelist())
    assert {"README.txt", "SHA256SUMS", "record/checkpoint", "state/election.json", "state/live.json"} <= names
    assert {"verifier/audit/verify.py", "verifier/crypto/election/record.py", "verifier/locales/ru.json"} <= names
    for line in archive.read("SHA256SUMS").decode().splitlines():
        digest, _, name = line.partition("  ")
        assert hashlib.sha256(archive.read(name)).hexdigest() == digest
    assert archive.read("record/checkpoint") == b"a checkpoint"
    assert trail[0]["act"] == "evidence"


@pytest.mark.parametrize("path", ["/evidence", "/acts/prepared"])
def test_nobody_without_a_role_gets_anything(tmp_path: Path, path: str) -> None:
    with open_desk(tmp_path, "voted") as desk:
        assert desk.client.get(path).status_code == 401


def test_a_registrar_gets_no_evidence_pack(tmp_path: Path) -> None:
    with open_desk(tmp_path, "voted") as desk:
        headers = enter(desk.app, "registrar", body="Register")
        assert desk.client.get("/evidence", headers=headers).status_code == 403


def test_somebody_names_her_own_key_once(tmp_path: Path) -> None:
    with open_desk(tmp_path, "voted") as desk:
        headers = enter(desk.app, "officer", name="Aida", body="Commission")
        other = enter(desk.app, "officer", name="Bakyt", body="Chamber")
        operator = enter(desk.app, "operator")
        keys = [{"key": signing_key("officer", place).public_key.hex()} for place in range(2)]
        assert desk.client.post("/roles/me/key", json=keys[0], headers=headers).json()["key"] == keys[0]["key"]
        statuses = [
            desk.client.post("/roles/me/key", json=key, headers=who).status_code
            for key, who in ((keys[1], headers), (keys[0], other), (keys[1], operator), ({"key": "xy"}, other))
        ]
    assert statuses == [409, 409, 403, 422]
