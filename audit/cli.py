"""`dobush-audit`: check an election's record, look into it, check a receipt. Only this module wires the parts.

Spec: `docs/operations/audit.md`. Exit status: 0 verified, 1 a check failed, 2 wrong usage, 3 nothing failed but a
required check was not run. Everything works without a network.
"""

import json
import os
import re
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from audit import client as served_client
from audit import fetch, findings, lookup, page, report, resume, verify
from audit.fork import judge
from audit.keeping import StateFile, keep_notes
from audit.mirror import Mirror, keep, read_url
from audit.processes import Processes, usable_cores
from audit.serve import WitnessKeys, WitnessServer, open_keys, serve_copy
from crypto.errors import MalformedEncoding, Misuse, Refused
from crypto.signatures import VerifierKey, parse_verifier_key
from locales import Dictionary, dictionary

if TYPE_CHECKING:
    from audit.spread import Cluster

_EXAMPLES: Final = """Examples:

  dobush-audit verify record --manifest-hash 5f0c… --slots figures.json --html report.html

  dobush-audit verify record --manifest-hash 5f0c… --slots figures.json --json - --lang ky

The manifest hash and the slots per district come from outside the record: a newspaper, the commission's protocol, an
observer. Without them the audit cannot say which election it checked, and says so (exit status 3).

Exit status: 0 verified, 1 a check failed, 2 wrong usage, 3 a required check was not run.
"""

_LOOK_S: Final = 60.0

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Check an election's whole record on your own computer, without a network and without trusting its origin.",
    epilog="Example:\n\n  dobush-audit verify record --manifest-hash 5f0c… --slots figures.json --html report.html",
)


class Language(StrEnum):
    """Languages of the reports."""

    KY = "ky"
    RU = "ru"
    EN = "en"


Lang = Annotated[Language, typer.Option("--lang", help="Language of the report.", envvar="DOBUSH_LANG")]
Record = Annotated[Path, typer.Argument(help="Folder of the log's static files: checkpoint, tiles, entry bundles.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for a program to read.")]


def main() -> None:
    """Run the program."""
    app()


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(report.EXIT_USAGE)


# --------------------------------------------------------------------------------------------------------------- verify


@app.command(name="verify", epilog=_EXAMPLES)
def verify_record(
    record: Annotated[str, typer.Argument(help="Folder of the log's files, or the http(s) address that serves them.")],
    manifest_hash: Annotated[
        str | None, typer.Option("--manifest-hash", help="64 hexadecimal digits, from outside the record.")
    ] = None,
    slots: Annotated[
        Path | None, typer.Option("--slots", help="JSON file: district's unit id → slots, from outside the record.")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, max=1024, help="Processes that verify.")] = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", help="Dask scheduler (tcp://…) whose workers verify; the extra dask.")
    ] = None,
    copy: Annotated[
        Path | None, typer.Option("--copy", help="For an address: folder of the verified copy, which grows.")
    ] = None,
    log: Annotated[str | None, typer.Option("--log", help="For an address: the log's key (vkey).")] = None,
    json_path: Annotated[str | None, typer.Option("--json", help="Write the report as JSON; - prints it.")] = None,
    html_path: Annotated[Path | None, typer.Option("--html", help="Write the report as one HTML page.")] = None,
    hints: Annotated[Path | None, typer.Option("--hints", help="Untrusted point hints that speed decoding up.")] = None,
    state: Annotated[
        Path | None, typer.Option("--state", help="File that keeps what was verified; the next call goes on from it.")
    ] = None,
    every: Annotated[
        float | None, typer.Option("--every", min=1, help="Audit again every so many seconds until the election ended.")
    ] = None,
    lang: Lang = Language.EN,
    check: Annotated[str | None, typer.Option("--check", help="Print only this check, in full.")] = None,
) -> None:
    """Check a whole record and report. Exit status 0 only if every required check passed and none was skipped."""
    t = dictionary(lang.value)
    manifest, figures, software = _parse_hash(manifest_hash, t), _read_slots(slots, t), fetch.software()
    if every is not None and state is None:
        _fail(t("audit.usage.every"))
    keeper = None if state is None else StateFile(state, f"{software.package_hash} {software.kernel_hash}")
    options = [record, "--manifest-hash", manifest_hash or "HASH", "--slots", slots or "FIGURES.json"]

    def once() -> report.Report:
        try:
            folder = fetch.Folder.open(_copied(record, copy, log, t, again=every is not None))
        except fetch.InputError as error:
            raise _AwayError(t("audit.usage.record", reason=error)) from error
        # After the copy, which may take hours: what was cosigned meanwhile is not later than now.
        given = verify.Given(manifest, figures, int(time.time() * 1000))
        started = time.monotonic()
        with (
            _interruptions(t),
            _states(state, t),
            _open_hints(hints, t) as opened,
            _workers(workers, scheduler) as processes,
            _progress(t) as tell,
        ):
            kept = None if keeper is None else keeper.read()
            audited = verify.audit(folder, given, processes, hints=opened, tell=tell, kept=kept, keeper=keeper)
        return findings.conclude(
            audited,
            given,
            command="dobush-audit verify " + " ".join(shlex.quote(str(option)) for option in options),
            name=record,
            checked_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            software=software,
            work=report.Work(time.monotonic() - started, processes.count, processes.peak_bytes()),
        )

    while True:
        try:
            made = once()
        except _AwayError as error:
            typer.echo(str(error), err=True)
            if every is None:
                raise typer.Exit(error.status) from error
        else:
            _publish(made, t, json_path, html_path, check)
            if every is None or report.is_settled(made.findings):
                raise typer.Exit(report.exit_status(made.findings))
        time.sleep(every)


