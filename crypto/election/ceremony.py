"""The trustees' ceremony and drills: what each message must prove, and which one comes next.

Spec: `docs/spec/ceremony.md`. The first part are the messages of one trustee and their checks, pure functions of a
`Setting`; the second is the slice of the record's state. Whoever keeps the secrets (the trustee's program) passes them
in and gets bodies of entries back. No share is decrypted before the proofs of its dealing were checked in that call.

>>> from crypto.group import parse_suite
>>> setting = Setting("demo", parse_suite("RISTRETTO255-SHA512"), bytes(32), trustees=3, threshold=2)
>>> message = make_key(setting, run=1, trustee=2, secret=7)
>>> verify_key(setting, message)
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from crypto.election.entries import (
    CeremonyAcceptance,
    CeremonyCertificate,
    CeremonyCommitment,
    CeremonyComplaint,
    CeremonyDealing,
    CeremonyKey,
    Context,
    Drill,
    DrillShare,
    Manifest,
    Opening,
    Round,
    Step,
)
from crypto.errors import MalformedEncoding, Misuse, Refused
from crypto.group import Group, parse_suite
from crypto.logarithms import prove_equality, prove_knowledge, verify_equality, verify_knowledge
from crypto.threshold import (
    commit_polynomial,
    derive_drill_point,
    derive_joint_key,
    derive_share_keys,
    derive_shared_point,
    draw_polynomial,
    evaluate_polynomial,
    open_share,
    seal_share,
    verify_commitments,
    verify_share,
)
from crypto.transcript import Kind, Transcript, tag, tagged_hash

Act = Literal["key", "commitment", "dealing", "answer", "certificate", "drill", "decrypt", "wait"]
ROUNDS: tuple[Act, ...] = ("key", "commitment", "dealing", "answer", "certificate")
ANSWER_ROUND = 4


@dataclass(frozen=True, slots=True)
class Setting:
    """What the manifest fixes for its ceremony; the deadlines are those of R0, R0.5, R1, R2 (the last also of R3)."""

    kind: Kind
    group: Group
    manifest_hash: bytes
    trustees: int
    threshold: int
    deadlines_ms: tuple[int, ...] = ()

    @classmethod
    def read(cls, manifest: Manifest, manifest_hash: bytes) -> Setting:
        """Take the facts out of a checked manifest."""
        return cls(
            manifest.kind,
            parse_suite(manifest.suite),
            manifest_hash,
            len(manifest.trustees),
            manifest.threshold,
            manifest.round_deadlines_ms,
        )


class BoardView(Protocol):
    """What the ceremony asks of the board's slice."""

    def lower_ms(self) -> int | None:
        """Return L(b) of the newest seal that holds a quorum checkpoint, None before there is one."""
        ...

    def holds_checkpoint(self, size: int, root: bytes) -> bool:
        """Tell whether a seal of this log holds a quorum checkpoint of this size and root."""
        ...


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a finished run gives: the certificate's hash, the election key H and X_1 to X_n."""

    run: int
    hash: bytes
    key: bytes
    share_keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """A trustee's next step: what to do now, or `wait` with the trustees (by index) whose message is missing."""

    act: Act
    run: int
    number: int
    missing: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A complaint as everybody judges it: who complained against whose dealing, and which of the two lied."""

    trustee: int
    against: int
    liar: int


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that two officers ended, with the complaints of it."""

    round: Round
    judgements: tuple[Judgement, ...]


# ------------------------------------------------------------------------------------------------- messages and checks


def make_key(setting: Setting, run: int, trustee: int, secret: int) -> CeremonyKey:
    """Return R0: E_i = e_i G with its proof of possession."""
    proof = prove_knowledge(setting.group, _context(setting, "ceremony-key", run, trustee), secret)
    return CeremonyKey(run=run, trustee=trustee, key=(secret * setting.group.generator).to_bytes(), proof=proof)


def verify_key(setting: Setting, body: CeremonyKey, used: Container[bytes] = ()) -> None:
    """Check R0; `used` are the keys that were there before. Raises Refused."""
    culprit = name_trustee(body.trustee)
    setting.group.parse_element(body.key, culprit=culprit)
    context = _context(setting, "ceremony-key", body.run, body.trustee)
    # The encryption key of R0 MUST carry a valid proof of possession, and MUST NOT be a key that was there before.
    with _refusing_with("CEREMONY-3", culprit):
        if body.key in used:
            raise Refused("", "this encryption key was there before")
        verify_knowledge(setting.group, context, body.key, body.proof)


