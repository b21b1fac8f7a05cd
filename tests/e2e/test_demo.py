"""The demo end to end: a small election through the service's own programs, counted again by the independent tally."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.demo_run import Run
from tests.independent import tally

ROOT = Path(__file__).resolve().parents[2]
VOTERS = 30
PROGRAMS = 11


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run.of("demo", VOTERS, tmp_path_factory.mktemp("demo") / "kept", 1_200)


def test_it_ends_verified(run: Run) -> None:
    assert run.status == 0, run.output
    assert "VERIFIED" in run.output
    assert "NOT VERIFIED" not in run.output


def test_the_votes_are_those_that_were_drawn(run: Run) -> None:
    assert "the votes are those that the voters drew" in run.output


def test_the_report_is_the_auditors(run: Run) -> None:
    assert run.report["verdict"] == "verified"
    assert run.report["subject"]["kind"] == "demo"
    assert not [finding for finding in run.report["findings"] if finding["outcome"] == "failed"]


def test_the_independent_tally_is_the_same(run: Run) -> None:
    recomputed, claimed = tally.tally(run.folder / "record")
    assert recomputed == claimed
    assert {contest: len(votes) for contest, votes in recomputed.items()} == {1: 18, 2: 3}
    assert 0 < sum(recomputed[1]) == sum(recomputed[2]) <= VOTERS


def test_every_program_was_one_of_its_own_and_none_is_left(run: Run) -> None:
    logs = sorted(run.folder.glob("process-*.log"))
    assert len(logs) == PROGRAMS
    folder = str(run.folder).encode()
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [command for command in commands if folder in command]


@pytest.mark.parametrize("voters", ["0", "19", "2001", "many"])
def test_numbers_of_voters_that_are_refused(voters: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "demo", "--voters", voters], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
