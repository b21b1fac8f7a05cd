"""Measures batch verification on one core: microseconds a ballot with and without hints, beside the floor of the run.

`python -m bench.kernel_quick [seconds]`. The floor of a rule is its variable points times the cost of decoding and
summing one point in the same run (from the rule with the most points).
"""

import os
import sys
import time
from collections.abc import Callable, Sequence

from crypto import _kernel
from crypto.elgamal import BallotSeed
from crypto.group import parse_suite
from crypto.proofs import Between, Contest, OneOf, Rule, contest_state
from crypto.transcript import tag

GROUP = parse_suite("RISTRETTO255-SHA512")
KEY = (7 * GROUP.generator).to_bytes()
MANIFEST_HASH = bytes(range(32))
STYLE, CONTEST = 1, 5


def head(major: int, value: int) -> bytes:
    """Return a CBOR head in its shortest form."""
    for size, info in ((1, 24), (2, 25), (4, 26), (8, 27)):
        if value < 24:  # noqa: PLR2004 -- RFC 8949, section 3
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
    key = BallotSeed("demo", os.urandom(32))._key  # noqa: SLF001 -- the kernel takes the extracted key
    state = contest_state(contest)
    parts = sealer.seal(state, rule.to_bytes(), CONTEST, pseudonym, 1, previous, key, votes)
    fields = [string(MANIFEST_HASH), head(0, STYLE), string(pseudonym), head(0, 1), string(previous)]
    fields += [head(0, 9), string(bytes(32)), string(bytes(32)), head(4, 1), head(4, 2), *map(string, parts)]
    return head(4, 9) + b"".join(fields)


def fastest(run: Callable[[], Sequence[int]], seconds: float) -> float:
    """Return the least time of one run in seconds; every run must accept everything."""
    best, end = float("inf"), time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        if any(run()):
            raise SystemExit("a valid ballot was refused")
        now = time.perf_counter()
        best = min(best, now - start)
        if now > end:
            return best


def main() -> None:
    """Print one line a rule."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    sealer = _kernel.Sealer(KEY)
    rules: dict[str, Rule] = {f"1of{n}": OneOf.default(n) for n in (2, 10, 18, 54, 500)} | {
        "0-3of10": Between(10, 0, 3)
    }
    print(
        f"{'rule':>8} {'bytes':>6} {'points':>6} {'ballots':>7} {'seal us':>8} {'plain us':>9} {'hints us':>9} {'one us':>7}"
    )
    for name, rule in rules.items():
        points = 2 * rule.options + 2 * rule.digits + 2
        count = max(20, 100_000 // points)
        start = time.perf_counter()
        ballots = [seal(sealer, rule, number) for number in range(1, min(count, 200) + 1)]
        sealing = (time.perf_counter() - start) / len(ballots)
        ballots = (ballots * (count // len(ballots) + 1))[:count]
        styles = [(STYLE, [(CONTEST, rule.to_bytes())])]
        verifier = _kernel.BallotVerifier(tag("demo", f"ballot-proof/{GROUP.name}"), MANIFEST_HASH, KEY, styles)
        hints = [verifier.make_hints(ballot) for ballot in ballots]
        plain = fastest(lambda: verifier.verify(ballots), seconds) / count  # noqa: B023 -- called at once
        hinted = fastest(lambda: verifier.verify(ballots, hints), seconds) / count  # noqa: B023
        single = fastest(lambda: verifier.verify(ballots[:1]), 0.1)  # noqa: B023
        print(
            f"{name:>8} {len(ballots[0]):6} {points:6} {count:7} {sealing * 1e6:8.0f} {plain * 1e6:9.1f}"
            f" {hinted * 1e6:9.1f} {single * 1e6:7.0f}"
        )


if __name__ == "__main__":
    main()
