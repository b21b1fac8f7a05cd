import { ed25519 } from "@noble/curves/ed25519.js";
import { expect, test } from "vitest";
import { hashBallot, NO_PREVIOUS, parseBallot, RECEIPT, receiptMessage, trackingCode } from "../../src/core/ballot.js";
import { castChallenge } from "../../src/core/ballot.js";
import { type Bytes, concat, equal } from "../../src/core/bytes.js";
import { BALLOT_ENTRY, parseBody } from "../../src/core/entries.js";
import { Misuse } from "../../src/core/errors.js";
import { leafHash, logProofToBytes, rootOf } from "../../src/core/merkle.js";
import { castChallenge as pageChallenge, loginChallenge, registerChallenge } from "../../src/ui/challenges.js";
import * as ballots from "../../src/core/ballot.js";
import { type ElectionFiles, Operations, type ReceiptInput, type SealInput } from "../../src/worker/operations.js";
import { covering, entries, headOf, newest, NOW, opening, pinned, places, raws, tilesOf } from "../core/record.js";
import { expectRefused, flip, hex, load } from "../core/vectors.js";
import { secret } from "../public/world.js";

const head = headOf(covering);
const files: ElectionFiles = {
  pinned,
  now_s: NOW,
  checkpoint: covering,
  places,
  entries: raws.slice(0, head.size).map((raw, index) => [index, raw] as const),
  tiles: tilesOf(head.size),
};

let drawn = 0;
/** An operation object whose seeds are told apart. */
function start(): Operations {
  return new Operations((bytes) => bytes.fill(++drawn));
}

function started(): Operations {
  const operations = start();
  operations.verifyElection(files);
  return operations;
}

const facts = start().verifyElection(files);
const style = facts.styles[0]!;
const input: SealInput = {
  style: style.id,
  contests: style.contests.map(({ id }) => id),
  choices: style.contests.map((contest) => Array.from({ length: contest.maximum }, (_, index) => index)),
  pseudonym: new Uint8Array(16).fill(2),
  number: 1,
  previous: NO_PREVIOUS,
  head,
  tiles: [],
};

test("facts for a page", () => {
  expect(facts.head.size).toBe(head.size);
  expect(facts.head.cosignatures.length).toBeGreaterThanOrEqual(facts.manifest.quorum);
  expect(facts.units.size).toBeGreaterThan(0);
  expect(style.contests.map((contest) => contest.id)).toEqual([...facts.manifest.styles[0]!.contests]);
  for (const contest of style.contests) expect(contest.options.length).toBeGreaterThanOrEqual(contest.maximum);
});

test("nothing is sealed or believed before the election was verified", () => {
  const operations = start();
  expect(() => operations.seal(input, () => {})).toThrow(Misuse);
  expect(() => operations.verifyNonce({ pseudonym: input.pseudonym, hash: pinned, nonce: new Uint8Array(88) })).toThrow(Misuse);
  expectRefused("RECORD-3", () => operations.verifyElection({ ...files, pinned: new Uint8Array(32) }));
  expect(() => operations.seal(input, () => {})).toThrow(Misuse);
});

test("nothing is sealed for other contests than those that were shown", () => {
  const [first, ...rest] = input.contests;
  for (const contests of [rest, [...input.contests, 99], [first! + 90, ...rest]]) {
    expectRefused("BALLOT-3", () => started().seal({ ...input, contests }, () => {}));
  }
});

test("seal, then check this phone", () => {
  const operations = started();
  const steps: number[] = [];
  const sealed = operations.seal(input, (done, total) => steps.push(done / total));
  expect(steps.at(-1)).toBe(1);
  expect(sealed.hash).toEqual(hashBallot("demo", sealed.ballot));
  expect(sealed.code).toBe(trackingCode(sealed.hash));
  const { headSize, headRoot } = parseBallot(sealed.ballot);
  expect([headSize, equal(headRoot, head.root)]).toEqual([head.size, true]);
  expect(() => operations.open(flip(sealed.hash, 0))).toThrow(Misuse);
  const opened = operations.open(sealed.hash);
  expect(opened.seed.every((byte) => byte === drawn)).toBe(true);
  operations.forget();
  expect(() => operations.open(sealed.hash)).toThrow(Misuse);
  // What the page was given is its own.
  expect(opened.seed.some((byte) => byte !== 0)).toBe(true);
});

test("every ballot has a seed of its own, and only the last one is kept", () => {
  const operations = started();
  const [first, second] = [operations.seal(input, () => {}), operations.seal(input, () => {})];
  expect(equal(first.ballot, second.ballot)).toBe(false);
  expect(() => operations.open(first.hash)).toThrow(Misuse);
  expect(operations.open(second.hash).seed.length).toBe(32);
});

test("a head that is no beginning of the verified log is not named", () => {
  const operations = started();
  expectRefused("BALLOT-8", () => operations.seal({ ...input, head: { ...head, root: flip(head.root, 0) } }, () => {}));
  expectRefused("BALLOT-8", () => operations.seal({ ...input, head: { size: opening, root: rootOf(raws.slice(0, opening).map(leafHash)) } }, () => {}));
  const size = opening + 1;
  operations.seal({ ...input, head: { size, root: rootOf(raws.slice(0, size).map(leafHash)) } }, () => {});
  expect(() => operations.seal({ ...input, choices: [] }, () => {})).toThrow(Misuse);
});

