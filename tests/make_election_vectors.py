"""Write the vectors of the election's objects: `python -m tests.make_election_vectors`.

The values come from the simulator (its keys and pseudonyms are hashes of names); the ceremony and the proofs draw
randomness, so `record.json` differs from run to run and is verified, not compared.
"""

import base64
import json
from pathlib import Path
from typing import Any

import cbor2

from crypto.election.ballot import (
    Receipt,
    cast_challenge,
    hash_ballot,
    lock_of,
    make_nonce,
    make_receipt,
    receipt_message,
    tracking_code,
)
from crypto.election.board import head_of
from crypto.election.encoding import Message, cddl
from crypto.election.entries import (
    BODIES,
    Change,
    Close,
    Credential,
    Entry,
    Incident,
    Release,
    ReleaseItem,
    RollChunk,
    RollGroup,
    Seal,
    Strike,
)
from crypto.election.manifest import hash_manifest, hash_part
from crypto.merkle import leaf_hash
from crypto.signatures import TYPE_COSIGNATURE, VerifierKey, author_message, key_id, verify_quorum
from crypto.transcript import tag
from tests.simulator import World, secret, signing_key, world_at

FOLDER = Path(__file__).parent / "vectors"


def write(name: str, content: dict[str, Any]) -> None:
    """Write one file of vectors."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def encoded(message: Message) -> dict[str, Any]:
    """Return a message with its bytes; byte strings of the fields in hex."""
    plain = json.loads(json.dumps(message.plain(), default=lambda item: {"hex": item.hex()}))
    return {"rule": type(message).__name__, "fields": plain, "bytes": message.to_bytes().hex()}


def encoding() -> dict[str, Any]:
    """Return messages with their bytes, and bytes that are refused."""
    messages: list[Message] = [
        Close(0),
        Close(23),
        Close(24),
        Close(256),
        Close(65_536),
        Incident(secret("document"), "Окуя: жарык өчтү"),
        Release((ReleaseItem("late", "counted"), ReleaseItem(7, "left out"), ReleaseItem(secret("receipt"), "x"))),
        Seal(1, b"note", (), (b"token",)),
    ]
    refused = [
        ("a1676261", "ENCODING-1", "cut off"),
        ("a16762616c6c6f747303ff", "ENCODING-1", "a byte follows"),
        ("a16762616c6c6f74731803", "ENCODING-1", "3 in two bytes"),
        ("a26762616c6c6f7473036762616c6c6f747303", "ENCODING-1", "a field twice"),
        ("bf6762616c6c6f747303ff", "ENCODING-1", "indefinite length"),
        ("a16762616c6c6f7473fb4008000000000000", "ENCODING-1", "a float"),
        ("a16762616c6c6f7473c24103", "ENCODING-1", "a big number's tag"),
        ("a16762616c6c6f74731b0000000100000000", "ENCODING-2", "larger than 2^32 - 1"),
    ]
    return {
        "origin": "Written by tests/make_election_vectors.py; bytes of the messages by cbor2's canonical encoder.",
        "messages": [encoded(message) for message in messages],
        "refused_as_close": [{"bytes": data, "check": check, "why": why} for data, check, why in refused],
    }


def entries() -> dict[str, Any]:
    """Return the name of each type's body, an entry, and envelopes that are refused."""
    first, second = (b"\x01" * 8, b"\x02" * 64), (b"\x03" * 8, b"\x04" * 64)
    entry = Entry("close", Close(3).to_bytes(), (first, second))
    swapped = cbor2.dumps([1, "close", entry.body, [list(second), list(first)]])
    refused = [
        (swapped, "ENCODING-1", "signatures out of order"),
        (cbor2.dumps([1, "close", entry.body, [list(first)] * 2]), "ENCODING-1", "one key id twice"),
        (cbor2.dumps([2, "close", entry.body, []]), "ENCODING-1", "another version"),
        (cbor2.dumps([1, "close", entry.body]), "ENCODING-1", "no signatures"),
        (entry.to_bytes()[:-1], "ENCODING-1", "cut off"),
        (Entry("opinion", entry.body).to_bytes(), "ENCODING-4", "no type of the protocol"),
    ]
    return {
        "origin": "Written by tests/make_election_vectors.py; bytes by cbor2's canonical encoder.",
        "bodies": {name: body.__name__ for name, body in BODIES.items()},
        "entry": {
            "type": entry.type,
            "body": entry.body.hex(),
            "signatures": [[author.hex(), signature.hex()] for author, signature in entry.signatures],
            "bytes": entry.to_bytes().hex(),
            "leaf": leaf_hash(entry.to_bytes()).hex(),
        },
        "refused": [{"bytes": data.hex(), "check": check, "why": why} for data, check, why in refused],
    }


def manifest(world: World) -> dict[str, Any]:
    """Return a manifest with its parts, hashes and an author's message."""
    body = world.manifest.to_bytes()
    parts: list[tuple[str, Message]] = [("contest", contest) for contest in world.parts.contests]
    parts += [("units", chunk) for chunk in world.parts.units]
    key = signing_key("officer", 0).public_key
    return {
        "origin": "Written by tests/make_election_vectors.py from the simulator's manifest (kind demo).",
        "kind": world.kind,
        "manifest": body.hex(),
        "manifest_hash": hash_manifest(world.kind, body).hex(),
        "parts": [
            {"type": name, "body": part.to_bytes().hex(), "hash": hash_part(world.kind, name, part.to_bytes()).hex()}
            for name, part in parts
        ],
        "author": {
            "key": key.hex(),
            "key_id": key_id(key).hex(),
            "type": "manifest",
            "message": author_message(tag("demo", "author"), bytes(32), "manifest", key_id(key), body).hex(),
        },
        "entry": world.entries[0].hex(),
    }


