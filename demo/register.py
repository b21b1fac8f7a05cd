"""The practice election's register: whose slot is whose, enrolment codes, and two registrars in a thread.

Spec: `docs/operations/identification.md`, `docs/operations/registrar.md`. Persons are numbers of nobody. Registrars do
here what their own programs do elsewhere, with the same checks, over HTTP; their keys lie in the desk's folder, like
everybody's.

>>> number_of(3), len(places())
('10000000000003', 24)
"""

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from crypto.election.entries import RollChunk
from crypto.signatures import SigningKey, key_id
from demo.practice import SLOTS, STYLE, UNIT, VOTERS, People
from voting_server.plumbing.context import Context
from voting_server.plumbing.logging import log
from voting_server.plumbing.problems import ProblemError
from voting_server.voters import store
from voting_server.voters.evidence import Code, CodeVerifier, code_key, make_code
from voting_server.voters.frame import Frame
from voting_server.voters.registrar import Journal, Link, RefusalError, Registrar, Send
from voting_server.voters.service import Voters
from voting_server.voters.slots import Slot, cut

CODES_FILE = "codes.txt"
CODE_LIFE_MS = 30 * 86_400_000
_LOOK_S = 1.0


def number_of(slot: int) -> str:
    """Return the personal number of a slot's person."""
    return f"{10_000_000_000_000 + slot}"


def places() -> dict[str, tuple[int, int]]:
    """Return the roll as each registrar has it: number → unit and style."""
    return {number_of(slot): (UNIT, STYLE) for slot in range(SLOTS)}


def slots_of(people: People) -> list[Slot]:
    """Return everybody's slot."""
    return [Slot(number_of(slot), people.pseudonym(slot), UNIT, STYLE) for slot in range(SLOTS)]


def chunks_of(people: People) -> list[RollChunk]:
    """Return the roll chunks of all slots."""
    return cut(slots_of(people))


def fill(context: Context, people: People, block_0: Sequence[bytes]) -> list[str]:
    """Found the identity side and give it persons and slots; return a code for each who has no key yet."""
    voters = Voters(context)
    frame = voters.found(block_0)
    with context.database.begin() as connection:
        store.add_slots(connection, slots_of(people))
    issuer = people.key("issuer")
    expires_at_ms = context.database.now_ms() + CODE_LIFE_MS
    codes = [make_code(secrets.token_bytes) for _ in range(VOTERS, SLOTS)]
    for slot, text in enumerate(codes, start=VOTERS):
        public = code_key(frame.election.kind, frame.election.manifest_hash, text).public_key
        code = Code(number_of(slot), public, expires_at_ms, "passkey")
        voters.add_code(code, key_id(issuer.public_key), code.sign(frame.election, issuer))
    return codes


def _sender(client: httpx.Client, base: str) -> Send:
    def send(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        answer = client.request(method, base + path, content=body, headers=dict(headers))
        return answer.status_code, answer.content

    return send


@dataclass(frozen=True)
class Registrars:
    """Both registrars of a practice election; `serve` looks at the queue until it is told to end."""

    people: People
    frame: Frame
    folder: Path
    url: str
    now_ms: Callable[[], int]
    voters: Voters

    def serve(self, ended: threading.Event) -> None:
        """Check, sign and deliver what waits, once a second; changes too, as a person would after her check."""
        with httpx.Client(timeout=10) as client:
            links = [self._link(place, client) for place in (0, 1)]
            while not ended.wait(_LOOK_S):
                self._tell()
                for link in links:
                    try:
                        self._work(link)
                    except (RefusalError, ProblemError, httpx.HTTPError) as error:
                        # The desk may not serve yet; the next look finds what waits.
                        log().info("request", problem=type(error).__name__)

    def _tell(self) -> None:
        """Note that whoever asked for another key was told: at a desk she sits before the screen that says so."""
        for request, _, _ in self.voters.notices():
            self.voters.note_told(request)

    @staticmethod
    def _work(link: Link) -> None:
        for asked in link.fetch_requests():
            link.serve(only=asked.id)

    def _link(self, place: int, client: httpx.Client) -> Link:
        key: SigningKey = self.people.key("registrar", place)
        verifier = CodeVerifier((self.people.key("issuer").public_key,), CODE_LIFE_MS)
        journal = Journal(self.folder / f"registrar-{place + 1}.jsonl")
        registrar = Registrar(key, self.frame, places(), {"code": verifier}, journal)
        registrar.accept(slots_of(self.people), chunks_of(self.people))
        return Link(registrar, _sender(client, f"{self.url}/identity"), _sender(client, self.url), self.now_ms)
