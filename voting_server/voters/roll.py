r"""The roll of persons: read from a file, placed by registration address, reported where no place is found.

Spec: `docs/operations/roll.md`. Used by the identity side and, with her own copy of the same files, by each registrar's
program: both must come to the same persons in the same units. Nobody is ever dropped: who cannot be placed stands in
the report with what would mend it, and no slots are drawn while somebody does.

>>> places = parse_places("address,unit\nBishkek,7\nBishkek / Lenin district,8\nabroad,\n")
>>> find_place("Bishkek, Lenin district, Moskva street 1", places), find_place("Bishkek", places)
(8, 7)
>>> [find_place(address, places) for address in ("", "Abroad, Berlin", "Osh")]
['no-address', 'abroad', 'unknown-address']
"""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from crypto.election.manifest import Parts
from crypto.transcript import Kind, tag, tagged_hash

Format = Literal["csv", "json"]
Fault = Literal["", "no-address", "abroad", "unknown-address", "no-such-unit", "no-style"]
COLUMNS = ("number", "surname", "given", "patronymic", "born", "address")
MENDS: Mapping[str, str] = {
    "no-address": "the register gives no address: ask the person or the register, then name the unit in a mend",
    "abroad": "the address lies abroad: name the unit whose polling station serves it in a mend",
    "unknown-address": "no place begins this address: add a line to the places, or name the unit in a mend",
    "no-such-unit": "the place or the mend names no leaf unit of the manifest: correct the places or the mend",
    "no-style": "no one ballot style of the manifest serves this unit: name the style in a mend",
}
"""Fault of a person's place → what mends it."""
_REPORTED = 100
_LONGEST = 500


class RollFileError(ValueError):
    """A file that cannot be taken: `faults` are (line, what is wrong), the first hundred, without any content."""

    def __init__(self, faults: Iterable[tuple[int, str]]) -> None:
        """Keep the first faults."""
        self.faults = tuple(faults)[:_REPORTED]
        super().__init__(f"{len(self.faults)} faults")


@dataclass(frozen=True, slots=True)
class Person:
    """One person of the roll; unit and style are 0 while `fault` says why there is none."""

    number: str
    surname: str
    given: str
    patronymic: str
    born: str
    address: str
    unit: int = 0
    style: int = 0
    fault: Fault = ""


@dataclass(frozen=True, slots=True)
class Mend:
    """A place given by hand, with its reason; style 0 leaves the style to the manifest."""

    number: str
    unit: int
    style: int
    reason: str


Places = Mapping[tuple[str, ...], int]


def version_hash(kind: Kind, previous: bytes, use: str, places: bytes, content: bytes) -> bytes:
    """Return the hash of a version of the roll: what a registrar signs and what the next version chains to.

    `use` is "roll" or "mend"; `places` and `content` are the files' bytes.
    """
    return tagged_hash(tag(kind, "roll-version"), previous, use.encode(), places, content)


def parse_people(content: str, form: Format) -> list[Person]:
    """Read a roll: CSV with a head, or a JSON array of objects, of `COLUMNS`. Raises RollFileError, all or nothing."""
    people: list[Person] = []
    faults: list[tuple[int, str]] = []
    seen: set[str] = set()
    for line, row in _rows(content, form, COLUMNS, optional=("patronymic", "address")):
        fault = _fault_of(row)
        if not fault and row["number"] in seen:
            fault = "the personal number stands twice"
        if fault:
            faults.append((line, fault))
            continue
        seen.add(row["number"])
        number, surname, given, patronymic, born, address = (row[name] for name in COLUMNS)
        people.append(Person(number, surname, given, patronymic, born, address))
    if faults or not people:
        raise RollFileError(faults or [(0, "nobody stands in the file")])
    return people


def parse_places(content: str) -> Places:
    """Read the places: CSV of `address,unit`; parts of an address stand between commas or slashes; no unit: abroad."""
    places: dict[tuple[str, ...], int] = {}
    faults: list[tuple[int, str]] = []
    for line, row in _rows(content, "csv", ("address", "unit"), optional=("unit",)):
        parts = _split(row["address"].replace("/", ","))
        if not parts or parts in places or not (row["unit"] == "" or _is_number(row["unit"])):
            faults.append((line, "a place needs an address of its own and a unit"))
            continue
        places[parts] = int(row["unit"] or 0)
    if faults:
        raise RollFileError(faults)
    return places


def parse_mends(content: str) -> list[Mend]:
    """Read mends: CSV of `number,unit,style,reason`; an empty style is the manifest's only one for the unit."""
    mends: list[Mend] = []
    faults: list[tuple[int, str]] = []
    for line, row in _rows(content, "csv", ("number", "unit", "style", "reason"), optional=("style",)):
        if not _is_number(row["number"]) or not _is_number(row["unit"]) or not (_is_number(row["style"] or "0")):
            faults.append((line, "a mend needs a personal number, a unit, a style or none, a reason"))
            continue
        mends.append(Mend(row["number"], int(row["unit"]), int(row["style"] or 0), row["reason"]))
    if faults or not mends:
        raise RollFileError(faults or [(0, "no mend stands in the file")])
    return mends


