"""A ceremony and a tally in memory, for tests: n trustees with their secrets, a board that says what a test wants."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from crypto.election.ceremony import (
    Ceremony,
    Certificate,
    Setting,
    commit_dealing,
    digest_dealings,
    make_dealing,
    make_drill_share,
    make_key,
    open_dealing,
)
from crypto.election.entries import (
    BODIES,
    Aggregate,
    BodyKey,
    CeremonyAcceptance,
    CeremonyCertificate,
    CeremonyDealing,
    Close,
    Context,
    Drill,
    Manifest,
    Opening,
    Result,
    Share,
    Step,
    Style,
    Text3,
    Witness,
    parse_entry,
)
from crypto.election.entries import Trustee as TrusteeKey
from crypto.election.manifest import hash_manifest
from crypto.election.tally import ContestFacts, Election, Tally, make_share
from crypto.group import Group, parse_suite
from crypto.rules import Between, OneOf
from crypto.signatures import SigningKey
from crypto.threshold import combine_shares
from trustee_tools.ceremony import Consent, Trustee, View, write_fingerprint
from trustee_tools.vault import Hardness, Vault

RISTRETTO = parse_suite("RISTRETTO255-SHA512")
ROOT = bytes([7]) * 32
HERE = Context(index=0, block=1, read=lambda _: b"")


@dataclass
class QuietBoard:
    """The board's answers, set by a test."""

    lower: int | None = None
    checkpoints: set[tuple[int, bytes]] = field(default_factory=lambda: {(5, ROOT)})
    over: bool = True
    dispute: Callable[[bytes], None] = lambda _: None

    def lower_ms(self) -> int | None:
        return self.lower

    def holds_checkpoint(self, size: int, root: bytes) -> bool:
        return (size, root) in self.checkpoints

    def dispute_over(self) -> bool:
        return self.over

    def verify_dispute(self, receipt: bytes) -> None:
        self.dispute(receipt)


def make_setting(group: Group = RISTRETTO, trustees: int = 3, threshold: int = 2) -> Setting:
    """Return the setting of a demo election with deadlines 1000, 2000, 3000, 4000."""
    return Setting("demo", group, bytes([9]) * 32, trustees, threshold, (1000, 2000, 3000, 4000))


class Trustees:
    """Honest trustees; `e` and `x` hold secrets by index, and every message is staged and committed at once."""

    def __init__(self, setting: Setting | None = None) -> None:
        self.setting = setting or make_setting()
        self.board = QuietBoard()
        self.state = Ceremony(self.setting, self.board)
        self.e: dict[int, int] = {}
        self.x: dict[int, int] = {}
        self.drawn: dict[int, CeremonyDealing] = {}

    def send_keys(self, only: Iterable[int] | None = None) -> None:
        for trustee in only or self.state.everyone:
            self.e[trustee] = self.setting.group.random_scalar()
            body = make_key(self.setting, self.state.run, trustee, self.e[trustee])
            self.apply(self.state.stage_ceremony_key(body, HERE))

    def send_commitments(self, only: Iterable[int] | None = None) -> None:
        for trustee in only or self.state.everyone:
            if trustee not in self.drawn or self.drawn[trustee].run != self.state.run:
                self.drawn[trustee] = make_dealing(self.setting, self.state.run, trustee, self.state.keys())
            body = commit_dealing(self.setting, self.drawn[trustee])
            self.apply(self.state.stage_ceremony_commitment(body, HERE))

    def send_dealings(self, only: Iterable[int] | None = None) -> None:
        for trustee in only or self.state.everyone:
            self.apply(self.state.stage_ceremony_dealing(self.drawn[trustee], HERE))

    def send_acceptances(self, only: Iterable[int] | None = None) -> None:
        dealings, keys = self.state.dealings(), self.state.keys()
        for trustee in only or self.state.everyone:
            shares = [open_dealing(self.setting, one, keys, trustee, self.e[trustee]) for one in dealings]
            self.x[trustee] = combine_shares(self.setting.group, shares)
            digest = digest_dealings(self.setting, dealings)
            body = CeremonyAcceptance(run=self.state.run, trustee=trustee, digest=digest)
            self.apply(self.state.stage_ceremony_acceptance(body, HERE))

    def send_certificates(self, only: Iterable[int] | None = None) -> None:
        for trustee in only or self.state.everyone:
            body = CeremonyCertificate(run=self.state.run, trustee=trustee, hash=self.state.conclude().hash)
            self.apply(self.state.stage_ceremony_certificate(body, HERE))

    def finish_rounds(self) -> Certificate:
        """Hold all rounds of a run; return what they give."""
        self.send_keys()
        self.send_commitments()
        self.send_dealings()
        self.send_acceptances()
        self.send_certificates()
        assert self.state.certificate is not None
        return self.state.certificate

    def hold_drill(self, only: Iterable[int] | None = None) -> Drill:
        """Hold the next drill."""
        certificate = self.state.certificate
        assert certificate is not None
        drill = Drill(number=len(self.state.drills) + 1, size=5, root=ROOT)
        self.apply(self.state.stage_drill(drill, HERE))
        for trustee in only or self.state.everyone:
            body = make_drill_share(self.setting, certificate, drill, trustee, self.x[trustee])
            self.apply(self.state.stage_drill_share(body, HERE))
        return drill

    def open(self) -> Certificate:
        """Hold everything up to the opening."""
        certificate = self.finish_rounds()
        self.hold_drill()
        body = Opening(key=certificate.key, certificate_hash=certificate.hash)
        self.apply(self.state.stage_opening(body, HERE))
        return certificate

    @staticmethod
    def apply(step: Step) -> None:
        for claim in step.claims:
            claim.verify()
        step.commit()


