"""F12, iVote 2021: 2.9 times the load, credentials that failed, three elections void.

Here issuing is apart from casting: who comes in a rush is told when to come again, loses nothing by it and is counted;
whoever has a credential votes while none can be issued; and a rush of log-ins refuses nobody for good.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families

from demo.voters import SoftwarePasskey
from tests.desk import open_desk
from tests.house import Browser, House, attest, open_house, passkey_of
from tests.integration.conftest import Databases, RedisServer
from tests.integration.faults.conftest import Matrix
from tests.integration.faults.trial import WAIT_S, Client, Trial, wait_until
from voting_server.plumbing.metrics import exposition

PEOPLE = 12
REQUESTS_OF_ONE = 2
"""Requests of one enrolment that are counted by address."""
TIMES_THE_FORECAST = 3
MOST_A_MINUTE = PEOPLE * REQUESTS_OF_ONE // TIMES_THE_FORECAST


@dataclass(slots=True)
class Person:
    """Somebody with a code who wants a credential, from the one address of her village."""

    browser: Browser
    key: SoftwarePasskey
    code: str
    enrolment: str = ""
    is_done: bool = False
    refused: int = 0

    def go_on(self) -> None:
        """Go on with the enrolment where it was broken off, until it is done or refused again."""
        if not self.enrolment:
            answer = self.browser.post("/enrolments", {"software": True})
            if self._is_refused(answer):
                return
            begun = answer.json()
            made = attest(self.key.cose_key, self.browser.challenge(begun))
            assert self.browser.post(f"/enrolments/{begun['id']}/key", made).status_code == 200
            self.enrolment = str(begun["id"])
        answer = self.browser.use_code(self.enrolment, self.code, self.key)
        if not self._is_refused(answer):
            assert answer.status_code == 204, answer.text
            self.is_done = True

    def _is_refused(self, answer: object) -> bool:
        status, headers = answer.status_code, answer.headers  # type: ignore[attr-defined]
        if status not in {429, 503}:
            return False
        assert 0 < int(headers["retry-after"]) <= 60
        self.refused += 1
        return True


@pytest.fixture
def house(databases: Databases, redis_server: RedisServer, tmp_path: Path) -> Iterator[House]:
    """Return an identity side on PostgreSQL and Redis whose roll is frozen, and which takes a third of the people."""
    limits = {"enrolments_a_minute": MOST_A_MINUTE}
    url = databases.urls["identity"]
    with open_house(tmp_path, identity_database=url, redis=redis_server.url, limits=limits) as served:
        served.freeze()
        yield served


def count_blocked() -> float:
    """Return how many requests were told to come later, as the operators' monitoring sees it."""
    families = text_string_to_metric_families(exposition().decode())
    samples = [sample for family in families for sample in family.samples if sample.name == "dobush_requests_total"]
    return sum(sample.value for sample in samples if sample.labels["status"] in {"429", "503"})


def test_three_times_the_forecast_get_their_credentials_and_who_waits_is_counted(
    house: House, redis_server: RedisServer
) -> None:
    people = [Person(house.browser(), passkey_of("rush", place), house.issue(place)) for place in range(PEOPLE)]
    before, minutes = count_blocked(), 0
    with ThreadPoolExecutor(PEOPLE) as pool, redis.Redis.from_url(redis_server.url, socket_timeout=WAIT_S) as counts:
        while waiting := [person for person in people if not person.is_done]:
            list(pool.map(Person.go_on, waiting, timeout=WAIT_S))
            counts.flushall()  # the minute is over
            minutes += 1
            assert minutes <= PEOPLE, "people are refused for ever"
    refused = sum(person.refused for person in people)
    assert refused > 0
    assert count_blocked() - before == refused
    assert [what for _, what in house.links[0].serve()] == ["signed"] * PEOPLE
    assert [what for _, what in house.links[1].serve()] == ["delivered"] * PEOPLE
    assert house.world.record.roll.credentials == PEOPLE


def test_who_has_a_credential_votes_while_none_can_be_issued(
    house: House, databases: Databases, tmp_path: Path
) -> None:
    late = Person(house.browser(), passkey_of("late"), house.issue(0))
    settings = {"ballot_database": databases.urls["ballot"]}
    with open_desk(tmp_path / "ballot", **settings) as desk, databases.cluster.connect() as admin:
        name = databases.identity
        admin.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0".encode())
        admin.execute(b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        late.go_on()
        assert late.refused == 1
        with databases.cluster.connect(databases.ballot) as clock:
            clock.execute(CLOCK.format(desk.world.clock_ms).encode())
        desk.log_in(0).vote()
        assert desk.sequence() == []
        admin.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1".encode())
    late.go_on()
    assert late.is_done


CLOCK = "CREATE OR REPLACE FUNCTION now_ms() RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT {}::bigint'"


def test_all_log_in_at_once_and_all_vote(make_trial: Callable[..., Trial], matrix: Matrix) -> None:
    trial = make_trial()
    trial.start_web()
    sequencer = trial.start_sequencer()
    places = range(len(trial.town.registered()))
    with ThreadPoolExecutor(len(places)) as pool:
        clients = list(pool.map(trial.client, places, timeout=WAIT_S))
        asked = [pool.submit(client.ask_nonce, bytes([turn]) * 32) for turn in range(3) for client in clients]
        assert {each.result(WAIT_S) for each in asked} <= {201, 503}
    for client in clients:
        vote_when_there_is_room(client)
    sequencer.wait_for("quorum-reached", len(sequencer.events))
    sequencer.stop()
    trial.take_over()
    trial.finish(())
    matrix.note("voter", "F12: all log in at once, ask for nonces at once, and vote", trial.judge())


def vote_when_there_is_room(client: Client) -> None:
    """Ask for a nonce until there is one, then cast."""
    wait_until(lambda: client.ask_nonce(bytes(32)) == 201, "no nonce is issued")
    answer = client.cast_until_answered(client.make())
    assert answer.status_code == 201, answer.text
