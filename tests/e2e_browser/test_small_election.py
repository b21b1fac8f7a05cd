"""A small election from nothing to open, as a body without a computer department would do it.

Every person does her part where she would: two officers, whoever keeps the roll and prints the codes, and whoever
carries files in the real console in Chromium, each with a passkey and a browser of her own; registrars, trustees and
witnesses with their own programs. 200 members, two of them without a place at first. Nothing is told to a program but
what a screen or a file says.

`DOBUSH_PICTURES` names a folder for a picture of each step in three languages; `DOBUSH_INTERVAL_S` sets the seconds
between blocks (the preset's are ten).
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from playwright.sync_api import Browser, Download, Page, Playwright

from audit.serve import open_keys
from crypto.election.manifest import origin_of
from crypto.signatures import SigningKey, VerifierKey
from demo.commission import Commission
from demo.installation import Installation, free_ports
from demo.programs import Trustee, command
from tests.e2e_browser.officer import NATIVE, Officer, open_browser, sign_act
from tests.e2e_browser.town import ARGUMENTS, CHROMIUM

NAME = "students-2030"
MEMBERS = 200
WITNESSES = ("watch.example/union", "watch.example/press", "watch.example/alumni")
TRUSTEES = ("Aigul", "Maksat", "Nurlan")
ROUNDS = ("key", "commitment", "dealing", "answer", "certificate")
BISHKEK = timezone(timedelta(hours=6))
UNITS = "id,parent,ky,ru,en,district\n1,,Баары,Все,All,0\n2,1,Бишкек,Бишкек,Bishkek,1\n3,1,Ош,Ош,Osh,1\n"
INTERVAL_S = os.environ.get("DOBUSH_INTERVAL_S", "1")
PICTURES = os.environ.get("DOBUSH_PICTURES", "")
WAIT_S = 120


def members() -> str:
    """Return the body's own list: one member has no address, one lives abroad."""
    rows = [
        f'Member{at} Name{at},{at},"{"Bishkek, Chui 1" if at % 3 else "Ош, Масалиев 7"}"'
        for at in range(3, MEMBERS + 1)
    ]
    return "\n".join(["name,number,address", "Nomad Altyn,1,", 'Guest Erkin,2,"Berlin, Allee 3"', *rows]) + "\n"


@dataclass
class Side:
    """One side as a browser sees it."""

    url: str
    browser: Browser


class Small(Installation):
    """An installation whose limits are those of the settings."""

    def environment(self, side: str, **more: str) -> dict[str, str]:
        """Return a program's environment without the demo's wider limits."""
        given = super().environment(side, **more)
        return {name: value for name, value in given.items() if not name.endswith("_A_MINUTE")}


