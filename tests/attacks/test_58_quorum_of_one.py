"""One witness counts as several, or before or after its time; a BLS certificate leans on a key that nobody proved."""

import pytest

from crypto.election.entries import Rotate, Seal
from crypto.errors import Refused
from crypto.signatures import (
    TYPE_COSIGNATURE,
    BlsKey,
    Checkpoint,
    Note,
    NoteSignature,
    SigningKey,
    VerifierKey,
    aggregate_bls,
    bls_message,
    bls_secret,
    cosign,
    key_id,
    parse_note,
    parse_policy,
    prove_bls_possession,
    sign_bls,
    sign_checkpoint,
    verify_bls_certificate,
    verify_bls_possession,
    verify_quorum,
)
from tests.attacks.checks import BOARD_7
from tests.simulator import World, fresh, signing_key

ORIGIN, NOW_S = "board.example/demo", 1_767_225_600
LOG = SigningKey.from_seed(bytes([1]) * 32)
LOG_KEY = VerifierKey(ORIGIN, LOG.public_key)
ONE, TWO = SigningKey.from_seed(bytes([2]) * 32), SigningKey.from_seed(bytes([3]) * 32)
NOTE = sign_checkpoint(LOG, Checkpoint(ORIGIN, 7, bytes(32)))
QUORUM, POSSESSION, CERTIFICATE = "SIGNATURE-5", "SIGNATURE-15", "SIGNATURE-16"


def witness(name: str, key: SigningKey) -> VerifierKey:
    return VerifierKey(name, key.public_key, TYPE_COSIGNATURE)


def refuse_quorum(note: Note, *witnesses: VerifierKey) -> str:
    with pytest.raises(Refused) as refusal:
        verify_quorum(note.to_bytes(), LOG_KEY, witnesses, 2, NOW_S)
    return refusal.value.check


def test_two_honest_witnesses_are_a_quorum() -> None:
    note = NOTE.with_signatures(cosign(ONE, "a", NOTE.text, NOW_S), cosign(TWO, "b", NOTE.text, NOW_S - 60))
    read = verify_quorum(note.to_bytes(), LOG_KEY, [witness("a", ONE), witness("b", TWO)], 2, NOW_S)
    assert read.times_s == (NOW_S - 60, NOW_S)


def test_one_key_under_two_names_counts_once() -> None:
    note = NOTE.with_signatures(cosign(ONE, "a", NOTE.text, NOW_S), cosign(ONE, "b", NOTE.text, NOW_S))
    assert refuse_quorum(note, witness("a", ONE), witness("b", ONE)) == QUORUM
    policy = (
        f"log {LOG_KEY.to_text()}\nwitness w1 {witness('a', ONE).to_text()}\nwitness w2 {witness('b', ONE).to_text()}"
    )
    with pytest.raises(Refused, match="different keys"):
        parse_policy(f"{policy}\ngroup quorum-of-witnesses 2 w1 w2\nquorum quorum-of-witnesses\n".encode())


def test_one_witness_twice_counts_once() -> None:
    lines = [cosign(ONE, "a", NOTE.text, time_s) for time_s in (NOW_S, NOW_S - 1)]
    assert refuse_quorum(NOTE.with_signatures(*lines), witness("a", ONE), witness("b", TWO)) == QUORUM