class _AwayError(Exception):
    """No audit came about, for a reason that may be gone the next time; `status` is for who does not try again."""

    def __init__(self, message: str, status: int = report.EXIT_USAGE) -> None:
        super().__init__(message)
        self.status = status


def _copied(record: str, copy: Path | None, log: str | None, t: Dictionary, *, again: bool) -> Path:
    """Return the folder to audit; what an address serves beyond the copy is fetched and verified first.

    With `again` only a fork ends the program: what else is refused may be a proxy's page, or half a file.
    """
    if not record.startswith(("http://", "https://")):
        return Path(record)
    if copy is None or log is None:
        _fail(t("audit.usage.address"))
    with _refusals():
        mirrored = Mirror(copy, parse_verifier_key(log), copy.with_name(f"{copy.name}-forks"))
    try:
        with _refusals(), _progress(t) as tell:
            try:
                mirrored.update(read_url(record), tell=tell)
            except Refused as refusal:
                if again and mirrored.proof is None:
                    raise _AwayError(report.printable(str(refusal))) from refusal
                raise
    except (fetch.InputError, OSError) as error:
        raise _AwayError(str(error)) from error
    return copy


def _workers(count: int | None, scheduler: str | None) -> "Processes | Cluster":
    """Start worker processes here, or use a cluster's."""
    if scheduler is None:
        return Processes(count or usable_cores())
    try:
        from audit.spread import Cluster  # noqa: PLC0415 -- loads an extra that other audits do without

        return Cluster(scheduler)
    except (ImportError, OSError, ValueError) as error:
        _fail(f"{scheduler}: {error}")


def _publish(
    made: report.Report, t: Dictionary, json_path: str | None, html_path: Path | None, check: str | None
) -> None:
    """Write the report where the caller asked for it."""
    if html_path:
        _write(html_path, page.to_html(made, t).encode(), t)
    if json_path and json_path != "-":
        _write(Path(json_path), report.to_json(made).encode(), t)
    if json_path == "-":
        typer.echo(report.to_json(made), nl=False)
    elif check:
        typer.echo(report.finding_to_text(made, check, t), nl=False)
    else:
        typer.echo(report.to_text(made, t), nl=False)


