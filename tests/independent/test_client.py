"""The client's core (TypeScript) against this package and the kernel: one seed, the same bytes; the same refusals."""

from __future__ import annotations

import base64
import json
import random
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import pytest

from crypto.cbor import read_head, write_head
from crypto.election.ballot import FRAME_CHECKS, hash_ballot, lock_of, tracking_code
from crypto.election.entries import BODIES, Manifest, parse_entry
from crypto.election.manifest import verify_manifest
from crypto.elgamal import BallotSeed, Ciphertext, add_vectors
from crypto.errors import Refused
from crypto.group import parse_suite
from crypto.proofs import BallotVerifier, Contest, Frame, Position, parse_frame, seal_contest
from crypto.rules import Between, OneOf, Rule, parse_rule
from crypto.signatures import SigningKey, parse_note, verify_ed25519

ROOT = Path(__file__).resolve().parents[2]
GROUP = parse_suite("RISTRETTO255-SHA512")
SECRET = 424242
KEY = (SECRET * GROUP.generator).to_bytes()
MANIFEST = bytes(range(32))
HEAD_ROOT = bytes(range(100, 132))
STYLES: dict[int, list[tuple[int, Rule]]] = {
    1: [(1, OneOf.default(2)), (7, OneOf.default(10)), (8, Between(5, 0, 3))],
    2: [(4, OneOf.default(18))],
    3: [(5, OneOf(7, (2, 2, 2))), (6, Between(3, 2, 2))],
    4: [(9, Between(9, 1, 6)), (10, Between(2, 0, 1)), (11, OneOf.default(11))],
}
VERIFIERS = [
    BallotVerifier("demo", GROUP, MANIFEST, KEY, STYLES, FRAME_CHECKS, python_only=python_only)
    for python_only in (False, True)
]
RECORD = [
    base64.b64decode(entry) for entry in json.loads((ROOT / "tests/vectors/record.json").read_text("utf-8"))["entries"]
]


