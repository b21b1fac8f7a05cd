"""Invitation, passkey, log-in, session: what opens a role, and everything that must not."""

import json
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any, Literal

import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from pydantic import SecretStr

from crypto.signatures import SigningKey
from demo.roles import Holder, make_holder
from demo.voters import attest, encode
from tests.roles import Headers, app_of, enter, invite, log_in, roles_of
from tests.simulator import signing_key
from voting_server.app import create_app
from voting_server.plumbing.context import Context
from voting_server.plumbing.database import SIDES
from voting_server.plumbing.problems import ProblemError
from voting_server.plumbing.settings import Limits, Settings, Side
from voting_server.roles.calls import sign_call
from voting_server.roles.service import Asked, login_challenge, registration_challenge

ORIGIN, RP_ID = "https://vote.example", "vote.example"
OWN = {"origin": ORIGIN}
SideName = Literal["identity", "ballot"]


def serve(side: SideName = "ballot", **limits: int) -> TestClient:
    """Return a client of a side in memory, with nobody in it."""
    return serve_from("sqlite://", side, **limits)


def serve_from(url: str, side: SideName, **limits: int) -> TestClient:
    """Return a client of a side whose database this is; its tables are made here."""
    made = Settings(
        side=Side(side),
        identity_database=SecretStr(url) if side == "identity" else None,
        ballot_database=SecretStr(url) if side == "ballot" else None,
        identity_origin=ORIGIN,
        ballot_origin=ORIGIN,
        rp_id=RP_ID,
        limits=Limits(**limits),
    )
    app = create_app(made)
    context: Context = app.state.context
    SIDES[side].create_all(context.database.engine)
    return TestClient(app, base_url=ORIGIN)


@pytest.fixture(params=["identity", "ballot"])
def side(request: pytest.FixtureRequest) -> SideName:
    """Return each side's name."""
    name: SideName = request.param
    return name


@pytest.fixture
def client(side: SideName) -> TestClient:
    """Return a client of a side with nobody in it."""
    return serve(side)


def problem(answer: Any) -> str:  # noqa: ANN401
    """Return the code of a problem."""
    return str(answer.json()["type"]).removeprefix("/problems/")


def begin(client: TestClient, code: str) -> str:
    """Begin a registration; return its token."""
    answer = client.post("/roles/registrations", json={"code": code}, headers=OWN)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def finish(client: TestClient, code: str, token: str, credential: dict[str, Any]) -> Any:  # noqa: ANN401
    """Send a registration's answer."""
    body = {"code": code, "token": token, "credential": credential}
    return client.post("/roles/registrations/passkey", json=body, headers=OWN)


def registered(client: TestClient, role: Literal["officer", "operator"] = "officer") -> Holder:
    """Return somebody with a passkey who has not logged in."""
    _, code = invite(app_of(client), role)
    holder, token = make_holder(role), begin(client, code)
    side = roles_of(app_of(client)).side
    credential = attest(holder.passkey, registration_challenge(side, bytes.fromhex(token)), RP_ID, ORIGIN)
    assert finish(client, code, token, credential).status_code == 201
    return holder


def start(client: TestClient) -> str:
    """Return a log-in's token."""
    return str(client.post("/roles/login/start", headers=OWN).json()["token"])


def send(client: TestClient, token: str, credential: dict[str, Any]) -> Any:  # noqa: ANN401
    """Send a log-in."""
    return client.post("/roles/login", json={"token": token, "credential": credential}, headers=OWN)


# ----------------------------------------------------------------------------------------------------- invitation


def test_who_was_invited_registers_logs_in_and_out(client: TestClient, side: SideName) -> None:
    headers = enter(app_of(client), "officer", name="Aida", body="commission", key=signing_key("officer"))
    me = client.get("/roles/me", headers=headers).json()
    assert (me["name"], me["body"], me["role"], me["has_passkey"]) == ("Aida", "commission", "officer", True)
    assert headers["cookie"].startswith(f"__Host-dobush-roles-{side}=")
    assert client.post("/roles/logout", headers=headers).status_code == 204
    assert problem(client.get("/roles/me", headers=headers)) == "not-logged-in"


