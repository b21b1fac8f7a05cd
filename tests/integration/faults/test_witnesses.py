"""One witness of four dead, slow or lying through a whole election: its line is missing, nothing else."""

from collections.abc import Callable

import pytest

from crypto.merkle import CHECKPOINT_PATH
from crypto.signatures import parse_note
from tests.integration.board.test_lying_witnesses import LIES, NAME, liar
from tests.integration.faults.conftest import Matrix
from tests.integration.faults.trial import Trial
from voting_server.board.sequencer import Sequencer
from voting_server.board.service import Board

WAIT_MS = 150
SOME = [lie for lie in LIES if lie != "from the future"]


def replace_first(trial: Trial, url: str) -> None:
    """Let the first witness's address be another one."""
    town = trial.town
    town.sequencer.stop()
    urls = {**town.context.settings.witnesses, NAME: url}
    settings = town.context.settings.model_copy(update={"witnesses": urls, "witness_ms": WAIT_MS})
    object.__setattr__(town.context, "settings", settings)
    town.board = Board(town.context)
    town.board.start()
    town.record = town.board.replica.record
    town.sequencer = Sequencer(town.board)
    assert town.sequencer.start()


def cast_and_finish(trial: Trial) -> dict[str, int]:
    trial.finish(range(20))
    served = parse_note(trial.town.board.publication.get(CHECKPOINT_PATH) or b"")
    assert NAME not in [line.name for line in served.signatures]
    assert len(served.signatures) > trial.town.manifest.quorum
    return trial.judge()


@pytest.mark.parametrize("lie", SOME)
def test_a_witness_lies(make_trial: Callable[..., Trial], matrix: Matrix, lie: str) -> None:
    trial = make_trial("frozen")
    with liar(LIES[lie]) as url:
        replace_first(trial, url)
        trial.town.open()
        matrix.note("witness", f"answers: {lie}", cast_and_finish(trial))


def test_a_witness_is_dead(make_trial: Callable[..., Trial], matrix: Matrix) -> None:
    trial = make_trial("frozen")
    trial.town.watches.pop(0).stop()
    replace_first(trial, "http://127.0.0.1:1")
    trial.town.open()
    matrix.note("witness", "dead", cast_and_finish(trial))


def test_no_quorum_for_a_while(make_trial: Callable[..., Trial], matrix: Matrix) -> None:
    trial = make_trial()
    town, urls = trial.town, dict(trial.town.context.settings.witnesses)
    dead = {name: "http://127.0.0.1:1" for name in list(urls)[:2]}
    town.sequencer._witnesses._urls.update(dead)  # type: ignore[union-attr]
    town.sequencer._witnesses._clients.clear()  # type: ignore[union-attr]
    town.block((), [town.vote(voter) for voter in town.registered()[:6]])
    town.write()
    heads = town.board.heads()
    assert heads.quorum_size < heads.size
    trial.look()
    trial.take_over()
    trial.finish(range(6, 20))
    matrix.note("witness", "two of four dead for some blocks: no quorum, no final receipt meanwhile", trial.judge())