@dataclass(frozen=True)
class Client:
    """The core in a process of its own."""

    questions: IO[str]
    answers: IO[str]

    def ask(self, what: str, **question: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Return the answer: `ok`, or `check` and `error`."""
        self.questions.write(json.dumps({"what": what, **question}) + "\n")
        self.questions.flush()
        answer = json.loads(self.answers.readline())
        assert isinstance(answer, dict)
        return answer

    def verdict(self, what: str, **question: Any) -> str:  # noqa: ANN401 - JSON
        """Return the id of the first failing check, empty for what is accepted; anything else fails the test."""
        answer = self.ask(what, **question)
        assert "ok" in answer or answer["check"], answer
        return str(answer.get("check", ""))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Bundle the bridge and run it."""
    folder = tmp_path_factory.mktemp("bridge")
    home = ROOT / "voter_client"
    rolldown = home / "node_modules/.bin/rolldown"
    assert rolldown.exists(), "the client's packages are missing: run `make client`"
    options = ["--platform", "node", "--format", "esm", "--log-level", "silent"]
    subprocess.run(
        [rolldown, "tests/bridge.ts", *options, "-d", folder], cwd=home, check=True, stdout=subprocess.DEVNULL
    )
    command = ["node", str(folder / "bridge.js")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Client(process.stdin, process.stdout)
        process.stdin.close()
        assert process.wait(timeout=20) == 0


def choose(rule: Rule, source: random.Random) -> list[int]:
    count = 1 if isinstance(rule, OneOf) else source.randint(rule.minimum, rule.maximum)
    return sorted(source.sample(range(rule.options), count))


@dataclass(frozen=True)
class Wish:
    """What a voter wants to seal."""

    style: int
    chosen: list[list[int]]
    seed: bytes
    pseudonym: bytes
    number: int
    previous: bytes
    head_size: int

    def question(self) -> dict[str, Any]:
        """Return it as the bridge reads it."""
        contests = [
            {"id": contest, "rule": rule.to_bytes().hex(), "chosen": chosen}
            for (contest, rule), chosen in zip(STYLES[self.style], self.chosen, strict=True)
        ]
        return {
            **election_of(self.style),
            "contests": contests,
            "pseudonym": self.pseudonym.hex(),
            "number": self.number,
            "previous": self.previous.hex(),
            "head": {"size": self.head_size, "root": HEAD_ROOT.hex()},
            "seed": self.seed.hex(),
        }

    def seal(self) -> bytes:
        """Seal it in this package."""
        seed = BallotSeed("demo", self.seed)
        position = Position(self.pseudonym, self.number, self.previous, lock_of("demo", seed.derive_opening()))
        sealed = [
            seal_contest(Contest("demo", GROUP, MANIFEST, self.style, contest, rule, KEY), position, seed, chosen)
            for (contest, rule), chosen in zip(STYLES[self.style], self.chosen, strict=True)
        ]
        return Frame(MANIFEST, self.style, position, self.head_size, HEAD_ROOT, tuple(sealed)).to_bytes()


def election_of(style: int) -> dict[str, Any]:
    """Return the election as the bridge reads it, with the contests of one style."""
    contests = [{"id": contest, "rule": rule.to_bytes().hex(), "chosen": []} for contest, rule in STYLES[style]]
    return {"kind": "demo", "manifest": MANIFEST.hex(), "key": KEY.hex(), "style": style, "contests": contests}


def make_wish(number: int) -> Wish:
    """Return a reproducible wish."""
    source = random.Random(number)
    style = source.choice(list(STYLES))
    chosen = [choose(rule, source) for _, rule in STYLES[style]]
    sizes = (32, 16, 32)
    seed, pseudonym, previous = (source.randbytes(size) for size in sizes)
    return Wish(style, chosen, seed, pseudonym, source.choice([1, 23, 24, 70_000]), previous, source.choice([5, 2**40]))


def verdict(ballot: bytes) -> str:
    """Return the first failing check; kernel and readable verifier must agree."""
    refusals = [verifier.verify([ballot])[0] for verifier in VERIFIERS]
    checks = {"" if refusal is None else refusal.check for refusal in refusals}
    assert len(checks) == 1
    return checks.pop()


@pytest.mark.parametrize("number", range(16))
def test_one_seed_gives_one_ballot_in_both_languages(client: Client, number: int) -> None:
    wish = make_wish(number)
    sealed = client.ask("seal", **wish.question())["ok"]
    expected = wish.seal()
    assert bytes.fromhex(sealed["ballot"]) == expected
    digest = hash_ballot("demo", expected)
    assert (sealed["hash"], sealed["code"]) == (digest.hex(), tracking_code(digest))
    assert bytes.fromhex(sealed["opening"]) == BallotSeed("demo", wish.seed).derive_opening()
    assert verdict(expected) == ""
    assert client.verdict("verify", **election_of(wish.style), ballot=expected.hex()) == ""


def test_ballots_of_the_client_add_up_to_what_was_chosen(client: Client) -> None:
    wishes = [replace(make_wish(number), style=1) for number in range(100, 108)]
    source = random.Random(5)
    wishes = [replace(wish, chosen=[choose(rule, source) for _, rule in STYLES[1]]) for wish in wishes]
    ballots = [bytes.fromhex(client.ask("seal", **wish.question())["ok"]["ballot"]) for wish in wishes]
    for verifier in VERIFIERS:
        outcome = verifier.verify_and_sum(ballots, [0] * len(ballots))
        assert outcome.verdicts == [None] * len(ballots)
        for place, (contest, rule) in enumerate(STYLES[1]):
            expected = [sum(option in wish.chosen[place] for wish in wishes) for option in range(rule.options)]
            assert decrypt(outcome.sums[0, contest]) == expected
    frames = [parse_frame(ballot) for ballot in ballots]
    vectors = [read_vector(frame.contests[0].ciphertexts) for frame in frames if frame is not None]
    assert [read_total(each) for each in add_vectors(vectors)] == decrypt(outcome.sums[0, 1])


def read_vector(data: bytes) -> tuple[Ciphertext, ...]:
    points = [GROUP.parse_sum(data[at : at + 32]) for at in range(0, len(data), 32)]
    return tuple(Ciphertext(a, b) for a, b in zip(points[::2], points[1::2], strict=True))


def read_total(pair: Ciphertext) -> int:
    """Return the small number that a sum encrypts, with the whole key (which only a test has)."""
    wanted = (pair.b - SECRET * pair.a).to_bytes()
    return next(total for total in range(100) if (total * GROUP.generator).to_bytes() == wanted)


def decrypt(data: bytes) -> list[int]:
    return [read_total(pair) for pair in read_vector(data)]


def break_ballot(ballot: bytes, source: random.Random) -> bytes:
    """Return the ballot with one thing changed: a byte, a bit, a field, a piece, its length."""
    frame = parse_frame(ballot)
    assert frame is not None
    contest = source.randrange(len(frame.contests))
    sealed = frame.contests[contest]
    place = 32 * source.randrange(len(sealed.ciphertexts) // 32)
    response = len(sealed.proof) - 32 * source.randint(1, 4)
    piece = source.choice([bytes(32), b"\xff" * 32, KEY, sealed.ciphertexts[:32], (1).to_bytes(32, "little")])

    def with_contest(**changes: bytes) -> bytes:
        contests = list(frame.contests)
        contests[contest] = replace(sealed, **changes)
        return replace(frame, contests=tuple(contests)).to_bytes()

    def put(data: bytes, at: int) -> bytes:
        return data[:at] + piece + data[at + 32 :]

    at, bit = source.randrange(len(ballot)), 1 << source.randrange(8)
    ways: list[Callable[[], bytes]] = [
        lambda: ballot[:at] + bytes([ballot[at] ^ bit]) + ballot[at + 1 :],
        lambda: ballot[:at] + ballot[at + 1 :],
        lambda: ballot[:at] + bytes([source.randrange(256)]) + ballot[at:],
        lambda: ballot[:at],
        lambda: with_contest(ciphertexts=put(sealed.ciphertexts, place)),
        lambda: with_contest(proof=put(sealed.proof, 32 * source.randrange(len(sealed.proof) // 32))),
        lambda: with_contest(proof=put(sealed.proof, response)),
        lambda: with_contest(ciphertexts=sealed.ciphertexts[:-32]),
        lambda: with_contest(proof=sealed.proof + bytes(32)),
        lambda: replace(frame, style=source.choice([1, 2, 3, 4, 5])).to_bytes(),
        lambda: replace(frame, head_size=frame.head_size + 1).to_bytes(),
        lambda: replace(frame, contests=frame.contests[::-1]).to_bytes(),
        lambda: replace(frame, contests=frame.contests[:-1]).to_bytes(),
        lambda: replace(frame, position=replace(frame.position, number=frame.position.number + 1)).to_bytes(),
        lambda: replace(frame, position=replace(frame.position, lock=bytes(32))).to_bytes(),
        lambda: replace(frame, manifest_hash=bytes(32)).to_bytes(),
    ]
    return source.choice(ways)()


def test_a_broken_ballot_fails_the_same_check_everywhere(client: Client) -> None:
    source = random.Random(2026)
    ballots = [(make_wish(number).style, make_wish(number).seal()) for number in range(40, 46)]
    seen: dict[str, int] = {}
    for _ in range(220):
        style, ballot = source.choice(ballots)
        broken = break_ballot(ballot, source)
        frame = parse_frame(broken)
        # The bridge holds the contests of one style: that of the ballot as it stands now.
        named = style if frame is None or frame.style not in STYLES else frame.style
        found = client.verdict("verify", **election_of(named), ballot=broken.hex())
        assert found == verdict(broken), broken.hex()
        seen[found] = seen.get(found, 0) + 1
    wanted = {f"BALLOT-{number}" for number in (1, 2, 3, 4)} | {f"PROOF-{number}" for number in (1, 2, 3, 4, 6, 7)}
    assert wanted <= set(seen), seen


def test_the_second_device_opens_what_python_sealed(client: Client) -> None:
    wish = make_wish(77)
    ballot = wish.seal()
    commitment = hash_ballot("demo", ballot).hex()
    question = {**election_of(wish.style), "ballot": ballot.hex(), "seed": wish.seed.hex(), "commitment": commitment}
    assert [contest["chosen"] for contest in client.ask("open", **question)["ok"]] == wish.chosen
    for changed in ({"seed": bytes(32).hex()}, {"commitment": bytes(32).hex()}):
        assert client.ask("open", **{**question, **changed})["error"].startswith("DoesNotOpen")


def test_a_broken_entry_fails_the_same_check(client: Client) -> None:
    source = random.Random(11)
    seen = set()
    for _ in range(900):
        raw = bytearray(source.choice(RECORD))
        at = source.randrange(len(raw))
        # Heads stand at the beginning more often than their share of the bytes.
        at = source.choice([at, at % 40])
        how = source.randrange(4)
        if how == 0:
            raw[at] ^= 1 << source.randrange(8)
        elif how == 1:
            raw[at] = source.randrange(256)
        elif how == 2:
            del raw[at : at + source.randint(1, 3)]
        else:
            raw[at:at] = source.randbytes(source.randint(1, 3))
        expected = entry_verdict(bytes(raw))
        assert client.verdict("entry", parts=[raw.hex()]) == expected, raw.hex()
        seen.add(expected)
    assert {"", "ENCODING-1", "ENCODING-2", "ENCODING-4"} <= seen


def entry_verdict(raw: bytes) -> str:
    try:
        entry = parse_entry(raw)
        BODIES[entry.type].parse(entry.body)
    except Refused as refusal:
        return refusal.check
    return ""


def change_manifest(manifest: Manifest, source: random.Random) -> Manifest:
    """Return a manifest with one or two fields that do not fit the others."""
    changes: dict[str, list[Any]] = {
        "suite": ["RISTRETTO255-SHA512", "X"],
        "kind": ["demo", "practice", "real"],
        "origin": ["board.example/demo/x", "board.example/real/x", "b/demo/demo", "demo", "B.example/demo/x", "b/real"],
        "opens_at_ms": [0, manifest.closes_at_ms],
        "settle_ms": [0, 3 * manifest.interval_ms, 3 * manifest.interval_ms - 1],
        "receipt_delay_ms": [manifest.interval_ms, manifest.interval_ms - 1],
        "release_by_ms": [manifest.closes_at_ms + manifest.grace_ms + manifest.dispute_ms],
        "round_deadlines_ms": [(1, 2, 2, 3), (4, 3, 2, 1)],
        "minimum_cell": [9, 10],
        "threshold": [1, 2, 3],
        "quorum": [1, 2, 3, 4, 5],
        "faults": [0, 1, 2, 3],
        "rp_id": ["vote.example", "example", "-x.example", "x" * 64 + ".example", "a..b", "VOTE.example"],
        "origins": [
            ("https://vote.example",),
            ("http://vote.example:80",),
            ("https://vote.example:123456",),
            ("vote",),
        ],
        "software_keys": [True, False],
        "log_key": [manifest.receipt_key, SigningKey.from_seed(bytes(32)).public_key],
        "registrars": [manifest.registrars[:1] * 2],
        "officers": [manifest.officers[:1] * 2, manifest.officers[:2]],
        "witnesses": [manifest.witnesses[:3], manifest.witnesses[:2], manifest.witnesses[:1] * 3],
        "trustees": [manifest.trustees[:2], manifest.trustees[:1]],
    }
    names = source.sample(list(changes), source.choice([1, 1, 2]))
    if source.randrange(4) == 0:
        sound = {"origins": ("https://vote.example",), "origin": "b/real/x", "software_keys": False, "minimum_cell": 10}
        manifest = replace(manifest, kind="real", **sound)  # type: ignore[arg-type]
    return replace(manifest, **{name: source.choice(changes[name]) for name in names})


def test_a_changed_manifest_fails_the_same_check(client: Client) -> None:
    source = random.Random(17)
    manifest = Manifest.parse(parse_entry(RECORD[0]).body)
    seen = set()
    for _ in range(300):
        changed = change_manifest(manifest, source)
        expected = verdict_of(lambda _: verify_manifest(changed), b"")  # noqa: B023 - called at once
        assert client.verdict("manifest", parts=[changed.to_bytes().hex()]) == expected, changed
        seen.add(expected)
    wanted = {"", "GROUP-4", "THRESHOLD-1", *(f"MANIFEST-{number}" for number in (1, 2, 4, 5, 6))}
    assert wanted <= seen


def test_the_parts_of_a_manifest_are_read_alike(client: Client) -> None:
    parts = [raw for raw in RECORD if parse_entry(raw).type in {"contest", "units"}]
    manifest = parse_entry(RECORD[0]).body.hex()
    assert client.ask("parts", parts=[manifest, *(raw.hex() for raw in parts)])["ok"] == {"complete": True}
    assert client.ask("parts", parts=[manifest, parts[0].hex()])["ok"] == {"complete": False}
    assert client.verdict("parts", parts=[manifest, RECORD[5].hex()]) == "MANIFEST-7"


def test_every_length_of_head_is_read_alike(client: Client) -> None:
    close = bytes.fromhex("a16762616c6c6f7473")
    for value in (0, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**53 - 1, 2**53, 2**64 - 1):
        for width in (1, 2, 4, 8):
            head = bytes([24 + width.bit_length() - 1]) + (value % 256**width).to_bytes(width, "big")
            body = close + head
            raw = b"\x84\x01\x65close" + write_head(2, len(body)) + body + b"\x80"
            assert client.verdict("entry", parts=[raw.hex()]) == entry_verdict(raw)
    assert read_head(b"\x18\x18", 0, 0) == (24, 2)


def test_signatures_and_notes_and_rules_alike(client: Client) -> None:
    source = random.Random(3)
    key = SigningKey.from_seed(bytes(32))
    note = json.loads((ROOT / "tests/vectors/signatures.json").read_text("utf-8"))["checkpoint"].encode()
    for _ in range(120):
        message = source.randbytes(source.randrange(40))
        parts = [key.public_key, message, key.sign(message)]
        which = source.randrange(4)
        if which < 3 and parts[which]:
            data = bytearray(parts[which])
            data[source.randrange(len(data))] ^= 1 << source.randrange(8)
            parts[which] = bytes(data)
        assert client.verdict("ed25519", parts=[part.hex() for part in parts]) == verdict_of(verify_ed25519, *parts)
        broken = bytearray(note)
        broken[source.randrange(len(broken))] = source.choice(b"\n\r\t +A=\xe2\x80\x94\xff0")
        assert client.verdict("note", parts=[broken.hex()]) == verdict_of(parse_note, bytes(broken))
        rules: list[Rule] = [OneOf.default(10), Between(9, 1, 6), OneOf(7, (2, 2, 2))]
        rule = bytearray(source.choice(rules).to_bytes())
        rule[source.randrange(len(rule))] = source.randrange(8)
        assert client.verdict("rule", parts=[rule.hex()]) == verdict_of(parse_rule, bytes(rule))


def verdict_of(function: Any, *arguments: bytes) -> str:  # noqa: ANN401 - any verifier
    try:
        function(*arguments)
    except Refused as refusal:
        return refusal.check
    return ""
