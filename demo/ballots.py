"""What the simulated voters send: credentials, ballots and spoiled ballots, sealed by as many processes as one likes.

Spec: `docs/spec/ballot.md`, `docs/spec/credential.md`. A `Booth` is a small value that any process can be given; it
makes every voter's entries again from the seed alone, so that nothing is kept between blocks.

>>> from demo.electorate import Electorate, published
>>> Booth(Electorate(published(), voters=60, seed=1), bytes(32), bytes(32)).passkey(3).cose_key[:1].hex()
'a5'
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from crypto.election.ballot import cast_challenge, hash_ballot, lock_of, make_nonce
from crypto.election.entries import BallotEntry, Credential, Entry, Spoiled
from crypto.elgamal import BallotSeed
from crypto.group import parse_suite
from crypto.proofs import Contest, Frame, Position, SealedContest, seal_contest
from crypto.rules import OneOf
from crypto.signatures import EDDSA, ES256, SigningKey
from demo.commission import KIND, RP_ID, STYLE, WEB_ORIGIN, Commission
from demo.electorate import Electorate
from demo.voters import SoftwarePasskey, make_passkey

NO_BALLOT = bytes(32)
EDDSA_EVERY = 8
GROUP = parse_suite("RISTRETTO255-SHA512")


@dataclass(frozen=True, slots=True)
class Head:
    """The quorum checkpoint that a ballot says it has seen: size and root."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Task:
    """One ballot to seal: whose, its number from 1, the hash of the one before, and when it was begun."""

    voter: int
    number: int
    previous: bytes
    issued_at_ms: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed ballot: its bytes, its hash, and the opening of its lock."""

    pseudonym: bytes
    ballot: bytes
    hash: bytes
    opening: bytes


@dataclass
class Booth:
    """Where voters vote: the electorate and what the client has pinned (manifest hash, key H)."""

    electorate: Electorate
    manifest_hash: bytes
    key: bytes

    @cached_property
    def commission(self) -> Commission:
        """The commission of the same seed; its registrars sign credentials, its receipt key nonces."""
        return Commission(self.electorate, manifest_hash=self.manifest_hash)

    @cached_property
    def contests(self) -> list[Contest]:
        """The contests of the one style."""
        rules = [OneOf.default(len(question.options)) for question in self.electorate.published.questions]
        return [
            Contest(KIND, GROUP, self.manifest_hash, STYLE, number, rule, self.key)
            for number, rule in enumerate(rules, start=1)
        ]

    def pseudonym(self, voter: int) -> bytes:
        """Return the pseudonym of a voter's slot."""
        return self.commission.pseudonym(self.electorate.slot(voter))

    def passkey(self, voter: int) -> SoftwarePasskey:
        """Return a voter's passkey; one in eight uses EdDSA."""
        algorithm = EDDSA if voter % EDDSA_EVERY == EDDSA_EVERY - 1 else ES256
        return make_passkey(self.electorate.secret("passkey", voter), algorithm)

    def credential(self, voter: int) -> bytes:
        """Return the credential entry of a voter, signed by both registrars."""
        key = self.passkey(voter).cose_key
        body = Credential(pseudonym=self.pseudonym(voter), key=key, assurance="software")
        return self.commission.by_registrars("credential", body)

    def seal(self, task: Task, head: Head, *, use: str = "ballot") -> Sealed:
        """Seal the voter's drawn choices; another `use` gives another seed for the same choices."""
        seed = BallotSeed(KIND, self.electorate.secret(use, task.voter, task.number))
        position = Position(self.pseudonym(task.voter), task.number, task.previous)
        return self.fill(position, head, seed, self.electorate.choices(task.voter, task.number))

    def fill(self, position: Position, head: Head, seed: BallotSeed, choices: Sequence[int]) -> Sealed:
        """Seal one choice for each contest."""
        position = self.lock(position, seed)
        contests = [
            seal_contest(contest, position, seed, [choice])
            for contest, choice in zip(self.contests, choices, strict=True)
        ]
        return self.frame(position, head, seed, contests)

    def lock(self, position: Position, seed: BallotSeed) -> Position:
        """Return the position with the lock of a seed, which the proofs are bound to."""
        return replace(position, lock=lock_of(KIND, seed.derive_opening()))

    def frame(self, position: Position, head: Head, seed: BallotSeed, contests: Sequence[SealedContest]) -> Sealed:
        """Put sealed contests into a ballot."""
        opening = seed.derive_opening()
        frame = Frame(
            manifest_hash=self.manifest_hash,
            style=STYLE,
            position=self.lock(position, seed),
            head_size=head.size,
            head_root=head.root,
            contests=tuple(contests),
        )
        ballot = frame.to_bytes()
        return Sealed(position.pseudonym, ballot, hash_ballot(KIND, ballot), opening)

    def cast(self, sealed: Sealed, issued_at_ms: int, passkey: SoftwarePasskey) -> bytes:
        """Return the ballot entry: a nonce of the receipt key, and the passkey's signature over ballot and nonce."""
        pseudonym = sealed.pseudonym
        random = sealed.hash[:16]
        receipts: SigningKey = self.commission.receipts.key
        nonce = make_nonce(receipts, KIND, self.manifest_hash, pseudonym, sealed.hash, random, issued_at_ms)
        challenge = cast_challenge(KIND, self.manifest_hash, sealed.hash, nonce)
        answer = passkey.sign(challenge, RP_ID, WEB_ORIGIN)
        body = BallotEntry(
            ballot=sealed.ballot,
            nonce=nonce,
            authenticator_data=answer.authenticator_data,
            client_data=answer.client_data,
            signature=answer.signature,
        )
        return Entry("ballot", body.to_bytes()).to_bytes()

    def spoil(self, sealed: Sealed) -> bytes:
        """Return the spoiled entry of a sealed ballot that was challenged instead of cast."""
        return self.commission.by_log("spoiled", Spoiled(ballot=sealed.ballot, opening=sealed.opening))


# What a worker process keeps: one booth, set when the process starts.
_BOOTH: list[Booth] = []


def enter_booth(booth: Booth) -> None:
    """Give this process its booth (initializer of the pool)."""
    _BOOTH[:] = [booth]


def make_credentials(voters: range) -> list[bytes]:
    """Return the credential entries of some voters (runs in a worker)."""
    return [_BOOTH[0].credential(voter) for voter in voters]


def make_ballots(tasks: Sequence[Task], head: Head) -> list[tuple[int, bytes, bytes]]:
    """Return (voter, entry, ballot hash) of each task (runs in a worker)."""
    booth, made = _BOOTH[0], []
    for task in tasks:
        sealed = booth.seal(task, head)
        made.append((task.voter, booth.cast(sealed, task.issued_at_ms, booth.passkey(task.voter)), sealed.hash))
    return made


def make_spoiled(tasks: Sequence[Task], head: Head) -> list[bytes]:
    """Return the spoiled entry of each task: sealed from another seed, opened, never cast (runs in a worker)."""
    booth = _BOOTH[0]
    return [booth.spoil(booth.seal(task, head, use="challenge")) for task in tasks]
