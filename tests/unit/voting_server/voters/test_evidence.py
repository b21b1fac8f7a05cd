"""Evidence on its own: ID tokens and proofs of codes that the right key made, and what is near one."""

import hmac
import secrets
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from crypto.signatures import SigningKey, key_id
from tests.house import encode
from tests.simulator import secret
from voting_server.voters.evidence import (
    ALPHABET,
    Code,
    CodeVerifier,
    Election,
    Evidence,
    IdentificationError,
    OidcVerifier,
    code_key,
    make_code,
    nonce_of,
    parse_evidence,
    prove_code,
)

ELECTION = Election("demo", secret("manifest"))
KEY, RANDOM, NOW_S = b"a COSE key", bytes(16), 1_800_000_000
ISSUER, CLIENT = "https://id.example", "dobush"
SIGNERS: dict[str, Any] = {
    "RS256": RSAKey.generate_key(2048, parameters={"kid": "rsa"}),
    "ES256": ECKey.generate_key("P-256", parameters={"kid": "ec"}),
    "Ed25519": OKPKey.generate_key("Ed25519", parameters={"kid": "ed"}),
}
KEYS = {"keys": [key.as_dict(private=False) for key in SIGNERS.values()]}


def verifier(**changes: Any) -> OidcVerifier:  # noqa: ANN401
    """Return a verifier of the provider's tokens."""
    return OidcVerifier(**{"issuer": ISSUER, "client": CLIENT, "keys": KEYS, "acr": ("high",), **changes})


def claims(**changes: object) -> dict[str, object]:
    """Return the claims of a good token; None takes one away."""
    good = {
        "iss": ISSUER,
        "aud": CLIENT,
        "sub": "1",
        "iat": NOW_S,
        "exp": NOW_S + 600,
        "acr": "high",
        "amr": ["face"],
        "nonce": nonce_of(ELECTION, KEY, RANDOM),
        "personal_number": "2" * 14,
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def evidence(algorithm: str = "ES256", key: Any = None, /, **changes: Any) -> Evidence:  # noqa: ANN401
    """Return the evidence of a token."""
    signer: Any = key or SIGNERS[algorithm]
    header = {"alg": algorithm, "kid": signer.as_dict(private=False).get("kid")}
    token = jwt.encode(header, claims(**changes), signer, algorithms=[algorithm])
    return Evidence("oidc", {"token": token, "random": RANDOM.hex()})


@pytest.mark.parametrize("algorithm", SIGNERS)
def test_a_good_token_shows_a_person(algorithm: str) -> None:
    shown = verifier().verify(ELECTION, KEY, evidence(algorithm), NOW_S * 1_000)
    assert (shown.number, shown.level, shown.assurance) == ("2" * 14, "high face", None)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://id.example/"},
        {"iss": None},
        {"aud": "another"},
        {"aud": []},
        {"aud": [CLIENT, "another"]},
        {"azp": "another"},
        {"iat": None},
        {"iat": "now"},
        {"iat": True},
        {"iat": NOW_S + 61},
        {"iat": NOW_S - 661},
        {"exp": None},
        {"exp": NOW_S - 61},
        {"nonce": None},
        {"nonce": 1},
        {"nonce": nonce_of(ELECTION, b"another key", RANDOM)},
        {"nonce": nonce_of(ELECTION, KEY, bytes(15) + b"\1")},
        {"nonce": nonce_of(Election("demo", bytes(32)), KEY, RANDOM)},
        {"nonce": nonce_of(Election("practice", ELECTION.manifest_hash), KEY, RANDOM)},
        {"acr": None},
        {"acr": "low"},
        {"acr": ["high"]},
        {"personal_number": None},
        {"personal_number": 22222222222222},
        {"personal_number": "2 2"},
        {"personal_number": ""},
    ],
)
def test_a_token_with_one_wrong_claim_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(IdentificationError):
        verifier().verify(ELECTION, KEY, evidence(**changes), NOW_S * 1_000)


def test_an_audience_of_two_is_taken_only_with_the_party_that_asked() -> None:
    found = evidence(aud=[CLIENT, "another"], azp=CLIENT)
    assert verifier().verify(ELECTION, KEY, found, NOW_S * 1_000).number == "2" * 14


def test_a_registrar_may_come_after_the_tokens_end() -> None:
    late_ms = (NOW_S + 3_600) * 1_000
    own = verifier(max_age_s=86_400, expiring=False)
    assert own.verify(ELECTION, KEY, evidence(), late_ms).number == "2" * 14
    with pytest.raises(IdentificationError, match="expired"):
        verifier(max_age_s=86_400).verify(ELECTION, KEY, evidence(), late_ms)


