"""F36, Kyrgyzstan 2021: totals above 150 %, a site that was down, three explanations.

Here such totals are not taken in, whoever signs them; the public's own figures tell them; an explanation stands on the
log, signed, with the hash of its document. That the server shows none: `tests/integration/board/test_tally.py`.
"""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from audit import cli as audit_cli
from crypto.election.entries import Incident, Result, parse_entry
from crypto.errors import Refused
from tests.integration.faults.conftest import Matrix
from tests.integration.faults.trial import Trial
from tests.simulator import secret, signing_key


def test_results_above_the_ballots_are_taken_in_by_nobody(make_trial: Callable[..., Trial], matrix: Matrix) -> None:
    trial = make_trial()
    town = trial.town
    document = secret("what happened")
    note = "The counting room had no power from 21:10 to 21:40; nothing was lost."
    town.accept([town.sign("incident", Incident(document, note), signing_key("officer"))])
    town.block((), [town.vote(voter) for voter in town.registered()])
    town.close()
    town.dispute()
    town.accept(town.aggregates())
    town.accept([*town.share(1), *town.share(3)])
    right = town.results()
    body = Result.parse(parse_entry(right[0]).body)
    inflated = replace(body, votes=tuple(3 * count // 2 + 1 for count in body.votes))
    with pytest.raises(Refused) as caught:
        town.board.enqueue(town.by_officers("result", inflated))
    assert caught.value.check == "TALLY-5"
    town.accept(right)
    town.write()
    town.write()
    trial.look()
    matrix.note(
        "officers", "F36: two officers sign half as many votes more: refused; the right ones stand", trial.judge()
    )
    incidents = [parse_entry(raw).body for raw in town.entries if parse_entry(raw).type == "incident"]
    assert [Incident.parse(each) for each in incidents] == [Incident(document, note)]
    assert_fewer_people_fail(trial)


def assert_fewer_people_fail(trial: Trial) -> None:
    """Audit again with two thirds of the voters that the public knew of: 150 % is a failed check, by name."""
    town = trial.town
    slots = trial.folder / "fewer.json"
    known = town.record.roll.slots_by_district.items()
    slots.write_text(json.dumps({str(unit): 2 * count // 3 for unit, count in known}))
    arguments = ["verify", str(trial.folder / "copy"), "--manifest-hash", town.manifest_hash.hex()]
    result = CliRunner().invoke(audit_cli.app, [*arguments, "--slots", str(slots), "--workers", "1"])
    assert result.exit_code != 0
    assert "RECORD-4" in result.output
