"""Errors of officers, registrars, trustees, the server and its witnesses: everything that is not a single ballot.

Spec: `docs/spec/{manifest,credential,ceremony,board,tally,audit}.md`. Who plants holds the keys of the one who errs,
and those alone; the server's own errors are sealed and witnessed as if a quorum looked away.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from crypto.election.ballot import make_receipt
from crypto.election.ceremony import make_dealing, make_drill_share, make_key
from crypto.election.entries import (
    Aggregate,
    BallotEntry,
    Change,
    Close,
    Credential,
    Decision,
    Dispute,
    Opening,
    Result,
    RollChunk,
    RollGroup,
    Seal,
    Share,
    Strike,
    parse_entry,
)
from crypto.election.tally import make_share
from crypto.merkle import CHECKPOINT_PATH, TILE_WIDTH, TileName
from crypto.signatures import Checkpoint, cose_es256, cose_rs256, parse_note, sign_checkpoint
from demo.commission import CLOSES_AT_MS, COUNTRY, FIRST_UNIT, MINUTE_MS, OPENS_AT_MS, STYLE
from demo.one_room import Trustees
from demo.training_ballots import Act, Plant, cast
from demo.training_record import TolerantBoard, Training
from demo.voters import make_passkey


def _control(make: Callable[[Training], bytes]) -> Act:
    """Plant one control entry in a block of its own."""
    return lambda t: t.append([make(t)], planted=True)


def _voter(make: Callable[[Training], bytes]) -> Act:
    """Plant one voter entry."""
    return lambda t: t.append(voters=[make(t)], planted=True)


# ------------------------------------------------------------------------------------------------------------- manifest


def _manifest(**changes: Any) -> Act:  # noqa: ANN401 -- any field
    """Begin with a changed manifest, signed by the officers all the same."""
    return lambda t: _begin_again(t, lambda manifest: replace(manifest, **changes))


def _one_body(t: Training) -> bool:
    def change(manifest: Any) -> Any:  # noqa: ANN401
        first, second = manifest.registrars
        return replace(manifest, registrars=(first, replace(second, body=first.body)))

    return _begin_again(t, change)


def _begin_again(t: Training, change: Callable[[Any], Any]) -> bool:
    manifest, parts = t.commission.write_manifest(t.trustees.public_keys, t.witnesses.public_keys)
    manifest = change(manifest)
    t.board = TolerantBoard(t.folder / "record", t.commission, manifest, t.witnesses, OPENS_AT_MS - 24 * 60 * MINUTE_MS)
    t.planted.append(0)
    t.board.begin(t.commission.by_officers("manifest", manifest), parts)
    return True


def _missing_part(t: Training) -> bool:
    manifest, parts = t.commission.write_manifest(t.trustees.public_keys, t.witnesses.public_keys)
    t.board = TolerantBoard(t.folder / "record", t.commission, manifest, t.witnesses, OPENS_AT_MS - 24 * 60 * MINUTE_MS)
    t.planted += [len(parts) - 1, len(parts)]  # what stands in its place, and the seal behind
    t.board.begin(t.commission.by_officers("manifest", manifest), [*parts[:-2], parts[-1]])
    t.append()
    t.board.record.manifest = None  # nothing can follow
    return True


# ------------------------------------------------------------------------------------------------------------- ceremony


def _false_possession(t: Training) -> bytes:
    setting = t.board.record.ceremony.setting
    body = make_key(setting, 1, 2, setting.group.random_scalar())
    other = make_key(setting, 1, 2, setting.group.random_scalar())
    return t.trustees.sign("ceremony-key", [replace(body, key=other.key)])[0]


def _foreign_signature(t: Training) -> bytes:
    setting = t.board.record.ceremony.setting
    body = make_key(setting, 1, 2, setting.group.random_scalar())
    return t.commission.sign("ceremony-key", body, [t.trustees.signers[0]])


def _lying(entry_type: str, change: Callable[[Training, Any], Any]) -> Act:
    """Hold the ceremony; trustee 2 publishes a changed message of a type just before her honest one."""

    def act(t: Training) -> bool:
        lie = LyingTrustees(t.commission, t.trustees.signers)
        lie.entry_type, lie.change, lie.training = entry_type, change, t
        t.trustees = lie
        t.hold_ceremony()
        return True

    return act


class LyingTrustees(Trustees):
    """Trustees of whom the second says something else first, once."""

    entry_type: str
    change: Callable[[Training, Any], Any]
    training: Training

    def sign(self, entry_type: str, bodies: Sequence[Any]) -> list[bytes]:
        """Return the entries, with the lie in its place."""
        entries = super().sign(entry_type, bodies)
        if entry_type == self.entry_type:
            lie = self.change(self.training, bodies[1])
            entries.insert(1, super().sign(entry_type, [lie])[0])
            self.training.planted.append(self.training.board.writer.tiles.size + 2)
        return entries


def _other_dealing(t: Training, body: Any) -> Any:  # noqa: ANN401
    ceremony = t.board.record.ceremony
    return make_dealing(ceremony.setting, 1, body.trustee, ceremony.keys())


def _other_key(t: Training) -> bytes:
    key = (5 * t.board.record.ceremony.setting.group.generator).to_bytes()
    return t.commission.by_officers("opening", Opening(key=key, certificate_hash=t.certificate.hash))


def _drill_number(t: Training) -> bytes:
    return t.drill(3)


def _false_drill_share(t: Training) -> None:
    t.append([t.drill(2)])
    ceremony = t.board.record.ceremony
    body = make_drill_share(ceremony.setting, t.certificate, ceremony.drills[2], 2, t.trustees.shares[0])
    t.append(t.trustees.sign("drill-share", [body]), planted=True)


# ----------------------------------------------------------------------------------------------------------------- roll


def _chunk(t: Training, number: int, unit: int, pseudonyms: bytes) -> bytes:
    body = RollChunk(number=number, groups=(RollGroup(unit=unit, style=STYLE, pseudonyms=pseudonyms),))
    return t.commission.by_registrars("roll", body)


def _freeze_other(t: Training) -> bytes:
    freeze = t.commission.write_freeze(t.board.record.roll.chunks)
    slots = (replace(freeze.slots[0], count=freeze.slots[0].count + 1), *freeze.slots[1:])
    return t.commission.by_officers("freeze", replace(freeze, slots=slots))


def _before_freeze(make: Callable[[Training], bytes]) -> Act:
    """Publish the roll, plant, then freeze."""

    def act(t: Training) -> bool:
        chunks = list(t.commission.write_roll())
        for chunk in chunks:
            t.append([t.commission.by_registrars("roll", chunk)])
        t.append([make(t)], planted=True)
        t.append([t.commission.by_officers("freeze", t.commission.write_freeze(len(chunks)))])
        t.append([t.drill(1)])
        t.trustees.drill(t.board, t.certificate)
        return True

    return act


def _padded_roll(t: Training) -> bool:
    """Let both registrars and the officers add three slots that nobody outside knows of."""
    chunks = list(t.commission.write_roll())
    extra = b"".join(t.electorate.secret("ghost", at)[:16] for at in range(3))
    last = chunks[-1].groups[0]
    chunks[-1] = replace(chunks[-1], groups=(replace(last, pseudonyms=last.pseudonyms + extra),))
    for chunk in chunks:
        t.append([t.commission.by_registrars("roll", chunk)])
    freeze = t.commission.write_freeze(len(chunks))
    slots = tuple(replace(item, count=item.count + 3) if item.district == last.unit else item for item in freeze.slots)
    t.append([t.commission.by_officers("freeze", replace(freeze, slots=slots))])
    t.append([t.drill(1)])
    t.trustees.drill(t.board, t.certificate)
    return True


def _credential(t: Training, key: bytes, voter: int = -1) -> Credential:
    """Return a credential of the last slot, whose owner has none, or of a voter."""
    slot = t.electorate.slots - 1 if voter < 0 else t.electorate.slot(voter)
    return Credential(pseudonym=t.commission.pseudonym(slot), key=key, assurance="software")


def _fresh_key(t: Training) -> bytes:
    return make_passkey(t.electorate.secret("fresh")).cose_key


def _one_registrar(t: Training) -> bytes:
    return t.commission.sign("credential", _credential(t, _fresh_key(t)), t.commission.registrars[:1])


def _broken_registrar(t: Training) -> bytes:
    entry = parse_entry(t.commission.by_registrars("credential", _credential(t, _fresh_key(t))))
    (name, signature), other = entry.signatures
    torn = bytes([signature[0] ^ 1]) + signature[1:]
    return replace(entry, signatures=((name, torn), other)).to_bytes()


def _second_strike(t: Training) -> bytes:
    slots, roll = range(t.electorate.slots), t.board.record.roll
    struck = next(slot for slot in slots if roll.is_struck(slot))
    body = Strike(pseudonym=t.commission.pseudonym(struck), reason="once more")
    return t.commission.by_registrars("strike", body)


def _change_after_vote(t: Training) -> bytes:
    body = Change(
        pseudonym=t.booth.pseudonym(t.once()), key=_fresh_key(t), assurance="software", reason="lost telephone"
    )
    return t.commission.by_registrars("change", body)


# ---------------------------------------------------------------------------------------------------- board, time, seal


def _seal(change: Callable[[Training, Seal], Seal]) -> Act:
    """Begin one block with a changed seal; the block is written again as it should be."""

    def act(t: Training) -> None:
        writer = t.board.writer
        seal = Seal(block=writer.block + 1, checkpoint=writer.checkpoint, quorum=tuple(writer.quorum), tokens=())
        t.planted.append(writer.tiles.size)
        bad = writer.sign(change(t, seal), "seal")
        t.board._publish(writer._write([bad]))  # noqa: SLF001 -- a server that cheats
        # The refused seal began no block: the next one has its number, and only the newest head is an end of the tree.
        writer.block -= 1
        writer.quorum = writer.quorum[-1:]

    return act


def _few_witnesses(_: Training, seal: Seal) -> Seal:
    note = parse_note(seal.quorum[-1])
    fewer = replace(note, signatures=note.signatures[:3]).to_bytes()
    return replace(seal, quorum=(*seal.quorum[:-1], fewer))


def _other_tree(t: Training, seal: Seal) -> Seal:
    head = Checkpoint(t.board.manifest.origin, t.board.writer.tiles.size, bytes(32))
    return replace(seal, checkpoint=sign_checkpoint(t.commission.log.key, head).to_bytes())


def _late_ballots(t: Training) -> None:
    """Let the last ballots come long after the intake's end, begun in time and before a timely head."""
    voter = t.once()
    entry = cast(t, t.next_ballot(voter).ballot, voter, issued_at_ms=CLOSES_AT_MS - MINUTE_MS)
    t.board.now_ms = CLOSES_AT_MS + t.board.manifest.grace_ms + t.board.manifest.settle_ms + MINUTE_MS
    t.append(voters=[entry])
    t.append()


