"""Aggregates, prepared results and totals of a board; totals that do not add up are not served."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from crypto.election.ballot import Receipt, make_receipt
from crypto.election.entries import BallotEntry, Release, ReleaseItem, Result, parse_entry
from crypto.election.record import Figures, Record
from crypto.election.tally import Item, Tally
from crypto.errors import Refused
from tests.integration.board.town import Town
from tests.simulator import THRESHOLD, signing_key
from voting_server.plumbing import problems
from voting_server.tally.routes import create_router
from voting_server.tally.service import Tallies

PATIENCE_S = 20


def client_of(town: Town) -> TestClient:
    app = FastAPI()
    problems.install(app)
    app.include_router(create_router(Tallies(town.board)))
    return TestClient(app)


def test_results_from_the_servers_aggregates_and_the_officers_signatures(town: Town) -> None:
    tallies = Tallies(town.board)
    town.run("closed")
    assert tallies.step() == len(town.record.tally.plan.items)
    assert tallies.step() == 0
    town.dispute()
    assert tallies.step() == 0
    assert tallies.prepare() == []
    for trustee in range(1, THRESHOLD + 1):
        town.block(town.share(trustee))
    prepared = tallies.prepare()
    assert [each.contest for each in prepared] == [item.contest for item in town.record.tally.plan.items]
    town.block([town.by_officers("result", Result.parse(each.body)) for each in prepared])
    assert tallies.prepare() == []
    answer = client_of(town).get("/tally/results").json()
    assert answer["complete"]
    assert tuple(option["votes"] for option in answer["contests"][0]["options"]) == town.expected(1)
    assert tuple(option["votes"] for option in answer["contests"][1]["options"]) == town.expected(2)
    assert answer["valid"] == answer["counted"] + answer["superseded"] + answer["struck"]


def test_what_another_caller_opened_meanwhile_is_not_opened_again(desk: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waited for the record finds what the one before her has opened: a cell costs a discrete logarithm."""
    tallies, open_cell, lend = Tallies(desk.board), Tally.open_cell, desk.board.record
    desk.run("closed")
    tallies.step()
    desk.dispute()
    for trustee in range(1, THRESHOLD + 1):
        desk.block(desk.share(trustee))
    opened: list[tuple[int, int]] = []

    def count(tally: Tally, item: Item) -> tuple[int, ...]:
        opened.append((item.contest, item.number))
        return open_cell(tally, item)

    def wait(stale_ms: int = 0) -> AbstractContextManager[Record]:
        if stale_ms:
            monkeypatch.setattr(desk.board, "record", lend)
            assert len(tallies.prepare()) == len(desk.record.tally.plan.items)
        return lend(stale_ms)

    monkeypatch.setattr(Tally, "open_cell", count)
    monkeypatch.setattr(desk.board, "record", wait)
    assert len(tallies.prepare()) == len(desk.record.tally.plan.items)
    assert len(opened) == len(set(opened)) == len(desk.record.tally.plan.items)


def test_nothing_is_counted_before_the_close(desk: Town) -> None:
    desk.run("voted")
    client = client_of(desk)
    assert Tallies(desk.board).step() == 0
    assert client.get("/tally/results").status_code == 404
    assert client.get("/tally/prepared").status_code == 404


def test_totals_above_the_credentials_are_refused_loudly(desk: Town, capsys: pytest.CaptureFixture[str]) -> None:
    desk.run("closed")
    client = client_of(desk)
    assert client.get("/tally/results").status_code == 200
    desk.record.roll.credentials_by_district[2] = 1
    # Figures of a log that has not grown are kept.
    desk.record._figures = None
    with pytest.raises(Refused) as caught:
        Tallies(desk.board).read()
    # Another worker's: this one has counted already, and after the close nothing changes.
    answer = client_of(desk).get("/tally/results")
    assert answer.status_code == 409
    assert answer.json()["check"] == caught.value.check
    assert "contests" not in answer.json()
    # Which of them depends on whether an earlier test has set up the log.
    assert "totals-refused" in "".join(capsys.readouterr())


