"""A whole election in memory with the real entries: every test that needs a record starts from one of its stages.

`world_at(stage)` builds the story once a process; `fresh(stage)` replays its log up to a stage into a record of its own
that a test may spoil. Times are virtual: a block every minute, the voting from 13:00 to 14:00 of some day.

>>> world = world_at("complete")
>>> world.record.is_complete(), world.record.refused
(True, {})
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from crypto.election.ballot import cast_challenge, hash_ballot, lock_of, make_nonce
from crypto.election.board import Block, Head, Writer
from crypto.election.ceremony import (
    Setting,
    commit_dealing,
    digest_dealings,
    make_dealing,
    make_drill_share,
    make_key,
    open_dealing,
)
from crypto.election.encoding import Message
from crypto.election.entries import (
    Aggregate,
    Assurance,
    BallotEntry,
    BodyKey,
    CeremonyAcceptance,
    CeremonyCertificate,
    Client,
    ClientFile,
    Close,
    Contest,
    Credential,
    DistrictSlots,
    Drill,
    Entry,
    Freeze,
    Manifest,
    Opening,
    Option,
    Result,
    RollChunk,
    RollGroup,
    Seal,
    Spoiled,
    Strike,
    Style,
    Text3,
    Trustee,
    Unit,
    Units,
    Witness,
)
from crypto.election.manifest import ZERO_HASH, hash_manifest, hash_part
from crypto.election.record import Record
from crypto.election.tally import make_share
from crypto.elgamal import BallotSeed
from crypto.errors import Refused
from crypto.group import RISTRETTO255_NAME, parse_suite
from crypto.proofs import Contest as Statement
from crypto.proofs import Frame, Position, SealedContest, seal_contest
from crypto.rules import Between, OneOf
from crypto.signatures import ES256, SigningKey, cosign, parse_note, sign_author
from crypto.threshold import combine_shares
from crypto.transcript import Kind, tag
from demo.voters import SoftwarePasskey, make_passkey

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
OPENS_AT_MS = 1_768_050_000_000
STAGES = ("founded", "certified", "frozen", "open", "voting", "voted", "closed", "disputed", "complete")
TRUSTEES, THRESHOLD = 3, 2
WITNESSES, FAULTS, QUORUM = 4, 1, 3
# Slots and voters of each leaf unit with its style: 24 slots, 20 voters.
UNITS = ((2, 1, 10, 9), (4, 1, 8, 6), (5, 2, 6, 5))
CONTESTS_OF_STYLE = {1: (1, 2), 2: (1,)}


def text3(text: str) -> Text3:
    """Return one text in all three languages."""
    return Text3(ky=text, ru=text, en=text)


def secret(*names: object) -> bytes:
    """Return 32 bytes that only these names determine."""
    return hashlib.sha256("/".join(map(str, ("world", *names))).encode()).digest()


def signing_key(role: str, place: int = 0) -> SigningKey:
    """Return the key of a role's holder."""
    return SigningKey.from_seed(secret("key", role, place))


@dataclass(slots=True)
class Voter:
    """One slot: its pseudonym, place to vote, passkey, and where its sequence of ballots stands."""

    pseudonym: bytes
    unit: int
    style: int
    passkey: SoftwarePasskey
    number: int = 0
    previous: bytes = bytes(32)
    choices: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """The part entries of a world, before the manifest names them."""

    contests: tuple[Contest, ...]
    units: tuple[Units, ...]


def make_parts() -> Parts:
    """Return two contests (one of 3; 0 to 2 of 4) and five units."""
    first = Contest(
        id=1,
        question=1,
        title=text3("Head of the town"),
        rule=OneOf.default(3).to_bytes(),
        options=tuple(Option(text3(name)) for name in ("Akylai", "Bolot", "Against all")),
        region=1,
        seats=1,
    )
    second = Contest(
        id=2,
        question=2,
        title=text3("Council"),
        rule=Between(4, 0, 2).to_bytes(),
        options=tuple(Option(text3(name)) for name in ("Cholpon", "Daniyar", "Elnura", "Farkhad")),
        region=1,
        seats=2,
    )
    units = (
        Unit(1, None, text3("Town"), district=False),
        Unit(2, 1, text3("North"), district=True),
        Unit(3, 1, text3("South"), district=True),
        Unit(4, 3, text3("South, left bank"), district=False),
        Unit(5, 3, text3("South, right bank"), district=False),
    )
    return Parts((first, second), (Units(units),))


