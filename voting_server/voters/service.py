"""The identity side: roll and slots, codes, identification, enrolment, and what it asks the registrars to sign.

Spec: `docs/operations/identification.md`, `docs/operations/roll.md`. It proposes and never signs: each body is signed
by two registrars on their own machines, after their own checks, and brought to the ballot side by one. It has no access
to the ballot side, and knows of nobody whether she voted.

>>> ENROLMENT_LIFE_MS
900000
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import Connection

from crypto.election.credential import algorithm_of
from crypto.election.entries import Assurance, Change, Credential, Strike
from crypto.errors import Misuse
from crypto.signatures import key_id
from crypto.transcript import Kind
from voting_server.plumbing.context import Context
from voting_server.plumbing.guards import limit
from voting_server.plumbing.passkeys import AttestationJson
from voting_server.plumbing.problems import ProblemError
from voting_server.plumbing.settings import Side
from voting_server.roles.store import Store
from voting_server.voters import roll, store
from voting_server.voters.calls import verify_body, verify_call, verify_version
from voting_server.voters.enrolment import registration_challenge, verify_registration
from voting_server.voters.evidence import (
    Code,
    CodeVerifier,
    Evidence,
    IdentificationError,
    Identified,
    OidcVerifier,
    nonce_of,
    parse_evidence,
)
from voting_server.voters.frame import Frame, NoElectionError, NoRotationError, read_frame
from voting_server.voters.oidc import OidcClient, challenge_of
from voting_server.voters.slots import Slot, count_by_district, cut, draw, freeze_of
from voting_server.voters.store import ConflictError, Enrolment, Identification, Request, Version

ENROLMENT_LIFE_MS = 900_000
LONGEST_CODE_MS = 90 * 86_400_000
_REPORTED = 1_000
State = Literal["none", "requested", "signed", "delivered"]


@dataclass(frozen=True, slots=True)
class RollState:
    """Where the roll stands: versions, persons, those without a place by fault, slots."""

    kind: Kind
    versions: list[Version]
    people: int
    unplaced: dict[str, int]
    report: list[roll.Person]
    slots: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody learns of herself: her slot and where her requests stand."""

    slot: Slot
    requests: list[tuple[str, State]]


@dataclass(frozen=True, slots=True)
class Taken:
    """Whom an identification showed, and what came of it."""

    number: str
    requested: bool


