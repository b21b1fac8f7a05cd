"""Attack 45: a full disk, a crash between writing and answering, clocks apart: no receipt without a stored ballot.

Whole processes are killed at every point in `tests/integration/faults`; here the same is tried inside one.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from crypto.merkle import Tiles, publish
from crypto.signatures import parse_checkpoint, parse_note
from tests.desk import Desk, decode, open_desk
from voting_server.board.sequencer import Sequencer
from voting_server.board.service import Board
from voting_server.casting import intake
from voting_server.plumbing.clock import SkewError
from voting_server.plumbing.killpoints import reach


@contextmanager
def full_disk(desk: Desk) -> Iterator[None]:
    """Let the database grow by no page."""
    engine = desk.app.state.context.database.engine

    def limit(connection: Any, _record: object) -> None:  # noqa: ANN401
        connection.execute("PRAGMA max_page_count = 1")  # as small as it is now

    event.listen(engine, "connect", limit)
    engine.dispose()
    try:
        yield
    finally:
        event.remove(engine, "connect", limit)
        engine.dispose()


def waiting(desk: Desk) -> int:
    """Return how many ballots are stored."""
    return int(desk.store.count_waiting())


def test_a_full_disk_gives_no_receipt(tmp_path: Path) -> None:
    with open_desk(tmp_path) as desk:
        sittings = [desk.log_in(number) for number in range(8)]
        entries = [sitting.entry() for sitting in sittings]
        with full_disk(desk):
            answers = [sitting.cast(entry) for sitting, entry in zip(sittings, entries, strict=True)]
        refused = [answer for answer in answers if answer.status_code != 201]
        assert refused
        assert {answer.status_code for answer in refused} == {503}
        assert all("receipt" not in answer.json() for answer in refused)
        assert waiting(desk) == len(answers) - len(refused)
        assert [sitting.cast(entry).status_code for sitting, entry in zip(sittings, entries, strict=True)] == [201] * 8
        assert waiting(desk) == 8


class CrashError(Exception):
    """The process ends here."""


@pytest.mark.parametrize(
    ("point", "stored"), [("cast-before-insert", 0), ("cast-before-commit", 0), ("cast-after-commit", 1)]
)
def test_a_crash_on_the_way_to_the_receipt_doubles_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, stored: int
) -> None:
    def crash(name: str) -> None:
        reach(name)
        if name == point:
            raise CrashError

    with open_desk(tmp_path) as desk:
        sitting = desk.log_in(0)
        entry = sitting.entry()
        monkeypatch.setattr(intake, "reach", crash)
        with pytest.raises(CrashError):
            sitting.cast(entry)
        assert waiting(desk) == stored
        monkeypatch.undo()
        answers = [sitting.cast(entry) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json()["receipt"] == answers[1].json()["receipt"]
        assert waiting(desk) == 1
        assert desk.sequence() == []
        assert desk.world.entries[-1] == entry


def test_a_restart_comes_to_the_same_head_and_the_same_files(tmp_path: Path) -> None:
    with open_desk(tmp_path) as desk:
        for number in range(3):
            desk.log_in(number).vote()
            desk.sequence()
        head = parse_checkpoint(parse_note(desk.world.checkpoints[-1]).text)
        _, files = publish(Tiles(), desk.world.entries)
        for _ in range(2):
            shutil.rmtree(desk.settings.published_dir)
            sequencer = Sequencer(Board(desk.app.state.context))
            assert sequencer._load()
            assert (sequencer.writer.tiles.size, sequencer.writer.tiles.root()) == (head.size, head.root)
            assert {path: (desk.settings.published_dir / path).read_bytes() for path, _ in files} == dict(files)


def test_with_clocks_apart_nothing_is_served(tmp_path: Path) -> None:
    with pytest.raises(SkewError), open_desk(tmp_path, limits={"skew_ms": 1_000}):
        pass


def test_a_receipt_is_of_a_ballot_that_is_stored(tmp_path: Path) -> None:
    with open_desk(tmp_path) as desk:
        sitting = desk.log_in(0)
        answer = sitting.cast(sitting.entry())
        assert decode(answer.json()["receipt"])
        with desk.app.state.context.database.read() as connection:
            assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2
