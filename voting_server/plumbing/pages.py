"""The web pages of a side: a closed list of built files with their headers, and the pins of each first page.

Spec: `docs/operations/pages.md`. The build writes one folder a page under `voting_server/client/`, and the hash of
every file into `manifest.sri.json` beside them; what is not listed there is not served, and what differs from its
hash is not served either. A first page is a template: manifest hash and the addresses of both sides are filled in.

>>> sorted(PAGES)
['board', 'check', 'console', 'vote']
>>> fill(b'<meta name="dobush-manifest" content="">', {"dobush-manifest": "ab"})
b'<meta name="dobush-manifest" content="ab">'
"""

import gzip
import hashlib
import json
import mimetypes
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from voting_server.plumbing.context import Context
from voting_server.plumbing.problems import ProblemError
from voting_server.plumbing.settings import Side

PAGES = frozenset({"vote", "check", "board", "console"})
OF_IDENTITY = frozenset({"vote", "console"})
"""Pages of the ballot side; the identity side serves `vote` alone."""
CLIENT = Path(__file__).resolve().parents[1] / "client"
LIST, FIRST = "manifest.sri.json", "index.html"
_LEAST_GZIP = 256
_HASHED = re.compile(r"[.-][A-Za-z0-9_-]{8,}\.[a-z0-9]+$")
_HEADERS = {
    "Integrity-Policy": "blocked-destinations=(script), endpoints=(csp)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class File:
    """One built file as it goes out."""

    content: bytes
    packed: bytes | None
    kind: str
    cache: str


def load_page(client: Path, page: str) -> Mapping[str, File]:
    """Read a page's files by their names in the list. Raises ProblemError where the page was not built, or changed."""
    folder, start = (client / page).resolve(), f"{page}/"
    try:
        listed = json.loads((client / LIST).read_text(encoding="utf-8"))["files"]
        wanted = {name.removeprefix(start): row["integrity"] for name, row in listed.items() if name.startswith(start)}
        files = {name: (folder / name).read_bytes() for name in wanted}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ProblemError("client-not-built") from None
    for name, content in files.items():
        digest = b64encode(hashlib.sha384(content).digest()).decode()
        if wanted[name] != f"sha384-{digest}" or not (folder / name).resolve().is_relative_to(folder):
            raise ProblemError("client-not-built")
    if FIRST not in files:
        raise ProblemError("client-not-built")
    return {name: _file(name, content) for name, content in files.items()}


def _file(name: str, content: bytes) -> File:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind == "application/javascript":
        kind = f"{kind}; charset=utf-8".replace("application/javascript", "text/javascript")
    cache = "no-cache"
    if name == FIRST:
        cache = "no-store"
    elif _HASHED.search(name):
        cache = "public, max-age=31536000, immutable"
    return File(content, _pack(content), kind, cache)


def _pack(content: bytes) -> bytes | None:
    packed = gzip.compress(content, 9, mtime=0) if len(content) >= _LEAST_GZIP else content
    return packed if len(packed) < len(content) else None


def fill(template: bytes, pins: Mapping[str, str]) -> bytes:
    """Return a first page with its empty `<meta name=… content="">` tags filled in."""
    for name, value in pins.items():
        empty = f'<meta name="{name}" content="">'
        template = template.replace(empty.encode(), f'<meta name="{name}" content="{escape(value)}">'.encode())
    return template


def policy(page: str, first: bytes) -> dict[str, str]:
    """Return the headers that say what a page may do; the check page is one file whose inline parts are named."""
    scripts = styles = "'self'"
    images, camera = "'self' data:", "()"
    if page == "check":
        scripts, styles = _inline(first, "script"), _inline(first, "style")
        images, camera = "'self' data: blob:", "(self)"
    rules = (
        f"default-src 'none'; script-src {scripts}; style-src {styles}; connect-src 'self'; img-src {images}; "
        "worker-src blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types worker-url"
    )
    allowed = (
        f"camera={camera}, microphone=(), geolocation=(), payment=(), usb=(), "
        "publickey-credentials-get=(self), publickey-credentials-create=(self)"
    )
    return {"Content-Security-Policy": rules, "Permissions-Policy": allowed, **_HEADERS}


def _inline(first: bytes, element: str) -> str:
    found = re.findall(rf"<{element}(?:\s[^>]*)?>(.*?)</{element}>".encode(), first, re.DOTALL)
    digests = [b64encode(hashlib.sha256(each).digest()).decode() for each in found if each]
    return " ".join(["'self'", *(f"'sha256-{digest}'" for digest in digests)])


def addresses(settings: Any, side: str) -> dict[str, str]:  # noqa: ANN401 - Settings, or what stands for it in a test
    """Return the addresses of both sides as a page of one side names them; a desk's are below each other."""
    own = "../"
    if settings.side is Side.DESK:
        return {
            "dobush-identity": own if side == "identity" else "../identity/",
            "dobush-ballot": own if side == "ballot" else "../../",
        }
    other = {"dobush-identity": f"{settings.identity_origin}/", "dobush-ballot": f"{settings.ballot_origin}/"}
    return {**other, f"dobush-{side}": own}


def make_pages_router(context: Context, manifest_hash: Callable[[], bytes]) -> APIRouter:
    """Return the routes of a side's pages; `manifest_hash` tells the election's, ProblemError where there is none."""
    router, client = APIRouter(include_in_schema=False), context.settings.client_dir or CLIENT
    loaded: dict[str, tuple[Mapping[str, File], dict[str, str]]] = {}

    def load(page: str) -> tuple[Mapping[str, File], dict[str, str]]:
        if page not in (PAGES if context.side == "ballot" else OF_IDENTITY):
            raise ProblemError("not-found")
        if page not in loaded:
            files = load_page(client, page)
            loaded[page] = files, policy(page, files[FIRST].content)
        return loaded[page]

    def answer(request: Request, file: File, headers: Mapping[str, str]) -> Response:
        fits = file.packed is not None and "gzip" in request.headers.get("accept-encoding", "")
        sent = {**headers, "Cache-Control": file.cache, "Vary": "Accept-Encoding"}
        if fits:
            sent["Content-Encoding"] = "gzip"
        return Response(file.packed if fits else file.content, headers=sent, media_type=file.kind)

    def show(page: str, request: Request) -> Response:
        files, headers = load(page)
        try:
            pin = manifest_hash().hex()
        except ProblemError:
            # The page itself says that there is no election yet.
            pin = ""
        content = fill(files[FIRST].content, {"dobush-manifest": pin, **addresses(context.settings, context.side)})
        return answer(request, _file(FIRST, content), headers)

    def redirect(page: str, request: Request) -> Response:
        load(page)
        return RedirectResponse(f"{request.scope.get('root_path', '')}/{page}/", 308)

    def send(page: str, name: str, request: Request) -> Response:
        files, headers = load(page)
        if name not in files or name == FIRST:
            raise ProblemError("not-found")
        return answer(request, files[name], headers)

    for page in sorted(PAGES if context.side == "ballot" else OF_IDENTITY):
        _add(router, page, show, redirect, send)
    return router


def _add(
    router: APIRouter,
    page: str,
    show: Callable[[str, Request], Response],
    redirect: Callable[[str, Request], Response],
    send: Callable[[str, str, Request], Response],
) -> None:
    @router.api_route(f"/{page}/", methods=["GET", "HEAD"])
    def read_first(request: Request) -> Response:
        return show(page, request)

    @router.api_route(f"/{page}", methods=["GET", "HEAD"])
    def go_to_first(request: Request) -> Response:
        return redirect(page, request)

    @router.api_route(f"/{page}/{{name:path}}", methods=["GET", "HEAD"])
    def read_file(name: str, request: Request) -> Response:
        return send(page, name, request)
