"""The one dictionary of every program: flat keys, one JSON file a language, read from the installed package.

Spec: `docs/terminology.md`; `terms.json` beside the texts says of each word whether it is confirmed. Assumes nothing;
promises that a missing text or a missing field is an error and never an empty string on a screen. Texts hold `{field}`
marks, filled by `str.format`.

>>> dictionary("en")("report.verdict.verified")
'VERIFIED'
>>> LANGUAGES
('ky', 'ru', 'en')
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

LANGUAGES: Final = ("ky", "ru", "en")
"""State language, official language, and the language of most observers; the order in which programs offer them."""


@dataclass(frozen=True, slots=True)
class Dictionary:
    """All texts of one language; call it with a key and the text's fields."""

    language: str
    texts: MappingProxyType[str, str]

    def __call__(self, key: str, /, **fields: object) -> str:
        """Return the text under `key` with its fields filled in; KeyError when the key or a field is missing."""
        return self.texts[key].format_map(fields)

    def __contains__(self, key: str) -> bool:
        """Say whether there is a text under `key`."""
        return key in self.texts

    def number(self, value: int) -> str:
        r"""Write a whole number with the language's group separator, for reading and never for parsing.

        >>> dictionary("en").number(12345), dictionary("ru").number(12345)
        ('12,345', '12\xa0345')
        """
        return f"{value:,}" if self.language == "en" else f"{value:,}".replace(",", "\u00a0")

    def decimal(self, value: float, digits: int) -> str:
        """Write a decimal number with the language's point or comma.

        >>> dictionary("ky").decimal(79.238, 2)
        '79,24'
        """
        return f"{value:.{digits}f}" if self.language == "en" else f"{value:.{digits}f}".replace(".", ",")

    def pick(self, names: dict[str, str]) -> tuple[str, str]:
        """Return (text, language) of a name given in several languages: this language's, else the first non-empty."""
        for language in (self.language, *LANGUAGES):
            if names.get(language):
                return names[language], language
        return "", self.language


@cache
def dictionary(language: str) -> Dictionary:
    """Return the dictionary of `language` (one of LANGUAGES; KeyError otherwise)."""
    if language not in LANGUAGES:
        raise KeyError(language)
    texts = json.loads(files(__name__).joinpath(f"{language}.json").read_text(encoding="utf-8"))
    return Dictionary(language, MappingProxyType(texts))
