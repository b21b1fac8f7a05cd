"""The whole way of three trustees through the command line, on a record in a folder and in an exchange file."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from crypto.election.entries import Drill, Opening, Release, ReleaseItem
from crypto.election.entries import Trustee as TrusteeKey
from crypto.merkle import Tiles, publish
from tests.simulator import HOUR_MS, OPENS_AT_MS, World
from trustee_tools.ceremony import write_fingerprint
from trustee_tools.cli import main

PASSPHRASE = "ten green bottles"
AFTER_MS = OPENS_AT_MS + 2 * HOUR_MS
SLOTS = {"2": 10, "3": 14}


class Office:
    """Three trustees with their key files, a world whose board takes their entries, and its record in a folder."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.capsys = root, capsys
        self.record = root / "record"
        (root / "passphrase").write_text(PASSPHRASE + "\n", encoding="utf-8")
        (root / "slots.json").write_text(json.dumps(SLOTS), encoding="utf-8")
        keys = [self.init(trustee)["key"] for trustee in (1, 2, 3)]
        trustees = tuple(TrusteeKey(f"trustee {at}", bytes.fromhex(str(key))) for at, key in enumerate(keys, start=1))
        self.world = World(changes={"trustees": trustees})
        self.world.begin()

    def run(self, *arguments: str) -> tuple[int, dict[str, object]]:
        """Run the program with `--json`; return exit code and answer."""
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--passphrase-file", str(self.root / "passphrase"), "--json"])
        return int(str(ended.value.code)), json.loads(self.capsys.readouterr().out)

    def keys(self, trustee: int) -> list[str]:
        return ["--keys", str(self.root / f"a-{trustee}.key"), "--keys", str(self.root / f"b-{trustee}.key")]

    def init(self, trustee: int) -> dict[str, object]:
        code, answer = self.run("init", "--name", f"trustee {trustee}", *self.keys(trustee), "--hardness", "test")
        assert code == 0
        return answer

    def publish(self) -> None:
        """Write the world's log as static files."""
        _, files = publish(Tiles(), self.world.entries)
        for path, data in [*files, ("checkpoint", self.world.checkpoints[-1])]:
            (self.record / path).parent.mkdir(parents=True, exist_ok=True)
            (self.record / path).write_bytes(data)

    def act(
        self, trustee: int, name: str = "next", *more: str, record: Path | None = None
    ) -> tuple[int, dict[str, object]]:
        hash_options = ["--manifest-hash", self.world.manifest_hash.hex(), "--confirm", "town-2026"]
        out = ["--out", str(self.root / "out"), "--now-ms", str(AFTER_MS)]
        return self.run(name, "--record", str(record or self.record), *self.keys(trustee), *hash_options, *out, *more)

    def entries(self, answer: dict[str, object]) -> list[bytes]:
        paths = answer["entries"]
        assert isinstance(paths, list)
        return [Path(path).read_bytes() for path in paths]

    def run_pack(self, target: Path) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["pack", "--record", str(self.record), "--to", str(target), "--json"])
        assert ended.value.code == 0
        files = json.loads(self.capsys.readouterr().out)["files"]
        assert isinstance(files, int)
        return files

    def hold_round(self, trustees: Sequence[int] = (1, 2, 3)) -> list[str]:
        """Let trustees do what comes next and the board take it; return what they did."""
        self.publish()
        acts, raws = [], []
        for trustee in trustees:
            code, answer = self.act(trustee)
            assert code == 0, answer
            acts.append(str(answer["act"]))
            raws += self.entries(answer)
        self.world.accept(raws)
        return acts

    def open_and_vote(self) -> None:
        world = self.world
        world.freeze_roll()
        world.accept()
        head = world.head()
        world.accept([world.by_officers("drill", Drill(1, head.size, head.root))])
        assert self.hold_round() == ["drill"] * 3
        certificate = world.record.ceremony.conclude()
        opening = world.by_officers("opening", Opening(certificate.key, certificate.hash))
        world.accept([opening], [world.credential(voter) for voter in world.registered()])
        world.wait_until(world.manifest.opens_at_ms)
        world.accept()
        world.accept()
        world.hold_vote()


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return Office(tmp_path, capsys)


def certify(office: Office) -> None:
    for act in ("key", "commitment", "dealing", "answer", "certificate"):
        assert office.hold_round() == [act] * 3


def test_from_init_to_the_results(office: Office) -> None:
    certify(office)
    office.publish()
    assert office.act(1)[0] == 4
    office.open_and_vote()
    world = office.world
    world.close()
    world.accept()
    office.publish()
    slots = ["--slots", str(office.root / "slots.json")]
    code, answer = office.act(2, "decrypt", *slots)
    assert (code, answer["refused"]["check"]) == (3, "TRUSTEE" + "-14")  # type: ignore[index]
    world.dispute()
    world.accept(world.aggregates())
    office.publish()
    packed = office.root / "record.zip"
    assert office.run_pack(packed) > 3
    shares: list[bytes] = []
    for trustee, record in ((1, office.record), (3, packed)):
        code, answer = office.act(trustee, "decrypt", *slots, record=record)
        assert code == 0, answer
        again = office.act(trustee, "decrypt", *slots, record=office.record)[1]
        assert office.entries(again) == office.entries(answer)
        shares += office.entries(answer)
    world.accept(shares)
    world.accept(world.results())
    world.accept()
    assert world.record.is_complete()
    for total in world.record.tally.totals():
        assert total.votes == world.expected(total.contest)
    office.publish()
    assert office.act(1)[1]["act"] == "wait"
    assert office.act(2)[0] == 3  # a share nobody needs any more still asks for the figures


