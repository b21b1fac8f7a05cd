"""Errors in single ballots: each is cast as well as its author can, and only the named thing is wrong with it.

Spec: `docs/spec/ballot.md`, `docs/spec/proofs.md`, `docs/spec/signatures.md`. Everything is planted after all honest
ballots are on the board, in a block of its own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from crypto.election.ballot import cast_challenge, hash_ballot, make_nonce
from crypto.election.board import arrange
from crypto.election.entries import BallotEntry, Entry, Seal, Spoiled, parse_entry
from crypto.elgamal import BallotSeed
from crypto.proofs import Frame, Position, SealedContest, encrypt_votes, parse_frame, prove_contest
from crypto.signatures import SigningKey
from demo.ballots import NO_BALLOT, Sealed, Task
from demo.commission import CLOSES_AT_MS, KIND, RP_ID, WEB_ORIGIN
from demo.training_record import Training
from demo.voters import make_passkey

Act = Callable[[Training], bool | None]
FIRST = 32
NOT_A_SCALAR = b"\xff" * 32


@dataclass(frozen=True, slots=True)
class Plant:
    """One class of error: at which stage what is planted, the check that must fail, and what its culprit names.

    `beside` are checks that fail with it because of it.
    """

    name: str
    part: str
    stage: str
    check: str
    culprit: str
    act: Act
    beside: tuple[str, ...] = ()


def frame_of(ballot: bytes) -> Frame:
    """Take a ballot apart."""
    frame = parse_frame(ballot)
    if frame is None:
        raise ValueError("not a ballot")
    return frame


def cast(t: Training, ballot: bytes, voter: int, **changes: Any) -> bytes:  # noqa: ANN401 -- any part of the cast
    """Return the entry that casts a ballot: nonce and passkey as they should be, but for the changes."""
    ballot_hash = hash_ballot(KIND, ballot)
    issued = changes.get("issued_at_ms", t.board.now_ms)
    receipts: SigningKey = changes.get("receipts", t.commission.receipts.key)
    named = changes.get("nonce_for", ballot_hash)
    pseudonym, manifest_hash = t.booth.pseudonym(voter), t.commission.manifest_hash
    nonce = make_nonce(receipts, KIND, manifest_hash, pseudonym, named, ballot_hash[:16], issued)
    challenge = cast_challenge(KIND, manifest_hash, changes.get("signed_hash", ballot_hash), nonce)
    passkey = changes.get("passkey", t.booth.passkey(voter))
    flags = changes.get("flags", 0x1D)
    answer = passkey.sign(challenge, changes.get("rp_id", RP_ID), changes.get("origin", WEB_ORIGIN), flags=flags)
    client_data = changes.get("client_data", lambda data: data)(answer.client_data)
    signature = changes.get("signature", lambda data: data)(passkey.sign_raw(answer.authenticator_data, client_data))
    body = BallotEntry(ballot, nonce, answer.authenticator_data, client_data, signature)
    return Entry("ballot", body.to_bytes()).to_bytes()


def _plant(t: Training, ballot: bytes, voter: int, **changes: Any) -> None:  # noqa: ANN401
    t.append(voters=[cast(t, ballot, voter, **changes)], planted=True)


def _with_frame(change: Callable[[Frame], Frame]) -> Act:
    """Cast an honest next ballot whose frame was changed after it was sealed."""

    def act(t: Training) -> None:
        voter = t.once()
        _plant(t, change(frame_of(t.next_ballot(voter).ballot)).to_bytes(), voter)

    return act


def _with_contest(change: Callable[[SealedContest], SealedContest]) -> Act:
    """Change ciphertexts or proof of the first contest."""
    return _with_frame(lambda frame: replace(frame, contests=(change(frame.contests[0]), *frame.contests[1:])))


def _with_cast(**changes: Any) -> Act:  # noqa: ANN401
    """Cast an honest ballot in a wrong way."""

    def act(t: Training) -> None:
        voter = t.once()
        _plant(t, t.next_ballot(voter).ballot, voter, **changes)

    return act


def _scalar(proof: bytes, place: int, value: bytes | None = None) -> bytes:
    """Replace 32 bytes of a proof (negative places from its end); without a value one bit is turned."""
    at = place * 32 if place >= 0 else len(proof) + place * 32
    old = proof[at : at + 32]
    return proof[:at] + (value or bytes([old[0] ^ 1]) + old[1:]) + proof[at + 32 :]


def _copied(t: Training) -> None:
    voter, other = t.once(), t.once(1)
    theirs = BallotEntry.parse_once(parse_entry(t.last[other].entry).body).ballot
    frame = frame_of(t.next_ballot(voter).ballot)
    _plant(t, replace(frame, contests=frame_of(theirs).contests).to_bytes(), voter)


def _over_voted(t: Training) -> None:
    voter = t.once()
    seed = BallotSeed(KIND, t.electorate.secret("over-voted", voter))
    position = t.booth.lock(Position(t.booth.pseudonym(voter), 2, t.last[voter].hash), seed)
    contests = []
    for contest in t.booth.contests:
        rest = [0] * (contest.rule.options - 2)
        ciphertexts = encrypt_votes(contest, seed, [1, 1, *rest])
        proof = prove_contest(contest, position, seed, ciphertexts, contest.rule.bits([1, 0, *rest]))
        contests.append(SealedContest(ciphertexts, proof))
    _plant(t, t.booth.frame(position, t.board.head, seed, contests).ballot, voter)


def _hidden_votes(t: Training) -> None:
    """Give one option a thousand votes and another minus 999, so that they add up to one."""
    voter = t.once()
    seed = BallotSeed(KIND, t.electorate.secret("hidden", voter))
    position = t.booth.lock(Position(t.booth.pseudonym(voter), 2, t.last[voter].hash), seed)
    contests = []
    for contest in t.booth.contests:
        rest = [0] * (contest.rule.options - 2)
        ciphertexts = encrypt_votes(contest, seed, [1_000, -999, *rest])
        proof = prove_contest(contest, position, seed, ciphertexts, contest.rule.bits([1, 0, *rest]))
        contests.append(SealedContest(ciphertexts, proof))
    _plant(t, t.booth.frame(position, t.board.head, seed, contests).ballot, voter)


def _stuffed(t: Training) -> None:
    absent = Position(t.commission.pseudonym(t.electorate.slots - 1), 1, NO_BALLOT)
    seed = BallotSeed(KIND, t.electorate.secret("stuffed"))
    sealed = t.booth.fill(absent, t.board.head, seed, [0] * len(t.booth.contests))
    entry = t.booth.cast(sealed, t.board.now_ms, make_passkey(t.electorate.secret("stuffer")))
    t.append(voters=[entry], planted=True)


def _replayed(t: Training) -> None:
    t.append(voters=[t.last[t.once()].entry], planted=True)


def _skipped_number(t: Training) -> None:
    voter = t.once()
    task = Task(voter, 3, t.last[voter].hash, t.board.now_ms)
    _plant(t, t.booth.seal(task, t.board.head).ballot, voter)


def _same_randomness(t: Training) -> None:
    """Seal the second ballot with the seed of the first: whoever compares the two learns how they differ."""
    voter = t.once()
    seed = BallotSeed(KIND, t.electorate.secret("ballot", voter, 1))
    position = Position(t.booth.pseudonym(voter), 2, t.last[voter].hash)
    _plant(t, t.booth.fill(position, t.board.head, seed, t.electorate.choices(voter, 2)).ballot, voter)


def _old_head(t: Training) -> None:
    """Name the head after the ceremony, from before the key was on the board."""
    voter = t.once()
    heads = t.board.record.board.heads
    first = heads[min(heads)]
    frame = frame_of(t.next_ballot(voter).ballot)
    _plant(t, replace(frame, head_size=first.size, head_root=first.root).to_bytes(), voter)


def _spoiled_is_cast(t: Training) -> None:
    """Cast a ballot that was opened before; its owner has not voted yet when it happens."""
    voter, sealed = t.spoiled[0]
    frame = frame_of(sealed.ballot)
    entry = t.booth.cast(
        Sealed(frame.position.pseudonym, sealed.ballot, sealed.hash, sealed.opening),
        t.board.now_ms,
        t.booth.passkey(voter),
    )
    t.append(voters=[entry], planted=True)


def _cast_is_spoiled(t: Training) -> None:
    voter = t.once()
    ballot = BallotEntry.parse_once(parse_entry(t.last[voter].entry).body).ballot
    seed = BallotSeed(KIND, t.electorate.secret("ballot", voter, 1))
    body = Spoiled(ballot=ballot, opening=seed.derive_opening())
    t.append(voters=[t.commission.by_log("spoiled", body)], planted=True)


def _wrong_opening(t: Training) -> None:
    sealed = t.next_ballot(t.once())
    body = Spoiled(ballot=sealed.ballot, opening=bytes(32))
    t.append(voters=[t.commission.by_log("spoiled", body)], planted=True)


def _out_of_order(t: Training) -> None:
    entries = arrange([cast(t, t.next_ballot(voter).ballot, voter) for voter in (t.once(), t.once(1))])[::-1]
    _as_given(t, entries, planted=1)


def _two_in_a_block(t: Training) -> None:
    """Cast two ballots of one number, each of them good alone."""
    voter = t.once()
    task = Task(voter, 2, t.last[voter].hash, t.board.now_ms)
    both = [t.booth.seal(task, t.board.head, use=use).ballot for use in ("ballot", "other")]
    _as_given(t, arrange([cast(t, ballot, voter) for ballot in both]), planted=1)


def _early(t: Training) -> None:
    voter = t.once() if t.last else 0
    sealed = t.booth.seal(Task(voter, 1, NO_BALLOT, t.board.now_ms), t.board.head)
    t.append(voters=[cast(t, sealed.ballot, voter)], planted=True)


def _as_given(t: Training, entries: list[bytes], planted: int) -> None:
    """Write a block in the order given, as no honest writer would; `planted` is the place of the error in it."""
    writer = t.board.writer
    seal = Seal(block=writer.block + 1, checkpoint=writer.checkpoint, quorum=tuple(writer.quorum), tokens=())
    t.planted.append(writer.tiles.size + 1 + planted)
    writer.quorum = []
    t.board._publish(writer._write([writer.sign(seal, "seal"), *entries]))  # noqa: SLF001 -- a server that cheats


def ballot_plants() -> Iterator[Plant]:
    """Yield every class of error in ballots."""
    for name, check, act in (
        ("the same vote twice in a ballot's proof of one", "PROOF-8", _over_voted),
        ("a thousand votes, hidden by minus 999 elsewhere", "PROOF-8", _hidden_votes),
        ("a neighbour's sealed vote under one's own name", "PROOF-6", _copied),
        ("a proof that is one element short", "PROOF-1", _with_contest(lambda c: replace(c, proof=c.proof[:-32]))),
        (
            "a ciphertext that is the identity",
            "PROOF-2",
            _with_contest(lambda c: replace(c, ciphertexts=bytes(32) + c.ciphertexts[32:])),
        ),
        (
            "a ciphertext that is no group element",
            "PROOF-2",
            _with_contest(lambda c: replace(c, ciphertexts=b"\xff" * 32 + c.ciphertexts[32:])),
        ),
        (
            "a commitment that is the identity",
            "PROOF-3",
            _with_contest(lambda c: replace(c, proof=bytes(32) + c.proof[32:])),
        ),
        (
            "a scalar above the group order",
            "PROOF-4",
            _with_contest(lambda c: replace(c, proof=_scalar(c.proof, -3, NOT_A_SCALAR))),
        ),
        ("a false answer about the bits", "PROOF-6", _with_contest(lambda c: replace(c, proof=_scalar(c.proof, -2)))),
        (
            "a false answer about the randomness",
            "PROOF-7",
            _with_contest(lambda c: replace(c, proof=_scalar(c.proof, -1))),
        ),
    ):
        yield Plant(name, "proof", "voted", check, "contest", act)
    for name, check, act in (
        ("bytes behind the end of a ballot", "BALLOT-1", _bytes_behind),
        ("a ballot of another election", "BALLOT-2", _with_frame(lambda f: replace(f, manifest_hash=bytes(32)))),
        ("a ballot on the paper of another style", "BALLOT-3", _with_frame(lambda f: replace(f, style=9))),
        ("a ballot without its last contest", "BALLOT-4", _with_frame(lambda f: replace(f, contests=f.contests[:-1]))),
        ("one vector in two places of a ballot", "BALLOT-5", _with_contest(_repeat_vector)),
        ("a ballot of somebody without a credential", "BALLOT-6", _stuffed),
        ("a ballot that was cast before", "BALLOT-7", _replayed),
        ("a ballot number left out", "BALLOT-7", _skipped_number),
        ("a head that this log never had", "BALLOT-8", _with_frame(lambda f: replace(f, head_root=bytes(32)))),
        ("a head from before the opening", "BALLOT-8", _old_head),
        ("a ballot begun after closing", "BALLOT-10", _with_cast(issued_at_ms=CLOSES_AT_MS + 1)),
        (
            "a nonce that the receipt key never signed",
            "BALLOT-11",
            _with_cast(receipts=SigningKey.from_seed(bytes(32))),
        ),
        ("a nonce of another ballot", "BALLOT-11", _with_cast(nonce_for=bytes(32))),
        ("the randomness of an earlier ballot", "BALLOT-12", _same_randomness),
        ("a challenged ballot that was cast all the same", "BALLOT-7", _spoiled_is_cast),
        ("a challenge that does not open its lock", "BALLOT-14", _wrong_opening),
        ("a cast ballot that is said to be challenged", "BALLOT-15", _cast_is_spoiled),
    ):
        culprit = {"BALLOT-1": "entry", "BALLOT-4": "entry", "BALLOT-5": "entry", "BALLOT-14": "server"}
        yield Plant(name, "ballot", "voted", check, culprit.get(check, "pseudonym"), act)
    yield Plant("a ballot before the opening time", "time", "waiting", "BOARD-8", "server", _early)
    yield Plant("ballots in the order of their arrival", "board", "voted", "BOARD-3", "server", _out_of_order)
    yield Plant("two ballots of one voter in a block", "board", "voted", "BOARD-4", "server", _two_in_a_block)
    stranger = make_passkey(bytes(range(32)))
    for name, check, changes in (
        ("another person's passkey", "SIGNATURE-14", {"passkey": stranger}),
        ("a signature that was changed", "SIGNATURE-14", {"signature": lambda data: data[:-1] + bytes([data[-1] ^ 1])}),
        ("a passkey's answer to another ballot", "SIGNATURE-8", {"signed_hash": bytes(32)}),
        ("a signature made on another site", "SIGNATURE-9", {"origin": "https://vote.example.org"}),
        ("a signature made in another site's frame", "SIGNATURE-10", {"client_data": _framed}),
        ("a signature for another relying party", "SIGNATURE-12", {"rp_id": "example.org"}),
        ("a signature without the user's verification", "SIGNATURE-13", {"flags": 0x01}),
        ("client data with a member twice", "SIGNATURE-7", {"client_data": _twice}),
    ):
        yield Plant(name, "signature", "voted", check, "pseudonym", _with_cast(**changes))


def _bytes_behind(t: Training) -> None:
    voter = t.once()
    _plant(t, t.next_ballot(voter).ballot + b"\x00", voter)


def _repeat_vector(contest: SealedContest) -> SealedContest:
    pair, rest = contest.ciphertexts[: 2 * FIRST], contest.ciphertexts[4 * FIRST :]
    return replace(contest, ciphertexts=pair + pair + rest)


def _framed(data: bytes) -> bytes:
    return data.replace(b'"crossOrigin":false', b'"crossOrigin":true')


def _twice(data: bytes) -> bytes:
    return data[:-1] + b',"crossOrigin":false}'
