"""Settings: a process of one side is given nothing of the other; the page lists every setting and every limit."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_core import PydanticUndefined

from voting_server.plumbing.settings import Limits, Settings, Side, read_settings

ROOT = Path(__file__).resolve().parents[4]
SEED = "5a" * 32


@pytest.mark.parametrize(
    "wrong",
    [
        {"side": "identity", "ballot_database": "sqlite://"},
        {"side": "ballot", "identity_database": "sqlite://"},
        {"side": "identity", "log_key": SEED},
        {"side": "identity", "receipt_key": SEED},
        {"side": "both"},
        {"side": "ballot", "log_key": "5a"},
        {"limits": {"queue": 0}},
        {"limits": {"queues": 1}},
        {"databse": "sqlite://"},
    ],
)
def test_a_process_that_is_given_too_much_or_nonsense_does_not_start(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)


@pytest.mark.parametrize(("side", "other"), [("identity", "ballot"), ("ballot", "identity")])
def test_a_side_cannot_ask_for_the_other_sides_database(side: Side, other: str) -> None:
    with pytest.raises(PermissionError):
        Settings(side=side).database_url(other)  # type: ignore[arg-type]


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOBUSH_SIDE", "ballot")
    monkeypatch.setenv("DOBUSH_LIMITS__QUEUE", "5")
    monkeypatch.setenv("DOBUSH_WITNESSES", '{"a": "http://localhost:1"}')
    settings = Settings()
    assert (settings.side, settings.limits.queue, settings.witnesses) == (Side.BALLOT, 5, {"a": "http://localhost:1"})


def test_no_secret_shows_when_settings_are_printed() -> None:
    settings = Settings(side=Side.BALLOT, log_key=SEED, ballot_database="postgresql://u:pa55@h/d")
    assert SEED not in repr(settings)
    assert "pa55" not in repr(settings) + settings.model_dump_json()


def test_secrets_may_stand_in_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "DOBUSH_LOG_KEY").write_text(SEED, encoding="ascii")
    monkeypatch.setenv("DOBUSH_SECRETS", str(tmp_path))
    key = read_settings(Side.BALLOT).log_key
    assert key is not None
    assert key.get_secret_value() == SEED


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().side = Side.BALLOT  # type: ignore[misc]


def listed(prefix: str) -> dict[str, str]:
    """Return the rows of the page's tables: variable and default."""
    page = (ROOT / "docs/operations/settings.md").read_text(encoding="utf-8")
    return dict(re.findall(rf"^\| `{prefix}([A-Z0-9_]+)` \| ([^|]*) \|", page, re.MULTILINE))


def test_the_page_lists_every_setting() -> None:
    names = {name.upper() for name in Settings.model_fields if name != "limits"}
    assert {name for name in listed("DOBUSH_") if not name.startswith("LIMITS__")} == names


def test_the_page_lists_every_limit_with_its_default() -> None:
    defaults = {name.upper(): f"{field.default:,}" for name, field in Limits.model_fields.items()}
    assert listed("DOBUSH_LIMITS__") == defaults
    assert [name for name, field in Limits.model_fields.items() if field.default is PydanticUndefined] == []
    assert [
        name for name, field in {**Settings.model_fields, **Limits.model_fields}.items() if not field.description
    ] == ["limits"]


@pytest.mark.parametrize("wrong", [{"side": "identity", "log_key": SEED}, {"side": "ballot", "log_key": "5a5a5a"}])
def test_a_refused_setting_is_not_quoted(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(**wrong)
    assert "5a5a" not in str(refused.value)
