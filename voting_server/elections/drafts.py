"""From what officers say of an election to its manifest and parts, with every check explained before anybody signs.

Spec: `docs/spec/manifest.md`. Pure: nothing is kept, nothing published. What comes out are bytes that officers decode
and sign on their own machines; keys of this installation, its hosts and its rpId are filled in, the rest is theirs.

>>> len(styles_of([(1, 1), (2, 3)], {2: 1, 3: 1, 1: None}))
2
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from crypto.election.encoding import Message
from crypto.election.entries import BodyKey, Contest, Manifest, Option, Style, Text3, Trustee, Unit, Units, Witness
from crypto.election.manifest import find_faults, hash_part, origin_of
from crypto.errors import DobushError, Misuse, Refused
from crypto.rules import Between, OneOf
from crypto.signatures import EDDSA, ES256, RS256

CHECKS = tuple(f"MANIFEST-{number}" for number in range(1, 11))
"""What is judged of a manifest by itself; the other checks of this family are about authors."""
_CHUNK = 400
_TWINS = str.maketrans("аеорсхукмтвн", "aeopcxykmtbh")
_LONGEST = 300


class Names(BaseModel):
    """A text in the three languages."""

    model_config = ConfigDict(extra="forbid")

    ky: str = Field("", max_length=_LONGEST)
    ru: str = Field("", max_length=_LONGEST)
    en: str = Field("", max_length=_LONGEST)


class PersonIn(BaseModel):
    """Somebody whom the manifest names; trustees and witnesses have no body here."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("", max_length=_LONGEST)
    body: str = Field("", max_length=_LONGEST)
    key: str = Field("", max_length=128, description="Ed25519, hexadecimal")


class UnitIn(BaseModel):
    """A unit of the electoral geography."""

    model_config = ConfigDict(extra="forbid")

    id: int = Field(ge=0, lt=2**32)
    parent: int | None = Field(default=None, ge=0, lt=2**32)
    name: Names
    district: bool


class ContestIn(BaseModel):
    """A question and its options, in the order that the lot gave."""

    model_config = ConfigDict(extra="forbid")

    title: Names
    options: list[Names] = Field(max_length=1_024)
    minimum: int = Field(1, ge=0, le=1_024)
    maximum: int = Field(1, ge=0, le=1_024)
    seats: int = Field(1, ge=0, le=1_024)
    region: int | None = Field(default=None, ge=0, lt=2**32, description="unit where it is held; none: everywhere")


_EXAMPLE: dict[str, Any] = {
    "kind": "practice",
    "short_name": "council-2027",
    "title": {"ky": "Кеңеш", "ru": "Совет", "en": "Council"},
    "opens_at_ms": 1_800_000_000_000,
    "closes_at_ms": 1_800_036_000_000,
    "round_deadlines_ms": [1_799_000_000_000, 1_799_100_000_000, 1_799_200_000_000, 1_799_300_000_000],
    "release_by_ms": 1_801_000_000_000,
    "trustees": [{"name": "A", "key": "01" * 32}],
    "registrars": [],
    "officers": [],
    "witnesses": [],
    "units": [{"id": 1, "name": {"ky": "Баары", "ru": "Все", "en": "All"}, "district": True}],
    "contests": [],
}


class DraftIn(BaseModel):
    """An election as its officers describe it; times in ms since 1970."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    kind: Literal["demo", "practice", "real"]
    short_name: str = Field(max_length=_LONGEST)
    title: Names
    opens_at_ms: int = Field(ge=0, lt=2**53)
    closes_at_ms: int = Field(ge=0, lt=2**53)
    release_by_ms: int = Field(ge=0, lt=2**53)
    round_deadlines_ms: list[int] = Field(min_length=4, max_length=4)
    interval_ms: int = Field(60_000, ge=0, lt=2**53)
    grace_ms: int = Field(300_000, ge=0, lt=2**53)
    settle_ms: int = Field(600_000, ge=0, lt=2**53)
    receipt_delay_ms: int = Field(600_000, ge=0, lt=2**53)
    dispute_ms: int = Field(86_400_000, ge=0, lt=2**53)
    change_delay_ms: int = Field(86_400_000, ge=0, lt=2**53)
    minimum_cell: int = Field(10, ge=0, lt=2**32)
    threshold: int = Field(2, ge=0, le=255)
    faults: int = Field(0, ge=0, le=15)
    quorum: int = Field(1, ge=0, le=15)
    software_keys: bool = False
    trustees: list[PersonIn] = Field(max_length=255)
    registrars: list[PersonIn] = Field(max_length=16)
    officers: list[PersonIn] = Field(max_length=16)
    witnesses: list[PersonIn] = Field(max_length=15)
    units: list[UnitIn] = Field(max_length=100_000)
    contests: list[ContestIn] = Field(max_length=4_096)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that a field lacks: where, and a name whose text stands under `console.fault.<name>`."""

    at: str
    name: str