def test_the_cookie_is_for_this_host_https_and_this_sites_pages_only(client: TestClient, side: SideName) -> None:
    token = start(client)
    holder = registered(client)
    cookie = send(client, token, holder.answer(side, bytes.fromhex(token), RP_ID, ORIGIN)).headers["set-cookie"]
    assert cookie.startswith("__Host-")
    assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "domain" not in cookie.lower()


def test_an_invitation_serves_once(client: TestClient, side: SideName) -> None:
    _, code = invite(app_of(client))
    tokens = [begin(client, code), begin(client, code)]
    credentials = [
        attest(make_holder(place).passkey, registration_challenge(side, bytes.fromhex(token)), RP_ID, ORIGIN)
        for place, token in enumerate(tokens)
    ]
    assert finish(client, code, tokens[0], credentials[0]).status_code == 201
    assert problem(finish(client, code, tokens[1], credentials[1])) == "invitation-refused"
    assert problem(client.post("/roles/registrations", json={"code": code}, headers=OWN)) == "invitation-refused"


def test_an_invitation_holds_until_its_time_and_not_longer(client: TestClient) -> None:
    roles = roles_of(app_of(client))
    person, _ = invite(app_of(client))
    code = roles.invite(person, 3_600)
    begin(client, code)
    with roles.context.database.begin() as connection:
        people = roles.store.tables.people
        connection.execute(people.update().values(invited_until_ms=roles.store.now_ms(connection) - 1))
    assert problem(client.post("/roles/registrations", json={"code": code}, headers=OWN)) == "invitation-refused"


def test_a_second_invitation_ends_the_first_and_a_new_passkey_the_old_one(client: TestClient, side: SideName) -> None:
    roles = roles_of(app_of(client))
    person, first = invite(app_of(client))
    second = roles.invite(person)
    assert problem(client.post("/roles/registrations", json={"code": first}, headers=OWN)) == "invitation-refused"
    old = make_holder("old")
    log_in(app_of(client), old, second)
    log_in(app_of(client), make_holder("new"), roles.invite(person))
    token = start(client)
    assert problem(send(client, token, old.answer(side, bytes.fromhex(token), RP_ID, ORIGIN))) == "login-failed"


def test_a_new_passkey_ends_every_session_of_the_old_one(client: TestClient) -> None:
    roles = roles_of(app_of(client))
    person, first = invite(app_of(client))
    stolen = log_in(app_of(client), make_holder("stolen"), first)
    assert client.get("/roles/me", headers=stolen).status_code == 200
    log_in(app_of(client), make_holder("new"), roles.invite(person))
    assert problem(client.get("/roles/me", headers=stolen)) == "not-logged-in"


@pytest.mark.parametrize("code", ["A" * 32, "ABCD-" * 8, "2" * 64, "Ж" * 32])
def test_an_invented_invitation_is_refused(client: TestClient, code: str) -> None:
    invite(app_of(client))
    assert problem(client.post("/roles/registrations", json={"code": code}, headers=OWN)) == "invitation-refused"


def test_a_code_may_be_typed_in_small_letters_and_without_dashes(client: TestClient) -> None:
    _, code = invite(app_of(client))
    assert begin(client, code.replace("-", " ").lower())


def test_no_code_token_or_session_can_be_read_from_the_database(side: SideName, tmp_path: Path) -> None:
    client = serve_from(f"sqlite:///{tmp_path}/side.sqlite", side)
    _, code = invite(app_of(client))
    token = begin(client, code)
    headers = enter(app_of(client), "operator", name="another")
    session = headers["cookie"].partition("=")[2]
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*.sqlite*"))
    for secret in (code, code.replace("-", ""), token, session):
        assert secret.encode() not in kept
        assert secret.lower().encode() not in kept
    assert bytes.fromhex(token) not in kept
    assert bytes.fromhex(session) not in kept


