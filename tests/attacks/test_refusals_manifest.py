"""What a manifest, its parts and the authors of entries are refused for, beyond the numbered attacks."""

from dataclasses import replace
from typing import Any

import pytest

from crypto.election import manifest as page
from crypto.election.entries import (
    BlsKey,
    BodyKey,
    Client,
    ClientFile,
    Contest,
    Entry,
    ImportedLog,
    Incident,
    Option,
    Rotate,
    Style,
    Unit,
    Units,
    Witness,
    parse_entry,
)
from crypto.election.manifest import verify_manifest
from crypto.errors import Misuse, Refused
from crypto.rules import OneOf
from crypto.signatures import SigningKey, key_id
from crypto.transcript import Kind
from tests.attacks.checks import (
    BALLOT_11,
    BOARD_13,
    MANIFEST_2,
    MANIFEST_7,
    MANIFEST_9,
    MANIFEST_11,
    MANIFEST_12,
    MANIFEST_13,
)
from tests.simulator import (
    MINUTE_MS,
    OPENS_AT_MS,
    Parts,
    World,
    fresh,
    make_manifest,
    make_parts,
    secret,
    signing_key,
    text3,
)


def refusal_of(**changes: Any) -> Refused:  # noqa: ANN401
    """Return what a manifest with these changes is refused for."""
    kind = changes.pop("kind", "demo")
    with pytest.raises(Refused) as refusal:
        verify_manifest(make_manifest(make_parts(), kind, **changes))
    return refusal.value


@pytest.mark.parametrize(
    "changes",
    [
        {"round_deadlines_ms": (5, 4, 6, 7)},
        {"round_deadlines_ms": (1, 2, 3, OPENS_AT_MS)},
        {"closes_at_ms": OPENS_AT_MS},
        {"settle_ms": 3 * MINUTE_MS - 1},
        {"receipt_delay_ms": MINUTE_MS - 1},
        {"release_by_ms": OPENS_AT_MS + 75 * MINUTE_MS},
    ],
)
def test_times_out_of_order(changes: dict[str, Any]) -> None:
    assert refusal_of(**changes).check == "MANIFEST-1"


WITNESSES = make_manifest(make_parts()).witnesses


@pytest.mark.parametrize(
    "changes",
    [
        {"quorum": 2},
        {"quorum": 5},
        {"faults": 2},
        {"faults": 3},
        {"witnesses": (*WITNESSES[:3], replace(WITNESSES[3], name=WITNESSES[0].name))},
        {"witnesses": (*WITNESSES[:3], replace(WITNESSES[3], name="two words"))},
        {"witnesses": (*WITNESSES[:3], replace(WITNESSES[3], name="a+b"))},
    ],
)
def test_no_quorum(changes: dict[str, Any]) -> None:
    assert refusal_of(**changes).check == MANIFEST_2


@pytest.mark.parametrize("twice", [True, False])
def test_unproven_and_repeated_bls_keys(twice: bool) -> None:
    bls = BlsKey(b"\xc0" + bytes(47), b"\xc0" + bytes(95))  # the identity
    witnesses = tuple(replace(each, bls=bls) for each in WITNESSES[: 2 if twice else 1])
    assert refusal_of(witnesses=(*witnesses, *WITNESSES[len(witnesses) :])).check == "MANIFEST-3"


OFFICERS = make_manifest(make_parts()).officers
REGISTRARS = make_manifest(make_parts()).registrars


@pytest.mark.parametrize(
    "changes",
    [
        {"receipt_key": signing_key("log").public_key},
        {"officers": (OFFICERS[0], OFFICERS[2])},
        {"officers": (OFFICERS[0], BodyKey("second", "Chamber", OFFICERS[0].key))},
        {"registrars": (REGISTRARS[0], replace(REGISTRARS[1], body=REGISTRARS[0].body))},
        {"registrars": (REGISTRARS[0], replace(REGISTRARS[1], key=OFFICERS[0].key))},
        {"witnesses": (*WITNESSES[:3], Witness("watch.example/5", WITNESSES[0].key, None))},
    ],
)
def test_one_holds_what_two_must_hold(changes: dict[str, Any]) -> None:
    assert refusal_of(**changes).check == "MANIFEST-4"


