"""The core in Chromium under the server's policy: the worker starts from checked pieces, and only from those."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, Route

from crypto.election.ballot import FRAME_CHECKS, tracking_code
from crypto.election.entries import Contest, Manifest, Opening, Seal, parse_entry
from crypto.group import parse_suite
from crypto.merkle import leaf_hash, tile_path
from crypto.proofs import BallotVerifier
from crypto.rules import parse_rule
from crypto.signatures import parse_checkpoint, parse_note
from voting_server.plumbing.pages import policy

ROOT = Path(__file__).resolve().parents[2]
PLACE = "http://localhost:1/"
PROBE = """
import { later } from "../later";
import { fetchPiece, startCore } from "../worker/client";

const bytes = (text: string) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));

async function run(): Promise<unknown> {
  const given = await (await fetch("given.json")).json();
  const core = await startCore(fetchPiece);
  const files = {
    pinned: bytes(given.pinned),
    now_s: 2e9,
    checkpoint: bytes(given.checkpoint),
    places: given.places,
    entries: given.entries.map((raw: string, index: number) => [index, bytes(raw)] as const),
    tiles: given.tiles.map(([path, data]: [string, string]) => [path, bytes(data)] as const),
  };
  const facts = await core.ask("verifyElection", files);
  const style = facts.styles[0]!;
  let steps = 0;
  const sealed = await core.ask(
    "seal",
    {
      style: style.id,
      contests: style.contests.map(({ id }) => id),
      choices: style.contests.map((contest) => Array.from({ length: contest.maximum }, (_, index) => index)),
      pseudonym: new Uint8Array(16),
      number: 1,
      previous: new Uint8Array(32),
      head: facts.head,
      tiles: [],
    },
    () => steps++,
  );
  const refused = await core
    .ask("verifyElection", { ...files, pinned: new Uint8Array(32) })
    .then(() => "", (error) => error.check);
  const opened = await core.ask("open", sealed.hash);
  await core.ask("forget", undefined);
  const gone = await core.ask("open", sealed.hash).then(() => "", (error) => error.name);
  const { extra } = await later("extra", () => import("./extra"));
  const { code } = sealed;
  return { ballot: Array.from(sealed.ballot), code, steps, refused, gone, seed: opened.seed.length, extra };
}

run().then(
  (outcome) => (document.title = JSON.stringify(outcome)),
  (error) => (document.title = JSON.stringify({ failed: String(error) })),
);
"""


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Start Debian's Chromium."""
    started = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--disable-gpu", "--no-first-run"])
    yield started
    started.close()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Build a page that does nothing but ask the core, by the client's own build."""
    folder = tmp_path_factory.mktemp("probe")
    home = folder / "voter_client"
    shutil.copytree(ROOT / "voter_client", home, ignore=shutil.ignore_patterns("node_modules", "tests"))
    (home / "node_modules").symlink_to(ROOT / "voter_client/node_modules")
    (folder / "locales").symlink_to(ROOT / "locales")
    for page in ("vote", "check", "console"):
        (home / f"pages/{page}.html").unlink()
    (home / "src/board/main.tsx").write_text(PROBE, encoding="utf-8")
    (home / "src/board/extra.ts").write_text('export const extra = "came later";\n', encoding="utf-8")
    command = ["node", "bundle/build.mjs", str(folder / "out")]
    subprocess.run(command, cwd=home, check=True, env={**os.environ}, stdout=subprocess.DEVNULL)
    return {path.name: path.read_bytes() for path in (folder / "out/board").iterdir()}


