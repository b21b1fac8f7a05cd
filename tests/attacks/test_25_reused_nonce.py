"""The same random stream twice: nonces are hedged with secret and statement, so that no secret can be computed."""

import pytest

from crypto.group import parse_suite
from crypto.logarithms import hedge_nonce, prove_equalities, prove_knowledge
from crypto.transcript import Transcript, tag
from tests.forger import SECRET, SUITES


@pytest.mark.parametrize("suite", SUITES)
def test_one_random_stream_for_two_statements(suite: str) -> None:
    group = parse_suite(suite)
    contexts = [Transcript(tag("demo", "a")), Transcript(tag("demo", "b"))]
    bases = [group.generator.to_bytes()]
    knowledge = [prove_knowledge(group, context, SECRET, random=bytes(32)) for context in contexts]
    equality = [prove_equalities(group, context, SECRET, bases, random=bytes(32)) for context in contexts]
    for first, second in (knowledge, equality):
        assert first[: group.element_size] != second[: group.element_size]


@pytest.mark.parametrize("suite", SUITES)
def test_nonce_depends_on_secret_statement_and_randomness(suite: str) -> None:
    group = parse_suite(suite)
    nonces = {
        hedge_nonce(group, state, secret, random)
        for state in (bytes(64), b"\1" * 64)
        for secret in (1, 2)
        for random in (bytes(32), b"\1" * 32)
    }
    assert len(nonces) == 8
    assert hedge_nonce(group, bytes(64), 1) != hedge_nonce(group, bytes(64), 1)
    assert hedge_nonce(group, bytes(64), 1, bytes(32)) == hedge_nonce(group, bytes(64), 1, bytes(32))


@pytest.mark.parametrize("suite", SUITES)
def test_two_decryptions_with_a_dead_generator_do_not_reveal_the_share(suite: str) -> None:
    """With one k for two challenges, (z1 - z2)/(c1 - c2) would be the secret."""
    group = parse_suite(suite)
    context = Transcript(tag("demo", "decryption"))
    statements = [[(factor * group.generator).to_bytes()] for factor in (2, 3)]
    proofs = [prove_equalities(group, context, SECRET, bases, random=bytes(32)) for bases in statements]
    size = group.element_size
    assert proofs[0][:size] != proofs[1][:size]
    assert proofs[0][size : 2 * size] != proofs[1][size : 2 * size]
