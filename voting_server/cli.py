"""`dobush-server`: run a side, migrate its database, check an installation, write blocks.

Spec: `docs/operations/settings.md`. Everything else comes from the environment (`DOBUSH_…`), because a command line can
be read by everybody on the machine. Modules of the server are loaded by the command that needs them.

>>> app.info.name
'dobush-server'
"""

import json
import os
import resource
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from voting_server.elections.remote import Remote

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
    """Sign aggregates, fetch time-stamp tokens and BLS certificates, forget times, until told to end (SIGTERM)."""
    from voting_server.app import run_worker  # noqa: PLC0415
    from voting_server.plumbing.settings import Side, read_settings  # noqa: PLC0415

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    run_worker(read_settings(Side.BALLOT), ended)


@app.command()
def recover(copy: Annotated[Path, typer.Argument(help="A mirror of the log, or its published folder.")]) -> None:
    """Take what a database that was set back has lost from a copy of the log; the sequencer must not run."""
    from voting_server.app import run_recovery  # noqa: PLC0415
    from voting_server.plumbing.settings import Side, read_settings  # noqa: PLC0415

    with _explained():
        typer.echo(f"{run_recovery(read_settings(Side.BALLOT), copy)} entries recovered")


@app.command()
def migrate(side: SideOption = "desk") -> None:
    """Bring the database of a side to this version, as its owner."""
    import voting_server.app  # noqa: F401, PLC0415 - declares every table
    from voting_server.plumbing import migration  # noqa: PLC0415
    from voting_server.plumbing.settings import Side, read_settings  # noqa: PLC0415

    migration.migrate_side(read_settings(Side(side)))


@app.command()
def check(side: SideOption = "desk") -> None:
    """Check databases, tables, clocks and how far the sides are apart; exit 1 where something is wrong."""
    import voting_server.app  # noqa: F401, PLC0415 - declares every table
    from voting_server.plumbing import migration, separation  # noqa: PLC0415
    from voting_server.plumbing.settings import Side, read_settings  # noqa: PLC0415

    settings = read_settings(Side(side))
    separation.mark_redis(settings)
    findings = separation.look(settings)
    faults = [*migration.find_faults(settings), *(each.text for each in findings if each.is_fault)]
    for finding in findings:
        if not finding.is_fault:
            typer.echo(f"warning: {finding.text}")
    for fault in faults:
        typer.echo(fault)
    typer.echo("nothing is wrong" if not faults else f"{len(faults)} faults")
    sys.exit(1 if faults else 0)


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def role(context: typer.Context) -> None:
    """Add, invite, retire and list the people with a role at this installation (`role --help`)."""
    from voting_server.roles.cli import app as program  # noqa: PLC0415

    program(context.args, prog_name="dobush-server role")


# ------------------------------------------------------------------------------------------------- an officer's acts

officer = typer.Typer(no_args_is_help=True, help="An officer's acts, on her own machine with her own key.")
app.add_typer(officer, name="officer")
KeyOption = Annotated[Path, typer.Option(help="Your key file.")]
WordsOption = Annotated[Path | None, typer.Option(help="File with the passphrase; asked for where there is none.")]
KindOption = Annotated[Literal["demo", "practice", "real"], typer.Option(help="The election's kind.")]
HashOption = Annotated[str, typer.Option(help="The manifest hash as published, 64 hexadecimal digits.")]
OutOption = Annotated[Path, typer.Option(help="File to write the entry to.")]


@officer.command(name="key")
def make_key(key: KeyOption, passphrase_file: WordsOption = None) -> None:
    """Make a key file and print the public key for the manifest."""
    from voting_server.voters import key_file  # noqa: PLC0415

    with _explained():
        made = key_file.create(key, _passphrase(passphrase_file))
        typer.echo(made.public_key.hex())


