"""Hints for readers: where opening, ceremony, parts and rotations stand; a refused entry stands nowhere."""

from pathlib import Path

from crypto.election.entries import parse_entry
from tests.desk import open_desk
from tests.simulator import world_at


def test_every_place_holds_what_it_is_said_to_hold(tmp_path: Path) -> None:
    world = world_at("closed")
    with open_desk(tmp_path, "closed") as desk:
        found = desk.client.get("/election/places").json()
    types = {name: parse_entry(world.read(found[name])).type for name in ("opening", "close", "freeze")}
    assert types == {"opening": "opening", "close": "close", "freeze": "freeze"}
    ceremony = {parse_entry(world.read(index)).type for index in found["ceremony"]}
    assert ceremony == {f"ceremony-{each}" for each in ("key", "commitment", "dealing", "acceptance", "certificate")}
    assert len(found["ceremony"]) == 5 * len(world.manifest.trustees)
    assert {int(contest) for contest in found["contests"]} == {contest.id for contest in world.parts.contests}
    assert all(parse_entry(world.read(index)).type == "client" for index in found["client"])
    assert (len(found["client"]), found["rotations"]) == (1, [])


def test_places_grow_with_the_log(tmp_path: Path) -> None:
    with open_desk(tmp_path, "founded") as desk:
        first = desk.client.get("/election/places").json()
        assert (first["opening"], first["ceremony"], len(first["contests"])) == (None, [], 2)
        assert desk.client.get("/election/rotations").json() == {"rotations": []}