def make_dealing(setting: Setting, run: int, trustee: int, keys: Sequence[bytes]) -> CeremonyDealing:
    """Draw f_i and u_i, return R1 for the keys E_1 to E_n, and forget both: R1 is all that is needed later."""
    group = setting.group
    polynomial = draw_polynomial(group, setting.threshold)
    ephemeral = group.random_scalar()
    commitments = commit_polynomial(group, polynomial)
    sealing = sealing_context(setting, run)
    shares = [
        seal_share(
            group,
            sealing,
            trustee,
            recipient,
            evaluate_polynomial(group, polynomial, recipient),
            derive_shared_point(group, ephemeral, key),
        )
        for recipient, key in enumerate(keys, start=1)
    ]
    return CeremonyDealing(
        run=run,
        trustee=trustee,
        commitments=commitments,
        proof=prove_knowledge(group, _constant_context(setting, run, trustee, commitments), polynomial[0]),
        ephemeral=(ephemeral * group.generator).to_bytes(),
        ephemeral_proof=prove_knowledge(group, _ephemeral_context(setting, run, trustee, keys), ephemeral),
        shares=tuple(shares),
    )


def commit_dealing(setting: Setting, dealing: CeremonyDealing) -> CeremonyCommitment:
    """Return R0.5: the hash of R1's body."""
    digest = tagged_hash(tag(setting.kind, "ceremony-commitment"), setting.manifest_hash, dealing.to_bytes())
    return CeremonyCommitment(run=dealing.run, trustee=dealing.trustee, hash=digest)


def verify_dealing(
    setting: Setting, dealing: CeremonyDealing, keys: Sequence[bytes], used: Container[bytes] = ()
) -> None:
    """Check sizes, encodings and both proofs of R1; `used` are points of earlier dealings and runs.

    Raises Refused; nothing is decrypted.
    """
    group, run, trustee = setting.group, dealing.run, dealing.trustee
    culprit = name_trustee(trustee)
    verify_commitments(group, dealing.commitments, setting.threshold, culprit=culprit)
    if len(dealing.shares) != setting.trustees:
        # R1 MUST have exactly n shares.
        raise Refused("CEREMONY-5", f"{len(dealing.shares)} shares for {setting.trustees} trustees", culprit=culprit)
    group.parse_element(dealing.ephemeral, culprit=culprit)
    for share in dealing.shares:
        group.parse_scalar(share, culprit=culprit)
    # R1 MUST carry a valid proof of knowledge of a_{i,0}, and F_{i,0} MUST NOT have been there before.
    with _refusing_with("CEREMONY-6", culprit):
        if dealing.commitments[0] in used:
            raise Refused("", "this commitment was there before")
        context = _constant_context(setting, run, trustee, dealing.commitments)
        verify_knowledge(group, context, dealing.commitments[0], dealing.proof)
    # R1 MUST carry a valid proof of knowledge of u_i bound to the run, the trustee, U_i and all E, and U_i MUST NOT
    # have been there before.
    with _refusing_with("CEREMONY-7", culprit):
        if dealing.ephemeral in used:
            raise Refused("", "this point was there before")
        context = _ephemeral_context(setting, run, trustee, keys)
        verify_knowledge(group, context, dealing.ephemeral, dealing.ephemeral_proof)


def open_dealing(setting: Setting, dealing: CeremonyDealing, keys: Sequence[bytes], recipient: int, secret: int) -> int:
    """Return the recipient's share s_ij of one dealing, decrypted with e_j after all proofs were checked.

    Raises Refused, with the check of `threshold.md` for a share that does not open the commitments: then complain.
    """
    verify_dealing(setting, dealing, keys)
    point = derive_shared_point(setting.group, secret, dealing.ephemeral)
    return _open_revealed(setting, dealing, recipient, point)


def digest_dealings(setting: Setting, dealings: Sequence[CeremonyDealing]) -> bytes:
    """Return the 32 bytes that an acceptance confirms: the hash of all R1 of a run, in index order."""
    bodies = [dealing.to_bytes() for dealing in dealings]
    run = dealings[0].run.to_bytes(4, "big")
    return tagged_hash(tag(setting.kind, "ceremony-dealings"), setting.manifest_hash, run, *bodies)


