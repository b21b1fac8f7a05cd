"""The options that commands of `dobush-trustee` share, and how the two that need it are read.

Spec: `docs/operations/trustee.md`.

>>> read_hash("") + read_hash("ab" * 32) == bytes.fromhex("ab" * 32)
True
"""

from pathlib import Path
from typing import Annotated

import typer

from locales import LANGUAGES

RecordPath = Annotated[
    Path, typer.Option("--record", help="Folder of the record, or one exchange file; with --board your own copy.")
]
BoardUrl = Annotated[str, typer.Option("--board", help="Address of the board: the copy grows from there.")]
Wait = Annotated[float, typer.Option(help="Seconds to wait until the own copy holds what was sent.", min=0)]
Practising = Annotated[bool, typer.Option("--rehearsal", help="Refuse to touch a real election.")]
KeyPaths = Annotated[list[Path], typer.Option("--keys", help="The two copies of the key file (give it twice).")]
OutPath = Annotated[Path | None, typer.Option("--out", help="Folder for the signed entries that the board shall take.")]
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


def read_both(keys: list[Path]) -> tuple[Path, Path]:
    """Read the two copies of the key file."""
    if len(keys) != 2:
        raise typer.BadParameter("two copies are needed: give the option twice", param_hint="--keys")
    return keys[0], keys[1]


def read_hash(text: str) -> bytes:
    """Read a manifest hash from the command line; nothing where none was given."""
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b"-"
    if len(digest) not in {0, 32}:
        raise typer.BadParameter("64 hexadecimal digits are needed", param_hint="--manifest-hash")
    return digest
