"""Trustees with key files in a folder, a world that names them, its record beside: what their programs are tried on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crypto.election.entries import Drill, Opening
from crypto.election.entries import Trustee as TrusteeKey
from crypto.signatures import SigningKey
from crypto.transcript import Kind
from tests.folders import files_of, write_files
from tests.simulator import HOUR_MS, OPENS_AT_MS, World
from trustee_tools.ceremony import write_fingerprint
from trustee_tools.desk import Desk
from trustee_tools.screens.work import Work
from trustee_tools.vault import Hardness, Vault

PASSPHRASE = "ten green bottles"
AFTER_MS = OPENS_AT_MS + 2 * HOUR_MS
NAMES = ("Aida", "Bermet [red]", "Chyngyz", "Dinara", "Erkin")
_REAL = {"software_keys": False, "minimum_cell": 10}


class Room:
    """Key files of some trustees, a world that names them, its record in a folder."""

    def __init__(self, root: Path, kind: Kind = "demo", *, count: int = 3, threshold: int = 2) -> None:
        """Make the key files, sealed lightly, and found the log."""
        self.root, self.record, self.places = root, root / "record", range(1, count + 1)
        keys = []
        for place in self.places:
            vault = Vault.create(self.keys(place), PASSPHRASE, f"trustee {place}", Hardness.TEST)
            keys.append(SigningKey.from_seed(vault.secrets.seed).public_key)
        trustees = tuple(TrusteeKey(name, key) for name, key in zip(NAMES, keys, strict=False))
        changes = {"trustees": trustees, "threshold": threshold, **(_REAL if kind == "real" else {})}
        self.world = World(kind=kind, changes=changes)
        self.world.begin()
        self.slots = root / "slots.json"
        self.slots.write_text('{"2": 10, "3": 14}', encoding="utf-8")
        self.publish()

    def keys(self, place: int) -> tuple[Path, Path]:
        """Return the two copies of a trustee's key file."""
        return self.root / f"a-{place}.key", self.root / f"b-{place}.key"

    def publish(self) -> None:
        """Write the world's log as static files."""
        write_files(self.record, files_of(self.world))

    def work(self, place: int, **options: Any) -> Work:  # noqa: ANN401
        """Return a trustee's work before the key file is opened; the clock is past the close."""
        desk = Desk(self.record, processes=1, slots=self.slots, **options)
        return Work(desk, self.keys(place), self.root / "out", now_ms=AFTER_MS)

    def written(self) -> list[Path]:
        """Return the entries that were written and not yet taken."""
        return sorted((self.root / "out").glob("*.entry"))

    def take(self) -> list[bytes]:
        """Let the log take what was written, and publish it."""
        paths = self.written()
        raws = [path.read_bytes() for path in paths]
        for path in paths:
            path.unlink()
        self.world.accept(raws)
        self.publish()
        return raws

    def act(self, place: int, **options: Any) -> None:  # noqa: ANN401
        """Let a trustee do what comes next, without pages."""
        work = self.work(place, **options)
        work.look()
        work.unlock(PASSPHRASE)
        work.bind(write_fingerprint(self.world.manifest_hash))
        work.perform("town-2026")

    def hold(self, rounds: int) -> None:
        """Let all do what comes next, so many times."""
        for _ in range(rounds):
            for place in self.places:
                self.act(place)
            self.take()

    def open_and_vote(self) -> None:
        """After the certificate: freeze, drill, open, let everybody vote; published."""
        world = self.world
        world.freeze_roll()
        world.accept()
        head = world.head()
        world.accept([world.by_officers("drill", Drill(1, head.size, head.root))])
        self.publish()
        self.hold(1)
        certificate = world.record.ceremony.conclude()
        opening = world.by_officers("opening", Opening(certificate.key, certificate.hash))
        world.accept([opening], [world.credential(voter) for voter in world.registered()])
        world.wait_until(world.manifest.opens_at_ms)
        world.accept()
        world.accept()
        world.hold_vote()
        self.publish()

    def close(self) -> None:
        """Close, let the dispute period pass, publish the sums."""
        self.world.close()
        self.world.dispute()
        self.world.accept(self.world.aggregates())
        self.publish()
