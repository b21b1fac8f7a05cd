"""A country of the size of 2025-11-30: thirty districts, their ballot papers, everybody's slot, and who signs.

Data: `bench/data/kg-parliament-2025.json` (candidates by district, people registered and taking part, stations). The
leaf units are the 2,619 stations at home, remote and abroad, spread over the districts; a voter's number fixes
everything about her, so that any process makes her ballot again without a table.

>>> nation = read_nation()
>>> len(nation.candidates), sum(nation.candidates), nation.participated
(30, 460, 1584446)
>>> Scale.of(nation, 0.01).ballots, Scale.of(nation, 0.01).again
(15844, 317)
"""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final

from crypto.election.ballot import hash_ballot, lock_of
from crypto.election.encoding import Message
from crypto.election.entries import Contest, DistrictSlots, Freeze, Manifest, RollChunk, RollGroup, Style, Unit, Units
from crypto.election.entries import Text3 as Names
from crypto.election.manifest import hash_manifest, hash_part, origin_of
from crypto.elgamal import BallotSeed
from crypto.proofs import Contest as SealedFor
from crypto.proofs import Frame, Position, seal_contest
from crypto.rules import OneOf
from demo.ballots import GROUP, Booth, Head, Sealed, Task
from demo.commission import COUNTRY, FIRST_UNIT, HOST, KIND, MINUTE_MS, SLOTS_A_CHUNK, Commission
from demo.electorate import Electorate, Published, Question, apportion
from demo.electorate import Unit as Place
from demo.voters import SoftwarePasskey, make_passkey

DATA: Final = Path(__file__).parent / "data" / "kg-parliament-2025.json"
AGAIN: Final = 0.02
KINDS_OF_STATION: Final = {
    "home": {"ky": "участка", "ru": "участок", "en": "station"},
    "remote": {"ky": "аралыктан участка", "ru": "дистанционный участок", "en": "remote station"},
    "abroad": {"ky": "чет өлкөдөгү участка", "ru": "участок за рубежом", "en": "station abroad"},
}
_FIRST_LEAF: Final = 1_000
_UNITS_A_PART: Final = 300


@dataclass(frozen=True)
class Nation:
    """The published figures: candidates of each district; people registered and voting; stations and voters by kind."""

    candidates: tuple[int, ...]
    registered: int
    participated: int
    stations: Mapping[str, int]
    voters: Mapping[str, int]

    @cached_property
    def places(self) -> list[tuple[int, str]]:
        """Return the district, from 1, and the kind of every station, district by district."""
        counts = {kind: apportion(number, [1.0] * len(self.candidates)) for kind, number in self.stations.items()}
        return [
            (district + 1, kind)
            for district in range(len(self.candidates))
            for kind, numbers in counts.items()
            for _ in range(numbers[district])
        ]


@lru_cache(maxsize=1)
def read_nation() -> Nation:
    """Read the data file."""
    data = json.loads(DATA.read_text(encoding="utf-8"))
    participated, remote, abroad = data["participated"], data["remote"], data["abroad"]
    voters = {"home": participated - remote - abroad, "remote": remote, "abroad": abroad}
    return Nation(tuple(data["candidates"]), data["registered"], participated, data["stations"], voters)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of the country a record holds: ballot entries, and how many of them are second ones."""

    ballots: int
    again: int

    @classmethod
    def of(cls, nation: Nation, share: float) -> "Scale":
        """Return the scale of a share of the country."""
        ballots = round(nation.participated * share)
        return cls(ballots, round(ballots * AGAIN))

    @property
    def voters(self) -> int:
        """Return how many people vote."""
        return self.ballots - self.again


class NationalElectorate(Electorate):
    """Voters by leaf unit, and one choice each from the paper of her district."""

    def district(self, voter: int) -> int:
        """Return the number of the voter's district, from 1."""
        return read_nation().places[self.unit_index(voter)][0]

    def choices(self, voter: int, ballot: int = 1) -> tuple[int, ...]:
        """Draw the one choice: early names are marked more often, the last line is nobody."""
        options = read_nation().candidates[self.district(voter) - 1] + 1
        return (min(int(options * self.draw("choice", voter, ballot) ** 1.6), options - 1),)


