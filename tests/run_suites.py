"""Run the suites of `budget.toml` one after the other and print what each one counted and took.

A suite fails when a test fails, when one was skipped, when none ran, or at its ceiling, where it is interrupted: a test
that hangs must not cost the suites after it. The last line is `N passed, N failed` over all suites.
Usage: `python tests/run_suites.py [SUITE ...]`.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parent.parent
_TEAR_DOWN_S = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one suite came to; `problem` is empty when all is well."""

    name: str
    passed: int
    failed: int
    seconds: float
    problem: str


def run(
    command: Sequence[str | Path],
    ceiling_s: float,
    folder: Path = ROOT,
    environment: dict[str, str] | None = None,
    output: IO[bytes] | None = None,
) -> int:
    """Run a command in a process group of its own; return its exit status. At its ceiling it is interrupted."""
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, start_new_session=True)
    try:
        return process.wait(ceiling_s)
    except subprocess.TimeoutExpired:
        print(f"\ninterrupted at its ceiling of {ceiling_s} s", flush=True)
        os.killpg(process.pid, signal.SIGINT)
        try:
            return process.wait(_TEAR_DOWN_S)
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def count_pytest(suite: dict[str, Any], report: Path) -> tuple[int, int, str]:
    """Run pytest over the suite's paths; return passed, failed and what else went wrong."""
    missing = [path for path in suite["paths"] if not (ROOT / path).exists()]
    if missing:
        return 0, 0, f"{', '.join(missing)} missing"
    workers = ["-n", str(suite["workers"])] if suite["workers"] else ["-p", "no:xdist"]
    command = [sys.executable, "-m", "pytest", "-q", *suite["paths"], *suite.get("options", []), *workers]
    code = run([*command, f"--junit-xml={report}"], suite["ceiling_s"])
    if not report.exists():
        return 0, 0, f"pytest wrote no report (exit status {code})"
    totals = ET.parse(report).getroot().find("testsuite")  # noqa: S314 - pytest wrote it just now
    if totals is None:
        return 0, 0, "pytest's report is empty"
    tests, skipped = int(totals.get("tests", 0)), int(totals.get("skipped", 0))
    failed = int(totals.get("failures", 0)) + int(totals.get("errors", 0))
    passed = max(tests - failed - skipped, 0)
    if skipped:
        return passed, failed, f"{skipped} skipped"
    return passed, failed, f"pytest ended with exit status {code}" if code and not failed else ""


def count_cargo(suite: dict[str, Any], report: Path) -> tuple[int, int, str]:
    """Run the Rust tests in release mode, the profile that is shipped; return what `count_pytest` does."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(ROOT / suite["cargo"] / "target")}
    command = [os.environ.get("CARGO", "cargo"), "test", "--release", "--locked", "--no-fail-fast"]
    with report.open("wb") as file:
        code = run(command, suite["ceiling_s"], ROOT / suite["cargo"], environment, file)
    printed = report.read_text(encoding="utf-8")
    sys.stdout.write(printed)
    lines = re.findall(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", printed, re.MULTILINE)
    passed, failed, ignored = (sum(int(line[column]) for line in lines) for column in range(3))
    if ignored:
        return passed, failed, f"{ignored} ignored"
    return passed, failed, f"cargo ended with exit status {code}" if code and not failed else ""


def count_npm(suite: dict[str, Any], report: Path) -> tuple[int, int, str]:
    """Check the types (each configuration is one test), then run vitest; return what `count_pytest` does."""
    folder = ROOT / suite["npm"]
    bin_folder = folder / "node_modules/.bin"
    if not bin_folder.exists():
        return 0, 0, "its packages are missing: run `make client`"
    configurations = sorted(folder.glob("tsconfig*.json"))
    codes = [subprocess.run([bin_folder / "tsc", "-p", path], check=False).returncode for path in configurations]
    command = [bin_folder / "vitest", "run", "--reporter=default", "--reporter=json", f"--outputFile.json={report}"]
    code = run(command, suite["ceiling_s"], folder)
    if not report.exists():
        return 0, 0, f"vitest wrote no report (exit status {code})"
    totals = json.loads(report.read_text(encoding="utf-8"))
    passed, failed = totals["numPassedTests"] + codes.count(0), totals["numFailedTests"] + len(codes) - codes.count(0)
    skipped = totals["numPendingTests"] + totals["numTodoTests"]
    if skipped:
        return passed, failed, f"{skipped} skipped"
    return passed, failed, f"vitest ended with exit status {code}" if code and not failed else ""


def run_suite(name: str, suite: dict[str, Any], report: Path) -> Outcome:
    """Run one suite and judge it."""
    print(f"\n=== {name}", flush=True)
    started = time.monotonic()
    if "cargo" in suite:
        passed, failed, problem = count_cargo(suite, report)
    elif "npm" in suite:
        passed, failed, problem = count_npm(suite, report)
    else:
        passed, failed, problem = count_pytest(suite, report)
    seconds = time.monotonic() - started
    if not problem and not passed and not failed:
        problem = "no test ran"
    if not problem and seconds > suite["ceiling_s"]:
        problem = f"over its ceiling of {suite['ceiling_s']} s"
    # A suite that went wrong without a failed test must still be seen in the total.
    return Outcome(name, passed, failed or int(bool(problem)), seconds, problem)


def main(wanted: list[str]) -> int:
    """Run the wanted suites (all when none is named); return the exit status."""
    suites = tomllib.loads((ROOT / "tests/budget.toml").read_text(encoding="utf-8"))["suites"]
    unknown = sorted(set(wanted) - set(suites))
    if unknown:
        print(f"no such suite: {', '.join(unknown)}; there are {', '.join(suites)}")
        return 2
    # Ended from outside, it must end what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as folder:
        outcomes = [run_suite(name, suites[name], Path(folder) / f"{name}.xml") for name in wanted or suites]
    print("\nsuite        passed  failed  seconds  ceiling")
    for outcome in outcomes:
        line = f"{outcome.name:<12} {outcome.passed:>6} {outcome.failed:>7} {outcome.seconds:>8.1f}"
        print(f"{line} {suites[outcome.name]['ceiling_s']:>8}  {outcome.problem}".rstrip())
    passed, failed = (sum(getattr(outcome, part) for outcome in outcomes) for part in ("passed", "failed"))
    print(f"\n{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
