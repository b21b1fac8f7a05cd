"""A practice election for a desk: its people in one file, its key ceremony in one process, open at once.

Spec: `docs/spec/manifest.md`, `docs/spec/ceremony.md`. Everybody's keys lie in one folder of one machine, so that what
is cast here is as secret as that folder; the kind *practice* stands in every signature and verdict. Entries go through
the service like anybody's (`Elections.take`), blocks come from the sequencer.

>>> people = People(bytes(32))
>>> manifest, parts = people.write_manifest("http://localhost:8000", 1_800_000_000_000, [bytes([7]) * 32])
>>> manifest.kind, manifest.threshold, len(parts)
('practice', 2, 2)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

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
    BodyKey,
    CeremonyAcceptance,
    CeremonyCertificate,
    Client,
    Contest,
    Credential,
    DistrictSlots,
    Drill,
    Entry,
    Freeze,
    Manifest,
    Opening,
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
from crypto.election.record import Record
from crypto.errors import Misuse
from crypto.rules import OneOf
from crypto.signatures import SigningKey, sign_author
from crypto.threshold import combine_shares
from crypto.transcript import Kind, tag
from demo.voters import SoftwarePasskey, make_passkey

KIND: Kind = "practice"
TRUSTEES, THRESHOLD = 3, 2
SLOTS, VOTERS = 24, 12
UNIT, STYLE = 2, 1
SECOND_MS = 1_000
DAY_MS = 86_400 * SECOND_MS
OPTIONS = (
    ("Кыргыз", "Киргизский", "Kyrgyz"),
    ("Орус", "Русский", "Russian"),
    ("Англис", "Английский", "English"),
    ("Баарына каршы", "Против всех", "Against all"),
)


@dataclass
class People:
    """Everybody of the practice election: keys from one secret, kept in the desk's folder."""

    secret: bytes = field(repr=False)
    manifest_hash: bytes = ZERO_HASH
    interval_ms: int = 5 * SECOND_MS

    def seed(self, *names: object) -> bytes:
        """Return 32 secret bytes for a purpose."""
        return sha256(self.secret + "/".join(map(str, ("practice", *names))).encode()).digest()

    def key(self, role: str, place: int = 0) -> SigningKey:
        """Return the signing key of a role's holder."""
        return SigningKey.from_seed(self.seed("key", role, place))

    def sign(self, entry_type: str, body: Message, *keys: SigningKey) -> bytes:
        """Return an entry signed by some keys."""
        data = body.to_bytes()
        bound = ZERO_HASH if entry_type == "manifest" else self.manifest_hash
        signatures = tuple(sorted(sign_author(key, tag(KIND, "author"), bound, entry_type, data) for key in keys))
        return Entry(entry_type, data, signatures).to_bytes()

    def by_officers(self, entry_type: str, body: Message) -> bytes:
        """Return an entry of two officers of different bodies."""
        return self.sign(entry_type, body, self.key("officer", 0), self.key("officer", 1))

    def by_registrars(self, entry_type: str, body: Message) -> bytes:
        """Return an entry of both registrars."""
        return self.sign(entry_type, body, self.key("registrar", 0), self.key("registrar", 1))

    def by_trustee(self, entry_type: str, trustee: int, body: Message) -> bytes:
        """Return an entry of a trustee."""
        return self.sign(entry_type, body, self.key("trustee", trustee))

    def contests(self) -> tuple[Contest, ...]:
        """Return the contests, in the order of the one style."""
        contest = Contest(
            id=1,
            question=1,
            title=Text3(ky="Кайсы тилде окуйсуз?", ru="На каком языке вы читаете?", en="Which language do you read?"),
            rule=OneOf.default(len(OPTIONS)).to_bytes(),
            options=tuple(Option(Text3(*names)) for names in OPTIONS),
            region=1,
            seats=1,
        )
        return (contest,)

    def write_manifest(
        self, web_origin: str, opens_at_ms: int, witness_keys: Sequence[bytes]
    ) -> tuple[Manifest, list[tuple[str, Message]]]:
        """Return the manifest and its parts; remember the manifest hash. Voting lasts thirty days."""
        contests = self.contests()
        country = Unit(1, None, Text3("Өлкө", "Страна", "Country"), district=False)
        town = Unit(UNIT, 1, Text3("Шаар", "Город", "Town"), district=True)
        units = Units((country, town))

        def person(role: str, place: int, body: str) -> BodyKey:
            return BodyKey(f"{role} {place + 1}", body, self.key(role, place).public_key)

        manifest = Manifest(
            protocol=1,
            suite="RISTRETTO255-SHA512",
            kind=KIND,
            origin=origin_of("localhost", KIND, "languages"),
            short_name="languages",
            title=Text3("Моделдик добуш берүү", "Тестовое голосование", "Practice election"),
            opens_at_ms=opens_at_ms,
            closes_at_ms=opens_at_ms + 30 * DAY_MS,
            grace_ms=30 * SECOND_MS,
            settle_ms=60 * SECOND_MS,
            interval_ms=self.interval_ms,
            receipt_delay_ms=60 * SECOND_MS,
            dispute_ms=60 * SECOND_MS,
            change_delay_ms=60 * SECOND_MS,
            release_by_ms=opens_at_ms + 60 * DAY_MS,
            round_deadlines_ms=tuple(opens_at_ms - after for after in (4, 3, 2, 1)),
            minimum_cell=4,
            threshold=THRESHOLD,
            log_key=self.key("log").public_key,
            receipt_key=self.key("receipt").public_key,
            trustees=tuple(
                Trustee(f"trustee {at}", self.key("trustee", at).public_key) for at in range(1, TRUSTEES + 1)
            ),
            registrars=(person("registrar", 0, "Register"), person("registrar", 1, "Commission")),
            officers=(person("officer", 0, "Commission"), person("officer", 1, "Chamber")),
            witnesses=tuple(Witness(witness_name(at), key, None) for at, key in enumerate(witness_keys)),
            faults=0,
            quorum=len(witness_keys),
            rp_id="localhost",
            origins=(web_origin,),
            algorithms=(-7, -8, -257),
            software_keys=True,
            styles=(Style(STYLE, tuple(each.id for each in contests)),),
            contests=tuple(hash_part(KIND, "contest", each.to_bytes()) for each in contests),
            units=(hash_part(KIND, "units", units.to_bytes()),),
            imported=None,
        )
        self.manifest_hash = hash_manifest(KIND, manifest.to_bytes())
        return manifest, [*(("contest", each) for each in contests), ("units", units)]

    def pseudonym(self, slot: int) -> bytes:
        """Return the pseudonym of a slot."""
        return self.seed("pseudonym", slot)[:16]

    def passkey(self, slot: int) -> SoftwarePasskey:
        """Return the software passkey of a slot's voter."""
        return make_passkey(self.seed("passkey", slot))


