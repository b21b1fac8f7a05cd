"""Casting: what is accepted stands on the board, what is repeated gets the same receipt, and all else is refused."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto.election.ballot import verify_receipt
from crypto.election.entries import Entry, parse_entry
from crypto.signatures import ES256
from demo.voters import make_passkey
from tests.desk import CBOR, Desk, Sitting, ballot_of, decode, open_desk
from tests.simulator import secret


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr("voting_server.casting.intake._STALE_MS", -1)
    with open_desk(tmp_path) as served:
        yield served


def broken(ballot: bytes) -> bytes:
    """Return a ballot whose last proof is false."""
    return ballot[:-32] + bytes([ballot[-32] ^ 1]) + ballot[-31:]


def cast_broken(sitting: Sitting) -> int:
    """Cast a ballot with a false proof, rightly signed; return the status."""
    ballot = broken(sitting.desk.world.seal_ballot(sitting.voter)[0])
    return sitting.cast(sitting.sign(ballot, sitting.nonce(ballot))).status_code


def test_a_cast_ballot_gets_a_receipt_and_stands_on_the_board(desk: Desk) -> None:
    sitting, world = desk.log_in(0), desk.world
    receipt = sitting.vote()
    verify_receipt(receipt, world.manifest, world.manifest_hash, world.record.keyring.receipt_keys)
    assert receipt.deadline_ms == world.clock_ms + world.manifest.receipt_delay_ms
    assert desk.sequence() == []
    assert world.record.ballots.stands(receipt, world.read, len(world.entries)) >= 0


def test_a_repeat_gets_the_same_receipt_before_and_after_its_block(desk: Desk) -> None:
    sitting = desk.log_in(0)
    entry = sitting.entry()
    first = sitting.cast(entry).json()
    desk.world.clock_ms += 5_000
    assert sitting.cast(entry).json() == first
    desk.sequence()
    assert sitting.cast(entry).json() == first
    receipt = sitting.client.get(f"/ballots/{first['code']}/receipt").content
    assert receipt == decode(first["receipt"])
    assert desk.store.count_waiting() == 0


def test_the_same_ballot_signed_again_is_a_repeat(desk: Desk) -> None:
    sitting = desk.log_in(0)
    ballot, _ = desk.world.seal_ballot(sitting.voter)
    first = sitting.cast(sitting.sign(ballot, sitting.nonce(ballot))).json()
    again = sitting.cast(sitting.sign(ballot, sitting.nonce(ballot))).json()
    assert again == first
    desk.sequence()
    assert desk.world.record.tally.accepted == 1


def test_a_repeat_is_answered_when_nothing_else_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voting_server.board.service._COUNT_S", -1)
    with open_desk(tmp_path, limits={"queue": 1, "casts_a_minute": 1}) as desk:
        sitting, other = desk.log_in(0), desk.log_in(1)
        entry, late = sitting.entry(), other.entry()
        first = sitting.cast(entry)
        assert first.status_code == 201
        refused = other.cast(late)
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/queue-full")
        assert int(refused.headers["retry-after"]) >= 1
        assert sitting.cast(entry).json() == first.json()
        desk.world.clock_ms = desk.world.manifest.closes_at_ms + desk.world.manifest.grace_ms + 1
        assert desk.log_in(0).cast(entry).json() == first.json()


def test_as_many_entries_wait_as_the_limit_and_not_one_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voting_server.board.service._COUNT_S", -1)
    with open_desk(tmp_path, limits={"queue": 2}) as desk:
        sittings = [desk.log_in(number) for number in range(3)]
        entries = [sitting.entry() for sitting in sittings]
        assert [sitting.cast(entry).status_code for sitting, entry in zip(sittings, entries, strict=True)] == [
            201,
            201,
            503,
        ]
        assert desk.store.count_waiting() == 2
        desk.sequence()
        assert sittings[2].cast(entries[2]).status_code == 201


def test_a_second_ballot_waits_until_the_first_has_its_block(desk: Desk) -> None:
    sitting = desk.log_in(0)
    sitting.vote()
    second = sitting.entry()
    answer = sitting.cast(second)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/ballot-waits")
    assert int(answer.headers["retry-after"]) >= 1
    desk.sequence()
    assert sitting.cast(second).status_code == 201
    assert desk.sequence() == []
    assert desk.world.record.superseded == 1


def test_another_ballot_with_a_used_number_is_refused(desk: Desk) -> None:
    sitting = desk.log_in(0)
    rival = sitting.entry(seed=secret("rival"))
    sitting.vote()
    desk.sequence()
    answer = sitting.cast(rival)
    assert (answer.status_code, answer.json()["check"]) == (409, "BALLOT-7")


def test_a_worker_that_has_not_read_the_newest_block_refuses_a_used_number(tmp_path: Path) -> None:
    with open_desk(tmp_path) as desk:
        sitting = desk.log_in(0)
        rival = sitting.entry(seed=secret("rival"))
        sitting.vote()
        desk.sequence()
        assert sitting.cast(rival).json()["type"] in {"/problems/number-taken", "/problems/refused"}


def test_a_nonce_is_for_one_ballot(desk: Desk) -> None:
    sitting = desk.log_in(0)
    ballot, other = (desk.world.seal_ballot(sitting.voter, seed=secret(name))[0] for name in ("one", "two"))
    answer = sitting.cast(sitting.sign(other, sitting.nonce(ballot)))
    assert (answer.status_code, answer.json()["check"]) == (409, "BALLOT-11")


def test_another_passkey_casts_nothing(desk: Desk) -> None:
    sitting = desk.log_in(0)
    sitting.voter.passkey = make_passkey(secret("thief"), ES256)
    answer = sitting.cast(sitting.entry())
    assert answer.status_code == 403
    assert desk.store.count_waiting() == 0


def test_a_false_proof_is_refused_before_anything_is_stored(desk: Desk) -> None:
    sitting = desk.log_in(0)
    assert cast_broken(sitting) == 422
    assert desk.store.count_waiting() == 0
    assert sitting.cast(sitting.entry()).status_code == 201


@pytest.mark.parametrize("body", [b"", b"\x80", b"\xff" * 200, b"\x84\x01", bytes(60_000)])
def test_garbage_is_malformed(desk: Desk, body: bytes) -> None:
    answer = desk.log_in(0).cast(body)
    assert answer.status_code in {400, 409}
    assert desk.store.count_waiting() == 0


def test_trailing_bytes_are_refused(desk: Desk) -> None:
    sitting = desk.log_in(0)
    assert sitting.cast(sitting.entry() + b"\x00").status_code == 400


def test_an_entry_of_another_type_is_refused(desk: Desk) -> None:
    sitting = desk.log_in(0)
    entry = parse_entry(sitting.entry())
    assert sitting.cast(Entry("spoiled", entry.body).to_bytes()).status_code == 403


def test_another_content_type_is_refused(desk: Desk) -> None:
    sitting = desk.log_in(0)
    answer = sitting.post("/ballots", sitting.entry(), **{"content-type": "text/plain"})
    assert answer.status_code == 415


def test_without_a_session_there_is_no_nonce_and_no_cast(desk: Desk) -> None:
    sitting, nobody = desk.log_in(0), desk.anonymous()
    entry = sitting.entry()
    assert nobody.post(f"/casting/nonces/{'ab' * 32}").status_code == 401
    assert nobody.post("/ballots", content=entry, headers=CBOR).status_code == 401


def test_a_session_ends(desk: Desk) -> None:
    sitting = desk.log_in(0)
    desk.world.clock_ms += desk.settings.limits.session_s * 1_000 + 1
    assert sitting.post(f"/casting/nonces/{'ab' * 32}").status_code == 401


def test_two_waiting_ballots_never_share_a_component(desk: Desk) -> None:
    first, second = desk.log_in(0), desk.log_in(1)
    seed = secret("shared")
    assert first.cast(first.entry(seed=seed)).status_code == 201
    copy = second.entry(seed=seed)
    assert second.cast(copy).json()["type"] == "/problems/ballot-waits"
    assert desk.sequence() == []
    assert second.cast(copy).json()["check"] == "BALLOT-12"
    assert second.cast(second.entry()).status_code == 201


def test_a_struck_voter_is_told(tmp_path: Path) -> None:
    with open_desk(tmp_path, "voted") as desk:
        sitting = desk.log_in(8)
        assert sitting.client.get("/casting/voter").json()["struck"] is True
        assert sitting.cast(sitting.entry()).json()["type"] == "/problems/struck"


def test_limits_are_a_credentials_own(tmp_path: Path) -> None:
    with open_desk(tmp_path, limits={"nonces_a_minute": 3, "casts_a_minute": 2}) as desk:
        sitting, other = desk.log_in(0), desk.log_in(1)
        assert [cast_broken(sitting) for _ in range(3)] == [422, 422, 429]
        answer = sitting.post(f"/casting/nonces/{'ab' * 32}")
        assert (answer.status_code, answer.json()["type"]) == (429, "/problems/rate-limited")
        assert other.cast(other.entry()).status_code == 201


def test_the_status_tells_no_times(desk: Desk) -> None:
    sitting = desk.log_in(0)
    receipt = sitting.vote()
    answer = desk.anonymous().get(f"/ballots/{receipt.ballot_hash.hex()}").json()
    assert set(answer) == {"code", "ballot_hash", "kind", "state", "index"}
    assert answer["state"] == "waiting"
    by_code = desk.anonymous().get(f"/ballots/{answer['code'].lower()}").json()
    assert by_code == answer
    assert desk.anonymous().get(f"/ballots/{answer['code']}/receipt").status_code == 401


@pytest.mark.parametrize("name", ["00" * 32, "2" * 36, "1" * 36, "x" * 64])
def test_an_unknown_ballot_is_not_found(desk: Desk, name: str) -> None:
    for path in ("", "/proof", "/events"):
        assert desk.client.get(f"/ballots/{name}{path}").status_code == 404


def test_the_proof_comes_with_the_quorum(desk: Desk) -> None:
    sitting = desk.log_in(0)
    entry = sitting.entry()
    path = f"/ballots/{sitting.hash(ballot_of(entry)).hex()}/proof"
    sitting.cast(entry)
    waiting = desk.client.get(path)
    assert (waiting.status_code, int(waiting.headers["retry-after"]) >= 1) == (404, True)
    desk.sequence(quorum=False)
    assert desk.client.get(path).status_code == 404
    desk.sequence()
    proof = desk.client.get(path)
    assert desk.world.entries[desk.verify_proof(proof.content, entry)] == entry


def test_events_end_with_the_proof(desk: Desk) -> None:
    sitting = desk.log_in(0)
    receipt = sitting.vote()
    desk.sequence()
    text = desk.client.get(f"/ballots/{receipt.ballot_hash.hex()}/events").text
    events = [block.split("\n") for block in text.removesuffix("\n\n").split("\n\n")]
    assert json.loads(events[0][1].removeprefix("data: "))["state"] == "sequenced"
    assert events[-1][0] == "event: proof"
    lines = "\n".join(line.removeprefix("data: ") for line in events[-1][1:])
    assert lines.encode() == desk.client.get(f"/ballots/{receipt.ballot_hash.hex()}/proof").content
