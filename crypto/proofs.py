"""The bit-vector argument that a ballot is well formed: for one contest, for a batch, for whole ballots.

Spec: `docs/spec/proofs.md`. First come generators, prover, verifier and batch in readable Python, for both suites. For
ristretto255 the Rust kernel does the same work faster and, in the prover, in constant time; both give the same bytes
and the same first failing check on every input. Every challenge comes from a `Transcript` that has absorbed the whole
statement. What a contest allows is its rule's (`crypto/rules.py`).

>>> from crypto.elgamal import BallotSeed
>>> from crypto.group import parse_suite
>>> from crypto.rules import OneOf
>>> group = parse_suite("RISTRETTO255-SHA512")
>>> key = (7 * group.generator).to_bytes()
>>> contest = Contest("demo", group, bytes(32), style=1, contest=1, rule=OneOf.default(10), key=key)
>>> position = Position(bytes(16), number=1, previous=bytes(32))
>>> sealed = seal_contest(contest, position, BallotSeed("demo", bytes(32)), chosen=[3])
>>> len(sealed.ciphertexts), len(sealed.proof)
(640, 416)
>>> verify_contest(contest, position, sealed)
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache
from math import prod
from typing import NoReturn, TypeAlias

from crypto import _kernel
from crypto.cbor import ARRAY, BSTR, UINT, read_bytes, read_head, write_head
from crypto.elgamal import BallotSeed, Ciphertext, add_vectors, encrypt_vector, vector_to_bytes
from crypto.errors import MalformedEncoding, Misuse, Refused
from crypto.group import RISTRETTO255_NAME, Element, Group, parse_suite
from crypto.rules import OneOf, Rule, count_bits, evaluate
from crypto.transcript import Kind, Transcript, tag

MAX_CONTESTS = 64
_SCALAR_SIZE = 32


class Check(Enum):
    """The checks of one contest, in the order in which they run; the kernel's codes map to these members."""

    SIZES = "PROOF-1"
    CIPHERTEXT = "PROOF-2"
    COMMITMENT = "PROOF-3"
    SCALAR = "PROOF-4"
    CHALLENGE = "PROOF-5"
    BITS = "PROOF-6"
    RANDOMNESS = "PROOF-7"
    VOTES = "PROOF-8"


_REASONS: Mapping[Check, str] = {
    Check.SIZES: "ciphertexts or proof have the wrong length",
    Check.CIPHERTEXT: "a ciphertext is no valid element",
    Check.COMMITMENT: "a commitment of the proof is no valid element",
    Check.SCALAR: "a response of the proof is no canonical scalar",
    Check.CHALLENGE: "a challenge is zero",
    Check.BITS: "the committed digits are not one bit each",
    Check.RANDOMNESS: "the ciphertexts' first components do not answer the challenge",
    Check.VOTES: "the encrypted votes are not the committed choice",
}


def ciphertexts_size(group: Group, rule: Rule) -> int:
    """Return the bytes of a contest's ciphertexts."""
    return 2 * rule.options * group.element_size


def proof_size(group: Group, rule: Rule) -> int:
    """Return the bytes of a contest's proof: M1, M0, 2 m elements, B - (number of constraints) + 2 scalars."""
    scalars = count_bits(rule) - len(rule.bit_groups()) + 2
    return (2 + 2 * rule.digits) * group.element_size + scalars * _SCALAR_SIZE


# ----------------------------------------------------------------------------------------------------------- statement


@dataclass(frozen=True, slots=True)
class Contest:
    """What is the same for every ballot of one contest of one style; `key` is the election key's encoding."""

    kind: Kind
    group: Group
    manifest_hash: bytes
    style: int
    contest: int
    rule: Rule
    key: bytes