@pytest.mark.parametrize(
    ("name", "body", "role", "key"),
    [
        ("", "house", "officer", None),
        ("Aida", "", "officer", None),
        ("Aida ", "house", "officer", None),
        ("A\nida", "house", "officer", None),
        ("A" * 121, "house", "officer", None),
        ("Aida", "house", "officer", bytes(31)),
        ("Aida", "house", "operator", bytes(32)),
    ],
)
def test_nobody_is_added_who_does_not_fit(client: TestClient, name: str, body: str, role: Any, key: Any) -> None:  # noqa: ANN401
    roles = roles_of(app_of(client))
    with pytest.raises(ProblemError, match="invalid-request"):
        roles.add(name, body, role, key)
    assert roles.people() == []


def test_a_signing_key_is_one_persons(client: TestClient) -> None:
    roles, key = roles_of(app_of(client)), signing_key("officer").public_key
    roles.add("Aida", "commission", "officer", key)
    with pytest.raises(ProblemError, match="key-taken"):
        roles.add("Bakyt", "council", "officer", key)
    other = roles.add("Bakyt", "council", "officer", None)
    with pytest.raises(ProblemError, match="key-taken"):
        roles.set_key(other, key)


# ----------------------------------------------------------------------------------------------------- registration


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rp_id": "evil.example"}, "another site's key"),
        ({"origin": "https://evil.example"}, "another origin"),
        ({"origin": "https://vote.example:444"}, "another port"),
        ({"flags": 0x59}, "no user verification"),
        ({"flags": 0x5C}, "nobody was there"),
    ],
)
def test_a_registration_that_is_not_as_asked_is_refused(
    client: TestClient, side: SideName, changes: dict[str, Any], reason: str
) -> None:
    _, code = invite(app_of(client))
    token = begin(client, code)
    challenge = registration_challenge(side, bytes.fromhex(token))
    given = {"rp_id": RP_ID, "origin": ORIGIN, **changes}
    credential = attest(make_holder(reason).passkey, challenge, given.pop("rp_id"), given.pop("origin"), **given)
    assert problem(finish(client, code, token, credential)) == "enrolment-failed", reason
    # The invitation holds still: whoever made a mistake begins again.
    assert begin(client, code)


@pytest.mark.parametrize("wrong", ["token", "log-in", "other side", "other token"])
def test_a_registration_signs_exactly_its_own_challenge(client: TestClient, side: SideName, wrong: str) -> None:
    _, code = invite(app_of(client))
    token = bytes.fromhex(begin(client, code))
    challenges = {
        "token": token,
        "log-in": login_challenge(side, token),
        "other side": registration_challenge("ballot" if side == "identity" else "identity", token),
        "other token": registration_challenge(side, bytes(32)),
    }
    credential = attest(make_holder(wrong).passkey, challenges[wrong], RP_ID, ORIGIN)
    assert problem(finish(client, code, token.hex(), credential)) == "enrolment-failed"


def test_a_registrations_token_serves_once_and_for_its_invitation(client: TestClient, side: SideName) -> None:
    _, mine = invite(app_of(client))
    _, hers = invite(app_of(client), name="another")
    token = begin(client, mine)
    credential = attest(make_holder(1).passkey, registration_challenge(side, bytes.fromhex(token)), RP_ID, ORIGIN)
    assert problem(finish(client, hers, token, credential)) == "invitation-refused"
    assert problem(finish(client, mine, start(client), credential)) == "invitation-refused"
    assert finish(client, mine, token, credential).status_code == 201
    assert problem(finish(client, mine, token, credential)) == "invitation-refused"


def test_a_passkey_is_one_persons(client: TestClient, side: SideName) -> None:
    holder = registered(client)
    _, code = invite(app_of(client), name="another")
    token = begin(client, code)
    credential = attest(holder.passkey, registration_challenge(side, bytes.fromhex(token)), RP_ID, ORIGIN)
    assert problem(finish(client, code, token, credential)) == "enrolment-failed"


# ----------------------------------------------------------------------------------------------------------- log-in


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rp_id": "evil.example"}, "another site"),
        ({"origin": "https://evil.example"}, "another origin"),
        ({"origin": "http://vote.example"}, "not secure"),
        ({"flags": 0x01}, "no user verification"),
        ({"flags": 0x04}, "nobody was there"),
    ],
)
def test_a_log_in_that_is_not_as_asked_is_refused(
    client: TestClient, side: SideName, changes: dict[str, Any], reason: str
) -> None:
    holder, token = registered(client), start(client)
    given = {"rp_id": RP_ID, "origin": ORIGIN, **changes}
    credential = holder.answer(side, bytes.fromhex(token), **given)
    assert problem(send(client, token, credential)) == "login-failed", reason


