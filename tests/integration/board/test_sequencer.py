"""Through the queue and the sequencer to a published record that the auditor verifies; what is committed is kept."""

import json
import shutil
import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from typer.testing import CliRunner

from audit import cli as audit_cli
from audit.mirror import Mirror
from crypto.election.entries import Close, Incident, Rotate, Strike
from crypto.errors import Refused
from crypto.merkle import CHECKPOINT_PATH, TileReader, leaf_hash, parse_log_proof, verify_inclusion
from crypto.signatures import (
    MAX_U63,
    Checkpoint,
    VerifierKey,
    key_id,
    parse_checkpoint,
    parse_note,
    sign_checkpoint,
    verify_quorum,
)
from tests.integration.board.town import Town
from tests.simulator import MINUTE_MS, QUORUM, signing_key
from voting_server.board.sequencer import SMALL_BATCH, Sequencer
from voting_server.board.service import NewEntry
from voting_server.board.store import Store
from voting_server.board.witnesses import ForkError
from voting_server.plumbing.database import BALLOT, Database, engine_of
from voting_server.plumbing.problems import ProblemError

_TICKING = (
    "CREATE SEQUENCE ticks",
    "GRANT USAGE ON SEQUENCE ticks TO PUBLIC",
    "CREATE OR REPLACE FUNCTION now_ms() RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT nextval('ticks') $$",
)


def mirror(town: Town, folder: Path) -> Mirror:
    copy = Mirror(folder, VerifierKey(town.manifest.origin, town.manifest.log_key), folder.with_name("forks"))
    copy.update(town.board.publication.get)
    return copy


def audit(town: Town, folder: Path) -> tuple[int, str]:
    mirror(town, folder)
    slots = folder.with_suffix(".json")
    slots.write_text(json.dumps({str(unit): count for unit, count in town.record.roll.slots_by_district.items()}))
    arguments = ["verify", str(folder), "--manifest-hash", town.manifest_hash.hex(), "--slots", str(slots)]
    result = CliRunner().invoke(audit_cli.app, [*arguments, "--workers", "1"])
    return result.exit_code, result.output


def test_election_from_queue_to_verified_record(town: Town, tmp_path: Path) -> None:
    town.run()
    assert town.record.is_complete()
    assert town.record.refused == {}
    results = [votes for (contest, _), votes in town.record.tally.results.items() if contest == 1]
    assert tuple(map(sum, zip(*results, strict=True))) == town.expected(1)
    status, output = audit(town, tmp_path / "record")
    assert status == 0, output


def test_served_checkpoint_has_a_quorum_and_at_most_16_lines(town: Town) -> None:
    town.run("certified")
    served = town.board.publication.get(CHECKPOINT_PATH)
    assert served is not None
    policy = town.board.policy()
    covered = verify_quorum(served, policy.log, policy.witnesses, policy.quorum, MAX_U63)
    assert len(covered.cosignatures) >= QUORUM
    assert len(parse_note(served).signatures) <= 16
    assert covered.checkpoint.size == town.board.heads().quorum_size == town.board.heads().size


def test_a_ballots_proof_leads_to_the_quorum_checkpoint(desk: Town) -> None:
    desk.run("voted")
    raw = next(raw for raw in desk.entries if raw[3:9] == b"ballot")
    queued = desk.board.find_entry(leaf_hash(raw))
    assert queued is not None
    assert queued.state == "sequenced"
    proof = parse_log_proof(desk.board.prove(queued.entry_index or 0).to_bytes())
    policy = desk.board.policy()
    head = verify_quorum(proof.checkpoint, policy.log, policy.witnesses, policy.quorum, MAX_U63).checkpoint
    verify_inclusion(queued.leaf, proof.index, head.size, head.root, proof.proof)


def test_entries_cannot_be_changed_or_deleted(town: Town) -> None:
    town.run("founded")
    for statement in ("UPDATE entries SET raw = leaf", "DELETE FROM entries"):
        with pytest.raises(DatabaseError), town.context.database.begin() as connection:
            connection.execute(text(statement))


def test_a_repeat_is_answered_with_its_first_row(town: Town) -> None:
    town.run("founded")
    town.write()
    raw = town.sign("incident", Incident(bytes(32), "rehearsal"), signing_key("officer"))
    first = town.board.enqueue(raw)
    assert town.board.enqueue(raw) == first
    town.write()
    again = town.board.enqueue(raw)
    assert (again.id, again.state) == (first.id, "sequenced")
    assert town.board.read(again.entry_index or 0) == raw


