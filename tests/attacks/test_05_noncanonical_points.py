"""Every bad encoding that RFC 9496 prints, and P-256's, in every field of a ballot that holds an element."""

import json
from pathlib import Path

import pytest

from crypto.errors import MalformedEncoding
from crypto.group import parse_suite
from crypto.proofs import Check, SealedContest
from tests.forger import SUITES, make_contest, seal, verify_everywhere

PUBLISHED = json.loads((Path(__file__).parents[1] / "vectors/published.json").read_text(encoding="utf-8"))
BAD = [(SUITES[0], why, data) for why, data in PUBLISHED["ristretto_bad_encodings"]]
BAD += [(SUITES[1], why, data) for why, data in PUBLISHED["p256_bad_encodings"] if len(data) == 66]


@pytest.mark.parametrize(("suite", "why", "data"), BAD)
def test_bad_encoding_anywhere(suite: str, why: str, data: str) -> None:
    contest, bad = make_contest(parse_suite(suite)), bytes.fromhex(data)
    honest, size = seal(contest), contest.group.element_size
    for at in range(0, len(honest.ciphertexts), size):
        ciphertexts = honest.ciphertexts[:at] + bad + honest.ciphertexts[at + size :]
        with pytest.raises(MalformedEncoding) as refusal:
            verify_everywhere(contest, SealedContest(ciphertexts, honest.proof))
        assert refusal.value.check == "PROOF-2", why
    for at in range(0, (2 + 2 * contest.rule.digits) * size, size):
        proof = honest.proof[:at] + bad + honest.proof[at + size :]
        with pytest.raises(MalformedEncoding) as refusal:
            verify_everywhere(contest, SealedContest(honest.ciphertexts, proof))
        assert refusal.value.check == Check.COMMITMENT.value, why


@pytest.mark.parametrize(("suite", "why", "data"), BAD)
def test_bad_encoding_as_an_element(suite: str, why: str, data: str) -> None:
    with pytest.raises(MalformedEncoding) as refusal:
        parse_suite(suite).parse_element(bytes.fromhex(data), culprit=why)
    assert (refusal.value.check, refusal.value.culprit) == ("GROUP-1", why)
