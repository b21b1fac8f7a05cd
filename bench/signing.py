"""What signatures cost on one core: authors, passkeys of three algorithms, and the witnesses' BLS certificate.

>>> WITNESSES
5
"""

import os
from collections.abc import Iterator
from functools import partial
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from bench.figures import Figure, best_of, one_core, seconds_each
from crypto.signatures import (
    EDDSA,
    ES256,
    SigningKey,
    aggregate_bls,
    bls_message,
    bls_secret,
    client_data_start,
    cose_rs256,
    passkey_challenge,
    prove_bls_possession,
    sign_author,
    sign_bls,
    verify_author,
    verify_bls_certificate,
    verify_bls_possession,
    verify_passkey_assertion,
)
from crypto.transcript import tag
from demo.voters import make_passkey

WITNESSES = 5
RP_ID, ORIGIN = "dobush.example", "https://vote.dobush.example"
CHALLENGE = passkey_challenge(tag("demo", "cast"), bytes(32))


def measure_signatures() -> Iterator[Figure]:
    """Yield the figures of every scheme."""
    with one_core():
        yield from _measure_authors()
        yield from _measure_passkeys()
        yield from _measure_certificate()


def _figure(name: str, seconds: float, note: str) -> Figure:
    return Figure(name, seconds * 1e6, "us", note)


def _measure_authors() -> Iterator[Figure]:
    key, use, body = SigningKey.from_seed(bytes(32)), tag("demo", "author"), bytes(200)
    _, signature = sign_author(key, use, bytes(32), "credential", body)
    note = "Ed25519, entry of 200 bytes, one core"
    yield _figure("author.sign.us", seconds_each(lambda: sign_author(key, use, bytes(32), "credential", body)), note)
    seconds = seconds_each(lambda: verify_author(key.public_key, use, bytes(32), "credential", body, signature))
    yield _figure("author.verify.us", seconds, note)


def _measure_passkeys() -> Iterator[Figure]:
    for name, algorithm in (("es256", ES256), ("eddsa", EDDSA)):
        passkey = make_passkey(bytes(32), algorithm)
        answer = passkey.sign(CHALLENGE, RP_ID, ORIGIN)
        sign = seconds_each(partial(passkey.sign, CHALLENGE, RP_ID, ORIGIN))
        yield _figure(f"passkey.{name}.sign.us", sign, "software passkey, one core")
        yield _measure_assertion(name, passkey.cose_key, *answer.parts())
    secret = rsa.generate_private_key(65_537, 2_048)
    authenticator_data = sha256(RP_ID.encode()).digest() + bytes([0x05]) + bytes(4)
    client_data = client_data_start(CHALLENGE) + ORIGIN.encode() + b'"}'
    message = authenticator_data + sha256(client_data).digest()
    signature = secret.sign(message, padding.PKCS1v15(), SHA256())
    cose_key = cose_rs256(secret.public_key().public_numbers().n)
    yield _measure_assertion("rs256", cose_key, authenticator_data, client_data, signature)


def _measure_assertion(
    name: str, key: bytes, authenticator_data: bytes, client_data: bytes, signature: bytes
) -> Figure:
    def verify() -> None:
        verify_passkey_assertion(key, authenticator_data, client_data, signature, CHALLENGE, RP_ID, [ORIGIN])

    return _figure(f"passkey.{name}.verify.us", seconds_each(verify), "whole assertion, key decoded, one core")


def _measure_certificate() -> Iterator[Figure]:
    secrets = [bls_secret(os.urandom(32)) for _ in range(WITNESSES)]
    proven = [prove_bls_possession(secret) for secret in secrets]
    message = bls_message(tag("demo", "certificate"), "board.dobush.example/demo/bench", 1_000, bytes(32))
    note = "BLS12-381 by py-ecc, one core"
    yield _figure("bls.sign.us", best_of(2, lambda: sign_bls(secrets[0], message)), note)
    yield _figure("bls.possession.us", best_of(2, lambda: verify_bls_possession(*proven[0])), note)
    keys = [verify_bls_possession(*each) for each in proven]
    signature = aggregate_bls([sign_bls(secret, message) for secret in secrets])
    seconds = best_of(2, lambda: verify_bls_certificate(keys, message, signature))
    yield _figure("bls.certificate.us", seconds, f"{note}, {WITNESSES} witnesses")
