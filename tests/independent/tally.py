"""Recompute a record's tally from `docs/spec/` alone: nothing of this project, nothing beyond the standard library.

    python tests/independent/tally.py RECORD          prints {contest: votes per option} as JSON

Written by the pages board.md, encoding.md, entries.md, manifest.md, ballot.md and tally.md, with its own Ristretto
arithmetic (RFC 9496) and its own CBOR reader. It rebuilds the Merkle root of the checkpoint from the entry bundles,
counts each pseudonym's last ballot (strikes taken out), forms the cells, sums the ciphertexts, combines three trustees'
shares and finds the small logarithms. It leaves proofs and signatures to the auditor: a wrong share has no small
logarithm here.
"""

import base64
import functools
import hashlib
import itertools
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

# ---- ristretto255, RFC 9496 section 4: points are (X, Y, Z, T) of edwards25519 -------------------------------------

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_M1 = pow(2, (P - 1) // 4, P)
ZERO = (0, 1, 1, 0)
Point = tuple[int, int, int, int]
Cell = tuple[int, ...]
Tree = dict[int | None, list[int]]
Votes = dict[int, list[int]]


def even(x: int) -> int:
    """CT_ABS of section 4.1: of x and -x the one whose residue is even."""
    return P - x if (x := x % P) & 1 else x


def ratio_root(u: int, v: int) -> tuple[bool, int]:
    """SQRT_RATIO_M1 of section 4.2: (was u/v a square, the root)."""
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * r * r % P
    flipped, flipped_i = check == -u % P, check == -u * ROOT_M1 % P
    if flipped or flipped_i:
        r = r * ROOT_M1 % P
    return check == u % P or flipped, even(r)


INVROOT_A_MINUS_D = ratio_root(1, (-1 - D) % P)[1]


def decode(data: bytes) -> Point:
    """Section 4.3.1."""
    s = int.from_bytes(data, "little")
    if len(data) != 32 or s >= P or s & 1:
        raise ValueError("not a canonical point")
    u1, u2 = 1 - s * s, 1 + s * s
    v = (-D * u1 * u1 - u2 * u2) % P
    square, inverse = ratio_root(1, v * u2 * u2 % P)
    den_x, den_y = inverse * u2 % P, inverse * inverse * u2 * v % P
    x = even(2 * s * den_x)
    y = u1 * den_y % P
    if not square or x * y % P & 1 or y == 0:
        raise ValueError("not a point")
    return x, y, 1, x * y % P


def encode(point: Point) -> bytes:
    """Section 4.3.2."""
    x0, y0, z0, t0 = point
    u1, u2 = (z0 + y0) * (z0 - y0) % P, x0 * y0 % P
    inverse = ratio_root(1, u1 * u2 * u2 % P)[1]
    den1, den2 = inverse * u1 % P, inverse * u2 % P
    z_inverse = den1 * den2 * t0 % P
    if t0 * z_inverse % P & 1:
        x0, y0, den2 = y0 * ROOT_M1 % P, x0 * ROOT_M1 % P, den1 * INVROOT_A_MINUS_D % P
    if x0 * z_inverse % P & 1:
        y0 = -y0
    return even(den2 * (z0 - y0)).to_bytes(32, "little")


def add(p: Point, q: Point) -> Point:
    """Add by the unified formulas for a = -1 (Hisil et al. 2008, section 3.1)."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * D * p[3] * q[3] % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar: int, point: Point) -> Point:
    """Double and add; the inputs are public."""
    total = ZERO
    for bit in f"{scalar % Q:b}":
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


def negative(p: Point) -> Point:
    """Return -p."""
    return -p[0] % P, p[1], p[2], -p[3] % P


BASE = decode(bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"))

# ---- deterministic CBOR, RFC 8949 section 4.2: the few types that the record uses ----------------------------------


def read_item(data: bytes, at: int = 0) -> tuple[Any, int]:
    """Return (value, next position)."""
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    if info >= 24 and major != 7:
        size = 1 << (info - 24)
        info, at = int.from_bytes(data[at : at + size], "big"), at + size
    if major == 0:
        return info, at
    if major == 1:
        return -1 - info, at
    if major in (2, 3):
        raw = data[at : at + info]
        return (raw if major == 2 else raw.decode()), at + info
    if major in (4, 5):
        items: list[Any] = []
        for _ in range(info * (major - 3)):
            item, at = read_item(data, at)
            items.append(item)
        return (items if major == 4 else dict(zip(items[::2], items[1::2], strict=True))), at
    return {20: False, 21: True, 22: None}[info], at


def read_whole(data: bytes) -> Any:  # noqa: ANN401 -- a CBOR item is any of seven types
    """Read one item that fills the bytes."""
    value, end = read_item(data)
    if end != len(data):
        raise ValueError("bytes after the item")
    return value


# ---- the log: tlog-tiles entry bundles and the checkpoint ----------------------------------------------------------


def tile_path(number: int) -> str:
    """000 .. 999, then x001/000: groups of three digits."""
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03d}")
    return "/".join(groups)


def read_log(folder: Path) -> list[bytes]:
    """Return the entries that the checkpoint covers, after comparing its root with theirs."""
    _, size, root = (folder / "checkpoint").read_text(encoding="utf-8").split("\n")[:3]
    entries: list[bytes] = []
    while len(entries) < int(size):
        number, left = len(entries) // 256, int(size) - len(entries)
        name = folder / "tile/entries" / tile_path(number)
        data = (name if left >= 256 or name.is_file() else name.with_name(f"{name.name}.p") / str(left)).read_bytes()
        at = 0
        for _ in range(min(left, 256)):
            length = int.from_bytes(data[at : at + 2], "big")
            entries.append(data[at + 2 : at + 2 + length])
            at += 2 + length
    level = [hashlib.sha256(b"\0" + entry).digest() for entry in entries]
    while len(level) > 1:  # an odd node goes up unchanged: the same tree as RFC 6962's definition
        pairs = [hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        level = pairs + level[len(level) - len(level) % 2 :]
    if level[0] != base64.b64decode(root):
        raise ValueError("the entries do not have the checkpoint's root")
    return entries


# ---- what is counted -----------------------------------------------------------------------------------------------


def tagged_hash(tag: bytes, *fields: bytes) -> bytes:
    """Return SHA-256 of the length-prefixed tag and fields."""
    framed = len(tag).to_bytes(2, "big") + tag + b"".join(len(f).to_bytes(4, "big") + f for f in fields)
    return hashlib.sha256(framed).digest()


def read_counted(entries: list[bytes]) -> tuple[Any, ...]:
    """Return (manifest, parts by hash, counted ballots by pseudonym, unit of each pseudonym, trustee entries)."""
    manifest = read_whole(read_whole(entries[0])[2])
    part_tag = f"dobush/1/{manifest['kind']}/part".encode()
    parts: dict[bytes, Any] = {}
    ballots: dict[bytes, Any] = {}
    unit_of: dict[bytes, int] = {}
    struck, shares, results = set(), defaultdict(list), []
    for raw in entries:
        _, kind, body_bytes, _ = read_whole(raw)
        body = read_whole(body_bytes)
        if kind in ("contest", "units"):
            parts[tagged_hash(part_tag, kind.encode(), body_bytes)] = body
        elif kind == "roll":
            for group in body["groups"]:
                names = group["pseudonyms"]
                unit_of.update((names[i : i + 16], group["unit"]) for i in range(0, len(names), 16))
        elif kind == "ballot":
            ballot = read_whole(body["ballot"])
            ballots[ballot[2]] = ballot  # the last one on the board counts
        elif kind == "strike":
            struck.add(body["pseudonym"])
        elif kind == "share":
            shares[body["trustee"]].append(body)
        elif kind == "result":
            results.append(body)
    counted = {pseudonym: ballot for pseudonym, ballot in ballots.items() if pseudonym not in struck}
    return manifest, parts, counted, unit_of, shares, results


def form_cells(region: int, children: Tree, minimum: int, ballots_in: Counter[int]) -> list[Cell]:
    """Form the cells of one question by the merge rule; a cell is a sorted tuple of leaf units."""

    def size(cell: Cell) -> int:
        return sum(ballots_in[leaf] for leaf in cell)

    def merge(node: int) -> tuple[list[Cell], Cell]:
        if not children[node]:
            return ([(node,)], ()) if ballots_in[node] >= minimum else ([], (node,))
        merged = [merge(child) for child in children[node]]
        finished = [cell for part, _ in merged for cell in part]
        residual = tuple(unit for _, rest in merged for unit in rest)
        while 0 < size(residual) < minimum and finished:
            smallest = min(finished, key=lambda cell: (size(cell), min(cell)))
            finished.remove(smallest)
            residual += smallest
        if residual and size(residual) >= minimum:
            finished, residual = [*finished, residual], ()
        return finished, residual

    return sorted(tuple(sorted(cell)) for cell in merge(region)[0])


def small_logarithm(point: Point, limit: int) -> int:
    """Return v with v·BASE = point, 0 <= v <= limit."""
    table, step = small_multiples(int(limit**0.5) + 1)
    for giant in range(len(table) + 1):
        if (found := table.get(encode(point))) is not None:
            return giant * len(table) + found
        point = add(point, step)
    raise ValueError("no small logarithm: a share or a sum is wrong")


@functools.cache
def small_multiples(count: int) -> tuple[dict[bytes, int], Point]:
    """Return the encodings of 0·BASE .. (count-1)·BASE with their index, and -count·BASE."""
    points = list(itertools.accumulate([BASE] * count, add, initial=ZERO))
    return {encode(point): index for index, point in enumerate(points[:-1])}, negative(points[-1])


def tally(folder: str | Path) -> tuple[Votes, Votes]:
    """Return ({contest: votes per option}, the same from the record's result entries)."""
    manifest, parts, counted, unit_of, shares, results = read_counted(read_log(Path(folder)))
    children: Tree = defaultdict(list)
    for chunk in manifest["units"]:
        for unit in parts[chunk]["units"]:
            children[unit["parent"]].append(unit["id"])
    contests_of_style = {style["id"]: style["contests"] for style in manifest["styles"]}
    sums: dict[tuple[int, int], list[Point]] = {}
    ballots_in: dict[int, Counter[int]] = defaultdict(Counter)
    for pseudonym, ballot in counted.items():
        unit = unit_of[pseudonym]
        for contest, (ciphertexts, _) in zip(contests_of_style[ballot[1]], ballot[8], strict=True):
            ballots_in[contest][unit] += 1
            points = [decode(ciphertexts[i : i + 32]) for i in range(0, len(ciphertexts), 32)]
            before = sums.get((contest, unit))
            sums[contest, unit] = points if before is None else [add(p, q) for p, q in zip(before, points, strict=True)]
    trustees = sorted(shares)[: manifest["threshold"]]
    factor = {}
    for i in trustees:
        others = [j for j in trustees if j != i]
        factor[i] = functools.reduce(lambda f, j: f * j * pow(j - i, -1, Q) % Q, others, 1)
    values = {i: b"".join(s["values"] for s in sorted(shares[i], key=lambda s: s["part"])) for i in trustees}
    votes: Votes = {}
    at = 0
    for body in map(parts.get, manifest["contests"]):
        contest = body["id"]
        votes[contest] = [0] * len(body["options"])
        for cell in form_cells(body["region"], children, manifest["minimum_cell"], ballots_in[contest]):
            for option in range(len(body["options"])):
                in_units = [sums[contest, unit][2 * option + 1] for unit in cell if (contest, unit) in sums]
                message = functools.reduce(add, in_units)
                for i in trustees:
                    share = decode(values[i][at : at + 32])
                    message = add(message, negative(multiply(factor[i], share)))
                at += 32
                votes[contest][option] += small_logarithm(message, sum(ballots_in[contest][u] for u in cell))
    claimed = {contest: [0] * len(row) for contest, row in votes.items()}
    for result in results:
        claimed[result["contest"]] = [a + b for a, b in zip(claimed[result["contest"]], result["votes"], strict=True)]
    return votes, claimed


if __name__ == "__main__":
    recomputed, printed = tally(sys.argv[1])
    sys.stdout.write(json.dumps(recomputed) + "\n")
    sys.exit(recomputed != printed)
