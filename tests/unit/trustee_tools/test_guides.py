"""The trustee's guide in three languages: the same commands, and each of them runs, in the guide's order."""

import re
import shlex
from pathlib import Path

import httpx
import pytest

from crypto.merkle import leaf_hash
from tests.folders import files_of
from tests.room import PASSPHRASE, Room
from trustee_tools import cli
from trustee_tools.screens.app import TrusteeApp

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "operations"
GUIDES = [FOLDER / name for name in ("trustee.md", "trustee.ky.md", "trustee.ru.md")]
DONE, REFUSED = 0, 3


def commands(guide: Path) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", guide.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


def test_all_guides_have_the_same_commands_and_exit_codes() -> None:
    first, *others = (commands(guide) for guide in GUIDES)
    assert all(other == first for other in others)
    codes = [re.findall(r"^\| ([0-9]) \|", guide.read_text(encoding="utf-8"), re.MULTILINE) for guide in GUIDES]
    assert codes == [[str(code) for code in (0, 2, 3, 4, 5, 6)]] * 3


def test_the_guide_leaves_out_no_command_but_the_single_steps_of_next() -> None:
    steps = {"key", "commitment", "dealing", "answer", "certificate", "drill"}
    names = {command.name or getattr(command.callback, "__name__", "") for command in cli.app.registered_commands}
    assert names == {line.split()[1] for line in commands(GUIDES[0])} | steps


def test_every_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first trustee's program, at a founded election, as the guide tells it; a board that takes everything."""
    room = Room(tmp_path)
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
    (tmp_path / "figures.json").write_text('{"2": 10, "3": 14}')
    client, sent = httpx.Client, list[bytes]()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            sent.append(request.content)
            said = f'{{"state": "waiting", "leaf": "{leaf_hash(request.content).hex()}"}}'
            return httpx.Response(202, stream=httpx.ByteStream(said.encode()))
        data = files_of(room.world).get(request.url.path.removeprefix("/log/"))
        return httpx.Response(404 if data is None else 200, stream=httpx.ByteStream(data or b""))

    monkeypatch.setattr(httpx, "Client", lambda **o: client(**{**o, "transport": httpx.MockTransport(answer)}))
    started: list[TrusteeApp] = []

    def start(app: TrusteeApp) -> None:
        started.append(app)

    monkeypatch.setattr(TrusteeApp, "run", start)
    monkeypatch.setattr("time.sleep", lambda _: None)
    expected = {"decrypt": REFUSED}  # voting has not even begun
    for line in commands(GUIDES[0]):
        program, name, *options = shlex.split(line)
        assert program == "dobush-trustee"
        places = {"/media/a/me.key": str(room.keys(1)[0]), "/media/b/me.key": str(room.keys(1)[1])}
        own = [places.get(word, word) for word in options]
        own = [re.sub(r"^/media/stick", str(tmp_path), word) for word in own]
        folders = ("copy", "carried", "minutes.html", "figures.json")
        own = [str(tmp_path / word) if word in folders else word for word in own]
        if name == "init":
            own = [word.replace(".key", "-new.key") for word in own] + ["--hardness", "test"]
        if "--keys" in own and name != "screens":
            own += ["--passphrase-file", str(tmp_path / "passphrase")]
        if name in {"next", "decrypt"}:
            own += ["--manifest-hash", room.world.manifest_hash.hex()]
        own = ["0" if word == "180" else word for word in own]
        with pytest.raises(SystemExit) as ended:
            cli.main([name, *own])
        assert ended.value.code == expected.get(name, DONE), line
    assert len(started) == 2
    assert len(set(sent)) == 1
    assert len(sent) == 2