def make_manifest(parts: Parts, kind: Kind = "demo", **changes: Any) -> Manifest:  # noqa: ANN401
    """Return the world's manifest with some fields changed."""

    def person(role: str, place: int, body: str) -> BodyKey:
        return BodyKey(f"{role} {place + 1}", body, signing_key(role, place).public_key)

    fields: dict[str, Any] = {
        "protocol": 1,
        "suite": RISTRETTO255_NAME,
        "kind": kind,
        "origin": f"board.example/{kind}/town-2026",
        "short_name": "town-2026",
        "title": text3("Elections in the town"),
        "opens_at_ms": OPENS_AT_MS,
        "closes_at_ms": OPENS_AT_MS + HOUR_MS,
        "grace_ms": 5 * MINUTE_MS,
        "settle_ms": 5 * MINUTE_MS,
        "interval_ms": MINUTE_MS,
        "receipt_delay_ms": 10 * MINUTE_MS,
        "dispute_ms": 10 * MINUTE_MS,
        "change_delay_ms": 5 * MINUTE_MS,
        "release_by_ms": OPENS_AT_MS + 5 * HOUR_MS,
        "round_deadlines_ms": tuple(OPENS_AT_MS - minutes * MINUTE_MS for minutes in (50, 45, 40, 35)),
        "minimum_cell": 4,
        "threshold": THRESHOLD,
        "log_key": signing_key("log").public_key,
        "receipt_key": signing_key("receipt").public_key,
        "trustees": tuple(
            Trustee(f"trustee {at + 1}", signing_key("trustee", at).public_key) for at in range(TRUSTEES)
        ),
        "registrars": (person("registrar", 0, "Register"), person("registrar", 1, "Commission")),
        "officers": (
            person("officer", 0, "Commission"),
            person("officer", 1, "Chamber"),
            person("officer", 2, "Commission"),
        ),
        "witnesses": tuple(
            Witness(f"watch.example/{at + 1}", signing_key("witness", at).public_key, None) for at in range(WITNESSES)
        ),
        "faults": FAULTS,
        "quorum": QUORUM,
        "rp_id": "vote.example",
        "origins": ("https://vote.example", "https://my.vote.example"),
        "algorithms": (-7, -8),
        "software_keys": True,
        "styles": tuple(Style(style, contests) for style, contests in CONTESTS_OF_STYLE.items()),
        "contests": tuple(hash_part(kind, "contest", contest.to_bytes()) for contest in parts.contests),
        "units": tuple(hash_part(kind, "units", chunk.to_bytes()) for chunk in parts.units),
        "imported": None,
    }
    return Manifest(**{**fields, **changes})


