"""Registration of a passkey: what the browser is asked for, and what is taken of its answer (the public key, no more).

Spec: `docs/spec/credential.md`, `docs/spec/signatures.md`, section "Passkeys". The client computes the challenge itself
from a token, as a tagged hash, so that no registration can be an assertion of anything else. User verification is
required; attestation is none, because the make of somebody's phone is nobody's business.

>>> len(registration_challenge("demo", bytes(32), bytes(32)))
32
"""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from webauthn import verify_registration_response
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import AttestationFormat

from crypto.election.entries import Manifest
from crypto.errors import Refused
from crypto.signatures import parse_cose_key, passkey_challenge
from crypto.transcript import Kind, tag
from voting_server.plumbing.problems import ProblemError


class AttestationParts(BaseModel):
    """The authenticator's answer, base64url without padding."""

    model_config = ConfigDict(extra="ignore")

    clientDataJSON: str = Field(max_length=4_096)  # noqa: N815 - WebAuthn's name
    attestationObject: str = Field(max_length=16_384)  # noqa: N815 - WebAuthn's name


class AttestationJson(BaseModel):
    """What a browser's `PublicKeyCredential.toJSON()` gives after `create()`."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [
                {
                    "id": "AQID",
                    "rawId": "AQID",
                    "type": "public-key",
                    "response": {"clientDataJSON": "e30", "attestationObject": "oA"},
                }
            ]
        },
    )

    id: str = Field(max_length=2_048)
    rawId: str = Field(max_length=2_048)  # noqa: N815 - WebAuthn's name
    type: str = Field("public-key", max_length=16)
    response: AttestationParts


def registration_challenge(kind: Kind, manifest_hash: bytes, token: bytes) -> bytes:
    """Return the challenge of a registration; the client computes it from the token (32 bytes)."""
    return passkey_challenge(tag(kind, "register"), manifest_hash, token)


def creation_options(manifest: Manifest, user: bytes) -> dict[str, Any]:
    """Return what the client gives to `create()`, without the challenge, which it computes; `user` is random."""
    text = manifest.short_name
    return {
        "rp": {"id": manifest.rp_id, "name": text},
        "user": {"id": user.hex(), "name": text, "displayName": text},
        "pubKeyCredParams": [{"type": "public-key", "alg": each} for each in manifest.algorithms],
        "authenticatorSelection": {"residentKey": "required", "userVerification": "required"},
        "attestation": "none",
    }


def verify_registration(answer: AttestationJson, challenge: bytes, manifest: Manifest, origins: Sequence[str]) -> bytes:
    """Return the COSE key of a new passkey in its one form. Raises ProblemError where anything is not as asked."""
    try:
        verified = verify_registration_response(
            credential=answer.model_dump(),
            expected_challenge=challenge,
            expected_rp_id=manifest.rp_id,
            expected_origin=list(origins),
            require_user_verification=True,
            supported_pub_key_algs=[COSEAlgorithmIdentifier(each) for each in manifest.algorithms],
        )
        client_data = json.loads(base64url_to_bytes(answer.response.clientDataJSON))
        parse_cose_key(verified.credential_public_key)
    except (WebAuthnException, Refused, ValueError, KeyError, TypeError, IndexError):
        raise ProblemError("enrolment-failed") from None
    if (
        verified.fmt != AttestationFormat.NONE
        or client_data.get("crossOrigin", False) is not False
        or "topOrigin" in client_data
    ):
        raise ProblemError("enrolment-failed")
    return verified.credential_public_key
