"""The server serves other entries than the checkpoint covers: swapped, inserted, changed, with or without new tiles."""

from collections.abc import Callable

import pytest

from crypto.errors import Refused
from crypto.merkle import Tiles, publish, read_entries

SIZE = 600
ENTRIES = [b"entry %d" % index for index in range(SIZE)]


def files_of(entries: list[bytes]) -> dict[str, bytes]:
    return dict(publish(Tiles(), entries)[1])


def swap(entries: list[bytes]) -> list[bytes]:
    return [*entries[:300], entries[301], entries[300], *entries[302:]]


def insert(entries: list[bytes]) -> list[bytes]:
    return [*entries[:300], b"stuffed", *entries[300:-1]]


def modify(entries: list[bytes]) -> list[bytes]:
    return [*entries[:300], entries[300] + b"!", *entries[301:]]


BUNDLES_ONLY, TILES_TOO = "only bundles", "bundles and tiles"


def served(attack: Callable[[list[bytes]], list[bytes]], extent: str) -> dict[str, bytes]:
    changed = files_of(attack(ENTRIES))
    if extent == BUNDLES_ONLY:
        return files_of(ENTRIES) | {path: data for path, data in changed.items() if "entries" in path}
    return changed


@pytest.mark.parametrize("attack", [swap, insert, modify])
def test_other_entries_under_the_true_tiles_name_the_first(attack: Callable[[list[bytes]], list[bytes]]) -> None:
    read: list[tuple[bytes, ...]] = []
    with pytest.raises(Refused) as refusal:
        read.extend(read_entries(served(attack, BUNDLES_ONLY).get, SIZE, publish(Tiles(), ENTRIES)[0].root()))
    assert (refusal.value.check, refusal.value.culprit) == ("MERKLE-4", "entry 300")


TILES = "MERKLE-3"


@pytest.mark.parametrize("attack", [swap, insert, modify])
def test_new_tiles_do_not_give_the_root(attack: Callable[[list[bytes]], list[bytes]]) -> None:
    with pytest.raises(Refused) as refusal:
        next(read_entries(served(attack, TILES_TOO).get, SIZE, publish(Tiles(), ENTRIES)[0].root()))
    assert (refusal.value.check, refusal.value.culprit) == (TILES, "tree of 600 entries")


def test_a_changed_full_tile_is_named() -> None:
    changed, true = files_of(modify(ENTRIES)), files_of(ENTRIES)
    files = true | {path: changed[path] for path in ("tile/0/001", "tile/entries/001")}
    entries = read_entries(files.get, SIZE, publish(Tiles(), ENTRIES)[0].root())
    assert len(next(entries)) == 256
    with pytest.raises(Refused, match="first entry under it: 256") as refusal:
        next(entries)
    assert (refusal.value.check, refusal.value.culprit) == (TILES, "tile/0/001")
