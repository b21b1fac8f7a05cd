"""After the close: a voter's entry, a second close, a close that counts otherwise or has company in its block."""

from crypto.election.entries import Close, Incident, Strike
from tests.attacks.checks import BOARD_1, BOARD_5, TALLY_1
from tests.simulator import World, fresh, secret, signing_key


def ready_to_close() -> World:
    """Return a world whose next block may hold the close."""
    world = fresh("voted")
    world.wait_until(world.manifest.closes_at_ms + world.manifest.grace_ms)
    world.accept()
    world.accept()
    return world


def test_voter_entries_after_the_close_are_refused() -> None:
    world = fresh("closed")
    voter = world.registered()[0]
    strike = world.by_registrars("strike", Strike(voter.pseudonym, "too late"))
    ballot, seed = world.seal_ballot(voter)
    for raw in (strike, world.cast(voter, ballot), world.spoil(ballot, seed), world.credential(world.voters[9])):
        assert world.refuse(raw).check == BOARD_1


def test_a_second_close_is_refused() -> None:
    world = fresh("closed")
    again = world.by_officers("close", Close(world.record.tally.accepted))
    assert world.refuse(again).check == BOARD_1


def test_a_close_with_another_count_is_refused() -> None:
    world = ready_to_close()
    for wrong in (-1, 1):
        close = world.by_officers("close", Close(world.record.tally.accepted + wrong))
        assert world.refuse(close).check == TALLY_1


def test_a_close_in_company_is_refused() -> None:
    world = ready_to_close()
    close = world.by_officers("close", Close(world.record.tally.accepted))
    note = world.sign("incident", Incident(secret("document"), "noted"), signing_key("officer", 0))
    refusals = world.block([note, close])
    assert [refusal.check for refusal in refusals] == [BOARD_5]
    assert world.block([close, note])[0].check == BOARD_5
    assert world.record.board.close_index == world.record.size - 2


def test_aggregates_before_the_close_are_refused() -> None:
    raw = fresh("closed")
    aggregate = raw.aggregates()[0]
    assert ready_to_close().refuse(aggregate).check == BOARD_1
