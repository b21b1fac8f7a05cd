"""A registrar's key is changed in the log: her program and the identity side follow, and the old key opens nothing."""

from base64 import b64encode

import pytest

from crypto.election.entries import Incident, Rotate
from crypto.errors import Refused
from crypto.signatures import SigningKey, key_id
from tests.attacks.checks import MANIFEST_11
from tests.house import House
from tests.simulator import secret, signing_key
from voting_server.voters import routes
from voting_server.voters.frame import read_frame
from voting_server.voters.registrar import RefusalError, Registrar, fetch_frame
from voting_server.voters.slots import cut

NEW = signing_key("registrar's new key", 1)


def rotation(house: House, *signers: SigningKey, new: SigningKey = NEW) -> bytes:
    """Return a rotation of the second registrar's key."""
    old = key_id(signing_key("registrar", 1).public_key)
    return house.world.sign("rotate", Rotate("registrar", old, new.public_key, "lost"), *signers)


def by_both(house: House, **more: SigningKey) -> bytes:
    """Return one that both registrars signed."""
    return rotation(house, signing_key("registrar", 0), signing_key("registrar", 1), **more)


def publish(house: House, raw: bytes) -> None:
    """Put a rotation into the log."""
    house.rotations.append({"index": house.world.record.size, "entry": b64encode(raw).decode()})
    house.world.accept([raw])


def renew(house: House, key: SigningKey = NEW) -> None:
    """Let the second registrar go on with another key."""
    link = house.links[1]
    old = link.registrar
    frame = fetch_frame(house.ballot, house.world.manifest_hash)
    link.registrar = Registrar(key, frame, old.own, old.providers, old.journal, old.slots)


def give(house: House, *raws: bytes) -> int:
    """Bring rotations to the identity side; return the status."""
    entries = [b64encode(raw).decode() for raw in raws]
    return house.client.post("/rotations", json={"entries": entries}).status_code


def test_a_registrar_goes_on_with_her_new_key(frozen: House) -> None:
    frozen.enrol(0)
    publish(frozen, by_both(frozen))
    renew(frozen)
    frozen.links[1].tell_rotations()
    assert [what for _, what in frozen.links[1].serve()] == ["signed"]
    frozen.links[0].registrar.frame = fetch_frame(frozen.ballot, frozen.world.manifest_hash)
    assert [what for _, what in frozen.links[0].serve()] == ["delivered"]
    assert frozen.world.record.roll.credentials == 1


def test_a_signature_of_the_old_key_is_made_again(frozen: House) -> None:
    frozen.enrol(0)
    assert [what for _, what in frozen.links[1].serve()] == ["signed"]
    publish(frozen, by_both(frozen))
    renew(frozen)
    for link in frozen.links:
        link.registrar.frame = fetch_frame(frozen.ballot, frozen.world.manifest_hash)
    frozen.links[1].tell_rotations()
    assert [what for _, what in frozen.links[0].serve()] == ["signed"]
    assert [what for _, what in frozen.links[1].serve()] == ["delivered"]


def test_the_old_key_opens_nothing_any_more(frozen: House) -> None:
    frozen.enrol(0)
    publish(frozen, by_both(frozen))
    assert give(frozen, by_both(frozen)) == 200
    with pytest.raises(RefusalError, match="403"):
        frozen.links[1].serve()
    with pytest.raises(RefusalError, match="does not name this key"):
        renew(frozen, signing_key("registrar", 1))


def test_the_new_key_opens_nothing_before(frozen: House) -> None:
    publish(frozen, by_both(frozen))
    renew(frozen)
    with pytest.raises(RefusalError, match="403"):
        frozen.links[1].fetch_requests()


def test_rotations_that_not_all_who_must_have_signed_are_refused(frozen: House) -> None:
    registrars, officers = ([signing_key(role, place) for place in range(3)] for role in ("registrar", "officer"))
    for signers in (
        [],
        registrars[:1],
        registrars[1:2],
        officers[:2],
        [registrars[0], officers[0]],
        [registrars[0], officers[0], officers[2]],
        [registrars[1], officers[0], officers[1]],
        [NEW, registrars[0]],
    ):
        assert give(frozen, rotation(frozen, *signers)) >= 400
    assert give(frozen, rotation(frozen, registrars[0], *officers[:2])) == 200


