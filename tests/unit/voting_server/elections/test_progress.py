"""The state of an election at every stage of its life, and that whoever is awaited is really let through."""

import pytest

from tests.simulator import STAGES, fresh, world_at
from voting_server.elections.progress import awaited, describe

AWAITED = {
    "founded": ["ceremony-key", "round", "roll", "freeze"],
    "certified": ["roll", "freeze", "drill"],
    "frozen": ["drill"],
    "open": ["drill", "credential", "ballot", "close"],
    "voting": ["drill", "credential", "ballot", "close"],
    "voted": ["drill", "credential", "ballot", "close"],
    "closed": ["aggregate", "share"],
    "disputed": ["aggregate", "share"],
    "complete": [],
}


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_waits_for_the_acts_of_its_people(stage: str) -> None:
    assert [act.type for act in awaited(world_at(stage).record)] == AWAITED[stage]


@pytest.mark.parametrize("stage", STAGES)
def test_the_state_counts_what_the_record_holds(stage: str) -> None:
    world = world_at(stage)
    state = describe(world.record, 5)
    assert state.counts.entries == len(world.entries)
    assert state.times.now_ms == 5
    assert state.manifest_hash == world.manifest_hash.hex()
    assert (state.election_key is not None) == (STAGES.index(stage) >= STAGES.index("open"))


def test_shares_of_enough_trustees_leave_the_results_to_the_officers() -> None:
    world = fresh("disputed")
    world.accept(world.aggregates())
    world.accept(world.share(1))
    assert [(act.type, act.who) for act in awaited(world.record)] == [("share", ["trustee 2", "trustee 3"])]
    world.accept(world.share(3))
    assert [act.type for act in awaited(world.record)] == ["result"]


def test_a_drill_waits_for_those_who_have_not_answered() -> None:
    world = fresh("frozen")
    drill, first, *others = world.drill(1)
    world.accept([drill, first])
    assert [(act.type, act.who) for act in awaited(world.record)] == [("drill-share", ["trustee 2", "trustee 3"])]
    world.accept(others)
    assert [act.type for act in awaited(world.record)] == ["opening"]


def test_a_second_drill_is_demanded_before_the_close_and_who_missed_it_is_named() -> None:
    world = fresh("open")
    everybody = ["trustee 1", "trustee 2", "trustee 3"]
    assert describe(world.record, 5).undrilled == everybody
    drill, first, *_ = world.drill(2)
    world.accept([drill, first])
    (act, *_) = awaited(world.record)
    assert (act.type, act.who) == ("drill-share", everybody[1:])
    assert describe(world.record, 5).undrilled == everybody[1:]
    # The answer to a drill from before the opening says nothing about today.
    assert 1 in world.record.ceremony.passed[1]


def test_a_refused_entry_asks_for_a_release() -> None:
    world = fresh("voted")
    world.refuse(
        world.cast(
            world.voters[0],
            world.seal_ballot(world.voters[0], ((0,), (0, 1)))[0],
            receipt_key=None,
            nonce_for=bytes(32),
        )
    )
    world.close()
    assert "release" in [act.type for act in awaited(world.record)]


def test_when_intake_has_ended_only_the_close_is_awaited() -> None:
    world = fresh("voted")
    world.wait_until(world.manifest.closes_at_ms + world.manifest.grace_ms)
    world.accept()
    world.accept()
    assert [(act.type, act.by) for act in awaited(world.record)] == [("close", "officers")]
