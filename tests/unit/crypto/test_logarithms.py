"""Knowledge of a logarithm and equal logarithms: stored bytes, other contexts, other statements, broken bytes."""

import json
from pathlib import Path
from typing import Any

import pytest

from crypto.errors import MalformedEncoding, Refused
from crypto.group import parse_suite
from crypto.logarithms import (
    prove_equalities,
    prove_equality,
    prove_knowledge,
    verify_equalities,
    verify_equality,
    verify_knowledge,
)
from crypto.transcript import Transcript, tag
from tests.forger import SECRET, SUITES
from tests.make_vectors import logarithms_vectors

FOLDER = Path(__file__).resolve().parents[2] / "vectors"
STORED = json.loads((FOLDER / "logarithms.json").read_text(encoding="utf-8"))


def test_stored_vectors_are_what_is_computed() -> None:
    assert logarithms_vectors() == STORED


@pytest.mark.parametrize("item", STORED["logarithms"], ids=lambda item: str(item["suite"]))
def test_stored_proofs_verify(item: dict[str, Any]) -> None:
    group, context = parse_suite(item["suite"]), Transcript(bytes.fromhex(item["tag"]))
    public = bytes.fromhex(item["public"])
    verify_knowledge(group, context, public, bytes.fromhex(item["knowledge"]))
    bases, values = ([bytes.fromhex(point) for point in item[name]] for name in ("bases", "values"))
    verify_equalities(group, context, public, bases, values, bytes.fromhex(item["equality"]))


@pytest.mark.parametrize("suite", SUITES)
def test_knowledge(suite: str) -> None:
    group = parse_suite(suite)
    context, public = Transcript(tag("demo", "a")), (SECRET * group.generator).to_bytes()
    proof = prove_knowledge(group, context, SECRET)
    verify_knowledge(group, context, public, proof)
    for other in (Transcript(tag("real", "a")), Transcript(tag("demo", "b"))):
        with pytest.raises(Refused, match="knowledge"):
            verify_knowledge(group, other, public, proof)
    with pytest.raises(Refused, match="knowledge"):
        verify_knowledge(group, context, group.generator.to_bytes(), proof, culprit="trustee 1")
    for broken in (proof[:-1], proof + b"\0", b"", bytes(len(proof)), b"\xff" * len(proof)):
        with pytest.raises(MalformedEncoding):
            verify_knowledge(group, context, public, broken)
    with pytest.raises(MalformedEncoding):
        verify_knowledge(group, context, group.identity.to_bytes(), proof)


@pytest.mark.parametrize("suite", SUITES)
def test_equal_logarithms(suite: str) -> None:
    group = parse_suite(suite)
    context, public = Transcript(tag("demo", "a")), (SECRET * group.generator).to_bytes()
    base = (99 * group.generator).to_bytes()
    value = (SECRET * 99 * group.generator).to_bytes()
    proof = prove_equality(group, context, SECRET, base)
    verify_equality(group, context, public, base, value, proof)
    wrong = ((SECRET * 99 + 1) * group.generator).to_bytes()
    for arguments in ((public, base, wrong), (public, public, value), (base, base, value), (public, value, base)):
        with pytest.raises(Refused, match="equal logarithms"):
            verify_equality(group, context, *arguments, proof)
    with pytest.raises(Refused, match="equal logarithms"):
        verify_equality(group, Transcript(tag("demo", "b")), public, base, value, proof)
    for broken in (proof[:-1], proof + b"\0", b"", b"\xff" * len(proof)):
        with pytest.raises(MalformedEncoding):
            verify_equality(group, context, public, base, value, broken)


@pytest.mark.parametrize("suite", SUITES)
def test_many_equal_logarithms(suite: str) -> None:
    group = parse_suite(suite)
    context, public = Transcript(tag("demo", "a")), (SECRET * group.generator).to_bytes()
    bases = [(factor * group.generator).to_bytes() for factor in (1, 2, 0, 5)]
    values = [(factor * SECRET * group.generator).to_bytes() for factor in (1, 2, 0, 5)]
    proof = prove_equalities(group, context, SECRET, bases)
    verify_equalities(group, context, public, bases, values, proof)
    for changed in (
        [values[1], values[0], *values[2:]],
        [*values[:2], group.generator.to_bytes(), values[3]],
        [((SECRET + 1) * group.generator).to_bytes(), ((2 * SECRET - 1) * group.generator).to_bytes(), *values[2:]],
    ):
        with pytest.raises(Refused, match="equal logarithms"):
            verify_equalities(group, context, public, bases, changed, proof)
    with pytest.raises(Refused, match="equal logarithms"):
        verify_equalities(group, context, public, bases[:3], values[:3], proof)
    identities = [group.identity.to_bytes()] * 2
    proof = prove_equalities(group, context, SECRET, identities)
    verify_equalities(group, context, public, identities, identities, proof)
    with pytest.raises(Refused, match="equal logarithms"):
        verify_equalities(group, context, public, identities, [public, identities[0]], proof)
