"""An officer's acts on her own machine: JSON in, one signature each, nothing signed that does not fit its type."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crypto.election.encoding import fields_of
from crypto.election.entries import BODIES, parse_entry
from tests.simulator import World, signing_key, world_at
from voting_server.cli import app
from voting_server.elections.acts import (
    BY_OFFICERS,
    ActError,
    countersign_act,
    read_body,
    show_act,
    show_body,
    sign_act,
)

ROOT_HASH = "5e" * 32


def officers_entries(world: World) -> list[tuple[str, bytes]]:
    """Return type and body of every entry of a log that officers sign."""
    entries = [parse_entry(raw) for raw in world.entries]
    return [(entry.type, entry.body) for entry in entries if entry.type in BY_OFFICERS]


def test_every_entry_of_officers_survives_the_way_through_json() -> None:
    found = officers_entries(world_at("complete"))
    assert {name for name, _ in found} >= {"manifest", "client", "freeze", "drill", "opening", "close", "result"}
    for name, body in found:
        shown = json.loads(json.dumps(show_body(name, body)))
        assert read_body(name, shown).to_bytes() == body


def test_two_officers_act_is_accepted_by_the_state_machine() -> None:
    world = World().run("certified")
    head = world.head()
    body = read_body("drill", {"number": 1, "size": head.size, "root": head.root.hex()})
    first = sign_act(world.kind, world.manifest_hash, "drill", body, signing_key("officer", 0))
    both = countersign_act(world.kind, world.manifest_hash, first, signing_key("officer", 1))
    assert both == world.by_officers("drill", body)
    world.accept([both])


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("close", {}, "exactly these fields: ballots"),
        ("close", {"ballots": 1, "more": 2}, "exactly these fields"),
        ("close", [], "an object"),
        ("close", {"ballots": "1"}, "ballots: '1' does not fit"),
        ("close", {"ballots": True}, "ballots: True does not fit"),
        ("close", {"ballots": 1.0}, "ballots: 1.0 does not fit"),
        ("close", {"ballots": 2**64}, "does not fit"),
        ("drill", {"number": 1, "size": 1, "root": "5e"}, "root: '5e' does not fit"),
        ("drill", {"number": 1, "size": 1, "root": "zz" * 32}, "root: hexadecimal digits"),
        ("drill", {"number": 1, "size": 1, "root": 7}, "root: hexadecimal digits"),
        ("freeze", {"chunks": 1, "slots": {}}, "slots: a list"),
        ("freeze", {"chunks": 1, "slots": [{"district": 1}]}, r"slots\[0\]\.: an object"),
        ("client", {"files": [{"name": "a", "hash": None}]}, "hexadecimal digits"),
        ("ballot", {}, "officers sign no ballot entry"),
        ("share", {}, "officers sign no share entry"),
    ],
)
def test_what_fits_no_body_is_not_signed(name: str, value: object, said: str) -> None:
    with pytest.raises(ActError, match=said):
        read_body(name, value)


def test_one_officer_signs_once() -> None:
    raw = sign_act("demo", bytes(32), "close", read_body("close", {"ballots": 1}), signing_key("officer", 0))
    with pytest.raises(ActError, match="signed already"):
        countersign_act("demo", bytes(32), raw, signing_key("officer", 0))


@pytest.mark.parametrize("raw", [b"", b"no entry", b"\x80"])
def test_what_is_no_entry_is_not_countersigned(raw: bytes) -> None:
    with pytest.raises(ActError):
        countersign_act("demo", bytes(32), raw, signing_key("officer", 0))
    with pytest.raises(ActError):
        show_act(raw)


def test_every_type_of_an_officer_has_a_body() -> None:
    assert all(fields_of(BODIES[name]) for name in BY_OFFICERS)


class Desk:
    """An officer's machine: a folder with a key file and a passphrase."""

    def __init__(self, folder: Path) -> None:
        """Make the key file."""
        self.folder = folder
        folder.mkdir()
        (folder / "words").write_text("a passphrase of an officer\n", encoding="utf-8")
        self.options = ["--key", f"{folder}/key", "--passphrase-file", f"{folder}/words"]
        status, self.public_key = self.run("key", *self.options)
        assert status == 0

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run the program's `officer` commands."""
        result = CliRunner().invoke(app, ["officer", *arguments])
        return result.exit_code, (result.stderr if result.exit_code else result.stdout).strip()


def test_two_officers_sign_one_file_after_the_other(tmp_path: Path) -> None:
    chair, auditor = Desk(tmp_path / "chair"), Desk(tmp_path / "auditor")
    body, entry, both = tmp_path / "close.json", tmp_path / "entry", tmp_path / "both"
    body.write_text('{"ballots": 7}', encoding="utf-8")
    kind = ["--kind", "practice", "--manifest-hash", ROOT_HASH]
    assert chair.run("sign", "close", str(body), *kind, *chair.options, "--out", str(entry)) == (
        0,
        '{\n  "ballots": 7\n}',
    )
    status, shown = auditor.run("countersign", str(entry), *kind, *auditor.options, "--out", str(both))
    assert status == 0
    assert json.loads(shown)["body"] == {"ballots": 7}
    assert len(parse_entry(both.read_bytes()).signatures) == 2
    again = chair.run("countersign", str(both), *kind, *chair.options, "--out", str(both))
    assert again == (2, "this key has signed already: the second signature is another officer's")


def test_a_wrong_passphrase_signs_nothing(tmp_path: Path) -> None:
    desk, body, entry = Desk(tmp_path / "chair"), tmp_path / "close.json", tmp_path / "entry"
    body.write_text('{"ballots": 7}', encoding="utf-8")
    (desk.folder / "words").write_text("another passphrase", encoding="utf-8")
    status, said = desk.run("sign", "close", str(body), "--kind", "demo", *desk.options, "--out", str(entry))
    assert (status, entry.exists()) == (2, False)
    assert "passphrase" in said


@pytest.mark.parametrize("content", ["", "{", '{"ballots": "many"}', "[]"])
def test_a_wrong_body_is_named_and_nothing_is_written(tmp_path: Path, content: str) -> None:
    desk, body, entry = Desk(tmp_path / "chair"), tmp_path / "close.json", tmp_path / "entry"
    body.write_text(content, encoding="utf-8")
    status, said = desk.run("sign", "close", str(body), "--kind", "demo", *desk.options, "--out", str(entry))
    assert (status, entry.exists(), bool(said)) == (2, False, True)


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "chair")
    before: Any = (desk.folder / "key").read_bytes()
    assert desk.run("key", *desk.options)[0] == 2
    assert (desk.folder / "key").read_bytes() == before