def test_an_assertion_serves_once(client: TestClient, side: SideName) -> None:
    holder, token = registered(client), start(client)
    credential = holder.answer(side, bytes.fromhex(token), RP_ID, ORIGIN)
    assert send(client, token, credential).status_code == 200
    assert problem(send(client, token, credential)) == "login-failed"
    assert problem(send(client, start(client), credential)) == "login-failed"


def test_a_failed_try_uses_its_token_up(client: TestClient, side: SideName) -> None:
    holder, token = registered(client), start(client)
    bad = holder.answer(side, bytes(32), RP_ID, ORIGIN)
    assert problem(send(client, token, bad)) == "login-failed"
    good = holder.answer(side, bytes.fromhex(token), RP_ID, ORIGIN)
    assert problem(send(client, token, good)) == "login-failed"


def test_an_invented_token_is_refused(client: TestClient, side: SideName) -> None:
    holder = registered(client)
    assert problem(send(client, "ab" * 32, holder.answer(side, b"\xab" * 32, RP_ID, ORIGIN))) == "login-failed"


def test_a_token_of_a_registration_opens_nothing(client: TestClient, side: SideName) -> None:
    holder = registered(client)
    _, code = invite(app_of(client), name="another")
    token = begin(client, code)
    credential = holder.answer(side, bytes.fromhex(token), RP_ID, ORIGIN)
    assert problem(send(client, token, credential)) == "login-failed"


def test_a_log_in_at_the_other_side_is_none_here(client: TestClient, side: SideName) -> None:
    holder, token = registered(client), start(client)
    other = "ballot" if side == "identity" else "identity"
    assert problem(send(client, token, holder.answer(other, bytes.fromhex(token), RP_ID, ORIGIN))) == "login-failed"


def test_somebody_elses_passkey_under_a_known_name_is_refused(client: TestClient, side: SideName) -> None:
    holder, token = registered(client), start(client)
    stranger = make_holder("stranger").answer(side, bytes.fromhex(token), RP_ID, ORIGIN)
    assert problem(send(client, token, stranger)) == "login-failed"
    token = start(client)
    stranger = make_holder("stranger").answer(side, bytes.fromhex(token), RP_ID, ORIGIN)
    name = encode(holder.passkey.credential_id)
    assert problem(send(client, token, {**stranger, "id": name, "rawId": name})) == "login-failed"


