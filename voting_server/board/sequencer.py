"""The one that writes blocks: takes what waits, lets the state machine judge it, commits, publishes, asks witnesses.

Spec: `docs/spec/board.md`, `docs/operations/faults.md`. One process at a time, under a lock. A block's entries, its
signed checkpoint and the states of the rows that it took are one transaction; everything after it (files, cosignatures)
is made again from the database at the next start, with the same bytes. Before the first signature the witnesses are
asked what they hold, and this machine's own mark is looked at: a database that was set back must not sign a second
tree.

>>> from voting_server.board.store import Queued
>>> is_due([], held=0, urgent=False)
True
>>> row = Queued(1, b"", "ballot", None, None, None, "waiting", None, None, 0, None)
>>> is_due([row] * 19, held=0, urgent=False), is_due([row] * 20, held=0, urgent=False), is_due([row], 4, urgent=False)
(False, True, True)
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from crypto.election.board import Block, Phase, Writer
from crypto.election.entries import VOTER_TYPES, Seal
from crypto.election.record import Work, discharge
from crypto.errors import Refused
from crypto.merkle import CHECKPOINT_PATH, TileReader, Tiles, leaf_hash, publish
from crypto.signatures import (
    TYPE_COSIGNATURE,
    NoteSignature,
    VerifierKey,
    parse_signature_lines,
    verify_checkpoint,
)
from voting_server.board.lock import SequencerLock
from voting_server.board.mark import Mark
from voting_server.board.replica import Replica
from voting_server.board.service import FEED, Board
from voting_server.board.store import BALLOT_TYPES, Queued
from voting_server.board.witnesses import ForkError, Request, Witnesses, quorum_note, read_note
from voting_server.plumbing.clock import SkewError
from voting_server.plumbing.killpoints import reach
from voting_server.plumbing.logging import log
from voting_server.plumbing.metrics import QUORUM_SIZE, SIZE

SMALL_BATCH = 20
"""A batch with fewer ballots waits, because board time is public to one batch."""
LONGEST_HOLD = 4
"""So many more intervals, and never past a receipt's deadline or the end of intake."""
_MARGIN_INTERVALS = 3
_BLOCK_ENTRIES = 20_000
_SEAL_QUORUMS = 8
_SEAL_TOKENS = 3
_SUMS_AT_ONCE = 500
_SUMS_SHARE = 0.1
KEEP_EVERY_S = 600
"""So often the sums of ballots are kept while people vote; 30,000 sums take a second."""
_CHUNK = 2_048
_TURNS = {"change": 1, "strike": 2}
"""Of what waits for one pseudonym, what has the lowest number comes first; everything else has 0."""
_LAST = 2


def is_due(ballots: Sequence[Queued], held: int, *, urgent: bool) -> bool:
    """Tell whether waiting ballots go into the next block; `held` is by how many blocks they were held back."""
    return not 0 < len(ballots) < SMALL_BATCH or urgent or held >= LONGEST_HOLD


@dataclass(slots=True)
class _Choice:
    """What goes into one block, and what the state machine refused on the way."""

    control: list[tuple[Queued, bytes]] = field(default_factory=list)
    voters: list[tuple[Queued, bytes]] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)


