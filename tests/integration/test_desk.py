"""The desk installation: a finished election from a record folder, a practice election that opens by itself."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from crypto.merkle import CHECKPOINT_PATH
from demo.desk import Practice, assemble, load_record
from demo.practice import SLOTS, VOTERS
from demo.register import Registrars, number_of
from tests.folders import files_of, write_files
from tests.simulator import world_at
from voting_server.app import create_app
from voting_server.cli import DESK_WARNING, app
from voting_server.plumbing import serving
from voting_server.plumbing.context import Context
from voting_server.plumbing.database import wall_clock_ms
from voting_server.plumbing.migration import migrate_side
from voting_server.plumbing.settings import Settings, Side
from voting_server.voters import store
from voting_server.voters.service import Voters

ORIGIN = "http://localhost:8000"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Return a client of a desk with both elections."""
    folder = tmp_path_factory.mktemp("desk")
    finished = Settings(side=Side.DESK, data_dir=folder / "finished")
    migrate_side(finished)
    write_files(finished.published_dir, files_of(world_at("complete")))
    load_record(finished)
    practice = Practice(folder / "practice", ORIGIN)
    practice.prepare()
    with TestClient(assemble({"finished": create_app(finished), "practice": create_app(practice.settings)})) as client:
        yield client
    practice.stop()


def test_the_desk_lists_its_elections(desk: TestClient) -> None:
    assert desk.get("/").json() == {"finished": "/finished/election", "practice": "/practice/election"}


def test_the_finished_election_is_complete_and_readable(desk: TestClient) -> None:
    world = world_at("complete")
    state = desk.get("/finished/election").json()
    assert (state["phase"], state["counts"]["entries"], state["awaited"]) == ("complete", len(world.entries), [])
    assert desk.get("/finished/log/checkpoint").content == world.checkpoints[-1]
    assert desk.get("/finished/log/entry/7").content == world.entries[7]


def test_the_practice_election_is_open_with_half_its_slots_bound(desk: TestClient) -> None:
    state = desk.get("/practice/election").json()
    assert (state["kind"], state["phase"]) == ("practice", "open")
    assert (state["counts"]["slots"], state["counts"]["credentials"], state["counts"]["refused"]) == (SLOTS, VOTERS, 0)


def test_both_sides_answer_in_one_process(desk: TestClient) -> None:
    assert desk.get("/practice/health").json()["side"] == "ballot"
    assert desk.get("/practice/identity/health").json()["side"] == "identity"


def test_a_desks_pages_are_of_one_origin_on_both_sides(desk: TestClient) -> None:
    for path in ("/practice/entries", "/practice/identity/voter/logout"):
        headers = {"Cookie": "a=b", "Origin": "http://localhost:8001"}
        assert desk.post(path, headers=headers).json()["type"] == "/problems/foreign-origin"
        answer = desk.post(path, headers={**headers, "Origin": ORIGIN})
        assert answer.status_code not in {403, 404}


def test_a_desk_uses_two_files(desk: TestClient, tmp_path: Path) -> None:
    migrate_side(Settings(side=Side.DESK, data_dir=tmp_path))
    assert sorted(file.name for file in tmp_path.glob("*.sqlite")) == ["ballot.sqlite", "identity.sqlite"]


def test_a_second_start_finds_the_election_as_it_was(tmp_path: Path) -> None:
    checkpoints = []
    for _ in range(2):
        practice = Practice(tmp_path, ORIGIN)
        practice.prepare()
        checkpoints.append((practice.settings.published_dir / CHECKPOINT_PATH).read_bytes())
        practice.stop()
    assert checkpoints[0] == checkpoints[1]


def test_a_desk_tells_whoever_asks_for_another_key(tmp_path: Path) -> None:
    practice = Practice(tmp_path, ORIGIN)
    practice.prepare()
    context = Context.open(practice.settings, "identity")
    voters = Voters(context)
    with context.database.begin() as connection:
        made = store.add_request(connection, "change", b"-", number=number_of(0), evidence="", once="change")
        store.add_notice(connection, made)
    assert [waiting for waiting, _, _ in voters.notices()] == [made]
    ended = threading.Event()

    class OneLook(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            looked, _ = ended.is_set(), timeout
            ended.set()
            return looked

    # Nobody serves at this address: telling does not wait for the registrars' way to the sides.
    Registrars(practice.people, voters.frame(), tmp_path, "http://127.0.0.1:9", wall_clock_ms, voters).serve(OneLook())
    assert voters.notices() == []
    context.close()
    practice.stop()


def test_whoever_runs_both_sides_in_one_process_is_told_what_it_is_not_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "serve", lambda *_: 0)
    monkeypatch.delenv("DOBUSH_SIDE", raising=False)
    shown = CliRunner().invoke(app, ["run", "--side", "desk"])
    assert (shown.exit_code, shown.stderr.strip()) == (0, DESK_WARNING)
    assert "NOT FOR AN ELECTION" in DESK_WARNING
    assert CliRunner().invoke(app, ["run", "--side", "ballot"]).stderr == ""
