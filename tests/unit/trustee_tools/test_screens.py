"""The pages in a terminal without a terminal: from the passphrase to the certificate, refusals, languages, pictures."""

import asyncio
import io
import json
import os
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static

from crypto.election.entries import Incident, Release, ReleaseItem
from crypto.merkle import leaf_hash
from locales import LANGUAGES, dictionary
from tests.folders import files_of
from tests.room import AFTER_MS, PASSPHRASE, Room
from tests.simulator import World, signing_key
from trustee_tools.ceremony import write_fingerprint
from trustee_tools.desk import Desk
from trustee_tools.screen import Screen as Terminal
from trustee_tools.screens.app import TrusteeApp
from trustee_tools.screens.pages import ActPage, ChecklistPage, FingerprintPage, OutcomePage, UnlockPage, WaitPage
from trustee_tools.screens.work import Work

PICTURES = os.environ.get("DOBUSH_PICTURES")
"""A folder into which every page that the tests show is written as SVG (`make pictures`)."""

Story = Callable[[Pilot[None], TrusteeApp], Coroutine[Any, Any, None]]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def play(app: TrusteeApp, story: Story, size: tuple[int, int] = (110, 44)) -> None:
    """Run the program without a terminal and let somebody work with it."""

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await settle(pilot)
            await story(pilot, app)

    asyncio.run(run())


async def settle(pilot: Pilot[None]) -> None:
    """Wait until nothing is under way."""
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def press(pilot: Pilot[None], name: str) -> None:
    """Press a button of the page, wherever it is scrolled to."""
    pilot.app.screen.query_one(f"#{name}", Button).press()
    await pilot.pause()
    await settle(pilot)


async def type_in(pilot: Pilot[None], text: str) -> None:
    """Type into the page's field and press Enter."""
    field = pilot.app.screen.query_one("#typed", Input)
    field.focus()
    field.value = text
    await pilot.pause()
    await pilot.press("enter")
    await settle(pilot)


def shown(app: TrusteeApp) -> str:
    """Return all texts of the page."""
    console = Console(file=io.StringIO(), width=400, record=True)
    for widget in app.screen.query(Static):
        console.print(widget.content, markup=False)
    return console.export_text()


def keep(name: str, svg: str) -> None:
    """Write a picture into the folder."""
    Path(PICTURES or ".").mkdir(parents=True, exist_ok=True)
    Path(PICTURES or ".", f"{name}.svg").write_text(svg, encoding="utf-8")


async def picture(app: TrusteeApp, name: str) -> None:
    """Keep a picture of the page in each language where pictures are asked for."""
    assert app.export_screenshot(title="dobush-trustee").startswith("<svg")
    if PICTURES:
        own = app.say.language
        for language in (*(each for each in LANGUAGES if each != own), own):
            app.speak(language)
            await app.workers.wait_for_complete()
            await Pilot[None](app).pause()
            svg = app.export_screenshot(title="dobush-trustee")
            keep(f"{name}-{language}", svg)


async def unlock(pilot: Pilot[None], app: TrusteeApp) -> None:
    assert isinstance(app.screen, UnlockPage)
    await type_in(pilot, PASSPHRASE)


def test_from_the_passphrase_to_the_first_message(room: Room) -> None:
    """Each thing once wrong, then right: passphrase, fingerprint; nothing is written before both are."""
    digest = room.world.manifest_hash

    async def story(pilot: Pilot[None], app: TrusteeApp) -> None:
        assert isinstance(app.screen, UnlockPage)
        await picture(app, "1-unlock")
        await type_in(pilot, "not the passphrase")
        assert isinstance(app.screen, UnlockPage)
        assert "TRUSTEE" + "-3" in shown(app)
        await type_in(pilot, PASSPHRASE)
        assert isinstance(app.screen, FingerprintPage)
        typed = write_fingerprint(digest)
        wrong = typed[:7] + ("2" if typed[7] != "2" else "3") + typed[8:]
        await type_in(pilot, wrong)
        assert isinstance(app.screen, FingerprintPage)
        assert "group 2" in shown(app)
        assert "✗ 2" in shown(app)
        assert shown(app).count("✓ ") == 8
        assert typed[5:9] not in shown(app)  # the right group is never shown
        assert app.screen.typed == wrong
        await picture(app, "2-fingerprint")
        await type_in(pilot, typed.lower().replace(" ", "-"))
        assert isinstance(app.screen, ChecklistPage)
        assert "Bermet [red]" in shown(app)
        await picture(app, "3-checklist")
        assert not (room.root / "out").exists()
        await press(pilot, "do")
        assert isinstance(app.screen, ActPage)
        await picture(app, "4-act")
        await press(pilot, "do")
        assert isinstance(app.screen, OutcomePage)
        await picture(app, "5-outcome")

    play(TrusteeApp(room.work(1), "en"), story)
    assert len(room.take()) == 1


