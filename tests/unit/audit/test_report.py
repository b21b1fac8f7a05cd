"""The report's value: exit statuses, spans without small groups, texts and tables that foreign names cannot break."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import report as reports
from audit import tables
from audit.report import Contest, Culprit, District, Finding, Option, Report, Software, Span, Subject, Work
from locales import LANGUAGES, dictionary

HASH = "ab" * 32
PASSED = Finding("ANY-1", "passed", 3)
SKIPPED = Finding("ANY-2", "not run", 0, blocking=True, note="report.note.not_given")
ABSENT = Finding("ANY-3", "not run", 0, note="report.note.no_object")
FAILED = Finding("ANY-4", "failed", 3, (Culprit(17, "the hash differs", "entry 17", HASH),), failures=1)
SUBJECT = Subject(
    kind="demo",
    title={"ky": "Шайлоо", "ru": "Выборы", "en": "Election"},
    short_name="sample-2026",
    origin="board.example/demo/sample-2026",
    manifest_hash=HASH,
    suite="RISTRETTO255-SHA512",
    trustees=5,
    threshold=3,
    minimum_cell=10,
    opens_at_ms=1_610_244_000_000,
    closes_at_ms=1_610_287_200_000,
)
CONTEST = Contest(
    id="1",
    title={"ky": "Президент", "ru": "Президент", "en": "President"},
    options=(Option({"ky": "Асан Үсөнов"}, 7), Option({"ky": "Баарына каршы", "en": "Against all"}, 5)),
    ballots=12,
    undecrypted=2,
    cells=(),
)
REPORT = Report(
    command=f"dobush-audit verify record --manifest-hash {HASH} --slots figures.json",
    record="record",
    checked_at="2026-11-25 02:10 UTC",
    software=Software("0.1.0", HASH, HASH, "3.11.7"),
    subject=SUBJECT,
    size=40,
    root_hash=HASH,
    findings=(PASSED, ABSENT),
    numbers={"ballots": 14, "ballots_checked": 14, "counted": 12},
    contests=(CONTEST,),
    turnout=(Span(3, 9, 14),),
    remarks=("grace",),
    work=Work(1.5, 2, 200 << 20),
)


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        ([], 3),
        ([ABSENT], 3),
        ([PASSED], 0),
        ([PASSED, ABSENT], 0),
        ([PASSED, SKIPPED], 3),
        ([SKIPPED, FAILED, PASSED], 1),
        ([FAILED], 1),
    ],
)
def test_only_passed_checks_without_a_skipped_one_give_status_0(findings: list[Finding], status: int) -> None:
    assert reports.exit_status(findings) == status
    verdict = replace(REPORT, findings=tuple(findings)).verdict
    assert verdict == {0: "verified", 1: "failed", 3: "incomplete"}[status]


@given(st.lists(st.integers(0, 40), max_size=300), st.integers(1, 50), st.integers(1, 60))
@settings(max_examples=150, deadline=None)
def test_no_span_of_the_turnout_shows_a_small_group_and_none_is_lost(
    blocks: list[int], minimum: int, most: int
) -> None:
    found = reports.spans(blocks, minimum, most)
    assert all(span.ballots >= minimum for span in found)
    assert len(found) <= most
    assert [span.first_block for span in found[1:]] == [span.last_block + 1 for span in found[:-1]]
    assert sum(span.ballots for span in found) == (sum(blocks) if found else 0)
    assert bool(found) == (sum(blocks) >= minimum)


@given(st.dictionaries(st.integers(0, 20), st.integers(0, 60), max_size=12), st.integers(1, 30))
@settings(max_examples=200, deadline=None)
def test_nothing_withheld_can_be_told_from_the_sum(figures: dict[int, int], minimum: int) -> None:
    shown = reports.withhold(figures, minimum)
    assert shown.keys() == figures.keys()
    assert all(figure is None or figure == figures[name] for name, figure in shown.items())
    assert all(figure is None or figure == 0 or figure >= minimum for figure in shown.values())
    hidden = sum(figures[name] for name, figure in shown.items() if figure is None)
    # Where all of them together are too few, their sum is all that there is to say.
    assert hidden == 0 or hidden >= min(minimum, sum(figures.values()))


def test_what_is_large_enough_is_shown() -> None:
    assert reports.withhold({1: 10, 2: 30, 3: 0}, 10) == {1: 10, 2: 30, 3: 0}
    assert reports.withhold({1: 3, 2: 30, 3: 40}, 10) == {1: None, 2: None, 3: 40}


def test_tables_leave_out_what_is_withheld_and_quote_names() -> None:
    district = District(1, {"ky": "=Чүй"}, 20, None, 14, 1, 2, voted=None, revotes=0)
    found = {name: table(replace(REPORT, districts=(district,))) for name, table in tables.FILES.items()}
    assert found["districts.csv"].splitlines()[1] == '1,"\'=Чүй",20,,14,,0,1,2'
    assert found["turnout.csv"] == "first_block,last_block,seen_ms,ballots\r\n3,9,,14\r\n"
    assert all(text.endswith("\r\n") for text in found.values())
    widths = [{len(line.split(",")) for line in text.splitlines()} for text in found.values()]
    assert all(len(width) == 1 for width in widths)


def test_json_carries_verdict_status_and_every_finding() -> None:
    document = json.loads(reports.to_json(replace(REPORT, findings=(PASSED, FAILED))))
    assert (document["verdict"], document["exit_status"]) == ("failed", 1)
    assert [finding["check"] for finding in document["findings"]] == ["ANY-1", "ANY-4"]
    assert document["findings"][1]["culprits"][0]["index"] == 17


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_begins_with_verdict_kind_and_scope(language: str) -> None:
    t = dictionary(language)
    first, second, *rest = reports.to_text(REPORT, t).splitlines()
    assert first == f"{t('report.verdict.verified')} · {t('report.kind.demo')}"
    assert HASH in second
    assert "14" in second
    assert rest[-1] == first


def test_a_failed_check_is_named_with_its_culprit_and_a_command() -> None:
    text = reports.to_text(replace(REPORT, findings=(PASSED, FAILED)), dictionary("en"))
    assert text.startswith("FAILED")
    assert "entry 17" in text
    assert "dobush-audit show record 17" in text


def test_percentages_stand_with_counts_and_base() -> None:
    text = reports.to_text(REPORT, dictionary("en"))
    assert "12 counted ballots" in text
    assert "58.33 %  Асан Үсөнов" in text
    assert reports.percent(0, 0, dictionary("en")) == "–"


def test_names_cannot_move_the_cursor_or_turn_the_line_round() -> None:
    hostile = replace(CONTEST, options=(Option({"en": "\x1b[2J\u202eevil\nVERIFIED"}, 12),))
    text = reports.to_text(replace(REPORT, contests=(hostile,)), dictionary("en"))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.count("\nVERIFIED") == 1  # the last line, which is the program's own


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", '=HYPERLINK("http://x")'])
def test_names_are_no_formulas_in_the_csv(name: str) -> None:
    hostile = replace(CONTEST, options=(Option({"ky": name}, 12),))
    table = tables.results(replace(REPORT, contests=(hostile,)))
    assert table.splitlines()[1].startswith('1,"President",1,"\'')