@dataclass(slots=True)
class World:
    """An election with everybody's keys; `entries` is the log, `record` the state machine that follows it."""

    parts: Parts = field(default_factory=make_parts)
    kind: Kind = "demo"
    changes: dict[str, Any] = field(default_factory=dict)
    log: int = 0  # which log key: two elections have two
    clock_ms: int = OPENS_AT_MS - HOUR_MS
    entries: list[bytes] = field(default_factory=list)
    checkpoints: list[bytes] = field(default_factory=list)  # with all cosignatures, one a block
    voters: list[Voter] = field(default_factory=list)
    shares: dict[int, int] = field(default_factory=dict)
    marks: dict[str, tuple[int, int, list[Voter], Writer, int]] = field(default_factory=dict)
    manifest: Manifest = field(init=False)
    manifest_hash: bytes = field(init=False)
    record: Record = field(init=False)
    writer: Writer = field(init=False)

    def __post_init__(self) -> None:
        """Write the manifest and prepare record, writer and slots; the log is still empty."""
        changes = {"log_key": signing_key("log", self.log).public_key, **self.changes}
        self.manifest = make_manifest(self.parts, self.kind, **changes)
        self.manifest_hash = hash_manifest(self.kind, self.manifest.to_bytes())
        self.record = Record(self.read)
        self.writer = Writer(self.manifest, self.manifest_hash, signing_key("log", self.log))
        for unit, style, slots, _ in UNITS:
            for place in range(slots):
                pseudonym = secret("pseudonym", unit, place)[:16]
                self.voters.append(Voter(pseudonym, unit, style, make_passkey(secret("passkey", unit, place), ES256)))

    # ------------------------------------------------------------------------------------------------ the log

    def read(self, index: int) -> bytes:
        """Return an entry of the log."""
        return self.entries[index]

    def append(self, block: Block, *, quorum: bool = True, late_ms: int = 0) -> list[Refused]:
        """Take a written block into log and record, let the witnesses cosign it, and move the clock by an interval.

        `quorum` says whether enough witnesses answer, `late_ms` by how much later than now. Returns the refusals.
        """
        refusals = []
        for raw in block.entries:
            self.entries.append(raw)
            try:
                self.record.apply(raw)
            except Refused as refusal:
                refusals.append(refusal)
        note = self.cosign(block.checkpoint, count=WITNESSES if quorum else QUORUM - 1, late_ms=late_ms)
        self.checkpoints.append(note)
        if quorum:
            self.writer.add_quorum(note)
        self.clock_ms += self.manifest.interval_ms
        return refusals

    def block(
        self, control: Sequence[bytes] = (), voters: Iterable[bytes] = (), *, quorum: bool = True, late_ms: int = 0
    ) -> list[Refused]:
        """Write the next block and append it; return the refusals of its entries."""
        return self.append(self.writer.write(control, voters), quorum=quorum, late_ms=late_ms)

    def block_as_given(self, *entries: bytes) -> list[Refused]:
        """Write the next block with entries in the order given, as no honest writer would; return the refusals."""
        seal = Seal(self.writer.block + 1, self.writer.checkpoint, tuple(self.writer.quorum), ())
        return self.append(self.writer._write([self.by_log("seal", seal), *entries]))

    def accept(self, control: Sequence[bytes] = (), voters: Iterable[bytes] = ()) -> None:
        """Write the next block, of which every entry must be accepted."""
        for refusal in self.block(control, voters):
            raise refusal

    def refuse(self, *raws: bytes) -> Refused:
        """Write one block with these entries (voter entries by leaf hash); return the first refusal."""
        control = [raw for raw in raws if not _is_voter(raw)]
        refusals = self.block(control, [raw for raw in raws if _is_voter(raw)])
        return refusals[0]

    def wait_until(self, time_ms: int) -> None:
        """Move the clock; the next block begins then."""
        self.clock_ms = max(self.clock_ms, time_ms)

    def cosign(self, checkpoint: bytes, *, count: int = WITNESSES, late_ms: int = 0) -> bytes:
        """Return a checkpoint with the cosignatures of some witnesses, at the world's time."""
        note = parse_note(checkpoint)
        time_s = (self.clock_ms + late_ms) // 1_000
        lines = [
            cosign(signing_key("witness", at), self.manifest.witnesses[at].name, note.text, time_s + at)
            for at in range(count)
        ]
        return note.with_signatures(*lines).to_bytes()

    def head(self) -> Head:
        """Return the newest head that a seal holds."""
        head = self.record.board.newest
        if head is None:
            message = "no seal holds a quorum checkpoint yet"
            raise LookupError(message)
        return head

    # --------------------------------------------------------------------------------------------- signatures

    def sign(
        self, entry_type: str, body: Message | bytes, *keys: SigningKey, manifest_hash: bytes | None = None
    ) -> bytes:
        """Return an entry signed by some keys."""
        data = body if isinstance(body, bytes) else body.to_bytes()
        bound = self.manifest_hash if manifest_hash is None else manifest_hash
        bound = ZERO_HASH if entry_type == "manifest" else bound
        use = tag(self.kind, "author")
        signatures = tuple(sorted(sign_author(key, use, bound, entry_type, data) for key in keys))
        return Entry(entry_type, data, signatures).to_bytes()

    def by_officers(self, entry_type: str, body: Message) -> bytes:
        """Return an entry of two officers of different bodies."""
        return self.sign(entry_type, body, signing_key("officer", 0), signing_key("officer", 1))

    def by_registrars(self, entry_type: str, body: Message) -> bytes:
        """Return an entry of both registrars."""
        return self.sign(entry_type, body, signing_key("registrar", 0), signing_key("registrar", 1))

    def by_trustee(self, entry_type: str, body: Any) -> bytes:  # noqa: ANN401
        """Return an entry of the trustee that the body names."""
        return self.sign(entry_type, body, signing_key("trustee", body.trustee - 1))

    def by_log(self, entry_type: str, body: Message) -> bytes:
        """Return an entry of the log."""
        return self.sign(entry_type, body, signing_key("log", self.log))

    # ------------------------------------------------------------------------------------------ voters' entries

    def credential(self, voter: Voter) -> bytes:
        """Return the credential entry of a voter."""
        assurance: Assurance = "software" if self.manifest.software_keys else "passkey"
        return self.by_registrars("credential", Credential(voter.pseudonym, voter.passkey.cose_key, assurance))

    def seal_ballot(
        self,
        voter: Voter,
        choices: Sequence[Sequence[int]] | None = None,
        *,
        seed: bytes | None = None,
        head: Head | None = None,
        **changes: Any,  # noqa: ANN401
    ) -> tuple[bytes, bytes]:
        """Return (ballot bytes, seed) of the voter's next ballot; `changes` are to the frame's fields."""
        head = head or self.head()
        seed = seed or secret("ballot", voter.pseudonym.hex(), voter.number + 1, len(self.entries))
        contests = CONTESTS_OF_STYLE[voter.style]
        choices = choices or voter.choices or self.default_choices(voter)
        position = Position(voter.pseudonym, voter.number + 1, voter.previous)
        position = changes.pop("position", position)
        opening = self.record.ceremony.opening
        key = changes.pop("key", opening.key if opening is not None else b"")
        ballot_seed = BallotSeed(self.kind, seed)
        lock = changes.pop("lock", lock_of(self.kind, ballot_seed.derive_opening()))
        position = replace(position, lock=lock)
        sealed: list[SealedContest] = []
        for contest, chosen in zip(contests, choices, strict=True):
            rule = self.record.parts.rules[contest]
            group = parse_suite(self.manifest.suite)
            statement = Statement(self.kind, group, self.manifest_hash, voter.style, contest, rule, key)
            sealed.append(seal_contest(statement, position, ballot_seed, chosen))
        frame = Frame(
            manifest_hash=self.manifest_hash,
            style=voter.style,
            position=position,
            head_size=head.size,
            head_root=head.root,
            contests=tuple(sealed),
        )
        return replace(frame, **changes).to_bytes(), seed

    def last(self, voter: Voter) -> tuple[int, int]:
        """Return number and index of the voter's last ballot on the board, (0, -1) when there is none."""
        roll = self.record.roll
        return self.record.ballots.last(roll.row(roll.slot(voter.pseudonym)))

    def default_choices(self, voter: Voter) -> tuple[tuple[int, ...], ...]:
        """Return choices that the voter's place determines."""
        place = self.voters.index(voter)
        return ((place % 3,), tuple({place % 4, (place + 1) % 4}) if place % 5 else ())[
            : len(CONTESTS_OF_STYLE[voter.style])
        ]

    def cast(
        self,
        voter: Voter,
        ballot: bytes,
        *,
        issued_at_ms: int | None = None,
        receipt_key: SigningKey | None = None,
        passkey: SoftwarePasskey | None = None,
        nonce_for: bytes | None = None,
    ) -> bytes:
        """Return the entry of a ballot that the voter's passkey casts."""
        ballot_hash = hash_ballot(self.kind, ballot)
        issued = self.clock_ms if issued_at_ms is None else issued_at_ms
        nonce = make_nonce(
            receipt_key or signing_key("receipt"),
            self.kind,
            self.manifest_hash,
            voter.pseudonym,
            nonce_for or ballot_hash,
            secret("nonce", ballot_hash.hex())[:16],
            issued,
        )
        challenge = cast_challenge(self.kind, self.manifest_hash, ballot_hash, nonce)
        answer = (passkey or voter.passkey).sign(challenge, self.manifest.rp_id, self.manifest.origins[0])
        return Entry("ballot", BallotEntry(ballot, nonce, *answer.parts()).to_bytes()).to_bytes()

    def vote(self, voter: Voter, choices: Sequence[Sequence[int]] | None = None) -> bytes:
        """Return the voter's next ballot entry and note it in the voter's sequence."""
        chosen = tuple(map(tuple, choices)) if choices is not None else self.default_choices(voter)
        ballot, _ = self.seal_ballot(voter, chosen)
        raw = self.cast(voter, ballot)
        voter.number += 1
        voter.previous = hash_ballot(self.kind, ballot)
        voter.choices = chosen
        return raw

    def spoil(self, ballot: bytes, seed: bytes) -> bytes:
        """Return the entry that says a sealed ballot was challenged."""
        return self.by_log("spoiled", Spoiled(ballot, BallotSeed(self.kind, seed).derive_opening()))

    # ---------------------------------------------------------------------------------------------- the story

    def begin(self) -> None:
        """Write block 0."""
        entry = self.sign("manifest", self.manifest, signing_key("officer", 0), signing_key("officer", 1))
        parts: list[tuple[str, Message]] = [("contest", contest) for contest in self.parts.contests]
        parts += [("units", chunk) for chunk in self.parts.units]
        for refusal in self.append(self.writer.begin(entry, parts)):
            raise refusal

    def setting(self) -> Setting:
        """Return what the ceremony works with."""
        return Setting.read(self.manifest, self.manifest_hash)

    def hold_ceremony(self) -> None:
        """Run R0 to R3 in one block and keep the trustees' shares."""
        setting, everyone = self.setting(), range(1, len(self.manifest.trustees) + 1)
        order = setting.group.order
        secrets = {trustee: int.from_bytes(secret("E", trustee), "big") % (order - 1) + 1 for trustee in everyone}
        keys = [make_key(setting, 1, trustee, secrets[trustee]) for trustee in everyone]
        points = [message.key for message in keys]
        dealings = [make_dealing(setting, 1, trustee, points) for trustee in everyone]
        digest = digest_dealings(setting, dealings)
        self.accept(
            [
                *(self.by_trustee("ceremony-key", message) for message in keys),
                *(self.by_trustee("ceremony-commitment", commit_dealing(setting, message)) for message in dealings),
                *(self.by_trustee("ceremony-dealing", message) for message in dealings),
                *(
                    self.by_trustee("ceremony-acceptance", CeremonyAcceptance(1, trustee, digest))
                    for trustee in everyone
                ),
            ]
        )
        certificate = self.record.ceremony.conclude()
        for trustee in everyone:
            received = [open_dealing(setting, deal, points, trustee, secrets[trustee]) for deal in dealings]
            self.shares[trustee] = combine_shares(setting.group, received)
        self.accept(
            [
                self.by_trustee("ceremony-certificate", CeremonyCertificate(1, trustee, certificate.hash))
                for trustee in everyone
            ]
        )

    def roll_chunk(self, number: int = 0) -> RollChunk:
        """Return the whole roll as one chunk."""
        groups = tuple(
            RollGroup(unit, style, b"".join(voter.pseudonym for voter in self.voters if voter.unit == unit))
            for unit, style, _, _ in UNITS
        )
        return RollChunk(number, groups)

    def freeze_body(self) -> Freeze:
        """Return the freeze that fits the roll."""
        return Freeze(chunks=1, slots=(DistrictSlots(2, 10), DistrictSlots(3, 14)))

    def freeze_roll(self) -> None:
        """Write roll and freeze."""
        roll = self.by_registrars("roll", self.roll_chunk())
        client = self.by_officers("client", Client((ClientFile("index.html", secret("client")),)))
        self.accept([client, roll, self.by_officers("freeze", self.freeze_body())])

    def drill(self, number: int) -> list[bytes]:
        """Return a drill on the newest head and all trustees' answers."""
        head, setting = self.head(), self.setting()
        body = Drill(number, head.size, head.root)
        certificate = self.record.ceremony.conclude()
        answers = [make_drill_share(setting, certificate, body, trustee, x) for trustee, x in self.shares.items()]
        return [self.by_officers("drill", body), *(self.by_trustee("drill-share", answer) for answer in answers)]

    def open(self) -> None:
        """Write drill, opening and the credentials of 20 voters; end when a seal shows that voting has begun."""
        certificate = self.record.ceremony.conclude()
        opening = self.by_officers("opening", Opening(certificate.key, certificate.hash))
        registered = self.registered()
        self.accept([*self.drill(1), opening], [self.credential(voter) for voter in registered])
        self.wait_until(self.manifest.opens_at_ms)
        self.accept()
        self.accept()

    def registered(self) -> list[Voter]:
        """Return the voters with a credential."""
        chosen: list[Voter] = []
        for unit, _, _, count in UNITS:
            chosen += [voter for voter in self.voters if voter.unit == unit][:count]
        return chosen

    def hold_vote(self) -> None:
        """Let all vote, one spoil a ballot first, two vote again, and one be struck."""
        registered = self.registered()
        ballot, seed = self.seal_ballot(registered[0], ((1,), (0, 3)))
        self.accept([], [self.spoil(ballot, seed), *map(self.vote, registered[1:10])])
        self.mark("voting")
        self.accept([], [self.vote(registered[0]), *map(self.vote, registered[10:])])
        strike = self.by_registrars("strike", Strike(registered[8].pseudonym, "voted on paper"))
        again = (self.vote(registered[3], ((2,), (1,))), self.vote(registered[12], ((0,), (2, 3))))
        self.accept([], [*again, strike])
        self.accept()

    def close(self) -> None:
        """Wait for the end of intake and close."""
        self.wait_until(self.manifest.closes_at_ms + self.manifest.grace_ms)
        self.accept()
        self.accept()
        body = Close(self.record.tally.accepted)
        self.accept([self.by_officers("close", body)])

    def dispute(self) -> None:
        """Let the dispute period pass, until a seal shows that it has."""
        self.accept()
        self.wait_until(self.clock_ms + self.manifest.dispute_ms)
        self.accept()
        self.accept()

    def aggregates(self) -> list[bytes]:
        """Return the aggregate of every cell."""
        return [
            self.by_log(
                "aggregate",
                Aggregate(item.contest, item.number, item.cell.units, item.cell.ballots, item.sums),
            )
            for item in self.record.tally.plan.items
        ]

    def share(self, trustee: int) -> list[bytes]:
        """Return the parts of a trustee's share."""
        tally = self.record.tally
        root = tally.closed_root or b""
        parts = make_share(tally.election, tally.plan, root, trustee, self.shares[trustee])
        return [self.by_trustee("share", part) for part in parts]

    def results(self) -> list[bytes]:
        """Return the result of every cell."""
        tally = self.record.tally
        return [
            self.by_officers("result", Result(item.contest, item.number, tally.open_cell(item)))
            for item in tally.plan.items
        ]

    def count(self) -> None:
        """Write aggregates, two shares and all results."""
        self.accept(self.aggregates())
        self.accept([*self.share(1), *self.share(3)])
        self.accept(self.results())
        self.accept()

    def expected(self, contest: int) -> tuple[int, ...]:
        """Return the votes that the voters chose in a contest, struck voters left out."""
        votes = [0] * self.record.parts.rules[contest].options
        for voter in self.registered():
            place = CONTESTS_OF_STYLE[voter.style]
            struck = self.record.roll.is_struck(self.record.roll.slot(voter.pseudonym))
            if contest in place and voter.number and not struck:
                for option in voter.choices[place.index(contest)]:
                    votes[option] += 1
        return tuple(votes)

    def mark(self, stage: str) -> None:
        """Note a stage of the story, to which `fork` can go back."""
        writer = replace(self.writer, quorum=list(self.writer.quorum))
        voters = [copy.copy(voter) for voter in self.voters]
        self.marks[stage] = (len(self.entries), self.clock_ms, voters, writer, len(self.checkpoints))

    def run(self, until: str = "complete") -> World:
        """Tell the story up to a stage."""
        steps: tuple[tuple[str, Callable[[], None]], ...] = (
            ("founded", self.begin),
            ("certified", self.hold_ceremony),
            ("frozen", self.freeze_roll),
            ("open", self.open),
            ("voted", self.hold_vote),
            ("closed", self.close),
            ("disputed", self.dispute),
            ("complete", self.count),
        )
        for stage, step in steps:
            step()
            self.mark(stage)
            if stage == until:
                break
        return self

    def fork(self, stage: str) -> World:
        """Return a world of its own at an earlier stage, its log replayed into a fresh record."""
        size, clock_ms, voters, writer, blocks = self.marks[stage]
        other = World(self.parts, self.kind, self.changes, self.log)
        other.shares = dict(self.shares)
        other.voters = [copy.copy(voter) for voter in voters]
        other.entries = self.entries[:size]
        other.checkpoints = self.checkpoints[:blocks]
        other.clock_ms = clock_ms
        other.writer = replace(writer, quorum=list(writer.quorum))
        other.record.extend(other.entries)
        return other


def _is_voter(raw: bytes) -> bool:
    name = raw[3 : 3 + (raw[2] & 31)]
    return name in {b"credential", b"ballot", b"spoiled", b"change", b"strike"}


@cache
def world_at(stage: str = "complete") -> World:
    """Return the world's story up to a stage, one for all tests: read it, do not change it."""
    if stage == "complete":
        return World().run()
    return world_at("complete").fork(stage)


def fresh(stage: str) -> World:
    """Return a world of the caller's own at a stage (30 ms)."""
    return world_at("complete").fork(stage)
