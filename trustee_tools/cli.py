"""`dobush-trustee`: the trustee's program on the command line, for people and, with `--json`, for other programs.

Spec: `docs/operations/trustee.md` (steps and exit codes). It reads files, asks, and calls `trustee_tools.ceremony`; it
decides nothing. Without a terminal it never asks: what would be typed comes as options.

>>> exit_code(Refused("ANY", "a reason"))
3
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, NoReturn, cast

import typer
from rich.console import Console

from crypto.election.ceremony import Act, Task
from crypto.errors import DobushError, Misuse, Refused
from crypto.signatures import SigningKey
from locales import LANGUAGES, dictionary
from trustee_tools.board import BoardError
from trustee_tools.ceremony import Consent, Trustee, View, differing_groups, verify_typed, write_fingerprint
from trustee_tools.desk import Desk
from trustee_tools.errands import ERRANDS
from trustee_tools.link import write_entries
from trustee_tools.options import (
    AsJson,
    BoardUrl,
    Confirm,
    Disputes,
    Fingerprint,
    KeyPaths,
    Language,
    ManifestHash,
    NowMs,
    OneCopy,
    OutPath,
    PassphraseFd,
    PassphraseFile,
    Practising,
    Processes,
    RecordPath,
    Slots,
    Wait,
    read_both,
    read_hash,
)
from trustee_tools.screen import Screen
from trustee_tools.screens.work import Work
from trustee_tools.session import Session, read_clock
from trustee_tools.vault import Hardness, Vault
from trustee_tools.words import list_alarms

DONE, USAGE, REFUSED, WAITING, FAILED, UNREACHED = 0, 2, 3, 4, 5, 6
_TRIES = 3

app = typer.Typer(
    name="dobush-trustee",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The program of one trustee: key ceremony, drills and decryption, over a board or offline on files.",
    epilog="Example: dobush-trustee next --board https://board.example --record COPY --keys a/me.key --keys b/me.key",
)


@app.command(epilog="Example: dobush-trustee init --name 'Aida' --keys stick-a/aida.key --keys stick-b/aida.key")
def init(
    name: Annotated[str, typer.Option(help="Your name as the manifest shall print it.")],
    keys: KeyPaths,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    hardness: Annotated[str, typer.Option(help="Cost of one guess: sensitive, moderate or test.")] = "moderate",
    language: Language = "ky",
    as_json: AsJson = False,
) -> None:
    """Make your signing key and both copies of the key file, and read them back."""
    session = Session.begin(language, as_json=as_json)
    if hardness.upper() not in Hardness.__members__:
        raise typer.BadParameter("sensitive, moderate or test", param_hint="--hardness")
    passphrase = session.passphrase(passphrase_file, passphrase_fd, twice=True)
    vault = Vault.create(read_both(keys), passphrase, name, Hardness[hardness.upper()])
    key = SigningKey.from_seed(vault.secrets.seed).public_key
    first, second = vault.paths
    session.screen.show_line("init.copies", first=first, second=second)
    session.screen.show_line("init.key", public=key.hex(), fingerprint=write_fingerprint(key))
    session.screen.show_line("init.next")
    session.answer(name=name, key=key.hex(), fingerprint=write_fingerprint(key))


@app.command()
def fingerprint(
    keys: KeyPaths,
    record: Annotated[Path | None, typer.Option(help="Also show the manifest of this record.")] = None,
    typed: Annotated[str, typer.Option(help="What the other person read aloud; compared group by group.")] = "",
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    allow_one_copy: OneCopy = False,
    language: Language = "ky",
    as_json: AsJson = False,
) -> None:
    """Show your key's fingerprint and the manifest's, and compare one that is typed."""
    session = Session.begin(language, as_json=as_json)
    passphrase = session.passphrase(passphrase_file, passphrase_fd)
    vault = Vault.open(read_both(keys), passphrase, allow_one_copy=allow_one_copy)
    key = SigningKey.from_seed(vault.secrets.seed).public_key
    digest = session.look(Desk(record, processes=1)).manifest_hash if record is not None else key
    session.screen.show_line("fingerprint.key", fingerprint=write_fingerprint(key))
    if record is not None:
        session.screen.show_line("fingerprint.manifest", fingerprint=write_fingerprint(digest), hash=digest.hex())
    if typed:
        verify_typed(digest, typed)
    session.answer(key=write_fingerprint(key), manifest=digest.hex() if record is not None else None)


@app.command()
def status(
    record: RecordPath,
    keys: KeyPaths,
    board: BoardUrl = "",
    manifest_hash: ManifestHash = "",
    practising: Practising = False,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    allow_one_copy: OneCopy = False,
    now_ms: NowMs = None,
    processes: Processes = 0,
    language: Language = "ky",
    as_json: AsJson = False,
) -> None:
    """Show where the election stands, what you have done, and what comes next; changes nothing."""
    session = Session.begin(language, as_json=as_json)
    known = read_hash(manifest_hash)
    view = session.look(Desk(record, board, processes=processes, manifest_hash=known, practising=practising))
    passphrase = session.passphrase(passphrase_file, passphrase_fd)
    trustee = Trustee(Vault.open(read_both(keys), passphrase, allow_one_copy=allow_one_copy), view)
    now = read_clock(view, now_ms)
    task = _show(session, trustee, view, now)
    alarms = list_alarms(view, now, session.screen.say)
    session.answer(**_describe(view, task), trustee=trustee.find_place(), alarms=alarms)


def _show(session: Session, trustee: Trustee, view: View, now_ms: int) -> Task:
    """Show everything that a trustee should see before she acts; return her next step."""
    task, place, screen = trustee.find_next(), trustee.find_place(), session.screen
    screen.show_election(view, trustee.secrets.name, place)
    screen.show_steps(view, place)
    screen.show_alarms(view, now_ms)
    screen.show_task(view, task, again=trustee.was_done(task))
    if task.act == "wait" and view.ceremony.opening is not None:
        screen.show_obstacles(view, now_ms)
    return task


@app.command()
def follow(
    board: BoardUrl,
    record: RecordPath,
    keys: KeyPaths,
    manifest_hash: ManifestHash = "",
    practising: Practising = False,
    every: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.2)] = 10.0,
    seconds: Annotated[float, typer.Option(help="Stop after so many seconds.", min=0)] = 86_400.0,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    allow_one_copy: OneCopy = False,
    now_ms: NowMs = None,
    processes: Processes = 0,
    language: Language = "ky",
    as_json: AsJson = False,
) -> None:
    """Follow the board until it is your turn; shows whatever changes, and changes nothing itself."""
    session = Session.begin(language, as_json=as_json)
    passphrase = session.passphrase(passphrase_file, passphrase_fd)
    vault = Vault.open(read_both(keys), passphrase, allow_one_copy=allow_one_copy)
    known = vault.secrets.manifest_hash or read_hash(manifest_hash)
    desk = Desk(record, board, processes=processes, manifest_hash=known, practising=practising)
    ends, shown = time.monotonic() + seconds, -1
    while True:
        is_last = time.monotonic() + every > ends
        try:
            view = session.look(desk)
            trustee = Trustee(vault, view)
            if view.size != shown:
                shown = view.size
                _show(session, trustee, view, read_clock(view, now_ms))
            task = trustee.find_next()
            if task.act != "wait" or is_last:
                break
        except BoardError as error:
            if is_last:
                raise
            session.screen.show_line("unreached", reason=error)
        session.screen.show_line("follow.waiting")
        time.sleep(every)
    session.answer(**_describe(view, task), trustee=trustee.find_place())
    if task.act == "wait":
        raise typer.Exit(WAITING)


@app.command()
def screens(
    record: RecordPath,
    keys: KeyPaths,
    out: OutPath = None,
    board: BoardUrl = "",
    every: Annotated[float, typer.Option(help="Seconds between two looks at the board.", min=0)] = 15.0,
    practising: Practising = False,
    manifest_hash: ManifestHash = "",
    slots: Slots = None,
    disputes: Disputes = [],  # noqa: B006 -- Typer's way to say that an option may be absent
    allow_one_copy: OneCopy = False,
    now_ms: NowMs = None,
    processes: Processes = 0,
    language: Language = "ky",
) -> None:
    """Work page by page in the terminal: checklist, one dangerous act a page, three languages (extra tui)."""
    if out is None and not board:
        raise typer.BadParameter("say where the entries go: --out FOLDER, or --board", param_hint="--out")
    session = Session.begin(language, as_json=False)
    try:
        pages = importlib.import_module("trustee_tools.screens.app")
    except ModuleNotFoundError as error:
        raise Misuse("this installation has no pages: install dobush[tui], or work with the other commands") from error
    desk = Desk(record, board, slots, disputes, processes, read_hash(manifest_hash), practising)
    work = Work(desk, read_both(keys), out, allow_one_copy, now_ms)
    pages.TrusteeApp(work, session.screen.say.language, every_s=every if board else 0.0).run()


def _describe(view: View, task: Task) -> dict[str, object]:
    return {
        "act": task.act,
        "run": task.run,
        "number": task.number,
        "missing": list(task.missing),
        "kind": view.manifest.kind,
        "short_name": view.manifest.short_name,
        "manifest_hash": view.manifest_hash.hex(),
    }


def _bind(session: Session, trustee: Trustee, view: View, manifest_hash: str, typed: str) -> None:
    """Bind the key file to the election, with the manifest's hash or fingerprint from outside."""
    if not trustee.secrets.manifest_hash:
        if manifest_hash:
            typed = (
                write_fingerprint(bytes.fromhex(manifest_hash)) if manifest_hash == view.manifest_hash.hex() else "-"
            )
        elif not typed and session.may_ask:
            typed = _ask_fingerprint(session, view.manifest_hash)
    trustee.bind(typed)


