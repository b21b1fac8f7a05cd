"""Every attack has its test, every failure of another election its answer, and the page names what there is."""

import re

from tests.repo.attack_index import ELSEWHERE, LAST, PAGE, ROOT, WITHOUT, files_of, replaced

FAILURES = {*(f"F{number}" for number in range(1, 42)), "F34a", "F34b"}


def test_every_attack_has_its_file() -> None:
    assert [number for number in range(1, LAST + 1) if not files_of(number)] == list(WITHOUT)


def test_no_file_is_of_an_attack_that_is_not_listed() -> None:
    names = {path.name for path in (ROOT / "tests/attacks").glob("test_[0-9]*.py")}
    assert names == {path.name for number in range(1, LAST + 1) for path in files_of(number)}


def test_the_page_is_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == replaced(page), "run: python -m tests.repo.attack_index"


def test_what_the_page_names_is_there() -> None:
    named = re.findall(r"`((?:tests|docs|crypto|bench)/[\w./-]+)`", PAGE.read_text(encoding="utf-8"))
    named += [place for places in ELSEWHERE.values() for place in places]
    assert [place for place in named if not (ROOT / place).exists()] == []


def test_every_failure_has_its_answer() -> None:
    lines = re.findall(r"^\| (F\d+[ab]?) \|.*\| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) == len(FAILURES)
    assert {name for name, _ in lines} == FAILURES
