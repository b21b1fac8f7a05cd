"""A desk for tests in a browser: the practice election with several kinds of contests, served over HTTP on a free port.

`open_town` founds the election and starts sequencer, registrars and server in threads; `Town.voter` gives a page of a
new browser context with an authenticator. The folders are the caller's; nothing outlives the context.
"""

import base64
import itertools
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, Playwright
from starlette.applications import Starlette

from crypto.election.entries import Contest, Option, Text3
from crypto.merkle import CHECKPOINT_PATH, TILE_WIDTH, read_bundle
from crypto.rules import Between, OneOf
from crypto.signatures import cose_es256, parse_checkpoint, parse_note
from demo.desk import PRACTICE, Practice, assemble
from demo.practice import OPTIONS, VOTERS, People
from demo.voters import SoftwarePasskey
from voting_server.app import create_app
from voting_server.board.service import Board
from voting_server.plumbing.context import Context
from voting_server.plumbing.serving import options
from voting_server.plumbing.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
LONG = 54
ES256, EDDSA = -7, -8


def _same(text: str) -> Text3:
    return Text3(text, text, text)


def town_contests() -> tuple[Contest, ...]:
    """Return one contest of each kind: one of four, two to three of five, an open party list, a long list."""

    def contest(at: int, title: Text3, rule: OneOf | Between, names: Sequence[Text3]) -> Contest:
        return Contest(at, at, title, rule.to_bytes(), tuple(Option(name) for name in names), 1, 1)

    council = [_same(f"Кеңешчи {letter}") for letter in "АБВГД"]
    parties = [
        "Ак Жол",
        "Ак Жол / Айбек уулу Нур",
        "Ак Жол / Асанова Гүл",
        "Береке",
        "Береке / Токтогулов Эмил",
        "Эркин",
    ]
    long = [_same(f"Талапкер {place:02d}") for place in range(1, LONG + 1)]
    return (
        contest(
            1,
            Text3("Кайсы тилде окуйсуз?", "На каком языке вы читаете?", "Which language do you read?"),
            OneOf.default(len(OPTIONS)),
            [Text3(*names) for names in OPTIONS],
        ),
        contest(2, Text3("Айыл кеңеши", "Сельский совет", "Village council"), Between(len(council), 2, 3), council),
        contest(3, Text3("Партиялар", "Партии", "Parties"), OneOf.default(len(parties)), list(map(_same, parties))),
        contest(4, Text3("Узун тизме", "Длинный список", "Long list"), OneOf.default(LONG), long),
    )


