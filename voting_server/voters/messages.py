"""What the routes of the identity side take and give, as JSON.

Spec: the OpenAPI description. Bytes are hexadecimal, entries and bodies base64; every shape has one example.

>>> RequestOut(id=1).model_dump()
{'id': 1}
"""

from typing import Any, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from voting_server.voters.service import State

NUMBER = r"^[0-9]{14}$"


def hexadecimal(size: int) -> Any:  # noqa: ANN401 - pydantic's own type
    """Return the field of a byte string of a fixed size."""
    return Field(pattern=f"^[0-9a-f]{{{2 * size}}}$")


def example(**fields: Any) -> ConfigDict:  # noqa: ANN401 - values of JSON
    """Return a model's configuration with one example."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [fields]})


class FoundingIn(BaseModel):
    """The public block 0 of the ballot side."""

    model_config = example(entries=["hAEA"])

    entries: list[Base64Bytes] = Field(min_length=1, max_length=65_536, description="entries in their order")


class ElectionOut(BaseModel):
    """The election that this identity side serves."""

    model_config = example(manifest_hash="ab" * 32, kind="practice", short_name="languages")

    manifest_hash: str
    kind: Literal["demo", "practice", "real"]
    short_name: str


class RollIn(BaseModel):
    """A version of the roll, or mends of the last one."""

    model_config = example(
        use="roll",
        format="csv",
        content="number,surname,given,patronymic,born,address\n",
        places="address,unit\n",
        signer="00" * 8,
        signature="00" * 64,
    )

    use: Literal["roll", "mend"]
    format: Literal["csv", "json"] = "csv"
    content: str = Field(description="the file")
    places: str = Field("", description="CSV of address and unit; empty: those of the last version")
    signer: str = hexadecimal(8)
    signature: str = hexadecimal(64)


class VersionOut(BaseModel):
    """One version."""

    model_config = example(number=0, use="roll", hash="ab" * 32, previous="00" * 32, signer="00" * 8)

    number: int
    use: Literal["roll", "mend"]
    hash: str
    previous: str
    signer: str


class UnplacedOut(BaseModel):
    """Somebody without a place, and what mends it."""

    model_config = example(number="1" * 14, address="", fault="no-address", mend="ask the register")

    number: str
    address: str
    fault: str
    mend: str


class RollOut(BaseModel):
    """Where the roll stands."""

    model_config = example(kind="practice", versions=[], people=0, unplaced={"no-address": 1}, report=[], slots=0)

    kind: Literal["demo", "practice", "real"] = Field(description="the election's kind, for whoever signs a version")
    versions: list[VersionOut]
    people: int
    unplaced: dict[str, int] = Field(description="persons without a place, by fault")
    report: list[UnplacedOut] = Field(description="the first thousand of them")
    slots: int


class SlotsOut(BaseModel):
    """That slots were drawn."""

    model_config = example(chunks=1)

    chunks: int


class FreezeOut(BaseModel):
    """What two officers sign to end the roll."""

    model_config = example(body="oA==", slots={"2": 24})

    body: str = Field(description="canonical CBOR, base64")
    slots: dict[str, int] = Field(description="slots of each district, by its id")


class CodeIn(BaseModel):
    """A code that was handed out in person: its public key, never the code."""

    model_config = example(
        number="1" * 14,
        key="ab" * 32,
        expires_at_ms=1_800_000_000_000,
        assurance="passkey",
        issuer="00" * 8,
        issued="00" * 64,
    )

    number: str = Field(pattern=NUMBER)
    key: str = hexadecimal(32)
    expires_at_ms: int = Field(gt=0, lt=2**53)
    assurance: Literal["passkey", "security-key"]
    issuer: str = hexadecimal(8)
    issued: str = hexadecimal(64)


class StrikeIn(BaseModel):
    """Somebody who votes otherwise."""

    model_config = example(number="1" * 14, reason="voted on paper at the station")

    number: str = Field(pattern=NUMBER)
    reason: str = Field(min_length=1, max_length=200)


class RequestOut(BaseModel):
    """A request for the registrars."""

    model_config = example(id=1)

    id: int


class NoticeOut(BaseModel):
    """Somebody to tell, by letter, telephone or message, that her key is to be changed."""

    model_config = example(request=1, type="change", number="1" * 14)

    request: int
    type: str
    number: str


class NoticesOut(BaseModel):
    """Whom to tell."""

    model_config = example(notices=[])

    notices: list[NoticeOut]


class EnrolmentIn(BaseModel):
    """How the key is kept."""

    model_config = example(software=False)

    software: bool = Field(default=False, description="a key made by a program, where the manifest allows it")


class EnrolmentOut(BaseModel):
    """What a client needs to make a passkey; it computes the challenge from token and manifest hash."""

    model_config = example(id="ab" * 16, token="ab" * 32, manifest_hash="ab" * 32, kind="practice", options={})

    id: str
    token: str
    manifest_hash: str
    kind: Literal["demo", "practice", "real"]
    options: dict[str, Any]


class KeyOut(BaseModel):
    """The new passkey's public key, to which the identification is bound."""

    model_config = example(key="a5010203")

    key: str = Field(description="COSE key, hexadecimal")


