"""One witness of four dead, slow or lying through a whole election: its line is missing, nothing else."""

from collections.abc import Callable

import pytest

from crypto.merkle import CHECKPOINT_PATH
from crypto.signatures import cosign, parse_note
from tests.integration.board.test_lying_witnesses import LIES, NAME, liar, reply, text_of
from tests.integration.faults.conftest import Matrix
from tests.integration.faults.trial import Trial
from tests.simulator import signing_key

WAIT_MS = 5_000
DEAD = "http://127.0.0.1:1"


def spoil(body: bytes) -> bytes:
    """Return the witness's line with other last bytes."""
    line = cosign(signing_key("witness", 0), NAME, text_of(body) or "x\n", 1_768_050_000).to_text()
    return f"{line[:-6]}AAAA=\n".encode()


CELLS = {
    **{lie: LIES[lie] for lie in ("garbage", "another key", "another root", "old size", "stalled body")},
    "a bad signature": lambda handler, body: reply(handler, 200, spoil(body)),
    "rightly, too late": lambda handler, _: handler.ended.wait(20),
}


def replace(trial: Trial, **changed: str) -> None:
    """Let witnesses have other addresses."""
    town = trial.town
    town.sequencer.stop()
    urls = {**town.context.settings.witnesses, **changed}
    settings = town.context.settings.model_copy(update={"witnesses": urls, "witness_ms": WAIT_MS})
    object.__setattr__(town.context, "settings", settings)
    trial.take_over()


def cast_and_finish(trial: Trial) -> dict[str, int]:
    trial.finish(range(20))
    served = parse_note(trial.town.board.publication.get(CHECKPOINT_PATH) or b"")
    assert NAME not in [line.name for line in served.signatures]
    assert len(served.signatures) > trial.town.manifest.quorum
    return trial.judge()


@pytest.mark.parametrize("lie", CELLS)
def test_a_witness_lies(make_trial: Callable[..., Trial], matrix: Matrix, lie: str) -> None:
    trial = make_trial("frozen")
    with liar(CELLS[lie]) as url:
        replace(trial, **{NAME: url})
        trial.town.open()
        matrix.note("witness", f"answers: {lie}", cast_and_finish(trial))


def test_a_witness_is_dead(make_trial: Callable[..., Trial], matrix: Matrix) -> None:
    trial = make_trial("frozen")
    trial.town.watches.pop(0).stop()
    replace(trial, **{NAME: DEAD})
    trial.town.open()
    matrix.note("witness", "dead", cast_and_finish(trial))


def test_no_quorum_for_a_while(make_trial: Callable[..., Trial], matrix: Matrix) -> None:
    trial = make_trial()
    town = trial.town
    # They die under a running sequencer: one that starts waits until more than these two answer.
    for _ in range(2):
        town.watches.pop(0).stop()
    town.block((), [town.vote(voter) for voter in town.registered()[:6]])
    town.write()
    heads = town.board.heads()
    assert heads.quorum_size < heads.size
    trial.look()
    for place in range(2):
        town.revive(place)
    trial.take_over()
    heads = town.board.heads()
    assert heads.quorum_size == heads.size
    trial.finish(range(6, 20))
    matrix.note("witness", "two of four dead for some blocks: no quorum, no final receipt meanwhile", trial.judge())


def test_with_two_of_four_dead_nobody_begins_to_sequence(make_trial: Callable[..., Trial], matrix: Matrix) -> None:
    trial = make_trial()
    town = trial.town
    town.sequencer.stop()
    for _ in range(2):
        town.watches.pop(0).stop()
    process = trial.start("sequencer")
    process.wait_for("sequencer-waits")
    size = town.board.heads().size
    process.stop()
    assert "block-written" not in [event["event"] for event in process.events]
    assert town.board.heads().size == size
    for place in range(2):
        town.revive(place)
    trial.take_over()
    trial.finish(range(20))
    matrix.note("witness", "two of four dead at the start: the sequencer waits and signs nothing", trial.judge())
