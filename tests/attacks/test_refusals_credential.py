"""What rolls, freezes, credentials, strikes and imported entries are refused for, beyond the numbered attacks."""

from dataclasses import replace

import pytest

from crypto import signatures
from crypto.election.entries import (
    Assurance,
    Credential,
    DistrictSlots,
    Freeze,
    Imported,
    ImportedLog,
    Opening,
    RollChunk,
    RollGroup,
    Strike,
    parse_entry,
)
from crypto.merkle import hashes_from_leaves, leaf_hash, prove_inclusion
from crypto.signatures import EDDSA, cose_es256, cose_rs256
from demo.voters import make_passkey
from tests.attacks.checks import (
    CREDENTIAL_3,
    CREDENTIAL_4,
    CREDENTIAL_6,
    CREDENTIAL_7,
    CREDENTIAL_10,
    CREDENTIAL_11,
    MANIFEST_12,
)
from tests.simulator import World, fresh, secret, signing_key, world_at

PSEUDONYM = secret("another slot")[:16]


@pytest.mark.parametrize(("unit", "style"), [(1, 1), (3, 1), (9, 1), (2, 3)])
def test_slots_at_no_place_to_vote(unit: int, style: int) -> None:
    world = fresh("certified")
    raw = world.by_registrars("roll", RollChunk(0, (RollGroup(unit, style, PSEUDONYM),)))
    assert world.refuse(raw).check == "CREDENTIAL-2"


def test_a_pseudonym_twice_in_a_chunk_or_in_two() -> None:
    world = fresh("certified")
    twice = RollChunk(0, (RollGroup(2, 1, PSEUDONYM), RollGroup(4, 1, PSEUDONYM)))
    assert world.refuse(world.by_registrars("roll", twice)).check == CREDENTIAL_3
    world.accept([world.by_registrars("roll", world.roll_chunk())])
    again = RollChunk(1, (RollGroup(5, 2, world.voters[0].pseudonym),))
    assert world.refuse(world.by_registrars("roll", again)).check == CREDENTIAL_3
    assert len(world.record.roll.names) == 24


@pytest.mark.parametrize(
    "freeze",
    [
        Freeze(2, (DistrictSlots(2, 10), DistrictSlots(3, 14))),
        Freeze(1, (DistrictSlots(2, 11), DistrictSlots(3, 14))),
        Freeze(1, (DistrictSlots(3, 14), DistrictSlots(2, 10))),
        Freeze(1, (DistrictSlots(2, 24),)),
    ],
)
def test_a_freeze_of_another_roll(freeze: Freeze) -> None:
    world = fresh("certified")
    world.accept([world.by_registrars("roll", world.roll_chunk())])
    assert world.refuse(world.by_officers("freeze", freeze)).check == CREDENTIAL_4


def test_a_second_freeze() -> None:
    world = fresh("frozen")
    raw = world.sign("freeze", world.freeze_body(), signing_key("officer", 1), signing_key("officer", 2))
    assert world.refuse(raw).check == CREDENTIAL_4


def test_a_contest_with_fewer_slots_than_the_minimum() -> None:
    world = fresh("certified")
    chunk = RollChunk(0, (RollGroup(2, 1, b"".join(voter.pseudonym for voter in world.voters[:3])),))
    world.accept([world.by_registrars("roll", chunk)])
    refusal = world.refuse(world.by_officers("freeze", Freeze(1, (DistrictSlots(2, 3),))))
    assert refusal.check == "CREDENTIAL-5"


def test_a_credential_before_the_freeze() -> None:
    world = fresh("certified")
    world.accept([world.by_registrars("roll", world.roll_chunk())])
    assert world.refuse(world.credential(world.voters[0])).check == CREDENTIAL_6


def fresh_voter(world: World) -> bytes:
    """Return the pseudonym of a slot without a credential."""
    return next(voter.pseudonym for voter in world.voters if voter not in world.registered())


def test_an_algorithm_that_the_manifest_does_not_name() -> None:
    world = fresh("open")
    body = Credential(fresh_voter(world), cose_rs256(1 << 2047 | 1), "passkey")
    assert world.refuse(world.by_registrars("credential", body)).check == CREDENTIAL_7


@pytest.mark.parametrize(("assurance", "allowed"), [("software", False), ("passkey", True), ("security-key", True)])
def test_software_keys_only_where_the_manifest_allows_them(assurance: Assurance, allowed: bool) -> None:
    world = World(changes={"software_keys": False})
    world.begin()
    world.hold_ceremony()
    world.freeze_roll()
    body = Credential(world.voters[0].pseudonym, make_passkey(secret("key"), EDDSA).cose_key, assurance)
    refusals = world.block([], [world.by_registrars("credential", body)])
    assert [refusal.check for refusal in refusals] == ([] if allowed else [CREDENTIAL_7])