def complain(setting: Setting, dealing: CeremonyDealing, trustee: int, secret: int) -> CeremonyComplaint:
    """Return the complaint of `trustee` (its e_i is `secret`) against a dealing: the shared point, proven."""
    context = _complaint_context(setting, dealing.run, trustee, dealing.trustee)
    return CeremonyComplaint(
        run=dealing.run,
        trustee=trustee,
        against=dealing.trustee,
        point=derive_shared_point(setting.group, secret, dealing.ephemeral),
        proof=prove_equality(setting.group, context, secret, dealing.ephemeral),
    )


def judge_complaint(setting: Setting, body: CeremonyComplaint, key: bytes, dealing: CeremonyDealing) -> int:
    """Return the index of the one who lied: the dealer, or the complainer whose key E_i is `key`. Raises Refused."""
    culprit = name_trustee(body.trustee)
    setting.group.parse_element(body.point, culprit=culprit)
    context = _complaint_context(setting, body.run, body.trustee, body.against)
    # A complaint MUST carry a valid proof of equal logarithms for the revealed point.
    with _refusing_with("CEREMONY-9", culprit):
        verify_equality(setting.group, context, key, dealing.ephemeral, body.point, body.proof)
    try:
        _open_revealed(setting, dealing, body.trustee, body.point)
    except Refused:
        return body.against
    return body.trustee


def derive_drill(setting: Setting, certificate: Certificate, drill: Drill) -> bytes:
    """Return the drill's point T, derived by everybody and read from nowhere."""
    tag_bytes = tag(setting.kind, "drill")
    return derive_drill_point(
        setting.group, tag_bytes, setting.manifest_hash, certificate.hash, drill.number, drill.root
    )


def make_drill_share(setting: Setting, certificate: Certificate, drill: Drill, trustee: int, share: int) -> DrillShare:
    """Return x_j T with its proof."""
    point = derive_drill(setting, certificate, drill)
    context = _drill_context(setting, certificate, drill, trustee)
    return DrillShare(
        number=drill.number,
        trustee=trustee,
        value=derive_shared_point(setting.group, share, point),
        proof=prove_equality(setting.group, context, share, point),
    )


def verify_drill_share(
    setting: Setting,
    certificate: Certificate | None,
    drill: Drill | None,
    body: DrillShare,
    passed: Container[int] = (),
) -> None:
    """Check a share of `drill` (None: no such drill) against X_j and the derived point. Raises Refused."""
    culprit = name_trustee(body.trustee)
    setting.group.parse_element(body.value, culprit=culprit)
    # A drill share MUST answer a drill of this log, once per trustee, with a valid proof for the derived point.
    with _refusing_with("CEREMONY-14", culprit):
        if certificate is None or drill is None or body.trustee not in range(1, setting.trustees + 1):
            raise Refused("", "there is no such drill or trustee")
        if body.trustee in passed:
            raise Refused("", "this trustee has passed this drill already")
        context = _drill_context(setting, certificate, drill, body.trustee)
        point = derive_drill(setting, certificate, drill)
        share_key = certificate.share_keys[body.trustee - 1]
        verify_equality(setting.group, context, share_key, point, body.value, body.proof)


# --------------------------------------------------------------------------------------------------------------- state


@dataclass(slots=True)
class _Run:
    """The messages of one run by trustee, and its complaints as judged."""

    number: int
    keys: dict[int, CeremonyKey] = field(default_factory=dict)
    commitments: dict[int, CeremonyCommitment] = field(default_factory=dict)
    dealings: dict[int, CeremonyDealing] = field(default_factory=dict)
    acceptances: dict[int, CeremonyAcceptance] = field(default_factory=dict)
    complaints: dict[tuple[int, int], CeremonyComplaint] = field(default_factory=dict)
    certificates: set[int] = field(default_factory=set)
    judgements: list[Judgement] = field(default_factory=list)

    @property
    def disqualified(self) -> set[int]:
        """Who lied, as the complaints show."""
        return {judgement.liar for judgement in self.judgements}

    def senders(self, number: int) -> set[int]:
        """Return who has sent a message of round 1 to 5."""
        answered = set(self.acceptances) | {trustee for trustee, _ in self.complaints}
        return (set(self.keys), set(self.commitments), set(self.dealings), answered, self.certificates)[number - 1]


