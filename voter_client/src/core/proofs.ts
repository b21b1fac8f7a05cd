/**
 * The bit-vector argument that a contest of a ballot follows its rule: prover and verifier (docs/spec/proofs.md).
 *
 * The bytes are those of `crypto/proofs.py` for the same seed, and the first failing check is the same on every input.
 */

import { type Bytes, concat, u16, u32, utf8 } from "./bytes.js";
import { BallotSeed, type EncryptionKey } from "./elgamal.js";
import { MalformedEncoding, Misuse, Refused } from "./errors.js";
import {
  type Element,
  ELEMENT_SIZE,
  GENERATOR,
  HASH_SUITE,
  hashToElement,
  ORDER,
  parseElement,
  parseScalar,
  reduce,
  reduceWide,
  scalarToBytes,
  SUITE,
  sumOf,
  sumsOf,
} from "./group.js";
import {
  bitGroups,
  bitsOf,
  ciphertextsSize,
  countBits,
  digitPolynomials,
  digitsOf,
  evaluate,
  power,
  proofSize,
  type Rule,
  ruleToBytes,
  votesOf,
} from "./rules.js";
import { type Kind, tag, Transcript } from "./transcript.js";

export { ciphertextsSize, proofSize };

/** What is the same for every ballot of one contest of one style; `key` is the encoding of H. */
export interface ContestStatement {
  readonly kind: Kind;
  readonly manifestHash: Bytes;
  readonly style: number;
  readonly contest: number;
  readonly rule: Rule;
  readonly key: Bytes;
}

/** Where a ballot stands. */
export interface Position {
  readonly pseudonym: Bytes;
  readonly number: number;
  readonly previous: Bytes;
  readonly lock: Bytes;
}

/** One contest of a ballot. */
export interface SealedContest {
  readonly ciphertexts: Bytes;
  readonly proof: Bytes;
}

const DOMAIN = `dobush/1/generators/${SUITE}/${HASH_SUITE}`;
const generators = /* @__PURE__ */ new Map<string, Element>();

/** K ("K", 0), G_b ("G", b) or G'_b ("H", b): hashed to the group, so that nobody can choose one. */
export function deriveGenerator(label: "K" | "G" | "H", index = 0): Element {
  const name = `${label}${index}`;
  let generator = generators.get(name);
  if (generator === undefined) {
    generator = hashToElement(concat(utf8(label), u32(index)), utf8(DOMAIN));
    generators.set(name, generator);
  }
  return generator;
}

/** The transcript's state that all ballots of a contest share. */
export function contestState(statement: ContestStatement): Bytes {
  const transcript = Transcript.begin(tag(statement.kind, `ballot-proof/${SUITE}`));
  transcript.absorb("manifest", statement.manifestHash);
  transcript.absorb("style", u16(statement.style));
  transcript.absorb("contest", u16(statement.contest));
  transcript.absorb("rule", ruleToBytes(statement.rule));
  transcript.absorb("generators", utf8(DOMAIN));
  transcript.absorb("key", statement.key);
  return transcript.state;
}

function beginTranscript(statement: ContestStatement, position: Position, ciphertexts: Bytes): Transcript {
  const transcript = Transcript.resume(contestState(statement));
  transcript.absorb("pseudonym", position.pseudonym);
  transcript.absorb("number", u32(position.number));
  transcript.absorb("previous", position.previous);
  transcript.absorb("lock", position.lock);
  transcript.absorb("ciphertexts", ciphertexts);
  return transcript;
}

// -------------------------------------------------------------------------------------------------------------- prover

/** How many steps sealing a contest takes, for who shows progress. */
export function sealingSteps(rule: Rule): number {
  return rule.options + 2 * countBits(rule) + digitsOf(rule);
}

/** Encrypt one contest's votes with the randomness of the seed: what the voter's second device repeats. */
export function encryptVotes(
  contest: number,
  rule: Rule,
  key: EncryptionKey,
  seed: BallotSeed,
  chosen: readonly number[],
  step: () => void = () => {},
): Bytes {
  return key.encrypt(votesOf(rule, chosen).map(BigInt), deriveRandomness(contest, rule, seed), step);
}

function deriveRandomness(contest: number, rule: Rule, seed: BallotSeed): bigint[] {
  return Array.from({ length: rule.options }, (_, option) => seed.deriveEncryption(contest, option));
}

/** Encrypt and prove a choice: the indices of the chosen options. Misuse when the rule does not allow it. */
export function sealContest(
  statement: ContestStatement,
  position: Position,
  key: EncryptionKey,
  seed: BallotSeed,
  chosen: readonly number[],
  step: () => void = () => {},
): SealedContest {
  const bits = bitsOf(statement.rule, chosen);
  const ciphertexts = encryptVotes(statement.contest, statement.rule, key, seed, chosen, step);
  return { ciphertexts, proof: proveContest(statement, position, key, seed, ciphertexts, bits, step) };
}

