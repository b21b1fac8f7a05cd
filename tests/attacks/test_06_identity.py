"""The identity as key, ciphertext, commitment or D is refused; a sum that happens to be the identity still tallies."""

import pytest

from crypto.elgamal import parse_sums
from crypto.errors import MalformedEncoding
from crypto.group import parse_suite
from crypto.proofs import Check, SealedContest
from crypto.threshold import decrypt_total
from tests.forger import SUITES, make_contest, make_verifier, seal, verify_everywhere


@pytest.mark.parametrize("suite", SUITES)
def test_identity_as_a_ciphertext(suite: str) -> None:
    contest = make_contest(parse_suite(suite))
    honest, size = seal(contest), contest.group.element_size
    for at in range(0, len(honest.ciphertexts), size):
        ciphertexts = honest.ciphertexts[:at] + bytes(size) + honest.ciphertexts[at + size :]
        with pytest.raises(MalformedEncoding) as refusal:
            verify_everywhere(contest, SealedContest(ciphertexts, honest.proof))
        assert refusal.value.check == Check.CIPHERTEXT.value


@pytest.mark.parametrize("suite", SUITES)
def test_identity_as_a_commitment(suite: str) -> None:
    contest = make_contest(parse_suite(suite))
    honest, size = seal(contest), contest.group.element_size
    for at in range(0, (2 + 2 * contest.rule.digits) * size, size):
        proof = honest.proof[:at] + bytes(size) + honest.proof[at + size :]
        with pytest.raises(MalformedEncoding) as refusal:
            verify_everywhere(contest, SealedContest(honest.ciphertexts, proof))
        assert refusal.value.check == "PROOF-3"


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("python_only", [True, False])
def test_identity_as_the_key(suite: str, python_only: bool) -> None:
    group = parse_suite(suite)
    with pytest.raises(MalformedEncoding) as refusal:
        make_verifier([make_contest(group, key=group.identity.to_bytes())], python_only=python_only)
    assert refusal.value.check == "GROUP-2"


@pytest.mark.parametrize("suite", SUITES)
def test_a_sum_that_is_the_identity_still_tallies(suite: str) -> None:
    group = parse_suite(suite)
    sums = group.identity.to_bytes() + (3 * group.generator).to_bytes()
    [pair] = parse_sums(group, sums, 1)
    assert decrypt_total(group, 9, pair.b.to_bytes(), pair.a.to_bytes()) == 3
