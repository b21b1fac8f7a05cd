"""F26, Norway 2011: a vote of a session that was still running was discarded though its voter had a return code.

Here a receipt means counted, and who gets no receipt is told so: across the closing, the grace and a session's end.
"""

from collections.abc import Callable

from tests.integration.faults.conftest import Matrix
from tests.integration.faults.trial import Trial, served
from tests.simulator import MINUTE_MS

SESSION_MS = 20 * MINUTE_MS


def test_who_has_a_receipt_is_counted_and_who_has_none_is_told(
    make_trial: Callable[..., Trial], matrix: Matrix
) -> None:
    trial = make_trial(session_s=SESSION_MS // 1_000)
    town, manifest = trial.town, trial.town.manifest
    closes_at_ms, end_ms = manifest.closes_at_ms, manifest.closes_at_ms + manifest.grace_ms
    town.block((), [town.vote(voter) for voter in town.registered()[8:]])
    with served(trial) as client:
        go_to(trial, closes_at_ms + MINUTE_MS - SESSION_MS)
        tired = client(0)
        go_to(trial, closes_at_ms - 10 * MINUTE_MS)
        punctual, slow, late = (client(place) for place in range(1, 4))
        town.set_clock(closes_at_ms - 1)
        of_tired, of_punctual, of_slow, of_late = (each.make() for each in (tired, punctual, slow, late))
        assert punctual.cast(of_punctual).status_code == 201
        # Its session ended a minute after the closing, in the middle of the grace.
        town.set_clock(closes_at_ms + 2 * MINUTE_MS)
        answer = tired.cast(of_tired)
        assert (answer.status_code, answer.json()["type"]) == (401, "/problems/not-logged-in")
        assert tired.log_in().cast(of_tired).status_code == 201
        town.set_clock(end_ms)
        assert slow.cast(of_slow).status_code == 201
        town.set_clock(end_ms + 1)
        answer = late.cast(of_late)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/intake-ended")
        # A repeat of what was taken in is answered as before, however late.
        assert slow.cast(of_slow).status_code == 201
    assert len(trial.receipts) == 3
    trial.finish(())
    found = trial.judge()
    assert found["ballots"] == 3 + len(town.registered()[8:])
    matrix.note("voter", "F26: sessions that run across the closing: a receipt is counted, no receipt is told", found)


def go_to(trial: Trial, time_ms: int) -> None:
    """Let the election go on until a time."""
    trial.town.wait_until(time_ms)
    trial.town.write()
    trial.town.write()
    trial.town.set_clock(time_ms)
