"""A board that a trustee follows lies: truncated, oversized, slow, compressed, forked, invented, not witnessed."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from crypto.election.entries import Incident
from crypto.errors import Refused
from crypto.merkle import CHECKPOINT_PATH
from crypto.signatures import parse_note
from tests.folders import files_of
from tests.simulator import World, fresh, signing_key, world_at
from trustee_tools import board
from trustee_tools.board import Board, BoardError, Copy
from trustee_tools.link import LARGEST_FILE, Folder, Reading, verify_watched

URL = "http://board.example"


def serve(files: Mapping[str, bytes], change: Callable[[str, bytes], httpx.Response] | None = None) -> Board:
    """Return a board that answers with files, each changed on its way."""

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/log/")
        if path not in files:
            return httpx.Response(404)
        return change(path, files[path]) if change else httpx.Response(200, stream=httpx.ByteStream(files[path]))

    return Board(URL, transport=httpx.MockTransport(answer), pause=lambda _: None)


def refuse(copy: Copy, board: Board, manifest_hash: bytes = b"") -> Refused:
    """Let a copy grow from a board; return the refusal, after which the copy is as it was."""
    before = sorted(path.read_bytes() for path in copy.folder.rglob("*") if path.is_file() and path.suffix != ".new")
    head = copy.get(CHECKPOINT_PATH)
    with pytest.raises(Refused) as refusal:
        copy.update(board.get, manifest_hash)
    assert copy.get(CHECKPOINT_PATH) == head
    if head is None:
        assert before == []
    return refusal.value


class Dripping(httpx.SyncByteStream):
    """A body that ends before it is whole."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"board.example/"
        message = "peer closed connection without sending complete message body"
        raise httpx.RemoteProtocolError(message)


class Endless(httpx.SyncByteStream):
    """A body without an end."""

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield bytes(1 << 16)


@pytest.mark.parametrize("case", ["endless", "cut off", "compressed", "a checkpoint as large as a bundle"])
def test_an_answer_that_is_not_whole_or_too_large_is_refused(case: str, tmp_path: Path) -> None:
    def change(path: str, data: bytes) -> httpx.Response:
        if path != CHECKPOINT_PATH:
            return httpx.Response(200, stream=httpx.ByteStream(data))
        answers: dict[str, httpx.Response] = {
            "endless": httpx.Response(200, stream=Endless()),
            "cut off": httpx.Response(200, stream=Dripping()),
            "compressed": httpx.Response(200, stream=httpx.ByteStream(data), headers={"content-encoding": "br"}),
        }
        return answers.get(case) or httpx.Response(200, stream=httpx.ByteStream(bytes(LARGEST_FILE)))

    check = "TRUSTEE-22"
    assert refuse(Copy(tmp_path / "copy"), serve(files_of(world_at("founded")), change)).check == check


def test_an_answer_that_trickles_is_given_up(tmp_path: Path) -> None:
    slow = serve(files_of(world_at("founded")), lambda _path, _data: httpx.Response(200, stream=Endless()))
    slow.answer_s = -1.0
    with pytest.raises(BoardError, match="too slowly"):
        Copy(tmp_path / "copy").update(slow.get)
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("status", [204, 301, 403, 500, 503])
def test_an_answer_that_is_no_file_is_no_file(status: int, tmp_path: Path) -> None:
    board = serve(
        {CHECKPOINT_PATH: b""},
        lambda _path, _data: httpx.Response(status, stream=httpx.ByteStream(b""), headers={"location": "/else"}),
    )
    with pytest.raises(BoardError, match=str(status)):
        Copy(tmp_path / "copy").update(board.get)


@pytest.mark.parametrize("part", ["tile/entries/", "tile/0/"])
def test_a_truncated_or_changed_file_is_refused_and_the_copy_stays(part: str, tmp_path: Path) -> None:
    copy = Copy(tmp_path / "copy")
    copy.update(serve(files_of(world_at("founded"))).get)

    def shorten(path: str, data: bytes) -> httpx.Response:
        return httpx.Response(200, stream=httpx.ByteStream(data[:-1] if path.startswith(part) else data))

    def change(path: str, data: bytes) -> httpx.Response:
        return httpx.Response(
            200, stream=httpx.ByteStream(data[:-1] + bytes([data[-1] ^ 1]) if path.startswith(part) else data)
        )

    files = files_of(world_at("certified"))
    for spoil in (shorten, change):
        assert refuse(copy, serve(files, spoil)).check.startswith("MERKLE")
    assert not list(tmp_path.glob("copy-fork-*"))
    assert copy.update(serve(files).get) > 0


