"""Write `voter_client/src/words/formats.json`: dates and numbers of the three languages as CLDR has them.

Browsers know no Kyrgyz formats and silently show English ones, so that the client takes them from this file, which
Babel makes. Run after an update of Babel; a test compares the file with what Babel says now.

>>> formats("ky")["months"][10], formats("ru")["weekdays"][0]
('ноябрь', 'понедельник')
"""

import json
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import get_date_format, get_day_names, get_month_names, get_period_names, get_time_format

from locales import LANGUAGES

FILE = Path(__file__).resolve().parents[1] / "voter_client" / "src" / "words" / "formats.json"


def formats(language: str) -> dict[str, Any]:
    """Return names and patterns of a language; weekdays begin with Monday."""
    symbols = Locale(language).number_symbols["latn"]
    months, days = get_month_names("wide", "format", language), get_day_names("wide", "format", language)
    periods = get_period_names("abbreviated", "format", language)
    return {
        "date": get_date_format("full", language).pattern,
        "time": get_time_format("short", language).pattern,
        "months": [months[number] for number in range(1, 13)],
        "weekdays": [days[number] for number in range(7)],
        "periods": [periods["am"], periods["pm"]],
        "group": symbols["group"],
        "decimal": symbols["decimal"],
    }


def text() -> str:
    """Return the file's content."""
    content = {language: formats(language) for language in LANGUAGES}
    return json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
