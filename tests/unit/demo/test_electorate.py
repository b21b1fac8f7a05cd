"""The draw: apportionment, shares, and that any process draws any voter again."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.electorate import Electorate, apportion, published

FIGURES = published()


@given(
    st.integers(min_value=0, max_value=5_000),
    st.lists(st.floats(min_value=0.01, max_value=10), min_size=1, max_size=12),
)
def test_apportionment_gives_everything_away_and_nobody_more_than_one_off(total: int, weights: list[float]) -> None:
    parts = apportion(total, weights)
    assert sum(parts) == total
    assert all(abs(part - total * weight / sum(weights)) < 1 for part, weight in zip(parts, weights, strict=True))


def test_published_figures() -> None:
    president, referendum = FIGURES.questions
    assert (len(president.options), len(referendum.options), len(FIGURES.units)) == (18, 3, 10)
    assert sum(president.shares_percent) == pytest.approx(99.16)
    assert sum(unit.weight for unit in FIGURES.units) == pytest.approx(1)
    assert all(set(names) == {"ky", "ru", "en"} for question in FIGURES.questions for names in question.options)


@pytest.mark.parametrize("voters", [20, 60, 2_000, 10_001])
def test_every_voter_has_a_slot_of_a_unit_and_nobody_else_has_it(voters: int) -> None:
    electorate = Electorate(FIGURES, voters, seed=5)
    slots = [electorate.slot(voter) for voter in range(voters)]
    assert len(set(slots)) == voters
    assert max(slots) < electorate.slots
    held = Counter(FIGURES.units[electorate.unit_index(voter)].id for voter in range(voters))
    assert held == Counter({unit: count for unit, count in electorate.voters_by_unit.items() if count})


def test_the_last_slot_belongs_to_nobody_who_votes() -> None:
    for voters in (20, 60, 2_000):
        electorate = Electorate(FIGURES, voters, seed=5)
        assert electorate.slots - 1 not in {electorate.slot(voter) for voter in range(voters)}


def test_the_draw_follows_the_published_shares() -> None:
    electorate = Electorate(FIGURES, 20_000, seed=5)
    for counts, question in zip(electorate.tally({}, set()), FIGURES.questions, strict=True):
        total = sum(question.shares_percent)
        for option, share in enumerate(question.shares_percent):
            assert counts[option] / 20_000 == pytest.approx(share / total, abs=0.01)


def test_another_seed_or_ballot_draws_anew() -> None:
    first, second = Electorate(FIGURES, 200, seed=1), Electorate(FIGURES, 200, seed=2)
    assert [first.choices(voter) for voter in range(200)] != [second.choices(voter) for voter in range(200)]
    assert [first.choices(voter) for voter in range(200)] != [first.choices(voter, 2) for voter in range(200)]
    assert [first.choices(voter) for voter in range(200)] == [
        Electorate(FIGURES, 200, 1).choices(v) for v in range(200)
    ]


def test_secrets_differ_by_use_and_number() -> None:
    electorate = Electorate(FIGURES, 20, seed=1)
    assert len({electorate.secret("a", 1), electorate.secret("a", 2), electorate.secret("b", 1)}) == 3
