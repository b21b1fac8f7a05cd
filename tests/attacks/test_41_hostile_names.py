"""Attack 41, the report's part: markup, formulas and control signs in the names of a manifest stay inert text."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from audit.page import to_html
from audit.report import to_text
from audit.tables import results as results_csv
from crypto.election.entries import Text3
from locales import LANGUAGES, dictionary
from tests.folders import audited, files_of, given_of
from tests.simulator import Parts, World, make_parts

NAMES = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style></bdi><svg onload=alert(1)>",
    "javascript:alert(1)",
    "&lt;script&gt;",
    "{t('report')} %s {0}",
    "=HYPERLINK(1)",
)


class Tags(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile_world(name: str) -> World:
    parts, text = make_parts(), Text3(ky=name, ru=name, en=name)
    contests = tuple(
        replace(contest, title=text, options=tuple(replace(option, name=text) for option in contest.options))
        for contest in parts.contests
    )
    units = tuple(
        replace(chunk, units=tuple(replace(unit, name=text) for unit in chunk.units)) for chunk in parts.units
    )
    return World(Parts(contests, units), changes={"title": text}).run()


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name_is_shown_and_does_nothing(name: str) -> None:
    world = hostile_world(name)
    _, report = audited(files_of(world), given_of(world))
    assert report.verdict == "verified"
    for language in LANGUAGES:
        tags = Tags()
        tags.feed(to_html(report, dictionary(language)))
        assert name in tags.text
        assert {tag for tag, _ in tags.seen}.isdisjoint({"script", "img", "iframe", "object", "form", "base", "link"})
        assert not [key for _, attributes in tags.seen for key in attributes if key.startswith("on")]
        targets = [attributes.get("href") or "#" for _, attributes in tags.seen]
        assert all(target.startswith(("#", "data:application/json;", "data:text/csv;")) for target in targets)
    assert name in to_text(report, dictionary("en"))
    assert f',"{name}"' not in results_csv(report) or not name.startswith("=")
