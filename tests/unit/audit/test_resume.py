"""An audit that goes on from a kept state: the same report byte for byte, and no state that is not its record's."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audit import cli, fetch, keeping, verify
from audit.fork import verify_fork
from audit.keeping import StateFile
from audit.report import to_json
from audit.resume import Progress, RewrittenError, StateError, continues, parse_progress
from crypto.election.ballot import hash_ballot
from crypto.election.entries import BallotEntry, parse_entry
from crypto.errors import MalformedEncoding, Refused
from crypto.merkle import CHECKPOINT_PATH, TILE_WIDTH
from crypto.signatures import SigningKey, VerifierKey, parse_checkpoint, parse_note, sign_checkpoint
from tests.folders import NOW_MS, SLOTS, Memory, files_of, files_of_entries, given_of, report_of, world_at, write_files
from tests.simulator import World
from tests.unit.audit.test_verify import Threads, broken_world

RUN = CliRunner()
PROGRAM = "a program's hash"


@dataclass
class Shelf:
    """Keeps in memory, whenever it is asked."""

    held: list[Progress] = field(default_factory=list)

    def due(self) -> bool:
        return True

    def keep(self, progress: Progress) -> None:
        # Through the file's bytes, so that what a test goes on from is what a program would.
        self.held.append(parse_progress(progress.to_bytes(PROGRAM), PROGRAM))


class Counting(verify.Inline):
    """Counts what it is asked to verify."""

    def __init__(self) -> None:
        super().__init__()
        self.verified = 0

    def start(self, office, works, hints):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        self.verified += len(works)
        return super().start(office, works, hints)


def files_at(world: World, place: int) -> dict[str, bytes]:
    """Return a world's record as it was under one of its checkpoints."""
    note = world.checkpoints[place]
    return files_of_entries(world.entries[: parse_checkpoint(parse_note(note).text).size], note)


def audit(
    files: dict[str, bytes], world: World, kept: Progress | None = None, workers: verify.Workers | None = None
) -> tuple[str, Progress]:
    """Return the report's bytes and what was kept at the end."""
    shelf, given = Shelf(), given_of(world)
    outcome = verify.audit(Memory(files), given, workers or verify.Inline(), kept=kept, keeper=shelf)
    return to_json(report_of(outcome, given)), shelf.held[-1]


def kept_of(world: World, place: int) -> Progress:
    return audit(files_at(world, place), world)[1]


WORLDS = {"honest": lambda: world_at("complete"), "broken": broken_world}


@pytest.mark.parametrize("name", WORLDS)
def test_from_every_block_the_report_is_that_of_a_run_from_the_beginning(name: str) -> None:
    world = WORLDS[name]()
    whole, last = audit(files_of(world), world)
    # Block 0 holds the manifest: before it there is nothing to keep.
    for place in range(len(world.checkpoints)):
        again, end = audit(files_of(world), world, kept_of(world, place))
        assert (again, end.to_bytes(PROGRAM)) == (whole, last.to_bytes(PROGRAM)), place


def test_step_by_step_is_the_same_as_at_once() -> None:
    world = broken_world()
    kept = None
    for place in range(len(world.checkpoints)):
        text, kept = audit(files_at(world, place), world, kept, Threads())
        assert text == audit(files_at(world, place), world)[0], place


def test_what_was_verified_is_not_verified_again() -> None:
    world = world_at("complete")
    whole, rest, none = Counting(), Counting(), Counting()
    _, end = audit(files_of(world), world, None, whole)
    half = next(
        place
        for place, note in enumerate(world.checkpoints)
        if sum(raw[3:9] == b"ballot" for raw in world.entries[: parse_checkpoint(parse_note(note).text).size]) > 0
    )
    audit(files_of(world), world, kept_of(world, half), rest)
    audit(files_of(world), world, end, none)
    assert whole.verified > rest.verified > none.verified == 0


def test_an_error_planted_behind_the_kept_point_is_found() -> None:
    honest = world_at("complete")
    world = broken_world()
    shared = sum(1 for left, right in zip(honest.checkpoints, world.checkpoints, strict=False) if left == right)
    kept = kept_of(honest, shared - 1)
    text, _ = audit(files_of(world), world, kept)
    assert json.loads(text)["verdict"] == "failed"
    assert text == audit(files_of(world), world)[0]