def _open(record: Path, t: Dictionary) -> fetch.Folder:
    try:
        return fetch.Folder.open(record)
    except fetch.InputError as error:
        _fail(t("audit.usage.record", reason=error))


def _parse_hash(text: str | None, t: Dictionary) -> bytes | None:
    """Read a hash as people write it: digits in any case, spaces and colons between groups."""
    if text is None:
        return None
    digits = text.replace(" ", "").replace(":", "").lower()
    if re.fullmatch("[0-9a-f]{64}", digits) is None:
        _fail(t("audit.usage.hash"))
    return bytes.fromhex(digits)


def _read_slots(path: Path | None, t: Dictionary) -> dict[int, int] | None:
    try:
        return None if path is None else fetch.parse_slots(fetch.read_file(path))
    except fetch.InputError as error:
        _fail(t("audit.usage.slots", reason=error))


@contextmanager
def _open_hints(path: Path | None, t: Dictionary) -> Iterator[Callable[[], verify.Hints] | None]:
    """Give a way to read the hint file from its start, as often as asked."""
    if path is None:
        yield None
        return
    try:
        stream = path.open("rb")
    except OSError as error:
        _fail(t("audit.usage.file", path=path, reason=error.strerror))
    with stream:

        def again() -> verify.Hints:
            stream.seek(0)
            return fetch.HintReader(stream).get

        yield again


def _write(path: Path, data: bytes, t: Dictionary) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        _fail(t("audit.usage.file", path=path, reason=error.strerror))
    typer.echo(t("audit.written", path=path), err=True)


@contextmanager
def _interruptions(t: Dictionary) -> Iterator[None]:
    """Let an audit that could not be carried through end as incomplete, never as failed and never as verified."""
    try:
        yield
    except KeyboardInterrupt as error:
        typer.echo(t("audit.interrupted", reason=type(error).__name__), err=True)
        raise typer.Exit(report.EXIT_INCOMPLETE) from error
    except (BrokenExecutor, Misuse) as error:
        message = t("audit.interrupted", reason=str(error) or type(error).__name__)
        raise _AwayError(message, report.EXIT_INCOMPLETE) from error


@contextmanager
def _states(path: Path | None, t: Dictionary) -> Iterator[None]:
    """Refuse a kept state that this audit cannot go on from; keep the proof where the log signed another history."""
    try:
        yield
    except resume.RewrittenError as error:
        fork = judge(error.held, error.shown, error.log, error.larger)
        proof = "" if path is None or fork is None else str(keep(path.with_name(f"{path.name}-forks"), fork))
        typer.echo(f"{report.SYMBOLS['failed']} " + t("audit.state.rewritten", path=path, proof=proof), err=True)
        raise typer.Exit(report.EXIT_FAILED) from error
    except resume.ShorterError as error:
        notes = "" if path is None else _keep_notes(path.with_name(f"{path.name}-notes"), error.held, error.shown)
        raise _AwayError(t("audit.state.shorter", path=path, notes=notes)) from error
    except resume.StateError as error:
        _fail(t(f"audit.state.{error.reason}", path=path))
    except OSError as error:
        raise _AwayError(t("audit.usage.file", path=path, reason=error.strerror)) from error


def _keep_notes(folder: Path, *notes: bytes) -> str:
    """Keep checkpoints that somebody may ask about; return where, or why they are not there."""
    try:
        keep_notes(folder, notes)
    except OSError as error:
        return str(error)
    return str(folder)


