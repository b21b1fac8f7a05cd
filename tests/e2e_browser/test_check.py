"""The check page in a browser: what it takes, in which order, what it shows, and everything that it refuses."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, Playwright, expect
from typer.testing import CliRunner

from audit.cli import app
from crypto.election.ballot import Receipt, hash_ballot, make_receipt, tracking_code
from crypto.election.entries import Option, Text3
from crypto.merkle import LogProof, TileReader, prove_inclusion
from crypto.signatures import TYPE_COSIGNATURE, Policy, VerifierKey, parse_checkpoint, parse_note
from locales import dictionary
from tests.e2e_browser.place import LANGUAGES, Place, faults, film_of, is_narrow, picture_of, visit
from tests.e2e_browser.town import ARGUMENTS, CHROMIUM, Town
from tests.folders import files_of, files_of_entries
from tests.simulator import World, fresh, make_parts, signing_key, world_at

HERE, MIRROR = "http://localhost:1", "http://mirror.example"
CHOICES = ((1,), (0, 3))
CHOSEN = ("Bolot", "Cholpon", "Farkhad")
JSON_FILE = "application/json"


@dataclass(frozen=True)
class Checked:
    """A world with one ballot that its phone sealed and opened; `spoiled` says whether the board has it."""

    world: World
    ballot: bytes
    seed: bytes

    @property
    def hash(self) -> bytes:
        return hash_ballot(self.world.kind, self.ballot)

    @property
    def code(self) -> str:
        return tracking_code(self.hash)

    @property
    def link(self) -> str:
        return f"{HERE}/check/#c={url64(self.hash)}"

    @property
    def seed_text(self) -> str:
        return f"dobush:seed:1:{url64(self.seed)}"

    @property
    def file(self) -> FilePayload:
        return check_file(self.ballot, self.seed)


def url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def text64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def check_file(ballot: bytes, seed: bytes) -> FilePayload:
    content = {"dobush": "check/1", "ballot": text64(ballot), "seed": text64(seed)}
    return FilePayload(name="check.json", mimeType=JSON_FILE, buffer=json.dumps(content).encode())


def receipt_file(receipt: Receipt, proof: str | None = None) -> FilePayload:
    content = {"dobush": "receipt/1", "receipt": text64(receipt.to_bytes()), "proof": proof}
    return FilePayload(name="receipt.json", mimeType=JSON_FILE, buffer=json.dumps(content).encode())


def board_file(files: dict[str, bytes]) -> FilePayload:
    content = {"dobush": "board/1", "files": {path: text64(data) for path, data in files.items()}}
    return FilePayload(name="board.json", mimeType=JSON_FILE, buffer=json.dumps(content).encode())


def sealed(world: World, place: int = 0) -> Checked:
    """Return a ballot that a voter's phone sealed in a world of the test's own; the board does not have it."""
    ballot, seed = world.seal_ballot(world.registered()[place], CHOICES)
    return Checked(world, ballot, seed)


def challenged() -> Checked:
    """Return a challenged ballot that the board holds, in a log that was signed once more."""
    made = sealed(fresh("open"))
    made.world.accept([], [made.world.spoil(made.ballot, made.seed)])
    made.world.accept()
    return made


@pytest.fixture(scope="module")
def checked() -> Checked:
    return challenged()


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
    yield started
    started.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 320, "height": 640}, locale="en-GB")
    yield made
    made.close()


class Check:
    """The check page, driven by its own words."""

    def __init__(self, context: BrowserContext, client: Path, *places: Place, language: str = "en") -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(20_000)
        expect.set_options(timeout=20_000)
        self.words, self.language, self.client = dictionary(language), language, client
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.elsewhere = visit(context, *places)

    def t(self, key: str, **fields: object) -> str:
        return self.words(f"check-page.{key}", **fields)

    def open_from(self, url: str, hash_: str = "") -> Check:
        self.page.goto(f"{url}/check/?lang={self.language}{hash_}")
        return self

    def open_from_disk(self) -> Check:
        self.page.goto((self.client / "check/index.html").as_uri() + f"?lang={self.language}")
        return self

    def button(self, key: str) -> None:
        self.page.get_by_role("button", name=self.t(key), exact=True).click()

    def mode(self, key: str) -> None:
        self.button(f"mode.{key}")

    def name_board(self, address: str) -> None:
        self.page.locator("#place").evaluate("(place) => { place.open = true; }")
        self.page.locator("#address").fill(address)

    def choose(self, key: str, file: FilePayload) -> None:
        self.page.get_by_label(self.t(key), exact=True).set_input_files(file)

    def type_in(self, text: str) -> None:
        self.page.locator("textarea").fill(text)
        self.button("take")

    def sees(self, key: str, **fields: object) -> None:
        expect(self.page.locator("body")).to_contain_text(self.t(key, **fields))

    def shows_no_choice(self) -> None:
        assert not any(self.page.get_by_text(name).count() for name in CHOSEN)
        assert not self.page.get_by_role("button", name=self.t("show-choice"), exact=True).count()


def place_of(world: World, client: Path | None = None, url: str = HERE) -> Place:
    return Place(url, files_of(world), client, world.manifest_hash)


# -------------------------------------------------------------------------------------------------- the phone's check


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_challenged_ballot_is_opened_after_a_warning_and_closes_again(
    context: BrowserContext, client: Path, checked: Checked, language: str
) -> None:
    place = place_of(checked.world, client)
    check = Check(context, client, place, language=language).open_from(HERE)
    check.page.clock.install()
    check.type_in(checked.code)
    check.sees("step-2")
    check.type_in(checked.seed_text)
    check.sees("verdict.opened")
    check.sees("step.on-board", index=len(checked.world.entries) - 2)
    check.sees("step.count", n=0)
    assert not any(check.page.get_by_text(name).count() for name in CHOSEN), "shown without a tap"
    check.sees("onlookers")
    check.button("show-choice")
    for name in CHOSEN:
        expect(check.page.get_by_text(name)).to_be_visible()
    assert not check.page.get_by_text("Akylai").count()
    assert faults(check.page) == []
    assert is_narrow(check.page)
    check.page.clock.run_for(31_000)
    expect(check.page.get_by_text(CHOSEN[0])).to_have_count(0)
    assert (check.errors, check.elsewhere) == ([], [])


def test_the_choice_is_covered_when_the_page_goes_out_of_sight(
    context: BrowserContext, client: Path, checked: Checked
) -> None:
    check = Check(context, client, place_of(checked.world, client)).open_from(HERE)
    check.type_in(checked.code)
    check.type_in(checked.seed_text)
    check.button("show-choice")
    expect(check.page.get_by_text(CHOSEN[0])).to_be_visible()
    check.page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: true});document.dispatchEvent(new Event('visibilitychange'))"
    )
    expect(check.page.get_by_text(CHOSEN[0])).to_have_count(0)


def test_the_camera_takes_the_commitment_and_a_picture_the_seed(
    playwright: Playwright, client: Path, checked: Checked, tmp_path: Path
) -> None:
    film = tmp_path / "film.y4m"
    film.write_bytes(film_of(checked.link))
    camera = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *camera])
    try:
        check = Check(browser.new_context(), client, place_of(checked.world, client)).open_from(HERE)
        check.button("camera")
        expect(check.page.locator(".code")).to_have_text(checked.code)
        assert not check.page.locator("video").count(), "the camera goes on"
        picture = FilePayload(name="seed.bmp", mimeType="image/bmp", buffer=picture_of(checked.seed_text))
        check.choose("picture", picture)
        check.sees("verdict.opened")
        assert check.errors == []
    finally:
        browser.close()


def test_without_a_camera_the_page_says_what_else_there_is(context: BrowserContext, client: Path) -> None:
    check = Check(context, client, place_of(world_at("open"), client)).open_from(HERE)
    check.page.evaluate("() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error()); }")
    check.button("camera")
    check.sees("no-camera")
    check.choose("picture", FilePayload(name="x.bmp", mimeType="image/bmp", buffer=b"no picture"))
    check.sees("no-code")


def test_the_order_is_kept(context: BrowserContext, client: Path, checked: Checked) -> None:
    check = Check(context, client, place_of(checked.world, client)).open_from(HERE)
    check.type_in(checked.seed_text)
    check.sees("seed-first")
    check.type_in(checked.code[:-1])
    check.sees("no-commitment")
    check.type_in(checked.code)
    check.type_in(checked.code)
    check.sees("commitment-again")
    check.type_in("dobush:seed:1:zzz")
    check.sees("no-seed")
    check.button("begin-again")
    check.sees("step-1")


def test_a_phones_own_link_brings_the_commitment_and_can_be_looked_up(
    context: BrowserContext, client: Path, checked: Checked
) -> None:
    check = Check(context, client, place_of(checked.world, client)).open_from(HERE, f"#c={url64(checked.hash)}")
    expect(check.page.locator(".code")).to_have_text(checked.code)
    check.button("look-up")
    check.sees("step.code-spoiled", index=len(checked.world.entries) - 2)


def test_a_page_from_a_disk_reads_the_mirror_that_was_named_and_nothing_else(
    context: BrowserContext, client: Path, checked: Checked
) -> None:
    mirror, other = place_of(checked.world, url=MIRROR), place_of(checked.world, url=HERE)
    check = Check(context, client, mirror, other).open_from_disk()
    check.type_in(checked.code)
    check.type_in(checked.seed_text)
    check.sees("no-address")
    # The address of the whole server, as people give it; the log lies below it.
    check.name_board(MIRROR)
    check.type_in(checked.seed_text)
    check.sees("verdict.opened")
    assert mirror.asked
    assert other.asked == []
    assert (check.elsewhere, check.errors) == ([], [])
    assert not any(checked.seed.hex() in path or url64(checked.seed) in path for path in mirror.asked)


def test_everything_works_without_a_network(context: BrowserContext, client: Path, checked: Checked) -> None:
    check = Check(context, client).open_from_disk()
    check.choose("board-file", board_file(files_of(checked.world)))
    check.sees("board-file-taken", n=len(files_of(checked.world)))
    check.type_in(checked.code)
    check.choose("check-file", checked.file)
    check.sees("verdict.opened")
    check.page.locator("#place").evaluate("(place) => { place.open = true; }")
    with check.page.expect_download() as saved:
        check.button("save-board")
    again = json.loads(saved.value.path().read_text(encoding="utf-8"))
    assert again["dobush"] == "board/1"
    assert set(again["files"]) == set(files_of(checked.world))
    assert (check.elsewhere, check.errors) == ([], [])


def test_a_ballot_that_the_board_does_not_hold_is_opened_but_nothing_is_finished(
    context: BrowserContext, client: Path
) -> None:
    made = sealed(fresh("open"))
    check = Check(context, client).open_from_disk()
    check.choose("board-file", board_file(files_of(made.world)))
    check.type_in(made.code)
    check.choose("check-file", made.file)
    check.sees("verdict.unbarred")
    check.sees("step.on-board-open")
    expect(check.page.locator("body")).not_to_contain_text(check.t("verdict.opened"))
    check.button("show-choice")
    expect(check.page.get_by_text(CHOSEN[0])).to_be_visible()


def test_the_page_goes_on_looking_until_the_board_has_the_ballot(context: BrowserContext, client: Path) -> None:
    made = sealed(fresh("open"))
    place = place_of(made.world, client)
    check = Check(context, client, place).open_from(HERE)
    check.page.clock.install()
    check.type_in(made.code)
    check.type_in(made.seed_text)
    check.sees("verdict.waiting")
    made.world.accept([], [made.world.spoil(made.ballot, made.seed)])
    place.log = files_of(made.world)
    check.page.clock.run_for(6_000)
    check.sees("verdict.opened")


def test_a_ballot_that_never_comes_is_not_called_right(context: BrowserContext, client: Path) -> None:
    made = sealed(fresh("open"))
    check = Check(context, client).open_from_disk()
    check.choose("board-file", board_file(files_of(made.world)))
    check.type_in(made.code)
    check.type_in(made.seed_text)
    check.sees("verdict.missing")
    check.shows_no_choice()


def test_a_vote_that_was_cast_is_never_opened(context: BrowserContext, client: Path) -> None:
    made = sealed(fresh("open"))
    voter = made.world.registered()[0]
    made.world.accept([], [made.world.cast(voter, made.ballot)])
    made.world.accept()
    check = Check(context, client, place_of(made.world, client)).open_from(HERE)
    check.type_in(made.code)
    check.choose("check-file", made.file)
    check.sees("verdict.failed")
    check.sees("step.was-cast", index=len(made.world.entries) - 2)
    check.shows_no_choice()


def test_ballots_in_the_voters_name_are_counted(context: BrowserContext, client: Path) -> None:
    world = fresh("open")
    world.accept([], [world.vote(world.registered()[0])])
    made = sealed(world)
    world.accept([], [world.spoil(made.ballot, made.seed)])
    check = Check(context, client, place_of(world, client)).open_from(HERE)
    check.type_in(made.code)
    check.type_in(made.seed_text)
    check.sees("step.count", n=1)


def test_another_ballot_than_the_committed_one_is_caught(context: BrowserContext, client: Path) -> None:
    made = sealed(fresh("open"))
    ballot, seed = made.world.seal_ballot(made.world.registered()[0], ((2,), (1,)), seed=bytes(31) + b"\x07")
    check = Check(context, client, place_of(made.world, client)).open_from(HERE)
    check.type_in(made.code)
    check.choose("check-file", check_file(ballot, seed))
    check.sees("verdict.failed")
    check.sees("step.commitment-failed")
    check.shows_no_choice()


def test_another_seed_is_caught(context: BrowserContext, client: Path, checked: Checked) -> None:
    check = Check(context, client, place_of(checked.world, client)).open_from(HERE)
    check.type_in(checked.code)
    check.type_in(f"dobush:seed:1:{url64(bytes(32))}")
    check.sees("verdict.failed")
    check.sees("step.not-opened-lock")
    check.shows_no_choice()


def test_a_ballot_that_seals_another_choice_shows_that_choice(context: BrowserContext, client: Path) -> None:
    # A phone that seals something else under its own seed: only the voter can see it, and the page shows it.
    world = fresh("open")
    ballot, seed = world.seal_ballot(world.registered()[0], ((0,), (1, 2)))
    made = Checked(world, ballot, seed)
    world.accept([], [world.spoil(ballot, seed)])
    check = Check(context, client, place_of(world, client)).open_from(HERE)
    check.type_in(made.code)
    check.type_in(made.seed_text)
    check.button("show-choice")
    expect(check.page.get_by_text("Akylai")).to_be_visible()
    check.sees("same-choice")


# --------------------------------------------------------------------------- places that do not tell the truth


def lying(files: dict[str, bytes], path_start: str, change: bytes | None) -> dict[str, bytes]:
    """Return a log's files with those of one kind changed (None: left out)."""
    wanted = [path for path in files if path.startswith(path_start)]
    assert wanted
    kept = {path: data for path, data in files.items() if path not in wanted}
    return kept if change is None else {**kept, **dict.fromkeys(wanted, change)}


