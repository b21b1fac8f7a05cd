"""Published figures are subtracted from one another until they speak about a few people, or one."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.election.tally import Cell, form_cells

MINIMUM = 5


@st.composite
def draw_tree(draw: st.DrawFn) -> tuple[dict[int, list[int]], dict[int, int]]:
    """Draw a tree of up to 40 units under unit 0, and the counted ballots of its leaves."""
    children: dict[int, list[int]] = {}
    size = draw(st.integers(1, 40))
    for unit in range(1, size):
        children.setdefault(draw(st.integers(0, unit - 1)), []).append(unit)
    leaves = [unit for unit in range(size) if unit not in children]
    return children, {leaf: draw(st.one_of(st.integers(0, MINIMUM), st.integers(0, 30))) for leaf in leaves}


@given(draw_tree())
def test_cells_are_a_partition_and_none_is_under_the_minimum(
    tree: tuple[dict[int, list[int]], dict[int, int]],
) -> None:
    children, counted = tree
    finished, residual = form_cells(0, children, counted, MINIMUM)
    cells = [*finished, residual]
    assert sorted(unit for cell in cells for unit in cell.units) == sorted(counted)
    assert all(cell.ballots == sum(counted[unit] for unit in cell.units) for cell in cells)
    assert all(cell.ballots >= MINIMUM for cell in finished)
    assert residual.ballots == 0 or (residual.ballots < MINIMUM and not finished)


@given(draw_tree())
def test_no_sum_or_difference_of_published_figures_speaks_about_fewer_than_the_minimum(
    tree: tuple[dict[int, list[int]], dict[int, int]],
) -> None:
    """Whatever set of people a combination of published figures is about, it is a union of whole cells."""
    children, counted = tree
    finished, _ = form_cells(0, children, counted, MINIMUM)
    published = [set(cell.units) for cell in finished]
    for left, right in combinations(published, 2):
        assert not left & right
    for size in range(1, min(len(finished), 3) + 1):
        for some in combinations(finished, size):
            assert sum(cell.ballots for cell in some) >= MINIMUM


@given(draw_tree())
def test_the_partition_does_not_depend_on_the_order_of_children(
    tree: tuple[dict[int, list[int]], dict[int, int]],
) -> None:
    children, counted = tree
    turned = {unit: list(reversed(parts)) for unit, parts in children.items()}
    assert form_cells(0, children, counted, MINIMUM) == form_cells(0, turned, counted, MINIMUM)


@pytest.mark.parametrize("small", range(1, MINIMUM))
def test_a_parent_and_all_children_but_one_are_never_published(small: int) -> None:
    finished, residual = form_cells(0, {0: [1, 2, 3]}, {1: small, 2: 20, 3: 9}, MINIMUM)
    assert finished == (Cell((1, 3), small + 9), Cell((2,), 20))
    assert residual == Cell((), 0)
