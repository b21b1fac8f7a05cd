"""Fire in the safe: three of five are needed; with two trustees' media gone the votes are counted, with three never."""

from pathlib import Path

import pytest

from crypto.errors import Refused
from locales import dictionary
from tests.folders import audited, files_of, given_of
from tests.room import PASSPHRASE, Room
from trustee_tools.words import list_steps, say_refusal

COUNT, THRESHOLD = 5, 3


def destroy(room: Room, *places: int) -> None:
    """Lose both media of some trustees."""
    for place in places:
        for path in room.keys(place):
            path.unlink()


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """Return a room after the sums were published."""
    made = Room(tmp_path, count=COUNT, threshold=THRESHOLD)
    made.hold(5)
    made.open_and_vote()
    made.close()
    return made


def test_two_lost_key_files_cost_nothing(room: Room) -> None:
    destroy(room, 2, 4)
    for place in (1, 3, 5):
        room.act(place)
    room.take()
    world = room.world
    world.accept(world.results())
    world.accept()
    assert world.record.is_complete()
    assert [total.votes for total in world.record.tally.totals()] == [world.expected(1), world.expected(2)]
    _, report = audited(files_of(world), given_of(world))
    assert report.verdict == "verified"


def test_three_lost_key_files_cost_the_result_and_the_programs_say_so(room: Room) -> None:
    destroy(room, 1, 2, 4)
    for place in (1, 2, 4):
        for one_copy in (False, True):
            work = room.work(place)
            work.allow_one_copy = one_copy
            work.look()
            with pytest.raises(Refused, match="a copy of the key file is missing") as refusal:
                work.unlock(PASSPHRASE)
            said = say_refusal(refusal.value, dictionary("en"))
            assert "Nothing was changed" in said.lines[-1]
            assert not work.is_open
    assert room.written() == []
    for place in (3, 5):
        room.act(place)
    room.take()
    world, say = room.world, dictionary("en")
    work = room.work(3)
    work.look()
    (row,) = [row for row in list_steps(work.seen, 3, say) if row.what == say("trustee.list.decrypt")]
    assert (row.who, row.state, row.detail) == ("3 of 5 trustees", "now", "Chyngyz, Erkin")
    size = len(world.entries)
    for item in world.record.tally.plan.items:
        with pytest.raises(Refused):
            world.record.tally.open_cell(item)
    assert (len(world.entries), world.record.is_complete()) == (size, False)
    _, report = audited(files_of(world), given_of(world))
    assert report.verdict != "verified"


def test_one_lost_medium_is_said_and_tolerated(room: Room) -> None:
    room.keys(3)[1].unlink()
    work = room.work(3)
    work.look()
    with pytest.raises(Refused, match="missing"):
        work.unlock(PASSPHRASE)
    work.allow_one_copy = True
    work.unlock(PASSPHRASE)
    entries, held = work.perform("town-2026")
    assert (len(entries), held) == (1, 0)
    assert not room.keys(3)[1].exists()