@pytest.mark.parametrize(
    ("start", "change"),
    [
        ("checkpoint", None),
        ("checkpoint", b"not a note"),
        ("checkpoint", b"\xff" * 70_000),
        ("tile/0/", bytes(32)),
        ("tile/entries/", None),
        ("tile/entries/", b"\x00\x05half"),
        ("tile/entries/", b"\x00" * 100_000),
    ],
)
def test_a_mirror_that_hands_out_something_else_is_refused(
    context: BrowserContext, client: Path, checked: Checked, start: str, change: bytes | None
) -> None:
    place = Place(HERE, lying(files_of(checked.world), start, change), client)
    check = Check(context, client, place).open_from(HERE)
    check.type_in(checked.code)
    check.type_in(checked.seed_text)
    check.sees("verdict.unjudged")
    expect(check.page.locator("body")).not_to_contain_text(check.t("verdict.failed"))
    check.shows_no_choice()
    assert check.errors == []


def test_a_checkpoint_that_too_few_witnesses_signed_is_refused(
    context: BrowserContext, client: Path, checked: Checked
) -> None:
    world = checked.world
    few = world.cosign(world.writer.checkpoint, count=2)
    place = Place(HERE, files_of_entries(world.entries, few), client)
    check = Check(context, client, place).open_from(HERE)
    check.mode("code")
    check.type_in(checked.code)
    check.sees("outcome.failed")
    expect(check.page.locator("body")).to_contain_text("SIGNATURE-")


