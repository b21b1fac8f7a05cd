"""What `dobush-server check` says of two sides that are too near to each other."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.integration.conftest import Databases, RedisServer, run
from voting_server.cli import app
from voting_server.plumbing.migration import migrate_side
from voting_server.plumbing.separation import Finding, look, mark_redis
from voting_server.plumbing.settings import Settings, Side

APART: dict[str, Any] = {
    "identity_origin": "https://id.vote.example",
    "ballot_origin": "https://vote.example",
    "rp_id": "vote.example",
}
ON_ONE_SERVER = "is on this PostgreSQL server: who rules it sees both"


@pytest.fixture
def commented(databases: Databases, tmp_path: Path) -> Databases:
    """Return the databases as their owners have migrated them, with comments."""
    for side in ("identity", "ballot"):
        name = getattr(databases, side)
        owner = databases.cluster.url(name, f"{side}_owner")
        migrate_side(databases.settings(Side(side), tmp_path, owner_database=owner))
    return databases


def texts(settings: Settings) -> list[str]:
    """Return what is found, faults marked."""
    return [("FAULT " if each.is_fault else "") + each.text for each in look(settings)]


def settings_of(databases: Databases, side: str, folder: Path, **more: Any) -> Settings:  # noqa: ANN401
    """Return the settings of a side that is as far from the other as it can be, or less."""
    return databases.settings(Side(side), folder, **{**APART, **more})


def own(found: list[str]) -> list[str]:
    """Leave out databases of other tests on this server."""
    return [each for each in found if "template_" not in each]


@pytest.mark.parametrize(("side", "other"), [("identity", "ballot"), ("ballot", "identity")])
def test_two_databases_of_one_server_are_told_and_no_fault(
    commented: Databases, redis_server: RedisServer, tmp_path: Path, side: str, other: str
) -> None:
    found = own(texts(settings_of(commented, side, tmp_path, redis=redis_server.url)))
    assert f"the other side's database {getattr(commented, other)} {ON_ONE_SERVER}" in found
    assert all(each.endswith(ON_ONE_SERVER) for each in found)


@pytest.mark.parametrize(("side", "other"), [("identity", "ballot"), ("ballot", "identity")])
def test_a_role_that_may_enter_the_other_sides_database_is_a_fault(
    commented: Databases, tmp_path: Path, side: str, other: str
) -> None:
    name = getattr(commented, other)
    run(commented.cluster, "postgres", f"GRANT CONNECT ON DATABASE {name} TO {side}")
    found = texts(settings_of(commented, side, tmp_path))
    assert f"FAULT {side}: its role may enter {name}, the other side's database" in found
    run(commented.cluster, "postgres", f"REVOKE CONNECT ON DATABASE {name} FROM {side}")


@pytest.mark.parametrize("role", ["ballot_owner", "postgres"])
def test_a_role_that_owns_the_database_is_a_fault(commented: Databases, tmp_path: Path, role: str) -> None:
    url = commented.cluster.url(commented.ballot, role)
    found = texts(Settings(side=Side.BALLOT, data_dir=tmp_path, ballot_database=url, **APART))
    assert "FAULT ballot: its role owns the database or rules the server: no table is safe" in found


@pytest.mark.parametrize("number", [0, 15])
def test_one_redis_for_both_is_told(redis_server: RedisServer, tmp_path: Path, number: int) -> None:
    told = "the other side uses this Redis too: who reads it sees when both were used"
    ballot = Settings(side=Side.BALLOT, data_dir=tmp_path, redis=redis_server.url, **APART)
    mark_redis(ballot)
    assert told not in texts(ballot)
    mark_redis(Settings(side=Side.IDENTITY, data_dir=tmp_path, redis=f"{redis_server.url}?db={number}", **APART))
    assert told in texts(ballot)


def test_a_redis_that_does_not_answer_is_a_fault(tmp_path: Path) -> None:
    settings = Settings(side=Side.BALLOT, data_dir=tmp_path, redis=f"unix://{tmp_path}/none.sock", **APART)
    mark_redis(settings)
    assert "FAULT Redis does not answer" in texts(settings)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"identity_origin": "http://id.vote.example"}, "identity: its origin http://id.vote.example is not https"),
        ({"ballot_origin": "http://vote.example"}, "ballot: its origin http://vote.example is not https"),
        (
            {"identity_origin": "https://vote.example:8443"},
            "both sides have the host vote.example: a browser keeps their cookies and storage together",
        ),
        (
            {"identity_origin": "https://idvote.example"},
            "FAULT identity: idvote.example is not vote.example nor below it: no passkey works there",
        ),
    ],
)
def test_origins_that_are_too_near_or_not_safe(tmp_path: Path, change: dict[str, str], told: str) -> None:
    def found(**more: str) -> set[str]:
        settings: dict[str, Any] = {**APART, **more}
        return set(texts(Settings(side=Side.BALLOT, data_dir=tmp_path, **settings)))

    assert found(**change) - found() == {told}


def test_a_desk_is_not_compared(tmp_path: Path) -> None:
    assert look(Settings(side=Side.DESK, data_dir=tmp_path)) == []


def test_the_program_tells_warnings_and_ends_with_one_at_a_fault(
    commented: Databases, redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = settings_of(commented, "identity", tmp_path, redis=redis_server.url)
    given = {**APART, "data_dir": str(tmp_path), "redis": redis_server.url, "ballot_database": commented.urls["ballot"]}
    for name, value in given.items():
        monkeypatch.setenv(f"DOBUSH_{name.upper()}", value)
    ended = CliRunner().invoke(app, ["check", "--side", "ballot"])
    assert (ended.exit_code, ended.output.splitlines()[-1]) == (0, "nothing is wrong")
    assert f"warning: the other side's database {commented.identity} {ON_ONE_SERVER}" in ended.output
    # One Redis for both: the identity side has been checked too.
    mark_redis(identity)
    ended = CliRunner().invoke(app, ["check", "--side", "ballot"])
    assert (ended.exit_code, "warning: the other side uses this Redis too" in ended.output) == (0, True)
    monkeypatch.setenv("DOBUSH_BALLOT_DATABASE", commented.cluster.url(commented.ballot, "ballot_owner"))
    ended = CliRunner().invoke(app, ["check", "--side", "ballot"])
    assert ended.exit_code == 1
    assert "its role owns the database" in ended.output


def test_a_finding_is_no_fault_unless_told() -> None:
    assert not Finding("something").is_fault
