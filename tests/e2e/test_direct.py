"""The demo without the service, end to end: one small election, counted again by the independent tally."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from demo.programs import command
from tests.e2e.demo_run import Run
from tests.independent import tally

ROOT = Path(__file__).resolve().parents[2]
VOTERS = 60


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run.of("demo.direct", VOTERS, tmp_path_factory.mktemp("demo") / "kept", 240)


def test_it_ends_verified(run: Run) -> None:
    assert run.status == 0, run.output
    assert "VERIFIED" in run.output
    assert "NOT VERIFIED" not in run.output


@pytest.mark.parametrize("name", ["copied", "stuffed", "replayed", "over-voted", "late"])
def test_every_forgery_was_refused(run: Run, name: str) -> None:
    lines = [line for line in run.output.splitlines() if f"✓ {name} " in line]
    assert len(lines) == 1
    assert "ACCEPTED" not in lines[0]


def test_one_witness_refused_and_one_was_late(run: Run) -> None:
    assert "refused once" in run.output
    assert "answered late" in run.output


def test_the_report_is_the_auditors(run: Run) -> None:
    assert run.report["verdict"] == "verified"
    assert run.report["subject"]["kind"] == "demo"
    assert not [finding for finding in run.report["findings"] if finding["outcome"] == "failed"]


def test_the_page_needs_nothing_from_outside(run: Run) -> None:
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "VERIFIED" in page
    assert "src=" not in page


def test_the_independent_tally_is_the_same(run: Run) -> None:
    recomputed, claimed = tally.tally(run.folder / "record")
    assert recomputed == claimed
    assert {contest: len(votes) for contest, votes in recomputed.items()} == {1: 18, 2: 3}
    assert sum(recomputed[1]) == sum(recomputed[2]) > 0


def test_another_manifest_hash_is_not_verified(run: Run) -> None:
    other = hashlib.sha256(b"another election").hexdigest()
    arguments = [
        "verify",
        str(run.folder / "record"),
        "--manifest-hash",
        other,
        "--slots",
        str(run.folder / "slots.json"),
    ]
    ended = subprocess.run([*command("dobush-audit"), *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == 1


def test_one_changed_byte_is_not_verified(run: Run, tmp_path: Path) -> None:
    record = tmp_path / "record"
    for file in (run.folder / "record").rglob("*"):
        if file.is_file():
            copy = record / file.relative_to(run.folder / "record")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    bundle = max((record / "tile/entries").rglob("*"), key=lambda file: (file.is_file(), file.stat().st_mtime))
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    bundle.write_bytes(data)
    arguments = ["verify", str(record), "--manifest-hash", run.report["subject"]["manifest_hash"]]
    arguments += ["--slots", str(run.folder / "slots.json")]
    ended = subprocess.run([*command("dobush-audit"), *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == 1


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("mine")
    ended = subprocess.run(
        [sys.executable, "-m", "demo.direct", "--keep", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert (tmp_path / "letter").read_text() == "mine"


@pytest.mark.parametrize("voters", ["0", "19", "1000001", "many"])
def test_numbers_of_voters_that_are_refused(voters: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "demo.direct", "--voters", voters], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
