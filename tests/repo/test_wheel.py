"""The wheel works alone: in an empty environment outside the checkout, with the base requirements and nothing else."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from this checkout; the kernel comes from cargo's folder of release builds."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [f"{Path(sys.executable).parent}/maturin", "build", "-q", "--release", "--locked", "--out", f"{folder}"]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(ROOT / "crypto/kernel/target")}
    subprocess.run([*command, "--interpreter", sys.executable], cwd=ROOT, check=True, env=environment)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def empty(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the `bin` of an environment that holds the wheel and links to the base requirements, and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    for name in re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE):
        link_distribution(name, packages)
    pip = [f"{folder}/bin/python", "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "-q", "--no-index", "--no-deps", f"{wheel}"], check=True, cwd=folder)
    subprocess.run([*pip, "check"], check=True, cwd=folder)
    return folder / "bin"


def link_distribution(name: str, packages: Path) -> None:
    """Link what a distribution installed here into another environment: what it is, no registry needed."""
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return  # its marker names another platform
    for part in {file.parts[0] for file in distribution.files or [] if ".." not in file.parts}:
        source, target = Path(str(distribution.locate_file(part))), packages / part
        if part != "__pycache__" and not target.exists():
            target.symlink_to(source)


def test_wheel_holds_what_programs_need_and_no_sources(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    folders = {name.split("/")[0] for name in names}
    code = {"crypto", "voting_server", "migrations", "trustee_tools", "audit", "locales"}
    assert folders == {*code, f"dobush-{PROJECT['version']}.dist-info"}
    assert [name for name in names if name.endswith((".rs", ".toml", ".lock"))] == []
    texts = sorted(name for name in names if name.startswith("locales/") and name.endswith(".json"))
    assert {f"locales/{language}.json" for language in ("en", "ky", "ru")} <= set(texts)
    assert texts == sorted(f"locales/{path.name}" for path in (ROOT / "locales").glob("*.json"))
    assert {name for name in names if "/versions/" in name and name.endswith(".py")}
    assert [name for name in names if "_kernel" in name and name.endswith(".so")] == ["crypto/_kernel.abi3.so"]


def test_wheel_holds_the_built_pages(wheel: Path) -> None:
    folder = ROOT / "voting_server/client"
    assert (folder / "manifest.sri.json").exists(), "the pages are not built: run `make client`"
    built = {path.relative_to(ROOT).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("voting_server/client/")} == built


@pytest.mark.parametrize("program", sorted(PROJECT["scripts"]))
def test_help_runs_outside_the_checkout(program: str, empty: Path, tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "COLUMNS": "100"}
    shown = subprocess.run(
        [empty / program, "--help"], cwd=tmp_path, env=environment, check=False, capture_output=True, text=True
    )
    assert shown.returncode == 0, shown.stderr
    assert "Usage" in shown.stdout
    assert shown.stderr == ""


def test_code_comes_from_the_wheel(empty: Path, tmp_path: Path) -> None:
    script = "import crypto._kernel, audit, trustee_tools; print(crypto.__file__, crypto._kernel.BUILD_PROFILE)"
    shown = subprocess.run([empty / "python", "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True)
    path, profile = shown.stdout.split()
    assert Path(path).is_relative_to(empty.parent)
    assert profile == "release"
