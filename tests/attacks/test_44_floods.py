"""Floods at the intake: bodies too large, bodies that would grow, false proofs by the dozen, too many casts at once.

Slow heads and bodies are cut off by the protocol itself: `tests/integration/test_limits.py`.
"""

import asyncio
import gzip
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from crypto.election.record import Work, discharge
from tests.desk import Sitting, open_desk
from tests.simulator import secret
from voting_server.board.feed import Streams
from voting_server.casting import intake
from voting_server.plumbing.problems import ProblemError


def false_entry(sitting: Sitting, number: int) -> bytes:
    """Return an entry of the right shape, rightly signed, whose proof is false."""
    ballot, _ = sitting.desk.world.seal_ballot(sitting.voter, seed=secret("flood", number))
    broken = ballot[:-32] + bytes([ballot[-32] ^ 1]) + ballot[-31:]
    return sitting.sign(broken, sitting.nonce(broken))


def test_false_proofs_are_limited_before_they_cost_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proofs = 0

    def counting(office: Any, works: Sequence[Work]) -> Any:  # noqa: ANN401
        nonlocal proofs
        proofs += sum(work.ballot is not None for work in works)
        return discharge(office, works)

    monkeypatch.setattr(intake, "discharge", counting)
    with open_desk(tmp_path, limits={"casts_a_minute": 5, "nonces_a_minute": 100}) as desk:
        sitting, other = desk.log_in(0), desk.log_in(1)
        statuses = [sitting.cast(false_entry(sitting, number)).status_code for number in range(12)]
        assert statuses == [422] * 5 + [429] * 7
        assert proofs == 5
        assert other.cast(other.entry()).status_code == 201


def test_who_holds_no_key_causes_no_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_desk(tmp_path) as desk:
        sitting = desk.log_in(0)
        entry = bytearray(false_entry(sitting, 0))
        place = bytes(entry).index(b"isignature") + 12
        entry[place + 8] ^= 1
        seen: list[Work] = []

        def watching(office: Any, works: Sequence[Work]) -> Any:  # noqa: ANN401
            seen.extend(work for work in works if work.ballot is not None)
            return discharge(office, works)

        monkeypatch.setattr(intake, "discharge", watching)
        assert sitting.cast(bytes(entry)).status_code in {400, 403}
        assert seen == []


@pytest.mark.parametrize("size", [131_073, 400_000])
def test_a_body_beyond_the_limit_is_turned_away(tmp_path: Path, size: int) -> None:
    with open_desk(tmp_path) as desk:
        sitting = desk.log_in(0)
        assert sitting.post("/ballots", bytes(size)).status_code == 413
        assert sitting.post("/ballots", bytes(131_072)).status_code == 400


def test_a_body_without_a_stated_length_is_counted_as_it_comes(tmp_path: Path) -> None:
    with open_desk(tmp_path) as desk:
        sitting = desk.log_in(0)
        headers = {"content-type": "application/cbor", "origin": desk.settings.ballot_origin}
        chunks = (bytes(10_000) for _ in range(40))
        assert sitting.client.post("/ballots", content=chunks, headers=headers).status_code == 413


def test_a_packed_body_is_never_unpacked(tmp_path: Path) -> None:
    with open_desk(tmp_path) as desk:
        sitting = desk.log_in(0)
        bomb = gzip.compress(bytes(20_000_000))
        assert len(bomb) < 131_072
        assert sitting.post("/ballots", bomb, **{"content-encoding": "gzip"}).status_code == 400


def test_more_than_can_be_checked_is_told_so_at_once(tmp_path: Path) -> None:
    with open_desk(tmp_path, limits={"intake": 1, "batch": 1, "nonces_a_minute": 100}) as desk:
        sittings = [desk.log_in(number) for number in range(12)]
        entries = [sitting.entry() for sitting in sittings]
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda pair: pair[0].cast(pair[1]), zip(sittings, entries, strict=True)))
        accepted = [answer for answer in answers if answer.status_code == 201]
        busy = [answer for answer in answers if answer.status_code == 503]
        assert len(accepted) + len(busy) == 12
        assert all(answer.json()["type"] == "/problems/busy" and answer.headers["retry-after"] for answer in busy)
        assert desk.store.count_waiting() == len(accepted) > 0
        for sitting, entry in zip(sittings, entries, strict=True):
            assert sitting.cast(entry).status_code == 201
        assert desk.sequence() == []
        assert desk.world.record.tally.accepted == 12


def test_readers_who_leave_at_once_take_no_place() -> None:
    async def events() -> AsyncGenerator[str, None]:
        yield "an event"

    async def leave_and_read() -> list[str]:
        streams = Streams(1, 1)
        for _ in range(3):
            streams.require_room("a")
            # Never begun: the reader was gone before the answer's first byte.
            await streams.count("a", events()).aclose()
        first = streams.count("a", events())
        read = [await anext(first)]
        with pytest.raises(ProblemError) as refused:
            streams.require_room("a")
        assert refused.value.status == 503
        await first.aclose()
        streams.require_room("a")
        return read

    assert asyncio.run(leave_and_read()) == ["an event"]
