"""A database that was set back: it takes its own log's entries from a mirror, and nothing from anything else."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from audit.mirror import Mirror
from crypto.errors import Misuse, Refused
from crypto.merkle import Tiles, leaf_hash, publish
from crypto.signatures import Checkpoint, VerifierKey, sign_checkpoint
from tests.integration.board.town import Town
from tests.simulator import signing_key
from voting_server.board.recovery import recover


def save(town: Town, file: Path) -> None:
    with closing(sqlite3.connect(town.folder / "ballot.sqlite")) as source, closing(sqlite3.connect(file)) as target:
        source.backup(target)


def set_back(town: Town, file: Path) -> None:
    """Put an older database in the place of the newer one, as a restored backup would."""
    town.sequencer.stop()
    town.context.database.close()
    for name in ("ballot.sqlite", "ballot.sqlite-wal", "ballot.sqlite-shm"):
        (town.folder / name).unlink(missing_ok=True)
    file.rename(town.folder / "ballot.sqlite")
    town.restart()


def test_what_was_lost_comes_back_from_a_mirror_and_the_log_goes_on(desk: Town, tmp_path: Path) -> None:
    desk.run("open")
    save(desk, tmp_path / "old")
    desk.hold_vote()
    copy = Mirror(tmp_path / "copy", VerifierKey(desk.manifest.origin, desk.manifest.log_key))
    copy.update(desk.board.publication.get)
    entries = list(desk.entries)
    ballot = next(raw for raw in entries if raw[3:9] == b"ballot")
    set_back(desk, tmp_path / "old")
    assert desk.board.find_entry(leaf_hash(ballot)) is None
    came = recover(desk.board, copy.get)
    assert came > 0
    assert list(desk.board.store.entries(0)) == entries[: copy.size]
    again = desk.board.enqueue(ballot)
    assert (again.state, desk.board.read(again.entry_index or 0)) == ("sequenced", ballot)
    assert recover(desk.board, copy.get) == 0
    assert desk.sequencer.start()
    desk.entries.clear()
    for step in (desk.close, desk.dispute, desk.count):
        step()
    assert desk.record.is_complete()
    assert desk.record.refused == {}


def _foreign_log(desk: Town) -> Callable[[str], bytes | None]:
    tiles, files = publish(Tiles(), [b"other"] * 200)
    note = sign_checkpoint(signing_key("log"), Checkpoint(desk.manifest.origin, tiles.size, tiles.root()))
    return {**dict(files), "checkpoint": note.to_bytes()}.get


def _other_key(desk: Town) -> Callable[[str], bytes | None]:
    tiles, files = publish(Tiles(), [*desk.entries, b"more"])
    note = sign_checkpoint(signing_key("receipt"), Checkpoint(desk.manifest.origin, tiles.size, tiles.root()))
    return {**dict(files), "checkpoint": note.to_bytes()}.get


def _no_block(desk: Town) -> Callable[[str], bytes | None]:
    tiles, files = publish(Tiles(), [*desk.entries, desk.entries[-2]])
    note = sign_checkpoint(signing_key("log"), Checkpoint(desk.manifest.origin, tiles.size, tiles.root()))
    return {**dict(files), "checkpoint": note.to_bytes()}.get


@pytest.mark.parametrize(
    ("copy", "error"), [(_foreign_log, Refused), (_other_key, Refused), (_no_block, Misuse), (lambda _: {}.get, Misuse)]
)
def test_a_copy_that_does_not_continue_the_database_is_refused(
    desk: Town, copy: Callable[[Town], Callable[[str], bytes | None]], error: type[Exception]
) -> None:
    desk.run("certified")
    desk.sequencer.stop()
    before = list(desk.board.store.entries(0))
    with pytest.raises(error):
        recover(desk.board, copy(desk))
    assert list(desk.board.store.entries(0)) == before


def test_nothing_is_recovered_while_a_sequencer_runs(desk: Town) -> None:
    desk.run("founded")
    with pytest.raises(Misuse, match="stop it first"):
        recover(desk.board, desk.board.publication.get)


def test_a_replica_that_failed_half_way_begins_again(desk: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.run("voted")
    replica = desk.board.replica
    desk.block(voters=[desk.vote(desk.registered()[4])])
    desk.restart()
    replica = desk.board.replica
    calls = {"left": 3}
    real = desk.board.store.read

    def read(index: int) -> bytes:
        calls["left"] -= 1
        if calls["left"] == 0:
            raise OSError("the connection is gone")
        return real(index)

    replica._read = read
    replica.record = type(replica.record)(read)
    with pytest.raises(OSError, match="gone"), replica.follow():
        pass
    with replica.follow() as record:
        assert record.size == desk.board.heads().size
        assert record.refused == {}
