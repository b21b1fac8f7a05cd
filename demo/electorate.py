"""Who may vote in the demo, in which region, and what each voter chooses, drawn from published figures.

Data: `demo/data/kg-president-2021.json` (shares and turnout of 2021-01-10) and `demo/data/kg-regions-2021.json`. Every
draw depends on the seed and the voter's number alone, so that any process can draw any voter again without a table.

>>> electorate = Electorate(published(), voters=100, seed=1)
>>> len(electorate.choices(7)), electorate.choices(7) == electorate.choices(7)
(2, True)
>>> sum(electorate.slots_by_unit.values()) >= 100
True
"""

import bisect
import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

DATA = Path(__file__).parent / "data"
LANGUAGES = ("ky", "ru", "en")

Text3 = dict[str, str]
"""One text in the three languages of the dictionary."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the day: its title, its options in the order of the ballot paper, and the published shares."""

    name: str
    title: Text3
    options: tuple[Text3, ...]
    shares_percent: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """One leaf unit with its share of the electorate."""

    id: str
    name: Text3
    weight: float


@dataclass(frozen=True, slots=True)
class Published:
    """The published figures that the demo draws from."""

    questions: tuple[Question, ...]
    country: Text3
    units: tuple[Unit, ...]
    registered: int
    participated: int


def published() -> Published:
    """Read the two data files of the project."""
    election = json.loads((DATA / "kg-president-2021.json").read_text(encoding="utf-8"))
    regions = json.loads((DATA / "kg-regions-2021.json").read_text(encoding="utf-8"))
    president = Question(
        name="president-2021",
        title={
            "ky": "Кыргыз Республикасынын Президентин шайлоо",
            "ru": "Выборы Президента Кыргызской Республики",
            "en": "Election of the President of the Kyrgyz Republic",
        },
        options=tuple(_text3(option) for option in election["options"]),
        shares_percent=tuple(option["share_percent"] for option in election["options"]),
    )
    referendum = Question(
        name="referendum-2021",
        title={
            "ky": "Башкаруунун түрүн аныктоо боюнча референдум",
            "ru": "Референдум по определению формы правления",
            "en": "Referendum on the form of government",
        },
        options=tuple(_text3(option) for option in election["referendum_same_day"]["options"]),
        shares_percent=tuple(option["final_percent"] for option in election["referendum_same_day"]["options"]),
    )
    abroad = regions["abroad_share_percent"] / 100
    at_home = sum(unit.get("population_thousand", 0.0) for unit in regions["units"])
    units = tuple(
        Unit(
            unit["id"],
            _text3(unit),
            (1 - abroad) * unit["population_thousand"] / at_home if "population_thousand" in unit else abroad,
        )
        for unit in regions["units"]
    )
    totals = election["protocol_totals"]
    return Published(
        (president, referendum),
        _text3(regions["country"]),
        units,
        totals["registered_voters"],
        totals["participated"],
    )


def _text3(names: Mapping[str, object]) -> Text3:
    """Take each language, or the Kyrgyz form where the source prints no other (names of persons)."""
    return {language: str(names.get(language, names["ky"])) for language in LANGUAGES}


def apportion(total: int, weights: Sequence[float]) -> list[int]:
    """Split `total` by largest remainders; ties go to the earlier weight.

    >>> apportion(10, [1.0, 1.0, 1.0])
    [4, 3, 3]
    """
    scale = total / sum(weights)
    floors = [int(weight * scale) for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (floors[i] - weights[i] * scale, i))
    for i in by_remainder[: total - sum(floors)]:
        floors[i] += 1
    return floors


@dataclass(slots=True)
class Electorate:
    """The slots of every unit, and the voters 0 .. voters-1 with their choices.

    Slots are numbered 0 .. slots-1 unit by unit, at the published turnout; the voters of a unit hold its first slots.
    A draw is a hash of (seed, use, number), never a shared random state.
    """

    published: Published
    voters: int
    seed: int
    slots_by_unit: dict[str, int] = field(init=False)
    voters_by_unit: dict[str, int] = field(init=False)
    _voter_ends: list[int] = field(init=False)
    _slot_starts: list[int] = field(init=False)
    _cumulative: list[list[float]] = field(init=False)

    def __post_init__(self) -> None:
        """Apportion slots and voters over the units by their weights."""
        weights = [unit.weight for unit in self.published.units]
        ids = [unit.id for unit in self.published.units]
        voters = apportion(self.voters, weights)
        registered = max(self.voters, round(self.voters * self.published.registered / self.published.participated))
        absent = apportion(registered - self.voters, weights)
        slots = [cast + stayed for cast, stayed in zip(voters, absent, strict=True)]
        self.voters_by_unit = dict(zip(ids, voters, strict=True))
        self.slots_by_unit = dict(zip(ids, slots, strict=True))
        self._voter_ends = list(itertools.accumulate(voters))
        self._slot_starts = [0, *itertools.accumulate(slots)]
        self._cumulative = [
            [0.0, *itertools.accumulate(question.shares_percent)] for question in self.published.questions
        ]

    @property
    def slots(self) -> int:
        """Return the number of all slots."""
        return self._slot_starts[-1]

    def unit_index(self, voter: int) -> int:
        """Return the position of the voter's unit in `published.units`."""
        return bisect.bisect_right(self._voter_ends, voter)

    def slot(self, voter: int) -> int:
        """Return the slot that the voter holds."""
        unit = self.unit_index(voter)
        first_voter = self._voter_ends[unit - 1] if unit else 0
        return self._slot_starts[unit] + voter - first_voter

    def choices(self, voter: int, ballot: int = 1) -> tuple[int, ...]:
        """Draw one option per question for the voter's ballot with this number (a re-vote is drawn anew)."""
        drawn = []
        for number, steps in enumerate(self._cumulative):
            point = self.draw("choice", voter, ballot, number) * steps[-1]
            drawn.append(min(bisect.bisect_right(steps, point) - 1, len(steps) - 2))
        return tuple(drawn)

    def draw(self, use: str, *numbers: int) -> float:
        """Return a number in [0, 1) that depends on the seed, the use and the numbers alone."""
        return int.from_bytes(self.secret(use, *numbers)[:6], "big") / (1 << 48)

    def secret(self, use: str, *numbers: int) -> bytes:
        """Return 32 bytes for this use; whoever knows the seed knows them, which is right for kind *demo* only."""
        text = f"dobush-demo/{self.seed}/{use}/{'/'.join(map(str, numbers))}"
        return hashlib.sha256(text.encode()).digest()

    def tally(self, ballots_of: Mapping[int, int], left_out: set[int]) -> list[Counter[int]]:
        """Count the drawn choices: `ballots_of` gives a voter's last ballot number where it is not 1."""
        counts: list[Counter[int]] = [Counter() for _ in self.published.questions]
        for voter in range(self.voters):
            if voter not in left_out:
                for question, option in enumerate(self.choices(voter, ballots_of.get(voter, 1))):
                    counts[question][option] += 1
        return counts
