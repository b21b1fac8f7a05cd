"""The program: its exit statuses, its files, its languages."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import NoReturn

import pytest
from typer.testing import CliRunner

from audit import fetch
from audit import verify as audit
from audit.cli import app
from crypto.election.ballot import make_receipt
from crypto.election.entries import BallotEntry, parse_entry
from crypto.errors import Misuse
from locales import LANGUAGES, dictionary
from tests.folders import SLOTS, files_of, world_at, write_files
from tests.simulator import signing_key

RUN = CliRunner()
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return write_files(tmp_path / "record", files_of(world_at("complete")))


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    path = tmp_path / "figures.json"
    path.write_text(json.dumps(SLOTS))
    return path


def verify(record: Path, *arguments: object) -> tuple[int, str]:
    result = RUN.invoke(app, ["verify", str(record), "--workers", "1", *map(str, arguments)])
    return result.exit_code, result.output


@pytest.mark.parametrize("language", LANGUAGES)
def test_verified_is_status_0_in_every_language(record: Path, figures: Path, tmp_path: Path, language: str) -> None:
    digest = world_at("complete").manifest_hash.hex()
    page, data = tmp_path / "report.html", tmp_path / "report.json"
    status, text = verify(
        record, "--manifest-hash", digest, "--slots", figures, "--lang", language, "--html", page, "--json", data
    )
    assert status == 0
    assert dictionary(language)("report.verdict.verified") in text
    assert page.read_text().startswith(f'<!DOCTYPE html>\n<html lang="{language}">')
    found = json.loads(data.read_text())
    assert (found["verdict"], found["exit_status"]) == ("verified", 0)
    assert found["software"]["package_hash"] == fetch.software().package_hash


def test_without_figures_from_outside_the_status_is_3(record: Path, figures: Path) -> None:
    assert verify(record)[0] == 3
    assert verify(record, "--slots", figures)[0] == 3
    assert verify(record, "--manifest-hash", world_at("complete").manifest_hash.hex())[0] == 3


@pytest.mark.parametrize("error", [KeyboardInterrupt(), BrokenExecutor("a worker died"), Misuse("changed on disk")])
def test_an_interrupted_audit_is_incomplete(
    record: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def stop(*_: object, **__: object) -> NoReturn:
        raise error

    monkeypatch.setattr(audit, "audit", stop)
    status, text = verify(record)
    assert status == 3
    assert "INTERRUPTED" in text


def test_a_failed_check_is_status_1(record: Path, figures: Path) -> None:
    (record / "surplus").write_bytes(b"")
    digest = world_at("complete").manifest_hash.hex()
    status, text = verify(record, "--manifest-hash", digest, "--slots", figures)
    assert status == 1
    assert "surplus" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["--manifest-hash", "12"],
        ["--manifest-hash", "g" * 64],
        ["--slots", "nowhere.json"],
        ["--hints", "nowhere.bin"],
        ["--workers", "0"],
        ["--lang", "de"],
        ["--html", "/nowhere/report.html"],
    ],
)
def test_wrong_usage_is_status_2(record: Path, arguments: list[str]) -> None:
    assert verify(record, *arguments)[0] == 2


def test_a_folder_that_is_no_record_is_status_2(tmp_path: Path) -> None:
    assert verify(tmp_path)[0] == 2
    assert RUN.invoke(app, ["show", str(tmp_path)]).exit_code == 2
    assert RUN.invoke(app, ["prove", str(tmp_path), "0"]).exit_code == 2


def test_one_check_is_printed_in_full(record: Path) -> None:
    status, text = verify(record, "--check", "BALLOT-7")
    assert status == 3
    assert "Method:" in text
    assert "BALLOT-8" not in text


def test_the_json_goes_to_the_output_where_asked(record: Path) -> None:
    status, text = verify(record, "--json", "-")
    assert status == 3
    assert json.loads(text)["verdict"] == "incomplete"


def test_entries_are_shown_listed_and_proved(record: Path, tmp_path: Path) -> None:
    one = RUN.invoke(app, ["show", str(record), "0", "--json"])
    assert json.loads(one.output)["type"] == "manifest"
    every = RUN.invoke(app, ["show", str(record), "--json"]).output.splitlines()
    assert len(every) == len(world_at("complete").entries)
    raw = RUN.invoke(app, ["show", str(record), "0", "--raw"])
    assert raw.stdout_bytes == world_at("complete").entries[0]
    out = tmp_path / "entry.tlog-proof"
    assert RUN.invoke(app, ["prove", str(record), "7", "--out", str(out)]).exit_code == 0
    assert out.read_bytes().startswith(b"c2sp.org/tlog-proof@v1\nindex 7\n")
    assert RUN.invoke(app, ["show", str(record), "100000"]).exit_code == 2


def test_a_receipt_is_answered(record: Path, tmp_path: Path) -> None:
    world = world_at("complete")
    index = next(at for at, raw in enumerate(world.entries) if raw[3:9] == b"ballot")
    ballot = BallotEntry.parse(parse_entry(world.entries[index]).body).ballot
    path, proof = tmp_path / "receipt.cbor", tmp_path / "ballot.tlog-proof"
    path.write_bytes(
        make_receipt(signing_key("receipt"), world.manifest, ballot, world.manifest.opens_at_ms).to_bytes()
    )
    result = RUN.invoke(app, ["receipt", str(record), str(path), "--json", "--proof", str(proof)])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "outcome": "included",
        "index": index,
        "deadline_ms": world.manifest.opens_at_ms + world.manifest.receipt_delay_ms,
    }
    assert proof.exists()
    path.write_bytes(b"nothing")
    assert RUN.invoke(app, ["receipt", str(record), str(path)]).exit_code == 2


def test_a_receipt_that_was_broken_is_status_1(record: Path, tmp_path: Path) -> None:
    world = world_at("complete").fork("voted")
    ballot, _ = world.seal_ballot(world.registered()[5], ((1,), (2,)))
    path = tmp_path / "receipt.cbor"
    path.write_bytes(
        make_receipt(signing_key("receipt"), world.manifest, ballot, world.manifest.opens_at_ms).to_bytes()
    )
    result = RUN.invoke(app, ["receipt", str(record), str(path)])
    assert result.exit_code == 1
    assert "DROPPED" in result.output


def test_worker_processes_give_the_same_report(record: Path, figures: Path, tmp_path: Path) -> None:
    digest, found = world_at("complete").manifest_hash.hex(), []
    for workers in ("1", "2"):
        out = tmp_path / f"{workers}.json"
        command = "from audit.cli import main; main()"
        arguments = ["verify", str(record), "--manifest-hash", digest, "--slots", str(figures)]
        done = subprocess.run(
            [sys.executable, "-c", command, *arguments, "--workers", workers, "--json", str(out)], check=True, cwd=ROOT
        )
        assert done.returncode == 0
        found.append(json.loads(out.read_text()))
    assert found[0]["findings"] == found[1]["findings"]
    assert found[0]["contests"] == found[1]["contests"]


def test_hints_are_written_and_used(record: Path, tmp_path: Path) -> None:
    out = tmp_path / "hints.bin"
    result = RUN.invoke(app, ["hints", str(record), str(out), "--json"])
    assert json.loads(result.stdout)["ballots"] == 23
    assert verify(record, "--hints", out)[0] == 3