def test_one_voter_entry_of_a_pseudonym_waits_at_a_time(town: Town) -> None:
    town.run("frozen")
    voter, other = town.registered()[:2]
    town.board.enqueue(town.credential(voter))
    other.pseudonym = voter.pseudonym
    with pytest.raises(ProblemError) as caught:
        town.board.enqueue(town.credential(other))
    assert caught.value.args == ("entry-waits",)


def test_who_casts_again_and_again_cannot_put_off_her_strike(town: Town) -> None:
    town.run("open")
    voter, delay_ms = town.registered()[0], town.manifest.receipt_delay_ms
    ballot = town.vote(voter)
    town.board.enqueue(ballot, delay_ms)
    strike, again = (town.by_registrars("strike", Strike(voter.pseudonym, reason)) for reason in ("station", "again"))
    town.board.enqueue(strike)
    with pytest.raises(ProblemError) as caught:
        town.board.enqueue(again)
    assert caught.value.args == ("entry-waits",)
    while town.board.find_entry(leaf_hash(ballot)).state == "waiting":  # type: ignore[union-attr]
        town.write()
    assert town.board.find_entry(leaf_hash(strike)).state == "waiting"  # type: ignore[union-attr]
    late = town.vote(voter)
    with pytest.raises(ProblemError) as caught:
        town.board.enqueue(late, delay_ms)
    assert caught.value.args == ("entry-waits",)
    town.write()
    assert [town.board.find_entry(leaf_hash(raw)).state for raw in (ballot, strike)] == ["sequenced"] * 2  # type: ignore[union-attr]
    with pytest.raises(ProblemError) as caught:
        town.board.insert(town.board._describe(late, delay_ms))
    assert caught.value.args == ("struck",)
    assert town.record.refused == {}


def test_a_refused_ballot_leaves_its_number_free_and_no_other_does(town: Town) -> None:
    store, pseudonym = town.board.store, bytes(16)
    first, second, third = (NewEntry(bytes([place]), "ballot", pseudonym, 1, bytes([place]) * 32) for place in range(3))
    refused = town.board.insert(first)
    with store._database.begin() as connection:
        store.settle(connection, [], [(refused.id, f"BALLOT-{11}")])
    taken = town.board.insert(second)
    assert (taken.state, taken.number) == ("waiting", 1)
    with store._database.begin() as connection:
        store.settle(connection, [(taken.id, 0)], [])
    with pytest.raises(ProblemError) as caught:
        town.board.insert(third)
    assert caught.value.args == ("number-taken",)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_deadline_is_the_arrival_plus_the_delay(request: pytest.FixtureRequest, kind: str) -> None:
    # Each look at this clock finds it later: in the last millisecond of intake a second look would promise too late.
    if kind == "sqlite":
        database = Database("sqlite://", clock=count(1_000).__next__)
        BALLOT.create_all(engine_of(database))
    else:
        databases = request.getfixturevalue("databases")
        with closing(databases.cluster.connect(databases.ballot)) as admin:
            for statement in _TICKING:
                admin.execute(statement.encode())
        database = Database(databases.urls["ballot"])
    places = [bytes([place]) for place in range(3)]
    new = [NewEntry(each, "ballot", each * 16, 1, each * 32, delay_ms=600, seen=0) for each in places]
    rows = Store(database).insert(new)
    database.close()
    assert [row.deadline_ms - row.received_at_ms for row in rows if row and row.deadline_ms] == [600] * 3


def test_what_the_record_would_refuse_never_waits(town: Town) -> None:
    town.run("frozen")
    with pytest.raises(Refused):
        town.board.enqueue(town.by_officers("close", Close(0)))
    assert town.board.store.count_waiting() == 0


def test_small_batches_wait_and_never_past_a_deadline(desk: Town) -> None:
    desk.run("open")
    few = desk.registered()[:3]
    for voter in few:
        desk.board.enqueue(desk.vote(voter), delay_ms=desk.manifest.receipt_delay_ms)
    sizes = []
    for _ in range(6):
        desk.write()
        sizes.append(desk.board.store.count_waiting())
    assert sizes == [3, 3, 3, 3, 0, 0]
    late = desk.registered()[5]
    desk.board.enqueue(desk.vote(late), delay_ms=3 * MINUTE_MS)
    desk.write()
    assert desk.board.store.count_waiting() == 0


def test_a_batch_of_twenty_does_not_wait(desk: Town) -> None:
    desk.run("open")
    assert len(desk.registered()) >= SMALL_BATCH
    for voter in desk.registered()[:SMALL_BATCH]:
        desk.board.enqueue(desk.vote(voter), delay_ms=desk.manifest.receipt_delay_ms)
    desk.write()
    assert desk.board.store.count_waiting() == 0


