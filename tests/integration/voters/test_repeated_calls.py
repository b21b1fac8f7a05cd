"""A registrar's signed call, sent again by whoever could read it: nothing changes, nothing opens after a minute."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from tests.house import House
from voting_server.plumbing.database import IDENTITY
from voting_server.voters.calls import LIFE_MS

Sent = tuple[str, str, bytes, Mapping[str, str]]


def contents(house: House) -> dict[str, list[Any]]:
    """Return every row of the identity side's tables."""
    with house.database.read() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table))] for table in IDENTITY.sorted_tables
        }


def recorded(house: House) -> list[Sent]:
    """Let a voter enrol and both registrars work; return the calls that they sent."""
    house.enrol(0)
    sent: list[Sent] = []

    def note(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        sent.append((method, path, body, headers))
        return house.identity(method, path, body, headers)

    for link in house.links:
        link.identity = note
    assert [what for link in house.links for _, what in link.serve()] == ["signed", "delivered"]
    return sent


def test_a_call_that_is_sent_again_changes_nothing(frozen: House) -> None:
    sent = recorded(frozen)
    assert {method for method, *_ in sent} == {"GET", "POST"}
    before = contents(frozen)
    for call in sent:
        status, _ = frozen.identity(*call)
        assert status < 500
    assert contents(frozen) == before


def test_a_call_opens_nothing_after_its_minute(frozen: House) -> None:
    now_ms = frozen.database.now_ms()
    for off_ms, status in ((-LIFE_MS - 1, 403), (LIFE_MS + 60_000, 403)):
        frozen.now_ms = now_ms + off_ms
        sent: list[int] = []

        def note(method: str, path: str, body: bytes, headers: Mapping[str, str], sent: list[int] = sent) -> Any:  # noqa: ANN401
            answer = frozen.identity(method, path, body, headers)
            sent.append(answer[0])
            return 200, b'{"requests": []}'

        frozen.links[0].identity = note
        frozen.links[0].fetch_requests()
        assert sent == [status]


def test_a_changed_call_opens_nothing(frozen: House) -> None:
    method, path, body, headers = next(call for call in recorded(frozen) if call[0] == "POST")
    before = contents(frozen)
    for changed in (
        ("GET", path, body, headers),
        (method, path.replace("/1", "/2").replace("signature", "delivery"), body, headers),
        (method, path, body + b" ", headers),
    ):
        assert frozen.identity(*changed)[0] in {403, 405}
    assert contents(frozen) == before