def test_without_or_with_other_figures_nothing_is_decrypted(office: Office) -> None:
    certify(office)
    office.open_and_vote()
    office.world.close()
    office.world.dispute()
    office.publish()
    code, answer = office.act(1, "decrypt")
    assert (code, answer["refused"]["reason"]) == (3, "the record was not examined with slot figures from outside")  # type: ignore[index]
    (office.root / "slots.json").write_text('{"2": 10, "3": 13}', encoding="utf-8")
    code, answer = office.act(1, "decrypt", "--slots", str(office.root / "slots.json"))
    assert (code, "figures given from outside" in answer["refused"]["reason"]) == (3, True)  # type: ignore[index]


def test_a_manifest_that_was_not_confirmed_from_outside_is_refused(office: Office) -> None:
    office.publish()
    common = ["--record", str(office.record), *office.keys(1), "--out", str(office.root / "out")]
    for options in ([], ["--manifest-hash", "00" * 32], ["--fingerprint", write_fingerprint(bytes(32))]):
        code, answer = office.run("next", *common, *options)
        assert (code, "fingerprints differ" in answer["refused"]["reason"]) == (3, True)  # type: ignore[index]
    assert not (office.root / "out").exists()
    typed = write_fingerprint(office.world.manifest_hash).lower().replace(" ", "-")
    assert office.run("next", *common, "--fingerprint", typed)[0] == 0


def test_the_screens_speak_three_languages(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    office.publish()
    for language, word in (("ky", "Ачкыч"), ("ru", "ключ"), ("en", "encryption key")):
        options = ["--record", str(office.record), *office.keys(1), "--language", language]
        with pytest.raises(SystemExit) as ended:
            main(["status", *options, "--passphrase-file", str(office.root / "passphrase")])
        assert ended.value.code == 0
        assert word in capsys.readouterr().out


def test_a_refusal_is_explained_in_words(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    office.publish()
    options = ["--record", str(office.record), *office.keys(1), "--out", str(office.root / "out")]
    with pytest.raises(SystemExit) as ended:
        main(["key", *options, "--language", "en", "--passphrase-file", str(office.root / "passphrase")])
    assert ended.value.code == 3
    assert "Nothing was changed" in capsys.readouterr().err


def test_a_wrong_command_line_is_told_apart(office: Office) -> None:
    office.publish()
    with pytest.raises(SystemExit) as ended:
        main(["status", "--record", str(office.record), "--keys", "one.key"])
    assert ended.value.code == 2
    (office.root / "empty").mkdir()
    assert office.run("status", "--record", str(office.root / "empty"), *office.keys(1))[0] == 5


def test_status_says_what_comes_next_and_changes_nothing(office: Office) -> None:
    office.publish()
    before = {path.name: path.read_bytes() for path in office.root.glob("*.key")}
    code, answer = office.run("status", "--record", str(office.record), *office.keys(2))
    assert (code, answer["act"], answer["missing"]) == (0, "key", [1, 2, 3])
    assert {path.name: path.read_bytes() for path in office.root.glob("*.key")} == before


def test_fingerprint_compares_what_was_typed(office: Office) -> None:
    office.publish()
    options = ["--record", str(office.record), *office.keys(1)]
    typed = write_fingerprint(office.world.manifest_hash)
    assert office.run("fingerprint", *options, "--typed", typed)[0] == 0
    assert office.run("fingerprint", *options, "--typed", typed[:-1] + "?")[0] == 3


def test_a_refused_entry_waits_for_a_release_that_is_shown(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    certify(office)
    office.open_and_vote()
    world = office.world
    world.refuse(world.cast(world.registered()[0], b"no ballot"))
    (index,) = world.record.refused
    world.close()
    world.dispute()
    office.publish()
    slots = ["--slots", str(office.root / "slots.json")]
    code, answer = office.act(1, "decrypt", *slots)
    assert (code, f"release first: {index}" in answer["refused"]["reason"]) == (3, True)  # type: ignore[index]
    release = Release((ReleaseItem(index, "it never was a ballot"),))
    world.accept([world.by_officers("release", release)])
    office.publish()
    options = ["--record", str(office.record), *office.keys(1), "--out", str(office.root / "out"), *slots]
    options += ["--now-ms", str(AFTER_MS), "--confirm", "town-2026", "--language", "en"]
    with pytest.raises(SystemExit) as ended:
        main(["decrypt", *options, "--passphrase-file", str(office.root / "passphrase")])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "it never was a ballot" in shown
    assert write_fingerprint(world.record.tally.closed_root or b"") in shown


def test_what_is_asked_at_a_terminal(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passphrase, then the fingerprint: mistyped once, then right; then the short name before the certificate."""
    office.publish()
    typed = write_fingerprint(office.world.manifest_hash)
    answers = ["2222", typed]
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return answers.pop(0)

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.prompt", answer)
    monkeypatch.setattr("getpass.getpass", lambda _: PASSPHRASE)
    options = ["--record", str(office.record), *office.keys(1), "--out", str(office.root / "out"), "--language", "en"]

    def run(command: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main([command, *options])
        office.capsys.readouterr()
        return int(str(ended.value.code))

    assert run("next") == 0
    assert [question.split()[0] for question in asked] == ["Fingerprint", "Fingerprint"]
    for act in ("key", "commitment", "dealing", "answer"):
        assert office.hold_round() == [act] * 3
    office.publish()
    answers[:] = ["town-2025", "town-2026"]
    assert run("next") == 3
    assert run("next") == 0
    assert "short name" in asked[-1]
    assert answers == []