@dataclass
class Trial:
    """Everything that is there before anybody logs in: empty databases, programs, witnesses."""

    folder: Path
    client: Path
    browser: Browser
    installation: Small = field(init=False)
    witnesses: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    laps: list[tuple[str, float]] = field(default_factory=list)
    taken: int = 0

    def __post_init__(self) -> None:
        """Make the log's keys."""
        keys = {name: SimpleNamespace(key=SigningKey.from_seed(os.urandom(32))) for name in ("log", "receipts")}
        self.installation = Small(self.folder, cast("Commission", SimpleNamespace(**keys)))

    def start(self) -> None:
        """Start both sides, sequencer, worker and witnesses."""
        made = self.installation
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda side: made.call("dobush-server", "migrate", "--side", side, side=side), SIDES))
        log_key = made.commission.log.key.public_key
        log = VerifierKey(origin_of("localhost", "practice", NAME), log_key).to_text()
        ports = free_ports(len(WITNESSES))
        for name, port in zip(WITNESSES, ports, strict=True):
            state = self.folder / name.rpartition("/")[2]
            self.witnesses.append(open_keys(state / "key", name, os.urandom).key.public_key.hex())
            at = ["--log", f"{log}={made.log_url}", "--state", str(state), "--port", str(port)]
            made.start("dobush-audit", "witness", name, *at)
        at_ports = zip(WITNESSES, ports, strict=True)
        extra = {
            "DOBUSH_CLIENT_DIR": str(self.client),
            "DOBUSH_WITNESSES": json.dumps({name: f"http://127.0.0.1:{port}" for name, port in at_ports}),
        }
        for side in SIDES:
            at = ["--port", str(made.ports[side == "ballot"])]
            made.start("dobush-server", "run", "--side", side, *at, side=side, **extra)
        for program in ("sequencer", "worker"):
            made.start("dobush-server", program, side="ballot", **extra)
        for side in SIDES:
            made.wait_for_side(side)
        self.lap("programs run")

    def invite(self, side: str, role: str, name: str, body: str) -> str:
        """Add somebody on a side's command line; return the code of her invitation."""
        words = ("--side", side, "--role", role, "--name", name, "--body", body)
        return str(json.loads(self.installation.call("dobush-server", "role", "add", *words, side=side))["code"])

    def visit(self, side: str, role: str, name: str, body: str) -> Officer:
        """Invite somebody and let her in, in a browser of her own."""
        officer = open_browser(Side(self.installation.url(side), self.browser))
        officer.enter(self.invite(side, role, name, body))
        return officer

    def state(self) -> dict[str, Any]:
        """Return the election's state, as anybody sees it."""
        found: dict[str, Any] = self.installation.http["ballot"].get("/election").json()
        return found

    def wait_for(self, what: str) -> None:
        """Wait until the log awaits an act."""
        ends = time.monotonic() + WAIT_S
        while all(each["type"] != what for each in self.state()["awaited"]):
            assert time.monotonic() < ends, f"{what}: {self.state()['awaited']}"
            time.sleep(0.2)

    def lap(self, what: str) -> None:
        """Note when something was done."""
        self.laps.append((what, time.monotonic() - self.began))

    def look(self, officer: Officer, name: str) -> None:
        """Let axe judge a screen, each in the next language; in all three with pictures where they are wanted."""
        self.taken += 1
        languages = tuple(NATIVE) if PICTURES else (tuple(NATIVE)[self.taken % len(NATIVE)],)
        for language in languages:
            officer.speak(language)
            officer.page.wait_for_load_state("networkidle")
            assert officer.violations() == [], (name, language)
            self.shoot(officer.page, f"{language}/{self.taken:02}-{name}")
        officer.speak("en")

    @staticmethod
    def shoot(page: Page, name: str) -> None:
        """Take a picture where they are wanted."""
        if PICTURES:
            page.screenshot(path=Path(PICTURES, f"{name}.png"), full_page=True, animations="disabled")


SIDES = ("identity", "ballot")


@dataclass
class Keeper:
    """A registrar with her own folder and program."""

    trial: Trial
    folder: Path

    def run(self, what: str, *more: str) -> str:
        """Run her program; return what it printed."""
        given = ["--folder", str(self.folder), "--passphrase-file", str(self.folder / "passphrase")]
        return self.trial.installation.call("dobush-server", "registrar", what, *given, *more)

    def make_key(self) -> str:
        """Make her key; return its public half."""
        self.folder.mkdir()
        (self.folder / "passphrase").write_text("a passphrase of a registrar\n")
        return str(json.loads(self.run("init", "--hardness", "test"))["key"])


@dataclass
class Council:
    """The three trustees, each with a desk of her own."""

    trial: Trial
    desks: list[Trustee]

    @classmethod
    def seat(cls, trial: Trial) -> Council:
        """Give everybody a desk."""
        desks = [Trustee(at, name, trial.folder / f"trustee-{at}") for at, name in enumerate(TRUSTEES, start=1)]
        for each in desks:
            for stick in ("stick-a", "stick-b"):
                (each.desk / stick).mkdir(parents=True)
            (each.desk / "passphrase").write_text(f"a passphrase of trustee {each.number}\n")
        return cls(trial, desks)

    def run(self, *words: str) -> list[dict[str, Any]]:
        """Let all run their program at once."""
        calls = [[*command("dobush-trustee"), words[0], *each.common(), *words[1:]] for each in self.desks]
        return self._together(calls)

    def make_keys(self) -> list[str]:
        """Make everybody's key; return the public halves."""
        calls = [
            [*command("dobush-trustee"), "init", "--name", each.name, "--hardness", "test", *each.common()]
            for each in self.desks
        ]
        return [str(answer["key"]) for answer in self._together(calls)]

    def turn(self, act: str) -> None:
        """Wait for everybody's turn, then let all do what comes next, over the board."""
        board = ["--board", self.trial.installation.url("ballot")]
        manifest_hash = self.trial.state()["manifest_hash"]
        wait = ["--every", "0.5", "--seconds", str(WAIT_S)]
        for words in (["follow", *wait], ["next", "--wait", str(WAIT_S), "--confirm", NAME]):
            calls = [
                [
                    *command("dobush-trustee"),
                    *words,
                    *board,
                    "--record",
                    str(each.desk / "copy"),
                    "--manifest-hash",
                    manifest_hash,
                    *each.common(),
                ]
                for each in self.desks
            ]
            answers = self._together(calls)
        assert [each["act"] for each in answers] == [act] * len(self.desks)

    def hold_ceremony(self) -> None:
        """Go through all rounds."""
        for act in ROUNDS:
            self.turn(act)

    @staticmethod
    def _together(calls: list[list[str]]) -> list[dict[str, Any]]:
        running = [
            subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
            for call in calls
        ]
        ended = [each.communicate(timeout=2 * WAIT_S) for each in running]
        for process, (out, complaint) in zip(running, ended, strict=True):
            assert process.returncode == 0, f"{process.args!r}: {out}{complaint}"
        return [json.loads(out) for out, _ in ended]


