"""From a code and a passkey to a credential on the board: what is refused, and that nobody locks anybody out."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from crypto.signatures import EDDSA, SigningKey, cose_es256
from demo.voters import make_passkey
from tests.house import ISSUER, House, attest, number_of, open_house, passkey_of
from tests.roles import app_of, enter
from tests.simulator import secret, signing_key
from voting_server.plumbing.settings import Limits
from voting_server.roles.store import Role


def deliver(house: House) -> list[str]:
    """Let both registrars work through the queue; return what became of it at the second."""
    house.links[0].serve()
    return [what for _, what in house.links[1].serve()]


def test_a_code_and_a_passkey_become_a_credential(frozen: House) -> None:
    browser = frozen.enrol(0)
    assert deliver(frozen) == ["delivered"]
    voter = browser.client.get("/voter").json()
    assert voter["requests"] == [{"type": "credential", "state": "delivered"}]
    roll = frozen.world.record.roll
    slot = roll.slot(bytes.fromhex(voter["pseudonym"]))
    assert roll.row(slot) == 0
    assert roll.unit_and_style(slot) == (voter["unit"], voter["style"])


def test_an_eddsa_passkey_is_taken_too(frozen: House) -> None:
    frozen.enrol(1, make_passkey(secret("eddsa"), EDDSA))
    assert deliver(frozen) == ["delivered"]


@pytest.mark.parametrize(
    "answer",
    [
        {"flags": 0x59},  # not verified
        {"flags": 0x5C},  # not present
        {"origin": "https://vote.example.evil.example"},
        {"origin": "https://vote.example"},
        {"rp_id": "evil.example"},
        {"type": "webauthn.get"},
        {"crossOrigin": True},
        {"topOrigin": "https://evil.example"},
        {"fmt": "packed"},
    ],
)
def test_an_answer_of_another_shape_is_refused(frozen: House, answer: dict[str, Any]) -> None:
    browser = frozen.browser()
    begun = browser.begin()
    sent = attest(passkey_of(0).cose_key, browser.challenge(begun), **answer)
    refused = browser.post(f"/enrolments/{begun['id']}/key", sent)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/enrolment-failed")


def test_a_challenge_that_is_not_the_tagged_hash_is_refused(frozen: House) -> None:
    browser = frozen.browser()
    begun = browser.begin()
    sent = attest(passkey_of(0).cose_key, bytes.fromhex(begun["token"]))
    assert browser.post(f"/enrolments/{begun['id']}/key", sent).status_code == 403


@pytest.mark.parametrize(
    "key",
    [cose_es256(bytes(32), bytes(32)), b"\xa0", passkey_of(0).cose_key[:-1], passkey_of(0).cose_key + b"\0"],
    ids=["off the curve", "empty", "short", "long"],
)
def test_a_key_that_is_none_is_refused(frozen: House, key: bytes) -> None:
    browser = frozen.browser()
    begun = browser.begin()
    assert browser.post(f"/enrolments/{begun['id']}/key", attest(key, browser.challenge(begun))).status_code == 403


def test_an_enrolment_takes_one_key(frozen: House) -> None:
    browser = frozen.browser()
    begun = browser.begin()
    path, challenge = f"/enrolments/{begun['id']}/key", browser.challenge(begun)
    assert browser.post(path, attest(passkey_of(0).cose_key, challenge)).status_code == 200
    assert browser.post(path, attest(passkey_of(1).cose_key, challenge)).status_code == 403


def test_another_browser_cannot_use_an_enrolment(frozen: House) -> None:
    mine, other = frozen.browser(), frozen.browser()
    enrolment = mine.enrol(passkey_of(0))
    other.begin()
    assert other.use_code(enrolment, frozen.issue(0), passkey_of(0)).json()["type"] == "/problems/enrolment-failed"


def test_without_a_cookie_nothing_is_enrolled(frozen: House) -> None:
    browser = frozen.browser()
    enrolment, code = browser.enrol(passkey_of(0)), frozen.issue(0)
    browser.client.cookies.clear()
    assert browser.use_code(enrolment, code, passkey_of(0)).status_code == 403


def test_a_foreign_page_cannot_speak_with_the_cookie(frozen: House) -> None:
    browser = frozen.browser()
    browser.begin()
    answer = browser.client.post("/enrolments", json={}, headers={"origin": "https://evil.example"})
    assert answer.json()["type"] == "/problems/foreign-origin"


def test_the_cookies_are_for_this_host_only(frozen: House) -> None:
    browser = frozen.browser()
    enrolment = browser.enrol(passkey_of(0))
    answer = browser.use_code(enrolment, frozen.issue(0), passkey_of(0))
    (cookie,) = answer.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-dobush-identity=")
    assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))


def test_a_code_works_once(frozen: House) -> None:
    code = frozen.issue(0)
    first, second = frozen.browser(), frozen.browser()
    assert first.use_code(first.enrol(passkey_of(0)), code, passkey_of(0)).status_code == 204
    refused = second.use_code(second.enrol(passkey_of(1)), code, passkey_of(1))
    assert refused.json()["type"] == "/problems/code-refused"


def test_whose_answer_was_lost_sends_the_same_proof_again_and_nothing_is_asked_twice(frozen: House) -> None:
    code, browser = frozen.issue(0), frozen.browser()
    enrolment = browser.enrol(passkey_of(0))
    assert browser.use_code(enrolment, code, passkey_of(0)).status_code == 204
    asked = frozen.links[0].fetch_requests()
    assert browser.use_code(enrolment, code, passkey_of(0)).status_code == 204
    assert [each.id for each in frozen.links[0].fetch_requests()] == [each.id for each in asked]
    assert len(asked) == 1
    assert browser.client.get("/voter").json()["requests"] == [{"type": "credential", "state": "requested"}]
    # The same code over another key is another proof.
    assert browser.use_code(browser.enrol(passkey_of(1)), code, passkey_of(1)).status_code == 403


def test_a_code_that_signed_another_key_is_refused_and_stays_good(frozen: House) -> None:
    code, browser = frozen.issue(0), frozen.browser()
    enrolment = browser.enrol(passkey_of(0))
    assert browser.use_code(enrolment, code, passkey_of("other")).json()["type"] == "/problems/code-refused"
    assert browser.use_code(enrolment, code, passkey_of(0)).status_code == 204


def test_a_new_code_ends_the_old_one(frozen: House) -> None:
    old, _ = frozen.issue(0), frozen.issue(0)
    browser = frozen.browser()
    assert browser.use_code(browser.enrol(passkey_of(0)), old, passkey_of(0)).status_code == 403


def name_issuer(house: House, body: str, key: SigningKey, role: Role = "registrar") -> None:
    """Let somebody of a body name a signing key at the identity side, as in the console."""
    enter(app_of(house.client), role, name=body, body=body, key=key)


DESK = SigningKey.from_seed(secret("the desk of the election"))


def test_a_code_of_another_issuer_ends_no_code(frozen: House) -> None:
    name_issuer(frozen, "Election desk", DESK)
    code, browser = frozen.issue(0), frozen.browser()
    frozen.issue(0, issuer=DESK)
    assert browser.use_code(browser.enrol(passkey_of(0)), code, passkey_of(0)).status_code == 204


@pytest.mark.parametrize("body", ["Register", "register", "Com Mission"])
def test_nobody_of_a_registrars_body_hands_out_codes(frozen: House, body: str) -> None:
    name_issuer(frozen, body, DESK)
    code, answer = frozen.try_issue(0, days=1, issuer=DESK)
    assert answer.json()["type"] == "/problems/forbidden"
    browser = frozen.browser()
    assert browser.use_code(browser.enrol(passkey_of(0)), code, passkey_of(0)).status_code == 403


def test_no_key_that_the_election_names_hands_out_codes(tmp_path: Path) -> None:
    """Neither by the settings nor by the console, and an old key does not either."""
    own, named = signing_key("registrar", 0), signing_key("officer", 0)
    with open_house(tmp_path, issuers=(own.public_key.hex(),)) as house:
        house.freeze()
        name_issuer(house, "Election desk", named)
        for key in (own, named):
            assert house.try_issue(0, days=1, issuer=key)[1].json()["type"] == "/problems/forbidden"


def test_a_request_that_one_registrar_alone_would_sign_keeps_nobody_from_a_credential(frozen: House) -> None:
    """Registrar 2 signs a stranger's passkey for a chosen voter; registrar 1 refuses; the voter enrols all the same."""
    name_issuer(frozen, "Election desk", DESK)
    browser = frozen.browser()
    stranger = passkey_of("stranger")
    assert browser.use_code(browser.enrol(stranger), frozen.issue(0, issuer=DESK), stranger).status_code == 204
    (false,) = frozen.links[1].fetch_requests()
    sent = json.dumps({"signature": frozen.links[1].registrar.sign(false).hex()}).encode()
    frozen.links[1]._call("POST", f"/registrar/requests/{false.id}/signature", sent)
    voter = frozen.enrol(0)
    assert voter.client.get("/voter").json()["requests"][-1] == {"type": "credential", "state": "requested"}
    assert [what[:7] for _, what in frozen.links[0].serve()] == ["refused", "signed"]
    assert "delivered" in [what for _, what in frozen.links[1].serve()]
    roll = frozen.world.record.roll
    assert roll.row(roll.slot(bytes.fromhex(voter.client.get("/voter").json()["pseudonym"]))) == 0
    # What the stranger asked for is a change of key by now: the voter is told, and nobody signs it.
    (notice,) = frozen.operate("GET", "/notices").json()["notices"]
    assert (notice["type"], notice["number"]) == ("change", number_of(0))
    assert frozen.operate("POST", f"/notices/{notice['request']}/sent").status_code == 204
    assert "nobody whom we trust" in frozen.links[0].serve(only=notice["request"])[0][1]


