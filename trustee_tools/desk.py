"""A trustee's desk: which copy of the record she looks at, where it grows from, and where her messages go.

Spec: `docs/spec/trustee.md`, sections "Board" and "Exchange file". Command line and screens look through the same
desk, so that both see one `View`. A second look reads only what is new; the voters' proofs are verified only once they
matter, after the close.

>>> Desk(Path("record"), board="no address").is_connected
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from crypto.election.board import Phase
from crypto.errors import Misuse
from trustee_tools.board import BoardError, Copy, deliver, find_forks, open_board, wait_for
from trustee_tools.ceremony import View, verify_not_real
from trustee_tools.link import Folder, Progress, Reading, make_view, open_source, read_slots, verify_watched


def _quiet(_done: int, _total: int) -> None:
    """Show nothing."""


@dataclass(slots=True)
class Desk:
    """Where the record is read and where entries are brought.

    `record` is a folder or an exchange file; with `board` it is the folder of the own copy, which grows from there.
    `manifest_hash` is the one known from outside, where it is known. `practising` refuses a real election.
    """

    record: Path
    board: str = ""
    slots: Path | None = None
    disputes: Sequence[Path] = ()
    processes: int = 0
    manifest_hash: bytes = b""
    practising: bool = False
    _light: Reading | None = field(default=None, init=False)
    _whole: Reading | None = field(default=None, init=False)

    @property
    def is_connected(self) -> bool:
        """Tell whether a board is followed."""
        return bool(self.board)

    def fetch(self, progress: Progress = _quiet) -> int:
        """Let the own copy grow from the board; return how many entries came. Raises Refused, BoardError."""
        if not self.board:
            return 0
        with open_board(self.board) as board:
            return Copy(self.record).update(board.get, self.manifest_hash, progress)

    def look(self, progress: Progress = _quiet, *, decrypting: bool = False) -> View:
        """Return what the record says now. Raises Refused, Misuse, BoardError."""
        self.fetch(progress)
        if not self.record.exists():
            raise Misuse(f"there is no record at {self.record}")
        reading = self._read(progress, decrypting=decrypting)
        watched = verify_watched(reading.record, reading.note) if self.board else ()
        figures = None if self.slots is None else read_slots(self.slots.read_bytes())
        receipts = [path.read_bytes() for path in self.disputes]
        forks = tuple(str(fork.folder) for fork in find_forks(self.record))
        view = replace(make_view(reading.record, figures, receipts, reading.deeds), watched=watched, forks=forks)
        if self.practising:
            verify_not_real(view)
        return view

    def send(self, entries: Sequence[bytes], seconds: float = 0.0) -> list[bytes]:
        """Bring entries to the board, wait for them up to so many seconds; return those that the copy does not hold."""
        with open_board(self.board) as board:
            deliver(board, entries)
            try:
                return wait_for(board, Copy(self.record), entries, seconds)
            except BoardError:
                # They were taken; that the copy cannot be fetched just now is the next look's affair.
                return list(entries)

    def _read(self, progress: Progress, *, decrypting: bool) -> Reading:
        """Catch up without the voters' proofs while they do not matter, else with them; one reading is kept."""
        if self._whole is None and not decrypting:
            self._light = self._light or self._open(voters=False)
            if self._light.catch_up(progress).board.phase is not Phase.CLOSED:
                return self._light
        self._light, self._whole = None, self._whole or self._open(voters=True)
        self._whole.catch_up(progress)
        return self._whole

    def _open(self, *, voters: bool) -> Reading:
        source = Folder(self.record) if self.board else open_source(self.record)
        return Reading(source, voters=voters, processes=self.processes)
