"""Both suites pass the same conformance tests; RFC 9496 and RFC 9380 give the outside values."""

import hashlib
import json
from pathlib import Path

import pytest

from crypto.errors import MalformedEncoding, Misuse
from crypto.group import Group, Ristretto255, expand_message_xmd, parse_suite
from tests.make_vectors import group_vectors
from tests.oracles import RistrettoOracle, map_uniform

FOLDER = Path(__file__).resolve().parents[2] / "vectors"
PUBLISHED = json.loads((FOLDER / "published.json").read_text(encoding="utf-8"))
RISTRETTO, P256 = parse_suite("RISTRETTO255-SHA512"), parse_suite("P256-SHA256")


@pytest.fixture(params=[RISTRETTO, P256], ids=["ristretto255", "p256"])
def group(request: pytest.FixtureRequest) -> Group:
    found = request.param
    assert isinstance(found, Group)
    return found


def test_stored_vectors_are_what_is_computed() -> None:
    assert json.loads((FOLDER / "group.json").read_text(encoding="utf-8")) == group_vectors()


# ---- conformance: the same for every suite


def test_group_laws(group: Group) -> None:
    G = group.generator
    a, b = 1234567, group.order - 5
    assert a * G + b * G == (a + b) * G
    assert a * (b * G) == (a * b) * G
    assert a * G - a * G == group.identity
    assert (-(a * G)) == (-a) * G
    assert (group.order * G).is_identity()
    assert (0 * G).is_identity()
    assert 1 * G == G
    assert G + group.identity == G
    assert hash(2 * G) == hash(G + G)
    assert G != 2 * G
    assert G != "G"


def test_round_trip(group: Group) -> None:
    for scalar in (1, 2, 3, 2**200 + 1, group.order - 1):
        element = scalar * group.generator
        assert len(element.to_bytes()) == group.element_size
        assert group.parse_element(element.to_bytes()) == element
        assert group.parse_scalar(group.scalar_bytes(scalar)) == scalar


def test_identity_only_in_sums(group: Group) -> None:
    data = group.identity.to_bytes()
    assert data == bytes(group.element_size)
    assert group.parse_sum(data).is_identity()
    with pytest.raises(MalformedEncoding, match="identity"):
        group.parse_element(data, culprit="trustee 1")


def test_many_at_once(group: Group) -> None:
    elements = [scalar * group.generator for scalar in (3, 0, 5)]
    data = b"".join(element.to_bytes() for element in elements)
    assert group.parse_sums(data) == elements
    assert group.parse_sums(b"") == []
    for broken in (data[:-1], data + b"\0", b"\xff" * group.element_size + data, data + b"\xff" * group.element_size):
        with pytest.raises(MalformedEncoding):
            group.parse_sums(broken)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 34, 64, 65])
def test_wrong_lengths(group: Group, size: int) -> None:
    if size != group.element_size:
        with pytest.raises(MalformedEncoding):
            group.parse_sum(bytes([2]) * size)
    if size != 32:
        with pytest.raises(MalformedEncoding):
            group.parse_scalar(bytes(size))


def test_scalars_are_canonical(group: Group) -> None:
    for scalar in (group.order, group.order + 1, 2**256 - 1):
        with pytest.raises(MalformedEncoding, match="canonical"):
            group.parse_scalar(scalar.to_bytes(32, group.scalar_byteorder), culprit="x")
    assert group.parse_scalar(group.scalar_bytes(-1)) == group.order - 1


def test_wide_reduction(group: Group) -> None:
    wide = (group.order * 5 + 3).to_bytes(64, group.scalar_byteorder)
    assert group.reduce_wide(wide) == 3
    with pytest.raises(Misuse):
        group.reduce_wide(bytes(32))
    assert 0 < group.random_scalar() < group.order
    assert group.random_scalar() != group.random_scalar()


def test_multi_scalar_sum(group: Group) -> None:
    scalars = [0, 1, 5, group.order - 1, -2]
    elements = [scalar * group.generator for scalar in (3, 5, 7, 9, 11)]
    expected = group.identity
    for scalar, element in zip(scalars, elements, strict=True):
        expected += scalar * element
    assert group.vartime_sum(scalars, elements) == expected
    assert group.vartime_sum([], []).is_identity()
    assert group.vartime_sum([7], [group.identity]).is_identity()


@pytest.mark.parametrize("value", [0, 1, 2, 99, 100])
def test_discrete_logarithm(group: Group, value: int) -> None:
    assert group.vartime_logarithm(value * group.generator, 100) == value
    assert Group.vartime_logarithm(group, value * group.generator, 100) == value