class OidcIn(BaseModel):
    """What the identification is for."""

    model_config = example(enrolment="ab" * 16)

    enrolment: str | None = Field(None, pattern="^[0-9a-f]{32}$", description="none: to look only")


class OidcOut(BaseModel):
    """Where the browser goes."""

    model_config = example(url="https://id.example/auth?state=x")

    url: str


class CodeProofIn(BaseModel):
    """The proof of a code: its public key and its signature over the passkey's key."""

    model_config = example(enrolment="ab" * 16, key="ab" * 32, signature="ab" * 64)

    enrolment: str = hexadecimal(16)
    key: str = hexadecimal(32)
    signature: str = hexadecimal(64)


class VoterRequestOut(BaseModel):
    """Where one request stands."""

    model_config = example(type="credential", state="requested")

    type: str
    state: State


class VoterOut(BaseModel):
    """What somebody learns of herself; whether her slot voted, the public board says by the pseudonym."""

    model_config = example(pseudonym="ab" * 16, unit=2, style=1, requests=[])

    pseudonym: str
    unit: int
    style: int
    requests: list[VoterRequestOut]


class SlotOut(BaseModel):
    """One person's slot, for registrars."""

    model_config = example(number="1" * 14, pseudonym="ab" * 16, unit=2, style=1)

    number: str
    pseudonym: str
    unit: int
    style: int


class RotationsIn(BaseModel):
    """The rotations of keys in the log, all of them in its order (`GET /election/rotations` of the ballot side)."""

    model_config = example(entries=[])

    entries: list[Base64Bytes] = Field(max_length=1_000)


class RotationsOut(BaseModel):
    """How many were new."""

    model_config = example(new=1)

    new: int


class SlotListOut(BaseModel):
    """Slots in order of the personal numbers."""

    model_config = example(slots=[])

    slots: list[SlotOut]


class SignatureOut(BaseModel):
    """A registrar's signature."""

    model_config = example(author="ab" * 8, signature="ab" * 64)

    author: str
    signature: str


class AskedOut(BaseModel):
    """What the registrars are asked to sign, with the evidence that each checks for herself."""

    model_config = example(id=1, type="credential", body="oA==", number="1" * 14, evidence="{}", signatures=[])

    id: int
    type: Literal["roll", "credential", "change", "strike"]
    body: str = Field(description="canonical CBOR, base64")
    number: str = Field("", description="whose; empty for a roll chunk")
    evidence: str
    signatures: list[SignatureOut]


class QueueOut(BaseModel):
    """The registrars' queue."""

    model_config = example(requests=[])

    requests: list[AskedOut]


class SignatureIn(BaseModel):
    """A signature over a request's body."""

    model_config = example(signature="ab" * 64)

    signature: str = hexadecimal(64)
