"""Sealing in Chromium, cold and warm, and the sizes of the voter's pages: `python -m bench.client`.

Each cold figure is the first ballot of a fresh page and a fresh worker: nothing is compiled, no table is made. Warm
ones are later ballots of the same worker. The yardstick of the same run: only the ciphertexts, with the curve
library's own products. Writes `bench/results/client.json`.
"""

from __future__ import annotations

import gzip
import re
import subprocess
import tempfile
from collections.abc import Iterator
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


def measure_page() -> Iterator[Figure]:
    """Measure what travels for the first screen, and for everything that a voter of one language can need."""
    page = (BUILT / "index.html").read_text(encoding="utf-8")
    first = {
        "index.html",
        *re.findall(r'<(?:link rel="(?:stylesheet|modulepreload)" href|script [^>]*src)="([^"]+)"', page),
    }
    others = {
        file
        for names, file in re.findall(r'<link rel="later" data-for="([^"]*)" href="([^"]+)"', page)
        if "words-ru" not in names and "words-en" not in names
    }
    others |= {path.name for path in BUILT.glob("core-*.txt")}
    yield Figure("page.first_gzip_kb", weigh(first), "kB")
    yield Figure("page.gzip_kb", weigh(first | others), "kB")
    yield Figure("page.worker_gzip_kb", weigh({path.name for path in BUILT.glob("core-*.txt")}), "kB")
    largest = max(BUILT.iterdir(), key=lambda path: len(gzip.compress(path.read_bytes(), 9)))
    yield Figure("page.largest_file_gzip_kb", weigh({largest.name}), "kB")


def weigh(names: set[str]) -> float:
    """Return the compressed size of files of the voter's page in units of 1,024 bytes."""
    return round(sum(len(gzip.compress((BUILT / name).read_bytes(), 9)) for name in names) / 1024, 1)


def main() -> None:
    """Measure, print, store."""
    figures: list[Figure] = []
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
