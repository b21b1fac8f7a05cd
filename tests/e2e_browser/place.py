"""Places in memory that a browser visits: built pages under the server's headers, a log's files, and other answers.

No port is opened. `visit` answers everything that a browser context asks; what belongs to no place is refused, noted.
"""

from __future__ import annotations

import json
import mimetypes
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, Route

from voting_server.plumbing.pages import FIRST, fill, load_page, policy

ROOT = Path(__file__).resolve().parents[2]
AXE = (ROOT / "voter_client/node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
LANGUAGES = ("ky", "ru", "en")
_PUBLIC = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
# White around a code, and screen points a module: enough for a camera.
_QUIET, _SCALE = 2, 6


@dataclass
class Place:
    """One origin. `log` are the files below /log/; `get` may give others, made when they are asked for."""

    url: str
    log: Mapping[str, bytes]
    client: Path | None = None
    pin: bytes = b""
    get: Callable[[str], bytes | None] = lambda _: None
    asked: list[str] = field(default_factory=list)
    sent: int = 0

    def answer(self, route: Route) -> None:
        """Answer one request of a browser."""
        address = urlsplit(route.request.url)
        path = address.path.removeprefix("/") + (f"?{address.query}" if address.query else "")
        self.asked.append(path)
        page, _, name = address.path.removeprefix("/").partition("/")
        if page in {"check", "board"} and self.client is not None:
            self._show(route, self.client, page, name)
            return
        data = self.log.get(path.removeprefix("log/")) if path.startswith("log/") else None
        data = self.get(path) if data is None else data
        self.sent += len(data or b"")
        if data is None:
            route.fulfill(status=404, headers=_PUBLIC)
        else:
            route.fulfill(body=data, headers={**_PUBLIC, "Content-Type": "application/octet-stream"})

    def _show(self, route: Route, client: Path, page: str, name: str) -> None:
        files = load_page(client, page)
        found = files.get(name or FIRST)
        if found is None:
            route.fulfill(status=404)
            return
        content, kind = found.content, mimetypes.guess_type(name or FIRST)[0] or "text/plain"
        if not name:
            content = fill(content, {"dobush-manifest": self.pin.hex()})
        route.fulfill(body=content, headers={**policy(page, files[FIRST].content), "Content-Type": kind})


def visit(context: BrowserContext, *places: Place) -> list[str]:
    """Let a context reach these places and no other; return the list in which every other address is noted."""
    elsewhere: list[str] = []

    def respond(route: Route) -> None:
        place = next((each for each in places if route.request.url.startswith(f"{each.url}/")), None)
        if place is None:
            elsewhere.append(route.request.url)
            route.abort()
        else:
            place.answer(route)

    context.route("http://**/*", respond)
    context.route("https://**/*", respond)
    return elsewhere


def faults(page: Page) -> list[tuple[str, list[str]]]:
    """Return what axe-core finds on a page."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [(each["id"], [node["html"][:100] for node in each["nodes"]]) for each in found["violations"]]


def is_narrow(page: Page) -> bool:
    """Tell whether nothing sticks out of the window to the side."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


# ------------------------------------------------------------------------------------------------------------- QR codes


@cache
def qr(text: str) -> tuple[tuple[bool, ...], ...]:
    """Return a QR code's modules, made by the client's own library."""
    script = "import encodeQR from 'qr'; process.stdout.write(JSON.stringify(encodeQR(process.argv[1], 'raw')))"
    command = ["node", "--input-type=module", "-e", script, text]
    done = subprocess.run(command, cwd=ROOT / "voter_client", check=True, capture_output=True)
    return tuple(tuple(bool(module) for module in row) for row in json.loads(done.stdout))


def _rows(text: str) -> list[bytes]:
    """Return the code as rows of grey, white around it."""
    modules = qr(text)
    width = (len(modules) + 2 * _QUIET) * _SCALE
    empty = [b"\xff" * width] * (_QUIET * _SCALE)
    side = b"\xff" * (_QUIET * _SCALE)
    rows = [side + b"".join((b"\x10" if dark else b"\xff") * _SCALE for dark in row) + side for row in modules]
    return [*empty, *(row for row in rows for _ in range(_SCALE)), *empty]


def picture_of(text: str) -> bytes:
    """Return a picture (BMP, grey as 24 bits) of a QR code."""
    rows = _rows(text)
    width, height = len(rows[0]), len(rows)
    padding = bytes(-3 * width % 4)
    pixels = b"".join(b"".join(bytes((grey,)) * 3 for grey in row) + padding for row in reversed(rows))
    head = b"BM" + (54 + len(pixels)).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little")
    sizes = width.to_bytes(4, "little") + height.to_bytes(4, "little")
    info = (40).to_bytes(4, "little") + sizes + (1).to_bytes(2, "little") + (24).to_bytes(2, "little") + bytes(24)
    return head + info + pixels


def film_of(text: str) -> bytes:
    """Return a film (YUV4MPEG2) in which a QR code stands still before the camera."""
    width, height = 640, 480
    rows = _rows(text)
    left, top = (width - len(rows[0])) // 2, (height - len(rows)) // 2
    lines = [b"\xeb" * left + row.replace(b"\xff", b"\xeb") + b"\xeb" * (width - left - len(row)) for row in rows]
    luma = b"\xeb" * (width * top) + b"".join(lines) + b"\xeb" * (width * (height - top - len(rows)))
    frame = b"FRAME\n" + luma + b"\x80" * (width * height // 2)
    return b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420jpeg\n" + frame * 5
