"""The public pages in a browser: what they compute, what they say was not checked, and what they refuse to show."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from crypto.election.entries import Aggregate, Close, Decision, DistrictSlots, Entry, Freeze, Option, Result, Text3
from crypto.merkle import leaf_hash
from locales import dictionary
from tests.e2e_browser.country import DISTRICTS, VOTED, Country
from tests.e2e_browser.place import LANGUAGES, Place, faults, is_narrow, visit
from tests.e2e_browser.town import ARGUMENTS, CHROMIUM
from tests.folders import files_of, files_of_entries
from tests.simulator import World, fresh, make_parts, signing_key, world_at

HERE = "http://localhost:1"
PAGES = ("results", "turnout", "blocks", "entries", "witnesses")


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
    yield started
    started.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 320, "height": 640}, locale="en-GB", accept_downloads=True)
    yield made
    made.close()


class Board:
    """The public pages, read by their own words."""

    def __init__(self, context: BrowserContext, place: Place, language: str = "en") -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(20_000)
        expect.set_options(timeout=20_000)
        self.words, self.language, self.place = dictionary(language), language, place
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.elsewhere = visit(context, place)

    def t(self, key: str, **fields: object) -> str:
        return self.words(f"board-page.{key}", **fields)

    def open(self, route: str) -> Board:
        self.page.goto(f"{HERE}/board/?lang={self.language}#/{route}")
        return self

    def go(self, route: str) -> Board:
        self.page.evaluate("(route) => { location.hash = '#/' + route; }", route)
        return self

    def sees(self, key: str, **fields: object) -> None:
        expect(self.page.locator("main")).to_contain_text(self.t(key, **fields))

    def table(self, name: str) -> list[list[str]]:
        """Return the cells of a table's body."""
        found = self.page.get_by_role("region", name=name, exact=True)
        found.wait_for()
        # Rows of entries come after their table's head.
        found.locator("tbody tr").first.wait_for()
        rows = found.locator("tbody tr").all()
        return [[" ".join(cell.split()) for cell in row.locator("th, td").all_inner_texts()] for row in rows]

    def save(self, label: str) -> bytes:
        with self.page.expect_download() as saved:
            self.page.get_by_role("button", name=self.t(label), exact=True).first.click()
        return saved.value.path().read_bytes()

    def shows_no_figure(self) -> None:
        assert not self.page.locator("svg").count()
        assert not self.page.get_by_text("%", exact=False).locator("visible=true").filter(has_text="36").count()


def place_of(world: World, client: Path) -> Place:
    return Place(HERE, files_of(world), client, world.manifest_hash)


# ---------------------------------------------------------------------------- figures


def test_results_are_those_that_the_voters_chose(context: BrowserContext, client: Path) -> None:
    world = world_at("complete")
    board = Board(context, place_of(world, client)).open("results")
    first, second = world.expected(1), world.expected(2)
    rows = board.table(board.t("results-of", name="Head of the town"))
    assert [row[:2] for row in rows] == [
        [name, str(votes)] for name, votes in zip(("Akylai", "Bolot", "Against all"), first, strict=True)
    ]
    assert rows[0][2] == f"{100 * first[0] / sum(first):.1f} %"
    rows = board.table(board.t("results-of", name="Council"))
    assert [int(row[1]) for row in rows] == list(second)
    board.sees("base.other", n=sum(first))
    checks = {row[0]: row[1] for row in board.table(board.t("checks"))}
    assert "passed" in checks[board.t("check.cells")]
    for key in ("ceremony", "passkeys", "proofs", "sums", "shares"):
        assert "not run" in checks[board.t(f"check.{key}")]
    told = list(csv.DictReader(board.save("save-csv").decode("utf-8-sig").splitlines()))
    assert [int(row["votes"]) for row in told] == [*first, *second]
    assert {row["base_ballots"] for row in told[:3]} == {str(sum(first))}
    saved = json.loads(board.save("save-json"))
    assert (saved["manifest_hash"], saved["contests"][0]["votes"]) == (world.manifest_hash.hex(), list(first))
    assert (board.errors, board.elsewhere) == ([], [])


