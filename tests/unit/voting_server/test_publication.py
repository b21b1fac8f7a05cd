"""Published files: what stands is left alone, and only what is the same byte for byte."""

from pathlib import Path

import pytest

from voting_server.board.publication import Publication


@pytest.mark.parametrize("left", [b"another block of this size", b"cut off", b""])
def test_a_file_that_is_not_the_databases_is_written_again(tmp_path: Path, left: bytes) -> None:
    publication, path = Publication(tmp_path), "tile/0/000.p/1"
    publication.write(path, left)
    publication.publish([(path, b"this block of equal length")])
    assert publication.get(path) == b"this block of equal length"


def test_a_file_that_stands_is_not_touched(tmp_path: Path) -> None:
    publication, path = Publication(tmp_path), "tile/0/000.p/1"
    publication.write(path, b"bytes")
    before = (tmp_path / path).stat().st_ino
    publication.publish([(path, b"bytes")])
    assert (tmp_path / path).stat().st_ino == before
