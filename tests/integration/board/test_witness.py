"""A witness over HTTP: every status, state on the disk before the answer, proofs of forks kept, entries followed."""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

import audit.mirror
import audit.serve
from audit.fetch import InputError
from audit.fork import verify_fork
from audit.serve import HeadStore, WitnessServer, open_keys
from audit.witness import SIZE_TYPE, AddCheckpoint
from crypto.merkle import EMPTY_ROOT, MAX_PROOF_HASHES, hashes_from_leaves, leaf_hash, prove_consistency, root_of
from crypto.signatures import (
    MAX_U63,
    Checkpoint,
    SigningKey,
    VerifierKey,
    parse_note,
    parse_signature_lines,
    sign_checkpoint,
    verify_cosignatures,
)
from tests.integration.board.town import Town, Watch, sqlite_town

LEAVES = [leaf_hash(b"entry %d" % n) for n in range(12)]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Return a town without a log: its first witness is asked directly."""
    made = sqlite_town(tmp_path_factory.mktemp("watched"))
    yield made
    made.stop()


@pytest.fixture
def watch(watched: Town, tmp_path: Path) -> Iterator[Watch]:
    made = Watch.start(watched, 0, tmp_path)
    yield made
    made.stop()


def note(town: Town, size: int, leaves: list[bytes] = LEAVES, key: SigningKey | None = None) -> bytes:
    root = root_of(leaves[:size])
    return sign_checkpoint(key or town.writer.key, Checkpoint(town.manifest.origin, size, root)).to_bytes()


def ask(watch: Watch, body: bytes) -> httpx.Response:
    return httpx.post(f"{watch.url}/add-checkpoint", content=body, trust_env=False)


def request(town: Town, old: int, new: int, leaves: list[bytes] = LEAVES) -> bytes:
    proof = prove_consistency(hashes_from_leaves(leaves[:new]), old, new)
    return AddCheckpoint(old, proof, note(town, new, leaves)).to_bytes()


def test_200_is_one_valid_line_and_the_state_is_on_the_disk(watched: Town, watch: Watch) -> None:
    answer = ask(watch, request(watched, 0, 5))
    assert answer.status_code == 200
    (line,) = parse_signature_lines(answer.text)
    text = parse_note(note(watched, 5))
    (counted,) = verify_cosignatures(text.with_signatures(line), [watch.server.keys.verifier_key], MAX_U63)
    assert counted.time_s == watched.clock_ms // 1_000
    stored = HeadStore(watch.server.store.folder).state.heads[watched.manifest.origin]
    assert stored.checkpoint.size == 5
    assert ask(watch, request(watched, 5, 9)).status_code == 200
    assert ask(watch, request(watched, 9, 9)).status_code == 200


@pytest.mark.parametrize(
    ("status", "make"),
    [
        (400, lambda _: b"old 5"),
        (400, lambda town: b"old 05\n\n" + note(town, 7)),
        (400, lambda town: AddCheckpoint(9, (), note(town, 7)).to_bytes()),
        (400, lambda town: AddCheckpoint(5, (bytes(32),) * (MAX_PROOF_HASHES + 1), note(town, 7)).to_bytes()),
        (400, lambda town: request(town, 5, 7).replace(b"\n", b"\r\n")),
        (400, lambda _: b"x" * 100_000),
        (400, lambda town: AddCheckpoint(5, (), note(town, 7).replace(b"\n\n", b"\nextension\n\n", 1)).to_bytes()),
        (403, lambda town: AddCheckpoint(5, (), note(town, 7, key=SigningKey.from_seed(bytes([7]) * 32))).to_bytes()),
        (404, lambda _: AddCheckpoint(0, (), _foreign()).to_bytes()),
        (409, lambda town: request(town, 3, 7)),
        (409, lambda town: request(town, 0, 7)),
        (422, lambda town: AddCheckpoint(5, (bytes(32),), note(town, 7)).to_bytes()),
        (422, lambda town: AddCheckpoint(5, (), note(town, 5, LEAVES[1:])).to_bytes()),
    ],
)
def test_every_other_status_changes_nothing(
    watched: Town, watch: Watch, status: int, make: Callable[[Town], bytes]
) -> None:
    assert ask(watch, request(watched, 0, 5)).status_code == 200
    before = watch.server.store.state
    answer = ask(watch, make(watched))
    assert answer.status_code == status
    assert watch.server.store.state == before
    if status == 409:
        assert (answer.text, answer.headers["content-type"]) == ("5\n", SIZE_TYPE)


def _foreign() -> bytes:
    key = SigningKey.from_seed(bytes([7]) * 32)
    return sign_checkpoint(key, Checkpoint("other.example/log", 0, EMPTY_ROOT)).to_bytes()


def test_the_monitoring_endpoint_shows_what_was_cosigned(watched: Town, watch: Watch) -> None:
    path = f"{watch.url}/{sha256(watched.manifest.origin.encode()).hexdigest()}/checkpoint"
    assert httpx.get(path, trust_env=False).status_code == 404
    ask(watch, request(watched, 0, 5))
    shown = parse_note(httpx.get(path, trust_env=False).content)
    assert shown.text == parse_note(note(watched, 5)).text
    assert [line.name for line in shown.signatures] == [watched.manifest.origin, watch.server.keys.name]
    assert httpx.get(f"{watch.url}/{'0' * 64}/checkpoint", trust_env=False).status_code == 404


def test_a_certificate_share_is_computed_once_however_many_ask(
    watched: Town, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bytes] = []

    def sign(_secret: int, message: bytes) -> bytes:
        made.append(message)
        return bytes(96)

    monkeypatch.setattr(audit.serve, "sign_bls", sign)
    ask(watch, request(watched, 0, 3))
    ask(watch, request(watched, 3, 5))
    place = f"{watch.url}/bls/{sha256(watched.manifest.origin.encode()).hexdigest()}"
    for size in (3, 5, 3, 5, 5, 3):
        assert httpx.get(f"{place}/{size}", trust_env=False).status_code == 200
    assert httpx.get(f"{place}/4", trust_env=False).status_code == 404
    assert len(made) == 2


def test_nobody_waits_while_a_certificate_share_is_computed(
    watched: Town, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def sign(_secret: int, _message: bytes) -> bytes:
        begun.set()
        assert ended.wait(20)
        return bytes(96)

    monkeypatch.setattr(audit.serve, "sign_bls", sign)
    ask(watch, request(watched, 0, 3))
    ask(watch, request(watched, 3, 5))
    place = f"{watch.url}/bls/{sha256(watched.manifest.origin.encode()).hexdigest()}"
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(httpx.get, f"{place}/3", trust_env=False, timeout=30)
        assert begun.wait(20)
        assert [httpx.get(f"{place}/{size}", trust_env=False).status_code for size in (5, 3, 5)] == [503] * 3
        assert ask(watch, request(watched, 5, 9)).status_code == 200
        ended.set()
        assert first.result().status_code == 200
    assert httpx.get(f"{place}/5", trust_env=False).status_code == 200


def test_a_shown_fork_is_refused_and_its_proof_kept(watched: Town, watch: Watch) -> None:
    ask(watch, request(watched, 0, 5))
    assert ask(watch, AddCheckpoint(5, (), note(watched, 5, LEAVES[1:])).to_bytes()).status_code == 422
    (name,) = httpx.get(f"{watch.url}/forks", trust_env=False).text.split()
    proof = httpx.get(f"{watch.url}/forks/{name}", trust_env=False).content
    assert verify_fork(proof, VerifierKey(watched.manifest.origin, watched.manifest.log_key)) == 5
    assert name in httpx.get(f"{watch.url}/?lang=en", trust_env=False).text
    assert httpx.get(f"{watch.url}/forks/..%2fkey", trust_env=False).status_code == 404


def test_no_answer_is_given_where_the_state_cannot_be_stored(
    watched: Town, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(watch, request(watched, 0, 5))

    def full(_file: Path, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("audit.serve.write_file", full)
    answer = ask(watch, request(watched, 5, 9))
    assert (answer.status_code, answer.content) == (500, b"")
    monkeypatch.undo()
    assert ask(watch, request(watched, 5, 9)).status_code == 200


def test_a_witness_goes_on_from_its_state_after_a_restart(watched: Town, tmp_path: Path) -> None:
    first = Watch.start(watched, 0, tmp_path)
    ask(first, request(watched, 0, 5))
    first.stop()
    second = Watch.start(watched, 0, tmp_path)
    with suppress(AssertionError):
        assert ask(second, request(watched, 0, 7)).status_code == 409
    assert ask(second, request(watched, 5, 7)).status_code == 200
    second.stop()


def test_a_damaged_state_keeps_the_witness_from_starting(watched: Town, tmp_path: Path) -> None:
    first = Watch.start(watched, 0, tmp_path)
    ask(first, request(watched, 0, 5))
    first.stop()
    (file,) = (tmp_path / "witness-0" / "heads").glob("*.json")
    content = json.loads(file.read_bytes())
    for spoiled in (b"", b"{}", json.dumps({**content, "note": "x"}).encode()):
        file.write_bytes(spoiled)
        with pytest.raises(InputError):
            WitnessServer(first.server.keys, first.server.logs, tmp_path / "witness-0")


def test_a_key_file_is_its_owners_alone_and_lasts(tmp_path: Path) -> None:
    made = open_keys(tmp_path / "state" / "key", "watch.example/a", bytes)
    assert (tmp_path / "state" / "key").stat().st_mode & 0o777 == 0o600
    assert open_keys(tmp_path / "state" / "key", "watch.example/a", lambda count: b"\x01" * count) == made
    (tmp_path / "state" / "key").write_text("none")
    with pytest.raises(InputError):
        open_keys(tmp_path / "state" / "key", "watch.example/a", bytes)


@pytest.mark.parametrize(
    "head",
    [
        b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n\r\n",
        b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: -1\r\n\r\n",
        b"POST /other HTTP/1.1\r\nHost: w\r\nContent-Length: 0\r\n\r\n",
        b"DELETE / HTTP/1.1\r\nHost: w\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_a_strange_request_is_an_error_and_no_more(watch: Watch, head: bytes) -> None:
    with socket.create_connection(watch.http.server_address, timeout=5) as connection:
        connection.sendall(head)
        answer = http.client.HTTPResponse(connection)
        with suppress(http.client.BadStatusLine):
            answer.begin()
            assert answer.status in {400, 404, 501}


def test_a_witness_follows_the_entries_and_says_what_it_found(desk: Town, tmp_path: Path) -> None:
    desk.run("voted")
    served = Watch.start(desk, 1, tmp_path / "follower", "http://127.0.0.1:9/log")
    follower = served.server.followers[0]
    follower._remote = desk.board.publication.get
    try:
        assert ask(served, _from_board(desk)).status_code == 200
        head = served.server.store.state.heads[desk.manifest.origin]
        follower.step(head.note)
        assert follower.found.size == desk.board.heads().size
        assert (follower.found.refused, follower.found.faults, follower.found.error) == ((), (), "")
        page = httpx.get(f"{served.url}/?lang=ru", trust_env=False)
        assert page.status_code == 200
        assert "ballot 22" in page.text
        assert "script" not in page.text
    finally:
        served.stop()


def test_a_follower_reports_a_log_that_shows_others_another_tree(desk: Town, tmp_path: Path) -> None:
    desk.run("founded")
    served = Watch.start(desk, 1, tmp_path / "follower", "http://127.0.0.1:9/log")
    follower = served.server.followers[0]
    other = note(desk, 3)
    follower._remote = lambda path: other if path == "checkpoint" else desk.board.publication.get(path)
    try:
        ask(served, _from_board(desk))
        follower.step(served.server.store.state.heads[desk.manifest.origin].note)
        assert len(follower.found.faults) == 1
        (name,) = served.server.fork_names()
        assert verify_fork((served.server.forks / name).read_bytes(), follower.log) == 3
    finally:
        served.stop()


def _from_board(town: Town) -> bytes:
    newest = town.board.store.checkpoint()
    assert newest is not None
    return AddCheckpoint(0, (), newest.note).to_bytes()


def test_a_mirror_over_http_refuses_what_does_not_answer() -> None:
    with pytest.raises(InputError):
        audit.mirror.read_url("http://127.0.0.1:9/log", 0.5)("checkpoint")
    with pytest.raises(InputError):
        audit.mirror.read_url("file:///etc")
