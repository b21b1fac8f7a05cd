"""The index of numbered checks, made from the specification, the code and the attacks.

`python -m tests.repo.check_index` writes `docs/spec/checks.md`; a test compares the two.
"""

import ast
import re
from pathlib import Path

from tests.repo.test_check_ids import ALGORITHMS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/spec/checks.md"
_ID = r"[A-Z][A-Z0-9]*-[0-9]+"
_INTRODUCTION = """# Index of checks

Every numbered check, where its sentence stands, which function raises it, and which attack it refuses. Made by
`python -m tests.repo.check_index` from the pages, the code and the tests; a test compares. The sentence
here is the first of the rule; the page binds.

"""


def sentences() -> dict[str, tuple[str, str]]:
    """Return for each id its page and the first line of its rule, in the order of the specification's list of pages."""
    found: dict[str, tuple[str, str]] = {}
    order = re.findall(
        r"^\| \[([a-z]+\.md)\]", (ROOT / "docs/spec/README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    for name in order:
        text = (ROOT / "docs/spec" / name).read_text(encoding="utf-8")
        for check, rule in re.findall(rf"\*\*({_ID})\*\* ((?:[^\n]|\n(?![\n*-]|\d+\. ))+)", text):
            words = " ".join(rule.split())
            head = re.split(r"(?<=\.)\s", words)[0]
            found[check] = (name, head.replace("|", "\\|"))
    return found


def places(folder: str) -> dict[str, tuple[str, str]]:
    """Return for each id that stands as a literal below the folder its file and the outermost definition around it."""
    found: dict[str, tuple[str, str]] = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            for part, owner in _definitions(node):
                for inner in ast.walk(part):
                    text = inner.value if isinstance(inner, ast.Constant) else None
                    if isinstance(text, str) and re.fullmatch(_ID, text) and text not in ALGORITHMS:
                        found.setdefault(text, (path.relative_to(ROOT).as_posix(), owner))
    return found


def _definitions(node: ast.stmt) -> list[tuple[ast.AST, str]]:
    """Return a module's statement as the definitions that it consists of, each with the name to look for."""
    if isinstance(node, ast.ClassDef):
        return [(part, f"{node.name}.{getattr(part, 'name', '')}".rstrip(".")) for part in node.body]
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [(node, ", ".join(ast.unparse(target) for target in targets))]
    return [(node, getattr(node, "name", ""))]


def render() -> str:
    """Return the page."""
    rules, attacks = sentences(), places("tests/attacks")
    code = {check: place for folder in ("trustee_tools", "audit", "crypto") for check, place in places(folder).items()}
    lines = ["| check | page | rule | raised in | refused attack |", "|---|---|---|---|---|"]
    for check, (page, rule) in rules.items():
        file, owner = code[check]
        attack, test = attacks[check]
        where = f"[`{owner or Path(file).name}`](../../{file})"
        tried = f"[`{test or Path(attack).name}`](../../{attack})"
        lines.append(f"| {check} | [{page.removesuffix('.md')}]({page}) | {rule} | {where} | {tried} |")
    return _INTRODUCTION + f"{len(rules)} checks.\n\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
