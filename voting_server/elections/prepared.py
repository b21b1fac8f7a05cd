"""Acts that the log waits for from officers, as bodies that nobody has signed yet.

Spec: `docs/operations/officers.md`, section "Two persons". Computed from the public record; an officer's program
decodes the bytes and shows them before it signs. The freeze comes from the identity side, results from the tally.

>>> from tests.simulator import world_at
>>> [(name, body.ballots) for name, body in prepare(world_at("voted").record) if name == "close"] != []
True
"""

from collections.abc import Iterator

from crypto.election.board import Phase
from crypto.election.ceremony import ROUNDS
from crypto.election.encoding import Message
from crypto.election.entries import Close, Drill, Opening, Release, ReleaseItem, Round
from crypto.election.record import Record

TO_EXPLAIN = "…"
"""What stands for the effect of a release until officers have written it."""


def prepare(record: Record) -> list[tuple[str, Message]]:
    """Return (type, body) of each act that officers could propose now, the most urgent first."""
    return list(_prepare(record))


def _prepare(record: Record) -> Iterator[tuple[str, Message]]:
    ceremony, board = record.ceremony, record.board
    if board.phase is Phase.OPEN:
        yield "close", Close(record.accepted["ballot"])
    if board.phase is Phase.CLOSED and record.tally.unresolved():
        items = tuple(ReleaseItem(target, TO_EXPLAIN) for target in record.tally.unresolved())
        yield "release", Release(items[:512])
    if board.phase is Phase.SETUP:
        if ceremony.certificate is not None and record.roll.frozen is not None:
            yield "opening", Opening(ceremony.certificate.key, ceremony.certificate.hash)
        number = ceremony.open_round()
        if number <= len(ROUNDS) and (ceremony.missing(number) or ceremony.disqualified()):
            yield "round", Round(ceremony.run, number, ceremony.missing(number), ceremony.disqualified())
    if board.phase in {Phase.SETUP, Phase.OPEN} and ceremony.certificate is not None and board.newest is not None:
        yield "drill", Drill(max(ceremony.drills, default=0) + 1, board.newest.size, board.newest.root)
