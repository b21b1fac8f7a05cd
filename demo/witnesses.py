"""Five witnesses with a state each, deciding by `audit.witness`; one refuses once, and one is late once.

Spec: `docs/spec/witness.md`. The log asks each witness after every block. The first answer of the forgetful witness's
log is a conflict (the log names an old size that this witness never cosigned), so the log asks again with the size that
the answer tells; the late witness's line arrives when the checkpoint is already served with the quorum of the others.

>>> witnesses = Witnesses.begin([bytes([n]) * 32 for n in range(1, 6)], list("abcde"), log=None)
>>> len(witnesses.public_keys)
5
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from audit.witness import AddCheckpoint, Answer, State, Witness, add_checkpoint
from crypto.errors import Misuse
from crypto.merkle import HashSource, prove_consistency
from crypto.signatures import Note, NoteSignature, SigningKey, VerifierKey, parse_signature_lines

CONFLICT = 409


@dataclass(slots=True)
class Watcher:
    """One witness: its key, its own state, and the size that the log believes it cosigned last."""

    witness: Witness
    state: State = field(default_factory=State)
    believed_size: int = 0

    def cosign(self, source: HashSource, size: int, checkpoint: bytes, now_s: int) -> Answer:
        """Ask once: send the proof from the believed size, store the state before the answer counts."""
        request = AddCheckpoint(self.believed_size, prove_consistency(source, self.believed_size, size), checkpoint)
        self.state, answer = add_checkpoint(self.witness, self.state, request.to_bytes(), now_s)
        if answer.status == 200:
            self.believed_size = size
        return answer


@dataclass(slots=True)
class Witnesses:
    """All witnesses of the election, and what went wrong on the way."""

    watchers: list[Watcher]
    events: list[str] = field(default_factory=list)
    forgetful_round: int = 4
    late_round: int = 6
    rounds: int = 0

    @classmethod
    def begin(cls, seeds: Sequence[bytes], names: Sequence[str], log: VerifierKey | None) -> "Witnesses":
        """Make the witnesses; `log` is the log that they watch."""
        logs = () if log is None else (log,)
        keys = [SigningKey.from_seed(seed) for seed in seeds]
        return cls([Watcher(Witness(name, key, logs)) for name, key in zip(names, keys, strict=True)])

    @property
    def public_keys(self) -> list[bytes]:
        """Return the Ed25519 keys in the manifest's order."""
        return [watcher.witness.key.public_key for watcher in self.watchers]

    def watch(self, log: VerifierKey) -> None:
        """Tell every witness which log to watch."""
        for watcher in self.watchers:
            watcher.witness = Witness(watcher.witness.name, watcher.witness.key, (log,))

    def cosign(self, source: HashSource, size: int, note: Note, now_s: int) -> Note:
        """Return the checkpoint with the cosignatures of everybody who answered in time."""
        self.rounds += 1
        checkpoint, lines = note.to_bytes(), list[NoteSignature]()
        for number, watcher in enumerate(self.watchers):
            name = watcher.witness.name
            if self.rounds == self.late_round and number == 1:
                self.events.append(f"{name} answered late; the other four were a quorum")
                continue
            if self.rounds == self.forgetful_round and number == 3:
                watcher.believed_size -= 1
            answer = watcher.cosign(source, size, checkpoint, now_s)
            if answer.status == CONFLICT and answer.refusal is not None:
                self.events.append(f"{name} refused once ({answer.refusal.check}), then cosigned")
                watcher.believed_size = int(answer.body)
                answer = watcher.cosign(source, size, checkpoint, now_s)
            if answer.status != 200:
                raise Misuse(f"{name} does not cosign an honest log: {answer.refusal}")
            lines += parse_signature_lines(answer.body.decode())
        return note.with_signatures(*lines)
