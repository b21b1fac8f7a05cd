"""Following a board and bringing entries there: once, again after a failure, refused in the board's own words."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from crypto.election.entries import CeremonyCommitment
from crypto.errors import Misuse, Refused
from crypto.merkle import CHECKPOINT_PATH, leaf_hash
from tests.folders import Memory, files_of, write_files
from tests.room import PASSPHRASE, Room
from tests.simulator import fresh, world_at
from trustee_tools import board as board_module
from trustee_tools import cli
from trustee_tools.board import Board, BoardError, Copy, deliver, wait_for
from trustee_tools.desk import Desk
from trustee_tools.link import ExchangeFile, Folder, Reading, make_view, pack

URL = "https://board.example"
ENTRY = b"an entry"


@dataclass
class Mock:
    """A board in memory: files by path, what was posted, and the answers to come."""

    files: dict[str, bytes] = field(default_factory=dict)
    posted: list[bytes] = field(default_factory=list)
    answers: list[Callable[[], httpx.Response]] = field(default_factory=list)
    paused: list[float] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            assert request.headers["content-type"] == "application/cbor"
            self.posted.append(request.content)
            return self.answers.pop(0)() if self.answers else say(202, state="waiting", leaf=request.content)
        data = self.files.get(request.url.path.removeprefix("/log/"))
        return answer(404) if data is None else answer(200, data)

    def board(self) -> Board:
        return Board(URL, transport=httpx.MockTransport(self), pause=self.paused.append)


def answer(status: int, data: bytes = b"", **headers: str) -> httpx.Response:
    return httpx.Response(status, stream=httpx.ByteStream(data), headers=headers)


def say(status: int, *, leaf: bytes = ENTRY, **values: object) -> httpx.Response:
    return answer(status, json.dumps({"leaf": leaf_hash(leaf).hex(), **values}).encode())


def drop() -> httpx.Response:
    message = "the line is cut"
    raise httpx.ConnectError(message)


@pytest.fixture
def mock(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Return a board that every client of this test reaches, without a socket."""
    made, client = Mock(), httpx.Client

    def connect(**options: Any) -> httpx.Client:  # noqa: ANN401
        return client(**{**options, "transport": httpx.MockTransport(made)})

    monkeypatch.setattr(httpx, "Client", connect)
    return made


@pytest.mark.parametrize("state", ["waiting", "sequenced"])
def test_an_entry_that_is_taken_is_taken_once(state: str) -> None:
    mock = Mock(answers=[lambda: say(202, state=state)])
    (taken,) = deliver(mock.board(), [ENTRY])
    assert (taken.state, taken.leaf, mock.posted, mock.paused) == (state, leaf_hash(ENTRY), [ENTRY], [])


@pytest.mark.parametrize("failure", [drop, lambda: answer(503, b"{}"), lambda: answer(429, b"{}")])
def test_a_board_that_fails_is_asked_again_with_the_same_bytes(failure: Callable[[], httpx.Response]) -> None:
    mock = Mock(answers=[failure, failure, lambda: say(202, state="waiting")])
    assert mock.board().send(ENTRY).state == "waiting"
    assert mock.posted == [ENTRY] * 3
    assert mock.paused == sorted(mock.paused)
    assert len(mock.paused) == 2


@pytest.mark.parametrize("failure", [drop, lambda: answer(503, b"{}")])
def test_a_board_that_keeps_failing_is_given_up(failure: Callable[[], httpx.Response]) -> None:
    mock = Mock(answers=[failure] * 20)
    with pytest.raises(BoardError):
        mock.board().send(ENTRY)
    assert len(mock.posted) == 6


@pytest.mark.parametrize("status", [202, 409, 422])
def test_a_refusal_is_told_in_the_boards_words_and_not_tried_again(status: int) -> None:
    words = "not awaited\x1b[2J"
    mock = Mock(answers=[lambda: say(status, state="refused", check="CEREMONY-1", reason=words)])
    with pytest.raises(Refused) as refusal:
        mock.board().send(ENTRY)
    assert (refusal.value.check.partition("-")[0], refusal.value.culprit) == ("CEREMONY", "board")
    assert "not awaited" in refusal.value.reason
    assert refusal.value.reason.isprintable()
    assert len(mock.posted) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"[" * 100_000, b'{"state": "waiting"}', b'{"state": "waiting", "leaf": "00"}', b'{"check": 7}'],
)
def test_an_answer_about_another_entry_or_none_is_no_answer(body: bytes) -> None:
    with pytest.raises((BoardError, Refused)):
        Mock(answers=[lambda: answer(202, body)]).board().send(ENTRY)


