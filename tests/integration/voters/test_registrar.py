"""A registrar's program against an identity side that lies: it compares, checks, and signs one credential a slot."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crypto.election.entries import Change, Credential, RollChunk, RollGroup, Strike, parse_entry
from crypto.signatures import SigningKey
from tests.house import ISSUER, PLACES, House, number_of, passkey_of, roll_text
from tests.simulator import secret, signing_key
from voting_server.voters import cli
from voting_server.voters.calls import sign_call
from voting_server.voters.evidence import CodeVerifier
from voting_server.voters.registrar import Asked, Journal, RefusalError, Registrar
from voting_server.voters.slots import MismatchError, Slot, cut

QUEUE = "/registrar/requests?after=0"


def drawn(house: House) -> list[Slot]:
    """Import the roll and draw slots; return them as a registrar receives them."""
    house.operate("POST", "/rolls", house.version(house.text))
    house.operate("POST", "/slots")
    return house.registrar(0).fetch_slots()


def lies() -> dict[str, Callable[[list[Slot]], list[Slot]]]:
    """Return what an identity side may try with the slots."""
    return {
        "somebody is left out": lambda slots: slots[1:],
        "somebody is invented": lambda slots: [*slots, replace(slots[0], number=number_of(99), pseudonym=bytes(16))],
        "somebody is exchanged": lambda slots: [replace(slots[0], number=number_of(99)), *slots[1:]],
        "somebody has two slots": lambda slots: [*slots, replace(slots[0], pseudonym=bytes(16))],
        "two have one slot": lambda slots: [replace(slots[0], pseudonym=slots[1].pseudonym), *slots[1:]],
        "somebody is moved": lambda slots: [replace(slots[0], unit=5), *slots[1:]],
        "somebody gets another ballot": lambda slots: [replace(slots[0], style=2), *slots[1:]],
        "a pseudonym is short": lambda slots: [replace(slots[0], pseudonym=bytes(15)), *slots[1:]],
        "nobody is there": lambda _slots: [],
    }


@pytest.mark.parametrize("lie", lies())
def test_slots_that_are_not_the_own_roll_are_refused(house: House, lie: str) -> None:
    slots = lies()[lie](drawn(house))
    registrar = house.registrar(1).registrar
    with pytest.raises(MismatchError):
        registrar.accept(slots, cut(slots) if all(len(each.pseudonym) == 16 for each in slots) else [])
    assert registrar.slots == {}


def test_a_registrar_with_another_copy_of_the_roll_refuses(house: House) -> None:
    slots = drawn(house)
    for other in (roll_text(("Town, North",) * 12), roll_text(("Town, North",) * 5)):
        with pytest.raises(MismatchError):
            house.registrar(1, other).registrar.accept(slots, cut(slots))


def test_a_chunk_with_a_slot_more_is_not_signed(house: House) -> None:
    slots = drawn(house)
    link = house.registrar(0)
    link.registrar.accept(slots, cut(slots))
    (chunk,) = cut(slots)
    for changed in (
        replace(chunk, groups=(*chunk.groups, RollGroup(2, 1, bytes(16)))),
        replace(chunk, groups=chunk.groups[1:]),
        replace(chunk, number=1),
        RollChunk(0, (RollGroup(2, 1, bytes(16)),)),
    ):
        with pytest.raises(RefusalError):
            link.registrar.check(Asked(1, "roll", changed.to_bytes(), "", "", ()), house.time_ms())
    link.registrar.check(Asked(1, "roll", chunk.to_bytes(), "", "", ()), house.time_ms())


def test_a_chunk_is_not_signed_before_the_slots_were_compared(house: House) -> None:
    drawn(house)
    assert house.registrar(0).serve()[0][1].startswith("refused")


def asked_credential(house: House) -> Asked:
    """Return the request of person 0, identified by code."""
    house.enrol(0)
    (asked,) = house.links[0].fetch_requests()
    return asked


def changed_body(asked: Asked, **fields: Any) -> Asked:  # noqa: ANN401
    """Return a request whose credential differs."""
    return replace(asked, body=replace(Credential.parse(asked.body), **fields).to_bytes())


def changed_evidence(asked: Asked, **fields: str) -> Asked:
    """Return a request whose evidence differs."""
    return replace(asked, evidence=json.dumps({**json.loads(asked.evidence), **fields}))


WAYS: dict[str, Callable[[House, Asked], Asked]] = {
    "another key": lambda _house, asked: changed_body(asked, key=passkey_of("server").cose_key),
    "another slot": lambda house, asked: changed_body(
        asked, pseudonym=house.links[0].registrar.slots[number_of(1)].pseudonym
    ),
    "no slot": lambda _house, asked: changed_body(asked, pseudonym=bytes(16)),
    "a better assurance": lambda _house, asked: changed_body(asked, assurance="security-key"),
    "another person": lambda _house, asked: replace(asked, number=number_of(1)),
    "another person in the evidence": lambda _house, asked: changed_evidence(asked, number=number_of(1)),
    "a longer life": lambda _house, asked: changed_evidence(asked, expires_at_ms="9999999999999"),
    "no provider": lambda _house, asked: changed_evidence(asked, provider="word of honour"),
    "a provider that is not trusted": lambda _house, asked: changed_evidence(asked, provider="oidc"),
    "another issuer": lambda _house, asked: changed_evidence(asked, issuer="00" * 8),
    "another code": lambda _house, asked: changed_evidence(asked, key="00" * 32),
    "no signature": lambda _house, asked: changed_evidence(asked, signature="00" * 64),
    "no proof of issuing": lambda _house, asked: changed_evidence(asked, issued="00" * 64),
    "broken hexadecimal": lambda _house, asked: changed_evidence(asked, signature="zz"),
    "no evidence": lambda _house, asked: replace(asked, evidence=""),
    "evidence that is no object": lambda _house, asked: replace(asked, evidence="[]"),
    "a body that is none": lambda _house, asked: replace(asked, body=b"\xa0"),
    "a type that registrars do not sign": lambda _house, asked: replace(asked, type="opening"),
    "a change without its number": lambda _house, asked: replace(asked, type="change"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_request_that_does_not_hold_is_not_signed(frozen: House, way: str) -> None:
    asked = asked_credential(frozen)
    registrar = frozen.links[1].registrar
    with pytest.raises(RefusalError):
        registrar.check(WAYS[way](frozen, asked), frozen.time_ms())
    assert registrar.journal.credentials == {}
    registrar.check(asked, frozen.time_ms())


def test_an_expired_code_is_refused_by_the_registrar_too(frozen: House) -> None:
    asked = asked_credential(frozen)
    with pytest.raises(RefusalError, match="expired"):
        frozen.links[1].registrar.check(asked, frozen.time_ms() + 2 * 86_400_000)


def test_a_second_credential_for_a_slot_is_not_signed_even_after_a_restart(frozen: House) -> None:
    asked = asked_credential(frozen)
    registrar = frozen.links[0].registrar
    registrar.check(asked, frozen.time_ms())
    other = frozen.links[0].registrar
    again = Registrar(
        other.key, other.frame, other.own, other.providers, Journal(frozen.folder / "journal-0.jsonl"), other.slots
    )
    with pytest.raises(RefusalError, match="another key"):
        again.journal.add(Credential.parse(asked.body).pseudonym, passkey_of("server").cose_key)
    again.check(asked, frozen.time_ms())
    assert (frozen.folder / "journal-0.jsonl").stat().st_mode & 0o077 == 0


def test_a_strike_of_somebody_else_is_not_signed(frozen: House) -> None:
    registrar = frozen.links[0].registrar
    body = Strike(registrar.slots[number_of(1)].pseudonym, "voted on paper").to_bytes()
    with pytest.raises(RefusalError, match="not this person"):
        registrar.check(Asked(9, "strike", body, number_of(0), "", ()), frozen.time_ms(), alone=True)
    registrar.check(Asked(9, "strike", body, number_of(1), "", ()), frozen.time_ms(), alone=True)


def test_a_change_needs_evidence_for_its_own_key(frozen: House) -> None:
    asked = asked_credential(frozen)
    pseudonym = Credential.parse(asked.body).pseudonym
    change = Change(pseudonym, passkey_of("server").cose_key, "software", "says the server").to_bytes()
    with pytest.raises(RefusalError, match="did not sign this key"):
        frozen.links[0].registrar.check(replace(asked, type="change", body=change), frozen.time_ms(), alone=True)


def test_one_signature_makes_no_entry_and_a_false_one_is_seen(frozen: House) -> None:
    asked = asked_credential(frozen)
    first, second = (link.registrar for link in frozen.links)
    own = (bytes.fromhex(sign_call(first.key, first.election, "GET", "", b"", 0)[:16]), first.sign(asked))
    assert second.compose(replace(asked, signatures=(own,))) is None
    assert second.compose(replace(asked, signatures=(own, (bytes(8), bytes(64))))) is None
    row = frozen.client.post(
        f"/registrar/requests/{asked.id}/signature",
        content=(body := json.dumps({"signature": "00" * 64}).encode()),
        headers={
            "dobush-registrar": sign_call(
                first.key,
                first.election,
                "POST",
                f"/registrar/requests/{asked.id}/signature",
                body,
                frozen.time_ms(),
            ),
            "content-type": "application/json",
        },
    )
    assert row.status_code == 403
    assert frozen.links[0].fetch_requests()[0].signatures == ()


def test_nobody_but_a_registrar_reads_the_queue(frozen: House) -> None:
    election, now_ms = frozen.election, frozen.time_ms()
    key = signing_key("registrar", 0)
    calls = [
        "",
        "a b c",
        "00 1 00",
        sign_call(SigningKey.from_seed(secret("nobody")), election, "GET", QUEUE, b"", now_ms),
        sign_call(signing_key("officer", 0), election, "GET", QUEUE, b"", now_ms),
        sign_call(key, replace(election, manifest_hash=bytes(32)), "GET", QUEUE, b"", now_ms),
        sign_call(key, election, "POST", QUEUE, b"", now_ms),
        sign_call(key, election, "GET", "/registrar/slots", b"", now_ms),
        sign_call(key, election, "GET", "/registrar/requests?after=1", b"", now_ms),
        sign_call(key, election, "GET", QUEUE, b"x", now_ms),
        sign_call(key, election, "GET", QUEUE, b"", now_ms - 61_000),
        sign_call(key, election, "GET", QUEUE, b"", now_ms + 62_000),
    ]
    for call in calls:
        assert frozen.client.get(QUEUE, headers={"dobush-registrar": call}).status_code == 403
    good = sign_call(key, election, "GET", QUEUE, b"", now_ms)
    assert frozen.client.get(QUEUE, headers={"dobush-registrar": good}).status_code == 200


def test_a_request_is_not_called_delivered_before_both_signed(frozen: House) -> None:
    asked = asked_credential(frozen)
    with pytest.raises(RefusalError, match="422"):
        frozen.links[0]._call("POST", f"/registrar/requests/{asked.id}/delivery")
    with pytest.raises(RefusalError, match="404"):
        frozen.links[0]._call("POST", "/registrar/requests/999/delivery")


def test_a_key_that_the_manifest_does_not_name_opens_no_program(frozen: House) -> None:
    known = frozen.links[0].registrar
    with pytest.raises(RefusalError):
        Registrar(signing_key("officer", 0), known.frame, known.own, {}, known.journal)


def test_a_lost_answer_of_the_ballot_side_is_asked_for_again(frozen: House) -> None:
    frozen.enrol(0)
    first, second = frozen.links
    first.serve()
    sent: list[bytes] = []

    def lose(_method: str, _path: str, body: bytes, _headers: Mapping[str, str]) -> tuple[int, bytes]:
        sent.append(body)
        return 503, b'{"type": "/problems/queue-full"}'

    second.ballot = lose
    assert second.serve()[0][1] == "signed; the ballot side says 503"
    assert parse_entry(sent[0]).type == "credential"
    assert first.serve()[0][1] == "delivered"
    assert first.serve() == second.serve() == []


def test_no_key_of_a_registrar_is_in_the_servers_files_or_settings(frozen: House) -> None:
    frozen.enrol(0)
    for link in frozen.links:
        link.serve()
    seeds = [link.registrar.key.seed for link in frozen.links]
    places = [file.read_bytes() for file in frozen.folder.iterdir()]
    places += [frozen.settings.model_dump_json().encode(), repr(os.environ).encode()]
    for seed in seeds:
        assert all(seed not in place and seed.hex().encode() not in place.lower() for place in places)


# ------------------------------------------------------------------------------------------------------ the program


@pytest.fixture
def program(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a runner of the registrar's commands in a folder, whose key is the first registrar's."""
    folder = tmp_path / "registrar"
    folder.mkdir()
    (folder / "roll.csv").write_text(house.text, encoding="utf-8")
    (folder / "places.csv").write_text(PLACES, encoding="utf-8")
    (folder / "registrar.toml").write_text(
        f'identity = "identity"\nballot = "ballot"\nmanifest_hash = "{house.world.manifest_hash.hex()}"\n'
        f'roll = "roll.csv"\nplaces = "places.csv"\ncode_issuers = ["{ISSUER.public_key.hex()}"]\n',
        encoding="utf-8",
    )
    (folder / "passphrase").write_text("correct horse battery\n", encoding="utf-8")
    monkeypatch.setattr(cli, "_sender", lambda url: house.identity if url == "identity" else house.ballot)
    monkeypatch.setattr(
        "voting_server.voters.key_file.utils.random", lambda size: signing_key("registrar", 0).seed[:size]
    )

    def run(command: str, *options: str) -> Any:  # noqa: ANN401
        given = ["--folder", str(folder), "--passphrase-file", str(folder / "passphrase")]
        return CliRunner().invoke(cli.app, [command, *given, *options])

    made = run("init", "--hardness", "test")
    assert json.loads(made.stdout)["key"] == signing_key("registrar", 0).public_key.hex()
    return run


