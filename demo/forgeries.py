"""Ballots that must not get in: each is made by somebody who knows the programs well, and refused by a numbered check.

Spec: `docs/spec/ballot.md`, `docs/spec/proofs.md`. All else about each ballot is honest: the nonce is issued, the
passkey signs, the head was seen; only the named thing is wrong.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from crypto.election.entries import BallotEntry, parse_entry
from crypto.elgamal import BallotSeed
from crypto.proofs import Frame, Position, SealedContest, encrypt_votes, parse_frame, prove_contest
from demo.ballots import NO_BALLOT, Booth, Head
from demo.commission import CLOSES_AT_MS, KIND


@dataclass(frozen=True, slots=True)
class Forgery:
    """One forged entry and what it is called."""

    name: str
    entry: bytes


@dataclass(frozen=True, slots=True)
class Forger:
    """Makes forgeries as voter `voter`, whose only ballot has `hash` and `entry`; `other` is a neighbour's entry."""

    booth: Booth
    head: Head
    voter: int
    hash: bytes
    entry: bytes
    other: bytes

    def forgeries(self, now_ms: int) -> Iterator[Forgery]:
        """Yield every forgery."""
        yield Forgery("copied", self._copied(now_ms))
        yield Forgery("stuffed", self._stuffed(now_ms))
        yield Forgery("replayed", self.entry)
        yield Forgery("over-voted", self._over_voted(now_ms))
        yield Forgery("late", self._late())

    @property
    def _position(self) -> Position:
        return Position(self.booth.pseudonym(self.voter), 2, self.hash)

    def _seed(self, use: str) -> BallotSeed:
        return BallotSeed(KIND, self.booth.electorate.secret(f"forger/{use}", self.voter))

    def _cast(self, position: Position, contests: Sequence[SealedContest], seed: BallotSeed, when_ms: int) -> bytes:
        sealed = self.booth.frame(position, self.head, seed, contests)
        return self.booth.cast(sealed, when_ms, self.booth.passkey(self.voter))

    def _copied(self, now_ms: int) -> bytes:
        return self._cast(self._position, _frame_of(self.other).contests, self._seed("copied"), now_ms)

    def _stuffed(self, now_ms: int) -> bytes:
        # The last slot of the last unit: at this turnout nobody holds it.
        absent = Position(self.booth.commission.pseudonym(self.booth.electorate.slots - 1), 1, NO_BALLOT)
        sealed = self.booth.fill(absent, self.head, self._seed("stuffed"), [0] * len(self.booth.contests))
        return self.booth.cast(sealed, now_ms, self.booth.passkey(self.voter))

    def _over_voted(self, now_ms: int) -> bytes:
        seed, contests = self._seed("over-voted"), []
        position = self.booth.lock(self._position, seed)
        for contest in self.booth.contests:
            rest = [0] * (contest.rule.options - 2)
            ciphertexts = encrypt_votes(contest, seed, [1, 1, *rest])
            bits = contest.rule.bits([1, 0, *rest])
            contests.append(SealedContest(ciphertexts, prove_contest(contest, position, seed, ciphertexts, bits)))
        return self._cast(self._position, contests, seed, now_ms)

    def _late(self) -> bytes:
        sealed = self.booth.fill(self._position, self.head, self._seed("late"), [0] * len(self.booth.contests))
        return self.booth.cast(sealed, CLOSES_AT_MS + 1, self.booth.passkey(self.voter))


def _frame_of(entry: bytes) -> Frame:
    frame = parse_frame(BallotEntry.parse_once(parse_entry(entry).body).ballot)
    if frame is None:
        raise ValueError("not a ballot entry")
    return frame
