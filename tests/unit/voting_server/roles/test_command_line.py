"""`dobush-server role`: who is added, invited, renewed and retired on the installation's own command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from voting_server import app as _tables  # noqa: F401 - declares every table
from voting_server.plumbing.migration import migrate_side
from voting_server.plumbing.settings import Settings, Side
from voting_server.roles.cli import app

OFFICER = ("--role", "officer", "--name", "Aida", "--body", "Commission")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work on a migrated installation in a folder."""
    monkeypatch.setenv("DOBUSH_DATA_DIR", str(tmp_path))
    migrate_side(Settings(side=Side.DESK, data_dir=tmp_path))
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    """Run the program; return exit status and output."""
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


def test_a_code_is_printed_once_and_kept_nowhere(folder: Path) -> None:
    status, text = run("add", "--side", "ballot", *OFFICER, "--key", "01" * 32)
    made = json.loads(text)
    assert (status, made["id"], len(made["code"].replace("-", ""))) == (0, 1, 32)
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert made["code"].replace("-", "").encode() not in kept
    assert "1\tofficer\tAida\tCommission\tactive\t0 passkeys" in run("list", "--side", "ballot")[1]


def test_each_side_has_its_own_people() -> None:
    run("add", "--side", "ballot", *OFFICER)
    assert "Aida" not in run("list", "--side", "identity")[1]


def test_another_invitation_has_another_code() -> None:
    first = json.loads(run("add", "--side", "identity", *OFFICER)[1])["code"]
    status, text = run("invite", "--side", "identity", "--id", "1", "--hours", "1")
    assert (status, json.loads(text)["code"] != first) == (0, True)


@pytest.mark.parametrize(
    "wrong",
    [
        ("invite", "--id", "9"),
        ("retire", "--id", "9"),
        ("key", "--id", "9", "--key", "01" * 32),
        ("key", "--id", "1", "--key", "01"),
        ("key", "--id", "1", "--key", "no"),
        ("add", "--role", "officer", "--name", "", "--body", "x"),
        ("add", "--role", "officer", "--name", "B", "--body", "x", "--key", "02"),
        ("add", "--role", "officer", "--name", "B", "--body", "x", "--key", "01" * 32),
        ("add", "--role", "operator", "--name", "B", "--body", "x", "--key", "03" * 32),
        ("add", "--role", "chief", "--name", "B", "--body", "x"),
        ("invite", "--id", "1", "--hours", "721"),
    ],
)
def test_what_does_not_fit_changes_nothing(wrong: tuple[str, ...]) -> None:
    run("add", "--side", "ballot", *OFFICER, "--key", "01" * 32)
    before = run("list", "--side", "ballot")
    assert run(wrong[0], "--side", "ballot", *wrong[1:])[0] == 2
    assert run("list", "--side", "ballot") == before


def test_who_is_retired_is_not_invited_again() -> None:
    run("add", "--side", "ballot", *OFFICER)
    assert run("retire", "--side", "ballot", "--id", "1") == (0, "")
    assert "retired" in run("list", "--side", "ballot")[1]
    assert run("invite", "--side", "ballot", "--id", "1")[0] == 2
    assert run("retire", "--side", "ballot", "--id", "1")[0] == 2


def test_a_database_that_cannot_be_reached_is_one_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOBUSH_BALLOT_DATABASE", "postgresql://nobody:pa55@/none?host=/nowhere")
    status, text = run("list", "--side", "ballot")
    assert (status, text.strip(), "pa55" in text) == (2, "OperationalError", False)