/** Run the prover on secret bits without asking whether they make sense. */
export function proveContest(
  statement: ContestStatement,
  position: Position,
  key: EncryptionKey,
  seed: BallotSeed,
  ciphertexts: Bytes,
  bits: readonly (0 | 1)[],
  step: () => void = () => {},
): Bytes {
  const { rule, contest } = statement;
  const groups = bitGroups(rule);
  const transcript = beginTranscript(statement, position, ciphertexts);
  const state = transcript.state;
  const secret = (label: string, index: number) => seed.deriveProof(label, contest, index, state);
  const s = bits.map(BigInt);
  const a: bigint[] = new Array(bits.length).fill(0n);
  for (const { first, weights } of groups) {
    for (let at = 1; at < weights.length; at++) {
      a[first + at] = secret("mask", first + at);
      a[first] = reduce(a[first]! - BigInt(weights[at]!) * a[first + at]!);
    }
  }
  const alpha = secret("alpha", 0);
  const gamma = secret("gamma", 0);
  // P1: both commitments over the same points, so that their multiples are made once.
  const points: Element[] = [deriveGenerator("K")];
  const m1Scalars = [alpha];
  const m0Scalars = [gamma];
  bits.forEach((bit, b) => {
    points.push(deriveGenerator("G", b));
    m1Scalars.push(s[b]!);
    m0Scalars.push(a[b]!);
    step();
    points.push(deriveGenerator("H", b));
    m1Scalars.push(bit === 0 ? a[b]! : reduce(-a[b]!));
    m0Scalars.push(reduce(-a[b]! * a[b]!));
    step();
  });
  const [m1, m0] = sumsOf([m1Scalars, m0Scalars], points);
  const commitments = concat(m1!.toBytes(), m0!.toBytes());
  transcript.absorb("commitments", commitments);
  const y = reduceWide(transcript.challenge("y"));
  // P2: D_l encrypts the coefficient P_l of the product of (beta_l + alpha_l X).
  let polynomial: bigint[] = [1n];
  const slopes = digitPolynomials(rule, ORDER, y, s);
  digitPolynomials(rule, ORDER, y, a).forEach((beta, digit) => {
    const slope = slopes[digit]!;
    const low = [...polynomial, 0n];
    polynomial = low.map((coefficient, at) => reduce(beta * coefficient + (at > 0 ? slope * polynomial[at - 1]! : 0n)));
  });
  const m = digitsOf(rule);
  const digitRandomness = Array.from({ length: m }, (_, digit) => secret("digit", digit));
  const digits = key.encrypt(polynomial.slice(0, m), digitRandomness, step);
  transcript.absorb("digits", digits);
  const x = reduceWide(transcript.challenge("x"));
  // P3
  const sent = groups.flatMap(({ first, weights }) => weights.slice(1).map((_, at) => x * s[first + 1 + at]! + a[first + 1 + at]!));
  const w = x * alpha + gamma;
  const powerSum = evaluate(ORDER, y, deriveRandomness(contest, rule, seed));
  const z = power(ORDER, x, m) * powerSum + evaluate(ORDER, x, digitRandomness);
  return concat(commitments, digits, ...[...sent, w, z].map(scalarToBytes));
}

// ------------------------------------------------------------------------------------------------------------ verifier

/** A contest after its encodings were checked; `f` is complete. */
export interface DecodedContest {
  readonly statement: ContestStatement;
  readonly vector: readonly Element[];
  readonly m1: Element;
  readonly m0: Element;
  readonly digits: readonly Element[];
  readonly f: readonly bigint[];
  readonly w: bigint;
  readonly z: bigint;
  readonly x: bigint;
  readonly y: bigint;
}

/** Check one contest on its own. Throws Refused with the first failing check. */
export function verifyContest(statement: ContestStatement, position: Position, sealed: SealedContest): void {
  verifyEquations(decodeContest(statement, position, sealed));
}

