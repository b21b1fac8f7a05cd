"""Runs this project's own programs as anybody would: `dobush-trustee` for each trustee, `dobush-audit` for the auditor.

Spec: `docs/operations/trustee.md`, `docs/operations/audit.md`. Each trustee has a key file in two copies and a
passphrase, reads the published folder, and hands signed entries over as files.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crypto.errors import DobushError
from demo.board import Board
from demo.commission import TRUSTEE_NAMES

_STARTERS = {
    "dobush-trustee": "from trustee_tools.cli import main; main()",
    "dobush-audit": "from audit.cli import main; main()",
}


class ProgramError(DobushError):
    """A program ended with an exit status that the demo does not expect."""


def command(program: str) -> list[str]:
    """Return how to start a program: the installed one beside this Python, else its entry point in the checkout."""
    installed = Path(sys.executable).with_name(program)
    return [str(installed)] if installed.is_file() else [sys.executable, "-c", _STARTERS[program]]


@dataclass(frozen=True, slots=True)
class Trustee:
    """One trustee's desk: a folder with two sticks, a passphrase, and the entries that she handed over."""

    number: int
    name: str
    desk: Path

    @property
    def keys(self) -> list[str]:
        """Return the options that name both copies of the key file."""
        return [part for stick in ("stick-a", "stick-b") for part in ("--keys", str(self.desk / stick / "trustee.key"))]

    def common(self) -> list[str]:
        """Return the options of every call."""
        return [*self.keys, "--passphrase-file", str(self.desk / "passphrase"), "--language", "en", "--json"]


@dataclass(frozen=True, slots=True)
class Trustees:
    """All trustees, each in a process of its own at every step."""

    trustees: tuple[Trustee, ...]

    @classmethod
    def seat(cls, folder: Path) -> "Trustees":
        """Give every trustee a desk."""
        trustees = tuple(
            Trustee(number, name, folder / f"trustee-{number}") for number, name in enumerate(TRUSTEE_NAMES, start=1)
        )
        for trustee in trustees:
            for stick in ("stick-a", "stick-b"):
                (trustee.desk / stick).mkdir(parents=True)
            (trustee.desk / "passphrase").write_text(f"demo passphrase of trustee {trustee.number}\n")
        return cls(trustees)

    def make_keys(self) -> list[bytes]:
        """Run `init` for everybody; return the signing keys for the manifest. A demo's files are sealed lightly."""
        calls = [["init", "--name", each.name, "--hardness", "test", *each.common()] for each in self.trustees]
        return [bytes.fromhex(answer["key"]) for answer in _run_together(calls)]

    def act(self, board: Board, act: str, *, absent: Sequence[int] = (), slots: Path | None = None) -> list[bytes]:
        """Let everybody present do what comes next, which is `act`; return the signed entries."""
        present = [trustee for trustee in self.trustees if trustee.number not in absent]
        manifest = board.manifest
        calls = []
        for trustee in present:
            options = ["--record", str(board.folder), "--out", str(trustee.desk / "entries")]
            options += ["--manifest-hash", board.commission.manifest_hash.hex(), "--confirm", manifest.short_name]
            options += ["--now-ms", str(board.now_ms), *(["--slots", str(slots)] if slots else [])]
            calls.append([act, *options, *trustee.common()])
        answers = _run_together(calls)
        return [Path(path).read_bytes() for answer in answers for path in answer["entries"]]


def _run_together(calls: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """Start `dobush-trustee` once for each list of arguments, all at once; return their JSON answers."""
    start = command("dobush-trustee")
    running = [
        subprocess.Popen([*start, *call], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for call in calls
    ]
    answers = []
    for process, call in zip(running, calls, strict=True):
        out, complaint = process.communicate()
        if process.returncode != 0:
            raise ProgramError(f"dobush-trustee {call[0]} ended with {process.returncode}: {out}{complaint}")
        answers.append(json.loads(out))
    return answers


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `dobush-audit verify` said: its exit status, its report, and where the pages are."""

    status: int
    report: dict[str, Any]
    html: Path
    complaint: str


def audit(record: Path, manifest_hash: bytes, slots: Path, out: Path) -> Verdict:
    """Run the auditor's program on the record, with the figures from outside."""
    html, as_json = out / "report.html", out / "report.json"
    arguments = ["verify", str(record), "--manifest-hash", manifest_hash.hex(), "--slots", str(slots)]
    arguments += ["--html", str(html), "--json", str(as_json)]
    ended = subprocess.run([*command("dobush-audit"), *arguments], capture_output=True, text=True, check=False)
    report = json.loads(as_json.read_text(encoding="utf-8")) if as_json.is_file() else {}
    return Verdict(ended.returncode, report, html, ended.stderr)