def _ask_fingerprint(session: Session, digest: bytes) -> str:
    session.screen.show_line("fingerprint.explain")
    typed = ""
    for _ in range(_TRIES):
        typed = session.ask("fingerprint")
        wrong = differing_groups(digest, typed)
        if not wrong:
            break
        session.screen.show_line("fingerprint.differs", groups=", ".join(map(str, wrong)))
    return typed


def _add_act(name: str, act: Act | None, summary: str) -> None:
    """Add one command; all acts ask for the same things."""

    def run(
        record: RecordPath,
        keys: KeyPaths,
        out: OutPath = None,
        board: BoardUrl = "",
        wait: Wait = 0.0,
        practising: Practising = False,
        manifest_hash: ManifestHash = "",
        fingerprint: Fingerprint = "",
        confirm: Confirm = "",
        slots: Slots = None,
        disputes: Disputes = [],  # noqa: B006 -- Typer's way to say that an option may be absent
        passphrase_file: PassphraseFile = None,
        passphrase_fd: PassphraseFd = None,
        allow_one_copy: OneCopy = False,
        now_ms: NowMs = None,
        processes: Processes = 0,
        language: Language = "ky",
        as_json: AsJson = False,
    ) -> None:
        if out is None and not board:
            raise typer.BadParameter("say where the entries go: --out FOLDER, or --board", param_hint="--out")
        session = Session.begin(language, as_json=as_json)
        screen = session.screen
        desk = Desk(record, board, slots, disputes, processes, read_hash(manifest_hash), practising)
        view = session.look(desk, decrypting=act == "decrypt")
        passphrase = session.passphrase(passphrase_file, passphrase_fd)
        trustee = Trustee(Vault.open(read_both(keys), passphrase, allow_one_copy=allow_one_copy), view)
        if allow_one_copy:
            screen.show_line("copies.one")
        _bind(session, trustee, view, manifest_hash, fingerprint)
        now, place = read_clock(view, now_ms), trustee.secrets.trustee
        task = _show(session, trustee, view, now)
        if act is None and task.act == "wait":
            session.answer(**_describe(view, task), trustee=place, entries=[])
            raise typer.Exit(WAITING)
        chosen = act or task.act
        if chosen != task.act:
            screen.show_task(view, Task(chosen, task.run, task.number, task.missing))
        if chosen == "decrypt":
            screen.show_decryption(view)
        typed = confirm
        if not typed and session.may_ask and trustee.needs_name(chosen):
            typed = session.ask("short_name")
        entries = trustee.perform(chosen, Consent(now, typed))
        screen.show_complaints(view, entries)
        values = {**_describe(view, task), "act": chosen, "trustee": place}
        step = f"{chosen}-{task.number or task.run}-{place}"
        _hand_over(session, desk, (out, step), entries, wait, values)

    run.__doc__ = summary
    app.command(name)(run)


