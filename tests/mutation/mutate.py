"""Every way in which the mutation run breaks a record, and how an attacker who holds keys puts it together again.

A mutation concerns one entry: the whole entry, one declared field of its body (`fields_of`), one member of a list or
map inside a field, or one field of the ballot inside it. Its mode says what the attacker can do afterwards:

- raw: the bytes are changed in the published bundle, and nothing else;
- resealed: tree, seals, checkpoints and all cosignatures are made again, with the log's and the witnesses' keys;
- resigned: also the entry's own authors sign it again (for a ballot: nonce and passkey).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import cbor2

from crypto.election.ballot import cast_challenge, hash_ballot, make_nonce
from crypto.election.encoding import fields_of
from crypto.election.entries import BODIES, VOTER_TYPES, Entry, Seal, parse_entry
from crypto.merkle import Frontier, Tiles, bundle_path, leaf_hash, publish
from crypto.proofs import Frame, SealedContest, parse_frame
from crypto.signatures import (
    Checkpoint,
    Note,
    SigningKey,
    cosign,
    key_id,
    parse_checkpoint,
    parse_note,
    sign_checkpoint,
)
from demo.voters import SoftwarePasskey
from tests.mutation.story import NEW_OFFICER, Story
from tests.simulator import secret, signing_key

Kind = Literal["changed", "dropped", "doubled", "swapped"]
Mode = Literal["raw", "resealed", "resigned"]
MODES: tuple[Mode, ...] = ("raw", "resealed", "resigned")
WHOLE = "entry"


@dataclass(frozen=True)
class Mutation:
    """One broken entry: where it stands, what was done to which part; `bodies` are the bodies that now stand there."""

    index: int
    type: str
    path: str
    kind: Kind
    bodies: tuple[bytes, ...]
    swaps: bool = False

    @property
    def name(self) -> str:
        """Return the row's name in the table, without its mode."""
        return f"{self.type} {self.path} {self.kind}"


def mutations_of(story: Story, entry_type: str) -> Iterator[Mutation]:
    """Yield every mutation of every entry of a type."""
    entries = [parse_entry(raw) for raw in story.entries]
    places = [index for index, entry in enumerate(entries) if entry.type == entry_type]
    for place in places:
        body = entries[place].body
        others = [entries[other].body for other in places if other != place]

        def mutation(
            path: str, kind: Kind, *bodies: bytes, swaps: bool = False, place: int = place, body: bytes = body
        ) -> Iterator[Mutation]:
            if swaps or bodies != (body,):
                yield Mutation(place, entry_type, path, kind, bodies, swaps)

        yield from mutation(WHOLE, "dropped")
        yield from mutation(WHOLE, "doubled", body, body)
        if place + 1 < len(entries):
            yield from mutation(WHOLE, "swapped", swaps=True)
        plain = cbor2.loads(body)
        for field in fields_of(BODIES[entry_type]):
            for path, kind, data in _break_field(plain, field.name, [cbor2.loads(other) for other in others]):
                yield from mutation(path, kind, data)
        if entry_type in {"ballot", "spoiled"}:
            for path, ballot in _break_ballot(plain["ballot"]):
                yield from mutation(path, "changed", _dump({**plain, "ballot": ballot}))


# --------------------------------------------------------------------------------------------------------------- fields


def _dump(value: object) -> bytes:
    return cbor2.dumps(value, canonical=True)


def _break_field(
    plain: dict[str, Any], name: str, others: Sequence[dict[str, Any]]
) -> Iterator[tuple[str, Kind, bytes]]:
    """Yield (path, kind, new body) of one declared field and of everything inside it."""
    yield name, "dropped", _dump({key: value for key, value in plain.items() if key != name})
    yield name, "doubled", _dump_doubled(plain, name)
    other = next((each[name] for each in others if each[name] != plain[name]), None)
    if other is not None:
        yield name, "swapped", _dump({**plain, name: other})
    for path, kind, value in _break_value(plain[name], name):
        yield path, kind, _dump({**plain, name: value})


