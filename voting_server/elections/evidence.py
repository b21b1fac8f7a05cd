"""The evidence pack: what a court or an auditor needs to check an election again, as one file.

Spec: `docs/operations/officers.md`, section "Evidence". A ZIP archive: the record as published, the verifier's sources
and compiled kernel as installed here, states and trail as JSON, and the SHA-256 of each file. Whoever gets it believes
none of it: the manifest hash comes from elsewhere, and the verifier too, where somebody prefers another copy.

>>> name_of("town-2026")
'evidence-town-2026.zip'
"""

import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

_VERIFIER = ("audit", "crypto", "locales")
_KEPT = {".py", ".pyi", ".json", ".so", ".typed"}
_PORTION = 1 << 20
_EARLIEST = (1980, 1, 1, 0, 0, 0)
README = """Evidence of the election {short_name}

record/     the log as it was published: any copy of it has the same bytes
verifier/   the auditor's program as it was installed here (Python {python})
state/      state, live state and trail of the service when this was packed
SHA256SUMS  of every file

Verify with the manifest hash and the slots of each district that were published before the election:

    dobush-audit verify record --manifest-hash HASH --slots figures.json

Do not take the manifest hash from this file. It says: {manifest_hash}
"""


def name_of(short_name: str) -> str:
    """Return the file's name."""
    return f"evidence-{short_name}.zip"


def pack(record: Path, states: Mapping[str, bytes], readme: str) -> Iterator[bytes]:
    """Yield the archive in portions; nothing of it lies on a disk or as a whole in memory."""
    sink = _Sink()
    sums: list[str] = []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        members: Iterator[tuple[str, Path | bytes]] = _members(record, states, readme)
        for name, content in members:
            digest = hashlib.sha256()
            with archive.open(zipfile.ZipInfo(name, _EARLIEST), "w", force_zip64=True) as member:
                for portion in _portions(content):
                    digest.update(portion)
                    member.write(portion)
                    yield from sink.drain()
            sums.append(f"{digest.hexdigest()}  {name}\n")
        archive.writestr(zipfile.ZipInfo("SHA256SUMS", _EARLIEST), "".join(sums))
    yield from sink.drain()


def _members(record: Path, states: Mapping[str, bytes], readme: str) -> Iterator[tuple[str, Path | bytes]]:
    yield "README.txt", readme.encode()
    for path in sorted(each for each in record.rglob("*") if each.is_file()):
        yield f"record/{path.relative_to(record).as_posix()}", path
    for name, content in states.items():
        yield f"state/{name}.json", content
    for package in _VERIFIER:
        root = Path(str(files(package)))
        for path in sorted(each for each in root.rglob("*") if each.is_file() and each.suffix in _KEPT):
            if "target" not in path.relative_to(root).parts:
                yield f"verifier/{package}/{path.relative_to(root).as_posix()}", path


def _portions(content: Path | bytes) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while portion := file.read(_PORTION):
            yield portion


class _Sink(io.RawIOBase):
    """What the archive writes to: portions that are taken away at once; it cannot go back."""

    def __init__(self) -> None:
        self._portions: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        """Tell that it takes bytes."""
        return True

    def tell(self) -> int:
        """Return how much was written."""
        return self._written

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        """Take bytes."""
        portion = bytes(data)
        self._portions.append(portion)
        self._written += len(portion)
        return len(portion)

    def drain(self) -> Iterator[bytes]:
        """Yield what was written since the last time."""
        portions, self._portions = self._portions, []
        yield from portions
