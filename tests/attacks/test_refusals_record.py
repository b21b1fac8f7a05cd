"""What a whole record is refused for, beyond the numbered attacks."""

import pytest

from crypto.election.entries import Opening
from crypto.election.record import Record
from crypto.errors import Refused
from tests.attacks.checks import MANIFEST_2, RECORD_1, RECORD_4, RECORD_5
from tests.simulator import World, fresh, world_at


def test_a_log_that_does_not_begin_with_a_manifest() -> None:
    entries = world_at("complete").entries[1:]
    record = Record(entries.__getitem__)
    record.extend(entries)
    assert {refusal.refused.check for refusal in record.refused.values()} == {RECORD_1}
    assert RECORD_5 in record.finish(None, None).not_run


def test_nothing_follows_a_manifest_that_was_refused() -> None:
    world = World(changes={"quorum": 2})
    with pytest.raises(Refused) as refusal:
        world.begin()
    assert refusal.value.check == MANIFEST_2
    entries = [*world.entries, *world_at("complete").entries]
    record = Record(entries.__getitem__)
    record.extend(entries)
    checks = [refusal.refused.check for refusal in record.refused.values()]
    assert checks == [MANIFEST_2] + [RECORD_1] * (len(entries) - 1)


def test_an_opening_before_the_freeze() -> None:
    world = fresh("certified")
    world.accept()
    certificate = world.record.ceremony.conclude()
    opening = world.by_officers("opening", Opening(certificate.key, certificate.hash))
    assert world.refuse(*world.drill(1), opening).check == "RECORD-2"


def test_other_slots_than_the_known_figures() -> None:
    world = world_at("complete")
    failed = world.record.finish({2: 10, 3: 15}, world.manifest_hash).failed
    assert [refusal.check for refusal in failed] == [RECORD_4]
    assert RECORD_4 in world.record.finish(None, world.manifest_hash).not_run


@pytest.mark.parametrize("stage", ["founded", "open", "voted", "closed", "disputed"])
def test_a_record_that_has_not_ended_is_not_judged(stage: str) -> None:
    world = world_at(stage)
    findings = world.record.finish({2: 10, 3: 14}, world.manifest_hash)
    assert RECORD_5 in findings.not_run
    assert (RECORD_4 in findings.not_run) == (stage == "founded")


def test_a_record_without_results_by_the_last_day() -> None:
    world = fresh("disputed")
    world.wait_until(world.manifest.release_by_ms)
    world.accept()
    world.accept()
    findings = world.record.finish({2: 10, 3: 14}, world.manifest_hash)
    assert [refusal.check for refusal in findings.failed] == [RECORD_5]
    assert findings.not_run == ()