def _again(entry_type: str) -> Act:
    """Publish a control entry of the record a second time."""

    def act(t: Training) -> None:
        size = t.board.writer.tiles.size
        raw = next(raw for raw in map(t.board.read, range(size)) if parse_entry(raw).type == entry_type)
        t.append([raw], planted=True)

    return act


def _control_behind(t: Training) -> None:
    voter = t.once()
    ballot = cast(t, t.next_ballot(voter).ballot, voter)
    writer = t.board.writer
    seal = Seal(block=writer.block + 1, checkpoint=writer.checkpoint, quorum=tuple(writer.quorum), tokens=())
    t.planted.append(writer.tiles.size + 2)
    writer.quorum = []
    t.board._publish(writer._write([writer.sign(seal, "seal"), ballot, t.drill(2)]))  # noqa: SLF001


def _close(ballots: int) -> Callable[[Training], bytes]:
    return lambda t: t.commission.by_officers("close", Close(ballots=t.board.record.tally.accepted + ballots))


def _miscounted_close(t: Training) -> None:
    t.board.wait_until(CLOSES_AT_MS + t.board.manifest.grace_ms)
    t.append([_close(-1)(t)], planted=True)


def _after_close(t: Training) -> bytes:
    voter = t.once()
    return cast(t, t.next_ballot(voter).ballot, voter, issued_at_ms=CLOSES_AT_MS - MINUTE_MS)


