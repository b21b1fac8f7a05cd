"""Manifest hash, part hashes, geography and authors, on the vectors and on the simulator's town."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from crypto.election.entries import Contest, Entry, Manifest, Style, Unit, Units, parse_entry
from crypto.election.manifest import (
    Keyring,
    Parts,
    hash_manifest,
    hash_part,
    known_test_keys,
    named_keys,
    verify_manifest,
)
from crypto.errors import Refused
from crypto.merkle import MAX_ENTRY_SIZE
from crypto.signatures import author_message, key_id
from crypto.transcript import tag
from tests.simulator import Parts as TownParts
from tests.simulator import World, fresh, make_manifest, make_parts, text3, world_at

VECTORS = json.loads((Path(__file__).resolve().parents[3] / "vectors/manifest.json").read_text(encoding="utf-8"))
BODY = bytes.fromhex(VECTORS["manifest"])


def test_the_manifest_has_its_hash() -> None:
    manifest = Manifest.parse(BODY)
    verify_manifest(manifest)
    assert hash_manifest(manifest.kind, BODY).hex() == VECTORS["manifest_hash"]
    assert manifest.to_bytes() == BODY


@pytest.mark.parametrize("part", VECTORS["parts"], ids=lambda part: str(part["type"]))
def test_parts_have_the_hashes_that_the_manifest_names(part: dict[str, str]) -> None:
    manifest = Manifest.parse(BODY)
    digest = hash_part(manifest.kind, part["type"], bytes.fromhex(part["body"]))
    assert digest.hex() == part["hash"]
    assert digest in manifest.contests + manifest.units


def test_authors_sign_the_message_of_the_vector() -> None:
    author = VECTORS["author"]
    key = bytes.fromhex(author["key"])
    assert key_id(key).hex() == author["key_id"]
    assert author_message(tag("demo", "author"), bytes(32), "manifest", key_id(key), BODY).hex() == author["message"]
    entry = parse_entry(bytes.fromhex(VECTORS["entry"]))
    manifest = Manifest.parse(entry.body)
    for claim in Keyring(manifest, bytes.fromhex(VECTORS["manifest_hash"])).authors(entry, manifest):
        claim.verify()


def test_the_hash_depends_on_kind_and_every_byte() -> None:
    hashes = {hash_manifest("demo", BODY), hash_manifest("practice", BODY), hash_manifest("demo", BODY[:-1] + b"\x00")}
    assert len(hashes) == 3


def test_known_test_keys_are_those_of_the_rfc_and_of_repeated_bytes() -> None:
    keys = known_test_keys()
    assert len(keys) == 6 + 256
    assert bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025") in keys
    assert keys.isdisjoint(named_keys(Manifest.parse(BODY)))


def test_parts_know_the_town() -> None:
    parts = world_at("complete").record.parts
    assert parts.is_complete()
    assert parts.district == {2: 2, 4: 3, 5: 3}
    assert parts.children == {1: [2, 3], 3: [4, 5]}
    assert parts.covers(1, 5)
    assert parts.covers(5, 5)
    assert not parts.covers(2, 5)
    assert [contest for contest, _ in parts.style_rules(1)] == [1, 2]
    assert [contest for contest, _ in parts.style_rules(2)] == [1]


def test_a_country_of_30_districts_and_2619_units() -> None:
    units = [Unit(0, None, text3("Кыргыз Республикасы"), district=False)]
    units += [Unit(number, 0, text3(f"{number}-округ"), district=True) for number in range(1, 31)]
    units += [
        Unit(number, 1 + number % 30, text3(f"№ {number} участок"), district=False) for number in range(31, 2_619)
    ]
    chunks = tuple(Units(tuple(units[at : at + 400])) for at in range(0, len(units), 400))
    assert max(len(Entry("units", chunk.to_bytes()).to_bytes()) for chunk in chunks) < MAX_ENTRY_SIZE - 200
    first = make_parts().contests[0]
    contests = tuple(replace(first, id=number, question=number, region=number) for number in range(1, 31))
    styles = tuple(Style(number, (number,)) for number in range(1, 31))
    world = World(TownParts(contests, chunks), changes={"styles": styles})
    world.begin()
    parts = world.record.parts
    assert len(world.entries[0]) < MAX_ENTRY_SIZE
    assert (len(parts.units), len(parts.district)) == (2_619, 2_588)
    assert set(parts.district.values()) == set(range(1, 31))
    assert parts.covers(5, 31 + 3)


def test_staging_a_part_changes_nothing() -> None:
    town = make_parts()
    parts = Parts(make_manifest(town))
    body: Contest | Units = town.contests[0]
    step = parts.stage_part(Entry("contest", body.to_bytes()), body)
    assert (parts.seen, parts.contests) == (0, {})
    step.commit()
    assert (parts.seen, list(parts.contests)) == (1, [1])
    with pytest.raises(Refused):
        parts.require_complete()


def test_a_ring_forgets_no_key() -> None:
    ring = fresh("open").record.keyring
    assert len(ring.known) == len(ring.holders) == len(named_keys(ring.manifest))
    assert ring.receipt_key == ring.manifest.receipt_key
    assert replace(ring.manifest).receipt_key in ring.receipt_keys
