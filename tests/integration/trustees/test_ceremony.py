"""A whole ceremony over a real server process, one trustee without a network, one liar, to the auditor's verdict."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audit import cli as audit_cli
from crypto.election.ceremony import make_dealing
from crypto.election.entries import CeremonyDealing, Round
from tests.integration.trustees.hall import PASSPHRASE, THRESHOLD, Hall
from trustee_tools import ceremony as acts
from trustee_tools.ceremony import Consent, Trustee
from trustee_tools.desk import Desk
from trustee_tools.vault import Vault

APART, LIAR, VICTIM = 5, 4, 2
ONLINE = (1, 2, 3, 4)


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    made = Hall(tmp_path)
    try:
        yield made.start()
    finally:
        made.stop()


def everybody(hall: Hall, act: str, online: tuple[int, ...] = ONLINE) -> None:
    """Let all with a network and the one without do what comes next."""
    assert hall.act(online, apart=APART) == [act] * (len(online) + 1)


def lie(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the liar commit to a dealing whose share for the victim is another one."""

    def deal(*arguments: object) -> CeremonyDealing:
        dealing = make_dealing(*arguments)  # type: ignore[arg-type]
        shares = list(dealing.shares)
        shares[VICTIM - 1] = shares[VICTIM]
        return replace(dealing, shares=tuple(shares))

    desk = Desk(hall.desk(LIAR) / "copy", hall.url)
    vault = Vault.open((hall.desk(LIAR) / "a.key", hall.desk(LIAR) / "b.key"), PASSPHRASE)
    with monkeypatch.context() as patched:
        patched.setattr(acts, "make_dealing", deal)
        entries = Trustee(vault, desk.look()).perform("commitment", Consent(hall.town.clock_ms))
    desk.send(entries)
    hall.town.block()


def test_from_the_keys_to_the_audit_with_a_liar_and_a_machine_without_a_network(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = hall.town
    everybody(hall, "key")
    lie(hall, monkeypatch)
    everybody(hall, "commitment", tuple(n for n in ONLINE if n != LIAR))
    everybody(hall, "dealing")
    everybody(hall, "answer")

    # The victim's complaint names the liar to everybody; nobody is asked for anything until officers end the run.
    assert [(j.trustee, j.against, j.liar) for j in town.record.ceremony.judgements()] == [(VICTIM, LIAR, LIAR)]
    code, answer = hall.run("next", *hall.online(1), *hall.consent(), *hall.own(1))
    assert (code, answer["act"]) == (4, "wait")
    town.accept([town.by_officers("round", Round(1, 4, (), (LIAR,)))])

    for act in ("key", "commitment", "dealing", "answer", "certificate"):
        everybody(hall, act)
    town.freeze_roll()
    hall.drill()
    everybody(hall, "drill")
    hall.open_the_election()
    assert town.record.ceremony.undrilled() == (1, 2, 3, 4, 5)
    town.hold_vote()
    hall.drill()
    everybody(hall, "drill", (1, 2, 4))
    assert town.record.ceremony.undrilled() == (3,)
    town.close()
    town.dispute()
    town.accept(town.aggregates())

    slots = ["--slots", str(hall.folder / "slots.json")]
    assert hall.act((1, 2), "decrypt", *slots, apart=APART) == ["decrypt"] * THRESHOLD
    town.accept(town.results())
    town.accept()
    assert town.record.is_complete()
    assert [total.votes for total in town.record.tally.totals()] == [town.expected(1), town.expected(2)]
    hall.courier("fetch", *hall.online(3))
    given = ["--manifest-hash", town.manifest_hash.hex(), "--slots", str(hall.folder / "slots.json")]
    verdict = CliRunner().invoke(audit_cli.app, ["verify", str(hall.desk(3) / "copy"), *given])
    assert verdict.exit_code == 0, verdict.output
    assert town.record.ceremony.ended[0].judgements[0].liar == LIAR


def test_a_board_that_dies_costs_nothing(hall: Hall) -> None:
    """Killed after it has taken an entry: the same bytes come again, and stand in the log once."""
    port, data = int(hall.url.rpartition(":")[2]), hall.folder / "board"
    call = ["next", *hall.online(1), *hall.consent(), *hall.own(1)]
    code, first = hall.run(*call)
    assert (code, first["act"], first["held"]) == (0, "key", 0)
    kept = Vault.open((hall.desk(1) / "a.key", hall.desk(1) / "b.key"), PASSPHRASE).secrets.answers["key/1"]
    hall.kill()
    assert hall.run(*call) == (6, {"failed": f"{hall.url}/log/checkpoint does not answer (ConnectError)"})
    code, seen = hall.run("status", "--record", str(hall.desk(1) / "copy"), *hall.own(1))
    assert (code, seen["act"]) == (0, "key")
    hall.serve(data, port)
    assert hall.run(*call) == (0, first)
    hall.town.block()
    code, last = hall.run(*call)
    assert (code, last["act"], last["missing"]) == (4, "wait", [2, 3, 4, 5])
    entries = [hall.town.read(index) for index in range(hall.town.board.heads().size)]
    assert [entries.count(raw) for raw in kept] == [1]
