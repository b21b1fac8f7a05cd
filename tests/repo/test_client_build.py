"""The client's build: the same bytes wherever it is made, every file bound by its hash, none over 12 KB compressed."""

import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "voter_client"
MAX_GZIP_BYTES = 12 * 1024
# Opens from a disk too, so it is one file.
SINGLE = "check/index.html"


def link(source: str, target: str) -> None:
    """Link a file, or copy it where the folder is on another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def build(folder: Path) -> Path:
    """Copy the client's sources and packages into a folder, build there, return what was built."""
    assert (CLIENT / "node_modules").exists(), "the client's packages are missing: run `make client`"
    left_out = shutil.ignore_patterns("node_modules", ".vite*")
    shutil.copytree(CLIENT, folder / "voter_client", ignore=left_out)
    shutil.copytree(CLIENT / "node_modules", folder / "voter_client/node_modules", copy_function=link, symlinks=True)
    shutil.copytree(ROOT / "locales", folder / "locales", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "voting_server").mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TZ": "Asia/Bishkek", "LC_ALL": "C"}
    command = ["node", "bundle/build.mjs"]
    subprocess.run(command, cwd=folder / "voter_client", env=environment, check=True, stdout=subprocess.DEVNULL)
    return folder / "voting_server/client"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build once."""
    return build(tmp_path_factory.mktemp("one"))


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def integrity_of(data: bytes, algorithm: str = "sha384") -> str:
    return f"{algorithm}-" + base64.b64encode(hashlib.new(algorithm, data).digest()).decode()


def test_two_builds_in_folders_of_other_names_are_the_same(built: Path, tmp_path: Path) -> None:
    other = tmp_path / "another place, with spaces"
    other.mkdir()
    first, second = files_of(built), files_of(build(other))
    assert sorted(first) == sorted(second)
    assert [name for name in first if first[name] != second[name]] == []
    told = [name for name, data in first.items() if str(built.parents[1]).encode() in data]
    assert told == [], "a built file names the folder that it was built in"


def test_the_manifest_lists_every_file_with_its_hashes(built: Path) -> None:
    files = files_of(built)
    manifest = json.loads(files.pop("manifest.sri.json"))["files"]
    listed_only_there = [name for name in files if name.endswith("/manifest.sri.json")]
    for name in listed_only_there:
        del files[name]
    assert sorted(manifest) == sorted(files)
    for name, data in files.items():
        digest = hashlib.sha256(data).hexdigest()
        assert manifest[name] == {"integrity": integrity_of(data), "sha256": digest, "size": len(data)}


def test_every_page_is_built(built: Path) -> None:
    pages = {path.stem for path in (CLIENT / "pages").glob("*.html")}
    assert pages == {path.parent.name for path in built.glob("*/index.html")}


def test_every_tag_carries_the_hash_of_its_file(built: Path) -> None:
    for page in built.glob("*/index.html"):
        text = page.read_text(encoding="utf-8")
        if f"{page.parent.name}/index.html" == SINGLE:
            assert 'src="' not in text.partition("<script>")[0]
            continue
        tags = re.findall(r"<(?:script|link)\b[^>]*>", text)
        assert tags
        for tag in tags:
            name = re.search(r'(?:src|href)="([^"]+)"', tag)
            integrity = re.search(r'integrity="([^"]+)"', tag)
            assert name is not None, tag
            assert integrity is not None, tag
            assert integrity[1] == integrity_of((page.parent / name[1]).read_bytes(), "sha256"), tag


def later_of(page: Path) -> dict[str, tuple[str, list[str]]]:
    """Return the files that a page fetches later: by name the hash, and the modules that need it."""
    found = re.search(r'<link rel="later" href="([^"]+)"', page.read_text(encoding="utf-8"))
    rows = json.loads((page.parent / found[1]).read_text(encoding="utf-8")) if found else []
    return {name: (integrity, needed) for name, integrity, needed in rows}


def test_every_file_that_is_fetched_later_is_listed_with_its_hash(built: Path) -> None:
    for page in built.glob("*/index.html"):
        listed = later_of(page)
        for name, (integrity, _) in listed.items():
            assert integrity == integrity_of((page.parent / name).read_bytes(), "sha256"), name
        text = page.read_text(encoding="utf-8")
        others = {path.name for path in page.parent.glob("*.js")} - set(re.findall(r'(?:src|href)="([^"]+)"', text))
        assert others == set(listed), page.parent.name


def imports_of(path: Path) -> list[str]:
    """Return the modules that a built one imports as it loads."""
    return re.findall(r'\b(?:from|import)"\./([^"]+)"', path.read_text(encoding="utf-8"))


def test_no_module_is_asked_for_before_its_hash_is_known(built: Path) -> None:
    for page in built.glob("*/index.html"):
        order = [*re.findall(r'(?:src|href)="([^"]+\.js)"', page.read_text(encoding="utf-8")), *later_of(page)]
        imports = {name: imports_of(page.parent / name) for name in order}
        for name, wanted in imports.items():
            assert set(wanted) <= set(order), f"{page.parent.name}: {name} imports what the page does not list"
            assert [each for each in wanted if name in imports[each]] == [], f"{name} is imported by what it imports"


def test_what_is_needed_later_is_fetched_with_all_that_it_imports(built: Path) -> None:
    for page in built.glob("*/index.html"):
        listed = later_of(page)
        first = set(re.findall(r'(?:src|href)="([^"]+\.js)"', page.read_text(encoding="utf-8")))
        for name, (_, needed) in listed.items():
            for imported in set(imports_of(page.parent / name)) - first:
                assert set(needed) <= set(listed[imported][1]), (page.parent.name, imported, name)


def test_what_the_voters_page_asks_for_later_has_its_name_in_the_list(built: Path) -> None:
    sources = [CLIENT / "src/main.tsx", *(CLIENT / "src/ui").rglob("*.ts*")]
    asked = {name for path in sources for name in re.findall(r'\blater\("([^"]+)"', path.read_text(encoding="utf-8"))}
    asked |= {f"words-{language}-{group}" for language in ("ky", "ru", "en") for group in ("voter", "identity", "rest")}
    assert len(asked) > 9
    assert asked == {name for _, names in later_of(built / "vote/index.html").values() for name in names}


def test_the_first_scripts_come_after_what_they_import(built: Path) -> None:
    for page in built.glob("*/index.html"):
        tags = re.findall(
            r'<(?:script type="module" src|link rel="modulepreload" href)="([^"]+)"', page.read_text("utf-8")
        )
        for place, name in enumerate(tags):
            assert set(imports_of(page.parent / name)) <= set(tags[:place]), name


def test_a_file_costs_little_to_fetch_again(built: Path) -> None:
    sizes = {name: len(gzip.compress(data, 9)) for name, data in files_of(built).items() if name != SINGLE}
    assert {name: size for name, size in sizes.items() if size > MAX_GZIP_BYTES} == {}


def test_nothing_is_evaluated_and_nobody_else_is_asked(built: Path) -> None:
    for name, data in files_of(built).items():
        text = data.decode("utf-8")
        # Preact offers innerHTML; the pages' policy for trusted types refuses it.
        evaluated = r"\beval\(|new Function\(" + ("" if "/preact-" in name else r"|\.innerHTML\s*=")
        assert re.search(evaluated, text) is None, name
        hosts = set(re.findall(r"https?://([a-z0-9.-]+)", text)) - {"www.w3.org", "c2sp.org"}
        assert hosts == set(), (name, hosts)