def test_turnout_by_district_and_by_block(context: BrowserContext, client: Path) -> None:
    world = world_at("complete")
    board = Board(context, place_of(world, client)).open("turnout")
    board.sees("turnout-sum", counted=19, slots=24)
    assert board.table(board.t("by-district")) == [
        ["North", "10", "9", "8", "80.0 %"],
        ["South", "14", "11", "11", "78.6 %"],
    ]
    rows = board.table(board.t("by-block"))
    assert sum(int(row[2]) for row in rows) == 22
    assert rows[-1][4].startswith("20 ")
    told = list(csv.DictReader(board.save("save-csv").decode("utf-8-sig").splitlines()))
    assert [(row["slots"], row["voted"]) for row in told] == [("10", "8"), ("14", "11")]
    assert json.loads(board.save("save-json"))["rests_on"] == "ballots"


def test_a_district_of_few_people_shows_no_number(context: BrowserContext, client: Path) -> None:
    world = World(changes={"minimum_cell": 12})
    world.run("voted")
    board = Board(context, place_of(world, client)).open("turnout")
    assert board.table(board.t("by-district"))[0][2:] == [board.t("few", least=12)] * 2 + ["–"]
    assert b"withheld" in board.save("save-csv")


def test_before_the_close_there_are_no_results(context: BrowserContext, client: Path) -> None:
    board = Board(context, place_of(world_at("voted"), client)).open("results")
    board.sees("results-none")
    assert not board.page.get_by_role("region", name=board.t("results-of", name="Council")).count()


def test_a_withdrawn_candidate_and_an_annulled_part_are_marked(context: BrowserContext, client: Path) -> None:
    world = fresh("complete")
    world.accept([world.by_officers("decision", Decision("withdrawn", 1, 1, bytes(32)))])
    cell = world.record.tally.plan.items[0]
    world.accept([world.by_officers("decision", Decision("annulled", cell.contest, cell.number, bytes(32)))])
    board = Board(context, place_of(world, client)).open("results")
    rows = board.table(board.t("results-of", name="Head of the town"))
    assert rows[1][0] == f"Bolot ({board.t('out-of-ranking')})"
    board.sees("annulled", n=1)


# ------------------------------------------------------------------------------------------------------------ the board


def test_blocks_entries_and_one_entry_decoded(context: BrowserContext, client: Path) -> None:
    world = world_at("complete")
    board = Board(context, place_of(world, client)).open("blocks")
    rows = board.table(board.t("page.blocks"))
    assert (rows[0][0], sum(int(row[2]) for row in rows)) == ("20", len(world.entries))
    board.page.get_by_role("link", name="4", exact=True).click()
    board.sees("block-proved", first=25, last=50, n=26)
    held = {row[0]: row[1] for row in board.table(board.t("in-block"))}
    assert held[board.t("type.credential")] == "20"
    board.page.get_by_role("link", name=board.t("show-entries"), exact=True).click()
    board.sees("shown", first=25, last=74, size=len(world.entries))
    board.go("entry/0")
    board.sees("in-tree", size=len(world.entries))
    expect(board.page.locator("main")).to_contain_text(world.manifest.origin)
    expect(board.page.locator("main")).to_contain_text("officer 1 (Commission)")
    expect(board.page.locator("main")).to_contain_text(leaf_hash(world.entries[0]).hex())
    board.go("entry/99999")
    board.sees("not-found")
    board.go("block/99")
    board.sees("no-block")


def test_entries_are_found_by_number_code_and_hash(context: BrowserContext, client: Path) -> None:
    world = world_at("complete")
    index = next(at for at, raw in enumerate(world.entries) if raw[3:9] == b"ballot")
    board = Board(context, place_of(world, client)).open(f"entry/{index}")
    code = board.page.locator("dd.mono").nth(1).inner_text()
    for text in (code, leaf_hash(world.entries[index]).hex().upper(), str(index)):
        board.go("entries")
        board.page.get_by_label(board.t("search"), exact=True).fill(text)
        board.page.get_by_role("button", name=board.t("find"), exact=True).click()
        expect(board.page.locator("h2")).to_contain_text(f"{board.t('entry')} {index}")
    board.go("entries")
    board.page.get_by_label(board.t("search"), exact=True).fill("2222-2222")
    board.page.get_by_role("button", name=board.t("find"), exact=True).click()
    board.sees("not-found")


