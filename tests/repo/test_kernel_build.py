"""The kernel in use is a release build of the Rust files in this checkout, not a debug or stale one."""

import hashlib
from pathlib import Path

import pytest

import crypto._kernel as kernel

CRATE = Path(__file__).resolve().parents[2] / "crypto/kernel"


def digest_sources(crate: Path) -> str:
    """Hash what `build.rs` hashes: each path relative to the crate and its bytes, in the order of the paths."""
    paths = [crate / "Cargo.toml", crate / "Cargo.lock", crate / "build.rs", *crate.glob("src/**/*.rs")]
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda path: path.relative_to(crate).as_posix()):
        name, content = path.relative_to(crate).as_posix().encode(), path.read_bytes()
        digest.update(name + b"\0" + len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()


def test_kernel_is_a_release_build() -> None:
    assert kernel.BUILD_PROFILE == "release"


def test_kernel_is_built_from_these_sources() -> None:
    assert digest_sources(CRATE) == kernel.SOURCES_SHA256, "the kernel is stale: run `make kernel`"


@pytest.mark.parametrize("changed", ["Cargo.toml", "Cargo.lock", "build.rs", "src/lib.rs"])
def test_any_change_of_the_sources_would_be_noticed(changed: str, tmp_path: Path) -> None:
    for path in [CRATE / "Cargo.toml", CRATE / "Cargo.lock", CRATE / "build.rs", *CRATE.glob("src/**/*.rs")]:
        copy = tmp_path / path.relative_to(CRATE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    assert digest_sources(tmp_path) == kernel.SOURCES_SHA256
    with (tmp_path / changed).open("a", encoding="utf-8") as file:
        file.write(" ")
    assert digest_sources(tmp_path) != kernel.SOURCES_SHA256
