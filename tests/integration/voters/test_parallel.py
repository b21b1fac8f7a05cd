"""The identity side on PostgreSQL: many at once use one code, one enrolment, one roll; the chain of acts holds."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.house import House, number_of, open_house, passkey_of
from tests.integration.conftest import Databases
from voting_server.voters.service import verify_acts
from voting_server.voters.store import read_acts

AT_ONCE = 8


@pytest.fixture
def frozen(databases: Databases, tmp_path: Path) -> Iterator[House]:
    """Return an identity side on PostgreSQL whose roll is frozen."""
    with open_house(tmp_path, identity_database=databases.urls["identity"]) as house:
        assert not house.database.is_sqlite
        house.freeze()
        yield house


def test_of_many_who_use_one_code_at_once_one_is_taken(frozen: House) -> None:
    code = frozen.issue(0)
    browsers = [(frozen.browser(), passkey_of("parallel", place)) for place in range(AT_ONCE)]
    enrolled = [(browser, browser.enrol(key), key) for browser, key in browsers]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda each: each[0].use_code(each[1], code, each[2]).status_code, enrolled))
    assert sorted(answers) == [204] + [403] * (AT_ONCE - 1)
    assert len(frozen.links[0].fetch_requests()) == 1


def test_many_enrol_at_once_and_every_act_has_its_place(frozen: House) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(frozen.enrol, range(AT_ONCE)))
    assert [what for _, what in frozen.links[0].serve()] == ["signed"] * AT_ONCE
    assert [what for _, what in frozen.links[1].serve()] == ["delivered"] * AT_ONCE
    assert frozen.world.record.roll.credentials == AT_ONCE
    with frozen.database.read() as connection:
        rows = [dict(row._mapping) for row in read_acts(connection)]
    verify_acts(rows)
    assert sum(row["type"] == "identified" for row in rows) == AT_ONCE


def test_of_many_strikes_of_one_slot_one_is_asked_for(frozen: House) -> None:
    strike = {"number": number_of(3), "reason": "voted on paper"}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: frozen.operate("POST", "/strikes", strike).status_code, range(AT_ONCE)))
    assert sorted(answers) == [202] + [409] * (AT_ONCE - 1)


@pytest.mark.parametrize("act", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", ["slots", "acts", "roll_versions"])
def test_what_only_grows_is_not_changed_by_the_serving_role(
    frozen: House, databases: Databases, table: str, act: str
) -> None:
    column = {"slots": "style", "acts": "at_ms", "roll_versions": "number"}[table]
    with databases.cluster.connect(databases.identity, "identity") as connection, pytest.raises(psycopg.Error):
        connection.execute(act.format(table, column, column).encode())


def test_the_identity_role_reads_no_ballot(frozen: House, databases: Databases) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        databases.cluster.connect(databases.ballot, "identity")
    with databases.cluster.connect(databases.identity, "identity") as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert {"queue", "entries", "ballots"}.isdisjoint({row[0] for row in tables})
