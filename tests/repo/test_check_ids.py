"""Every numbered check stands once in the specification, once in the code and once in the attack that it refuses."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECK_ID = re.compile(r"[A-Z][A-Z0-9]*-[0-9]+")
# Names of algorithms that have the form of a check id.
ALGORITHMS = {"P-256", "P-384", "P-521", "SHA-256", "SHA-512"}


def docstrings(tree: ast.Module) -> set[int]:
    """Return the identities of the constants that are docstrings."""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, owners) and node.body]
    return {id(body[0].value) for body in bodies if isinstance(body[0], ast.Expr)}


def literals(folders: list[str]) -> Iterator[str]:
    """Yield each check id that stands as a string literal, as often as it does."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            skipped = docstrings(tree)
            for node in ast.walk(tree):
                text = node.value if isinstance(node, ast.Constant) and id(node) not in skipped else None
                if isinstance(text, str) and CHECK_ID.fullmatch(text) and text not in ALGORITHMS:
                    yield text


def ids_in_specification() -> Counter[str]:
    """Count the ids that open a sentence: `**BALLOT-4** ...`."""
    texts = [path.read_text(encoding="utf-8") for path in ROOT.glob("docs/spec/*.md")]
    return Counter(name for text in texts for name in re.findall(rf"\*\*({CHECK_ID.pattern})\*\*", text))


def ids_in_code() -> Counter[str]:
    """Count the ids in the modules that check."""
    return Counter(literals(["crypto", "audit", "trustee_tools"]))


def ids_in_attacks() -> Counter[str]:
    """Count the ids in the tests that break what the checks protect."""
    return Counter(literals(["tests/attacks"]))


def ids_in_client() -> Counter[str]:
    """Count the ids that stand as string literals in the client's core, which repeats the specification's."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "voter_client/src/core").rglob("*.ts")]
    found = [name for text in texts for name in re.findall(rf'"({CHECK_ID.pattern})"', text)]
    return Counter(name for name in found if name not in ALGORITHMS)


@pytest.mark.parametrize("count", [ids_in_specification, ids_in_code, ids_in_attacks])
def test_an_id_stands_once(count: object) -> None:
    assert callable(count)
    assert {name: times for name, times in sorted(count().items()) if times > 1} == {}


def test_specification_has_checks() -> None:
    assert ids_in_specification()


def test_code_and_specification_have_the_same_checks() -> None:
    specification, code = set(ids_in_specification()), set(ids_in_code())
    assert (sorted(specification - code), sorted(code - specification)) == ([], []), "(only in spec, only in code)"


def test_attacks_and_specification_have_the_same_checks() -> None:
    specification, attacks = set(ids_in_specification()), set(ids_in_attacks())
    assert (sorted(specification - attacks), sorted(attacks - specification)) == ([], []), "(untested, unspecified)"


def test_client_uses_only_checks_of_the_specification_and_each_in_one_place() -> None:
    client = ids_in_client()
    assert sorted(set(client) - set(ids_in_specification())) == []
    assert {name: times for name, times in sorted(client.items()) if times > 1} == {}


def test_client_tests_every_check_that_it_makes() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "voter_client/tests/core").rglob("*.ts")]
    # What needs a hash to be zero, or is asserted for many inputs by their vectors' own names.
    vectors = {"PROOF-5"}
    tested = {name for text in texts for name in re.findall(CHECK_ID.pattern, text)}
    assert sorted(set(ids_in_client()) - tested - vectors) == []


def test_every_shared_id_is_what_an_attack_ends_in() -> None:
    shared = ROOT / "tests/attacks/checks.py"
    names = {node.id for node in ast.walk(ast.parse(shared.read_text(encoding="utf-8"))) if isinstance(node, ast.Name)}
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests/attacks").glob("test_*.py")]
    used = Counter(name for text in texts for name in set(re.findall(r"\b[A-Z][A-Z0-9]*_[0-9]+\b", text)) & names)
    assert {name for name in names if not used[name]} == set()