def _dump_doubled(plain: dict[str, Any], name: str) -> bytes:
    """Encode a map in which one key stands twice."""
    items = sorted([*plain.items(), (name, plain[name])], key=lambda item: _dump(item[0]))
    head = bytearray(_dump({str(at): 0 for at in range(len(items))}))
    length = len(head) - sum(len(_dump(str(at))) + 1 for at in range(len(items)))
    return bytes(head[:length]) + b"".join(_dump(key) + _dump(value) for key, value in items)


def _break_value(value: Any, path: str) -> Iterator[tuple[str, Kind, Any]]:  # noqa: ANN401
    """Yield (path, kind, new value) of a value: changed where it is plain, every part broken where it is not."""
    if isinstance(value, dict):
        for key in value:
            yield f"{path}.{key}", "dropped", {other: value[other] for other in value if other != key}
            for inner, kind, part in _break_value(value[key], f"{path}.{key}"):
                yield inner, kind, {**value, key: part}
    elif isinstance(value, list):
        yield from _break_list(value, path)
    else:
        yield path, "changed", _change(value)


def _break_list(value: list[Any], path: str) -> Iterator[tuple[str, Kind, Any]]:
    if not value:
        yield path, "changed", [b"something"]
        return
    yield f"{path}[]", "dropped", value[:-1]
    yield f"{path}[]", "doubled", [*value, value[-1]]
    if len(value) > 1 and value[0] != value[-1]:
        yield f"{path}[]", "swapped", [value[-1], *value[1:-1], value[0]]
    for at in sorted({0, len(value) - 1}):
        for inner, kind, part in _break_value(value[at], f"{path}[]"):
            yield inner, kind, [*value[:at], part, *value[at + 1 :]]


def _change(value: Any) -> Any:  # noqa: ANN401
    """Return a neighbouring value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    if isinstance(value, str):
        return f"{value}x"
    return 0


def _break_ballot(ballot: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (path, ballot) with one field of the ballot itself changed."""
    frame = parse_frame(ballot)
    assert frame is not None
    position = frame.position
    changes: dict[str, Frame] = {
        "manifest_hash": replace(frame, manifest_hash=_change(frame.manifest_hash)),
        "style": replace(frame, style=frame.style + 1),
        "pseudonym": replace(frame, position=replace(position, pseudonym=_change(position.pseudonym))),
        "number": replace(frame, position=replace(position, number=position.number + 1)),
        "previous": replace(frame, position=replace(position, previous=_change(position.previous))),
        "head_size": replace(frame, head_size=frame.head_size + 1),
        "head_root": replace(frame, head_root=_change(frame.head_root)),
        "lock": replace(frame, position=replace(position, lock=_change(position.lock))),
        "contests dropped": replace(frame, contests=frame.contests[:-1]),
        "contests doubled": replace(frame, contests=(*frame.contests, frame.contests[-1])),
        "contests swapped": replace(frame, contests=frame.contests[::-1]),
    }
    first, *rest = frame.contests
    size = 32
    vector, proof = first.ciphertexts, first.proof
    for name, contest in {
        "ciphertexts": SealedContest(_change(vector), proof),
        "ciphertexts swapped": SealedContest(
            vector[2 * size : 4 * size] + vector[: 2 * size] + vector[4 * size :], proof
        ),
        "ciphertexts negated": SealedContest(vector[size : 2 * size] + vector[:size] + vector[2 * size :], proof),
        "proof": SealedContest(vector, _change(proof)),
        "proof dropped": SealedContest(vector, proof[:-size]),
        "proof swapped": SealedContest(vector, proof[: -2 * size] + proof[-size:] + proof[-2 * size : -size]),
        "commitments swapped": SealedContest(vector, proof[size : 2 * size] + proof[:size] + proof[2 * size :]),
    }.items():
        changes[name] = replace(frame, contests=(contest, *rest))
    for name, changed in changes.items():
        if changed.to_bytes() != ballot:
            yield f"ballot/{name}", changed.to_bytes()


# ------------------------------------------------------------------------------------------------- putting it together


@dataclass(frozen=True)
class Rebuilt:
    """A broken record's files, and the indexes at which what was broken now stands."""

    files: dict[str, bytes]
    touched: frozenset[int]


@dataclass(frozen=True)
class _Place:
    """One entry on its way into the new log; `touched` where the mutation made it."""

    entry: Entry
    touched: bool = False


