"""No process ever holds the whole key: the memory of one that held every trustee's part is searched for it.

A process of its own plays all trustees through ceremony, drill and decryption, and the board beside them; then this
one, which opens the key files, computes the joint secret that nobody else ever forms, and looks for it there.
"""

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

from crypto.group import parse_suite
from crypto.threshold import interpolate_at_zero
from tests.integration.memory import read_memory, spell_scalar
from tests.room import PASSPHRASE, Room
from trustee_tools.vault import Vault

COUNT, THRESHOLD = 3, 2
WAIT_S = 120


def open_keys(root: Path) -> list[Vault]:
    """Open every trustee's key file."""
    names = [(root / f"a-{place}.key", root / f"b-{place}.key") for place in range(1, COUNT + 1)]
    return [Vault.open(paths, PASSPHRASE) for paths in names]


def play(root: Path, line: Connection) -> None:
    """Hold a whole election; say its joint key; then stand still, all key files open, to be looked at."""
    room = Room(root, count=COUNT, threshold=THRESHOLD)
    room.hold(5)
    room.open_and_vote()
    room.close()
    room.hold(1)
    world = room.world
    world.accept(world.results())
    assert world.record.is_complete()
    held = open_keys(root)
    line.send_bytes(world.record.ceremony.conclude().key)
    line.recv_bytes()
    assert held


def test_the_joint_secret_is_in_no_memory(tmp_path: Path) -> None:
    group = parse_suite("RISTRETTO255-SHA512")
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=play, args=(tmp_path, there), daemon=True)
    process.start()
    try:
        assert here.poll(WAIT_S), "the election came to no end"
        joint_key = here.recv_bytes()
        found = read_memory(process.pid or 0)
        here.send_bytes(b"enough")
    finally:
        process.join(WAIT_S)
        process.kill()
    shares = [share for vault in open_keys(tmp_path) for share in vault.secrets.shares.values()]
    assert len(shares) == COUNT
    weights = interpolate_at_zero(group, range(1, THRESHOLD + 1))
    secret = sum(weight * share for weight, share in zip(weights, shares, strict=False)) % group.order
    assert (secret * group.generator).to_bytes() == joint_key
    assert [form for form, spelt in spell_scalar(secret).items() if spelt in found] == []
    # The search finds what is there: each trustee's own part.
    assert all(spell_scalar(share)["30 bits a limb"] in found for share in shares)
