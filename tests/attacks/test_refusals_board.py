"""What seals, heads, certificates and repeated entries are refused for, beyond the numbered attacks."""

from dataclasses import replace

import pytest

from crypto.election.encoding import Message
from crypto.election.entries import BlsKey, Certificate, Client, ClientFile, Incident, Seal
from crypto.errors import Refused
from crypto.signatures import (
    Checkpoint,
    aggregate_bls,
    bls_message,
    bls_secret,
    cosign,
    parse_note,
    prove_bls_possession,
    sign_bls,
    sign_checkpoint,
)
from crypto.transcript import tag
from tests.attacks.checks import BOARD_1, BOARD_6, BOARD_7, BOARD_13, MANIFEST_11
from tests.simulator import QUORUM, World, fresh, make_manifest, make_parts, secret, signing_key


def seal(world: World, **changes: object) -> Refused:
    """Return what the next seal is refused for with these changes."""
    body = Seal(world.writer.block + 1, world.writer.checkpoint, tuple(world.writer.quorum), ())
    with pytest.raises(Refused) as refusal:
        world.record.admit(world.by_log("seal", replace(body, **changes)))  # type: ignore[arg-type]
    return refusal.value


def checkpoint(world: World, size: int = 0, root: bytes = b"", origin: str = "", key: str = "log") -> bytes:
    """Return a checkpoint of the log's end with some changes."""
    record = world.record
    head = Checkpoint(origin or world.manifest.origin, size or record.size, root or record.tree.root())
    return sign_checkpoint(signing_key(key), head).to_bytes()


def test_seals_of_another_tree() -> None:
    world = fresh("open")
    assert seal(world, block=world.writer.block).check == BOARD_6
    assert seal(world, block=world.writer.block + 2).check == BOARD_6
    for wrong in (
        checkpoint(world, size=world.record.size - 1),
        checkpoint(world, root=secret("root")),
        checkpoint(world, origin="board.example/demo/elsewhere"),
        checkpoint(world, key="receipt"),
        b"no note",
    ):
        assert seal(world, checkpoint=wrong).check == BOARD_6


