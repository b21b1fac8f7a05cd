"""What is forgotten once nobody can need it: times and order of arrival, sessions, log-ins, reserved components.

Spec: `docs/operations/backup.md`, section "What is forgotten". A step of the worker process, in portions. From the end
of the dispute period on no promise can be broken any more, so that no deadline is needed; it is the time of arrival
plus a constant, and stands beside a pseudonym. What the board shows stays.

>>> import inspect
>>> [name for name, _ in inspect.getmembers(Forgetter, inspect.isfunction) if name == "step"]
['step']
"""

from sqlalchemy import delete

from crypto.election.board import Phase
from voting_server.board.service import Board
from voting_server.casting.store import FIRSTS, LOGINS
from voting_server.plumbing.database import NOW_MS
from voting_server.plumbing.logging import log
from voting_server.plumbing.sessions import BALLOT_SESSIONS

PORTION = 2_000


class Forgetter:
    """Forgets for one board; runs in the worker."""

    def __init__(self, board: Board) -> None:
        """Stand on the board."""
        self._board = board
        self._is_done = False

    def step(self) -> int:
        """Forget the next portion of what may be forgotten now; return of how many ballots and other entries."""
        if self._is_done:
            return 0
        with self._board.record() as record:
            is_closed, is_over = record.board.phase is Phase.CLOSED, record.board.dispute_over()
        if not is_closed:
            return 0
        with self._board.context.database.begin() as connection:
            # Before the close they keep two waiting ballots from sharing a component; on the board the record does.
            connection.execute(delete(FIRSTS))
            for table in (LOGINS, BALLOT_SESSIONS.table):
                connection.execute(delete(table).where(table.c.expires_at_ms < NOW_MS))
            count = self._board.store.forget_arrivals(connection, PORTION) if is_over else 0
        if is_over and not count:
            self._is_done = True
            log().info("arrivals-forgotten")
        return count