@pytest.mark.parametrize("key", [cose_es256(bytes(32), bytes(32)), cose_es256(bytes(32), bytes(32))[:-1] + b"\x01"])
def test_a_key_that_is_no_point(key: bytes) -> None:
    world = fresh("open")
    body = Credential(fresh_voter(world), key, "software")
    assert world.refuse(world.by_registrars("credential", body)).check == signatures._COSE_KEY


def test_a_strike_of_nobody_or_twice() -> None:
    world = fresh("voted")
    nobody = world.by_registrars("strike", Strike(secret("nobody")[:16], "no such slot"))
    assert world.refuse(nobody).check == CREDENTIAL_10
    strike = Strike(world.voters[0].pseudonym, "voted on paper")
    world.accept([], [world.by_registrars("strike", strike)])
    again = world.by_registrars("strike", replace(strike, reason="once more"))
    assert world.refuse(again).check == CREDENTIAL_10


# --------------------------------------------------------------------------------------------------------- second round


def second_round() -> tuple[World, dict[str, list[bytes]]]:
    """Return a second round that imports the first one's roll, and the imported entries by type."""
    first = world_at("complete")
    size = first.record.board.close_index + 1
    leaves = [leaf_hash(raw) for raw in first.entries[:size]]
    source = hashes_from_leaves(leaves)
    log = ImportedLog(
        first.manifest_hash,
        first.manifest.origin,
        first.manifest.log_key,
        size,
        first.record.tally.closed_root or b"",
    )
    changes = {"imported": log, "origin": "board.example/demo/town-2026-second"}
    second = World(changes=changes, log=1)
    wrapped: dict[str, list[bytes]] = {}
    for index, raw in enumerate(first.entries[:size]):
        entry_type = parse_entry(raw).type
        body = Imported(raw, index, prove_inclusion(source, index, size))
        wrapped.setdefault(entry_type, []).append(second.by_log("imported", body))
    second.begin()
    second.hold_ceremony()
    return second, wrapped


def test_a_second_round_shares_roll_and_credentials() -> None:
    world, wrapped = second_round()
    world.accept([*wrapped["roll"], *wrapped["freeze"], *wrapped["credential"]])
    world.accept()
    certificate = world.record.ceremony.conclude()
    world.accept([*world.drill(1), world.by_officers("opening", Opening(certificate.key, certificate.hash))])
    world.wait_until(world.manifest.opens_at_ms)
    world.accept()
    world.accept()
    world.accept([], [world.vote(voter) for voter in world.registered()])
    assert world.record.figures().counted == 20


@pytest.mark.parametrize("entry_type", ["ballot", "strike", "spoiled", "opening", "seal", "manifest"])
def test_other_types_are_not_imported(entry_type: str) -> None:
    world, wrapped = second_round()
    assert world.refuse(wrapped[entry_type][0]).check == CREDENTIAL_11


def test_an_entry_that_the_closed_root_does_not_hold() -> None:
    world, wrapped = second_round()
    honest = Imported.parse(parse_entry(wrapped["roll"][0]).body)
    chunk = world.by_registrars("roll", world.roll_chunk())
    for body in (
        replace(honest, entry=chunk),
        replace(honest, index=honest.index + 1),
        replace(honest, proof=honest.proof[:-1]),
        replace(honest, entry=b"\x00"),
    ):
        assert world.refuse(world.by_log("imported", body)).check == CREDENTIAL_11


def test_entries_are_imported_in_the_order_of_their_log() -> None:
    world, wrapped = second_round()
    world.accept([*wrapped["roll"], *wrapped["freeze"], wrapped["credential"][1]])
    assert world.refuse(wrapped["credential"][0]).check == CREDENTIAL_11
    world.accept([wrapped["credential"][2]])


def test_nothing_is_imported_without_a_first_round() -> None:
    _, wrapped = second_round()
    world = fresh("certified")
    body = Imported.parse(parse_entry(wrapped["roll"][0]).body)
    assert world.refuse(world.by_log("imported", body)).check == CREDENTIAL_11


def test_a_first_rounds_signature_holds_only_inside_an_imported_entry() -> None:
    world, _ = second_round()
    first = world_at("complete")
    raw = next(raw for raw in first.entries if parse_entry(raw).type == "roll")
    assert world.refuse(raw).check == MANIFEST_12
