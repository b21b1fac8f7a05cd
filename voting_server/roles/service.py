"""Who has a role here: invitation, passkey, log-in, session; and the trail of what was done with it.

Spec: `docs/operations/officers.md`. A role opens routes, it signs nothing: what officers and registrars decide is
signed on their own machines, and no key of theirs is here. The client computes every challenge itself as a tagged hash
under tags of its own, so that a log-in here is never a log-in or a ballot of the same person as a voter.

>>> login_challenge("ballot", bytes(32)) == login_challenge("identity", bytes(32))
False
>>> normalise("abcd efgh-2345")
'ABCDEFGH2345'
"""

import base64
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import Request
from webauthn.helpers import base64url_to_bytes

from crypto.errors import Refused
from crypto.signatures import EDDSA, ES256, RS256, passkey_challenge
from voting_server.plumbing.context import Context
from voting_server.plumbing.guards import limit
from voting_server.plumbing.passkeys import (
    AssertionJson,
    AttestationJson,
    PasskeyError,
    verify_assertion,
    verify_attestation,
)
from voting_server.plumbing.problems import ProblemError
from voting_server.roles.calls import CallError, read_call, verify_call
from voting_server.roles.store import Act, Person, Role, Store, TakenError, fits, hash_secret, subject_of

SideName = Literal["identity", "ballot"]
TOKEN_LIFE_MS = 300_000
INVITATION_LIFE_S = 3 * 86_400
LONGEST_INVITATION_S = 30 * 86_400
ALGORITHMS = (ES256, EDDSA, RS256)
_TAG = "dobush/1/installation/role-{use}/{side}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as far as it says who sends it; `body_hash` is None while the body has not been read."""

    request: Request
    method: str
    path: str
    signer: str
    body_hash: bytes | None


def login_challenge(side: str, token: bytes) -> bytes:
    """Return what a passkey signs to log in with a role; the client computes it from the token (32 bytes)."""
    return passkey_challenge(_TAG.format(use="log-in", side=side).encode(), token)


def registration_challenge(side: str, token: bytes) -> bytes:
    """Return the challenge of a registration; the client computes it from the token (32 bytes)."""
    return passkey_challenge(_TAG.format(use="register", side=side).encode(), token)


def normalise(code: str) -> str:
    """Return an invitation's code as it is hashed, however it was typed."""
    return code.replace(" ", "").replace("-", "").upper()


