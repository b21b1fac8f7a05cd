"""The election that `make bench-server` votes in: one contest of 18 options, a key for each voter, open since a while.

It is told by `tests/simulator.py` with times that end now: the ceremony of three trustees, roll, credentials, opening.
Five witnesses of the manifest cosign the preparation here and run as processes of their own afterwards.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from crypto.election.ballot import hash_ballot, lock_of
from crypto.election.entries import (
    Contest,
    DistrictSlots,
    Freeze,
    Opening,
    Option,
    RollChunk,
    RollGroup,
    Style,
    Unit,
    Units,
    Witness,
)
from crypto.elgamal import BallotSeed
from crypto.group import RISTRETTO255_NAME, parse_suite
from crypto.proofs import Contest as Statement
from crypto.proofs import Frame, Position, seal_contest
from crypto.rules import OneOf
from crypto.signatures import ES256, cosign, parse_note
from crypto.transcript import Kind
from demo.voters import make_passkey
from tests.simulator import HOUR_MS, MINUTE_MS, Parts, Voter, World, secret, signing_key, text3

KIND: Kind = "demo"
OPTIONS = 18
WITNESSES, QUORUM = 5, 4
UNIT, STYLE, CONTEST = 2, 1, 1
_CHUNK, _BLOCK = 4_000, 2_000


def parts_of_18() -> Parts:
    """Return one contest of 18 options and two units."""
    contest = Contest(
        id=CONTEST,
        question=1,
        title=text3("President"),
        rule=OneOf.default(OPTIONS).to_bytes(),
        options=tuple(Option(text3(f"Candidate {number}")) for number in range(1, OPTIONS + 1)),
        region=1,
        seats=1,
    )
    units = (Unit(1, None, text3("Country"), district=False), Unit(UNIT, 1, text3("District"), district=True))
    return Parts((contest,), (Units(units),))


@dataclass(slots=True)
class Polling(World):
    """A world of many voters with one unit, whose clock ends at the present."""

    size: int = 100
    names: tuple[str, ...] = field(default_factory=lambda: tuple(f"watch.example/{n + 1}" for n in range(WITNESSES)))

    def __post_init__(self) -> None:
        """Draw manifest and voters."""
        World.__post_init__(self)
        self.voters = [self.voter(number) for number in range(self.size)]

    @staticmethod
    def voter(number: int) -> Voter:
        """Return a voter, the same for every process."""
        pseudonym = secret("pseudonym", "bench", number)[:16]
        return Voter(pseudonym, UNIT, STYLE, make_passkey(secret("passkey", "bench", number), ES256))

    def registered(self) -> list[Voter]:
        """Everybody has a credential."""
        return self.voters

    def freeze_roll(self) -> None:
        """Write the roll in chunks, and the freeze."""
        chunks = range(0, self.size, _CHUNK)
        for number, start in enumerate(chunks):
            names = b"".join(voter.pseudonym for voter in self.voters[start : start + _CHUNK])
            self.accept([self.by_registrars("roll", RollChunk(number, (RollGroup(UNIT, STYLE, names),)))])
        freeze = Freeze(chunks=len(chunks), slots=(DistrictSlots(UNIT, self.size),))
        self.accept([self.by_officers("freeze", freeze)])

    def open(self) -> None:
        """Write drill, opening and all credentials; end when a seal shows that voting has begun."""
        certificate = self.record.ceremony.conclude()
        opening = self.by_officers("opening", Opening(certificate.key, certificate.hash))
        self.accept([*self.drill(1), opening])
        for start in range(0, self.size, _BLOCK):
            credentials = map(self.credential, self.voters[start : start + _BLOCK])
            block = self.writer.write([], credentials)
            self.entries.extend(block.entries)
            self.record.extend(block.entries, threads=2)
            self.witness(block.checkpoint)
        self.wait_until(self.manifest.opens_at_ms)
        self.accept()
        self.accept()

    def witness(self, checkpoint: bytes) -> None:
        """Let a quorum cosign a written block's checkpoint, and move the clock by an interval."""
        note = self.cosign(checkpoint)
        self.checkpoints.append(note)
        self.writer.add_quorum(note)
        self.clock_ms += self.manifest.interval_ms

    def cosign(self, checkpoint: bytes, *, count: int = QUORUM, late_ms: int = 0) -> bytes:
        """Return a checkpoint with a quorum's cosignatures, or fewer."""
        note = parse_note(checkpoint)
        time_s = (self.clock_ms + late_ms) // 1_000
        lines = [
            cosign(signing_key("witness", at), self.names[at], note.text, time_s) for at in range(min(count, QUORUM))
        ]
        return note.with_signatures(*lines).to_bytes()


def make_polling(voters: int, interval_ms: int) -> Polling:
    """Return the election at the moment when ballots may come, its past in the hour before now."""
    now_ms = time.time_ns() // 1_000_000
    opens_at_ms = now_ms - 10 * MINUTE_MS
    names = tuple(f"watch.example/{number + 1}" for number in range(WITNESSES))
    witnesses = tuple(Witness(name, signing_key("witness", at).public_key, None) for at, name in enumerate(names))
    changes = {
        "opens_at_ms": opens_at_ms,
        "closes_at_ms": now_ms + 2 * HOUR_MS,
        "release_by_ms": now_ms + 5 * HOUR_MS,
        "interval_ms": interval_ms,
        "receipt_delay_ms": MINUTE_MS,
        "round_deadlines_ms": tuple(opens_at_ms - minutes * MINUTE_MS for minutes in (50, 45, 40, 35)),
        "witnesses": witnesses,
        "quorum": QUORUM,
    }
    changes["styles"] = (Style(STYLE, (CONTEST,)),)
    polling = Polling(parts_of_18(), "demo", changes, clock_ms=opens_at_ms - HOUR_MS, size=voters)
    polling.run("open")
    return polling


@dataclass(frozen=True, slots=True)
class Prebuilt:
    """A ballot before it is cast: whose, its number, its bytes and its hash."""

    voter: int
    number: int
    ballot: bytes
    hash: bytes


@dataclass
class Press:
    """Seals ballots in any process: what the election has pinned, and the head that all of them name."""

    manifest_hash: bytes
    key: bytes
    head_size: int
    head_root: bytes

    @cached_property
    def statement(self) -> Statement:
        """What every ballot's proof is about."""
        group = parse_suite(RISTRETTO255_NAME)
        return Statement(KIND, group, self.manifest_hash, STYLE, CONTEST, OneOf.default(OPTIONS), self.key)

    def seal(self, voter: int, number: int, previous: bytes = bytes(32)) -> Prebuilt:
        """Seal one ballot; the choice follows from the voter's number."""
        seed = BallotSeed(KIND, secret("seed", voter, number))
        pseudonym = secret("pseudonym", "bench", voter)[:16]
        position = Position(pseudonym, number, previous, lock_of(KIND, seed.derive_opening()))
        sealed = seal_contest(self.statement, position, seed, [(voter + number) % OPTIONS])
        frame = Frame(self.manifest_hash, STYLE, position, self.head_size, self.head_root, (sealed,))
        ballot = frame.to_bytes()
        return Prebuilt(voter, number, ballot, hash_ballot(KIND, ballot))

    def seal_many(self, tasks: Sequence[tuple[int, bool]]) -> list[Prebuilt]:
        """Seal the first ballot of each voter, and a second where told."""
        made = []
        for voter, again in tasks:
            first = self.seal(voter, 1)
            made.append(first)
            if again:
                made.append(self.seal(voter, 2, first.hash))
        return made
