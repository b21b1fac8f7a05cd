"""A change of key takes precedence: who casts or challenges without end cannot put it off, and no promise is broken."""

import pytest

from crypto.election.entries import Change
from crypto.merkle import leaf_hash
from demo.voters import make_passkey
from tests.integration.board.town import Town
from tests.simulator import Voter, secret
from voting_server.plumbing.problems import ProblemError


def change(town: Town, voter: Voter, name: str = "a new phone") -> bytes:
    """Return a change of the voter's key, signed by both registrars."""
    key = make_passkey(secret(name)).cose_key
    return town.by_registrars("change", Change(voter.pseudonym, key, "software", "the old phone was stolen"))


def spoiled(town: Town, voter: Voter, name: str) -> bytes:
    """Return the entry of a ballot that the voter opens."""
    seed = secret("spoil", name)
    return town.spoil(town.seal_ballot(voter, seed=seed)[0], seed)


def refused(town: Town, raw: bytes, delay_ms: int | None = None) -> str:
    """Return the problem that an entry is turned away with."""
    with pytest.raises(ProblemError) as caught:
        town.board.enqueue(raw, delay_ms)
    return caught.value.code


def state(town: Town, raw: bytes) -> str:
    """Return what became of an entry."""
    row = town.board.find_entry(leaf_hash(raw))
    assert row is not None
    return row.state


def test_who_challenges_again_and_again_cannot_put_off_a_change(town: Town) -> None:
    town.run("open")
    voter = town.registered()[0]
    opened = spoiled(town, voter, "first")
    town.board.enqueue(opened)
    wanted = change(town, voter)
    town.board.enqueue(wanted)
    assert refused(town, change(town, voter, "another phone")) == "entry-waits"
    assert refused(town, spoiled(town, voter, "second")) == "key-changes"
    while state(town, opened) == "waiting":
        town.write()
    assert state(town, wanted) == "waiting"
    town.write()
    assert [state(town, raw) for raw in (opened, wanted)] == ["sequenced"] * 2
    assert town.record.refused == {}


def test_no_ballot_is_taken_in_while_a_change_waits(town: Town) -> None:
    town.run("open")
    voter, delay_ms = town.registered()[0], town.manifest.receipt_delay_ms
    ballot = town.vote(voter)
    town.board.enqueue(change(town, voter))
    assert refused(town, ballot, delay_ms) == "key-changes"
    town.write()
    assert town.board.enqueue(ballot, delay_ms).state == "waiting"


def test_a_change_never_overtakes_an_acknowledged_ballot(town: Town) -> None:
    town.run("open")
    voter = town.registered()[0]
    ballot, wanted = town.vote(voter), change(town, voter)
    town.board.enqueue(ballot, town.manifest.receipt_delay_ms)
    assert refused(town, wanted) == "change-late"
    while state(town, ballot) == "waiting":
        town.write()
    assert state(town, ballot) == "sequenced"
    assert town.board.find_entry(leaf_hash(wanted)) is None


def test_a_refused_ballot_stands_in_no_changes_way(town: Town) -> None:
    town.run("open")
    voter, store = town.registered()[0], town.board.store
    row = town.board.enqueue(town.vote(voter), town.manifest.receipt_delay_ms)
    with town.context.database.begin() as connection:
        store.settle(connection, [], [(row.id, f"BALLOT-{11}")])
    assert town.board.enqueue(change(town, voter)).state == "waiting"
