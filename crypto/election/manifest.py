"""Entry 0 and its parts: what the election is, where it takes place, and whose signatures each entry needs.

Spec: `docs/spec/manifest.md`. `verify_manifest` and `Parts` judge the manifest by itself, so that a wrong one is
refused before anybody relies on it; `Keyring` knows every key that the manifest names and what it became by rotation.
Nothing here has a flag that would let a *real* election through with test keys: the kind in the manifest decides.

>>> origin_of("board.example", "demo", "president-2021")
'board.example/demo/president-2021'
>>> hash_part("demo", "contest", b"...").hex()[:8]
'e0868e7c'
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise

from crypto.election.encoding import Message
from crypto.election.entries import (
    CEREMONY_TYPES,
    MAX_CELL_UNITS,
    Contest,
    Context,
    Entry,
    ImportedLog,
    Manifest,
    Rotate,
    SignatureClaim,
    Step,
    Unit,
    Units,
)
from crypto.errors import Refused
from crypto.group import parse_suite
from crypto.merkle import MAX_ENTRY_SIZE
from crypto.proofs import ciphertexts_size, proof_size
from crypto.rules import Rule, parse_rule
from crypto.signatures import SigningKey, author_message, key_id, verify_bls_possession
from crypto.threshold import verify_parameters
from crypto.transcript import Kind, tag, tagged_hash

REAL_MINIMUM = 10
SETTLE_INTERVALS = 3
ZERO_HASH = bytes(32)
# Bytes of an aggregate for each unit and besides units and sums; of a ballot entry besides ciphertexts and proofs.
_UNIT_SIZE, _AGGREGATE_ROOM, _BALLOT_ROOM = 5, 256, 4_096
KINDS = ("demo", "practice", "real")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_ORIGIN_PATH = re.compile(r"[a-z0-9.:-]+(/[a-z0-9._-]+)+")
_WITNESS_NAME = re.compile(r"[A-Za-z0-9._:/-]+")
_WEB_ORIGIN = re.compile(r"(https?)://([a-z0-9.-]+)(:[0-9]{1,5})?")
# Seeds that stand in RFC 8032, section 7.1; whoever reads it can sign with them. Repeated bytes join them below.
_PUBLISHED_SEEDS = (
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
    "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
)


def origin_of(host: str, kind: Kind, name: str) -> str:
    """Return a log origin that names its kind, as every manifest's must."""
    return f"{host}/{kind}/{name}"


def hash_manifest(kind: Kind, body: bytes) -> bytes:
    """Return the manifest hash: the one value that a voter, trustee or auditor must know from outside."""
    return tagged_hash(tag(kind, "manifest"), body)


def hash_part(kind: Kind, entry_type: str, body: bytes) -> bytes:
    """Return the hash by which the manifest names a part entry."""
    return tagged_hash(tag(kind, "part"), entry_type.encode("ascii"), body)


def known_test_keys() -> frozenset[bytes]:
    """Return the Ed25519 keys whose secret halves are printed somewhere: RFC 8032's and those of repeated bytes."""
    seeds = [bytes.fromhex(seed) for seed in _PUBLISHED_SEEDS] + [bytes([byte]) * 32 for byte in range(256)]
    return frozenset(SigningKey.from_seed(seed).public_key for seed in seeds)


# ----------------------------------------------------------------------------------------------- the manifest by itself


def verify_manifest(manifest: Manifest) -> None:
    """Check a manifest by itself, in the order of the spec's numbers. Raises Refused."""
    parse_suite(manifest.suite)
    verify_parameters(len(manifest.trustees), manifest.threshold)
    _verify_times(manifest)
    _verify_witnesses(manifest)
    _verify_keys(manifest)
    _verify_places(manifest)
    _verify_reality(manifest)


