"""The web pages: exactly the built files, with exactly these headers, pinned to the election; nothing else goes out."""

import gzip
import hashlib
import json
from base64 import b64encode
from pathlib import Path
from typing import Any, Literal

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from voting_server.plumbing import problems
from voting_server.plumbing.context import Context
from voting_server.plumbing.pages import OF_IDENTITY, PAGES, make_pages_router
from voting_server.plumbing.problems import ProblemError
from voting_server.plumbing.settings import Settings, Side

PIN = bytes(range(32))
FIRST = (
    '<!doctype html><meta name="dobush-manifest" content=""><meta name="dobush-identity" content="">'
    '<meta name="dobush-ballot" content=""><script type="module" src="assets/a-12345678.js" integrity="x"></script>'
)
SCRIPT = b"export const nothing = 0; " * 40
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "worker-src blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types worker-url"
)


def enlist(folder: Path, files: dict[str, bytes]) -> None:
    """Add files to the list of hashes."""
    path = folder / "manifest.sri.json"
    listed = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"files": {}}
    for name, data in files.items():
        listed["files"][name] = {"integrity": f"sha384-{b64encode(hashlib.sha384(data).digest()).decode()}"}
    path.write_text(json.dumps(listed), encoding="utf-8")


def build(folder: Path, page: str, first: str = FIRST) -> None:
    """Write a page as the build would."""
    (folder / page / "assets").mkdir(parents=True)
    files = {"index.html": first.encode(), "assets/a-12345678.js": SCRIPT, "notice.txt": b"plain"}
    for name, content in files.items():
        (folder / page / name).write_bytes(content)
    enlist(folder, {f"{page}/{name}": data for name, data in files.items()})
    (folder / page / "assets" / "unlisted.js").write_text("0", encoding="utf-8")


def serve(folder: Path, side: Literal["ballot", "desk"] = "ballot", **more: Any) -> TestClient:  # noqa: ANN401
    """Serve the pages of the ballot side, alone or at a desk."""
    settings = Settings(side=Side(side), ballot_database="sqlite://", client_dir=folder, **more)
    app = FastAPI()
    problems.install(app)
    app.include_router(make_pages_router(Context.open(settings, "ballot"), lambda: PIN))
    return TestClient(app)


def identity(folder: Path) -> TestClient:
    """Serve the identity side's pages."""
    settings = Settings(
        side="identity", identity_database="sqlite://", client_dir=folder, ballot_origin="https://ballot.example"
    )
    app = FastAPI()
    problems.install(app)
    app.include_router(make_pages_router(Context.open(settings, "identity"), lambda: PIN))
    return TestClient(app)


def test_the_first_page_is_pinned_and_never_kept(tmp_path: Path) -> None:
    build(tmp_path, "vote")
    answer = serve(tmp_path, identity_origin="https://id.example").get("/vote/")
    assert f'<meta name="dobush-manifest" content="{PIN.hex()}">' in answer.text
    assert '<meta name="dobush-ballot" content="../">' in answer.text
    assert '<meta name="dobush-identity" content="https://id.example/">' in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_a_page_carries_exactly_these_headers(tmp_path: Path) -> None:
    build(tmp_path, "vote")
    headers = serve(tmp_path).get("/vote/").headers
    assert headers["content-security-policy"] == POLICY
    assert headers["integrity-policy"] == "blocked-destinations=(script), endpoints=(csp)"
    for name, wanted in (
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-embedder-policy", "require-corp"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    ):
        assert headers[name] == wanted
    assert headers["permissions-policy"].startswith("camera=(), microphone=()")
    assert "set-cookie" not in headers


def test_a_file_with_its_hash_in_its_name_is_kept_for_ever_and_packed(tmp_path: Path) -> None:
    build(tmp_path, "vote")
    client = serve(tmp_path)
    answer = client.get("/vote/assets/a-12345678.js", headers={"accept-encoding": "gzip"})
    assert answer.content == SCRIPT
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) == len(gzip.compress(SCRIPT, 9, mtime=0))
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    plain = client.get("/vote/assets/a-12345678.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert client.get("/vote/notice.txt").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "/vote/assets/unlisted.js",
        "/vote/manifest.sri.json",
        "/vote/index.html",
        "/vote/../../secret",
        "/vote/%2e%2e/%2e%2e/plumbing/settings.py",
        "/vote//etc/passwd",
    ],
)
def test_nothing_but_the_listed_files_goes_out(tmp_path: Path, path: str) -> None:
    build(tmp_path, "vote")
    assert serve(tmp_path).get(path).status_code == 404


def test_a_page_that_was_not_built_says_so(tmp_path: Path) -> None:
    answer = serve(tmp_path).get("/board/", headers={"accept-language": "en"})
    assert answer.status_code == 503
    assert "make client" in answer.json()["title"]


def test_a_changed_file_is_not_served(tmp_path: Path) -> None:
    build(tmp_path, "vote")
    (tmp_path / "vote" / "assets" / "a-12345678.js").write_bytes(SCRIPT + b"evil")
    assert serve(tmp_path).get("/vote/").status_code == 503


def test_a_list_that_leads_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    build(tmp_path, "vote")
    (tmp_path / "secret").write_bytes(b"key")
    enlist(tmp_path, {"vote/../secret": b"key"})
    assert serve(tmp_path).get("/vote/").status_code == 503


def test_the_identity_side_serves_the_voters_page_alone(tmp_path: Path) -> None:
    for page in PAGES:
        build(tmp_path, page)
    client = identity(tmp_path)
    answer = client.get("/vote/")
    assert '<meta name="dobush-identity" content="../">' in answer.text
    assert '<meta name="dobush-ballot" content="https://ballot.example/">' in answer.text
    assert [client.get(f"/{page}/").status_code for page in sorted(PAGES - OF_IDENTITY)] == [404, 404]


def test_at_a_desk_the_sides_lie_below_each_other(tmp_path: Path) -> None:
    build(tmp_path, "vote")
    text = serve(tmp_path, "desk", data_dir=tmp_path).get("/vote/").text
    assert '<meta name="dobush-identity" content="../identity/">' in text
    assert '<meta name="dobush-ballot" content="../">' in text


def test_the_check_page_names_its_inline_parts_and_may_use_the_camera(tmp_path: Path) -> None:
    build(tmp_path, "check", '<meta name="dobush-manifest" content=""><style>a{}</style><script>let a = 1;</script>')
    headers = serve(tmp_path).get("/check/").headers
    digest = b64encode(hashlib.sha256(b"let a = 1;").digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in headers["content-security-policy"]
    assert headers["permissions-policy"].startswith("camera=(self)")


def test_before_the_election_there_is_a_page_without_a_pin(tmp_path: Path) -> None:
    def none_yet() -> bytes:
        raise ProblemError("no-election")

    build(tmp_path, "vote")
    app = FastAPI()
    settings = Settings(side="ballot", ballot_database="sqlite://", client_dir=tmp_path)
    app.include_router(make_pages_router(Context.open(settings, "ballot"), none_yet))
    assert '<meta name="dobush-manifest" content="">' in TestClient(app).get("/vote/").text


def test_a_path_without_its_slash_leads_on(tmp_path: Path) -> None:
    build(tmp_path, "vote")
    answer = serve(tmp_path).get("/vote", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (308, "/vote/")
