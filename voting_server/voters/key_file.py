"""The key file of a registrar or of who hands out codes: one Ed25519 seed, sealed under a passphrase.

Spec: `docs/operations/registrar.md`. Argon2id and secretbox (PyNaCl); the file is written with rights for its owner
only and never over another. The key is on its owner's machine and nowhere else: no setting knows such a file.

>>> sealed = seal(bytes(32), "correct horse battery", hardness="test")
>>> unseal(sealed, "correct horse battery").seed == bytes(32)
True
"""

import os
import unicodedata
from pathlib import Path
from typing import Literal

from nacl import pwhash, secret, utils
from nacl.exceptions import CryptoError

from crypto.signatures import SigningKey

MAGIC = b"DOBUSH-SIGNER\x01"
Hardness = Literal["moderate", "test"]
_HARDNESS: dict[int, tuple[int, int]] = {
    0: (pwhash.argon2id.OPSLIMIT_MODERATE, pwhash.argon2id.MEMLIMIT_MODERATE),
    1: (pwhash.argon2id.OPSLIMIT_MIN, pwhash.argon2id.MEMLIMIT_MIN),
}
_SALT = pwhash.argon2id.SALTBYTES
_SHORTEST = 12


class KeyFileError(Exception):
    """A key file that cannot be made or opened."""


def seal(seed: bytes, passphrase: str, hardness: Hardness = "moderate") -> bytes:
    """Return the bytes of a key file. Raises KeyFileError for a passphrase of less than 12 characters."""
    if len(passphrase) < _SHORTEST:
        raise KeyFileError(f"a passphrase needs at least {_SHORTEST} characters")
    level, salt = (1 if hardness == "test" else 0), utils.random(_SALT)
    box = secret.SecretBox(_stretch(passphrase, level, salt))
    return MAGIC + bytes([level]) + salt + box.encrypt(seed)


def unseal(data: bytes, passphrase: str) -> SigningKey:
    """Return the key of a key file. Raises KeyFileError."""
    start = len(MAGIC) + 1
    if not data.startswith(MAGIC) or len(data) < start + _SALT or data[len(MAGIC)] not in _HARDNESS:
        raise KeyFileError("this is no key file")
    box = secret.SecretBox(_stretch(passphrase, data[len(MAGIC)], data[start : start + _SALT]))
    try:
        return SigningKey.from_seed(box.decrypt(data[start + _SALT :]))
    except (CryptoError, ValueError) as error:
        raise KeyFileError("the passphrase is wrong, or the file is damaged") from error


def create(path: Path, passphrase: str, hardness: Hardness = "moderate") -> SigningKey:
    """Make a key and its file. Raises KeyFileError, also where there is a file already."""
    seed = utils.random(32)
    data = seal(seed, passphrase, hardness)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeyFileError("there is a file of this name; keys are never overwritten") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return SigningKey.from_seed(seed)


def read(path: Path, passphrase: str) -> SigningKey:
    """Return the key of a file. Raises KeyFileError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise KeyFileError("the key file cannot be read") from error
    return unseal(data, passphrase)


def _stretch(passphrase: str, level: int, salt: bytes) -> bytes:
    operations, memory = _HARDNESS[level]
    text = unicodedata.normalize("NFC", passphrase).encode()
    return pwhash.argon2id.kdf(secret.SecretBox.KEY_SIZE, text, salt, opslimit=operations, memlimit=memory)
