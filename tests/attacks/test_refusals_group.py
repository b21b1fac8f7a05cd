"""A suite that this protocol does not have."""

import pytest

from crypto.errors import MalformedEncoding
from crypto.group import parse_suite


@pytest.mark.parametrize(
    "name", ["", "RISTRETTO255", "P256-SHA512", "ristretto255-sha512", "P-521", "RISTRETTO255-SHA512 "]
)
def test_unknown_suite(name: str) -> None:
    with pytest.raises(MalformedEncoding) as refusal:
        parse_suite(name)
    assert refusal.value.check == "GROUP-4"
