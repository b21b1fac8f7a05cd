"""Runs inside a virtual environment of its own, which holds PyPI electionguard: verify ballots, print seconds as JSON.

Not imported by anything here; `bench/peers.py` starts it. One contest of ten options, one choice.
"""

import dataclasses
import datetime as dt
import functools
import json
import logging
import sys
import time
from importlib.metadata import version


def allow_hashless_defaults() -> None:
    """Let the package load on Python 3.11, which refuses its unhashable dataclass defaults; no computation changes."""
    original = dataclasses.dataclass

    @functools.wraps(original)
    def dataclass(cls=None, **options):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN003, ANN202
        if cls is None:
            return lambda decorated: dataclass(decorated, **options)
        made = original(cls, **options)
        if made.__hash__ is None:
            made.__hash__ = object.__hash__
        return made

    dataclasses.dataclass = dataclass


def main() -> None:
    """Encrypt one ballot and print {"version", "import_s", "encrypt_s", "verify_s"}: seconds of one ballot each."""
    allow_hashless_defaults()
    logging.disable(logging.CRITICAL)
    started = time.perf_counter()
    import electionguard.ballot as ballots  # type: ignore[import-not-found]  # noqa: PLC0415 -- its start-up is timed
    from electionguard import manifest as manifests  # noqa: PLC0415
    from electionguard.election import make_ciphertext_election_context  # type: ignore[import-not-found]  # noqa: PLC0415
    from electionguard.elgamal import elgamal_keypair_random  # type: ignore[import-not-found]  # noqa: PLC0415
    from electionguard.encrypt import EncryptionDevice, EncryptionMediator  # type: ignore[import-not-found]  # noqa: PLC0415
    from electionguard.group import rand_q  # type: ignore[import-not-found]  # noqa: PLC0415

    imported = time.perf_counter()
    options = 10
    now = dt.datetime.now(tz=dt.UTC)
    selections = [manifests.SelectionDescription(f"s{i}", i, f"c{i}") for i in range(options)]
    contest = manifests.ContestDescription(
        "contest", 0, "unit", manifests.VoteVariationType.one_of_m, 1, 1, "contest", selections
    )
    manifest = manifests.Manifest(
        "scope",
        manifests.SpecVersion.EG1_0,
        manifests.ElectionType.general,
        now,
        now,
        [manifests.GeopoliticalUnit("unit", "unit", manifests.ReportingUnitType.unknown)],
        [],
        [manifests.Candidate(f"c{i}") for i in range(options)],
        [contest],
        [manifests.BallotStyle("style", ["unit"])],
    )
    key = elgamal_keypair_random()
    internal = manifests.InternalManifest(manifest)
    context = make_ciphertext_election_context(1, 1, key.public_key, rand_q(), internal.manifest_hash)
    device = EncryptionDevice(1, 1, 1, "here")
    mediator = EncryptionMediator(internal, context, device)
    chosen = ballots.PlaintextBallotSelection("s3", vote=1, is_placeholder_selection=False)
    plain = ballots.PlaintextBallot("ballot", "style", [ballots.PlaintextBallotContest("contest", [chosen])])
    mediator.encrypt(plain)  # fills its tables of powers
    before = time.perf_counter()
    sealed = mediator.encrypt(plain)
    encrypted = time.perf_counter()
    rounds = 3
    for _ in range(rounds):
        valid = sealed.is_valid_encryption(internal.manifest_hash, key.public_key, context.crypto_extended_base_hash)
        if not valid:
            sys.exit("electionguard refuses its own ballot")
    finished = time.perf_counter()
    seconds = {
        "version": version("electionguard"),
        "import_s": imported - started,
        "encrypt_s": encrypted - before,
        "verify_s": (finished - encrypted) / rounds,
    }
    sys.stdout.write(json.dumps(seconds) + "\n")


if __name__ == "__main__":
    main()