def _hand_over(
    session: Session,
    desk: Desk,
    files: tuple[Path | None, str],
    entries: Sequence[bytes],
    wait: float,
    values: dict[str, object],
) -> None:
    """Write the entries where they are asked for, bring them to the board where there is one, and answer."""
    folder, step = files
    paths = [] if folder is None else write_entries(folder, step, entries)
    if paths:
        session.screen.show_line("done", count=len(paths), folder=folder)
    answer = {**values, "entries": [str(path) for path in paths]}
    if desk.is_connected:
        missing = desk.send(entries, wait)
        answer |= {"sent": len(entries), "held": len(entries) - len(missing)}
        session.screen.show_line("sent", count=len(entries), held=len(entries) - len(missing))
    session.answer(**answer)


for _errand, _run in ERRANDS.items():
    app.command(_errand)(_run)

for _name, _act, _summary in (
    ("next", None, "Do what comes next; explains it first and asks before anything that cannot be undone."),
    ("key", "key", "Ceremony, round 0: make and publish your encryption key."),
    ("commitment", "commitment", "Ceremony, round 0.5: draw your dealing and publish its hash."),
    ("dealing", "dealing", "Ceremony, round 1: publish the dealing."),
    ("answer", "answer", "Ceremony, round 2: check all dealings; accept, or complain about a bad share."),
    ("certificate", "certificate", "Ceremony, round 3: certify the whole run; destroys your encryption key."),
    ("drill", "drill", "Show that you still hold your share of the key."),
    ("decrypt", "decrypt", "After close and dispute period: check the whole record, then give your share of the sums."),
):
    _add_act(_name, cast("Act | None", _act), _summary)


