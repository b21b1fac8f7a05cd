"""Downgrade: an older protocol version, another manifest after the opening, a proof of no version at all."""

from dataclasses import replace

import pytest

from crypto.election.entries import Entry, Manifest, parse_entry
from crypto.errors import MalformedEncoding, Misuse
from tests.attacks.checks import BOARD_1, ENCODING_1, ENCODING_2
from tests.simulator import fresh, signing_key, text3, world_at


def test_a_second_manifest_is_refused() -> None:
    world = fresh("open")
    edited = replace(world.manifest, title=text3("Another election"))
    raw = world.sign("manifest", edited, signing_key("officer", 0), signing_key("officer", 1))
    assert world.refuse(raw).check == BOARD_1
    assert world.record.manifest == world.manifest


@pytest.mark.parametrize("version", [0, 2])
def test_a_manifest_of_another_version_is_no_manifest(version: int) -> None:
    data = world_at("complete").manifest.to_bytes()
    assert data.count(b"hprotocol\x01") == 1
    with pytest.raises(MalformedEncoding) as refusal:
        Manifest.parse(data.replace(b"hprotocol\x01", b"hprotocol" + bytes([version])))
    assert refusal.value.check == ENCODING_2
    with pytest.raises(Misuse):
        replace(world_at("complete").manifest, protocol=version).to_bytes()


def test_an_entry_of_another_version_is_no_entry() -> None:
    raw = Entry("incident", b"").to_bytes()
    with pytest.raises(MalformedEncoding) as refusal:
        parse_entry(b"\x84\x00" + raw[2:])
    assert refusal.value.check == ENCODING_1
