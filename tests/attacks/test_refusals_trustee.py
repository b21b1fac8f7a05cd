"""What else a trustee's program refuses: key files, passphrases, other elections, acts out of turn or unconfirmed."""

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from crypto.errors import MalformedEncoding, Refused
from tests.trustees import COPIES, PASSPHRASE, MemoryDisk, Programs
from trustee_tools.ceremony import Consent, Trustee, verify_not_real, write_fingerprint
from trustee_tools.link import ExchangeFile
from trustee_tools.session import read_clock
from trustee_tools.vault import MAGIC, Hardness, Vault, unseal

YES = Consent(now_ms=21_000, short_name="test")


def make(disk: MemoryDisk, passphrase: str = PASSPHRASE, paths: tuple[Path, Path] = COPIES) -> Vault:
    return Vault.create(paths, passphrase, "Aida", Hardness.TEST, disk)


@pytest.mark.parametrize("passphrase", ["", "short", "eleven char"])
def test_a_short_passphrase_is_refused(passphrase: str) -> None:
    disk = MemoryDisk()
    with pytest.raises(Refused) as refusal:
        make(disk, passphrase)
    assert refusal.value.check == "TRUSTEE-1"
    assert disk.files == {}


@pytest.mark.parametrize(("operations", "memory"), [(0, 8192), (17, 8192), (1, 1024), (1, 2**31), (2**32 - 1, 8192)])
def test_a_header_that_asks_for_absurd_work_is_refused_before_any_work(operations: int, memory: int) -> None:
    header = MAGIC + operations.to_bytes(4, "big") + memory.to_bytes(8, "big") + bytes(24)
    with pytest.raises(MalformedEncoding) as refusal:
        unseal(header + bytes(100), PASSPHRASE)
    check = "TRUSTEE-2"
    assert refusal.value.check == check


@pytest.mark.parametrize("case", ["wrong passphrase", "changed generation", "changed box"])
def test_a_file_that_does_not_open_is_refused(case: str) -> None:
    disk = MemoryDisk()
    make(disk)
    data = bytearray(disk.files[COPIES[0]])
    if case == "changed generation":
        data[47] ^= 1
    elif case == "changed box":
        data[-1] ^= 1
    disk.files[COPIES[0]] = bytes(data)
    with pytest.raises(Refused) as refusal:
        Vault.open(COPIES, PASSPHRASE + ("!" if case == "wrong passphrase" else ""), disk)
    assert (refusal.value.check, refusal.value.culprit) == ("TRUSTEE-3", "one.key")


@pytest.mark.parametrize("case", ["first taken", "second taken", "one name twice"])
def test_a_key_is_never_overwritten(case: str) -> None:
    disk = MemoryDisk()
    if case != "one name twice":
        disk.files[COPIES[case == "second taken"]] = b"another key"
    before = dict(disk.files)
    with pytest.raises(Refused) as refusal:
        make(disk, paths=(COPIES[0], COPIES[0]) if case == "one name twice" else COPIES)
    assert refusal.value.check == "TRUSTEE-4"
    assert disk.files == before


@pytest.mark.parametrize("lost", [(0,), (1,), (0, 1)])
def test_a_missing_copy_is_refused(lost: tuple[int, ...]) -> None:
    disk = MemoryDisk()
    make(disk)
    for place in lost:
        del disk.files[COPIES[place]]
    with pytest.raises(Refused) as refusal:
        Vault.open(COPIES, PASSPHRASE, disk, allow_one_copy=len(lost) == 2)
    assert (refusal.value.check, refusal.value.culprit) == ("TRUSTEE-5", ", ".join(COPIES[at].name for at in lost))


def test_two_different_copies_of_one_age_are_refused() -> None:
    disk, other = MemoryDisk(), MemoryDisk()
    make(disk)
    make(other)
    disk.files[COPIES[1]] = other.files[COPIES[1]]
    with pytest.raises(Refused) as refusal:
        Vault.open(COPIES, PASSPHRASE, disk)
    assert refusal.value.check == "TRUSTEE-6"


class WornDisk(MemoryDisk):
    """A medium on which bytes change after they were written."""

    def write(self, path: Path, data: bytes) -> None:
        super().write(path, data[:-1] + bytes([data[-1] ^ 1]))


def test_a_medium_that_does_not_read_back_is_refused() -> None:
    with pytest.raises(Refused) as refusal:
        make(WornDisk())
    assert (refusal.value.check, refusal.value.culprit) == ("TRUSTEE-7", "one.key")


@pytest.mark.parametrize("wrong", [0, 5, 17])
def test_another_manifest_than_the_one_known_from_outside_is_refused(wrong: int) -> None:
    programs = Programs()
    seen = bytearray(programs.hash)
    seen[wrong] ^= 1
    program = Trustee(Vault.open(COPIES, PASSPHRASE, programs.disks[0]), programs.view)
    with pytest.raises(Refused) as refusal:
        program.bind(write_fingerprint(bytes(seen)))
    assert (refusal.value.check, f"group {wrong // 2 + 1}" in refusal.value.reason) == ("TRUSTEE-8", True)
    assert program.secrets.manifest_hash == b""


@pytest.mark.parametrize("case", ["not named", "another election", "another place"])
def test_a_key_file_that_does_not_belong_here_is_refused(case: str) -> None:
    programs = Programs()
    if case != "not named":
        programs.act(1)
    changes: dict[str, dict[str, object]] = {
        "not named": {"keys": programs.view.keys[1:]},
        "another election": {"manifest_hash": bytes(32)},
        "another place": {"keys": programs.view.keys[::-1]},
    }
    programs.view = replace(programs.view, **changes[case])  # type: ignore[arg-type]
    program = Trustee(Vault.open(COPIES, PASSPHRASE, programs.disks[0]), programs.view)
    with pytest.raises(Refused) as refusal:
        program.bind(write_fingerprint(programs.hash))
    assert (refusal.value.check, refusal.value.culprit) == ("TRUSTEE-9", "key file")


