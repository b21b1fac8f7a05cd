"""Where a trustee's program reads its record and puts its entries: folders, one exchange file, never a network.

Spec: `docs/spec/trustee.md`, sections "Exchange file" and "Checks". A record is the log's static files in a folder,
or all of them in one exchange file. It is replayed from entry 0 by the one state machine, the voters' proofs on all
cores, so that what a trustee sees, and later multiplies, is her own computation.

>>> read_slots(b'{"1": 20}')
{1: 20}
"""

from __future__ import annotations

import json
import multiprocessing
import os
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from crypto.election.board import Phase
from crypto.election.entries import BODIES, VOTER_TYPES, Dispute, parse_entry
from crypto.election.record import Discharged, Office, Record, Staged, UnsettledError, Work, discharge
from crypto.election.tally import RELEASABLE
from crypto.errors import MalformedEncoding, Misuse, Refused
from crypto.merkle import TILE_WIDTH, parse_path, read_bundle, read_entries
from crypto.signatures import (
    MAX_U63,
    TYPE_COSIGNATURE,
    VerifierKey,
    parse_checkpoint,
    parse_note,
    verify_checkpoint,
    verify_quorum,
)
from trustee_tools.ceremony import Deed, View

LARGEST_FILE = 256 * (2 + 65_535)
WINDOW = 512
SMALL_RECORD = 10_000
_CHECKPOINT = "checkpoint"
_AFTER_CLOSE = {"share", "result", "decision", "release"}


class Source(Protocol):
    """A record's files by path."""

    def get(self, path: str) -> bytes | None:
        """Return a file's bytes, None when there is no such file."""
        ...


@dataclass(frozen=True, slots=True)
class Folder:
    """A record in a folder of static files."""

    root: Path

    def get(self, path: str) -> bytes | None:
        """Return a regular file's bytes; nothing outside the folder is followed."""
        file = self.root / path
        if file.is_symlink() or not file.is_file():
            return None
        with file.open("rb") as stream:
            return stream.read(LARGEST_FILE + 1)


class ExchangeFile:
    """A record packed into one uncompressed ZIP file, for a stick or a mail."""

    def __init__(self, path: Path) -> None:
        """Read the table of contents. Raises MalformedEncoding."""
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
            raise _not_exchange("it is no ZIP file") from error
        names = [info.filename for info in self._zip.infolist()]
        for info in self._zip.infolist():
            if info.compress_type != zipfile.ZIP_STORED or info.file_size > LARGEST_FILE or info.flag_bits & 1:
                raise _not_exchange(f"{info.filename[:80]!r} is compressed, encrypted or too large")
            if info.filename != _CHECKPOINT:
                try:
                    parse_path(info.filename)
                except MalformedEncoding as error:
                    raise _not_exchange(f"{info.filename[:80]!r} is no file of a log") from error
        if len(set(names)) < len(names):
            raise _not_exchange("a name occurs twice")
        self._names = frozenset(names)

    def get(self, path: str) -> bytes | None:
        """Return a packed file's bytes."""
        if path not in self._names:
            return None
        try:
            return self._zip.read(path)
        except (zipfile.BadZipFile, EOFError) as error:
            raise _not_exchange(f"{path} is damaged") from error


def _not_exchange(reason: str) -> MalformedEncoding:
    # An exchange file MUST be a ZIP file of stored members: the checkpoint and files of the log, each once.
    return MalformedEncoding("TRUSTEE-19", reason, culprit="exchange file")


def open_source(path: Path) -> Source:
    """Return the record at a path: a folder, or an exchange file."""
    return Folder(path) if path.is_dir() else ExchangeFile(path)


def pack(folder: Path, target: Path) -> int:
    """Write an exchange file from a record's folder; return how many files it holds."""
    fresh = target.with_name(target.name + ".new")
    count = 0
    with zipfile.ZipFile(fresh, "w", zipfile.ZIP_STORED) as packed:
        for file in sorted(folder.rglob("*")):
            name = file.relative_to(folder).as_posix()
            if file.is_symlink() or not file.is_file() or (name != _CHECKPOINT and not name.startswith("tile/")):
                continue
            # One date for all: the same record gives the same file.
            packed.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), file.read_bytes())
            count += 1
    fresh.replace(target)
    return count


