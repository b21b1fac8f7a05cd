"""The key file of one trustee: sealed under a passphrase, kept twice, written so that no crash loses an answer.

Spec: `docs/spec/trustee.md`, sections "Key file" and "Checks". Argon2id and secretbox (PyNaCl) seal it; its parameters
stand in the header and, again, under the seal. Every save writes both copies in turn, each to a new file that is
flushed to the medium and renamed, and reads it back. Secrets never stand in a `repr`, an error or a log.

>>> Secrets(name="Aida", seed=bytes(32))
Secrets(name='Aida', trustee=0, manifest_hash=b'', run=0)
>>> sealed = seal(Secrets(name="Aida", seed=bytes(32)), Lock.make("correct horse battery", Hardness.TEST), 1)
>>> unseal(sealed, "correct horse battery")[0].name
'Aida'
"""

from __future__ import annotations

import json
import os
import unicodedata
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Protocol

from nacl import pwhash, secret, utils
from nacl.exceptions import CryptoError

from crypto.errors import MalformedEncoding, Refused

MAGIC = b"DOBUSH-KEY\x01\x01"  # the name, the version of the file, the way of sealing (Argon2id, secretbox)
_SALT, _NONCE = pwhash.argon2id.SALTBYTES, secret.SecretBox.NONCE_SIZE
_HEADER = len(MAGIC) + 4 + 8 + _SALT + 8
_LIMITS = ((1, 16), (8 * 1024, 1024**3))
_SHORTEST_PASSPHRASE = 12
_LARGEST_FILE = 64 * 1024**2


class Hardness(Enum):
    """How much work one guess of the passphrase costs: Argon2id passes and bytes of memory."""

    SENSITIVE = (pwhash.argon2id.OPSLIMIT_SENSITIVE, pwhash.argon2id.MEMLIMIT_SENSITIVE)
    MODERATE = (pwhash.argon2id.OPSLIMIT_MODERATE, pwhash.argon2id.MEMLIMIT_MODERATE)
    TEST = (pwhash.argon2id.OPSLIMIT_MIN, pwhash.argon2id.MEMLIMIT_MIN)


@dataclass(frozen=True, slots=True)
class Secrets:
    """All that a trustee must keep; one key file serves one election.

    `answers` holds every entry that was ever given out, by the name of its step: the same question gets the same bytes.
    `encryption` is destroyed with the certificate of R3; `shares` holds, by run, the trustee's part of the key.
    """

    name: str
    seed: bytes = field(repr=False)
    trustee: int = 0
    manifest_hash: bytes = b""
    run: int = 0
    encryption: int = field(default=0, repr=False)
    shares: dict[int, int] = field(default_factory=dict, repr=False)
    answers: dict[str, tuple[bytes, ...]] = field(default_factory=dict, repr=False)

    def to_bytes(self) -> bytes:
        """Return the plaintext of the key file: JSON with sorted names, bytes in hexadecimal."""
        return json.dumps(
            {
                "name": self.name,
                "seed": self.seed.hex(),
                "trustee": self.trustee,
                "manifest_hash": self.manifest_hash.hex(),
                "run": self.run,
                "encryption": f"{self.encryption:064x}",
                "shares": {str(run): f"{share:064x}" for run, share in self.shares.items()},
                "answers": {step: [entry.hex() for entry in entries] for step, entries in self.answers.items()},
            },
            sort_keys=True,
            separators=(",", ":"),
        ).encode()

    @classmethod
    def parse(cls, data: bytes) -> Secrets:
        """Read what `to_bytes` wrote; the seal has already shown that nobody else did."""
        values = json.loads(data)
        return cls(
            name=values["name"],
            seed=bytes.fromhex(values["seed"]),
            trustee=values["trustee"],
            manifest_hash=bytes.fromhex(values["manifest_hash"]),
            run=values["run"],
            encryption=int(values["encryption"], 16),
            shares={int(run): int(share, 16) for run, share in values["shares"].items()},
            answers={step: tuple(bytes.fromhex(entry) for entry in rows) for step, rows in values["answers"].items()},
        )