def make_electorate(scale: Scale, seed: int) -> NationalElectorate:
    """Return the electorate of a scale."""
    nation = read_nation()
    places = tuple(
        Place(
            f"{at}",
            {lang: f"№{district}, {word} {at}" for lang, word in KINDS_OF_STATION[kind].items()},
            nation.voters[kind] / nation.stations[kind],
        )
        for at, (district, kind) in enumerate(nation.places, start=1)
    )
    questions = tuple(_question(number, count) for number, count in enumerate(nation.candidates, start=1))
    country = {"ky": "Кыргыз Республикасы", "ru": "Кыргызская Республика", "en": "Kyrgyz Republic"}
    published = Published(questions, country, places, nation.registered, nation.participated)
    return NationalElectorate(published, scale.voters, seed)


def _question(district: int, candidates: int) -> Question:
    names = [
        {"ky": f"Талапкер {at}", "ru": f"Кандидат {at}", "en": f"Candidate {at}"} for at in range(1, candidates + 1)
    ]
    nobody = {"ky": "Баарына каршы", "ru": "Против всех", "en": "Against all"}
    title = {
        "ky": f"№{district} шайлоо округу",
        "ru": f"Избирательный округ № {district}",
        "en": f"Electoral district No. {district}",
    }
    return Question(f"district-{district}", title, (*names, nobody), (1.0,) * (candidates + 1))


class NationalCommission(Commission):
    """Officers and registrars of a country of thirty districts; a style for each."""

    def write_manifest(
        self,
        trustee_keys: Sequence[bytes],
        witness_keys: Sequence[bytes],
    ) -> tuple[Manifest, list[tuple[str, Message]]]:
        """Return manifest and parts: a contest for each district, blocks of a minute."""
        whole, _ = super().write_manifest(trustee_keys, witness_keys)
        contests = [self._paper(number, question) for number, question in enumerate(self.questions, start=1)]
        parts: list[tuple[str, Message]] = [("contest", contest) for contest in contests]
        parts += [("units", units) for units in self._unit_parts()]
        hashes = [hash_part(KIND, entry_type, body.to_bytes()) for entry_type, body in parts]
        manifest = replace(
            whole,
            origin=origin_of(HOST, KIND, "parliament-2025"),
            short_name="parliament-2025",
            title=Names(
                ky="2025-жылдын 30-ноябрындагы шайлоо (өлчөө)",
                ru="Выборы 30 ноября 2025 года (замер)",
                en="Elections of 30 November 2025 (benchmark)",
            ),
            interval_ms=MINUTE_MS,
            settle_ms=10 * MINUTE_MS,
            receipt_delay_ms=10 * MINUTE_MS,
            styles=tuple(Style(id=contest.id, contests=(contest.id,)) for contest in contests),
            contests=tuple(hashes[: len(contests)]),
            units=tuple(hashes[len(contests) :]),
        )
        self.manifest_hash = hash_manifest(KIND, manifest.to_bytes())
        return manifest, parts

    @staticmethod
    def _paper(number: int, question: Question) -> Contest:
        from demo.commission import _contest  # noqa: PLC0415 -- the demo's paper, held in one district only

        return replace(_contest(number, question), region=FIRST_UNIT + number - 1)

    def _unit_parts(self) -> Iterator[Units]:
        country = Unit(id=COUNTRY, parent=None, name=Names(**self.electorate.published.country), district=False)
        districts = [
            Unit(id=FIRST_UNIT + at, parent=COUNTRY, name=Names(**question.title), district=True)
            for at, question in enumerate(self.questions)
        ]
        leaves = [
            Unit(id=leaf_of(at), parent=FIRST_UNIT + district - 1, name=Names(**place.name), district=False)
            for at, (place, (district, _)) in enumerate(
                zip(self.electorate.published.units, read_nation().places, strict=True)
            )
        ]
        units = [country, *districts, *leaves]
        for start in range(0, len(units), _UNITS_A_PART):
            yield Units(units=tuple(units[start : start + _UNITS_A_PART]))

    def _units(self) -> Units:
        return next(self._unit_parts())

    @cached_property
    def slots_by_district(self) -> dict[int, int]:
        """Return slots by district unit."""
        counts: Counter[int] = Counter()
        for (district, _), count in zip(read_nation().places, self.electorate.slots_by_unit.values(), strict=True):
            counts[FIRST_UNIT + district - 1] += count
        return dict(sorted(counts.items()))

    def write_roll(self) -> Iterator[RollChunk]:
        """Yield the roll, leaf unit by leaf unit."""
        number = first = 0
        for at, count in enumerate(self.electorate.slots_by_unit.values()):
            district = read_nation().places[at][0]
            for start in range(first, first + count, SLOTS_A_CHUNK):
                slots = range(start, min(start + SLOTS_A_CHUNK, first + count))
                group = RollGroup(
                    unit=leaf_of(at),
                    style=district,
                    pseudonyms=b"".join(map(self.pseudonym, slots)),
                )
                yield RollChunk(number=number, groups=(group,))
                number += 1
            first += count

    def write_freeze(self, chunks: int) -> Freeze:
        """Return the freeze of a roll of so many chunks."""
        slots = sorted(self.slots_by_district.items())
        return Freeze(chunks=chunks, slots=tuple(DistrictSlots(district=name, count=count) for name, count in slots))


