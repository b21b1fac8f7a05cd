"""A database that was set back: it takes its own log's entries from a mirror, and nothing from anything else."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from audit.mirror import Mirror
from crypto.election.ballot import hash_ballot, parse_ballot
from crypto.election.entries import BallotEntry, Strike, parse_entry
from crypto.errors import Misuse, Refused
from crypto.merkle import Tiles, leaf_hash, publish
from crypto.signatures import Checkpoint, VerifierKey, sign_checkpoint
from tests.integration.board.town import Town
from tests.simulator import secret, signing_key
from voting_server.board.recovery import recover
from voting_server.board.store import NewEntry


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


def test_what_was_taken_in_meanwhile_gives_way_to_what_the_log_holds(desk: Town, tmp_path: Path) -> None:
    desk.run("open")
    save(desk, tmp_path / "old")
    first, second, third = desk.registered()[:3]
    delay_ms = desk.manifest.receipt_delay_ms
    positions = {id(voter): (voter.number, voter.previous) for voter in (first, second)}
    strike = desk.by_registrars("strike", Strike(third.pseudonym, "station"))
    kept = [desk.vote(first), desk.vote(second)]
    desk.block(voters=[*kept, strike])
    copy = Mirror(tmp_path / "copy", VerifierKey(desk.manifest.origin, desk.manifest.log_key))
    copy.update(desk.board.publication.get)
    set_back(desk, tmp_path / "old")
    for voter in (first, second):
        voter.number, voter.previous = positions[id(voter)]
    ballot = BallotEntry.parse(parse_entry(kept[0]).body).ballot
    again = desk.cast(first, ballot, issued_at_ms=desk.clock_ms + 1)
    assert again != kept[0]
    rival = desk.cast(second, desk.seal_ballot(second, seed=secret("rival"))[0])
    other = desk.by_registrars("strike", Strike(third.pseudonym, "another station"))
    for raw in (again, rival, other):
        desk.board.insert(_numbered(desk, raw, delay_ms))
    assert recover(desk.board, copy.get) > 0
    store, kind = desk.board.store, desk.kind
    row = store.find(ballot_hash=hash_ballot(kind, ballot))
    assert row is not None
    assert (row.state, desk.board.read(row.entry_index or 0)) == ("sequenced", kept[0])
    states = [desk.board.find_entry(leaf_hash(raw)) for raw in (kept[1], rival, strike, other)]
    assert [(row.state, row.check_id) for row in states if row] == [
        ("sequenced", None),
        ("refused", f"BALLOT-{7}"),
        ("sequenced", None),
        ("refused", f"CREDENTIAL-{10}"),
    ]
    assert desk.sequencer.start()
    desk.write()
    assert desk.record.refused == {}


def _numbered(desk: Town, raw: bytes, delay_ms: int) -> NewEntry:
    """Return a row as the casting stores it."""
    entry = desk.board._describe(raw, delay_ms)
    if entry.type != "ballot":
        return entry
    ballot = BallotEntry.parse(parse_entry(raw).body).ballot
    return replace(entry, number=parse_ballot(ballot).number, ballot_hash=hash_ballot(desk.kind, ballot))
