"""Entries that nobody signed cost nobody else a wait: their signatures are verified outside the record's lock."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from crypto.election.entries import Entry, Incident, SignatureClaim, parse_entry
from crypto.errors import Refused
from tests.integration.board.town import Town
from tests.simulator import signing_key


def test_false_signatures_are_found_outside_the_records_lock(desk: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.run("open")
    raw = desk.sign("incident", Incident(bytes(32), "rehearsal"), signing_key("officer"))
    entry = parse_entry(raw)
    ((author, signature),) = entry.signatures
    false = Entry(entry.type, entry.body, ((author, signature[:-1] + bytes([signature[-1] ^ 1])),)).to_bytes()
    lock, free = desk.board.replica._lock, []
    verify = SignatureClaim.verify

    def is_free() -> bool:
        taken = lock.acquire(blocking=False)
        if taken:
            lock.release()
        return taken

    def watch(claim: SignatureClaim) -> None:
        with ThreadPoolExecutor(1) as pool:
            free.append(pool.submit(is_free).result())
        verify(claim)

    monkeypatch.setattr(SignatureClaim, "verify", watch)
    for _ in range(3):
        with pytest.raises(Refused) as refused:
            desk.board.enqueue(false)
        assert refused.value.check == f"MANIFEST-{12}"
    assert free == [True] * 3
    monkeypatch.undo()
    assert desk.board.enqueue(raw).state == "waiting"