@pytest.mark.parametrize("change", ["too few", "one key twice", "another log", "another root", "no end", "again"])
def test_heads_that_are_no_quorums(change: str) -> None:
    world = fresh("open")
    honest = world.writer.quorum[0]
    note = parse_note(world.writer.checkpoint)
    line = cosign(signing_key("witness", 0), world.manifest.witnesses[0].name, note.text, world.clock_ms // 1_000)
    wrong = {
        "too few": world.cosign(world.writer.checkpoint, count=QUORUM - 1),
        "one key twice": note.with_signatures(line, line, line).to_bytes(),
        "another log": world.cosign(checkpoint(world, key="receipt")),
        "another root": world.cosign(checkpoint(world, root=secret("root"))),
        "no end": world.cosign(checkpoint(world, size=world.record.size - 1)),
        "again": world.checkpoints[-3],
    }[change]
    assert seal(world, quorum=(wrong,)).check == BOARD_7
    assert seal(world, quorum=(honest, wrong)).check == BOARD_7


def test_one_head_twice_in_a_seal() -> None:
    world = fresh("open")
    honest = world.writer.quorum[0]
    assert seal(world, quorum=(honest, honest)).check == BOARD_7


def test_cosignatures_from_the_future_do_not_count() -> None:
    world = fresh("open")
    world.record.board.latest_s = world.clock_ms // 1_000 - 3_600
    assert seal(world).check == BOARD_7


def test_a_refused_seal_begins_no_block() -> None:
    world = fresh("open")
    before = world.record.board.block
    body = Seal(world.writer.block + 2, world.writer.checkpoint, tuple(world.writer.quorum), ())
    with pytest.raises(Refused):
        world.record.apply(world.by_log("seal", body))
    assert world.record.board.block == before
    assert world.record.size == len(world.entries) + 1


BLS = [bls_secret(secret("bls", at)) for at in range(QUORUM)]
NAMES = tuple(f"watch.example/{at + 1}" for at in range(QUORUM))


@pytest.fixture(scope="module")
def certified() -> World:
    """Return a world whose first witnesses, just enough of them, have BLS keys, and which has a sealed head."""
    witnesses = make_manifest(make_parts()).witnesses
    keyed = [replace(each, bls=BlsKey(*prove_bls_possession(key))) for each, key in zip(witnesses, BLS, strict=False)]
    world = World(changes={"witnesses": (*keyed, *witnesses[QUORUM:])})
    world.begin()
    world.accept()
    world.accept()
    world.accept()
    return world


def certificate(
    world: World, names: tuple[str, ...] = NAMES, keys: tuple[int, ...] = tuple(range(QUORUM)), **changes: object
) -> bytes:
    """Return a certificate over the newest sealed head (or a changed one), rightly signed by these keys."""
    head = world.head()
    body = replace(Certificate(head.size, head.root, names, bytes(96)), **changes)  # type: ignore[arg-type]
    message = bls_message(tag("demo", "certificate"), world.manifest.origin, body.size, body.root)
    signature = aggregate_bls([sign_bls(BLS[at], message) for at in keys])
    return world.by_log("certificate", replace(body, signature=signature))


def test_each_condition_of_a_certificate_alone(certified: World) -> None:
    world = certified
    cases = {
        "too few": certificate(world, NAMES[:-1], tuple(range(QUORUM - 1))),
        "one twice instead of another": certificate(world, (NAMES[0], *NAMES[:-1]), (0, *range(QUORUM - 1))),
        "one without a key": certificate(world, (*NAMES[:-1], f"watch.example/{QUORUM + 1}")),
        "nobody the manifest names": certificate(world, (*NAMES[:-1], "watch.example/9")),
        "out of order": certificate(world, NAMES[::-1]),
        "another root of a sealed size": certificate(world, root=bytes(32)),
        "a head that no seal holds": certificate(world, size=world.record.size, root=world.record.tree.root()),
        "signed by fewer than named": certificate(world, NAMES, tuple(range(QUORUM - 1))),
    }
    for case, raw in cases.items():
        with pytest.raises(Refused) as refusal:
            world.record.admit(raw)
        assert (case, refusal.value.check) == (case, "BOARD-11")
    world.record.admit(certificate(world))


@pytest.mark.parametrize("names", [("b", "a"), ("a", "a")])
def test_client_files_out_of_order_or_twice(names: tuple[str, ...]) -> None:
    world = fresh("frozen")
    files = tuple(ClientFile(name, secret(name)) for name in names)
    assert world.refuse(world.by_officers("client", Client(files))).check == "BOARD-12"


def test_a_control_entry_twice() -> None:
    world = fresh("open")
    raw = world.sign("incident", Incident(secret("document"), "a note"), signing_key("officer", 0))
    world.accept([raw])
    assert world.refuse(raw).check == BOARD_13


@pytest.mark.parametrize(
    ("stage", "entry_type"),
    [
        ("founded", "close"),
        ("founded", "ballot"),
        ("founded", "contest"),
        ("frozen", "aggregate"),
        ("frozen", "dispute"),
        ("open", "roll"),
        ("open", "opening"),
        ("open", "client"),
        ("open", "ceremony-key"),
        ("open", "release"),
        ("open", "imported"),
        ("closed", "rotate"),
        ("closed", "drill"),
        ("closed", "change"),
    ],
)
def test_types_outside_their_phase(stage: str, entry_type: str) -> None:
    world = fresh(stage)
    assert world.refuse(world.sign(entry_type, b"\xa0")).check == BOARD_1


def test_only_the_log_key_writes_seals() -> None:
    world = fresh("open")
    body: Message = Seal(world.writer.block + 1, world.writer.checkpoint, (), ())
    for keys in ((), (signing_key("receipt"),), (signing_key("officer", 0), signing_key("officer", 1))):
        with pytest.raises(Refused) as refusal:
            world.record.admit(world.sign("seal", body, *keys))
        assert refusal.value.check == MANIFEST_11
