"""The board tries to have a trustee's program multiply what it likes: other sums, another record, too early."""

from dataclasses import replace

import pytest

from crypto.election.entries import Share, parse_entry
from crypto.election.tally import plan_cells
from crypto.errors import Refused
from tests.trustees import LEAVES, ROOT, Programs
from trustee_tools.ceremony import Consent

AFTER = Consent(now_ms=21_000, short_name="test")


def prepare() -> Programs:
    """Return programs after a ceremony whose election has closed and been examined."""
    programs = Programs()
    programs.finish()
    programs.cast_and_close()
    return programs


def refuse(programs: Programs, consent: Consent = AFTER) -> Refused:
    """Ask trustee 2 to decrypt; return the refusal, after which nothing has been kept."""
    before = programs.start(2).secrets
    with pytest.raises(Refused) as refusal:
        programs.start(2).perform("decrypt", consent)
    assert programs.start(2).secrets == before
    return refusal.value


@pytest.mark.parametrize("case", ["no close", "no quorum over the close", "nothing cast"])
def test_before_a_witnessed_close_nothing_is_decrypted(case: str) -> None:
    programs = prepare()
    if case == "no close":
        tally = programs.view.tally
        assert tally is not None
        tally._closed = None
    elif case == "no quorum over the close":
        programs.view = replace(programs.view, close_covered=False)
    else:
        programs.view = replace(programs.view, tally=None)
    check = "TRUSTEE-12"
    assert refuse(programs).check == check


def test_after_one_root_was_answered_another_is_refused_and_the_same_gives_the_same_bytes() -> None:
    programs = prepare()
    first = programs.start(2).perform("decrypt", AFTER)
    assert programs.start(2).perform("decrypt", AFTER) == first
    programs.cast_and_close(root=bytes([8]) * 32)
    assert refuse(programs).check == "TRUSTEE-13"
    programs.cast_and_close(root=ROOT)
    assert programs.start(2).perform("decrypt", AFTER) == first


def test_within_the_dispute_period_nothing_is_decrypted() -> None:
    programs = prepare()
    programs.view = replace(programs.view, dispute_over=False)
    assert refuse(programs).check == "TRUSTEE-14"


@pytest.mark.parametrize("now_ms", [0, 20_000, 20_999])
def test_while_the_own_clock_says_that_voting_goes_on_nothing_is_decrypted(now_ms: int) -> None:
    check = "TRUSTEE-15"
    assert refuse(prepare(), Consent(now_ms=now_ms, short_name="test")).check == check


@pytest.mark.parametrize("case", ["not examined", "an aggregate that was not recomputed"])
def test_on_a_record_that_failed_or_was_not_examined_nothing_is_decrypted(case: str) -> None:
    programs = prepare()
    failures = None if case == "not examined" else (Refused("TALLY", "not the sums of cell 0", culprit="entry 9"),)
    programs.view = replace(programs.view, failures=failures)
    refusal = refuse(programs)
    assert refusal.check == "TRUSTEE-16"
    assert ("not examined" in refusal.reason) == (failures is None)


@pytest.mark.parametrize("case", ["a refused entry", "a late last block", "a dispute by file"])
def test_without_a_release_nothing_is_decrypted(case: str) -> None:
    programs = prepare()
    if case == "a dispute by file":
        programs.view = replace(programs.view, disputes=1)
    else:
        programs.cast_and_close([17] if case == "a refused entry" else [], late=case == "a late last block")
    assert refuse(programs).check == "TRUSTEE-17"


def test_a_crafted_aggregate_has_no_way_in() -> None:
    """The share answers the plan of the own copy: what an aggregate entry says is never read."""
    programs = prepare()
    tally = programs.view.tally
    assert tally is not None
    plan = plan_cells(tally.election, tally.sums)
    (raw,) = programs.start(2).perform("decrypt", AFTER)
    share = Share.parse(parse_entry(raw).body)
    assert len(share.values) == 32 * sum(len(item.sums) // 64 for item in plan.items)


def test_a_cell_under_the_minimum_is_in_no_plan() -> None:
    programs = prepare()
    tally = programs.view.tally
    assert tally is not None
    alone = {pair: 1 for pair in tally.sums.ballots if pair[0] == LEAVES[0]}
    tally.sums.ballots.subtract(dict.fromkeys(alone, 2))
    plan = plan_cells(tally.election, tally.sums)
    assert all(item.cell.ballots >= tally.election.minimum for item in plan.items)
    assert (LEAVES[0],) not in [item.cell.units for item in plan.items]


def test_a_key_file_whose_share_was_exchanged_multiplies_nothing() -> None:
    programs = prepare()
    program = programs.start(2)
    program._vault.save(replace(program.secrets, shares={1: 5}))
    assert "does not hold" in refuse(programs).reason
