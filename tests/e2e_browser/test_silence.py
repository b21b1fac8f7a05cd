"""Nothing of a choice leaves the page: two voters who choose differently send, keep and show the same."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import cbor2
import pytest
from playwright.sync_api import Request

from crypto.election.entries import parse_entry
from tests.e2e_browser.test_trust import stored
from tests.e2e_browser.town import Town
from tests.e2e_browser.walk import Walk

# As different as the town's ballot lets them be: first or last line, two or three marks.
CHOICES = ((((0,), (0, 1), (0,), (0,))), (((3,), (1, 3, 4), (5,), (53,))))
NAMES = (
    ("Kyrgyz", "Кеңешчи А", "Кеңешчи Б", "Ак Жол", "Талапкер 01"),
    ("Against all", "Кеңешчи Г", "Кеңешчи Д", "Эркин", "Талапкер 54"),
)
# Asked again and again until the board has it: how often depends on the clock alone.
POLLED = re.compile(r"/(slots|ballots)/[0-9a-f]{32,64}(/proof|/events)?$|/casting/voter$|/log/")


@dataclass
class Capture:
    """What one voter's browser let out between the log-in and the receipt."""

    sent: list[tuple[str, str, int, int]] = field(default_factory=list)
    polled: set[str] = field(default_factory=set)
    console: list[str] = field(default_factory=list)
    kept: dict[str, list[str]] = field(default_factory=dict)

    def add(self, request: Request) -> None:
        """Note a request: method, address without hashes, length of its headers, length of its body."""
        address = urlsplit(request.url)
        if address.scheme == "blob":
            return  # the worker, and what the page itself saves: no request to anybody
        assert not address.query
        path = re.sub(r"[0-9a-f]{32,64}", "*", address.path)
        if POLLED.search(address.path):
            self.polled.add(re.sub(r"/tile/.*|/entry/\d+", "/…", path))
            return
        headers = sum(len(name) + len(value) for name, value in request.headers.items() if name != "content-length")
        self.sent.append((request.method, path, headers, len(bare(path, request.post_data_buffer or b""))))


def bare(path: str, body: bytes) -> bytes:
    """Return a body without what differs for other reasons: a signature, a number of the log, Chromium's own remark.

    By chance Chromium puts a remark to implementers (`other_keys_can_be_added_here`) into the client's data.
    """
    if not path.endswith("/ballots"):
        return re.sub(rb'"(token|signature|authenticatorData|clientDataJSON)":"[^"]*"', b"", body)
    entry = cbor2.loads(parse_entry(body).body)
    head = cbor2.loads(entry["ballot"])[5]
    said = set(json.loads(entry["client_data"])) - {"other_keys_can_be_added_here"}
    assert said == {"type", "challenge", "origin", "crossOrigin"}
    other = (entry["signature"], entry["client_data"], head)
    return b"." * (len(body) - sum(len(cbor2.dumps(each)) for each in other))


def vote(town: Town, choices: tuple[tuple[int, ...], ...], names: tuple[str, ...]) -> Capture:
    """Vote, and look at everything that others could see."""
    walk, capture = Walk(town, town.resident(), "en"), Capture()
    walk.return_home()
    walk.page.on("request", capture.add)
    walk.page.on("console", lambda message: capture.console.append(message.text))

    def look(screen: str) -> None:
        page = walk.page
        seen = stored(page) + page.title() + str(page.evaluate("JSON.stringify(history.state)"))
        assert not any(name in seen for name in names), screen
        # Lengths of what is kept, by name; hashes in names are the election's.
        sizes = page.evaluate(
            "Object.entries({...localStorage, ...sessionStorage}).map(([k, v]) => k + ' ' + v.length)"
        )
        capture.kept[screen] = sorted(sizes)
        capture.kept[f"{screen} elsewhere"] = page.evaluate(
            """async () => [location.href, String(history.length), document.title,
              ...(await indexedDB.databases()).map(each => each.name), ...await caches.keys(),
              ...(await navigator.serviceWorker.getRegistrations()).map(each => each.scope)]"""
        )

    # Whoever marks fewer lines than she may is asked once: that screen is one voter's alone.
    walk.look = lambda screen: None if screen.endswith("-fewer") else look(screen)
    walk.log_in()
    walk.mark(choices)
    walk.seal()
    walk.cast()
    outbox = walk.kept("outbox")
    entry = str(outbox["entry"])
    assert not any(name in str(outbox) for name in names)
    # The signature's length differs by itself; the outbox holds nothing else that could.
    sizes = capture.kept["received"]
    capture.kept["received"] = [each for each in sizes if "-outbox" not in each]
    assert len(capture.kept["received"]) == len(sizes) - 1
    assert set(outbox) == {
        "entry", "hash", "code", "pseudonym", "number", "receipt", "receivedMs", "deadlineMs", "proof", "index",
    }  # fmt: skip
    assert len(entry) > 4_000
    assert walk.errors == []
    assert walk.origins() == {town.origin}
    return capture


def test_two_choices_look_the_same_from_outside(town: Town, capfd: pytest.CaptureFixture[str]) -> None:
    first, second = (vote(town, choices, names) for choices, names in zip(CHOICES, NAMES, strict=True))
    # What tells something, in its order; files of the page come in the order in which the network brings them.
    told = [[each for each in capture.sent if each[0] != "GET"] for capture in (first, second)]
    assert told[0] == told[1]
    assert any(path.endswith("/ballots") for _, path, _, _ in told[0])
    assert sorted(first.sent) == sorted(second.sent)
    assert first.polled == second.polled
    assert set(first.console) == set(second.console)
    assert first.kept == second.kept
    # What the server writes down knows neither.
    written = "".join(capfd.readouterr())
    assert "block-written" in written
    assert not any(name in written for name in (*NAMES[0][1:], *NAMES[1][1:]))


def test_the_ballot_itself_has_one_length_for_every_choice(town: Town) -> None:
    lengths = set()
    for choices in CHOICES:
        walk = Walk(town, town.resident(), "en")
        walk.return_home()
        walk.log_in()
        walk.mark(choices)
        walk.seal()
        with walk.page.expect_download() as download:
            walk.button("decide.check").click()
            walk.heading("challenge.heading").wait_for()
            walk.button("challenge.file").click()
        lengths.add(len(download.value.path().read_bytes()))
    assert len(lengths) == 1


def test_a_search_in_a_long_list_asks_nobody(town: Town) -> None:
    walk = Walk(town, town.resident(), "en")
    walk.return_home()
    walk.log_in()
    for contest, option in enumerate((0, 0, 0)):
        walk.page.get_by_text(walk.t("ballot.step", step=contest + 1, total=4)).wait_for()
        walk.choose(option)
        if contest == 1:
            walk.choose(1)
        walk.button("frame.next").click()
        if contest == 1:
            walk.button("ballot.leave").click()
    box = walk.page.get_by_label(walk.t("ballot.search"), exact=True)
    box.wait_for()
    walk.page.wait_for_load_state("networkidle")
    asked, before = len(walk.seen), stored(walk.page)
    box.fill("талапкер 4")
    walk.page.get_by_text("Талапкер 43", exact=True).wait_for()
    # In ballot order, with the numbers of the whole list.
    shown = walk.page.locator(".options .label").all_inner_texts()
    assert shown == [f"{number}. Талапкер {number}" for number in range(40, 50)]
    walk.choose(42)
    assert (walk.seen[asked:], stored(walk.page)) == ([], before)
    assert box.get_attribute("autocomplete") == "off"