def credential(world: World) -> dict[str, Any]:
    """Return bodies of the roll's entries."""
    voter = world.voters[0]
    group = RollGroup(2, 1, b"".join(each.pseudonym for each in world.voters[:3]))
    return {
        "origin": "Written by tests/make_election_vectors.py; pseudonyms and keys are hashes of names.",
        "bodies": [
            encoded(body)
            for body in (
                RollChunk(0, (group,)),
                world.freeze_body(),
                Credential(voter.pseudonym, voter.passkey.cose_key, "software"),
                Change(voter.pseudonym, voter.passkey.cose_key, "passkey", "Телефон жоголду"),
                Strike(voter.pseudonym, "voted on paper"),
            )
        ],
    }


def ballot(world: World) -> dict[str, Any]:
    """Return a sealed ballot and everything that is derived from it."""
    voter = world.registered()[0]
    data, seed = world.seal_ballot(voter, ((1,), (0, 2)), seed=bytes(range(32)))
    digest = hash_ballot("demo", data)
    issued = world.manifest.opens_at_ms
    nonce = make_nonce(
        signing_key("receipt"), "demo", world.manifest_hash, voter.pseudonym, digest, bytes(range(16)), issued
    )
    end_ms = world.manifest.closes_at_ms + world.manifest.grace_ms
    receipt, last, *endless = (
        make_receipt(signing_key("receipt"), world.manifest, data, at_ms).to_bytes()
        for at_ms in (issued, end_ms, end_ms + 1, end_ms + 10**12)
    )
    return {
        "origin": "Written by tests/make_election_vectors.py: one ballot of the simulator, sealed from the seed.",
        "kind": "demo",
        "manifest_hash": world.manifest_hash.hex(),
        "receipt_key": signing_key("receipt").public_key.hex(),
        "election_key": world.record.ceremony.conclude().key.hex(),
        "seed": seed.hex(),
        "ballot": data.hex(),
        "ballot_hash": digest.hex(),
        "tracking_code": tracking_code(digest),
        "opening": bytes(32).hex(),
        "lock": lock_of("demo", bytes(32)).hex(),
        "issued_at_ms": issued,
        "nonce": nonce.hex(),
        "challenge": cast_challenge("demo", world.manifest_hash, digest, nonce).hex(),
        "receipt": receipt.hex(),
        "receipt_message": receipt_message("demo", Receipt.parse(receipt)).hex(),
        "last_receipt": last.hex(),
        "endless_receipts": [each.hex() for each in endless],
        "entry": world.cast(voter, data).hex(),
    }


def board(world: World) -> dict[str, Any]:
    """Return quorum checkpoints with the times that follow from them."""
    log = VerifierKey(world.manifest.origin, world.manifest.log_key)
    witnesses = [VerifierKey(each.name, each.key, TYPE_COSIGNATURE) for each in world.manifest.witnesses]
    heads = []
    for note in world.checkpoints[-2:]:
        quorum = verify_quorum(note, log, witnesses, world.manifest.quorum, 2**63 - 1)
        head = head_of(quorum, world.manifest.faults)
        heads.append(
            {
                "note": note.decode(),
                "times_s": list(quorum.times_s),
                "size": head.size,
                "root": head.root.hex(),
                "lower_ms": head.lower_ms,
                "upper_ms": head.upper_ms,
            }
        )
    return {
        "origin": "Written by tests/make_election_vectors.py: the last two quorum checkpoints of the simulator's log.",
        "log": log.to_text(),
        "witnesses": [witness.to_text() for witness in witnesses],
        "faults": world.manifest.faults,
        "quorum": world.manifest.quorum,
        "heads": heads,
        "arranged": sorted((f"entry {at}".encode().hex() for at in range(5)), key=_leaf),
    }


def _leaf(text: str) -> bytes:
    return leaf_hash(bytes.fromhex(text))


def record(world: World) -> dict[str, Any]:
    """Return a whole log, and what a few wrong entries after it are refused for."""
    wrong = [
        (b"\x00", "ENCODING-1"),
        (Entry("opinion", b"").to_bytes(), "ENCODING-4"),
        (world.entries[0], "BOARD-1"),
        (cbor2.dumps([1, "incident", b"\xa0", []]), "ENCODING-1"),
    ]
    return {
        "origin": "Written by tests/make_election_vectors.py: the simulator's whole story, entries in base64.",
        "manifest_hash": world.manifest_hash.hex(),
        "size": world.record.size,
        "root": world.record.tree.root().hex(),
        "slots_by_district": {"2": 10, "3": 14},
        "votes": {str(total.contest): list(total.votes) for total in world.record.tally.totals()},
        "entries": [base64.b64encode(raw).decode() for raw in world.entries],
        "refused_after_the_end": [{"entry": base64.b64encode(raw).decode(), "check": check} for raw, check in wrong],
    }


def main() -> None:
    """Write all files."""
    world = world_at("complete")
    opened = world_at("open")
    write("encoding", {**encoding(), "cddl": {"close": cddl(Close)}})
    write("entries", entries())
    write("manifest", manifest(world))
    write("credential", credential(world))
    write("ballot", ballot(opened))
    write("board", board(world))
    write("record", record(world))


if __name__ == "__main__":
    main()