def find_faults(manifest: Manifest, bodies: Iterable[Contest | Units]) -> list[Refused]:
    """Return every refusal that a manifest and its parts earn, not only the first, for whoever is writing one.

    The parts are judged one after the other; what does not fit ends their line. Empty: block 0 would be accepted, but
    for its signatures.
    """
    found: list[Refused] = []

    def judge(check: Callable[[], object]) -> bool:
        try:
            check()
        except Refused as refusal:
            found.append(refusal)
            return False
        return True

    judge(lambda: parse_suite(manifest.suite))
    judge(lambda: verify_parameters(len(manifest.trustees), manifest.threshold))
    for check in (_verify_times, _verify_witnesses, _verify_keys, _verify_places, _verify_reality):
        judge(partial(check, manifest))
    parts = Parts(manifest)
    for body in bodies:
        data = body.to_bytes()
        entry = Entry("contest" if isinstance(body, Contest) else "units", data, ())
        if not judge(partial(_add_part, parts, entry, body)):
            return found
    judge(parts.require_complete)
    return found


def _add_part(parts: Parts, entry: Entry, body: Contest | Units) -> None:
    parts.stage_part(entry, body).commit()


def _verify_times(manifest: Manifest) -> None:
    deadlines = manifest.round_deadlines_ms
    disputes_end = manifest.closes_at_ms + manifest.grace_ms + manifest.dispute_ms
    ordered = (
        list(deadlines) == sorted(deadlines)
        and deadlines[-1] < manifest.opens_at_ms < manifest.closes_at_ms
        and manifest.settle_ms >= SETTLE_INTERVALS * manifest.interval_ms
        and manifest.receipt_delay_ms >= manifest.interval_ms
        and manifest.release_by_ms > disputes_end
    )
    if not ordered:
        # Round deadlines MUST rise and end before opens_at, opening MUST come before closing, settle_ms MUST be at
        # least three intervals, receipt_delay_ms at least one, and release_by MUST come after the dispute period.
        raise Refused("MANIFEST-1", "its times are not in order", culprit="manifest")


def _verify_witnesses(manifest: Manifest) -> None:
    count, quorum, faults = len(manifest.witnesses), manifest.quorum, manifest.faults
    names = [witness.name for witness in manifest.witnesses]
    sound = quorum <= count and 2 * quorum > count + faults and faults < quorum
    if not sound or len(set(names)) < count or not all(map(_WITNESS_NAME.fullmatch, names)):
        # With n witnesses, f faulty ones and a quorum of k, 2k > n + f and f < k <= n MUST hold; names MUST differ.
        raise Refused("MANIFEST-2", f"{quorum} of {count} with {faults} faulty is no quorum", culprit="manifest")
    keys = [witness.bls for witness in manifest.witnesses if witness.bls is not None]
    if len({bls.key for bls in keys}) < len(keys):
        # Every BLS key MUST occur once and come with a valid proof of possession.
        raise _unproven("a BLS key occurs twice")
    for bls in keys:
        try:
            verify_bls_possession(bls.key, bls.proof)
        except Refused as refusal:
            raise _unproven(refusal.reason) from refusal


def _unproven(reason: str) -> Refused:
    return Refused("MANIFEST-3", reason, culprit="manifest")


def named_keys(manifest: Manifest) -> list[bytes]:
    """Return every Ed25519 key that a manifest names, in the order of its roles."""
    people = (manifest.trustees, manifest.registrars, manifest.officers, manifest.witnesses)
    return [manifest.log_key, manifest.receipt_key, *(person.key for group in people for person in group)]


def _verify_keys(manifest: Manifest) -> None:
    keys = named_keys(manifest)
    registrar_bodies = {registrar.body for registrar in manifest.registrars}
    officer_bodies = {officer.body for officer in manifest.officers}
    if len(set(keys)) < len(keys) or len(registrar_bodies) < 2 or len(officer_bodies) < 2:
        # No key MUST stand for two roles or persons; registrars MUST be of two bodies, officers of at least two.
        raise Refused("MANIFEST-4", "one key or one body holds what two must hold", culprit="manifest")