def leaf_of(place: int) -> int:
    """Return the unit id of a leaf by its position in the electorate."""
    return _FIRST_LEAF + place


@dataclass
class NationalBooth(Booth):
    """Where the country's voters vote: each on the paper of her district, with an ES256 passkey."""

    electorate: NationalElectorate

    @cached_property
    def contests(self) -> list[SealedFor]:
        """Return the contest of each district."""
        return [
            SealedFor(KIND, GROUP, self.manifest_hash, number, number, OneOf.default(len(paper.options)), self.key)
            for number, paper in enumerate(self.electorate.published.questions, start=1)
        ]

    @cached_property
    def commission(self) -> Commission:
        """Return the commission of the same seed."""
        return NationalCommission(self.electorate, manifest_hash=self.manifest_hash)

    def passkey(self, voter: int) -> SoftwarePasskey:
        """Return a voter's passkey."""
        return make_passkey(self.electorate.secret("passkey", voter))

    def seed(self, voter: int, number: int) -> BallotSeed:
        """Return the seed of a voter's ballot."""
        return BallotSeed(KIND, self.electorate.secret("ballot", voter, number))

    def seal(self, task: Task, head: Head, *, use: str = "ballot") -> Sealed:
        """Seal the voter's drawn choice."""
        del use
        contest = self.contests[self.electorate.district(task.voter) - 1]
        seed, pseudonym = self.seed(task.voter, task.number), self.pseudonym(task.voter)
        opening = seed.derive_opening()
        position = Position(pseudonym, task.number, task.previous, lock_of(KIND, opening))
        sealed = seal_contest(contest, position, seed, self.electorate.choices(task.voter, task.number))
        ballot = Frame(self.manifest_hash, contest.style, position, head.size, head.root, (sealed,)).to_bytes()
        return Sealed(pseudonym, ballot, hash_ballot(KIND, ballot), opening)

    def opened(self, voter: int, number: int) -> tuple[int, list[int], int]:
        """Return what a voter's ballot adds to the sums: its unit's position, its randomness by option, its choice."""
        district = self.electorate.district(voter)
        options = len(self.electorate.published.questions[district - 1].options)
        seed = self.seed(voter, number)
        randomness = [seed.derive_encryption(GROUP, district, option) for option in range(options)]
        return self.electorate.unit_index(voter), randomness, self.electorate.choices(voter, number)[0]


def stride(count: int) -> int:
    """Return a step with which `count` numbers are all met once, far from each other.

    >>> sorted(at * stride(10) % 10 for at in range(10)) == list(range(10))
    True
    """
    step = max(1, round(count * 0.6180339887))
    while math.gcd(step, count) != 1:
        step += 1
    return step