def test_of_two_passkeys_before_the_registrars_came_the_second_is_a_change(frozen: House) -> None:
    frozen.enrol(0)
    browser = frozen.enrol(0, passkey_of("second"))
    frozen.links[0].serve()
    assert "delivered" in [what for _, what in frozen.links[1].serve()]
    assert browser.client.get("/voter").json()["requests"] == [
        {"type": "credential", "state": "delivered"},
        {"type": "change", "state": "requested"},
    ]


def test_an_expired_code_is_refused(frozen: House) -> None:
    code, browser = frozen.issue(0), frozen.browser()
    with frozen.database.begin() as connection:
        connection.execute(text("UPDATE codes SET expires_at_ms = now_ms() - 1"))
    assert browser.use_code(browser.enrol(passkey_of(0)), code, passkey_of(0)).status_code == 403


def test_nobody_locks_a_chosen_voter_out(frozen: House) -> None:
    """Who knows a personal number, even an old code, may try as often as the limit lets her: the code stays good."""
    code, browser, attacker = frozen.issue(0), frozen.browser(), frozen.browser()
    enrolment = attacker.enrol(passkey_of("attacker"))
    amount, wrong = Limits().enrolments_a_minute, {"enrolment": enrolment, "key": "00" * 32, "signature": "00" * 64}
    answers = [attacker.post("/identifications/code", wrong).status_code for _ in range(amount)]
    assert set(answers[: amount - 1]) == {403}
    limited = attacker.post("/identifications/code", wrong)
    assert (limited.status_code, int(limited.headers["retry-after"]) > 0) == (429, True)
    frozen.client.app.state.context.cache.__init__(None)  # type: ignore[attr-defined]  # her own address
    assert browser.use_code(browser.enrol(passkey_of(0)), code, passkey_of(0)).status_code == 204


