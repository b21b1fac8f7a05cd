"""An assertion for another challenge, origin, relying party or frame, or without its user, is no ballot signature."""

import base64
import json

import pytest

from crypto.errors import MalformedEncoding, Refused
from crypto.signatures import (
    EDDSA,
    ES256,
    client_data_start,
    parse_cose_key,
    passkey_challenge,
    verify_passkey_assertion,
)
from demo.voters import SoftwarePasskey, make_passkey

RP_ID, ORIGIN = "vote.example", "https://cast.vote.example"
CHALLENGE = passkey_challenge(b"dobush/1/demo/cast", bytes(32), bytes(32), bytes(88))
START = client_data_start(CHALLENGE)
VALID = START + ORIGIN.encode() + b'","crossOrigin":false}'
UP, UV, BE, BS, AT, ED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80
CLIENT_DATA, CHALLENGED, LISTED, FRAME = "SIGNATURE-7", "SIGNATURE-8", "SIGNATURE-9", "SIGNATURE-10"
AUTHENTICATOR, USER, SIGNED = "SIGNATURE-11", "SIGNATURE-13", "SIGNATURE-14"


@pytest.fixture(params=[ES256, EDDSA], ids=["ES256", "EdDSA"])
def passkey(request: pytest.FixtureRequest) -> SoftwarePasskey:
    return make_passkey(bytes([1]) * 32, request.param)


def authenticator_data(flags: int = UP | UV, tail: bytes = b"") -> bytes:
    return make_passkey(bytes(32)).sign(CHALLENGE, RP_ID, ORIGIN, flags=flags).authenticator_data + tail


def verify(passkey: SoftwarePasskey, client_data: bytes, data: bytes) -> None:
    signature = passkey.sign_raw(data, client_data)
    verify_passkey_assertion(passkey.cose_key, data, client_data, signature, CHALLENGE, RP_ID, [ORIGIN])


def refuse(passkey: SoftwarePasskey, client_data: bytes = VALID, data: bytes | None = None) -> str:
    with pytest.raises(Refused) as refusal:
        verify(passkey, client_data, authenticator_data() if data is None else data)
    malformed = {CLIENT_DATA, AUTHENTICATOR}
    assert isinstance(refusal.value, MalformedEncoding) is (refusal.value.check in malformed)
    return refusal.value.check


def with_tail(tail: str) -> bytes:
    return START + ORIGIN.encode() + b'"' + tail.encode()


@pytest.mark.parametrize(
    "tail",
    ["}", ',"crossOrigin":false}', ',"other_keys_can_be_added_here":"do not compare"}', ',"x":{"y":[1,2]}}',
     ',"crossOrigin":false,"tokenBinding":{"status":"supported"}}', ' , "crossOrigin" : false }'],
)  # fmt: skip
def test_what_browsers_write_is_accepted(passkey: SoftwarePasskey, tail: str) -> None:
    verify(passkey, with_tail(tail), authenticator_data())
    verify(passkey, with_tail(tail), authenticator_data(UP | UV | BE | BS | ED, b"\xa0"))


@pytest.mark.parametrize(
    "client_data",
    [
        client_data_start(passkey_challenge(b"dobush/1/demo/login", bytes(32))) + ORIGIN.encode() + b'"}',
        VALID.replace(b"webauthn.get", b"webauthn.create"),
        VALID.replace(b"webauthn.get", b"payment.get"),
        b" " + VALID,
        b"\xef\xbb\xbf" + VALID,
        b'{"challenge":"' + base64.urlsafe_b64encode(CHALLENGE) + b'","type":"webauthn.get"}',
        VALID.replace(b'","origin', b'=","origin'),
        json.dumps(json.loads(VALID)).encode(),
        b"",
    ],
    ids=["another challenge", "registration", "payment", "space", "byte order mark", "order", "padding", "rewritten",
         "nothing"],
)  # fmt: skip
def test_another_type_or_challenge(passkey: SoftwarePasskey, client_data: bytes) -> None:
    assert refuse(passkey, client_data) == CHALLENGED


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://cast.vote.example", "https://cast.vote.example:444", "https://cast.vote.example/",
     "https://cast.vote.example.evil.example", "https://CAST.vote.example", "https:\\/\\/cast.vote.example", "null",
     ""],
)  # fmt: skip
def test_another_origin(passkey: SoftwarePasskey, origin: str) -> None:
    assert refuse(passkey, START + origin.encode() + b'","crossOrigin":false}') == LISTED
    assert refuse(passkey, START + origin.encode()) == LISTED


