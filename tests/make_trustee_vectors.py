"""Computes the vectors of ceremony and tally: `python -m tests.make_trustee_vectors` writes both files anew.

Secrets and proofs are drawn anew by every call; what another implementation must find is the same: honest messages are
accepted, the derived values follow, and each refused message is refused by its check.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from crypto.election.ceremony import derive_drill, make_drill_share, make_key
from crypto.election.encoding import Message
from crypto.election.entries import Aggregate, Drill
from crypto.election.tally import form_cells
from crypto.group import parse_suite
from tests.trustees import CHILDREN, ROOT, Polls, Trustees, make_setting

FOLDER = Path(__file__).resolve().parent / "vectors"
SUITES = ("RISTRETTO255-SHA512", "P256-SHA256")
ORIGIN = "computed by tests/make_trustee_vectors.py from docs/spec/{}.md; bytes in hexadecimal, bodies as in an entry"
SCALARS = (
    "; encryption_secrets and shares are integers in hexadecimal, big endian, "
    "scalars inside bodies in the suite's byte order"
)
RULES = "; contest 1 is one of 3 with the default radices, contest 2 is 0..2 of 3"


def _refused(entry_type: str, body: Message, check: str, why: str) -> dict[str, str]:
    return {"type": entry_type, "body": body.to_bytes().hex(), "check": check, "why": why}


def _bodies(messages: dict[int, Any]) -> list[str]:
    return [messages[trustee].to_bytes().hex() for trustee in sorted(messages)]


def make_ceremony(suite: str) -> dict[str, Any]:
    """Return one ceremony of 2 of 3 with its secrets, a drill, and messages that must be refused in their place."""
    trustees = Trustees(make_setting(parse_suite(suite)))
    setting, state = trustees.setting, trustees.state
    trustees.send_keys()
    trustees.send_commitments()
    first, second = trustees.drawn[1], trustees.drawn[2]
    trustees.send_dealings()
    trustees.send_acceptances()
    certificate = state.conclude()
    trustees.send_certificates()
    drill = Drill(number=1, size=5, root=ROOT)
    answers = [make_drill_share(setting, certificate, drill, at, trustees.x[at]) for at in state.everyone]
    run = state._run
    key = run.keys[1]
    other = make_key(replace(setting, manifest_hash=bytes(32)), 1, 1, trustees.e[1])
    return {
        "suite": suite,
        "kind": setting.kind,
        "manifest_hash": setting.manifest_hash.hex(),
        "trustees": setting.trustees,
        "threshold": setting.threshold,
        "encryption_secrets": [f"{trustees.e[at]:064x}" for at in state.everyone],
        "keys": _bodies(run.keys),
        "commitments": _bodies(run.commitments),
        "dealings": _bodies(run.dealings),
        "acceptances": _bodies(run.acceptances),
        "shares": [f"{trustees.x[at]:064x}" for at in state.everyone],
        "certificate_hash": certificate.hash.hex(),
        "key": certificate.key.hex(),
        "share_keys": [share_key.hex() for share_key in certificate.share_keys],
        "drill": drill.to_bytes().hex(),
        "drill_point": derive_drill(setting, certificate, drill).hex(),
        "drill_shares": [answer.to_bytes().hex() for answer in answers],
        "refused": [
            _refused("ceremony-key", replace(key, run=2), "CEREMONY-1", "a run that has not begun"),
            _refused("ceremony-key", replace(key, trustee=4), "CEREMONY-2", "a trustee who does not exist"),
            _refused("ceremony-key", other, "CEREMONY-3", "the proof names another manifest"),
            _refused("ceremony-dealing", replace(first, shares=first.shares[::-1]), "CEREMONY-4", "not committed to"),
            _refused("drill-share", replace(answers[0], value=answers[1].value), "CEREMONY-14", "another's value"),
            _refused("drill-share", replace(answers[0], number=2), "CEREMONY-14", "a drill that was never held"),
        ],
        "refused_dealings": [
            {
                "body": body.to_bytes().hex(),
                "check": check,
                "why": why,
            }
            for body, check, why in (
                (replace(first, commitments=first.commitments[:1]), "THRESHOLD-2", "one commitment of two"),
                (replace(first, shares=first.shares[:2]), "CEREMONY-5", "two shares of three"),
                (replace(first, proof=second.proof), "CEREMONY-6", "another dealer's proof of a_0"),
                (replace(first, trustee=2), "CEREMONY-6", "another trustee's dealing as one's own"),
                (replace(first, ephemeral=second.ephemeral), "CEREMONY-7", "another dealer's U without its proof"),
                (replace(first, ephemeral=bytes(setting.group.element_size)), "GROUP-2", "the identity as U"),
            )
        ],
    }


CELLS: tuple[dict[int, int], ...] = (
    {21: 3, 22: 3, 31: 3, 32: 3},
    {21: 3, 22: 2, 31: 3, 32: 3},
    {21: 1, 22: 1, 31: 3, 32: 4},
    {21: 1, 22: 1, 31: 4, 32: 4},
    {21: 3, 22: 0, 31: 3, 32: 3},
    {21: 1, 22: 1, 31: 1, 32: 0},
    {21: 1, 22: 1, 31: 0, 32: 0},
    {},
)


def make_cells() -> list[dict[str, Any]]:
    """Return partitions of one small tree, minimum 3."""
    cases = []
    for counted in CELLS:
        cells, residual = form_cells(1, CHILDREN, counted, 3)
        cases.append(
            {
                "region": 1,
                "children": {str(unit): list(parts) for unit, parts in CHILDREN.items()},
                "counted": {str(unit): number for unit, number in counted.items()},
                "minimum": 3,
                "cells": [list(cell.units) for cell in cells],
                "residual": list(residual.units),
            }
        )
    return cases


def make_tally(suite: str) -> dict[str, Any]:
    """Return aggregates of a small election, all trustees' shares, the votes, and shares that must be refused."""
    polls = Polls(setting=make_setting(parse_suite(suite)))
    polls.cast_everywhere()
    polls.close()
    aggregates: list[Aggregate] = polls.aggregates()
    polls.publish_aggregates()
    shares = [polls.shares(trustee)[0] for trustee in (1, 2, 3)]
    polls.send_share(1)
    polls.send_share(3)
    size = polls.election.group.element_size
    values = shares[1].values
    swapped = values[size : 2 * size] + values[:size] + values[2 * size :]
    return {
        "suite": suite,
        "kind": polls.election.kind,
        "manifest_hash": polls.election.manifest_hash.hex(),
        "closed_root": ROOT.hex(),
        "share_keys": [share_key.hex() for share_key in polls.certificate.share_keys],
        "threshold": polls.election.threshold,
        "aggregates": [body.to_bytes().hex() for body in aggregates],
        "shares": [body.to_bytes().hex() for body in shares],
        "votes": [list(body.votes) for body in polls.results()],
        "refused": [
            _refused("share", replace(shares[1], closed_root=bytes(32)), "TALLY-3", "another closed root"),
            _refused("share", replace(shares[1], values=values[size:]), "TALLY-3", "a value is missing"),
            _refused("share", replace(shares[1], values=swapped), "TALLY-4", "two values exchanged"),
            _refused("share", replace(shares[0], trustee=2), "TALLY-4", "another trustee's share"),
        ],
    }


def main() -> None:
    """Write both files."""
    ceremony = {
        "origin": ORIGIN.format("ceremony") + SCALARS,
        "ceremonies": [make_ceremony(suite) for suite in SUITES],
    }
    tally = {
        "origin": ORIGIN.format("tally") + RULES,
        "cells": make_cells(),
        "tallies": [make_tally(suite) for suite in SUITES],
    }
    for name, content in (("ceremony", ceremony), ("tally", tally)):
        text = json.dumps(content, indent=1, sort_keys=True) + "\n"
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