def test_a_place_cannot_go_back_behind_what_it_showed(context: BrowserContext, client: Path, checked: Checked) -> None:
    place = place_of(checked.world, client)
    check = Check(context, client, place).open_from(HERE)
    check.mode("code")
    check.type_in(checked.code)
    check.sees("step.code-spoiled", index=len(checked.world.entries) - 2)
    place.log = files_of(world_at("open"))
    check.type_in(checked.code)
    check.sees("outcome.failed")
    expect(check.page.locator("body")).to_contain_text("MERKLE-6")


def test_an_old_state_of_the_board_is_pointed_at(context: BrowserContext, client: Path, checked: Checked) -> None:
    check = Check(context, client, place_of(checked.world, client)).open_from(HERE)
    check.mode("code")
    check.type_in(checked.code)
    expect(check.page.locator("body")).to_contain_text(check.t("board-old", time="").partition(":")[0])


def test_the_board_of_another_election_is_refused_where_its_number_is_known(
    context: BrowserContext, client: Path, checked: Checked
) -> None:
    other = World(log=1)
    other.run("open")
    place = Place(HERE, files_of(other), client)
    check = Check(context, client, place).open_from(HERE)
    check.page.locator("#place").evaluate("(place) => { place.open = true; }")
    check.page.locator("#pin").fill("12 34")
    check.mode("code")
    check.type_in(checked.code)
    check.sees("no-pin")
    check.page.locator("#pin").fill(checked.world.manifest_hash.hex(" ", 2))
    check.type_in(checked.code)
    check.sees("outcome.failed")
    expect(check.page.locator("body")).to_contain_text("RECORD-3")
    place.log = files_of(checked.world)
    check.type_in(checked.code)
    check.sees("pin-same")


