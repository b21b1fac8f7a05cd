"""The web client that a server hands out, compared file by file with the board's *client* entry and with a build.

Spec: `docs/spec/board.md` (client entry), `docs/operations/client.md`. A first page is served with its pins filled in:
they are read, emptied again, and the rest must be the template that was built. A server may hand out one client to an
auditor and another to a voter: this finds a changed client where it is asked, and no more is claimed.

>>> restore(b'<meta name="dobush-manifest" content="ab">')
(b'<meta name="dobush-manifest" content="">', {'dobush-manifest': 'ab'})
>>> Listing.of({"vote/a.js": b""}).files["vote/a.js"][:8]
'e3b0c442'
"""

import hashlib
import html
import http.client
import json
import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

from audit.fetch import InputError, read_file
from audit.lookup import Lookup
from audit.mirror import ask
from audit.report import EXIT_FAILED, EXIT_INCOMPLETE, EXIT_VERIFIED, SYMBOLS
from crypto.election.entries import Client, ClientFile, parse_entry
from crypto.election.record import Record
from crypto.errors import Refused
from locales import Dictionary

FIRST: Final = "index.html"
LIST: Final = "manifest.sri.json"
PINS: Final = ("dobush-manifest", "dobush-identity", "dobush-ballot")
LARGEST: Final = 1 << 20
"""Bytes of the largest file of a client that is read."""

_TIMEOUT_S: Final = 20
_TOTAL_S: Final = 600
_NAME: Final = re.compile(r"[a-z]+/[A-Za-z0-9_.-]{1,150}")
_PIN: Final = re.compile(rf'<meta name="({"|".join(PINS)})" content="([^"<>]*)">'.encode())
_LINK: Final = re.compile(
    rb"""<(?:script|link|img|iframe|object|embed)\b[^>]*?\b(?:src|href|data)\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE
)
_GZIP: Final = 16 + zlib.MAX_WBITS


class Outcome(StrEnum):
    """What became of one file; everything but SAME fails."""

    SAME = "same"
    DIFFERS = "differs"
    MISSING = "missing"
    EXTRA = "extra"
    PIN = "pin"


@dataclass(frozen=True, slots=True)
class Finding:
    """One file of the client, or what stands for it: its outcome, the hash that was wanted and what was found."""

    name: str
    outcome: Outcome
    wanted: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a client: name (`page/file`) → SHA-256 in hexadecimal digits, in order of the names."""

    files: Mapping[str, str]

    @classmethod
    def of(cls, contents: Mapping[str, bytes]) -> "Listing":
        """Hash files."""
        return cls({name: hashlib.sha256(contents[name]).hexdigest() for name in sorted(contents)})

    @property
    def pages(self) -> tuple[str, ...]:
        """Name the folders that hold a first page."""
        return tuple(name.removesuffix(f"/{FIRST}") for name in self.files if name.endswith(f"/{FIRST}"))

    def only(self, pages: frozenset[str]) -> "Listing":
        """Keep the files of some pages."""
        return Listing({name: each for name, each in self.files.items() if name.partition("/")[0] in pages})

    def to_act(self) -> str:
        """Return the body of a client entry as the officers' program reads it: JSON, hashes hexadecimal."""
        rows = [{"hash": digest, "name": name} for name, digest in self.files.items()]
        return json.dumps({"files": rows}, indent=2) + "\n"

    def to_entry(self) -> Client:
        """Return the body of a client entry."""
        return Client(tuple(ClientFile(name=name, hash=bytes.fromhex(each)) for name, each in self.files.items()))


@dataclass(frozen=True, slots=True)
class Declared:
    """What a record says about the client: the newest client entry that was accepted, and where it stands."""

    index: int
    listing: Listing
    manifest_hash: str
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """What a server handed out: first pages with emptied pins, all other files, and the pins by page."""

    contents: Mapping[str, bytes]
    pins: Mapping[str, Mapping[str, str]]


def read_build(folder: Path) -> Listing:
    """Return the listing of a build's folder; InputError where a file is not listed, not there, or not as listed."""
    listed = read_list(read_file(folder / LIST, LARGEST))
    found = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()} - {LIST}
    odd = sorted(found ^ set(listed.files))
    if odd:
        raise InputError(f"{folder}: {odd[0]} is listed or there, but not both")
    made = Listing.of({name: read_file(folder / name, LARGEST) for name in found})
    for name, digest in made.files.items():
        if digest != listed.files[name]:
            raise InputError(f"{folder}: {name} is not the file that its list describes")
    return made


