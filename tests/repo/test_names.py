"""One name, its files: a page of the specification, its module, its vectors and its unit tests are called the same."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Modules without a page of their own, with the reason.
WITHOUT_PAGE = {
    "crypto/cbor.py": "described in docs/spec/encoding.md, section Bytes, with its vectors",
    "crypto/errors.py": "described in docs/spec/README.md, section Refusals",
}
# Modules of the client's core without a page of their own, with the reason.
CORE_WITHOUT_PAGE = {
    "bytes": "spellings of byte strings",
    "cbor": "described in docs/spec/encoding.md, section Bytes",
    "errors": "described in docs/spec/README.md, section Refusals",
    "election": "puts together what docs/client.md says",
    "opened": "puts together what docs/client.md says",
    "facts": "a verified election as plain values",
    "envelope": "described in docs/spec/entries.md",
    "hashing": "described in docs/spec/transcript.md",
    "suite": "described in docs/spec/group.md",
    "strict": "described in docs/spec/signatures.md",
    "verifying": "described in docs/spec/signatures.md",
    "ed25519": "described in docs/spec/signatures.md",
    "notes": "described in docs/spec/signatures.md",
}
# Pages about what a program adds to the protocol.
PAGES_OF_PROGRAMS = {
    "audit": "audit/verify.py",
    "conformance": "demo/conformance.py",
    "trustee": "trustee_tools/ceremony.py",
}


def modules() -> list[Path]:
    """Return the modules of the protocol, relative to the checkout."""
    found = [*ROOT.glob("crypto/*.py"), *ROOT.glob("crypto/election/*.py"), *ROOT.glob("audit/witness.py")]
    return sorted(path.relative_to(ROOT) for path in found if path.name != "__init__.py")


def pages() -> list[str]:
    """Return the names of the pages of the specification."""
    return sorted(path.stem for path in ROOT.glob("docs/spec/*.md") if path.name not in {"README.md", "checks.md"})


@pytest.mark.parametrize("module", [path.as_posix() for path in modules() if path.as_posix() not in WITHOUT_PAGE])
def test_a_module_has_its_page_vectors_and_unit_tests(module: str) -> None:
    path = Path(module)
    wanted = [
        Path("docs/spec") / f"{path.stem}.md",
        Path("tests/vectors") / f"{path.stem}.json",
        Path("tests/unit") / path.parent / f"test_{path.stem}.py",
    ]
    assert [name.as_posix() for name in wanted if not (ROOT / name).exists()] == []


def test_every_page_has_its_module() -> None:
    names = {path.stem for path in modules()} | {
        name for name in PAGES_OF_PROGRAMS if (ROOT / PAGES_OF_PROGRAMS[name]).exists()
    }
    assert [page for page in pages() if page not in names] == []


def test_every_exception_still_exists() -> None:
    assert [name for name in WITHOUT_PAGE if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("vectors", sorted(path.name for path in ROOT.glob("tests/vectors/*.json")))
def test_vectors_say_where_they_come_from(vectors: str) -> None:
    content = json.loads((ROOT / "tests/vectors" / vectors).read_text(encoding="utf-8"))
    assert isinstance(content, dict), "a file of vectors is an object"
    assert content.get("origin"), "a file of vectors says in `origin` where its values come from"


@pytest.mark.parametrize("path", sorted(ROOT.glob("voter_client/src/core/*.ts")), ids=lambda path: path.stem)
def test_a_module_of_the_clients_core_has_its_page_and_names_it(path: Path) -> None:
    if path.stem in CORE_WITHOUT_PAGE:
        return
    assert path.stem in pages()
    assert f"docs/spec/{path.stem}.md" in path.read_text(encoding="utf-8").partition("*/")[0]


def test_every_exception_of_the_clients_core_still_exists() -> None:
    assert [name for name in CORE_WITHOUT_PAGE if not (ROOT / f"voter_client/src/core/{name}.ts").exists()] == []
