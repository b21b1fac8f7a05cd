"""What the pages work on: a desk, a key file that may still be closed, and the next act; no page holds a rule.

Spec: `docs/operations/trustee.md`. Nothing of the work is kept here: what was done stands in the key file and in the
record, so that a program that was stopped goes on where it was.

>>> Work(Desk(Path("record")), (Path("a.key"), Path("b.key"))).is_open
False
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from crypto.election.ceremony import Task
from crypto.errors import Misuse
from locales import Dictionary
from trustee_tools.ceremony import Consent, Trustee, View
from trustee_tools.desk import Desk
from trustee_tools.link import write_entries
from trustee_tools.minutes import write_minutes
from trustee_tools.session import read_clock
from trustee_tools.vault import Vault
from trustee_tools.words import (
    Notice,
    Row,
    list_alarms,
    list_obstacles,
    list_steps,
    say_decryption,
    say_election,
    say_task,
)


@dataclass(slots=True)
class Work:
    """One trustee's work: where the record is, where the key file is, where entries go (`out`, the board, or both)."""

    desk: Desk
    keys: tuple[Path, Path]
    out: Path | None = None
    allow_one_copy: bool = False
    now_ms: int | None = None
    view: View | None = field(default=None, init=False)
    unreached: str = field(default="", init=False)
    _vault: Vault | None = field(default=None, init=False)

    @property
    def is_open(self) -> bool:
        """Tell whether the key file is open."""
        return self._vault is not None

    @property
    def is_bound(self) -> bool:
        """Tell whether the key file has taken this election as its own."""
        return self._vault is not None and bool(self._vault.secrets.manifest_hash)

    def look(self) -> None:
        """Read what is new in the record. Raises Refused, Misuse, BoardError."""
        self.view = self.desk.look()

    def unlock(self, passphrase: str) -> None:
        """Open the key file and check that it belongs here. Raises Refused."""
        vault = Vault.open(self.keys, passphrase, allow_one_copy=self.allow_one_copy)
        Trustee(vault, self.seen).find_next()
        self.desk.manifest_hash = vault.secrets.manifest_hash or self.desk.manifest_hash
        self._vault = vault

    @property
    def seen(self) -> View:
        """The record as it was seen last."""
        if self.view is None:
            raise Misuse("the record was not looked at yet")
        return self.view

    @property
    def trustee(self) -> Trustee:
        """The trustee over what was seen last."""
        if self._vault is None:
            raise Misuse("the key file is not open")
        return Trustee(self._vault, self.seen)

    @property
    def clock_ms(self) -> int:
        """The time that acts are judged by. Raises Refused."""
        return read_clock(self.seen, self.now_ms)

    def bind(self, typed: str) -> None:
        """Take this election as the key file's own. Raises Refused, naming the groups that differ."""
        self.trustee.bind(typed)

    def next_task(self) -> Task:
        """Return what comes next."""
        return self.trustee.find_next()

    def needs_name(self) -> bool:
        """Tell whether the next act asks for the election's short name."""
        return self.trustee.needs_name(self.next_task().act)

    def perform(self, typed: str) -> tuple[tuple[bytes, ...], int]:
        """Do what was shown and hand it over; return (entries, how many the own copy holds).

        The record is looked at once more before: nothing is signed on a view that a board has contradicted since, and
        an act that is no longer awaited is refused. Raises Refused, BoardError.
        """
        task = self.next_task()
        self.view = self.desk.look(decrypting=task.act == "decrypt")
        entries = self.trustee.perform(task.act, Consent(self.clock_ms, typed))
        if self.out is not None:
            write_entries(self.out, f"{task.act}-{task.number or task.run}-{self.trustee.secrets.trustee}", entries)
        missing = self.desk.send(entries) if self.desk.is_connected else list(entries)
        return entries, len(entries) - len(missing)

    def minutes(self, say: Dictionary) -> Path:
        """Write the minutes beside the record; return the file."""
        record = self.desk.record
        file = record.with_name(f"{record.stem}-minutes-{say.language}.html")
        write_minutes(file, self.seen, say)
        return file

    # ------------------------------------------------------------------------------------------- what pages show

    def say_election(self, say: Dictionary) -> Notice:
        """Say which election this is, and whose program."""
        trustee = self.trustee
        return say_election(self.seen, trustee.secrets.name, trustee.find_place(), say)

    def say_task(self, say: Dictionary) -> Notice:
        """Say what comes next: exactly what the command line says."""
        task = self.next_task()
        return say_task(self.seen, task, say, again=self.trustee.was_done(task))

    def say_act(self, say: Dictionary) -> Notice:
        """Say what is about to be done; before a decryption also what will be opened and what was released."""
        notice = self.say_task(say)
        if self.next_task().act != "decrypt":
            return notice
        return Notice(notice.title, (*notice.lines, *say_decryption(self.seen, say).lines))

    def list_steps(self, say: Dictionary) -> list[Row]:
        """Return the checklist."""
        return list_steps(self.seen, self.trustee.find_place(), say)

    def list_warnings(self, say: Dictionary) -> list[str]:
        """Return alarms, then what keeps a decryption from being possible once the voting has begun."""
        warnings = list_alarms(self.seen, self.clock_ms, say)
        if self.unreached:
            warnings.insert(0, say("trustee.alarm.unreached", reason=self.unreached))
        if self.next_task().act == "wait" and self.seen.ceremony.opening is not None:
            warnings += list_obstacles(self.seen, self.clock_ms, say)
        return warnings