def _verify_places(manifest: Manifest) -> None:
    origin, hosts = manifest.origin, []
    for web_origin in manifest.origins:
        match = _WEB_ORIGIN.fullmatch(web_origin)
        hosts.append(match[2] if match else "")
    served = all(host == manifest.rp_id or host.endswith(f".{manifest.rp_id}") for host in hosts)
    imported = manifest.imported
    fits = (
        _ORIGIN_PATH.fullmatch(origin) is not None
        and [step for step in origin.split("/")[1:] if step in KINDS] == [manifest.kind]
        and _HOST.fullmatch(manifest.rp_id) is not None
        and served
        and (imported is None or (imported.origin != origin and imported.log_key not in named_keys(manifest)))
    )
    if not fits:
        # The log's origin MUST be host and path in lower case with the kind, and no other kind, as one step of the
        # path; every web origin MUST be of the rpId's host or below it; an imported log MUST be another log with
        # another key.
        raise Refused("MANIFEST-5", "origin, rpId or web origins do not fit together", culprit="manifest")


def _verify_reality(manifest: Manifest) -> None:
    if manifest.kind != "real":
        return
    plain = any(not origin.startswith("https://") for origin in manifest.origins)
    reasons = (
        (manifest.software_keys, "software keys"),
        (plain, "an origin without https"),
        (manifest.minimum_cell < REAL_MINIMUM, f"cells of fewer than {REAL_MINIMUM}"),
        (manifest.faults < 1, "times that one false witness could set"),
        (not known_test_keys().isdisjoint(named_keys(manifest)), "a signing key whose secret half is published"),
    )
    for wrong, what in reasons:
        if wrong:
            # A real election MUST have https origins only, no software keys, cells of at least 10, faults of at
            # least 1, no published keys.
            raise Refused("MANIFEST-6", f"a real election with {what}", culprit="manifest")


# ------------------------------------------------------------------------------------------------------------ the parts


@dataclass(slots=True)
class Parts:
    """Contests and units as their part entries arrive in block 0; complete before the first seal.

    Owned by the record; `contests` by id in the manifest's order.
    """

    manifest: Manifest
    contests: dict[int, Contest] = field(default_factory=dict)
    rules: dict[int, Rule] = field(default_factory=dict)
    chunks: list[Units] = field(default_factory=list)
    units: dict[int, Unit] = field(default_factory=dict)
    children: dict[int, list[int]] = field(default_factory=dict)
    district: dict[int, int] = field(default_factory=dict)  # of every leaf, filled when the parts are complete
    seen: int = 0

    @property
    def expected(self) -> tuple[bytes, ...]:
        """The hashes of all parts, in the order of their entries."""
        return self.manifest.contests + self.manifest.units

    def is_complete(self) -> bool:
        """Tell whether every part has been accepted and fits the others."""
        return bool(self.district)

    def stage_part(self, entry: Entry, body: Contest | Units) -> Step:
        """Stage the next part; the last one is also where the parts must fit each other."""
        named = self.expected[self.seen] if self.seen < len(self.expected) else b""
        if hash_part(self.manifest.kind, entry.type, entry.body) != named:
            raise self._refuse_part("not the part that the manifest names here")
        after = self._with(body)
        if after.seen == len(self.expected):
            after.district = _verify_geography(after)
            _verify_styles(after)
            _verify_sizes(after)

        def commit() -> None:
            for name in ("contests", "rules", "chunks", "units", "children", "district", "seen"):
                setattr(self, name, getattr(after, name))

        return Step((), commit)

    def require_complete(self) -> None:
        """Check that every part has come; the first seal ends block 0."""
        if not self.is_complete():
            raise self._refuse_part(f"{self.seen} of {len(self.expected)} parts stand in block 0")

    @staticmethod
    def _refuse_part(reason: str) -> Refused:
        # Parts MUST follow the manifest in block 0, exactly those that it names, contests first, in its order.
        return Refused("MANIFEST-7", reason, culprit="server")

    def _with(self, body: Contest | Units) -> Parts:
        """Return a copy with one part more."""
        after = replace(self, contests=dict(self.contests), rules=dict(self.rules), chunks=list(self.chunks))
        after.seen += 1
        if isinstance(body, Contest):
            rule = parse_rule(body.rule)
            if body.id in after.contests or rule.options != len(body.options):
                raise _refuse_contest(f"contest {body.id} is there or does not fit its rule")
            after.contests[body.id] = body
            after.rules[body.id] = rule
            return after
        after.chunks.append(body)
        after.units = dict(self.units)
        for unit in body.units:
            if unit.id in after.units:
                raise _refuse_units(f"unit {unit.id} occurs twice")
            after.units[unit.id] = unit
        return after

    def style_rules(self, style: int) -> tuple[tuple[int, Rule], ...]:
        """Return (contest id, rule) of each contest of a style, in the manifest's order."""
        chosen = next(each for each in self.manifest.styles if each.id == style)
        return tuple((contest, self.rules[contest]) for contest in chosen.contests)

    def covers(self, region: int, unit: int) -> bool:
        """Tell whether a unit lies in a region or is the region."""
        at: int | None = unit
        while at is not None and at != region:
            at = self.units[at].parent
        return at is not None