# Units: 1 is the whole, 2 and 3 its parts, 21, 22 and 31, 32 the leaves. Contest 1: one of 3; contest 2: 0..2 of 3.
CHILDREN = {1: (2, 3), 2: (21, 22), 3: (31, 32)}
LEAVES = (21, 22, 31, 32)


def make_election(setting: Setting, minimum: int = 3) -> Election:
    """Return the facts of a two-contest election."""
    contests = (ContestFacts(1, 1, 1, OneOf.default(3)), ContestFacts(2, 2, 1, Between(3, 0, 2)))
    return Election(
        "demo", setting.group, setting.manifest_hash, setting.threshold, minimum, contests, CHILDREN, 30_000
    )


class Polls:
    """A tally whose ballots a test casts without proofs, and whose entries it then makes one kind after the other."""

    def __init__(self, minimum: int = 3, setting: Setting | None = None) -> None:
        self.trustees = Trustees(setting)
        self.certificate = self.trustees.open()
        self.board = self.trustees.board
        self.election = make_election(self.trustees.setting, minimum)
        self.tally = Tally(self.election, self.trustees.state, self.board)

    def seal(self, votes: Sequence[int]) -> bytes:
        """Return ciphertexts of any vector of integers."""
        group = self.election.group
        key, sealed = group.parse_element(self.certificate.key), b""
        for vote in votes:
            r = group.random_scalar()
            sealed += (r * group.generator).to_bytes() + (r * key + vote * group.generator).to_bytes()
        return sealed

    def cast(self, unit: int, first: Sequence[int], second: Sequence[int] = (0, 0, 0)) -> dict[int, bytes]:
        """Count one ballot of a leaf; return its ciphertexts by contest."""
        ciphertexts = {1: self.seal(first), 2: self.seal(second)}
        partial = {(unit, contest): data for contest, data in ciphertexts.items()}
        self.tally.sums.merge(partial, dict.fromkeys(partial, 1))
        self.tally.accepted += 1
        return ciphertexts

    def cast_everywhere(self) -> None:
        """Count three ballots in each leaf: options 0, 1, 2 of contest 1; two votes each in contest 2."""
        for unit in LEAVES:
            for option in range(3):
                self.cast(unit, [int(option == at) for at in range(3)], [int(option != at) for at in range(3)])

    def close(self, refused: Iterable[int] = (), *, late: bool = False) -> None:
        self.apply(self.tally.stage_close(Close(ballots=self.tally.accepted), HERE))
        self.tally.begin(ROOT, refused, late=late)

    def aggregates(self) -> list[Aggregate]:
        return [
            Aggregate(
                contest=item.contest,
                cell=item.number,
                units=item.cell.units,
                ballots=item.cell.ballots,
                sums=item.sums,
            )
            for item in self.tally.plan.items
        ]

    def publish_aggregates(self) -> None:
        for body in self.aggregates():
            self.apply(self.tally.stage_aggregate(body, HERE))

    def shares(self, trustee: int, root: bytes = ROOT) -> tuple[Share, ...]:
        return make_share(self.election, self.tally.plan, root, trustee, self.trustees.x[trustee])

    def send_share(self, trustee: int) -> None:
        for body in self.shares(trustee):
            self.apply(self.tally.stage_share(body, HERE))

    def results(self) -> list[Result]:
        return [
            Result(contest=item.contest, cell=item.number, votes=self.tally.open_cell(item))
            for item in self.tally.plan.items
        ]

    def publish_results(self) -> None:
        for body in self.results():
            self.apply(self.tally.stage_result(body, HERE))

    apply = staticmethod(Trustees.apply)


class CrashError(Exception):
    """The power fails."""


class MemoryDisk:
    """Copies in memory; the write number `crash_at` (from 1) fails, its bytes `stored` or not."""

    def __init__(self, crash_at: int = 0, *, stored: bool = False) -> None:
        self.files: dict[Path, bytes] = {}
        self.crash_at, self.stored, self.writes = crash_at, stored, 0

    def read(self, path: Path) -> bytes | None:
        return self.files.get(path)

    def write(self, path: Path, data: bytes) -> None:
        self.writes += 1
        if self.writes == self.crash_at:
            if self.stored:
                self.files[path] = data
            raise CrashError
        self.files[path] = data


