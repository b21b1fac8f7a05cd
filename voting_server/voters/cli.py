"""`dobush-server registrar`: the commands of a registrar's own machine, and of who hands out codes.

Spec: `docs/operations/registrar.md`. A folder holds what is the registrar's: `registrar.toml`, her sealed key, her copy
of the roll, the slots that she compared, her journal. No command needs or knows the server's settings.

>>> app.info.name
'registrar'
"""

import json
import os
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import httpx
import typer

from crypto.errors import Refused
from crypto.signatures import SigningKey, key_id
from voting_server.voters import key_file, roll
from voting_server.voters.calls import sign_version
from voting_server.voters.evidence import Code, CodeVerifier, OidcVerifier, Provider, code_key, make_code
from voting_server.voters.frame import Frame
from voting_server.voters.registrar import Journal, Link, RefusalError, Registrar, Send, fetch_frame
from voting_server.voters.slots import MismatchError, Slot, cut, freeze_of

app = typer.Typer(name="registrar", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
Folder = Annotated[Path, typer.Option(help="The registrar's own folder, with registrar.toml.")]
PassphraseFile = Annotated[Path, typer.Option(help="File whose first line is the passphrase of the key file.")]
_KEY, _SLOTS, _JOURNAL, _SETTINGS = "registrar.key", "slots.json", "journal.jsonl", "registrar.toml"
Result = TypeVar("Result")
_LATE_S, _DAY_MS = 7 * 86_400, 86_400_000


@app.command()
def init(
    folder: Folder,
    passphrase_file: PassphraseFile,
    hardness: Annotated[str, typer.Option(help="`test` makes guessing cheap: for tests only.")] = "moderate",
) -> None:
    """Make a key, sealed in the folder, and print its public half for the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    level: key_file.Hardness = "test" if hardness == "test" else "moderate"
    key = _try(lambda: key_file.create(folder / _KEY, _passphrase(passphrase_file), level))
    typer.echo(json.dumps({"key": key.public_key.hex(), "id": key_id(key.public_key).hex()}))


@app.command()
def version(
    folder: Folder,
    passphrase_file: PassphraseFile,
    previous: Annotated[str, typer.Option(help="Hash of the version before; zeros for the first.")] = "00" * 32,
    use: Annotated[str, typer.Option(help="`roll`: the own copy of the roll; `mend`: the newest mends.")] = "roll",
) -> None:
    """Sign a version of the roll; print what an operator sends to /rolls."""
    settings, key = _settings(folder), _key(folder, passphrase_file)
    frame = _frame(settings)
    content, places = _text(folder, settings, "roll" if use == "roll" else "mends"), _text(folder, settings, "places")
    digest = roll.version_hash(frame.election.kind, bytes.fromhex(previous), use, places.encode(), content.encode())
    author, signature = sign_version(key, frame.election, digest)
    form = "json" if use == "roll" and str(settings["roll"]).endswith(".json") else "csv"
    fields = {"use": use, "format": form, "content": content, "places": places}
    typer.echo(json.dumps({**fields, "signer": author.hex(), "signature": signature.hex()}, ensure_ascii=False))


@app.command(name="roll")
def sign_roll(folder: Folder, passphrase_file: PassphraseFile) -> None:
    """Compare the drawn slots with the own copy of the roll, keep them, sign the roll chunks."""
    link = _open(folder, passphrase_file)
    slots = _try(link.fetch_slots)
    _try(lambda: link.registrar.accept(slots, cut(slots)))
    rows = [[slot.number, slot.pseudonym.hex(), slot.unit, slot.style] for slot in slots]
    _write(folder / _SLOTS, json.dumps(rows))
    _report(_try(link.serve))


@app.command()
def freeze(folder: Folder, passphrase_file: PassphraseFile) -> None:
    """Print the figures of the freeze from the own copy: slots of each district, and the body that officers sign."""
    registrar = _open(folder, passphrase_file).registrar
    if not registrar.slots:
        _fail("no slots were compared yet: `dobush-server registrar roll`")
    figures = registrar.figures()
    body = freeze_of(len(cut(list(registrar.slots.values()))), figures).to_bytes()
    typer.echo(json.dumps({"slots": {str(each): number for each, number in figures.items()}, "body": body.hex()}))


@app.command(name="serve-queue")
def serve_queue(
    folder: Folder,
    passphrase_file: PassphraseFile,
    every: Annotated[int, typer.Option(help="Seconds between two looks; 0: look once.", min=0, max=3_600)] = 10,
) -> None:
    """Check, sign and deliver credentials as they are asked for; changes and strikes are only listed."""
    link, ended = _open(folder, passphrase_file), threading.Event()
    while True:
        try:
            _report(link.serve())
        except RefusalError as refusal:
            typer.echo(f"refused: {refusal}", err=True)
            if every == 0:
                sys.exit(1)
        if every == 0 or ended.wait(every):
            return


@app.command()
def sign(
    folder: Folder,
    passphrase_file: PassphraseFile,
    request: Annotated[int, typer.Option("--id", help="Number of the request.", min=1)],
) -> None:
    """Check and sign one request by its number: a change, a strike."""
    done = _try(lambda: _open(folder, passphrase_file).serve(only=request))
    _report(done)
    if not done or done[0][1].startswith("refused"):
        sys.exit(1)


@app.command()
def code(
    folder: Folder,
    passphrase_file: PassphraseFile,
    number: Annotated[str, typer.Option(help="Personal number of the person who stands here.")],
    days: Annotated[int, typer.Option(help="How long the code is good for.", min=1, max=90)] = 30,
    security_key: Annotated[bool, typer.Option(help="A security key is handed out with it.")] = False,
) -> None:
    """Make an enrolment code for somebody identified in person: prints the code and what is sent to /codes."""
    settings, key = _settings(folder), _key(folder, passphrase_file)
    election = _frame(settings).election
    text = make_code(os.urandom)
    public = code_key(election.kind, election.manifest_hash, text).public_key
    ends = _now_ms() + days * _DAY_MS
    made = Code(number, public, ends, "security-key" if security_key else "passkey")
    sent = {
        "number": number,
        "key": public.hex(),
        "expires_at_ms": ends,
        "assurance": made.assurance,
        "issuer": key_id(key.public_key).hex(),
        "issued": made.sign(election, key).hex(),
    }
    typer.echo(json.dumps({"code": text, "send": sent}))


def _open(folder: Path, passphrase_file: Path) -> Link:
    """Return the registrar of a folder with her links; ends the program where anything does not fit."""
    settings, key = _settings(folder), _key(folder, passphrase_file)
    frame = _frame(settings)
    mends = roll.parse_mends(_text(folder, settings, "mends")) if "mends" in settings else []
    form: roll.Format = "json" if str(settings["roll"]).endswith(".json") else "csv"
    people = _try(
        lambda: roll.place_all(
            roll.parse_people(_text(folder, settings, "roll"), form),
            roll.parse_places(_text(folder, settings, "places")),
            mends,
            frame.parts,
        )
    )
    own = {each.number: (each.unit, each.style) for each in people}
    made = _try(lambda: Registrar(key, frame, own, _providers(folder, settings), Journal(folder / _JOURNAL)))
    kept = folder / _SLOTS
    if kept.exists():
        rows = json.loads(kept.read_text(encoding="ascii"))
        slots = [Slot(row[0], bytes.fromhex(row[1]), row[2], row[3]) for row in rows]
        _try(lambda: made.accept(slots, cut(slots)))
    link = Link(made, _sender(str(settings["identity"])), _sender(str(settings["ballot"])), _now_ms)
    _try(link.tell_rotations)
    return link


def _providers(folder: Path, settings: Mapping[str, Any]) -> dict[str, Provider]:
    """Return whom this registrar trusts to identify, with keys from her own folder."""
    found: dict[str, Provider] = {}
    if "oidc" in settings:
        own = settings["oidc"]
        keys = json.loads((folder / own["jwks"]).read_text(encoding="utf-8"))
        claim = own.get("claim", "personal_number")
        found["oidc"] = OidcVerifier(
            own["issuer"], own["client"], keys, tuple(own["acr"]), claim, max_age_s=_LATE_S, expiring=False
        )
    if "code_issuers" in settings:
        issuers = tuple(bytes.fromhex(each) for each in settings["code_issuers"])
        found["code"] = CodeVerifier(issuers, grace_ms=_LATE_S * 1_000)
    return found


def _sender(url: str) -> Send:
    client = httpx.Client(base_url=url, timeout=30, follow_redirects=False)

    def send(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        try:
            answer = client.request(method, path, content=body, headers=dict(headers))
        except httpx.HTTPError as error:
            raise RefusalError(f"{url} does not answer") from error
        return answer.status_code, answer.content

    return send


def _frame(settings: Mapping[str, Any]) -> Frame:
    return _try(lambda: fetch_frame(_sender(str(settings["ballot"])), bytes.fromhex(settings["manifest_hash"])))


def _settings(folder: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        _fail(f"{folder / _SETTINGS} cannot be read: {type(error).__name__}")


def _text(folder: Path, settings: Mapping[str, Any], name: str) -> str:
    try:
        return (folder / str(settings[name])).read_text(encoding="utf-8")
    except (OSError, KeyError, UnicodeDecodeError) as error:
        _fail(f"`{name}` of registrar.toml cannot be read: {type(error).__name__}")


def _key(folder: Path, passphrase_file: Path) -> SigningKey:
    return _try(lambda: key_file.read(folder / _KEY, _passphrase(passphrase_file)))


def _passphrase(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").partition("\n")[0]
    except OSError as error:
        _fail(f"the passphrase cannot be read: {type(error).__name__}")


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)


def _report(done: list[tuple[int, str]]) -> None:
    for number, what in done:
        typer.echo(f"{number}\t{what}")


def _try(act: Callable[[], Result]) -> Result:
    """Return what an act returns; end the program with its refusal."""
    try:
        return act()
    except (RefusalError, MismatchError, Refused, key_file.KeyFileError) as error:
        _fail(str(error))
    except roll.RollFileError as error:
        _fail("; ".join(f"line {line}: {fault}" for line, fault in error.faults))


def _fail(reason: str) -> NoReturn:
    typer.echo(reason, err=True)
    sys.exit(1)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