@pytest.mark.parametrize("typed", ["", "tests", "TEST", "yes"])
def test_an_irreversible_act_without_the_short_name_is_refused(typed: str) -> None:
    programs = Programs()
    programs.finish(rounds=4)
    before = programs.start(1).secrets
    for act in ("certificate", "decrypt"):
        if act == "decrypt":
            programs.finish(rounds=1)
            programs.cast_and_close()
            before = programs.start(1).secrets
        with pytest.raises(Refused) as refusal:
            programs.start(1).perform(act, Consent(now_ms=21_000, short_name=typed))
        check = "TRUSTEE-10"
        assert refusal.value.check == check
        assert programs.start(1).secrets == before


@pytest.mark.parametrize("act", ["commitment", "dealing", "answer", "certificate", "drill", "wait"])
def test_an_act_that_is_not_awaited_is_refused(act: str) -> None:
    programs = Programs()
    with pytest.raises(Refused) as refusal:
        programs.start(1).perform(act, YES)  # type: ignore[arg-type]
    assert (refusal.value.check, refusal.value.culprit) == ("TRUSTEE-11", act)


@pytest.mark.parametrize("rounds", [2, 3, 4])
def test_a_key_file_from_before_the_last_step_is_refused(rounds: int) -> None:
    """An old copy of the medium is brought back in the middle of a run."""
    programs = Programs()
    old = dict(programs.disks[0].files)
    programs.finish(rounds=rounds)
    programs.disks[0].files = old
    with pytest.raises(Refused) as refusal:
        programs.act(1)
    check = "TRUSTEE-18"
    assert refusal.value.check == check


def test_a_trustee_whose_dealer_lied_complains_instead_of_accepting() -> None:
    programs = Programs()
    programs.finish(rounds=1)
    honest = programs.start(3).secrets
    program = programs.start(3)
    (commitment,) = program.perform("commitment", YES)
    assert program.secrets.answers["dealing/1"] != honest.answers.get("dealing/1")
    assert commitment == programs.start(3).perform("commitment", YES)[0]


@pytest.mark.parametrize(
    "case", ["no ZIP file", "compressed", "a path out of it", "a foreign file", "a name twice", "damaged"]
)
def test_a_file_that_is_no_packed_record_is_refused(case: str, tmp_path: Path) -> None:
    path = tmp_path / "record.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if case == "compressed" else zipfile.ZIP_STORED) as packed:
        packed.writestr("checkpoint", "x" * 100)
        if case == "a path out of it":
            packed.writestr("../tile/0/000", b"")
        if case == "a foreign file":
            packed.writestr("readme.txt", b"")
        if case == "a name twice":
            with pytest.warns(UserWarning, match="Duplicate name"):
                packed.writestr("checkpoint", b"y")
    data = path.read_bytes()
    if case == "damaged":
        path.write_bytes(data.replace(b"xxxx", b"xxxy", 1))
    if case == "no ZIP file":
        path.write_bytes(data[:30])
    with pytest.raises(MalformedEncoding) as refusal:
        ExchangeFile(path).get("checkpoint")
    assert (refusal.value.check, refusal.value.culprit) == ("TRUSTEE-19", "exchange file")


def test_a_real_election_takes_no_virtual_clock() -> None:
    view = Programs().view
    assert read_clock(view, 5) == 5
    real = replace(view, manifest=replace(view.manifest, kind="real"))
    assert read_clock(real, None) > 5
    with pytest.raises(Refused) as refusal:
        read_clock(real, 5)
    assert (refusal.value.check, refusal.value.culprit) == ("TRUSTEE-20", "--now-ms")


def test_a_weakly_sealed_key_file_is_refused_in_a_real_election() -> None:
    programs = Programs()
    programs.view = replace(programs.view, manifest=replace(programs.view.manifest, kind="real"))
    with pytest.raises(Refused) as refusal:
        programs.start(1)
    assert (refusal.value.check, refusal.value.culprit) == ("TRUSTEE-21", "key file")


def test_a_rehearsal_cannot_touch_a_real_election() -> None:
    view = Programs().view
    for kind in ("demo", "practice"):
        verify_not_real(replace(view, manifest=replace(view.manifest, kind=kind)))
    with pytest.raises(Refused) as refusal:
        verify_not_real(replace(view, manifest=replace(view.manifest, kind="real")))
    assert (refusal.value.check, refusal.value.culprit) == ("TRUSTEE-25", "you")


@pytest.mark.parametrize("case", ["another program acted", "a copy is gone", "an old copy was brought back"])
def test_of_two_programs_with_one_key_file_only_one_goes_on(case: str) -> None:
    """Else one would commit to one dealing and the other to another, and both would be on their way to the board."""
    programs = Programs()
    old = dict(programs.disks[0].files)
    programs.finish(rounds=1)
    first, second = programs.start(1), programs.start(1)
    if case == "another program acted":
        entries = first.perform("commitment", YES)
    else:
        programs.disks[0].files.pop(COPIES[1])
        programs.disks[0].files.update({COPIES[1]: old[COPIES[1]]} if case.startswith("an old") else {})
    before = dict(programs.disks[0].files)
    with pytest.raises(Refused) as refusal:
        second.perform("commitment", YES)
    check = "TRUSTEE-26"
    assert refusal.value.check == check
    assert programs.disks[0].files == before
    if case == "another program acted":
        assert programs.start(1).perform("commitment", YES) == entries
