"""Files from outside: folders without surprises, figures read strictly, hints that can only cost time."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import fetch
from audit.fetch import Folder, HintReader, HintWriter, InputError


def test_a_folder_without_a_checkpoint_is_no_record(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="checkpoint"):
        Folder.open(tmp_path)


def test_a_missing_folder_is_no_record(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a folder"):
        Folder.open(tmp_path / "nowhere")


def test_links_are_not_followed_and_are_named(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").write_bytes(b"x")
    (tmp_path / "outside").symlink_to("/etc/hostname")
    folder = Folder.open(tmp_path)
    assert folder.get("outside") is None
    assert folder.get("nowhere") is None
    assert sorted(folder.paths()) == ["checkpoint", "outside"]
    assert folder.get("checkpoint") == b"x"


def test_an_endless_file_is_cut_short(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").write_bytes(bytes(fetch.LARGEST_FILE + 100))
    found = Folder.open(tmp_path).get("checkpoint")
    assert found is not None
    assert len(found) == fetch.LARGEST_FILE + 1
    with pytest.raises(InputError, match="longer than"):
        fetch.read_file(tmp_path / "checkpoint")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"[1]",
        b'"1"',
        b'{"1": 1, "1": 2}',
        b'{"01": 1}',
        b'{"-1": 1}',
        b'{"x": 1}',
        '{"١": 1}'.encode(),
        b'{"1": -1}',
        b'{"1": 1.0}',
        b'{"1": true}',
        b'{"1": "1"}',
        b'{"1": null}',
        b'{"1": {"1": 1}}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_figures_that_are_no_figures_are_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        fetch.parse_slots(data)


def test_hints_come_back_in_order_and_gaps_are_empty() -> None:
    stream = io.BytesIO()
    writer = HintWriter(stream)
    writer.put(4, b"four")
    writer.put(9, b"nine")
    stream.seek(0)
    reader = HintReader(stream)
    assert [reader.get(index) for index in (1, 4, 5, 9, 10)] == [b"", b"four", b"", b"nine", b""]


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_hint_file_is_read_without_an_error(data: bytes) -> None:
    for prefix in (b"", b"dobush-hints/1\n"):
        reader = HintReader(io.BytesIO(prefix + data))
        assert all(isinstance(reader.get(index), bytes) for index in range(5))


def test_the_program_names_itself_by_hashes() -> None:
    found = fetch.software()
    assert len(found.package_hash) == 64
    assert found == fetch.software()
