"""Feldman sharing of the election key, partial decryptions with attribution, and the bounded discrete logarithm.

Spec: `docs/spec/threshold.md`. The mathematics of ceremony and tally without their messages: group elements are bytes
here, secrets are integers in `[1, order)`, trustees have the indices 1 to n, and a `Transcript` carries the context
(tag, manifest hash, run, ...) that every proof and every sealed share is bound to. The rounds, their entries and who is
disqualified belong to `crypto/election/ceremony.py`, cells and totals to `crypto/election/tally.py`.

>>> from crypto.group import parse_suite
>>> group = parse_suite("RISTRETTO255-SHA512")
>>> polynomials = [draw_polynomial(group, threshold=2) for _ in range(3)]
>>> dealings = [commit_polynomial(group, polynomial) for polynomial in polynomials]
>>> shares = [evaluate_polynomial(group, polynomial, 2) for polynomial in polynomials]
>>> secret = combine_shares(group, shares)
>>> (secret * group.generator).to_bytes() == derive_share_keys(group, dealings, trustees=3)[1]
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crypto.errors import Misuse, Refused
from crypto.group import Element, Group
from crypto.logarithms import prove_equalities, verify_equalities
from crypto.transcript import Transcript

MAX_TRUSTEES = 255


@dataclass(frozen=True, slots=True)
class CellOption:
    """One ciphertext to decrypt: option `option` of cell `cell` (any bytes that name it), its sum A* as `base`."""

    cell: bytes
    option: int
    base: bytes


@dataclass(frozen=True, slots=True)
class DecryptionStatement:
    """What the trustees decrypt, in the order in which values stand in their shares."""

    tag: bytes
    manifest_hash: bytes
    closed_root: bytes
    options: tuple[CellOption, ...]


@dataclass(frozen=True, slots=True)
class PartialDecryption:
    """Trustee `trustee`'s D = x_j A* for every option of a statement, and one proof for all of them."""

    trustee: int
    values: tuple[bytes, ...]
    proof: bytes


@dataclass(frozen=True, slots=True)
class Combination:
    """Combined values x A*, the trustees whose shares were used, and the refusals of the others' bad shares."""

    values: tuple[bytes, ...]
    used: tuple[int, ...]
    refused: tuple[Refused, ...]


def verify_parameters(trustees: int, threshold: int) -> None:
    """Check the numbers of trustees n and of those needed t. Raises Refused."""
    if not 1 < threshold < trustees <= MAX_TRUSTEES:
        # The threshold t MUST satisfy 1 < t < n with n at most 255.
        raise Refused("THRESHOLD-1", f"{threshold} of {trustees} is no threshold of 1 < t < n <= {MAX_TRUSTEES}")


def draw_polynomial(group: Group, threshold: int) -> tuple[int, ...]:
    """Draw the t secret coefficients of a polynomial of degree t - 1 from the operating system."""
    return tuple(group.random_scalar() for _ in range(threshold))


def commit_polynomial(group: Group, coefficients: Sequence[int]) -> tuple[bytes, ...]:
    """Return the commitments F_l = a_l G, constant term first (Feldman, FOCS 1987)."""
    return tuple((coefficient * group.generator).to_bytes() for coefficient in coefficients)


def evaluate_polynomial(group: Group, coefficients: Sequence[int], trustee: int) -> int:
    """Return the share f(j) of trustee j; Misuse for an index outside 1 to 255 (f(0) is the secret itself)."""
    _require_index(trustee)
    value = 0
    for coefficient in reversed(coefficients):
        value = (value * trustee + coefficient) % group.order
    return value


def verify_commitments(group: Group, commitments: Sequence[bytes], threshold: int, *, culprit: str = "") -> None:
    """Check a dealer's commitments: exactly t valid elements, none the identity. Raises Refused."""
    if len(commitments) != threshold:
        # A dealing MUST hold exactly t commitments: no other degree shares the key among exactly t trustees.
        raise Refused("THRESHOLD-2", f"{len(commitments)} commitments instead of {threshold}", culprit=culprit)
    for commitment in commitments:
        group.parse_element(commitment, culprit=culprit)


def evaluate_commitments(group: Group, commitments: Sequence[bytes], trustee: int) -> Element:
    """Return f(j) G = sum of j^l F_l over one dealer's commitments."""
    _require_index(trustee)
    value = group.identity
    for commitment in reversed(commitments):
        value = trustee * value + group.parse_element(commitment)
    return value


