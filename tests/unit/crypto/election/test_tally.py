"""Cells, sums, shares and totals on a small election."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crypto.election.entries import Aggregate, Decision, Share
from crypto.election.tally import POINTS_A_PART, Cell, Sums, form_cells, make_share
from crypto.errors import Misuse, Refused
from crypto.group import parse_suite
from tests.trustees import HERE, LEAVES, RISTRETTO, Polls, make_setting


@pytest.mark.parametrize(
    ("counted", "cells", "residual"),
    [
        ({21: 3, 22: 3, 31: 3, 32: 3}, [(21,), (22,), (31,), (32,)], ()),
        ({21: 3, 22: 2, 31: 3, 32: 3}, [(21, 22), (31,), (32,)], ()),  # the small leaf takes its only neighbour
        ({21: 1, 22: 1, 31: 3, 32: 4}, [(21, 22, 31), (32,)], ()),  # goes up, then takes the smallest cell
        ({21: 1, 22: 1, 31: 4, 32: 4}, [(21, 22, 31), (32,)], ()),  # a tie: the lowest unit id
        ({21: 3, 22: 0, 31: 3, 32: 3}, [(21,), (31,), (32,)], (22,)),  # nobody voted there: zeros, no cell
        ({21: 1, 22: 1, 31: 1, 32: 0}, [(21, 22, 31, 32)], ()),
        ({21: 1, 22: 1, 31: 0, 32: 0}, [], (21, 22, 31, 32)),  # too few in all
        ({}, [], (21, 22, 31, 32)),
    ],
)
def test_cells_follow_the_merge_rule(
    counted: dict[int, int], cells: list[tuple[int, ...]], residual: tuple[int, ...]
) -> None:
    finished, rest = form_cells(1, {1: (2, 3), 2: (21, 22), 3: (31, 32)}, counted, 3)
    assert [cell.units for cell in finished] == cells
    assert rest == Cell(residual, sum(counted.get(unit, 0) for unit in residual))


def test_a_region_without_parts_is_its_own_leaf() -> None:
    assert form_cells(7, {}, {7: 5}, 5) == ((Cell((7,), 5),), Cell((), 0))


def test_a_tree_of_any_depth_is_merged() -> None:
    children = {unit: (unit + 1,) for unit in range(20_000)}
    assert form_cells(0, children, {20_000: 4}, 5) == ((), Cell((20_000,), 4))


def test_a_minimum_of_nobody_is_misuse() -> None:
    with pytest.raises(Misuse):
        form_cells(1, {}, {}, 0)


@pytest.mark.parametrize("suite", ["RISTRETTO255-SHA512", "P256-SHA256"])
@pytest.mark.parametrize("used", [(1, 2), (1, 3), (2, 3)])
def test_any_threshold_of_shares_gives_the_totals(suite: str, used: tuple[int, int]) -> None:
    polls = Polls(setting=make_setting(parse_suite(suite)))
    polls.cast_everywhere()
    polls.close()
    polls.publish_aggregates()
    for trustee in used:
        polls.send_share(trustee)
    polls.publish_results()
    first, second = polls.tally.totals()
    assert (first.votes, first.ballots, second.votes) == ((4, 4, 4), 12, (8, 8, 8))
    assert len(polls.tally.plan.items) == 2 * len(LEAVES)


def test_a_superseded_ballot_is_taken_out_again() -> None:
    polls = Polls()
    polls.cast_everywhere()
    extra = polls.cast(21, (1, 0, 0), (1, 1, 0))
    polls.tally.sums.subtract(21, extra)
    polls.close()
    polls.publish_aggregates()
    polls.send_share(1)
    polls.send_share(3)
    polls.publish_results()
    assert polls.tally.totals()[0].votes == (4, 4, 4)
    assert polls.tally.plan.items[0].cell == Cell((21,), 3)


def test_a_cell_whose_sums_are_the_identity_still_tallies() -> None:
    polls = Polls(minimum=1)
    group = polls.election.group
    sealed = polls.seal((1, 0, 0))
    negated = b"".join((-group.parse_element(sealed[at : at + 32])).to_bytes() for at in range(0, len(sealed), 32))
    for data in (sealed, negated):
        polls.tally.sums.merge({(21, 1): data, (21, 2): data}, {(21, 1): 1, (21, 2): 1})
    polls.close()
    polls.publish_aggregates()
    polls.send_share(1)
    polls.send_share(2)
    assert [body.votes for body in polls.results()] == [(0, 0, 0), (0, 0, 0)]


def test_shares_are_cut_into_parts_that_fit_an_entry() -> None:
    polls = Polls(minimum=1)
    sums = polls.tally.sums
    partial = polls.seal((1, 0, 0))
    for unit in range(1000, 1200):
        sums.merge({(unit, 1): partial, (unit, 2): partial}, {(unit, 1): 1, (unit, 2): 1})
    children = {1: tuple(range(1000, 1200))}
    object.__setattr__(polls.election, "children", children)
    polls.close()
    parts = polls.shares(2)
    points = 200 * 2 * 3
    assert [len(part.values) // 32 for part in parts] == [POINTS_A_PART, points - POINTS_A_PART]
    assert max(len(part.to_bytes()) for part in parts) < 40_000
    polls.publish_aggregates()
    polls.send_share(2)
    polls.send_share(1)
    assert polls.results()[0].votes == (1, 0, 0)


def test_without_counted_ballots_there_is_nothing_to_share() -> None:
    polls = Polls()
    polls.close()
    assert polls.shares(1) == ()
    assert [total.votes for total in polls.tally.totals()] == [(0, 0, 0), (0, 0, 0)]


def test_what_stays_closed_is_said() -> None:
    polls = Polls(minimum=5)
    polls.cast(21, (1, 0, 0))
    polls.close()
    assert polls.tally.plan.items == ()
    assert polls.tally.totals()[0].undisclosed == 1


def test_decisions_are_applied_by_rule_and_unanimous_cells_are_flagged() -> None:
    polls = Polls()
    for unit in LEAVES:
        for _ in range(3):
            polls.cast(unit, (0, 1, 0) if unit == 31 else (1, 0, 0))
        polls.cast(unit, (0, 1, 0) if unit != 32 else (1, 0, 0))
    polls.close()
    polls.publish_aggregates()
    polls.send_share(1)
    polls.send_share(2)
    polls.publish_results()
    assert polls.tally.totals()[0].votes == (10, 6, 0)
    assert polls.tally.totals()[0].unanimous == (2, 3)
    for action, target in (("withdrawn", 2), ("annulled", 3)):
        body = Decision(action=action, contest=1, target=target, document_hash=bytes(32))  # type: ignore[arg-type]
        polls.apply(polls.tally.stage_decision(body, HERE))
    totals = polls.tally.totals()[0]
    assert (totals.votes, totals.ballots, totals.annulled, totals.withdrawn) == ((6, 6, 0), 12, (3,), (2,))
    assert polls.tally.totals()[1].annulled == ()


def test_contests_on_one_question_share_one_partition() -> None:
    polls = Polls()
    first, second = polls.election.contests
    together = (first, type(second)(second.id, first.question, second.region, second.rule))
    object.__setattr__(polls.election, "contests", together)
    polls.cast_everywhere()
    one, two = polls.seal((1, 0, 0)), polls.seal((0, 1, 0))
    for data, pair in ((one, (21, 1)), (two, (22, 1))):
        polls.tally.sums.merge({pair: data}, {pair: 1})
    polls.close()
    units = {
        contest: [item.cell.units for item in polls.tally.plan.items if item.contest == contest] for contest in (1, 2)
    }
    assert units[1] == units[2]


def test_sums_are_those_of_single_ballots() -> None:
    polls = Polls()
    data = [polls.seal((1, 0, 0)) for _ in range(2)]
    apart, at_once = Sums(RISTRETTO), Sums(RISTRETTO)
    for one in data:
        apart.merge({(21, 1): one}, {(21, 1): 1})
    at_once.merge({(21, 1): data[0], (22, 1): data[1]}, {(21, 1): 1, (22, 1): 1})
    assert apart.total([21], 1) == at_once.total([21, 22], 1)
    assert at_once.total([31], 1) is None


def test_the_same_plan_gives_the_same_values() -> None:
    polls = Polls()
    polls.cast_everywhere()
    polls.close()
    first, second = (
        make_share(polls.election, polls.tally.plan, bytes(32), 1, polls.trustees.x[1], random=bytes(32))
        for _ in range(2)
    )
    assert first == second


VECTORS = json.loads((Path(__file__).parents[3] / "vectors/tally.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", VECTORS["cells"])
def test_stored_partitions(case: dict[str, Any]) -> None:
    children = {int(unit): parts for unit, parts in case["children"].items()}
    counted = {int(unit): number for unit, number in case["counted"].items()}
    cells, residual = form_cells(case["region"], children, counted, case["minimum"])
    assert [list(cell.units) for cell in cells] == case["cells"]
    assert list(residual.units) == case["residual"]


@pytest.mark.parametrize("vector", VECTORS["tallies"], ids=lambda vector: vector["suite"])
def test_stored_shares_open_the_stored_votes(vector: dict[str, Any]) -> None:
    polls = Polls(setting=make_setting(parse_suite(vector["suite"])))
    share_keys = tuple(map(bytes.fromhex, vector["share_keys"]))
    polls.trustees.state.certificate = replace(polls.certificate, share_keys=share_keys)
    aggregates = [Aggregate.parse(bytes.fromhex(row)) for row in vector["aggregates"]]
    for body in aggregates:
        for unit in body.units:
            polls.tally.sums.merge({(unit, body.contest): body.sums}, {(unit, body.contest): body.ballots})
    polls.close()
    assert polls.aggregates() == aggregates
    polls.publish_aggregates()
    for case in vector["refused"]:
        with pytest.raises(Refused) as refusal:
            polls.tally.stage_share(Share.parse(bytes.fromhex(case["body"])), HERE)
        assert refusal.value.check == case["check"], case["why"]
    for row in vector["shares"][1:]:
        polls.apply(polls.tally.stage_share(Share.parse(bytes.fromhex(row)), HERE))
    assert [list(polls.tally.open_cell(item)) for item in polls.tally.plan.items] == vector["votes"]