def test_an_irreversible_act_asks_for_the_short_name_and_a_stopped_program_goes_on(room: Room) -> None:
    room.hold(4)

    async def refused(pilot: Pilot[None], app: TrusteeApp) -> None:
        await unlock(pilot, app)
        await press(pilot, "do")
        assert app.screen.query(".dangerous")
        await picture(app, "6-dangerous")
        for typed in ("", "town-2025"):
            await type_in(pilot, typed)
            assert isinstance(app.screen, ActPage)
            assert "TRUSTEE" + "-10" in shown(app)
        await picture(app, "7-refused")

    play(TrusteeApp(room.work(1), "ru"), refused)
    assert not list((room.root / "out").glob("*.entry"))

    async def done(pilot: Pilot[None], app: TrusteeApp) -> None:
        await unlock(pilot, app)
        await press(pilot, "do")
        await type_in(pilot, "town-2026")
        assert isinstance(app.screen, OutcomePage)

    play(TrusteeApp(room.work(1), "ky"), done)
    first = [path.read_bytes() for path in (room.root / "out").glob("*.entry")]

    async def again(pilot: Pilot[None], app: TrusteeApp) -> None:
        """Start after a stop before the entry was handed over: the same bytes come, and nothing is asked."""
        await unlock(pilot, app)
        await press(pilot, "do")
        assert not app.screen.query("#typed")
        await press(pilot, "do")
        assert isinstance(app.screen, OutcomePage)

    play(TrusteeApp(room.work(1), "en"), again)
    assert [path.read_bytes() for path in (room.root / "out").glob("*.entry")] == first


def test_a_change_of_language_loses_nothing(room: Room) -> None:
    async def story(pilot: Pilot[None], app: TrusteeApp) -> None:
        await unlock(pilot, app)
        field = app.screen.query_one("#typed", Input)
        field.focus()
        field.value = "2222 33"
        await pilot.pause()
        for language, word in (("ru", "Сверьте"), ("en", "Compare"), ("ky", "салыштырыңыз")):
            await pilot.press("f2")
            await settle(pilot)
            assert app.say.language == language
            assert word in shown(app)
            assert app.screen.query_one("#typed", Input).value == "2222 33"
        await press(pilot, "language-en")
        assert "Compare" in shown(app)

    play(TrusteeApp(room.work(1), "ky"), story)


def test_a_rehearsal_refuses_a_real_election_before_the_key_file_is_opened(tmp_path: Path) -> None:
    """Neither is a passphrase asked for nor a key file read: there is none."""
    room = Room(tmp_path, kind="real")
    work = room.work(1, practising=True)
    for path in room.keys(1):
        path.unlink()

    async def story(pilot: Pilot[None], app: TrusteeApp) -> None:
        assert isinstance(app.screen, WaitPage)
        assert "TRUSTEE" + "-25" in shown(app)
        assert not app.screen.query("#typed")

    play(TrusteeApp(work, "en"), story)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("rounds", [0, 1, 3, 4, 5])
