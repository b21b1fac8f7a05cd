"""Log-in challenge: what a passkey signed for another purpose is presented as the signature of a ballot."""

import pytest

from crypto import signatures
from crypto.election.ballot import cast_challenge, hash_ballot
from crypto.election.entries import BallotEntry, Entry, parse_entry
from crypto.errors import Refused
from crypto.signatures import passkey_challenge
from crypto.transcript import tag
from tests.simulator import fresh, secret


def chosen_by_server(purpose: str, manifest_hash: bytes, ballot_hash: bytes, nonce: bytes) -> bytes:
    """Return a challenge that a client computes for another purpose, over whatever the server sends."""
    if purpose == "raw hash":
        return ballot_hash
    if purpose == "other kind":
        return cast_challenge("practice", manifest_hash, ballot_hash, nonce)
    if purpose == "other election":
        return cast_challenge("demo", secret("another election"), ballot_hash, nonce)
    return passkey_challenge(tag("demo", purpose), manifest_hash, ballot_hash, nonce)


@pytest.mark.parametrize("purpose", ["log-in", "register", "raw hash", "other kind", "other election"])
def test_an_assertion_for_another_purpose_casts_nothing(purpose: str) -> None:
    world = fresh("open")
    voter = world.registered()[0]
    ballot, _ = world.seal_ballot(voter)
    body = BallotEntry.parse(parse_entry(world.cast(voter, ballot)).body)
    challenge = chosen_by_server(purpose, world.manifest_hash, hash_ballot("demo", ballot), body.nonce)
    answer = voter.passkey.sign(challenge, world.manifest.rp_id, world.manifest.origins[0])
    stuffed = Entry("ballot", BallotEntry(ballot, body.nonce, *answer.parts()).to_bytes()).to_bytes()
    with pytest.raises(Refused) as refusal:
        world.record.admit(stuffed)
    assert refusal.value.check == signatures._CHALLENGE
    assert world.last(voter)[0] == 0
