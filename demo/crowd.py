"""All voters of one run through the service: they enrol, challenge, cast and cast again, several of them at once.

Spec: `docs/operations/demo.md`. A voter who does not get her turn before the hour (a slow machine) stays at home: she
has no receipt, and the count that is expected leaves her out. Promises that whoever holds a receipt is in that count.

>>> shares(range(7), 3)
[[0, 3, 6], [1, 4], [2, 5]]
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

from crypto.election.ballot import Receipt
from crypto.election.entries import Manifest
from crypto.signatures import SigningKey, key_id
from demo.ballots import NO_BALLOT, Booth, Task
from demo.commission import KIND
from demo.day import Habits
from demo.electorate import Electorate
from demo.installation import Installation, InstallationError
from demo.visitor import Browser, Visitor, head_of
from voting_server.voters.evidence import Code, Election, code_key, make_code

LANES = 6
CODE_LIFE_MS = 86_400_000
Advance = Callable[[int], None]


@dataclass
class RollBooth(Booth):
    """A booth whose pseudonyms are those that the identity side drew."""

    pseudonyms: dict[int, bytes] = field(default_factory=dict)

    def pseudonym(self, voter: int) -> bytes:
        """Return the pseudonym that the voter learned when she enrolled."""
        return self.pseudonyms[voter]


def shares(voters: Iterable[int], lanes: int) -> list[list[int]]:
    """Deal voters to lanes."""
    everybody = list(voters)
    return [everybody[lane::lanes] for lane in range(lanes)]


def number_of(slot: int) -> str:
    """Return the personal number of a slot's person."""
    return f"{10_000_000_000_000 + slot}"


@dataclass
class Crowd:
    """The voters, in lanes that act at the same time; each lane has HTTP connections of its own."""

    installation: Installation
    electorate: Electorate
    manifest: Manifest
    manifest_hash: bytes
    issuer: SigningKey
    visitors: dict[int, Visitor] = field(default_factory=dict)
    challenged: int = 0
    _http: list[dict[str, httpx.Client]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the lanes' connections."""
        self._http = [{side: self.installation.client(side) for side in ("identity", "ballot")} for _ in range(LANES)]

    @property
    def habits(self) -> Habits:
        """Return who does what."""
        return Habits(self.electorate)

    @property
    def receipts(self) -> list[Receipt]:
        """Return every receipt that anybody holds."""
        return [receipt for visitor in self.visitors.values() for receipt in visitor.receipts]

    @property
    def away(self) -> set[int]:
        """Return who cast nothing."""
        return {
            voter
            for voter in range(self.electorate.voters)
            if voter not in self.visitors or not self.visitors[voter].receipts
        }

    @property
    def last_numbers(self) -> dict[int, int]:
        """Return the number of the last ballot of those who voted."""
        return {voter: len(visitor.receipts) for voter, visitor in self.visitors.items() if visitor.receipts}

    def close(self) -> None:
        """Close the connections."""
        for clients in self._http:
            for client in clients.values():
                client.close()

    # ------------------------------------------------------------------------------------------------------- acts

    def enrol(self, until_ms: int, advance: Advance) -> None:
        """Hand out a code to each voter and let her enrol a passkey with it."""
        booth, election = Booth(self.electorate, self.manifest_hash, b""), Election(KIND, self.manifest_hash)

        def act(voter: int, http: dict[str, httpx.Client]) -> None:
            code = make_code(os.urandom)
            public = code_key(KIND, election.manifest_hash, code).public_key
            number = number_of(self.electorate.slot(voter))
            issued = Code(number, public, self._now_ms() + CODE_LIFE_MS, "passkey")
            body = {
                "number": number,
                "key": public.hex(),
                "expires_at_ms": issued.expires_at_ms,
                "assurance": issued.assurance,
                "issuer": key_id(self.issuer.public_key).hex(),
                "issued": issued.sign(election, self.issuer).hex(),
            }
            self.installation.operate("identity", "/codes", body, http=http["identity"])
            browsers = [Browser(http[side], self.installation.url(side)) for side in ("identity", "ballot")]
            visitor = Visitor(booth.passkey(voter), browsers[0], browsers[1], election, self.manifest.rp_id)
            visitor.enrol(code)
            self.visitors[voter] = visitor

        self._together(range(self.electorate.voters), act, until_ms, advance)

    def booth(self, key: bytes) -> RollBooth:
        """Return the booth of those who have enrolled, for the key that the election opened with."""
        names = {voter: visitor.pseudonym for voter, visitor in self.visitors.items()}
        return RollBooth(self.electorate, self.manifest_hash, key, names)

    def challenge(self, booth: RollBooth, until_ms: int) -> None:
        """Let those who doubt their phone have a sealed ballot opened."""

        def act(voter: int, http: dict[str, httpx.Client]) -> None:
            visitor = self._at(voter, http)
            visitor.challenge(booth.seal(Task(voter, 1, NO_BALLOT, 0), head_of(visitor.log_in()), use="challenge"))
            self.challenged += 1

        # One lane: the count is everybody's.
        self._together([v for v in self.visitors if self.habits.challenges(v)], act, until_ms, lambda _: None, lanes=1)

    def cast(self, booth: RollBooth, until_ms: int, advance: Advance, *, again: bool = False) -> None:
        """Let everybody cast a ballot or, with `again`, those who change their mind a second one."""

        def act(voter: int, http: dict[str, httpx.Client]) -> None:
            visitor = self._at(voter, http)
            state = visitor.log_in()
            task = Task(voter, state["number"] + 1, bytes.fromhex(state["previous"]), 0)
            visitor.cast(booth.seal(task, head_of(state)))

        voters = self.who_changes() if again else self.visitors
        self._together(voters, act, until_ms, advance)

    def who_changes(self) -> list[int]:
        """Return who casts a second ballot, of those who have cast one."""
        return [
            voter for voter, visitor in self.visitors.items() if visitor.receipts and self.habits.votes_again(voter)
        ]

    # ------------------------------------------------------------------------------------------------------ lanes

    @staticmethod
    def _now_ms() -> int:
        return time.time_ns() // 1_000_000

    def _at(self, voter: int, http: dict[str, httpx.Client]) -> Visitor:
        """Return a visitor on the connections of the lane that she stands in now."""
        visitor = self.visitors[voter]
        visitor.identity.http, visitor.ballot.http = http["identity"], http["ballot"]
        return visitor

    def _together(
        self,
        voters: Iterable[int],
        act: Callable[[int, dict[str, httpx.Client]], None],
        until_ms: int,
        advance: Advance,
        lanes: int = LANES,
    ) -> None:
        """Let voters act, one after the other in each lane, until the hour. Raises what the first that fails raises."""
        failed = threading.Event()

        def walk(mine: Sequence[int], http: dict[str, httpx.Client]) -> None:
            for voter in mine:
                if failed.is_set() or self._now_ms() >= until_ms:
                    return
                try:
                    act(voter, http)
                except InstallationError:
                    failed.set()
                    # Whoever is turned away because the hour has passed meanwhile stays at home like the others.
                    if self._now_ms() < until_ms:
                        raise
                except BaseException:
                    failed.set()
                    raise
                else:
                    advance(1)

        with ThreadPoolExecutor(lanes) as pool:
            for future in [pool.submit(walk, *each) for each in zip(shares(voters, lanes), self._http, strict=False)]:
                future.result()
