"""Every signature against its vectors: the strict rule, authors, notes, quorum, policy, passkeys, BLS certificate."""

import json
from pathlib import Path
from typing import Any

import pytest

from crypto import signatures
from crypto.errors import MalformedEncoding, Misuse, Refused
from crypto.signatures import (
    MAX_SIGNATURE_LINES,
    Checkpoint,
    Note,
    NoteSignature,
    Policy,
    SigningKey,
    VerifierKey,
    aggregate_bls,
    author_message,
    bls_message,
    bls_secret,
    cose_eddsa,
    cosign,
    key_id,
    parse_checkpoint,
    parse_cose_key,
    parse_note,
    parse_policy,
    parse_signature_lines,
    parse_signer_key,
    parse_verifier_key,
    passkey_challenge,
    prove_bls_possession,
    sign_author,
    sign_bls,
    sign_checkpoint,
    signer_key_to_text,
    verify_author,
    verify_bls_certificate,
    verify_bls_possession,
    verify_checkpoint,
    verify_cosignatures,
    verify_ed25519,
    verify_passkey_assertion,
    verify_quorum,
)
from tests import edwards

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors/signatures.json").read_text(encoding="utf-8")
)
LOG = parse_verifier_key(VECTORS["log"]["vkey"])
WITNESSES = [parse_verifier_key(item["vkey"]) for item in VECTORS["witnesses"]]
CHECKPOINT: bytes = VECTORS["checkpoint"].encode()
LATEST = max(item["time_s"] for item in VECTORS["witnesses"])


def read_hex(case: dict[str, str], *names: str) -> list[bytes]:
    return [bytes.fromhex(case[name]) for name in names]


@pytest.mark.parametrize("case", VECTORS["ed25519"], ids=lambda case: case["why"])
def test_ed25519(case: dict[str, Any]) -> None:
    parts = read_hex(case, "public_key", "message", "signature")
    assert edwards.is_valid(*parts) is case["valid"]
    if case["valid"]:
        verify_ed25519(*parts)
    else:
        with pytest.raises(Refused):
            verify_ed25519(*parts)


def test_keys_show_no_secret() -> None:
    key = SigningKey.from_seed(bytes.fromhex(VECTORS["log"]["seed"]))
    assert key.public_key.hex() == VECTORS["log"]["public_key"]
    assert key.seed.hex() not in repr(key)
    assert "_secret" not in repr(key)
    with pytest.raises(Misuse):
        SigningKey.from_seed(bytes(31))


def test_author() -> None:
    case = VECTORS["author"]
    seed, manifest_hash, body, name, signature = read_hex(case, "seed", "manifest_hash", "body", "key_id", "signature")
    key, tag = SigningKey.from_seed(seed), case["tag"].encode()
    assert sign_author(key, tag, manifest_hash, case["type"], body) == (name, signature)
    assert key_id(key.public_key) == name
    verify_author(key.public_key, tag, manifest_hash, case["type"], body, signature)
    others: list[tuple[bytes, bytes, str, bytes]] = [
        (tag.replace(b"demo", b"real"), manifest_hash, case["type"], body),
        (tag, bytes(32), case["type"], body),
        (tag, manifest_hash, "result", body),
        (tag, manifest_hash, case["type"], body + b"\x00"),
    ]
    for other in others:
        with pytest.raises(Refused):
            verify_author(key.public_key, *other, signature)


def test_author_message_has_no_two_readings() -> None:
    assert author_message(b"ab", bytes(32), "c", bytes(8), b"") != author_message(b"a", bytes(32), "bc", bytes(8), b"")
    with pytest.raises(Misuse):
        author_message(b"", bytes(31), "close", bytes(8), b"")
    with pytest.raises(Misuse):
        author_message(b"", bytes(32), "close", bytes(7), b"")


def test_log_keys_in_text() -> None:
    key = SigningKey.from_seed(bytes.fromhex(VECTORS["log"]["seed"]))
    assert VerifierKey("board.example/vybory-2026", key.public_key) == LOG
    assert LOG.to_text() == VECTORS["log"]["vkey"]
    assert signer_key_to_text(LOG.name, key) == VECTORS["log"]["skey"]
    assert parse_signer_key(VECTORS["log"]["skey"]) == (LOG.name, key)