@dataclass(frozen=True, slots=True)
class Position:
    """Where a ballot stands: pseudonym (16 bytes), its number from 1, and the hash of the pseudonym's last ballot.

    `lock` (32 bytes) is part of it, so that nobody puts a lock of their own on a ballot that another has sealed; a
    ballot under zeros cannot be spoiled.
    """

    pseudonym: bytes
    number: int
    previous: bytes
    lock: bytes = bytes(32)


@dataclass(frozen=True, slots=True)
class SealedContest:
    """One contest of a ballot: the encrypted vector and the proof of its validity."""

    ciphertexts: bytes
    proof: bytes


@cache
def derive_generator(group: Group, label: str, index: int) -> Element:
    """Return the generator K ("K", 0), G_b ("G", b) or G'_b ("H", b), hashed to the group: nobody can choose one."""
    return group.hash_to_element(label.encode("ascii") + index.to_bytes(4, "big"), generators_dst(group))


def generators_dst(group: Group) -> bytes:
    """Return the domain separation tag of the generators, which the transcript absorbs too."""
    return f"dobush/1/generators/{group.name}/{group.hash_suite}".encode("ascii")


def _transcript_tag(kind: Kind, group: Group) -> bytes:
    return tag(kind, f"ballot-proof/{group.name}")


@lru_cache(maxsize=4096)
def contest_state(contest: Contest) -> bytes:
    """Return the 64-byte transcript state that all ballots of a contest share."""
    transcript = Transcript(_transcript_tag(contest.kind, contest.group))
    transcript.absorb("manifest", contest.manifest_hash)
    transcript.absorb("style", contest.style.to_bytes(2, "big"))
    transcript.absorb("contest", contest.contest.to_bytes(2, "big"))
    transcript.absorb("rule", contest.rule.to_bytes())
    transcript.absorb("generators", generators_dst(contest.group))
    transcript.absorb("key", contest.key)
    return transcript.state


def _begin_transcript(contest: Contest, position: Position, ciphertexts: bytes) -> Transcript:
    transcript = Transcript.resume(contest_state(contest))
    transcript.absorb("pseudonym", position.pseudonym)
    transcript.absorb("number", position.number.to_bytes(4, "big"))
    transcript.absorb("previous", position.previous)
    transcript.absorb("lock", position.lock)
    transcript.absorb("ciphertexts", ciphertexts)
    return transcript


# -------------------------------------------------------------------------------------------------------------- prover


def seal_contest(contest: Contest, position: Position, seed: BallotSeed, chosen: Iterable[int]) -> SealedContest:
    """Encrypt and prove a choice: the indices of the chosen options.

    The kernel does it in constant time; for P-256 the Python below does, which is not. Misuse when the rule does not
    allow the choice (a proof of it would not verify).
    """
    indices = set(chosen)
    votes = [int(index in indices) for index in range(contest.rule.options)]
    rule = contest.rule
    allowed = range(1, 2) if isinstance(rule, OneOf) else range(rule.minimum, rule.maximum + 1)
    if sum(votes) != len(indices) or len(indices) not in allowed:
        raise Misuse("the rule of this contest does not allow this choice")
    if contest.group.name == RISTRETTO255_NAME:
        place = (contest.contest, position.pseudonym, position.number, position.previous, position.lock)
        sealer = _make_sealer(contest.key)
        return SealedContest(*sealer.seal(contest_state(contest), rule.to_bytes(), *place, seed.key, bytes(votes)))
    ciphertexts = encrypt_votes(contest, seed, votes)
    return SealedContest(ciphertexts, prove_contest(contest, position, seed, ciphertexts, rule.bits(votes)))


@lru_cache(maxsize=4)
def _make_sealer(key: bytes) -> _kernel.Sealer:
    return _kernel.Sealer(parse_suite(RISTRETTO255_NAME).parse_element(key).to_bytes())


def encrypt_votes(contest: Contest, seed: BallotSeed, votes: Sequence[int]) -> bytes:
    """Encrypt one contest's votes with the randomness of the seed: what the voter's second device repeats."""
    key = contest.group.parse_element(contest.key)
    return vector_to_bytes(encrypt_vector(contest.group, key, votes, _derive_randomness(contest, seed)))