@contextmanager
def _progress(t: Dictionary) -> Iterator[verify.Tell]:
    """Show how far the reading is and how long it will take, on a terminal only."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(t("audit.progress"), total=None)
        yield lambda done, size: bar.update(task, completed=done, total=size)


# ----------------------------------------------------------------------------------------------------------- one entry


@app.command(epilog="Example:\n\n  dobush-audit show record 17 --json")
def show(
    record: Record,
    index: Annotated[int | None, typer.Argument(help="The entry's index; without it all entries are listed.")] = None,
    as_json: AsJson = False,
    raw: Annotated[bool, typer.Option("--raw", help="Write the entry's bytes and nothing else.")] = False,
    lang: Lang = Language.EN,
) -> None:
    """Show one entry decoded, or list all entries. Entries are compared with the tree, but nothing else is checked."""
    t = dictionary(lang.value)
    opened = _lookup(record, t)
    with _refusals():
        if index is not None:
            data = _entry(opened, index, t)
            if raw:
                sys.stdout.buffer.write(data)
                return
            shown = lookup.show(index, data)
            text = json.dumps(asdict(shown), ensure_ascii=False, indent=None if as_json else 2)
            typer.echo(text if as_json else "\n".join(map(report.printable, text.splitlines())))
            return
        for number, data in opened.entries():
            shown = lookup.show(number, data)
            line = {"index": number, "type": shown.type, "size": shown.size, "leaf_hash": shown.leaf_hash}
            typer.echo(
                json.dumps(line) if as_json else f"{number:>9}  {shown.type:<24} {shown.size:>6}  {shown.leaf_hash}"
            )


@app.command(epilog="Example:\n\n  dobush-audit prove record 17 --out ballot.tlog-proof")
def prove(
    record: Record,
    index: Annotated[int, typer.Argument(help="The entry's index.")],
    out: Annotated[Path | None, typer.Option("--out", help="Write the proof here instead of printing it.")] = None,
    as_json: AsJson = False,
    lang: Lang = Language.EN,
) -> None:
    """Write one entry's offline proof (C2SP tlog-proof), which any such tool checks without the record."""
    t = dictionary(lang.value)
    opened = _lookup(record, t)
    with _refusals():
        data = _entry(opened, index, t)
        proof = opened.prove(index).to_bytes()
    if out:
        _write(out, proof, t)
    elif as_json:
        leaf = lookup.show(index, data).leaf_hash
        typer.echo(json.dumps({"index": index, "leaf_hash": leaf, "proof": proof.decode()}, ensure_ascii=False))
    else:
        typer.echo(proof.decode(), nl=False)


@app.command(epilog="Example:\n\n  dobush-audit receipt record receipt.cbor --proof ballot.tlog-proof")
def receipt(
    record: Record,
    receipt_file: Annotated[
        Path, typer.Argument(metavar="RECEIPT", help="The receipt as the voter's client saved it.")
    ],
    proof: Annotated[Path | None, typer.Option("--proof", help="Write the ballot's tlog-proof here.")] = None,
    as_json: AsJson = False,
    lang: Lang = Language.EN,
) -> None:
    """Check a receipt: 0 the ballot is in the log, 1 the promise was broken, 3 nothing is due yet."""
    t = dictionary(lang.value)
    opened = _lookup(record, t)
    try:
        data = fetch.read_file(receipt_file)
    except fetch.InputError as error:
        _fail(str(error))
    answer: dict[str, object] = {}
    try:
        found = opened.answer(data, int(time.time() * 1000))
        answer = {"index": found.index, "deadline_ms": found.deadline_ms}
        outcome = "pending" if found.index is None else "included"
    except MalformedEncoding as refusal:
        _fail(t("audit.usage.file", path=receipt_file, reason=refusal))
    except Refused as refusal:
        answer = {"check": refusal.check, "reason": refusal.reason, "culprit": refusal.culprit}
        outcome = "dropped" if refusal.culprit == "server" else "foreign"
    if proof and isinstance(answer.get("index"), int):
        _write(proof, opened.prove(int(str(answer["index"]))).to_bytes(), t)
    line = t(f"audit.receipt.{outcome}", index=answer.get("index"))
    typer.echo(json.dumps({"outcome": outcome, **answer}, ensure_ascii=False) if as_json else line)
    status = {"included": report.EXIT_VERIFIED, "pending": report.EXIT_INCOMPLETE}
    raise typer.Exit(status.get(outcome, report.EXIT_FAILED))