test("one size has one root, whatever else fits", () => {
  const operations = started();
  operations.verifyElection(files);
  const later = headOf(newest);
  operations.verifyElection({
    ...files,
    checkpoint: newest,
    entries: raws.map((raw, index) => [index, raw] as const),
    tiles: tilesOf(later.size),
  });
});

// ------------------------------------------------------------------------------------------------------------- receipts

const vectors = load("ballot");
const ballot = hex(vectors.ballot);
const { pseudonym, number } = parseBallot(ballot);

test("a receipt names exactly the ballot that was cast", () => {
  const operations = started();
  const receipt = hex(vectors.receipt);
  const verify = (changes: Partial<ReceiptInput> = {}) =>
    operations.verifyReceipt({ receipt, ballot, pseudonym, number, now_ms: vectors.issued_at_ms, ...changes });
  expect(verify().deadline_ms).toBeGreaterThan(0);
  expectRefused("RECEIPT-2", () => verify({ ballot: flip(ballot, 900) }));
  expectRefused("RECEIPT-2", () => verify({ pseudonym: new Uint8Array(16) }));
  expectRefused("RECEIPT-2", () => verify({ number: number + 1 }));
  const forged = { ...RECEIPT.parse(receipt), number: number + 1 };
  const signature = ed25519.sign(receiptMessage("demo", forged), new Uint8Array(32).fill(9));
  expectRefused("RECEIPT-2", () => verify({ receipt: RECEIPT.toBytes({ ...forged, signature }), number: number + 1 }));
});

test("a receipt that just came falls due soon, by the device's or the witnesses' time", () => {
  const operations = started();
  const last = hex(vectors.last_receipt);
  const verify = (receipt: Bytes, now_ms: number) => operations.verifyReceipt({ receipt, ballot, pseudonym, number, now_ms });
  const { deadline_ms } = verify(last, 9e15);
  const now = deadline_ms - facts.manifest.receipt_delay_ms - 600_000;
  verify(last, now);
  expectRefused("RECEIPT-2", () => verify(last, now - 1));
  // A device whose clock stands at zero still knows what the witnesses signed.
  const issued = (at: number): Bytes => {
    const made = { ...RECEIPT.parse(last), deadline_ms: at + facts.manifest.receipt_delay_ms };
    return RECEIPT.toBytes({ ...made, signature: ed25519.sign(receiptMessage("demo", made), secret("key", "receipt", 0)) }) as Bytes;
  };
  const { lower_ms } = facts.head;
  verify(issued(lower_ms + 600_000), 0);
  expectRefused("RECEIPT-2", () => verify(issued(lower_ms + 600_001), 0));
});

test("nonces", () => {
  const operations = started();
  const hash = hashBallot("demo", ballot);
  const nonce = hex(vectors.nonce);
  expect(operations.verifyNonce({ pseudonym, hash, nonce })).toBe(vectors.issued_at_ms);
  expectRefused("BALLOT-11", () => operations.verifyNonce({ pseudonym, hash: pinned, nonce }));
});

/** RFC 6962's path. */
function path(index: number, hashes: Bytes[]): Bytes[] {
  if (hashes.length === 1) return [];
  const k = 2 ** Math.ceil(Math.log2(hashes.length) - 1);
  const [left, right] = [hashes.slice(0, k), hashes.slice(k)];
  return index < k ? [...path(index, left), rootOf(right)] : [...path(index - k, right), rootOf(left)];
}

test("a cast ballot on the board", () => {
  const operations = started();
  const later = headOf(newest);
  const index = entries.findIndex((entry, place) => entry.type === "ballot" && place < later.size);
  const cast = parseBody(entries[index]!, "ballot");
  const proof = (at: number, checkpoint = newest) =>
    logProofToBytes({ index: at, proof: path(index, raws.slice(0, later.size).map(leafHash)), checkpoint, extra: null });
  expect(operations.verifyOnTheBoard({ cast, proof: proof(index), now_s: NOW }).index).toBe(index);
  expectRefused("MERKLE-5", () => operations.verifyOnTheBoard({ cast, proof: proof(index + 1), now_s: NOW }));
  expectRefused("MERKLE-5", () => operations.verifyOnTheBoard({ cast: { ...cast, nonce: flip(cast.nonce, 0) }, proof: proof(index), now_s: NOW }));
  expectRefused("SIGNATURE-5", () => operations.verifyOnTheBoard({ cast, proof: proof(index), now_s: 1 }));
  expectRefused("MERKLE-1", () => operations.verifyOnTheBoard({ cast, proof: concat(proof(index).slice(1)), now_s: NOW }));
  expect(BALLOT_ENTRY.toBytes(cast)).toEqual(entries[index]!.body);
});

test("the page's challenges are the core's", () => {
  const [token, nonce] = [new Uint8Array(40).fill(1), new Uint8Array(88).fill(2)];
  expect(pageChallenge("real", pinned, pinned, nonce)).toEqual(castChallenge("real", pinned, pinned, nonce));
  expect(loginChallenge("real", pinned, token)).toEqual(ballots.loginChallenge("real", pinned, token));
  expect(registerChallenge("real", pinned, token)).toEqual(ballots.registerChallenge("real", pinned, token));
});
