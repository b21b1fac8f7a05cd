"""Founding the election of this installation, and taking in what officers, registrars and trustees have signed.

Spec: `docs/spec/manifest.md` (block 0), `docs/spec/encoding.md` (the entry). Assumes nothing of what it is sent: every
entry passes `Record.admit`, the same numbered checks that the auditor makes. Nobody's key is here but the log's and the
receipts'.

>>> "ballot" in OTHER_WAYS, "opening" in OTHER_WAYS
(True, False)
"""

import threading
from collections.abc import Sequence

from crypto.election.encoding import Message
from crypto.election.entries import BODIES, Entry, Manifest, parse_entry
from crypto.signatures import SigningKey
from voting_server.board.service import Board, Queued
from voting_server.elections import store
from voting_server.elections.places import Places
from voting_server.elections.progress import ElectionState, SlotState, describe
from voting_server.plumbing.context import Context
from voting_server.plumbing.guards import limit
from voting_server.plumbing.problems import ProblemError

OTHER_WAYS = frozenset({"manifest", "contest", "units", "seal", "ballot", "spoiled"})
"""Types that never come through the generic intake: founding, the sequencer and the casting make them."""
_PARTS = frozenset({"contest", "units"})


class Elections:
    """The election of one ballot database."""

    def __init__(self, context: Context, board: Board) -> None:
        """Stand on the board; what is kept here can be read again."""
        self._context = context
        self.board = self._board = board
        self._lock, self._places, self._scanned = threading.Lock(), Places(), 0

    def start(self) -> None:
        """Nothing to get ready."""

    def stop(self) -> None:
        """Nothing to let go of."""

    def public_keys(self) -> tuple[bytes, bytes]:
        """Return log key and receipt key, which the officers write into the manifest."""
        seeds = (self._context.settings.log_key, self._context.settings.receipt_key)
        log, receipt = (
            b"" if seed is None else SigningKey.from_seed(bytes.fromhex(seed.get_secret_value())).public_key
            for seed in seeds
        )
        return log, receipt

    def found(self, manifest_entry: bytes, parts: Sequence[tuple[str, bytes]]) -> ElectionState:
        """Write block 0 from the officers' manifest entry and the bodies of its parts, which the log signs.

        Raises Refused where a check fails, ProblemError where there is an election, the manifest names other keys, or
        its kind is `real` and this installation is for trying things out.
        """
        entry = parse_entry(manifest_entry)
        manifest = Manifest.parse(entry.body)
        if (manifest.log_key, manifest.receipt_key) != self.public_keys():
            raise ProblemError("other-keys")
        if manifest.kind == "real" and not self._context.is_for_real:
            raise ProblemError("not-for-real")
        if any(name not in _PARTS for name, _ in parts):
            raise ProblemError("invalid-request")
        bodies: list[tuple[str, Message]] = [(name, BODIES[name].parse(body)) for name, body in parts]
        self._board.found(manifest_entry, bodies)
        return self.state()

    def state(self) -> ElectionState:
        """Return where the election stands. Raises ProblemError where there is none."""
        now_ms = self._context.database.now_ms()
        with self._board.record() as record:
            return describe(record, now_ms)

    def places(self) -> Places:
        """Return where the entries stand that a reader needs first, and every rotation. Raises ProblemError.

        Nothing of it has to be believed: each entry is checked where it is read.
        """
        with self._lock, self._board.record() as record:
            for index, kind in self._board.find_types(self._scanned, Places.TYPES):
                if index < record.size and index not in record.refused:
                    self._places.add(index, kind, self._board.read(index))
            self._scanned = record.size
            return self._places

    def founding(self) -> list[bytes]:
        """Return block 0: the manifest's entry, then its parts. Raises ProblemError where there is none."""
        with self._board.record() as record:
            if record.manifest is None:
                raise ProblemError("no-election")
            count = 1 + len(record.manifest.contests) + len(record.manifest.units)
        return [self._board.read(index) for index in range(count)]

    def rotations(self) -> list[tuple[int, bytes]]:
        """Return every rotation of a key in the log, with its index."""
        return [(index, self._board.read(index)) for index in self.places().rotations]

    def slot(self, pseudonym: bytes) -> SlotState:
        """Return what the board says of a slot, to anybody. Raises ProblemError where the roll has none."""
        with self._board.record() as record:
            roll = record.roll
            slot = roll.slot(pseudonym)
            if slot < 0:
                raise ProblemError("not-found")
            unit, style = roll.unit_and_style(slot)
            row = roll.row(slot)
            return SlotState(
                pseudonym=pseudonym.hex(),
                unit=unit,
                style=style,
                has_credential=row >= 0,
                ballots=record.ballots.last(row)[0] if row >= 0 else 0,
                is_struck=roll.is_struck(slot),
            )

    def take(self, raw: bytes) -> Queued:
        """Take in an author-signed entry: a repeat gets its old answer, a new one every check, then it waits.

        Raises Refused, ProblemError. An entry counts against the limit of its key only when it is new and its signature
        held, so that nobody can use up somebody else's, not even with entries that everybody reads on the board. Whose
        author has rejected here what she signed, or let it run out, does not come in by this way either.
        """
        entry = parse_entry(raw)
        if entry.type in OTHER_WAYS:
            raise ProblemError("other-way")
        return self._board.enqueue(raw, count=lambda: self._count(entry))

    def _count(self, entry: Entry) -> None:
        with self._context.database.begin() as connection:
            store.expire(connection)
            if store.was_withdrawn(connection, entry.type, entry.body, [key_id for key_id, _ in entry.signatures]):
                # A signature cannot be taken back: without this the second person could use the first one's alone.
                raise ProblemError("proposal-closed")
        for key_id, _ in entry.signatures:
            limit(self._context.cache, "entries", key_id.hex(), self._context.limits.entries_a_minute)
