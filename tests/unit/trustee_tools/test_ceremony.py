"""Trustees' programs from the first key to the share, killed after every write and started again."""

import pytest

from crypto.election.ceremony import name_trustee
from crypto.election.entries import Drill, Share, parse_entry
from crypto.errors import Refused
from crypto.signatures import SigningKey
from tests.trustees import COPIES, HERE, PASSPHRASE, ROOT, CrashError, MemoryDisk, Programs, Trustees
from trustee_tools.ceremony import Consent, differing_groups, write_fingerprint
from trustee_tools.vault import Vault

AFTER = Consent(now_ms=21_000, short_name="test")


def hold_drill(programs: Programs) -> None:
    drill = Drill(number=len(programs.view.ceremony.drills) + 1, size=5, root=ROOT)
    Trustees.apply(programs.view.ceremony.stage_drill(drill, HERE))
    for trustee in (1, 2, 3):
        programs.act(trustee)


def test_from_the_first_key_to_the_totals() -> None:
    programs = Programs()
    programs.finish()
    hold_drill(programs)
    tally = programs.cast_and_close()
    for item in tally.plan.items:
        assert item.cell.ballots == 3
    shares = {trustee: programs.start(trustee).perform("decrypt", AFTER) for trustee in (1, 3)}
    for entries in shares.values():
        for raw in entries:
            Trustees.apply(tally.stage_share(Share.parse(parse_entry(raw).body), HERE))
    assert [tally.open_cell(item) for item in tally.plan.items] == [(1, 1, 1)] * 4 + [(2, 2, 2)] * 4


def test_the_encryption_key_is_destroyed_with_the_certificate() -> None:
    programs = Programs()
    programs.finish(rounds=4)
    before = programs.start(1).secrets
    assert before.encryption
    programs.act(1)
    assert programs.start(1).secrets.encryption == 0
    assert programs.start(1).secrets.shares == before.shares


def test_polynomial_and_ephemeral_secret_are_never_stored() -> None:
    programs = Programs()
    programs.finish(rounds=2)
    kept = programs.start(1).secrets
    assert set(kept.answers) == {"key/1", "commitment/1", "dealing/1"}
    assert kept.shares == {}


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("crash_at", range(3, 17))
def test_whatever_write_is_the_last_one_the_same_is_said_after_the_restart(crash_at: int, stored: bool) -> None:
    """Trustee 1's disk fails once, at its write number `crash_at`; what it gave out before it gives out again."""
    disk = MemoryDisk(crash_at, stored=stored)
    programs = Programs([disk, MemoryDisk(), MemoryDisk()])
    said: dict[str, tuple[bytes, ...]] = {}

    def act(trustee: int) -> None:
        while True:
            try:
                program = programs.start(trustee)
                task = program.next_step()
                entries = program.perform(task.act, AFTER)
            except CrashError:
                continue
            break
        # A crash after the entries were kept but before they were published: the same bytes come again.
        again = programs.start(trustee)
        assert again.perform(task.act, AFTER) == entries
        said[f"{trustee}/{task.act}/{task.number}"] = entries
        if task.act != "decrypt":
            for raw in entries:
                programs.put(raw)

    for _ in range(5):
        for trustee in (2, 1, 3):
            act(trustee)
    Trustees.apply(programs.view.ceremony.stage_drill(Drill(number=1, size=5, root=ROOT), HERE))
    act(1)
    programs.cast_and_close()
    for trustee in (2, 3):
        programs.view.ceremony.passed[1].add(trustee)
    act(1)
    assert disk.writes >= crash_at
    assert "1/decrypt/0" in said


def test_a_key_file_of_one_election_does_not_serve_another() -> None:
    disks = [MemoryDisk() for _ in range(3)]
    programs = Programs(disks)
    programs.act(1)
    other = Programs()
    other.disks = programs.disks
    with pytest.raises(Refused, match="key"):
        other.start(1)


def test_the_signed_entry_names_the_trustees_key() -> None:
    programs = Programs()
    entry = parse_entry(programs.act(2)[0])
    vault = Vault.open(COPIES, PASSPHRASE, programs.disks[1])
    assert SigningKey.from_seed(vault.secrets.seed).public_key == programs.view.keys[1]
    assert len(entry.signatures) == 1
    assert name_trustee(2) == "trustee 2"


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("2222 2222 2222 2222 2222 2222 2222 2222 2222", ()),
        ("2222-2222-2222-2222-2222-2222-2222-2222-2222", ()),
        ("222222222222222222222222222222222222", ()),
        ("2222 2222 2222 2222 2222 2222 2222 2222 222", (9,)),
        ("2222 2222 2222 2222 2222 2222 2222 2222 2222 2", (10,)),
        ("2223 2222 2222 2222 2222 2222 2222 2222 3222", (1, 9)),
        ("", tuple(range(1, 10))),
    ],
)
def test_typed_fingerprints_are_compared_group_by_group(typed: str, wrong: tuple[int, ...]) -> None:
    assert differing_groups(bytes(32), typed) == wrong


def test_letters_of_either_alphabet_are_taken() -> None:
    digest = bytes.fromhex("9abcdef0" * 8)
    latin = write_fingerprint(digest)
    cyrillic = latin.translate(str.maketrans("ACEHKPTX", "АСЕНКРТХ")).lower()
    assert cyrillic != latin
    assert differing_groups(digest, cyrillic) == ()