def exit_code(error: DobushError) -> int:
    """Return the exit code of an error: refused by a check, no answer of the board, nothing to work with."""
    if isinstance(error, BoardError):
        return UNREACHED
    return REFUSED if isinstance(error, Refused) else FAILED


def _fail(error: DobushError | OSError, *, as_json: bool, language: str) -> NoReturn:
    """Say what went wrong, in the way that was asked for, and end."""
    code = exit_code(error) if isinstance(error, DobushError) else FAILED
    if as_json:
        refused = isinstance(error, Refused)
        values = {"check": error.check, "reason": error.reason, "culprit": error.culprit} if refused else str(error)  # type: ignore[union-attr]
        typer.echo(json.dumps({"refused" if refused else "failed": values}, ensure_ascii=False))
    else:
        screen = Screen(Console(stderr=True), dictionary(language))
        if isinstance(error, Refused):
            screen.show_refusal(error)
        else:
            screen.show_line("unreached" if isinstance(error, BoardError) else "failed", reason=error)
    raise SystemExit(code)


def main(arguments: list[str] | None = None) -> None:
    """Run the program: the console entry point `dobush-trustee`. A crash leaves no dump: memory holds the part."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    given = sys.argv[1:] if arguments is None else arguments
    run: Callable[..., object] = app
    try:
        run(args=given)
    except (DobushError, OSError) as error:
        wanted = os.environ.get("DOBUSH_LANGUAGE", "ky")
        for place, argument in enumerate(given):
            if argument == "--language" and place + 1 < len(given):
                wanted = given[place + 1]
        _fail(error, as_json="--json" in given, language=wanted if wanted in LANGUAGES else "ky")
