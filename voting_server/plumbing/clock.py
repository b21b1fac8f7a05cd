"""Clocks are compared before anything is served: a process whose clock is off refuses to start.

Spec: `docs/operations/settings.md`, limit `skew_ms`. The database's clock decides everything; the web worker's clock is
compared with it because sessions and metrics use it, the witnesses' because cosignatures carry theirs.

>>> require_agreement("database", 5_000, 5_900, 1_000)
>>> require_agreement("database", 5_000, 6_001, 1_000)
Traceback (most recent call last):
...
voting_server.plumbing.clock.SkewError: the clock of database is 1001 ms off; the limit is 1000 ms
"""

from voting_server.plumbing.database import Database, wall_clock_ms


class SkewError(RuntimeError):
    """Two clocks disagree by more than the limit."""


def require_agreement(name: str, own_ms: int, other_ms: int, limit_ms: int) -> None:
    """Compare a clock with this process's. Raises SkewError."""
    difference = abs(own_ms - other_ms)
    if difference > limit_ms:
        message = f"the clock of {name} is {difference} ms off; the limit is {limit_ms} ms"
        raise SkewError(message)


def require_database_agreement(database: Database, limit_ms: int) -> None:
    """Compare the database's clock with this process's; the answer's way counts half. Raises SkewError."""
    before = wall_clock_ms()
    there = database.now_ms()
    after = wall_clock_ms()
    require_agreement("database", (before + after) // 2, there, limit_ms)
