"""The documents say what is there: each module has its line, each command in them runs, each link leads somewhere."""

import re
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))


def commands(path: Path) -> list[str]:
    """Return the commands of the page's `sh` blocks, without comments and continuation lines."""
    blocks = re.findall(r"^```sh\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def test_every_module_has_its_line() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    folders = ["crypto", "voting_server", "audit", "trustee_tools", "locales", "demo", "bench"]
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py") if path.name != "__init__.py"]
    found += (ROOT / "crypto/kernel/src").rglob("*.rs")
    for part in ("core", "worker"):
        found += (ROOT / "voter_client/src" / part).rglob("*.ts")
    found += (ROOT / "voter_client/bundle").glob("*.mjs")
    names = sorted(path.relative_to(ROOT).as_posix() for path in found)
    assert [name for name in names if f"`{name}`" not in text] == []


def test_no_line_about_a_file_that_is_gone() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    names = re.findall(r"`((?:crypto|voting_server|audit|trustee_tools|demo|bench|tests)/[\w/.-]+\.(?:py|rs))`", text)
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_readme_shows_commands() -> None:
    assert len(commands(ROOT / "README.md")) >= 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_exist_and_take_their_options(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for command in commands(page):
        program, *words = command.split()
        if program == "make":
            assert {word for word in words if word.islower() and "=" not in word and "-" not in word} <= targets, (
                command
            )
        elif program.startswith("dobush-"):
            assert_takes(Path(sys.executable).parent / program, words, command)


def assert_takes(program: Path, words: list[str], command: str) -> None:
    """Ask the program's own help, at every level of the command, for each option used."""
    path = list(takewhile(re.compile(r"[a-z][a-z-]*").fullmatch, words[:2]))
    shown = subprocess.run([program, *path, "--help"], check=False, capture_output=True, text=True, env=WIDE)
    assert shown.returncode == 0, command
    for option in (word for word in words if word.startswith("--")):
        assert re.search(rf"(?<![\w-]){option.split('=')[0]}(?![\w-])", shown.stdout), f"{command}: no {option}"


WIDE = {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if "://" not in target and not (page.parent / target).exists()] == []


def test_decisions_are_numbered_without_gaps_and_name_their_cost() -> None:
    records = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    texts = {path.name: path.read_text(encoding="utf-8") for path in records}
    wanted = ("\n## Context\n", "\n## Decision\n", "\n## Negative consequences\n")
    assert [name for name, text in texts.items() if any(part not in text for part in wanted)] == []
