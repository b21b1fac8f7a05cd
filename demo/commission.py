"""The people and the papers of the demo: officers, registrars, the log's keys, manifest, parts, roll, credentials.

Spec: `docs/spec/manifest.md`, `docs/spec/credential.md`. All secret keys come from the demo's seed, so that a run
can be repeated; for that very reason every paper is of kind *demo*. The hours are those of 2021-01-10 in Bishkek.

>>> from demo.electorate import Electorate, published
>>> commission = Commission(Electorate(published(), voters=60, seed=1))
>>> keys = [bytes([n]) * 32 for n in range(10)]
>>> manifest, parts = commission.write_manifest(keys[:5], keys[5:])
>>> manifest.kind, len(parts), len(manifest.witnesses)
('demo', 3, 5)
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from crypto.election.encoding import Message
from crypto.election.entries import (
    BodyKey,
    Contest,
    DistrictSlots,
    Entry,
    Freeze,
    Manifest,
    Option,
    RollChunk,
    RollGroup,
    Style,
    Text3,
    Trustee,
    Unit,
    Units,
    Witness,
)
from crypto.election.manifest import ZERO_HASH, hash_manifest, hash_part, origin_of
from crypto.rules import OneOf
from crypto.signatures import SigningKey, sign_author
from crypto.transcript import Kind, tag
from demo.electorate import Electorate, Question
from demo.electorate import Text3 as Names

KIND: Kind = "demo"
HOST = "board.dobush.example"
RP_ID = "dobush.example"
WEB_ORIGIN = f"https://vote.{RP_ID}"
STYLE = 1
COUNTRY = 1
FIRST_UNIT = 2
TRUSTEES, THRESHOLD = 5, 3
WITNESSES, FAULTS, QUORUM = 5, 1, 4
MINIMUM_CELL = 10
SLOTS_A_CHUNK = 4_000
SECOND_MS, MINUTE_MS, HOUR_MS = 1_000, 60_000, 3_600_000
INTERVAL_MS = SECOND_MS
BISHKEK = dt.timezone(dt.timedelta(hours=6))
OPENS_AT_MS = int(dt.datetime(2021, 1, 10, 8, tzinfo=BISHKEK).timestamp()) * SECOND_MS
CLOSES_AT_MS = OPENS_AT_MS + 12 * HOUR_MS
WITNESS_NAMES = (
    "watch.dobush.example/university",
    "watch.dobush.example/observers",
    "watch.dobush.example/press",
    "watch.dobush.example/party-a",
    "watch.dobush.example/party-b",
)
TRUSTEE_NAMES = ("Judge", "University", "Bar association", "Academy of sciences", "Observers' union")


@dataclass(frozen=True, slots=True)
class Signer:
    """One person or office: name, the body it answers to, and its Ed25519 key pair."""

    name: str
    body: str
    key: SigningKey

    def public(self) -> BodyKey:
        """Return what the manifest says of this signer."""
        return BodyKey(name=self.name, body=self.body, key=self.key.public_key)


@dataclass
class Commission:
    """Everybody who signs except trustees, witnesses and voters."""

    electorate: Electorate
    questions: Sequence[Question] = ()
    manifest_hash: bytes = ZERO_HASH

    def __post_init__(self) -> None:
        """Take all published questions unless some are named."""
        self.questions = self.questions or self.electorate.published.questions

    def _signer(self, role: str, name: str, body: str) -> Signer:
        return Signer(name, body, SigningKey.from_seed(self.electorate.secret(f"key/{role}/{name}")))

    @cached_property
    def log(self) -> Signer:
        """The board's log key."""
        return self._signer("log", "log", "board")

    @cached_property
    def receipts(self) -> Signer:
        """The key of receipts and nonces."""
        return self._signer("receipt", "receipts", "board")

    @cached_property
    def registrars(self) -> tuple[Signer, Signer]:
        """The two registrars, of different bodies."""
        return (
            self._signer("registrar", "Population register", "Ministry of digital development"),
            self._signer("registrar", "Voter list", "Election commission"),
        )

    @cached_property
    def officers(self) -> tuple[Signer, Signer]:
        """Two officers of different bodies."""
        return (
            self._signer("officer", "Chair", "Election commission"),
            self._signer("officer", "Auditor of the chamber", "Chamber of accounts"),
        )

    def sign(self, entry_type: str, body: Message, signers: Sequence[Signer]) -> bytes:
        """Return the raw entry with the signatures of all signers."""
        data = body.to_bytes()
        author = tag(KIND, "author")
        manifest_hash = ZERO_HASH if entry_type == "manifest" else self.manifest_hash
        signatures = tuple(sign_author(signer.key, author, manifest_hash, entry_type, data) for signer in signers)
        return Entry(entry_type, data, signatures).to_bytes()

    def by_log(self, entry_type: str, body: Message) -> bytes:
        """Sign by the log key."""
        return self.sign(entry_type, body, (self.log,))

    def by_officers(self, entry_type: str, body: Message) -> bytes:
        """Sign by two officers of different bodies."""
        return self.sign(entry_type, body, self.officers)

    def by_registrars(self, entry_type: str, body: Message) -> bytes:
        """Sign by both registrars, each after a check of its own."""
        return self.sign(entry_type, body, self.registrars)

    # ---------------------------------------------------------------------------------------------------- block 0

    @property
    def origin(self) -> str:
        """The log's name."""
        return origin_of(HOST, KIND, "president-2021")

    def write_manifest(
        self, trustee_keys: Sequence[bytes], witness_keys: Sequence[bytes]
    ) -> tuple[Manifest, list[tuple[str, Message]]]:
        """Return the manifest and its parts (type, body) in their order; remember the manifest hash."""
        contests = [_contest(number, question) for number, question in enumerate(self.questions, start=1)]
        parts: list[tuple[str, Message]] = [*(("contest", contest) for contest in contests), ("units", self._units())]
        hashes = [hash_part(KIND, entry_type, body.to_bytes()) for entry_type, body in parts]
        manifest = Manifest(
            protocol=1,
            suite="RISTRETTO255-SHA512",
            kind=KIND,
            origin=self.origin,
            short_name="president-2021",
            title=Text3(
                ky="2021-жылдын 10-январындагы шайлоо (көргөзмө)",
                ru="Выборы 10 января 2021 года (демонстрация)",
                en="Elections of 10 January 2021 (demonstration)",
            ),
            opens_at_ms=OPENS_AT_MS,
            closes_at_ms=CLOSES_AT_MS,
            grace_ms=30 * SECOND_MS,
            settle_ms=10 * INTERVAL_MS,
            interval_ms=INTERVAL_MS,
            receipt_delay_ms=MINUTE_MS,
            dispute_ms=MINUTE_MS,
            change_delay_ms=HOUR_MS,
            release_by_ms=CLOSES_AT_MS + 24 * HOUR_MS,
            round_deadlines_ms=tuple(OPENS_AT_MS - hours * HOUR_MS for hours in (20, 19, 18, 17)),
            minimum_cell=MINIMUM_CELL,
            threshold=THRESHOLD,
            log_key=self.log.key.public_key,
            receipt_key=self.receipts.key.public_key,
            trustees=tuple(Trustee(name=name, key=key) for name, key in zip(TRUSTEE_NAMES, trustee_keys, strict=True)),
            registrars=tuple(registrar.public() for registrar in self.registrars),
            officers=tuple(officer.public() for officer in self.officers),
            witnesses=tuple(
                Witness(name=name, key=key, bls=None) for name, key in zip(WITNESS_NAMES, witness_keys, strict=True)
            ),
            faults=FAULTS,
            quorum=QUORUM,
            rp_id=RP_ID,
            origins=(WEB_ORIGIN,),
            algorithms=(-7, -8),
            software_keys=True,
            styles=(Style(id=STYLE, contests=tuple(contest.id for contest in contests)),),
            contests=tuple(hashes[: len(contests)]),
            units=tuple(hashes[len(contests) :]),
            imported=None,
        )
        self.manifest_hash = hash_manifest(KIND, manifest.to_bytes())
        return manifest, parts

    def _units(self) -> Units:
        published = self.electorate.published
        country = Unit(id=COUNTRY, parent=None, name=_text(published.country), district=False)
        leaves = (
            Unit(id=FIRST_UNIT + at, parent=COUNTRY, name=_text(unit.name), district=True)
            for at, unit in enumerate(published.units)
        )
        return Units(units=(country, *leaves))

    # ----------------------------------------------------------------------------------------------------- roll

    @property
    def slots_by_district(self) -> dict[int, int]:
        """Return what the commission announces outside the record: slots by district."""
        counts = self.electorate.slots_by_unit.values()
        return {FIRST_UNIT + at: count for at, count in enumerate(counts)}

    def pseudonym(self, slot: int) -> bytes:
        """Return the 16 random bytes that stand for a slot."""
        return self.electorate.secret("pseudonym", slot)[:16]

    def write_roll(self) -> Iterator[RollChunk]:
        """Yield the chunks of the roll."""
        number = first = 0
        for district, count in self.slots_by_district.items():
            for start in range(first, first + count, SLOTS_A_CHUNK):
                slots = range(start, min(start + SLOTS_A_CHUNK, first + count))
                pseudonyms = b"".join(map(self.pseudonym, slots))
                yield RollChunk(number=number, groups=(RollGroup(unit=district, style=STYLE, pseudonyms=pseudonyms),))
                number += 1
            first += count

    def write_freeze(self, chunks: int) -> Freeze:
        """Return the freeze of a roll of so many chunks."""
        slots = self.slots_by_district
        counts = tuple(DistrictSlots(district=district, count=slots[district]) for district in sorted(slots))
        return Freeze(chunks=chunks, slots=counts)


def _text(names: Names) -> Text3:
    return Text3(ky=names["ky"], ru=names["ru"], en=names["en"])


def _contest(number: int, question: Question) -> Contest:
    return Contest(
        id=number,
        question=number,
        title=_text(question.title),
        rule=OneOf.default(len(question.options)).to_bytes(),
        options=tuple(Option(name=_text(names)) for names in question.options),
        region=COUNTRY,
        seats=1,
    )