def read_list(data: bytes) -> Listing:
    """Read a build's list of hashes (`manifest.sri.json`). Raises InputError."""
    try:
        rows = json.loads(data)["files"]
        files = {str(name): bytes.fromhex(rows[name]["sha256"]).hex() for name in sorted(rows)}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError("not a build's list of files") from error
    if not files or any(_NAME.fullmatch(name) is None for name in files):
        raise InputError("a build's list without files, or with a name that no build gives")
    return Listing(files)


def read_declared(lookup: Lookup) -> Declared | None:
    """Replay a record up to its opening; return its newest accepted client entry, None where it has none.

    Only what the record's own rules accepted counts: two officers of different bodies signed it (MANIFEST-11, -12).
    """
    record, found = Record(lookup.entry), None
    for index, raw in lookup.entries():
        kind = "?"
        with suppress(Refused):
            record.apply(raw)
            kind = parse_entry(raw).type
        if kind == "client":
            found = index, Client.parse(parse_entry(raw).body)
        if kind in {"opening", "close"} or (index and record.manifest is None):
            break
    if found is None or record.manifest is None:
        return None
    listing = Listing({each.name: each.hash.hex() for each in found[1].files})
    return Declared(found[0], listing, record.manifest_hash.hex(), tuple(record.manifest.origins))


def restore(first: bytes) -> tuple[bytes, dict[str, str]]:
    """Return a first page as it was built, its pins emptied, and the pins that it was served with."""
    pins = {name.decode(): html.unescape(value.decode(errors="replace")) for name, value in _PIN.findall(first)}
    return _PIN.sub(rb'<meta name="\1" content="">', first), pins


def collect(get: Callable[[str], bytes | None], listing: Listing) -> Served:
    """Ask a server for every listed file, and for whatever its first pages name besides."""
    contents: dict[str, bytes] = {}
    pins: dict[str, dict[str, str]] = {}
    wanted = [name for name in listing.files if not name.endswith(f"/{FIRST}")]
    for page in listing.pages:
        first = get(f"{page}/")
        if first is None:
            continue
        contents[f"{page}/{FIRST}"], pins[page] = restore(first)
        wanted += [name for name in _names(page, first) if name not in listing.files]
    for name in dict.fromkeys(wanted):
        data = get(name)
        if data is not None:
            contents[name] = data
    return Served(contents, pins)


def _names(page: str, first: bytes) -> Iterator[str]:
    """Name the files that a first page loads, as far as its markup says."""
    base = f"http://a.invalid/{page}/"
    for link in _LINK.findall(first):
        target = html.unescape(link.decode(errors="replace"))
        address = urljoin(base, target)
        path = urlsplit(address).path.removeprefix("/")
        if address.startswith("http://a.invalid/") and not path.endswith("/") and _NAME.fullmatch(path):
            yield path


def compare(served: Served, listing: Listing) -> list[Finding]:
    """Compare what was handed out with a listing, file by file: names of either side are reported."""
    return _compare(Listing.of(served.contents).files, listing.files)


def _compare(there: Mapping[str, str], should: Mapping[str, str]) -> list[Finding]:
    findings = []
    for name in sorted({*there, *should}):
        wanted, had = should.get(name, ""), there.get(name, "")
        outcome = Outcome.SAME if wanted == had else Outcome.DIFFERS
        if not wanted:
            outcome = Outcome.EXTRA
        elif not had:
            outcome = Outcome.MISSING
        findings.append(Finding(name, outcome, wanted, had))
    return findings


def compare_listings(build: Listing, declared: Listing) -> list[Finding]:
    """Compare a build with the board's client entry; only what differs is returned."""
    return [each for each in _compare(build.files, declared.files) if each.outcome is not Outcome.SAME]


def compare_pins(served: Served, manifest_hash: str, origins: tuple[str, ...]) -> list[Finding]:
    """Return a finding for every pin that names another election, or a side outside the manifest's web origins."""
    findings = []
    for page, pins in served.pins.items():
        for name, value in pins.items():
            good = value == manifest_hash if name == PINS[0] else _is_own(value, origins)
            if not good:
                wanted = manifest_hash if name == PINS[0] else " ".join(origins)
                findings.append(Finding(f"{page}/{FIRST}: {name}", Outcome.PIN, wanted, value))
    return findings


def _is_own(address: str, origins: tuple[str, ...]) -> bool:
    parts = urlsplit(address)
    if not parts.scheme and not parts.netloc:
        return re.fullmatch(r"(\.\./){1,3}([a-z]+/)?", address) is not None
    return f"{parts.scheme}://{parts.netloc}" in origins


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a comparison found. `entry` is the client entry's index, `outside` whether the manifest hash was given."""

    entry: int | None
    outside: bool
    compared_build: bool
    findings: tuple[Finding, ...]
    build_findings: tuple[Finding, ...]
    exit_status: int