@pytest.mark.parametrize("case", VECTORS["refused_vkeys"], ids=lambda case: case["why"])
def test_refused_vkeys(case: dict[str, str]) -> None:
    with pytest.raises(MalformedEncoding):
        parse_verifier_key(case["vkey"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        VECTORS["log"]["vkey"],
        VECTORS["log"]["skey"][:-4],
        VECTORS["log"]["skey"].replace("987f", "987e"),
        VECTORS["log"]["skey"].replace("AQEB", "AgEB", 1),
        "PRIVATE+KEY+a b+00000000+AQEB",
    ],
)
def test_refused_skeys(text: str) -> None:
    with pytest.raises(MalformedEncoding):
        parse_signer_key(text)


def test_checkpoint_byte_for_byte() -> None:
    key = SigningKey.from_seed(bytes.fromhex(VECTORS["log"]["seed"]))
    checkpoint = verify_checkpoint(CHECKPOINT, LOG)
    assert (checkpoint.origin, checkpoint.size) == (LOG.name, VECTORS["checkpoint_size"])
    note = sign_checkpoint(key, checkpoint)
    for witness, item in zip(WITNESSES, VECTORS["witnesses"], strict=True):
        signer = SigningKey.from_seed(bytes.fromhex(item["seed"]))
        note = note.with_signatures(cosign(signer, witness.name, note.text, item["time_s"]))
    assert note.to_bytes() == CHECKPOINT
    assert parse_note(CHECKPOINT) == note


def test_quorum() -> None:
    read = verify_quorum(CHECKPOINT, LOG, WITNESSES, 2, LATEST)
    assert read.times_s == (1_767_225_600, 1_767_225_601)
    assert [item.witness for item in read.cosignatures] == WITNESSES


def test_lines_of_unknown_keys_are_ignored() -> None:
    grease = NoteSignature("grease.example", b"\x01\x02\x03\x04", b"anything")
    same_name = NoteSignature(LOG.name, b"\x01\x02\x03\x04", bytes(64))
    note = parse_note(CHECKPOINT)
    mixed = Note(note.text, (grease, same_name, *note.signatures, grease)).to_bytes()
    assert verify_quorum(mixed, LOG, WITNESSES, 2, LATEST) == verify_quorum(CHECKPOINT, LOG, WITNESSES, 2, LATEST)


def test_the_first_of_two_lines_of_a_key_counts() -> None:
    note = parse_note(CHECKPOINT)
    signer = SigningKey.from_seed(bytes.fromhex(VECTORS["witnesses"][0]["seed"]))
    later = note.with_signatures(cosign(signer, WITNESSES[0].name, note.text, 5))
    assert verify_cosignatures(later, WITNESSES[:1], LATEST)[0].time_s == VECTORS["witnesses"][0]["time_s"]


@pytest.mark.parametrize("case", VECTORS["refused_notes"], ids=lambda case: case["why"])
def test_refused_notes(case: dict[str, str]) -> None:
    with pytest.raises(MalformedEncoding):
        parse_note(case["note"].encode())


@pytest.mark.parametrize("case", VECTORS["refused_checkpoint_texts"], ids=lambda case: case["why"])
def test_refused_checkpoint_texts(case: dict[str, str]) -> None:
    with pytest.raises(MalformedEncoding):
        parse_checkpoint(case["text"])


@pytest.mark.parametrize("data", [b"\xff\n\n", b"a\x00\n\n" + CHECKPOINT, b"x" * 65_536, b""])
def test_refused_note_bytes(data: bytes) -> None:
    with pytest.raises(MalformedEncoding):
        parse_note(data)


def test_limits_of_lines_and_calls() -> None:
    note = parse_note(CHECKPOINT)
    line = note.signatures[0]
    assert len(parse_signature_lines(line.to_text() * MAX_SIGNATURE_LINES)) == MAX_SIGNATURE_LINES
    with pytest.raises(MalformedEncoding):
        parse_signature_lines(line.to_text() * (MAX_SIGNATURE_LINES + 1))
    with pytest.raises(Misuse):
        note.with_signatures(*[line] * MAX_SIGNATURE_LINES)
    with pytest.raises(Misuse):
        cosign(SigningKey.from_seed(bytes(32)), "w", note.text, 0)
    with pytest.raises(Misuse):
        verify_quorum(CHECKPOINT, LOG, WITNESSES, 0, LATEST)


