"""Log-in tokens: ours, whole, not too old and not from the future; tracking codes are read strictly."""

import pytest

from crypto.election.ballot import tracking_code
from voting_server.casting.login import TOKEN_LIFE_MS, Tokens
from voting_server.casting.service import parse_code
from voting_server.plumbing.problems import ProblemError

NOW_MS = 1_768_050_000_000
TOKENS = Tokens(bytes(32))


def test_a_token_opens_until_its_end() -> None:
    token = TOKENS.make(NOW_MS)
    assert len(token) == 56
    assert TOKENS.open(token, NOW_MS) == TOKENS.open(token, NOW_MS + TOKEN_LIFE_MS) == token[:16]


@pytest.mark.parametrize("now_ms", [NOW_MS - 1, NOW_MS + TOKEN_LIFE_MS + 1, 0])
def test_a_token_out_of_its_time_is_refused(now_ms: int) -> None:
    with pytest.raises(ProblemError):
        TOKENS.open(TOKENS.make(NOW_MS), now_ms)


@pytest.mark.parametrize("place", range(0, 56, 5))
def test_a_changed_token_is_refused(place: int) -> None:
    token = bytearray(TOKENS.make(NOW_MS))
    token[place] ^= 1
    with pytest.raises(ProblemError):
        TOKENS.open(bytes(token), NOW_MS)


@pytest.mark.parametrize("token", [b"", bytes(24), bytes(56), bytes(57)])
def test_no_token_at_all_is_refused(token: bytes) -> None:
    with pytest.raises(ProblemError):
        TOKENS.open(token, NOW_MS)


def test_another_installations_token_is_refused() -> None:
    with pytest.raises(ProblemError):
        TOKENS.open(Tokens(b"\x01" * 32).make(NOW_MS), NOW_MS)


def test_a_tracking_code_is_read_however_it_is_typed() -> None:
    code = tracking_code(bytes(range(32)))
    for typed in (code, code.lower(), code.replace("-", " "), code.replace("-", "")):
        assert parse_code(typed) == bytes(range(18))


@pytest.mark.parametrize("code", ["", "2" * 35, "2" * 37, "0" * 36, "B" * 36, "é" * 36])
def test_what_is_no_code_is_not_found(code: str) -> None:
    with pytest.raises(ProblemError):
        parse_code(code)