def test_a_ballot_of_another_election_is_not_opened(context: BrowserContext, client: Path) -> None:
    other = World(log=1)
    other.run("open")
    made = sealed(other)
    check = Check(context, client, place_of(world_at("open"), client)).open_from(HERE)
    check.type_in(made.code)
    check.choose("check-file", made.file)
    check.sees("verdict.failed")
    check.shows_no_choice()


def test_who_does_not_answer_is_said_so(context: BrowserContext, client: Path, checked: Checked) -> None:
    check = Check(context, client, place_of(checked.world, client)).open_from(HERE)
    check.name_board("http://nobody.example")
    check.mode("code")
    check.type_in(checked.code)
    check.sees("unreachable")
    check.name_board("javascript:alert(1)")
    check.type_in(checked.code)
    check.sees("no-address")


# -------------------------------------------------------------------------------------------------- receipts and codes


def policy_of(world: World, *, witnesses: int = 4, foreign: bool = False) -> FilePayload:
    names = world.manifest.witnesses
    keys = [VerifierKey(each.name, each.key, TYPE_COSIGNATURE) for each in names[:witnesses]]
    if foreign:
        keys[0] = VerifierKey(names[0].name, signing_key("stranger").public_key, TYPE_COSIGNATURE)
    policy = Policy(VerifierKey(world.manifest.origin, world.manifest.log_key), tuple(keys), 3)
    return FilePayload(name="policy.txt", mimeType="text/plain", buffer=policy.to_bytes())


