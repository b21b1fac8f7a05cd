"""Kept sums: a start after the close adds nothing up again, and takes only what this log signed over this very tree."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import update

from crypto.election.board import Phase
from crypto.election.record import Record
from crypto.signatures import SigningKey
from tests.integration.board.town import Town
from tests.simulator import secret, signing_key
from voting_server.board import sequencer
from voting_server.board.kept_sums import KEPT_SUMS, KeptSums
from voting_server.board.replica import Replica


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the list in which the indices of the ballots stand that were added up since."""
    indices: list[int] = []
    read_all = Replica._read_all

    def note(self: Replica, wanted: Sequence[int]) -> object:
        indices.extend(wanted)
        return read_all(self, wanted)

    monkeypatch.setattr(Replica, "_read_all", note)
    return indices


def finish(town: Town) -> None:
    """Count: the aggregates that the log signs are those that this record, restarted, recomputes."""
    town.dispute()
    town.count()
    assert town.record.refused == {}
    assert town.record.is_complete()


def test_a_start_after_the_close_adds_nothing_up(town: Town, added: list[int]) -> None:
    town.run("closed")
    assert added
    before = KeptSums.of(town.record, 0)
    added.clear()
    town.restart()
    assert town.sequencer.start()
    assert added == []
    assert KeptSums.of(town.board.replica.record, 0) == before
    finish(town)


def test_what_is_kept_while_people_vote_is_not_added_twice(
    desk: Town, added: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer, "KEEP_EVERY_S", 0)
    # Nothing is added up in between, so that what is kept has ballots that are still to be added.
    monkeypatch.setattr(sequencer.Sequencer, "_sum_up", lambda _: None)
    desk.run("voted")
    desk.sequencer.replica.sum_up(4)
    desk.sequencer._kept_state = None
    desk.write()
    kept = desk.board.kept_sums.read(desk.record)
    assert kept is not None
    assert 0 < kept.end < kept.size
    desk.restart()
    assert desk.sequencer.start()
    replica = desk.sequencer.replica
    assert replica._unsummed
    assert min(replica._unsummed) == kept.end
    added.clear()
    replica.sum_up()
    assert min(added) == kept.end
    fresh = Replica(desk.board.store.entries, desk.board.store.read)
    with fresh.follow() as record:
        fresh.sum_up()
        assert KeptSums.of(record, 0) == KeptSums.of(replica.record, 0)
    desk.close()
    finish(desk)


def test_sums_are_kept_once_while_a_close_waits(desk: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.run("voted")
    written: list[KeptSums] = []
    write = desk.board.kept_sums.write

    def note(key: SigningKey, record: Record, kept: KeptSums) -> None:
        written.append(kept)
        write(key, record, kept)

    monkeypatch.setattr(desk.board.kept_sums, "write", note)
    desk.close()
    assert desk.record.board.phase is Phase.CLOSED
    assert len(written) == 1
    assert written[0].end == written[0].size


def spoil(town: Town, **values: object) -> None:
    """Change the kept row."""
    with town.context.database.begin() as connection:
        assert connection.execute(update(KEPT_SUMS).values(**values)).rowcount == 1


@pytest.mark.parametrize("wrong", ["content", "key", "nothing", "root", "size", "sums", "tail", "empty"])
def test_what_is_not_this_logs_is_passed_over(desk: Town, added: list[int], wrong: str) -> None:
    desk.run("closed")
    kept = desk.board.kept_sums.read(desk.record)
    assert kept is not None
    content = kept.to_bytes()
    store, key = desk.board.kept_sums, signing_key("log")
    pair, (ballots, data) = next(iter(kept.pairs.items()))
    match wrong:
        case "content":  # one ballot more, not signed
            changed = replace(kept, pairs={**kept.pairs, pair: (ballots + 1, data)})
            spoil(desk, content=changed.to_bytes())
        case "key":
            store.write(SigningKey.from_seed(secret("somebody")), desk.record, kept)
        case "nothing":
            store.write(key, desk.record, replace(kept, size=10**9))
        case "root":
            store.write(key, desk.record, replace(kept, root=bytes(32)))
        case "size":
            store.write(key, desk.record, replace(kept, size=kept.size - 1))
        case "sums":
            store.write(key, desk.record, replace(kept, pairs={pair: (ballots, b"\xff" * len(data))}))
        case "tail":
            spoil(desk, content=content + b"\x00")
        case "empty":
            spoil(desk, content=b"")
    before = KeptSums.of(desk.record, 0)
    added.clear()
    desk.restart()
    assert added
    assert KeptSums.of(desk.board.replica.record, 0) == before
    assert desk.sequencer.start()
    finish(desk)


@pytest.mark.parametrize("content", [b"", b"\x00" * 47, bytes(48) + b"\x01", bytes(48) + bytes(19) + b"\x09"])
def test_broken_content_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="no kept sums"):
        KeptSums.parse(content)
