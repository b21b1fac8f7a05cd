"""The minutes: hashes from the record, fields for the room, three languages, nothing that a hostile name can do."""

import re
from html.parser import HTMLParser

import pytest

from crypto.election.entries import Trustee as TrusteeKey
from locales import LANGUAGES, dictionary
from tests.folders import Memory, files_of
from tests.simulator import World, signing_key, world_at
from trustee_tools.ceremony import View, write_fingerprint
from trustee_tools.link import Reading, make_view
from trustee_tools.minutes import make_minutes


def view_of(world: World) -> View:
    reading = Reading(Memory(files_of(world)), voters=False)
    return make_view(reading.catch_up(), deeds=reading.deeds)


class Reader(HTMLParser):
    """Collects tags, addresses and how many cells are left to fill in; every tag must be closed in its order."""

    VOID = frozenset({"meta", "br", "link", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.fields = 0
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        values = dict(attrs)
        self.fields += values.get("class") == "field"
        self.addresses += [str(values[name]) for name in ("src", "href", "action") if name in values]
        assert not [name for name in values if name.startswith("on")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("stage", ["founded", "certified", "open", "complete"])
def test_a_page_of_its_own_in_every_language_at_every_stage(stage: str, language: str) -> None:
    view = view_of(world_at(stage))
    text = make_minutes(view, dictionary(language))
    page = Reader(text)
    assert (page.open, page.addresses) == ([], [])
    assert page.tags.isdisjoint({"script", "iframe", "link", "img", "form", "object"})
    assert f'<html lang="{language}">' in text
    assert not re.search(r"https?:|url\(|@import", text)
    assert view.manifest_hash.hex() in text
    assert write_fingerprint(view.manifest_hash) in text
    # Two media a trustee, three fields each; four fields of place and time; a signature for everybody.
    assert page.fields > 3 * 2 * len(view.keys)
    for name in ("abort", "seals", "people"):
        assert dictionary(language)(f"trustee.minutes.{name}") in text


def test_the_certificates_hash_and_the_witnesses_times_are_there_once_they_are() -> None:
    before, after = view_of(world_at("founded")), view_of(world_at("open"))
    certificate = after.ceremony.certificate
    assert certificate is not None
    text = make_minutes(after, dictionary("en"))
    assert certificate.hash.hex() in text
    assert certificate.key.hex() in text
    assert certificate.hash.hex() not in make_minutes(before, dictionary("en"))
    times = [time for time in after.seen_ms.values() if time is not None]
    assert len(times) == len(after.seen_ms) == 6 * len(after.keys)
    assert "UTC" in text


def test_a_hostile_name_stays_a_name() -> None:
    name = '<img src=x onerror="alert(1)">&amp;'
    keys = [signing_key("trustee", place).public_key for place in range(3)]
    world = World(changes={"trustees": tuple(TrusteeKey(f"{name}{n}", key) for n, key in enumerate(keys))})
    world.begin()
    page = Reader(make_minutes(view_of(world), dictionary("ru")))
    assert "img" not in page.tags