def test_a_token_signed_by_anything_else_is_refused() -> None:
    claim, head = evidence().fields["token"].split(".")[1], encode(b'{"alg":"HS256","kid":"rsa"}')
    mark = encode(hmac.digest(SIGNERS["RS256"].as_pem(private=False), f"{head}.{claim}".encode(), "sha256"))
    forged = [
        evidence("ES256", ECKey.generate_key("P-256", parameters={"kid": "ec"})),
        Evidence("oidc", {"token": f"{head}.{claim}.{mark}", "random": RANDOM.hex()}),
        evidence("HS256", OctKey.import_key("a shared secret of some length", {"kid": "none"})),
    ]
    head, body, mark = evidence().fields["token"].split(".")
    nothing = "eyJhbGciOiJub25lIn0"
    texts = [
        "",
        "x",
        ".",
        "..",
        f"{nothing}.{body}.",
        f"{nothing}.{body}.{mark}",
        f"{head}.{body}.",
        f"{head}.{mark}.{body}",
    ]
    forged += [Evidence("oidc", {"token": text, "random": RANDOM.hex()}) for text in (*texts, "x" * 20_000)]
    for each in forged:
        with pytest.raises(IdentificationError):
            verifier().verify(ELECTION, KEY, each, NOW_S * 1_000)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60) | st.from_regex(r'\{"provider": ("oidc"|"code"|1|\[\])(, "[a-z]+": ("x"|1|null))*\}'))
def test_evidence_is_read_or_refused(text: str) -> None:
    try:
        found = parse_evidence(text)
    except IdentificationError:
        return
    for provider in (verifier(), CodeVerifier((bytes(32),))):
        with pytest.raises(IdentificationError):
            provider.verify(ELECTION, KEY, found, NOW_S * 1_000)


# ------------------------------------------------------------------------------------------------------------ codes

CODE = make_code(lambda size: secret("a code")[:size])
STATION = SigningKey.from_seed(secret("station"))


def proof(**changes: str) -> Evidence:
    """Return the evidence of a code that a station issued."""
    public, signature = prove_code(ELECTION, CODE, KEY)
    made = Code("2" * 14, public, NOW_S * 1_000, "passkey")
    fields = {
        "number": made.number,
        "key": public.hex(),
        "expires_at_ms": str(made.expires_at_ms),
        "assurance": made.assurance,
        "issuer": key_id(STATION.public_key).hex(),
        "issued": made.sign(ELECTION, STATION).hex(),
        "signature": signature.hex(),
    }
    return Evidence("code", {**fields, **changes})


def test_a_good_proof_shows_a_person_until_the_codes_end() -> None:
    shown = CodeVerifier((STATION.public_key,)).verify(ELECTION, KEY, proof(), NOW_S * 1_000)
    assert (shown.number, shown.assurance) == ("2" * 14, "passkey")
    with pytest.raises(IdentificationError, match="expired"):
        CodeVerifier((STATION.public_key,)).verify(ELECTION, KEY, proof(), NOW_S * 1_000 + 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"number": "3" * 14},
        {"number": ""},
        {"number": "x"},
        {"key": "00" * 32},
        {"key": ""},
        {"expires_at_ms": str(NOW_S * 1_000 + 1)},
        {"expires_at_ms": "-1"},
        {"expires_at_ms": "1e9"},
        {"expires_at_ms": "9" * 30},
        {"assurance": "security-key"},
        {"assurance": "software"},
        {"assurance": ""},
        {"issuer": "00" * 8},
        {"issued": "00" * 64},
        {"signature": "00" * 64},
        {"signature": "zz"},
    ],
)
def test_a_proof_with_one_wrong_field_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(IdentificationError):
        CodeVerifier((STATION.public_key,)).verify(ELECTION, KEY, proof(**changes), 0)


def test_a_proof_for_another_key_or_election_is_refused() -> None:
    own = CodeVerifier((STATION.public_key,))
    for election, key in ((ELECTION, b"another key"), (Election("demo", bytes(32)), KEY), (ELECTION, b"")):
        with pytest.raises(IdentificationError):
            own.verify(election, key, proof(), 0)


@pytest.mark.parametrize("place", range(24))
def test_one_wrong_digit_is_found_before_anything_is_sent(place: int) -> None:
    digits = CODE.replace("-", "")
    for other in ALPHABET.replace(digits[place], ""):
        with pytest.raises(IdentificationError):
            code_key("demo", bytes(32), digits[:place] + other + digits[place + 1 :])


@pytest.mark.parametrize(
    "text", ["", "-", CODE[:-1], CODE + "2", CODE.replace(CODE[0], "0", 1), CODE.replace("-", "_")]
)
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(IdentificationError):
        code_key("demo", bytes(32), text)


def test_codes_differ() -> None:
    assert len({make_code(secrets.token_bytes) for _ in range(50)}) == 50