@dataclass
class Voters:
    """The service of one identity database."""

    context: Context
    oidc: OidcClient | None = None
    _people: Store = field(default_factory=lambda: Store("identity"), init=False)
    _frame: Frame | None = field(default=None, init=False)
    _newest: tuple[Frame | None, tuple[bytes, ...]] = field(default=(None, ()), init=False)

    def __post_init__(self) -> None:
        """Make the client of the provider that the settings name."""
        settings = self.context.settings
        if self.oidc is None and settings.oidc_issuer and settings.oidc_client:
            secret = settings.oidc_secret.get_secret_value() if settings.oidc_secret else None
            below = "/identity" if settings.side is Side.DESK else ""
            redirect = f"{self.context.origin}{below}/identifications/oidc/answer"
            self.oidc = OidcClient(settings.oidc_issuer, settings.oidc_client, secret, redirect)

    def start(self) -> None:
        """Nothing to get ready."""

    def stop(self) -> None:
        """Nothing to let go of."""

    # -------------------------------------------------------------------------------------------------- the election

    def found(self, raws: Sequence[bytes]) -> Frame:
        """Take the public block 0 of the ballot side, once. Raises Refused, ProblemError."""
        try:
            frame = read_frame(raws)
        except NoElectionError:
            raise ProblemError("no-election") from None
        if frame.election.kind == "real" and not self.context.is_for_real:
            raise ProblemError("not-for-real")
        try:
            with self.context.database.begin() as connection:
                store.add_founding(connection, raws)
                store.add_act(connection, "election-taken", "operator", frame.election.manifest_hash.hex())
        except ConflictError:
            raise ProblemError("election-exists") from None
        return frame

    def frame(self) -> Frame:
        """Return the election. Raises ProblemError where there is none yet."""
        if self._frame is None:
            self._frame = self._read_frame(())
        return self._frame

    def registrars(self) -> Mapping[bytes, bytes]:
        """Return key id → public key of both registrars, as the newest rotation left them. Raises ProblemError."""
        with self.context.database.read() as connection:
            return self._registrars(connection)

    def _registrars(self, connection: Connection) -> Mapping[bytes, bytes]:
        rotations = tuple(store.read_rotations(connection))
        frame, known = self._newest
        if frame is None or rotations != known:
            frame = self._read_frame(rotations)
            self._newest = frame, rotations
        return frame.registrars

    def rotate(self, raws: Sequence[bytes]) -> int:
        """Take the log's rotations of keys, all of them in its order; return how many were new.

        Each proves itself by its signatures. Raises Refused where one does not hold, ProblemError where they do not
        continue those that are known.
        """
        self.frame()
        with self.context.database.begin() as connection:
            known = store.read_rotations(connection)
            if list(raws[: len(known)]) != known:
                raise ProblemError("invalid-request")
            try:
                self._read_frame(raws)
            except NoRotationError:
                raise ProblemError("invalid-request") from None
            try:
                for number, raw in enumerate(raws[len(known) :], start=len(known)):
                    store.add_rotation(connection, number, raw)
            except ConflictError:
                raise ProblemError("busy", retry_after_s=1) from None
            if len(raws) > len(known):
                store.add_act(connection, "keys-rotated", "operator", str(len(raws)))
        return len(raws) - len(known)

    def _read_frame(self, rotations: Sequence[bytes]) -> Frame:
        with self.context.database.read() as connection:
            raws = store.read_founding(connection)
        try:
            return read_frame(raws, rotations)
        except NoElectionError:
            raise ProblemError("no-election") from None

    def caller(self, header: str, method: str, path: str, body: bytes) -> bytes:
        """Return the key id of the registrar who signed a call. Raises ProblemError."""
        frame, now_ms = self.frame(), self.context.database.now_ms()
        return verify_call(header, self.registrars(), frame.election, method, path, body, now_ms)

    # ------------------------------------------------------------------------------------------------------ the roll

    def import_roll(
        self, use: Literal["roll", "mend"], form: roll.Format, content: str, places: str, signed: tuple[bytes, bytes]
    ) -> RollState:
        """Take a new version of the roll, or mends of the last one, signed by a registrar.

        Nobody is dropped: who has no place is kept and reported. A version chains to the one before it. Raises
        ProblemError, Refused.
        """
        frame, registrars = self.frame(), self.registrars()
        with self.context.database.begin() as connection:
            versions = store.read_versions(connection)
            if store.count(connection, store.SLOTS):
                raise ProblemError("roll-closed")
            if use == "mend" and not versions:
                raise ProblemError("invalid-request")
            previous = versions[-1].hash if versions else store.ZERO
            known = places or (versions[-1].places if versions else "")
            digest = roll.version_hash(frame.election.kind, previous, use, known.encode(), content.encode())
            key = registrars.get(signed[0])
            if key is None:
                raise ProblemError("forbidden")
            verify_version(key, frame.election, digest, signed[1])
            version = Version(len(versions), use, form, content, known, previous, digest, *signed)
            people = self._placed(frame, [*versions, version])
            try:
                store.add_version(connection, version)
            except ConflictError:
                raise ProblemError("busy", retry_after_s=1) from None
            store.replace_people(connection, people)
            store.add_act(connection, f"{use}-imported", signed[0].hex(), digest.hex())
        return self.roll_state()

    @staticmethod
    def _placed(frame: Frame, versions: Sequence[Version]) -> list[roll.Person]:
        """Return the persons that a chain of versions gives: the last roll, the last places, every mend."""
        try:
            last = next(each for each in reversed(versions) if each.use == "roll")
            people = roll.parse_people(last.content, "json" if last.form == "json" else "csv")
            mends = [mend for each in versions if each.use == "mend" for mend in roll.parse_mends(each.content)]
            newest = versions[-1]
            if newest.use == "mend" and not roll.is_complete_file(people, roll.parse_mends(newest.content)):
                raise ProblemError("roll-faulty", extra={"faults": [{"line": 0, "fault": "a mend of nobody"}]})
            return roll.place_all(people, roll.parse_places(newest.places), mends, frame.parts)
        except roll.RollFileError as error:
            faults = [{"line": line, "fault": fault} for line, fault in error.faults]
            raise ProblemError("roll-faulty", extra={"faults": faults}) from None

    def roll_state(self) -> RollState:
        """Return versions, counts, and the report of persons without a place. Raises ProblemError."""
        kind = self.frame().election.kind
        with self.context.database.read() as connection:
            return RollState(
                kind=kind,
                versions=store.read_versions(connection),
                people=store.count(connection, store.PEOPLE),
                unplaced=store.count_unplaced(connection),
                report=store.read_people(connection, only_unplaced=True, most=_REPORTED),
                slots=store.count(connection, store.SLOTS),
            )

    def draw_slots(self) -> int:
        """Draw everybody's pseudonym and ask the registrars for the roll chunks, once; return the number of chunks.

        Raises ProblemError while anybody is without a place: nobody loses her vote by a gap in a register.
        """
        frame = self.frame()
        with self.context.database.begin() as connection:
            people = store.read_people(connection)
            if not people or any(each.fault for each in people):
                raise ProblemError("roll-unplaced", number=len(roll.unplaced(people)))
            if store.count(connection, store.SLOTS):
                raise ProblemError("roll-closed")
            slots = draw((each.number, each.unit, each.style) for each in people)
            chunks = cut(slots)
            try:
                store.add_slots(connection, slots)
            except ConflictError:
                raise ProblemError("roll-closed") from None
            for chunk in chunks:
                store.add_request(
                    connection, "roll", chunk.to_bytes(), number=None, evidence="", once=f"roll:{chunk.number}"
                )
            store.add_act(connection, "slots-drawn", "operator", frame.election.manifest_hash.hex())
        return len(chunks)

    def slots(self, after: str = "", most: int | None = None) -> list[Slot]:
        """Return slots in order of the personal numbers: everybody's, or the next ones after a number.

        Raises ProblemError before they are drawn.
        """
        with self.context.database.read() as connection:
            slots = store.read_slots(connection, after, most)
        if not slots and not after:
            raise ProblemError("not-found")
        return slots

    def figures(self) -> tuple[dict[int, int], bytes]:
        """Return the slots of each district and the body of the freeze, which officers sign. Raises ProblemError."""
        slots = self.slots()
        figures = count_by_district(slots, self.frame().parts.district)
        return figures, freeze_of(len(cut(slots)), figures).to_bytes()

    # ----------------------------------------------------------------------------------------------------- the codes

    def add_code(self, code: Code, issuer: bytes, issued: bytes) -> None:
        """Take a code that was handed out in person; an earlier one of the same issuer for the same person ends.

        Another issuer's stays: it would be a way of locking somebody out. Raises ProblemError.
        """
        frame = self.frame()
        now_ms = self.context.database.now_ms()
        key = {key_id(each): each for each in self._issuers()}.get(issuer)
        if key is None or not now_ms < code.expires_at_ms <= now_ms + LONGEST_CODE_MS:
            raise ProblemError("forbidden")
        try:
            code.verify(frame.election, key, issued)
        except IdentificationError:
            raise ProblemError("forbidden") from None
        with self.context.database.begin() as connection:
            if store.find_slot(connection, code.number) is None:
                raise ProblemError("not-eligible")
            try:
                store.add_code(connection, code, issuer, issued)
            except ConflictError:
                raise ProblemError("invalid-request") from None
            store.add_act(connection, "code-issued", issuer.hex(), code.key.hex())

    def _issuers(self) -> tuple[bytes, ...]:
        """Return who may hand out codes: keys of the settings, and those that keepers of the roll here have named.

        Nobody of a registrar's body is among them, and no key that the election ever named: who hands out a code knows
        it, and whoever signs credentials as well would be both witnesses of one identification. A code opens nothing
        by that alone: each registrar's program believes only the issuers of its own folder.
        """
        frame = self.frame()
        with self.context.database.read() as connection:
            people = self._people.people(connection)
        bodies = {_plain(each.body) for each in frame.manifest.registrars}
        named = (
            each.key
            for each in people
            if each.is_active and each.role == "registrar" and each.key is not None and _plain(each.body) not in bodies
        )
        keys = (*(bytes.fromhex(each) for each in self.context.settings.issuers), *named)
        return tuple(each for each in keys if each not in frame.keyring.known)

    # -------------------------------------------------------------------------------------------------- the enrolment

    def begin_enrolment(self, browser: str, address: str, *, software: bool) -> tuple[Enrolment, Frame]:
        """Begin a passkey's registration in a browser. Raises ProblemError."""
        frame = self.frame()
        self._count(address)
        if software and not frame.manifest.software_keys:
            raise ProblemError("enrolment-failed")
        made = Enrolment(secrets.token_bytes(16), _hash(browser), secrets.token_bytes(32), software, None)
        with self.context.database.begin() as connection:
            store.add_enrolment(connection, made, ENROLMENT_LIFE_MS)
        return made, frame

    def finish_enrolment(self, identifier: bytes, browser: str, answer: AttestationJson) -> bytes:
        """Take the new passkey's public key. Raises ProblemError."""
        frame = self.frame()
        with self.context.database.begin() as connection:
            found = self._enrolment(connection, identifier, _hash(browser))
            challenge = registration_challenge(frame.election.kind, frame.election.manifest_hash, found.token)
            key = verify_registration(answer, challenge, frame.manifest, [self.context.origin])
            if algorithm_of(key) not in frame.manifest.algorithms or not store.set_key(connection, identifier, key):
                raise ProblemError("enrolment-failed")
        return key

    @staticmethod
    def _enrolment(connection: Connection, identifier: bytes, browser: bytes) -> Enrolment:
        found = store.find_enrolment(connection, identifier, browser)
        if found is None:
            raise ProblemError("enrolment-failed")
        return found

    # ----------------------------------------------------------------------------------------------- identification

    def begin_identification(self, browser: str, address: str, enrolment: bytes | None) -> str:
        """Return where a browser goes to be identified for its enrolment, or for looking only. Raises ProblemError."""
        frame = self.frame()
        if self.oidc is None:
            raise ProblemError("not-found")
        self._count(address)
        state, verifier, random = secrets.token_urlsafe(32), secrets.token_urlsafe(48)[:64], secrets.token_bytes(16)
        with self.context.database.begin() as connection:
            key = b"" if enrolment is None else self._key(connection, enrolment, _hash(browser))
            begun = Identification(_hash(browser), verifier, random, enrolment)
            store.add_identification(connection, _hash(state), begun, ENROLMENT_LIFE_MS)
        nonce = nonce_of(frame.election, key, random)
        return self.oidc.authorization_url(state, nonce, challenge_of(verifier), self.context.settings.oidc_acr)

    def finish_identification(self, browser: str, state: str, code: str, issuer: str | None) -> Taken:
        """Take the provider's answer that a browser brings back, once. Raises ProblemError."""
        frame, settings = self.frame(), self.context.settings
        with self.context.database.begin() as connection:
            begun = store.take_identification(connection, _hash(state), _hash(browser))
        if self.oidc is None or begun is None or not code or (issuer is not None and issuer != self.oidc.issuer):
            raise ProblemError("identification-failed")
        token = self.oidc.exchange(code, begun.verifier)
        verifier = OidcVerifier(
            self.oidc.issuer, self.oidc.client, self.oidc.keys(), settings.oidc_acr, settings.oidc_claim
        )
        evidence = Evidence("oidc", {"token": token, "random": begun.random.hex()})
        now_ms = self.context.database.now_ms()
        with self.context.database.begin() as connection:
            key = b"" if begun.enrolment is None else self._key(connection, begun.enrolment, begun.browser)
            try:
                shown = verifier.verify(frame.election, key, evidence, now_ms)
            except IdentificationError:
                raise ProblemError("identification-failed") from None
            return self._take(connection, shown, evidence, begun.enrolment, begun.browser)

    def identify_by_code(
        self, browser: str, address: str, enrolment: bytes, code_key: bytes, signature: bytes
    ) -> Taken:
        """Take the proof of a code that was handed out, for an enrolment. Raises ProblemError.

        A wrong proof touches nothing that belongs to a person, so that nobody can use up or lock another's code; what
        is limited is the address, and a code has too many digits to be guessed.
        """
        frame = self.frame()
        self._count(address)
        now_ms, issuers = self.context.database.now_ms(), self._issuers()
        with self.context.database.begin() as connection:
            used = store.find_code(connection, code_key, state="used")
            if used is not None:
                return self._take_again(connection, _evidence_of(used, signature))
            key = self._key(connection, enrolment, _hash(browser))
            found = store.find_code(connection, code_key)
            if found is None:
                raise ProblemError("code-refused")
            evidence = _evidence_of(found, signature)
            try:
                shown = CodeVerifier(issuers).verify(frame.election, key, evidence, now_ms)
            except IdentificationError:
                raise ProblemError("code-refused") from None
            if not store.use_code(connection, code_key):
                raise ProblemError("code-refused")
            return self._take(connection, shown, evidence, enrolment, _hash(browser))

    @staticmethod
    def _take_again(connection: Connection, evidence: Evidence) -> Taken:
        """Take the same proof a second time, from a voter whose answer was lost on the way: it changes nothing.

        Proof and passkey are the ones that used the code up; any other proof of that code is refused.
        """
        number, text = evidence.fields["number"], evidence.to_text()
        if not any(each.evidence == text for each in store.read_requests(connection, number=number)):
            raise ProblemError("code-refused")
        return Taken(number, requested=True)

    def _key(self, connection: Connection, enrolment: bytes, browser: bytes) -> bytes:
        """Return the passkey's key of an enrolment. Raises ProblemError where it has none yet."""
        key = self._enrolment(connection, enrolment, browser).key
        if key is None:
            raise ProblemError("enrolment-failed")
        return key

    def _take(
        self, connection: Connection, shown: Identified, evidence: Evidence, identifier: bytes | None, browser: bytes
    ) -> Taken:
        """Note an identification; with an enrolment, ask the registrars for a credential, or for a change of key."""
        slot = store.find_slot(connection, shown.number)
        if slot is None:
            raise ProblemError("not-eligible")
        store.add_act(connection, "identified", evidence.provider, f"{shown.number} {shown.level}"[:200])
        if identifier is None:
            return Taken(shown.number, requested=False)
        enrolment = self._enrolment(connection, identifier, browser)
        if enrolment.key is None or not store.take_enrolment(connection, identifier):
            raise ProblemError("enrolment-failed")
        assurance: Assurance = "software" if enrolment.software else shown.assurance or "passkey"
        # What one registrar alone asked for, or signed, decides nothing: it would keep a chosen person out for good.
        signers = self._registrars(connection).keys()
        requests = store.read_requests(connection, number=shown.number)
        settled = {each.type for each in requests if _is_settled(each, signers)}
        if "strike" in settled:
            raise ProblemError("struck")
        wanted = Credential(slot.pseudonym, enrolment.key, assurance)
        self._ask(connection, wanted, shown.number, evidence, is_change="credential" in settled)
        return Taken(shown.number, requested=True)

    @staticmethod
    def _ask(connection: Connection, wanted: Credential, number: str, evidence: Evidence, *, is_change: bool) -> None:
        """Ask the registrars for a credential, or for a change of key. Raises ProblemError."""
        kind = "change" if is_change else "credential"
        once = f"{kind}:{number}:{hashlib.sha256(wanted.key).hexdigest()[:32]}"
        reason = f"another key, identified again ({evidence.provider})"
        body = Change(wanted.pseudonym, wanted.key, wanted.assurance, reason) if is_change else wanted
        try:
            made = store.add_request(
                connection, kind, body.to_bytes(), number=number, evidence=evidence.to_text(), once=once
            )
        except ConflictError:
            raise ProblemError("slot-taken") from None
        if is_change:
            store.add_notice(connection, made)
        store.add_act(connection, f"{kind}-asked", evidence.provider, str(made))

    def _turn_to_changes(self, connection: Connection, number: str, signers: AbstractSet[bytes]) -> None:
        """Ask for changes of key in place of other credentials of somebody whose credential both have signed now."""
        for other in store.read_requests(connection, number=number):
            if other.type == "credential" and not _is_settled(other, signers):
                store.remove_request(connection, other.id)
                wanted, evidence = Credential.parse(other.body), parse_evidence(other.evidence)
                self._ask(connection, wanted, number, evidence, is_change=True)

    def standing(self, number: str) -> Standing:
        """Return somebody's slot and where her requests stand. Raises ProblemError."""
        with self.context.database.read() as connection:
            slot = store.find_slot(connection, number)
            requests = store.read_requests(connection, number=number)
        if slot is None:
            raise ProblemError("not-eligible")
        return Standing(slot, [(each.type, _state_of(each)) for each in requests])

    def _count(self, address: str) -> None:
        limit(self.context.cache, "enrolments", address, self.context.limits.enrolments_a_minute)

    # ------------------------------------------------------------------------------------------------- the registrars

    def ask_strike(self, number: str, reason: str) -> int:
        """Ask the registrars to strike somebody who votes otherwise; return the request's id. Raises ProblemError."""
        self.frame()
        with self.context.database.begin() as connection:
            slot = store.find_slot(connection, number)
            if slot is None:
                raise ProblemError("not-eligible")
            try:
                body = Strike(slot.pseudonym, reason).to_bytes()
            except Misuse:
                raise ProblemError("invalid-request") from None
            try:
                made = store.add_request(
                    connection, "strike", body, number=number, evidence="", once=f"strike:{number}"
                )
            except ConflictError:
                raise ProblemError("struck") from None
            store.add_act(connection, "strike-asked", "operator", str(made))
        return made

    def notices(self) -> list[tuple[int, str, str]]:
        """Return (request, type, personal number) of whom to tell by a second channel: her key is to be changed."""
        with self.context.database.read() as connection:
            return store.read_notices(connection)

    def note_told(self, identifier: int) -> None:
        """Note that somebody was told. Raises ProblemError where nothing was to tell."""
        with self.context.database.begin() as connection:
            if not store.set_sent(connection, identifier):
                raise ProblemError("not-found")
            store.add_act(connection, "told", "operator", str(identifier))

    def requests(self, after: int) -> list[Request]:
        """Return what waits for the registrars, in order, from an id on."""
        with self.context.database.read() as connection:
            return store.read_requests(connection, after=after)

    def take_signature(self, author: bytes, identifier: int, signature: bytes) -> Request:
        """Keep a registrar's signature over a request's body; return the request. Raises ProblemError, Refused."""
        frame, registrars = self.frame(), self.registrars()
        with self.context.database.begin() as connection:
            found = _only(store.read_requests(connection, identifier=identifier))
            verify_body(registrars[author], frame.election, found.type, found.body, signature)
            if any(request == identifier for request, _, _ in store.read_notices(connection)):
                # Whoever holds somebody's identification for a moment must not change her key without her noticing.
                raise ProblemError("not-told")
            if store.add_signature(connection, identifier, author, signature):
                store.add_act(connection, "signed", author.hex(), str(identifier))
            signed = _only(store.read_requests(connection, identifier=identifier))
            if signed.type == "credential" and _is_settled(signed, registrars.keys()):
                self._turn_to_changes(connection, signed.number or "", registrars.keys())
            return signed

    def note_delivered(self, author: bytes, identifier: int) -> None:
        """Note that the ballot side took a request's entry. Raises ProblemError where it is not signed by both."""
        with self.context.database.begin() as connection:
            found = _only(store.read_requests(connection, identifier=identifier))
            if len(found.signatures) < 2:
                raise ProblemError("invalid-request")
            if not found.is_delivered:
                store.set_delivered(connection, identifier)
                store.add_act(connection, "delivered", author.hex(), str(identifier))