def _derive_randomness(contest: Contest, seed: BallotSeed) -> list[int]:
    return [seed.derive_encryption(contest.group, contest.contest, option) for option in range(contest.rule.options)]


def prove_contest(
    contest: Contest, position: Position, seed: BallotSeed, ciphertexts: bytes, bits: Sequence[int]
) -> bytes:
    """Run the prover on secret bits, in Python and without asking whether they make sense.

    The readable prover of the spec and the forger of the tests; `seal_contest` is what a voter's program calls.
    """
    group, rule, q = contest.group, contest.rule, contest.group.order
    transcript = _begin_transcript(contest, position, ciphertexts)
    statement = transcript.state

    def secret(label: str, index: int) -> int:
        return seed.derive_proof(group, label, contest.contest, index, statement)

    masks = [0] * len(bits)
    for constraint in rule.bit_groups():
        for bit, weight in constraint.rest():
            masks[bit] = secret("mask", bit)
            masks[constraint.first] = (masks[constraint.first] - weight * masks[bit]) % q
    alpha, gamma = secret("alpha", 0), secret("gamma", 0)
    # P1
    M1, M0 = alpha * _generator(group, "K"), gamma * _generator(group, "K")
    for bit, (s, a) in enumerate(zip(bits, masks, strict=True)):
        G_b, H_b = _generator(group, "G", bit), _generator(group, "H", bit)
        M1 += s * G_b + (a * (1 - 2 * s)) * H_b
        M0 += a * G_b - (a * a) * H_b
    commitments = M1.to_bytes() + M0.to_bytes()
    transcript.absorb("commitments", commitments)
    y = group.reduce_wide(transcript.challenge("y"))
    # P2: D_l encrypts the coefficient P_l of prod (beta_l + alpha_l X)
    polynomial = [1]
    for beta, slope in zip(rule.digit_polynomials(q, y, masks), rule.digit_polynomials(q, y, bits), strict=True):
        shifted = [0, *(slope * coefficient for coefficient in polynomial)]
        polynomial = [(beta * low + high) % q for low, high in zip([*polynomial, 0], shifted, strict=True)]
    m = rule.digits
    digit_randomness = [secret("digit", digit) for digit in range(m)]
    key = group.parse_element(contest.key)
    digits = vector_to_bytes(encrypt_vector(group, key, polynomial[:m], digit_randomness))
    transcript.absorb("digits", digits)
    x = group.reduce_wide(transcript.challenge("x"))
    # P3
    f = [x * s + a for s, a in zip(bits, masks, strict=True)]
    sent = [f[bit] for constraint in rule.bit_groups() for bit, _ in constraint.rest()]
    w = x * alpha + gamma
    z = pow(x, m, q) * evaluate(q, y, _derive_randomness(contest, seed)) + evaluate(q, x, digit_randomness)
    return commitments + digits + b"".join(map(group.scalar_bytes, [*sent, w, z]))


