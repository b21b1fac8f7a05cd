"""Key files: two copies, crashes between and inside writes, lost media, and secrets that never show."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.errors import MalformedEncoding, Refused
from tests.trustees import COPIES, PASSPHRASE, CrashError, MemoryDisk
from trustee_tools.vault import MAGIC, Hardness, LocalDisk, Lock, Secrets, Vault, seal, unseal


def make(disk: MemoryDisk) -> Vault:
    return Vault.create(COPIES, PASSPHRASE, "Aida", Hardness.TEST, disk)


def test_both_copies_open_to_the_same() -> None:
    disk = MemoryDisk()
    vault = make(disk)
    vault.remember("key/1", (b"entry",), run=1, encryption=7, shares={1: 9})
    for copy in COPIES:
        secrets, _, generation = unseal(disk.files[copy], PASSPHRASE)
        assert (secrets, generation) == (vault.secrets, 2)
    assert Vault.open(COPIES, PASSPHRASE, disk).secrets == vault.secrets


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("write", [3, 4])
def test_after_a_crash_in_a_save_both_copies_hold_one_state(write: int, stored: bool) -> None:
    """Writes 1 and 2 create the file; 3 and 4 are the two copies of the first answer."""
    disk = MemoryDisk(write, stored=stored)
    vault = make(disk)
    with pytest.raises(CrashError):
        vault.remember("key/1", (b"entry",))
    disk.crash_at = 0
    secrets = Vault.open(COPIES, PASSPHRASE, disk).secrets
    assert secrets.answers == ({} if write == 3 and not stored else {"key/1": (b"entry",)})
    assert [unseal(disk.files[copy], PASSPHRASE)[0] for copy in COPIES] == [secrets, secrets]


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("write", [1, 2])
def test_a_crash_while_the_file_is_made_leaves_no_half_usable_one(write: int, stored: bool) -> None:
    disk = MemoryDisk(write, stored=stored)
    with pytest.raises(CrashError):
        make(disk)
    disk.crash_at = 0
    if len(disk.files) < 2:
        with pytest.raises(Refused, match="copy of the key file is missing"):
            Vault.open(COPIES, PASSPHRASE, disk)
    else:
        assert Vault.open(COPIES, PASSPHRASE, disk).secrets.name == "Aida"


def test_one_copy_is_enough_only_when_the_person_says_so() -> None:
    disk = MemoryDisk()
    make(disk)
    del disk.files[COPIES[0]]
    with pytest.raises(Refused) as refusal:
        Vault.open(COPIES, PASSPHRASE, disk)
    assert refusal.value.culprit == "one.key"
    vault = Vault.open(COPIES, PASSPHRASE, disk, allow_one_copy=True)
    vault.remember("key/1", (b"entry",))
    assert set(disk.files) == {COPIES[1]}
    assert vault.paths == (COPIES[1],)


@pytest.mark.parametrize("at", [0, 11, 13, 20, 30, 45, 60, -1])
def test_every_changed_byte_is_noticed(at: int) -> None:
    data = bytearray(seal(Secrets("Aida", bytes(32)), Lock.make(PASSPHRASE, Hardness.TEST), 1))
    data[at] ^= 1
    with pytest.raises((Refused, MalformedEncoding)):
        unseal(bytes(data), PASSPHRASE)


@pytest.mark.parametrize("length", [0, 5, len(MAGIC), 47, 60, 90])
def test_a_file_cut_short_is_refused(length: int) -> None:
    data = seal(Secrets("Aida", bytes(32)), Lock.make(PASSPHRASE, Hardness.TEST), 1)
    with pytest.raises((Refused, MalformedEncoding)):
        unseal(data[:length], PASSPHRASE)


def test_a_passphrase_is_the_same_however_its_letters_are_composed() -> None:
    composed, apart = "\u0439" * 12, "\u0438\u0306" * 12
    data = seal(Secrets("Aida", bytes(32)), Lock.make(composed, Hardness.TEST), 1)
    assert unseal(data, apart)[0].name == "Aida"


def test_no_secret_shows() -> None:
    secrets = Secrets("Aida", bytes([0xAB]) * 32, encryption=0xABABABAB, shares={1: 0xABABABAB})
    lock = Lock.make(PASSPHRASE, Hardness.TEST)
    with pytest.raises(Refused) as refusal:
        unseal(seal(secrets, lock, 1), PASSPHRASE + "x")
    shown = repr(secrets) + repr(lock) + repr(refusal.value) + str(refusal.value)
    for secret in ("abab", "ABAB", str(0xABABABAB), lock.key.hex(), repr(lock.key), PASSPHRASE):
        assert secret not in shown


def test_the_real_disk_keeps_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    disk, path = LocalDisk(), tmp_path / "one.key"
    assert disk.read(path) is None
    disk.write(path, b"old")
    (tmp_path / "one.key.new").write_bytes(b"half")  # what a crash leaves
    assert disk.read(path) == b"old"
    disk.write(path, b"new")
    assert disk.read(path) == b"new"
    assert [file.name for file in tmp_path.iterdir()] == ["one.key"]
    assert path.stat().st_mode & 0o077 == 0


@given(st.binary(max_size=200))
def test_no_bytes_are_taken_for_a_key_file(data: bytes) -> None:
    """Whatever stands behind an honest header: a refusal, never another error."""
    header = MAGIC + (1).to_bytes(4, "big") + (8192).to_bytes(8, "big") + bytes(24)
    for whole in (data, header + data):
        with pytest.raises((Refused, MalformedEncoding)):
            unseal(whole, PASSPHRASE)


@given(
    st.text(max_size=20),
    st.integers(0, 2**256 - 1),
    st.dictionaries(st.integers(1, 9), st.integers(0, 2**256 - 1), max_size=3),
    st.dictionaries(st.text(max_size=9), st.lists(st.binary(max_size=9), max_size=3).map(tuple), max_size=3),
)
def test_what_is_kept_is_what_is_read(
    name: str, encryption: int, shares: dict[int, int], answers: dict[str, tuple[bytes, ...]]
) -> None:
    secrets = Secrets(name, bytes(range(32)), 2, bytes(32), 3, encryption, shares, answers)
    assert Secrets.parse(secrets.to_bytes()) == secrets