def test_another_election_than_the_one_known_from_outside_is_refused(tmp_path: Path) -> None:
    other = World(changes={"short_name": "village-2026"})
    other.begin()
    check = "TRUSTEE-23"
    assert refuse(Copy(tmp_path / "copy"), serve(files_of(other)), world_at("founded").manifest_hash).check == check


def test_a_stranger_cannot_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long log whose manifest nobody vouches for is not copied; with the hash from outside, or a copy, it is."""
    world = world_at("certified")
    monkeypatch.setattr(board, "FIRST_LOOK", len(world.entries) - 1)
    copy = Copy(tmp_path / "copy")
    assert "--manifest-hash" in refuse(copy, serve(files_of(world))).reason
    assert copy.update(serve(files_of(world)).get, world.manifest_hash) == len(world.entries)
    assert copy.update(serve(files_of(world_at("open"))).get) > 0


@pytest.mark.parametrize(
    "case", ["another continuation", "another head of the same size", "a smaller head of another", "another beginning"]
)
def test_a_second_record_under_the_logs_signature_is_refused_and_kept(case: str, tmp_path: Path) -> None:
    ours, theirs = fresh("founded"), fresh("founded")
    incident = ours.sign("incident", Incident(bytes(32), "ours"), signing_key("officer"))
    ours.accept([incident])
    ours.accept()
    theirs.accept([theirs.sign("incident", Incident(bytes(32), "theirs"), signing_key("officer"))])
    theirs.accept()
    if case == "another continuation":
        theirs.accept()
    if case == "a smaller head of another":
        ours.accept()
    if case == "another beginning":
        theirs = World(changes={"short_name": "village-2026"})
        theirs.begin()
    copy = Copy(tmp_path / "copy")
    copy.update(serve(files_of(ours)).get)
    check = "TRUSTEE-24"
    refusal = refuse(copy, serve(files_of(theirs)))
    assert (refusal.check, refusal.culprit) == (check, "board")
    (kept,) = tmp_path.glob("copy-fork-*")
    notes = [(kept / name).read_bytes() for name in ("held.checkpoint", "shown.checkpoint")]
    assert len({parse_note(note).text for note in notes}) == 2
    assert str(kept) in refusal.reason


def test_an_earlier_head_takes_nothing_away(tmp_path: Path) -> None:
    copy = Copy(tmp_path / "copy")
    copy.update(serve(files_of(world_at("certified"))).get)
    before = copy.get(CHECKPOINT_PATH)
    assert copy.update(serve(files_of(world_at("founded"))).get) == 0
    assert copy.get(CHECKPOINT_PATH) == before


def test_a_head_that_no_quorum_of_witnesses_cosigned_is_refused(tmp_path: Path) -> None:
    world = world_at("certified")
    files = files_of(world)
    note = parse_note(files[CHECKPOINT_PATH])
    copy = Copy(tmp_path / "copy")
    copy.update(serve({**files, CHECKPOINT_PATH: type(note)(note.text, note.signatures[:2]).to_bytes()}).get)
    reading = Reading(Folder(copy.folder), voters=False)
    record = reading.catch_up()
    with pytest.raises(Refused) as refusal:
        verify_watched(record, reading.note)
    assert "cosignatures count" in refusal.value.reason
    copy.update(serve(files).get)
    reading.catch_up()
    assert len(verify_watched(record, reading.note)) >= world.manifest.quorum


def test_a_head_without_the_logs_signature_is_refused(tmp_path: Path) -> None:
    other = World(log=1)
    other.begin()
    files = files_of(world_at("founded"))
    foreign = {**files, CHECKPOINT_PATH: files_of(other)[CHECKPOINT_PATH]}
    assert refuse(Copy(tmp_path / "copy"), serve(foreign)).check
