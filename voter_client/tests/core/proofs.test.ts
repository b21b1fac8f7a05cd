import fc from "fast-check";
import { expect, test } from "vitest";
import { type Bytes, concat } from "../../src/core/bytes.js";
import { BallotSeed, EncryptionKey } from "../../src/core/elgamal.js";
import { Misuse } from "../../src/core/errors.js";
import { GENERATOR, multiply, parseElement, parseScalar, scalarToBytes } from "../../src/core/group.js";
import { contestState, type ContestStatement, type Position, proofSize, proveContest, sealContest, verifyContest } from "../../src/core/proofs.js";
import { allows, bitGroups, bitsOf, defaultRadices, parseRule, type Rule, ruleToBytes } from "../../src/core/rules.js";
import { expectRefused, flip, hex, load, unhex } from "./vectors.js";

const vectors = load("proofs");
const rules = load("rules");
const elgamal = load("elgamal");
const contests = (vectors.contests as any[]).filter((contest) => contest.suite === "RISTRETTO255-SHA512");
const position: Position = {
  pseudonym: hex(vectors.pseudonym),
  number: vectors.number,
  previous: hex(vectors.previous),
  lock: hex(vectors.lock),
};

function statementOf(contest: any): ContestStatement {
  const { style, contest: id, rule, key } = contest;
  return { kind: vectors.kind, manifestHash: hex(vectors.manifest_hash), style, contest: id, rule: parseRule(hex(rule)), key: hex(key) };
}

test.each(rules.rules as any[])("rule $rule", ({ rule, chosen, bits, constraints }) => {
  const parsed = parseRule(hex(rule));
  expect(unhex(ruleToBytes(parsed))).toBe(rule);
  expect(bitsOf(parsed, chosen)).toEqual(bits);
  expect(bitGroups(parsed)).toEqual(constraints);
});

test.each(rules.refused as string[])("refused rule %s", (rule) => {
  expectRefused("PROOF-9", () => parseRule(hex(rule)));
});

test.each(Object.entries(rules.default_radices as Record<string, number[]>))("default radices of %s", (options, radices) => {
  expect(defaultRadices(Number(options))).toEqual(radices);
});

test("slack bits cover every allowed number of votes", () => {
  for (let maximum = 1; maximum <= 9; maximum++) {
    for (let minimum = 0; minimum <= maximum; minimum++) {
      const rule: Rule = { form: "between", options: 9, minimum, maximum };
      for (let count = minimum; count <= maximum; count++) {
        const bits = bitsOf(rule, Array.from({ length: count }, (_, at) => at));
        const [group] = bitGroups(rule);
        expect(group!.weights.reduce((sum, weight, at) => sum + weight * bits[at]!, 0)).toBe(maximum);
      }
    }
  }
});

test("a choice that the rule does not allow", () => {
  const one: Rule = { form: "one-of", options: 3, radices: [3] };
  for (const wrong of [[], [0, 1], [3], [-1], [0.5], [0, 0]]) {
    expect(allows(one, wrong)).toBe(false);
    expect(() => bitsOf(one, wrong)).toThrow(Misuse);
  }
  const some: Rule = { form: "between", options: 3, minimum: 1, maximum: 2 };
  for (const wrong of [[], [0, 1, 2], [1, 1], [7]]) expect(allows(some, wrong)).toBe(false);
});

test("derivation of randomness and encryption", () => {
  const suite = elgamal.suites["RISTRETTO255-SHA512"];
  const seed = new BallotSeed(elgamal.kind, hex(elgamal.seed));
  const randomness = suite.randomness.map((_: string, option: number) => seed.deriveEncryption(elgamal.contest, option));
  expect(randomness.map((each: bigint) => unhex(scalarToBytes(each)))).toEqual(suite.randomness);
  expect(unhex(seed.deriveOpening())).toBe(elgamal.opening);
  const values = elgamal.votes.map(BigInt);
  const key = new EncryptionKey(parseElement(hex(suite.key)));
  expect(unhex(key.encrypt(values, randomness))).toBe(suite.ciphertexts);
  expect(() => new BallotSeed("demo", new Uint8Array(31))).toThrow(Misuse);
});

test.each(contests)("the same bytes from the same seed: contest under rule $rule", (contest) => {
  const statement = statementOf(contest);
  expect(unhex(contestState(statement))).toBe(contest.state);
  const key = new EncryptionKey(parseElement(statement.key));
  const sealed = sealContest(statement, position, key, new BallotSeed(vectors.kind, hex(contest.seed)), contest.chosen);
  expect(unhex(sealed.ciphertexts)).toBe(contest.ciphertexts);
  expect(unhex(sealed.proof)).toBe(contest.proof);
  expect(sealed.proof.length).toBe(proofSize(statement.rule));
  verifyContest(statement, position, sealed);
});

// ------------------------------------------------------------------------------------------------------------- refusals

const contest = contests.find((each) => each.rule === ruleHex(10))!;
const statement = statementOf(contest);
const sealed = { ciphertexts: hex(contest.ciphertexts), proof: hex(contest.proof) };

function ruleHex(options: number): string {
  return unhex(ruleToBytes({ form: "one-of", options, radices: defaultRadices(options) }));
}

const replaced = (data: Bytes, at: number, part: Bytes): Bytes => concat(data.slice(0, at), part, data.slice(at + part.length));
const verify = (changed: Partial<typeof sealed>, where: Partial<Position> = {}, what: Partial<ContestStatement> = {}) =>
  verifyContest({ ...statement, ...what }, { ...position, ...where }, { ...sealed, ...changed });

