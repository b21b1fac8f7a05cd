"""The board and trustee 3 show trustee 1 one dealing and trustee 2 another: their programs cannot finish one key."""

import copy
from dataclasses import replace

import pytest

from crypto.election.entries import BODIES, parse_entry
from crypto.errors import Refused
from tests.trustees import HERE, Programs, Trustees
from trustee_tools.ceremony import Consent

YES = Consent(now_ms=21_000, short_name="test")


def split() -> tuple[Programs, Programs]:
    """Return two rooms over the same key files: in each, trustee 3 has committed to and dealt something else."""
    ours = Programs()
    ours.finish(rounds=1)
    for place in (1, 2):
        ours.act(place)
    theirs = copy.copy(ours)
    state = ours.view.ceremony
    theirs.view = replace(ours.view, ceremony=copy.deepcopy(state, {id(state.setting): state.setting}))
    theirs.disks = [*ours.disks[:2], copy.deepcopy(ours.disks[2])]
    for room in (ours, theirs):
        room.act(3)
        for place in (1, 2, 3):
            room.act(place)
    return ours, theirs


def stage(room: Programs, raw: bytes) -> None:
    entry = parse_entry(raw)
    method = getattr(room.view.ceremony, f"stage_{entry.type.replace('-', '_')}")
    Trustees.apply(method(BODIES[entry.type].parse(entry.body), HERE))


def test_what_was_answered_to_one_dealing_is_refused_beside_the_other() -> None:
    ours, theirs = split()
    assert ours.view.ceremony.dealings()[:2] == theirs.view.ceremony.dealings()[:2]
    assert ours.view.ceremony.dealings()[2] != theirs.view.ceremony.dealings()[2]
    ours.act(1)
    (foreign,) = theirs.start(2).perform("answer", YES)
    with pytest.raises(Refused) as refusal:
        stage(ours, foreign)
    assert refusal.value.culprit == "trustee 2"
    assert ours.view.ceremony.missing(4) == (2, 3)


def test_a_program_that_answered_one_record_gives_the_same_answer_to_the_other() -> None:
    """It cannot be played against itself: whoever shows it a second record gets no second answer."""
    ours, theirs = split()
    first = theirs.start(2).perform("answer", YES)
    assert ours.start(2).perform("answer", YES) == first
    with pytest.raises(Refused):
        stage(ours, first[0])
