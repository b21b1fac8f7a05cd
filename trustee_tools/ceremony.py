"""The rules of a trustee's acts: what comes next, what an act asks for, what is refused; no screen holds a rule.

Spec: `docs/spec/trustee.md`, section "Checks". A `Trustee` joins a vault with a `View` of her own copy of the record.
Every act is durable before its entries leave `perform`, and repeating it gives the same bytes, so a crash or a second
call never says two things. Nothing is read from outside but the record: points, sums and cells are computed here.

>>> write_fingerprint(bytes(32))
'2222 2222 2222 2222 2222 2222 2222 2222 2222'
>>> differing_groups(bytes(32), "2222-2222 22a2 2222 2222 2222 2222 2222 2222")
(3,)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from crypto.election.ceremony import (
    Act,
    Ceremony,
    Certificate,
    Task,
    commit_dealing,
    complain,
    digest_dealings,
    make_dealing,
    make_drill_share,
    make_key,
    next_step,
    open_dealing,
    verify_dealing,
)
from crypto.election.encoding import Message
from crypto.election.entries import CeremonyAcceptance, CeremonyCertificate, CeremonyComplaint, Entry, Manifest
from crypto.election.tally import Tally, make_share
from crypto.errors import MalformedEncoding, Misuse, Refused
from crypto.signatures import SigningKey, sign_author
from crypto.threshold import combine_shares
from crypto.transcript import tag
from trustee_tools.vault import Secrets, Vault

_ALPHABET = "23456789ACEHKPTX"
_FROM_CYRILLIC = str.maketrans("АСЕНКРТХ", "ACEHKPTX")
_FINGERPRINT_SIZE = 18
Deed = tuple[str, int, int]
"""What a trustee did: the act, its run or drill, the trustee's number."""
IRREVERSIBLE = frozenset({"certificate", "decrypt"})
_SHARE = "share"


# -------------------------------------------------------------------------------------------------------- fingerprints


def write_fingerprint(digest: bytes) -> str:
    """Return the first 18 bytes of a hash or key as nine groups of four signs that look alike in both alphabets."""
    signs = "".join(_ALPHABET[byte >> 4] + _ALPHABET[byte & 15] for byte in digest[:_FINGERPRINT_SIZE])
    return " ".join(signs[at : at + 4] for at in range(0, len(signs), 4))


def differing_groups(digest: bytes, typed: str) -> tuple[int, ...]:
    """Return the numbers (from 1) of the groups that differ in what was typed, whatever its spaces and case."""
    signs = "".join(typed.upper().translate(_FROM_CYRILLIC).replace("-", " ").split())
    groups = write_fingerprint(digest).split()
    entered = [signs[at : at + 4] for at in range(0, max(len(signs), 4 * len(groups)), 4)]
    wanted = groups + [""] * (len(entered) - len(groups))
    return tuple(at for at, (left, right) in enumerate(zip(wanted, entered, strict=True), start=1) if left != right)


def verify_typed(digest: bytes, typed: str) -> None:
    """Check a fingerprint typed back from another source. Raises Refused, naming the groups that differ."""
    wrong = differing_groups(digest, typed)
    if wrong:
        # The manifest's fingerprint, typed from a source outside the record, MUST be that of the record's manifest.
        groups = ", ".join(map(str, wrong))
        raise Refused("TRUSTEE-8", f"the fingerprints differ in group {groups}", culprit="the record's manifest")


# ------------------------------------------------------------------------------------------------------------ the acts


@dataclass(frozen=True, slots=True)
class View:
    """What a trustee's program knows from its own copy of the record.

    `failures` are the failed checks that nobody can release (log, manifest, ceremony, roll, aggregates, counts); None
    until the whole record was examined with slot figures from outside. `disputes` counts receipts handed over by file
    that the board does not hold yet. `seen_ms` says by when a quorum of witnesses had seen a trustee's message (None:
    not yet), `refused` which messages of the ceremony were refused, `watched` who cosigned the head, where it came from
    a board, `forks` where the two signed heads of a log that contradicted itself are kept.
    """

    manifest: Manifest
    manifest_hash: bytes
    keys: tuple[bytes, ...]
    ceremony: Ceremony
    tally: Tally | None = None
    close_covered: bool = False
    dispute_over: bool = False
    failures: tuple[Refused, ...] | None = None
    disputes: int = 0
    size: int = 0
    root: bytes = b""
    seen_ms: Mapping[Deed, int | None] = field(default_factory=dict)
    refused: tuple[Refused, ...] = ()
    watched: tuple[str, ...] = ()
    forks: tuple[str, ...] = ()


