"""The refusals of a witness that no numbered attack covers: a log it does not watch, and a log's missing signature."""

import pytest

from audit.witness import AddCheckpoint, State, Witness, add_checkpoint
from crypto.signatures import Checkpoint, Note, NoteSignature, SigningKey, VerifierKey, sign_checkpoint

LOG, STRANGER = SigningKey.from_seed(bytes([1]) * 32), SigningKey.from_seed(bytes([2]) * 32)
ORIGIN, NOW_S = "board.example/demo", 1_767_225_600
WITNESS = Witness("watch.example", SigningKey.from_seed(bytes([3]) * 32), (VerifierKey(ORIGIN, LOG.public_key),))
HEAD = Checkpoint(ORIGIN, 7, bytes(32))
GOOD = sign_checkpoint(LOG, HEAD)
UNKNOWN, UNSIGNED = "WITNESS-2", "WITNESS-3"


def refuse(note: Note) -> tuple[int, str]:
    state, answer = add_checkpoint(WITNESS, State(), AddCheckpoint(0, (), note.to_bytes()).to_bytes(), NOW_S)
    assert (state, answer.body) == (State(), b"")
    assert answer.refusal is not None
    return answer.status, answer.refusal.check


def test_the_good_request_is_cosigned() -> None:
    request = AddCheckpoint(0, (), GOOD.to_bytes()).to_bytes()
    assert add_checkpoint(WITNESS, State(), request, NOW_S)[1].status == 200


def test_a_log_that_is_not_watched() -> None:
    assert refuse(sign_checkpoint(LOG, Checkpoint("board.example/other", 7, bytes(32)))) == (404, UNKNOWN)


@pytest.mark.parametrize(
    "lines",
    [
        sign_checkpoint(STRANGER, HEAD).signatures,
        (NoteSignature(ORIGIN, GOOD.signatures[0].note_key_id, bytes(64)),),
        (NoteSignature("board.example/other", GOOD.signatures[0].note_key_id, GOOD.signatures[0].signature),),
        sign_checkpoint(LOG, Checkpoint(ORIGIN, 8, bytes(32))).signatures,
    ],
    ids=["another key", "bad signature", "another name", "of another head"],
)
def test_a_checkpoint_that_the_log_did_not_sign(lines: tuple[NoteSignature, ...]) -> None:
    assert refuse(Note(GOOD.text, lines)) == (403, UNSIGNED)
