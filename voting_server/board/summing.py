"""Adds up ballots in the background of a web worker, so that at the close nobody waits for a million of them.

Spec: `docs/decisions/0020`, `docs/operations/faults.md` ("Start-up time"). Sums may be added in any order. A few
milliseconds of the record's lock each time and a fiftieth of a processor: over a day four million ballots.

>>> import inspect
>>> [name for name, _ in inspect.getmembers(Summing, inspect.isfunction) if name in {"start", "stop"}]
['start', 'stop']
"""

import threading

from sqlalchemy.exc import SQLAlchemyError

from voting_server.board.replica import ChangedError
from voting_server.board.service import Board
from voting_server.plumbing.logging import log

EVERY_S = 0.25
AT_ONCE = 25


class Summing:
    """A service: one thread that adds up a few ballots now and then."""

    def __init__(self, board: Board) -> None:
        """Stand on the board; nothing runs before `start`."""
        self._replica = board.replica
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sums", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(EVERY_S):
            try:
                self._replica.sum_up(AT_ONCE)
            except (SQLAlchemyError, ChangedError) as error:
                # What is left is still known; the next time it may go better.
                log().warning("worker-failed", error=type(error).__name__)
