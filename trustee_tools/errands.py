"""The commands that need no key file: fetch, pack and unpack a copy, send entries, write the minutes, show forks.

Spec: `docs/operations/trustee.md`. A courier between a machine with a network and one without does these.

>>> sorted(ERRANDS)
['fetch', 'forks', 'minutes', 'pack', 'send', 'unpack']
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from crypto.signatures import parse_checkpoint, parse_note
from trustee_tools.board import Copy, deliver, find_forks, open_board
from trustee_tools.ceremony import write_fingerprint
from trustee_tools.desk import Desk
from trustee_tools.link import ExchangeFile, pack
from trustee_tools.minutes import write_minutes
from trustee_tools.options import AsJson, BoardUrl, Language, ManifestHash, Processes, RecordPath, read_hash
from trustee_tools.session import Session


def fetch(
    record: RecordPath,
    board: BoardUrl,
    manifest_hash: ManifestHash = "",
    language: Language = "ky",
    *,
    as_json: AsJson = False,
) -> None:
    """Let your own copy of the record grow from the board; every file is compared with what the log signed."""
    session = Session.begin(language, as_json=as_json)
    count = Desk(record, board, manifest_hash=read_hash(manifest_hash)).fetch()
    size = Copy(record).size
    session.screen.show_line("fetched", count=session.screen.say.number(count), size=session.screen.say.number(size))
    session.answer(entries=count, size=size)


def send(
    entries: Annotated[list[Path], typer.Argument(help="Signed entries, as an act wrote them.", exists=True)],
    board: BoardUrl,
    language: Language = "ky",
    *,
    as_json: AsJson = False,
) -> None:
    """Bring signed entries from a machine without a network to the board; a second time changes nothing."""
    session = Session.begin(language, as_json=as_json)
    raws = [path.read_bytes() for path in entries]
    with open_board(board) as opened:
        taken = deliver(opened, raws)
    held = sum(each.state == "sequenced" for each in taken)
    session.screen.show_line("sent", count=len(taken), held=held)
    session.answer(sent=[{"leaf": each.leaf.hex(), "state": each.state} for each in taken])


def pack_record(
    record: Annotated[Path, typer.Option(help="Folder of the record.", exists=True, file_okay=False)],
    to: Annotated[Path, typer.Option(help="The exchange file to write.")],
    language: Language = "ky",
    *,
    as_json: AsJson = False,
) -> None:
    """Put a record's folder into one exchange file, for a stick."""
    session = Session.begin(language, as_json=as_json)
    files = pack(record, to)
    session.screen.show_line("pack.done", files=session.screen.say.number(files), path=to)
    session.answer(files=files, path=str(to))


def unpack(
    exchange_file: Annotated[Path, typer.Option("--from", help="The exchange file.", exists=True, dir_okay=False)],
    record: Annotated[Path, typer.Option(help="Folder of your own copy; it grows, and nothing leaves it.")],
    manifest_hash: ManifestHash = "",
    language: Language = "ky",
    *,
    as_json: AsJson = False,
) -> None:
    """Let your own copy grow from an exchange file, on a machine without a network; checked like a board."""
    session = Session.begin(language, as_json=as_json)
    count = Copy(record).update(ExchangeFile(exchange_file).get, read_hash(manifest_hash))
    size = Copy(record).size
    session.screen.show_line("fetched", count=session.screen.say.number(count), size=session.screen.say.number(size))
    session.answer(entries=count, size=size)


def minutes(
    record: RecordPath,
    to: Annotated[Path, typer.Option(help="The HTML file to write.")],
    board: BoardUrl = "",
    manifest_hash: ManifestHash = "",
    processes: Processes = 0,
    language: Language = "ky",
    *,
    as_json: AsJson = False,
) -> None:
    """Write the minutes of the ceremony as a page to print, with fields for seals and signatures."""
    session = Session.begin(language, as_json=as_json)
    view = session.look(Desk(record, board, processes=processes, manifest_hash=read_hash(manifest_hash)))
    write_minutes(to, view, session.screen.say)
    session.screen.show_line("minutes.done", path=to)
    session.answer(path=str(to))


def forks(
    record: Annotated[Path, typer.Option(help="Folder of your own copy.")],
    language: Language = "ky",
    *,
    as_json: AsJson = False,
) -> None:
    """Show what is kept of a log that has signed two records: hand both heads to the commission and to the press."""
    session = Session.begin(language, as_json=as_json)
    screen, found = session.screen, []
    for fork in find_forks(record):
        notes = {"held": fork.held, "shown": fork.shown}
        heads = {name: parse_checkpoint(parse_note(note).text) for name, note in notes.items()}
        screen.show_line("fork.folder", folder=fork.folder)
        for name, head in heads.items():
            size, root = screen.say.number(head.size), write_fingerprint(head.root)
            screen.show_line(f"fork.{name}", origin=head.origin, size=size, root=root)
        values = {name: {"size": head.size, "root": head.root.hex()} for name, head in heads.items()}
        found.append({"folder": str(fork.folder), **values})
    screen.show_line("fork.some" if found else "fork.none")
    session.answer(forks=found)


ERRANDS: dict[str, Callable[..., None]] = {
    "fetch": fetch,
    "send": send,
    "pack": pack_record,
    "unpack": unpack,
    "minutes": minutes,
    "forks": forks,
}
