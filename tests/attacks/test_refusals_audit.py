"""What the auditor refuses about the folder itself."""

from collections.abc import Callable

import pytest

from audit.report import exit_status
from crypto.merkle import Tiles, publish
from crypto.signatures import parse_note
from tests.folders import audited, files_of, given_of, world_at

Change = Callable[[dict[str, bytes]], None]
NOT_OF_THE_FOLDER = {
    "a file beside the tree": lambda files: files.update({"note.txt": b""}),
    "a tile of a larger tree": lambda files: files.update({"tile/0/001.p/1": bytes(32)}),
    "a tile of a level that the tree lacks": lambda files: files.update({"tile/1/000.p/1": bytes(32)}),
    "a path spelt otherwise": lambda files: files.update({"tile/0/0000.p/7": bytes(32)}),
    "an earlier tile that the tree does not continue": lambda files: files.update({"tile/0/000.p/1": bytes(32)}),
    "an earlier tile of another length": lambda files: files.update(
        {"tile/0/000.p/2": files[next(name for name in files if name.startswith("tile/0/000"))][:96]}
    ),
    "an earlier bundle cut inside an entry": lambda files: files.update(
        {"tile/entries/000.p/1": files[next(name for name in files if name.startswith("tile/entries"))][:50]}
    ),
}


@pytest.mark.parametrize("change", NOT_OF_THE_FOLDER.values(), ids=NOT_OF_THE_FOLDER.keys())
def test_nothing_else_lies_in_the_folder(change: Change) -> None:
    world = world_at("complete")
    files = files_of(world)
    change(files)
    _, report = audited(files, given_of(world))
    assert [finding.check for finding in report.findings if finding.outcome == "failed"] == ["AUDIT-1"]
    assert exit_status(report.findings) == 1


def test_earlier_unfinished_files_are_no_surplus() -> None:
    world = world_at("complete")
    files = files_of(world)
    _, earlier = publish(Tiles(), world.entries[:40])
    _, report = audited({**files, **dict(earlier)}, given_of(world))
    assert report.verdict == "verified"


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_the_checkpoint_file_needs_the_quorum(kept: int) -> None:
    world = world_at("complete")
    files = files_of(world)
    note = parse_note(files["checkpoint"])
    bare = note.to_bytes().split(b"\n\n")[0]
    lines = [line.to_text() for line in note.signatures][: 1 + kept]
    files["checkpoint"] = bare + b"\n\n" + "".join(lines).encode()
    _, report = audited(files, given_of(world))
    assert [finding.check for finding in report.findings if finding.outcome == "failed"] == ["AUDIT-2"]
    assert exit_status(report.findings) == 1