def test_the_close_waits_for_every_acknowledged_ballot(desk: Town) -> None:
    desk.run("voted")
    late = desk.vote(desk.registered()[2])
    desk.wait_until(desk.manifest.closes_at_ms + desk.manifest.grace_ms)
    desk.write()
    desk.write()
    close = desk.by_officers("close", Close(desk.record.tally.accepted))
    desk.board.enqueue(close)
    desk.board.insert(desk.board._describe(late, desk.manifest.receipt_delay_ms))
    desk.write()
    with desk.board.record() as record:
        assert record.board.close_index < 0
    assert desk.board.find_entry(leaf_hash(late)).state == "sequenced"  # type: ignore[union-attr]


def test_the_close_waits_for_the_end_of_intake_by_the_databases_clock(desk: Town) -> None:
    desk.run("voted")
    ends_at_ms = desk.manifest.closes_at_ms + desk.manifest.grace_ms
    desk.wait_until(ends_at_ms)
    desk.write()
    desk.write()
    desk.board.enqueue(desk.by_officers("close", Close(desk.record.tally.accepted)))
    for clock_ms, is_closed in ((ends_at_ms, False), (ends_at_ms + 1, True)):
        desk.set_clock(clock_ms)
        desk.sequencer.step()
        with desk.board.record() as record:
            assert (record.board.close_index >= 0) is is_closed


def rotation(town: Town, name: str = "new receipt") -> bytes:
    """Return the rotation of the receipt key, signed by the old one."""
    old = signing_key("receipt")
    body = Rotate("receipt", key_id(old.public_key), signing_key(name).public_key, "a card was lost")
    return town.sign("rotate", body, old)


def test_the_receipt_key_rotates_when_no_acknowledged_ballot_waits(town: Town) -> None:
    town.run("open")
    before, delay_ms = town.record.tally.accepted, town.manifest.receipt_delay_ms
    first, late = town.vote(town.registered()[0]), town.vote(town.registered()[1])
    town.board.enqueue(first, delay_ms)
    rotated, seen = rotation(town), town.record.size
    town.board.enqueue(rotated)
    with pytest.raises(ProblemError) as caught:
        town.board.enqueue(late, delay_ms)
    assert (caught.value.code, caught.value.status) == ("key-rotates", 503)
    assert caught.value.retry_after_s is not None
    town.write()
    rows = [town.board.find_entry(leaf_hash(raw)) for raw in (first, rotated)]
    assert [row and row.state for row in rows] == ["sequenced", "waiting"]
    town.write()
    assert [row.state for row in map(town.board.find_entry, map(leaf_hash, (first, rotated))) if row] == [
        "sequenced"
    ] * 2
    with pytest.raises(ProblemError) as caught:
        # A worker that checked it under the record as it was before.
        town.board.insert(town.board._describe(late, delay_ms, seen))
    assert caught.value.code == "key-rotates"
    with pytest.raises(Refused) as refused:
        town.board.enqueue(late, delay_ms)
    assert refused.value.check == f"BALLOT-{11}"
    assert town.record.tally.accepted == before + 1
    assert town.record.refused == {}


def test_other_rotations_do_not_stop_the_intake(desk: Town) -> None:
    desk.run("open")
    old = signing_key("officer")
    body = Rotate("officer", key_id(old.public_key), signing_key("new officer").public_key, "a card was lost")
    desk.board.enqueue(desk.sign("rotate", body, old))
    ballot = desk.vote(desk.registered()[0])
    assert desk.board.enqueue(ballot, desk.manifest.receipt_delay_ms).state == "waiting"


def test_a_ballot_whose_nonce_a_rotation_overtook_is_not_counted_here_either(desk: Town) -> None:
    desk.run("open")
    before = desk.record.tally.accepted
    late = desk.vote(desk.registered()[0])
    desk.board.enqueue(rotation(desk))
    desk.write()
    # Nothing lets it in any more; were it there, it would be refused.
    desk.board.insert(desk.board._describe(late, desk.manifest.receipt_delay_ms))
    for _ in range(5):
        desk.write()
    row = desk.board.find_entry(leaf_hash(late))
    assert row is not None
    assert (row.state, row.check_id) == ("refused", f"BALLOT-{11}")
    assert desk.record.tally.accepted == before
    assert desk.record.refused == {}


