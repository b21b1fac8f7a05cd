"""OpenID Connect against a provider that nobody here wrote: code and PKCE, acr, a nonce bound to the passkey."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import text

from tests.house import Browser, House, number_of, passkey_of
from tests.integration.voters.conftest import Provider
from voting_server.voters.evidence import IdentificationError, OidcVerifier, parse_evidence

ANSWER = "/identifications/oidc/answer"
FAILED = "/problems/identification-failed"


def go(browser: Browser, enrolment: str | None) -> str:
    """Begin an identification; return where the browser is sent."""
    answer = browser.post("/identifications/oidc", {"enrolment": enrolment})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["url"])


def come_back(browser: Browser, query: dict[str, str]) -> Any:  # noqa: ANN401
    """Bring the provider's answer back."""
    return browser.client.get(ANSWER, params=query, follow_redirects=False)


def test_a_login_becomes_a_credential_after_two_registrars_checked_the_token(
    identified: House, provider: Provider
) -> None:
    browser = identified.browser()
    url = go(browser, browser.enrol(passkey_of(0)))
    answer = come_back(browser, provider.log_in(url, number_of(0)))
    assert (answer.status_code, answer.headers["location"]) == (303, "https://id.vote.example/vote/")
    assert browser.client.get("/voter").json()["requests"] == [{"type": "credential", "state": "requested"}]
    (asked,) = identified.links[0].fetch_requests()
    shown = identified.providers["oidc"].verify(
        identified.election, passkey_of(0).cose_key, parse_evidence(asked.evidence), identified.time_ms()
    )
    assert (shown.number, shown.level) == (number_of(0), "high face+pin")
    assert [link.serve()[0][1] for link in identified.links] == ["signed", "delivered"]


def test_the_request_asks_for_what_the_standard_wants(identified: House) -> None:
    query = parse_qs(urlsplit(go(identified.browser(), None)).query)
    assert {name: query[name] for name in ("response_type", "code_challenge_method", "acr_values", "prompt")} == {
        "response_type": ["code"],
        "code_challenge_method": ["S256"],
        "acr_values": ["high"],
        "prompt": ["login"],
    }
    assert len(query["state"][0]) >= 43
    assert len(query["nonce"][0]) == len(query["code_challenge"][0]) == 43


def test_somebody_may_look_without_enrolling(identified: House, provider: Provider) -> None:
    browser = identified.browser()
    assert come_back(browser, provider.log_in(go(browser, None), number_of(5))).status_code == 303
    voter = browser.client.get("/voter").json()
    assert (len(voter["pseudonym"]), voter["requests"]) == (32, [])
    assert identified.links[0].fetch_requests() == []


def test_who_is_not_on_the_roll_is_told_so(identified: House, provider: Provider) -> None:
    browser = identified.browser()
    answer = come_back(browser, provider.log_in(go(browser, None), number_of(77)))
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-eligible")
    assert browser.client.get("/voter").status_code == 401


def test_a_level_that_is_too_low_is_refused(identified: House, provider: Provider) -> None:
    browser = identified.browser()
    assert come_back(browser, provider.log_in(go(browser, None), number_of(0), acr="low")).json()["type"] == FAILED


def test_a_login_that_was_cancelled_is_refused(identified: House, provider: Provider) -> None:
    browser = identified.browser()
    query = provider.log_in(go(browser, None), "")
    assert query["error"] == "access_denied"
    assert come_back(browser, query).json()["type"] == FAILED


def test_an_answer_serves_once(identified: House, provider: Provider) -> None:
    browser = identified.browser()
    query = provider.log_in(go(browser, None), number_of(0))
    assert come_back(browser, query).status_code == 303
    assert come_back(browser, query).json()["type"] == FAILED


def test_another_browser_cannot_bring_the_answer_back(identified: House, provider: Provider) -> None:
    browser, other = identified.browser(), identified.browser()
    query = provider.log_in(go(browser, None), number_of(0))
    go(other, None)
    assert come_back(other, query).json()["type"] == FAILED
    other.client.cookies.clear()
    assert come_back(other, query).status_code == 403


