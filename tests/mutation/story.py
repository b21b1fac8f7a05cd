"""The small valid record that the mutation run breaks: eight voters, and one of nearly every type of entry.

>>> story = tell()
>>> story.record.is_complete(), story.record.refused
(True, {})
"""

from __future__ import annotations

import hashlib
from functools import cache
from unittest import mock

from crypto.election.entries import Change, Decision, Incident, Rotate, Strike
from crypto.signatures import ES256, key_id
from demo.voters import make_passkey
from tests.simulator import MINUTE_MS, Voter, World, secret, signing_key

NEW_OFFICER = 7


class Story(World):
    """A world with fewer voters and more kinds of entries."""

    def registered(self) -> list[Voter]:
        """Return the voters with a credential: four in the north, four in the south."""
        return [*self.voters[:4], *self.voters[10:14]]

    def freeze_roll(self) -> None:
        """Also rotate an officer's key before the roll is frozen."""
        old, new = signing_key("officer", 2), signing_key("officer", NEW_OFFICER)
        body = Rotate(role="officer", old=key_id(old.public_key), new=new.public_key, reason="a new card")
        self.accept([self.sign("rotate", body, old)])
        super().freeze_roll()

    def open(self) -> None:
        """Also change one voter's key, well before anybody votes."""
        super().open()
        voter = self.registered()[7]
        voter.passkey = make_passkey(secret("passkey", "changed"), ES256)
        body = Change(voter.pseudonym, voter.passkey.cose_key, "software", "lost telephone")
        self.accept([], [self.by_registrars("change", body)])
        self.wait_until(self.clock_ms + self.manifest.change_delay_ms + MINUTE_MS)
        self.accept()
        self.accept()
        self.accept()

    def hold_vote(self) -> None:
        """Let all vote, one challenge a ballot first, one vote again, and one be struck."""
        registered = self.registered()
        ballot, seed = self.seal_ballot(registered[0], ((1,), (0, 3)))
        self.accept([], [self.spoil(ballot, seed), *map(self.vote, registered[1:])])
        self.accept([], [self.vote(registered[0]), self.vote(registered[4], ((0,), (2, 3)))])
        strike = Strike(registered[1].pseudonym, "voted on paper")
        self.accept([], [self.by_registrars("strike", strike)])
        self.accept(self.drill(2))

    def count(self) -> None:
        """Also note an incident and a decision in the end."""
        super().count()
        incident = self.sign("incident", Incident(secret("incident"), "a power cut"), signing_key("officer", 0))
        decision = self.by_officers("decision", Decision("withdrawn", 1, 2, secret("decision")))
        self.accept([decision, incident])
        self.accept()


class _Drawn:
    """Stands for the operating system's randomness while the story is told: the same bytes in every run."""

    def __init__(self) -> None:
        self._calls = 0

    def __call__(self, size: int) -> bytes:
        self._calls += 1
        return hashlib.shake_256(f"story/{self._calls}".encode()).digest(size)


@cache
def tell() -> Story:
    """Return the story, told once a process, every time with the same bytes."""
    with mock.patch("os.urandom", _Drawn()):
        story = Story(changes={"minimum_cell": 3})
        story.run()
    return story
