"""The officers' console in a browser: two people from nothing to an election, each with her own passkey and key."""

import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Playwright, expect
from pydantic import SecretStr
from sqlalchemy import func, select

from crypto.election.entries import Freeze
from locales import dictionary
from tests.e2e_browser.officer import NATIVE, Officer, open_browser, sign_act
from tests.e2e_browser.town import ARGUMENTS, CHROMIUM, free_port
from tests.house import PLACES, number_of, roll_text
from tests.roles import enter, lay_out, roles_of
from tests.simulator import World, secret, signing_key
from tests.unit.voting_server.elections.test_drafts import names, person
from voting_server.app import create_app
from voting_server.board.sequencer import Sequencer
from voting_server.board.service import Board
from voting_server.elections.store import PROPOSALS
from voting_server.plumbing.serving import options
from voting_server.plumbing.settings import Settings, Side
from voting_server.roles.store import Role
from voting_server.voters.calls import sign_version
from voting_server.voters.evidence import Election, code_key
from voting_server.voters.roll import version_hash
from voting_server.voters.service import Voters
from voting_server.voters.store import find_code

CLIENT = json.dumps({"files": [{"name": "index.html", "hash": "ab" * 32}]})
ROOMS = ("road", "live", "acts", "incidents", "key", "evidence", "trail")


@dataclass
class House:
    """A ballot side without an election, served on loopback, and a browser."""

    app: FastAPI
    url: str
    browser: Browser
    folder: Path

    def invite(self, name: str, body: str, role: Role = "officer") -> str:
        """Add somebody; return her invitation's code."""
        roles = roles_of(self.app)
        return roles.invite(roles.add(name, body, role, None))

    def write_block(self) -> None:
        """Let the sequencer write one block; no witness is there."""
        sequencer = Sequencer(Board(self.app.state.context))
        sequencer.start()
        sequencer.step()
        sequencer.stop()


@pytest.fixture
def house(playwright: Playwright, client: Path, tmp_path: Path) -> Iterator[House]:
    """Serve a ballot side without an election."""
    with serve(playwright, client, tmp_path) as made:
        yield made


@contextmanager
def serve(playwright: Playwright, client: Path, folder: Path, side: Side = Side.BALLOT) -> Iterator[House]:
    """Serve a side and open a browser."""
    port = free_port()
    url = f"http://localhost:{port}"
    ballot = side is Side.BALLOT
    settings = Settings(
        side=side,
        data_dir=folder / "served",
        ballot_origin=url,
        identity_origin=url,
        log_key=SecretStr(secret("key", "log", 0).hex()) if ballot else None,
        receipt_key=SecretStr(secret("key", "receipt", 0).hex()) if ballot else None,
        client_dir=client,
    )
    lay_out(settings)
    app = create_app(settings)
    config = uvicorn.Config(app, host="127.0.0.1", port=port, **{**options(settings), "log_level": "warning"})
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
    try:
        while not server.started:
            thread.join(0.02)
        yield House(app, url, browser, folder)
    finally:
        browser.close()
        server.should_exit = True
        thread.join()


def draft_of(keys: list[str]) -> dict[str, Any]:
    """Return a saved draft, as the wizard writes one."""
    return {
        "kind": "practice",
        "short_name": "council-2030",
        "title": names("Council"),
        "opens": "2030-03-01T08:00",
        "closes": "2030-03-01T20:00",
        "threshold": 2,
        "minimum_cell": 10,
        "faults": 0,
        "quorum": 2,
        "interval_s": 10,
        "grace_min": 1,
        "dispute_h": 1,
        "change_h": 1,
        "release_days": 3,
        "software_keys": False,
        "trustees": [person("trustee", place) for place in range(3)],
        "registrars": [person("registrar", 0, "Register"), person("registrar", 1, "Commission")],
        "officers": [
            {"name": "Aida", "body": "Commission", "key": keys[0]},
            {"name": "Bakyt", "body": "Chamber", "key": keys[1]},
        ],
        "witnesses": [{**person("witness", place), "name": f"watch.example/{place}"} for place in range(3)],
        "units": [{"id": 1, "parent": None, "name": names("All"), "district": True}],
        "contests": [
            {
                "title": names("Head"),
                "options": [names("A"), names("B")],
                "minimum": 1,
                "maximum": 1,
                "seats": 1,
                "region": None,
            }
        ],
    }


def open_draft(officer: Officer, draft: dict[str, Any], folder: Path) -> None:
    """Open a saved draft in the wizard, and go to its checks."""
    saved = folder / "election.json"
    saved.write_text(json.dumps(draft), encoding="utf-8")
    officer.go("wizard")
    officer.page.get_by_label(officer.t("wizard.open"), exact=True).set_input_files(str(saved))
    officer.press("wizard.checks")
    officer.press("wizard.checks-go")


