"""Reorder, insert, modify: a log whose entries are not those that were sealed is refused at the next seal."""

import pytest

from crypto.election.entries import parse_entry
from crypto.election.record import Record
from tests.attacks.checks import BOARD_1, BOARD_6
from tests.simulator import world_at


def replay(entries: list[bytes]) -> dict[int, str]:
    """Return index and check of each entry that a fresh record refuses."""
    record = Record(entries.__getitem__)
    record.extend(entries)
    return {index: refusal.refused.check for index, refusal in record.refused.items()}


def first_voter_entry(entries: list[bytes]) -> int:
    """Return the index of the first cast ballot."""
    return next(at for at, raw in enumerate(entries) if parse_entry(raw).type == "ballot")


def next_seal(entries: list[bytes], after: int) -> int:
    """Return the index of the first seal after an entry."""
    return next(at for at in range(after, len(entries)) if entries[at].startswith(b"\x84\x01dseal"))


@pytest.mark.parametrize("attack", ["swap", "modify", "insert", "remove"])
def test_the_next_seal_is_refused(attack: str) -> None:
    entries = list(world_at("complete").entries)
    at = first_voter_entry(entries)
    if attack == "swap":
        entries[at], entries[at + 1] = entries[at + 1], entries[at]
    elif attack == "modify":
        entries[at] = entries[at][:-1] + bytes([entries[at][-1] ^ 1])
    elif attack == "insert":
        entries.insert(at, entries[at])
    else:
        del entries[at]
    refused = replay(entries)
    assert refused[next_seal(entries, at)] == BOARD_6
    assert min(refused) >= at


def test_an_untouched_log_is_accepted() -> None:
    assert replay(list(world_at("complete").entries)) == {}


def test_a_seal_with_another_number_is_refused() -> None:
    entries = list(world_at("complete").entries)
    at = next_seal(entries, 1)
    del entries[at]
    refused = replay(entries)
    assert min(refused) == at
    assert refused[at] == BOARD_1
