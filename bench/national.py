"""What verifying a national election costs: `python -m bench.national [--share 0.01] [--folder F] [--no-dask]`.

Makes the record of `bench/national_record.py` where the folder does not hold it yet, and one of a quarter of it; runs
`dobush-audit verify` over both in processes of its own, start-up included; writes `bench/results/national.json`.
Seconds are wall time, memory is the sum of the peaks of all processes of the audit, the fork server included.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench.figures import RESULTS, Figure, not_measured, show, store
from bench.national_record import Finished, National, measure_tally, require_nothing_else
from demo.programs import command

WORKERS = 2
_LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Timed:
    """One audit: wall seconds, and the peaks of all its processes together in MB."""

    seconds: float
    peak_mb: float


def _tree(pid: int) -> Iterator[int]:
    """Yield a process and all below it."""
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = {child for task in tasks for child in (task / "children").read_text(encoding="ascii").split()}
    except OSError:
        return
    for child in children:
        yield from _tree(int(child))


def _peak_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


@contextmanager
def _watched(process: "subprocess.Popen[bytes]") -> Iterator[dict[int, int]]:
    """Fill a dictionary with the peak of every process of a tree, in KiB, as long as it runs."""
    peaks: dict[int, int] = {}
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK_S):
            for pid in _tree(process.pid):
                peaks[pid] = max(peaks.get(pid, 0), _peak_kib(pid))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield peaks
    finally:
        ended.set()
        looking.join()


def verify(record: Finished, *options: str) -> Timed:
    """Run the auditor's program over a record; SystemExit when it does not verify."""
    report = record.folder / "report.json"
    arguments = ["verify", str(record.record), "--manifest-hash", record.manifest_hash.hex(), "--slots"]
    arguments += [str(record.slots), "--json", str(report), *options]
    started = time.perf_counter()
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen([*command("dobush-audit"), *arguments], stdout=subprocess.DEVNULL, stderr=errors) as run,
    ):
        with _watched(run) as peaks:
            run.wait()
        seconds = time.perf_counter() - started
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    if run.returncode != 0:
        sys.exit(f"the audit of {record.record} ended with {run.returncode}: {said}")
    counted = json.loads(report.read_text(encoding="utf-8"))["numbers"]["ballots_checked"]
    if counted != record.ballots:
        sys.exit(f"{counted} ballots were checked, {record.ballots} were cast")
    return Timed(seconds, sum(peaks.values()) * 1024 / 1e6)


def make_hints(record: Finished) -> Path:
    """Return the hint file beside a record, written once."""
    path = record.folder / "hints.bin"
    if not path.is_file():
        fresh = path.with_suffix(".new")
        subprocess.run(
            [*command("dobush-audit"), "hints", str(record.record), str(fresh)], check=True, capture_output=True
        )
        fresh.replace(path)
    return path


def measure(whole: Finished, quarter: Finished, *, dask: bool) -> Iterator[Figure]:
    """Yield the figures."""
    pool = ["--workers", str(WORKERS)]
    what = f"{whole.ballots:,} ballots in 30 districts and 2,619 units, {WORKERS} processes, start-up included"
    yield Figure("national.ballots", whole.ballots, "ballots", "real proofs, two registrars' and a passkey's signature")
    small = verify(quarter, *pool)
    large = verify(whole, *pool)
    yield Figure("national.verify_s", large.seconds, "s", what)
    yield Figure("national.peak_mb", large.peak_mb, "MB", "peaks of all processes summed, the fork server included")
    ratio = large.seconds / small.seconds * (quarter.ballots * 4 / whole.ballots)
    yield Figure(
        "national.linear_ratio", ratio, "ratio", f"time for {whole.ballots:,} over {quarter.ballots:,} ballots"
    )
    hinted = verify(whole, *pool, "--hints", str(make_hints(whole)))
    yield Figure("national.verify_hinted_s", hinted.seconds, "s", "the same with the hint file of an earlier audit")
    spent = measure_tally(whole)
    yield Figure("national.tally_s", spent, "s", "three trustees' shares of all cells, their proofs, and all totals")
    if not dask:
        yield not_measured("national.dask_ratio", "left out by --no-dask")
        return
    with cluster() as address:
        spread = verify(quarter, "--scheduler", address)
    note = f"{quarter.ballots:,} ballots with two local Dask workers, over the process pool"
    yield Figure("national.dask_ratio", spread.seconds / small.seconds, "ratio", note)


@contextmanager
def cluster() -> Iterator[str]:
    """Run a Dask scheduler and two workers on this machine; yield the scheduler's address."""
    from distributed import LocalCluster  # noqa: PLC0415 -- an extra that other figures do without

    options = {"n_workers": WORKERS, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 40}
    with LocalCluster(**options) as local:  # type: ignore[no-untyped-call]  # it declares no types
        yield local.scheduler_address


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the records, measure, print, store."""
    parser = argparse.ArgumentParser(prog="python -m bench.national", description=__doc__.partition("\n")[0])
    parser.add_argument("--share", type=float, default=1.0, help="part of the country, 0.001 to 1; CI takes 0.01")
    parser.add_argument("--folder", type=Path, help="where records are kept and found again")
    parser.add_argument("--workers", type=int, default=WORKERS, help="processes that write the record")
    parser.add_argument("--only-make", action="store_true", help="write the records and measure nothing")
    parser.add_argument("--no-dask", action="store_true", help="leave the Dask cluster out")
    parser.add_argument("--output", type=Path, default=RESULTS / "national.json", help="where the figures go")
    options = parser.parse_args(arguments)
    if not 0.001 <= options.share <= 1:
        parser.error("a share lies between 0.001 and 1")
    suffix = "" if options.share == 1 else f"-{options.share:g}"
    folder = options.folder or Path(tempfile.gettempdir()) / f"dobush-national{suffix}"
    console = Console()
    records = []
    for place, share in ((folder, options.share), (folder.with_name(f"{folder.name}-quarter"), options.share / 4)):
        require_nothing_else(place)
        with console.status(f"writing {place} …") as status:
            tell = lambda what, done, of: status.update(f"{place}: {what} {done:,} of {of:,}")  # noqa: B023, E731
            records.append(National(place, share, options.workers, tell).make())
        console.print(f"{place}: {records[-1].ballots:,} ballots")
    if options.only_make:
        return
    figures = []
    for figure in measure(records[0], records[1], dask=not options.no_dask):
        figures.append(figure)
        console.log(figure.name, figure.text, highlight=False)
    show(figures, console)
    store(figures, options.output)
    console.print(f"written to {options.output}")


if __name__ == "__main__":
    main()
