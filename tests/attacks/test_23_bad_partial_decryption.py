"""A trustee's share is wrong: shifted by G, for other sums, with chosen weights, made for another election."""

from dataclasses import replace

import pytest

from crypto.election.entries import Share
from crypto.election.tally import make_share
from crypto.errors import MalformedEncoding, Refused
from crypto.logarithms import prove_equalities
from crypto.transcript import Transcript, tag
from tests.trustees import HERE, ROOT, Polls


def prepare() -> Polls:
    polls = Polls()
    polls.cast_everywhere()
    polls.close()
    polls.publish_aggregates()
    return polls


def shift(polls: Polls, values: bytes, by: int) -> bytes:
    """Add a multiple of G to the first value."""
    group = polls.election.group
    return (group.parse_sum(values[:32]) + by * group.generator).to_bytes() + values[32:]


def break_share(polls: Polls, case: str) -> Share:
    """Return a bad share of trustee 2."""
    (honest,) = polls.shares(2)
    x, election, plan = polls.trustees.x[2], polls.election, polls.tally.plan
    if case == "shifted by G":
        return replace(honest, values=shift(polls, honest.values, 1))
    if case == "two errors that cancel in a plain sum":
        values = shift(polls, honest.values, 1)
        return replace(honest, values=values[:32] + shift(polls, values[32:], -1))
    if case == "the key share of another":
        return replace(make_share(election, plan, ROOT, 2, polls.trustees.x[1])[0], trustee=2)
    if case == "the share of another trustee":
        return replace(polls.shares(1)[0], trustee=2)
    if case == "another closed root":
        return replace(make_share(election, plan, bytes(32), 2, x)[0], closed_root=ROOT)
    if case in {"another election", "another kind"}:
        changes = {"manifest_hash": bytes(32)} if case == "another election" else {"kind": "real"}
        return make_share(replace(election, **changes), plan, ROOT, 2, x)[0]
    statement = plan.statement(election, ROOT)
    bases = [option.base for option in statement.options]
    if case == "weights without the statement":
        return replace(honest, proof=prove_equalities(election.group, Transcript(tag("demo", "share")), x, bases))
    swapped = honest.values[32:64] + honest.values[:32] + honest.values[64:]
    return replace(honest, values=swapped)


@pytest.mark.parametrize(
    "case",
    [
        "shifted by G",
        "two errors that cancel in a plain sum",
        "the key share of another",
        "the share of another trustee",
        "another closed root",
        "another election",
        "another kind",
        "weights without the statement",
        "two options swapped",
    ],
)
def test_a_bad_share_is_attributed_and_the_others_give_the_tally(case: str) -> None:
    polls = prepare()
    with pytest.raises(Refused) as refusal:
        polls.tally.stage_share(break_share(polls, case), HERE)
    assert (refusal.value.check, refusal.value.culprit) == ("TALLY-4", "trustee 2")
    polls.send_share(1)
    polls.send_share(3)
    polls.publish_results()
    assert polls.tally.totals()[0].votes == (4, 4, 4)


@pytest.mark.parametrize("value", [b"\xff" * 32, bytes(31) + b"\x80"], ids=["no point", "negative"])
def test_a_value_that_is_no_group_element_is_refused(value: bytes) -> None:
    polls = prepare()
    (honest,) = polls.shares(2)
    with pytest.raises(MalformedEncoding) as refusal:
        polls.tally.stage_share(replace(honest, values=value + honest.values[32:]), HERE)
    assert refusal.value.culprit == "trustee 2"


def test_a_refused_share_can_be_sent_again_rightly() -> None:
    polls = prepare()
    with pytest.raises(Refused):
        polls.tally.stage_share(break_share(polls, "shifted by G"), HERE)
    polls.send_share(2)
    polls.send_share(1)
    polls.publish_results()
    assert polls.tally.totals()[1].votes == (8, 8, 8)
