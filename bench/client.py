"""Sealing in Chromium, cold and warm, and the sizes of the voter's pages: `python -m bench.client`.

Each cold figure is the first ballot of a fresh page and a fresh worker: nothing is compiled, no table is made. Warm
ones are later ballots of the same worker. The yardstick of the same run: only the ciphertexts, with the curve
library's own products. `machine.load_1min` says how busy the machine was. Writes `bench/results/client.json`.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, Route, sync_playwright
from rich.console import Console

from bench.figures import RESULTS, Figure, show, store

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "voter_client"
BUILT = ROOT / "voting_server/client/vote"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
OPTIONS = (3, 18, 54, 500)
COLD_RUNS, WARM_RUNS = 5, 9
PLACE = "http://localhost:1/"
LANGUAGES = ("ky", "ru", "en")

_RUN = """async (tasks) => {
  const worker = new Worker("sealing.js");
  const times = [];
  for (const task of tasks) {
    times.push(await new Promise((resolve, reject) => {
      worker.onmessage = (event) => resolve(event.data);
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage(task);
    }));
  }
  worker.terminate();
  return times;
}"""


def bundle(folder: Path) -> str:
    """Return the benchmark's worker as one minified script, as the build makes the client's."""
    rolldown = SOURCE / "node_modules/.bin/rolldown"
    options = ["--format", "iife", "--minify", "--log-level", "silent", "-d", str(folder)]
    subprocess.run([rolldown, "bench/sealing.ts", *options], cwd=SOURCE, check=True, stdout=subprocess.DEVNULL)
    return (folder / "sealing.js").read_text(encoding="utf-8")


def run_fresh(browser: Browser, script: str, tasks: list[dict[str, Any]]) -> list[float]:
    """Run tasks one after the other in the worker of a fresh page; return their times in milliseconds."""

    def answer(route: Route) -> None:
        if route.request.url.endswith(".js"):
            route.fulfill(body=script, content_type="text/javascript")
        else:
            route.fulfill(body="<!doctype html><title>sealing</title>", content_type="text/html")

    context = browser.new_context()
    try:
        context.route("**/*", answer)
        page = context.new_page()
        page.goto(PLACE)
        times = page.evaluate(_RUN, tasks)
    finally:
        context.close()
    return [float(time) for time in times]


def measure_sealing(browser: Browser, script: str) -> Iterator[Figure]:
    """Measure one contest of each number of options, then the yardstick."""
    for rule, name in (("one", "seal"), ("some", "seal.some")):
        for options in OPTIONS:
            task = {"what": "seal", "rule": rule, "options": options}
            runs = [run_fresh(browser, script, [task]) for _ in range(COLD_RUNS)]
            yield Figure(f"{name}.{options}.cold_ms", round(median(run[0] for run in runs), 1), "ms")
            warm = run_fresh(browser, script, [task] * (WARM_RUNS if options < 100 else 3))[1:]
            yield Figure(f"{name}.{options}.warm_ms", round(median(warm), 1), "ms")
    for options in (18, 54):
        task = {"what": "library", "rule": "one", "options": options}
        runs = [run_fresh(browser, script, [task]) for _ in range(COLD_RUNS)]
        yield Figure(f"library.encrypt.{options}.cold_ms", round(median(run[0] for run in runs), 1), "ms")


@dataclass(frozen=True)
class Pages:
    """The voter's page as it was built: which files are fetched when."""

    folder: Path
    first: frozenset[str]
    list_name: str
    later: Mapping[str, frozenset[str]]

    def needed(self, *names: str) -> frozenset[str]:
        """Return the files that modules of these names need beyond the first ones."""
        return frozenset(file for file, modules in self.later.items() if modules & set(names)) - self.first

    def before_ballot(self, language: str) -> frozenset[str]:
        """Return what the ballot's side sends before it shows the first ballot, on a phone that is ready for a key."""
        return self.first | {self.list_name} | self.needed("way", "record", f"words-{language}-voter")

    def identification(self, language: str) -> frozenset[str]:
        """Return what the identity side, another host, sends until the phone has its key."""
        words = (f"words-{language}-voter", f"words-{language}-identity")
        return self.first | {self.list_name} | self.needed("way", "identity", *words)

    def afterwards(self, language: str) -> frozenset[str]:
        """Return what comes while the ballot is marked: the rest of the pages, and the worker that seals."""
        pieces = {path.name for path in self.folder.glob("core-*.txt")}
        whole = self.needed("voting", "core", "qr", f"words-{language}-rest") | pieces
        return whole - self.before_ballot(language)

    def weigh(self, names: Iterable[str]) -> int:
        """Return the compressed size of files in bytes."""
        return sum(len(gzip.compress((self.folder / name).read_bytes(), 9)) for name in names)


def read_pages(folder: Path) -> Pages:
    """Read which files the voter's page names, and its list of what is fetched later."""
    page = (folder / "index.html").read_text(encoding="utf-8")
    first = re.findall(r'<(?:link rel="(?:stylesheet|modulepreload)" href|script [^>]*src)="([^"]+)"', page)
    (name,) = re.findall(r'<link rel="later" href="([^"]+)"', page)
    rows = json.loads((folder / name).read_text(encoding="utf-8"))
    return Pages(folder, frozenset({"index.html", *first}), name, {row[0]: frozenset(row[2]) for row in rows})


def measure_page() -> Iterator[Figure]:
    """Measure what travels for the first screen, before a ballot and afterwards; of three languages the most."""
    pages = read_pages(BUILT)

    def most(files: Callable[[str], frozenset[str]]) -> int:
        return max(pages.weigh(files(language)) for language in LANGUAGES)

    yield Figure("page.first_gzip_kb", in_kb(pages.weigh(pages.first)), "kB")
    yield Figure("page.gzip_kb", in_kb(most(pages.before_ballot)), "kB")
    yield Figure("page.identity_gzip_kb", in_kb(most(pages.identification)), "kB")
    yield Figure("page.afterwards_gzip_kb", in_kb(most(pages.afterwards)), "kB")
    yield Figure("page.worker_gzip_kb", in_kb(pages.weigh(path.name for path in BUILT.glob("core-*.txt"))), "kB")
    yield Figure("page.largest_file_gzip_kb", in_kb(max(pages.weigh([path.name]) for path in BUILT.iterdir())), "kB")


def in_kb(size: int) -> float:
    """Return bytes in units of 1,024."""
    return round(size / 1024, 1)


def main() -> None:
    """Measure, print, store."""
    figures = [Figure("machine.load_1min", round(os.getloadavg()[0], 1), "waiting processes")]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        script = bundle(Path(folder))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            figures += measure_sealing(browser, script)
        finally:
            browser.close()
    figures += measure_page()
    show(figures, Console())
    store(figures, RESULTS / "client.json")


if __name__ == "__main__":
    main()
