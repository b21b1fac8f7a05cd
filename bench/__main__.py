"""Run the benchmarks: `python -m bench [--only PATTERN] [--audit-ballots N] [--no-peers]`.

Prints one table and writes `bench/results/crypto.json`, a list of {name, value, unit}. A figure that could not be
measured stands there with the value null and the reason.
"""

import argparse
import fnmatch
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console

from bench.figures import RESULTS, Figure, show, store


def groups(audit_ballots: int) -> dict[str, Callable[[], Iterator[Figure]]]:
    """Return the groups of figures in their order; each is imported only when it runs."""

    def points_and_ballots() -> Iterator[Figure]:
        from bench.ballots import measure_ballots  # noqa: PLC0415 -- a group that is not asked for need not load
        from bench.points import PointFigures, measure_points  # noqa: PLC0415

        measured = PointFigures()
        yield from measure_points(measured)
        yield from measure_ballots(measured)

    def signatures() -> Iterator[Figure]:
        from bench.signing import measure_signatures  # noqa: PLC0415

        yield from measure_signatures()

    def audit() -> Iterator[Figure]:
        from bench.auditing import measure_audit  # noqa: PLC0415

        yield from measure_audit(audit_ballots)

    def peers() -> Iterator[Figure]:
        from bench.peers import measure_peers  # noqa: PLC0415

        yield from measure_peers()

    return {"ballots": points_and_ballots, "signatures": signatures, "audit": audit, "peers": peers}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--only", metavar="PATTERN", default="*", help="groups to run: ballots, signatures, audit, peers"
    )
    parser.add_argument("--audit-ballots", metavar="N", type=int, default=100_000, help="ballots of the audited record")
    parser.add_argument("--no-peers", action="store_true", help="leave out other people's programs")
    parser.add_argument("--output", type=Path, default=RESULTS / "crypto.json", help="where the figures go")
    options = parser.parse_args(arguments)
    console = Console()
    figures: list[Figure] = []
    for name, measure in groups(options.audit_ballots).items():
        if not fnmatch.fnmatch(name, options.only) or (name == "peers" and options.no_peers):
            continue
        with console.status(f"measuring {name} …"):
            for figure in measure():
                figures.append(figure)
                console.log(figure.name, figure.text, highlight=False)
    show(figures, console)
    store(figures, options.output)
    console.print(f"written to {options.output}")


if __name__ == "__main__":
    main()