def test_a_wrong_proof_of_the_server_is_said_so(context: BrowserContext, client: Path) -> None:
    world = world_at("complete")
    place = place_of(world, client)
    wrong = b"c2sp.org/tlog-proof@v1\nindex 3\n\n" + world.checkpoints[-1]
    place.get = lambda path: wrong if path.startswith("log/proof/") else None
    board = Board(context, place).open("entry/3")
    board.sees("proof-failed")


def test_witnesses_with_their_last_cosignature_and_lag(context: BrowserContext, client: Path) -> None:
    world = fresh("complete")
    late = world.cosign(world.writer.checkpoint, count=3)
    board = Board(context, Place(HERE, files_of_entries(world.entries, late), client)).open("witnesses")
    expect(board.page.get_by_text(board.t("not-on-this"), exact=False)).to_have_count(1)
    rows = board.table(board.t("witnesses"))
    assert [row[0] for row in rows] == [f"watch.example/{at}" for at in (1, 2, 3, 4)]
    assert board.t("not-on-this") in rows[3][1]
    assert board.t("seconds.other", n=119) in rows[3][2]


# ---------------------------------------------------------------------------- figures that cannot be true


def plant(*bodies: Callable[[World], bytes]) -> World:
    """Return a closed world into whose log entries were written that its rules refuse."""
    world = fresh("disputed")
    world.block([make(world) for make in bodies])
    world.block()
    return world


def officers(entry_type: str, body: object) -> Callable[[World], bytes]:
    return lambda world: world.by_officers(entry_type, body)  # type: ignore[arg-type]


def counted(world: World) -> Aggregate:
    item = world.record.tally.plan.items[0]
    return Aggregate(item.contest, item.number, item.cell.units, item.cell.ballots, item.sums)


def with_cell(votes: tuple[int, ...], **changes: object) -> tuple[Callable[[World], bytes], Callable[[World], bytes]]:
    """Return makers of the first cell's aggregate, changed, and of a result for it."""
    return (
        lambda world: world.by_log("aggregate", replace(counted(world), **changes)),  # type: ignore[arg-type]
        lambda world: world.by_officers("result", Result(counted(world).contest, counted(world).cell, votes)),
    )


CONTRADICTIONS = {
    "over-100": with_cell((90, 0, 0)),
    "votes-do-not-add-up": with_cell((1, 0, 0)),
    "other-options": with_cell((1, 1)),
    "more-votes-than-ballots": with_cell((90, 0, 0), ballots=90),
}


@pytest.mark.parametrize("key", CONTRADICTIONS)
def test_results_that_cannot_be_true_are_not_shown(context: BrowserContext, client: Path, key: str) -> None:
    board = Board(context, place_of(plant(*CONTRADICTIONS[key]), client)).open("results")
    board.sees("contradiction")
    pattern = board.t(f"contradiction.{key}", contest=1, cell=0, ballots=90, votes=90, counted=0)
    expect(board.page.get_by_role("alert")).to_contain_text(pattern.split()[0])
    assert not board.page.locator("svg").count()
    assert not board.page.get_by_role("region").count()
    assert faults(board.page) == []
    # The board itself can be looked at.
    board.go("entries")
    assert board.table(board.t("board"))


def test_a_unit_in_two_sums_is_not_counted_twice(context: BrowserContext, client: Path) -> None:
    def twice(world: World) -> bytes:
        made = counted(world)
        return world.by_log("aggregate", replace(made, cell=made.cell + 77))

    makers = with_cell(world_votes())
    board = Board(context, place_of(plant(makers[0], twice), client)).open("results")
    board.sees("contradiction")
    assert not board.page.locator("svg").count()


def world_votes() -> tuple[int, ...]:
    return (1, 1, 1)


def test_more_keys_than_people_are_refused_loudly(context: BrowserContext, client: Path) -> None:
    # The freeze of a world that says less than its roll holds.
    world = fresh("certified")
    roll = world.by_registrars("roll", world.roll_chunk())
    small = Freeze(1, (DistrictSlots(2, 3), DistrictSlots(3, 14)))
    world.block([roll, world.by_officers("freeze", small)], [])
    world.block([], [world.credential(voter) for voter in world.registered()])
    board = Board(context, place_of(world, client)).open("turnout")
    board.sees("contradiction")
    expect(board.page.get_by_role("alert")).to_contain_text("9")