def test_two_officers_found_an_election_and_run_it(house: House, tmp_path: Path) -> None:
    aida, bakyt = open_browser(house), open_browser(house, "ru")
    for officer, name, body in ((aida, "Aida", "Commission"), (bakyt, "Bakyt", "Chamber")):
        officer.enter(house.invite(name, body))
    keys = [aida.name_key(), bakyt.name_key()]
    # A wrong draft is explained and cannot be signed.
    wrong = draft_of(keys)
    wrong["quorum"], wrong["officers"][1]["body"] = 1, "Commission"
    open_draft(aida, wrong, tmp_path)
    failed = aida.page.locator("ul.checks li").filter(has_text=aida.t("check-state.failed"))
    expect(failed).to_have_count(2)
    expect(aida.page.get_by_role("button", name=aida.t("wizard.propose"), exact=True)).to_have_count(0)
    assert aida.violations() == []
    # A sound one is proposed by one and signed by the other.
    aida.page.reload()
    open_draft(aida, draft_of(keys), tmp_path)
    aida.page.get_by_text(aida.t("wizard.sound")).wait_for()
    aida.page.get_by_label(aida.t("acts.type-name", name="council-2030"), exact=True).fill("council-2030")
    aida.press("wizard.propose")
    aida.go("acts")
    aida.page.get_by_role("button", name=aida.t("type.manifest")).first.click()
    aida.page.get_by_text(aida.t("acts.barrier.signed")).wait_for()
    sign_act(bakyt, "manifest")
    bakyt.page.get_by_text(bakyt.t("state.taken")).first.wait_for()
    state = httpx.get(f"{house.url}/election").json()
    assert (state["short_name"], state["kind"]) == ("council-2030", "practice")
    # The election that is there now cannot be mistaken for one that counts.
    for officer in (aida, bakyt):
        officer.page.goto(f"{house.url}/console/?lang={officer.language}#/live")
        officer.page.get_by_text(officer.t("kind.practice")).first.wait_for()
    house.write_block()
    aida.go("incidents")
    aida.page.get_by_label(aida.t("incidents.note"), exact=True).fill("a power cut")
    paper = tmp_path / "paper.txt"
    paper.write_text("what happened", encoding="utf-8")
    aida.page.get_by_label(aida.t("document"), exact=True).set_input_files(str(paper))
    aida.press("incidents.go")
    aida.page.get_by_role("cell", name="a power cut", exact=True).wait_for()
    assert Board(house.app.state.context).store.count_waiting() == 1
    listed = tmp_path / "client.json"
    aida.go("acts")
    aida.page.get_by_text(aida.t("from-file"), exact=True).click()
    for content, fits in (("{}", False), ('{"files": [{"name": "index.html", "hash": "ab"}]}', False), (CLIENT, True)):
        listed.write_text(content, encoding="utf-8")
        aida.page.get_by_label(aida.t("from-file.file"), exact=True).set_input_files(str(listed))
        propose = aida.page.get_by_role("button", name=aida.t("acts.propose", act=aida.t("type.client")), exact=True)
        expect(propose).to_have_count(int(fits))
    propose.click()
    aida.page.get_by_text(aida.t("acts.barrier.signed")).wait_for()
    aida.press("back")
    sign_act(bakyt, "client")
    bakyt.page.get_by_text(bakyt.t("state.taken")).first.wait_for()
    assert Board(house.app.state.context).store.count_waiting() == 2
    for language in NATIVE:
        aida.speak(language)
        for room in ROOMS:
            aida.go(room)
            assert aida.violations() == [], (language, room)
    assert aida.errors + bakyt.errors == []
    # No private key left the browsers: the server's folder holds public halves alone.
    assert (
        aida.page.evaluate(
            """async () => {
            const asked = indexedDB.open("dobush-console", 1);
            const database = await new Promise((done) => { asked.onsuccess = () => done(asked.result); });
            const read = database.transaction("keys").objectStore("keys").get("officer");
            const pair = await new Promise((done) => { read.onsuccess = () => done(read.result); });
            try { await crypto.subtle.exportKey("pkcs8", pair.privateKey); return "taken"; }
            catch { return "refused"; }
        }"""
        )
        == "refused"
    )