def judge(
    get: Callable[[str], bytes | None],
    declared: Declared | None,
    build: Listing | None,
    given: bytes | None,
    pages: frozenset[str],
) -> Judgement:
    """Compare a served client with the board's client entry, else with a build; and the two with each other.

    Status 0 only where every file is the one of the client entry of the election whose manifest hash was given; 1 where
    anything differs; 3 where all agrees and something was not compared.
    """
    listing = build if declared is None else declared.listing
    if listing is None:
        return Judgement(None, given is not None, build is not None, (), (), EXIT_INCOMPLETE)
    chosen = listing.only(pages) if pages else listing
    if not chosen.pages:
        raise InputError("the list names no first page of these pages")
    served = collect(get, chosen)
    found = compare(served, chosen)
    if declared is not None:
        found += compare_pins(served, declared.manifest_hash, declared.origins)
        if given is not None and given.hex() != declared.manifest_hash:
            found.append(Finding("record", Outcome.PIN, given.hex(), declared.manifest_hash))
    built = [] if declared is None or build is None else compare_listings(build, declared.listing)
    status = EXIT_VERIFIED if declared is not None and given is not None else EXIT_INCOMPLETE
    if built or any(each.outcome is not Outcome.SAME for each in found):
        status = EXIT_FAILED
    entry = None if declared is None else declared.index
    return Judgement(entry, given is not None, build is not None, tuple(found), tuple(built), status)


def to_lines(result: Judgement, t: Dictionary) -> Iterator[str]:
    """Write a judgement: what was compared and what was not, every file, the verdict last."""
    yield t("audit.client.entry", index=result.entry) if result.entry is not None else t("audit.client.no-entry")
    for each in result.findings:
        yield _line(each, t)
    if not result.compared_build:
        yield f"{SYMBOLS['not run']} {t('audit.client.no-build')}"
    elif result.entry is not None and not result.build_findings:
        yield f"{SYMBOLS['passed']} {t('audit.client.build-same')}"
    for each in result.build_findings:
        yield f"{_line(each, t)} {t('audit.client.in-build')}"
    if not result.outside:
        yield f"{SYMBOLS['not run']} {t('audit.client.no-hash')}"
    verdict = {EXIT_VERIFIED: "verified", EXIT_FAILED: "failed"}.get(result.exit_status, "incomplete")
    yield t(f"audit.client.verdict.{verdict}", files=len(result.findings))


def _line(finding: Finding, t: Dictionary) -> str:
    symbol = SYMBOLS["passed" if finding.outcome is Outcome.SAME else "failed"]
    text = t(f"audit.client.outcome.{finding.outcome.value}", wanted=finding.wanted, found=finding.found)
    return f"{symbol} {finding.name}: {text}"


def read_served(prefix: str, timeout_s: float = _TIMEOUT_S, total_s: float = _TOTAL_S) -> Callable[[str], bytes | None]:
    """Return a reader of a server's files that asks as a browser does, for compressed ones; None for 404.

    Raises InputError where nothing answers, for another status, for a header that leads elsewhere, for more than
    LARGEST bytes, and once all files together have taken `total_s` seconds: a server cannot hold the program for ever.
    """
    if urlsplit(prefix).scheme not in {"http", "https"}:
        raise InputError(f"{prefix} is no http or https address")
    site, end = prefix.rstrip("/"), time.monotonic() + total_s

    def get(path: str) -> bytes | None:
        url, left = f"{site}/{path}", end - time.monotonic()
        if left <= 0:
            raise InputError(f"{site} did not hand out all files within {total_s:g} seconds")
        status, headers, data = ask(
            site, path, largest=LARGEST, wait_s=min(timeout_s, left), headers={"Accept-Encoding": "gzip"}
        )
        if status == http.client.NOT_FOUND:
            return None
        if status != http.client.OK:
            raise InputError(f"{url} answers {status}")
        if "refresh" in headers or "link" in headers:
            raise InputError(f"{url} sends a header that makes a browser load something else")
        coding = headers.get("content-encoding", "identity")
        if coding == "gzip":
            data = _unpack(data, url)
        elif coding != "identity":
            raise InputError(f"{url} is packed as {coding!r}, which was not asked for")
        if len(data) > LARGEST:
            raise InputError(f"{url} is longer than {LARGEST} bytes")
        return data

    return get


def _unpack(data: bytes, url: str) -> bytes:
    packed = zlib.decompressobj(_GZIP)
    try:
        unpacked = packed.decompress(data, LARGEST + 1)
    except zlib.error as error:
        raise InputError(f"{url} is not packed as it says") from error
    if packed.unused_data or (not packed.eof and len(unpacked) <= LARGEST):
        raise InputError(f"{url} is not packed as it says")
    return unpacked
