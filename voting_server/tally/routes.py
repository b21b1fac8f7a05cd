"""Results for everybody, and for officers what they are to sign.

Spec: `docs/spec/tally.md`. All of it follows from the public record; shares, results and decisions come in as
author-signed entries (`POST /entries`).
"""

import base64
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from crypto.election.entries import Text3
from voting_server.plumbing.bodies import RawBody, cbor_body
from voting_server.tally.service import ContestResult, Prepared, Tallies

Names = Annotated[dict[str, str], Field(description="a text in Kyrgyz, Russian and English")]


class OptionVotes(BaseModel):
    """One option and its votes."""

    name: Names
    votes: int
    withdrawn: bool


class ContestTotals(BaseModel):
    """A contest's totals so far; complete when as many cells are open as there are."""

    id: int
    title: Names
    seats: int
    ballots: int
    undisclosed: int
    cells: int
    open_cells: int
    annulled_cells: list[int]
    unanimous_cells: list[int]
    options: list[OptionVotes]


class DistrictFigures(BaseModel):
    """Slots, credentials and counted ballots of a district."""

    unit: int
    name: Names
    slots: int
    credentials: int
    counted: int


_TEXT: JsonDict = {"ky": "Шаар", "ru": "Город", "en": "Town"}
_EXAMPLE: JsonDict = {
    "complete": True,
    "closed_root": "ab" * 32,
    "valid": 22,
    "counted": 19,
    "superseded": 2,
    "struck": 1,
    "districts": [{"unit": 2, "name": _TEXT, "slots": 10, "credentials": 9, "counted": 8}],
    "contests": [
        {
            "id": 1,
            "title": _TEXT,
            "seats": 1,
            "ballots": 19,
            "undisclosed": 0,
            "cells": 2,
            "open_cells": 2,
            "annulled_cells": [],
            "unanimous_cells": [],
            "options": [{"name": _TEXT, "votes": 19, "withdrawn": False}],
        }
    ],
}


class Results(BaseModel):
    """All results so far and the counts that they rest on: valid = counted + superseded + struck."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    complete: bool
    closed_root: str
    valid: int
    counted: int
    superseded: int
    struck: int
    districts: list[DistrictFigures]
    contests: list[ContestTotals]


class PreparedResult(BaseModel):
    """The body of a result entry, for two officers of different bodies to sign on their own machines."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"contest": 1, "cell": 0, "ballots": 12, "votes": [7, 5], "body": "oA=="}]}
    )

    contest: int
    cell: int
    ballots: int
    votes: list[int]
    body: Base64Bytes = Field(description="canonical CBOR")


class Disputed(BaseModel):
    """What became of a dispute."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"leaf": "ab" * 32, "state": "waiting", "index": None}]})

    leaf: str = Field(description="leaf hash, hexadecimal")
    state: str
    index: int | None = None


def create_router(tallies: Tallies) -> APIRouter:
    """Return the routes of the tally."""
    router = APIRouter(prefix="/tally", tags=["tally"])

    @router.get("/results")
    def read_results(response: Response) -> Results:
        """Return all results so far; a problem, and nothing else, where ballots and people do not add up."""
        response.headers.update({"Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=5"})
        outcome = tallies.read()
        figures = outcome.figures
        return Results(
            complete=outcome.complete,
            closed_root=outcome.closed_root.hex(),
            valid=figures.valid,
            counted=figures.counted,
            superseded=figures.superseded,
            struck=figures.struck,
            districts=[
                DistrictFigures(
                    unit=unit,
                    name=_names(outcome.units[unit]),
                    slots=counts.slots,
                    credentials=counts.credentials,
                    counted=counts.counted,
                )
                for unit, counts in figures.districts.items()
            ],
            contests=[_totals(result) for result in outcome.contests],
        )

    @router.get("/prepared")
    def read_prepared() -> list[PreparedResult]:
        """Return the results that enough valid shares open, for officers to sign; empty while shares are missing."""
        return [_prepared(each) for each in tallies.prepare()]

    @router.post("/disputes", status_code=202, openapi_extra=cbor_body("The receipt, as the voter's client saved it"))
    def take_dispute(receipt: RawBody) -> Disputed:
        """Put the receipt of a ballot that is missing after its deadline on the board; 409 where it is not."""
        queued = tallies.dispute(receipt)
        return Disputed(leaf=queued.leaf.hex(), state=queued.state, index=queued.entry_index)

    return router


def _names(text: Text3) -> dict[str, str]:
    return {"ky": text.ky, "ru": text.ru, "en": text.en}


def _prepared(each: Prepared) -> PreparedResult:
    return PreparedResult(
        contest=each.contest,
        cell=each.cell,
        ballots=each.ballots,
        votes=list(each.votes),
        body=base64.b64encode(each.body),
    )


def _totals(result: ContestResult) -> ContestTotals:
    contest, totals = result.contest, result.totals
    return ContestTotals(
        id=contest.id,
        title=_names(contest.title),
        seats=contest.seats,
        ballots=totals.ballots,
        undisclosed=totals.undisclosed,
        cells=result.cells,
        open_cells=result.open_cells,
        annulled_cells=list(totals.annulled),
        unanimous_cells=list(totals.unanimous),
        options=[
            OptionVotes(name=_names(option.name), votes=votes, withdrawn=place in totals.withdrawn)
            for place, (option, votes) in enumerate(zip(contest.options, totals.votes, strict=True))
        ],
    )