def test_command_line_and_pages_say_the_same_next_step(room: Room, rounds: int, language: str) -> None:
    room.hold(rounds)
    say = dictionary(language)
    work = room.work(2)
    work.look()
    work.unlock(PASSPHRASE)
    work.bind(write_fingerprint(room.world.manifest_hash))
    notice = work.say_task(say)
    console = Console(file=io.StringIO(), width=400, record=True)
    Terminal(console, say).show_task(work.seen, work.next_task())
    Terminal(console, say).show_steps(work.seen, 2)
    printed = console.export_text()

    async def story(pilot: Pilot[None], app: TrusteeApp) -> None:
        await unlock(pilot, app)
        page = shown(app)
        for text in (notice.title, *notice.lines):
            assert text in page
            assert text in printed
        for row in work.list_steps(say):
            assert row.what in page
            assert row.what in printed

    play(TrusteeApp(room.work(2), language), story)


def test_disputes_are_shown_and_a_release_is_confirmed_by_the_short_name(room: Room) -> None:
    room.hold(5)
    world = room.world
    room.open_and_vote()
    world.refuse(world.cast(world.registered()[0], b"no ballot"))
    (index,) = world.record.refused
    room.publish()

    async def voting(pilot: Pilot[None], app: TrusteeApp) -> None:
        await unlock(pilot, app)
        assert "Since the opening these have not shown" in shown(app)
        await picture(app, "8-drill-missing")

    play(TrusteeApp(room.work(1), "en"), voting)
    world.close()
    world.dispute()
    room.publish()

    async def unsummed(pilot: Pilot[None], app: TrusteeApp) -> None:
        await unlock(pilot, app)
        assert app.screen.query_one("#do", Button).disabled
        assert "has not published the sums" in shown(app)

    play(TrusteeApp(room.work(1), "en"), unsummed)
    world.accept(world.aggregates())
    room.publish()

    async def unreleased(pilot: Pilot[None], app: TrusteeApp) -> None:
        await unlock(pilot, app)
        assert f"entry {index}" in shown(app)
        await press(pilot, "do")
        await type_in(pilot, "town-2026")
        assert isinstance(app.screen, ActPage)
        assert "release first" in shown(app)
        await picture(app, "9-release-missing")

    play(TrusteeApp(room.work(1), "en"), unreleased)
    world.accept([world.by_officers("release", Release((ReleaseItem(index, "it never was a ballot"),)))])
    room.publish()

    async def released(pilot: Pilot[None], app: TrusteeApp) -> None:
        await unlock(pilot, app)
        await press(pilot, "do")
        assert "it never was a ballot" in shown(app)
        await picture(app, "10-decrypt")
        await type_in(pilot, "town")
        assert "TRUSTEE" + "-10" in shown(app)
        await type_in(pilot, "town-2026")
        assert isinstance(app.screen, OutcomePage)

    play(TrusteeApp(room.work(1), "en"), released)
    assert len(room.take()) == 1


