"""Figures: what stands in the table and in the stored file, and that the textbook verifier refuses."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bench.figures import Figure, best_of, not_measured, seconds_each, show, store
from bench.textbook import prove_votes, verify_votes
from crypto.group import parse_suite

GROUP = parse_suite("RISTRETTO255-SHA512")


def test_the_stored_file_is_a_list_of_name_value_unit(tmp_path: Path) -> None:
    path = tmp_path / "results" / "crypto.json"
    store([Figure("a.us", 1.5, "us"), not_measured("b.us", "no network")], path)
    assert json.loads(path.read_text()) == [
        {"name": "a.us", "value": 1.5, "unit": "us"},
        {"name": "b.us", "value": None, "unit": "us", "note": "no network"},
    ]


def test_the_table_says_what_was_not_measured() -> None:
    out = io.StringIO()
    show([Figure("a.us", 1234.5, "us"), not_measured("b.us", "no network")], Console(file=out, width=100))
    assert "1,234 us" in out.getvalue()
    assert "not measured" in out.getvalue()


def test_timing_counts_calls() -> None:
    calls: list[int] = []
    best_of(3, lambda: calls.append(1))
    assert len(calls) == 3
    assert seconds_each(lambda: calls.append(1), at_least=0.001) > 0


@pytest.mark.parametrize("broken", ["pair", "bit", "sum", "none"])
def test_the_textbook_verifier_refuses(broken: str) -> None:
    key = 5 * GROUP.generator
    pairs, proofs, total = prove_votes(GROUP, key, options=3, chosen=1)
    if broken == "none":
        verify_votes(GROUP, key, pairs, proofs, total)
        return
    if broken == "pair":
        pairs[0], pairs[1] = pairs[1], pairs[0]
    elif broken == "bit":
        proofs[0] = replace(proofs[0], responses=(proofs[0].responses[0] + 1, proofs[0].responses[1]))
    else:
        total = replace(total, response=total.response + 1)
    with pytest.raises(ValueError, match=r"neither 0 nor 1|do not sum"):
        verify_votes(GROUP, key, pairs, proofs, total)
