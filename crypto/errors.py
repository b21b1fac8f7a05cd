"""The refusals of the protocol, by whose fault they are.

Spec: `docs/spec/README.md`, section "Refusals". Nothing here does anything; every other module raises these types, and
a program maps them to an exit status or an HTTP status in exactly one place.

>>> str(Refused("BALLOT-4", "the number is not the last one plus one", culprit="pseudonym 00ff"))
'BALLOT-4: the number is not the last one plus one (pseudonym 00ff)'
"""


class DobushError(Exception):
    """Root of all errors that this project raises on purpose."""


class Refused(DobushError):
    """A message or object failed a numbered check.

    `check` is the check id of `docs/spec/`, `reason` one plain sentence without secrets, `culprit` names the object or
    the person at fault as far as it is known ("trustee 3", "entry 17").
    """

    def __init__(self, check: str, reason: str, *, culprit: str = "") -> None:
        """Keep the three parts apart, so that a report never has to parse a sentence."""
        super().__init__(check, reason, culprit)
        self.check = check
        self.reason = reason
        self.culprit = culprit

    def __reduce__(self) -> "tuple[object, tuple[type[Refused], str, str, str]]":
        """Let a worker process hand a refusal back whole."""
        return _rebuild, (type(self), self.check, self.reason, self.culprit)

    def __str__(self) -> str:
        """Return check, reason and culprit as one line."""
        tail = f" ({self.culprit})" if self.culprit else ""
        return f"{self.check}: {self.reason}{tail}"


def _rebuild(kind: type[Refused], check: str, reason: str, culprit: str) -> Refused:
    return kind(check, reason, culprit=culprit)


class MalformedEncoding(Refused):
    """Bytes that are not the one valid encoding of anything."""


class Misuse(DobushError):
    """The caller broke a function's contract: a programming error, never the fault of outside input."""
