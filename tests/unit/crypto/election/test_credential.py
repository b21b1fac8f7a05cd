"""Columns of the roll, fingerprints, and which key a pseudonym has at which time."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.election import entries
from crypto.election.credential import Fingerprints, Names, algorithm_of
from crypto.election.entries import Change, Credential
from crypto.signatures import EDDSA, ES256, RS256, cose_rs256
from demo.voters import make_passkey
from tests.simulator import World, fresh, secret, world_at

VECTORS = json.loads((Path(__file__).resolve().parents[3] / "vectors/credential.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", VECTORS["bodies"], ids=lambda vector: str(vector["rule"]))
def test_bodies_have_their_bytes(vector: dict[str, str]) -> None:
    data = bytes.fromhex(vector["bytes"])
    assert getattr(entries, vector["rule"]).parse(data).to_bytes() == data


@given(st.lists(st.binary(min_size=16, max_size=16), unique=True, max_size=40))
def test_names_are_found_under_their_numbers(pseudonyms: list[bytes]) -> None:
    names = Names()
    assert [names.add(pseudonym) for pseudonym in pseudonyms] == list(range(len(pseudonyms)))
    assert [names.find(pseudonym) for pseudonym in pseudonyms] == list(range(len(pseudonyms)))
    assert [names[number] for number in range(len(names))] == pseudonyms


def test_names_grow() -> None:
    names, draw = Names(), random.Random(1)
    pseudonyms = [draw.randbytes(16) for _ in range(5_000)]
    for pseudonym in pseudonyms:
        names.add(pseudonym)
    assert all(names.find(pseudonym) == number for number, pseudonym in enumerate(pseudonyms))
    assert all(names.find(draw.randbytes(16)) == -1 for _ in range(1_000))


@given(st.sets(st.binary(min_size=32, max_size=32), max_size=40), st.binary(min_size=32, max_size=32))
def test_fingerprints_are_a_set(items: set[bytes], other: bytes) -> None:
    prints = Fingerprints()
    for item in items:
        prints.add(prints.of(item))
    assert all(prints.of(item) in prints for item in items)
    assert (prints.of(other) in prints) == (other in items)


def test_fingerprints_share_buckets_and_are_keyed() -> None:
    prints, others = Fingerprints(), Fingerprints()
    for number in (7, 3, 9, 5):
        prints.add(1 << 48 | number)
    assert [1 << 48 | number in prints for number in range(10)] == [number in {3, 5, 7, 9} for number in range(10)]
    assert prints.of(b"item") != others.of(b"item")


def test_algorithms_by_length() -> None:
    keys = [make_passkey(bytes(32), ES256).cose_key, make_passkey(bytes(32), EDDSA).cose_key, cose_rs256(1 << 2047 | 1)]
    assert list(map(algorithm_of, keys)) == [ES256, EDDSA, RS256]


@pytest.mark.parametrize("algorithm", [ES256, EDDSA])
def test_a_key_comes_out_as_it_went_in(algorithm: int) -> None:
    world = fresh("open")
    absent = next(voter for voter in world.voters if voter not in world.registered())
    key = make_passkey(secret("key"), algorithm).cose_key
    world.accept([], [world.by_registrars("credential", Credential(absent.pseudonym, key, "software"))])
    roll = world.record.roll
    row = roll.row(roll.slot(absent.pseudonym))
    assert roll.key_in_force(row, 0, world.record.board.upper_ms, world.read) == (key, world.record.size - 1)


def test_rsa_keys_are_read_again_from_their_entry() -> None:
    world = World(changes={"algorithms": (-7, -257)})
    world.begin()
    world.hold_ceremony()
    world.freeze_roll()
    key = cose_rs256((1 << 2047) + 12_345)
    voter = world.voters[0]
    world.accept([], [world.by_registrars("credential", Credential(voter.pseudonym, key, "software"))])
    roll = world.record.roll
    assert roll.key_in_force(0, 0, world.record.board.upper_ms, world.read)[0] == key


def test_a_change_counts_from_its_delay_on() -> None:
    world = fresh("open")
    voter = world.registered()[0]
    roll, board = world.record.roll, world.record.board
    row = roll.row(roll.slot(voter.pseudonym))
    new = make_passkey(secret("new")).cose_key
    world.accept([], [world.by_registrars("change", Change(voter.pseudonym, new, "software", "lost"))])
    index = world.record.size - 1
    world.accept()
    upper = board.upper_ms(index)
    assert upper is not None
    due = upper + world.manifest.change_delay_ms
    assert roll.key_in_force(row, due - 1, board.upper_ms, world.read)[0] == voter.passkey.cose_key
    assert roll.key_in_force(row, due, board.upper_ms, world.read) == (new, index)
    assert roll.changes_by_district == {2: 1}


def test_the_town_is_counted_by_district() -> None:
    roll = world_at("complete").record.roll
    assert dict(roll.slots_by_district) == {2: 10, 3: 14}
    assert dict(roll.credentials_by_district) == {2: 9, 3: 11}
    assert dict(roll.strikes_by_district) == {2: 1}
    assert roll.credentials == 20


def test_memory_of_a_slot_and_a_credential() -> None:
    roll = world_at("complete").record.roll
    # A roll of millions: 16 bytes of pseudonym, two numbers of 4, a flag, at most 10.7 of the table; and for a
    # credential a key of 64, a number of 4, a kind, a fingerprint of 8.
    assert (roll._group_of.itemsize, roll._row_of.itemsize, roll._bound.itemsize, roll._kinds.itemsize) == (4, 4, 4, 1)
    assert len(roll._keys) == 64 * roll.credentials
    assert len(roll._struck) == len(roll.names)
