"""Software passkeys sign what the verifier accepts, the same bytes each time, and nothing else."""

import pytest

from crypto.errors import Misuse, Refused
from crypto.signatures import EDDSA, ES256, RS256, parse_cose_key, passkey_challenge, verify_passkey_assertion
from demo.voters import make_passkey

RP_ID, ORIGIN = "localhost", "http://localhost:8000"
CHALLENGE = passkey_challenge(b"dobush/1/demo/cast", bytes(32))


@pytest.mark.parametrize("algorithm", [ES256, EDDSA])
def test_a_software_passkey_signs_like_a_browser(algorithm: int) -> None:
    passkey = make_passkey(bytes([7]) * 32, algorithm)
    answer = passkey.sign(CHALLENGE, RP_ID, ORIGIN)
    assert parse_cose_key(passkey.cose_key)[0] == algorithm
    verify_passkey_assertion(passkey.cose_key, *answer.parts(), CHALLENGE, RP_ID, [ORIGIN])
    again = make_passkey(bytes([7]) * 32, algorithm)
    assert (again.cose_key, again.sign(CHALLENGE, RP_ID, ORIGIN)) == (passkey.cose_key, answer)
    assert make_passkey(bytes([8]) * 32, algorithm).cose_key != passkey.cose_key
    assert len(answer.authenticator_data) == 37


@pytest.mark.parametrize("algorithm", [ES256, EDDSA])
def test_another_key_does_not_verify(algorithm: int) -> None:
    answer = make_passkey(bytes([7]) * 32, algorithm).sign(CHALLENGE, RP_ID, ORIGIN)
    with pytest.raises(Refused):
        verify_passkey_assertion(
            make_passkey(bytes([8]) * 32, algorithm).cose_key, *answer.parts(), CHALLENGE, RP_ID, [ORIGIN]
        )


def test_misuse() -> None:
    with pytest.raises(Misuse):
        make_passkey(bytes(31))
    with pytest.raises(Misuse):
        make_passkey(bytes(32), RS256)