def verify_share(group: Group, commitments: Sequence[bytes], trustee: int, share: int, *, culprit: str = "") -> None:
    """Check that `share` is trustee j's value of the polynomial behind the commitments. Raises Refused."""
    if share * group.generator != evaluate_commitments(group, commitments, trustee):
        # A share MUST open the dealer's commitments: s_ij G = sum of j^l F_il.
        raise Refused("THRESHOLD-3", f"the share for trustee {trustee} does not open the commitments", culprit=culprit)


def derive_shared_point(group: Group, secret: int, public: bytes) -> bytes:
    """Return the Diffie-Hellman point: the dealer's u_i E_j, the same as the recipient's e_j U_i."""
    return (secret * group.parse_element(public)).to_bytes()


def seal_share(group: Group, context: Transcript, dealer: int, recipient: int, share: int, point: bytes) -> bytes:
    """Return c_ij = f_i(j) + hash(point, context, i, j) as 32 bytes; `context` holds tag, manifest hash and run."""
    return group.scalar_bytes(share + _share_mask(group, context, dealer, recipient, point))


def open_share(
    group: Group, context: Transcript, dealer: int, recipient: int, sealed: bytes, point: bytes, *, culprit: str = ""
) -> int:
    """Return the share inside 32 sealed bytes (anyone can, once a complaint reveals `point`).

    Raises MalformedEncoding when the bytes are no scalar; `verify_share` says whether the share is good.
    """
    masked = group.parse_scalar(sealed, culprit=culprit)
    return (masked - _share_mask(group, context, dealer, recipient, point)) % group.order


def combine_shares(group: Group, shares: Sequence[int]) -> int:
    """Return a trustee's key share x_j, the sum of the shares of all dealers."""
    return sum(shares) % group.order


def derive_joint_key(group: Group, dealings: Sequence[Sequence[bytes]]) -> bytes:
    """Return the election key H, the sum of all dealers' F_0. Raises MalformedEncoding when it is the identity."""
    key = group.identity
    for commitments in dealings:
        key += group.parse_element(commitments[0])
    return group.parse_element(key.to_bytes()).to_bytes()


def derive_share_keys(group: Group, dealings: Sequence[Sequence[bytes]], trustees: int) -> tuple[bytes, ...]:
    """Return X_1 to X_n: X_j = x_j G = the sum of all dealers' f_i(j) G."""
    columns = [
        sum((group.parse_element(commitment) for commitment in column), start=group.identity).to_bytes()
        for column in zip(*dealings, strict=True)
    ]
    parsed = [group.parse_sum(column) for column in columns]
    keys = []
    for trustee in range(1, trustees + 1):
        value = group.identity
        for column in reversed(parsed):
            value = trustee * value + column
        keys.append(group.parse_element(value.to_bytes(), culprit=f"trustee {trustee}").to_bytes())
    return tuple(keys)


def derive_drill_point(
    group: Group, tag_bytes: bytes, manifest_hash: bytes, certificate_hash: bytes, number: int, root: bytes
) -> bytes:
    """Return the drill's T, hashed to the group: no trustee ever multiplies a point from outside by its share."""
    message = manifest_hash + certificate_hash + number.to_bytes(4, "big") + root
    return group.hash_to_element(message, tag_bytes + b"/" + group.hash_suite.encode("ascii")).to_bytes()


def decrypt_partially(
    group: Group, statement: DecryptionStatement, trustee: int, secret: int, *, random: bytes | None = None
) -> PartialDecryption:
    """Return D = x_j A* for every option, with one proof that all used the x_j behind X_j."""
    _require_index(trustee)
    values = tuple((secret * group.parse_sum(option.base)).to_bytes() for option in statement.options)
    share_key = (secret * group.generator).to_bytes()
    context = _decryption_context(group, statement, trustee, share_key, values)
    proof = prove_equalities(group, context, secret, [option.base for option in statement.options], random=random)
    return PartialDecryption(trustee, values, proof)


def verify_partial_decryption(
    group: Group, statement: DecryptionStatement, share_key: bytes, partial: PartialDecryption
) -> None:
    """Check one trustee's values and proof against its X_j. Raises Refused, culprit the trustee."""
    culprit = f"trustee {partial.trustee}"
    if len(partial.values) != len(statement.options):
        # A share MUST hold one value for every option of every cell, in the statement's order.
        reason = f"{len(partial.values)} values for {len(statement.options)} options"
        raise Refused("THRESHOLD-4", reason, culprit=culprit)
    context = _decryption_context(group, statement, partial.trustee, share_key, partial.values)
    bases = [option.base for option in statement.options]
    verify_equalities(group, context, share_key, bases, partial.values, partial.proof, culprit=culprit)


