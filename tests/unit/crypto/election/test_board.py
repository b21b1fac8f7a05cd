"""Times from cosignatures, batches, and a writer whose files give back the log."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from crypto.election.board import Head, arrange, ballot_pseudonym, head_of, pseudonym_of, take_batch
from crypto.election.entries import BlsKey, Certificate, Entry, parse_entry
from crypto.errors import MalformedEncoding, Misuse
from crypto.merkle import Frontier, Tiles, leaf_hash, publish, read_entries
from crypto.signatures import (
    TYPE_COSIGNATURE,
    Checkpoint,
    Cosignature,
    QuorumCheckpoint,
    VerifierKey,
    aggregate_bls,
    bls_message,
    bls_secret,
    parse_verifier_key,
    prove_bls_possession,
    sign_bls,
    verify_checkpoint,
    verify_quorum,
)
from crypto.transcript import tag
from tests.simulator import MINUTE_MS, World, fresh, make_manifest, make_parts, secret, world_at

VECTORS = json.loads((Path(__file__).resolve().parents[3] / "vectors/board.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", VECTORS["heads"], ids=lambda vector: str(vector["size"]))
def test_heads_of_the_vectors(vector: dict[str, object]) -> None:
    log = parse_verifier_key(VECTORS["log"])
    witnesses = [parse_verifier_key(text) for text in VECTORS["witnesses"]]
    quorum = verify_quorum(str(vector["note"]).encode(), log, witnesses, VECTORS["quorum"], 2**63 - 1)
    head = head_of(quorum, VECTORS["faults"])
    assert list(quorum.times_s) == vector["times_s"]
    assert (head.size, head.root.hex()) == (vector["size"], vector["root"])
    assert (head.lower_ms, head.upper_ms) == (vector["lower_ms"], vector["upper_ms"])


def test_the_order_of_the_vectors() -> None:
    entries = [f"entry {at}".encode() for at in range(5)]
    assert [raw.hex() for raw in arrange(entries)] == VECTORS["arranged"]


@pytest.mark.parametrize(
    ("times", "faults", "lower", "upper"),
    [((1, 2, 3, 4, 5), 1, 4, 2), ((1, 9, 9, 9), 1, 9, 9), ((5, 5, 5), 0, 5, 5), ((1, 2, 3, 4, 100), 2, 3, 3)],
)
def test_faulty_clocks_move_no_bound(times: tuple[int, ...], faults: int, lower: int, upper: int) -> None:
    cosignatures = tuple(
        Cosignature(VerifierKey(f"w{at}", bytes([at]) * 32, TYPE_COSIGNATURE), time) for at, time in enumerate(times)
    )
    quorum = QuorumCheckpoint(Checkpoint("board", 7, bytes(32)), cosignatures)
    assert head_of(quorum, faults) == Head(7, bytes(32), lower * 1_000, upper * 1_000)


def test_upper_bounds_come_from_the_first_head_that_covers() -> None:
    board = world_at("complete").record.board
    assert board.sizes == sorted(board.heads)
    for index in range(world_at("complete").record.size):
        covering = [size for size in board.sizes if size > index]
        expected = board.heads[covering[0]].upper_ms if covering else None
        assert board.upper_ms(index) == expected


def test_the_newest_quorum_sets_the_lower_bound() -> None:
    world = fresh("open")
    before = world.record.board.lower_ms()
    world.accept()
    after = world.record.board.lower_ms()
    assert before is not None
    assert after == before + MINUTE_MS


def test_a_block_without_quorum_is_counted_and_covered_later() -> None:
    world = fresh("open")
    without = world.record.board.quorumless
    assert world.block([], [], quorum=False) == []
    index = world.record.size - 1
    world.accept()
    assert world.record.board.quorumless == without + 1
    assert world.record.board.upper_ms(index) is None
    world.accept()
    assert world.record.board.upper_ms(index) is not None


def test_a_batch_takes_one_entry_of_a_pseudonym() -> None:
    world = fresh("open")
    first, second = world.registered()[:2]
    waiting = [world.vote(first), world.vote(first), world.vote(second)]
    chosen, later = take_batch(waiting)
    assert chosen == arrange([waiting[0], waiting[2]])
    assert later == [waiting[1]]


def test_pseudonyms_stand_at_their_place() -> None:
    world = world_at("voted")
    for raw in world.entries:
        entry = parse_entry(raw)
        if entry.type in {"ballot", "spoiled", "credential", "strike"}:
            assert pseudonym_of(entry) in {voter.pseudonym for voter in world.voters}
    with pytest.raises(Misuse):
        pseudonym_of(Entry("close", b""))
    for data in (b"", bytes(40), bytes(60)):
        with pytest.raises(MalformedEncoding):
            ballot_pseudonym(data)


def test_the_files_give_back_the_log() -> None:
    world = World()
    files: dict[str, bytes] = {}
    world.begin()
    files.update(_files(world, world.entries))
    tree = world.record.tree
    entries = [raw for bundle in read_entries(files.get, tree.size, tree.root()) for raw in bundle]
    assert entries == world.entries


def _files(world: World, entries: list[bytes]) -> dict[str, bytes]:
    tiles, files = publish(Tiles(), entries)
    assert tiles.size == world.record.size
    return dict(files)


def test_the_writer_signs_the_tree_that_it_writes() -> None:
    world = world_at("complete")
    log = VerifierKey(world.manifest.origin, world.manifest.log_key)
    tree = Frontier()
    for raw in world.entries:
        tree.append(leaf_hash(raw))
    checkpoint = verify_checkpoint(world.writer.checkpoint, log)
    assert (checkpoint.size, checkpoint.root) == (tree.size, tree.root())
    assert world.record.tree.root() == tree.root()


def test_a_quorums_certificate_is_accepted_as_evidence() -> None:
    witnesses = make_manifest(make_parts()).witnesses
    secrets = [bls_secret(secret("bls", at)) for at in range(3)]
    keyed = tuple(
        replace(witness, bls=BlsKey(*prove_bls_possession(scalar)))
        for witness, scalar in zip(witnesses[:3], secrets, strict=True)
    )
    world = World(changes={"witnesses": (*keyed, witnesses[3])})
    world.begin()
    world.accept()
    world.accept()
    head = world.head()
    message = bls_message(tag("demo", "certificate"), world.manifest.origin, head.size, head.root)
    signature = aggregate_bls([sign_bls(scalar, message) for scalar in secrets])
    names = tuple(witness.name for witness in keyed)
    world.accept([world.by_log("certificate", Certificate(head.size, head.root, names, signature))])
    assert world.record.board.certificates == 1
    wrong = world.by_log("certificate", Certificate(head.size, head.root, names, signature[:-1] + b"\x00"))
    assert world.refuse(wrong).check == "BOARD-11"
