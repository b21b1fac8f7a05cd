"""A cell's sums with a pair too few, too many, or a byte off."""

import pytest

from crypto.elgamal import parse_sums
from crypto.errors import MalformedEncoding
from crypto.group import parse_suite
from tests.forger import SUITES


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("pairs", [0, 1, 3])
@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_sums_of_a_wrong_length(suite: str, pairs: int, extra: int) -> None:
    group = parse_suite(suite)
    data = bytes(max(0, 2 * group.element_size * pairs + extra))
    with pytest.raises(MalformedEncoding) as refusal:
        parse_sums(group, data, 2, culprit="cell 4")
    assert (refusal.value.check, refusal.value.culprit) == ("ELGAMAL-1", "cell 4")
