"""Registration of a passkey: what the browser is asked for, and what is taken of its answer (the public key, no more).

Spec: `docs/spec/credential.md`, `docs/spec/signatures.md`, section "Passkeys". The client computes the challenge itself
from a token, as a tagged hash, so that no registration can be an assertion of anything else. User verification is
required; attestation is none, because the make of somebody's phone is nobody's business.

>>> len(registration_challenge("demo", bytes(32), bytes(32)))
32
"""

from collections.abc import Sequence
from typing import Any

from crypto.election.entries import Manifest
from crypto.signatures import passkey_challenge
from crypto.transcript import Kind, tag
from voting_server.plumbing.passkeys import AttestationJson, PasskeyError, verify_attestation
from voting_server.plumbing.problems import ProblemError


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
        return verify_attestation(answer, challenge, manifest.rp_id, origins, manifest.algorithms)[1]
    except PasskeyError:
        raise ProblemError("enrolment-failed") from None
