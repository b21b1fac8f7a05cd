"""Proofs about logarithms, which trustees give: knowledge of one, and that many elements have the same one.

Spec: `docs/spec/logarithms.md`. Non-interactive, for both suites, in Python. A proof is bound to a context: a
`Transcript` in which the caller has absorbed everything that the proof must not be moved away from. Nonces are hedged.
Verifiers raise `Refused` and are not constant time; provers multiply the secret only by the group's own operations.

>>> from crypto.group import parse_suite
>>> from crypto.transcript import tag
>>> group, context = parse_suite("RISTRETTO255-SHA512"), Transcript(tag("demo", "example"))
>>> public, base = ((scalar * group.generator).to_bytes() for scalar in (7, 5))
>>> verify_knowledge(group, context, public, prove_knowledge(group, context, 7))
>>> value = (35 * group.generator).to_bytes()
>>> verify_equality(group, context, public, base, value, prove_equality(group, context, 7, base))
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from crypto.errors import Refused
from crypto.group import Element, Group
from crypto.transcript import Transcript


def hedge_nonce(group: Group, state: bytes, secret: int, random: bytes | None = None) -> int:
    """Return a nonce from the secret, the statement's 64-byte state and fresh randomness together.

    A repeated random stream still gives another nonce for another statement, and a known statement gives nothing away.
    """
    nonce = Transcript.resume(state)
    nonce.absorb("secret", group.scalar_bytes(secret))
    nonce.absorb("random", os.urandom(32) if random is None else random)
    return group.reduce_wide(nonce.challenge("nonce"))


def prove_knowledge(group: Group, context: Transcript, secret: int, *, random: bytes | None = None) -> bytes:
    """Prove knowledge of `secret` behind `secret` G, bound to the context (Schnorr): R, then z = k + c secret."""
    transcript = _begin_logarithm(group, context, (secret * group.generator).to_bytes())
    k = hedge_nonce(group, transcript.state, secret, random)
    commitment = (k * group.generator).to_bytes()
    transcript.absorb("commitment", commitment)
    c = group.reduce_wide(transcript.challenge("c"))
    return commitment + group.scalar_bytes(k + c * secret)


def verify_knowledge(group: Group, context: Transcript, public: bytes, proof: bytes, *, culprit: str = "") -> None:
    """Check a proof of knowledge of the logarithm of `public`. Raises Refused."""
    size = group.element_size
    X = group.parse_element(public, culprit=culprit)
    R = group.parse_element(proof[:size], culprit=culprit)
    z = group.parse_scalar(proof[size:], culprit=culprit)
    transcript = _begin_logarithm(group, context, public)
    transcript.absorb("commitment", proof[:size])
    c = group.reduce_wide(transcript.challenge("c"))
    # A proof of knowledge MUST satisfy z G = R + c X, with c from the context, X and R.
    if not group.vartime_sum([z, -1, -c], [group.generator, R, X]).is_identity():
        raise Refused("PROOF-10", "the proof of knowledge does not verify", culprit=culprit)


def prove_equality(
    group: Group, context: Transcript, secret: int, base: bytes, *, random: bytes | None = None
) -> bytes:
    """Prove that `secret` G and `secret` × base have one logarithm (Chaum–Pedersen): R, R', z."""
    return prove_equalities(group, context, secret, [base], random=random)


def verify_equality(
    group: Group, context: Transcript, public: bytes, base: bytes, value: bytes, proof: bytes, *, culprit: str = ""
) -> None:
    """Check that log_G public = log_base value. Raises Refused."""
    verify_equalities(group, context, public, [base], [value], proof, culprit=culprit)


def prove_equalities(
    group: Group, context: Transcript, secret: int, bases: Sequence[bytes], *, random: bytes | None = None
) -> bytes:
    """Prove for all bases at once that `secret` × base was computed with the logarithm of `secret` G.

    The bases are combined with full-size weights that the verifier recomputes from the whole statement.
    """
    points = [group.parse_sum(base) for base in bases]
    values = [(secret * point).to_bytes() for point in points]
    transcript, weights = _weigh_equalities(group, context, (secret * group.generator).to_bytes(), bases, values)
    base = group.vartime_sum(weights, points)
    _absorb_sums(transcript, base, secret * base)
    k = hedge_nonce(group, transcript.state, secret, random)
    commitments = (k * group.generator).to_bytes() + (k * base).to_bytes()
    transcript.absorb("commitment", commitments)
    c = group.reduce_wide(transcript.challenge("c"))
    return commitments + group.scalar_bytes(k + c * secret)


def verify_equalities(
    group: Group,
    context: Transcript,
    public: bytes,
    bases: Sequence[bytes],
    values: Sequence[bytes],
    proof: bytes,
    *,
    culprit: str = "",
) -> None:
    """Check that every value is its base times the logarithm of `public`. Raises Refused.

    Bases and values are sums and may be the identity, and so may the second commitment (when all bases are).
    """
    size = group.element_size
    X = group.parse_element(public, culprit=culprit)
    points = [group.parse_sum(base, culprit=culprit) for base in bases]
    products = [group.parse_sum(value, culprit=culprit) for value in values]
    R = group.parse_element(proof[:size], culprit=culprit)
    R_base = group.parse_sum(proof[size : 2 * size], culprit=culprit)
    z = group.parse_scalar(proof[2 * size :], culprit=culprit)
    transcript, weights = _weigh_equalities(group, context, public, bases, values)
    base, value = group.vartime_sum(weights, points), group.vartime_sum(weights, products)
    _absorb_sums(transcript, base, value)
    transcript.absorb("commitment", proof[: 2 * size])
    c = group.reduce_wide(transcript.challenge("c"))
    # A proof of equal logarithms MUST satisfy z G = R + c X and z Σ δ A = R' + c Σ δ D, with δ and c recomputed.
    first = group.vartime_sum([z, -1, -c], [group.generator, R, X])
    second = group.vartime_sum([z, -1, -c], [base, R_base, value])
    if not (first.is_identity() and second.is_identity()):
        raise Refused("PROOF-11", "the proof of equal logarithms does not verify", culprit=culprit)


def _begin_logarithm(group: Group, context: Transcript, public: bytes) -> Transcript:
    transcript = Transcript.resume(context.state)
    transcript.absorb("suite", group.name.encode("ascii"))
    transcript.absorb("public", public)
    return transcript


def _weigh_equalities(
    group: Group, context: Transcript, public: bytes, bases: Sequence[bytes], values: Sequence[bytes]
) -> tuple[Transcript, list[int]]:
    """Absorb the whole statement, then return one full-size weight for each pair."""
    transcript = _begin_logarithm(group, context, public)
    transcript.absorb("count", len(bases).to_bytes(4, "big"))
    for base, value in zip(bases, values, strict=True):
        transcript.absorb("pair", base + value)
    return transcript, [group.reduce_wide(transcript.challenge("weight", at)) for at in range(len(bases))]


def _absorb_sums(transcript: Transcript, base: Element, value: Element) -> None:
    transcript.absorb("base", base.to_bytes())
    transcript.absorb("value", value.to_bytes())
