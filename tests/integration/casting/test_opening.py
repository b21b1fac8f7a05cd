"""An opening that comes after its hour: nothing is begun until a head that covers it is sealed."""

from pathlib import Path

import pytest

from crypto.election.entries import Opening
from tests.desk import open_desk
from tests.simulator import fresh


def test_no_nonce_before_a_sealed_head_covers_the_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = fresh("frozen")
    world.wait_until(world.manifest.opens_at_ms)
    world.accept()
    world.accept([], [world.credential(world.registered()[0])])
    world.accept()
    certificate = world.record.ceremony.conclude()
    world.accept([*world.drill(1), world.by_officers("opening", Opening(certificate.key, certificate.hash))])
    monkeypatch.setattr("tests.desk.fresh", lambda _stage: world)
    monkeypatch.setattr("voting_server.casting.service._STALE_MS", -1)
    with open_desk(tmp_path) as desk:
        sitting = desk.log_in(0)
        ballot, _ = world.seal_ballot(sitting.voter)
        answer = sitting.post(f"/casting/nonces/{sitting.hash(ballot).hex()}")
        assert answer.json()["type"] == "/problems/not-open"
        desk.sequence()
        assert sitting.vote().number == 1
