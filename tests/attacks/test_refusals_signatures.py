"""The refusals of signatures that no numbered attack covers: the strict rule, the log's line, a bad line."""

import json
from pathlib import Path
from typing import Any

import pytest

from crypto.errors import Refused
from crypto.signatures import (
    Note,
    NoteSignature,
    SigningKey,
    VerifierKey,
    parse_note,
    parse_verifier_key,
    verify_checkpoint,
    verify_ed25519,
    verify_quorum,
)

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors/signatures.json").read_text(encoding="utf-8")
)
LOG = parse_verifier_key(VECTORS["log"]["vkey"])
WITNESSES = [parse_verifier_key(item["vkey"]) for item in VECTORS["witnesses"]]
NOTE = parse_note(VECTORS["checkpoint"].encode())
LATEST = 1_767_225_601
STRICT, BAD_LINE, LOG_LINE = "SIGNATURE-1", "SIGNATURE-3", "SIGNATURE-4"


@pytest.mark.parametrize(
    "case", [case for case in VECTORS["ed25519"] if not case["valid"]], ids=lambda case: case["why"]
)
def test_what_the_strict_rule_refuses(case: dict[str, str]) -> None:
    with pytest.raises(Refused) as refusal:
        verify_ed25519(*(bytes.fromhex(case[name]) for name in ("public_key", "message", "signature")))
    assert refusal.value.check == STRICT


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_known_keys_bad_line_refuses_the_note(position: int) -> None:
    lines = list(NOTE.signatures)
    line = lines[position]
    for broken in (line.signature[:-1], line.signature[:-1] + bytes([line.signature[-1] ^ 1]), b"\x00"):
        lines[position] = NoteSignature(line.name, line.note_key_id, broken)
        with pytest.raises(Refused) as refusal:
            verify_quorum(Note(NOTE.text, tuple(lines)).to_bytes(), LOG, WITNESSES, 1, LATEST)
        assert (refusal.value.check, refusal.value.culprit) == (BAD_LINE, line.name)


def test_another_root_under_the_same_lines() -> None:
    changed = Note(NOTE.text.replace("\n7\n", "\n8\n"), NOTE.signatures)
    with pytest.raises(Refused) as refusal:
        verify_checkpoint(changed.to_bytes(), LOG)
    assert (refusal.value.check, refusal.value.culprit) == (BAD_LINE, LOG.name)


def test_a_checkpoint_without_the_logs_line() -> None:
    stranger = SigningKey.from_seed(bytes([9]) * 32)
    foreign = VerifierKey(LOG.name, stranger.public_key)
    by_stranger = NoteSignature(LOG.name, foreign.note_key_id, stranger.sign(NOTE.text.encode()))
    for lines in (NOTE.signatures[1:], (by_stranger,)):
        with pytest.raises(Refused) as refusal:
            verify_checkpoint(Note(NOTE.text, lines).to_bytes(), LOG)
        assert (refusal.value.check, refusal.value.culprit) == (LOG_LINE, LOG.name)


def test_a_checkpoint_of_another_origin() -> None:
    key = SigningKey.from_seed(bytes.fromhex(VECTORS["log"]["seed"]))
    text = NOTE.text.replace(LOG.name, "board.example/another")
    note = Note(text, (NoteSignature(LOG.name, LOG.note_key_id, key.sign(text.encode())),))
    with pytest.raises(Refused) as refusal:
        verify_checkpoint(note.to_bytes(), LOG)
    assert refusal.value.check == LOG_LINE