def test_a_result_of_one_officer_changes_nothing(context: BrowserContext, client: Path) -> None:
    makers = with_cell((3, 3, 2))

    def alone(world: World) -> bytes:
        made = counted(world)
        return world.sign("result", Result(made.contest, made.cell, (3, 3, 2)), signing_key("officer", 0))

    board = Board(context, place_of(plant(makers[0], alone), client)).open("results")
    board.sees("results-none")
    checks = {row[0]: row[1] for row in board.table(board.t("checks"))}
    assert "FAILED" in checks[board.t("check.authors")]


def test_a_close_with_another_number_is_seen(context: BrowserContext, client: Path) -> None:
    world = fresh("voted")
    world.wait_until(world.manifest.closes_at_ms + world.manifest.grace_ms)
    world.block()
    world.block()
    world.block([world.by_officers("close", Close(world.record.tally.accepted + 5))])
    world.block()
    board = Board(context, place_of(world, client)).open("turnout")
    checks = {row[0]: row[1] for row in board.table(board.t("checks"))}
    assert "FAILED" in checks[board.t("check.close")]


# ---------------------------------------------------------------------------------------------------- hostile boards


@pytest.mark.parametrize(
    ("start", "change"),
    [
        ("checkpoint", b"nothing"),
        ("tile/0/", bytes(32)),
        ("tile/entries/", None),
        ("tile/entries/", b"\x00" * 70_000),
    ],
)
def test_a_server_that_sends_something_else_is_not_believed(
    context: BrowserContext, client: Path, start: str, change: bytes | None
) -> None:
    files = files_of(world_at("complete"))
    wanted = [path for path in files if path.startswith(start)]
    changed = {path: data for path, data in files.items() if path not in wanted}
    changed |= {} if change is None else dict.fromkeys(wanted, change)
    board = Board(context, Place(HERE, changed, client, world_at("complete").manifest_hash)).open("results")
    board.sees("refusal")
    board.sees("refusal-then")
    assert not board.page.locator("svg, table").count()
    assert board.errors == []


def test_the_board_of_another_election_than_the_pinned_one_is_refused(context: BrowserContext, client: Path) -> None:
    world = world_at("complete")
    board = Board(context, Place(HERE, files_of(world), client, bytes(31) + b"\x01")).open("results")
    board.sees("refusal")
    expect(board.page.locator("main")).to_contain_text("RECORD-3")


def test_a_server_that_does_not_answer_is_not_called_a_liar(context: BrowserContext, client: Path) -> None:
    place = place_of(world_at("complete"), client)
    board = Board(context, place)
    context.route("**/log/**", lambda route: route.abort())
    board.open("results").sees("unreachable-then")
    expect(board.page.locator("main")).not_to_contain_text(board.t("refusal"))


def test_hostile_texts_and_bytes_stay_what_they_are(context: BrowserContext, client: Path) -> None:
    evil = "<img src=x onerror=document.title='owned'>=2+3"
    parts = make_parts()
    first, second = parts.contests
    named = replace(first, title=Text3(evil, evil, evil), options=(Option(Text3(evil, evil, evil)), *first.options[1:]))
    world = World(replace(parts, contests=(named, second)), changes={"title": Text3(evil, evil, evil)})
    world.run("complete")
    junk = [b"", b"\x84", Entry("incident", b"\xff" * 60_000).to_bytes(), b"\x84\x01\x66ballot" + b"\x00" * 65_000]
    world.block_as_given(*junk)
    world.block()
    board = Board(context, place_of(world, client)).open("results")
    expect(board.page.get_by_text(evil).first).to_be_visible()
    assert not board.page.locator("img").count()
    assert board.page.title() == board.t("title")
    told = board.save("save-csv").decode("utf-8-sig")
    assert "'=" not in told or "\n=" not in told
    start = len(world.entries) - 5
    for offset in range(4):
        board.go(f"entry/{start + offset}")
        expect(board.page.locator("main")).to_contain_text(leaf_hash(world.entries[start + offset]).hex())
        assert is_narrow(board.page)
    assert board.errors == []


