"""The log's static files: written under another name, made durable, then renamed; never half a file, never another.

Spec: `docs/spec/merkle.md`. Bundles come first, then tiles, then the checkpoint, so that whoever sees a checkpoint
finds all that it promises. The folder may be served by any web server or copied to any delivery network. A file that
was lost is written again from the database at the next start.

>>> import tempfile
>>> publication = Publication(Path(tempfile.mkdtemp()))
>>> publication.write("tile/entries/000.p/1", b"bytes"); publication.get("tile/entries/000.p/1")
b'bytes'
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from crypto.merkle import CHECKPOINT_PATH
from voting_server.plumbing.killpoints import reach


class Publication:
    """One folder; owned by the one sequencer that writes it, read by anybody."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is made at the first write."""
        self.folder = folder

    def get(self, path: str) -> bytes | None:
        """Return a published file, None where there is none."""
        try:
            return (self.folder / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, path: str, data: bytes) -> None:
        """Write one file so that it is there whole or not at all, even after a power cut."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f"{file.name}.new")
        with fresh.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(file)

    def publish(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Write a block's bundles and tiles in their order; those that stand there already are left alone."""
        last_was_bundle = False
        for path, data in files:
            is_bundle = path.startswith("tile/entries/")
            if last_was_bundle and not is_bundle:
                reach("publish-after-bundles")
            last_was_bundle = is_bundle
            if not self._stands(path, data):
                self.write(path, data)
        reach("publish-after-tiles")

    def publish_checkpoint(self, note: bytes) -> None:
        """Make a quorum checkpoint the one that is served, and drop partial tiles whose full tile stands there."""
        self.write(CHECKPOINT_PATH, note)
        reach("publish-after-checkpoint")

    def prune(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Remove partial tiles and bundles whose full ones are among these files, once a checkpoint covers them."""
        for path, _ in files:
            if ".p/" not in path:
                shutil.rmtree(self.folder / f"{path}.p", ignore_errors=True)

    def _stands(self, path: str, data: bytes) -> bool:
        # The bytes, not only their number: a database that was set back may have published another block of this size.
        file = self.folder / path
        return file.is_file() and file.stat().st_size == len(data) and file.read_bytes() == data