@dataclass
class TownPeople(People):
    """The practice election's people with other contests, and blocks every second."""

    interval_ms: int = 1_000
    papers: tuple[Contest, ...] = field(default_factory=town_contests)

    def contests(self) -> tuple[Contest, ...]:
        """Return the contests of this town."""
        return self.papers

    def phone_key(self, slot: int) -> ec.EllipticCurvePrivateKey:
        """Return the private key of a slot whose credential stands on the board from the beginning."""
        return ec.derive_private_key(int.from_bytes(self.seed("phone", slot)[:31], "big") + 1, ec.SECP256R1())

    def passkey(self, slot: int) -> SoftwarePasskey:
        """Return the same key as a program uses it."""
        key = self.phone_key(slot)
        point = key.public_key().public_numbers()
        return SoftwarePasskey(cose_es256(point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big")), key)


@dataclass
class Voter:
    """A browser of one voter: its context, its page, its authenticator."""

    context: BrowserContext
    page: Page
    cdp: CDPSession
    authenticator: str
    handover: str = ""

    def add_authenticator(self) -> None:
        """Give the phone what it did not have."""
        self.authenticator = add_authenticator(self.cdp)

    def verify_user(self, *, able: bool) -> None:
        """Let the authenticator verify its user, or refuse."""
        self.cdp.send("WebAuthn.setUserVerified", {"authenticatorId": self.authenticator, "isUserVerified": able})


@dataclass
class Town:
    """The served election and the browser that visits it."""

    practice: Practice
    origin: str
    browser: Browser
    codes: list[str] = field(default_factory=list)
    _slots: Iterator[int] = field(default_factory=lambda: itertools.cycle(range(VOTERS)))

    @property
    def url(self) -> str:
        """Where the practice election is served."""
        return f"{self.origin}/{PRACTICE}"

    def entries(self) -> list[bytes]:
        """Return the log's entries."""
        log = self.practice.settings.published_dir
        size = parse_checkpoint(parse_note((log / CHECKPOINT_PATH).read_bytes()).text).size

        def get(path: str) -> bytes | None:
            file = log / path
            return file.read_bytes() if file.is_file() else None

        return [raw for bundle in range(-(-size // TILE_WIDTH)) for raw in read_bundle(get, bundle, size)]

    def code(self) -> str:
        """Return an enrolment code that nobody has used."""
        return self.codes.pop()

    def voter(self, *, authenticator: bool = True, **more: Any) -> Voter:  # noqa: ANN401 - a context's options
        """Return a new browser context, as a phone with a screen lock unless told otherwise."""
        given: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "locale": "en-GB", **more}
        context = self.browser.new_context(**given)
        page = context.new_page()
        cdp = context.new_cdp_session(page)
        made = ""
        if authenticator:
            made = add_authenticator(cdp)
        return Voter(context, page, cdp, made)

    def resident(self, slot: int | None = None, **more: Any) -> Voter:  # noqa: ANN401 - a context's options
        """Return a voter who identified long ago: her key is in the phone, its public half on the board.

        Without a slot the next of twelve, over and over: who voted before changes her vote.
        """
        people = self.practice.people
        assert isinstance(people, TownPeople)
        at = next(self._slots) if slot is None else slot
        voter = self.voter(**more)
        name = people.passkey(at).credential_id
        key = people.phone_key(at).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        add_credential(voter, name, key)
        text = base64.urlsafe_b64encode(name).rstrip(b"=").decode()
        voter.handover = f"me={people.pseudonym(at).hex()}&key={text}"
        return voter


def add_credential(voter: Voter, name: bytes, key: bytes) -> None:
    """Put a key (PKCS #8) into a phone, as a synced passkey comes into a new one."""
    credential = {
        "credentialId": base64.b64encode(name).decode(),
        "isResidentCredential": True,
        "rpId": "localhost",
        "privateKey": base64.b64encode(key).decode(),
        "userHandle": base64.b64encode(name).decode(),
        "signCount": 0,
        "backupEligibility": True,
        "backupState": True,
    }
    what = {"authenticatorId": voter.authenticator, "credential": credential}
    voter.cdp.send("WebAuthn.addCredential", what)


def add_authenticator(cdp: CDPSession) -> str:
    """Give a page an authenticator that verifies its user; return its id."""
    cdp.send("WebAuthn.enable", {"enableUI": False})
    what = {
        "protocol": "ctap2",
        "ctap2Version": "ctap2_1",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
        "hasPrf": False,
        "defaultBackupEligibility": True,
        "defaultBackupState": True,
    }
    return str(cdp.send("WebAuthn.addVirtualAuthenticator", {"options": what})["authenticatorId"])


def build_client(folder: Path) -> Path:
    """Build the web pages into a folder; return it."""
    subprocess.run(["node", str(ROOT / "voter_client/bundle/build.mjs"), str(folder)], check=True, capture_output=True)
    return folder


def free_port() -> int:
    """Return a port of loopback at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def wait_for_opening(practice: Practice) -> None:
    """Return when a block is known to be later than the opening: before that nobody may cast."""
    context, give_up = Context.open(practice.settings, "ballot"), time.monotonic() + 60
    board = Board(context)
    while True:
        with board.record() as record:
            if (record.board.lower or 0) >= record.parts.manifest.opens_at_ms:
                break
        assert time.monotonic() < give_up, "the town's election did not open"
        time.sleep(0.1)
    context.close()


@contextmanager
def open_town(
    playwright: Playwright, folder: Path, client: Path, seat: Callable[[bytes], People] = TownPeople
) -> Iterator[Town]:
    """Serve a practice election and open a browser."""
    port = free_port()
    origin = f"http://localhost:{port}"
    practice = Practice(folder, origin, seat)
    object.__setattr__(practice, "settings", practice.settings.model_copy(update={"client_dir": client}))
    practice.prepare()
    with ExitStack() as stack:
        stack.callback(practice.stop)
        app = assemble({PRACTICE: create_app(practice.settings)})
        stack.enter_context(serve(app, practice.settings, port))
        browser = stack.enter_context(launch(playwright))
        practice.start_sequencer()
        practice.start_registrars(f"{origin}/{PRACTICE}")
        wait_for_opening(practice)
        yield Town(practice, origin, browser, practice.codes)


@contextmanager
def launch(playwright: Playwright) -> Iterator[Browser]:
    """Start a browser."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def serve(app: Starlette, settings: Settings, port: int) -> Iterator[None]:
    """Serve an application at a port of loopback, in a thread."""
    given = {**options(settings), "log_level": "warning"}
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, **given))
    thread, give_up = threading.Thread(target=server.run), time.monotonic() + 60
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < give_up, "the server did not start"
            time.sleep(0.02)
        yield
    finally:
        server.should_exit = True
        thread.join()
