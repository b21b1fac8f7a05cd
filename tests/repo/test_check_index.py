"""The index of checks is the one that pages, code and tests make now."""

from tests.repo.check_index import PAGE, places, render, sentences


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python -m tests.repo.check_index"


def test_every_check_is_on_it() -> None:
    rules = sentences()
    assert len(rules) > 100
    assert set(rules) == set(places("tests/attacks"))