@pytest.mark.parametrize(
    ("place", "days", "issuer", "status"),
    [
        (0, 91, None, 403),
        (0, 0, None, 403),
        (77, 1, None, 403),
        (0, 1, SigningKey.from_seed(secret("a false issuer")), 403),
    ],
)
def test_a_code_that_may_not_be_issued_is_refused(
    frozen: House, place: int, days: int, issuer: SigningKey | None, status: int
) -> None:
    assert frozen.try_issue(place, days=days, issuer=issuer or ISSUER)[1].status_code == status


def test_somebody_without_a_session_learns_nothing(frozen: House) -> None:
    assert frozen.client.get("/voter").status_code == 401
    browser = frozen.enrol(0)
    browser.post("/voter/logout")
    assert browser.client.get("/voter").status_code == 401


def test_a_second_passkey_is_a_change_that_waits_until_the_voter_is_told_and_no_queue_signs(frozen: House) -> None:
    frozen.enrol(0)
    assert deliver(frozen) == ["delivered"]
    browser = frozen.enrol(0, passkey_of("second"))
    assert browser.client.get("/voter").json()["requests"][-1] == {"type": "change", "state": "requested"}
    assert [what[:7] for what in deliver(frozen)] == ["refused"]
    (waiting,) = frozen.links[0].fetch_requests()
    assert frozen.links[0].serve(only=waiting.id)[0][1] == "refused: the identity side says 409"
    (notice,) = frozen.operate("GET", "/notices").json()["notices"]
    assert notice == {"request": waiting.id, "type": "change", "number": number_of(0)}
    assert frozen.operate("POST", f"/notices/{waiting.id}/sent").status_code == 204
    assert frozen.operate("POST", f"/notices/{waiting.id}/sent").status_code == 404
    assert [frozen.links[place].serve(only=waiting.id)[0][1] for place in (0, 1)] == ["signed", "delivered"]
    assert sum(frozen.world.record.roll.changes_by_district.values()) == 1


