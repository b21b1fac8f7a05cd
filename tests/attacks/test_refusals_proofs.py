"""The proofs' other refusals: lengths, a challenge of zero, contest rules, knowledge, equal logarithms."""

from itertools import product

import pytest

from crypto.errors import MalformedEncoding, Misuse, Refused
from crypto.group import parse_suite
from crypto.logarithms import prove_equalities, prove_knowledge, verify_equalities, verify_knowledge
from crypto.proofs import SealedContest, verify_contest
from crypto.rules import Between, OneOf, Rule, parse_rule
from crypto.transcript import Transcript, tag
from tests.forger import POSITION, SECRET, SUITES, make_contest, make_verifier, seal, verify_everywhere

CONTEXT = Transcript(tag("demo", "context"))


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("rule", [OneOf.default(3), Between(3, 0, 2)], ids=str)
def test_lengths(suite: str, rule: Rule) -> None:
    contest = make_contest(parse_suite(suite), rule)
    honest, size = seal(contest), contest.group.element_size
    ciphertexts = [b"", honest.ciphertexts[:-1], honest.ciphertexts + b"\0", honest.ciphertexts[2 * size :]]
    proofs = [b"", honest.proof[:-1], honest.proof + b"\0", honest.proof[:-32], honest.proof + bytes(32)]
    cases = [*product(ciphertexts, [honest.proof]), *product([honest.ciphertexts], proofs)]
    for wrong in cases:
        with pytest.raises(MalformedEncoding) as refusal:
            verify_everywhere(contest, SealedContest(*wrong))
        assert (refusal.value.check, refusal.value.culprit) == ("PROOF-1", "contest 1")


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("label", ["x", "y"])
def test_a_challenge_of_zero(suite: str, label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No hash is known to give one, so the hash is replaced."""
    contest = make_contest(parse_suite(suite))
    sealed, honest = seal(contest), Transcript.challenge
    monkeypatch.setattr(Transcript, "challenge", lambda self, name: bytes(64) if name == label else honest(self, name))
    with pytest.raises(Refused) as refusal:
        verify_contest(contest, POSITION, sealed)
    assert refusal.value.check == "PROOF-5"


RULES = {
    "empty": "",
    "unknown form": "03000a0002",
    "form alone": "01",
    "no digits": "01000a00",
    "product below n": "01000a0200020004",
    "radix 1": "01000a020001000a",
    "radix 0": "01000a020000000a",
    "radix above n": "01000a01000b",
    "one option": "0100010100020000",
    "no option": "010000010002",
    "1025 options": "0104010100ff",
    "eleven digits": "01000a0b" + "0002" * 11,
    "product of 2^16": "01010002" + "0100" * 2,
    "count of digits too high": "01000a0300020005",
    "count of digits too low": "01000a0100020005",
    "trailing byte": "01000a020002000500",
    "half a radix": "01000a02000200",
    "minimum above maximum": "02000a00030002",
    "maximum above n": "02000a0000000b",
    "maximum 0": "02000a00000000",
    "one option, kmin..kmax": "02000100000001",
    "1025 options, kmin..kmax": "02040100000001",
    "kmin..kmax cut": "02000a000000",
    "kmin..kmax long": "02000a0000000300",
}


@pytest.mark.parametrize("case", RULES)
def test_rules(case: str) -> None:
    with pytest.raises(MalformedEncoding) as refusal:
        parse_rule(bytes.fromhex(RULES[case]))
    assert refusal.value.check == "PROOF-9"


@pytest.mark.parametrize("suite", SUITES)
def test_knowledge_of_nothing(suite: str) -> None:
    """A proof for the sum of one's own key and another's, a copied proof, and a proof fitted to a chosen response."""
    group = parse_suite(suite)
    mine, other = SECRET * group.generator, 99 * group.generator
    proof = prove_knowledge(group, CONTEXT, SECRET)
    fitted = (5 * group.generator - 7 * mine).to_bytes() + group.scalar_bytes(5)
    for public, wrong in ((mine - other, proof), (other, proof), (mine, fitted)):
        with pytest.raises(Refused) as refusal:
            verify_knowledge(group, CONTEXT, public.to_bytes(), wrong, culprit="trustee 3")
        assert (refusal.value.check, refusal.value.culprit) == ("PROOF-10", "trustee 3")


@pytest.mark.parametrize("suite", SUITES)
def test_unequal_logarithms(suite: str) -> None:
    """A wrong value, two errors that cancel in a plain sum, and a commitment for one base only."""
    group = parse_suite(suite)
    public = (SECRET * group.generator).to_bytes()
    points = [factor * group.generator for factor in (3, 4, 5)]
    bases = [point.to_bytes() for point in points]
    good = [SECRET * point for point in points]
    proof, shift = prove_equalities(group, CONTEXT, SECRET, bases), group.generator
    broken = proof[: group.element_size] + public + proof[2 * group.element_size :]
    cases = [
        ([good[0] + shift, *good[1:]], proof),
        ([good[0] + shift, good[1] - shift, good[2]], proof),
        (good, broken),
    ]
    for values, wrong in cases:
        encoded = [value.to_bytes() for value in values]
        with pytest.raises(Refused) as refusal:
            verify_equalities(group, CONTEXT, public, bases, encoded, wrong, culprit="trustee 3")
        assert (refusal.value.check, refusal.value.culprit) == ("PROOF-11", "trustee 3")


def test_a_kernel_of_another_version() -> None:
    """A code that this package does not know is a programming error, never an acceptance."""
    contest = make_contest(parse_suite(SUITES[0]))
    with pytest.raises(Misuse):
        make_verifier([contest])._translate(200 * 256, b"")