def test_the_second_officers_browser_refuses_what_a_lying_service_shows(house: House, tmp_path: Path) -> None:
    aida, bakyt = open_browser(house), open_browser(house)
    for officer, name, body in ((aida, "Aida", "Commission"), (bakyt, "Bakyt", "Chamber")):
        officer.enter(house.invite(name, body))
    open_draft(aida, draft_of([aida.name_key(), bakyt.name_key()]), tmp_path)
    aida.page.get_by_label(aida.t("acts.type-name", name="council-2030"), exact=True).fill("council-2030")
    aida.press("wizard.propose")
    aida.page.get_by_role("button", name=aida.t("type.manifest")).first.wait_for()
    lies: tuple[dict[str, Any], ...] = ({"parts": b"[]"}, {"body": b"\xa0"}, {"type": "close"})
    for lie, barrier in zip(lies, ("parts", "unreadable", "unreadable"), strict=True):
        database = house.app.state.context.database
        with database.begin() as connection:
            truth = dict(connection.execute(select(PROPOSALS)).mappings().one())
            connection.execute(PROPOSALS.update().values(**lie))
        bakyt.page.goto(f"{house.url}/console/?lang=en#/live")
        bakyt.page.reload()
        bakyt.go("acts")
        if barrier == "parts":
            bakyt.page.get_by_role("button", name="1. ").click()
            bakyt.page.get_by_text(bakyt.t(f"acts.barrier.{barrier}")).wait_for()
        expect(bakyt.page.get_by_role("button", name=bakyt.t("acts.sign-go"), exact=True)).to_have_count(0)
        with database.begin() as connection:
            connection.execute(PROPOSALS.update().values(**truth))
    # A service that changes the act while it is read, after the name was typed, gets no signature either.
    bakyt.go("acts")
    bakyt.page.get_by_role("button", name="1. ").click()
    bakyt.page.get_by_label(bakyt.t("acts.type-name", name="council-2030"), exact=True).fill("council-2030")
    sign = bakyt.page.get_by_role("button", name=bakyt.t("acts.sign-go"), exact=True)
    expect(sign).to_be_enabled()
    other = bytes(truth["body"]).replace(b"Council", b"Cabinet")
    with database.begin() as connection:
        connection.execute(PROPOSALS.update().values(body=other))
    bakyt.page.get_by_text(bakyt.t("acts.barrier.changed")).wait_for()
    expect(sign).to_have_count(0)
    with database.begin() as connection:
        connection.execute(PROPOSALS.update().values(**truth))
    bakyt.page.reload()
    sign_act(bakyt, "manifest")
    bakyt.page.get_by_text(bakyt.t("state.taken")).first.wait_for()


def test_a_trail_that_was_cut_short_is_noticed(house: House) -> None:
    officer = open_browser(house)
    officer.enter(house.invite("Aida", "Commission"))
    officer.go("trail")
    officer.page.get_by_text(officer.t("trail.whole")).wait_for()
    table = roles_of(house.app).store.tables.trail
    with house.app.state.context.database.begin() as connection:
        connection.exec_driver_sql(f"DROP TRIGGER {table.name}_no_delete")
        last = select(func.max(table.c.number)).scalar_subquery()
        connection.execute(table.delete().where(table.c.number == last))
    officer.page.reload()
    officer.page.get_by_text(officer.t("trail.broken")).wait_for()
    assert officer.violations() == []


def test_a_registrar_imports_the_roll_draws_slots_and_prints_codes(
    playwright: Playwright, client: Path, tmp_path: Path
) -> None:
    with serve(playwright, client, tmp_path, Side.IDENTITY) as house:
        officer = open_browser(house)
        officer.enter(house.invite("Daria", "Election desk", "registrar"))
        officer.name_key()
        world = found(house)
        officer.page.goto(f"{house.url}/console/?lang=en#/roll")
        officer.page.reload()
        version, roll = tmp_path / "version.json", tmp_path / "roll.csv"
        previous = bytes(32)
        version.write_text("{}", encoding="utf-8")
        officer.page.get_by_label(officer.t("roll.version"), exact=True).set_input_files(str(version))
        expect(officer.page.get_by_role("alert")).to_contain_text(officer.t("file.signed"))
        for content in (roll_text(("Nowhere, 1", *["Town, North, Alma street 1"] * 3)), roll_text()):
            roll.write_text(content, encoding="utf-8")
            signed, previous = sign_roll(world, content, previous)
            version.write_text(json.dumps(signed), encoding="utf-8")
            officer.page.get_by_label(officer.t("roll.version"), exact=True).set_input_files(str(version))
            officer.press("roll.import-go")
            if "Nowhere" in content:
                officer.page.get_by_role("cell", name="Nowhere, 1").wait_for()
                expect(officer.page.get_by_role("button", name=officer.t("roll.draw-go"), exact=True)).to_be_disabled()
                with officer.page.expect_download() as saved:
                    officer.press("roll.mends-save")
                mends = saved.value.path().read_text(encoding="utf-8")
                assert mends == f"number,unit,style,reason\n{number_of(0)},,,unknown-address\n"
                for language in NATIVE:
                    officer.speak(language)
                    assert officer.violations() == []
                officer.speak("en")
        officer.page.get_by_text(officer.t("roll.all-placed")).wait_for()
        officer.press("roll.draw-go")
        officer.page.get_by_text(officer.t("roll.drawn.other", n=12)).wait_for()
        for language in NATIVE:
            officer.speak(language)
            officer.go("codes")
            assert officer.violations() == []
        officer.go("freeze")
        with officer.page.expect_download() as saved:
            officer.press("freeze.save")
        act = json.loads(saved.value.path().read_text(encoding="utf-8"))
        assert sum(each.count for each in Freeze.parse(b64decode(act["body"])).slots) == 12
        assert officer.violations() == []
        officer.go("codes")
        officer.page.get_by_label(officer.t("codes.file"), exact=True).set_input_files(str(roll))
        officer.press("codes.go.other", n=12)
        slips = officer.page.locator(".slips li")
        expect(slips).to_have_count(12)
        assert officer.violations() == []
        code = slips.first.locator(".code").inner_text()
        election = Voters(house.app.state.context).frame().election
        made = code_key(election.kind, election.manifest_hash, code).public_key
        with house.app.state.context.database.read() as connection:
            stored = find_code(connection, made)
        assert stored is not None
        assert stored[0].number == number_of(0)
        assert code.replace("-", "").encode() not in b"".join(path.read_bytes() for path in tmp_path.rglob("*.sqlite*"))
        assert officer.errors == []