@dataclass(frozen=True, slots=True)
class Lock:
    """A passphrase's key with the parameters it was stretched with; made once a session, since stretching is slow."""

    operations: int
    memory: int
    salt: bytes
    key: bytes = field(repr=False)

    @classmethod
    def make(cls, passphrase: str, hardness: Hardness) -> Lock:
        """Stretch a new passphrase. Raises Refused for one that is too short."""
        if len(passphrase) < _SHORTEST_PASSPHRASE:
            # A new passphrase MUST have at least 12 characters.
            raise Refused("TRUSTEE-1", f"a passphrase needs at least {_SHORTEST_PASSPHRASE} characters")
        return cls.stretch(passphrase, *hardness.value, utils.random(_SALT))

    @classmethod
    def stretch(cls, passphrase: str, operations: int, memory: int, salt: bytes) -> Lock:
        """Stretch a passphrase (NFC, UTF-8): number of Argon2id passes, bytes of memory, 16 bytes of salt."""
        text = unicodedata.normalize("NFC", passphrase).encode()
        key = pwhash.argon2id.kdf(secret.SecretBox.KEY_SIZE, text, salt, opslimit=operations, memlimit=memory)
        return cls(operations, memory, salt, key)


class Disk(Protocol):
    """Where copies live; `write` returns when the bytes are on the medium under their name, whole or not at all."""

    def read(self, path: Path) -> bytes | None:
        """Return the file's bytes, None when there is no such file."""
        ...

    def write(self, path: Path, data: bytes) -> None:
        """Put the bytes under the name, replacing what was there in one step."""
        ...