def cast_receipt() -> tuple[World, Receipt, int]:
    """Return a world in which a ballot was cast, its receipt, and where the ballot stands."""
    made = sealed(fresh("open"))
    world, voter = made.world, made.world.registered()[0]
    receipt = make_receipt(signing_key("receipt"), world.manifest, made.ballot, world.clock_ms)
    world.accept([], [world.cast(voter, made.ballot)])
    world.accept()
    return world, receipt, len(world.entries) - 2


def proof_of(world: World, index: int) -> str:
    files = files_of(world)
    head = parse_checkpoint(parse_note(world.checkpoints[-1]).text)
    path = prove_inclusion(TileReader(files.get, head.size, head.root).source(), index, head.size)
    return LogProof(index, path, world.checkpoints[-1]).to_bytes().decode()


def test_a_receipt_that_was_kept(context: BrowserContext, client: Path) -> None:
    world, receipt, index = cast_receipt()
    check = Check(context, client, place_of(world, client)).open_from(HERE)
    check.mode("receipt")
    check.choose("receipt-file", receipt_file(receipt))
    check.sees("step.kept", index=index)
    check.sees("step.policy-none")
    check.choose("policy-file", policy_of(world))
    check.sees("step.policy")
    check.sees("outcome.passed")
    assert faults(check.page) == []


