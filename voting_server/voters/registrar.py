"""The registrar's own program: her copy of the roll, her check of every identification, her signature.

Spec: `docs/operations/registrar.md`, `docs/spec/credential.md`. It runs on her machine with her key. What the identity
side says is a proposal: slots are compared with her own copy, evidence is verified with keys from her own folder, and
one pseudonym gets her signature for one credential. Changes and strikes she signs one by one, by their number.

>>> sorted(ALONE)
['change', 'strike']
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from crypto.election.credential import algorithm_of
from crypto.election.entries import Change, Credential, Manifest, RollChunk, Strike, parse_entry
from crypto.errors import Refused
from crypto.signatures import SigningKey, key_id, parse_cose_key
from voting_server.voters.calls import HEADER, compose, sign_body, sign_call, verify_body
from voting_server.voters.evidence import CodeVerifier, Election, IdentificationError, Provider, parse_evidence
from voting_server.voters.frame import Frame, read_frame
from voting_server.voters.slots import Slot, compare, count_by_district, cut

ALONE = frozenset({"change", "strike"})
"""Types that are signed one by one, never by working through the queue."""
_LONGEST_ANSWER = 512 * 1024**2

Send = Callable[[str, str, bytes, Mapping[str, str]], tuple[int, bytes]]
"""Sends (method, path, body, headers) to one side; returns status and body."""


class RefusalError(Exception):
    """The registrar's program does not sign this; the message says why."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the identity side shows it."""

    id: int
    type: str
    body: bytes
    number: str
    evidence: str
    signatures: tuple[tuple[bytes, bytes], ...]


def parse_asked(row: Mapping[str, Any]) -> Asked:
    """Read a request. Raises RefusalError."""
    try:
        signatures = tuple(
            (bytes.fromhex(each["author"]), bytes.fromhex(each["signature"])) for each in row["signatures"]
        )
        return Asked(
            int(row["id"]),
            str(row["type"]),
            b64decode(row["body"], validate=True),
            str(row["number"]),
            str(row["evidence"]),
            signatures,
        )
    except (KeyError, ValueError, TypeError) as error:
        raise RefusalError("the identity side's answer cannot be read") from error


