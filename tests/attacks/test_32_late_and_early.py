"""Late and early ballots: what the order of the board alone shows, whatever the server's clock said."""

from crypto.election.board import Head
from crypto.election.entries import Close, Opening
from tests.attacks.checks import BOARD_8, BOARD_9
from tests.simulator import MINUTE_MS, World, fresh


def opened_early() -> World:
    """Return a world with opening and credentials whose blocks all began before the opening time."""
    world = fresh("frozen")
    certificate = world.record.ceremony.conclude()
    opening = world.by_officers("opening", Opening(certificate.key, certificate.hash))
    world.accept([*world.drill(1), opening], [world.credential(voter) for voter in world.registered()])
    world.accept()
    return world


def test_a_ballot_before_the_opening_time_is_refused() -> None:
    world = opened_early()
    assert world.clock_ms < world.manifest.opens_at_ms
    refusal = world.refuse(world.vote(world.registered()[0]))
    assert refusal.check == BOARD_8


def test_the_first_block_after_the_opening_time_holds_no_ballots() -> None:
    world = opened_early()
    world.wait_until(world.manifest.opens_at_ms)
    voter = world.registered()[0]
    assert world.refuse(world.vote(voter)).check == BOARD_8
    voter.number, voter.previous = 0, bytes(32)
    world.accept()
    world.accept([], [world.vote(voter)])


def test_a_nonce_issued_after_closing_is_refused() -> None:
    world = fresh("voted")
    voter = world.registered()[0]
    ballot, _ = world.seal_ballot(voter)
    late = world.cast(voter, ballot, issued_at_ms=world.manifest.closes_at_ms + 1)
    assert world.refuse(late).check == "BALLOT-10"


def test_a_nonce_issued_at_closing_is_accepted() -> None:
    world = fresh("voted")
    voter = world.registered()[0]
    ballot, _ = world.seal_ballot(voter)
    world.accept([], [world.cast(voter, ballot, issued_at_ms=world.manifest.closes_at_ms)])


def after_closing() -> World:
    """Return a world in which a seal shows that the closing time has passed."""
    world = fresh("voted")
    world.wait_until(world.manifest.closes_at_ms + MINUTE_MS)
    world.accept()
    world.accept()
    return world


def head_before_closing(world: World) -> Head:
    """Return the newest head that was witnessed before closing."""
    heads = world.record.board.heads.values()
    return max((head for head in heads if head.upper_ms <= world.manifest.closes_at_ms), key=lambda head: head.size)


def test_a_head_from_after_closing_shows_a_ballot_late() -> None:
    world = after_closing()
    voter = world.registered()[0]
    assert world.head().upper_ms > world.manifest.closes_at_ms
    ballot, _ = world.seal_ballot(voter)
    refusal = world.refuse(world.cast(voter, ballot, issued_at_ms=world.manifest.closes_at_ms))
    assert refusal.check == "BALLOT-9"


def test_a_ballot_begun_before_closing_may_end_in_the_grace() -> None:
    world = after_closing()
    voter = world.registered()[0]
    old = head_before_closing(world)
    ballot, _ = world.seal_ballot(voter, head=old)
    world.accept([], [world.cast(voter, ballot, issued_at_ms=world.manifest.closes_at_ms)])


def test_an_early_close_is_refused() -> None:
    world = fresh("voted")
    close = world.by_officers("close", Close(world.record.tally.accepted))
    assert world.refuse(close).check == BOARD_9


def test_a_close_before_a_quorum_covers_the_last_ballots_is_refused() -> None:
    world = after_closing()
    voter = world.registered()[0]
    old = head_before_closing(world)
    ballot, _ = world.seal_ballot(voter, head=old)
    world.wait_until(world.manifest.closes_at_ms + world.manifest.grace_ms)
    world.accept()
    raw = world.cast(voter, ballot, issued_at_ms=world.manifest.closes_at_ms)
    assert world.block([], [raw], quorum=False) == []
    close = world.by_officers("close", Close(world.record.tally.accepted))
    assert world.refuse(close).check == BOARD_9


def test_a_late_last_block_is_reported_and_waits_for_a_release() -> None:
    world = fresh("voted")
    voter = world.registered()[0]
    world.wait_until(world.manifest.closes_at_ms - MINUTE_MS)
    raw = world.vote(voter)
    late_ms = world.manifest.grace_ms + world.manifest.settle_ms + 3 * MINUTE_MS
    assert world.block([], [raw], late_ms=late_ms) == []
    world.clock_ms += late_ms
    world.accept()
    world.accept()
    world.accept([world.by_officers("close", Close(world.record.tally.accepted))])
    assert [refusal.check for refusal in world.record.finish(None, None).failed] == ["BOARD-10"]
    assert world.record.tally.unresolved() == ("late",)
