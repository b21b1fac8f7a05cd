"""Nothing secret of a trustee leaves her key file: not on a screen, in an entry, a copy, an error, or the minutes."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from locales import dictionary
from tests.room import PASSPHRASE, Room
from tests.trustees import COPIES, MemoryDisk
from trustee_tools import cli
from trustee_tools.minutes import make_minutes
from trustee_tools.screen import Screen
from trustee_tools.vault import Hardness, Secrets, Vault


def spellings(secrets: Secrets) -> list[bytes]:
    """Return every form in which what a key file guards could lie somewhere."""
    numbers = [number for number in (secrets.encryption, *secrets.shares.values()) if number]
    raw = [secrets.seed, *(number.to_bytes(32, order) for number in numbers for order in ("big", "little"))]
    texts = [PASSPHRASE, *(data.hex() for data in raw), *(str(number) for number in numbers)]
    return [*raw, *(text.encode() for text in texts), *(text.upper().encode() for text in texts[1:])]


def test_from_the_first_key_to_the_share_nothing_secret_is_shown_or_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    room = Room(tmp_path)
    given = tmp_path / "passphrase"
    given.write_text(PASSPHRASE + "\n")
    own = [part for path in room.keys(1) for part in ("--keys", str(path))] + ["--passphrase-file", str(given)]
    out = ["--record", str(room.record), "--out", str(room.root / "out"), "--slots", str(room.slots)]
    outside = ["--manifest-hash", room.world.manifest_hash.hex(), "--confirm", "town-2026", "--language", "en"]
    known, shown, written = set[bytes](), list[bytes](), list[bytes]()

    def act(*more: str) -> None:
        for arguments in (["status", "--record", str(room.record), *own], ["next", *out, *outside, *own, *more]):
            with pytest.raises(SystemExit) as ended:
                cli.main(arguments)
            assert ended.value.code == 0
        said = capsys.readouterr()
        shown.append(said.out.encode() + said.err.encode())
        vault = Vault.open(room.keys(1), PASSPHRASE)
        known.update(spellings(vault.secrets))
        shown.append((repr(vault.secrets) + str(vault)).encode())

    def hold() -> None:
        act()
        for place in (2, 3):
            room.act(place)
        written.extend(room.take())

    for _ in range(5):
        hold()
    room.open_and_vote()
    room.close()
    act("--now-ms", "1768060000000")
    work = room.work(1)
    work.look()
    work.unlock(PASSPHRASE)
    console = Console(file=io.StringIO(), record=True, width=200)
    Screen(console, dictionary("ru")).show_election(work.seen, "x", 1)
    shown += [console.export_text().encode(), make_minutes(work.seen, dictionary("ky")).encode()]
    written += [path.read_bytes() for path in room.written()]
    files = [path.read_bytes() for path in room.record.rglob("*") if path.is_file()]
    files += [path.read_bytes() for path in room.keys(1)]
    everything = b"\0".join([*shown, *written, *files])
    # The encryption key of R0, its share of the key, the seed, the passphrase: in all forms.
    assert len(known) > 12
    assert [form for form in known if form in everything] == []
    # The search finds what is there.
    assert json.dumps(work.seen.manifest.short_name).strip('"').encode() in everything


def test_an_error_about_a_key_file_does_not_quote_it() -> None:
    vault = Vault.create(COPIES, PASSPHRASE, "Aida", Hardness.TEST, MemoryDisk())
    forms = [form.decode("latin-1") for form in spellings(vault.secrets)]
    assert not [form for form in forms if form in repr(vault.secrets) or form in repr(vault.__dict__.get("_lock"))]