@dataclass
class Journal:
    """What this registrar has signed, one line each, on her own disk: a pseudonym's credential is signed once."""

    path: Path
    credentials: dict[bytes, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read what was written."""
        if self.path.exists():
            for line in self.path.read_text(encoding="ascii").splitlines():
                row = json.loads(line)
                self.credentials[bytes.fromhex(row["pseudonym"])] = bytes.fromhex(row["key"])

    def add(self, pseudonym: bytes, key: bytes) -> None:
        """Write before signing, so that a crash never forgets. Raises RefusalError for another key."""
        known = self.credentials.get(pseudonym)
        if known is not None and known != key:
            raise RefusalError("this pseudonym has a credential with another key; only a change may replace it")
        if known is None:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "a", encoding="ascii") as file:
                file.write(json.dumps({"pseudonym": pseudonym.hex(), "key": key.hex()}) + "\n")
                file.flush()
                os.fsync(file.fileno())
            self.credentials[pseudonym] = key


@dataclass
class Registrar:
    """One registrar: `own` is her roll (number → unit and style), `slots` what she compared with it and kept."""

    key: SigningKey
    frame: Frame
    own: Mapping[str, tuple[int, int]]
    providers: Mapping[str, Provider]
    journal: Journal
    slots: dict[str, Slot] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the election names this key, as it is now, and no issuer of codes. Raises RefusalError."""
        if key_id(self.key.public_key) not in self.frame.registrars:
            raise RefusalError("the election does not name this key as a registrar's")
        for provider in self.providers.values():
            if isinstance(provider, CodeVerifier) and not self.frame.keyring.known.isdisjoint(provider.issuers):
                # Who hands out a code knows it: with a registrar among them, one person would do the work of two.
                raise RefusalError("a key of the election hands out no codes: take it out of code_issuers")

    @property
    def election(self) -> Election:
        """The election."""
        return self.frame.election

    def accept(self, slots: Iterable[Slot], chunks: Iterable[RollChunk]) -> None:
        """Compare what the identity side drew with the own roll, and keep it. Raises MismatchError."""
        proposed = list(slots)
        compare(self.own, proposed, list(chunks))
        self.slots = {slot.number: slot for slot in proposed}

    def figures(self) -> dict[int, int]:
        """Return the slots of each district, from the own copy."""
        return count_by_district(self.slots.values(), self.frame.parts.district)

    def check(self, asked: Asked, now_ms: int, *, alone: bool = False) -> None:
        """Check a request as if the identity side were a stranger. Raises RefusalError; writes the journal.

        `alone` says that this registrar named the request by its number.
        """
        if asked.type in ALONE and not alone:
            raise RefusalError(f"a {asked.type} is signed by its number only")
        try:
            if asked.type == "roll":
                self._check_chunk(RollChunk.parse(asked.body))
            elif asked.type == "credential":
                self._check_key(Credential.parse(asked.body), asked, now_ms)
            elif asked.type == "change":
                self._check_key(Change.parse(asked.body), asked, now_ms)
            elif asked.type == "strike":
                self._require_slot(asked.number, Strike.parse(asked.body).pseudonym)
            else:
                raise RefusalError("a registrar signs nothing of this type")
        except Refused as refusal:
            raise RefusalError(f"{refusal.check}: {refusal.reason}") from refusal
        except IdentificationError as error:
            raise RefusalError(f"the identification does not hold: {error}") from error

    def sign(self, asked: Asked) -> bytes:
        """Return the signature over a checked request's body."""
        return sign_body(self.key, self.election, asked.type, asked.body)[1]

    def compose(self, asked: Asked) -> bytes | None:
        """Return the entry once both registrars have signed, None before. Raises Refused for a false signature."""
        signers = self.frame.registrars
        signed = [(author, signature) for author, signature in asked.signatures if author in signers]
        for author, signature in signed:
            verify_body(signers[author], self.election, asked.type, asked.body, signature)
        return compose(asked.type, asked.body, signed) if len(signed) == len(signers) else None

    def _check_chunk(self, chunk: RollChunk) -> None:
        chunks = cut(list(self.slots.values()))
        if not self.slots or chunk.number >= len(chunks) or chunk != chunks[chunk.number]:
            raise RefusalError("the chunk does not hold the slots that were compared with the own roll")

    def _check_key(self, body: Credential | Change, asked: Asked, now_ms: int) -> None:
        evidence = parse_evidence(asked.evidence)
        provider = self.providers.get(evidence.provider)
        if provider is None:
            raise RefusalError("this registrar trusts no provider of that kind")
        shown = provider.verify(self.election, body.key, evidence, now_ms)
        if shown.number != asked.number:
            raise RefusalError("the identification shows somebody else")
        self._require_slot(shown.number, body.pseudonym)
        manifest: Manifest = self.frame.manifest
        is_software = body.assurance == "software" and manifest.software_keys
        if not is_software and body.assurance != (shown.assurance or "passkey"):
            raise RefusalError("the assurance is not what the identification shows")
        parse_cose_key(body.key)
        if algorithm_of(body.key) not in manifest.algorithms:
            raise RefusalError("the manifest allows no key of this algorithm")
        if isinstance(body, Credential):
            self.journal.add(body.pseudonym, body.key)

    def _require_slot(self, number: str, pseudonym: bytes) -> None:
        slot = self.slots.get(number)
        if slot is None or slot.pseudonym != pseudonym:
            raise RefusalError("the pseudonym is not this person's")


@dataclass
class Link:
    """How a registrar's program reaches both sides."""

    registrar: Registrar
    identity: Send
    ballot: Send
    now_ms: Callable[[], int]

    def fetch_slots(self) -> list[Slot]:
        """Return everybody's slot as the identity side has it. Raises RefusalError."""
        found: list[Slot] = []
        while True:
            after = f"?after={found[-1].number}" if found else ""
            rows = self._call("GET", f"/registrar/slots{after}")["slots"]
            try:
                more = [Slot(row["number"], bytes.fromhex(row["pseudonym"]), row["unit"], row["style"]) for row in rows]
                if not more:
                    return found
                if found and any(each.number <= found[-1].number for each in more):
                    raise RefusalError("the identity side repeats itself")
            except (KeyError, ValueError, TypeError) as error:
                raise RefusalError("the identity side's answer cannot be read") from error
            found += more

    def fetch_requests(self) -> list[Asked]:
        """Return all requests that wait. Raises RefusalError."""
        found: list[Asked] = []
        while True:
            after = found[-1].id if found else 0
            rows = self._call("GET", f"/registrar/requests?after={after}")["requests"]
            more = [parse_asked(row) for row in rows]
            if not more:
                return found
            if any(each.id <= after for each in more):
                raise RefusalError("the identity side repeats itself")
            found += more

    def tell_rotations(self) -> None:
        """Bring the log's rotations of keys to the identity side, so that it knows this key. Raises RefusalError."""
        if not self.registrar.frame.rotations:
            return
        entries = [b64encode(raw).decode() for raw in self.registrar.frame.rotations]
        content = json.dumps({"entries": entries}).encode()
        status, _ = self.identity("POST", "/rotations", content, {"content-type": "application/json"})
        if status != 200:
            raise RefusalError(f"the identity side says {status} to the rotations of keys")

    def serve(self, *, only: int | None = None) -> list[tuple[int, str]]:
        """Check, sign and deliver what waits (or one request); return (id, what became of it) of each."""
        done: list[tuple[int, str]] = []
        for asked in self.fetch_requests():
            if only is None or asked.id == only:
                try:
                    done.append((asked.id, self._work(asked, alone=only is not None)))
                except RefusalError as refusal:
                    done.append((asked.id, f"refused: {refusal}"))
        return done

    def _work(self, asked: Asked, *, alone: bool) -> str:
        registrar = self.registrar
        author = key_id(registrar.key.public_key)
        if author not in {each for each, _ in asked.signatures}:
            registrar.check(asked, self.now_ms(), alone=alone)
            content = json.dumps({"signature": registrar.sign(asked).hex()}).encode()
            row = self._call("POST", f"/registrar/requests/{asked.id}/signature", content)
            now = parse_asked(row)
            if (now.id, now.type, now.body) != (asked.id, asked.type, asked.body):
                raise RefusalError("the identity side answers about something else")
            asked = now
        try:
            entry = registrar.compose(asked)
        except Refused as refusal:
            raise RefusalError("the other registrar's signature does not verify") from refusal
        if entry is None:
            return "signed"
        status, answer = self.ballot("POST", "/entries", entry, {"content-type": "application/cbor"})
        if status not in {200, 201, 202}:
            return f"signed; the ballot side says {status} {_check_of(answer)}".strip()
        self._call("POST", f"/registrar/requests/{asked.id}/delivery")
        return "delivered"

    def _call(self, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
        header = sign_call(self.registrar.key, self.registrar.election, method, path, body, self.now_ms())
        headers = {HEADER: header} | ({"content-type": "application/json"} if body else {})
        status, answer = self.identity(method, path, body, headers)
        if status == 204:
            return {}
        if status >= 300 or len(answer) > _LONGEST_ANSWER:
            raise RefusalError(f"the identity side says {status}")
        try:
            content = json.loads(answer)
        except ValueError as error:
            raise RefusalError("the identity side's answer cannot be read") from error
        if not isinstance(content, dict):
            raise RefusalError("the identity side's answer cannot be read")
        return content


def fetch_frame(ballot: Send, manifest_hash: bytes) -> Frame:
    """Return the election whose manifest hash this registrar has from elsewhere. Raises RefusalError, Refused."""

    def fetch(index: int) -> bytes:
        status, raw = ballot("GET", f"/log/entry/{quote(str(index))}", b"", {})
        if status != 200:
            raise RefusalError(f"the ballot side says {status}")
        return raw

    first = fetch(0)
    manifest = Manifest.parse(parse_entry(first).body)
    count = len(manifest.contests) + len(manifest.units)
    status, answer = ballot("GET", "/election/rotations", b"", {})
    if status != 200:
        raise RefusalError(f"the ballot side says {status}")
    try:
        rotations = [b64decode(each["entry"], validate=True) for each in json.loads(answer)["rotations"]]
    except (KeyError, ValueError, TypeError) as error:
        raise RefusalError("the ballot side's answer cannot be read") from error
    frame = read_frame([first, *(fetch(index) for index in range(1, 1 + count))], rotations)
    if frame.election.manifest_hash != manifest_hash:
        raise RefusalError("this is another election than the one whose manifest hash was given")
    return frame


def _check_of(answer: bytes) -> str:
    """Return the check id of a problem, as far as there is one."""
    try:
        return str(json.loads(answer).get("check", ""))[:20]
    except (ValueError, AttributeError):
        return ""