@pytest.mark.parametrize("policy", [{"witnesses": 3}, {"foreign": True}])
def test_a_policy_with_other_witnesses_is_seen(context: BrowserContext, client: Path, policy: dict[str, bool]) -> None:
    world, receipt, _ = cast_receipt()
    check = Check(context, client, place_of(world, client)).open_from(HERE)
    check.mode("receipt")
    check.choose("policy-file", policy_of(world, **policy))
    check.sees("policy-taken")
    check.choose("receipt-file", receipt_file(receipt))
    check.sees("step.policy-other")
    check.sees("outcome.failed")


def test_a_receipt_of_another_key_or_election_is_none(context: BrowserContext, client: Path) -> None:
    world, receipt, _ = cast_receipt()
    ballot, _ = world.seal_ballot(world.registered()[1])
    forged = make_receipt(signing_key("stranger"), world.manifest, ballot, world.clock_ms)
    check = Check(context, client, place_of(world, client)).open_from(HERE)
    check.mode("receipt")
    for file in (receipt_file(forged), receipt_file(replace(receipt, origin="other.example/x"))):
        check.choose("receipt-file", file)
        check.sees("outcome.failed")
        expect(check.page.locator("body")).to_contain_text("RECEIPT-")
    check.choose("receipt-file", FilePayload(name="x.json", mimeType=JSON_FILE, buffer=b"{"))
    check.sees("no-receipt")
    expect(check.page.locator("body")).not_to_contain_text(check.t("outcome.failed"))


def test_the_proof_beside_a_receipt_is_followed(context: BrowserContext, client: Path) -> None:
    world, receipt, index = cast_receipt()
    check = Check(context, client, place_of(world, client)).open_from(HERE)
    check.mode("receipt")
    check.choose("receipt-file", receipt_file(receipt, proof_of(world, index)))
    check.sees("step.proof", index=index)
    check.choose("receipt-file", receipt_file(receipt, proof_of(world, index - 1)))
    check.sees("step.proof-other")
    wrong = proof_of(world, index).splitlines()
    wrong[2], wrong[3] = wrong[3], wrong[2]
    check.choose("receipt-file", receipt_file(receipt, "\n".join([*wrong, ""])))
    check.sees("outcome.failed")
    expect(check.page.locator("body")).to_contain_text("MERKLE-5")
    older = Place(HERE, files_of(world_at("open")), client)
    other = Check(context, client, older).open_from(HERE)
    other.mode("receipt")
    other.choose("receipt-file", receipt_file(receipt, proof_of(world, index)))
    other.sees("step.proof-newer")


def test_a_broken_promise_is_proved_and_one_that_is_not_due_is_not(context: BrowserContext, client: Path) -> None:
    made = sealed(fresh("open"))
    world = made.world
    receipt = make_receipt(signing_key("receipt"), world.manifest, made.ballot, world.clock_ms)
    place = place_of(world, client)
    check = Check(context, client, place).open_from(HERE)
    check.mode("receipt")
    check.choose("receipt-file", receipt_file(receipt))
    check.sees("outcome.open")
    world.wait_until(receipt.deadline_ms + 60_000)
    world.accept()
    place.log = files_of(world)
    check.choose("receipt-file", receipt_file(receipt))
    check.sees("outcome.failed")
    expect(check.page.locator("body")).to_contain_text(check.t("step.broken", deadline="").partition(":")[0])


