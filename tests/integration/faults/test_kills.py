"""Kill −9 of the web worker and of the sequencer at every kill point that the code names."""

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress

import httpx
import pytest

from tests.integration.faults.conftest import Matrix
from tests.integration.faults.trial import Trial
from voting_server.plumbing.killpoints import POINTS

HIT: set[str] = set()
WEB = sorted(point for point in POINTS if point.startswith("cast-"))
SEQUENCER = sorted(POINTS - set(WEB))


@pytest.fixture(scope="module", autouse=True)
def _every_point_is_hit(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if not request.config.option.keyword:
        assert POINTS == HIT


@pytest.mark.parametrize("point", WEB)
def test_a_web_worker_dies(make_trial: Callable[..., Trial], matrix: Matrix, point: str) -> None:
    trial = make_trial()
    web = trial.start_web(**trial.killed_at(point))
    first, second = trial.client(0), trial.client(1)
    first.vote()
    entry = second.make()
    trial.arm()
    with suppress(httpx.HTTPError):
        assert second.cast(entry).status_code == 0, "the worker answered"
    assert web.wait_for_death() == -signal.SIGKILL
    HIT.update((trial.folder / "killed").read_text(encoding="ascii").split())
    trial.start_web()
    again = trial.client(1)
    trial.town.write()
    answer = again.cast(entry)
    assert answer.status_code == 201, answer.text
    assert again.cast(entry).json() == answer.json()
    trial.town.write()
    trial.client(0).vote()
    trial.finish()
    matrix.note("web worker", f"kill −9 at `{point}`", trial.judge())


@pytest.mark.parametrize("point", SEQUENCER)
def test_the_sequencer_dies(make_trial: Callable[..., Trial], matrix: Matrix, point: str) -> None:
    trial = make_trial()
    trial.start_web()
    clients = [trial.client(place) for place in range(4)]
    for client in clients[:3]:
        client.vote()
    sequencer = trial.start_sequencer(**trial.killed_at(point))
    trial.arm()
    assert sequencer.wait_for_death() == -signal.SIGKILL
    HIT.update((trial.folder / "killed").read_text(encoding="ascii").split())
    trial.look()
    clients[3].vote()
    trial.take_over()
    trial.look()
    trial.town.write()
    clients[0].vote()
    trial.finish()
    matrix.note("sequencer", f"kill −9 at `{point}`", trial.judge())
