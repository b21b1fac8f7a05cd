"""How the demo starts the project's programs, and what it says when one fails."""

import sys
from pathlib import Path

import pytest

from demo import programs
from demo.commission import TRUSTEE_NAMES
from demo.programs import ProgramError, Trustees, command


@pytest.mark.parametrize("program", ["dobush-trustee", "dobush-audit"])
def test_a_program_is_found_with_and_without_installation(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert command(program)[:2] == ["/nowhere/python", "-c"]


def test_every_trustee_has_a_desk_with_two_sticks(tmp_path: Path) -> None:
    trustees = Trustees.seat(tmp_path)
    assert [trustee.name for trustee in trustees.trustees] == list(TRUSTEE_NAMES)
    assert {len({*trustee.keys}) for trustee in trustees.trustees} == {3}
    passphrases = {(trustee.desk / "passphrase").read_text() for trustee in trustees.trustees}
    assert len(passphrases) == len(trustees.trustees)


def test_a_program_that_fails_is_named(tmp_path: Path) -> None:
    trustee = Trustees.seat(tmp_path).trustees[0]
    with pytest.raises(ProgramError, match="dobush-trustee init ended with"):
        programs._run_together([["init", "--name", "x", "--hardness", "none", *trustee.common()]])
