"""A witness takes a sequence of requests: the status of each, the worked answer, a state that only a 200 changes."""

import hashlib
import json
from pathlib import Path
from typing import Any

from audit.witness import AddCheckpoint, Answer, State, Witness, add_checkpoint, parse_add_checkpoint, read_checkpoint
from crypto.signatures import (
    TYPE_COSIGNATURE,
    NoteSignature,
    SigningKey,
    VerifierKey,
    parse_note,
    parse_verifier_key,
    verify_quorum,
)

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors/witness.json").read_text(encoding="utf-8"))
LOG = parse_verifier_key(VECTORS["log"])
WITNESS = Witness(VECTORS["witness"]["name"], SigningKey.from_seed(bytes.fromhex(VECTORS["witness"]["seed"])), (LOG,))
NOW_S: int = VECTORS["time_s"]


def replay(count: int | None = None) -> tuple[State, list[Answer]]:
    state, answers = State(), []
    for case in VECTORS["requests"][:count]:
        after, answer = add_checkpoint(WITNESS, state, case["request"].encode(), NOW_S)
        assert (answer.status == 200) is (after is not state)
        state = after
        answers.append(answer)
    return state, answers


def test_every_status() -> None:
    _, answers = replay()
    wanted = [(case["why"], case["status"]) for case in VECTORS["requests"]]
    got = [(case["why"], answer.status) for case, answer in zip(VECTORS["requests"], answers, strict=True)]
    assert got == wanted
    for case, answer in zip(VECTORS["requests"], answers, strict=True):
        if case["body"]:
            assert (answer.body.decode(), answer.content_type) == (case["body"], "text/x.tlog.size")
        if answer.status not in {200, 409}:
            assert answer.body == b""
            assert answer.refusal is not None


def test_the_answer_from_5_to_7_byte_for_byte() -> None:
    _, answers = replay()
    worked = [answer.body.decode() for answer in answers if answer.status == 200]
    assert worked[-1] == VECTORS["line_5_to_7"]


def test_the_stored_checkpoint_is_a_quorum_of_one() -> None:
    state, _ = replay()
    key = VerifierKey(WITNESS.name, WITNESS.key.public_key, TYPE_COSIGNATURE)
    answer = read_checkpoint(state, hashlib.sha256(LOG.name.encode()).hexdigest())
    assert answer.status == 200
    assert verify_quorum(answer.body, LOG, [key], 1, NOW_S).checkpoint.size == 7
    assert read_checkpoint(state, "00" * 32).status == 404
    assert read_checkpoint(State(), hashlib.sha256(LOG.name.encode()).hexdigest()).status == 404


def test_requests_are_written_as_they_are_read() -> None:
    for case in VECTORS["requests"]:
        if case["status"] != 400:
            assert parse_add_checkpoint(case["request"].encode()).to_bytes().decode() == case["request"]


def test_a_second_log_has_its_own_size() -> None:
    other_key = SigningKey.from_seed(bytes([9]) * 32)
    other = VerifierKey("other.example/vybory", other_key.public_key)
    witness = Witness(WITNESS.name, WITNESS.key, (LOG, other))
    state, _ = replay()
    first = VECTORS["requests"][0]["request"].encode()
    assert add_checkpoint(witness, state, first, NOW_S)[1].body == b"7\n"
    text = parse_note(first.partition(b"\n\n")[2]).text.replace(LOG.name, other.name)
    line = NoteSignature(other.name, other.note_key_id, other_key.sign(text.encode()))
    note = f"{text}\n{line.to_text()}".encode()
    after, answer = add_checkpoint(witness, state, AddCheckpoint(0, (), note).to_bytes(), NOW_S)
    assert answer.status == 200
    assert {name: head.checkpoint.size for name, head in after.heads.items()} == {LOG.name: 7, other.name: 5}


def test_what_is_stored_holds_no_foreign_lines() -> None:
    request = VECTORS["requests"][0]["request"].encode()
    grease = NoteSignature(LOG.name, b"\x00\x00\x00\x01", b"grease").to_text().encode() * 15
    state, answer = add_checkpoint(WITNESS, State(), request + grease, NOW_S)
    assert answer.status == 200
    assert len(parse_note(state.heads[LOG.name].note).signatures) == 2