# ------------------------------------------------------------------------------------------------------------ verifier


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A contest after its encodings were checked; `f` is complete."""

    contest: Contest
    vector: tuple[Ciphertext, ...]
    m1: Element
    m0: Element
    digits: tuple[Ciphertext, ...]
    f: list[int]
    w: int
    z: int
    x: int
    y: int
    proof: bytes


_FixedTerms: TypeAlias = dict[tuple[str, int], int]
_Terms: TypeAlias = list[tuple[int, Element]]


def verify_contest(contest: Contest, position: Position, sealed: SealedContest) -> None:
    """Check one contest on its own, in Python. Raises Refused with the first failing check."""
    _verify_equations(_decode_contest(contest, position, sealed))


def _contest_refusal(check: Check, contest: Contest) -> Refused:
    kind = MalformedEncoding if check in (Check.SIZES, Check.CIPHERTEXT, Check.COMMITMENT, Check.SCALAR) else Refused
    return kind(check.value, _REASONS[check], culprit=f"contest {contest.contest}")


def _refuse(check: Check, contest: Contest) -> NoReturn:
    raise _contest_refusal(check, contest)


def _decode_contest(contest: Contest, position: Position, sealed: SealedContest) -> _Decoded:
    """Run checks 1 to 5 in order and recompute what is not transmitted."""
    group, rule, q = contest.group, contest.rule, contest.group.order
    n, m, size = rule.options, rule.digits, group.element_size
    # Ciphertexts and proof MUST have exactly the lengths that suite and rule give.
    if len(sealed.ciphertexts) != ciphertexts_size(group, rule) or len(sealed.proof) != proof_size(group, rule):
        _refuse(Check.SIZES, contest)
    # Every A_j and B_j MUST be the valid encoding of an element other than the identity.
    points = _parse_elements(contest, sealed.ciphertexts, Check.CIPHERTEXT)
    # M1, M0 and every component of D_l MUST be the valid encoding of an element other than the identity.
    split = (2 + 2 * m) * size
    m1, m0, *digits = _parse_elements(contest, sealed.proof[:split], Check.COMMITMENT)
    # Every transmitted scalar MUST be less than the group order.
    try:
        *sent, w, z = [
            group.parse_scalar(sealed.proof[at : at + _SCALAR_SIZE])
            for at in range(split, len(sealed.proof), _SCALAR_SIZE)
        ]
    except MalformedEncoding:
        _refuse(Check.SCALAR, contest)
    transcript = _begin_transcript(contest, position, sealed.ciphertexts)
    transcript.absorb("commitments", sealed.proof[: 2 * size])
    y = group.reduce_wide(transcript.challenge("y"))
    transcript.absorb("digits", sealed.proof[2 * size : split])
    x = group.reduce_wide(transcript.challenge("x"))
    # Neither challenge MUST be zero.
    if x == 0 or y == 0:
        _refuse(Check.CHALLENGE, contest)
    f = [0] * count_bits(rule)
    responses = iter(sent)
    for constraint in rule.bit_groups():
        for bit, _ in constraint.rest():
            f[bit] = next(responses)
        f[constraint.first] = (x * constraint.target - sum(weight * f[bit] for bit, weight in constraint.rest())) % q
    return _Decoded(contest, _pair(points[: 2 * n]), m1, m0, _pair(digits), f, w, z, x, y, sealed.proof)


def _parse_elements(contest: Contest, data: bytes, check: Check) -> list[Element]:
    size = contest.group.element_size
    try:
        return [contest.group.parse_element(data[at : at + size]) for at in range(0, len(data), size)]
    except MalformedEncoding:
        _refuse(check, contest)


def _verify_equations(decoded: _Decoded) -> None:
    """Check E1, E2 and E3 one by one."""
    # E1 MUST hold: x M1 + M0 = sum of f_b G_b + f_b (x - f_b) G'_b + w K.
    if not _holds(decoded.contest, [(1, _bits_equation(decoded))]):
        _refuse(Check.BITS, decoded.contest)
    # E2 MUST hold: x^m sum of y^j A_j + sum of x^l D_l^A = z G.
    if not _holds(decoded.contest, [(1, _randomness_equation(decoded))]):
        _refuse(Check.RANDOMNESS, decoded.contest)
    # E3 MUST hold: x^m sum of y^j B_j + sum of x^l D_l^B = z H + phi G.
    if not _holds(decoded.contest, [(1, _votes_equation(decoded))]):
        _refuse(Check.VOTES, decoded.contest)


def _bits_equation(decoded: _Decoded) -> tuple[_FixedTerms, _Terms]:
    fixed: _FixedTerms = {("K", 0): -decoded.w}
    for bit, f in enumerate(decoded.f):
        fixed["G", bit] = -f
        fixed["H", bit] = -f * (decoded.x - f)
    return fixed, [(decoded.x, decoded.m1), (1, decoded.m0)]


def _randomness_equation(decoded: _Decoded) -> tuple[_FixedTerms, _Terms]:
    columns = [ciphertext.a for ciphertext in (*decoded.vector, *decoded.digits)]
    return {("base", 0): -decoded.z}, list(zip(_power_weights(decoded), columns, strict=True))


def _votes_equation(decoded: _Decoded) -> tuple[_FixedTerms, _Terms]:
    columns = [ciphertext.b for ciphertext in (*decoded.vector, *decoded.digits)]
    rule, q = decoded.contest.rule, decoded.contest.group.order
    phi = prod(rule.digit_polynomials(q, decoded.y, decoded.f)) % q
    return {("key", 0): -decoded.z, ("base", 0): -phi}, list(zip(_power_weights(decoded), columns, strict=True))


def _power_weights(decoded: _Decoded) -> list[int]:
    """Return x^m y^j for the ciphertexts, then x^l for the digits."""
    q, m = decoded.contest.group.order, decoded.contest.rule.digits
    weights = [pow(decoded.x, m, q)]
    for _ in decoded.vector[1:]:
        weights.append(weights[-1] * decoded.y % q)
    return weights + [pow(decoded.x, digit, q) for digit in range(m)]


def _holds(contest: Contest, weighted: Sequence[tuple[int, tuple[_FixedTerms, _Terms]]]) -> bool:
    """Tell whether the weighted sum of equations is the identity; fixed points are merged first."""
    group, q = contest.group, contest.group.order
    fixed: _FixedTerms = {}
    scalars: list[int] = []
    elements: list[Element] = []
    for weight, (fixed_terms, terms) in weighted:
        for name, scalar in fixed_terms.items():
            fixed[name] = (fixed.get(name, 0) + weight * scalar) % q
        scalars += [weight * scalar % q for scalar, _ in terms]
        elements += [element for _, element in terms]
    for (label, index), scalar in fixed.items():
        scalars.append(scalar)
        if label == "key":
            elements.append(group.parse_element(contest.key))
        elif label == "base":
            elements.append(group.generator)
        else:
            elements.append(_generator(group, label, index))
    return group.vartime_sum(scalars, elements).is_identity()


def draw_weights(proofs: Sequence[bytes], random: bytes | None = None) -> list[tuple[int, int, int]]:
    """Return three 128-bit weights for each proof of a batch.

    They come from the operating system's randomness together with every response, after the responses are fixed: who
    could foresee them could make two wrong proofs cancel out. One weight for two equations would let (A + D, B - D)
    pass.
    """
    seed = os.urandom(32) if random is None else random
    digest = hashlib.sha512(seed + b"".join(hashlib.sha512(proof).digest() for proof in proofs)).digest()
    stream = hashlib.shake_256(digest).digest(48 * len(proofs))
    numbers = [int.from_bytes(stream[at : at + 16], "little") for at in range(0, len(stream), 16)]
    return list(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True))


def _batch_holds(batch: Sequence[_Decoded]) -> bool:
    """Tell whether all equations of a batch (one group, one key) hold, by one random combination."""
    weighted = []
    for decoded, (rho, sigma, tau) in zip(batch, draw_weights([item.proof for item in batch]), strict=True):
        weighted += [
            (rho, _bits_equation(decoded)),
            (sigma, _randomness_equation(decoded)),
            (tau, _votes_equation(decoded)),
        ]
    return not batch or _holds(batch[0].contest, weighted)


def _bisect(ballots: Mapping[int, Sequence[_Decoded]], verdicts: list[Refused | None]) -> None:
    """Verify whole ballots together; on failure halve until every bad one has its own verdict."""
    if _batch_holds([decoded for ballot in ballots.values() for decoded in ballot]):
        return
    if len(ballots) == 1:
        [(at, contests)] = ballots.items()
        verdicts[at] = _first_refusal(contests)
        return
    items = list(ballots.items())
    for half in (items[: len(items) // 2], items[len(items) // 2 :]):
        _bisect(dict(half), verdicts)


def _first_refusal(contests: Sequence[_Decoded]) -> Refused | None:
    try:
        for decoded in contests:
            _verify_equations(decoded)
    except Refused as refusal:
        return refusal
    return None


def _generator(group: Group, label: str, index: int = 0) -> Element:
    return derive_generator(group, label, index)


def _pair(elements: Sequence[Element]) -> tuple[Ciphertext, ...]:
    return tuple(Ciphertext(a, b) for a, b in zip(elements[::2], elements[1::2], strict=True))


# ---------------------------------------------------------------------------------------------- whole ballots, batched


class FrameCheck(Enum):
    """What can be wrong with a ballot's frame; `crypto/election/ballot.py` gives each its check id."""

    STRUCTURE = "structure"
    MANIFEST = "manifest"
    STYLE = "style"
    CONTESTS = "contests"
    REPEATED = "repeated"


