"""All trustees in one process: what no election may have, and a practice record or a benchmark may.

Spec: `docs/spec/ceremony.md`, `docs/spec/tally.md`. The same functions as in the trustees' programs, one after the
other; the shares are kept in memory until the trustees decrypt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crypto.election.ceremony import (
    Certificate,
    commit_dealing,
    digest_dealings,
    make_dealing,
    make_drill_share,
    make_key,
    open_dealing,
)
from crypto.election.entries import CeremonyAcceptance, CeremonyCertificate
from crypto.election.tally import make_share
from crypto.signatures import SigningKey
from crypto.threshold import combine_shares
from demo.board import Board
from demo.commission import THRESHOLD, TRUSTEES, Commission, Signer


@dataclass(slots=True)
class Trustees:
    """Everybody's signing keys, and their shares after the ceremony."""

    commission: Commission
    signers: tuple[Signer, ...]
    shares: tuple[int, ...] = ()

    @classmethod
    def of(cls, commission: Commission) -> "Trustees":
        """Draw their signing keys."""
        secrets = [commission.electorate.secret("bench/trustee", number) for number in range(TRUSTEES)]
        return cls(commission, tuple(Signer("trustee", "bench", SigningKey.from_seed(secret)) for secret in secrets))

    @property
    def public_keys(self) -> list[bytes]:
        """Return the keys that the manifest lists."""
        return [signer.key.public_key for signer in self.signers]

    def sign(self, entry_type: str, bodies: Sequence[Any]) -> list[bytes]:
        """Return an entry for each body, signed by the trustee that it names."""
        return [self.commission.sign(entry_type, body, [self.signers[body.trustee - 1]]) for body in bodies]

    def hold_ceremony(self, board: Board) -> Certificate:
        """Run R0 to R3."""
        setting, everyone = board.record.ceremony.setting, range(1, TRUSTEES + 1)
        secrets = [setting.group.random_scalar() for _ in everyone]
        board.append(self.sign("ceremony-key", [make_key(setting, 1, at, secrets[at - 1]) for at in everyone]))
        keys = board.record.ceremony.keys()
        dealings = [make_dealing(setting, 1, at, keys) for at in everyone]
        board.append(self.sign("ceremony-commitment", [commit_dealing(setting, dealing) for dealing in dealings]))
        board.append(self.sign("ceremony-dealing", dealings))
        digest = digest_dealings(setting, dealings)
        accepted = [CeremonyAcceptance(run=1, trustee=at, digest=digest) for at in everyone]
        board.append(self.sign("ceremony-acceptance", accepted))
        self.shares = tuple(
            combine_shares(setting.group, [open_dealing(setting, deal, keys, at, secrets[at - 1]) for deal in dealings])
            for at in everyone
        )
        certificate = board.record.ceremony.conclude()
        certified = [CeremonyCertificate(run=1, trustee=at, hash=certificate.hash) for at in everyone]
        board.append(self.sign("ceremony-certificate", certified))
        return certificate

    def drill(self, board: Board, certificate: Certificate) -> None:
        """Answer the first drill."""
        setting, drill = board.record.ceremony.setting, board.record.ceremony.drills[1]
        answers = [
            make_drill_share(setting, certificate, drill, at, share) for at, share in enumerate(self.shares, start=1)
        ]
        board.append(self.sign("drill-share", answers))

    def decrypt(self, board: Board) -> None:
        """Give as many shares as are needed."""
        tally = board.record.tally
        root = tally.closed_root or b""
        for trustee in range(1, THRESHOLD + 1):
            parts = make_share(tally.election, tally.plan, root, trustee, self.shares[trustee - 1])
            board.append(self.sign("share", list(parts)))
