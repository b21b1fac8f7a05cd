"""While the receipt key is rotated new ballots wait outside, told so honestly; what was acknowledged is answered."""

from pathlib import Path

import pytest

from crypto.election.entries import Rotate
from crypto.signatures import key_id
from tests.desk import Desk, open_desk
from tests.simulator import signing_key


def rotate(desk: Desk) -> bytes:
    """Return the rotation of the receipt key, signed by the old one."""
    old = signing_key("receipt")
    body = Rotate("receipt", key_id(old.public_key), signing_key("new receipt").public_key, "a card was lost")
    return desk.world.sign("rotate", body, old)


def test_nothing_new_is_promised_while_the_receipt_key_is_rotated(tmp_path: Path) -> None:
    with open_desk(tmp_path) as desk:
        sitting, other = desk.log_in(0), desk.log_in(1)
        kept, late = sitting.entry(), other.entry()
        first = sitting.cast(kept)
        assert first.status_code == 201
        sent = desk.client.post("/entries", content=rotate(desk), headers={"content-type": "application/cbor"})
        assert sent.status_code == 202, sent.text
        for answer in (other.cast(late), other.post(f"/casting/nonces/{'ab' * 32}")):
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/key-rotates")
            assert int(answer.headers["retry-after"]) >= 1
        assert sitting.cast(kept).json() == first.json()
        assert desk.store.count_waiting() == 2


def test_a_process_with_the_old_key_promises_nothing_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voting_server.casting.intake._STALE_MS", -1)
    with open_desk(tmp_path) as desk:
        sitting, other = desk.log_in(0), desk.log_in(1)
        kept, late = sitting.entry(), other.entry()
        first = sitting.cast(kept)
        desk.sequence()
        before = len(desk.world.entries)
        desk.world.accept([rotate(desk)])
        desk.load(before)
        answer = other.cast(late)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
        assert sitting.cast(kept).json() == first.json()