class Ceremony:
    """The slice of the record's state that the ceremony owns; only its own commits change it."""

    def __init__(self, setting: Setting, board: BoardView) -> None:
        """Begin before R0 of run 1."""
        self.setting = setting
        self._board = board
        self.certificate: Certificate | None = None
        self.opening: Opening | None = None
        self.drills: dict[int, Drill] = {}
        self.passed: dict[int, set[int]] = {}
        self.ended: list[EndedRun] = []
        self._drills_before_opening = 0
        self._run = _Run(1)
        self._used_keys: set[bytes] = set()
        self._concluded: Certificate | None = None

    @property
    def run(self) -> int:
        """The number of the current run."""
        return self._run.number

    @property
    def everyone(self) -> range:
        """The trustees' indices."""
        return range(1, self.setting.trustees + 1)

    def open_round(self) -> int:
        """Return the round (1 to 5) whose messages are awaited; 6 when all n have certified."""
        for number in range(1, len(ROUNDS) + 1):
            if self.missing(number) or (number == ANSWER_ROUND and self._run.complaints):
                return number
        return len(ROUNDS) + 1

    def missing(self, number: int) -> tuple[int, ...]:
        """Return the trustees without a message of a round of the current run."""
        return tuple(sorted(set(self.everyone) - self._run.senders(number)))

    def disqualified(self) -> tuple[int, ...]:
        """Return whom the complaints of the current run disqualify."""
        return tuple(sorted(self._run.disqualified))

    def judgements(self) -> tuple[Judgement, ...]:
        """Return the complaints of the current run as judged, in the order of the log."""
        return tuple(self._run.judgements)

    def current_drill(self) -> int:
        """Return the newest drill since the opening (before it: of all); 0 while there is none."""
        newest = max(self.drills, default=0)
        return newest if newest > self._drills_before_opening else 0

    def undrilled(self) -> tuple[int, ...]:
        """Return who has not passed a drill since the opening; before the opening, who has passed none at all."""
        since = self._drills_before_opening
        passed = {trustee for number, trustees in self.passed.items() if number > since for trustee in trustees}
        return tuple(sorted(set(self.everyone) - passed))

    def keys(self) -> list[bytes]:
        """Return E_1 to E_n of the current run, complete."""
        return [self._run.keys[trustee].key for trustee in self.everyone]

    def dealings(self) -> list[CeremonyDealing]:
        """Return R1 of 1 to n of the current run, complete."""
        return [self._run.dealings[trustee] for trustee in self.everyone]

    def conclude(self) -> Certificate:
        """Return what the certificates of R3 must confirm; Misuse before all have accepted."""
        if self.open_round() <= ANSWER_ROUND:
            message = "the run is not concluded: acceptances are missing"
            raise Misuse(message)
        if self._concluded is None:
            setting, run = self.setting, self._run
            dealt = [dealing.commitments for dealing in self.dealings()]
            key = derive_joint_key(setting.group, dealt)
            share_keys = derive_share_keys(setting.group, dealt, setting.trustees)
            columns = (run.keys, run.commitments, run.dealings, run.acceptances)
            bodies = [column[trustee].to_bytes() for column in columns for trustee in self.everyone]
            tag_bytes = tag(setting.kind, "ceremony-certificate")
            number = run.number.to_bytes(4, "big")
            digest = tagged_hash(tag_bytes, setting.manifest_hash, number, *bodies, key, *share_keys)
            self._concluded = Certificate(run.number, digest, key, share_keys)
        return self._concluded

    def stage_ceremony_key(self, body: CeremonyKey, _context: Context) -> Step:
        """Stage R0."""
        self._verify_turn(1, body.run, body.trustee)
        verify_key(self.setting, body, self._used_keys)
        return self._store(self._run.keys, body.trustee, body, lambda: self._used_keys.add(body.key))

    def stage_ceremony_commitment(self, body: CeremonyCommitment, _context: Context) -> Step:
        """Stage R0.5."""
        self._verify_turn(2, body.run, body.trustee)
        return self._store(self._run.commitments, body.trustee, body)

    def stage_ceremony_dealing(self, body: CeremonyDealing, _context: Context) -> Step:
        """Stage R1."""
        self._verify_turn(3, body.run, body.trustee)
        if commit_dealing(self.setting, body) != self._run.commitments[body.trustee]:
            # The body of R1 MUST hash to the commitment that the trustee sent in R0.5.
            raise Refused("CEREMONY-4", "not the dealing that was committed to", culprit=name_trustee(body.trustee))
        verify_dealing(self.setting, body, self.keys(), self._used_keys)
        points = (body.commitments[0], body.ephemeral)
        return self._store(self._run.dealings, body.trustee, body, lambda: self._used_keys.update(points))

    def stage_ceremony_acceptance(self, body: CeremonyAcceptance, _context: Context) -> Step:
        """Stage R2 of a trustee whose shares are all good."""
        self._verify_turn(ANSWER_ROUND, body.run, body.trustee)
        if body.digest != digest_dealings(self.setting, self.dealings()):
            # The digest of an acceptance MUST be that of all R1 of the run.
            raise Refused("CEREMONY-8", "the digest is not that of all dealings", culprit=name_trustee(body.trustee))
        return self._store(self._run.acceptances, body.trustee, body)

    def stage_ceremony_complaint(self, body: CeremonyComplaint, _context: Context) -> Step:
        """Stage R2 of a trustee who got a bad share, or says so."""
        self._verify_turn(ANSWER_ROUND, body.run, body.trustee, against=body.against)
        run = self._run
        liar = judge_complaint(self.setting, body, run.keys[body.trustee].key, run.dealings[body.against])
        judgement = Judgement(body.trustee, body.against, liar)
        return self._store(run.complaints, (body.trustee, body.against), body, lambda: run.judgements.append(judgement))

    def stage_ceremony_certificate(self, body: CeremonyCertificate, _context: Context) -> Step:
        """Stage R3."""
        self._verify_turn(len(ROUNDS), body.run, body.trustee)
        certificate = self.conclude()
        if body.hash != certificate.hash:
            # The certificate hash of R3 MUST be the one recomputed from R0, R0.5, R1 and R2.
            raise Refused("CEREMONY-11", "another transcript was certified", culprit=name_trustee(body.trustee))

        def commit() -> None:
            self._run.certificates.add(body.trustee)
            if not self.missing(len(ROUNDS)):
                self.certificate = certificate

        return Step((), commit)

    def stage_round(self, body: Round, _context: Context) -> Step:
        """Stage the end of a run that cannot go on."""
        lower_ms = self._board.lower_ms()
        number = self.open_round()
        missing, disqualified = self.missing(number) if number <= len(ROUNDS) else (), self.disqualified()
        named = (body.run, body.round, tuple(body.missing), tuple(body.disqualified))
        early = bool(missing) and (lower_ms is None or lower_ms < self._deadline_ms(number))
        if early or named != (self.run, number, missing, disqualified) or not (missing or disqualified):
            # A round entry MUST name the open round, exactly the missing and the disqualified, not before its deadline.
            reason = "the deadline has not passed" if early else "not the trustees that the record shows"
            raise Refused("CEREMONY-10", reason, culprit="officers")

        def commit() -> None:
            self.ended.append(EndedRun(body, self.judgements()))
            self._run = _Run(self._run.number + 1)
            self._concluded = None

        return Step((), commit)

    def stage_drill(self, body: Drill, _context: Context) -> Step:
        """Stage a drill."""
        known = self._board.holds_checkpoint(body.size, body.root)
        if self.certificate is None or body.number != len(self.drills) + 1 or not known:
            # A drill MUST have the next number, after R3 of all n, on a quorum checkpoint that a seal holds.
            raise Refused("CEREMONY-13", "no drill can stand here, or not on this checkpoint", culprit="officers")

        def commit() -> None:
            self.drills[body.number] = body
            self.passed[body.number] = set()

        return Step((), commit)

    def stage_drill_share(self, body: DrillShare, _context: Context) -> Step:
        """Stage one trustee's answer to a drill."""
        drill, passed = self.drills.get(body.number), self.passed.get(body.number, set())
        verify_drill_share(self.setting, self.certificate, drill, body, passed)
        return Step((), lambda: self.passed[body.number].add(body.trustee))

    def stage_opening(self, body: Opening, _context: Context) -> Step:
        """Stage the opening entry."""
        certificate = self.certificate
        rehearsed = any(len(passed) == self.setting.trustees for passed in self.passed.values())
        repeats = certificate is not None and (body.key, body.certificate_hash) == (certificate.key, certificate.hash)
        if not repeats or not rehearsed or self.opening is not None:
            # The opening MUST repeat H and the certificate hash, after R3 and a drill of all n, once.
            raise Refused("CEREMONY-12", "not the certified key, or no drill of all before it", culprit="officers")

        def commit() -> None:
            self.opening = body
            self._drills_before_opening = len(self.drills)

        return Step((), commit)

    def _verify_turn(self, number: int, run: int, trustee: int, *, against: int = 0) -> None:
        """Check run, round and sender of a message of round `number`."""
        culprit, current = name_trustee(trustee), self._run
        if against:
            sent = trustee in current.acceptances or (trustee, against) in current.complaints or trustee == against
        else:
            sent = trustee in current.senders(number)
        known = trustee in self.everyone and (not against or against in self.everyone)
        if not known or (sent and run == current.number):
            # A trustee MUST be one of 1..n and MUST send at most one message a round.
            reason = "this trustee's message of this round is there already" if known else "no such trustee"
            raise Refused("CEREMONY-2", reason, culprit=culprit)
        if self.opening is not None or run != current.number or number != self.open_round():
            # A message MUST belong to the current run and its open round, before the opening.
            reason = f"not what is awaited: run {current.number}, round {self.open_round()}"
            raise Refused("CEREMONY-1", reason, culprit=culprit)

    def _deadline_ms(self, number: int) -> int:
        deadlines = self.setting.deadlines_ms
        return deadlines[min(number, len(deadlines)) - 1]

    @staticmethod
    def _store(column: dict, place: object, body: object, also: Callable[[], None] | None = None) -> Step:  # type: ignore[type-arg]
        def commit() -> None:
            column[place] = body
            if also is not None:
                also()

        return Step((), commit)


