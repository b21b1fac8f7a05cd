"""Sharing, sealed shares, partial decryptions, combination and totals."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from crypto.elgamal import add_vectors, encrypt_vector
from crypto.errors import MalformedEncoding, Misuse, Refused
from crypto.group import Group, parse_suite
from crypto.threshold import (
    CellOption,
    DecryptionStatement,
    combine_partial_decryptions,
    combine_shares,
    commit_polynomial,
    decrypt_partially,
    decrypt_total,
    derive_drill_point,
    derive_joint_key,
    derive_share_keys,
    derive_shared_point,
    draw_polynomial,
    evaluate_commitments,
    evaluate_polynomial,
    interpolate_at_zero,
    open_share,
    seal_share,
    verify_commitments,
    verify_parameters,
    verify_partial_decryption,
    verify_share,
)
from crypto.transcript import Transcript, tag
from tests.forger import SUITES
from tests.make_vectors import threshold_vectors

FOLDER = Path(__file__).resolve().parents[2] / "vectors"
CONTEXT = Transcript(tag("demo", "share"))


@pytest.fixture(params=SUITES)
def group(request: pytest.FixtureRequest) -> Group:
    return parse_suite(str(request.param))


class World:
    """Three of five trustees of one election."""

    def __init__(self, group: Group, trustees: int = 5, threshold: int = 3) -> None:
        self.group, self.trustees, self.threshold = group, trustees, threshold
        self.polynomials = [draw_polynomial(group, threshold) for _ in range(trustees)]
        self.dealings = [commit_polynomial(group, polynomial) for polynomial in self.polynomials]
        self.secrets = [
            combine_shares(group, [evaluate_polynomial(group, f, j) for f in self.polynomials])
            for j in range(1, trustees + 1)
        ]
        self.key = derive_joint_key(group, self.dealings)
        self.share_keys = derive_share_keys(group, self.dealings, trustees)

    def statement(self, bases: list[bytes]) -> DecryptionStatement:
        options = tuple(CellOption(b"1", at, base) for at, base in enumerate(bases))
        return DecryptionStatement(tag("demo", "decryption"), bytes(32), bytes(32), options)


def test_stored_vectors_are_what_is_computed() -> None:
    assert json.loads((FOLDER / "threshold.json").read_text(encoding="utf-8")) == threshold_vectors()


@pytest.mark.parametrize(("trustees", "threshold"), [(3, 2), (5, 3), (255, 254), (9, 2)])
def test_parameters(trustees: int, threshold: int) -> None:
    verify_parameters(trustees, threshold)


@pytest.mark.parametrize(("trustees", "threshold"), [(5, 5), (5, 6), (5, 1), (5, 0), (2, 1), (1, 1), (256, 3), (0, 0)])
def test_parameters_refused(trustees: int, threshold: int) -> None:
    with pytest.raises(Refused, match="no threshold"):
        verify_parameters(trustees, threshold)


def test_shares_open_the_commitments(group: Group) -> None:
    polynomial = draw_polynomial(group, 3)
    commitments = commit_polynomial(group, polynomial)
    verify_commitments(group, commitments, 3)
    for trustee in range(1, 6):
        share = evaluate_polynomial(group, polynomial, trustee)
        verify_share(group, commitments, trustee, share)
        assert share * group.generator == evaluate_commitments(group, commitments, trustee)
        for wrong in (share + 1, 0, polynomial[0]):
            with pytest.raises(Refused, match="open"):
                verify_share(group, commitments, trustee, wrong, culprit="trustee 1")
        with pytest.raises(Refused, match="open"):
            verify_share(group, commitments, trustee % 5 + 1, share)


def test_commitments_refused(group: Group) -> None:
    commitments = commit_polynomial(group, draw_polynomial(group, 3))
    for wrong in (commitments[:2], (*commitments, commitments[0]), ()):
        with pytest.raises(Refused, match="commitments instead"):
            verify_commitments(group, wrong, 3, culprit="trustee 2")
    for element in (group.identity.to_bytes(), b"", b"\xff" * group.element_size):
        with pytest.raises(MalformedEncoding):
            verify_commitments(group, (*commitments[:2], element), 3)


@pytest.mark.parametrize("index", [0, -1, 256])
def test_indices(group: Group, index: int) -> None:
    polynomial = draw_polynomial(group, 2)
    with pytest.raises(Misuse):
        evaluate_polynomial(group, polynomial, index)
    with pytest.raises(Misuse):
        evaluate_commitments(group, commit_polynomial(group, polynomial), index)
    with pytest.raises(Misuse):
        interpolate_at_zero(group, [1, index])
    with pytest.raises(Misuse):
        seal_share(group, CONTEXT, 1, index, 5, group.generator.to_bytes())


def test_interpolation(group: Group) -> None:
    polynomial = draw_polynomial(group, 3)
    for trustees in itertools.permutations(range(1, 6), 3):
        weights = interpolate_at_zero(group, trustees)
        shares = [evaluate_polynomial(group, polynomial, trustee) for trustee in trustees]
        assert sum(a * b for a, b in zip(weights, shares, strict=True)) % group.order == polynomial[0]
    with pytest.raises(Misuse):
        interpolate_at_zero(group, [1, 2, 1])


def test_sealed_shares(group: Group) -> None:
    u, e = group.random_scalar(), group.random_scalar()
    point = derive_shared_point(group, u, (e * group.generator).to_bytes())
    assert point == derive_shared_point(group, e, (u * group.generator).to_bytes())
    sealed = seal_share(group, CONTEXT, 1, 2, 77, point)
    assert open_share(group, CONTEXT, 1, 2, sealed, point) == 77
    assert open_share(group, CONTEXT, 2, 1, sealed, point) != 77
    assert open_share(group, CONTEXT, 1, 3, sealed, point) != 77
    assert open_share(group, Transcript(tag("demo", "other")), 1, 2, sealed, point) != 77
    assert open_share(group, CONTEXT, 1, 2, sealed, group.generator.to_bytes()) != 77
    for broken in (b"", bytes(31), b"\xff" * 32):
        with pytest.raises(MalformedEncoding):
            open_share(group, CONTEXT, 1, 2, broken, point, culprit="trustee 1")
    with pytest.raises(MalformedEncoding):
        derive_shared_point(group, u, group.identity.to_bytes())


def test_keys_belong_together(group: Group) -> None:
    world = World(group)
    joint = sum(polynomial[0] for polynomial in world.polynomials)
    assert (joint * group.generator).to_bytes() == world.key
    assert world.share_keys == tuple((secret * group.generator).to_bytes() for secret in world.secrets)
    opposite = [((-joint) * group.generator).to_bytes(), *world.dealings[0][1:]]
    with pytest.raises(MalformedEncoding, match="identity"):
        derive_joint_key(group, [*world.dealings, opposite])


def test_any_threshold_of_trustees_decrypts(group: Group) -> None:
    world = World(group)
    key = group.parse_element(world.key)
    votes = [[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]]
    total = add_vectors([encrypt_vector(group, key, row, [group.random_scalar() for _ in row]) for row in votes])
    statement = world.statement([item.a.to_bytes() for item in total])
    partials = [decrypt_partially(group, statement, j, world.secrets[j - 1]) for j in range(1, 6)]
    for chosen in itertools.combinations(partials, 3):
        outcome = combine_partial_decryptions(group, statement, world.share_keys, 3, chosen)
        assert outcome.refused == ()
        pairs = zip(total, outcome.values, strict=True)
        assert [decrypt_total(group, 4, item.b.to_bytes(), value) for item, value in pairs] == [1, 2, 0]
    assert combine_partial_decryptions(group, statement, world.share_keys, 3, partials).used == (1, 2, 3)


def test_a_cell_whose_sum_is_the_identity_still_tallies(group: Group) -> None:
    world = World(group, 3, 2)
    base = group.identity.to_bytes()
    statement = world.statement([base])
    partials = [decrypt_partially(group, statement, j, world.secrets[j - 1]) for j in (1, 3)]
    [value] = combine_partial_decryptions(group, statement, world.share_keys, 2, partials).values
    assert decrypt_total(group, 10, (7 * group.generator).to_bytes(), value) == 7


def test_a_share_is_bound_to_its_statement(group: Group) -> None:
    world = World(group, 3, 2)
    statement = world.statement([group.generator.to_bytes(), (2 * group.generator).to_bytes()])
    partial = decrypt_partially(group, statement, 1, world.secrets[0])
    verify_partial_decryption(group, statement, world.share_keys[0], partial)
    first, second = statement.options
    others = [
        replace(statement, tag=tag("demo", "drill")),
        replace(statement, manifest_hash=b"\1" * 32),
        replace(statement, closed_root=b"\1" * 32),
        replace(statement, options=(second, first)),
        replace(statement, options=(replace(first, cell=b"2"), second)),
        replace(statement, options=(replace(first, option=9), second)),
        replace(statement, options=(replace(first, base=second.base), second)),
    ]
    for other in others:
        with pytest.raises(Refused, match="equal logarithms"):
            verify_partial_decryption(group, other, world.share_keys[0], partial)
    with pytest.raises(Refused, match="equal logarithms"):
        verify_partial_decryption(group, statement, world.share_keys[1], partial)
    with pytest.raises(Refused, match="equal logarithms"):
        verify_partial_decryption(group, statement, world.share_keys[0], replace(partial, trustee=2))


def test_totals_are_bounded(group: Group) -> None:
    combined = group.identity.to_bytes()
    for total in (0, 1, 999, 1000):
        assert decrypt_total(group, 1000, (total * group.generator).to_bytes(), combined) == total
    for total in (1001, -1):
        with pytest.raises(Refused, match="no total"):
            decrypt_total(group, 1000, (total * group.generator).to_bytes(), combined, culprit="cell 1")


def test_drill_points(group: Group) -> None:
    name = tag("demo", "drill")
    arguments: list[tuple[bytes, bytes, bytes, int, bytes]] = [
        (name, bytes(32), bytes(32), 1, bytes(32)),
        (tag("real", "drill"), bytes(32), bytes(32), 1, bytes(32)),
        (name, b"\1" * 32, bytes(32), 1, bytes(32)),
        (name, bytes(32), b"\1" * 32, 1, bytes(32)),
        (name, bytes(32), bytes(32), 2, bytes(32)),
        (name, bytes(32), bytes(32), 1, b"\1" * 32),
    ]
    assert len({derive_drill_point(group, *items) for items in arguments}) == len(arguments)
