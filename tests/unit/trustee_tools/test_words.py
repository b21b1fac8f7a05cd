"""What a trustee is told: whose turn it is, who lied, what is missing, why something must wait; in three languages."""

from dataclasses import replace

import pytest

from crypto.election.ceremony import Task, make_dealing
from crypto.election.entries import Drill, Opening, Round
from crypto.errors import Refused
from locales import LANGUAGES, dictionary
from tests.trustees import HERE, ROOT, Programs, Trustees
from trustee_tools import ceremony as acts
from trustee_tools.ceremony import Consent
from trustee_tools.words import Row, list_alarms, list_complaints, list_obstacles, list_steps, say_task

SAY = dictionary("en")
YES = Consent(now_ms=21_000, short_name="test")


def rows(programs: Programs, own: int = 1) -> dict[str, Row]:
    return {row.what: row for row in list_steps(programs.view, own, SAY)}


def alarms(programs: Programs, now_ms: int = 0) -> list[str]:
    return list_alarms(programs.view, now_ms, SAY)


def hold_drill(programs: Programs, places: tuple[int, ...] = (1, 2, 3)) -> None:
    drill = Drill(number=len(programs.view.ceremony.drills) + 1, size=5, root=ROOT)
    Trustees.apply(programs.view.ceremony.stage_drill(drill, HERE))
    for place in places:
        programs.act(place)


def open_election(programs: Programs) -> None:
    programs.finish()
    hold_drill(programs)
    certificate = programs.view.ceremony.conclude()
    Trustees.apply(programs.view.ceremony.stage_opening(Opening(certificate.key, certificate.hash), HERE))


def lie(programs: Programs, monkeypatch: pytest.MonkeyPatch, liar: int = 3, victim: int = 1) -> None:
    """Hold the rounds up to the answers; one dealer's share for one trustee is another's."""

    def deal(*arguments: object) -> object:
        dealing = make_dealing(*arguments)  # type: ignore[arg-type]
        shares = list(dealing.shares)
        shares[victim - 1] = shares[victim % 3]
        return replace(dealing, shares=tuple(shares))

    programs.finish(rounds=1)
    for place in (1, 2, 3):
        with monkeypatch.context() as patched:
            if place == liar:
                patched.setattr(acts, "make_dealing", deal)
            programs.act(place)
    programs.finish(rounds=2)


def test_the_turn_goes_round() -> None:
    programs = Programs()
    assert (rows(programs)["key"].state, rows(programs)["commitment"].state) == ("you", "later")
    programs.act(1)
    row = rows(programs)["key"]
    assert (row.state, row.detail.splitlines()[0]) == ("now", "Waiting for: 1, 2")
    assert row.detail.splitlines()[1].startswith("until 1970-01-01")
    for place in (2, 3):
        programs.act(place)
    assert (rows(programs)["key"].state, rows(programs)["commitment"].state) == ("done", "you")


def test_a_complaint_is_judged_before_everybody_and_the_run_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Programs()
    lie(programs, monkeypatch)
    own = {place: programs.start(place).secrets.answers["answer/1"] for place in (1, 2, 3)}
    told = {place: list_complaints(programs.view, entries, SAY) for place, entries in own.items()}
    assert (told[2], told[3]) == ([], [])
    assert ["is bad: 2." in line for line in told[1]] == [True]
    said = [alarm for alarm in alarms(programs) if "Complaint of 0 against 2" in alarm]
    assert ["who lied: 2" in alarm for alarm in said] == [True]
    assert rows(programs)["answer"].state == "alarm"
    for place in (1, 2, 3):
        assert programs.start(place).next_step().act == "wait"
        with pytest.raises(Refused):
            programs.start(place).perform("certificate", YES)
    Trustees.apply(programs.view.ceremony.stage_round(Round(1, 4, (), (3,)), HERE))
    assert any("Run 1 was ended" in alarm and "Disqualified: 2" in alarm for alarm in alarms(programs))
    before = programs.start(1).secrets.answers["key/1"]
    assert programs.start(1).next_step() == Task("key", 2, 0, (1, 2, 3))
    assert programs.act(1) != before
    assert "key (2)" in rows(programs)


def test_after_a_new_run_the_old_secrets_do_not_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Programs()
    lie(programs, monkeypatch)
    Trustees.apply(programs.view.ceremony.stage_round(Round(1, 4, (), (3,)), HERE))
    programs.finish()
    certificate = programs.view.ceremony.certificate
    assert certificate is not None
    assert certificate.run == 2
    secrets = programs.start(2).secrets
    assert (secrets.run, secrets.encryption) == (2, 0)
    hold_drill(programs)
    assert alarms(programs)[0].startswith("Run 1")
    assert programs.view.ceremony.undrilled() == ()


def test_a_second_drill_is_missed_until_all_have_answered() -> None:
    programs = Programs()
    open_election(programs)
    assert rows(programs)["drill before the close"].state == "alarm"
    assert any("Ask the officers for a drill" in alarm for alarm in alarms(programs))
    hold_drill(programs, (1, 3))
    assert any(
        alarm.endswith("their share: 1. Ask the officers for a drill before the close.") for alarm in alarms(programs)
    )
    assert programs.start(2).next_step().act == "drill"
    programs.act(2)
    assert alarms(programs) == []
    assert "drill before the close" not in rows(programs)


def test_who_missed_the_drill_is_asked_for_the_share_all_the_same() -> None:
    programs = Programs()
    open_election(programs)
    hold_drill(programs, (1, 3))
    programs.cast_and_close()
    assert programs.start(2).next_step().act == "decrypt"
    assert any("did not pass a drill before the close: 1" in alarm for alarm in alarms(programs))


def test_what_needs_a_release_is_named_until_it_is_too_late() -> None:
    programs = Programs()
    open_election(programs)
    tally = programs.cast_and_close([17], late=True)
    said = alarms(programs)
    assert [alarm for alarm in said if alarm.startswith("Waits for a release")] == [
        "Waits for a release: entry 17",
        "Waits for a release: the late last block",
    ]
    assert not [alarm for alarm in said if "there will be no tally" in alarm]
    assert "there will be no tally" in alarms(programs, programs.view.manifest.release_by_ms + 1)[-1]
    assert any("need a release" in why for why in list_obstacles(programs.view, 30_000, SAY))
    tally.released.update({17: "counts for nothing", "late": "counts"})
    assert [alarm for alarm in alarms(programs) if alarm.startswith("Released")] == [
        "Released: entry 17 — counts for nothing",
        "Released: the late last block — counts",
    ]
    assert list_obstacles(programs.view, 30_000, SAY) == []


def test_a_message_that_the_record_lacks_is_said_to_come_again() -> None:
    programs = Programs()
    task = programs.start(1).next_step()
    assert SAY("trustee.again") not in say_task(programs.view, task, SAY).lines
    entries = programs.start(1).perform("key", YES)
    program = programs.start(1)
    assert program.was_done(task)
    assert SAY("trustee.again") in say_task(programs.view, task, SAY, again=True).lines
    assert program.perform("key", YES) == entries


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_step_has_its_words_in_every_language(language: str) -> None:
    say, programs = dictionary(language), Programs()
    for step in range(7):
        for row in list_steps(programs.view, 2, say):
            assert row.who
            assert row.what
        if step < 5:
            programs.finish(rounds=1)
        elif step == 5:
            hold_drill(programs)
        else:
            programs.cast_and_close([3], late=True)
    assert list_steps(programs.view, 2, say)
    assert list_alarms(programs.view, 10**13, say)