def _refuse_contest(reason: str) -> Refused:
    # Contests MUST have distinct ids, and exactly as many options as their rule says, few enough that sums of one cell
    # of all leaf units, and a ballot of each style, fit into an entry.
    return Refused("MANIFEST-8", reason, culprit="manifest")


def _refuse_units(reason: str) -> Refused:
    # Units MUST have distinct ids and form a tree under one root, with exactly one district on the way from each leaf
    # to the root, at most 8,192 leaves; a contest's region MUST be a unit, the same for all contests of one question.
    return Refused("MANIFEST-9", reason, culprit="manifest")


def _verify_geography(parts: Parts) -> dict[int, int]:
    """Check units and regions together; fill the children and return each leaf's district."""
    children: dict[int, list[int]] = {}
    roots = []
    for unit in parts.units.values():
        if unit.parent is None:
            roots.append(unit.id)
        elif unit.parent not in parts.units:
            raise _refuse_units(f"unit {unit.id} lies in a unit that does not exist")
        else:
            children.setdefault(unit.parent, []).append(unit.id)
    if len(roots) != 1:
        raise _refuse_units(f"{len(roots)} roots")
    district: dict[int, int] = {}
    reached, todo = 0, [(roots[0], -1)]
    while todo:
        at, above = todo.pop()
        reached += 1
        if parts.units[at].district:
            if above >= 0:
                raise _refuse_units(f"district {at} lies in district {above}")
            above = at
        below = children.get(at, [])
        if not below:
            if above < 0:
                raise _refuse_units(f"unit {at} lies in no district")
            district[at] = above
        todo += [(child, above) for child in below]
    if reached != len(parts.units):
        raise _refuse_units("units that contain each other")
    regions: dict[int, int] = {}
    for contest in parts.contests.values():
        if contest.region not in parts.units or regions.setdefault(contest.question, contest.region) != contest.region:
            raise _refuse_units(f"contest {contest.id} has no region, or another one than its question")
    parts.children = children
    return district


def _verify_sizes(parts: Parts) -> None:
    """Check that no entry of the voting or the tally must be larger than an entry may be."""
    group, leaves = parse_suite(parts.manifest.suite), len(parts.district)
    if leaves > MAX_CELL_UNITS:
        raise _refuse_units(f"{leaves} leaf units, of which one cell must be able to consist")
    for contest, rule in parts.rules.items():
        if ciphertexts_size(group, rule) + leaves * _UNIT_SIZE + _AGGREGATE_ROOM > MAX_ENTRY_SIZE:
            raise _refuse_contest(f"the sums of contest {contest} would not fit into an entry")
    for style in parts.manifest.styles:
        rules = [parts.rules[contest] for contest in style.contests]
        size = sum(ciphertexts_size(group, rule) + proof_size(group, rule) for rule in rules)
        if size + _BALLOT_ROOM > MAX_ENTRY_SIZE:
            raise _refuse_contest(f"a ballot of style {style.id} would not fit into an entry")


