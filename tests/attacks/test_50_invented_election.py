"""An invented election: a complete record, valid in itself, of an election that nobody held."""

from dataclasses import replace

import pytest

from audit.report import exit_status
from tests.attacks.checks import RECORD_3, RECORD_4
from tests.folders import audited, files_of, given_of
from tests.simulator import World, secret, text3, world_at

SLOTS = {2: 10, 3: 14}


def test_another_manifest_hash_than_the_known_one_is_refused() -> None:
    invented = World(changes={"title": text3("The same town, other voters")}).run()
    assert invented.record.is_complete()
    known = world_at("complete").manifest_hash
    findings = invented.record.finish(SLOTS, known)
    assert [refusal.check for refusal in findings.failed] == [RECORD_3]
    assert findings.not_run == ()


def test_without_a_hash_from_outside_the_check_is_not_run() -> None:
    findings = world_at("complete").record.finish(SLOTS, None)
    assert findings.not_run == (RECORD_3,)
    assert findings.counts[RECORD_3] == 0


def test_the_known_hash_and_figures_pass() -> None:
    world = world_at("complete")
    findings = world.record.finish(SLOTS, world.manifest_hash)
    assert (findings.failed, findings.not_run) == ((), ())


def test_more_slots_than_people_are_refused() -> None:
    world = world_at("complete")
    for figures in ({2: 10, 3: 13}, {2: 10}, {2: 10, 3: 14, 4: 0}, {}):
        failed = world.record.finish(figures, world.manifest_hash).failed
        assert [refusal.check for refusal in failed] == [RECORD_4]


def test_a_random_hash_is_not_the_known_one() -> None:
    failed = world_at("complete").record.finish(SLOTS, secret("some hash")).failed
    assert [refusal.check for refusal in failed] == [RECORD_3]


def test_an_audit_against_the_published_hash_fails() -> None:
    invented = World(changes={"title": text3("The same town, other voters")}).run()
    _, report = audited(files_of(invented), given_of(world_at("complete")))
    assert [finding.check for finding in report.findings if finding.outcome == "failed"] == [RECORD_3]
    assert exit_status(report.findings) == 1


@pytest.mark.parametrize("unknown", [{"manifest_hash": None}, {"slots": None}, {"manifest_hash": None, "slots": None}])
def test_an_audit_without_the_figures_from_outside_verifies_nothing(unknown: dict[str, None]) -> None:
    world = world_at("complete")
    _, report = audited(files_of(world), replace(given_of(world), **unknown))  # type: ignore[arg-type]
    assert (report.verdict, exit_status(report.findings)) == ("incomplete", 3)
    assert "failed" not in {finding.outcome for finding in report.findings}