def test_a_registrar_does_her_work_with_the_program(house: House, program: Callable[..., Any]) -> None:
    version = program("version")
    assert version.exit_code == 0, version.output
    assert house.operate("POST", "/rolls", json.loads(version.stdout)).status_code == 201
    assert program("roll").exit_code == 1  # no slots yet
    assert program("freeze").exit_code == 1
    house.operate("POST", "/slots")
    assert program("roll").stdout == "1\tsigned\n"
    other = house.registrar(1)
    slots = other.fetch_slots()
    other.registrar.accept(slots, cut(slots))
    assert other.serve() == [(1, "delivered")]
    figures = json.loads(program("freeze").stdout)
    assert figures["slots"] == {"2": 5, "3": 7}
    code = json.loads(program("code", "--number", number_of(0)).stdout)
    assert house.operate("POST", "/codes", code["send"]).status_code == 403  # a registrar is no issuer here
    house.providers["code"] = CodeVerifier((ISSUER.public_key,))
    house.enrol(0)
    assert program("serve-queue", "--every", "0").stdout == "2\tsigned\n"
    asked = house.operate("POST", "/strikes", {"number": number_of(1), "reason": "voted on paper"}).json()["id"]
    assert program("serve-queue", "--every", "0").stdout.splitlines()[-1].startswith(f"{asked}\trefused")
    assert program("sign", "--id", str(asked)).stdout == f"{asked}\tsigned\n"
    assert program("sign", "--id", "99").exit_code == 1