def test_after_intake_only_seals_come_until_the_last_ballots_have_a_quorum(desk: Town) -> None:
    desk.run("voted")
    late = desk.vote(desk.registered()[2])
    desk.wait_until(desk.manifest.closes_at_ms + desk.manifest.grace_ms)
    desk.write()
    desk.write()
    desk.board.insert(desk.board._describe(late, desk.manifest.receipt_delay_ms))
    for place in (3, 2):
        desk.watches.pop(place).stop()
    desk.write()
    assert desk.board.find_entry(leaf_hash(late)).state == "sequenced"  # type: ignore[union-attr]
    raw = desk.sign("incident", Incident(bytes(32), "two witnesses are down"), signing_key("officer"))
    desk.board.enqueue(raw)
    desk.write()
    desk.write()
    assert desk.board.store.count_waiting() == 1
    desk.revive(2)
    desk.restart()
    assert desk.sequencer.start()
    desk.write()
    desk.write()
    assert desk.board.store.count_waiting() == 0
    assert desk.record.refused == {}


def test_seals_end_when_nothing_is_awaited_and_begin_again(desk: Town) -> None:
    desk.run()
    sizes = []
    for _ in range(5):
        desk.write()
        sizes.append(desk.board.heads().size)
    assert sizes[1:] == [sizes[1]] * 4
    assert desk.board.heads().quorum_size == sizes[-1]
    desk.board.enqueue(desk.sign("incident", Incident(bytes(32), "afterwards"), signing_key("officer")))
    desk.write()
    desk.write()
    assert desk.board.heads().quorum_size > sizes[-1]


def test_without_a_quorum_blocks_go_on_and_no_final_receipt_is_given(town: Town) -> None:
    town.run("certified")
    covered = town.board.heads()
    for _ in range(len(town.watches) - QUORUM + 1):
        town.watches.pop().stop()
    raw = town.sign("incident", Incident(bytes(32), "line cut"), signing_key("officer"))
    town.board.enqueue(raw)
    town.write()
    town.write()
    heads = town.board.heads()
    assert heads.size > covered.size
    assert heads.quorum_size == covered.size
    place = town.board.find_entry(leaf_hash(raw))
    assert place is not None
    with pytest.raises(ProblemError) as caught:
        town.board.prove(place.entry_index or 0)
    assert caught.value.args == ("not-yet-covered",)
    assert town.record.board.quorumless > 0


def test_a_restart_publishes_what_is_missing_and_continues(town: Town, tmp_path: Path) -> None:
    town.run("frozen")
    served = town.board.publication.get(CHECKPOINT_PATH)
    shutil.rmtree(town.board.published)
    town.restart()
    assert town.sequencer.start()
    assert served is not None
    assert mirror(town, tmp_path / "record").size >= parse_checkpoint(parse_note(served).text).size
    town.open()
    assert mirror(town, tmp_path / "record").size == town.board.heads().quorum_size


def test_only_one_sequencer_at_a_time(town: Town) -> None:
    town.run("founded")
    second = Sequencer(town.board)
    assert not second.start()
    town.sequencer.stop()
    assert second.start()
    second.stop()


def test_a_database_set_back_does_not_sequence(desk: Town, tmp_path: Path) -> None:
    desk.run("founded")
    desk.sequencer.stop()
    database = tmp_path / "ballot.sqlite"
    old = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(old)) as target:
        source.backup(target)
    desk.restart()
    assert desk.sequencer.start()
    desk.write()
    desk.sequencer.stop()
    desk.context.database.close()
    for name in (database, tmp_path / "ballot.sqlite-wal", tmp_path / "ballot.sqlite-shm"):
        name.unlink(missing_ok=True)
    old.rename(database)
    (desk.board.published / CHECKPOINT_PATH).unlink()
    desk.restart()
    with pytest.raises(ForkError, match="holds"):
        desk.sequencer.start()


def test_a_published_checkpoint_ahead_of_the_database_stops_the_sequencer(desk: Town) -> None:
    desk.run("founded")
    ahead = sign_checkpoint(desk.writer.key, Checkpoint(desk.manifest.origin, 10_000, bytes(32)))
    desk.board.publication.write(CHECKPOINT_PATH, ahead.to_bytes())
    desk.restart()
    with pytest.raises(ForkError, match="published checkpoint"):
        desk.sequencer.start()


def test_tiles_give_the_served_root(desk: Town) -> None:
    desk.run("certified")
    served = desk.board.publication.get(CHECKPOINT_PATH) or b""
    policy = desk.board.policy()
    head = verify_quorum(served, policy.log, policy.witnesses, policy.quorum, MAX_U63).checkpoint
    reader = TileReader(desk.board.publication.get, head.size, head.root)
    assert list(reader.bundle(0)) == desk.entries[: head.size]