IMPORTED = ImportedLog(bytes(32), "board.example/demo/first", secret("first log"), 10, bytes(32))


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "board.example/town-2026"},
        {"origin": "board.example/real/town-2026"},
        {"origin": "board.example/real/demo/town-2026"},
        {"origin": "board.example/demo/real"},
        {"origin": "demo"},
        {"origin": "Board.example/demo/town"},
        {"origin": "board.example/demo/two words"},
        {"origin": "board.example/demo/a+b"},
        {"rp_id": "vote.example/x"},
        {"rp_id": "VOTE.example"},
        {"rp_id": "example.org"},
        {"origins": ("https://evil-vote.example",)},
        {"origins": ("https://vote.example/path",)},
        {"origins": ("vote.example",)},
        {"imported": replace(IMPORTED, origin="board.example/demo/town-2026")},
        {"imported": replace(IMPORTED, log_key=signing_key("log").public_key)},
    ],
)
def test_places_that_do_not_fit(changes: dict[str, Any]) -> None:
    assert refusal_of(**changes).check == "MANIFEST-5"


REAL = {"kind": "real", "software_keys": False, "minimum_cell": 10}


@pytest.mark.parametrize(
    "changes",
    [
        {"software_keys": True},
        {"minimum_cell": 9},
        {"faults": 0},
        {"origins": ("https://vote.example", "http://vote.example")},
        {"log_key": SigningKey.from_seed(bytes([7]) * 32).public_key},
        {"receipt_key": bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")},
        {"receipt_key": bytes.fromhex("278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e")},
    ],
)
def test_a_real_election_is_held_to_more(changes: dict[str, Any]) -> None:
    assert refusal_of(**{**REAL, **changes}).check == "MANIFEST-6"


def test_a_sound_manifest_of_each_kind_is_accepted() -> None:
    verify_manifest(make_manifest(make_parts(), "real", software_keys=False, minimum_cell=10))
    kinds: tuple[Kind, ...] = ("demo", "practice")
    for kind in kinds:
        verify_manifest(make_manifest(make_parts(), kind, origins=("http://vote.example:8000",)))


def founded_on(parts: Parts, **changes: Any) -> Refused:  # noqa: ANN401
    """Return what a world with other parts is refused for while it is founded."""
    world = World(parts, changes=changes)
    with pytest.raises(Refused) as refusal:
        world.begin()
    return refusal.value


def test_a_part_that_the_manifest_does_not_name() -> None:
    world = World()
    world.parts = replace(world.parts, contests=tuple(reversed(world.parts.contests)))
    with pytest.raises(Refused) as refusal:
        world.begin()
    assert refusal.value.check == MANIFEST_7


def test_a_seal_before_the_last_part() -> None:
    world = World()
    world.parts = replace(world.parts, units=())
    world.begin()
    assert world.block()[0].check == MANIFEST_7


CONTESTS = make_parts().contests


def crowded(contest: Contest, options: int) -> Contest:
    """Return a contest with many options; its ballots or sums may be larger than an entry."""
    rule = OneOf.default(options).to_bytes()
    return replace(contest, rule=rule, options=tuple(Option(text3("x")) for _ in range(options)))


@pytest.mark.parametrize(
    "contests",
    [
        (CONTESTS[0], replace(CONTESTS[1], id=1)),
        (CONTESTS[0], replace(CONTESTS[1], options=CONTESTS[1].options[:3])),
        (replace(CONTESTS[0], rule=OneOf.default(4).to_bytes()), CONTESTS[1]),
        (replace(CONTESTS[0], options=(*CONTESTS[0].options, Option(text3("more")))), CONTESTS[1]),
        (crowded(CONTESTS[0], 1_024), CONTESTS[1]),
        (crowded(CONTESTS[0], 500), crowded(CONTESTS[1], 480)),
    ],
)
def test_contests_that_do_not_fit_their_rule(contests: tuple[Contest, ...]) -> None:
    assert founded_on(replace(make_parts(), contests=contests)).check == "MANIFEST-8"


def units(*rows: tuple[int, int | None, bool]) -> tuple[Units, ...]:
    """Return one chunk of units (id, parent, whether a district)."""
    return (Units(tuple(Unit(unit, parent, text3("unit"), district) for unit, parent, district in rows)),)


@pytest.mark.parametrize(
    "chunks",
    [
        units((1, None, False), (2, 1, True), (2, 1, True)),
        units((1, None, False), (2, 9, True)),
        units((1, None, True), (2, None, True)),
        units((1, None, False), (2, 1, False)),
        units((1, None, True), (2, 1, True)),
        units((1, None, True), (2, 3, False), (3, 2, False)),
        units((1, 2, True), (2, 1, False)),
        units((7, None, True)),
    ],
)
def test_units_that_are_no_tree_with_districts(chunks: tuple[Units, ...]) -> None:
    assert founded_on(replace(make_parts(), units=chunks)).check == MANIFEST_9


def test_two_regions_for_one_question() -> None:
    contests = (CONTESTS[0], replace(CONTESTS[1], question=1, region=2))
    assert founded_on(replace(make_parts(), contests=contests)).check == MANIFEST_9


@pytest.mark.parametrize(
    "styles",
    [
        (Style(1, (1, 2)), Style(1, (1,))),
        (Style(1, (2, 1)),),
        (Style(1, (1, 1)),),
        (Style(1, (1, 3)),),
    ],
)
def test_styles_that_name_no_contests_in_order(styles: tuple[Style, ...]) -> None:
    assert founded_on(make_parts(), styles=styles).check == "MANIFEST-10"


@pytest.mark.parametrize(
    ("entry_type", "keys"),
    [
        ("incident", ()),
        ("incident", (("registrar", 0),)),
        ("incident", (("officer", 0), ("officer", 1))),
        ("incident", (("stranger", 0),)),
        ("incident", (("log", 0),)),
        ("client", (("officer", 0), ("officer", 2))),
        ("client", (("officer", 0),)),
        ("client", (("officer", 0), ("officer", 1), ("officer", 2))),
        ("client", (("registrar", 0), ("registrar", 1))),
        ("manifest", (("officer", 0), ("officer", 2))),
    ],
)
def test_other_authors_than_the_type_asks_for(entry_type: str, keys: tuple[tuple[str, int], ...]) -> None:
    world = World() if entry_type == "manifest" else fresh("certified")
    if entry_type == "manifest":
        body = world.manifest.to_bytes()
    elif entry_type == "client":
        body = Client((ClientFile("index.html", secret("client")),)).to_bytes()
    else:
        body = Incident(secret("document"), "a note").to_bytes()
    raw = world.sign(entry_type, body, *(signing_key(role, place) for role, place in keys))
    with pytest.raises(Refused) as refusal:
        world.record.admit(raw)
    assert refusal.value.check == MANIFEST_11


def test_a_trustee_cannot_sign_for_another() -> None:
    world = fresh("frozen")
    share = parse_entry(world.drill(1)[1])
    raw = world.sign("drill-share", share.body, signing_key("trustee", 1))
    assert world.refuse(world.drill(1)[0], raw).check == MANIFEST_11


def forged(raw: bytes) -> bytes:
    """Return an entry with one bit of its first signature changed."""
    entry = parse_entry(raw)
    (author, signature), *rest = entry.signatures
    return Entry(entry.type, entry.body, ((author, signature[:-1] + bytes([signature[-1] ^ 1])), *rest)).to_bytes()


def test_a_signature_that_does_not_verify() -> None:
    world = fresh("open")
    raw = world.credential(next(voter for voter in world.voters if voter not in world.registered()))
    refusal = world.refuse(forged(raw))
    assert refusal.check == MANIFEST_12
    assert refusal.culprit.startswith("registrar")


def test_a_signature_for_another_election_type_or_kind() -> None:
    world = fresh("certified")
    body = Incident(secret("document"), "a note")
    officer = signing_key("officer", 0)
    elsewhere = world.sign("incident", body, officer, manifest_hash=secret("another manifest"))
    retyped = replace(parse_entry(world.sign("decision", body, officer)), type="incident").to_bytes()
    for raw in (elsewhere, retyped):
        assert world.refuse(raw).check == MANIFEST_12


# --------------------------------------------------------------------------------------------------------- rotation


def rotate(world: World, role: str, place: int, signers: tuple[tuple[str, int], ...], new: bytes = b"") -> bytes:
    """Return the rotation of the key of (role, place) to a new one, signed by some."""
    old = key_id(signing_key(role, place).public_key)
    body = Rotate(role, old, new or signing_key(f"new {role}", place).public_key, "a card was lost")
    return world.sign("rotate", body, *(signing_key(name, at) for name, at in signers))


ALLOWED = [
    ("receipt", 0, (("receipt", 0),)),
    ("receipt", 0, (("officer", 0), ("officer", 1))),
    ("officer", 0, (("officer", 0),)),
    ("officer", 0, (("officer", 1), ("officer", 2))),
    ("registrar", 0, (("registrar", 0), ("registrar", 1))),
    ("registrar", 0, (("registrar", 1), ("officer", 0), ("officer", 1))),
    ("trustee", 0, (("trustee", 0),)),
    ("witness", 0, (("officer", 0), ("officer", 1), ("trustee", 0), ("trustee", 2))),
]
FORBIDDEN = [
    ("log", 0, (("log", 0),)),
    ("log", 0, (("officer", 0), ("officer", 1), ("trustee", 0), ("trustee", 1))),
    ("receipt", 0, (("officer", 0), ("officer", 2))),
    ("receipt", 0, (("log", 0),)),
    ("officer", 0, (("officer", 1),)),
    ("officer", 1, (("officer", 0), ("officer", 2))),
    ("registrar", 0, (("registrar", 0),)),
    ("registrar", 0, (("registrar", 1),)),
    ("registrar", 0, (("officer", 0), ("officer", 1))),
    ("trustee", 0, (("officer", 0), ("officer", 1))),
    ("trustee", 0, (("trustee", 1),)),
    ("witness", 0, (("witness", 0),)),
    ("witness", 0, (("officer", 0), ("officer", 1), ("trustee", 0))),
    ("witness", 0, (("trustee", 0), ("trustee", 1))),
]


@pytest.mark.parametrize(("role", "place", "signers"), ALLOWED)
def test_who_may_rotate(role: str, place: int, signers: tuple[tuple[str, int], ...]) -> None:
    world = fresh("open")
    raw = rotate(world, role, place, signers)
    world.accept([raw])
    assert world.refuse(raw).check in {MANIFEST_11, BOARD_13}


@pytest.mark.parametrize(("role", "place", "signers"), FORBIDDEN)
def test_who_may_not_rotate(role: str, place: int, signers: tuple[tuple[str, int], ...]) -> None:
    world = fresh("open")
    assert world.refuse(rotate(world, role, place, signers)).check == MANIFEST_11


def test_a_role_that_is_not_the_keys() -> None:
    world = fresh("open")
    body = Rotate("receipt", key_id(signing_key("log").public_key), secret("new"), "the log's key by another name")
    raw = world.sign("rotate", body, signing_key("officer", 0), signing_key("officer", 1))
    assert world.refuse(raw).check == MANIFEST_11


def test_a_published_key_in_a_real_election() -> None:
    world = World(kind="real", changes={"software_keys": False, "minimum_cell": 10})
    world.begin()
    world.accept()
    published = SigningKey.from_seed(bytes([7]) * 32).public_key
    assert world.refuse(rotate(world, "receipt", 0, (("receipt", 0),), new=published)).check == MANIFEST_13


@pytest.mark.parametrize("role", ["officer", "log", "witness"])
def test_a_key_that_was_here_before(role: str) -> None:
    world = fresh("open")
    raw = rotate(world, "receipt", 0, (("receipt", 0),), new=signing_key(role, 0).public_key)
    assert world.refuse(raw).check == MANIFEST_13


def test_a_rotated_witness_counts_once_the_old_quorum_covers_it() -> None:
    world = fresh("open")
    world.accept([rotate(world, "witness", 0, ALLOWED[-1][2])])
    name, old = world.manifest.witnesses[0].name, signing_key("witness", 0).public_key
    assert world.record.keyring.witnesses[name] == old
    world.accept()
    assert world.record.keyring.witnesses[name] == signing_key("new witness", 0).public_key


def test_the_old_receipt_key_issues_no_nonces_any_more() -> None:
    world = fresh("open")
    voter = world.registered()[0]
    world.accept([rotate(world, "receipt", 0, (("receipt", 0),))])
    ballot, _ = world.seal_ballot(voter)
    assert world.refuse(world.cast(voter, ballot)).check == BALLOT_11
    world.accept([], [world.cast(voter, ballot, receipt_key=signing_key("new receipt", 0))])


def test_a_part_hash_names_type_and_kind() -> None:
    assert len({page.hash_part(kind, name, b"x") for kind in ("demo", "real") for name in ("contest", "units")}) == 4
    with pytest.raises(Misuse):
        page.hash_part("other", "contest", b"x")  # type: ignore[arg-type]