@pytest.mark.parametrize("value", [101, 102, 110, 111, 120, 121, -1])
def test_discrete_logarithm_is_bounded(group: Group, value: int) -> None:
    assert group.vartime_logarithm(value * group.generator, 100) is None
    assert Group.vartime_logarithm(group, value * group.generator, 100) is None


def test_hash_to_element_depends_on_message_and_tag(group: Group) -> None:
    points = {group.hash_to_element(m, d).to_bytes() for m in (b"", b"a", b"b") for d in (b"tag", b"other")}
    assert len(points) == 6
    assert group.identity.to_bytes() not in points


def test_suites_do_not_mix() -> None:
    with pytest.raises(Misuse):
        RISTRETTO.generator + P256.generator


def test_suites_are_known_by_name() -> None:
    assert parse_suite("RISTRETTO255-SHA512") is RISTRETTO
    for name in ("", "P256", "ristretto255-SHA512", "P384-SHA384"):
        with pytest.raises(MalformedEncoding, match="unknown suite"):
            parse_suite(name)


# ---- ristretto255


def test_rfc9496_multiples_of_the_generator() -> None:
    for scalar, encoding in enumerate(PUBLISHED["ristretto_multiples"]):
        assert (scalar * RISTRETTO.generator).to_bytes().hex() == encoding
        assert RISTRETTO.parse_sum(bytes.fromhex(encoding)) == scalar * RISTRETTO.generator


@pytest.mark.parametrize(("why", "encoding"), PUBLISHED["ristretto_bad_encodings"])
def test_rfc9496_bad_encodings(why: str, encoding: str) -> None:
    assert RistrettoOracle.decode(bytes.fromhex(encoding)) is None, why
    with pytest.raises(MalformedEncoding):
        RISTRETTO.parse_sum(bytes.fromhex(encoding))


@pytest.mark.parametrize(("label", "encoding"), PUBLISHED["ristretto_uniform"])
def test_rfc9496_uniform_bytes(label: str, encoding: str) -> None:
    wide = hashlib.sha512(label.encode()).digest()
    assert map_uniform(wide).encode().hex() == encoding
    assert isinstance(RISTRETTO, Ristretto255)
    assert RISTRETTO.map_uniform(wide).to_bytes().hex() == encoding


def test_kernel_agrees_with_the_oracle() -> None:
    base = RistrettoOracle.decode((RISTRETTO.generator).to_bytes())
    assert base is not None
    for scalar in (1, 2, 7, 2**130 + 12345, RISTRETTO.order - 1):
        assert (scalar * base).encode() == (scalar * RISTRETTO.generator).to_bytes()


# ---- P-256


def test_p256_generator() -> None:
    assert P256.generator.to_bytes().hex() == PUBLISHED["p256_generator"]


@pytest.mark.parametrize(("why", "encoding"), PUBLISHED["p256_bad_encodings"])
def test_p256_bad_encodings(why: str, encoding: str) -> None:
    with pytest.raises(MalformedEncoding):
        P256.parse_sum(bytes.fromhex(encoding))
    assert why


@pytest.mark.parametrize(("message", "x", "y"), PUBLISHED["p256_hash"]["tests"])
def test_rfc9380_p256(message: str, x: str, y: str) -> None:
    point = P256.hash_to_element(message.encode(), PUBLISHED["p256_hash"]["dst"].encode())
    assert point.to_bytes().hex() == f"{2 + int(y, 16) % 2:02x}{x}"


# ---- expand_message_xmd


@pytest.mark.parametrize(("message", "length", "expected"), PUBLISHED["expand_sha256"]["tests"])
def test_rfc9380_expand_sha256(message: str, length: int, expected: str) -> None:
    dst = PUBLISHED["expand_sha256"]["dst"].encode()
    assert expand_message_xmd(message.encode(), dst, length, "sha256").hex() == expected


@pytest.mark.parametrize(("message", "length", "expected"), PUBLISHED["expand_sha512"]["tests"])
def test_expand_sha512(message: str, length: int, expected: str) -> None:
    dst = PUBLISHED["expand_sha512"]["dst"].encode()
    assert expand_message_xmd(message.encode(), dst, length, "sha512").hex() == expected


@pytest.mark.parametrize(("dst", "length"), [(b"", 32), (bytes(256), 32), (b"tag", 0), (b"tag", 255 * 64 + 1)])
def test_expand_refuses_what_the_rfc_excludes(dst: bytes, length: int) -> None:
    with pytest.raises(Misuse):
        expand_message_xmd(b"", dst, length, "sha512")