def given() -> tuple[dict[str, object], BallotVerifier]:
    """Return the vectors' record as a client fetches it, and a verifier of its ballots."""
    record = json.loads((ROOT / "tests/vectors/record.json").read_text("utf-8"))
    raws = [base64.b64decode(entry) for entry in record["entries"]]
    entries = [parse_entry(raw) for raw in raws]
    checkpoint = [note for entry in entries if entry.type == "seal" for note in Seal.parse(entry.body).quorum][-1]
    size = parse_checkpoint(parse_note(checkpoint).text).size
    tile = b"".join(leaf_hash(raw) for raw in raws[:size])
    index = {entry.type: place for place, entry in enumerate(entries)}

    def text(data: bytes) -> str:
        return base64.b64encode(data).decode()

    answer: dict[str, object] = {
        "pinned": text(bytes.fromhex(record["manifest_hash"])),
        "checkpoint": text(checkpoint),
        "places": {
            "opening": index["opening"],
            "ceremony": [place for place, entry in enumerate(entries) if entry.type.startswith("ceremony-")],
            "parts": [place for place, entry in enumerate(entries) if entry.type in {"contest", "units"}],
        },
        "entries": [text(raw) for raw in raws[:size]],
        "tiles": [[tile_path(0, 0, size), text(tile)]],
    }
    manifest = Manifest.parse(entries[0].body)
    contests = [Contest.parse(entry.body) for entry in entries if entry.type == "contest"]
    rules = {contest.id: parse_rule(contest.rule) for contest in contests}
    styles = {style.id: [(contest, rules[contest]) for contest in style.contests] for style in manifest.styles}
    key = Opening.parse(entries[index["opening"]].body).key
    manifest_hash = bytes.fromhex(record["manifest_hash"])
    verifier = BallotVerifier(manifest.kind, parse_suite(manifest.suite), manifest_hash, key, styles, FRAME_CHECKS)
    return answer, verifier


def open_probe(browser: Browser, files: dict[str, bytes]) -> tuple[Page, list[str]]:
    """Serve the files under the server's own headers; return the page and what it complained about."""
    answer, _ = given()
    served = {**files, "given.json": json.dumps(answer).encode()}
    kinds = {"html": "text/html", "js": "text/javascript", "css": "text/css", "txt": "text/plain"}
    headers = policy("board", files["index.html"])

    def respond(route: Route) -> None:
        name = route.request.url.removeprefix(PLACE) or "index.html"
        if name not in served:
            route.fulfill(status=404)
            return
        kind = kinds.get(name.rpartition(".")[2], "application/json")
        route.fulfill(body=served[name], headers={**headers, "Content-Type": kind})

    context = browser.new_context()
    context.route("**/*", respond)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(PLACE)
    return page, complaints


def outcome_of(page: Page) -> dict[str, object]:
    page.wait_for_function("() => document.title.startsWith('{')")
    outcome = json.loads(page.title())
    assert isinstance(outcome, dict)
    return outcome


def changed(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_the_core_verifies_and_seals_under_the_policy(browser: Browser, built: dict[str, bytes]) -> None:
    page, complaints = open_probe(browser, built)
    outcome = outcome_of(page)
    page.context.close()
    # The favicon is nobody's.
    assert [each for each in complaints if "404" not in each] == []
    assert "failed" not in outcome, outcome
    _, verifier = given()
    ballot = outcome["ballot"]
    assert isinstance(ballot, list)
    assert verifier.verify([bytes(ballot)]) == [None]
    assert len(str(outcome["code"])) == len(tracking_code(bytes(32)))
    assert (outcome["refused"], outcome["gone"], outcome["seed"]) == ("RECORD-3", "Misuse", 32)
    assert outcome["extra"] == "came later"
    assert 1 < int(str(outcome["steps"])) <= 101


def test_a_changed_piece_of_the_worker_starts_nothing(browser: Browser, built: dict[str, bytes]) -> None:
    pieces = sorted(name for name in built if name.endswith(".txt"))
    assert len(pieces) > 1
    for name in (pieces[0], pieces[-1]):
        page, _ = open_probe(browser, {**built, name: changed(built[name], 40)})
        assert "TypeError" in str(outcome_of(page)["failed"])
        page.context.close()


def test_a_changed_module_is_not_run(browser: Browser, built: dict[str, bytes]) -> None:
    (name,) = (name for name in built if name.startswith("board-main"))
    page, complaints = open_probe(browser, {**built, name: built[name] + b"\n"})
    # Modules are run, or refused, before the page counts as loaded.
    assert page.title() == "Dobush"
    assert any("integrity" in each.lower() for each in complaints)
    page.context.close()


def test_a_changed_module_that_comes_later_is_not_run(browser: Browser, built: dict[str, bytes]) -> None:
    (name,) = (name for name in built if name.startswith("extra"))
    page, _ = open_probe(browser, {**built, name: built[name].replace(b"came later", b"came forged")})
    assert "failed" in outcome_of(page)
    page.context.close()
