"""The high-water mark: silent or forgetful witnesses and a lost published folder lead to no second tree either."""

import shutil
from pathlib import Path

import pytest

from crypto.election.entries import Incident
from crypto.merkle import CHECKPOINT_PATH
from crypto.signatures import Checkpoint, VerifierKey, parse_checkpoint, parse_note, sign_checkpoint
from tests.integration.board.test_lying_witnesses import liar, reply
from tests.integration.board.test_recovery import save, set_back
from tests.integration.board.town import Town
from tests.simulator import signing_key
from voting_server.board.mark import Mark, MarkError
from voting_server.board.recovery import recover
from voting_server.board.witnesses import ForkError


def mark(town: Town) -> Mark:
    return Mark(town.folder, VerifierKey(town.manifest.origin, town.manifest.log_key))


def forget(town: Town) -> None:
    """Let all witnesses lose what they know."""
    for place in range(len(town.watches)):
        town.watches[place].stop()
        shutil.rmtree(town.folder / f"witness-{place}", ignore_errors=True)
    for _ in range(len(town.watches)):
        town.watches.pop(0)
    for place in range(len(town.manifest.witnesses)):
        town.revive(place)


def test_no_mark_no_published_file_and_no_witness_signs_nothing(desk: Town) -> None:
    desk.run("founded")
    desk.sequencer.stop()
    for watch in desk.watches:
        watch.stop()
    desk.watches.clear()
    shutil.rmtree(desk.board.published)
    shutil.rmtree(desk.folder / "marks")
    with desk.context.database.begin() as connection:
        connection.exec_driver_sql("UPDATE checkpoints SET quorum_note = NULL")
    desk.restart()
    assert not desk.sequencer.start()


def test_a_database_set_back_is_told_by_the_mark_alone(desk: Town, tmp_path: Path) -> None:
    desk.run("founded")
    save(desk, tmp_path / "old")
    desk.write()
    size = desk.board.heads().size
    shutil.rmtree(desk.board.published)
    forget(desk)
    set_back(desk, tmp_path / "old")
    with pytest.raises(ForkError, match=f"holds {size} entries .* recover"):
        desk.sequencer.start()


@pytest.mark.parametrize("content", [b"", b"7\n", b"another log"])
def test_a_damaged_mark_stops_the_sequencer(desk: Town, content: bytes) -> None:
    desk.run("founded")
    desk.sequencer.stop()
    if content == b"another log":
        head = Checkpoint("other.example/demo/x", 3, bytes(32))
        content = sign_checkpoint(signing_key("log"), head).to_bytes()
    mark(desk).file.write_bytes(content)
    desk.restart()
    with pytest.raises(MarkError):
        desk.sequencer.start()


def test_the_mark_is_on_the_disk_before_a_witness_is_asked(desk: Town) -> None:
    desk.run("founded")
    marked: list[tuple[int, int]] = []

    def answer(handler: object, body: bytes) -> None:
        if body:
            asked = parse_checkpoint(parse_note(body.partition(b"\n\n")[2]).text)
            kept = mark(desk).read()
            marked.append((asked.size, -1 if kept is None else kept.size))
        reply(handler, 404, b"")

    with liar(answer) as url:
        desk.sequencer.stop()
        settings = desk.context.settings
        urls = {**settings.witnesses, "watch.example/1": url}
        object.__setattr__(desk.context, "settings", settings.model_copy(update={"witnesses": urls}))
        shutil.rmtree(desk.folder / "marks")
        desk.restart()
        assert desk.sequencer.start()
        desk.write()
        desk.write()
    assert len(marked) >= 3
    assert all(asked == kept for asked, kept in marked)


def test_a_mark_never_goes_back(desk: Town) -> None:
    desk.run("founded")
    key, origin = signing_key("log"), desk.manifest.origin
    large, small = (sign_checkpoint(key, Checkpoint(origin, size, bytes(32))).to_bytes() for size in (900, 800))
    mark(desk).write(large)
    mark(desk).write(small)
    assert mark(desk).note() == large


def test_a_last_block_without_a_quorum_comes_back_from_the_published_files(desk: Town, tmp_path: Path) -> None:
    desk.run("founded")
    desk.write()
    save(desk, tmp_path / "old")
    for _ in range(len(desk.watches) - desk.manifest.quorum + 1):
        desk.watches.pop().stop()
    raw = desk.sign("incident", Incident(bytes(32), "line cut"), signing_key("officer"))
    desk.board.enqueue(raw)
    desk.write()
    entries = list(desk.entries)
    served = parse_checkpoint(parse_note(desk.board.publication.get(CHECKPOINT_PATH) or b"").text)
    assert served.size < len(entries)
    set_back(desk, tmp_path / "old")
    with pytest.raises(ForkError):
        desk.sequencer.start()
    desk.sequencer.stop()
    recover(desk.board, desk.board.publication.get)
    assert list(desk.board.store.entries(0)) == entries
    for place in range(len(desk.watches), len(desk.manifest.witnesses)):
        desk.revive(place)
    desk.restart()
    assert desk.sequencer.start()


def test_without_the_files_of_its_last_block_recovery_takes_what_the_copy_has(desk: Town, tmp_path: Path) -> None:
    desk.run("founded")
    save(desk, tmp_path / "old")
    desk.write()
    size = desk.board.heads().size
    set_back(desk, tmp_path / "old")
    key, origin = signing_key("log"), desk.manifest.origin
    mark(desk).write(sign_checkpoint(key, Checkpoint(origin, 900, bytes(32))).to_bytes())
    recover(desk.board, desk.board.publication.get)
    assert desk.board.heads().size == size
    with pytest.raises(ForkError, match="900"):
        desk.sequencer.start()
