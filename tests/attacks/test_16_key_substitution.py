"""Key substitution: the voters are offered another key than the trustees', or one that nobody certified."""

import pytest

from crypto.election.entries import Opening
from crypto.errors import Refused
from crypto.group import parse_suite
from crypto.proofs import Check
from tests.attacks.checks import CEREMONY_12
from tests.simulator import fresh, secret

OPENING = CEREMONY_12


def test_an_opening_with_another_key_is_refused() -> None:
    world = fresh("frozen")
    certificate = world.record.ceremony.conclude()
    foreign = (5 * parse_suite(world.manifest.suite).generator).to_bytes()
    opening = world.by_officers("opening", Opening(foreign, certificate.hash))
    refusal = world.refuse(*world.drill(1), opening)
    assert refusal.check == OPENING
    assert world.record.office() is None


def test_an_opening_with_a_foreign_certificate_is_refused() -> None:
    world = fresh("frozen")
    certificate = world.record.ceremony.conclude()
    opening = world.by_officers("opening", Opening(certificate.key, secret("another ceremony")))
    assert world.refuse(*world.drill(1), opening).check == OPENING


def test_an_opening_without_a_ceremony_is_refused() -> None:
    world = fresh("founded")
    foreign = (5 * parse_suite(world.manifest.suite).generator).to_bytes()
    assert world.refuse(world.by_officers("opening", Opening(foreign, secret("none")))).check == OPENING


def test_an_opening_without_the_drill_of_all_is_refused() -> None:
    world = fresh("frozen")
    certificate = world.record.ceremony.conclude()
    opening = world.by_officers("opening", Opening(certificate.key, certificate.hash))
    assert world.refuse(*world.drill(1)[:-1], opening).check == OPENING


def test_a_ballot_under_another_key_is_refused() -> None:
    world = fresh("open")
    voter = world.registered()[0]
    foreign = (5 * parse_suite(world.manifest.suite).generator).to_bytes()
    ballot, _ = world.seal_ballot(voter, key=foreign)
    with pytest.raises(Refused) as refusal:
        world.record.admit(world.cast(voter, ballot))
    assert refusal.value.check == Check.BITS.value