def found(house: House) -> World:
    """Found a simulated election at an identity side; its registrars' keys are known to the test."""
    world = World()
    world.begin()
    count = 1 + len(world.record.parts.expected)
    entries = [b64encode(world.read(index)).decode() for index in range(count)]
    answer = httpx.post(f"{house.url}/founding", json={"entries": entries}, headers=enter(house.app))
    assert answer.status_code == 201, answer.text
    return world


def sign_roll(world: World, content: str, previous: bytes) -> tuple[dict[str, str], bytes]:
    """Sign a version of the roll, as the registrar's program does; return it and its hash."""
    election = Election(world.manifest.kind, world.record.manifest_hash)
    digest = version_hash(election.kind, previous, "roll", PLACES.encode(), content.encode())
    author, signature = sign_version(signing_key("registrar", 0), election, digest)
    fields = {"use": "roll", "format": "csv", "content": content, "places": PLACES}
    return {**fields, "signer": author.hex(), "signature": signature.hex()}, digest


def test_a_user_who_is_not_verified_does_not_get_in(house: House) -> None:
    officer = open_browser(house)
    officer.enter(house.invite("Aida", "Commission"))
    officer.press("leave")
    officer.cdp.send("WebAuthn.setUserVerified", {"authenticatorId": officer.authenticator, "isUserVerified": False})
    officer.press("entrance.login-go")
    expect(officer.page.get_by_role("alert")).to_contain_text(officer.t("failure.no-key"))
    assert officer.violations() == []


def test_an_invitation_that_was_used_is_refused_in_words(house: House) -> None:
    code = house.invite("Aida", "Commission")
    open_browser(house).enter(code)
    other = open_browser(house, "ru")
    other.page.goto(f"{house.url}/console/?lang=ru")
    other.page.get_by_label(other.t("entrance.code"), exact=True).fill(code)
    other.press("entrance.register")
    expect(other.page.get_by_role("alert")).to_contain_text(dictionary("ru")("problem.invitation-refused"))


@pytest.mark.parametrize("language", ["ky", "ru", "en"])
def test_entrance_and_every_step_of_the_wizard_are_accessible(house: House, language: str) -> None:
    officer = open_browser(house, language)
    officer.page.goto(f"{house.url}/console/?lang={language}")
    officer.page.get_by_label(officer.t("entrance.code"), exact=True).wait_for()
    assert officer.violations() == []
    officer.enter(house.invite("Aida", "Commission"))
    officer.go("wizard")
    assert officer.violations() == []
    officer.press("wizard.small")
    for step in ("basics", "hours", "places", "contests", "people", "policies", "checks"):
        officer.press(f"wizard.{step}")
        assert officer.violations() == [], step
    officer.press("wizard.checks-go")
    officer.page.get_by_text("short_name", exact=False).first.wait_for()
    assert officer.violations() == []


def test_an_operator_sees_and_signs_nothing(house: House) -> None:
    officer = open_browser(house)
    officer.enter(house.invite("Chynara", "the installation", "operator"))
    officer.go("key")
    officer.page.get_by_text(officer.t("key.operator")).wait_for()