def test_an_entry_changed_on_the_disk_before_the_kept_point_is_found() -> None:
    world = world_at("complete")
    _, kept = audit(files_of(world), world)
    files = files_of(world)
    name = next(name for name in files if name.startswith("tile/entries"))
    for place in range(10, len(files[name]), 4_001):
        data = bytearray(files[name])
        data[place] ^= 1
        changed = {**files, name: bytes(data)}
        outcome = verify.audit(Memory(changed), given_of(world), verify.Inline(), kept=kept)
        text = to_json(report_of(outcome, given_of(world)))
        assert json.loads(text)["verdict"] == "failed"
        first = verify.audit(Memory(changed), given_of(world), verify.Inline())
        assert text == to_json(report_of(first, given_of(world)))


def test_a_broken_tile_is_found_as_from_the_beginning() -> None:
    world = world_at("complete")
    _, kept = audit(files_of(world), world)
    files = files_of(world)
    name = next(name for name in files if name.startswith("tile/0/"))
    changed = {**files, name: bytes([files[name][0] ^ 1]) + files[name][1:]}
    outcomes = [
        report_of(verify.audit(Memory(changed), given_of(world), verify.Inline(), kept=each), given_of(world))
        for each in (None, kept)
    ]
    assert outcomes[0] == outcomes[1]
    assert outcomes[0].verdict == "failed"


def rewritten() -> tuple[World, World]:
    """Return two worlds of one election whose log signed two histories, the second a longer one."""
    one, other = world_at("complete").fork("open"), world_at("complete").fork("open")
    voters = one.registered()
    one.block([], [one.vote(voters[1])])
    other.block([], [other.vote(voters[2])])
    other.block([], [other.vote(voters[3])])
    return one, other


def test_a_rewritten_record_is_refused_with_proof() -> None:
    one, other = rewritten()
    _, kept = audit(files_of(one), one)
    with pytest.raises(RewrittenError) as caught:
        audit(files_of(other), other, kept)
    assert (caught.value.held, caught.value.shown) == (one.checkpoints[-1], other.checkpoints[-1])
    assert caught.value.log == VerifierKey(one.manifest.origin, one.manifest.log_key)


def signed_by_another(note: bytes) -> bytes:
    """Return a checkpoint of the same tree that somebody else signed."""
    return sign_checkpoint(SigningKey.from_seed(bytes(32)), parse_checkpoint(parse_note(note).text)).to_bytes()


def test_a_record_whose_checkpoint_the_log_did_not_sign_leaves_no_state() -> None:
    world, shelf = world_at("complete"), Shelf()
    given = given_of(world)
    files = {**files_of(world), CHECKPOINT_PATH: signed_by_another(world.checkpoints[-1])}
    outcome = verify.audit(Memory(files), given, verify.Inline(), keeper=shelf)
    assert [refused.check for refused in outcome.files] == ["AUDIT-2"]
    assert shelf.held == []


@pytest.mark.parametrize("unsigned", ["held", "shown"])
def test_what_the_log_did_not_sign_accuses_nobody(unsigned: str) -> None:
    one, other = rewritten()
    _, kept = audit(files_of(one), one)
    files = files_of(other)
    if unsigned == "held":
        kept = replace(kept, checkpoint=signed_by_another(kept.checkpoint))
    else:
        files[CHECKPOINT_PATH] = signed_by_another(files[CHECKPOINT_PATH])
    with pytest.raises(StateError) as caught:
        audit(files, other, kept)
    assert type(caught.value) is StateError
    assert caught.value.reason == "record"


def test_a_state_of_another_record_is_refused() -> None:
    world = world_at("complete")
    kept = kept_of(world, 3)
    note, files = world.checkpoints[-1], files_of(world)
    head = parse_checkpoint(parse_note(note).text)
    for changed, reason in (
        (replace(kept, manifest_hash=bytes(32), root=bytes(32)), "record"),
        (replace(kept, size=head.size + 1), "shorter"),
    ):
        with pytest.raises(StateError) as caught:
            continues(changed, files.get, note, head, None)
        assert caught.value.reason == reason
    with pytest.raises(StateError) as caught:
        continues(kept, files.get, note, head, bytes(32))
    assert caught.value.reason == "election"
    assert continues(kept, files.get, note, head, world.manifest_hash)


