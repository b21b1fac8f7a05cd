"""Every setting and every limit of the server, read from the environment (`DOBUSH_…`) or a folder of secrets.

Spec: `docs/operations/settings.md` (a test compares that page with this module). A process serves one side and is
refused the other side's database; only a desk installation holds both. Promises that a real installation starts with
no default secret.

>>> Settings(side="desk", data_dir="election").database_url("ballot")
'sqlite:///election/ballot.sqlite'
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Positive = Annotated[int, Field(gt=0)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Seed = Annotated[SecretStr, Field(min_length=64, max_length=64)]


class Side(StrEnum):
    """What a process serves: who the voters are, what was cast, or (at a desk) both."""

    IDENTITY = "identity"
    BALLOT = "ballot"
    DESK = "desk"


class Limits(BaseModel):
    """Every limit of the service; each is tested at the limit and one beyond."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    body_bytes: Positive = Field(131_072, description="largest body of any other request")
    import_bytes: Positive = Field(268_435_456, description="largest body of a founding or a roll import")
    header_bytes: Positive = Field(16_384, description="largest head of a request (line and headers)")
    header_ms: Positive = Field(10_000, description="longest wait for the whole head of a request")
    body_ms: Positive = Field(30_000, description="longest wait for the whole body of a request")
    idle_s: Positive = Field(15, description="longest pause between two requests on one connection")
    connections: Positive = Field(2_000, description="connections of one worker at a time; more are answered 503")
    backlog: Positive = Field(2_048, description="connections that the kernel holds for a worker")
    queue: Positive = Field(20_000, description="entries that wait for a block; more are answered 503")
    intake: Positive = Field(256, description="casts of one worker that wait for their checks; more are answered 503")
    intake_ms: Positive = Field(500, description="wait of the first cast in that line at which more are answered 503")
    batch: Positive = Field(64, description="casts that are checked and stored together")
    streams: Positive = Field(1_000, description="live streams of one worker at a time; more are answered 503")
    streams_an_address: Positive = Field(200, description="live streams of one address at one worker")
    answer_ms: Positive = Field(120_000, description="longest wait for a client to take what was sent to it")
    session_s: Positive = Field(1_800, description="life of a session")
    role_session_s: Positive = Field(3_600, description="life of a session of somebody with a role")
    role_tries_a_minute: Positive = Field(30, description="log-ins and invitations with a role, of one address")
    proposals: Positive = Field(50, description="acts of one person that wait for a second one")
    proposal_s: Positive = Field(604_800, description="life of an act that waits for the second person")
    threads: Positive = Field(32, description="requests of one worker that compute or wait for the database at a time")
    pool: Positive = Field(16, description="database connections of one process")
    skew_ms: Positive = Field(1_000, description="difference of clocks at which a process refuses to start")
    casts_a_minute: Positive = Field(20, description="casts of one credential")
    nonces_a_minute: Positive = Field(20, description="nonces of one credential")
    spoils_an_hour: Positive = Field(10, description="challenged ballots of one credential")
    logins_a_minute: Positive = Field(10, description="log-ins of one credential")
    entries_a_minute: Positive = Field(600, description="author-signed entries of one signing key")
    enrolments_a_minute: Positive = Field(120, description="enrolments, identifications and codes of one address")
    session_requests_a_minute: Positive = Field(1_200, description="requests of one session to one worker")
    requests_a_minute: Positive = Field(6_000, description="requests of one address without a credential")


def read_settings(side: Side | None = None) -> "Settings":
    """Read the settings of this process: the environment, then files named as variables in `DOBUSH_SECRETS`."""
    given: dict[str, Any] = {} if side is None else {"side": side}
    return Settings(_secrets_dir=os.environ.get("DOBUSH_SECRETS"), **given)


class Settings(BaseSettings):
    """The settings of one process; frozen, made once, handed down by `create_app`."""

    model_config = SettingsConfigDict(
        env_prefix="DOBUSH_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        # The message of a setting that does not fit goes to a log: it must not quote a seed.
        hide_input_in_errors=True,
    )

    side: Side = Field(Side.DESK, description="identity, ballot, or desk (one process, not for an election)")
    data_dir: Path = Field(Path("dobush-data"), description="folder of SQLite files and published files")
    identity_database: SecretStr | None = Field(None, description="database of the identity side, as its own role")
    ballot_database: SecretStr | None = Field(None, description="database of the ballot side, as its own role")
    owner_database: SecretStr | None = Field(None, description="this side's database as its owner, for `migrate` only")
    redis: SecretStr | None = Field(None, description="Redis for rate limits, live feed and caches; none: memory")
    identity_origin: str = Field("http://localhost:8001", description="web origin of the identity side")
    ballot_origin: str = Field("http://localhost:8000", description="web origin of the ballot side")
    rp_id: str = Field("localhost", description="relying party id, the parent of both hosts")
    log_key: Seed | None = Field(None, description="seed of the log key, 64 hexadecimal digits (ballot side)")
    receipt_key: Seed | None = Field(None, description="seed of the receipt key, 64 hexadecimal digits (ballot side)")
    witnesses: dict[str, str] = Field(default_factory=dict, description="URL of each witness by its name")
    witness_ms: Positive = Field(1_000, description="longest wait for a witness")
    timestamping: tuple[str, ...] = Field((), description="URLs of RFC 3161 time-stamping authorities")
    oidc_issuer: str | None = Field(None, description="OpenID Connect provider (identity side)")
    oidc_client: str | None = Field(None, description="client id at the provider")
    oidc_secret: SecretStr | None = Field(None, description="client secret at the provider")
    oidc_acr: tuple[str, ...] = Field((), description="assurance levels (acr) of the provider that are enough")
    oidc_claim: str = Field("personal_number", description="claim of the ID token that holds the personal number")
    issuers: tuple[str, ...] = Field((), description="public keys of those who hand out enrolment codes, hexadecimal")
    metrics_token: Digest | None = Field(None, description="SHA-256 of the token that reads /metrics; none: nobody may")
    trusted_proxies: tuple[str, ...] = Field(
        (), description="addresses whose X-Forwarded-For is believed; * at a Unix socket"
    )
    client_dir: Path | None = Field(None, description="folder of the built web pages; none: those of the package")
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _keep_sides_apart(self) -> Self:
        other = {Side.IDENTITY: "ballot_database", Side.BALLOT: "identity_database"}.get(self.side)
        if other is not None and getattr(self, other) is not None:
            message = f"the {self.side} side must not be given {other}"
            raise ValueError(message)
        if self.side is Side.IDENTITY and (self.log_key or self.receipt_key):
            message = "the identity side must not be given a key of the log"
            raise ValueError(message)
        return self

    def database_url(self, side: Literal["identity", "ballot"]) -> str:
        """Return the URL of a side's database: the one that is set, else an SQLite file in `data_dir`."""
        if self.side not in {side, Side.DESK}:
            message = f"a process of the {self.side} side asked for the database of the {side} side"
            raise PermissionError(message)
        given = self.identity_database if side == "identity" else self.ballot_database
        return given.get_secret_value() if given else f"sqlite:///{self.data_dir}/{side}.sqlite"

    @property
    def published_dir(self) -> Path:
        """Folder of the log's static files, as any web server may serve them."""
        return self.data_dir / "log"
