"""What officers could propose now, and the evidence pack: complete, and open to those whom it is for."""

import hashlib
import io
import json
import subprocess
import sys
import threading
import zipfile
from base64 import b64decode
from pathlib import Path

import pytest

from crypto.election.entries import BODIES, Incident, Release
from tests.desk import open_desk
from tests.folders import SLOTS, files_of, write_files
from tests.roles import enter
from tests.simulator import fresh, secret, signing_key
from voting_server.elections import evidence
from voting_server.elections.prepared import TO_EXPLAIN, prepare
from voting_server.plumbing.problems import ProblemError


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


def test_the_evidence_is_enough_to_verify_again(tmp_path: Path) -> None:
    with open_desk(tmp_path, "complete") as desk:
        write_files(desk.settings.published_dir, files_of(desk.world))
        reports = desk.settings.data_dir / "reports"
        reports.mkdir()
        (reports / "observers.json").write_text("{}")
        (reports / "observers.exe").write_text("no report")
        (reports / "report.json").write_text('{"verdict": "verified"}')
        headers = enter(desk.app, "operator")
        answer = desk.client.get("/evidence", headers=headers)
        trail = desk.client.get("/roles/trail", headers=headers).json()["acts"]
        manifest_hash = desk.world.manifest_hash.hex()
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    for line in archive.read("SHA256SUMS").decode().splitlines():
        digest, _, name = line.partition("  ")
        assert hashlib.sha256(archive.read(name)).hexdigest() == digest
    names = set(archive.namelist())
    assert "report/NOT-MADE.txt" not in names, archive.read("report/NOT-MADE.txt")
    assert {each for each in names if each.startswith("report/")} == {
        f"report/{each}" for each in ("report.json", "report.html", "given/observers.json", "given/report.json")
    }
    assert {"state/election.json", "state/live.json", "state/trail.json", "verifier/requirements.txt"} <= names
    assert trail[0]["act"] == "evidence"
    # Nothing but the pack, the libraries that it names, and what was published elsewhere.
    pack = tmp_path / "pack"
    archive.extractall(pack)
    (tmp_path / "figures.json").write_text(json.dumps({str(unit): count for unit, count in SLOTS.items()}))
    program = "import audit, sys; sys.stderr.write(audit.__file__); from audit.cli import main; main()"
    given = ["--manifest-hash", manifest_hash, "--slots", str(tmp_path / "figures.json"), "--workers", "1"]
    command = [sys.executable, "-c", program, "verify", "record", *given, "--json", "again.json"]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(pack / "verifier")}
    ended = subprocess.run(command, cwd=pack, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert str(pack / "verifier/audit") in ended.stderr
    assert ended.returncode == 0, ended.stdout + ended.stderr
    # The report of the pack lacks only what the service cannot know from outside.
    again, packed = (json.loads((pack / name).read_text()) for name in ("again.json", "report/report.json"))
    assert packed["contests"] == again["contests"]
    assert (packed["verdict"], again["verdict"]) == ("incomplete", "verified")
    assert str(tmp_path) not in json.dumps(packed)


def test_a_large_record_is_audited_elsewhere_and_a_note_says_so(tmp_path: Path) -> None:
    (note,) = evidence.audit(tmp_path, "ab" * 32, evidence.MOST_AUDITED + 1).values()
    assert b"20001 entries" in note


def test_the_auditor_in_the_service_gets_none_of_its_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOBUSH_LOG_KEY", "ab" * 32)
    seen: list[dict[str, str]] = []

    def run(_command: list[str], *, env: dict[str, str], **_more: object) -> subprocess.CompletedProcess[bytes]:
        seen.append(env)
        return subprocess.CompletedProcess([], 1, b"", b"no record")

    monkeypatch.setattr("voting_server.elections.evidence.subprocess.run", run)
    evidence.audit(tmp_path, "ab" * 32, 1)
    assert set(seen[0]) == {"PATH", "PYTHONPATH"}


def test_a_second_pack_waits_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that waited for a first audit would be missing to the voters."""
    begun, ended = threading.Event(), threading.Event()

    def run(_command: list[str], **_more: object) -> subprocess.CompletedProcess[bytes]:
        begun.set()
        ended.wait(10)
        return subprocess.CompletedProcess([], 1, b"", b"no record")

    monkeypatch.setattr("voting_server.elections.evidence.subprocess.run", run)
    first = threading.Thread(target=evidence.audit, args=(tmp_path, "ab" * 32, 1))
    first.start()
    try:
        assert begun.wait(10)
        with pytest.raises(ProblemError, match="busy") as refused:
            evidence.audit(tmp_path, "ab" * 32, 1)
        assert refused.value.retry_after_s
    finally:
        ended.set()
        first.join(20)
    assert b"no record" in evidence.audit(tmp_path, "ab" * 32, 1)["NOT-MADE.txt"]


def test_nothing_is_audited_here_while_people_vote(tmp_path: Path) -> None:
    with open_desk(tmp_path, "voted") as desk:
        write_files(desk.settings.published_dir, files_of(desk.world))
        answer = desk.client.get("/evidence", headers=enter(desk.app, "operator"))
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert [each for each in archive.namelist() if each.startswith("report/")] == ["report/NOT-MADE.txt"]
    assert b"voting is going on" in archive.read("report/NOT-MADE.txt")


def test_the_auditor_in_the_service_runs_nothing_that_lies_beside_the_record(tmp_path: Path) -> None:
    record, mark = tmp_path / "record", tmp_path / "ran"
    record.mkdir()
    for name in ("audit", "json"):
        (tmp_path / f"{name}.py").write_text(f"open({str(mark)!r}, 'w').close()\n")
    assert evidence.audit(record, "ab" * 32, 1)
    assert not mark.exists()


def test_reports_from_elsewhere_are_bounded_and_what_is_left_out_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "MOST_GIVEN", 10)
    for name, size in (("a.json", 6), ("b.json", 5), ("c.txt", 4)):
        (tmp_path / name).write_bytes(bytes(size))
    (tmp_path / "d.html").symlink_to(tmp_path / "a.json")
    found = evidence.find_reports(tmp_path)
    assert {name: len(content) for name, content in found.items() if name != "LEFT-OUT.txt"} == {
        "a.json": 6,
        "c.txt": 4,
    }
    assert found["LEFT-OUT.txt"] == b"b.json\n"


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