@pytest.mark.parametrize(
    "tail",
    [',"crossOrigin":true}', ',"crossOrigin":0}', ',"crossOrigin":null}', ',"crossOrigin":"false"}',
     ',"crossOrigin":false,"topOrigin":"https://evil.example"}', ',"topOrigin":""}', ',"topOrigin":null}',
     ',"crossOrigin":false,"top\\u004frigin":"https://evil.example"}', ',"\\u0063rossOrigin":true}'],
)  # fmt: skip
def test_inside_another_sites_frame(passkey: SoftwarePasskey, tail: str) -> None:
    assert refuse(passkey, with_tail(tail)) == FRAME


@pytest.mark.parametrize(
    "tail",
    [',"crossOrigin":false,"crossOrigin":false}', ',"type":"webauthn.get"}', ',"origin":"https://evil.example"}',
     ',"crossOrigin":false,"crossOri\\u0067in":true}', ',"x":{"y":1,"y":2}}', ',"challenge":""}',
     "", ",", ',"x"}', "}}", "}x", ',"x":NaN}', ',"x":Infinity}', ',"x":"\\ud800\n"}',
     ',"x":' + "[" * 1000 + "]" * 1000 + "}",
     ',"x":"' + "a" * 2000 + '"}', ',"x":"\\ud800"}', ',"x":"\\uDFFF"}', ',"x":1} {}', ',"x":01}'],
)  # fmt: skip
def test_members_twice_and_what_is_not_json(passkey: SoftwarePasskey, tail: str) -> None:
    assert refuse(passkey, with_tail(tail)) == CLIENT_DATA


def test_client_data_that_is_not_utf8(passkey: SoftwarePasskey) -> None:
    assert refuse(passkey, with_tail(',"x":"?"}').replace(b"?", b"\xff")) == CLIENT_DATA


def test_another_relying_party(passkey: SoftwarePasskey) -> None:
    answer = passkey.sign(CHALLENGE, "example", ORIGIN)
    assert refuse(passkey, data=answer.authenticator_data) == "SIGNATURE-12"


@pytest.mark.parametrize("flags", [0, UP, UV, UV | BE, UP | BE | BS, 0x02 | 0x20])
def test_user_not_present_or_not_verified(passkey: SoftwarePasskey, flags: int) -> None:
    assert refuse(passkey, data=authenticator_data(flags)) == USER


@pytest.mark.parametrize(
    ("flags", "tail"),
    [(UP | UV, b"\x00"), (UP | UV | ED, b""), (UP | UV | AT, b""), (UP | UV | ED, bytes(1000)), (UP | UV, bytes(988))],
)
def test_authenticator_data_of_another_length(passkey: SoftwarePasskey, flags: int, tail: bytes) -> None:
    assert refuse(passkey, data=authenticator_data(flags, tail)) == AUTHENTICATOR
    assert refuse(passkey, data=authenticator_data()[:36]) == AUTHENTICATOR
    assert refuse(passkey, data=b"") == AUTHENTICATOR


def test_parts_of_two_assertions(passkey: SoftwarePasskey) -> None:
    data, other = authenticator_data(), authenticator_data(UP | UV | BE)
    signature = passkey.sign_raw(other, VALID)
    with pytest.raises(Refused) as refusal:
        verify_passkey_assertion(passkey.cose_key, data, VALID, signature, CHALLENGE, RP_ID, [ORIGIN])
    assert refusal.value.check == SIGNED
    stranger = make_passkey(bytes([2]) * 32, parse_cose_key(passkey.cose_key)[0])
    with pytest.raises(Refused) as refusal:
        verify_passkey_assertion(stranger.cose_key, other, VALID, signature, CHALLENGE, RP_ID, [ORIGIN])
    assert refusal.value.check == SIGNED
