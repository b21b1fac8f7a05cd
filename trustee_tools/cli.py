"""`dobush-trustee`: the trustee's program on the command line, for people and, with `--json`, for other programs.

Spec: `docs/operations/trustee.md` (steps and exit codes). It reads files, asks, and calls `trustee_tools.ceremony`; it
decides nothing. Without a terminal it never asks: what would be typed comes as options.

>>> exit_code(Refused("ANY", "a reason"))
3
"""

from __future__ import annotations

import getpass
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from crypto.election.board import Phase
from crypto.election.ceremony import Act, Task
from crypto.errors import DobushError, Refused
from crypto.signatures import SigningKey
from locales import LANGUAGES, dictionary
from trustee_tools.ceremony import Consent, Trustee, View, differing_groups, verify_typed, write_fingerprint
from trustee_tools.link import make_view, open_source, pack, read_slots, replay, write_entries
from trustee_tools.screen import Screen
from trustee_tools.vault import Hardness, Vault

DONE, USAGE, REFUSED, WAITING, FAILED = 0, 2, 3, 4, 5
_TRIES = 3
_LARGE = 2_000

app = typer.Typer(
    name="dobush-trustee",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The program of one trustee: key ceremony, drills and decryption, offline on files.",
    epilog="Example: dobush-trustee next --record RECORD --keys stick-a/aida.key --keys stick-b/aida.key --out entries",
)

RecordPath = Annotated[Path, typer.Option("--record", help="Folder of the record, or one exchange file.", exists=True)]
KeyPaths = Annotated[list[Path], typer.Option("--keys", help="The two copies of the key file (give it twice).")]
OutPath = Annotated[Path, typer.Option("--out", help="Folder for the signed entries that the board shall take.")]
PassphraseFile = Annotated[Path | None, typer.Option(help="Read the passphrase from the first line of a file.")]
PassphraseFd = Annotated[int | None, typer.Option(help="Read the passphrase from a file descriptor.")]
Language = Annotated[str, typer.Option(envvar="DOBUSH_LANGUAGE", help=f"One of {', '.join(LANGUAGES)}.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and never ask.")]
ManifestHash = Annotated[str, typer.Option(help="The manifest hash from a source outside the record, 64 hex digits.")]
Fingerprint = Annotated[str, typer.Option(help="The manifest's fingerprint as read from outside (nine groups).")]
Confirm = Annotated[str, typer.Option(help="The election's short name: confirms an act that cannot be undone.")]
Slots = Annotated[Path | None, typer.Option(help="Slots per district from outside (JSON); needed to decrypt.")]
Disputes = Annotated[list[Path], typer.Option("--dispute", help="A voter's receipt handed over as a file.")]
OneCopy = Annotated[bool, typer.Option(help="Go on with one copy: the other medium is lost.")]
NowMs = Annotated[int | None, typer.Option(help="Virtual clock in ms, for elections of kind demo and practice.")]
Processes = Annotated[int, typer.Option(help="Processes that verify large records; 0: one a core.")]


