"""A trustee's own copy: replayed from folder and exchange file, by one process or several, whole or without voters."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto.election.entries import Aggregate, parse_entry
from crypto.election.record import Record
from crypto.errors import MalformedEncoding, Misuse, Refused
from crypto.merkle import Tiles, publish
from tests.simulator import World, fresh, world_at
from trustee_tools import link
from trustee_tools.link import ExchangeFile, Folder, make_view, pack, read_slots, replay, write_entries

SLOTS = {2: 10, 3: 14}


def write_record(world: World, folder: Path) -> Folder:
    _, files = publish(Tiles(), world.entries)
    for path, data in [*files, ("checkpoint", world.checkpoints[-1])]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return Folder(folder)


def show(record: Record) -> tuple[object, ...]:
    return record.tree.root(), dict(record.refused), record.tally.plan, dict(record.tally.results)


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let even a small record be verified by processes, in windows so small that they overlap."""
    monkeypatch.setattr(link, "SMALL_RECORD", 0)
    monkeypatch.setattr(link, "WINDOW", 4)
    return iter(())


def test_processes_come_to_the_same(tmp_path: Path, several: object) -> None:
    world = world_at("complete")
    seen: list[tuple[int, int]] = []
    record = replay(write_record(world, tmp_path), processes=2, progress=lambda *done: seen.append(done))
    assert show(record) == show(world.record)
    assert seen[-1] == (len(world.entries), len(world.entries))


def test_a_forged_ballot_is_refused_by_processes_too(tmp_path: Path, several: object) -> None:
    world = fresh("voting")
    first, second, *_ = [voter for voter in world.registered() if not voter.number]
    ballot, _ = world.seal_ballot(first)
    forged = ballot[:-1] + bytes([ballot[-1] ^ 1])
    refusal = world.refuse(world.cast(first, forged), world.vote(second))
    record = replay(write_record(world, tmp_path), processes=1)
    assert [kept.refused.check for kept in record.refused.values()] == [refusal.check]
    assert record.tally.accepted == world.record.tally.accepted


def test_one_file_gives_the_same_record_as_the_folder(tmp_path: Path) -> None:
    world = world_at("complete")
    folder = write_record(world, tmp_path / "record")
    (tmp_path / "record/notes.txt").write_text("not part of it", encoding="utf-8")
    for name in ("one.zip", "two.zip"):
        pack(tmp_path / "record", tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert show(replay(ExchangeFile(tmp_path / "one.zip"))) == show(replay(folder))


def test_without_voters_the_ceremony_is_the_same_and_nothing_can_be_decrypted(tmp_path: Path) -> None:
    world = world_at("disputed")
    folder = write_record(world, tmp_path)
    light, whole = replay(folder, voters=False), replay(folder)
    assert light.ceremony.certificate == whole.ceremony.certificate
    assert light.ceremony.passed == whole.ceremony.passed
    assert light.tally.plan.items == ()
    assert len(whole.tally.plan.items) > 0


@pytest.mark.parametrize("case", ["an entry changed", "a bundle missing", "another root", "signed by nobody"])
def test_a_broken_log_is_refused(tmp_path: Path, case: str) -> None:
    world = world_at("open")
    folder = write_record(world, tmp_path)
    (bundle,) = (tmp_path / "tile/entries").glob("000.p/*")
    note = (tmp_path / "checkpoint").read_bytes()
    if case == "an entry changed":
        data = bytearray(bundle.read_bytes())
        data[500] ^= 1
        bundle.write_bytes(bytes(data))
    elif case == "a bundle missing":
        bundle.unlink()
    elif case == "another root":
        lines = note.split(b"\n")
        lines[2] = lines[2].translate(bytes.maketrans(b"ABab", b"BAba"))
        (tmp_path / "checkpoint").write_bytes(b"\n".join(lines))
    else:
        (tmp_path / "checkpoint").write_bytes(note.replace(world.manifest.origin.encode(), b"other.example", 1))
    with pytest.raises(Refused):
        replay(folder)


def test_a_folder_without_checkpoint_is_no_record(tmp_path: Path) -> None:
    with pytest.raises(Misuse):
        replay(Folder(tmp_path))
    assert Folder(tmp_path).get("../" + tmp_path.name) is None


def test_what_nobody_can_release_is_found(tmp_path: Path) -> None:
    world = fresh("disputed")
    raw, *_ = world.aggregates()
    body = Aggregate.parse(parse_entry(raw).body)
    wrong = Aggregate(body.contest, body.cell, body.units, body.ballots, body.sums[32:] + body.sums[:32])
    assert make_view(world.record, SLOTS).failures == ()
    assert make_view(world.record).failures is None
    refusal = world.refuse(world.by_log("aggregate", wrong))
    view = make_view(world.record, SLOTS)
    assert view.failures is not None
    assert [failure.check for failure in view.failures] == [refusal.check]
    assert view.close_covered
    assert view.dispute_over
    figures = make_view(world.record, {**SLOTS, 3: 15}).failures
    assert figures is not None
    assert "figures" in figures[-1].reason


def test_a_refused_ballot_is_left_to_a_release(tmp_path: Path) -> None:
    world = fresh("voted")
    world.refuse(world.cast(world.registered()[0], b"no ballot"))
    world.close()
    world.dispute()
    view = make_view(world.record, SLOTS)
    assert view.failures == ()
    assert view.tally is not None
    assert view.tally.unresolved() == tuple(world.record.refused)


def test_a_receipt_that_was_honoured_is_no_dispute() -> None:
    with pytest.raises(Refused):
        make_view(world_at("disputed").record, SLOTS, [b"no receipt"])


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"1": -1}', b'{"1": 1.5}', b'{"a": 1}', b'{"1": 1, "1": 2}', b"[1]"]
)
def test_figures_that_say_nothing_clear_are_refused(data: bytes) -> None:
    with pytest.raises(Misuse):
        read_slots(data)
    assert read_slots(json.dumps({"2": 10, "3": 14}).encode()) == SLOTS


def test_entries_are_whole_files(tmp_path: Path) -> None:
    paths = write_entries(tmp_path / "out", "key-1-2", [b"one", b"two"])
    assert [path.name for path in paths] == ["key-1-2-1.entry", "key-1-2-2.entry"]
    assert [path.read_bytes() for path in paths] == [b"one", b"two"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [path.name for path in paths]


def test_an_exchange_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MalformedEncoding):
        ExchangeFile(tmp_path / "missing.zip")