@pytest.mark.parametrize(
    ("file", "content", "command"),
    [
        ("passphrase", "wrong horse battery", "roll"),
        ("registrar.toml", "roll = ", "roll"),
        ("registrar.key", "not a key file", "freeze"),
        ("places.csv", "unit\n", "freeze"),
        ("roll.csv", "number\n", "freeze"),
    ],
)
def test_a_folder_that_is_not_in_order_ends_the_program(
    program: Callable[..., Any], tmp_path: Path, file: str, content: str, command: str
) -> None:
    (tmp_path / "registrar" / file).write_text(content, encoding="utf-8")
    assert program(command).exit_code == 1


@pytest.mark.parametrize("names", [("registrar", 0), ("registrar", 1), ("officer", 0)])
def test_no_key_of_the_election_is_believed_to_hand_out_codes(
    house: House, program: Callable[..., Any], tmp_path: Path, names: tuple[str, int]
) -> None:
    """One signer of credentials who also knew the codes would be enough to vote for everybody who does not."""
    settings, key = tmp_path / "registrar" / "registrar.toml", signing_key(*names).public_key
    settings.write_text(settings.read_text().replace(ISSUER.public_key.hex(), key.hex()), encoding="utf-8")
    refused = program("freeze")
    assert (refused.exit_code, "hands out no codes" in refused.output) == (1, True)
    house.providers["code"] = CodeVerifier((key,))
    with pytest.raises(RefusalError, match="hands out no codes"):
        house.registrar(0)


def test_a_key_file_is_never_overwritten(program: Callable[..., Any]) -> None:
    refused = program("init", "--hardness", "test")
    assert (refused.exit_code, "never overwritten" in refused.output) == (1, True)
