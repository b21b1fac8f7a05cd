"""`dobush-server`: what it refuses to start, what it checks, and that its options hold no secret."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from voting_server.cli import app

SEED = "5a" * 32


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the program work in an empty folder."""
    monkeypatch.setenv("DOBUSH_DATA_DIR", str(tmp_path))
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    """Run the program; return exit status and output."""
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.stdout


@pytest.mark.parametrize("side", ["identity", "ballot", "desk"])
def test_a_migrated_installation_has_no_faults_and_migrating_again_changes_nothing(side: str, folder: Path) -> None:
    status, text = run("check", "--side", side)
    assert status == 1
    assert "not migrated to this version" in text
    for _ in range(2):
        assert run("migrate", "--side", side) == (0, "")
        status, text = run("check", "--side", side)
        *warnings, last = text.splitlines()
        assert (status, last) == (0, "nothing is wrong")
        # A file and two origins of one host without https are no election's; a desk says so when it starts.
        assert all(each.startswith("warning: ") for each in warnings)
        assert bool(warnings) == (side != "desk")
    files = {"desk": ["ballot.sqlite", "identity.sqlite"]}.get(side, [f"{side}.sqlite"])
    assert sorted(path.name for path in folder.iterdir() if path.suffix == ".sqlite") == files


def test_a_recovery_without_a_log_or_a_copy_says_so_in_one_line(folder: Path) -> None:
    run("migrate", "--side", "ballot")
    result = CliRunner().invoke(app, ["recover", str(folder / "copy")])
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        "recovery needs a database with block 0 and a copy with a checkpoint",
    )


def test_a_database_that_cannot_be_reached_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOBUSH_BALLOT_DATABASE", "postgresql://nobody:pa55@/none?host=/nowhere")
    status, text = run("check", "--side", "ballot")
    assert (status, "pa55" in text) == (1, False)
    assert "ballot: OperationalError" in text


@pytest.mark.parametrize(
    ("side", "name", "value"),
    [
        ("identity", "DOBUSH_BALLOT_DATABASE", "sqlite://"),
        ("ballot", "DOBUSH_IDENTITY_DATABASE", "sqlite://"),
        ("identity", "DOBUSH_LOG_KEY", SEED),
    ],
)
@pytest.mark.parametrize("command", ["check", "migrate", "run"])
def test_a_side_that_is_given_too_much_does_not_start(
    monkeypatch: pytest.MonkeyPatch, side: str, name: str, value: str, command: str
) -> None:
    monkeypatch.setenv(name, value)
    result = CliRunner().invoke(app, [command, "--side", side])
    assert result.exit_code == 1
    assert "must not be given" in str(result.exception)
    assert SEED not in str(result.exception)


@pytest.mark.parametrize("command", [[], ["run"], ["migrate"], ["check"]])
def test_no_secret_is_asked_for_on_the_command_line(command: list[str]) -> None:
    shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"}).stdout.lower()
    assert "usage" in shown
    assert [word for word in ("password", "secret", "token", "--key", "database") if f"--{word}" in shown] == []
