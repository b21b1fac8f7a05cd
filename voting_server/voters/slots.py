"""Slots: a random pseudonym for each person, cut into roll chunks; what each registrar holds against her own copy.

Spec: `docs/spec/credential.md`. The identity side draws the pseudonyms and proposes chunks; nothing stands on the board
before both registrars have compared every slot with their own copy of the roll and signed. Inside a chunk pseudonyms
stand in order of their bytes, so that the order tells nothing about persons.

>>> slots = draw([("1" * 14, 2, 1), ("2" * 14, 2, 1)], lambda: secrets.token_bytes(16))
>>> chunks = cut(slots)
>>> len(chunks), chunks[0].groups[0].unit, len(chunks[0].groups[0].pseudonyms)
(1, 2, 32)
"""

import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from crypto.election.credential import PSEUDONYM_SIZE
from crypto.election.entries import DistrictSlots, Freeze, RollChunk, RollGroup

CHUNK_SLOTS, CHUNK_GROUPS = 3_200, 200
"""So many make an entry of less than 65,535 bytes with both signatures."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Whose slot it is: known to the identity side and to the registrars, to nobody else."""

    number: str
    pseudonym: bytes
    unit: int
    style: int


class MismatchError(Exception):
    """What the identity side proposes is not what the registrar's own copy says; the message names no person."""


def draw_pseudonym() -> bytes:
    """Return 16 random bytes."""
    return secrets.token_bytes(PSEUDONYM_SIZE)


def draw(people: Iterable[tuple[str, int, int]], pseudonym: Callable[[], bytes] = draw_pseudonym) -> list[Slot]:
    """Return a slot for each (number, unit, style)."""
    return [Slot(number, pseudonym(), unit, style) for number, unit, style in people]


def cut(slots: Sequence[Slot]) -> list[RollChunk]:
    """Return the roll chunks of all slots: by unit and style, pseudonyms in order of their bytes."""
    by_place: dict[tuple[int, int], list[bytes]] = defaultdict(list)
    for slot in slots:
        by_place[slot.unit, slot.style].append(slot.pseudonym)
    chunks: list[list[RollGroup]] = [[]]
    room = CHUNK_SLOTS
    for (unit, style), pseudonyms in sorted(by_place.items()):
        pseudonyms.sort()
        start = 0
        while start < len(pseudonyms):
            if room == 0 or len(chunks[-1]) == CHUNK_GROUPS:
                chunks.append([])
                room = CHUNK_SLOTS
            taken = pseudonyms[start : start + room]
            chunks[-1].append(RollGroup(unit, style, b"".join(taken)))
            start += len(taken)
            room -= len(taken)
    return [RollChunk(number, tuple(groups)) for number, groups in enumerate(chunks)]


def count_by_district(slots: Iterable[Slot], district: Mapping[int, int]) -> dict[int, int]:
    """Return how many slots each district has: the figures that auditors are given from outside."""
    return dict(sorted(Counter(district[slot.unit] for slot in slots).items()))


def freeze_of(chunks: int, figures: Mapping[int, int]) -> Freeze:
    """Return the body of the freeze, which two officers sign."""
    return Freeze(chunks, tuple(DistrictSlots(district, count) for district, count in sorted(figures.items())))


def compare(own: Mapping[str, tuple[int, int]], slots: Sequence[Slot], chunks: Sequence[RollChunk]) -> None:
    """Check proposed slots and chunks against one's own copy (number → unit and style). Raises MismatchError.

    Everybody has one slot, in the place that the own copy gives, nobody else has one; the chunks are exactly these.
    """
    proposed = {slot.number: (slot.unit, slot.style) for slot in slots}
    if len(proposed) != len(slots) or len({slot.pseudonym for slot in slots}) != len(slots):
        raise MismatchError("somebody has two slots, or two persons have one")
    if any(len(slot.pseudonym) != PSEUDONYM_SIZE for slot in slots):
        raise MismatchError("a pseudonym has 16 bytes")
    missing, added = len(own.keys() - proposed.keys()), len(proposed.keys() - own.keys())
    moved = sum(proposed[number] != place for number, place in own.items() if number in proposed)
    if missing or added or moved:
        raise MismatchError(f"{missing} persons without a slot, {added} slots of nobody, {moved} in another place")
    if list(chunks) != cut(slots):
        raise MismatchError("the chunks do not hold exactly these slots")