def witness_name(place: int) -> str:
    """Return a witness's name."""
    return f"localhost/witness-{place + 1}"


@dataclass
class Preparation:
    """Leads a founded practice election to its opening: `send` takes entries and returns when they stand in the log."""

    people: People
    record: Callable[[], Record]
    send: Callable[[Sequence[bytes]], None]
    client: Client | None = None

    def run(self) -> None:
        """Hold the ceremony, publish client, roll and freeze, drill, open, bind the keys of half the slots."""
        shares = self._hold_ceremony()
        if self.client is not None:
            self.send([self.people.by_officers("client", self.client)])
        slots = b"".join(sorted(map(self.people.pseudonym, range(SLOTS))))
        roll = RollChunk(number=0, groups=(RollGroup(UNIT, STYLE, slots),))
        self.send([self.people.by_registrars("roll", roll)])
        self.send([self.people.by_officers("freeze", Freeze(chunks=1, slots=(DistrictSlots(UNIT, SLOTS),)))])
        self._drill(shares)
        certificate = self.record().ceremony.conclude()
        self.send([self.people.by_officers("opening", Opening(certificate.key, certificate.hash))])
        keys = [(self.people.pseudonym(slot), self.people.passkey(slot).cose_key) for slot in range(VOTERS)]
        self.send([self.people.by_registrars("credential", Credential(name, key, "software")) for name, key in keys])

    def _hold_ceremony(self) -> dict[int, int]:
        """Run R0 to R3; return the trustees' shares by index."""
        people, everyone = self.people, range(1, TRUSTEES + 1)
        setting = Setting.read(self.record().parts.manifest, people.manifest_hash)
        secrets = {trustee: setting.group.random_scalar() for trustee in everyone}
        keys = [make_key(setting, 1, trustee, secrets[trustee]) for trustee in everyone]
        points = [message.key for message in keys]
        dealings = [make_dealing(setting, 1, trustee, points) for trustee in everyone]
        self.send([people.by_trustee("ceremony-key", each.trustee, each) for each in keys])
        commitments = [commit_dealing(setting, dealing) for dealing in dealings]
        self.send([people.by_trustee("ceremony-commitment", each.trustee, each) for each in commitments])
        self.send([people.by_trustee("ceremony-dealing", each.trustee, each) for each in dealings])
        digest = digest_dealings(setting, dealings)
        acceptances = [CeremonyAcceptance(1, trustee, digest) for trustee in everyone]
        self.send([people.by_trustee("ceremony-acceptance", each.trustee, each) for each in acceptances])
        certificate = self.record().ceremony.conclude()
        certified = [CeremonyCertificate(1, trustee, certificate.hash) for trustee in everyone]
        self.send([people.by_trustee("ceremony-certificate", each.trustee, each) for each in certified])
        return {
            trustee: combine_shares(
                setting.group,
                [open_dealing(setting, dealing, points, trustee, secrets[trustee]) for dealing in dealings],
            )
            for trustee in everyone
        }

    def _drill(self, shares: dict[int, int]) -> None:
        record = self.record()
        head, setting = record.board.newest, Setting.read(record.parts.manifest, self.people.manifest_hash)
        if head is None:
            message = "no seal holds a quorum checkpoint yet"
            raise Misuse(message)
        drill, certificate = Drill(1, head.size, head.root), record.ceremony.conclude()
        self.send([self.people.by_officers("drill", drill)])
        answers = [make_drill_share(setting, certificate, drill, trustee, share) for trustee, share in shares.items()]
        self.send([self.people.by_trustee("drill-share", each.trustee, each) for each in answers])
