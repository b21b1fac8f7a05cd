"""Thresholds, dealings, shares of a key and shares of a decryption that are wrong on their own, without any entry."""

from dataclasses import replace

import pytest

from crypto.errors import MalformedEncoding, Refused
from crypto.group import Group, parse_suite
from crypto.threshold import (
    CellOption,
    DecryptionStatement,
    combine_partial_decryptions,
    commit_polynomial,
    decrypt_partially,
    decrypt_total,
    derive_joint_key,
    evaluate_polynomial,
    verify_commitments,
    verify_parameters,
    verify_partial_decryption,
    verify_share,
)
from crypto.transcript import tag
from tests.forger import SUITES

POLYNOMIAL = [11, 12, 13]


@pytest.fixture(params=SUITES)
def group(request: pytest.FixtureRequest) -> Group:
    return parse_suite(str(request.param))


@pytest.mark.parametrize(("trustees", "threshold"), [(5, 5), (5, 1), (5, 0), (5, 6), (2, 2), (300, 3)])
def test_threshold(trustees: int, threshold: int) -> None:
    with pytest.raises(Refused) as refusal:
        verify_parameters(trustees, threshold)
    assert refusal.value.check == "THRESHOLD-1"


def test_dealing_of_another_degree(group: Group) -> None:
    for threshold in (2, 4):
        with pytest.raises(Refused, match="commitments instead"):
            verify_commitments(group, commit_polynomial(group, POLYNOMIAL), threshold, culprit="trustee 1")


def test_dealing_that_makes_the_key_the_identity(group: Group) -> None:
    dealings = [commit_polynomial(group, POLYNOMIAL), commit_polynomial(group, [-11, 2, 3])]
    with pytest.raises(MalformedEncoding, match="identity"):
        derive_joint_key(group, dealings)


def test_share_of_another_trustee(group: Group) -> None:
    commitments = commit_polynomial(group, POLYNOMIAL)
    for trustee, share in ((1, evaluate_polynomial(group, POLYNOMIAL, 2)), (2, 0), (3, group.order - 1)):
        with pytest.raises(Refused) as refusal:
            verify_share(group, commitments, trustee, share, culprit="trustee 9")
        assert (refusal.value.check, refusal.value.culprit) == ("THRESHOLD-3", "trustee 9")


def prepare(group: Group) -> tuple[DecryptionStatement, list[bytes], list[int]]:
    """Return a statement of two options, X_1 to X_5, and the shares x_1 to x_5 of three-of-five."""
    bases = [(factor * group.generator).to_bytes() for factor in (5, 6)]
    options = tuple(CellOption(b"cell", option, base) for option, base in enumerate(bases))
    secrets = [evaluate_polynomial(group, POLYNOMIAL, trustee) for trustee in range(1, 6)]
    statement = DecryptionStatement(tag("demo", "decryption"), bytes(32), bytes(32), options)
    return statement, [(secret * group.generator).to_bytes() for secret in secrets], secrets


def test_share_with_a_value_too_few(group: Group) -> None:
    statement, keys, secrets = prepare(group)
    partial = decrypt_partially(group, statement, 2, secrets[1])
    for values in ((), partial.values[:1], partial.values * 2):
        with pytest.raises(Refused) as refusal:
            verify_partial_decryption(group, statement, keys[1], replace(partial, values=values))
        assert (refusal.value.check, refusal.value.culprit) == ("THRESHOLD-4", "trustee 2")


def test_bad_shares_are_attributed_and_ignored(group: Group) -> None:
    """D + G, a share twice, trustees that do not exist: the tally stands on the three good ones."""
    statement, keys, secrets = prepare(group)
    partials = [decrypt_partially(group, statement, j, secrets[j - 1]) for j in range(1, 6)]
    shifted = (group.parse_sum(partials[0].values[0]) + group.generator).to_bytes()
    bad = replace(partials[0], values=(shifted, partials[0].values[1]))
    strangers = [replace(partials[1], trustee=trustee) for trustee in (0, 6, -1)]
    offered = [bad, partials[1], partials[1], *strangers, partials[2], partials[4]]
    outcome = combine_partial_decryptions(group, statement, keys, 3, offered)
    assert outcome.used == (2, 3, 5)
    assert outcome.values == tuple((11 * factor * group.generator).to_bytes() for factor in (5, 6))
    culprits = [refusal.culprit for refusal in outcome.refused]
    assert culprits == ["trustee 1", "trustee 2", "trustee 0", "trustee 6", "trustee -1"]
    assert {refusal.check for refusal in outcome.refused[1:]} == {"THRESHOLD-5"}


def test_too_few_good_shares(group: Group) -> None:
    statement, keys, secrets = prepare(group)
    partials = [decrypt_partially(group, statement, j, secrets[j - 1]) for j in (1, 2)]
    wrong = decrypt_partially(group, statement, 3, secrets[3])
    for offered in ([], partials, [*partials, partials[0]], [*partials, wrong]):
        with pytest.raises(Refused) as refusal:
            combine_partial_decryptions(group, statement, keys, 3, offered)
        assert refusal.value.check == "THRESHOLD-6"


@pytest.mark.parametrize("total", [11, -1, 2**40])
def test_total_outside_what_the_ballots_can_hold(group: Group, total: int) -> None:
    with pytest.raises(Refused) as refusal:
        decrypt_total(group, 10, (total * group.generator).to_bytes(), group.identity.to_bytes(), culprit="cell 2")
    assert (refusal.value.check, refusal.value.culprit) == ("THRESHOLD-7", "cell 2")