PASSPHRASE = "ten green bottles"
COPIES = (Path("one.key"), Path("two.key"))


def make_manifest(keys: Sequence[bytes], threshold: int = 2) -> Manifest:
    """Return a manifest that names these trustees' keys; nothing else in it is meant to be checked."""
    text = Text3(ky="а", ru="б", en="c")
    body_keys = [BodyKey(name=str(n), body=str(n), key=bytes([n]) * 32) for n in range(4)]
    return Manifest(
        protocol=1,
        suite=RISTRETTO.name,
        kind="demo",
        origin="board.example/demo/test",
        short_name="test",
        title=text,
        opens_at_ms=10_000,
        closes_at_ms=20_000,
        grace_ms=1_000,
        settle_ms=3,
        interval_ms=1,
        receipt_delay_ms=1,
        dispute_ms=1,
        change_delay_ms=1,
        release_by_ms=30_000,
        round_deadlines_ms=(1000, 2000, 3000, 4000),
        minimum_cell=3,
        threshold=threshold,
        log_key=bytes([20]) * 32,
        receipt_key=bytes([21]) * 32,
        trustees=tuple(TrusteeKey(name=str(place), key=key) for place, key in enumerate(keys)),
        registrars=(body_keys[0], body_keys[1]),
        officers=(body_keys[2], body_keys[3]),
        witnesses=(Witness(name="w", key=bytes([22]) * 32, bls=None),),
        faults=0,
        quorum=1,
        rp_id="example",
        origins=("https://example",),
        algorithms=(-7,),
        software_keys=True,
        styles=(Style(id=1, contests=(1, 2)),),
        contests=(bytes(32),),
        units=(bytes(32),),
        imported=None,
    )


class Programs:
    """Three trustees' programs over vaults in memory and one ceremony that takes their entries."""

    def __init__(self, disks: Sequence[MemoryDisk] | None = None, board: QuietBoard | None = None) -> None:
        self.disks = list(disks or [MemoryDisk() for _ in range(3)])
        vaults = [Vault.create(COPIES, PASSPHRASE, str(at), Hardness.TEST, disk) for at, disk in enumerate(self.disks)]
        keys = [SigningKey.from_seed(vault.secrets.seed).public_key for vault in vaults]
        manifest = make_manifest(keys)
        self.hash = hash_manifest("demo", manifest.to_bytes())
        self.board = board or QuietBoard()
        state = Ceremony(Setting.read(manifest, self.hash), self.board)
        self.view = View(manifest=manifest, manifest_hash=self.hash, keys=tuple(keys), ceremony=state)

    def start(self, trustee: int) -> Trustee:
        """Start one trustee's program anew: everything it knows comes from the disk."""
        program = Trustee(Vault.open(COPIES, PASSPHRASE, self.disks[trustee - 1]), self.view)
        program.bind(write_fingerprint(self.hash))
        return program

    def act(self, trustee: int, consent: Consent | None = None) -> tuple[bytes, ...]:
        """Let one trustee do what comes next, and put it on the board."""
        program = self.start(trustee)
        entries = program.perform(program.next_step().act, consent or Consent(now_ms=0, short_name="test"))
        for raw in entries:
            self.put(raw)
        return entries

    def put(self, raw: bytes) -> None:
        """Take an entry into the state, if it belongs to the ceremony."""
        entry = parse_entry(raw)
        body = BODIES[entry.type].parse(entry.body)
        stage = getattr(self.view.ceremony, f"stage_{entry.type.replace('-', '_')}")
        Trustees.apply(stage(body, HERE))

    def finish(self, rounds: int = 5) -> None:
        """Hold the first rounds of the ceremony."""
        for _ in range(rounds):
            for trustee in (1, 2, 3):
                self.act(trustee)

    def cast_and_close(self, refused: Iterable[int] = (), *, root: bytes = ROOT, late: bool = False) -> Tally:
        """Cast three ballots in each leaf under the ceremony's key and close."""
        certificate = self.view.ceremony.certificate
        assert certificate is not None
        polls = object.__new__(Polls)
        polls.certificate, polls.board = certificate, self.board
        polls.election = make_election(self.view.ceremony.setting)
        polls.tally = Tally(polls.election, self.view.ceremony, self.board)
        polls.cast_everywhere()
        Trustees.apply(polls.tally.stage_close(Close(ballots=polls.tally.accepted), HERE))
        polls.tally.begin(root, refused, late=late)
        polls.publish_aggregates()
        self.view = replace(self.view, tally=polls.tally, close_covered=True, dispute_over=True, failures=())
        return polls.tally