def test_policy() -> None:
    policy = parse_policy(VECTORS["policy"].encode())
    assert policy == Policy(LOG, tuple(WITNESSES), 2)
    assert policy.to_bytes().decode() == VECTORS["policy"]


@pytest.mark.parametrize(
    ("old", "new"),
    [("quorum-of-witnesses 2", "quorum-of-witnesses 3"), ("quorum-of-witnesses 2", "quorum-of-witnesses 0"),
     ("witness w2", "witness w3"), ("log ", "#log "), ("w1 w2\n", "w1\n"), ("\nquorum quorum-of-witnesses", ""),
     (WITNESSES[1].to_text(), WITNESSES[0].to_text())],
)  # fmt: skip
def test_refused_policies(old: str, new: str) -> None:
    with pytest.raises(MalformedEncoding):
        parse_policy(VECTORS["policy"].replace(old, new).encode())


def test_challenge() -> None:
    case = VECTORS["challenge"]
    challenge = passkey_challenge(case["tag"].encode(), *map(bytes.fromhex, case["fields"]))
    assert challenge.hex() == case["challenge"]


@pytest.mark.parametrize("case", VECTORS["passkeys"]["assertions"], ids=lambda case: str(case["algorithm"]))
def test_assertions(case: dict[str, Any]) -> None:
    cose_key, data, signature = read_hex(case, "cose_key", "authenticator_data", "signature")
    challenge = bytes.fromhex(VECTORS["challenge"]["challenge"])
    rp_id, origins = VECTORS["passkeys"]["rp_id"], VECTORS["passkeys"]["origins"]
    assert parse_cose_key(cose_key)[0] == case["algorithm"]
    client_data = case["client_data"].encode()
    verify_passkey_assertion(cose_key, data, client_data, signature, challenge, rp_id, origins)
    for broken in (signature[:-1], signature + b"\x00", b"", signature[:-1] + bytes([signature[-1] ^ 1])):
        with pytest.raises(Refused):
            verify_passkey_assertion(cose_key, data, client_data, broken, challenge, rp_id, origins)


@pytest.mark.parametrize("case", VECTORS["refused_cose_keys"], ids=lambda case: case["why"])
def test_refused_cose_keys(case: dict[str, str]) -> None:
    with pytest.raises(MalformedEncoding):
        parse_cose_key(bytes.fromhex(case["cose_key"]))


def test_cose_key_of_a_point_off_the_curve() -> None:
    off = next(y for y in range(2, 50) if edwards.decode(y.to_bytes(32, "little")) is None)
    with pytest.raises(MalformedEncoding):
        parse_cose_key(cose_eddsa(off.to_bytes(32, "little")))
    mixed = edwards.encode(edwards.add(edwards.BASE, edwards.TORSION))
    assert parse_cose_key(cose_eddsa(mixed))[1] == mixed


def test_bls_certificate() -> None:
    case = VECTORS["bls"]
    secrets = [bls_secret(bytes.fromhex(seed)) for seed in case["seeds"]]
    pairs = [tuple(read_hex(key, "public_key", "proof")) for key in case["keys"]]
    assert prove_bls_possession(secrets[0]) == pairs[0]
    message = bls_message(case["tag"].encode(), LOG.name, 7, Checkpoint(*_head()).root)
    assert message.hex() == case["message"]
    certificate = aggregate_bls([sign_bls(secret, message) for secret in secrets])
    assert certificate.hex() == case["certificate"]
    verify_bls_certificate([verify_bls_possession(*pair) for pair in pairs], message, certificate)
    with pytest.raises(Misuse):
        bls_secret(bytes(31))
    with pytest.raises(Misuse):
        aggregate_bls([bytes(96)])


def _head() -> tuple[str, int, bytes]:
    checkpoint = verify_checkpoint(CHECKPOINT, LOG)
    return checkpoint.origin, checkpoint.size, checkpoint.root


def test_the_points_of_small_order_are_the_multiples_of_one_of_order_eight() -> None:
    order_8 = edwards.decode(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"))
    assert order_8 is not None
    assert {edwards.multiply(factor, order_8)[1] for factor in range(8)} == signatures._SMALL_ORDER_Y