def next_step(state: Ceremony, trustee: int) -> Task:
    """Return the trustee's checklist as one value: the next act that the record waits for, or whom it waits for."""
    number, run = state.open_round(), state.run
    if number <= len(ROUNDS):
        missing = state.missing(number)
        return Task(ROUNDS[number - 1] if trustee in missing else "wait", run, 0, missing)
    for drill, passed in sorted(state.passed.items()):
        if trustee not in passed:
            return Task("drill", run, drill, tuple(sorted(set(state.everyone) - passed)))
    return Task("wait", run, 0, ())


def name_trustee(trustee: int) -> str:
    """Return how refusals name a trustee."""
    return f"trustee {trustee}"


# ------------------------------------------------------------------------------------------------------------ contexts


def sealing_context(setting: Setting, run: int) -> Transcript:
    """Return the state that the pads of all shares of a run start from."""
    context = Transcript(tag(setting.kind, "ceremony-share"))
    context.absorb("suite", setting.group.name.encode("ascii"))
    context.absorb("manifest", setting.manifest_hash)
    context.absorb("run", run.to_bytes(4, "big"))
    return context


def _context(setting: Setting, use: str, run: int, trustee: int) -> Transcript:
    context = Transcript(tag(setting.kind, use))
    context.absorb("suite", setting.group.name.encode("ascii"))
    context.absorb("manifest", setting.manifest_hash)
    context.absorb("run", run.to_bytes(4, "big"))
    context.absorb("trustee", trustee.to_bytes(2, "big"))
    return context


