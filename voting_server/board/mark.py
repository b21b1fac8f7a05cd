"""The high-water mark: the largest checkpoint that this machine let go, in a file that no database restores.

Spec: `docs/operations/backup.md`, `docs/decisions/0020`. It is on the disk, durably, before any witness or reader gets
the checkpoint. A database that was set back stands below it, so that not even silent witnesses and a lost published
folder can lead the log to sign a second tree. The file is a note signed by the log: what somebody else writes there is
refused, never believed.

>>> import tempfile
>>> from crypto.signatures import SigningKey, sign_checkpoint
>>> key = SigningKey.from_seed(bytes(32))
>>> mark = Mark(Path(tempfile.mkdtemp()), VerifierKey("b.example", key.public_key))
>>> mark.read()
>>> mark.write(sign_checkpoint(key, Checkpoint("b.example", 7, bytes(32))).to_bytes()); mark.read().size
7
"""

import os
from hashlib import sha256
from pathlib import Path

from crypto.errors import Refused
from crypto.signatures import Checkpoint, VerifierKey, verify_checkpoint
from voting_server.board.witnesses import ForkError


class MarkError(ForkError):
    """The file of the mark is there and holds no checkpoint of this log."""


class Mark:
    """One file a log in a folder of the sequencer's machine; owned by the one sequencer."""

    def __init__(self, folder: Path, log: VerifierKey) -> None:
        """Name the file; it is made at the first write."""
        self._log = log
        self.file = folder / "marks" / f"{sha256(log.to_text().encode()).hexdigest()[:32]}.checkpoint"

    def note(self) -> bytes | None:
        """Return the kept note, None where this machine never kept one. Raises MarkError."""
        try:
            note = self.file.read_bytes()
            verify_checkpoint(note, self._log)
        except FileNotFoundError:
            return None
        except Refused:
            raise MarkError(f"{self.file} is no checkpoint of this log; restore it from this machine's disk") from None
        return note

    def read(self) -> Checkpoint | None:
        """Return the largest checkpoint that was let go here, None where there was none. Raises MarkError."""
        note = self.note()
        return None if note is None else verify_checkpoint(note, self._log)

    def write(self, note: bytes) -> None:
        """Keep a note, durably, unless a larger one is kept. Raises OSError, MarkError."""
        kept = self.note()
        if kept == note or (kept is not None and self._size(kept) > self._size(note)):
            return
        folder = self.file.parent
        folder.mkdir(parents=True, exist_ok=True)
        fresh = self.file.with_suffix(".new")
        with fresh.open("wb") as stream:
            stream.write(note)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(self.file)
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)

    def _size(self, note: bytes) -> int:
        return verify_checkpoint(note, self._log).size
