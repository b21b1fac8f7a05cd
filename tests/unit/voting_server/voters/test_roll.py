"""Reading and placing a roll: the same from CSV and JSON, the longest place wins, anything near a roll is refused."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator import world_at
from voting_server.voters.roll import (
    COLUMNS,
    Mend,
    Person,
    RollFileError,
    find_place,
    parse_mends,
    parse_people,
    parse_places,
    place_all,
    style_of,
)
from voting_server.voters.slots import CHUNK_GROUPS, CHUNK_SLOTS, Slot, count_by_district, cut

ROW = {
    "number": "2" * 14,
    "surname": "Асанова",
    "given": "Айгүл",
    "patronymic": "",
    "born": "1990-02-28",
    "address": "Town, North",
}
PARTS = world_at("founded").record.parts


def test_csv_and_json_give_the_same_persons() -> None:
    text = ",".join(COLUMNS) + "\r\n" + ",".join(f'"{ROW[name]}"' for name in COLUMNS) + "\r\n"
    assert parse_people("\ufeff" + text, "csv") == parse_people(json.dumps([ROW]), "json")


@pytest.mark.parametrize(
    "rows",
    [
        "[]",
        "{}",
        "null",
        "[1]",
        "[[]]",
        "[",
        "[" * 100_000,
        json.dumps([{**ROW, "more": ""}]),
        json.dumps([{name: ROW[name] for name in COLUMNS[1:]}]),
        json.dumps([{**ROW, "number": 2}]),
        json.dumps([{**ROW, "number": "२" * 14}]),
        json.dumps([{**ROW, "number": "2" * 13}]),
        json.dumps([{**ROW, "born": "19900228"}]),
        json.dumps([{**ROW, "born": "1990-2-28"}]),
        json.dumps([{**ROW, "given": " "}]),
        json.dumps([{**ROW, "given": "a\0b"}]),
        json.dumps([{**ROW, "given": "a\ud800"}]),
        json.dumps([{**ROW, "given": "a\u202eb"}]),
        json.dumps([ROW, ROW]),
    ],
)
def test_what_is_no_roll_is_refused(rows: str) -> None:
    with pytest.raises(RollFileError):
        parse_people(rows, "json")


@pytest.mark.parametrize(
    "text", ["", "address\n", "address,unit\n,2\n", "address,unit\nA,x\n", "address,unit\nA,1\na,2\n"]
)
def test_what_are_no_places_is_refused(text: str) -> None:
    with pytest.raises(RollFileError):
        parse_places(text)


@pytest.mark.parametrize("row", ["", "1,2,3\n", "x,2,,r\n", "1,x,,r\n", "1,2,x,r\n", "1,2,,\n"])
def test_what_are_no_mends_is_refused(row: str) -> None:
    with pytest.raises(RollFileError):
        parse_mends("number,unit,style,reason\n" + row)


def test_the_longest_place_wins_and_only_whole_parts_count() -> None:
    places = parse_places("address,unit\nTown,2\nTown / South,4\nTown / South / right bank,5\nabroad,\n")
    assert find_place("TOWN,  south , Right  Bank, 3", places) == 5
    assert find_place("Town, South, left bank", places) == 4
    assert find_place("Town, Southern street", places) == 2
    assert find_place("Townsville", places) == "unknown-address"
    assert find_place(" , ", places) == "no-address"


def test_everybody_comes_out_of_placing() -> None:
    people = [Person(str(number), "s", "g", "", "1990-01-01", address) for number, address in enumerate(("", "A", "B"))]
    placed = place_all(people, parse_places("address,unit\nA,2\nB,3\n"), [Mend("0", 4, 2, "r")], PARTS)
    assert [(each.unit, each.style, each.fault) for each in placed] == [(4, 2, ""), (2, 1, ""), (0, 0, "no-such-unit")]


def test_no_style_where_two_fit_as_well() -> None:
    styles = (replace(PARTS.manifest.styles[0], id=7), *PARTS.manifest.styles)
    parts = replace(PARTS, manifest=replace(PARTS.manifest, styles=styles))
    assert (style_of(PARTS, 2), style_of(parts, 2)) == (1, 0)
    people = [Person("1", "s", "g", "", "1990-01-01", "A")]
    assert place_all(people, parse_places("address,unit\nA,2\n"), [], parts)[0].fault == "no-style"


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200), st.sampled_from(["csv", "json"]))
def test_any_text_is_read_or_refused(text: str, form: str) -> None:
    head = ",".join(COLUMNS) + "\n" if form == "csv" else ""
    try:
        parse_people(head + text, "csv" if form == "csv" else "json")
    except RollFileError as error:
        assert error.faults  # noqa: PT017 - either way is right
    find_place(text, {("a",): 1})


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 400), st.integers(1, 30)), min_size=1, max_size=300))
def test_chunks_hold_every_slot_once_and_fit_an_entry(groups: list[tuple[int, int]]) -> None:
    slots = [
        Slot(f"{place}-{number}", (place * 1_000 + number).to_bytes(16, "big"), unit, 1)
        for place, (unit, count) in enumerate(groups)
        for number in range(count * 10)
    ]
    chunks = cut(slots)
    held = [
        (group.unit, group.pseudonyms[start : start + 16])
        for chunk in chunks
        for group in chunk.groups
        for start in range(0, len(group.pseudonyms), 16)
    ]
    assert sorted(held) == sorted((slot.unit, slot.pseudonym) for slot in slots)
    assert [chunk.number for chunk in chunks] == list(range(len(chunks)))
    assert all(len(chunk.groups) <= CHUNK_GROUPS for chunk in chunks)
    assert all(sum(len(group.pseudonyms) for group in chunk.groups) <= 16 * CHUNK_SLOTS for chunk in chunks)
    assert all(len(chunk.to_bytes()) < 65_000 for chunk in chunks)
    assert sum(count_by_district(slots, dict.fromkeys(range(401), 1)).values()) == len(slots)
