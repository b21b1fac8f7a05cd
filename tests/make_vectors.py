"""Computes the project's own test vectors: `python -m tests.make_vectors` writes `tests/vectors/*.json` anew.

Values taken from RFCs stand in `published.json`, which this module never writes. Unit tests compare the stored files
with what is computed here, so that a change of a format cannot go unnoticed; other implementations read the files.
"""

import json
from pathlib import Path
from typing import Any

from crypto.elgamal import BallotSeed, encrypt_vector, vector_to_bytes
from crypto.group import Group, parse_suite
from crypto.logarithms import prove_equalities, prove_knowledge
from crypto.proofs import Contest, Position, contest_state, derive_generator, generators_dst, seal_contest
from crypto.rules import Between, OneOf, Rule, default_radices
from crypto.threshold import (
    CellOption,
    DecryptionStatement,
    combine_partial_decryptions,
    combine_shares,
    commit_polynomial,
    decrypt_partially,
    derive_drill_point,
    derive_joint_key,
    derive_share_keys,
    derive_shared_point,
    evaluate_polynomial,
    seal_share,
)
from crypto.transcript import Transcript, hkdf_expand, hkdf_extract, tag, tagged_hash
from tests.forger import POSITION, SECRET, SUITES, make_contest, make_frame, seal

FOLDER = Path(__file__).resolve().parent / "vectors"
OWN = "computed by tests/make_vectors.py from docs/spec/{}.md; all bytes in hexadecimal"
RULES: list[tuple[Rule, list[int]]] = [
    (OneOf.default(2), [1]),
    (OneOf.default(10), [3]),
    (OneOf(11, (2, 2, 3)), [10]),
    (OneOf.default(18), [17]),
    (Between(3, 0, 3), []),
    (Between(5, 2, 2), [1, 4]),
    (Between(10, 0, 3), [0, 9]),
]


def group_vectors() -> dict[str, Any]:
    """Return multiples and generators of both suites."""
    suites = {}
    for name in SUITES:
        group = parse_suite(name)
        suites[name] = {
            "dst": generators_dst(group).decode(),
            "multiples": [(scalar * group.generator).to_bytes().hex() for scalar in range(8)],
            "generators": {
                f"{label}{index}": derive_generator(group, label, index).to_bytes().hex()
                for label, index in (("K", 0), ("G", 0), ("G", 1), ("H", 0), ("H", 1), ("G", 300))
            },
            "scalar_minus_one": group.scalar_bytes(-1).hex(),
        }
    return {"origin": OWN.format("group"), "suites": suites}


def transcript_vectors() -> dict[str, Any]:
    """Return hashes of a few fields, a chain of states, and HKDF outputs."""
    name = tag("practice", "example")
    transcript = Transcript(name)
    states = [transcript.state.hex()]
    items = [("first", b"one"), ("second", b""), ("first", bytes(300))]
    for label, item in items:
        transcript.absorb(label, item)
        states.append(transcript.state.hex())
    key = hkdf_extract(name, b"secret")
    fields = [b"one", b"", bytes(300)]
    return {
        "origin": OWN.format("transcript"),
        "tag": name.hex(),
        "fields": [field.hex() for field in fields],
        "tagged_hash": tagged_hash(name, *fields).hex(),
        "items": [[label, item.hex()] for label, item in items],
        "states": states,
        "challenge": transcript.challenge("x").hex(),
        "challenge_7": transcript.challenge("x", 7).hex(),
        "hkdf_key": key.hex(),
        "hkdf_output": hkdf_expand(key, b"info", 64).hex(),
    }


def elgamal_vectors() -> dict[str, Any]:
    """Return a seed's scalars and one encrypted vector a suite."""
    seed = BallotSeed("demo", bytes(range(32)))
    suites = {}
    for name in SUITES:
        group = parse_suite(name)
        randomness = [seed.derive_encryption(group, 5, option) for option in range(3)]
        vector = encrypt_vector(group, SECRET * group.generator, [0, 1, 0], randomness)
        suites[name] = {
            "key": (SECRET * group.generator).to_bytes().hex(),
            "randomness": [group.scalar_bytes(scalar).hex() for scalar in randomness],
            "mask": group.scalar_bytes(seed.derive_proof(group, "mask", 5, 1, bytes(64))).hex(),
            "ciphertexts": vector_to_bytes(vector).hex(),
        }
    return {
        "origin": OWN.format("elgamal"),
        "kind": "demo",
        "seed": bytes(range(32)).hex(),
        "contest": 5,
        "votes": [0, 1, 0],
        "opening": seed.derive_opening().hex(),
        "suites": suites,
    }


def proofs_vectors() -> dict[str, Any]:
    """Return sealed contests of every kind of rule, and one whole ballot."""
    ballots = []
    for name in SUITES:
        group = parse_suite(name)
        ballots += [contest_vector(group, rule, chosen) for rule, chosen in RULES]
    contests = [make_contest(parse_suite(SUITES[0]), rule, contest=at) for at, (rule, _) in enumerate(RULES[:2])]
    frame = make_frame(tuple(seal(contest, chosen) for contest, (_, chosen) in zip(contests, RULES, strict=False)))
    return {
        "origin": OWN.format("proofs"),
        "kind": "demo",
        "manifest_hash": bytes(range(32)).hex(),
        "pseudonym": POSITION.pseudonym.hex(),
        "number": POSITION.number,
        "previous": POSITION.previous.hex(),
        "lock": POSITION.lock.hex(),
        "contests": ballots,
        "frame": frame.to_bytes().hex(),
    }


