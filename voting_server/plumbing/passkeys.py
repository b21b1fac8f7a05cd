"""What a browser's authenticator answers, and its checks: py_webauthn's, then the project's own stricter ones.

Spec: `docs/spec/signatures.md`, section "Passkeys". Whoever calls computes the challenge as a tagged hash; no answer
passes without user verification, from another origin, or from a frame in another site's page.

>>> AssertionJson(**EXAMPLE_ASSERTION).response.userHandle
'zc3Nzc3Nzc3Nzc3Nzc3NzQ'
"""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import AttestationFormat

from crypto.errors import Refused
from crypto.signatures import parse_cose_key, verify_passkey_assertion

Text = Field(max_length=2_048)
EXAMPLE_ASSERTION: dict[str, Any] = {
    "id": "QUFBQQ",
    "rawId": "QUFBQQ",
    "type": "public-key",
    "response": {
        "clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoi",
        "authenticatorData": "SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MFAAAAAA",
        "signature": "MEUCIQ",
        "userHandle": "zc3Nzc3Nzc3Nzc3Nzc3NzQ",
    },
}
EXAMPLE_ATTESTATION: dict[str, Any] = {
    "id": "AQID",
    "rawId": "AQID",
    "type": "public-key",
    "response": {"clientDataJSON": "e30", "attestationObject": "oA"},
}


class PasskeyError(Exception):
    """An answer that is not what was asked for."""


class AssertionParts(BaseModel):
    """The authenticator's answer, base64url without padding."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [EXAMPLE_ASSERTION["response"]]})

    clientDataJSON: str = Text  # noqa: N815 - WebAuthn's name
    authenticatorData: str = Text  # noqa: N815 - WebAuthn's name
    signature: str = Text
    userHandle: str | None = Field(None, max_length=128)  # noqa: N815 - WebAuthn's name


class AssertionJson(BaseModel):
    """What a browser's `PublicKeyCredential.toJSON()` gives."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [EXAMPLE_ASSERTION]})

    id: str = Field(max_length=2_048)
    rawId: str = Field(max_length=2_048)  # noqa: N815 - WebAuthn's name
    type: str = Field("public-key", max_length=16)
    response: AssertionParts


class AttestationParts(BaseModel):
    """The authenticator's answer, base64url without padding."""

    model_config = ConfigDict(extra="ignore")

    clientDataJSON: str = Field(max_length=4_096)  # noqa: N815 - WebAuthn's name
    attestationObject: str = Field(max_length=16_384)  # noqa: N815 - WebAuthn's name


class AttestationJson(BaseModel):
    """What a browser's `PublicKeyCredential.toJSON()` gives after `create()`."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [EXAMPLE_ATTESTATION]})

    id: str = Field(max_length=2_048)
    rawId: str = Field(max_length=2_048)  # noqa: N815 - WebAuthn's name
    type: str = Field("public-key", max_length=16)
    response: AttestationParts


def verify_attestation(
    answer: AttestationJson, challenge: bytes, rp_id: str, origins: Sequence[str], algorithms: Sequence[int]
) -> tuple[bytes, bytes]:
    """Return credential id and COSE key of a new passkey. Raises PasskeyError where anything is not as asked."""
    try:
        verified = verify_registration_response(
            credential=answer.model_dump(),
            expected_challenge=challenge,
            expected_rp_id=rp_id,
            expected_origin=list(origins),
            require_user_verification=True,
            supported_pub_key_algs=[COSEAlgorithmIdentifier(each) for each in algorithms],
        )
        client_data = json.loads(base64url_to_bytes(answer.response.clientDataJSON))
        parse_cose_key(verified.credential_public_key)
    except (WebAuthnException, Refused, ValueError, KeyError, TypeError, IndexError):
        raise PasskeyError("no passkey as it was asked for") from None
    if (
        verified.fmt != AttestationFormat.NONE
        or client_data.get("crossOrigin", False) is not False
        or "topOrigin" in client_data
    ):
        raise PasskeyError("attested, or made in a frame of another site")
    return verified.credential_id, verified.credential_public_key


def verify_assertion(
    answer: AssertionJson, challenge: bytes, rp_id: str, origin: str, key: bytes, counter: int = 0
) -> int:
    """Check a passkey's answer to a challenge; return its new counter. Raises PasskeyError.

    The record's own rules, which a ballot must pass as well, are asked besides py_webauthn, because they also refuse
    another site's frame and everything that is not the one encoding.
    """
    try:
        verified = verify_authentication_response(
            credential=answer.model_dump(),
            expected_challenge=challenge,
            expected_rp_id=rp_id,
            expected_origin=origin,
            credential_public_key=key,
            credential_current_sign_count=counter,
            require_user_verification=True,
        )
        given = answer.response
        parts = [base64url_to_bytes(part) for part in (given.authenticatorData, given.clientDataJSON, given.signature)]
        verify_passkey_assertion(key, parts[0], parts[1], parts[2], challenge, rp_id, [origin])
    except (WebAuthnException, Refused, ValueError):
        raise PasskeyError("no answer to this challenge") from None
    return int(verified.new_sign_count)
