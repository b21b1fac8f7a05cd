"""The table of attacks in `docs/attacks.md`, made from the tests that try them.

`python -m tests.repo.attack_index` writes it between the two marks of the page; a test compares.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/attacks.md"
LAST = 58
WITHOUT = {26: "No shuffle is used: nothing but sums is ever decrypted (`docs/spec/tally.md`)."}
"""Attacks on what this protocol does not have."""
ELSEWHERE = {
    27: ("tests/integration/board/test_witness.py",),
    29: ("tests/integration/board/test_witness.py", "tests/integration/board/test_lying_witnesses.py"),
    30: ("tests/integration/board/test_mark.py", "tests/integration/board/test_recovery.py"),
    33: ("tests/integration/casting/test_two_workers.py",),
    41: ("tests/e2e_browser/test_names.py", "tests/e2e_browser/test_pieces.py"),
    44: ("tests/integration/test_limits.py", "tests/integration/board/test_hostile_peers.py"),
    45: ("tests/integration/faults", "tests/integration/board/test_crashes.py"),
    52: ("tests/e2e_browser/test_check.py", "tests/e2e_browser/test_trust.py"),
}
"""Parts of an attack that are tried by whole programs or in a browser."""
START, END = "<!-- attacks -->\n", "<!-- end -->\n"


def files_of(number: int) -> list[Path]:
    """Return the files of `tests/attacks` that try an attack."""
    return sorted((ROOT / "tests/attacks").glob(f"test_{number:02}_*.py"))


def sentence_of(path: Path) -> str:
    """Return the first line of a test's module documentation, without the attack's number."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    line = re.sub(r"^Attack \d+(, [^:]*)?: ", "", text.splitlines()[0])
    return (line[0].upper() + line[1:]).replace("|", "\\|")


def render() -> str:
    """Return the table."""
    lines = ["| # | attack | tried in |", "|---|---|---|"]
    for number in range(1, LAST + 1):
        if number in WITHOUT:
            lines.append(f"| {number} | {WITHOUT[number]} | – |")
            continue
        found = files_of(number)
        places = [path.relative_to(ROOT).as_posix() for path in found] + list(ELSEWHERE.get(number, ()))
        links = ", ".join(f"[`{place.removeprefix('tests/')}`](../{place})" for place in places)
        lines.append(f"| {number} | {' '.join(map(sentence_of, found))} | {links} |")
    return "\n".join(lines) + "\n"


def replaced(page: str) -> str:
    """Return the page with the table as it is now."""
    before, _, rest = page.partition(START)
    return f"{before}{START}{render()}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
