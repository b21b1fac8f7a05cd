"""Each limit of the server has the test that tries it at the limit and one beyond, and the settings' page names it."""

import ast

import pytest

from tests.repo.limit_index import FIXED, PAGE, ROOT, TESTS, replaced
from voting_server.plumbing.settings import Limits

ALL = {**TESTS, **FIXED}


def test_every_limit_has_its_test() -> None:
    assert list(TESTS) == list(Limits.model_fields)


@pytest.mark.parametrize("limit", ALL)
def test_the_test_is_there(limit: str) -> None:
    path, name = ALL[limit]
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_page_is_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == replaced(page), "run: python -m tests.repo.limit_index"