@app.command(epilog="Example:\n\n  dobush-audit hints record hints.bin")
def hints(
    record: Record,
    out: Annotated[Path, typer.Argument(help="The hint file to write, beside the record and never in it.")],
    as_json: AsJson = False,
    lang: Lang = Language.EN,
) -> None:
    """Write point hints for a record: they speed every audit of it up and need not be trusted."""
    t = dictionary(lang.value)
    opened, written = _lookup(record, t), 0
    try:
        stream = out.open("wb")
    except OSError as error:
        _fail(t("audit.usage.file", path=out, reason=error.strerror))
    with stream, _refusals(), _progress(t) as tell:
        writer = fetch.HintWriter(stream)
        for index, hint in opened.hints(tell):
            writer.put(index, hint)
            written += 1
    typer.echo(json.dumps({"ballots": written, "path": str(out)}) if as_json else t("audit.written", path=out))


def _lookup(record: Path, t: Dictionary) -> lookup.Lookup:
    with _refusals():
        return lookup.Lookup.open(_open(record, t).get)


def _entry(opened: lookup.Lookup, index: int, t: Dictionary) -> bytes:
    if not 0 <= index < opened.checkpoint.size:
        _fail(t("audit.usage.index", index=index, size=opened.checkpoint.size))
    return opened.entry(index)


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn a refusal into its line and exit status 1."""
    try:
        yield
    except Refused as refusal:
        typer.echo(f"{report.SYMBOLS['failed']} {report.printable(str(refusal))}", err=True)
        raise typer.Exit(report.EXIT_FAILED) from refusal


# -------------------------------------------------------------------------------------------------- the web's client


@app.command(
    name="client",
    epilog="Example:\n\n  dobush-audit client https://vote.example --record https://vote.example/log --build client/",
)
def check_client(
    url: Annotated[str, typer.Argument(help="Address of the side that serves the client: what stands before /vote/.")],
    record: Annotated[str | None, typer.Option("--record", help="The record: a folder, or the log's address.")] = None,
    build: Annotated[
        Path | None, typer.Option("--build", help="A build's folder, or its manifest.sri.json, made by yourself.")
    ] = None,
    manifest_hash: Annotated[
        str | None, typer.Option("--manifest-hash", help="64 hexadecimal digits, from outside the record.")
    ] = None,
    pages: Annotated[
        list[str] | None, typer.Option("--page", help="Only this page (the identity side serves vote alone).")
    ] = None,
    as_json: AsJson = False,
    lang: Lang = Language.EN,
) -> None:
    """Download the client that a server hands out and compare every file with the board's client entry and a build."""
    t = dictionary(lang.value)
    given = _parse_hash(manifest_hash, t)
    if record is None and build is None:
        _fail(t("audit.client.nothing"))
    try:
        made = None if build is None else _read_build(build)
        declared = None if record is None else _read_declared(record, t)
        get = served_client.read_served(url)
        result = served_client.judge(get, declared, made, given, frozenset(pages or ()))
    except fetch.InputError as error:
        _fail(str(error))
    if as_json:
        typer.echo(json.dumps(asdict(result), ensure_ascii=False))
    else:
        for line in served_client.to_lines(result, t):
            typer.echo(report.printable(line))
    raise typer.Exit(result.exit_status)


@app.command(name="client-files", epilog="Example:\n\n  dobush-audit client-files voting_server/client > client.json")
def list_client_files(
    build: Annotated[Path, typer.Argument(help="Folder of a build of the client.")],
    lang: Lang = Language.EN,
) -> None:
    """Print the body of the client entry that two officers sign before the opening: every file of a build, hashed."""
    del lang
    try:
        typer.echo(served_client.read_build(build).to_act(), nl=False)
    except fetch.InputError as error:
        _fail(str(error))


def _read_build(build: Path) -> served_client.Listing:
    if build.is_dir():
        return served_client.read_build(build)
    return served_client.read_list(fetch.read_file(build, served_client.LARGEST))


