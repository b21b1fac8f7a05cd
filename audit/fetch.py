"""Where the auditor's bytes come from: a record folder, figures given from outside, a hint file, the program itself.

Spec: `docs/operations/audit.md`. All reading of files happens here, with a limit on every size, so that `audit.verify`
stays pure. Nothing is followed out of the folder and nothing is written.

>>> parse_slots(b'{"1": 1200, "2": 800}')
{1: 1200, 2: 800}
"""

import hashlib
import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, Final

from audit.report import Software
from crypto.errors import DobushError

LARGEST_FILE: Final = 256 * (2 + 65_535)
"""Bytes of the largest file that a record may hold: an entry bundle of 256 entries of the largest size."""

_PACKAGES: Final = ("audit", "crypto", "locales")
_HINT_MAGIC: Final = b"dobush-hints/1\n"
_HINT_HEAD: Final = 12
_LARGEST_HINT: Final = 1 << 20


class InputError(DobushError):
    """A file that the caller named is not what it should be: a usage error, not a finding about the record."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A record on disk. `get` and `paths` are all that the checks ask of it."""

    root: Path

    @classmethod
    def open(cls, root: Path) -> "Folder":
        """Return the record under `root`; InputError when there is no folder with a checkpoint."""
        if not root.is_dir():
            raise InputError(f"{root} is not a folder")
        if not (root / "checkpoint").is_file():
            raise InputError(f"{root} holds no file named checkpoint")
        return cls(root.resolve())

    def get(self, path: str) -> bytes | None:
        """Return the bytes of the file at `path` (slashes, relative), or None when there is no such regular file.

        A file larger than any that a record may hold is returned cut short, so that it fails its check without filling
        the memory.
        """
        file = self.root / path
        try:
            if file.is_symlink() or not file.is_file():
                return None
            with file.open("rb") as stream:
                return stream.read(LARGEST_FILE + 1)
        except OSError:
            return None

    def paths(self) -> Iterator[str]:
        """Name everything in the folder that is not itself a folder, relative and with slashes, in no order."""
        for file in self.root.rglob("*"):
            if file.is_symlink() or not file.is_dir():
                yield file.relative_to(self.root).as_posix()


def parse_slots(data: bytes) -> dict[int, int]:
    """Read the slots per district given from outside: one JSON object, district's unit id → number of slots.

    InputError on anything else, a district named twice included.
    """

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise InputError("a district is named twice")
        return dict(pairs)

    try:
        document = json.loads(data, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise InputError("not a JSON object") from error
    if not isinstance(document, dict) or not document:
        raise InputError("not a JSON object of districts")
    slots: dict[int, int] = {}
    for name, number in document.items():
        if not (name.isascii() and name.isdigit() and str(int(name)) == name):
            raise InputError(f"{name!r} is not the number of a district")
        if type(number) is not int or number < 0:
            raise InputError(f"district {name} has no whole number of slots")
        slots[int(name)] = number
    return slots


def read_file(path: Path, limit: int = LARGEST_FILE) -> bytes:
    """Return a file that the caller named; InputError when it is missing or longer than `limit` bytes."""
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or 'cannot be read'}") from error
    if len(data) > limit:
        raise InputError(f"{path} is longer than {limit} bytes")
    return data


class HintReader:
    """Untrusted point hints beside a record, read once from front to back.

    Layout: `dobush-hints/1` LF, then for ballots in the order of their entries u64be index ‖ u32be length ‖ hint.
    Whatever is wrong with the file costs time and never changes an outcome: from the first oddity on there are no
    hints any more.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._next: tuple[int, int] | None = None
        if stream.read(len(_HINT_MAGIC)) == _HINT_MAGIC:
            self._advance()

    def get(self, index: int) -> bytes:
        """Return the hint of the ballot in entry `index`, empty when there is none; indexes must be asked in order."""
        while self._next is not None:
            found, length = self._next
            if found > index:
                return b""
            hint = self._stream.read(length)
            self._advance()
            if found == index:
                return hint
        return b""

    def _advance(self) -> None:
        head = self._stream.read(_HINT_HEAD)
        length = int.from_bytes(head[8:], "big")
        complete = len(head) == _HINT_HEAD and length <= _LARGEST_HINT
        self._next = (int.from_bytes(head[:8], "big"), length) if complete else None


class HintWriter:
    """Writes the layout that HintReader reads."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        stream.write(_HINT_MAGIC)

    def put(self, index: int, hint: bytes) -> None:
        """Append the hint of the ballot in entry `index`."""
        self._stream.write(index.to_bytes(8, "big") + len(hint).to_bytes(4, "big") + hint)


def software() -> Software:
    """Return what runs here: version, one hash over the installed sources and texts, the kernel's hash.

    The first hash is SHA-256 over lines `<sha256 of the file>  <path>` in the order of the paths, as `sha256sum` prints
    them, of every .py and .json file of the packages audit, crypto and locales; the same in a checkout and installed.
    """
    lines, kernel = [], "none"
    for package in _PACKAGES:
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            continue
        folder = Path(spec.origin).parent
        for file in folder.rglob("*"):
            inside = file.relative_to(folder.parent)
            if file.suffix in {".py", ".json"} and inside.parts[:2] != ("crypto", "kernel"):
                lines.append((inside.as_posix(), hashlib.sha256(file.read_bytes()).hexdigest()))
        for file in folder.glob("_kernel*"):
            if file.suffix in {".so", ".pyd"}:
                kernel = hashlib.sha256(file.read_bytes()).hexdigest()
    listing = "".join(f"{digest}  {path}\n" for path, digest in sorted(lines))
    try:
        installed = version("dobush")
    except PackageNotFoundError:
        installed = "0 (not installed)"
    return Software(installed, hashlib.sha256(listing.encode()).hexdigest(), kernel, platform.python_version())
