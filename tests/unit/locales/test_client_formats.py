"""Dates and numbers of the client are those of CLDR, and the committed file is what Babel says."""

import json

import pytest

from locales import LANGUAGES
from tests.make_client_formats import FILE, formats, text


def test_the_committed_formats_are_those_of_babel() -> None:
    assert FILE.read_text(encoding="utf-8") == text()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_all_names(language: str) -> None:
    made = json.loads(FILE.read_text(encoding="utf-8"))[language]
    assert (len(set(made["months"])), len(set(made["weekdays"])), len(made["periods"])) == (12, 7, 2)
    assert made == formats(language)


def test_kyrgyz_is_not_english() -> None:
    made = formats("ky")
    assert (made["group"], made["decimal"], made["months"][0]) == ("\u00a0", ",", "январь")