def write_file(file: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all, even after a power cut."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.new")
    with fresh.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)


def write_entries(folder: Path, step: str, entries: Sequence[bytes]) -> list[Path]:
    """Write entries as files named after their step; a file is whole or not there."""
    paths = [folder / f"{step}-{number}.entry" for number in range(1, len(entries) + 1)]
    for path, entry in zip(paths, entries, strict=True):
        write_file(path, entry)
    return paths


# ------------------------------------------------------------------------------------------------------------- figures


def read_slots(data: bytes) -> dict[int, int]:
    """Read the slots per district given from outside: a JSON object, district's unit id to number. Raises Misuse."""
    try:
        # Pairs, because a district named twice must not silently count once.
        pairs = json.loads(data, object_pairs_hook=list)
    except (ValueError, RecursionError) as error:
        raise Misuse("the slot figures are no JSON") from error
    slots: dict[int, int] = {}
    for pair in pairs if isinstance(pairs, list) else []:
        name, count = pair if isinstance(pair, tuple) else ("", None)
        if not name.isascii() or not name.isdigit() or type(count) is not int or count < 0 or int(name) in slots:
            raise Misuse("the slot figures are not a number for each district, once")
        slots[int(name)] = count
    if not slots:
        raise Misuse("the slot figures name no district")
    return slots


# -------------------------------------------------------------------------------------------------------------- replay


Progress = Callable[[int, int], None]


def _no_progress(_done: int, _total: int) -> None:
    """Show nothing."""


_DEEDS = {
    "ceremony-key": "key",
    "ceremony-commitment": "commitment",
    "ceremony-dealing": "dealing",
    "ceremony-acceptance": "answer",
    "ceremony-complaint": "answer",
    "ceremony-certificate": "certificate",
    "drill-share": "drill",
}
_OF_TRUSTEES = frozenset({*_DEEDS, "round", "drill", "opening"})
_LONGEST_NAME = 24  # an entry's type is text of at most 23 bytes, so one byte of head stands before it


class Reading:
    """A record as it is read from a source: replayed from entry 0, then as far as the source grows.

    `processes` verify the voters' entries of large records (0: one a core). Without `voters` signatures and proofs of
    voters' entries are left out and nothing is summed: enough for ceremony and drills, which do not depend on them,
    and never for a decryption. `deeds` says at which indices a trustee's messages stand, refused ones too.
    """

    def __init__(self, source: Source, *, voters: bool = True, processes: int = 0) -> None:
        """Begin before entry 0."""
        self._source = source
        self._voters = voters
        self._cores = processes or os.cpu_count() or 1
        self._size = 0
        self._bundle = lru_cache(maxsize=64)(self._read_bundle)
        self.note = b""
        self.record = Record(self.read)
        self.deeds: dict[Deed, list[int]] = {}

    def read(self, index: int) -> bytes:
        """Return an entry."""
        place, offset = divmod(index, TILE_WIDTH)
        return self._bundle(place, min(TILE_WIDTH, self._size - place * TILE_WIDTH))[offset]

    def catch_up(self, progress: Progress = _no_progress) -> Record:
        """Read up to the source's head; every leaf is compared with it, and the log must have signed it.

        Raises Refused where the log itself is broken; refused entries are in `Record.refused`.
        """
        record, source = self.record, self._source
        note = source.get(_CHECKPOINT)
        if note is None:
            raise Misuse("there is no checkpoint here: not a record")
        head, start = parse_checkpoint(parse_note(note).text), record.size
        if head.size < start:
            return record
        self._size = head.size
        bundles = read_entries(source.get, head.size, head.root, start)
        fresh = (entries[max(0, start - at) :] for at, entries in _numbered(bundles, start))
        if not self._voters:
            self._extend(fresh, head.size, progress, lambda raws: _take_lightly(record, raws))
        elif head.size - start <= SMALL_RECORD:
            self._extend(fresh, head.size, progress, lambda raws: record.extend(raws, threads=self._cores))
        else:
            # Not forked: the kernel's threads would not live in a forked process.
            with ProcessPoolExecutor(self._cores, mp_context=multiprocessing.get_context("spawn")) as pool:
                line = _Line(record, self.read, pool, 2 * self._cores + 1)
                self._extend(fresh, head.size, progress, line.take_all)
                line.drain()
        if record.manifest is None:
            raise next(iter(record.refused.values())).refused
        verify_checkpoint(note, VerifierKey(record.manifest.origin, record.manifest.log_key))
        if record.board.tree.root() != head.root:
            raise refuse_fork("the record was exchanged while it was read")
        self.note = note
        return record

    def _read_bundle(self, index: int, width: int) -> tuple[bytes, ...]:
        return read_bundle(self._source.get, index, index * TILE_WIDTH + width)

    def _extend(
        self,
        bundles: Iterable[tuple[bytes, ...]],
        size: int,
        progress: Progress,
        take: Callable[[tuple[bytes, ...]], object],
    ) -> None:
        index = self.record.size
        for entries in bundles:
            for raw in entries:
                self._note_deed(index, raw)
                index += 1
            take(entries)
            progress(index, size)

    def _note_deed(self, index: int, raw: bytes) -> None:
        name = raw[3 : 3 + (raw[2] & 31)].decode("ascii", "replace") if len(raw) > _LONGEST_NAME else ""
        if name in _DEEDS:
            try:
                body: Any = BODIES[name].parse(parse_entry(raw).body)
            except Refused:
                return
            number = body.number if name == "drill-share" else body.run
            self.deeds.setdefault((_DEEDS[name], number, body.trustee), []).append(index)


