"""The identity side of a simulated election, before and after the freeze of its roll."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import House, open_house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Return an identity side that knows its election and no roll."""
    with open_house(tmp_path) as made:
        yield made


@pytest.fixture
def frozen(house: House) -> House:
    """Return an identity side whose roll is frozen, with two registrars."""
    house.freeze()
    return house