def rebuild(story: Story, mutation: Mutation, mode: Mode) -> Rebuilt:
    """Return the broken record."""
    places = [_Place(parse_entry(raw)) for raw in story.entries]
    at, old = mutation.index, places[mutation.index].entry
    if mutation.swaps:
        places[at : at + 2] = [_Place(places[at + 1].entry, touched=True), _Place(old, touched=True)]
    else:
        new = [
            resign(story, old, body) if mode == "resigned" and body != old.body else replace(old, body=body)
            for body in mutation.bodies
        ]
        places[at : at + 1] = [_Place(entry, touched=True) for entry in new]
    if mode == "raw":
        return Rebuilt(_publish_raw(story, [place.entry.to_bytes() for place in places]), frozenset())
    return reseal(story, places, arranged=mutation.swaps)


def _publish_raw(story: Story, raws: Sequence[bytes]) -> dict[str, bytes]:
    """Put changed bundles beside the honest tiles and checkpoint."""
    _, honest = publish(Tiles(), story.entries)
    _, changed = publish(Tiles(), raws)
    files = {**dict(honest), "checkpoint": story.checkpoints[-1]}
    bundles = [data for path, data in changed if path.startswith("tile/entries/")]
    files[bundle_path(0, len(story.entries))] = bundles[0]
    return files


def reseal_honestly(story: Story) -> Rebuilt:
    """Return the record after everything was sealed again without any change."""
    return reseal(story, [_Place(parse_entry(raw)) for raw in story.entries], arranged=False)


def reseal(story: Story, places: Sequence[_Place], *, arranged: bool) -> Rebuilt:
    """Make every seal, checkpoint and cosignature again over other entries, and publish the whole.

    Voter entries are put in the order of their leaf hashes, which an attacker would not forget; not where `arranged`
    says that their order is the mutation.
    """
    tree, ends, made = Frontier(), _Ends(story), list[bytes]()
    touched = set[int]()
    for place in places if arranged else _arrange(places):
        raw = place.entry.to_bytes()
        if place.entry.type == "seal" and not (place.touched and not arranged):
            raw = ends.seal(Seal.parse(place.entry.body), tree)
        if place.touched:
            touched.add(tree.size)
        tree.append(leaf_hash(raw))
        made.append(raw)
    _, files = publish(Tiles(), made)
    checkpoint = ends.cosign(tree.size, tree.root(), story.checkpoints[-1])
    return Rebuilt({**dict(files), "checkpoint": checkpoint}, frozenset(touched))


def _arrange(places: Sequence[_Place]) -> Iterator[_Place]:
    voters: list[_Place] = []
    for place in places:
        if place.entry.type in VOTER_TYPES:
            voters.append(place)
            continue
        yield from _by_leaf(voters)
        voters = []
        yield place
    yield from _by_leaf(voters)


def _by_leaf(places: Sequence[_Place]) -> list[_Place]:
    return sorted(places, key=lambda place: leaf_hash(place.entry.to_bytes()))


class _Ends:
    """The ends of the new tree's blocks, found by those of the old one."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._roots: dict[int, tuple[int, bytes]] = {}

    def seal(self, body: Seal, tree: Frontier) -> bytes:
        """Return the seal for the tree as it stands now, with the same heads and times as the old one."""
        old = parse_checkpoint(parse_note(body.checkpoint).text)
        self._roots[old.size] = (tree.size, tree.root())
        quorum = []
        for note in body.quorum:
            size = parse_checkpoint(parse_note(note).text).size
            if size in self._roots:
                quorum.append(self.cosign(*self._roots[size], note))
        checkpoint = self._sign(tree.size, tree.root()).to_bytes()
        return self._story.by_log("seal", replace(body, checkpoint=checkpoint, quorum=tuple(quorum)))

    def cosign(self, size: int, root: bytes, old: bytes) -> bytes:
        """Return the checkpoint of a new head, cosigned by everybody who signed the old one, at their times."""
        note, story = self._sign(size, root), self._story
        names = {witness.name: at for at, witness in enumerate(story.manifest.witnesses)}
        lines = [
            cosign(
                signing_key("witness", names[line.name]),
                line.name,
                note.text,
                int.from_bytes(line.signature[:8], "big"),
            )
            for line in parse_note(old).signatures
            if line.name in names
        ]
        return note.with_signatures(*lines).to_bytes()

    def _sign(self, size: int, root: bytes) -> Note:
        return sign_checkpoint(signing_key("log"), Checkpoint(self._story.manifest.origin, size, root))


# ------------------------------------------------------------------------------------------------------ signing again


def resign(story: Story, old: Entry, body: bytes) -> Entry:
    """Return an entry with a new body, signed again by the authors of the old one."""
    if old.type == "ballot":
        return _recast(story, old, body)
    keys = keys_by_id(story)
    raw = story.sign(old.type, body, *(keys[author] for author, _ in old.signatures))
    return parse_entry(raw)


def keys_by_id(story: Story) -> dict[bytes, SigningKey]:
    """Return every author's key by its id."""
    keys = [signing_key("log"), signing_key("receipt"), signing_key("officer", NEW_OFFICER)]
    for role, people in (("trustee", 3), ("officer", 3), ("registrar", 2)):
        keys += [signing_key(role, at) for at in range(people)]
    return {key_id(key.public_key): key for key in keys}