def rules_vectors() -> dict[str, Any]:
    """Return default radices, the bits and constraints of a few choices, and bytes that are no rule."""
    refused = ["", "01", "0200020000", "01000101" + "0002", "0100040100020002", "010004020002", "03000200000001"]
    refused += ["02000200010000", "02000200000003", "0200020000000100", "01000300"]
    return {
        "origin": OWN.format("rules"),
        "default_radices": {str(n): list(default_radices(n)) for n in (2, 3, 5, 10, 18, 54, 100, 500, 1024)},
        "rules": [rule_vector(rule, chosen) for rule, chosen in RULES],
        "refused": refused,
    }


def rule_vector(rule: Rule, chosen: list[int]) -> dict[str, Any]:
    """Return a rule's bytes, and what one choice under it becomes."""
    return {
        "rule": rule.to_bytes().hex(),
        "chosen": chosen,
        "bits": rule.bits([int(option in chosen) for option in range(rule.options)]),
        "constraints": [
            {"first": group.first, "weights": list(group.weights), "target": group.target}
            for group in rule.bit_groups()
        ],
    }


def logarithms_vectors() -> dict[str, Any]:
    """Return proofs about logarithms in both suites."""
    return {
        "origin": OWN.format("logarithms"),
        "logarithms": [logarithm_vector(parse_suite(name)) for name in SUITES],
    }


def contest_vector(group: Group, rule: Rule, chosen: list[int]) -> dict[str, Any]:
    """Return one sealed contest with everything that it was made from."""
    contest: Contest = make_contest(group, rule)
    position: Position = POSITION
    sealed = seal_contest(contest, position, BallotSeed("demo", bytes(32)), chosen)
    return {
        "suite": group.name,
        "key": contest.key.hex(),
        "style": contest.style,
        "contest": contest.contest,
        "rule": rule.to_bytes().hex(),
        "seed": bytes(32).hex(),
        "chosen": chosen,
        "state": contest_state(contest).hex(),
        "ciphertexts": sealed.ciphertexts.hex(),
        "proof": sealed.proof.hex(),
    }


def logarithm_vector(group: Group) -> dict[str, Any]:
    """Return a proof of knowledge and one of equal logarithms with fixed randomness."""
    context = Transcript(tag("demo", "example"))
    bases = [(factor * group.generator).to_bytes() for factor in (2, 0, 9)]
    return {
        "suite": group.name,
        "tag": tag("demo", "example").hex(),
        "secret": group.scalar_bytes(SECRET).hex(),
        "random": bytes(32).hex(),
        "public": (SECRET * group.generator).to_bytes().hex(),
        "knowledge": prove_knowledge(group, context, SECRET, random=bytes(32)).hex(),
        "bases": [base.hex() for base in bases],
        "values": [(SECRET * group.parse_sum(base)).to_bytes().hex() for base in bases],
        "equality": prove_equalities(group, context, SECRET, bases, random=bytes(32)).hex(),
    }


def threshold_vectors() -> dict[str, Any]:
    """Return a sharing of 2 of 3 and one decryption."""
    return {"origin": OWN.format("threshold"), "suites": {name: sharing(parse_suite(name)) for name in SUITES}}


def sharing(group: Group) -> dict[str, Any]:
    """Return everything that three dealers publish, and a decryption by trustees 1 and 3."""
    polynomials = [[11, 12], [21, 22], [31, 32]]
    dealings = [commit_polynomial(group, polynomial) for polynomial in polynomials]
    secrets = [combine_shares(group, [evaluate_polynomial(group, f, j) for f in polynomials]) for j in (1, 2, 3)]
    keys = derive_share_keys(group, dealings, 3)
    context = Transcript(tag("demo", "example"))
    point = derive_shared_point(group, 5, (6 * group.generator).to_bytes())
    bases = [(factor * group.generator).to_bytes() for factor in (4, 0)]
    options = tuple(CellOption(b"cell", option, base) for option, base in enumerate(bases))
    statement = DecryptionStatement(tag("demo", "decryption"), bytes(32), bytes(32), options)
    partials = [decrypt_partially(group, statement, j, secrets[j - 1], random=bytes(32)) for j in (1, 3)]
    return {
        "polynomials": polynomials,
        "dealings": [[commitment.hex() for commitment in commitments] for commitments in dealings],
        "secrets": [group.scalar_bytes(secret).hex() for secret in secrets],
        "share_keys": [key.hex() for key in keys],
        "joint_key": derive_joint_key(group, dealings).hex(),
        "shared_point": point.hex(),
        "sealed_share": seal_share(group, context, 1, 2, 99, point).hex(),
        "drill_point": derive_drill_point(group, tag("demo", "drill"), bytes(32), bytes(32), 1, bytes(32)).hex(),
        "bases": [base.hex() for base in bases],
        "partials": [
            {
                "trustee": partial.trustee,
                "values": [value.hex() for value in partial.values],
                "proof": partial.proof.hex(),
            }
            for partial in partials
        ],
        "combined": [value.hex() for value in combine_partial_decryptions(group, statement, keys, 2, partials).values],
    }


VECTORS = {
    "group": group_vectors,
    "transcript": transcript_vectors,
    "elgamal": elgamal_vectors,
    "rules": rules_vectors,
    "logarithms": logarithms_vectors,
    "proofs": proofs_vectors,
    "threshold": threshold_vectors,
}


def main() -> None:
    """Write every file anew."""
    for name, compute in VECTORS.items():
        text = json.dumps(compute(), indent=1)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