# -------------------------------------------------------------------------------------------------------- the clock


def audit_at(
    world: World, now_s: int, kept: Progress | None = None, workers: verify.Workers | None = None
) -> tuple[str, list[Progress]]:
    """Return the report's bytes and what was kept of a whole record under a clock."""
    shelf, given = Shelf(), replace(given_of(world), now_ms=now_s * 1_000)
    outcome = verify.audit(Memory(files_of(world)), given, workers or verify.Inline(), kept=kept, keeper=shelf)
    return to_json(report_of(outcome, given)), shelf.held


def sealed_at_s(world: World) -> list[int]:
    """Return when the first witness cosigned each sealed head; the others did a second after each other."""
    return [world.record.board.heads[size].upper_ms // 1_000 - 1 for size in world.record.board.sizes]


@pytest.mark.parametrize("name", WORLDS)
def test_a_state_of_a_clock_that_was_slow_changes_no_later_report(name: str) -> None:
    world = WORLDS[name]()
    whole, (last,) = audit_at(world, NOW_MS // 1_000)
    for at_s in sealed_at_s(world)[1::4]:
        for off_s in range(4):
            kept = audit_at(world, at_s + off_s)[1]
            for each in kept:
                again, (end,) = audit_at(world, NOW_MS // 1_000, each)
                assert (again, end.to_bytes(PROGRAM)) == (whole, last.to_bytes(PROGRAM))


def test_nothing_is_kept_and_nothing_lost_while_the_clock_is_wrong() -> None:
    world = world_at("complete")
    kept = kept_of(world, len(world.checkpoints) // 2)
    for at_s in sealed_at_s(world)[1::4]:
        text, held = audit_at(world, at_s, kept)
        assert text == audit_at(world, at_s)[0]
        assert json.loads(text)["verdict"] == "failed"
        assert held == []


def test_where_times_have_moved_everything_is_verified_again() -> None:
    world = world_at("complete")
    whole, again = Counting(), Counting()
    text, _ = audit_at(world, NOW_MS // 1_000, None, whole)
    # Three of four cosignatures count: a quorum, but another L(b), and so perhaps another key in force.
    (kept,) = audit_at(world, sealed_at_s(world)[-1] + 2)[1]
    assert audit_at(world, NOW_MS // 1_000, kept, again)[0] == text
    assert again.verified == whole.verified > 0


def test_a_smaller_state_is_never_written_over_a_larger_one() -> None:
    world = world_at("complete").fork("open")
    while len(world.entries) <= 2 * TILE_WIDTH:
        world.block()
    _, kept = audit(files_of(world), world)
    shelf = Shelf()
    # Other times: the audit begins at the beginning, where every bundle's end is an occasion to keep.
    verify.audit(
        Memory(files_of(world)), given_of(world), verify.Inline(), kept=replace(kept, times=bytes(32)), keeper=shelf
    )
    assert [each.size for each in shelf.held] == [len(world.entries)]


@dataclass(frozen=True)
class BrokenAtFirst(Memory):
    """A record whose disk gives a wrong tile the first time it is read."""

    broken: list[str] = field(default_factory=list)

    def get(self, path: str) -> bytes | None:
        data = super().get(path)
        if path not in self.broken and path.startswith("tile/0/") and data:
            self.broken.append(path)
            return bytes([data[0] ^ 1]) + data[1:]
        return data


def test_a_state_that_was_not_compared_is_not_written_over() -> None:
    world = world_at("complete")
    whole, kept = audit(files_of(world), world)
    shelf, record = Shelf(), BrokenAtFirst(files_of(world))
    outcome = verify.audit(record, given_of(world), verify.Inline(), kept=kept, keeper=shelf)
    assert record.broken
    assert to_json(report_of(outcome, given_of(world))) == whole
    assert shelf.held == []


def test_a_kept_outcome_that_does_not_come_out_again_is_not_believed() -> None:
    world = broken_world()
    whole, kept = audit(files_of(world), world)
    for index in range(len(world.entries)):
        if index in kept.false:
            continue
        if index in kept.refused:
            refused = {at: each for at, each in kept.refused.items() if at != index}
        else:
            refused = {**kept.refused, index: Refused("X-1", "said the clock")}
        # Nor are the sums, which are without what was refused.
        again, end = audit(files_of(world), world, replace(kept, refused=refused, sums={}, ballots={}))
        assert (again, end.to_bytes(PROGRAM)) == (whole, kept.to_bytes(PROGRAM)), index
    assert 0 < len(kept.false) < len(kept.refused)


def sealed(document: object) -> bytes:
    body = (document if isinstance(document, str) else json.dumps(document)).encode()
    return b"dobush-audit-state/1\n" + sha256(body).hexdigest().encode() + b"\n" + body


def test_every_changed_byte_of_a_state_is_refused() -> None:
    data = Progress(
        3,
        bytes(32),
        b"note",
        bytes(32),
        {2: Refused("X-1", "no", culprit="y")},
        frozenset({2}),
        bytes(32),
        {(1, 2): b"s"},
        {(1, 2): 4},
    )
    text = data.to_bytes(PROGRAM)
    for place in range(len(text)):
        with pytest.raises(StateError):
            parse_progress(text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :], PROGRAM)
        with pytest.raises(StateError):
            parse_progress(text[:place], PROGRAM)
    assert parse_progress(text, PROGRAM).to_bytes(PROGRAM) == text


@pytest.mark.parametrize("change", [{"size": None}, {"root": 1}, {"sums": [[1]]}, {"sums": [[1, 2, "é"]]}, {"more": 1}])
def test_a_state_of_another_shape_is_refused(change: dict[str, object]) -> None:
    kept = Progress(3, bytes(32), b"note", bytes(32), {}, frozenset(), bytes(32), {}, {})
    body = kept.to_bytes(PROGRAM).split(b"\n", 2)[2]
    with pytest.raises(StateError) as caught:
        parse_progress(sealed({**json.loads(body), **change}), PROGRAM)
    assert caught.value.reason == "damaged"


@pytest.mark.parametrize("text", ["", "[]", "7", "[" * 100_000])
def test_a_state_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(StateError):
        parse_progress(sealed(text), PROGRAM)


def test_a_state_of_another_program_is_refused() -> None:
    data = Progress(3, bytes(32), b"note", bytes(32), {}, frozenset(), bytes(32), {}, {}).to_bytes("another")
    with pytest.raises(StateError) as caught:
        parse_progress(data, PROGRAM)
    assert caught.value.reason == "program"


def test_refusals_keep_their_kind() -> None:
    refused = {1: MalformedEncoding("X-1", "no"), 2: Refused("X-2", "no")}
    kept = Progress(3, bytes(32), b"", bytes(32), refused, frozenset({2}), bytes(32), {}, {})
    read = parse_progress(kept.to_bytes(PROGRAM), PROGRAM)
    assert [type(each) for each in read.refused.values()] == [MalformedEncoding, Refused]


# ------------------------------------------------------------------------------------------------------ the program


def run(record: Path, *arguments: object) -> tuple[int, str]:
    options = ["--manifest-hash", world_at("complete").manifest_hash.hex(), "--workers", "1", *map(str, arguments)]
    result = RUN.invoke(cli.app, ["verify", str(record), *options])
    return result.exit_code, result.output


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    path = tmp_path / "figures.json"
    path.write_text(json.dumps(SLOTS))
    return path


def test_calls_repeated_over_a_growing_record_end_verified(tmp_path: Path, figures: Path) -> None:
    world, state = world_at("complete"), tmp_path / "state"
    for place in (2, len(world.checkpoints) // 2):
        record = write_files(tmp_path / "record", files_at(world, place))
        assert run(record, "--slots", figures, "--state", state)[0] == 3
        size = parse_checkpoint(parse_note(world.checkpoints[place]).text).size
        assert StateFile(state, program()).read().size == size  # type: ignore[union-attr]
    record = write_files(tmp_path / "record", files_of(world))
    found = []
    for options in (["--state", state], []):
        out = tmp_path / "report.json"
        assert run(record, "--slots", figures, "--json", out, *options)[0] == 0
        document = json.loads(out.read_text())
        found.append({name: value for name, value in document.items() if name not in {"work", "checked_at"}})
    assert found[0] == found[1]


def program() -> str:
    software = fetch.software()
    return f"{software.package_hash} {software.kernel_hash}"


def test_following_ends_when_the_election_has_ended(
    tmp_path: Path, figures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_at("complete")
    record = write_files(tmp_path / "record", files_at(world, 5))
    grown = []

    def grow(seconds: float) -> None:
        grown.append(seconds)
        write_files(record, files_of(world))

    monkeypatch.setattr("audit.cli.time.sleep", grow)
    status, text = run(record, "--slots", figures, "--state", tmp_path / "state", "--every", 7)
    assert (status, grown) == (0, [7.0])
    assert text.count("INCOMPLETE") >= 1


def test_the_time_of_an_audit_is_that_after_the_copy(
    tmp_path: Path, figures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = write_files(tmp_path / "record", files_of(world_at("complete")))
    now = [1.0]

    def copied(*_: object, **__: object) -> Path:
        # Copying took so long that everything in the copy was cosigned after it began.
        now[0] = 1e10
        return record

    monkeypatch.setattr("audit.cli.time.time", lambda: now[0])
    monkeypatch.setattr("audit.cli._copied", copied)
    assert run(record, "--slots", figures)[0] == 0


def test_an_interrupted_run_goes_on_from_what_it_kept(
    tmp_path: Path, figures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, state = world_at("complete"), tmp_path / "state"
    half = write_files(tmp_path / "half", files_at(world, len(world.checkpoints) // 2))
    run(half, "--state", state)
    before = state.read_bytes()
    record = write_files(tmp_path / "record", files_of(world))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(StateFile, "keep", stop)
        assert run(record, "--slots", figures, "--state", state)[0] == 3
    assert state.read_bytes() == before
    assert run(record, "--slots", figures, "--state", state)[0] == 0


@pytest.mark.parametrize("damage", [b"", b"dobush-audit-state/1\n", b"\xff" * 200])
def test_a_damaged_state_is_status_2_and_is_left_alone(tmp_path: Path, damage: bytes) -> None:
    record, state = write_files(tmp_path / "record", files_of(world_at("complete"))), tmp_path / "state"
    state.write_bytes(damage)
    status, text = run(record, "--state", state)
    assert status == 2
    assert "damaged" in text
    assert state.read_bytes() == damage


def test_a_state_that_cannot_be_written_is_status_2(tmp_path: Path) -> None:
    record = write_files(tmp_path / "record", files_of(world_at("complete")))
    (tmp_path / "file").write_bytes(b"")
    assert run(record, "--state", tmp_path / "file" / "state")[0] == 2


def test_following_goes_on_where_once_nothing_can_be_audited(
    tmp_path: Path, figures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, state, place = world_at("complete"), tmp_path / "state", 5
    record, read = write_files(tmp_path / "record", files_at(world, place)), fetch.Folder.get
    checkpoint = record / CHECKPOINT_PATH
    size = parse_checkpoint(parse_note(world.checkpoints[place]).text).size

    def fail(folder: fetch.Folder, path: str) -> bytes | None:
        if path.startswith("tile/"):
            raise OSError(5, "the share is gone")
        return read(folder, path)

    def gone() -> None:
        checkpoint.unlink()

    def away() -> None:
        write_files(record, files_at(world, place))
        monkeypatch.setattr(fetch.Folder, "get", fail)

    def older() -> None:
        monkeypatch.setattr(fetch.Folder, "get", read)
        write_files(record, files_at(world, 3))

    def whole() -> None:
        write_files(record, files_of(world))

    acts = [gone, away, older, whole]

    def then(_: float) -> None:
        held = StateFile(state, program()).read()
        assert held is not None
        assert held.size == size
        acts.pop(0)()

    monkeypatch.setattr("audit.cli.time.sleep", then)
    status, text = run(record, "--slots", figures, "--state", state, "--every", 7)
    assert (status, acts) == (0, [])
    assert "the share is gone" in text
    kept = {path.read_bytes() for path in (tmp_path / "state-notes").iterdir()}
    assert kept == {world.checkpoints[place], world.checkpoints[3]}


def test_following_an_address_ends_with_a_fork_and_with_nothing_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = rewritten()
    log = VerifierKey(one.manifest.origin, one.manifest.log_key).to_text()
    served, slept = [files_of(one)], []

    def get(path: str) -> bytes | None:
        if not served[0]:
            raise fetch.InputError("nobody answers")
        return served[0].get(path)

    def then(seconds: float) -> None:
        slept.append(seconds)
        # Nobody, then a proxy's page, then half a log; at last the other history.
        page, half = {CHECKPOINT_PATH: b"<html>"}, {CHECKPOINT_PATH: other.checkpoints[-1]}
        served[0] = [{}, page, half, files_of(other)][len(slept) - 1]

    monkeypatch.setattr("audit.cli.read_url", lambda _: get)
    monkeypatch.setattr("audit.cli.time.sleep", then)
    options = ["--copy", tmp_path / "copy", "--log", log, "--state", tmp_path / "state", "--every", 7]
    result = RUN.invoke(cli.app, ["verify", "https://board.example/log", "--workers", "1", *map(str, options)])
    assert (result.exit_code, len(slept)) == (1, 4)
    assert "nobody answers" in result.output
    (proof,) = (tmp_path / "copy-forks").iterdir()
    verify_fork(proof.read_bytes(), VerifierKey(one.manifest.origin, one.manifest.log_key))


@pytest.mark.parametrize("answer", [None, b"<html>"])
def test_without_every_an_address_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes | None
) -> None:
    world = world_at("complete")
    log = VerifierKey(world.manifest.origin, world.manifest.log_key).to_text()
    monkeypatch.setattr("audit.cli.read_url", lambda _: lambda _: answer)
    options = ["--copy", str(tmp_path / "copy"), "--log", log]
    result = RUN.invoke(cli.app, ["verify", "https://board.example/log", "--workers", "1", *options])
    assert result.exit_code == (2 if answer is None else 1)


def test_so_many_notes_are_kept_and_no_more(tmp_path: Path) -> None:
    for number in range(80):
        keeping.keep_notes(tmp_path / "notes", [b"one", str(number).encode()])
    assert len(list((tmp_path / "notes").iterdir())) == 64


def test_every_needs_a_state(tmp_path: Path) -> None:
    record = write_files(tmp_path / "record", files_of(world_at("complete")))
    assert run(record, "--every", 5)[0] == 2


def test_an_older_copy_is_status_2_and_a_rewritten_log_is_status_1_with_proof(tmp_path: Path) -> None:
    one, other = rewritten()
    state = tmp_path / "state"
    assert run(write_files(tmp_path / "one", files_of(one)), "--state", state)[0] == 3
    older = write_files(tmp_path / "older", files_at(one, 3))
    assert run(older, "--state", state)[0] == 2
    status, text = run(write_files(tmp_path / "other", files_of(other)), "--state", state)
    assert status == 1
    (proof,) = (tmp_path / "state-forks").iterdir()
    assert proof.name in text.replace("\n", "")
    verify_fork(proof.read_bytes(), VerifierKey(one.manifest.origin, one.manifest.log_key))


def test_a_running_audit_keeps_its_state_now_and_then(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = [100.0]
    monkeypatch.setattr("audit.keeping.time.monotonic", lambda: now[0])
    file = StateFile(tmp_path / "state", PROGRAM)
    assert not file.due()
    now[0] += keeping.EVERY_S
    assert file.due()
    file.keep(Progress(3, bytes(32), b"note", bytes(32), {}, frozenset(), bytes(32), {}, {}))
    assert not file.due()
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_the_worlds_hold_what_these_tests_are_about() -> None:
    world = broken_world()
    refused = [world.entries[index] for index in world.record.refused]
    hashes = {
        hash_ballot("demo", BallotEntry.parse(parse_entry(raw).body).ballot) for raw in refused if raw[3:9] == b"ballot"
    }
    assert len(hashes) >= 3
    assert CHECKPOINT_PATH in files_of(world)