def find_place(address: str, places: Places) -> int | Fault:
    """Return the unit of the longest place that begins an address, or what is wrong with it."""
    parts = _split(address)
    if not parts:
        return "no-address"
    for length in range(len(parts), 0, -1):
        if parts[:length] in places:
            return places[parts[:length]] or "abroad"
    return "unknown-address"


def place_all(people: Iterable[Person], places: Places, mends: Iterable[Mend], parts: Parts) -> list[Person]:
    """Return everybody, in order of personal numbers, with unit and style or with the fault; the last mend wins."""
    by_number = {mend.number: mend for mend in mends}
    styles = {unit: style_of(parts, unit) for unit in parts.district}
    return sorted((_place(each, places, by_number.get(each.number), parts, styles) for each in people), key=_number)


def style_of(parts: Parts, unit: int) -> int:
    """Return the style with the most contests among those whose contests all hold a unit; 0 where not one is."""
    fitting = [
        (len(style.contests), style.id)
        for style in parts.manifest.styles
        if all(parts.covers(parts.contests[contest].region, unit) for contest in style.contests)
    ]
    most = max((count for count, _ in fitting), default=0)
    best = [style for count, style in fitting if count == most]
    return best[0] if len(best) == 1 else 0


def unplaced(people: Iterable[Person]) -> list[Person]:
    """Return those without a place."""
    return [each for each in people if each.fault]


def is_complete_file(people: Iterable[Person], mends: Iterable[Mend]) -> bool:
    """Tell whether every mend speaks of somebody on the roll."""
    numbers = {each.number for each in people}
    return all(mend.number in numbers for mend in mends)


def _place(person: Person, places: Places, mend: Mend | None, parts: Parts, styles: Mapping[int, int]) -> Person:
    found: int | Fault = find_place(person.address, places) if mend is None else mend.unit
    if isinstance(found, str):
        return replace(person, unit=0, style=0, fault=found)
    if found not in parts.district:
        return replace(person, unit=0, style=0, fault="no-such-unit")
    style = styles[found] if mend is None or not mend.style else mend.style
    chosen = next((each for each in parts.manifest.styles if each.id == style), None)
    if chosen is None or not all(parts.covers(parts.contests[contest].region, found) for contest in chosen.contests):
        return replace(person, unit=0, style=0, fault="no-style")
    return replace(person, unit=found, style=style, fault="")


def _number(person: Person) -> str:
    return person.number


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20


def _split(address: str) -> tuple[str, ...]:
    text = unicodedata.normalize("NFC", address).casefold()
    return tuple(part for part in (" ".join(piece.split()) for piece in text.split(",")) if part)


def _fault_of(row: Mapping[str, str]) -> str:
    if not _is_number(row["number"]) or len(row["number"]) != 14:
        return "a personal number has 14 digits"
    try:
        born = date.fromisoformat(row["born"])
    except ValueError:
        return "a birth date is written YYYY-MM-DD"
    return "" if born.isoformat() == row["born"] else "a birth date is written YYYY-MM-DD"


def _rows(
    content: str, form: Format, columns: tuple[str, ...], *, optional: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line or place, fields) of a file whose columns are exactly these. Raises RollFileError."""
    for line, row in _csv(content, columns) if form == "csv" else _json(content, columns):
        fields = {name: unicodedata.normalize("NFC", row[name]).strip() for name in columns}
        empty = [name for name in columns if not fields[name] and name not in optional]
        if empty or any(len(text) > _LONGEST or not text.isprintable() for text in fields.values()):
            raise RollFileError(
                [(line, f"the field {empty[0]} is empty" if empty else "a field is too long or cannot be printed")]
            )
        yield line, fields


def _csv(content: str, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(content.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        head = tuple(name.strip() for name in next(reader, []))
        if sorted(head) != sorted(columns):
            raise RollFileError([(1, f"the columns must be {', '.join(columns)}")])
        for row in reader:
            if not row:
                continue
            if len(row) != len(head):
                raise RollFileError([(reader.line_num, f"{len(row)} fields instead of {len(head)}")])
            yield reader.line_num, dict(zip(head, row, strict=True))
    except csv.Error as error:
        raise RollFileError([(reader.line_num, "not a CSV line")]) from error


def _json(content: str, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        rows = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RollFileError([(0, "not a JSON file")]) from error
    if not isinstance(rows, list):
        raise RollFileError([(0, "a roll is a JSON array")])
    for place, row in enumerate(rows, start=1):
        if not isinstance(row, dict) or sorted(row) != sorted(columns):
            raise RollFileError([(place, f"the members must be {', '.join(columns)}")])
        if not all(isinstance(value, str) for value in row.values()):
            raise RollFileError([(place, "every member is a string")])
        yield place, row
