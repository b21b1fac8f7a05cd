"""Every part of every entry of a small valid record is broken in every way, and the auditor names the expected check.

The table `expected.json` is data: a row is type, path, kind of mutation and mode; its outcomes are those over all
entries of the type. It also says of which fields a change by their own author has no check against it, and why.
"""

import pytest

from crypto.election.encoding import fields_of
from crypto.election.entries import BODIES
from tests.busy import busy_machine
from tests.mutation.judge import FILES, VERIFIED, Expected, Found, entry_types, judge, read_expected, run_all
from tests.mutation.mutate import WHOLE, mutations_of, reseal_honestly
from tests.mutation.story import tell

UNDER_LOAD_EVERY = 9
# Types that a record without trouble does not hold; the attack tests break them one by one.
NOT_IN_THE_STORY = {
    "ceremony-complaint": "no dealer cheated",
    "round": "no run of the ceremony failed",
    "certificate": "no witness of the story has a BLS key, whose pairing takes a third of a second",
    "dispute": "every acknowledged ballot is on the board",
    "release": "nothing had to be released",
    "imported": "the story is a first round",
}


@pytest.fixture(scope="module")
def found() -> Found:
    return run_all()


@pytest.fixture(scope="module")
def expected() -> Expected:
    return read_expected()


def test_the_story_itself_is_verified_also_after_sealing_it_again() -> None:
    assert judge(tell(), reseal_honestly(tell()).files) == VERIFIED


def test_the_story_holds_every_type_but_those_of_a_troubled_election() -> None:
    assert set(BODIES) - set(entry_types(tell())) == set(NOT_IN_THE_STORY)


@pytest.mark.parametrize("entry_type", sorted(set(BODIES) - set(NOT_IN_THE_STORY)))
def test_every_declared_field_is_broken(entry_type: str) -> None:
    broken = {mutation.path.partition(".")[0].partition("[")[0] for mutation in mutations_of(tell(), entry_type)}
    assert {field.name for field in fields_of(BODIES[entry_type])} | {WHOLE} <= broken


@pytest.mark.parametrize("entry_type", [*sorted(set(BODIES) - set(NOT_IN_THE_STORY)), FILES])
def test_the_expected_checks_refuse(entry_type: str, found: Found, expected: Expected) -> None:
    def of_type(rows: dict[str, list[str]]) -> dict[str, list[str]]:
        return {row: outcomes for row, outcomes in rows.items() if row.startswith(f"{entry_type} ")}

    assert of_type(found.rows) == of_type(expected.rows)


def test_nothing_verifies_without_a_reason(found: Found, expected: Expected) -> None:
    verified = [row for row, outcomes in found.rows.items() if VERIFIED in outcomes]
    assert [row for row in verified if not expected.reason(row)] == []


def test_a_field_without_a_check_against_its_author_has_a_reason(found: Found, expected: Expected) -> None:
    accepted = [
        row
        for row, outcomes in found.rows.items()
        if row.endswith(" resigned") and any(not outcome.endswith(" self") for outcome in outcomes)
    ]
    assert [row for row in accepted if not expected.reason(row)] == []


def test_every_reason_is_needed(found: Found, expected: Expected) -> None:
    rows = [row for row, outcomes in found.rows.items() if any(not outcome.endswith(" self") for outcome in outcomes)]
    needed = {reason for row in rows if (reason := expected.reason(row))}
    assert [reason for reason in expected.accepted.values() if reason not in needed] == []


def test_the_run_prints_its_figures(found: Found, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nmutation run: {found.summary()}")  # noqa: T201 -- the issue of a run is its figures
    assert found.tried > 4_000


def test_the_same_checks_refuse_under_load(expected: Expected) -> None:
    with busy_machine():
        loaded = run_all(UNDER_LOAD_EVERY)
    assert loaded.tried > 400
    assert {
        row: outcomes for row, outcomes in loaded.rows.items() if not set(outcomes) <= set(expected.rows[row])
    } == {}