@dataclass(frozen=True, slots=True)
class Session:
    """One call of the program: its screen, whether it may ask, and how it answers."""

    screen: Screen
    as_json: bool

    @classmethod
    def begin(cls, language: str, *, as_json: bool) -> Session:
        """Choose language and console; JSON leaves the standard output to the answer."""
        if language not in LANGUAGES:
            raise typer.BadParameter(f"one of {', '.join(LANGUAGES)}", param_hint="--language")
        return cls(Screen(Console(stderr=as_json, quiet=as_json), dictionary(language)), as_json)

    @property
    def may_ask(self) -> bool:
        """Tell whether a person sits at a terminal."""
        return not self.as_json and sys.stdin.isatty()

    def ask(self, key: str) -> str:
        """Ask one thing."""
        return str(typer.prompt(self.screen.say(f"trustee.prompt.{key}")))

    def passphrase(self, file: Path | None, descriptor: int | None, *, twice: bool = False) -> str:
        """Get the passphrase from where the person says, else ask without showing it."""
        if file is not None:
            return file.read_text(encoding="utf-8").split("\n", 1)[0]
        if descriptor is not None:
            with os.fdopen(descriptor, encoding="utf-8") as stream:
                return stream.readline().rstrip("\n")
        if not self.may_ask:
            raise typer.BadParameter("needed where nobody can be asked", param_hint="--passphrase-file")
        passphrase = getpass.getpass(self.screen.say("trustee.prompt.passphrase") + ": ")
        if twice and getpass.getpass(self.screen.say("trustee.prompt.passphrase_again") + ": ") != passphrase:
            raise typer.BadParameter(self.screen.say("trustee.prompt.passphrases_differ"))
        return passphrase

    def answer(self, **values: object) -> None:
        """Print the JSON answer where one was asked for."""
        if self.as_json:
            typer.echo(json.dumps(values, ensure_ascii=False, sort_keys=True))

    def load(
        self, record: Path, slots: Path | None, disputes: list[Path], processes: int, *, decrypting: bool = False
    ) -> View:
        """Replay the record with a progress bar; the voters' proofs only once they matter, after the close."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.screen.console, transient=True) as bar:
            line = bar.add_task(self.screen.say("trustee.progress.replay"), total=None)

            def show(done: int, total: int) -> None:
                if total > _LARGE:
                    bar.update(line, completed=done, total=total)

            source = open_source(record)
            replayed = replay(source, voters=decrypting, processes=processes, progress=show)
            if not decrypting and replayed.manifest is not None and replayed.board.phase is Phase.CLOSED:
                replayed = replay(source, processes=processes, progress=show)
        figures = None if slots is None else read_slots(slots.read_bytes())
        return make_view(replayed, figures, [path.read_bytes() for path in disputes])


def _both(keys: list[Path]) -> tuple[Path, Path]:
    if len(keys) != 2:
        raise typer.BadParameter("two copies are needed: give the option twice", param_hint="--keys")
    return keys[0], keys[1]


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
    vault = Vault.create(_both(keys), passphrase, name, Hardness[hardness.upper()])
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
    vault = Vault.open(_both(keys), passphrase, allow_one_copy=allow_one_copy)
    key = SigningKey.from_seed(vault.secrets.seed).public_key
    digest = session.load(record, None, [], 1).manifest_hash if record is not None else key
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
    view = session.load(record, None, [], processes)
    passphrase = session.passphrase(passphrase_file, passphrase_fd)
    trustee = Trustee(Vault.open(_both(keys), passphrase, allow_one_copy=allow_one_copy), view)
    task = trustee.find_next()
    place = trustee.find_place()
    session.screen.show_election(view, trustee.secrets.name, place)
    session.screen.show_rounds(view, place)
    session.screen.show_task(view, task)
    if task.act == "wait" and view.ceremony.opening is not None:
        session.screen.show_obstacles(view, read_clock(view, now_ms))
    session.answer(**_describe(view, task), trustee=place)


@app.command("pack")
def pack_record(
    record: Annotated[Path, typer.Option(help="Folder of the record.", exists=True, file_okay=False)],
    to: Annotated[Path, typer.Option(help="The exchange file to write.")],
    language: Language = "ky",
    as_json: AsJson = False,
) -> None:
    """Put a record's folder into one exchange file, for a stick."""
    session = Session.begin(language, as_json=as_json)
    files = pack(record, to)
    session.screen.show_line("pack.done", files=session.screen.say.number(files), path=to)
    session.answer(files=files, path=str(to))


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


def read_clock(view: View, now_ms: int | None) -> int:
    """Return the time in ms: the machine's, or a virtual one where the kind of election allows it. Raises Refused."""
    if now_ms is None:
        return time.time_ns() // 1_000_000
    if view.manifest.kind == "real":
        # In a real election the clock MUST be the machine's own.
        raise Refused("TRUSTEE-20", "a real election has no virtual clock", culprit="--now-ms")
    return now_ms


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
        out: OutPath,
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
        session = Session.begin(language, as_json=as_json)
        screen = session.screen
        view = session.load(record, slots, disputes, processes, decrypting=act == "decrypt")
        passphrase = session.passphrase(passphrase_file, passphrase_fd)
        trustee = Trustee(Vault.open(_both(keys), passphrase, allow_one_copy=allow_one_copy), view)
        if allow_one_copy:
            screen.show_line("copies.one")
        _bind(session, trustee, view, manifest_hash, fingerprint)
        now = read_clock(view, now_ms)
        task = trustee.next_step()
        screen.show_election(view, trustee.secrets.name, trustee.secrets.trustee)
        if act is None and task.act == "wait":
            screen.show_rounds(view, trustee.secrets.trustee)
            screen.show_task(view, task)
            session.answer(**_describe(view, task), trustee=trustee.secrets.trustee, entries=[])
            raise typer.Exit(WAITING)
        chosen = act or task.act
        screen.show_task(view, Task(chosen, task.run, task.number, task.missing))
        if chosen == "decrypt":
            screen.show_decryption(view)
        typed = confirm
        if not typed and session.may_ask and trustee.needs_name(chosen):
            typed = session.ask("short_name")
        entries = trustee.perform(chosen, Consent(now, typed))
        step = f"{chosen}-{task.number or task.run}-{trustee.secrets.trustee}"
        paths = write_entries(out, step, entries)
        screen.show_line("done", count=len(paths), folder=out)
        values = {**_describe(view, task), "act": chosen, "trustee": trustee.secrets.trustee}
        session.answer(**values, entries=[str(path) for path in paths])

    run.__doc__ = summary
    app.command(name)(run)


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
    """Return the exit code of an error: refused by a check, or nothing that the program can work with."""
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
            screen.show_line("failed", reason=error)
    raise SystemExit(code)


def main(arguments: list[str] | None = None) -> None:
    """Run the program: the console entry point `dobush-trustee`."""
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
