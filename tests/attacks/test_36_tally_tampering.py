"""The server changes the tally: a vote more, options swapped, a ballot missing in a sum, cells cut otherwise."""

from dataclasses import replace

import pytest

from crypto.election.entries import Aggregate, Result
from crypto.errors import Refused
from tests.trustees import HERE, Polls


def prepare() -> Polls:
    polls = Polls()
    polls.cast_everywhere()
    polls.cast(21, (1, 0, 0), (1, 0, 0))
    polls.close()
    return polls


def break_aggregate(polls: Polls, case: str) -> Aggregate:
    """Return an aggregate that is not the recomputed one."""
    first, second, *_ = polls.aggregates()
    if case == "a ballot missing in the sum":
        group, extra = polls.election.group, polls.seal((1, 0, 0))
        points = [
            (group.parse_sum(first.sums[at : at + 32]) - group.parse_sum(extra[at : at + 32])).to_bytes()
            for at in range(0, len(extra), 32)
        ]
        return replace(first, sums=b"".join(points))
    if case == "options swapped":
        return replace(first, sums=first.sums[64:128] + first.sums[:64] + first.sums[128:])
    if case == "A and B swapped":
        return replace(first, sums=first.sums[32:64] + first.sums[:32] + first.sums[64:])
    if case == "one ballot fewer":
        return replace(first, ballots=first.ballots - 1)
    if case == "two cells in one":
        return replace(first, units=first.units + second.units)
    if case == "no such cell":
        return replace(first, cell=99)
    if case == "no such contest":
        return replace(first, contest=99)
    polls.apply(polls.tally.stage_aggregate(first, HERE))
    return first


@pytest.mark.parametrize(
    "case",
    [
        "a ballot missing in the sum",
        "options swapped",
        "A and B swapped",
        "one ballot fewer",
        "two cells in one",
        "no such cell",
        "no such contest",
        "the same twice",
    ],
)
def test_an_aggregate_that_is_not_recomputed_is_refused(case: str) -> None:
    polls = prepare()
    with pytest.raises(Refused) as refusal:
        polls.tally.stage_aggregate(break_aggregate(polls, case), HERE)
    assert (refusal.value.check, refusal.value.culprit) == ("TALLY-2", "server")


def break_result(polls: Polls, case: str) -> Result:
    """Return a result that the shares do not open."""
    first, *_ = polls.results()
    votes = list(first.votes)
    if case == "one vote more":
        votes[1] += 1
    elif case == "one vote moved":
        votes[0], votes[1] = votes[0] - 1, votes[1] + 1
    elif case == "options swapped":
        votes = [votes[1], votes[0], votes[2]]
    elif case == "an option more":
        votes.append(0)
    elif case == "no such cell":
        return replace(first, cell=99)
    else:
        polls.apply(polls.tally.stage_result(first, HERE))
    return replace(first, votes=tuple(votes))


@pytest.mark.parametrize(
    "case", ["one vote more", "one vote moved", "options swapped", "an option more", "no such cell", "the same twice"]
)
def test_a_result_that_the_shares_do_not_open_is_refused(case: str) -> None:
    polls = prepare()
    polls.publish_aggregates()
    polls.send_share(3)
    polls.send_share(1)
    with pytest.raises(Refused) as refusal:
        polls.tally.stage_result(break_result(polls, case), HERE)
    cell = 99 if case == "no such cell" else 0
    assert (refusal.value.check, refusal.value.culprit) == ("TALLY-5", f"contest 1, cell {cell}")


def test_a_result_before_enough_shares_is_refused() -> None:
    polls = prepare()
    polls.publish_aggregates()
    polls.send_share(3)
    with pytest.raises(Refused, match="too few shares"):
        polls.tally.stage_result(Result(contest=1, cell=0, votes=(2, 1, 1)), HERE)