def combine_partial_decryptions(
    group: Group,
    statement: DecryptionStatement,
    share_keys: Sequence[bytes],
    threshold: int,
    partials: Sequence[PartialDecryption],
) -> Combination:
    """Combine any t valid shares to x A*; bad ones are attributed and ignored.

    `share_keys` holds X_1 to X_n in order. Raises Refused when fewer than t distinct trustees' shares are valid.
    """
    good: dict[int, tuple[bytes, ...]] = {}
    refused: list[Refused] = []
    for partial in partials:
        try:
            if partial.trustee in good or not 1 <= partial.trustee <= len(share_keys):
                # A share MUST come from a trustee of 1 to n, and each trustee's share counts once.
                reason = "no trustee has this index, or its share is here already"
                raise Refused("THRESHOLD-5", reason, culprit=f"trustee {partial.trustee}")  # noqa: TRY301
            verify_partial_decryption(group, statement, share_keys[partial.trustee - 1], partial)
        except Refused as refusal:
            refused.append(refusal)
        else:
            good[partial.trustee] = partial.values
    used = tuple(sorted(good))[:threshold]
    if len(used) < threshold:
        # A tally MUST rest on valid shares of at least t distinct trustees.
        raise Refused("THRESHOLD-6", f"{len(used)} valid shares, {threshold} are needed")
    weights = interpolate_at_zero(group, used)
    values = tuple(
        group.vartime_sum(weights, [group.parse_sum(good[trustee][row]) for trustee in used]).to_bytes()
        for row in range(len(statement.options))
    )
    return Combination(values, used, tuple(refused))


def interpolate_at_zero(group: Group, trustees: Sequence[int]) -> list[int]:
    """Return the Lagrange weights at 0 of distinct indices: sum of weight_j f(j) = f(0) for degree < len(trustees)."""
    if len(set(trustees)) != len(trustees):
        raise Misuse("an index occurs twice")
    weights = []
    for trustee in trustees:
        _require_index(trustee)
        numerator = denominator = 1
        for other in trustees:
            if other != trustee:
                numerator = numerator * other % group.order
                denominator = denominator * (other - trustee) % group.order
        weights.append(numerator * pow(denominator, -1, group.order) % group.order)
    return weights


def solve_total(group: Group, element: Element, maximum: int, *, culprit: str = "") -> int:
    """Return v with `element` = v G and 0 <= v <= maximum. Raises Refused when there is none."""
    value = group.vartime_logarithm(element, maximum)
    if value is None:
        # A total MUST lie between 0 and the number of votes that the cell's ballots can hold.
        raise Refused("THRESHOLD-7", f"no total between 0 and {maximum}", culprit=culprit)
    return value


def decrypt_total(group: Group, maximum: int, sum_b: bytes, combined: bytes, *, culprit: str = "") -> int:
    """Return the votes in (A*, B*): the logarithm of B* - x A*, between 0 and `maximum`."""
    return solve_total(group, group.parse_sum(sum_b) - group.parse_sum(combined), maximum, culprit=culprit)


def _decryption_context(
    group: Group, statement: DecryptionStatement, trustee: int, share_key: bytes, values: Sequence[bytes]
) -> Transcript:
    """Return the state that every weight and the challenge of a share come from (spec, "Decryption")."""
    context = Transcript(statement.tag)
    context.absorb("suite", group.name.encode("ascii"))
    context.absorb("manifest", statement.manifest_hash)
    context.absorb("root", statement.closed_root)
    context.absorb("trustee", trustee.to_bytes(2, "big"))
    context.absorb("share key", share_key)
    context.absorb("count", len(statement.options).to_bytes(4, "big"))
    for option, value in zip(statement.options, values, strict=True):
        context.absorb("cell", option.cell)
        context.absorb("option", option.option.to_bytes(4, "big") + option.base + value)
    return context


def _share_mask(group: Group, context: Transcript, dealer: int, recipient: int, point: bytes) -> int:
    _require_index(dealer)
    _require_index(recipient)
    mask = Transcript.resume(context.state)
    mask.absorb("share", bytes([dealer, recipient]) + point)
    return group.reduce_wide(mask.challenge("mask"))


def _require_index(trustee: int) -> None:
    if not 1 <= trustee <= MAX_TRUSTEES:
        raise Misuse(f"trustees have the indices 1 to {MAX_TRUSTEES}, not {trustee}")