# ----------------------------------------------------------------------------------------------- the board of a country

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def country() -> Country:
    return Country()


def test_a_countrys_results_and_turnout_need_little_of_its_board(
    context: BrowserContext, client: Path, country: Country
) -> None:
    place = Place(HERE, {}, client, country.world.manifest_hash, country.get)
    board = Board(context, place).open("results")
    stations = DISTRICTS * country.leaves
    rows = board.table(board.t("results-of", name="President"))
    assert [int(row[1].replace(",", "")) for row in rows] == [votes * stations for votes in VOTED]
    expect(board.page.locator("main")).to_contain_text(f"The board has {country.size:,} entries.")
    checks = {row[0]: row[1] for row in board.table(board.t("checks"))}
    assert "passed" in checks[board.t("check.authors")]
    for key in ("sequence", "cells", "passkeys", "proofs", "sums"):
        assert "not run" in checks[board.t(f"check.{key}")]
    board.go("turnout")
    board.sees("turnout-from-sums")
    assert board.table(board.t("by-district"))[0][1:] == ["900", "560", "62.2 %"]
    rows = board.table(board.t("entries-by-block"))
    assert len(rows) <= 25
    assert sum(int(row[2].replace(",", "")) for row in rows) >= country.ballots
    assert json.loads(board.save("save-json"))["rests_on"] == "sums"
    assert place.sent < 4 * MEGABYTE, place.sent
    assert (board.errors, board.elsewhere) == ([], [])
    assert faults(board.page) == []
    assert is_narrow(board.page)


def test_a_countrys_board_is_looked_at_block_by_block(context: BrowserContext, client: Path, country: Country) -> None:
    place = Place(HERE, {}, client, country.world.manifest_hash, country.get)
    board = Board(context, place).open("blocks")
    rows = board.table(board.t("page.blocks"))
    assert (len(rows), rows[0][0]) == (25, str(len(country.starts) - 1))
    board.go("block/300")
    start, end = country.starts[300], country.starts[301]
    board.sees("block-proved", first=f"{start:,}", last=f"{end - 1:,}", n=f"{end - start:,}")
    board.page.get_by_role("button", name=board.t("count-block", n=f"{end - start:,}"), exact=True).click()
    assert board.table(board.t("in-block")) == [["seal of a block", "1"], ["ballot", f"{end - start - 1:,}"]]
    board.go(f"entry/{start}")
    board.sees("in-tree", size=f"{country.size:,}")
    expect(board.page.locator("main")).to_contain_text(leaf_hash(country.entry(start)).hex())
    board.go("witnesses")
    assert len(board.table(board.t("witnesses"))) == 4
    assert place.sent < 8 * MEGABYTE, place.sent
    assert (board.errors, board.elsewhere) == ([], [])


def test_a_server_that_names_wrong_places_of_a_countrys_board_is_refused(
    context: BrowserContext, client: Path, country: Country
) -> None:
    def answer(path: str) -> bytes | None:
        if path == "election/places":
            return json.dumps({**country.places, "close": country.starts[5]}).encode()
        if path.startswith("log/blocks"):
            return json.dumps({"starts": {block: country.starts[block] + 1 for block in range(1, 400)}}).encode()
        return country.get(path)

    board = Board(context, Place(HERE, {}, client, country.world.manifest_hash, answer)).open("results")
    board.sees("refusal")
    expect(board.page.locator("main")).to_contain_text("BOARD-5")
    assert not board.page.locator("svg").count()
    board.go("block/300")
    board.sees("refusal-then")
    expect(board.page.locator("main")).to_contain_text("BOARD-6")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_accessible_and_fits_a_small_phone(context: BrowserContext, client: Path, language: str) -> None:
    board = Board(context, place_of(world_at("complete"), client), language).open("results")
    for route in (*PAGES, "block/4", "entry/0", "entry/60", "entry/103"):
        board.go(route)
        board.page.locator("h2").first.wait_for()
        expect(board.page.get_by_text(board.t("loading"), exact=True)).to_have_count(0)
        board.page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert faults(board.page) == []
        assert is_narrow(board.page), route
    assert (board.errors, board.elsewhere) == ([], [])
    assert not [path for path in board.place.asked if not path.startswith(("board/", "log/", "election/"))]
