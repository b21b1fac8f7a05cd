"""A log that showed two records: both heads are shown by the program, and every later look says so."""

import json
from pathlib import Path

import pytest

from crypto.election.entries import Incident
from crypto.errors import Refused
from locales import LANGUAGES, dictionary
from tests.folders import Memory, files_of, write_files
from tests.simulator import World, signing_key
from trustee_tools.board import Copy, find_forks
from trustee_tools.ceremony import write_fingerprint
from trustee_tools.cli import main
from trustee_tools.desk import Desk
from trustee_tools.words import list_alarms


@pytest.fixture
def forked(tmp_path: Path) -> tuple[Path, World, World]:
    """Return a copy whose log showed another record, and both worlds."""
    worlds = World(), World()
    for name, world in zip(("ours", "theirs"), worlds, strict=True):
        world.begin()
        world.accept([world.sign("incident", Incident(bytes(32), name), signing_key("officer"))])
        world.accept()
    folder = tmp_path / "copy"
    Copy(folder).update(Memory(files_of(worlds[0])).get)
    with pytest.raises(Refused):
        Copy(folder).update(Memory(files_of(worlds[1])).get)
    return folder, *worlds


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the program; return what it printed."""
    with pytest.raises(SystemExit) as ended:
        main(["forks", *arguments])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_both_heads_are_shown(forked: tuple[Path, World, World], capsys: pytest.CaptureFixture[str]) -> None:
    folder, ours, theirs = forked
    (found,) = json.loads(run(capsys, "--record", str(folder), "--json"))["forks"]
    roots = [world.record.board.tree.root() for world in (ours, theirs)]
    assert [found[name]["root"] for name in ("held", "shown")] == [root.hex() for root in roots]
    for language in LANGUAGES:
        said = " ".join(run(capsys, "--record", str(folder), "--language", language).split())
        assert all(write_fingerprint(root) in said for root in roots)


def test_every_later_look_says_so(forked: tuple[Path, World, World]) -> None:
    folder = forked[0]
    view = Desk(folder, processes=1).look()
    (fork,) = find_forks(folder)
    assert view.forks == (str(fork.folder),)
    assert str(fork.folder) in list_alarms(view, 0, dictionary("en"))[0]


def test_a_copy_without_a_fork_shows_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "a[b]*"
    world = World()
    world.begin()
    write_files(folder, files_of(world))
    (tmp_path / "a[b]*-fork-0").mkdir()
    (tmp_path / "axb-fork-1").mkdir()
    assert json.loads(run(capsys, "--record", str(folder), "--json")) == {"forks": []}
    assert find_forks(folder) == []