@pytest.mark.parametrize("url", ["", "board.example", "file:///etc/passwd", "ftp://b", "https://", "https://a:b@c"])
def test_an_address_that_is_none_is_refused_before_anything_is_asked(url: str) -> None:
    with pytest.raises(BoardError, match="no http or https address"):
        Board(url)


def test_without_the_extra_folders_and_exchange_files_still_work(
    room: Room, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(board_module, "httpx", None)
    with pytest.raises(BoardError, match=r"dobush\[trustee\]"):
        Board(URL)
    room.act(1)
    assert len(room.written()) == 1
    pack(room.record, tmp_path / "stick.zip")
    assert Copy(tmp_path / "copy").update(ExchangeFile(tmp_path / "stick.zip").get) == len(room.world.entries)


def test_what_was_sent_is_waited_for_in_the_own_copy(tmp_path: Path) -> None:
    world = fresh("founded")
    mock, copy = Mock(files_of(world)), Copy(tmp_path / "copy")
    raw = world.entries[1]
    assert wait_for(mock.board(), copy, [raw], 0) == []
    assert wait_for(mock.board(), copy, [raw, ENTRY], 0) == [ENTRY]
    pauses: list[float] = []
    assert wait_for(mock.board(), copy, [ENTRY], 1e-9, pauses.append) == [ENTRY]


def test_a_copy_grows_tile_by_tile_and_a_reading_with_it(tmp_path: Path) -> None:
    copy = Copy(tmp_path / "copy")
    reading = Reading(Folder(copy.folder), voters=False)
    for stage in ("founded", "certified", "open", "complete"):
        world = world_at(stage)
        came = copy.update(Mock(files_of(world)).board().get, world.manifest_hash)
        record = reading.catch_up()
        assert record.size == copy.size == len(world.entries)
        assert came > 0
        assert record.board.tree.root() == world.record.board.tree.root()
    again = Reading(Folder(copy.folder), voters=False)
    again.catch_up()
    assert again.deeds == reading.deeds


def test_a_record_exchanged_under_a_reading_is_noticed(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "record", files_of(world_at("founded")))
    reading = Reading(Folder(folder), voters=False)
    reading.catch_up()
    reading.record.board.tree.append(bytes(32))
    write_files(folder, files_of(world_at("certified")))
    with pytest.raises(Refused):
        reading.catch_up()


def test_a_refused_message_does_not_hide_the_one_that_was_accepted() -> None:
    world = fresh("founded")
    world.refuse(world.by_trustee("ceremony-commitment", CeremonyCommitment(1, 1, bytes(32))))
    world.accept()
    world.hold_ceremony()
    world.accept()
    reading = Reading(Memory(files_of(world)), voters=False)
    view = make_view(reading.catch_up(), deeds=reading.deeds)
    assert [refused.check.partition("-")[0] for refused in view.refused] == ["CEREMONY"]
    assert len(view.seen_ms) == 5 * 3
    assert view.seen_ms["commitment", 1, 1] == view.seen_ms["commitment", 1, 2]


# --------------------------------------------------------------------------------------------------- the command line


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def run(room: Room, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run the program as `main` does, without a terminal."""
    with pytest.MonkeyPatch.context() as patched:
        written: list[str] = []
        patched.setattr("typer.echo", written.append)
        with pytest.raises(SystemExit) as ended:
            cli.main([*arguments, "--json"])
    return int(str(ended.value.code)), json.loads(written[-1])


def own(room: Room, place: int) -> list[str]:
    (room.root / "passphrase").write_text(PASSPHRASE + "\n")
    keys = [part for path in room.keys(place) for part in ("--keys", str(path))]
    return [*keys, "--passphrase-file", str(room.root / "passphrase")]


def test_over_the_board_from_the_first_look_to_the_log(room: Room, mock: Mock) -> None:
    mock.files = files_of(room.world)
    there = ["--board", URL, "--record", str(room.root / "copy")]
    given = ["--manifest-hash", room.world.manifest_hash.hex()]
    code, state = run(room, "status", *there, *own(room, 1))
    assert (code, state["act"], state["alarms"], mock.posted) == (0, "key", [], [])
    code, done = run(room, "next", *there, *given, *own(room, 1))
    assert (code, done["act"], done["sent"], done["held"], done["entries"]) == (0, "key", 1, 0, [])
    again = run(room, "next", *there, *given, *own(room, 1))[1]
    assert again == done
    assert mock.posted[0] == mock.posted[1]
    room.world.accept(mock.posted[:1])
    room.world.accept()
    mock.files = files_of(room.world)
    code, waits = run(room, "next", *there, *given, *own(room, 1))
    assert (code, waits["act"], waits["missing"]) == (4, "wait", [2, 3])
    code, follows = run(room, "follow", *there, *own(room, 2))
    assert (code, follows["act"]) == (0, "key")
    assert run(room, "follow", *there, *own(room, 1), "--seconds", "0")[0] == 4


def test_a_board_that_says_it_has_sequenced_is_not_believed(room: Room, mock: Mock) -> None:
    """What is taken is believed once the own copy holds it; until then the same message comes out again."""
    mock.files = files_of(room.world)
    there = ["--board", URL, "--record", str(room.root / "copy"), "--manifest-hash", room.world.manifest_hash.hex()]
    for times in (1, 2):
        mock.answers = [lambda: say(202, leaf=mock.posted[-1], state="sequenced")]
        code, done = run(room, "next", *there, *own(room, 1))
        assert (code, done["act"], done["held"], len(mock.posted)) == (0, "key", 0, times)
    assert len(set(mock.posted)) == 1


@pytest.mark.parametrize("command", ["status", "next", "fetch", "follow"])
def test_a_board_that_does_not_answer_has_its_own_exit_code(room: Room, mock: Mock, command: str) -> None:
    there = ["--board", URL, "--record", str(room.root / "copy")]
    more = [] if command == "fetch" else own(room, 1)
    more += ["--seconds", "0"] if command == "follow" else []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Mock, "__call__", lambda _self, _request: drop())
        code, said = run(room, command, *there, *more)
    assert (code, list(said)) == (6, ["failed"])
    assert not (room.root / "copy").exists()


def test_a_head_without_a_quorum_is_refused_before_the_key_file_is_opened(room: Room, mock: Mock) -> None:
    room.world.block(quorum=False)
    mock.files = files_of(room.world)
    code, said = run(room, "status", "--board", URL, "--record", str(room.root / "copy"), *own(room, 1))
    assert (code, "cosignatures count" in said["refused"]["reason"]) == (3, True)


def test_another_manifest_than_the_given_one_leaves_no_copy(room: Room, mock: Mock) -> None:
    mock.files = files_of(room.world)
    copy = room.root / "copy"
    code, said = run(room, "fetch", "--board", URL, "--record", str(copy), "--manifest-hash", "00" * 32)
    assert (code, "another manifest" in said["refused"]["reason"]) == (3, True)
    assert not copy.exists()
    ended = CliRunner().invoke(
        cli.app, ["fetch", "--board", URL, "--record", str(copy), "--manifest-hash", "no"], env={"COLUMNS": "200"}
    )
    assert ended.exit_code == 2


def test_entries_from_a_machine_without_a_network_are_sent(room: Room, mock: Mock) -> None:
    room.act(1)
    (path,) = room.written()
    mock.answers = [lambda: say(202, leaf=path.read_bytes(), state="sequenced")]
    code, said = run(room, "send", str(path), "--board", URL)
    assert (code, [each["state"] for each in said["sent"]], mock.posted) == (0, ["sequenced"], [path.read_bytes()])


def test_an_act_without_a_place_for_its_entries_is_a_wrong_command_line(room: Room) -> None:
    command = ["next", "--record", str(room.record), *own(room, 1)]
    assert CliRunner().invoke(cli.app, command).exit_code == 2


def test_a_rehearsal_flag_refuses_a_real_record(tmp_path: Path) -> None:
    room = Room(tmp_path, kind="real")
    given = ["--record", str(room.record), "--out", str(room.root / "out"), "--rehearsal", *own(room, 1)]
    for path in room.keys(1):
        path.unlink()
    for command in ("next", "key", "decrypt"):
        code, said = run(room, command, *given)
        assert (code, "rehearsal" in said["refused"]["reason"]) == (3, True)
    assert not (room.root / "out").exists()


def test_a_desk_without_a_record_says_so(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="no record"):
        Desk(tmp_path / "nowhere").look()
    assert Copy(tmp_path / "nowhere").get(CHECKPOINT_PATH) is None


def test_minutes_are_written_by_the_command(room: Room) -> None:
    page = room.root / "minutes.html"
    code, said = run(room, "minutes", "--record", str(room.record), "--to", str(page), "--language", "ru")
    assert (code, said["path"]) == (0, str(page))
    assert room.world.manifest_hash.hex() in page.read_text(encoding="utf-8")
