"""What no file may contain: machine paths, registry hosts, oversized modules, words that the terminology replaced."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Written in halves, so that this file passes its own test.
FORBIDDEN = [
    *("../" + "shared", "/wor" + "k/", "/ro" + "ot/", "/ho" + "me/", "/tm" + "p/"),
    *("pypi" + ".org", "python" + "hosted.org", "crates" + ".io", "npmjs" + ".org", "proxy.golang" + ".org"),
    *("deb.debian" + ".org", "maven" + ".org", "rust-lang" + ".org/dist", "--index" + "-url", "--find" + "-links"),
]
LOCKED_SOURCE = 'source = "registry+https://github.com/rust-lang/crates' + '.io-index"'

LINES_IN_A_FILE, LINES_IN_A_FUNCTION = 400, 60
# Hard limits: soft ones are reported, these fail.
HARD_FILE, HARD_FUNCTION = 1200, 120


def tracked() -> list[Path]:
    """Return the files that belong to the project: committed, or new and not ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    return [ROOT / name for name in sorted(set(listed.split("\0"))) if name and (ROOT / name).is_file()]


def python_files() -> list[Path]:
    """Return the project's Python files."""
    return [path for path in tracked() if path.suffix == ".py"]


def test_no_machine_paths_and_no_registry_hosts() -> None:
    found = []
    for path in tracked():
        content = path.read_bytes()
        if b"\0" in content:
            continue
        for number, line in enumerate(content.decode("utf-8").splitlines(), start=1):
            if path.name == "Cargo.lock" and line == LOCKED_SOURCE:
                continue
            found += [f"{path.relative_to(ROOT)}:{number}: {word}" for word in FORBIDDEN if word in line]
    assert found == []


def test_every_locked_requirement_has_its_hashes() -> None:
    for name in ("requirements.txt", "requirements-server.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        assert [line for line in lines if "==" not in line or "--hash=sha256:" not in line] == []


def functions(path: Path) -> list[tuple[str, int]]:
    """Return name and length in lines of each function, without its docstring."""
    lengths = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            doc = node.body[0].end_lineno if ast.get_docstring(node, clean=False) is not None else node.lineno
            lengths.append((node.name, (node.end_lineno or 0) - (doc or 0)))
    return lengths


def test_files_and_functions_stay_small(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files()}
    # A first migration is a list of tables; there is nothing to divide.
    code = [path for path in python_files() if path.relative_to(ROOT).parts[0] != "migrations"]
    long = {(path, name): length for path in code for name, length in functions(path)}
    soft = [f"{path}: {size} lines" for path, size in sizes.items() if size > LINES_IN_A_FILE]
    soft += [
        f"{path.relative_to(ROOT)}: {name} has {size} lines"
        for (path, name), size in long.items()
        if size > LINES_IN_A_FUNCTION
    ]
    with capsys.disabled():
        print("".join(f"\nover the soft limit: {line}" for line in soft))  # noqa: T201 - a report, not a failure
    assert [path.as_posix() for path, size in sizes.items() if size > HARD_FILE] == []
    assert [f"{path}: {name}" for (path, name), size in long.items() if size > HARD_FUNCTION] == []


def replaced_words() -> dict[str, str]:
    """Read the column "not" of the terminology: word that is not used -> the term."""
    words = {}
    for line in (ROOT / "docs/terminology.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| **") and len(cells) > 2:
            term = cells[0].strip("*")
            words.update({word.strip(): term for word in cells[2].split(",") if word.strip()})
    return words


def test_names_come_from_the_terminology() -> None:
    words = replaced_words()
    assert words
    found = []
    for path in python_files():
        relative = path.relative_to(ROOT)
        if relative.parts[0] not in {"crypto", "voting_server", "audit", "trustee_tools"}:
            continue
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        names = {path.stem}
        names |= {node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)}
        names |= {node.arg for node in nodes if isinstance(node, ast.arg)}
        names |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        for name in sorted(names):
            snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
            found += [f"{relative}: {name} ({words[word]})" for word in words if f"_{word}_" in f"_{snake}_"]
    assert found == []


@pytest.mark.parametrize("folder", ["utils", "helpers", "common", "base"])
def test_no_module_without_a_subject(folder: str) -> None:
    assert [str(path) for path in tracked() if folder in {*path.relative_to(ROOT).parts[:-1], path.stem}] == []