def test_people_are_counted_once_and_nobody_waits_for_it(desk: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.run("closed")
    tallies, count, seen = Tallies(desk.board), Record.figures, list[bool]()

    def take() -> bool:
        lock = desk.board.replica._lock
        taken = lock.acquire(timeout=PATIENCE_S)
        if taken:
            lock.release()
        return taken

    def figures(record: Record) -> Figures:
        with ThreadPoolExecutor(1) as pool:
            # Somebody else gets the record meanwhile.
            seen.append(pool.submit(take).result())
        return count(record)

    monkeypatch.setattr(Record, "figures", figures)
    first = tallies.read()
    desk.write()
    assert tallies.read() is first
    assert seen == [True]
    tallies.step()
    desk.dispute()
    for trustee in range(1, THRESHOLD + 1):
        desk.block(desk.share(trustee))
    desk.block([desk.by_officers("result", Result.parse(each.body)) for each in tallies.prepare()])
    assert (first.complete, tallies.read().complete, len(seen)) == (False, True, 1)


def test_a_dispute_holds_the_tally_until_two_officers_release_it(desk: Town) -> None:
    tallies = Tallies(desk.board)
    client = client_of(desk)
    desk.run("voted")
    voter = desk.registered()[4]
    ballot, _ = desk.seal_ballot(voter)
    dropped = make_receipt(signing_key("receipt"), desk.manifest, ballot, desk.clock_ms)
    assert post(client, dropped.to_bytes()) == (409, "RECEIPT-" + "3")
    desk.close()
    assert post(client, dropped.to_bytes()) == (202, None)
    assert post(client, dropped.to_bytes()) == (202, None)
    desk.write()
    assert desk.record.accepted["dispute"] == 1
    assert tallies.step() > 0
    desk.dispute()
    with pytest.raises(Refused):
        desk.board.enqueue(desk.share(1)[0])
    (receipt_hash,) = desk.record.tally.unresolved()
    assert isinstance(receipt_hash, bytes)
    release = Release((ReleaseItem(receipt_hash, "the voter voted on paper"),))
    with pytest.raises(Refused):
        desk.board.enqueue(desk.sign("release", release, signing_key("officer", 0), signing_key("officer", 2)))
    desk.block([desk.by_officers("release", release)])
    for trustee in range(1, THRESHOLD + 1):
        desk.block(desk.share(trustee))
    assert len(tallies.prepare()) == len(desk.record.tally.plan.items)
    failed = desk.record.finish(None, None).failed
    assert "RECEIPT-" + "1" in [refusal.check for refusal in failed]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda receipt: replace(receipt, signature=bytes(64)),
        lambda receipt: replace(receipt, number=2),
        lambda receipt: replace(receipt, deadline_ms=1),
        lambda receipt: replace(receipt, ballot_hash=bytes(32)),
        lambda receipt: replace(receipt, origin="other.example/demo/town"),
    ],
)
def test_a_receipt_that_is_not_this_elections_is_no_dispute(desk: Town, spoil: Callable[[Receipt], Receipt]) -> None:
    desk.run("voted")
    ballot, _ = desk.seal_ballot(desk.registered()[4])
    receipt = make_receipt(signing_key("receipt"), desk.manifest, ballot, desk.clock_ms)
    status, _ = post(client_of(desk), spoil(receipt).to_bytes())
    assert status == 409
    assert post(client_of(desk), b"\xa0")[0] == 400
    assert desk.board.store.count_waiting() == 0


def test_a_kept_promise_is_no_dispute(desk: Town) -> None:
    desk.run("voted")
    voter = desk.registered()[4]
    raw = desk.vote(voter)
    receipt = make_receipt(
        signing_key("receipt"), desk.manifest, BallotEntry.parse(parse_entry(raw).body).ballot, desk.clock_ms
    )
    desk.block(voters=[raw])
    desk.close()
    assert post(client_of(desk), receipt.to_bytes()) == (409, "RECEIPT-" + "3")


def post(client: TestClient, receipt: bytes) -> tuple[int, str | None]:
    """Post a receipt; return status and failed check."""
    answer = client.post("/tally/disputes", content=receipt, headers={"content-type": "application/cbor"})
    return answer.status_code, answer.json().get("check")