def _recast(story: Story, old: Entry, body: bytes) -> Entry:
    """Cast again: the receipt key issues a nonce for the ballot as it is now, and the voter's passkey signs all of it.

    A part that was itself the target of the mutation is left as it is.
    """
    honest = cbor2.loads(old.body)
    try:
        broken = cbor2.loads(body)
    except cbor2.CBORDecodeError:
        return replace(old, body=body)
    if set(broken) != set(honest) or len(_dump(broken)) != len(body):
        return replace(old, body=body)
    ballot = broken["ballot"]
    frame = parse_frame(ballot)
    passkey = _passkey_of(story, honest["ballot"])
    ballot_hash = hash_ballot(story.kind, ballot)
    if broken["nonce"] == honest["nonce"] and frame is not None:
        pseudonym, issued = frame.position.pseudonym, int.from_bytes(honest["nonce"][16:24], "big")
        random = secret("nonce", ballot_hash.hex())[:16]
        key = signing_key("receipt")
        broken["nonce"] = make_nonce(key, story.kind, story.manifest_hash, pseudonym, ballot_hash, random, issued)
    if broken["client_data"] == honest["client_data"]:
        challenge = cast_challenge(story.kind, story.manifest_hash, ballot_hash, broken["nonce"])
        answer = passkey.sign(challenge, story.manifest.rp_id, story.manifest.origins[0])
        broken["client_data"] = answer.client_data
    if broken["signature"] == honest["signature"]:
        broken["signature"] = passkey.sign_raw(broken["authenticator_data"], broken["client_data"])
    return replace(old, body=_dump(broken))


def _passkey_of(story: Story, ballot: bytes) -> SoftwarePasskey:
    frame = parse_frame(ballot)
    assert frame is not None
    return next(voter.passkey for voter in story.voters if voter.pseudonym == frame.position.pseudonym)


# -------------------------------------------------------------------------------------------------------- whole files


def break_files(files: dict[str, bytes]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield (name, files) with one file dropped, changed, cut short or doubled, and with a stranger's file added."""
    for path, data in files.items():
        others = {name: content for name, content in files.items() if name != path}
        yield f"{path} dropped", others
        yield f"{path} changed", {**files, path: _change(data)}
        yield f"{path} cut", {**files, path: data[:-1]}
        yield f"{path} doubled", {**files, path: data + data}
    yield "stranger added", {**files, "letter.txt": b"hello"}
    note = parse_note(files["checkpoint"])
    for at, line in enumerate(note.signatures):
        rest = note.signatures[:at] + note.signatures[at + 1 :]
        yield f"checkpoint without line {at}", {**files, "checkpoint": replace(note, signatures=rest).to_bytes()}
        fewer = replace(note, signatures=rest[:-1])
        yield f"checkpoint without line {at} and another", {**files, "checkpoint": fewer.to_bytes()}
        broken = replace(line, signature=_change(line.signature))
        lines = (*note.signatures[:at], broken, *note.signatures[at + 1 :])
        yield f"checkpoint with line {at} changed", {**files, "checkpoint": replace(note, signatures=lines).to_bytes()}