_FRAME_REASONS: Mapping[FrameCheck, str] = {
    FrameCheck.STRUCTURE: "not the one encoding of a ballot",
    FrameCheck.MANIFEST: "the ballot names another manifest",
    FrameCheck.STYLE: "the ballot names a style that the manifest does not have",
    FrameCheck.CONTESTS: "the ballot does not hold exactly the contests of its style",
    FrameCheck.REPEATED: "one first component A occurs twice in the ballot",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """A ballot's bytes taken apart: a deterministic CBOR array that needs no other decoder."""

    manifest_hash: bytes
    style: int
    position: Position
    head_size: int
    head_root: bytes
    contests: tuple[SealedContest, ...]

    @property
    def lock(self) -> bytes:
        """The lock, which is part of the position."""
        return self.position.lock

    def to_bytes(self) -> bytes:
        """Return the one encoding."""
        head: list[int | bytes] = [
            self.manifest_hash,
            self.style,
            self.position.pseudonym,
            self.position.number,
            self.position.previous,
        ]
        items: list[int | bytes] = [*head, self.head_size, self.head_root, self.lock]
        out = [write_head(ARRAY, len(items) + 1)]
        out += [
            write_head(UINT, item) if isinstance(item, int) else write_head(BSTR, len(item)) + item for item in items
        ]
        out.append(write_head(ARRAY, len(self.contests)))
        for contest in self.contests:
            out.append(write_head(ARRAY, 2))
            out += [write_head(BSTR, len(contest.ciphertexts)), contest.ciphertexts]
            out += [write_head(BSTR, len(contest.proof)), contest.proof]
        return b"".join(out)


_FRAME_HEADS = (b"\x89\x58\x20", b"\x50", b"\x58\x20", b"\x58\x20", b"\x58\x20")


def parse_frame(data: bytes) -> Frame | None:
    """Take a ballot's bytes apart; None unless they are the one encoding, within every limit.

    Written out place by place, because the auditor's one reading process does it for every ballot.
    """
    try:
        style, at = read_head(data, 35, UINT)
        number, end = read_head(data, at + 17, UINT)
        head_size, root = read_head(data, end + 34, UINT)
        count, place = read_head(data, root + 68, ARRAY)
        heads = (data[:3], data[at : at + 1], data[end : end + 2], data[root : root + 2], data[root + 34 : root + 36])
        within = style < 2**16 and 0 < number < 2**32 and head_size < 2**53 and 0 < count <= MAX_CONTESTS
        if heads != _FRAME_HEADS or not within:
            return None
        contests = []
        for _ in range(count):
            if data[place : place + 1] != b"\x82":
                return None
            ciphertexts, place = read_bytes(data, place + 1)
            proof, place = read_bytes(data, place)
            contests.append(SealedContest(ciphertexts, proof))
    except MalformedEncoding:
        return None
    lock = data[root + 36 : root + 68]
    position = Position(data[at + 1 : at + 17], number, data[end + 2 : end + 34], lock)
    frame = Frame(data[3:35], style, position, head_size, data[root + 2 : root + 34], tuple(contests))
    return frame if place == len(data) else None


# The kernel's codes, as `_kernel.pyi` lists them.
_CONTEST_CODES: Mapping[int, Check] = dict(enumerate(Check, start=1))
_FRAME_CODES: Mapping[int, FrameCheck] = dict(enumerate(FrameCheck, start=9))


@dataclass(frozen=True, slots=True)
class VerifiedBallots:
    """One verdict a ballot (None = accepted); sums of the accepted ones: (group, contest id) to n × (A*, B*)."""

    verdicts: list[Refused | None]
    sums: dict[tuple[int, int], bytes]


class RunningSums:
    """Sums over many calls of `BallotVerifier.verify_and_sum`, encoded once when they are taken."""

    def __init__(self) -> None:
        self.points = _kernel.Totals()
        self._vectors: dict[tuple[int, int], tuple[Ciphertext, ...]] = {}

    def add(self, name: tuple[int, int], vector: tuple[Ciphertext, ...]) -> None:
        """Add one vector to the sums of (group, contest id)."""
        self._vectors[name] = add_vectors([self._vectors[name], vector]) if name in self._vectors else vector

    def take(self) -> dict[tuple[int, int], bytes]:
        """Return the sums so far, and begin with nothing again."""
        vectors, self._vectors = self._vectors, {}
        return {**self.points.take(), **{name: vector_to_bytes(vector) for name, vector in vectors.items()}}


class BallotVerifier:
    """Verifies ballots of one election from their bytes, many at once, and adds up the accepted ones.

    `styles` gives each style's contests `(contest id, rule)` in manifest order; `frame_checks` gives the check ids of
    the frame, which belong to the ballot's page. For ristretto255 the kernel works; `python_only` asks for the readable
    implementation below, which serves P-256 and reports the same first failing check.
    """

    def __init__(
        self,
        kind: Kind,
        group: Group,
        manifest_hash: bytes,
        key: bytes,
        styles: Mapping[int, Sequence[tuple[int, Rule]]],
        frame_checks: Mapping[FrameCheck, str],
        *,
        python_only: bool = False,
    ) -> None:
        group.parse_element(key)
        rules: dict[int, Rule] = {}
        for contests in styles.values():
            twice = len(dict(contests)) != len(contests)
            if twice or any(rules.setdefault(contest, rule) != rule for contest, rule in contests):
                raise Misuse("a contest occurs twice in a style, or with two rules")
        self._group = group
        self._manifest_hash = manifest_hash
        self._frame_checks = frame_checks
        self._styles = {
            style: [Contest(kind, group, manifest_hash, style, contest, rule, key) for contest, rule in contests]
            for style, contests in styles.items()
        }
        self._kernel: _kernel.BallotVerifier | None = None
        if group.name == RISTRETTO255_NAME and not python_only:
            raw = [(style, [(contest, rule.to_bytes()) for contest, rule in items]) for style, items in styles.items()]
            self._kernel = _kernel.BallotVerifier(_transcript_tag(kind, group), manifest_hash, key, raw)

    def verify(
        self, ballots: Sequence[bytes], *, hints: Sequence[bytes] | None = None, threads: int = 1
    ) -> list[Refused | None]:
        """Return the first failing check of each ballot, None for an accepted one. `threads` 0 means all cores.

        Hints (`make_hints`) make the kernel faster and never change a verdict.
        """
        if self._kernel is None:
            return self._verify_in_python(ballots)[0]
        codes = self._kernel.verify(list(ballots), None if hints is None else list(hints), threads)
        return [self._translate(code, ballot) for code, ballot in zip(codes, ballots, strict=True)]

    def verify_and_sum(
        self,
        ballots: Sequence[bytes],
        groups: Sequence[int],
        *,
        hints: Sequence[bytes] | None = None,
        threads: int = 1,
        totals: RunningSums | None = None,
    ) -> VerifiedBallots:
        """Verify, and add the accepted ballots' vectors by `(groups[i], contest id)` (a group: a leaf unit).

        With `totals` the sums go there, and the answer has none.
        """
        if self._kernel is not None:
            raw_hints, kept = None if hints is None else list(hints), None if totals is None else totals.points
            codes, sums = self._kernel.verify_and_sum(list(ballots), list(groups), raw_hints, threads, kept)
            verdicts = [self._translate(code, ballot) for code, ballot in zip(codes, ballots, strict=True)]
            return VerifiedBallots(verdicts, sums)
        verdicts, decoded = self._verify_in_python(ballots)
        running = RunningSums() if totals is None else totals
        for at, group in enumerate(groups):
            for item in decoded[at] if verdicts[at] is None else ():
                running.add((group, item.contest.contest), item.vector)
        return VerifiedBallots(verdicts, running.take() if totals is None else {})

    def make_hints(self, ballot: bytes) -> bytes:
        """Return the kernel's decoding hints of a ballot that was accepted (empty where the suite has none)."""
        return b"" if self._kernel is None else self._kernel.make_hints(ballot)

    def _verify_in_python(self, ballots: Sequence[bytes]) -> tuple[list[Refused | None], list[list[_Decoded]]]:
        verdicts: list[Refused | None] = [None] * len(ballots)
        decoded: list[list[_Decoded]] = [[] for _ in ballots]
        for at, ballot in enumerate(ballots):
            try:
                decoded[at] = self._decode(ballot)
            except Refused as refusal:
                verdicts[at] = refusal
        _bisect({at: items for at, items in enumerate(decoded) if verdicts[at] is None}, verdicts)
        return verdicts, decoded

    def _decode(self, ballot: bytes) -> list[_Decoded]:
        """Run every check of a ballot up to the equations, in order."""
        frame = parse_frame(ballot)
        if frame is None:
            raise self._frame_refusal(FrameCheck.STRUCTURE)
        if frame.manifest_hash != self._manifest_hash:
            raise self._frame_refusal(FrameCheck.MANIFEST)
        contests = self._styles.get(frame.style)
        if contests is None:
            raise self._frame_refusal(FrameCheck.STYLE)
        if len(contests) != len(frame.contests):
            raise self._frame_refusal(FrameCheck.CONTESTS)
        pairs = zip(contests, frame.contests, strict=True)
        decoded = [_decode_contest(contest, frame.position, sealed) for contest, sealed in pairs]
        size = self._group.element_size
        firsts = [
            sealed.ciphertexts[at : at + size]
            for sealed in frame.contests
            for at in range(0, len(sealed.ciphertexts), 2 * size)
        ]
        if len(set(firsts)) != len(firsts):
            raise self._frame_refusal(FrameCheck.REPEATED)
        return decoded

    def _frame_refusal(self, check: FrameCheck) -> Refused:
        kind = MalformedEncoding if check is FrameCheck.STRUCTURE else Refused
        return kind(self._frame_checks[check], _FRAME_REASONS[check])

    def _translate(self, code: int, ballot: bytes) -> Refused | None:
        """Turn a kernel code (check × 256 + position of the contest in the style) into a refusal."""
        if code == 0:
            return None
        check, at = divmod(code, 256)
        if check in _FRAME_CODES:
            return self._frame_refusal(_FRAME_CODES[check])
        frame = parse_frame(ballot)
        if frame is None or check not in _CONTEST_CODES:
            raise Misuse(f"the kernel's code {code} is unknown here: kernel and package are of two versions")
        return _contest_refusal(_CONTEST_CODES[check], self._styles[frame.style][at])