@pytest.fixture
def trial(playwright: Playwright, client: Path, tmp_path: Path) -> Iterator[Trial]:
    """Start an empty installation and a browser."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
    made = Trial(tmp_path, client, browser)
    try:
        made.start()
        yield made
    finally:
        browser.close()
        made.installation.stop()


def describe(aida: Officer, trial: Trial, people: dict[str, list[tuple[str, str, str]]]) -> dict[str, str]:
    """Fill in the wizard by hand; return the files that the list of members became."""
    page, folder = aida.page, trial.folder
    aida.go("wizard")
    aida.press("wizard.small")
    aida.fill("wizard.short-name", NAME)
    for language, text in (("ky", "Студенттер кеңеши"), ("ru", "Совет студентов"), ("en", "Students' council")):
        page.locator(f"#title-{language}").fill(text)
    trial.look(aida, "wizard-basics")
    aida.press("next")
    opens = datetime.now(BISHKEK).replace(second=0, microsecond=0) + timedelta(minutes=2)
    page.locator("#opens").fill(opens.strftime("%Y-%m-%dT%H:%M"))
    trial.look(aida, "wizard-hours")
    aida.press("next")
    (folder / "units.csv").write_text(UNITS, encoding="utf-8")
    (folder / "members.csv").write_text(members(), encoding="utf-8")
    aida.choose("wizard.places-file", str(folder / "units.csv"))
    page.get_by_text(aida.t("members"), exact=True).click()
    downloads: list[Download] = []
    page.on("download", lambda each: downloads.append(each))  # noqa: PLW0108 - a method of a list takes no mark
    aida.choose("members.file", str(folder / "members.csv"))
    page.get_by_text(aida.t("members.done.other", n=MEMBERS)).wait_for()
    trial.look(aida, "wizard-places")
    files = {each.suggested_filename: each.path().read_text(encoding="utf-8") for each in downloads}
    aida.press("next")
    for language, text in (("ky", "Кеңештин төрагасы"), ("ru", "Председатель совета"), ("en", "Head of the council")):
        page.locator(f"#contest-0-{language}").fill(text)
        for at, option in enumerate(("Асел", "Тимур")):
            page.locator(f"#option-0-{at}-{language}").fill(option)
    trial.look(aida, "wizard-contests")
    aida.press("next")
    for group, each in people.items():
        for at, (name, body, key) in enumerate(each):
            page.locator(f"#{group}-{at}-name").fill(name)
            page.locator(f"#{group}-{at}-key").fill(key)
            if body:
                page.locator(f"#{group}-{at}-body").fill(body)
    trial.look(aida, "wizard-people")
    aida.press("next")
    page.locator("#policy-interval_s").fill(INTERVAL_S)
    trial.look(aida, "wizard-policies")
    aida.press("next")
    aida.press("wizard.checks-go")
    page.get_by_text(aida.t("wizard.sound")).wait_for()
    trial.look(aida, "wizard-checks")
    page.get_by_label(aida.t("acts.type-name", name=NAME), exact=True).fill(NAME)
    aida.press("wizard.propose")
    page.get_by_role("button", name=aida.t("type.manifest")).first.wait_for()
    return files


def propose(officer: Officer, act: str) -> None:
    """Propose an act that the console has prepared."""
    officer.go("acts")
    officer.page.get_by_role("group").filter(has_text=officer.t(f"type.{act}")).locator("summary").first.click()
    officer.press("acts.propose", act=officer.t(f"type.{act}"))
    officer.page.get_by_text(officer.t("acts.barrier.signed")).wait_for()
    officer.press("back")


def propose_file(officer: Officer, act: str, path: Path) -> None:
    """Propose an act out of a file."""
    officer.go("acts")
    officer.page.get_by_text(officer.t("from-file"), exact=True).click()
    officer.choose("from-file.file", str(path))
    officer.press("acts.propose", act=officer.t(f"type.{act}"))
    officer.page.get_by_text(officer.t("acts.barrier.signed")).wait_for()
    officer.press("back")


def countersign(officer: Officer, act: str) -> None:
    """Sign an act as the second person; it goes into the log."""
    sign_act(officer, act, NAME)
    officer.page.get_by_text(officer.t("state.taken")).first.wait_for()


def save(officer: Officer, button: str, path: Path) -> str:
    """Press a button that saves a file; keep it where the person puts it."""
    with officer.page.expect_download() as saved:
        officer.press(button)
    saved.value.save_as(path)
    return path.read_text(encoding="utf-8")


def keep_roll(trial: Trial, gulnara: Officer, keepers: list[Keeper], files: dict[str, str]) -> None:
    """Bring the roll in, mend the two who have no place, draw slots, let both registrars compare and sign."""
    page = gulnara.page
    gulnara.go("road")
    trial.look(gulnara, "identity-road")
    settings = save(gulnara, "road.folder-go", trial.folder / "registrar.toml")
    published = trial.state()["manifest_hash"]
    settings = settings.replace('manifest_hash = ""', f'manifest_hash = "{published}"')
    for keeper in keepers:
        for name, text in (*files.items(), ("registrar.toml", settings)):
            (keeper.folder / name).write_text(text, encoding="utf-8")
    version = trial.folder / "version.json"
    gulnara.go("roll")
    version.write_text(keepers[0].run("version"), encoding="utf-8")
    gulnara.choose("roll.version", str(version))
    gulnara.press("roll.import-go")
    page.get_by_text(gulnara.t("roll.unplaced", n=2)).wait_for()
    page.get_by_role("cell", name="Berlin, Allee 3", exact=True).wait_for()
    trial.look(gulnara, "roll-report")
    mends = save(gulnara, "roll.mends-save", trial.folder / "mends.csv")
    previous = page.locator("pre.command").first.inner_text().partition("--previous ")[2].split()[0]
    for keeper in keepers:
        (keeper.folder / "mends.csv").write_text(mends.replace(",,,", ",2,,"), encoding="utf-8")
        with (keeper.folder / "registrar.toml").open("a") as toml:
            toml.write('mends = "mends.csv"\n')
    version.write_text(keepers[0].run("version", "--use", "mend", "--previous", previous), encoding="utf-8")
    gulnara.choose("roll.version", str(version))
    gulnara.press("roll.import-go")
    page.get_by_text(gulnara.t("roll.all-placed")).wait_for()
    trial.look(gulnara, "roll-mended")
    gulnara.press("roll.draw-go")
    page.get_by_text(gulnara.t("roll.drawn.other", n=MEMBERS)).wait_for()
    trial.look(gulnara, "roll-drawn")
    for keeper in keepers:
        keeper.run("roll")
    ends = time.monotonic() + WAIT_S
    while trial.state()["counts"]["slots"] < MEMBERS:
        assert time.monotonic() < ends, "the chunks do not come"
        time.sleep(0.2)


def print_codes(trial: Trial, gulnara: Officer, files: dict[str, str]) -> None:
    """Make a code for everybody; each person has one, and it is hers alone."""
    page, roll = gulnara.page, trial.folder / "roll.csv"
    roll.write_text(files["roll.csv"], encoding="utf-8")
    gulnara.go("codes")
    gulnara.choose("codes.file", str(roll))
    trial.look(gulnara, "codes-chosen")
    gulnara.press("codes.go.other", n=MEMBERS)
    page.get_by_text(gulnara.t("codes.done.other", n=MEMBERS)).wait_for(timeout=WAIT_S * 1_000)
    trial.look(gulnara, "codes-made")
    rows = list(csv.DictReader(io.StringIO(save(gulnara, "codes.csv", trial.folder / "codes.csv"))))
    assert len({row["number"] for row in rows}) == len({row["code"] for row in rows}) == MEMBERS
    assert page.locator(".slips .code").all_inner_texts() == [row["code"] for row in rows]
    page.emulate_media(media="print")
    trial.shoot(page, "en/codes-on-paper")
    assert not page.get_by_role("navigation").is_visible()
    page.emulate_media(media="screen")


def test_a_small_election_comes_from_nothing_to_open(trial: Trial) -> None:
    aida = trial.visit("ballot", "officer", "Aida", "Students' union")
    bakyt = trial.visit("ballot", "officer", "Bakyt", "Alumni")
    trial.look(aida, "road-to-the-manifest")
    council, keepers = Council.seat(trial), [Keeper(trial, trial.folder / f"registrar-{at}") for at in (0, 1)]
    aida.go("key")
    trial.look(aida, "key")
    officers = [("Aida", "Students' union", aida.name_key()), ("Bakyt", "Alumni", bakyt.name_key())]
    registrars = [
        (name, body, keeper.make_key())
        for (name, body), keeper in zip((("Daria", "Dean's office"), ("Elmira", "Alumni")), keepers, strict=True)
    ]
    trial.look(aida, "key-named")
    trial.lap("everybody has a key")
    people = {
        "officers": officers,
        "registrars": registrars,
        "trustees": [(name, "", key) for name, key in zip(TRUSTEES, council.make_keys(), strict=True)],
        "witnesses": [(name, "", key) for name, key in zip(WITNESSES, trial.witnesses, strict=True)],
    }
    files = describe(aida, trial, people)
    bakyt.go("acts")
    trial.look(bakyt, "acts")
    countersign(bakyt, "manifest")
    trial.lap("the manifest stands")
    with ThreadPoolExecutor(1) as pool:
        ceremony: Future[None] = pool.submit(council.hold_ceremony)
        run_both_sides(trial, aida, bakyt, keepers, files)
        ceremony.result(timeout=5 * WAIT_S)
    trial.lap("ceremony held, roll frozen")
    trial.wait_for("drill")
    propose(aida, "drill")
    countersign(bakyt, "drill")
    council.turn("drill")
    trial.wait_for("opening")
    aida.go("road")
    trial.look(aida, "road-to-the-opening")
    propose(aida, "opening")
    bakyt.go("acts")
    trial.look(bakyt, "acts-opening")
    countersign(bakyt, "opening")
    ends = time.monotonic() + WAIT_S
    while trial.state()["phase"] != "open":
        assert time.monotonic() < ends
        time.sleep(0.2)
    trial.lap("open")
    aida.go("live")
    trial.look(aida, "live")
    assert aida.errors + bakyt.errors == []
    sys.stdout.write("".join(f"{seconds:7.1f} s  {what}\n" for what, seconds in trial.laps))
    assert trial.laps[-1][1] < 15 * 60


def run_both_sides(trial: Trial, aida: Officer, bakyt: Officer, keepers: list[Keeper], files: dict[str, str]) -> None:
    """Do what officers and registrars do while the trustees hold their ceremony."""
    aida.go("road")
    aida.page.get_by_role("link", name=aida.t("road.founding-go"), exact=True).wait_for()
    trial.look(aida, "road-after-the-manifest")
    with aida.page.expect_download() as saved:
        aida.page.get_by_role("link", name=aida.t("road.founding-go"), exact=True).click()
    block = trial.folder / "founding.json"
    saved.value.save_as(block)
    carrier = trial.visit("identity", "officer", "Aida", "Students' union")
    carrier.go("founding")
    carrier.choose("founding.file", str(block))
    carrier.page.get_by_text(carrier.t("founding.compare")).wait_for()
    trial.look(carrier, "founding")
    carrier.page.get_by_label(carrier.t("acts.type-name", name=NAME), exact=True).fill(NAME)
    carrier.press("founding.go")
    carrier.page.get_by_role("link", name=carrier.t("freeze"), exact=True).first.wait_for()
    gulnara = trial.visit("identity", "registrar", "Gulnara", "Election desk")
    gulnara.name_key()
    trial.look(gulnara, "identity-key")
    keep_roll(trial, gulnara, keepers, files)
    trial.lap("the roll is signed by both registrars")
    carrier.go("freeze")
    freeze, listed = trial.folder / "freeze.json", trial.folder / "client.json"
    trial.look(carrier, "freeze")
    save(carrier, "freeze.save", freeze)
    propose_file(aida, "freeze", freeze)
    countersign(bakyt, "freeze")
    listed.write_text(trial.installation.call("dobush-audit", "client-files", str(trial.client)), encoding="utf-8")
    propose_file(aida, "client", listed)
    countersign(bakyt, "client")
    print_codes(trial, gulnara, files)
    trial.lap("codes printed")
    assert carrier.errors + gulnara.errors == []
