"""A small disk of its own for a database: a tmpfs of a few megabytes, which a ballast file fills to the last byte."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PROGRAM_S = 120
_PIECES = (1 << 20, 1 << 12)


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A mounted folder; what is in it is lost when it is unmounted."""

    folder: Path

    @property
    def ballast(self) -> Path:
        """The file that takes what room there is."""
        return self.folder / "ballast"

    def fill(self) -> None:
        """Take all the room that is left."""
        with self.ballast.open("ab", buffering=0) as file:
            for size in _PIECES:
                piece = bytes(size)
                try:
                    while file.write(piece) == size:
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def make_room(self) -> None:
        """Give it back."""
        self.ballast.unlink()


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[SmallDisk]:
    """Mount a small disk over a folder; needs the rights of root, as CI and the containers of development have them."""
    if os.geteuid() != 0:
        message = "the cells with a full disk mount a small one: run them as root"
        raise PermissionError(message)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0755", "dobush-small", str(folder)]
    subprocess.run(mount, check=True, timeout=_PROGRAM_S)
    try:
        yield SmallDisk(folder)
    finally:
        # Whoever still has a file open keeps it until he ends; nobody finds it any more.
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=_PROGRAM_S)
