"""Time-stamp tokens by OpenSSL's authority, and BLS certificates of the witnesses, both as entries of the log."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.x509 import load_pem_x509_certificate
from rfc3161_client import VerifierBuilder, decode_timestamp_response

from crypto.election.entries import BlsKey, Seal, parse_entry
from crypto.signatures import bls_secret, parse_note, prove_bls_possession
from tests.integration.board.test_lying_witnesses import liar, reply
from tests.integration.board.town import Town, sqlite_town
from tests.simulator import make_manifest, make_parts, secret
from voting_server.board.certificates import Certifier
from voting_server.board.timestamps import EVERY_MS, LARGEST_TOKEN, Stamper, TokenError, request_token

TEXT = "board.example/demo/town\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a root and a time-stamping authority with OpenSSL."""
    folder = tmp_path_factory.mktemp("authority")
    (folder / "tsa.cnf").write_text(
        "[tsa]\nserial = serial\ncrypto_device = builtin\nsigner_digest = sha256\ndefault_policy = 1.2.3.4\n"
        "digests = sha256\naccuracy = secs:1\nordering = no\ntsa_name = no\ness_cert_id_chain = no\n"
        "ess_cert_id_alg = sha256\n[ext]\nextendedKeyUsage = critical,timeStamping\n"
        "keyUsage = critical,digitalSignature\n"
    )
    (folder / "serial").write_text("01\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    root = ["-x509", "-subj", "/CN=Root", "-days", "30", "-keyout", "root.key", "-out", "root.pem"]
    openssl(folder, "req", *key, *root)
    openssl(folder, "req", *key, "-subj", "/CN=Authority", "-keyout", "tsa.key", "-out", "tsa.csr")
    signing = ["-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "30", "-out", "tsa.pem"]
    openssl(folder, "x509", "-req", "-in", "tsa.csr", *signing, "-extfile", "tsa.cnf", "-extensions", "ext")
    return folder


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


def stamp(folder: Path, query: bytes) -> bytes:
    (folder / "query").write_bytes(query)
    signer = ["-signer", "tsa.pem", "-inkey", "tsa.key"]
    openssl(
        folder,
        "ts",
        "-reply",
        "-config",
        "tsa.cnf",
        "-section",
        "tsa",
        "-queryfile",
        "query",
        *signer,
        "-out",
        "answer",
    )
    return (folder / "answer").read_bytes()


def test_a_token_of_openssl_is_taken_and_both_verifiers_agree(authority: Path, tmp_path: Path) -> None:
    with liar(lambda handler, body: reply(handler, 200, stamp(authority, body), "application/timestamp-reply")) as url:
        token = request_token(TEXT, url)
    (tmp_path / "token").write_bytes(token)
    (tmp_path / "text").write_text(TEXT)
    root = authority / "root.pem"
    openssl(tmp_path, "ts", "-verify", "-data", "text", "-in", "token", "-CAfile", str(root))
    verifier = VerifierBuilder().add_root_certificate(load_pem_x509_certificate(root.read_bytes())).build()
    assert verifier.verify_message(decode_timestamp_response(token), TEXT.encode())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda *_: b"",
        lambda *_: b"garbage",
        lambda folder, query: stamp(folder, query)[:-1],
        lambda *_: bytes(LARGEST_TOKEN + 1),
        lambda folder, _: stamp(folder, other_query(folder)),
    ],
)
def test_an_answer_about_anything_else_is_refused(authority: Path, spoil: Callable[[Path, bytes], bytes]) -> None:
    with pytest.raises(TokenError):
        request_token(TEXT, "http://tsa.example", lambda _, query: spoil(authority, query))


def other_query(folder: Path) -> bytes:
    (folder / "other").write_text("another text")
    openssl(folder, "ts", "-query", "-data", "other", "-sha256", "-cert", "-out", "other.query")
    return (folder / "other.query").read_bytes()


def test_a_replayed_answer_is_refused(authority: Path) -> None:
    answer = request_token(TEXT, "http://tsa.example", lambda _, query: stamp(authority, query))
    with pytest.raises(TokenError):
        request_token(TEXT, "http://tsa.example", lambda *_: answer)


def test_an_authority_that_does_not_answer_costs_nothing(desk: Town) -> None:
    desk.run("founded")
    _name_authority(desk, "http://127.0.0.1:9/")
    assert Stamper(desk.board).step() == 0
    desk.write()


def test_tokens_stand_in_the_next_seal_once(desk: Town, authority: Path) -> None:
    desk.run("founded")
    _name_authority(desk, "http://tsa.example/")
    stamper = Stamper(desk.board, lambda _, query: stamp(authority, query))
    desk.write()
    assert stamper.step() == 1
    assert stamper.step() == 0
    desk.write()
    desk.write()
    seals = [Seal.parse(parse_entry(raw).body) for raw in desk.entries if raw[3:7] == b"seal"]
    assert [len(seal.tokens) for seal in seals[-3:]] == [0, 1, 0]
    stamped = parse_note(desk.board.store.checkpoint(size=decode_size(desk, seals[-2])).note).text  # type: ignore[union-attr]
    answer = decode_timestamp_response(seals[-2].tokens[0])
    verifier = VerifierBuilder().add_root_certificate(load_pem_x509_certificate((authority / "root.pem").read_bytes()))
    assert verifier.build().verify_message(answer, stamped.encode())
    desk.clock_ms += EVERY_MS
    desk.write()
    assert stamper.step() == 1


def decode_size(_town: Town, seal: Seal) -> int:
    """Return the size of the checkpoint before a seal: the token was made over the newest quorum checkpoint then."""
    return int(parse_note(seal.checkpoint).text.splitlines()[1])


def _name_authority(town: Town, url: str) -> None:
    settings = town.context.settings.model_copy(update={"timestamping": (url,)})
    object.__setattr__(town.context, "settings", settings)


def test_certificates_at_the_opening_and_at_the_close(tmp_path: Path) -> None:
    witnesses = tuple(
        replace(each, bls=BlsKey(*prove_bls_possession(bls_secret(secret("bls", place)))))
        for place, each in enumerate(make_manifest(make_parts()).witnesses)
    )
    town = sqlite_town(tmp_path, witnesses=witnesses)
    try:
        certifier = Certifier(town.board)
        town.run("frozen")
        assert not certifier.step()
        town.open()
        town.watches[0].server.keys = replace(town.watches[0].server.keys, bls_seed=secret("wrong"))
        assert certifier.step()
        assert not certifier.step()
        town.write()
        assert town.record.accepted["certificate"] == 1
        assert town.record.refused == {}
        assert not Certifier(town.board).step()
    finally:
        town.stop()
