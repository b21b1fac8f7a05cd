"""The textbook alternative on the same library: one 0/1 OR-proof per option and one proof that the votes sum to 1.

Cramer, Damgård and Schoenmakers (CRYPTO 1994) with challenges and responses sent; the verifier recomputes the
commitments, as in Helios and its descendants. Four double products an option and two for the sum, nothing batched.

>>> from crypto.group import parse_suite
>>> group = parse_suite("RISTRETTO255-SHA512")
>>> key = 5 * group.generator
>>> verify_votes(group, key, *prove_votes(group, key, options=3, chosen=1))
"""

import hashlib
from dataclasses import dataclass

from crypto.group import Element, Group


@dataclass(frozen=True, slots=True)
class BitProof:
    """Challenges and responses of the branches "the vote is 0" and "the vote is 1"."""

    challenges: tuple[int, int]
    responses: tuple[int, int]


@dataclass(frozen=True, slots=True)
class SumProof:
    """Challenge and response of "the votes sum to 1"."""

    challenge: int
    response: int


Pair = tuple[bytes, bytes]


def _challenge(group: Group, *parts: Element | bytes) -> int:
    data = b"".join(part if isinstance(part, bytes) else part.to_bytes() for part in parts)
    return group.reduce_wide(hashlib.sha512(data).digest())


def prove_votes(
    group: Group, key: Element, *, options: int, chosen: int
) -> tuple[list[Pair], list[BitProof], SumProof]:
    """Encrypt a choice of one option and prove it."""
    pairs: list[Pair] = []
    proofs = []
    total = 0
    for option in range(options):
        vote, r = int(option == chosen), group.random_scalar()
        total += r
        a, b = r * group.generator, r * key + vote * group.generator
        other, k = 1 - vote, group.random_scalar()
        challenges, responses = [0, 0], [0, 0]
        challenges[other], responses[other] = group.random_scalar(), group.random_scalar()
        fake = (
            responses[other] * group.generator - challenges[other] * a,
            responses[other] * key - challenges[other] * (b - other * group.generator),
        )
        true = (k * group.generator, k * key)
        commitments = (*true, *fake) if vote == 0 else (*fake, *true)
        challenges[vote] = (_challenge(group, key, a, b, *commitments) - challenges[other]) % group.order
        responses[vote] = (k + challenges[vote] * r) % group.order
        pairs.append((a.to_bytes(), b.to_bytes()))
        proofs.append(BitProof((challenges[0], challenges[1]), (responses[0], responses[1])))
    k = group.random_scalar()
    challenge = _challenge(group, key, *[part for pair in pairs for part in pair], k * group.generator, k * key)
    return pairs, proofs, SumProof(challenge, (k + challenge * total) % group.order)


def verify_votes(group: Group, key: Element, pairs: list[Pair], proofs: list[BitProof], total: SumProof) -> None:
    """Verify every option and the sum. Raises ValueError."""
    generator = group.generator
    sum_a, sum_b = group.identity, group.identity
    for (a_bytes, b_bytes), proof in zip(pairs, proofs, strict=True):
        a, b = group.parse_element(a_bytes), group.parse_element(b_bytes)
        sum_a, sum_b = sum_a + a, sum_b + b
        commitments: list[Element] = []
        for value, (challenge, response) in enumerate(zip(proof.challenges, proof.responses, strict=True)):
            shifted = b if value == 0 else b - generator
            commitments += (
                group.vartime_sum([response, -challenge], [generator, a]),
                group.vartime_sum([response, -challenge], [key, shifted]),
            )
        if sum(proof.challenges) % group.order != _challenge(group, key, a, b, *commitments):
            raise ValueError("a vote is neither 0 nor 1")
    first = group.vartime_sum([total.response, -total.challenge], [generator, sum_a])
    second = group.vartime_sum([total.response, -total.challenge], [key, sum_b - generator])
    if total.challenge != _challenge(group, key, *[part for pair in pairs for part in pair], first, second):
        raise ValueError("the votes do not sum to 1")