@dataclass(frozen=True, slots=True)
class Check:
    """What came of one check; `reason` is the refusal's own sentence."""

    id: str
    state: Literal["passed", "failed", "not run"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """What the installation itself brings into a manifest."""

    log_key: bytes
    receipt_key: bytes
    rp_id: str
    origins: tuple[str, ...]

    @property
    def host(self) -> str:
        """The host by which the log is known."""
        return urlsplit(self.origins[0]).hostname or "localhost"


@dataclass(slots=True)
class Drafted:
    """What a description gives."""

    faults: list[Fault] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    manifest: Manifest | None = None
    parts: list[tuple[Literal["contest", "units"], Message]] = field(default_factory=list)


def draft(given: DraftIn, place: Place) -> Drafted:
    """Return manifest, parts and what is wrong with them. Raises nothing for a wrong description."""
    made = Drafted(faults=list(_find_gaps(given)))
    not_run = [Check(each, "not run") for each in CHECKS]
    if made.faults:
        made.checks = not_run
        return made
    try:
        bodies: list[Contest | Units] = [*_contests(given), *_units(given)]
        made.parts = [("contest" if isinstance(body, Contest) else "units", body) for body in bodies]
        made.manifest = _manifest(given, place, bodies)
        made.manifest.to_bytes()
        refusals = find_faults(made.manifest, bodies)
    except (Misuse, Refused) as error:
        made.faults.append(Fault("", "misfit"))
        made.checks = [Check("", "failed", _words_of(error)), *not_run]
        made.manifest = None
        return made
    made.checks = _judge(refusals, len(bodies))
    return made


def _words_of(error: DobushError) -> str:
    return error.reason if isinstance(error, Refused) else str(error)


def _judge(refusals: Sequence[Refused], parts: int) -> list[Check]:
    failed: dict[str, str] = {}
    for refusal in refusals:
        failed.setdefault(refusal.check, refusal.reason)
    # The parts are judged in a line: what stands behind the first refusal was not looked at.
    after_parts = {CHECKS[7], CHECKS[8], CHECKS[9]} if parts else set()
    broken = bool(after_parts & set(failed)) or CHECKS[6] in failed
    found = [Check(check, "failed", reason) for check, reason in failed.items() if check not in CHECKS]
    for check in CHECKS:
        if check in failed:
            found.append(Check(check, "failed", failed[check]))
        else:
            found.append(Check(check, "not run" if broken and check in after_parts else "passed"))
    return found


def _find_gaps(given: DraftIn) -> Iterable[Fault]:
    """Yield what a field lacks, before there can be bytes."""
    if not given.short_name.strip():
        yield Fault("short_name", "empty")
    elif not all(sign in "abcdefghijklmnopqrstuvwxyz0123456789-" for sign in given.short_name):
        yield Fault("short_name", "short-name")
    yield from _gaps_of_names("title", given.title)
    for group in ("trustees", "registrars", "officers", "witnesses"):
        yield from _gaps_of_people(group, getattr(given, group))
    for group in ("registrars", "officers"):
        if _are_alike([person.body for person in getattr(given, group)]):
            yield Fault(group, "alike")
    if len(given.registrars) != 2:
        yield Fault("registrars", "two")
    if len(given.officers) == 1:
        yield Fault("officers", "two")
    if not given.units:
        yield Fault("units", "nothing")
    for at, unit in enumerate(given.units):
        yield from _gaps_of_names(f"units[{at}].name", unit.name)
    if not given.contests:
        yield Fault("contests", "nothing")
    for at, contest in enumerate(given.contests):
        yield from _gaps_of_contest(f"contests[{at}]", contest)


def _are_alike(bodies: Sequence[str]) -> bool:
    """Tell whether bodies that the manifest would take for different ones differ in spelling only.

    >>> _are_alike(["Commission", "commission "]), _are_alike(["Комиссия", "Koмиccия"]), _are_alike(["A", "B", "A"])
    (True, True, False)
    """
    exact = {body.strip() for body in bodies if body.strip()}
    plain = {"".join(unicodedata.normalize("NFKD", body).casefold().translate(_TWINS).split()) for body in exact}
    return len(plain) < len(exact)


def _gaps_of_people(group: str, people: Sequence[PersonIn]) -> Iterable[Fault]:
    if not people:
        yield Fault(group, "nobody")
    for at, person in enumerate(people):
        if not person.name.strip():
            yield Fault(f"{group}[{at}].name", "empty")
        if group in {"registrars", "officers"} and not person.body.strip():
            yield Fault(f"{group}[{at}].body", "empty")
        if not _is_key(person.key):
            yield Fault(f"{group}[{at}].key", "key")


def _gaps_of_contest(path: str, contest: ContestIn) -> Iterable[Fault]:
    yield from _gaps_of_names(f"{path}.title", contest.title)
    if len(contest.options) < 2:
        yield Fault(f"{path}.options", "two-options")
    for at, option in enumerate(contest.options):
        yield from _gaps_of_names(f"{path}.options[{at}]", option)
    for language in ("ky", "ru", "en"):
        names = [getattr(option, language).strip() for option in contest.options]
        if len(set(names)) < len(names) and all(names):
            yield Fault(f"{path}.options", "twice")
            break
    if not 0 <= contest.minimum <= contest.maximum <= max(1, len(contest.options)) or contest.maximum < 1:
        yield Fault(f"{path}.maximum", "range")
    if not contest.seats >= 1:
        yield Fault(f"{path}.seats", "range")


def _gaps_of_names(path: str, names: Names) -> Iterable[Fault]:
    for language in ("ky", "ru", "en"):
        if not getattr(names, language).strip():
            yield Fault(f"{path}.{language}", "empty")


def _is_key(text: str) -> bool:
    try:
        return len(bytes.fromhex(text)) == 32
    except ValueError:
        return False


def _text(names: Names) -> Text3:
    return Text3(names.ky.strip(), names.ru.strip(), names.en.strip())


def _root(given: DraftIn) -> int:
    return next((unit.id for unit in given.units if unit.parent is None), given.units[0].id)


def _contests(given: DraftIn) -> list[Contest]:
    found: list[Contest] = []
    questions: dict[tuple[int, tuple[str, str, str]], int] = {}
    for at, contest in enumerate(given.contests, start=1):
        count = len(contest.options)
        single = (contest.minimum, contest.maximum) == (1, 1)
        rule = OneOf.default(count) if single else Between(count, contest.minimum, contest.maximum)
        region = _root(given) if contest.region is None else contest.region
        # Contests of one title over one region are one question, for example a constituency's lists.
        question = questions.setdefault((region, (contest.title.ky, contest.title.ru, contest.title.en)), at)
        options = tuple(Option(_text(option)) for option in contest.options)
        found.append(Contest(at, question, _text(contest.title), rule.to_bytes(), options, region, contest.seats))
    return found


def _units(given: DraftIn) -> list[Units]:
    units = [Unit(each.id, each.parent, _text(each.name), each.district) for each in given.units]
    return [Units(tuple(units[start : start + _CHUNK])) for start in range(0, len(units), _CHUNK)]


def styles_of(contests: Sequence[tuple[int, int]], parents: Mapping[int, int | None]) -> list[tuple[int, ...]]:
    """Return the different ballots: for (contest id, region) pairs, the contests that each leaf unit lies in."""
    inner = {parent for parent in parents.values() if parent is not None}
    found: list[tuple[int, ...]] = []
    for leaf in parents:
        if leaf in inner:
            continue
        above, at = set[int](), leaf
        while at not in above:
            above.add(at)
            parent = parents.get(at)
            if parent is None:
                break
            at = parent
        held = tuple(contest for contest, region in contests if region in above)
        if held and held not in found:
            found.append(held)
    return found


def _manifest(given: DraftIn, place: Place, bodies: Sequence[Contest | Units]) -> Manifest:
    kind = given.kind
    contests = [body for body in bodies if isinstance(body, Contest)]
    parents = {unit.id: unit.parent for unit in given.units}
    styles = styles_of([(contest.id, contest.region) for contest in contests], parents)
    hashes = {
        name: tuple(hash_part(kind, name, body.to_bytes()) for body in bodies if isinstance(body, type_))
        for name, type_ in (("contest", Contest), ("units", Units))
    }
    return Manifest(
        protocol=1,
        suite="RISTRETTO255-SHA512",
        kind=kind,
        origin=origin_of(place.host, kind, given.short_name),
        short_name=given.short_name,
        title=_text(given.title),
        opens_at_ms=given.opens_at_ms,
        closes_at_ms=given.closes_at_ms,
        grace_ms=given.grace_ms,
        settle_ms=given.settle_ms,
        interval_ms=given.interval_ms,
        receipt_delay_ms=given.receipt_delay_ms,
        dispute_ms=given.dispute_ms,
        change_delay_ms=given.change_delay_ms,
        release_by_ms=given.release_by_ms,
        round_deadlines_ms=tuple(given.round_deadlines_ms),
        minimum_cell=given.minimum_cell,
        threshold=given.threshold,
        log_key=place.log_key,
        receipt_key=place.receipt_key,
        trustees=tuple(Trustee(each.name.strip(), bytes.fromhex(each.key)) for each in given.trustees),
        registrars=_bodies(given.registrars),
        officers=_bodies(given.officers),
        witnesses=tuple(Witness(each.name.strip(), bytes.fromhex(each.key), None) for each in given.witnesses),
        faults=given.faults,
        quorum=given.quorum,
        rp_id=place.rp_id,
        origins=place.origins,
        algorithms=(EDDSA, ES256, RS256),
        software_keys=given.software_keys,
        styles=tuple(Style(number, held) for number, held in enumerate(styles, start=1)),
        contests=hashes["contest"],
        units=hashes["units"],
        imported=None,
    )


def _bodies(people: Sequence[PersonIn]) -> tuple[BodyKey, ...]:
    return tuple(BodyKey(each.name.strip(), each.body.strip(), bytes.fromhex(each.key)) for each in people)