def test_a_strike_needs_both_registrars_by_number(frozen: House) -> None:
    asked = frozen.operate("POST", "/strikes", {"number": number_of(3), "reason": "voted on paper"})
    identifier = asked.json()["id"]
    assert [what[:7] for what in deliver(frozen)] == ["refused"]
    assert frozen.links[0].serve(only=identifier) == [(identifier, "signed")]
    assert frozen.links[0].serve(only=identifier) == [(identifier, "signed")]
    assert sum(frozen.world.record.roll.strikes_by_district.values()) == 0
    assert frozen.links[1].serve(only=identifier) == [(identifier, "delivered")]
    assert sum(frozen.world.record.roll.strikes_by_district.values()) == 1


@pytest.mark.parametrize(("number", "status"), [(number_of(3), 409), (number_of(77), 403), ("x", 422)])
def test_a_strike_of_nobody_or_a_second_one_is_refused(frozen: House, number: str, status: int) -> None:
    frozen.operate("POST", "/strikes", {"number": number_of(3), "reason": "voted on paper"})
    assert frozen.operate("POST", "/strikes", {"number": number, "reason": "voted on paper"}).status_code == status


@pytest.mark.parametrize("reason", ["", "x" * 201, "a\0b", "\u202e"])
def test_a_strike_needs_a_reason_that_can_be_read(frozen: House, reason: str) -> None:
    answer = frozen.operate("POST", "/strikes", {"number": number_of(3), "reason": reason})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")


def test_a_strike_that_not_both_have_signed_keeps_nobody_out(frozen: House) -> None:
    asked = frozen.operate("POST", "/strikes", {"number": number_of(0), "reason": "voted on paper"})
    assert frozen.links[1].serve(only=asked.json()["id"])[0][1] == "signed"
    frozen.enrol(0)
    assert "delivered" in deliver(frozen)


def test_who_is_struck_enrols_no_more(frozen: House) -> None:
    asked = frozen.operate("POST", "/strikes", {"number": number_of(0), "reason": "voted on paper"})
    for link in frozen.links:
        link.serve(only=asked.json()["id"])
    browser = frozen.browser()
    answer = browser.use_code(browser.enrol(passkey_of(0)), frozen.issue(0), passkey_of(0))
    assert answer.json()["type"] == "/problems/struck"


def test_the_code_itself_never_reaches_the_server(frozen: House) -> None:
    code = frozen.issue(0)
    browser = frozen.browser()
    browser.use_code(browser.enrol(passkey_of(0)), code, passkey_of(0))
    digits = code.replace("-", "")
    for file in frozen.folder.iterdir():
        content = file.read_bytes().upper()
        assert code.encode() not in content
        assert digits.encode() not in content