@officer.command(name="sign")
def sign_act(
    entry_type: Annotated[str, typer.Argument(help="Type of the entry.", metavar="TYPE")],
    body: Annotated[Path, typer.Argument(help="Its body in JSON; byte strings in hexadecimal.")],
    kind: KindOption,
    key: KeyOption,
    out: OutOption,
    manifest_hash: HashOption = "00" * 32,
    passphrase_file: WordsOption = None,
) -> None:
    """Sign a new entry as the first of two officers; it is shown as it will stand in the log."""
    from voting_server.elections import acts  # noqa: PLC0415
    from voting_server.voters import key_file  # noqa: PLC0415

    with _explained():
        message = acts.read_body(entry_type, json.loads(body.read_bytes()))
        typer.echo(json.dumps(acts.show_body(entry_type, message.to_bytes()), ensure_ascii=False, indent=2))
        signer = key_file.read(key, _passphrase(passphrase_file))
        out.write_bytes(acts.sign_act(kind, bytes.fromhex(manifest_hash), entry_type, message, signer))


@officer.command(name="countersign")
def countersign_act(
    entry: Annotated[Path, typer.Argument(help="The entry that another officer signed.")],
    kind: KindOption,
    key: KeyOption,
    out: OutOption,
    manifest_hash: HashOption = "00" * 32,
    passphrase_file: WordsOption = None,
) -> None:
    """Put the second signature beside another officer's, after reading what it says."""
    from voting_server.elections import acts  # noqa: PLC0415
    from voting_server.voters import key_file  # noqa: PLC0415

    with _explained():
        raw = entry.read_bytes()
        typer.echo(json.dumps(acts.show_act(raw), ensure_ascii=False, indent=2))
        signer = key_file.read(key, _passphrase(passphrase_file))
        out.write_bytes(acts.countersign_act(kind, bytes.fromhex(manifest_hash), raw, signer))


@officer.command(name="send")
def send_act(
    entry: Annotated[Path, typer.Argument(help="The signed entry.")],
    url: Annotated[str, typer.Argument(help="Address of the ballot side.")],
) -> None:
    """Send an entry to the service and say what it answers; exit 1 where it is refused."""
    import httpx  # noqa: PLC0415

    with _explained():
        headers = {"Content-Type": "application/cbor", "Accept-Language": "en"}
        answer = httpx.post(f"{url.rstrip('/')}/entries", content=entry.read_bytes(), headers=headers, timeout=30)
        typer.echo(json.dumps(answer.json(), ensure_ascii=False, indent=2))
    sys.exit(0 if answer.status_code == 202 else 1)


UrlArgument = Annotated[str, typer.Argument(help="Address of the ballot side.", metavar="URL")]
ProposalArgument = Annotated[int, typer.Argument(help="Number of the act.", metavar="ID", min=1)]


@officer.command(name="list")
def list_proposals(url: UrlArgument, key: KeyOption, passphrase_file: WordsOption = None) -> None:
    """List the acts that wait for a second person, and what became of the others."""
    with _explained():
        for each in _remote(url, key, passphrase_file).proposals():
            signed = ", ".join(f"{signer['name']} ({signer['body']})" for signer in each["signatures"])
            typer.echo(f"{each['id']}\t{each['type']}\t{each['state']}\t{signed}\t{each['note']}")


@officer.command(name="show")
def show_proposal(
    url: UrlArgument, identifier: ProposalArgument, key: KeyOption, passphrase_file: WordsOption = None
) -> None:
    """Show an act as it will stand in the log, decoded on this machine."""
    from voting_server.elections.remote import show  # noqa: PLC0415

    with _explained():
        typer.echo(_in_json(show(*_remote(url, key, passphrase_file).proposal(identifier))))


@officer.command(name="propose")
def propose_act(
    url: UrlArgument,
    entry_type: Annotated[str, typer.Argument(help="Type of the entry.", metavar="TYPE")],
    body: Annotated[Path, typer.Argument(help="Its body in JSON; byte strings in hexadecimal.")],
    kind: KindOption,
    key: KeyOption,
    manifest_hash: HashOption = "00" * 32,
    parts: Annotated[Path | None, typer.Option(help="Of a manifest: JSON list of type and body in base64.")] = None,
    passphrase_file: WordsOption = None,
) -> None:
    """Propose an act with one's own signature; a second officer of another body signs it with `approve`."""
    from voting_server.elections import acts  # noqa: PLC0415

    with _explained():
        message = acts.read_body(entry_type, json.loads(body.read_bytes()))
        typer.echo(_in_json(acts.show_body(entry_type, message.to_bytes())))
        more = json.loads(parts.read_bytes()) if parts else ()
        remote = _remote(url, key, passphrase_file)
        _tell(remote.propose(kind, bytes.fromhex(manifest_hash), entry_type, message, more))