/** Checks 1 to 5, in order; what is not transmitted is recomputed. */
export function decodeContest(statement: ContestStatement, position: Position, sealed: SealedContest): DecodedContest {
  const { rule } = statement;
  const m = digitsOf(rule);
  const culprit = `contest ${statement.contest}`;
  const { ciphertexts, proof } = sealed;
  // Ciphertexts and proof MUST have exactly the lengths that suite and rule give.
  if (ciphertexts.length !== ciphertextsSize(rule) || proof.length !== proofSize(rule)) {
    throw new MalformedEncoding("PROOF-1", "ciphertexts or proof have the wrong length", culprit);
  }
  const split = (2 + 2 * m) * ELEMENT_SIZE;
  const parse = <T>(wrong: MalformedEncoding, data: Bytes, one: (part: Bytes) => T): T[] => {
    const parts: T[] = [];
    for (let at = 0; at < data.length; at += ELEMENT_SIZE) {
      try {
        parts.push(one(data.subarray(at, at + ELEMENT_SIZE)));
      } catch (error) {
        throw error instanceof Refused ? wrong : error;
      }
    }
    return parts;
  };
  // Every A_j and B_j MUST be the valid encoding of an element other than the identity.
  const wrongCiphertext = new MalformedEncoding("PROOF-2", "a ciphertext is no valid element", culprit);
  const vector = parse(wrongCiphertext, ciphertexts, (part) => parseElement(part));
  // M1, M0 and both components of every D_l MUST be valid encodings of elements other than the identity.
  const wrongCommitment = new MalformedEncoding("PROOF-3", "a commitment of the proof is no valid element", culprit);
  const [m1, m0, ...digits] = parse(wrongCommitment, proof.subarray(0, split), (part) => parseElement(part));
  // Every transmitted scalar MUST be less than the group order.
  const wrongScalar = new MalformedEncoding("PROOF-4", "a response of the proof is no canonical scalar", culprit);
  const scalars = parse(wrongScalar, proof.subarray(split), (part) => parseScalar(part));
  const transcript = beginTranscript(statement, position, ciphertexts);
  transcript.absorb("commitments", proof.slice(0, 2 * ELEMENT_SIZE));
  const y = reduceWide(transcript.challenge("y"));
  transcript.absorb("digits", proof.slice(2 * ELEMENT_SIZE, split));
  const x = reduceWide(transcript.challenge("x"));
  // Neither y nor x MUST be zero.
  if (x === 0n || y === 0n) throw new Refused("PROOF-5", "a challenge is zero", culprit);
  const f: bigint[] = new Array(countBits(rule)).fill(0n);
  let next = 0;
  for (const { first, weights, target } of bitGroups(rule)) {
    let rest = x * BigInt(target);
    for (let at = 1; at < weights.length; at++) {
      f[first + at] = scalars[next++]!;
      rest -= BigInt(weights[at]!) * f[first + at]!;
    }
    f[first] = reduce(rest);
  }
  return { statement, vector, m1: m1!, m0: m0!, digits, f, w: scalars[next]!, z: scalars[next + 1]!, x, y };
}

/** Check E1, E2 and E3 one by one. */
export function verifyEquations(decoded: DecodedContest): void {
  const { statement, vector, digits, f, w, z, x, y } = decoded;
  const { rule } = statement;
  const culprit = `contest ${statement.contest}`;
  // E1 MUST hold: x M1 + M0 = sum of f_b G_b + f_b (x - f_b) G'_b + w K.
  const bitScalars = [x, 1n, reduce(-w)];
  const bitPoints = [decoded.m1, decoded.m0, deriveGenerator("K")];
  f.forEach((response, b) => {
    bitScalars.push(reduce(-response), reduce(-response * (x - response)));
    bitPoints.push(deriveGenerator("G", b), deriveGenerator("H", b));
  });
  if (!sumOf(bitScalars, bitPoints).isIdentity()) {
    throw new Refused("PROOF-6", "the committed digits are not one bit each", culprit);
  }
  const weights: bigint[] = [];
  let weight = power(ORDER, x, digitsOf(rule));
  for (let option = 0; option < rule.options; option++) {
    weights.push(weight);
    weight = (weight * y) % ORDER;
  }
  for (let digit = 0; digit < digitsOf(rule); digit++) weights.push(power(ORDER, x, digit));
  const column = (which: 0 | 1) => [...vector, ...digits].filter((_, at) => at % 2 === which);
  // E2 MUST hold: x^m sum of y^j A_j + sum of x^l D_l^A = z G.
  if (!sumOf([...weights, reduce(-z)], [...column(0), GENERATOR]).isIdentity()) {
    throw new Refused("PROOF-7", "the ciphertexts' first components do not answer the challenge", culprit);
  }
  // E3 MUST hold: x^m sum of y^j B_j + sum of x^l D_l^B = z H + phi G.
  const phi = digitPolynomials(rule, ORDER, y, f).reduce((left, right) => (left * right) % ORDER, 1n);
  const points = [...column(1), parseElement(statement.key), GENERATOR];
  if (!sumOf([...weights, reduce(-z), reduce(-phi)], points).isIdentity()) {
    throw new Refused("PROOF-8", "the encrypted votes are not the committed choice", culprit);
  }
}

/** Misuse unless every number of a position fits its bytes. */
export function requirePosition(position: Position): void {
  const sizes = [position.pseudonym.length, position.previous.length, position.lock.length];
  if (sizes.join() !== "16,32,32" || position.number < 1) throw new Misuse("a position has fixed sizes and a number from 1");
}