def verify_not_real(view: View) -> None:
    """Check that a rehearsal stays one: asked before any key file is opened. Raises Refused."""
    if view.manifest.kind == "real":
        # In rehearsal the manifest's kind MUST NOT be `real`.
        raise Refused("TRUSTEE-25", "this is a real election: a rehearsal cannot touch it", culprit="you")


@dataclass(frozen=True, slots=True)
class Consent:
    """What the person gave for one act: the election's short name typed, and the time on her own clock."""

    now_ms: int
    short_name: str = ""


class Trustee:
    """One trustee at work: a vault, a view, and the acts between them."""

    def __init__(self, vault: Vault, view: View) -> None:
        """Join them; `bind` or `verify_bound` says whether they belong together."""
        self._vault = vault
        self._view = view

    @property
    def secrets(self) -> Secrets:
        """What the vault holds; its `repr` shows no secret."""
        return self._vault.secrets

    def bind(self, typed: str) -> None:
        """Take this election as the key file's own, after the manifest's fingerprint was typed back. Raises Refused."""
        if not self.secrets.manifest_hash:
            verify_typed(self._view.manifest_hash, typed)
            if self._view.manifest.kind == "real" and not self._vault.is_hard:
                # A key file for a real election MUST be sealed with at least 3 passes over 256 MiB.
                raise Refused(
                    "TRUSTEE-21", "a real election needs a key file that is sealed harder", culprit="key file"
                )
            self._vault.save(replace(self.secrets, manifest_hash=self._view.manifest_hash, trustee=self.find_place()))
        self.verify_bound()

    def verify_bound(self) -> None:
        """Check that key file and record belong to one election. Raises Refused."""
        if self.secrets.manifest_hash != self._view.manifest_hash or self.secrets.trustee != self.find_place():
            self._refuse_place("this key file belongs to another election or place")

    def next_step(self) -> Task:
        """Return the next act: of the ceremony, a drill, `decrypt`, or `wait`."""
        view, task = self._view, next_step(self._view.ceremony, self.secrets.trustee)
        shared = frozenset[int]() if view.tally is None else view.tally.shared()
        closed = view.tally is not None and view.close_covered and view.dispute_over
        ready = closed and view.tally is not None and view.tally.is_summed()
        if view.tally is not None and task.act == "drill":
            # After the close no drill can be answered any more: whoever missed the last one decrypts all the same.
            task = Task("wait", task.run, 0, ())
        if task.act == "wait" and ready and self.secrets.trustee not in shared:
            return Task("decrypt", task.run, 0, ())
        return task

    def find_next(self) -> Task:
        """Return the next act also for a key file that is not bound yet, by its place in the manifest."""
        if not self.secrets.manifest_hash:
            return next_step(self._view.ceremony, self.find_place())
        self.verify_bound()
        return self.next_step()

    def needs_name(self, act: Act) -> bool:
        """Tell whether an act asks for the election's short name: it cannot be undone and was not done before."""
        return act in IRREVERSIBLE and not self.was_done(Task(act, self._view.ceremony.run, 0, ()))

    def was_done(self, task: Task) -> bool:
        """Tell whether the key file holds the answer already, though the record still waits for it."""
        return _name_step(task) in self.secrets.answers

    def perform(self, act: Act, consent: Consent) -> tuple[bytes, ...]:
        """Do the act that comes next; return its signed entries, which are already kept. Raises Refused.

        A step that was done before gives the same entries again.
        """
        self.verify_bound()
        if act == "decrypt":
            return self._decrypt(consent)
        task = self.next_step()
        if task.act != act or act == "wait":
            # An act MUST be the one that the record waits for.
            raise Refused("TRUSTEE-11", f"the next act is {task.act}", culprit=act)
        step = _name_step(task)
        done = self.secrets.answers.get(step)
        if done is not None:
            return done
        if act in IRREVERSIBLE:
            self._require_name(consent)
        acts = {
            "key": self._send_key,
            "commitment": self._commit,
            "dealing": self._deal,
            "answer": self._answer,
            "certificate": self._certify,
            "drill": self._answer_drill,
        }
        return acts[act](step, task)

    def find_place(self) -> int:
        """Return the trustee's number in the manifest. Raises Refused where it does not name the key."""
        own = SigningKey.from_seed(self.secrets.seed).public_key
        if own not in self._view.keys:
            self._refuse_place("the manifest does not name this key")
        return self._view.keys.index(own) + 1

    @staticmethod
    def _refuse_place(reason: str) -> None:
        # The manifest MUST name the key file's signing key, and a key file MUST serve one manifest hash only.
        raise Refused("TRUSTEE-9", reason, culprit="key file")

    def _require_name(self, consent: Consent) -> None:
        if consent.short_name.strip() != self._view.manifest.short_name:
            # Before an irreversible act the election's short name MUST be typed.
            raise Refused("TRUSTEE-10", "type the election's short name to confirm", culprit="you")

    def _send_key(self, step: str, task: Task) -> tuple[bytes, ...]:
        setting = self._view.ceremony.setting
        secret = setting.group.random_scalar()
        body = make_key(setting, task.run, self.secrets.trustee, secret)
        entries = (self._sign("ceremony-key", body),)
        return self._vault.remember(step, entries, run=task.run, encryption=secret)

    def _commit(self, step: str, task: Task) -> tuple[bytes, ...]:
        """Draw the whole dealing now and keep only its entry: polynomial and u_i are forgotten here."""
        setting, keys = self._view.ceremony.setting, self._view.ceremony.keys()
        dealing = make_dealing(setting, task.run, self.secrets.trustee, keys)
        sealed = {f"dealing/{task.run}": (self._sign("ceremony-dealing", dealing),)}
        entries = (self._sign("ceremony-commitment", commit_dealing(setting, dealing)),)
        self._vault.save(replace(self.secrets, answers={**self.secrets.answers, **sealed, step: entries}))
        return entries

    def _deal(self, step: str, _task: Task) -> tuple[bytes, ...]:
        raise self._lost(step)

    def _answer(self, step: str, task: Task) -> tuple[bytes, ...]:
        """Decrypt all shares (proofs are checked first), then accept, or complain about each bad one."""
        ceremony, secrets = self._view.ceremony, self.secrets
        if secrets.run != task.run or not secrets.encryption:
            raise self._lost(step)
        setting, dealings, keys = ceremony.setting, ceremony.dealings(), ceremony.keys()
        for dealing in dealings:
            # Nothing is decrypted while any proof of any dealing fails: a later one may be a copy of an earlier.
            verify_dealing(setting, dealing, keys)
        shares: list[int] = []
        complaints: list[CeremonyComplaint] = []
        for dealing in dealings:
            try:
                shares.append(open_dealing(setting, dealing, keys, secrets.trustee, secrets.encryption))
            except MalformedEncoding:
                raise
            except Refused:
                complaints.append(complain(setting, dealing, secrets.trustee, secrets.encryption))
        if complaints:
            entries = tuple(self._sign("ceremony-complaint", body) for body in complaints)
            return self._vault.remember(step, entries)
        body = CeremonyAcceptance(run=task.run, trustee=secrets.trustee, digest=digest_dealings(setting, dealings))
        share = combine_shares(setting.group, shares)
        shares_by_run = {**secrets.shares, task.run: share}
        return self._vault.remember(step, (self._sign("ceremony-acceptance", body),), shares=shares_by_run)

    def _certify(self, step: str, task: Task) -> tuple[bytes, ...]:
        """Sign the whole run and destroy e_j in the same write."""
        certificate = self._view.ceremony.conclude()
        self._own_share(certificate, step)
        body = CeremonyCertificate(run=task.run, trustee=self.secrets.trustee, hash=certificate.hash)
        return self._vault.remember(step, (self._sign("ceremony-certificate", body),), encryption=0)

    def _answer_drill(self, step: str, task: Task) -> tuple[bytes, ...]:
        ceremony, secrets = self._view.ceremony, self.secrets
        certificate = self._certificate()
        drill = ceremony.drills[task.number]
        share = self._own_share(certificate, step)
        body = make_drill_share(ceremony.setting, certificate, drill, secrets.trustee, share)
        return self._vault.remember(step, (self._sign("drill-share", body),))

    def _decrypt(self, consent: Consent) -> tuple[bytes, ...]:
        """Answer for the sums of the record's own plan, once, for one closed root."""
        view, tally = self._view, self._view.tally
        root = tally.closed_root if tally is not None else None
        if tally is None or root is None or not view.close_covered:
            # A quorum checkpoint MUST cover exactly one close entry.
            raise Refused("TRUSTEE-12", "the voting is not closed, or no quorum covers the close", culprit="the record")
        done = self.secrets.answers.get(_SHARE)
        answered = self.secrets.answers.get("closed root")
        if answered is not None and answered != (root,):
            # After one closed root was answered, another MUST be refused for ever.
            raise Refused(
                "TRUSTEE-13", "another closed root was answered before: there are two records", culprit="board"
            )
        if done is not None:
            return done
        self._verify_time(consent)
        self._verify_record(tally)
        self._require_name(consent)
        share = self._own_share(self._certificate(), _SHARE)
        parts = make_share(tally.election, tally.plan, root, self.secrets.trustee, share)
        entries = tuple(self._sign("share", body) for body in parts)
        answers = {**self.secrets.answers, "closed root": (root,), _SHARE: entries}
        self._vault.save(replace(self.secrets, answers=answers))
        return entries

    def _verify_time(self, consent: Consent) -> None:
        manifest = self._view.manifest
        if not self._view.dispute_over:
            # A seal of the record MUST show that the dispute period has ended.
            raise Refused("TRUSTEE-14", "the dispute period has not ended", culprit="the record")
        if consent.now_ms < manifest.closes_at_ms + manifest.grace_ms:
            # The trustee's own clock MUST be past closing and grace.
            raise Refused("TRUSTEE-15", "on your own clock the voting has not ended", culprit="the record")

    def _verify_record(self, tally: Tally) -> None:
        if self._view.failures is None or self._view.failures:
            # Every check up to the aggregates MUST pass on the own copy, with slot figures from outside.
            failures = self._view.failures
            reason = str(failures[0]) if failures else "the record was not examined with slot figures from outside"
            raise Refused("TRUSTEE-16", reason, culprit="the record")
        unresolved = tally.unresolved()
        if unresolved or self._view.disputes:
            # Refused entries, disputes and a late last block MUST have a release.
            what = ", ".join(name_target(target) for target in unresolved) or "a dispute that the board does not hold"
            raise Refused("TRUSTEE-17", f"two officers have to release first: {what}", culprit="the record")

    def _certificate(self) -> Certificate:
        certificate = self._view.ceremony.certificate
        if certificate is None:
            message = "there is no certificate yet"
            raise Misuse(message)
        return certificate

    def _own_share(self, certificate: Certificate, step: str) -> int:
        """Return x_j of the certified run, after comparing x_j G with X_j."""
        share = self.secrets.shares.get(certificate.run)
        point = None if share is None else (share * self._view.ceremony.setting.group.generator).to_bytes()
        if share is None or point != certificate.share_keys[self.secrets.trustee - 1]:
            raise self._lost(step)
        return share

    def _sign(self, entry_type: str, body: Message) -> bytes:
        data, key = body.to_bytes(), SigningKey.from_seed(self.secrets.seed)
        author = tag(self._view.manifest.kind, "author")
        signature = sign_author(key, author, self._view.manifest_hash, entry_type, data)
        return Entry(entry_type, data, (signature,)).to_bytes()

    @staticmethod
    def _lost(step: str) -> Refused:
        # What earlier steps of the run left in the key file MUST be there and fit the record: x_j G = X_j.
        return Refused("TRUSTEE-18", "this key file does not hold what the steps before left in it", culprit=step)


def _name_step(task: Task) -> str:
    """Return under which name the key file keeps what an act said; a dealing is drawn before, with its commitment."""
    if task.act == "decrypt":
        return _SHARE
    return f"drill/{task.number}" if task.act == "drill" else f"{task.act}/{task.run}"


def name_target(target: int | bytes | str) -> str:
    """Return how an unresolved thing is called on a screen: an entry's index, a receipt's hash, `late`."""
    return target.hex() if isinstance(target, bytes) else str(target)