def _verify_styles(parts: Parts) -> None:
    order = {contest: place for place, contest in enumerate(parts.contests)}
    ids = [style.id for style in parts.manifest.styles]
    for style in parts.manifest.styles:
        places = [order.get(contest, -1) for contest in style.contests]
        if -1 in places or any(second <= first for first, second in pairwise(places)):
            _refuse_style(style.id)
    if len(set(ids)) < len(ids):
        _refuse_style(next(style for style, count in Counter(ids).items() if count > 1))


def _refuse_style(style: int) -> None:
    # Styles MUST have distinct ids and name existing contests, each once, in the manifest's order.
    raise Refused("MANIFEST-10", f"style {style} does not name contests in order", culprit="manifest")


# ------------------------------------------------------------------------------------------------------------ the keys

_TWO_OFFICERS, _TWO_REGISTRARS, _LOG, _TRUSTEE, _OFFICER, _NOBODY, _ROTATION = range(7)
_AUTHORS: Mapping[str, int] = {
    **dict.fromkeys(
        ("manifest", "round", "client", "freeze", "drill", "opening", "close", "result", "release", "decision"),
        _TWO_OFFICERS,
    ),
    **dict.fromkeys(("roll", "credential", "change", "strike"), _TWO_REGISTRARS),
    **dict.fromkeys(
        ("contest", "units", "seal", "spoiled", "aggregate", "certificate", "dispute", "imported"),
        _LOG,
    ),
    **dict.fromkeys(
        (*CEREMONY_TYPES, "drill-share", "share"),
        _TRUSTEE,
    ),
    "incident": _OFFICER,
    "ballot": _NOBODY,
    "rotate": _ROTATION,
}


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a key: role, place in the manifest's list of that role, and the body they answer to."""

    role: str
    place: int
    body: str
    key: bytes