def test_a_tracking_code_is_looked_up_in_each_state(context: BrowserContext, client: Path) -> None:
    world = fresh("open")
    voter = world.registered()[0]
    first, _ = world.seal_ballot(voter, CHOICES)
    world.accept([], [world.cast(voter, first)])
    voter.number, voter.previous = 1, hash_ballot(world.kind, first)
    second, _ = world.seal_ballot(voter, CHOICES)
    world.accept([], [world.cast(voter, second)])
    check = Check(context, client, place_of(world, client)).open_from(HERE)
    check.mode("code")
    check.type_in(tracking_code(hash_ballot(world.kind, first)))
    check.sees("step.code-replaced", number=1, n=2)
    check.type_in(tracking_code(hash_ballot(world.kind, second)))
    check.sees("step.code-last", number=2, n=2)
    check.type_in(tracking_code(bytes(32)))
    check.sees("step.code-none")
    check.type_in("ABC")
    check.sees("no-code-typed")
    assert faults(check.page) == []


# ------------------------------------------------------------------------------------------------------ hostile texts


def test_markup_in_names_stays_text(context: BrowserContext, client: Path) -> None:
    evil = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"
    parts = make_parts()
    first, second = parts.contests
    named = replace(first, options=(first.options[0], Option(Text3(evil, evil, evil)), first.options[2]))
    world = World(replace(parts, contests=(named, second)), changes={"title": Text3(evil, evil, evil)})
    world.run("open")
    made = sealed(world)
    world.accept([], [world.spoil(made.ballot, made.seed)])
    check = Check(context, client, place_of(world, client)).open_from(HERE)
    check.type_in(made.code)
    check.type_in(made.seed_text)
    check.button("show-choice")
    expect(check.page.get_by_text(evil)).to_have_count(2)
    assert check.page.title() == check.t("title")
    assert not check.page.locator("img, script:not(body > script):not(head > script)").count()
    assert is_narrow(check.page)
    assert check.errors == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_mode_is_accessible_and_fits_a_small_phone(context: BrowserContext, client: Path, language: str) -> None:
    check = Check(context, client, place_of(world_at("open"), client), language=language).open_from(HERE)
    for mode in ("phone", "receipt", "code"):
        check.mode(mode)
        check.page.locator("#place").evaluate("(place) => { place.open = true; }")
        assert faults(check.page) == []
        assert is_narrow(check.page)


# ----------------------------------------------------------------------------------------------- beside a real server


def test_what_the_desk_hands_out_is_what_its_board_says(town: Town, client: Path, tmp_path: Path) -> None:
    digest = town.practice.people.manifest_hash.hex()
    command = ["client", town.url, "--record", f"{town.url}/log", "--manifest-hash", digest]
    good = CliRunner().invoke(app, command)
    assert (good.exit_code, good.output.splitlines()[-1][:5]) == (0, "SAME:"), good.output
    other = CliRunner().invoke(app, [*command[:-1], "00" * 32])
    assert other.exit_code == 1
    changed = tmp_path / "manifest.sri.json"
    listed = json.loads((client / "manifest.sri.json").read_text(encoding="utf-8"))
    listed["files"]["check/index.html"]["sha256"] = "00" * 32
    changed.write_text(json.dumps(listed), encoding="utf-8")
    assert CliRunner().invoke(app, [*command, "--build", str(changed)]).exit_code == 1


def test_a_page_from_a_disk_reads_a_real_server_across_origins(town: Town, client: Path) -> None:
    context = town.browser.new_context(locale="en-GB")
    check = Check(context, client)
    context.unroute_all()
    check.open_from_disk()
    check.name_board(town.url)
    check.mode("code")
    check.type_in(tracking_code(bytes(32)))
    check.sees("step.code-none")
    assert check.errors == []
    # What only a server knows may be asked from another origin too.
    slot = town.practice.people.pseudonym(0).hex()
    for path in ("election/places", "log/blocks", "log/state", f"slots/{slot}"):
        answer = check.page.evaluate("(url) => fetch(url).then((found) => found.status)", f"{town.url}/{path}")
        assert answer == 200, path