@pytest.mark.parametrize("time_s", [0, NOW_S + 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_time_of_zero_or_from_the_future_does_not_count(time_s: int) -> None:
    message = f"cosignature/v1\ntime {time_s}\n{NOTE.text}".encode()
    key = witness("b", TWO)
    line = NoteSignature("b", key.note_key_id, time_s.to_bytes(8, "big") + TWO.sign(message))
    note = NOTE.with_signatures(cosign(ONE, "a", NOTE.text, NOW_S), line)
    assert refuse_quorum(note, witness("a", ONE), key) == QUORUM


def test_a_witness_that_the_manifest_does_not_name_does_not_count() -> None:
    note = NOTE.with_signatures(cosign(ONE, "a", NOTE.text, NOW_S), cosign(TWO, "b", NOTE.text, NOW_S))
    assert refuse_quorum(note, witness("a", ONE)) == QUORUM
    assert refuse_quorum(note, witness("a", ONE), witness("c", TWO)) == QUORUM


def test_a_log_line_is_no_cosignature() -> None:
    note = NOTE.with_signatures(cosign(ONE, "a", NOTE.text, NOW_S))
    assert refuse_quorum(note, witness("a", ONE), LOG_KEY) == QUORUM


SECRETS = [bls_secret(bytes([number]) * 32) for number in (1, 2)]
PAIRS = [prove_bls_possession(secret) for secret in SECRETS]
MESSAGE = bls_message(b"dobush/1/demo/certificate", ORIGIN, 7, bytes(32))
SIGNATURE = sign_bls(SECRETS[0], MESSAGE)
IDENTITY_KEY, IDENTITY_SIGNATURE = b"\xc0" + bytes(47), b"\xc0" + bytes(95)


@pytest.mark.parametrize(
    ("public_key", "proof"),
    [
        (IDENTITY_KEY, IDENTITY_SIGNATURE),
        (PAIRS[0][0], PAIRS[1][1]),
        (PAIRS[0][0], SIGNATURE),
        (PAIRS[0][0][:47], PAIRS[0][1]),
        (PAIRS[0][0], PAIRS[0][1] + b"\x00"),
        (bytes([PAIRS[0][0][0] & 0x7F]) + PAIRS[0][0][1:], PAIRS[0][1]),
    ],
    ids=["identity", "another's proof", "a signature instead", "short key", "long proof", "not compressed"],
)
def test_a_bls_key_without_its_proof(public_key: bytes, proof: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        verify_bls_possession(public_key, proof)
    assert refusal.value.check == POSSESSION


@pytest.mark.parametrize(
    ("keys", "signature"),
    [
        ([], IDENTITY_SIGNATURE),
        ([PAIRS[0][0], PAIRS[0][0]], aggregate_bls([SIGNATURE, SIGNATURE])),
        ([IDENTITY_KEY], IDENTITY_SIGNATURE),
        ([PAIRS[0][0], IDENTITY_KEY], SIGNATURE),
        ([PAIRS[0][0], PAIRS[1][0]], SIGNATURE),
        ([PAIRS[0][0]], SIGNATURE[:95]),
    ],
    ids=["nobody", "one twice", "identity", "identity beside one", "one for two", "short"],
)
def test_a_bls_certificate_that_is_none(keys: list[bytes], signature: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        verify_bls_certificate([BlsKey(key) for key in keys], MESSAGE, signature)
    assert refusal.value.check == CERTIFICATE


def test_a_bls_certificate_of_another_head() -> None:
    with pytest.raises(Refused, match="aggregate signature"):
        verify_bls_certificate([verify_bls_possession(*PAIRS[0])], MESSAGE + b"\x00", SIGNATURE)


def rotate_witness(world: World, *, quorum: bool = True) -> SigningKey:
    """Let two officers and enough trustees put a new key in the place of the first witness's; return it."""
    new = signing_key("new witness")
    body = Rotate("witness", key_id(signing_key("witness", 0).public_key), new.public_key, "a machine was lost")
    signers = [signing_key(role, at) for role in ("officer", "trustee") for at in (0, 1)]
    assert world.block([world.sign("rotate", body, *signers)], quorum=quorum) == []
    return new


def seal_with(world: World, key: SigningKey) -> str:
    """Return what the next seal is refused for whose quorum is just enough with the first witness's line by a key."""
    note = parse_note(world.writer.checkpoint)
    time_s = world.clock_ms // 1_000
    names = [each.name for each in world.manifest.witnesses]
    keys = [key, *(signing_key("witness", at) for at in range(1, world.manifest.quorum))]
    lines = [cosign(each, name, note.text, time_s) for each, name in zip(keys, names, strict=False)]
    body = Seal(world.writer.block + 1, world.writer.checkpoint, (note.with_signatures(*lines).to_bytes(),), ())
    try:
        world.record.admit(world.by_log("seal", body))
    except Refused as refusal:
        return refusal.check
    return ""


def test_a_witnesses_new_key_counts_once_a_quorum_of_the_old_ones_covers_it_and_the_old_one_no_longer() -> None:
    world = fresh("open")
    old, new = signing_key("witness", 0), rotate_witness(world)
    assert (seal_with(world, new), seal_with(world, old)) == (BOARD_7, "")
    world.accept()
    assert (seal_with(world, new), seal_with(world, old)) == ("", BOARD_7)


def test_a_quorum_over_an_earlier_tree_does_not_let_a_witnesses_new_key_count() -> None:
    world = fresh("open")
    assert world.block(quorum=False) == []
    earlier = world.writer.checkpoint
    new = rotate_witness(world, quorum=False)
    world.writer.quorum[:] = [world.cosign(earlier)]
    assert world.block(quorum=False) == []
    assert world.head().size < world.record.size
    assert (seal_with(world, new), seal_with(world, signing_key("witness", 0))) == (BOARD_7, "")
