"""A dealer shares a polynomial of another degree, or for another number of trustees."""

from dataclasses import replace

import pytest

from crypto.election.ceremony import Setting, make_dealing
from crypto.errors import Misuse, Refused
from crypto.threshold import evaluate_polynomial
from tests.trustees import HERE, Trustees, make_setting


def refuse_dealing_of(other: Setting) -> Refused:
    """Let trustee 1 deal by another setting's numbers in a ceremony of 2 of 3; return the refusal."""
    trustees = Trustees(make_setting(trustees=3, threshold=2))
    trustees.send_keys()
    keys = trustees.state.keys()
    keys = (keys * 2)[: other.trustees]
    trustees.drawn[1] = make_dealing(other, 1, 1, keys)
    trustees.send_commitments()
    with pytest.raises(Refused) as refusal:
        trustees.state.stage_ceremony_dealing(trustees.drawn[1], HERE)
    assert refusal.value.culprit == "trustee 1"
    return refusal.value


@pytest.mark.parametrize("threshold", [1, 3])
def test_one_commitment_too_many_or_too_few_is_refused(threshold: int) -> None:
    assert refuse_dealing_of(replace(make_setting(), threshold=threshold)).check == "THRESHOLD-2"


@pytest.mark.parametrize("number", [2, 4])
def test_one_share_too_many_or_too_few_is_refused(number: int) -> None:
    assert refuse_dealing_of(replace(make_setting(), trustees=number)).check == "CEREMONY-5"


def test_the_share_of_index_0_is_the_secret_and_is_never_computed() -> None:
    with pytest.raises(Misuse):
        evaluate_polynomial(make_setting().group, (5, 7), 0)