def _numbered(bundles: Iterable[tuple[bytes, ...]], start: int) -> Iterator[tuple[int, tuple[bytes, ...]]]:
    """Give each bundle with the index of its first entry."""
    at = start // TILE_WIDTH * TILE_WIDTH
    for entries in bundles:
        yield at, entries
        at += len(entries)


def refuse_fork(reason: str) -> Refused:
    """Return the refusal of a log that is not the one of the own copy."""
    # A head MUST continue the own copy or be an earlier head of it; one that does neither MUST be kept.
    return Refused("TRUSTEE-24", reason, culprit="board")


def replay(source: Source, *, voters: bool = True, processes: int = 0, progress: Progress = _no_progress) -> Record:
    """Replay a whole record once (see `Reading`). Raises Refused."""
    return Reading(source, voters=voters, processes=processes).catch_up(progress)


def verify_watched(record: Record, note: bytes) -> tuple[str, ...]:
    """Check that a quorum of the record's witnesses cosigned its head; return their names. Raises Refused."""
    manifest, keys = record.parts.manifest, record.keyring.witnesses.items()
    witnesses = [VerifierKey(name, key, TYPE_COSIGNATURE) for name, key in keys]
    log = VerifierKey(manifest.origin, manifest.log_key)
    counted = verify_quorum(note, log, witnesses, manifest.quorum, MAX_U63).cosignatures
    return tuple(sorted(cosignature.witness.name for cosignature in counted))


def _take_lightly(record: Record, raws: Iterable[bytes]) -> None:
    """Append entries; what a voter signed or proved is taken as it is."""
    for raw in raws:
        staged = record.stage(raw)
        verdict = None
        if staged.refusal is None and staged.work is not None and staged.type not in VOTER_TYPES:
            verdict = discharge(record.office(), [staged.work]).refusals[0]
        record.settle(staged, verdict)