def verify_acts(rows: Sequence[Mapping[str, object]]) -> None:
    """Check the chain of acts. Raises ValueError at the first break."""
    previous = store.ZERO
    for number, row in enumerate(rows):
        at_ms = row["at_ms"]
        words = [str(row[name]) for name in ("type", "actor", "subject")]
        if row["number"] != number or row["previous"] != previous or not isinstance(at_ms, int):
            raise ValueError(f"act {number} does not follow")
        previous = store.act_hash(previous, words[0], words[1], words[2], at_ms)
        if row["hash"] != previous:
            raise ValueError(f"act {number} was changed")


def _only(found: list[Request]) -> Request:
    if not found:
        raise ProblemError("not-found")
    return found[0]


def _is_settled(request: Request, signers: AbstractSet[bytes]) -> bool:
    """Tell whether both registrars have signed a request, each with her key of now, or the board has its entry."""
    return request.is_delivered or signers <= {author for author, _ in request.signatures}


def _state_of(request: Request) -> State:
    if request.is_delivered:
        return "delivered"
    return "signed" if len(request.signatures) >= 2 else "requested"


def _evidence_of(found: tuple[Code, bytes, bytes], signature: bytes) -> Evidence:
    """Return what a code and a proof of it say."""
    code, issuer, issued = found
    fields = {
        "number": code.number,
        "key": code.key.hex(),
        "expires_at_ms": str(code.expires_at_ms),
        "assurance": code.assurance,
        "issuer": issuer.hex(),
        "issued": issued.hex(),
        "signature": signature.hex(),
    }
    return Evidence("code", fields)


def _plain(body: str) -> str:
    """Return a body's name without what spelling may change.

    >>> _plain(" Voter  List") == _plain("voter list")
    True
    """
    return "".join(body.casefold().split())


def _hash(text: str) -> bytes:
    return hashlib.sha256(b"dobush browser" + text.encode()).digest()
