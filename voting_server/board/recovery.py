"""A database that was set back takes what it lost from a copy of the log; no other tree of a signed size is ever made.

Spec: `docs/operations/mirror.md`. The copy is anybody's mirror or the published folder. It must carry this log's
signature and continue what the database has; every entry passes the state machine again (its claims were verified
before the log signed it). Whatever was acknowledged and never reached a block is not in any copy: only the database's
synchronous standby keeps that.

>>> import inspect
>>> list(inspect.signature(recover).parameters)
['board', 'get']
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection

from crypto.election.ballot import hash_ballot, parse_ballot
from crypto.election.board import pseudonym_of
from crypto.election.entries import VOTER_TYPES, BallotEntry, Entry, Seal, Spoiled, parse_entry
from crypto.election.record import Record
from crypto.errors import Misuse, Refused
from crypto.merkle import CHECKPOINT_PATH, TILE_WIDTH, Get, TileReader, prove_consistency, verify_consistency
from crypto.signatures import Note, VerifierKey, parse_checkpoint, parse_note, verify_checkpoint
from crypto.transcript import Kind
from voting_server.board.lock import SequencerLock
from voting_server.board.mark import Mark
from voting_server.board.replica import Replica
from voting_server.board.service import Board, role_of
from voting_server.board.store import NewEntry, Queued
from voting_server.board.witnesses import read_note
from voting_server.plumbing.logging import log


@dataclass(slots=True)
class _Taken:
    """What a copy adds to the database."""

    blocks: list[tuple[int, int, list[tuple[str, bytes]]]] = field(default_factory=list)  # number, start, entries
    ends: list[tuple[int, int, bytes]] = field(default_factory=list)  # size, number, note of the log
    quorums: list[bytes] = field(default_factory=list)


def recover(board: Board, get: Get) -> int:
    """Take over the entries that a copy has more; return how many.

    Raises Refused where the copy is not this log's or does not continue the database; Misuse while a sequencer runs or
    where the database is empty.
    """
    lock = SequencerLock(board.context.database, board.context.settings.data_dir)
    if not lock.acquire():
        raise Misuse("a sequencer runs: stop it first")
    try:
        return _recover(board, get)
    finally:
        lock.release()


def _recover(board: Board, get: Get) -> int:
    newest = board.store.checkpoint()
    note = get(CHECKPOINT_PATH)
    if newest is None or note is None:
        raise Misuse("recovery needs a database with block 0 and a copy with a checkpoint")
    with board.record() as record:
        manifest, number = record.parts.manifest, record.board.block
    log_key = VerifierKey(manifest.origin, manifest.log_key)
    note = _choose_note(get, note, Mark(board.context.settings.data_dir, log_key).note(), log_key)
    head, (_, own) = verify_checkpoint(note, log_key), read_note(newest.note)
    reader = TileReader(get, head.size, head.root)
    if head.size <= own.size:
        return 0
    verify_consistency(
        own.size, own.root, head.size, head.root, prove_consistency(reader.source(), own.size, head.size)
    )
    taken, at = _Taken(), own.size
    while at < head.size:
        for raw in reader.bundle(at // TILE_WIDTH)[at % TILE_WIDTH :]:
            entry = parse_entry(raw)
            if entry.type == "seal":
                number += 1
                _note_seal(taken, Seal.parse(entry.body), number, at, own.size)
            elif not taken.blocks:
                raise Misuse("the copy does not begin a block where the database ends")
            taken.blocks[-1][2].append((entry.type, raw))
            at += 1
    log_line = Note(parse_note(note).text, parse_note(note).lines_of(log_key)[:1]).to_bytes()
    taken.ends.append((head.size, number, log_line))
    record = _require_accepted(board, taken)
    with board.context.database.begin() as connection:
        refused = _store(board, connection, manifest.kind, taken, record)
    for row in refused:
        # Where it was acknowledged, its receipt is a broken promise: its voter must be told, and cast again.
        level = log().error if row.deadline_ms is not None else log().warning
        level("entry-refused", type=row.type)
    return head.size - own.size


def _choose_note(get: Get, note: bytes, marked: bytes | None, log_key: VerifierKey) -> bytes:
    """Return the copy's checkpoint, or this machine's mark where that is larger and the copy has its files.

    The newest block may be published without a quorum; its checkpoint is then in no copy.
    """
    if marked is None or verify_checkpoint(marked, log_key).size <= verify_checkpoint(note, log_key).size:
        return note
    head = verify_checkpoint(marked, log_key)
    try:
        TileReader(get, head.size, head.root)
    except Refused:
        return note
    return marked


def _note_seal(taken: _Taken, seal: Seal, number: int, at: int, size: int) -> None:
    """Note the end of the block before a seal (unless the database has it), and the quorum checkpoints in it."""
    if at > size:
        taken.ends.append((at, number - 1, seal.checkpoint))
    taken.blocks.append((number, at, []))
    taken.quorums += seal.quorum


def _require_accepted(board: Board, taken: _Taken) -> Record:
    """Let the state machine judge every entry; return the record behind them. Raises Refused."""
    lost = {start + place: raw for _, start, entries in taken.blocks for place, (_, raw) in enumerate(entries)}
    first = min(lost)

    def entries(start: int) -> Iterator[bytes]:
        yield from board.store.entries(start)
        for index in range(max(start, first), first + len(lost)):
            yield lost[index]

    def read(index: int) -> bytes:
        return lost[index] if index in lost else board.store.read(index)

    with Replica(entries, read).follow() as record:
        for index, place in record.refused.items():
            if index >= first:
                raise Refused(place.refused.check, place.refused.reason, culprit=f"entry {index} of the copy")
        return record


def _store(board: Board, connection: Connection, kind: Kind, taken: _Taken, record: Record) -> list[Queued]:
    """Write what was taken; return rows that waited and can no longer stand."""

    def judge(raw: bytes) -> str:
        try:
            record.review(raw)
        except Refused as refusal:
            return refusal.check
        raise Misuse("an entry that waits has the place of one in the copy, and could still stand")

    store, refused = board.store, []
    for number, start, entries in taken.blocks:
        store.append(connection, start, number, entries)
        rows = [_describe(kind, parse_entry(raw), raw) for _, raw in entries]
        placed = [(row, start + place) for place, row in enumerate(rows) if row.type != "seal"]
        refused += store.restore(connection, placed, judge)
    for size, number, note in taken.ends:
        store.add_checkpoint(connection, size, number, note)
    for quorum in taken.quorums:
        store.set_quorum(connection, parse_checkpoint(parse_note(quorum).text).size, quorum)
    return refused


def _describe(kind: Kind, entry: Entry, raw: bytes) -> NewEntry:
    if entry.type not in VOTER_TYPES:
        return NewEntry(raw, entry.type, role=role_of(entry))
    pseudonym = pseudonym_of(entry)
    if entry.type == "ballot":
        ballot = BallotEntry.parse_once(entry.body).ballot
        return NewEntry(raw, entry.type, pseudonym, parse_ballot(ballot).number, hash_ballot(kind, ballot))
    if entry.type == "spoiled":
        return NewEntry(raw, entry.type, pseudonym, None, hash_ballot(kind, Spoiled.parse_once(entry.body).ballot))
    return NewEntry(raw, entry.type, pseudonym, role=role_of(entry))
