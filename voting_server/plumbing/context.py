"""The bundle that `create_app` hands to every feature: settings, one side's database, the cache.

Spec: `docs/architecture.md`, section "Server". Made once a process, closed once; a feature keeps it and asks it for
nothing that its side must not have.

>>> from voting_server.plumbing.settings import Settings
>>> Context.open(Settings(side="ballot", ballot_database="sqlite://"), "ballot").database.is_sqlite
True
"""

from dataclasses import dataclass
from typing import Literal, Self

from voting_server.plumbing.cache import Cache
from voting_server.plumbing.database import Database
from voting_server.plumbing.settings import Limits, Settings, Side


@dataclass(frozen=True, slots=True)
class Context:
    """What the features of one side share."""

    settings: Settings
    database: Database
    cache: Cache
    side: Literal["identity", "ballot"]

    @classmethod
    def open(cls, settings: Settings, side: Literal["identity", "ballot"]) -> Self:
        """Open a side's database and cache. Raises PermissionError where the process serves the other side."""
        url = settings.database_url(side)
        if url.startswith("sqlite:///"):
            settings.data_dir.mkdir(parents=True, exist_ok=True)
        redis = settings.redis.get_secret_value() if settings.redis else None
        return cls(settings, Database(url, pool=settings.limits.pool), Cache(redis), side)

    @property
    def limits(self) -> Limits:
        """The limits of the service."""
        return self.settings.limits

    @property
    def origin(self) -> str:
        """The web origin of this side; a desk serves both under the ballot side's."""
        apart = self.settings.side is not Side.DESK
        return self.settings.identity_origin if apart and self.side == "identity" else self.settings.ballot_origin

    @property
    def is_for_real(self) -> bool:
        """Tell whether a real election may live here: one side alone, a database server, an origin that is secure."""
        apart = self.settings.side is not Side.DESK
        return apart and not self.database.is_sqlite and self.origin.startswith("https://")

    def close(self) -> None:
        """Close database and cache."""
        self.database.close()
        self.cache.close()
