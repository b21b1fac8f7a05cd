"""Aggregates, prepared results and totals of a board; totals that do not add up are not served."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from crypto.election.entries import Result
from crypto.errors import Refused
from tests.integration.board.town import Town
from tests.simulator import THRESHOLD
from voting_server.plumbing import problems
from voting_server.tally.routes import create_router
from voting_server.tally.service import Tallies


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
    with pytest.raises(Refused) as caught:
        Tallies(desk.board).read()
    answer = client.get("/tally/results")
    assert answer.status_code == 409
    assert answer.json()["check"] == caught.value.check
    assert "contests" not in answer.json()
    assert "totals-refused" in capsys.readouterr().out