class LocalDisk:
    """The `Disk` of the operating system."""

    def read(self, path: Path) -> bytes | None:
        """Return the file's bytes, None when there is no such file."""
        try:
            with path.open("rb") as file:
                return file.read(_LARGEST_FILE + 1)
        except FileNotFoundError:
            return None

    def write(self, path: Path, data: bytes) -> None:
        """Write to a new file beside it, flush, rename, flush the folder."""
        fresh = path.with_name(path.name + ".new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        if os.name == "posix":
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def seal(secrets: Secrets, lock: Lock, generation: int) -> bytes:
    """Return the bytes of a key file; `generation` counts the saves."""
    header = (
        MAGIC
        + lock.operations.to_bytes(4, "big")
        + lock.memory.to_bytes(8, "big")
        + lock.salt
        + generation.to_bytes(8, "big")
    )
    return header + bytes(secret.SecretBox(lock.key).encrypt(header + secrets.to_bytes(), utils.random(_NONCE)))


def unseal(data: bytes, passphrase: str, lock: Lock | None = None, *, culprit: str = "") -> tuple[Secrets, Lock, int]:
    """Open a key file; return its content, the lock (reused when its parameters fit) and the generation.

    Raises MalformedEncoding for bytes that are no key file, Refused for a wrong passphrase or a changed file.
    """
    operations = int.from_bytes(data[12:16], "big")
    memory = int.from_bytes(data[16:24], "big")
    bounds = all(low <= value <= high for value, (low, high) in zip((operations, memory), _LIMITS, strict=True))
    if not data.startswith(MAGIC) or not _HEADER < len(data) <= _LARGEST_FILE or not bounds:
        # A key file MUST have the header of this page with 1 to 16 passes and 8 KiB to 1 GiB of memory.
        raise MalformedEncoding("TRUSTEE-2", "not a key file of this version", culprit=culprit)
    salt, generation = data[24 : 24 + _SALT], int.from_bytes(data[_HEADER - 8 : _HEADER], "big")
    if lock is None or (lock.operations, lock.memory, lock.salt) != (operations, memory, salt):
        lock = Lock.stretch(passphrase, operations, memory, salt)
    try:
        plain = secret.SecretBox(lock.key).decrypt(data[_HEADER:])
    except CryptoError:
        plain = b""
    if plain[:_HEADER] != data[:_HEADER]:
        # The box MUST open under the passphrase, and the header under the seal MUST be the file's.
        raise Refused("TRUSTEE-3", "wrong passphrase, or the file was changed", culprit=culprit)
    return Secrets.parse(plain[_HEADER:]), lock, generation


class Vault:
    """Two copies of one trustee's key file; what `secrets` shows is on both media.

    After a crash between the two writes the copies differ by one generation; opening takes the newer one and writes the
    other again, before anything is given out.
    """

    def __init__(self, paths: tuple[Path, ...], lock: Lock, secrets: Secrets, generation: int, disk: Disk) -> None:
        """Use `create` or `open`."""
        self._paths = paths
        self._lock = lock
        self._generation = generation
        self._disk = disk
        self.secrets = secrets

    @classmethod
    def create(
        cls, paths: tuple[Path, Path], passphrase: str, name: str, hardness: Hardness, disk: Disk | None = None
    ) -> Vault:
        """Make a signing key and both copies; a key is never overwritten. Raises Refused."""
        disk = disk or LocalDisk()
        taken = [path for path in paths if disk.read(path) is not None]
        if taken or paths[0].absolute() == paths[1].absolute():
            # A new key file MUST be written twice, under two names that are both free.
            raise Refused("TRUSTEE-4", "two free names are needed for the two copies", culprit=str(paths[0]))
        vault = cls(paths, Lock.make(passphrase, hardness), Secrets(name=name, seed=utils.random(32)), 0, disk)
        vault.save(vault.secrets)
        return vault

    @classmethod
    def open(
        cls, paths: tuple[Path, Path], passphrase: str, disk: Disk | None = None, *, allow_one_copy: bool = False
    ) -> Vault:
        """Open the copies, take the newest, and make them equal again.

        With `allow_one_copy` a lost medium is tolerated and nothing is written in its place; say so to the person.
        Raises Refused.
        """
        disk = disk or LocalDisk()
        found: list[tuple[int, bytes, Secrets, Path]] = []
        lock: Lock | None = None
        for path in paths:
            data = disk.read(path)
            if data is not None:
                secrets, lock, generation = unseal(data, passphrase, lock, culprit=str(path))
                found.append((generation, secrets.to_bytes(), secrets, path))
        if lock is None or (len(found) < len(paths) and not allow_one_copy):
            # Both copies MUST be there, unless the person says that a medium is lost.
            missing = [str(path) for path in paths if path not in [row[3] for row in found]]
            raise Refused("TRUSTEE-5", "a copy of the key file is missing", culprit=", ".join(missing))
        newest = max(found, key=lambda row: row[0])
        if any(row[0] == newest[0] and row[1] != newest[1] for row in found):
            # Two copies of one generation MUST hold the same.
            raise Refused("TRUSTEE-6", "the two copies differ, though neither is older", culprit=str(newest[3]))
        vault = cls(tuple(row[3] for row in found), lock, newest[2], newest[0], disk)
        for generation, _, _, path in found:
            if generation != newest[0]:
                vault._write(path, seal(vault.secrets, lock, newest[0]))
        return vault

    @property
    def is_hard(self) -> bool:
        """Tell whether guessing the passphrase costs at least what a real election asks for."""
        operations, memory = Hardness.MODERATE.value
        return self._lock.operations >= operations and self._lock.memory >= memory

    @property
    def paths(self) -> tuple[Path, ...]:
        """The copies that are in use."""
        return self._paths

    def save(self, secrets: Secrets) -> None:
        """Write all copies, one after the other, each read back; only then does `secrets` change. Raises Refused."""
        self._verify_untouched()
        generation = self._generation + 1
        for path in self._paths:
            self._write(path, seal(secrets, self._lock, generation))
        self._generation = generation
        self.secrets = secrets

    def remember(self, step: str, entries: tuple[bytes, ...], **changes: object) -> tuple[bytes, ...]:
        """Keep the entries of a step, together with other changes, before anybody sees them; return them."""
        self.save(replace(self.secrets, answers={**self.secrets.answers, step: entries}, **changes))  # type: ignore[arg-type]
        return entries

    def _verify_untouched(self) -> None:
        """Look whether another program has saved meanwhile: two that act at once could say two different things."""
        for path in self._paths:
            data = self._disk.read(path)
            generation = 0 if data is None else int.from_bytes(data[_HEADER - 8 : _HEADER], "big")
            if generation != self._generation:
                # A save MUST find every copy in use at the generation that was opened or saved last.
                raise Refused("TRUSTEE-26", "another program has used this key file meanwhile", culprit=str(path))

    def _write(self, path: Path, data: bytes) -> None:
        self._disk.write(path, data)
        if self._disk.read(path) != data:
            # A copy MUST read back as it was written.
            raise Refused("TRUSTEE-7", "the copy does not read back as written: change the medium", culprit=str(path))
