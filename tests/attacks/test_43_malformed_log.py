"""Bytes that are no log file, note, key or request: typed refusals, whatever their size and depth."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from audit.witness import State, Witness, add_checkpoint
from crypto.errors import MalformedEncoding
from crypto.merkle import parse_bundle, parse_log_proof, parse_path, parse_tile
from crypto.signatures import (
    SigningKey,
    parse_checkpoint,
    parse_cose_key,
    parse_note,
    parse_policy,
    parse_signature_lines,
    parse_signer_key,
    parse_verifier_key,
)

HUGE = 2**31
BYTES = [
    b"",
    b"\x00",
    b"\xff" * 200_000,
    b"\x81" * 10_000,
    b"\xbf\xff",
    b"[" * 10_000,
    b"\xa5\x01\x02\x03\x26\x20\x01\x21\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\n" * 100_000,
    b"\n\n" + b"\xe2\x80\x94 a b\n" * 50_000,
    b"c2sp.org/tlog-proof@v1\nindex " + b"9" * 100_000 + b"\n\n",
    b"old " + b"9" * 100_000 + b"\n\n",
    b"old 0\n" + b"A" * 43 + b"=\n" * 60_000 + b"\n",
    b"a\n" + str(HUGE).encode() + b"\n\xed\xa0\x80\n\n",
]
PATHS = "MERKLE-1"
NOTES = "SIGNATURE-2"


def refuse(parse: Callable[[], object]) -> str:
    with pytest.raises(MalformedEncoding) as refusal:
        parse()
    return refusal.value.check


@pytest.mark.parametrize("data", BYTES, ids=range(len(BYTES)))
def test_files_of_a_log(data: bytes) -> None:
    text = data.decode("latin-1")
    assert refuse(lambda: parse_bundle(data, 256)) == PATHS
    assert refuse(lambda: parse_bundle(data, HUGE)) == PATHS
    assert refuse(lambda: parse_tile(data, 256)) == PATHS
    assert refuse(lambda: parse_tile(data, HUGE)) == PATHS
    assert refuse(lambda: parse_log_proof(data)) == PATHS
    assert refuse(lambda: parse_path(text)) == PATHS
    assert refuse(lambda: parse_path(f"tile/0/{text}")) == PATHS


@pytest.mark.parametrize("data", BYTES, ids=range(len(BYTES)))
def test_notes_and_keys(data: bytes) -> None:
    text = data.decode("latin-1")
    assert refuse(lambda: parse_note(data)) == NOTES
    assert refuse(lambda: parse_checkpoint(text)) == NOTES
    assert refuse(lambda: parse_signature_lines(text)) == NOTES
    assert refuse(lambda: parse_verifier_key(text)) == NOTES
    assert refuse(lambda: parse_signer_key(text)) == NOTES
    assert refuse(lambda: parse_policy(data)) == NOTES


@pytest.mark.parametrize("data", BYTES, ids=range(len(BYTES)))
def test_passkey_keys(data: bytes) -> None:
    assert refuse(lambda: parse_cose_key(data)) == "SIGNATURE-6"


@pytest.mark.parametrize("data", BYTES, ids=range(len(BYTES)))
def test_requests_to_a_witness(data: bytes) -> None:
    witness = Witness("watch.example", SigningKey.from_seed(bytes(32)), ())
    state, answer = add_checkpoint(witness, State(), data, 1_767_225_600)
    assert (state, answer.status, answer.body) == (State(), 400, b"")
    assert isinstance(answer.refusal, MalformedEncoding)
    assert answer.refusal.check == "WITNESS-1"


def test_deep_input_is_survived_where_certificates_are_read() -> None:
    # In a process of its own: the library under the certificates raises the recursion limit when it is first imported,
    # and without the limit json's scanner overflows the C stack.
    program = (
        "import json, sys\n"
        "from crypto.signatures import bls_secret\n"
        "limit = sys.getrecursionlimit()\n"
        "bls_secret(bytes(32))\n"
        "assert sys.getrecursionlimit() == limit\n"
        "try:\n"
        "    json.loads('[' * 100_000)\n"
        "except RecursionError:\n"
        "    print('refused')\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "refused\n")