@officer.command(name="approve")
def approve_act(
    url: UrlArgument,
    identifier: ProposalArgument,
    kind: KindOption,
    key: KeyOption,
    manifest_hash: HashOption = "00" * 32,
    passphrase_file: WordsOption = None,
) -> None:
    """Read an act and put one's own signature to it; its type is typed back before anything is signed."""
    from voting_server.elections.acts import ActError  # noqa: PLC0415
    from voting_server.elections.remote import show  # noqa: PLC0415

    with _explained():
        remote = _remote(url, key, passphrase_file)
        found, body = remote.proposal(identifier)
        typer.echo(_in_json(show(found, body)))
        if typer.prompt("Type the act's type to sign it", err=True) != found["type"]:
            raise ActError("nothing was signed")
        _tell(remote.sign(kind, bytes.fromhex(manifest_hash), identifier, body))


@officer.command(name="reject")
def reject_act(
    url: UrlArgument,
    identifier: ProposalArgument,
    reason: Annotated[str, typer.Option(help="Why; the others read it.")],
    key: KeyOption,
    passphrase_file: WordsOption = None,
) -> None:
    """End an act that is not wanted."""
    with _explained():
        _tell(_remote(url, key, passphrase_file).reject(identifier, reason))


@officer.command(name="resend")
def resend_act(
    url: UrlArgument, identifier: ProposalArgument, key: KeyOption, passphrase_file: WordsOption = None
) -> None:
    """Send an act again that both have signed and that came too early."""
    with _explained():
        _tell(_remote(url, key, passphrase_file).send(identifier))


@officer.command(name="ask")
def ask_service(
    url: UrlArgument,
    path: Annotated[str, typer.Argument(help="What is read, for example /live.")],
    key: KeyOption,
    side: Annotated[Literal["identity", "ballot"], typer.Option(help="Which side is asked.")] = "ballot",
    passphrase_file: WordsOption = None,
) -> None:
    """Read something that is open to one's role, as JSON: /live, /roles/trail, at the identity side /rolls."""
    with _explained():
        typer.echo(_in_json(_remote(url, key, passphrase_file, side).call("GET", path)))


def _remote(url: str, key: Path, passphrase_file: Path | None, side: str = "ballot") -> "Remote":
    from voting_server.elections.remote import Remote  # noqa: PLC0415
    from voting_server.plumbing.database import wall_clock_ms  # noqa: PLC0415
    from voting_server.voters import key_file  # noqa: PLC0415

    return Remote(url, key_file.read(key, _passphrase(passphrase_file)), wall_clock_ms, side=side)


def _tell(found: Mapping[str, Any]) -> None:
    """Say what became of an act; exit 1 where the log refused it."""
    typer.echo(_in_json({name: found.get(name) for name in ("id", "type", "state", "note", "check", "leaf")}))
    if found["state"] == "signed":
        raise typer.Exit(1)


def _in_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _passphrase(file: Path | None) -> str:
    """Return the passphrase of a file, or ask for it."""
    if file is not None:
        return file.read_text(encoding="utf-8").strip()
    return str(typer.prompt("Passphrase", hide_input=True, err=True))


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what somebody may do wrong into one line and exit status 2."""
    import httpx  # noqa: PLC0415

    from crypto.errors import DobushError  # noqa: PLC0415
    from voting_server.elections.acts import ActError  # noqa: PLC0415
    from voting_server.voters.key_file import KeyFileError  # noqa: PLC0415

    try:
        yield
    except (ActError, KeyFileError, DobushError, OSError, ValueError, httpx.HTTPError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def registrar(context: typer.Context) -> None:
    """Run the registrar's own program, on her own machine (`registrar --help`)."""
    from voting_server.voters.cli import app as program  # noqa: PLC0415

    program(context.args, prog_name="dobush-server registrar")


def main() -> None:
    """Run the program; a crash leaves no dump, because memory holds keys and who is about to vote."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    app()