class Sequencer:
    """Writes the log of one database; not shared between threads."""

    def __init__(self, board: Board) -> None:
        """Keep the board; nothing is read before `start`."""
        self._board = board
        self._store = board.store
        self._database = board.context.database
        self._publication = board.publication
        self._key = board.log_key()
        self._lock = SequencerLock(board.context.database, board.context.settings.data_dir)
        self._witnesses: Witnesses | None = None
        self._mark: Mark
        self._is_loaded = False
        self._held = 0
        self._unpublished: list[tuple[str, bytes]] = []
        self._kept_state: tuple[int, int, bool] | None = None
        self._kept_at = time.monotonic()
        self._content_end = 0  # entries up to the last one that is not a seal
        self.replica: Replica
        self.writer: Writer

    # --------------------------------------------------------------------------------------------- beginning, end

    def start(self) -> bool:
        """Take the lock, read the log, compare it with what was published and witnessed, publish what is missing.

        False while another process sequences, there is no election yet, or too few witnesses answer; what was read is
        kept then for the next try. Raises ForkError, SkewError.
        """
        if not self._lock.acquire():
            return False
        if not self._is_loaded and not self._load():
            self._lock.release()
            return False
        self._is_loaded = True
        if not self._compare():
            return False
        self._mark.write(self.writer.checkpoint)
        self._ask_witnesses()
        return True

    def stop(self) -> None:
        """Let go of the lock and of the witnesses' connections."""
        if self._witnesses is not None:
            self._witnesses.close()
            self._witnesses = None
        self._is_loaded = False
        self._lock.release()

    def run(self, ended: threading.Event) -> None:
        """Write a block every interval until `ended` is set. Raises ForkError, after which nothing may be signed."""
        started = False
        pause_s = 1.0
        while not ended.is_set():
            began = time.monotonic()
            try:
                if started:
                    self.step()
                else:
                    started = self.start()
                    pause_s = self.writer.manifest.interval_ms / 1_000 if started else 1.0
                    if not started:
                        log().info("sequencer-waits")
            except (ForkError, SkewError):
                log().error("refused-to-start" if not started else "fork-seen")
                self.stop()
                raise
            except (SQLAlchemyError, OSError) as error:
                # The database or the disk failed; what was committed decides, so everything is read again.
                log().error("sequencer-waits", error=type(error).__name__)
                self.stop()
                started = False
            ended.wait(max(0.0, pause_s - (time.monotonic() - began)))
        self.stop()

    def _load(self) -> bool:
        """Read the whole log, write files that are missing, and get ready to write the next block."""
        self.replica = self._board.make_replica()
        newest, quorum = self._store.checkpoint(), self._store.checkpoint(quorum=True)
        if newest is None:
            return False
        tiles, start = Tiles(), 0
        for end in sorted({newest.size, newest.size if quorum is None else quorum.size}):
            while start < end:
                raws = list(self._store.entries(start, min(end, start + _CHUNK)))
                for raw in raws:
                    self._enter(raw)
                tiles, files = publish(tiles, raws)
                start += len(raws)
                self._publication.publish(files)
        self._unpublished = []
        manifest = self.replica.record.parts.manifest
        self.writer = Writer(manifest, self.replica.record.manifest_hash, self._key, tiles, newest.block, newest.note)
        _, head = read_note(newest.note)
        if (head.size, head.root) != (tiles.size, tiles.root()) or self._key.public_key != manifest.log_key:
            raise ForkError("the stored checkpoint is not one of these entries under this log key")
        return True

    def _compare(self) -> bool:
        """Compare the log with the published checkpoint, this machine's mark, what the witnesses hold, and clocks.

        False to ask again: of n witnesses n - k + f + 1 must answer, because among so many is an honest one that
        cosigned the newest quorum checkpoint, which a database that was set back may not know of; a quorum is always
        enough. More witnesses than may be faulty with another time than ours: SkewError, because then ours is wrong.
        """
        manifest = self.writer.manifest
        log_key = VerifierKey(manifest.origin, manifest.log_key)
        self._compare_served(log_key)
        self._compare_mark(log_key)
        quorum = self._store.checkpoint(quorum=True)
        if quorum is not None and quorum.quorum_note is not None:
            self._publication.publish_checkpoint(quorum.quorum_note)
        settings = self._board.context.settings
        if self._witnesses is None:
            self._witnesses = Witnesses(log_key, settings.witnesses, settings.witness_ms)
        answered = self._witnesses.compare(self._witness_keys(), self._root_at, self.writer.tiles.size)
        limit_ms = self._board.context.limits.skew_ms
        wrong = self._witnesses.wrong_clocks(limit_ms)
        if len(wrong) > manifest.faults:
            name, off_ms = wrong[0]
            raise SkewError(f"{len(wrong)} witnesses' clocks are off, that of {name} by {off_ms} ms")
        wanted = len(manifest.witnesses) - manifest.quorum + manifest.faults + 1
        if answered >= wanted:
            return True
        log().error("sequencer-waits", count=answered, wanted=wanted, error="too few witnesses answer")
        return False

    def _compare_mark(self, log_key: VerifierKey) -> None:
        self._mark = Mark(self._board.context.settings.data_dir, log_key)
        head = self._mark.read()
        if head is not None and self._root_at(head.size) != head.root:
            own = self.writer.tiles.size
            raise ForkError(
                f"{self._mark.file} holds {head.size} entries that this log signed here; this database, with {own}, "
                "does not continue them. It was set back: `dobush-server recover COPY` takes what it lost from a "
                "mirror or the published folder (docs/operations/backup.md). Never delete the file."
            )

    def _compare_served(self, log_key: VerifierKey) -> None:
        served = self._publication.get(CHECKPOINT_PATH)
        if served is None:
            return
        try:
            head = verify_checkpoint(served, log_key)
        except Refused:
            return  # no checkpoint of this log: it is written anew
        if self._root_at(head.size) != head.root:
            raise ForkError(f"the published checkpoint has {head.size} entries that this database does not have")

    def _root_at(self, size: int) -> bytes | None:
        stored = self._store.checkpoint(size=size)
        return None if stored is None or stored.size != size else read_note(stored.note)[1].root

    def _witness_keys(self) -> list[VerifierKey]:
        keys = self.replica.record.keyring.witnesses
        return [VerifierKey(name, key, TYPE_COSIGNATURE) for name, key in keys.items()]

    # ----------------------------------------------------------------------------------------------------- blocks

    def step(self) -> bool:
        """Write the next block if anything waits or is awaited, publish, ask the witnesses; tell whether one was.

        Raises ForkError; SQLAlchemyError and OSError where the database or the disk fails.
        """
        if not self._lock.is_held():
            raise ConnectionError("the lock was lost: another process may write")
        self._publish_rest()
        written = False
        rows = self._store.waiting(_BLOCK_ENTRIES)
        self._keep_sums(is_closing=any(row.type == "close" for row, _ in rows))
        if rows or self._is_awaited():
            try:
                self._write(rows)
            except BaseException:
                # What the record has entered may not stand in the database: read again before anything is signed.
                self._is_loaded = False
                self._lock.release()
                raise
            written = True
            self._publish_rest()
        if written or self._needs_quorum():
            self._ask_witnesses()
        self._sum_up()
        return written

    def _sum_up(self) -> None:
        """Add up ballots for a part of the interval, so that the close need not wait for them."""
        end = time.monotonic() + _SUMS_SHARE * self.writer.manifest.interval_ms / 1_000
        while self.replica.sum_up(_SUMS_AT_ONCE) and time.monotonic() < end:
            pass

    def _keep_sums(self, *, is_closing: bool) -> None:
        """Keep the sums as they are under the last checkpoint: before a close all of them, and now and then before."""
        record = self.replica.record
        if record.board.phase is not Phase.OPEN:
            return
        # A close may wait for hours: it counts when it can come.
        is_closing = is_closing and self._board.now_ms() > record.board.intake_end_ms
        now = time.monotonic()
        # What is in the sums, so that nothing is kept twice while a close waits for its time.
        state = (record.accepted["ballot"], record.accepted["strike"], is_closing)
        if not record.accepted["ballot"] or state == self._kept_state:
            return
        if not is_closing and now - self._kept_at < KEEP_EVERY_S:
            return
        if is_closing:
            self.replica.sum_up()
        self._board.kept_sums.write(self._key, record, self.replica.sums())
        self._kept_state, self._kept_at = state, now

    def _is_awaited(self) -> bool:
        """Tell whether seals go on: until the results of all cells stand, and a sealed quorum covers the last entry."""
        record = self.replica.record
        if record.board.phase is not Phase.CLOSED or not record.is_complete():
            return True
        newest = record.board.newest
        return newest is None or newest.size < self._content_end

    def _needs_quorum(self) -> bool:
        newest = self._store.checkpoint()
        return newest is not None and newest.quorum_note is None

    def _enter(self, raw: bytes) -> Refused | None:
        refusal = self.replica.enter(raw)
        board = self.replica.record.board
        if board.block_start != self.replica.record.size - 1:
            self._content_end = self.replica.record.size
        return refusal

    def _write(self, rows: Sequence[tuple[Queued, bytes]]) -> None:
        """Compose, commit: the entries, the checkpoint and the rows' states are one transaction."""
        record, writer = self.replica.record, self.writer
        start, number = writer.tiles.size, writer.block + 1
        newest = record.board.newest
        writer.quorum = self._store.quorums_above(newest.size if newest is not None else 0)[:_SEAL_QUORUMS]
        tokens = self._store.tokens(_SEAL_TOKENS)
        stamps = [token for _, _, token in tokens]
        seal = Seal(block=number, checkpoint=writer.checkpoint, quorum=tuple(writer.quorum), tokens=tuple(stamps))
        refusal = self._enter(writer.sign(seal, "seal"))
        if refusal is not None:
            raise ForkError(f"the record refuses this log's own seal: {refusal.check}")
        choice = _Choice()
        with self._database.begin() as connection:
            closing = any(row.type == "close" for row, _ in rows)
            if closing:
                self._store.lock_queue(connection)
                # Witnesses' clocks may run ahead of the database's, by which a ballot could still be taken in.
                is_over = self._board.now_ms() > record.board.intake_end_ms
                closing = is_over and not self._store.has_waiting(connection, VOTER_TYPES)
            is_drained = not self._store.has_waiting(connection, {"ballot"})
            self._choose(choice, rows, closing=closing, is_drained=is_drained)
            block = writer.write([raw for _, raw in choice.control], [raw for _, raw in choice.voters], stamps)
            types = ["seal", *(row.type for row, _ in choice.control), *(row.type for row, _ in choice.voters)]
            self._store.append(connection, start, number, list(zip(types, block.entries, strict=True)))
            self._store.add_checkpoint(connection, writer.tiles.size, number, block.checkpoint)
            taken = [*choice.control, *choice.voters]
            self._store.settle(
                connection, [(row.id, start + 1 + place) for place, (row, _) in enumerate(taken)], choice.refused
            )
            self._store.seal_tokens(connection, number, tokens)
            reach("sequencer-before-commit")
        reach("sequencer-after-commit")
        self._unpublished = [*self._unpublished, *block.files]
        self._tell(block, len(taken))

    def _tell(self, block: Block, count: int) -> None:
        SIZE.set(self.writer.tiles.size)
        log().info("block-written", block=block.number, size=self.writer.tiles.size, count=count)
        self._board.context.cache.wake(FEED)

    # ----------------------------------------------------------------------------------------------------- choice

    def _choose(
        self, choice: _Choice, rows: Sequence[tuple[Queued, bytes]], *, closing: bool, is_drained: bool
    ) -> None:
        """Fill the block: control entries in the order in which they came, then voter entries by leaf hash.

        The close stands alone and after every acknowledged ballot: `closing` says that none waits. A change stands in a
        later block than a ballot that was challenged beside it, a strike in a later one than both. A rotation of the
        receipt key ends every nonce under the old one, so that it comes when no acknowledged ballot waits: no new one
        is taken in beside it, and those that wait are not held back.
        """
        control = [item for item in rows if item[0].type not in VOTER_TYPES]
        voters = [item for item in rows if item[0].type in VOTER_TYPES]
        first: dict[bytes | None, int] = {}
        for row, _ in voters:
            first[row.pseudonym] = min(first.get(row.pseudonym, _LAST), _TURNS.get(row.type, 0))
        voters = [item for item in voters if _TURNS.get(item[0].type, 0) == first[item[0].pseudonym]]
        settling = self._is_settling()
        for row, raw in control:
            if row.type == "close":
                if closing and not choice.control:
                    self._take(choice.control, choice, row, raw)
                    if choice.control:
                        return
                break
            if settling:
                break
            if row.role == "receipt" and not is_drained:
                continue
            self._take(choice.control, choice, row, raw)
        ballots = [row for row, _ in voters if row.type in BALLOT_TYPES]
        is_rotating = any(row.role == "receipt" for row, _ in control)
        due = is_due(ballots, self._held, urgent=is_rotating or (bool(ballots) and self._is_urgent(ballots)))
        self._held = 0 if due else self._held + 1
        for row, raw in sorted(voters, key=lambda item: leaf_hash(item[1])):
            if due or row.type not in BALLOT_TYPES:
                self._take(choice.voters, choice, row, raw)

    def _take(self, chosen: list[tuple[Queued, bytes]], choice: _Choice, row: Queued, raw: bytes) -> None:
        """Enter an entry that the record would accept here; note one that it would refuse and leave it out."""
        record = self.replica.record
        try:
            work = record.review(raw)
            if work is not None and row.type == "ballot" and len(record.keyring.receipt_keys) > 1:
                # Its nonce may have been issued under a receipt key that was rotated while it waited: every auditor
                # will refuse it then, so this log must not count it.
                refusal = discharge(record.office(), [Work(work.claims)]).refusals[0]
                if refusal is not None:
                    raise refusal
        except Refused as refusal:
            # An acknowledged ballot that lands here is a broken promise: its receipt and the log will say so.
            level = log().error if row.deadline_ms is not None else log().warning
            level("entry-refused", type=row.type, check=refusal.check)
            choice.refused.append((row.id, refusal.check))
            return
        refused = self._enter(raw)
        if refused is not None:
            raise ForkError(f"the record refuses what it admitted: {refused.check}")
        chosen.append((row, raw))

    def _is_settling(self) -> bool:
        """Tell whether only seals may come: after intake, until a quorum checkpoint covers the last ballots."""
        board = self.replica.record.board
        if board.phase is not Phase.OPEN or board.lower is None or board.lower < board.intake_end_ms:
            return False
        return board.last_ballot_index >= 0 and board.last_ballot_upper_ms() is None

    def _is_urgent(self, ballots: Sequence[Queued]) -> bool:
        """Tell whether ballots must not be held back any longer."""
        manifest, now_ms = self.writer.manifest, self._board.now_ms()
        end_ms = self.replica.record.board.intake_end_ms
        deadlines = [row.deadline_ms for row in ballots if row.deadline_ms is not None]
        return now_ms + _MARGIN_INTERVALS * manifest.interval_ms >= min([end_ms, *deadlines])

    # ------------------------------------------------------------------------------------------ files, witnesses

    def _publish_rest(self) -> None:
        """Publish what is not published yet; raises OSError where the disk fails, and tries again the next time."""
        if self._unpublished:
            self._publication.publish(self._unpublished)
            self._mark.write(self.writer.checkpoint)
            log().info("block-published", size=self.writer.tiles.size)
            self._prunable = self._unpublished
            self._unpublished = []

    _prunable: Sequence[tuple[str, bytes]] = ()

    def _ask_witnesses(self) -> None:
        """Ask for cosignatures on the newest checkpoint; with a quorum it is stored, published and sealed next."""
        manifest, size = self.writer.manifest, self.writer.tiles.size
        keys = self._witness_keys()
        if self._witnesses is None or not keys:
            return
        note, head = read_note(self.writer.checkpoint)
        source = TileReader(self._publication.get, size, head.root).source()
        lines = self._witnesses.cosign(Request(note, head, source), keys, manifest.quorum, self._latest_s)
        lines = self._with_stored(size, keys, lines)
        covered = quorum_note(note, lines) if len({line.name for line in lines}) >= manifest.quorum else None
        texts = [(line.name, line.to_text().encode()) for line in lines]
        reach("witness-before-store")
        self._store.add_cosignatures(size, texts, covered)
        if covered is None:
            log().error("quorum-missed", size=size, count=len(lines))
            return
        self._publication.publish_checkpoint(covered)
        self._publication.prune(self._prunable)
        self._prunable = ()
        QUORUM_SIZE.set(size)
        log().info("quorum-reached", size=size, count=len(lines))
        self._board.context.cache.wake(FEED)

    def _with_stored(
        self, size: int, keys: Sequence[VerifierKey], lines: Sequence[NoteSignature]
    ) -> list[NoteSignature]:
        """Return new lines and those stored before on the same checkpoint, by the order of the witnesses."""
        found = {name: parse_signature_lines(text.decode())[0] for name, text in self._store.cosignatures(size).items()}
        found.update({line.name: line for line in lines})
        return [found[key.name] for key in keys if key.name in found]

    def _latest_s(self) -> int:
        limit_ms = self._board.context.limits.skew_ms
        return (int(time.time() * 1_000) + limit_ms) // 1_000