class _Line:
    """Entries on their way: staged in the order of the log, verified in windows by processes, settled in order."""

    def __init__(self, record: Record, read: Callable[[int], bytes], pool: ProcessPoolExecutor, depth: int) -> None:
        self._record = record
        self._read = read
        self._pool = pool
        self._depth = depth
        self._window: list[Staged] = []
        self._under_way: deque[tuple[list[Staged], Future[Discharged]]] = deque()

    def take_all(self, raws: Iterable[bytes]) -> None:
        """Stage entries one after the other."""
        for raw in raws:
            self.take(raw)

    def take(self, raw: bytes) -> None:
        """Stage one entry, waiting for those before it where it depends on them."""
        try:
            staged = self._record.stage(raw)
        except UnsettledError:
            self.drain()
            staged = self._record.stage(raw)
        self._window.append(staged)
        if len(self._window) >= WINDOW:
            self._send()
        while len(self._under_way) > self._depth:
            self._settle()

    def drain(self) -> None:
        """Settle everything that was staged."""
        self._send()
        while self._under_way:
            self._settle()

    def _send(self) -> None:
        if self._window:
            works = [staged.work for staged in self._window if staged.refusal is None and staged.work is not None]
            self._under_way.append((self._window, self._pool.submit(_verify, self._record.office(), works)))
            self._window = []

    def _settle(self) -> None:
        window, future = self._under_way.popleft()
        done = future.result()
        self._record.merge(done)
        verdicts = iter(done.refusals)
        for staged in window:
            verified = staged.refusal is None and staged.work is not None
            verdict = next(verdicts) if verified else None
            late = self._record.settle(staged, verdict)
            if late is not None and verified and verdict is None and staged.work is not None and staged.work.group >= 0:
                # Refused by a neighbour after its vectors went into the sums.
                vectors = self._record.ballots.vectors_of_entry(self._read(staged.index))
                self._record.tally.sums.subtract(*vectors)


def _verify(office: Office | None, works: list[Work]) -> Discharged:
    return discharge(office, works)


# ---------------------------------------------------------------------------------------------------------------- view


def make_view(
    record: Record,
    slots: Mapping[int, int] | None = None,
    disputes: Sequence[bytes] = (),
    deeds: Mapping[Deed, Sequence[int]] | None = None,
) -> View:
    """Return what a trustee's acts depend on; with slot figures the whole record is judged for decryption.

    `disputes` are receipts handed over by file; those that break no promise are refused. `deeds` comes from a
    `Reading`. Raises Refused.
    """
    manifest = record.manifest
    if manifest is None:
        raise Misuse("a record without a manifest has no view")
    trustees = {holder.place: holder.key for holder in record.keyring.holders.values() if holder.role == "trustee"}
    view = View(
        manifest=manifest,
        manifest_hash=record.manifest_hash,
        keys=tuple(key for _, key in sorted(trustees.items())),
        ceremony=record.ceremony,
        size=record.size,
        root=record.board.tree.root(),
        seen_ms={
            deed: record.board.upper_ms(index)
            for deed, places in (deeds or {}).items()
            for index in places[::-1]
            if index not in record.refused
        },
        refused=tuple(each.refused for each in record.refused.values() if each.type in _OF_TRUSTEES),
    )
    if record.board.phase is not Phase.CLOSED:
        return view
    return replace(
        view,
        tally=record.tally,
        close_covered=record.board.upper_ms(record.board.close_index) is not None,
        dispute_over=record.board.dispute_over(),
        failures=None if slots is None else tuple(_find_failures(record, slots)),
        disputes=sum(not _is_on_board(record, receipt) for receipt in disputes),
    )


def _find_failures(record: Record, slots: Mapping[int, int]) -> Iterator[Refused]:
    """Yield what nobody can release: failures of log, manifest, ceremony, roll, aggregates, counts, figures."""
    for refusal in record.refused.values():
        after_close = refusal.index > record.board.close_index
        if refusal.type not in RELEASABLE and not (after_close and refusal.type in _AFTER_CLOSE):
            yield refusal.refused
    if dict(record.roll.slots_by_district) != dict(slots):
        yield Refused("", "the slots per district are not the figures given from outside", culprit="the roll")
    findings = record.finish(slots, record.manifest_hash)
    yield from (refused for refused in findings.failed if refused.check.startswith("TALLY"))


def _is_on_board(record: Record, receipt: bytes) -> bool:
    """Tell whether the board holds a dispute with this receipt, which must be one."""
    record.verify_dispute(receipt)
    return Dispute(receipt=receipt).receipt in record.tally.disputes.values()