@pytest.mark.parametrize("part", ["authenticatorData", "clientDataJSON", "signature"])
def test_a_changed_answer_is_refused(client: TestClient, side: SideName, part: str) -> None:
    holder, token = registered(client), start(client)
    credential = holder.answer(side, bytes.fromhex(token), RP_ID, ORIGIN)
    text = credential["response"][part]
    raw = bytearray(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    raw[-1] ^= 1
    credential["response"][part] = encode(bytes(raw))
    assert problem(send(client, token, credential)) == "login-failed"


def test_a_cloned_key_that_counts_backwards_is_refused(client: TestClient, side: SideName) -> None:
    holder = registered(client)

    def try_at(counter: int) -> Any:  # noqa: ANN401
        token = start(client)
        credential = holder.answer(side, bytes.fromhex(token), RP_ID, ORIGIN)
        text = credential["response"]["clientDataJSON"]
        client_data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        data = urlsafe_b64decode(credential["response"]["authenticatorData"] + "===")[:33] + counter.to_bytes(4, "big")
        credential["response"]["authenticatorData"] = encode(data)
        credential["response"]["signature"] = encode(holder.passkey.sign_raw(data, client_data))
        return send(client, token, credential)

    assert try_at(7).status_code == 200
    assert problem(try_at(7)) == "login-failed"
    assert problem(try_at(6)) == "login-failed"
    assert try_at(8).status_code == 200


def test_a_retired_person_is_out_at_once(client: TestClient, side: SideName) -> None:
    app = app_of(client)
    headers = enter(app, "officer", key=signing_key("officer"))
    roles = roles_of(app)
    roles.retire(roles.people()[0].id)
    assert problem(client.get("/roles/me", headers=headers)) == "not-logged-in"
    holder, token = make_holder("officer", "", "house"), start(client)
    assert problem(send(client, token, holder.answer(side, bytes.fromhex(token), RP_ID, ORIGIN))) == "login-failed"
    assert problem(client.get("/roles/me", headers=signed(client, signing_key("officer")))) == "login-failed"
    with pytest.raises(ProblemError, match="not-found"):
        roles.invite(roles.people()[0].id)


def test_a_session_ends_with_its_time(client: TestClient) -> None:
    headers = enter(app_of(client))
    roles = roles_of(app_of(client))
    with roles.context.database.begin() as connection:
        table = roles.store.tables.sessions.table
        connection.execute(table.update().values(expires_at_ms=roles.store.now_ms(connection) - 1))
    assert problem(client.get("/roles/me", headers=headers)) == "not-logged-in"


def test_a_roles_session_lives_to_its_last_millisecond_and_not_one_longer() -> None:
    client, now = serve(role_session_s=60), [10**12]
    with roles_of(app_of(client)).context.database.read() as connection:
        # A database in memory has one connection, and with it one clock.
        driver: Any = connection.connection.driver_connection
        driver.create_function("now_ms", 0, lambda: now[0])
    headers = enter(app_of(client))
    statuses = []
    for later_ms in (60_000, 60_001):
        now[0] = 10**12 + later_ms
        statuses.append(client.get("/roles/me", headers=headers).status_code)
    assert statuses == [200, 401]


def test_a_voters_session_opens_no_role_and_a_roles_cookie_no_vote(client: TestClient, side: SideName) -> None:
    headers = enter(app_of(client))
    token = headers["cookie"].partition("=")[2]
    as_voter = {"cookie": f"__Host-dobush-{side}={token}", **OWN}
    assert problem(client.get("/roles/me", headers=as_voter)) == "not-logged-in"
    path = "/voter" if side == "identity" else "/casting/session"
    assert client.get(path, headers={**headers, "cookie": f"__Host-dobush-{side}={token}"}).status_code in {401, 404}


@pytest.mark.parametrize("origin", ["", "null", "https://evil.example", "http://vote.example"])
def test_a_role_speaks_only_through_the_sites_own_pages(client: TestClient, origin: str) -> None:
    headers = enter(app_of(client))
    foreign = {"cookie": headers["cookie"]} | ({"origin": origin} if origin else {})
    assert problem(client.post("/roles/logout", headers=foreign)) == "foreign-origin"
    assert client.get("/roles/me", headers=headers).status_code == 200


def test_an_address_may_try_as_often_as_the_limit_and_not_once_more() -> None:
    client = serve(role_tries_a_minute=3)
    assert [client.post("/roles/login/start", headers=OWN).status_code for _ in range(4)] == [201, 201, 201, 429]
    assert client.post("/roles/registrations", json={"code": "A" * 32}, headers=OWN).status_code == 429


def test_a_passkey_may_try_as_often_as_the_limit_and_not_once_more() -> None:
    client = serve(logins_a_minute=2)
    holder, answers = registered(client), []
    for _ in range(3):
        token = start(client)
        answers.append(send(client, token, holder.answer("ballot", bytes.fromhex(token), RP_ID, ORIGIN)))
    assert [answer.status_code for answer in answers] == [200, 200, 429]


# ------------------------------------------------------------------------------------------------- a program's calls


def signed(
    client: TestClient,
    key: SigningKey,
    method: str = "GET",
    path: str = "/roles/me",
    body: bytes = b"",
    off_ms: int = 0,
) -> Headers:
    """Return the header of a call that a key signs."""
    roles = roles_of(app_of(client))
    now_ms = roles.context.database.now_ms() + off_ms
    return {"dobush-signer": sign_call(key, roles.side, method, path, body, now_ms)}


def test_a_known_key_signs_a_call_and_an_unknown_one_does_not(client: TestClient) -> None:
    key = signing_key("officer")
    roles_of(app_of(client)).add("Aida", "commission", "officer", key.public_key)
    assert client.get("/roles/me", headers=signed(client, key)).json()["name"] == "Aida"
    assert problem(client.get("/roles/me", headers=signed(client, signing_key("other")))) == "login-failed"


def test_a_call_is_for_its_method_path_time_and_body(client: TestClient) -> None:
    key = signing_key("officer")
    roles_of(app_of(client)).add("Aida", "commission", "officer", key.public_key)
    for headers in (
        signed(client, key, method="POST"),
        signed(client, key, path="/roles/people"),
        signed(client, key, path="/roles/me?x=1"),
        signed(client, key, body=b"x"),
        signed(client, key, off_ms=-61_000),
        signed(client, key, off_ms=120_000),
    ):
        assert problem(client.get("/roles/me", headers=headers)) == "login-failed"


@pytest.mark.parametrize("header", ["x", "a b c d", "00 1 00 00", f"{'ab' * 8} -1 {'cd' * 32} {'ef' * 64}", "  "])
def test_a_header_that_is_none_opens_nothing(client: TestClient, header: str) -> None:
    answer = client.get("/roles/me", headers={"dobush-signer": header})
    assert problem(answer) in {"login-failed", "not-logged-in"}


# --------------------------------------------------------------------------------------------------------- the trail


def test_the_trail_says_who_did_what_and_what_came_of_it(client: TestClient, side: SideName) -> None:
    headers = enter(app_of(client), "registrar", name="Aida")
    path, act = ("/slots", "draw-slots") if side == "identity" else ("/election", "found")
    body = {"manifest": "hAEA", "parts": [{"type": "contest", "body": "oA=="}]}
    client.post(path, json=body, headers=headers)
    rows = client.get("/roles/trail", headers=headers).json()["acts"]
    found = [(row["name"], row["act"], row["outcome"]) for row in rows]
    outcome = "no-election" if side == "identity" else "forbidden"
    assert ("Aida", act, outcome) in found
    assert ("Aida", "log-in", "done") in found
    assert [row["number"] for row in rows] == sorted((row["number"] for row in rows), reverse=True)
    older = client.get(f"/roles/trail?before={rows[1]['number']}", headers=headers).json()["acts"]
    assert older == rows[2:]


def test_the_trail_only_grows_and_a_change_is_seen(client: TestClient) -> None:
    enter(app_of(client))
    roles = roles_of(app_of(client))
    table, database = roles.store.tables.trail, roles.context.database
    with database.read() as connection:
        assert roles.store.verify_trail(connection) >= 4
    for change in (table.update().values(outcome="done"), table.delete()):
        with pytest.raises(Exception, match="append-only"), database.begin() as connection:
            connection.execute(change)
    with database.begin() as connection:
        connection.exec_driver_sql(f"DROP TRIGGER {table.name}_no_update")
        connection.execute(table.update().where(table.c.number == 1).values(person=77))
    with database.read() as connection, pytest.raises(ValueError, match="act 1 does not follow"):
        roles.store.verify_trail(connection)


@pytest.mark.parametrize("path", ["/roles/me", "/roles/people", "/roles/trail"])
def test_nobody_without_a_role_reads_people_or_trail(client: TestClient, path: str) -> None:
    assert problem(client.get(path)) == "not-logged-in"


def test_a_crash_in_the_middle_of_an_act_leaves_its_beginning_in_the_trail(client: TestClient) -> None:
    headers = enter(app_of(client), name="Aida")
    roles = roles_of(app_of(client))
    cookie = [(b"cookie", headers["cookie"].encode())]
    asked = Asked(Request({"type": "http", "headers": cookie}), "POST", "/slots", "", None)
    with pytest.raises(KeyboardInterrupt), roles.acting(asked, "draw-slots", {"operator"}):
        raise KeyboardInterrupt
    assert (roles.trail(None)[0].act, roles.trail(None)[0].outcome) == ("draw-slots", "begun")


def test_an_answer_never_repeats_what_was_sent(client: TestClient) -> None:
    sent = {"code": "CANARY" * 8, "token": "zz", "credential": {"id": "canary"}}
    answer = client.post("/roles/registrations/passkey", json=sent, headers=OWN)
    assert answer.status_code == 422
    assert "canary" not in json.dumps(answer.json()).lower()
