"""The dictionary: same keys and same fields in three languages, and every numbered check has its claim."""

import json
import re
import string
from pathlib import Path

import pytest

from locales import LANGUAGES, Dictionary, dictionary

ROOT = Path(__file__).resolve().parents[3]
TEXTS = {language: dict(dictionary(language).texts) for language in LANGUAGES}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_a_language_that_is_not_ours_has_no_dictionary() -> None:
    with pytest.raises(KeyError):
        dictionary("de")


def test_a_missing_text_is_an_error_and_not_an_empty_line() -> None:
    with pytest.raises(KeyError):
        dictionary("ky")("report.no.such.text")


def test_a_missing_field_is_an_error() -> None:
    with pytest.raises(KeyError):
        dictionary("ru")("report.entry")


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_languages_have_the_same_keys_and_no_empty_text(language: str) -> None:
    assert TEXTS[language].keys() == TEXTS["en"].keys()
    assert not [key for key, text in TEXTS[language].items() if not text.strip()]


@pytest.mark.parametrize("language", ["ky", "ru"])
def test_a_text_has_the_same_fields_in_all_languages(language: str) -> None:
    assert {key: fields(text) for key, text in TEXTS[language].items()} == {
        key: fields(text) for key, text in TEXTS["en"].items()
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_files_are_in_their_canonical_form(language: str) -> None:
    written = (ROOT / "locales" / f"{language}.json").read_text(encoding="utf-8")
    assert written == json.dumps(TEXTS[language], ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def test_every_check_of_the_specification_has_its_claim_and_its_family_a_method() -> None:
    ids = {
        found
        for page in (ROOT / "docs" / "spec").glob("*.md")
        for found in re.findall(r"\*\*([A-Z]+-[0-9]+)\*\*", page.read_text(encoding="utf-8"))
    }
    claims = {key.removeprefix("check.") for key in TEXTS["en"] if re.fullmatch(r"check\.[A-Z]+-[0-9]+", key)}
    assert claims == ids
    families = {found.rpartition("-")[0] for found in ids}
    assert {f"{part}.{family}" for family in families for part in ("family", "method")} <= TEXTS["en"].keys()


def test_numbers_are_written_as_the_language_writes_them() -> None:
    written = {language: dictionary(language).number(1395513) for language in LANGUAGES}
    assert written == {"ky": "1\u00a0395\u00a0513", "ru": "1\u00a0395\u00a0513", "en": "1,395,513"}


def test_a_name_is_given_in_the_readers_language_or_in_the_first_there_is() -> None:
    t: Dictionary = dictionary("ru")
    assert t.pick({"ky": "Баарына каршы", "ru": "Против всех"}) == ("Против всех", "ru")
    assert t.pick({"ky": "Садыр Жапаров", "ru": ""}) == ("Садыр Жапаров", "ky")
    assert t.pick({}) == ("", "ru")


def test_every_term_says_whether_it_is_confirmed() -> None:
    terms = json.loads((ROOT / "locales" / "terms.json").read_text(encoding="utf-8"))["terms"]
    assert len({term["en"] for term in terms}) == len(terms) > 50
    for term in terms:
        assert all(term[language].strip() for language in LANGUAGES)
        assert {term["ky_status"], term["ru_status"]} <= {"seen", "common", "proposed"}


def test_the_texts_that_a_legal_editor_must_see_are_named_with_their_reason() -> None:
    review = json.loads((ROOT / "locales" / "terms.json").read_text(encoding="utf-8"))["review"]
    assert {key for key in review if key not in TEXTS["en"]} == set()
    assert all(reason.strip() for reason in review.values())
    # The acts of a voter and what says whether a vote counts are never left out.
    assert {"client.cast.go", "client.received.heading", "client.frame.practice"} <= review.keys()