def test_what_is_no_rotation_is_refused(frozen: House) -> None:
    incident = frozen.world.sign("incident", Incident(secret("paper"), "a note"), signing_key("officer"))
    changed = bytearray(by_both(frozen))
    changed[-1] ^= 1
    for raw in (b"", b"\x00", incident, bytes(changed)):
        assert give(frozen, raw) >= 400


def test_rotations_continue_those_that_are_known(frozen: House) -> None:
    first = by_both(frozen)
    body = Rotate("registrar", key_id(NEW.public_key), signing_key("third").public_key, "lost")
    second = frozen.world.sign("rotate", body, signing_key("registrar", 0), NEW)
    assert give(frozen, second) >= 400
    assert give(frozen, second, first) >= 400
    assert give(frozen, first) == 200
    assert give(frozen, second) == 422
    assert give(frozen, by_both(frozen, new=signing_key("another"))) == 422
    assert give(frozen) == 422
    assert [give(frozen, first, second) for _ in range(2)] == [200, 200]


def test_a_ballot_side_that_invents_a_rotation_is_refused(frozen: House) -> None:
    raw = rotation(frozen, signing_key("registrar", 0))
    frozen.rotations.append({"index": 1, "entry": b64encode(raw).decode()})
    with pytest.raises(Refused):
        renew(frozen)


def test_a_rotation_that_the_log_never_got_puts_nothing_on_the_board(frozen: House) -> None:
    """It needs no proof of inclusion: all who must sign it have, and what its key signs counts where the log has it."""
    withheld = by_both(frozen)
    assert give(frozen, withheld) == 200
    frozen.enrol(0)
    link, blocks = frozen.links[1], 1 + len(frozen.world.record.parts.expected)
    frame = read_frame([frozen.world.read(index) for index in range(blocks)], [withheld])
    old = link.registrar
    link.registrar = Registrar(NEW, frame, old.own, old.providers, old.journal, old.slots)
    assert [what for _, what in link.serve()] == ["signed"]
    # The other registrar goes by the log, and so does the log.
    assert [what for _, what in frozen.links[0].serve()] == ["signed"]
    assert [what.partition(";")[2] for _, what in link.serve()] == [f" the ballot side says 409 {MANIFEST_11}"]
    assert frozen.world.record.roll.credentials == 0
    # Her own program takes keys from the log alone: it does not know this one.
    with pytest.raises(RefusalError, match="does not name this key"):
        renew(frozen)


def test_slots_come_in_pages(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.operate("POST", "/rolls", house.version(house.text))
    house.operate("POST", "/slots")
    whole = house.registrar(0).fetch_slots()
    monkeypatch.setattr(routes, "SLOTS_A_PAGE", 5)
    pages: list[str] = []
    link, ask = house.registrar(1), house.identity

    def count(method: str, path: str, body: bytes, headers: object) -> tuple[int, bytes]:
        pages.append(path)
        return ask(method, path, body, headers)  # type: ignore[arg-type]

    link.identity = count
    slots = link.fetch_slots()
    assert (slots, len(pages)) == (whole, 4)
    link.registrar.accept(slots, cut(slots))


def test_an_identity_side_that_repeats_a_page_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.operate("POST", "/rolls", house.version(house.text))
    house.operate("POST", "/slots")
    monkeypatch.setattr(routes, "SLOTS_A_PAGE", 5)
    link, ask = house.registrar(1), house.identity
    first: list[tuple[int, bytes]] = []

    def repeat(method: str, path: str, body: bytes, headers: object) -> tuple[int, bytes]:
        first.append(ask(method, path, body, headers))  # type: ignore[arg-type]
        return first[0]

    link.identity = repeat
    with pytest.raises(RefusalError, match="repeats itself"):
        link.fetch_slots()