@dataclass(slots=True)
class Keyring:
    """Every signing key of the election, by key id; owned by the record, changed only by committed rotations."""

    manifest: Manifest
    manifest_hash: bytes
    holders: dict[bytes, Holder] = field(default_factory=dict)
    known: set[bytes] = field(default_factory=set)  # every key that ever stood here: none comes back
    receipt_keys: list[bytes] = field(default_factory=list)  # all that ever were, newest last
    witnesses: dict[str, bytes] = field(default_factory=dict)  # cosigner name to key, as counted now
    pending: list[tuple[int, str, bytes]] = field(default_factory=list)  # witness rotations, by index of the entry

    def __post_init__(self) -> None:
        """Take the keys of the manifest."""
        manifest = self.manifest
        self._hold("log", 0, "", manifest.log_key)
        self._hold("receipt", 0, "", manifest.receipt_key)
        for role, people in (("registrar", manifest.registrars), ("officer", manifest.officers)):
            for place, person in enumerate(people):
                self._hold(role, place, person.body, person.key)
        for place, trustee in enumerate(manifest.trustees):
            self._hold("trustee", place, "", trustee.key)
        for place, witness in enumerate(manifest.witnesses):
            self._hold("witness", place, "", witness.key)
            self.witnesses[witness.name] = witness.key
        self.receipt_keys.append(manifest.receipt_key)

    def _hold(self, role: str, place: int, body: str, key: bytes) -> None:
        self.holders[key_id(key)] = Holder(role, place, body, key)
        self.known.add(key)

    def authors(
        self, entry: Entry, body: Message, *, imported: ImportedLog | None = None
    ) -> tuple[SignatureClaim, ...]:
        """Check who signs an entry and return the signatures as claims. Raises Refused.

        `imported` names the log of an earlier round, under whose manifest hash a repeated entry was signed.
        """
        if entry.type == "ballot" and not entry.signatures:
            return ()
        signers = [self.holders.get(author) for author, _ in entry.signatures]
        known = [signer for signer in signers if signer is not None]
        if len(known) < len(signers) or not self._are_authors(entry.type, body, known):
            # An entry MUST carry signatures of exactly the authors that its type asks for.
            raise Refused("MANIFEST-11", f"not signed by those who may write a {entry.type} entry", culprit="author")
        if entry.type == "manifest":
            manifest_hash = ZERO_HASH
        else:
            manifest_hash = self.manifest_hash if imported is None else imported.manifest_hash
        author_tag = tag(self.manifest.kind, "author")
        return tuple(
            SignatureClaim(
                # Every author signature MUST verify over tag, manifest hash, type, key id and body.
                "MANIFEST-12",
                f"{signer.role} {signer.place + 1}",
                signer.key,
                author_message(author_tag, manifest_hash, entry.type, author, entry.body),
                signature,
            )
            for signer, (author, signature) in zip(known, entry.signatures, strict=True)
        )

    def _are_authors(self, entry_type: str, body: Message, signers: list[Holder]) -> bool:
        rule = _AUTHORS[entry_type]
        roles = [signer.role for signer in signers]
        if rule == _NOBODY:
            return not signers
        if rule == _TWO_REGISTRARS:
            return roles == ["registrar", "registrar"]
        if rule == _TWO_OFFICERS:
            return _are_two_officers(signers)
        if rule == _LOG:
            return roles == ["log"]
        if rule == _OFFICER:
            return roles == ["officer"]
        if rule == _TRUSTEE:
            return roles == ["trustee"] and signers[0].place + 1 == getattr(body, "trustee", 0)
        return isinstance(body, Rotate) and self._may_rotate(body, signers)

    def _may_rotate(self, body: Rotate, signers: list[Holder]) -> bool:
        """Tell whether these signers may put a new key in the place of an old one of this role."""
        old = self.holders.get(body.old)
        if old is None or old.role != body.role or body.role == "log":
            return False
        by_old = [signer for signer in signers if signer is old]
        others = [signer for signer in signers if signer is not old]
        officers = [signer for signer in others if signer.role == "officer"]
        two_officers = _are_two_officers(officers)
        rest = [signer for signer in others if signer.role != "officer"]
        if body.role == "trustee":
            return bool(by_old) and not others
        if body.role == "witness":
            trustees = [signer for signer in rest if signer.role == "trustee"]
            return two_officers and len(trustees) >= self.manifest.threshold and len(trustees) == len(signers) - 2
        if body.role == "registrar":
            other = [signer.role for signer in rest] == ["registrar"]
            return other and (two_officers if not by_old else not officers)
        return not rest and (two_officers if not by_old else not officers)

    def stage_rotate(self, body: Rotate, context: Context) -> Step:
        """Stage a rotation whose authors were checked."""
        old = self.holders[body.old]
        published = self.manifest.kind == "real" and body.new in known_test_keys()
        if body.new in self.known or published:
            # A new key MUST never have stood in this election before, and MUST NOT be a published one where it is real.
            raise Refused("MANIFEST-13", "the new key was here before or is published", culprit=body.role)

        def commit() -> None:
            del self.holders[body.old]
            self._hold(old.role, old.place, old.body, body.new)
            if old.role == "receipt":
                self.receipt_keys.append(body.new)
            if old.role == "witness":
                self.pending.append((context.index, self.manifest.witnesses[old.place].name, body.new))

        return Step((), commit)

    def count_covered(self, size: int) -> None:
        """Let rotated witness keys count, once a quorum of the old set has signed a head that covers the rotation."""
        for index, name, key in [change for change in self.pending if change[0] < size]:
            self.witnesses[name] = key
            self.pending.remove((index, name, key))

    @property
    def receipt_key(self) -> bytes:
        """The key under which receipts and nonces are signed now."""
        return self.receipt_keys[-1]


def _are_two_officers(signers: list[Holder]) -> bool:
    bodies = {signer.body for signer in signers if signer.role == "officer"}
    return len(signers) == 2 and len(bodies) == 2