# ---------------------------------------------------------------------------------------------------------------- tally


def _aggregate(change: Callable[[Aggregate], Aggregate]) -> Act:
    def make(t: Training) -> bytes:
        body = Aggregate.parse(parse_entry(t.aggregates()[0]).body)
        return t.commission.by_log("aggregate", change(body))

    return _control(make)


def _moved_ballots(body: Aggregate) -> Aggregate:
    """Let two options change places."""
    sums = body.sums
    return replace(body, sums=sums[64:128] + sums[:64] + sums[128:])


def _share(change: Callable[[Training, Share], Share]) -> Act:
    def make(t: Training) -> bytes:
        tally = t.board.record.tally
        parts = make_share(tally.election, tally.plan, tally.closed_root or b"", 4, t.trustees.shares[3])
        return t.trustees.sign("share", [change(t, parts[0])])[0]

    return _control(make)


def _result(change: Callable[[tuple[int, ...]], tuple[int, ...]]) -> Act:
    def make(t: Training) -> bytes:
        body: Result = t.results()[0]
        return t.commission.by_officers("result", replace(body, votes=change(body.votes)))

    return _control(make)


def _false_dispute(t: Training) -> bytes:
    """Dispute a ballot that is on the board."""
    ballot = BallotEntry.parse_once(parse_entry(t.last[t.once()].entry).body).ballot
    receipt = make_receipt(t.commission.receipts.key, t.board.manifest, ballot, OPENS_AT_MS)
    return t.commission.by_log("dispute", Dispute(receipt=receipt.to_bytes()))