class Roles:
    """The people with a role on one side, and what stands before the routes that are theirs."""

    def __init__(self, context: Context) -> None:
        """Keep the side's context."""
        self.context = context
        self.side: SideName = context.side
        self.store = Store(context.side)

    def start(self) -> None:
        """Nothing to get ready."""

    def stop(self) -> None:
        """Nothing to let go of."""

    # ----------------------------------------------------------------------- on the installation's own command line

    def add(self, name: str, body: str, role: Role, key: bytes | None) -> int:
        """Add somebody; return her id. Raises ProblemError."""
        if not fits([name, body]) or (key is not None and len(key) != 32) or (role == "operator" and key is not None):
            raise ProblemError("invalid-request")
        try:
            with self.context.database.begin() as connection:
                made = self.store.add_person(connection, name, body, role, key)
                self.store.add_act(connection, 0, "person-added", f"{made} {role}", "done")
        except TakenError:
            raise ProblemError("key-taken") from None
        return made

    def invite(self, person: int, life_s: int = INVITATION_LIFE_S) -> str:
        """Invite somebody to register her passkey; return the code, which is kept nowhere. Raises ProblemError."""
        if not 0 < life_s <= LONGEST_INVITATION_S:
            raise ProblemError("invalid-request")
        code = base64.b32encode(secrets.token_bytes(20)).decode()
        with self.context.database.begin() as connection:
            if not self.store.set_invitation(connection, person, hash_secret(code.encode()), life_s * 1_000):
                raise ProblemError("not-found")
            self.store.add_act(connection, 0, "person-invited", str(person), "done")
        return "-".join(code[at : at + 4] for at in range(0, len(code), 4))

    def set_key(self, person: int, key: bytes) -> None:
        """Note somebody's new signing key, after a rotation. Raises ProblemError."""
        try:
            with self.context.database.begin() as connection:
                found = self.store.find_person(connection, person)
                if found is None or found.role == "operator" or len(key) != 32:
                    raise ProblemError("not-found")
                self.store.set_key(connection, person, key)
                self.store.add_act(connection, 0, "key-noted", str(person), "done")
        except TakenError:
            raise ProblemError("key-taken") from None

    def name_key(self, person: Person, key: bytes) -> None:
        """Let somebody name her own signing key, once. Raises ProblemError.

        It is she who is logged in, and the manifest names her key besides: this only saves a way to the command line.
        """
        if person.key is not None:
            raise ProblemError("key-taken")
        try:
            with self.context.database.begin() as connection:
                self.store.set_key(connection, person.id, key)
        except TakenError:
            raise ProblemError("key-taken") from None

    def retire(self, person: int) -> None:
        """End somebody's role and her sessions at once. Raises ProblemError."""
        with self.context.database.begin() as connection:
            if not self.store.retire(connection, person):
                raise ProblemError("not-found")
            self.store.add_act(connection, 0, "person-retired", str(person), "done")

    # --------------------------------------------------------------------------------------------------- log-in

    def begin_registration(self, code: str, address: str) -> tuple[Person, bytes]:
        """Begin the registration of an invited person's passkey; return her and a token. Raises ProblemError."""
        limit(self.context.cache, "role-address", address, self.context.limits.role_tries_a_minute)
        token = secrets.token_bytes(32)
        with self.context.database.begin() as connection:
            person = self.store.find_invited(connection, hash_secret(normalise(code).encode()))
            if person is None:
                raise ProblemError("invitation-refused")
            self.store.add_token(connection, self._bind(token, "register", code), TOKEN_LIFE_MS)
        return person, token

    def finish_registration(self, code: str, token: bytes, answer: AttestationJson) -> Person:
        """Keep the passkey of an invited person, and use her invitation up. Raises ProblemError."""
        settings, database = self.context.settings, self.context.database
        with database.begin() as connection:
            if not self.store.take_token(connection, self._bind(token, "register", code)):
                raise ProblemError("invitation-refused")
        try:
            identifier, key = verify_attestation(
                answer, registration_challenge(self.side, token), settings.rp_id, [self.context.origin], ALGORITHMS
            )
        except PasskeyError:
            raise ProblemError("enrolment-failed") from None
        digest = hash_secret(normalise(code).encode())
        with database.begin() as connection:
            person = self.store.find_invited(connection, digest)
            if person is None or not self.store.take_invitation(connection, digest):
                raise ProblemError("invitation-refused")
            try:
                self.store.add_passkey(connection, identifier, person.id, key)
            except TakenError:
                raise ProblemError("enrolment-failed") from None
            self.store.add_act(connection, person.id, "passkey-registered", str(person.id), "done")
        return person

    def begin_login(self, address: str) -> bytes:
        """Return a token that serves for one log-in. Raises ProblemError."""
        limit(self.context.cache, "role-address", address, self.context.limits.role_tries_a_minute)
        token = secrets.token_bytes(32)
        with self.context.database.begin() as connection:
            self.store.add_token(connection, self._bind(token, "log-in"), TOKEN_LIFE_MS)
        return token

    def log_in(self, token: bytes, answer: AssertionJson) -> tuple[Person, str]:
        """Check a passkey's answer; return its owner and a new session's token. Raises ProblemError.

        A token is used up by the first try, good or bad. Whose passkey it is counts, not from where it is used.
        """
        database, settings = self.context.database, self.context.settings
        try:
            identifier = base64url_to_bytes(answer.rawId)
        except ValueError:
            raise ProblemError("login-failed") from None
        with database.begin() as connection:
            is_fresh = self.store.take_token(connection, self._bind(token, "log-in"))
            found = self.store.find_passkey(connection, identifier)
        if not is_fresh or found is None:
            raise ProblemError("login-failed")
        person, key, counter = found
        limit(self.context.cache, "role-log-ins", identifier.hex(), self.context.limits.logins_a_minute)
        challenge = login_challenge(self.side, token)
        try:
            counter = verify_assertion(answer, challenge, settings.rp_id, self.context.origin, key, counter)
        except PasskeyError:
            self.note(person.id, "log-in", "", "login-failed")
            raise ProblemError("login-failed") from None
        with database.begin() as connection:
            self.store.set_counter(connection, identifier, counter)
            session = self.store.tables.sessions.open(
                connection, subject_of(person.id), self.context.limits.role_session_s
            )
            self.store.add_act(connection, person.id, "log-in", "", "done")
        return person, session

    def log_out(self, request: Request) -> None:
        """End the session of a request's cookie."""
        with self.context.database.begin() as connection:
            self.store.tables.sessions.end(connection, request)

    @staticmethod
    def _bind(token: bytes, use: str, code: str = "") -> bytes:
        """Return what the table knows a token by: it serves for one use, and for one invitation."""
        return hash_secret(b"\0".join((token, use.encode(), normalise(code).encode())))

    # ------------------------------------------------------------------------------------------------ who may what

    def person_of(self, asked: Asked) -> Person:
        """Return who sends a request: by her session, or by a program's signature. Raises ProblemError."""
        with self.context.database.read() as connection:
            if asked.signer:
                return self._signer(connection, asked)
            subject = self.store.tables.sessions.subject(connection, asked.request)
            found = self.store.find_person(connection, int.from_bytes(subject, "big"))
        if found is None or not found.is_active:
            raise ProblemError("not-logged-in")
        return found

    def _signer(self, connection: Any, asked: Asked) -> Person:  # noqa: ANN401 - SQLAlchemy's own type
        try:
            call = read_call(asked.signer)
            found = self.store.find_signer(connection, call.signer)
            key = b"" if found is None or found.key is None else found.key
            verify_call(call, key, self.side, asked.method, asked.path, self.store.now_ms(connection))
        except CallError:
            raise ProblemError("login-failed") from None
        if found is None or asked.body_hash not in {None, call.body_hash}:
            raise ProblemError("login-failed")
        return found

    def may_import(self, request: Request) -> bool:
        """Tell whether somebody with a role sends this: only then may a body be as large as a roll."""
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        signer = request.headers.get("dobush-signer", "")
        if not signer and self.store.tables.sessions.cookie not in request.cookies:
            return False
        try:
            self.person_of(Asked(request, request.method, path, signer, None))
        except ProblemError:
            return False
        return True

    @contextmanager
    def acting(self, asked: Asked, act: str, allowed: Collection[Role], subject: str = "") -> Iterator[Person]:
        """Let somebody with one of these roles do an act that changes something; the trail says what came of it.

        A row before and a row after: an act that a crash cut off is in the trail. Raises ProblemError, and what the act
        raises.
        """
        person = self.person_of(asked)
        if person.role not in allowed:
            self.note(person.id, act, subject, "forbidden")
            raise ProblemError("forbidden")
        self.note(person.id, act, subject, "begun")
        try:
            yield person
        except ProblemError as problem:
            self.note(person.id, act, subject, problem.code)
            raise
        except Refused as refusal:
            self.note(person.id, act, subject, refusal.check)
            raise
        self.note(person.id, act, subject, "done")

    def require(self, asked: Asked, allowed: Collection[Role]) -> Person:
        """Return who reads something, where her role lets her. Raises ProblemError."""
        person = self.person_of(asked)
        if person.role not in allowed:
            raise ProblemError("forbidden")
        return person

    def note(self, person: int, act: str, subject: str, outcome: str) -> None:
        """Write a row of the trail."""
        with self.context.database.begin() as connection:
            self.store.add_act(connection, person, act, subject, outcome)

    def people(self) -> list[Person]:
        """Return everybody who has or had a role."""
        with self.context.database.read() as connection:
            return self.store.people(connection)

    def names(self) -> Mapping[int, Person]:
        """Return everybody by id."""
        return {each.id: each for each in self.people()}

    def whole_trail(self) -> list[Act]:
        """Return every act, the newest first."""
        found = self.trail(None)
        while found and found[-1].number > 0:
            found += self.trail(found[-1].number)
        return found

    def trail(self, before: int | None) -> list[Act]:
        """Return the newest acts."""
        with self.context.database.read() as connection:
            return self.store.trail(connection, before)
