"""F21, Estonia 2021: a wrong start time let the first voters vote in a "test vote". Here nobody can begin early.

The witnesses' clocks open, whatever the server's clock says; and a signature for a practice or demo election is none
in the real one. That two officers of different bodies sign the times: `tests/attacks/test_refusals_manifest.py`.
"""

from collections.abc import Callable

import pytest

from crypto.election.ballot import cast_challenge, hash_ballot
from crypto.election.entries import BallotEntry, Entry, Opening
from crypto.transcript import Kind
from tests.desk import ORIGIN
from tests.integration.faults.conftest import Matrix
from tests.integration.faults.trial import Client, Trial, served, wait_until
from tests.simulator import HOUR_MS

ANY = bytes(range(32))


def open_early(trial: Trial) -> None:
    """Write the opening and the credentials hours before voting begins, as it must be."""
    town = trial.town
    certificate = town.record.ceremony.conclude()
    opening = town.by_officers("opening", Opening(certificate.key, certificate.hash))
    town.accept([*town.drill(1), opening], [town.credential(voter) for voter in town.registered()])
    town.accept()


def test_a_server_whose_clock_is_two_hours_ahead_opens_nothing(
    make_trial: Callable[..., Trial], matrix: Matrix
) -> None:
    trial = make_trial("frozen")
    town = trial.town
    open_early(trial)
    opens_at_ms = town.manifest.opens_at_ms
    assert town.clock_ms < opens_at_ms
    with served(trial) as client:
        early = client(0)
        assert early.ask_nonce(ANY) == 409
        town.set_clock(opens_at_ms + 2 * HOUR_MS)
        assert client(1).ask_nonce(ANY) == 409
        town.sequencer.step()
        assert client(2).ask_nonce(ANY) == 409
        trial.look()
        town.set_clock(town.clock_ms)
        town.write()
        assert early.ask_nonce(ANY) == 409
        town.wait_until(opens_at_ms)
        town.write()
        town.write()
        wait_until(lambda: client(3).ask_nonce(ANY) == 201, "the election does not open at its hour")
        for place in range(4):
            client(place).vote()
    trial.finish()
    way = "F21: the server's clock two hours ahead before the opening; nobody begins, all vote at the hour"
    matrix.note("clock", way, trial.judge())


@pytest.mark.parametrize("other", ["practice", "real"])
def test_a_signature_for_an_election_of_another_kind_casts_nothing(
    make_trial: Callable[..., Trial], matrix: Matrix, other: Kind
) -> None:
    trial = make_trial()
    town = trial.town
    assert town.kind != other
    with served(trial) as client:
        voter = client(0)
        answer = voter.cast(signed_for(voter, other))
        assert (answer.status_code, answer.json()["check"]) == (403, "SIGNATURE-8")
        voter.vote()
    trial.finish()
    matrix.note(
        "client", f"F21: a ballot that is signed for a {other} election: refused, and cast rightly", trial.judge()
    )


def signed_for(client: Client, kind: Kind) -> bytes:
    """Return a ballot that is right but for its signature, which its voter gave in an election of another kind."""
    town = client.trial.town
    ballot, _ = town.seal_ballot(client.voter)
    digest = hash_ballot(town.kind, ballot)
    nonce = client.nonce(digest)
    signed = client.voter.passkey.sign(
        cast_challenge(kind, town.manifest_hash, digest, nonce), town.manifest.rp_id, ORIGIN
    )
    return Entry("ballot", BallotEntry(ballot, nonce, *signed.parts()).to_bytes()).to_bytes()
