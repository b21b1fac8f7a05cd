"""Log-in, nonce, cast, challenge, status: what a voter's client asks for, answered from the record's own checks.

Spec: `docs/spec/ballot.md`. Every request that names a ballot of somebody needs the session of that pseudonym. A ballot
passes all numbered checks before anything is stored; its receipt is signed after the commit. Times of arrival are told
to their own voter only: the board shows the order of leaf hashes, and so does the status.

>>> parse_code("2222-2222-2222-2222-2222-2222-2222-2222-2222") == bytes(18)
True
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crypto.election.ballot import (
    TRACKING_ALPHABET,
    Receipt,
    hash_ballot,
    make_nonce,
    parse_ballot,
    receipt_message,
    tracking_code,
)
from crypto.election.board import Phase
from crypto.election.entries import Entry, Spoiled
from crypto.election.record import Record, Work, discharge
from crypto.group import parse_suite
from crypto.merkle import LogProof
from crypto.signatures import SigningKey, sign_author
from crypto.transcript import tag
from voting_server.board.service import Board, NewEntry, Queued
from voting_server.casting.batches import Batches
from voting_server.casting.intake import Cast, Intake
from voting_server.casting.login import TOKEN_LIFE_MS, Tokens, find_holder, verify_login
from voting_server.casting.store import Store
from voting_server.plumbing.context import Context
from voting_server.plumbing.guards import limit
from voting_server.plumbing.passkeys import AssertionJson
from voting_server.plumbing.problems import ProblemError
from voting_server.plumbing.sessions import BALLOT_SESSIONS

HOUR_S = 3_600
_NONCE_SHARE = 0.5
_LINGER_S = 0.01
_STALE_MS = 200


@dataclass(frozen=True, slots=True)
class Voter:
    """Where a pseudonym's sequence of ballots stands, and the head that its next ballot names."""

    pseudonym: bytes
    unit: int
    style: int
    contests: tuple[int, ...]
    number: int
    previous: bytes
    waiting: bool
    struck: bool
    head_size: int
    head_root: bytes


@dataclass(frozen=True, slots=True)
class NonceRequest:
    """One nonce to issue: the digest of the session's cookie, and the ballot that it is for."""

    session: bytes
    ballot_hash: bytes


