"""The conformance pack that is kept: this project's auditor says of every record what the list says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from audit.report import exit_status
from demo.conformance import LARGEST, failures, first_of, judge, unpack
from demo.training import HONEST, plants

PACK = Path(__file__).resolve().parents[2] / "conformance"


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("conformance")
    return folder, unpack(PACK, folder)


def test_every_record_of_the_pack_gets_its_verdict(records: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, lines = records
    wrong = []
    for line in lines:
        report = judge(folder / line["record"], line["manifest_hash"], line["slots"])
        found = failures(report)
        first = first_of(found)
        said = {
            "size": report.size,
            "root": report.root_hash,
            "verdict": report.verdict,
            "exit_status": exit_status(report.findings),
            "first_failure": None if first is None else dict(zip(("check", "entry", "culprit"), first, strict=True)),
            "failed_checks": sorted({check for check, _, _ in found}),
            "refused_entries": sorted({index for _, index, _ in found if index is not None}),
            "results": {contest.id: [option.votes for option in contest.options] for contest in report.contests},
        }
        wrong += [(line["name"], name, value, line[name]) for name, value in said.items() if value != line[name]]
    assert wrong == []


def test_the_pack_holds_every_class_of_error_and_an_honest_record(records: tuple[Path, list[dict[str, Any]]]) -> None:
    lines = {line["name"]: line for line in records[1]}
    assert set(lines) == {*(plant.name for plant in plants()), HONEST, f"{HONEST}, nothing known from outside"}
    assert {name: lines[name]["first_failure"]["check"] for name in lines if lines[name]["first_failure"]} == {
        plant.name: plant.check for plant in plants()
    }
    assert lines[HONEST]["verdict"] == "verified"
    assert lines[f"{HONEST}, nothing known from outside"]["verdict"] == "incomplete"
    assert (PACK / "records.tar.xz").stat().st_size <= LARGEST


def test_other_records_than_those_of_the_list_are_refused(tmp_path: Path) -> None:
    shutil.copytree(PACK, tmp_path / "pack")
    document = json.loads((tmp_path / "pack" / "list.json").read_text(encoding="utf-8"))
    document["records_sha256"] = "0" * 64
    (tmp_path / "pack" / "list.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(RuntimeError, match="not the records"):
        unpack(tmp_path / "pack", tmp_path / "records")