def test_over_a_board_a_page_sends_and_says_when_the_board_is_silent(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, sent, silent = httpx.Client, list[bytes](), list[bool]()

    def answer(request: httpx.Request) -> httpx.Response:
        if silent:
            message = "the line is cut"
            raise httpx.ConnectError(message)
        if request.method == "POST":
            sent.append(request.content)
            said = json.dumps({"state": "waiting", "leaf": leaf_hash(request.content).hex()})
            return httpx.Response(202, stream=httpx.ByteStream(said.encode()))
        data = files_of(room.world).get(request.url.path.removeprefix("/log/"))
        return httpx.Response(404 if data is None else 200, stream=httpx.ByteStream(data or b""))

    monkeypatch.setattr(httpx, "Client", lambda **o: client(**{**o, "transport": httpx.MockTransport(answer)}))
    monkeypatch.setattr("time.sleep", lambda _: None)
    work = Work(Desk(room.root / "copy", "https://board.example", processes=1), room.keys(1), now_ms=AFTER_MS)

    async def story(pilot: Pilot[None], app: TrusteeApp) -> None:
        await unlock(pilot, app)
        await type_in(pilot, write_fingerprint(room.world.manifest_hash))
        assert "cosigned by: " in shown(app)
        silent.append(True)
        await press(pilot, "refresh")
        assert isinstance(app.screen, ChecklistPage)
        assert "could not be reached" in shown(app)
        await picture(app, "11-unreached")
        await press(pilot, "do")
        await press(pilot, "do")
        assert isinstance(app.screen, ActPage)
        assert "did not answer" in shown(app)
        silent.clear()
        await press(pilot, "do")
        assert isinstance(app.screen, OutcomePage)
        assert "Sent: 1" in shown(app)
        room.world.accept(sent)
        room.world.accept()
        await press(pilot, "do")
        await press(pilot, "refresh")
        assert "could not be reached" not in shown(app)
        assert app.screen.query_one("#do", Button).disabled

    play(TrusteeApp(work, "en"), story)
    assert len(sent) == 1


def test_a_board_that_is_silent_from_the_start_can_be_asked_again(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def drop(_request: httpx.Request) -> httpx.Response:
        message = "nobody is there"
        raise httpx.ConnectError(message)

    client = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **o: client(**{**o, "transport": httpx.MockTransport(drop)}))
    work = Work(Desk(room.root / "copy", "https://board.example", processes=1), room.keys(1), now_ms=AFTER_MS)

    async def story(pilot: Pilot[None], app: TrusteeApp) -> None:
        assert isinstance(app.screen, WaitPage)
        assert "did not answer" in shown(app)
        await press(pilot, "do")
        assert isinstance(app.screen, WaitPage)

    play(TrusteeApp(work, "en"), story)


def test_nothing_happens_twice(room: Room) -> None:
    """A second press, Enter and a look while an act is under way start nothing."""
    room.hold(1)
    work = room.work(1)
    begun, go_on = threading.Event(), threading.Event()
    perform, calls = work.perform, list[str]()

    def slow(typed: str) -> tuple[tuple[bytes, ...], int]:
        calls.append(typed)
        begun.set()
        go_on.wait(30)
        return perform(typed)

    async def story(pilot: Pilot[None], app: TrusteeApp) -> None:
        await unlock(pilot, app)
        await press(pilot, "do")
        page = app.screen
        assert isinstance(page, ActPage)
        page.query_one("#do", Button).press()
        while not begun.is_set():
            await pilot.pause()
        for _ in range(3):
            page.press("do")
            app.action_look()
            await pilot.pause()
        go_on.set()
        await settle(pilot)
        assert isinstance(app.screen, OutcomePage)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Work, "perform", lambda _self, typed: slow(typed))
        play(TrusteeApp(work, "en"), story)
    assert calls == [""]
    assert len(room.written()) == 1


def test_a_board_that_shows_two_records_gets_no_signature(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second record comes between the look and the act: the act is refused, the key file stays as it was."""
    client, sent = httpx.Client, list[bytes]()
    room.world.accept([room.world.sign("incident", Incident(bytes(32), "one"), signing_key("officer"))])
    room.world.accept()
    other = World(changes=room.world.changes)
    other.begin()
    for note in ("two", "three"):
        other.accept([other.sign("incident", Incident(bytes(32), note), signing_key("officer"))])
    shown_world = [room.world]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            sent.append(request.content)
        data = files_of(shown_world[0]).get(request.url.path.removeprefix("/log/"))
        return httpx.Response(404 if data is None else 200, stream=httpx.ByteStream(data or b""))

    monkeypatch.setattr(httpx, "Client", lambda **o: client(**{**o, "transport": httpx.MockTransport(answer)}))
    work = Work(Desk(room.root / "copy", "https://board.example", processes=1), room.keys(1), now_ms=AFTER_MS)

    async def story(pilot: Pilot[None], app: TrusteeApp) -> None:
        await unlock(pilot, app)
        await type_in(pilot, write_fingerprint(room.world.manifest_hash))
        before = [path.read_bytes() for path in room.keys(1)]
        await press(pilot, "do")
        shown_world[0] = other
        for _ in range(2):
            await press(pilot, "do")
            assert isinstance(app.screen, ActPage)
            assert "two different records" in shown(app)
        await picture(app, "12-fork")
        assert [path.read_bytes() for path in room.keys(1)] == before

    play(TrusteeApp(work, "en"), story)
    assert sent == []
    assert len(list(room.root.glob("copy-fork-*"))) == 1