class Casting:
    """The casting of one process of the ballot side."""

    def __init__(self, context: Context, board: Board) -> None:
        """Stand on the board; the threads begin with `start`."""
        self._context, self._board = context, board
        self._store = Store(context.database)
        seed = context.settings.receipt_key
        self._seed = b"" if seed is None else bytes.fromhex(seed.get_secret_value())
        self._key = SigningKey.from_seed(self._seed) if self._seed else None
        self._intake = Intake(context, board, self._store, b"" if self._key is None else self._key.public_key)
        limits = context.limits
        line: dict[str, Any] = {"bound": limits.intake, "patience_s": limits.intake_ms / 1_000, "linger_s": _LINGER_S}
        self.casts: Batches[Cast, Queued] = Batches(self._intake.take, most=limits.batch, **line)
        self.nonces: Batches[NonceRequest, bytes] = Batches(self.issue, most=limits.batch, **line)

    def start(self) -> None:
        """Let both lines begin."""
        self.casts.start()
        self.nonces.start()

    def stop(self) -> None:
        """Answer whoever waits, and end both lines."""
        self.nonces.stop()
        self.casts.stop()

    # ------------------------------------------------------------------------------------------------------- log-in

    def begin_login(self) -> tuple[bytes, bytes]:
        """Return a token for the client to make its challenge of, and the manifest hash that goes into it."""
        with self._board.record() as record:
            return self._tokens().make(self._board.now_ms()), record.manifest_hash

    def log_in(self, token: bytes, pseudonym: bytes, assertion: AssertionJson) -> str:
        """Open a session for a pseudonym and return its secret. Raises ProblemError."""
        random = self._tokens().open(token, self._board.now_ms())
        with self._board.record() as record:
            holder = find_holder(record, self._board.read, pseudonym)
        # Outside the record's lock: everybody would wait for a signature that anybody may send.
        verify_login(holder, token, assertion, self._context.origin)
        limits = self._context.limits
        limit(self._context.cache, "logins", pseudonym.hex(), limits.logins_a_minute)
        with self._context.database.begin() as connection:
            # Used up only by whoever could sign it: nobody else can fill the table.
            if not self._store.use_login(connection, random, TOKEN_LIFE_MS):
                raise ProblemError("login-failed")
            return BALLOT_SESSIONS.open(connection, pseudonym, limits.session_s)

    def _tokens(self) -> Tokens:
        return Tokens(self._require_key()[1])

    def voter(self, pseudonym: bytes) -> Voter:
        """Return what a client must know to seal this voter's next ballot."""
        waiting = self._board.store.find(pseudonym=pseudonym) is not None
        with self._board.record() as record:
            roll, head = record.roll, record.board.newest
            slot = roll.slot(pseudonym)
            unit, style = roll.unit_and_style(slot)
            number, index = record.ballots.last(roll.row(slot))
            kind, ballot_of_entry = record.parts.manifest.kind, record.ballots.ballot_of_entry
            contests = {each.id: each.contests for each in record.parts.manifest.styles}[style]
            size, root = (0, bytes(32)) if head is None else (head.size, head.root)
            struck = roll.is_struck(slot)
        previous = hash_ballot(kind, ballot_of_entry(self._board.read(index))) if number else bytes(32)
        return Voter(pseudonym, unit, style, contests, number, previous, waiting, struck, size, root)

    # -------------------------------------------------------------------------------------------------------- nonce

    def issue(self, requests: Sequence[NonceRequest]) -> list[bytes | Exception]:
        """Answer nonce requests: each is bound to its session's pseudonym, its ballot hash, and the database's time."""
        key, _ = self._require_key()
        with self._context.database.read() as connection:
            subjects, now_ms = BALLOT_SESSIONS.find_subjects(connection, [each.session for each in requests])
            is_rotating = self._board.store.is_rotating(connection)
        with self._board.record(_STALE_MS) as record:
            manifest, digest = record.parts.manifest, record.manifest_hash
            closed = self._board.rotation_problem() if is_rotating else _refuse_nonces(record, now_ms, key)
        answers: list[bytes | Exception] = []
        for request in requests:
            pseudonym = subjects.get(request.session)
            if pseudonym is None or closed is not None:
                answers.append(closed or ProblemError("not-logged-in"))
                continue
            try:
                limit(self._context.cache, "nonces", pseudonym.hex(), self._context.limits.nonces_a_minute)
            except ProblemError as problem:
                answers.append(problem)
                continue
            random = secrets.token_bytes(16)
            answers.append(make_nonce(key, manifest.kind, digest, pseudonym, request.ballot_hash, random, now_ms))
        return answers

    async def nonce(self, request: NonceRequest) -> bytes:
        """Return a nonce of 88 bytes. Raises ProblemError; early when casts already wait long."""
        # Who has a nonce should find room for the cast.
        self.casts.require_room(_NONCE_SHARE)
        return await self.nonces.submit(request)

    async def cast(self, session: bytes, raw: bytes) -> Receipt:
        """Take a ballot entry in and return its receipt, the same for every repeat. Raises Refused, ProblemError."""
        return self.sign_receipt(await self.casts.submit(Cast(session, raw)))

    # ---------------------------------------------------------------------------------------------------- challenge

    def challenge(self, pseudonym: bytes, data: bytes) -> Queued:
        """Take in a sealed ballot that its voter opens instead of casting it; a repeat gets its first answer.

        Raises Refused, ProblemError. `data` is the body of a spoiled entry; the log signs it, the voter's session asks.
        """
        body = Spoiled.parse_once(data)
        with self._board.record() as record:
            manifest, digest = record.parts.manifest, record.manifest_hash
            latest_ms = record.board.intake_end_ms
        head = parse_ballot(body.ballot, parse_suite(manifest.suite).element_size)
        if head.pseudonym != pseudonym:
            raise ProblemError("forbidden")
        ballot_hash = hash_ballot(manifest.kind, body.ballot)
        known = self._board.find(ballot_hash)
        if known is not None:
            return _require_type(known, "spoiled")
        self._board.require_room()
        signature = sign_author(self._board.log_key(), tag(manifest.kind, "author"), digest, "spoiled", data)
        raw = Entry("spoiled", data, (signature,)).to_bytes()
        with self._board.record() as record:
            work, office = record.review(raw), record.office()
        limit(self._context.cache, "spoils", pseudonym.hex(), self._context.limits.spoils_an_hour, seconds=HOUR_S)
        refusal = discharge(office, [work or Work(())]).refusals[0]
        if refusal is not None:
            raise refusal
        entry = NewEntry(raw, "spoiled", pseudonym, None, ballot_hash)
        result = self._intake.insert([entry], [head.firsts], latest_ms)[0]
        if isinstance(result, Exception):
            raise result
        return _require_type(result, "spoiled")

    # ------------------------------------------------------------------------------------------------------- status

    def find(self, name: str) -> Queued:
        """Return what became of a ballot, named by its hash (64 hexadecimal digits) or its tracking code."""
        if len(name) == 64:
            try:
                row = self._board.find(bytes.fromhex(name))
            except ValueError:
                row = None
        else:
            row = self._board.find_prefix(parse_code(name))
        if row is None:
            raise ProblemError("not-found")
        return row

    def receipt(self, pseudonym: bytes, name: str) -> Receipt:
        """Return the receipt of the session's own ballot. Raises ProblemError."""
        row = self.find(name)
        if row.pseudonym != pseudonym:
            raise ProblemError("forbidden")
        return self.sign_receipt(_require_type(row, "ballot"))

    def prove(self, row: Queued) -> LogProof:
        """Return the offline proof that a ballot stands on the board. Raises ProblemError until a quorum covers it."""
        if row.entry_index is None:
            raise ProblemError("not-yet-covered", retry_after_s=self.interval_s())
        try:
            return self._board.prove(row.entry_index)
        except ProblemError as problem:
            problem.retry_after_s = self.interval_s()
            raise

    def interval_s(self) -> int:
        """Return how long a block takes, in whole seconds."""
        with self._board.record() as record:
            return max(1, record.parts.manifest.interval_ms // 1_000)

    def sign_receipt(self, row: Queued) -> Receipt:
        """Return the promise that was made when the row was stored; the same row gives the same bytes."""
        key, _ = self._require_key()
        if row.deadline_ms is None:
            # The dispute period is over and its time of arrival forgotten; whoever needs the receipt has it.
            raise ProblemError("intake-ended")
        record = self._board.replica.record
        manifest = record.parts.manifest
        parts = {
            "origin": manifest.origin,
            "manifest_hash": record.manifest_hash,
            "ballot_hash": row.ballot_hash,
            "pseudonym": row.pseudonym,
            "number": row.number,
            "deadline_ms": row.deadline_ms,
        }
        unsigned = Receipt(**parts, signature=bytes(64))  # type: ignore[arg-type]
        return Receipt(**parts, signature=key.sign(receipt_message(manifest.kind, unsigned)))  # type: ignore[arg-type]

    def _require_key(self) -> tuple[SigningKey, bytes]:
        if self._key is None:
            raise ProblemError("unavailable")
        return self._key, self._seed


def parse_code(code: str) -> bytes:
    """Return the first 18 bytes of the ballot hash that a tracking code tells. Raises ProblemError."""
    signs = code.replace("-", "").replace(" ", "").upper()
    if len(signs) != 36 or not set(signs) <= set(TRACKING_ALPHABET):
        raise ProblemError("not-found")
    return bytes.fromhex("".join(f"{TRACKING_ALPHABET.index(sign):x}" for sign in signs))


def code_of(row: Queued) -> str:
    """Return a row's tracking code."""
    return tracking_code(row.ballot_hash or bytes(32))


def _require_type(row: Queued, wanted: str) -> Queued:
    if row.type != wanted:
        raise ProblemError("ballot-spoiled" if row.type == "spoiled" else "ballot-cast")
    return row


def _refuse_nonces(record: Record, now_ms: int, key: SigningKey) -> ProblemError | None:
    """Return why no nonce is issued now, None when one is: a ballot must be begun between opening and closing."""
    manifest, board = record.parts.manifest, record.board
    if key.public_key != record.keyring.receipt_key:
        return ProblemError("unavailable")
    if now_ms > manifest.closes_at_ms or board.phase is Phase.CLOSED:
        return ProblemError("intake-ended")
    # A head that covers the opening must be sealed, or no ballot could name one.
    is_covered = board.newest is not None and board.newest.size > board.opening_index
    if board.phase is not Phase.OPEN or not is_covered or (board.lower or 0) < manifest.opens_at_ms:
        return ProblemError("not-open", retry_after_s=max(1, manifest.interval_ms // 1_000))
    return None
