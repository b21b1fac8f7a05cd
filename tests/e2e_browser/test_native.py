"""Signatures that the browser verifies: the vectors' rule in Chromium, and the way of a browser that has no Ed25519."""

import json
import subprocess
from pathlib import Path

from playwright.sync_api import Playwright, Route

from tests.e2e_browser.town import ARGUMENTS, CHROMIUM, ROOT, Town
from tests.e2e_browser.walk import Walk

CLIENT = ROOT / "voter_client"
VECTORS = json.loads((ROOT / "tests/vectors/signatures.json").read_text(encoding="utf-8"))["ed25519"]
# What an older browser says.
WITHOUT = """() => {
  for (const name of ["importKey", "generateKey", "verify", "sign"]) {
    const before = SubtleCrypto.prototype[name];
    SubtleCrypto.prototype[name] = function (...all) {
      const asked = all.some((each) => each === "Ed25519" || each?.name === "Ed25519");
      return asked ? Promise.reject(new DOMException("no Ed25519", "NotSupportedError")) : before.apply(this, all);
    };
  }
}"""


def bundle(folder: Path) -> str:
    """Return the page's verifier as one script."""
    command = [str(CLIENT / "node_modules/.bin/rolldown"), "tests/browser/native.ts", "--format", "iife"]
    subprocess.run([*command, "--log-level", "silent", "-d", str(folder)], cwd=CLIENT, check=True, capture_output=True)
    return (folder / "native.js").read_text(encoding="utf-8")


def test_chromium_accepts_and_refuses_as_the_vectors_say(playwright: Playwright, tmp_path: Path) -> None:
    script = bundle(tmp_path)

    def answer(route: Route) -> None:
        kind = "text/javascript" if route.request.url.endswith(".js") else "text/html"
        body = script if kind == "text/javascript" else '<!doctype html><script src="native.js"></script>'
        route.fulfill(body=body, content_type=kind)

    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
    try:
        page = browser.new_page()
        page.route("**/*", answer)
        page.goto("http://localhost:1/")
        assert page.evaluate("() => canVerify()") is True
        accepted = page.evaluate("(rows) => acceptAll(rows)", VECTORS)
    finally:
        browser.close()
    assert len(VECTORS) > 10
    assert {row["why"]: got for row, got in zip(VECTORS, accepted, strict=True)} == {
        row["why"]: row["valid"] for row in VECTORS
    }


def test_a_browser_without_ed25519_votes_with_the_worker_alone(town: Town) -> None:
    voter = town.voter()
    voter.context.add_init_script(f"({WITHOUT})()")
    walk = Walk(town, voter)
    walk.vote()
    # The code's proof and the check before the ballot needed the worker on both sides.
    for side in ("practice/vote", "practice/identity/vote"):
        assert [each for each in walk.seen if f"/{side}/core-1-" in each.url], side
    assert walk.errors == []