def _read_declared(record: str, t: Dictionary) -> served_client.Declared | None:
    get = read_url(record) if re.match("https?://", record) else _open(Path(record), t).get
    with _refusals():
        return served_client.read_declared(lookup.Lookup.open(get))


# ------------------------------------------------------------------------------------------------- mirror and witness


@app.command(epilog="Example:\n\n  dobush-audit mirror https://board.example/log copy --log 'board.example/…+…+…'")
def mirror(
    url: Annotated[str, typer.Argument(help="Address of the log's files: what stands before /checkpoint.")],
    folder: Annotated[Path, typer.Argument(help="Folder of the copy; it grows, and nothing in it is ever changed.")],
    log: Annotated[str, typer.Option("--log", help="The log's key (vkey), from the manifest or the policy file.")],
    every: Annotated[
        float | None, typer.Option("--every", min=0.5, help="Go on, and look every so many seconds.")
    ] = None,
    port: Annotated[int | None, typer.Option("--port", help="Serve the copy at this port of --host meanwhile.")] = None,
    host: Annotated[str, typer.Option("--host", help="Address to serve the copy at.")] = "127.0.0.1",
    lang: Lang = Language.EN,
) -> None:
    """Keep a verified copy of a log; exit status 1 (and a proof beside the copy) where the log contradicts it."""
    t = dictionary(lang.value)
    with _refusals():
        copy = Mirror(folder, parse_verifier_key(log), folder.with_name(f"{folder.name}-forks"))
    if port is not None:
        every = every or _LOOK_S
        threading.Thread(target=serve_copy(copy.get, host, port).serve_forever, daemon=True).start()
    while True:
        try:
            with _refusals(), _progress(t) as tell:
                came = copy.update(read_url(url), tell=tell)
            typer.echo(json.dumps({"size": copy.size, "new": came}))
        except fetch.InputError as error:
            if every is None:
                _fail(str(error))
            typer.echo(str(error), err=True)
        if every is None:
            return
        time.sleep(every)


@app.command(
    epilog="Example:\n\n  dobush-audit witness watch.example/ngo --log 'board.example/…+…+…=https://board.example/log'"
)
def witness(
    name: Annotated[str, typer.Argument(help="The witness's name, a name without scheme as of a site.")],
    log: Annotated[list[str], typer.Option("--log", help="A log's key (vkey), then = and the address of its files.")],
    state: Annotated[
        Path, typer.Option("--state", help="Folder of key and state. Never restore it from a backup.")
    ] = Path("dobush-witness"),
    host: Annotated[str, typer.Option("--host", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen at.")] = 8100,
    every: Annotated[float, typer.Option("--every", min=0.2, help="Seconds between two looks at the entries.")] = 5.0,
    show_key: Annotated[bool, typer.Option("--show-key", help="Print the keys for the manifest and end.")] = False,
    lang: Lang = Language.EN,
) -> None:
    """Be a witness: cosign what continues, keep proofs of what does not, follow the entries, show it on a page."""
    t = dictionary(lang.value)
    logs: dict[VerifierKey, str | None] = {}
    try:
        with _refusals():
            for item in log:
                key, found, address = item.rpartition("=http")
                logs[parse_verifier_key(key if found else item)] = f"http{address}" if found else None
        keys = open_keys(state / "key", name, os.urandom)
        server = WitnessServer(keys, logs, state)
    except (fetch.InputError, OSError) as error:
        _fail(t("audit.usage.file", path=state, reason=error))
    typer.echo(json.dumps({"vkey": keys.verifier_key.to_text(), **(_bls_fields(keys) if show_key else {})}))
    if show_key:
        return
    ended = threading.Event()
    threading.Thread(target=server.follow, args=(ended, every), daemon=True).start()
    listener = server.listen(host, port)
    try:
        listener.serve_forever()
    except KeyboardInterrupt:
        ended.set()
        listener.server_close()


def _bls_fields(keys: WitnessKeys) -> dict[str, str]:
    key, proof = keys.bls_key()
    return {"bls_key": key.hex(), "bls_proof": proof.hex()}
