"""An officer's act on her own machine: a body in readable JSON, her signature, the second officer's beside it.

Spec: `docs/spec/encoding.md`. Runs where the key is, never in the service; what it writes goes to `POST /entries` like
any entry. Byte strings are hexadecimal in JSON; fields and their limits come from the codec's one declaration.

>>> body = read_body("close", {"ballots": 7})
>>> show_body("close", body.to_bytes())
{'ballots': 7}
>>> read_body("close", {"ballots": -1})
Traceback (most recent call last):
...
voting_server.elections.acts.ActError: ballots: -1 does not fit 0..4294967295
"""

from collections.abc import Mapping
from typing import Any

from crypto.election.encoding import Bytes, Either, FieldKind, Items, Message, Nested, Optional, fields_of
from crypto.election.entries import BODIES, Entry, parse_entry
from crypto.election.manifest import ZERO_HASH
from crypto.errors import Misuse, Refused
from crypto.signatures import SigningKey, sign_author
from crypto.transcript import Kind, tag

BY_OFFICERS = frozenset(
    {"manifest", "client", "round", "freeze", "drill", "opening", "close", "result", "decision", "release", "incident"}
    | {"rotate"}
)
"""Types that officers sign, two of different bodies (an incident: one)."""


class ActError(Exception):
    """A body, file or key that makes no act; the text says which field."""


def read_body(entry_type: str, value: object) -> Message:
    """Return the body of an entry from JSON. Raises ActError."""
    if entry_type not in BY_OFFICERS:
        raise ActError(f"officers sign no {entry_type} entry")
    return _read_message(BODIES[entry_type], value, "")


def show_body(entry_type: str, body: bytes) -> dict[str, Any]:
    """Return a body as JSON, for the eyes of whoever signs it. Raises Refused."""
    return _show_message(BODIES[entry_type].parse(body))


def show_act(raw: bytes) -> dict[str, Any]:
    """Return an entry as JSON: its type, its body, whose keys have signed. Raises ActError."""
    try:
        entry = parse_entry(raw)
        body = show_body(entry.type, entry.body)
    except Refused as refusal:
        raise ActError(refusal.reason) from refusal
    return {"type": entry.type, "body": body, "signed_by": [key_id.hex() for key_id, _ in entry.signatures]}


def sign_act(kind: Kind, manifest_hash: bytes, entry_type: str, body: Message, key: SigningKey) -> bytes:
    """Return the entry with one signature."""
    return _add(Entry(entry_type, body.to_bytes(), ()), kind, manifest_hash, key)


def countersign_act(kind: Kind, manifest_hash: bytes, raw: bytes, key: SigningKey) -> bytes:
    """Return an entry with one signature more. Raises ActError for what is no entry or has this key's already."""
    try:
        entry = parse_entry(raw)
    except Refused as refusal:
        raise ActError(refusal.reason) from refusal
    return _add(entry, kind, manifest_hash, key)


def _add(entry: Entry, kind: Kind, manifest_hash: bytes, key: SigningKey) -> bytes:
    bound = ZERO_HASH if entry.type == "manifest" else manifest_hash
    signature = sign_author(key, tag(kind, "author"), bound, entry.type, entry.body)
    if any(key_id == signature[0] for key_id, _ in entry.signatures):
        raise ActError("this key has signed already: the second signature is another officer's")
    return Entry(entry.type, entry.body, tuple(sorted((*entry.signatures, signature)))).to_bytes()


# ----------------------------------------------------------------------------------------------- between JSON and body


def _read_message(message: type[Message], value: object, path: str) -> Message:
    fields = {field.name: field.kind for field in fields_of(message)}
    if not isinstance(value, Mapping) or set(value) != set(fields):
        wanted = ", ".join(fields)
        raise ActError(f"{path or 'the body'}: an object with exactly these fields: {wanted}")
    values = {name: _read(kind, value[name], f"{path}{name}") for name, kind in fields.items()}
    return message(**values)


def _read(kind: FieldKind, value: object, path: str) -> object:
    found: object = value
    if isinstance(kind, Optional):
        return None if value is None else _read(kind.kind, value, path)
    if isinstance(kind, Nested):
        return _read_message(kind.message, value, f"{path}.")
    if isinstance(kind, Items):
        if not isinstance(value, list):
            raise ActError(f"{path}: a list")
        found = tuple(_read(kind.kind, each, f"{path}[{at}]") for at, each in enumerate(value))
    elif isinstance(kind, Either):
        found = _read_either(kind, value, path)
    elif isinstance(kind, Bytes):
        found = _read_hex(value, path)
    try:
        kind.plain(found)
    except Misuse:
        raise ActError(f"{path}: {value!r} does not fit {kind.cddl()}") from None
    return found


def _read_either(kind: Either, value: object, path: str) -> object:
    for _, each in kind.kinds:
        try:
            return _read(each, value, path)
        except ActError:
            continue
    raise ActError(f"{path}: {value!r} does not fit {kind.cddl()}")


def _read_hex(value: object, path: str) -> bytes:
    try:
        return bytes.fromhex(value) if isinstance(value, str) else bytes.fromhex("-")
    except ValueError:
        raise ActError(f"{path}: hexadecimal digits in quotation marks") from None


def _show_message(message: Message) -> dict[str, Any]:
    return {field.name: _show(getattr(message, field.name)) for field in fields_of(type(message))}


def _show(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Message):
        return _show_message(value)
    if isinstance(value, tuple):
        return [_show(each) for each in value]
    return value
