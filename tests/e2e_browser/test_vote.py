"""The whole way of a voter in a real browser, in three languages, with the algorithms that phones have."""

import json

import pytest

from crypto.election.ballot import tracking_code
from tests.e2e_browser.town import Town
from tests.e2e_browser.walk import Walk


@pytest.mark.parametrize("language", ["ky", "ru", "en"])
def test_a_voter_votes_and_sees_her_vote_on_the_board(town: Town, language: str) -> None:
    walk = Walk(town, town.voter(), language)
    code = walk.vote()
    assert "-".join(walk.page.locator(".code span").all_inner_texts()) == code
    kept = json.loads(walk.page.evaluate("JSON.stringify({...localStorage})"))
    outbox = json.loads(next(value for name, value in kept.items() if name.endswith("-outbox")))
    assert tracking_code(bytes.fromhex(outbox["hash"])) == code
    assert outbox["index"] > 0
    assert walk.origins() == {town.origin}
    assert walk.errors == []