test("sizes", () => {
  expectRefused("PROOF-1", () => verify({ ciphertexts: sealed.ciphertexts.slice(1) }));
  expectRefused("PROOF-1", () => verify({ ciphertexts: concat(sealed.ciphertexts, new Uint8Array(64)) }));
  expectRefused("PROOF-1", () => verify({ proof: sealed.proof.slice(0, -32) }));
  expectRefused("PROOF-1", () => verify({ proof: concat(sealed.proof, new Uint8Array(1)) }));
});

test("encodings, in this order", () => {
  const [identity, bad] = [new Uint8Array(32), new Uint8Array(32).fill(255)];
  for (const at of [0, 32, sealed.ciphertexts.length - 32]) {
    expectRefused("PROOF-2", () => verify({ ciphertexts: replaced(sealed.ciphertexts, at, identity) }));
    expectRefused("PROOF-2", () => verify({ ciphertexts: replaced(sealed.ciphertexts, at, bad), proof: sealed.proof.map(() => 255) }));
  }
  for (const at of [0, 32, 64, 160]) {
    expectRefused("PROOF-3", () => verify({ proof: replaced(sealed.proof, at, identity) }));
    expectRefused("PROOF-3", () => verify({ proof: replaced(replaced(sealed.proof, at, bad), 192, bad) }));
  }
  for (let at = 192; at < sealed.proof.length; at += 32) {
    expectRefused("PROOF-4", () => verify({ proof: replaced(sealed.proof, at, bad) }));
  }
});

test("each equation by itself", () => {
  const bump = (at: number) => replaced(sealed.proof, at, scalarToBytes(parseScalar(sealed.proof.slice(at, at + 32)) + 1n));
  // A response of a bit or w: E1. The last scalar, z: E2.
  for (let at = 192; at < sealed.proof.length - 32; at += 32) expectRefused("PROOF-6", () => verify({ proof: bump(at) }));
  expectRefused("PROOF-7", () => verify({ proof: bump(sealed.proof.length - 32) }));
});

test("votes that are not the committed choice fail the third equation", () => {
  const key = new EncryptionKey(parseElement(statement.key));
  const seed = new BallotSeed(vectors.kind, hex(contest.seed));
  const randomness = Array.from({ length: 10 }, (_, option) => seed.deriveEncryption(statement.contest, option));
  for (const votes of [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0, 0, 0, 0, 0]]) {
    const ciphertexts = key.encrypt(votes.map(BigInt), randomness);
    const proof = proveContest(statement, position, key, seed, ciphertexts, bitsOf(statement.rule, [0]));
    expectRefused("PROOF-8", () => verify({ ciphertexts, proof }));
  }
});

test("bits that the rule does not allow", () => {
  const rule: Rule = { form: "between", options: 3, minimum: 0, maximum: 2 };
  const free = { ...statement, rule };
  const key = new EncryptionKey(parseElement(statement.key));
  const seed = new BallotSeed(vectors.kind, new Uint8Array(32).fill(9));
  const ciphertexts = key.encrypt([1n, 1n, 1n], [0, 1, 2].map((option) => seed.deriveEncryption(statement.contest, option)));
  const proof = proveContest(free, position, key, seed, ciphertexts, [1, 1, 1, 0, 0]);
  expectRefused("PROOF-6", () => verifyContest(free, position, { ciphertexts, proof }));
});

test("a proof that is moved", () => {
  const other = new Uint8Array(32).fill(1);
  expectRefused("PROOF-6", () => verify({}, { pseudonym: new Uint8Array(16) }));
  expectRefused("PROOF-6", () => verify({}, { number: position.number + 1 }));
  expectRefused("PROOF-6", () => verify({}, { previous: other }));
  expectRefused("PROOF-6", () => verify({}, { lock: other }));
  expectRefused("PROOF-6", () => verify({}, {}, { style: statement.style + 1 }));
  expectRefused("PROOF-6", () => verify({}, {}, { contest: statement.contest + 1 }));
  expectRefused("PROOF-6", () => verify({}, {}, { manifestHash: other }));
  expectRefused("PROOF-6", () => verify({}, {}, { kind: "practice" }));
  expectRefused("PROOF-6", () => verify({}, {}, { key: multiply(5n, GENERATOR).toBytes() }));
});

test("any changed bit is refused", () => {
  fc.assert(
    fc.property(fc.nat(8 * sealed.ciphertexts.length - 1), fc.nat(8 * sealed.proof.length - 1), fc.boolean(), (first, second, which) => {
      const changed = which ? { ciphertexts: flip(sealed.ciphertexts, first) } : { proof: flip(sealed.proof, second) };
      expect(() => verify(changed)).toThrow(/^PROOF-[23467]/);
    }),
    { numRuns: 40, seed: 3 },
  );
});

test("many rules and choices verify", () => {
  const key = new EncryptionKey(multiply(77n, GENERATOR));
  const cases: [Rule, number[]][] = [
    [{ form: "one-of", options: 7, radices: [2, 4] }, [6]],
    [{ form: "one-of", options: 54, radices: defaultRadices(54) }, [53]],
    [{ form: "between", options: 12, minimum: 0, maximum: 12 }, []],
    [{ form: "between", options: 12, minimum: 3, maximum: 3 }, [0, 5, 11]],
    [{ form: "between", options: 12, minimum: 1, maximum: 6 }, [4, 5, 6, 7, 8]],
  ];
  for (const [rule, chosen] of cases) {
    const one = { ...statement, rule, key: multiply(77n, GENERATOR).toBytes() };
    const seed = new BallotSeed(vectors.kind, new Uint8Array(32).fill(chosen.length));
    verifyContest(one, position, sealContest(one, position, key, seed, chosen));
  }
});
