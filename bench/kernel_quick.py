"""Measures batch verification on one core: microseconds a ballot with and without hints, beside the floor of the run.

`python -m bench.kernel_quick [seconds]`. Times are processor time of one thread, so that a busy machine changes them
little. The floor of a rule is its variable points times the cost of decoding and summing one of 65,536 points.
"""

import os
import sys
import time
from collections.abc import Callable
from functools import partial

from crypto import _kernel
from crypto.elgamal import BallotSeed
from crypto.group import parse_suite
from crypto.proofs import Contest, contest_state
from crypto.rules import Between, OneOf, Rule
from crypto.transcript import tag

GROUP = parse_suite("RISTRETTO255-SHA512")
KEY = (7 * GROUP.generator).to_bytes()
MANIFEST_HASH = bytes(range(32))
STYLE, CONTEST = 1, 5


def head(major: int, value: int) -> bytes:
    """Return a CBOR head in its shortest form."""
    for size, info in ((1, 24), (2, 25), (4, 26), (8, 27)):
        if value < 24:
            return bytes([major << 5 | value])
        if value < 1 << 8 * size:
            return bytes([major << 5 | info]) + value.to_bytes(size, "big")
    raise ValueError(value)


def string(data: bytes) -> bytes:
    """Return a CBOR byte string."""
    return head(2, len(data)) + data


def seal(sealer: _kernel.Sealer, rule: Rule, number: int) -> bytes:
    """Return a ballot with the first allowed choice."""
    chosen = rule.minimum or 1 if isinstance(rule, Between) else 1
    votes = bytes([1] * chosen + [0] * (rule.options - chosen))
    contest = Contest("demo", GROUP, MANIFEST_HASH, STYLE, CONTEST, rule, KEY)
    pseudonym, previous = number.to_bytes(16, "big"), bytes(32)
    key = BallotSeed("demo", os.urandom(32)).key
    state = contest_state(contest)
    parts = sealer.seal(state, rule.to_bytes(), CONTEST, pseudonym, 1, previous, bytes(32), key, votes)
    fields = [string(MANIFEST_HASH), head(0, STYLE), string(pseudonym), head(0, 1), string(previous)]
    fields += [head(0, 9), string(bytes(32)), string(bytes(32)), head(4, 1), head(4, 2), *map(string, parts)]
    return head(4, 9) + b"".join(fields)


def fastest(run: Callable[[], object], seconds: float) -> float:
    """Return the least processor time of one run in seconds."""
    best, spent = float("inf"), 0.0
    while spent < seconds:
        start = time.thread_time()
        run()
        last = time.thread_time() - start
        best, spent = min(best, last), spent + last
    return best


def floor(seconds: float, count: int = 65_536) -> tuple[float, float]:
    """Return microseconds for decoding and summing one point, without and with hints."""
    step = GROUP.generator
    points, point = [], step
    for _ in range(256):
        points.append(point.to_bytes())
        point += step
    encoded = b"".join(points) * (count // len(points))
    scalars = b"".join(GROUP.scalar_bytes(GROUP.random_scalar()) for _ in range(count))
    hints = _kernel.vartime_hints(encoded)
    plain = fastest(lambda: _kernel.vartime_sum_encoded(scalars, encoded), seconds)
    hinted = fastest(lambda: _kernel.vartime_sum_encoded(scalars, encoded, hints), seconds)
    return plain / count * 1e6, hinted / count * 1e6


def accept(codes: list[int]) -> None:
    """Stop the run when a valid ballot was refused: its time would mean nothing."""
    if any(codes):
        raise SystemExit("a valid ballot was refused")


def main() -> None:
    """Print one line a rule."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    plain_point, hinted_point = floor(seconds)
    print(f"decode and sum: {plain_point:.2f} us a point, with hints {hinted_point:.2f} us")
    print("    rule  bytes points ballots  seal us  plain us  floor  hints us  floor   one us")
    sealer = _kernel.Sealer(KEY)
    rules: dict[str, Rule] = {f"1of{n}": OneOf.default(n) for n in (2, 10, 18, 54, 500)}
    rules["0-3of10"] = Between(10, 0, 3)
    for name, rule in rules.items():
        points = 2 * rule.options + 2 * rule.digits + 2
        count = max(20, 65_536 // points)
        kept = min(count, 100)
        ballots = [seal(sealer, rule, number) for number in range(1, kept + 1)]
        sealing = fastest(partial(seal, sealer, rule, 1), 0.1)
        ballots = (ballots * (count // kept + 1))[:count]
        styles = [(STYLE, [(CONTEST, rule.to_bytes())])]
        verifier = _kernel.BallotVerifier(tag("demo", f"ballot-proof/{GROUP.name}"), MANIFEST_HASH, KEY, styles)
        hints = [verifier.make_hints(ballot) for ballot in ballots]
        accept(verifier.verify(ballots))
        accept(verifier.verify(ballots, hints))
        plain = fastest(partial(verifier.verify, ballots), seconds) / count * 1e6
        hinted = fastest(partial(verifier.verify, ballots, hints), seconds) / count * 1e6
        single = fastest(partial(verifier.verify, ballots[:1]), 0.1) * 1e6
        print(
            f"{name:>8} {len(ballots[0]):6} {points:6} {count:7} {sealing * 1e6:8.0f}"
            f" {plain:9.1f} {plain / points / plain_point:6.2f}"
            f" {hinted:9.1f} {hinted / points / hinted_point:6.2f} {single:8.0f}"
        )


if __name__ == "__main__":
    main()
