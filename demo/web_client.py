"""The *client* entry of an election that is served here: the hashes of the web pages as they were built.

Spec: `docs/spec/board.md`. With it on the board `dobush-audit client` can compare what the desk hands out. Where the
pages were not built there is nothing to declare.

>>> built_client(Path("/nowhere")) is None
True
"""

from pathlib import Path

from audit.client import LIST, read_build
from crypto.election.entries import Client
from voting_server.plumbing.pages import CLIENT


def built_client(folder: Path | None = None) -> Client | None:
    """Return the body of the client entry for a build (none: the package's own), None where there is no build."""
    folder = folder or CLIENT
    return read_build(folder).to_entry() if (folder / LIST).is_file() else None
