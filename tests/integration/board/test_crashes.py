"""A sequencer killed at each of its kill points by SIGKILL: what was committed is published, nothing twice, no fork."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crypto.election.entries import Incident
from crypto.merkle import CHECKPOINT_PATH, TileReader, leaf_hash
from crypto.signatures import MAX_U63, verify_quorum
from tests.integration.board.town import Town
from tests.simulator import signing_key

POINTS = (
    "sequencer-before-commit",
    "sequencer-after-commit",
    "publish-after-bundles",
    "publish-after-tiles",
    "witness-before-store",
    "publish-after-checkpoint",
)
_PROGRAM = """
import sys
from voting_server.board.sequencer import Sequencer
from voting_server.board.service import Board
from voting_server.plumbing.cache import Cache
from voting_server.plumbing.context import Context
from voting_server.plumbing.database import Database
from voting_server.plumbing.settings import Settings

settings = Settings.model_validate_json(sys.stdin.read())
database = Database(sys.argv[1], clock=lambda: int(sys.argv[2]))
sequencer = Sequencer(Board(Context(settings, database, Cache(), "ballot")))
assert sequencer.start()
sequencer.step()
sequencer.stop()
"""


def run_once(town: Town, tmp_path: Path, point: str | None) -> int:
    """Run one step of a sequencer in a process of its own, killed at a point; return how it ended."""
    settings = town.context.settings
    seeds = {"log_key": signing_key("log").seed.hex(), "receipt_key": signing_key("receipt").seed.hex()}
    given = settings.model_copy(update=dict.fromkeys(seeds)).model_dump_json(exclude_none=True, exclude_unset=True)
    given = given[:-1] + "".join(f',"{name}":"{seed}"' for name, seed in seeds.items()) + "}"
    environment = {**os.environ, "DOBUSH_KILL_LOG": str(tmp_path / "killed")}
    if point is not None:
        environment["DOBUSH_KILL_AT"] = point
    command = [sys.executable, "-c", _PROGRAM, f"sqlite:///{town.folder}/ballot.sqlite", str(town.clock_ms)]
    done = subprocess.run(
        command, input=given, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_loses_nothing_and_doubles_nothing(desk: Town, tmp_path: Path, point: str) -> None:
    desk.run("certified")
    desk.sequencer.stop()
    raw = desk.sign("incident", Incident(bytes(32), point), signing_key("officer"))
    desk.board.enqueue(raw)
    seen = verify_head(desk)
    assert run_once(desk, tmp_path, point) == -signal.SIGKILL
    assert (tmp_path / "killed").read_text().split() == [point]
    between = verify_head(desk)
    assert between[0] >= seen[0]
    desk.restart()
    assert desk.sequencer.start()
    desk.write()
    desk.write()
    size, root = verify_head(desk)
    entries = [raw for bundle in range(1) for raw in TileReader(desk.board.publication.get, size, root).bundle(bundle)]
    assert [leaf_hash(entry) for entry in entries].count(leaf_hash(raw)) == 1
    assert desk.record.refused == {}
    assert desk.board.heads().size == size
    for watch in desk.watches:
        head = watch.server.store.state.heads[desk.manifest.origin].checkpoint
        assert (head.size, head.root) == (size, root)
        assert watch.server.fork_names() == []


def verify_head(town: Town) -> tuple[int, bytes]:
    """Return the served checkpoint after checking its quorum and that its tiles give its root."""
    policy = town.board.policy()
    note = town.board.publication.get(CHECKPOINT_PATH) or b""
    head = verify_quorum(note, policy.log, policy.witnesses, policy.quorum, MAX_U63).checkpoint
    TileReader(town.board.publication.get, head.size, head.root)
    return head.size, head.root
