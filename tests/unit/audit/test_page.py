"""The HTML page: one file, nothing fetched, well-formed, every name inert, three states told apart without colour."""

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from audit.page import _STYLE, to_html
from audit.plots import Column, columns
from audit.report import Cell, District, Finding, Option, Report, Sighting, Span, Witness
from locales import LANGUAGES, dictionary
from tests.unit.audit.test_report import ABSENT, CONTEST, FAILED, PASSED, REPORT, SKIPPED

VOID = {"meta", "rect", "br"}
FULL = replace(
    REPORT,
    contests=(
        replace(
            CONTEST, cells=(Cell(({"ky": "Ош"},), 12, (7, 5), unanimous=False), Cell((), 10, (10, 0), unanimous=True))
        ),
    ),
    districts=(
        District(1, {"ky": "Чүй"}, 20, 20, 14, 1, 2, voted=12, revotes=None),
        District(2, {"ky": "Ош"}, 9, 9, 4, 0, 0, voted=None, revotes=0),
    ),
    turnout=(Span(3, 9, 14, 1_610_244_600_000), Span(10, 10, 30), Span(11, 12, 20)),
    revotes=(Span(3, 12, 11),),
    witnesses=(Witness("watch.example/1", 4, 0.5, 3), Witness("watch.example/<2>", 1, 0.0, 0)),
    sightings=tuple(
        Sighting(block, 1_610_244_000_000 + 60_000 * block, wait)
        for block, wait in enumerate((9, 60_000, 61_000, 240_000), 2)
    ),
)


class Outline(HTMLParser):
    """Collects tags, attributes and text, and insists that what opens is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def outline(report: Report, language: str = "en") -> Outline:
    found = Outline()
    found.feed(to_html(report, dictionary(language)))
    found.close()
    assert found.open == []
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("findings", [(PASSED, ABSENT), (PASSED, FAILED), (PASSED, SKIPPED), ()])
def test_the_page_is_well_formed_and_loads_nothing(language: str, findings: tuple[Finding, ...]) -> None:
    found = outline(replace(FULL, findings=findings), language)
    assert dict(found.tags)["html"] == {"lang": language}
    assert {tag for tag, _ in found.tags}.isdisjoint(
        {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    )
    for _, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on") or name in {"src", "style", "action"}]
        target = attributes.get("href") or "#"
        assert target.startswith(("#", "data:application/json;base64,", "data:text/csv;base64,"))
    assert "url(" not in _STYLE
    assert "@import" not in _STYLE


def test_the_policy_allows_this_one_style_and_nothing_else() -> None:
    policy = next(a["content"] for tag, a in outline(FULL).tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert re.fullmatch(r"default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'", policy)


def test_names_are_marked_as_names_and_not_translated() -> None:
    found = outline(FULL)
    names = [attributes for tag, attributes in found.tags if tag == "bdi"]
    assert {"translate": "no", "lang": "ky"} in names
    assert all(attributes["translate"] == "no" for attributes in names)


def test_each_state_has_its_word_and_its_shape() -> None:
    text = outline(replace(FULL, findings=(PASSED, FAILED, SKIPPED))).text
    assert all(f"{shape} {word}" in text for shape, word in [("✔", "passed"), ("✘", "failed"), ("○", "not run")])


def test_the_kind_of_election_cannot_be_missed() -> None:
    demo = outline(FULL).text
    assert "DEMO: this is not a real election" in demo
    assert "demo election" in demo.split("</h1>")[0][:200]


def test_unverified_figures_say_so_beside_the_table() -> None:
    assert "These figures are not confirmed" in outline(replace(FULL, findings=(FAILED,))).text
    assert "These figures are not confirmed" not in outline(FULL).text


def test_tables_have_headers_and_unanimous_cells_are_flagged() -> None:
    found = outline(FULL)
    headers = [attributes for tag, attributes in found.tags if tag == "th"]
    assert headers
    assert all(attributes.get("scope") in {"col", "row"} for attributes in headers)
    assert "(unanimous)" in found.text


def test_an_impossible_time_does_not_stop_the_page() -> None:
    assert REPORT.subject is not None
    subject = replace(REPORT.subject, closes_at_ms=2**53 - 1)
    assert str(2**53 - 1) in outline(replace(REPORT, subject=subject)).text


def luminance(colour: str) -> float:
    long = "".join(c * 2 for c in colour) if len(colour) == 3 else colour
    parts = [int(long[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("111", "fff"),
        ("111", "eee"),
        ("111", "f2f2f2"),
        ("111", "ffe9a8"),
        ("fff", "003d1f"),
        ("fff", "6b0000"),
        ("fff", "432c00"),
        ("00277a", "fff"),
    ],
)
def test_text_stands_out_ten_to_one(text: str, ground: str) -> None:
    assert f"#{text}" in _STYLE
    assert f"#{ground}" in _STYLE
    light, dark = sorted((luminance(text), luminance(ground)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 10


def test_hostile_options_stay_text() -> None:
    hostile = replace(CONTEST, options=(Option({"ky": '"><svg onload=alert(1)><script>x</script>'}, 12),))
    found = outline(replace(FULL, contests=(hostile,)))
    assert "script" not in {tag for tag, _ in found.tags}
    assert "<script>x</script>" in found.text


def files(found: Outline) -> dict[str, str]:
    """Return the files that a page holds, by name."""
    links = [attributes for tag, attributes in found.tags if tag == "a" and attributes.get("download")]
    return {
        attributes["download"] or "": base64.b64decode((attributes["href"] or "").partition("base64,")[2]).decode()
        for attributes in links
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_plot_has_a_name_and_its_figures_to_save(language: str) -> None:
    found = outline(FULL, language)
    plots = [attributes for tag, attributes in found.tags if tag == "svg" and attributes.get("class") == "plot"]
    assert len(plots) == 3
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in plots)
    assert files(found).keys() >= {"turnout.csv", "revotes.csv", "districts.csv", "witnesses.csv", "checkpoints.csv"}
    assert "3,9,1610244600000,14" in files(found)["turnout.csv"].splitlines()
    assert all("text" not in tag for tag, _ in found.tags)


def test_small_figures_are_said_to_be_withheld_and_stand_nowhere() -> None:
    found = outline(FULL)
    assert found.text.count("withheld") >= 3  # the rule, and two cells of the table
    assert '2,"Ош",9,9,4,,0,0,0' in files(found)["districts.csv"].splitlines()


def test_without_ballots_there_is_no_plot() -> None:
    found = outline(replace(FULL, turnout=(), revotes=(), sightings=(), witnesses=()))
    assert "plot" not in {attributes.get("class") for _, attributes in found.tags}


def test_columns_stay_in_the_picture_and_keep_their_proportions() -> None:
    drawn = columns([Column(3, 4, 10.0), Column(4, 8, 5.0), Column(8, 9, 0.0)], "label", 10.0, reference=20.0)
    heights = [float(height) for height in re.findall(r'<rect [^>]*height="([0-9.]+)"', drawn)]
    assert heights == [200.0, 100.0, 0.0]
    assert "dasharray" not in drawn
    assert "dasharray" in columns([Column(0, 1, 10.0)], "label", 10.0, reference=5.0)
    assert columns([Column(0, 1, 0.0)], "label", 0.0)