def _constant_context(setting: Setting, run: int, trustee: int, commitments: Sequence[bytes]) -> Transcript:
    context = _context(setting, "ceremony-constant", run, trustee)
    context.absorb("commitments", b"".join(commitments))
    return context


def _ephemeral_context(setting: Setting, run: int, trustee: int, keys: Sequence[bytes]) -> Transcript:
    context = _context(setting, "ceremony-ephemeral", run, trustee)
    context.absorb("keys", b"".join(keys))
    return context


def _complaint_context(setting: Setting, run: int, trustee: int, against: int) -> Transcript:
    context = _context(setting, "ceremony-complaint", run, trustee)
    context.absorb("against", against.to_bytes(2, "big"))
    return context


def _drill_context(setting: Setting, certificate: Certificate, drill: Drill, trustee: int) -> Transcript:
    context = _context(setting, "drill-share", certificate.run, trustee)
    context.absorb("number", drill.number.to_bytes(4, "big"))
    context.absorb("root", drill.root)
    return context


def _open_revealed(setting: Setting, dealing: CeremonyDealing, recipient: int, point: bytes) -> int:
    culprit = name_trustee(dealing.trustee)
    sealed = dealing.shares[recipient - 1]
    context = sealing_context(setting, dealing.run)
    share = open_share(setting.group, context, dealing.trustee, recipient, sealed, point, culprit=culprit)
    verify_share(setting.group, dealing.commitments, recipient, share, culprit=culprit)
    return share


@contextmanager
def _refusing_with(check: str, culprit: str) -> Iterator[None]:
    """Give a refused proof the check id of the message it stands in; encodings keep their own."""
    try:
        yield
    except MalformedEncoding:
        raise
    except Refused as refusal:
        raise Refused(check, refusal.reason, culprit=culprit) from refusal