def _dropped_ballot(t: Training) -> None:
    """Acknowledge a ballot and leave it out; the voter's receipt is disputed."""
    sealed = t.next_ballot(t.once())
    receipt = make_receipt(t.commission.receipts.key, t.board.manifest, sealed.ballot, OPENS_AT_MS + MINUTE_MS)
    t.append([t.commission.by_log("dispute", Dispute(receipt=receipt.to_bytes()))])


def _early_decision(t: Training) -> bytes:
    return t.commission.by_officers("decision", Decision("withdrawn", 1, 0, bytes(32)))


# ---------------------------------------------------------------------------------------------------------------- files


def _record(t: Training) -> Path:
    return t.folder / "record"


def _rewrite(file: Path, change: Callable[[bytes], bytes]) -> None:
    data = change(file.read_bytes())
    file.unlink()
    file.write_bytes(data)


def _flip(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _file(pattern: str, change: Callable[[bytes], bytes] | None) -> Act:
    """Change or remove the first file of a pattern."""

    def act(t: Training) -> None:
        file = min(_record(t).glob(pattern))
        if change is None:
            file.unlink()
        else:
            _rewrite(file, change)

    return act


def _tile(level: int | None, change: Callable[[bytes], bytes] | None) -> Act:
    """Change or remove the tree's first tile of a level, or its first bundle; the last one where it is removed."""

    def act(t: Training) -> None:
        whole = t.board.writer.tiles.size >> (8 * (level or 0))
        index = 0 if change is not None else (whole - 1) // TILE_WIDTH
        name = TileName(level, index, min(TILE_WIDTH, whole - index * TILE_WIDTH))
        _file(name.path(), change)(t)

    return act


def _stranger(t: Training) -> None:
    (_record(t) / "letter.txt").write_text("count me too", encoding="utf-8")


def _bare_checkpoint(data: bytes) -> bytes:
    note = parse_note(data)
    return replace(note, signatures=note.signatures[:4]).to_bytes()


# -------------------------------------------------------------------------------------------------------------- classes


def other_plants() -> Iterator[Plant]:
    """Yield every class of error that is not in a single ballot."""
    yield from _manifest_and_ceremony()
    yield from _roll_plants()
    yield from _board_plants()
    yield from _tally_plants()
    for name, check, culprit, act in (
        ("an entry changed on the published disk", "MERKLE-4", "entry", _tile(None, _flip)),
        ("a hash changed in a tile", "MERKLE-3", "tile", _tile(0, _flip)),
        ("a bundle taken away", "MERKLE-2", "tile/entries", _tile(None, None)),
        ("a file that is no part of the record", "AUDIT-1", "letter.txt", _stranger),
        (
            "a last checkpoint with three witnesses",
            "AUDIT-2",
            CHECKPOINT_PATH,
            _file(CHECKPOINT_PATH, _bare_checkpoint),
        ),
    ):
        yield Plant(name, "witness" if check == "AUDIT-2" else "board", "complete", check, culprit, act)


def _manifest_and_ceremony() -> Iterator[Plant]:
    for name, check, act in (
        ("one trustee can open the count alone", "THRESHOLD-1", _manifest(threshold=1)),
        ("a quorum that two halves reach apart", "MANIFEST-2", _manifest(quorum=2)),
        ("both registrars of one body", "MANIFEST-4", _one_body),
        ("a part of the manifest left out", "MANIFEST-7", _missing_part),
    ):
        yield Plant(
            name, "manifest", "begin", check, "", act, ("RECORD-1", "RECORD-3") if check != "MANIFEST-7" else ()
        )
    lies: tuple[tuple[str, str, str, Act], ...] = (
        ("a key whose possession is not proven", "CEREMONY-3", "trustee 2", _control(_false_possession)),
        ("a message in another trustee's name", "MANIFEST-11", "author", _control(_foreign_signature)),
        (
            "another dealing than the one committed to",
            "CEREMONY-4",
            "trustee 2",
            _lying("ceremony-dealing", _other_dealing),
        ),
        (
            "an acceptance of other dealings",
            "CEREMONY-8",
            "trustee 2",
            _lying("ceremony-acceptance", lambda _, body: replace(body, digest=bytes(32))),
        ),
        (
            "a certificate of another ceremony",
            "CEREMONY-11",
            "trustee 2",
            _lying("ceremony-certificate", lambda _, body: replace(body, hash=bytes(32))),
        ),
    )
    for name, check, culprit, act in lies:
        yield Plant(name, "ceremony", "ceremony", check, culprit, act)
    yield Plant("an opening with another key", "ceremony", "frozen", "CEREMONY-12", "", _control(_other_key))
    yield Plant("a drill with a number left out", "drill", "voted", "CEREMONY-13", "officers", _control(_drill_number))
    yield Plant("a drill answered with another share", "drill", "voted", "CEREMONY-14", "trustee 2", _false_drill_share)


def _roll_plants() -> Iterator[Plant]:
    ghost = b"\x07" * 16
    yield Plant("slots that nobody outside knows of", "roll", "roll", "RECORD-4", "record", _padded_roll)
    for name, check, make in (
        (
            "one slot twice on the roll",
            "CREDENTIAL-3",
            lambda t: _chunk(t, t.board.record.roll.chunks, FIRST_UNIT, t.commission.pseudonym(0)),
        ),
        ("a slot in no voting place", "CREDENTIAL-2", lambda t: _chunk(t, t.board.record.roll.chunks, COUNTRY, ghost)),
        ("a chunk of the roll left out", "CREDENTIAL-1", lambda t: _chunk(t, 99, FIRST_UNIT, ghost)),
        ("a freeze that states other figures", "CREDENTIAL-4", _freeze_other),
    ):
        yield Plant(name, "roll", "roll", check, "", _before_freeze(make))
    yield Plant(
        "a slot added after the freeze",
        "roll",
        "frozen",
        "CREDENTIAL-1",
        "registrars",
        _control(lambda t: _chunk(t, 9, FIRST_UNIT, ghost)),
    )
    for name, check, culprit, make in (
        ("a credential of one registrar alone", "MANIFEST-11", "author", _one_registrar),
        ("a registrar's signature that was changed", "MANIFEST-12", "registrar", _broken_registrar),
        (
            "a second credential of a slot",
            "CREDENTIAL-6",
            "pseudonym",
            lambda t: t.commission.by_registrars("credential", _credential(t, _fresh_key(t), 0)),
        ),
        (
            "one passkey for two slots",
            "CREDENTIAL-8",
            "pseudonym",
            lambda t: t.commission.by_registrars("credential", _credential(t, t.booth.passkey(0).cose_key)),
        ),
        (
            "a passkey that is not on its curve",
            "SIGNATURE-6",
            "pseudonym",
            lambda t: t.commission.by_registrars(
                "credential", _credential(t, cose_es256(bytes(32), bytes(31) + b"\x01"))
            ),
        ),
        (
            "a passkey of an algorithm that is not allowed",
            "CREDENTIAL-7",
            "pseudonym",
            lambda t: t.commission.by_registrars("credential", _credential(t, cose_rs256((1 << 2047) + 1))),
        ),
        ("a key changed after its owner voted", "CREDENTIAL-9", "pseudonym", _change_after_vote),
        ("a voter struck twice", "CREDENTIAL-10", "pseudonym", _second_strike),
    ):
        yield Plant(name, "roll", "voted", check, culprit, _voter(make))


def _board_plants() -> Iterator[Plant]:
    yield Plant(
        "a block number left out",
        "seal",
        "voted",
        "BOARD-6",
        "server",
        _seal(lambda _, s: replace(s, block=s.block + 1)),
    )
    yield Plant("a seal over another tree", "seal", "voted", "BOARD-6", "server", _seal(_other_tree))
    yield Plant("a head that three witnesses signed", "witness", "voted", "BOARD-7", "server", _seal(_few_witnesses))
    yield Plant("a drill behind a ballot of its block", "board", "voted", "BOARD-2", "server", _control_behind)
    yield Plant("a control entry that stands twice", "board", "voted", "BOARD-13", "server", _again("drill"))
    yield Plant("a close before the intake has ended", "time", "voted", "BOARD-9", "server", _control(_close(0)))
    yield Plant("last ballots long after the intake's end", "time", "voted", "BOARD-10", "server", _late_ballots)
    yield Plant("a ballot after the close", "board", "closed", "BOARD-1", "server", _voter(_after_close))
    yield Plant("a close that counts one ballot less", "totals", "voted", "TALLY-1", "officers", _miscounted_close)
    yield Plant("an acknowledged ballot that was dropped", "board", "voted", "RECEIPT-1", "server", _dropped_ballot)
    yield Plant(
        "a dispute about a ballot that is there", "board", "voted", "TALLY-7", "server", _control(_false_dispute)
    )


def _tally_plants() -> Iterator[Plant]:
    for name, part, change in (
        ("two options that changed places in the sums", "cell", _moved_ballots),
        ("a cell with one ballot more", "cell", lambda body: replace(body, ballots=body.ballots + 1)),
        ("a cell that takes in another unit", "cell", lambda body: replace(body, units=(*body.units, FIRST_UNIT + 50))),
    ):
        yield Plant(name, part, "closed", "TALLY-2", "server", _aggregate(change))
    for name, check, alter in (
        ("a share for another root", "TALLY-3", lambda _, body: replace(body, closed_root=bytes(32))),
        (
            "a share whose values changed places",
            "TALLY-4",
            lambda _, body: replace(body, values=body.values[32:] + body.values[:32]),
        ),
    ):
        yield Plant(name, "share", "released", check, "trustee 4", _share(alter))
    for name, votes in (
        ("ten votes moved to another candidate", lambda votes: (votes[0] - 10, votes[1] + 10, *votes[2:])),
        ("ten votes more than ballots", lambda votes: (votes[0] + 10, *votes[1:])),
    ):
        yield Plant(name, "totals", "shared", "TALLY-5", "contest 1", _result(votes))
    yield Plant("a decision before the results", "totals", "shared", "TALLY-6", "officers", _control(_early_decision))
