"""`dobush-server`: run a side, migrate its database, check an installation, write blocks.

Spec: `docs/operations/settings.md`. Everything else comes from the environment (`DOBUSH_…`), because a command line can
be read by everybody on the machine. Modules of the server are loaded by the command that needs them.

>>> app.info.name
'dobush-server'
"""

import os
import signal
import sys
import threading
from typing import Annotated, Literal

import typer

app = typer.Typer(name="dobush-server", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

DESK_WARNING = "One process holds both sides: for a desk, a course or a rehearsal, NOT FOR AN ELECTION."
SideOption = Annotated[Literal["identity", "ballot", "desk"], typer.Option(help="What this process serves.")]


@app.command()
def run(
    side: SideOption = "desk",
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at.")] = 8000,
    workers: Annotated[int, typer.Option(help="Worker processes.", min=1, max=256)] = 1,
    uds: Annotated[str | None, typer.Option(help="Unix socket to listen at instead.")] = None,
) -> None:
    """Serve one side (or, at a desk, both)."""
    from voting_server.plumbing import serving  # noqa: PLC0415 - the program's help needs no server

    os.environ["DOBUSH_SIDE"] = side
    if side == "desk":
        typer.echo(DESK_WARNING, err=True)
    sys.exit(serving.serve("voting_server.app:from_environment", host, port, workers, uds))


@app.command()
def sequencer() -> None:
    """Write the log's blocks until told to end (SIGTERM); one at a time, a second one waits for its turn."""
    from voting_server.app import run_sequencer  # noqa: PLC0415
    from voting_server.plumbing.settings import Side, read_settings  # noqa: PLC0415

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    run_sequencer(read_settings(Side.BALLOT), ended)


@app.command()
def worker() -> None:
    """Sign aggregates, fetch time-stamp tokens and BLS certificates until told to end (SIGTERM)."""
    from voting_server.app import run_worker  # noqa: PLC0415
    from voting_server.plumbing.settings import Side, read_settings  # noqa: PLC0415

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    run_worker(read_settings(Side.BALLOT), ended)


@app.command()
def migrate(side: SideOption = "desk") -> None:
    """Bring the database of a side to this version, as its owner."""
    import voting_server.app  # noqa: F401, PLC0415 - declares every table
    from voting_server.plumbing import migration  # noqa: PLC0415
    from voting_server.plumbing.settings import Side, read_settings  # noqa: PLC0415

    migration.migrate_side(read_settings(Side(side)))


@app.command()
def check(side: SideOption = "desk") -> None:
    """Check settings, database, tables, clocks and files of an installation; exit 1 where something is wrong."""
    import voting_server.app  # noqa: F401, PLC0415 - declares every table
    from voting_server.plumbing import migration  # noqa: PLC0415
    from voting_server.plumbing.settings import Side, read_settings  # noqa: PLC0415

    faults = migration.find_faults(read_settings(Side(side)))
    for fault in faults:
        typer.echo(fault)
    typer.echo("nothing is wrong" if not faults else f"{len(faults)} faults")
    sys.exit(1 if faults else 0)


def main() -> None:
    """Run the program."""
    app()
