"""A town on two hosts, as a real election is served, and an identity provider on a third that nobody here wrote.

`open_hosts` serves the identity side and the ballot side at ports of their own; registrars check what the provider
says, under keys of the provider that they pinned.
"""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, Playwright
from pydantic import SecretStr

from crypto.election.entries import Manifest
from crypto.election.manifest import hash_manifest
from demo.desk import Practice
from demo.practice import KIND
from demo.register import Registrars, chunks_of, number_of, places, slots_of
from tests.e2e_browser.town import ROOT, Town, TownPeople, free_port, launch, serve, wait_for_opening
from voting_server.app import create_app
from voting_server.plumbing.context import Context
from voting_server.plumbing.database import wall_clock_ms
from voting_server.plumbing.settings import Side
from voting_server.voters.evidence import OidcVerifier
from voting_server.voters.registrar import Journal, Link, Registrar, Send
from voting_server.voters.service import Voters

PROVIDER = ROOT / "tests/integration/voters/provider"
CLIENT, SECRET, LEVEL = "dobush", "a secret of the tests", "high"


@dataclass
class HostsPeople(TownPeople):
    """The town's people, whose manifest allows keys of both hosts."""

    origins: tuple[str, ...] = ()

    def write_manifest(self, *arguments: Any) -> tuple[Manifest, list[Any]]:  # noqa: ANN401 - the same as above it
        """Return the manifest with both hosts' addresses."""
        manifest, parts = super().write_manifest(*arguments)
        manifest = replace(manifest, origins=self.origins)
        self.manifest_hash = hash_manifest(KIND, manifest.to_bytes())
        return manifest, parts


@dataclass
class Hosts(Town):
    """Both hosts and the provider; `origin` is the ballot side's."""

    identity: str = ""
    issuer: str = ""

    @property
    def url(self) -> str:
        """Where the ballot side is served: at its host's root."""
        return self.origin

    def admit(self, page: Page, slot: int | None, level: str = LEVEL) -> None:
        """Log in at the provider's page as the person of a slot, or as nobody: then the provider says no."""
        page.get_by_label("Personal number").fill("" if slot is None else number_of(slot))
        page.get_by_label("Level").fill(level)
        page.get_by_role("button", name="It is me").click()


@dataclass(frozen=True)
class HostRegistrars(Registrars):
    """Registrars who pin the provider's keys and reach each side at its own host."""

    identity: str = ""
    verifier: OidcVerifier | None = None

    def _link(self, place: int, client: httpx.Client) -> Link:
        assert self.verifier is not None

        def send_to(base: str) -> Send:
            def send(method: str, path: str, body: bytes, headers: Any) -> tuple[int, bytes]:  # noqa: ANN401 - as given
                answer = client.request(method, base + path, content=body, headers=dict(headers))
                return answer.status_code, answer.content

            return send

        key, journal = self.people.key("registrar", place), Journal(self.folder / f"registrar-{place + 1}.jsonl")
        registrar = Registrar(key, self.frame, places(), {"oidc": self.verifier}, journal)
        registrar.accept(slots_of(self.people), chunks_of(self.people))
        return Link(registrar, send_to(self.identity), send_to(self.url), self.now_ms)


@contextmanager
def start_provider(redirect: str) -> Iterator[str]:
    """Run npm's oidc-provider on loopback, installed from its lock file; return its issuer."""
    if not (PROVIDER / "node_modules/oidc-provider").exists():
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=PROVIDER, check=True, capture_output=True, timeout=300)
    command = ["node", "provider.mjs", CLIENT, SECRET, redirect]
    with subprocess.Popen(
        command, cwd=PROVIDER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@contextmanager
def open_hosts(playwright: Playwright, folder: Path, client: Path) -> Iterator[Hosts]:
    """Serve both sides and the provider, and open a browser."""
    ports = {Side.IDENTITY: free_port(), Side.BALLOT: free_port()}
    identity, ballot = (f"http://localhost:{port}" for port in ports.values())
    with ExitStack() as stack:
        issuer = stack.enter_context(start_provider(f"{identity}/identifications/oidc/answer"))
        practice = Practice(folder, ballot, lambda secret: HostsPeople(secret, origins=(identity, ballot)))
        stack.callback(practice.stop)
        practice.prepare()
        for side, port in ports.items():
            settings = practice.settings.model_copy(
                update={
                    "side": side,
                    "client_dir": client,
                    "identity_origin": identity,
                    "ballot_origin": ballot,
                    "oidc_issuer": issuer,
                    "oidc_client": CLIENT,
                    "oidc_secret": SecretStr(SECRET),
                    "oidc_acr": (LEVEL,),
                }
            )
            stack.enter_context(serve(create_app(settings), settings, port))
        practice.start_sequencer()
        keys = json.loads(httpx.get(f"{issuer}/jwks", timeout=10).content)
        stack.enter_context(
            _work(practice, ballot, identity, OidcVerifier(issuer, CLIENT, keys, (LEVEL,), expiring=False))
        )
        browser = stack.enter_context(launch(playwright))
        wait_for_opening(practice)
        yield Hosts(practice, ballot, browser, practice.codes, identity=identity, issuer=issuer)


@contextmanager
def _work(practice: Practice, ballot: str, identity: str, verifier: OidcVerifier) -> Iterator[None]:
    """Let the registrars work in a thread."""
    context, ended = Context.open(practice.settings, "identity"), threading.Event()
    voters = Voters(context)
    folder = practice.settings.data_dir
    registrars = HostRegistrars(
        practice.people, voters.frame(), folder, ballot, wall_clock_ms, voters, identity=identity, verifier=verifier
    )
    thread = threading.Thread(target=registrars.serve, args=(ended,))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        context.close()
