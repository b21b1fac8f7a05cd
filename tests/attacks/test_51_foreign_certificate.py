"""A certificate over another manifest, another run, or a transcript that leaves R0 out."""

from dataclasses import replace

import pytest

from crypto.election.entries import CeremonyCertificate
from crypto.errors import Refused
from crypto.transcript import tag, tagged_hash
from tests.trustees import HERE, Trustees


def accept() -> Trustees:
    trustees = Trustees()
    trustees.send_keys()
    trustees.send_commitments()
    trustees.send_dealings()
    trustees.send_acceptances()
    return trustees


def forge(trustees: Trustees, case: str) -> bytes:
    """Return the hash of what a deceived trustee would sign."""
    state, setting = trustees.state, trustees.setting
    certificate = state.conclude()
    manifest_hash, run = setting.manifest_hash, (1).to_bytes(4, "big")
    bodies = [body.to_bytes() for body in state.dealings()]
    if case == "another manifest":
        manifest_hash = bytes(32)
    elif case == "another run":
        run = (2).to_bytes(4, "big")
    if case == "without R0":
        return tagged_hash(tag("demo", "ceremony-certificate"), manifest_hash, run, *bodies, certificate.key)
    other = replace(certificate, key=bytes(32))
    return tagged_hash(tag("demo", "ceremony-certificate"), manifest_hash, run, *bodies, other.key)


@pytest.mark.parametrize("case", ["another manifest", "another run", "without R0"])
def test_a_certificate_over_another_transcript_is_refused(case: str) -> None:
    trustees = accept()
    body = CeremonyCertificate(run=1, trustee=2, hash=forge(trustees, case))
    with pytest.raises(Refused) as refusal:
        trustees.state.stage_ceremony_certificate(body, HERE)
    assert (refusal.value.check, refusal.value.culprit) == ("CEREMONY-11", "trustee 2")
    assert trustees.state.certificate is None


def test_the_hash_changes_with_the_manifest() -> None:
    trustees, other = accept(), Trustees()
    other.setting = replace(trustees.setting, manifest_hash=bytes(32))
    other.state.setting = other.setting
    other.send_keys()
    other.send_commitments()
    other.send_dealings()
    other.send_acceptances()
    assert other.state.conclude().hash != trustees.state.conclude().hash
