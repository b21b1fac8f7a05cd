"""What seals, heads, certificates and repeated entries are refused for, beyond the numbered attacks."""

from dataclasses import replace

import pytest

from crypto.election.encoding import Message
from crypto.election.entries import Certificate, Client, ClientFile, Incident, Seal
from crypto.errors import Refused
from crypto.signatures import Checkpoint, cosign, parse_note, sign_checkpoint
from tests.simulator import QUORUM, World, fresh, secret, signing_key


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
    assert seal(world, block=world.writer.block).check == f"BOARD-{6}"
    assert seal(world, block=world.writer.block + 2).check == f"BOARD-{6}"
    for wrong in (
        checkpoint(world, size=world.record.size - 1),
        checkpoint(world, root=secret("root")),
        checkpoint(world, origin="board.example/demo/elsewhere"),
        checkpoint(world, key="receipt"),
        b"no note",
    ):
        assert seal(world, checkpoint=wrong).check == f"BOARD-{6}"


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
    assert seal(world, quorum=(wrong,)).check == "BOARD-7"
    assert seal(world, quorum=(honest, wrong)).check == f"BOARD-{7}"


def test_one_head_twice_in_a_seal() -> None:
    world = fresh("open")
    honest = world.writer.quorum[0]
    assert seal(world, quorum=(honest, honest)).check == f"BOARD-{7}"


def test_cosignatures_from_the_future_do_not_count() -> None:
    world = fresh("open")
    world.record.board.latest_s = world.clock_ms // 1_000 - 3_600
    assert seal(world).check == f"BOARD-{7}"


def test_a_refused_seal_begins_no_block() -> None:
    world = fresh("open")
    before = world.record.board.block
    body = Seal(world.writer.block + 2, world.writer.checkpoint, tuple(world.writer.quorum), ())
    with pytest.raises(Refused):
        world.record.apply(world.by_log("seal", body))
    assert world.record.board.block == before
    assert world.record.size == len(world.entries) + 1


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"signers": ("watch.example/1", "watch.example/2", "watch.example/3")},
        {"signers": ("nobody", "somebody", "whoever")},
        {"size": 1},
        {"root": bytes(32)},
    ],
)
def test_certificates_of_no_quorum(changes: dict[str, object]) -> None:
    world = fresh("open")
    head = world.head()
    body = Certificate(head.size, head.root, ("watch.example/1",), bytes(96))
    raw = world.by_log("certificate", replace(body, **changes))  # type: ignore[arg-type]
    assert world.refuse(raw).check == "BOARD-11"


@pytest.mark.parametrize("names", [("b", "a"), ("a", "a")])
def test_client_files_out_of_order_or_twice(names: tuple[str, ...]) -> None:
    world = fresh("frozen")
    files = tuple(ClientFile(name, secret(name)) for name in names)
    assert world.refuse(world.by_officers("client", Client(files))).check == "BOARD-12"


def test_a_control_entry_twice() -> None:
    world = fresh("open")
    raw = world.sign("incident", Incident(secret("document"), "a note"), signing_key("officer", 0))
    world.accept([raw])
    assert world.refuse(raw).check == "BOARD-13"


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
    assert world.refuse(world.sign(entry_type, b"\xa0")).check == f"BOARD-{1}"


def test_only_the_log_key_writes_seals() -> None:
    world = fresh("open")
    body: Message = Seal(world.writer.block + 1, world.writer.checkpoint, (), ())
    for keys in ((), (signing_key("receipt"),), (signing_key("officer", 0), signing_key("officer", 1))):
        with pytest.raises(Refused) as refusal:
            world.record.admit(world.sign("seal", body, *keys))
        assert refusal.value.check == f"MANIFEST-{11}"
