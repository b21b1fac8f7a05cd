"""A demo as a program: run it once, keep what it printed and wrote."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Run:
    """A finished demo."""

    status: int
    output: str
    folder: Path

    @classmethod
    def of(cls, module: str, voters: int, folder: Path, timeout_s: float) -> "Run":
        """Run a demo's module with so many voters and keep its files."""
        ended = subprocess.run(
            [sys.executable, "-m", module, "--voters", str(voters), "--keep", str(folder)],
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "120"},
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
        return cls(ended.returncode, ended.stdout + ended.stderr, folder)

    @property
    def report(self) -> dict[str, Any]:
        """The auditor's report."""
        report: dict[str, Any] = json.loads((self.folder / "report.json").read_text(encoding="utf-8"))
        return report
