"""The report names the trustees who did not show before the close that they still held their share."""

from tests.folders import audited, files_of, given_of, world_at
from tests.simulator import World, fresh


def finish(world: World) -> World:
    for step in (world.hold_vote, world.close, world.dispute, world.count):
        step()
    return world


def test_who_missed_the_drill_is_named_and_the_verdict_stays() -> None:
    world = fresh("open")
    drill, first, _, third = world.drill(2)
    world.accept([drill, first, third])
    finish(world)
    _, report = audited(files_of(world), given_of(world))
    assert report.undrilled == ("trustee 2",)
    assert "undrilled" in report.remarks
    assert report.verdict == "verified"


def test_all_who_passed_are_said_to_have_passed() -> None:
    world = fresh("open")
    world.accept(world.drill(2))
    finish(world)
    _, report = audited(files_of(world), given_of(world))
    assert (report.undrilled, "drilled" in report.remarks, "undrilled" in report.remarks) == ((), True, False)


def test_a_drill_before_the_opening_is_none_before_the_close() -> None:
    world = world_at("complete")
    _, report = audited(files_of(world), given_of(world))
    assert report.undrilled == ("trustee 1", "trustee 2", "trustee 3")