@pytest.mark.parametrize("change", [{"state": "x"}, {"code": "x"}, {"iss": "https://evil.example"}, {"code": ""}])
def test_a_changed_answer_is_refused(identified: House, provider: Provider, change: dict[str, str]) -> None:
    browser = identified.browser()
    query = provider.log_in(go(browser, None), number_of(0))
    assert come_back(browser, {**query, **change}).json()["type"] == FAILED


def test_the_code_of_another_login_is_refused_by_pkce(identified: House, provider: Provider) -> None:
    victim, attacker = identified.browser(), identified.browser()
    stolen = provider.log_in(go(victim, None), number_of(0))
    own = provider.log_in(go(attacker, None), number_of(1))
    assert come_back(attacker, {**own, "code": stolen["code"]}).json()["type"] == FAILED


def test_an_expired_identification_is_refused(identified: House, provider: Provider) -> None:
    browser = identified.browser()
    query = provider.log_in(go(browser, None), number_of(0))
    with identified.database.begin() as connection:
        connection.execute(text("UPDATE identifications SET expires_at_ms = now_ms() - 1"))
    assert come_back(browser, query).json()["type"] == FAILED


def test_a_key_swapped_by_the_server_is_refused_by_every_registrar(identified: House, provider: Provider) -> None:
    """Whoever owns the identity side's database puts another passkey into a request: the token's nonce tells."""
    browser = identified.browser()
    come_back(browser, provider.log_in(go(browser, browser.enrol(passkey_of(0))), number_of(0)))
    (asked,) = identified.links[0].fetch_requests()
    body = asked.body.replace(passkey_of(0).cose_key, passkey_of("server").cose_key)
    with identified.database.begin() as connection:
        connection.execute(text("UPDATE requests SET body = :body WHERE id = :id"), {"body": body, "id": asked.id})
    for link in identified.links:
        assert link.serve() == [
            (asked.id, "refused: the identification does not hold: the token is bound to another key")
        ]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"issuer": "https://other.example"}, "somebody else"),
        ({"client": "another"}, "somebody else"),
        ({"acr": ("highest",)}, "sure enough"),
        ({"claim": "given_name"}, "personal number"),
        ({"keys": {"keys": []}}, "signed by the provider"),
        ({"max_age_s": -1_000_000}, "too old"),
    ],
)
def test_a_registrar_checks_with_her_own_settings(
    identified: House, provider: Provider, wrong: dict[str, Any], reason: str
) -> None:
    browser = identified.browser()
    come_back(browser, provider.log_in(go(browser, browser.enrol(passkey_of(0))), number_of(0)))
    evidence = parse_evidence(identified.links[0].fetch_requests()[0].evidence)
    own = identified.providers["oidc"]
    assert isinstance(own, OidcVerifier)
    given = {"issuer": own.issuer, "client": own.client, "keys": own.keys, "acr": own.acr, "expiring": False}
    verifier = OidcVerifier(**{**given, **wrong})
    with pytest.raises(IdentificationError, match=reason):
        verifier.verify(identified.election, passkey_of(0).cose_key, evidence, identified.time_ms())
    changed = json.dumps({**json.loads(evidence.to_text()), "random": "00" * 16})
    with pytest.raises(IdentificationError, match="another key"):
        own.verify(identified.election, passkey_of(0).cose_key, parse_evidence(changed), identified.time_ms())


@pytest.mark.parametrize(
    "settings", [{"oidc_issuer": "http://127.0.0.1:9"}, {"oidc_secret": "wrong"}, {"oidc_claim": "given_name"}]
)
def test_a_provider_that_is_set_up_wrongly_identifies_nobody(
    open_identified: Callable[..., House], provider: Provider, settings: dict[str, str]
) -> None:
    browser = open_identified(**settings).browser()
    begun = browser.post("/identifications/oidc", {})
    if begun.status_code != 200:
        assert begun.json()["type"] == "/problems/unavailable"
        return
    answer = come_back(browser, provider.log_in(begun.json()["url"], number_of(0)))
    assert answer.json()["type"] == FAILED


def test_without_a_provider_there_is_no_such_way(frozen: House) -> None:
    assert frozen.browser().post("/identifications/oidc", {}).status_code == 404
