/** Contest rules: what a voter may choose, as secret bits and linear constraints on them (docs/spec/rules.md). */

import { type Bytes, concat, equal, u16 } from "./bytes.js";
import { MalformedEncoding, Misuse } from "./errors.js";
import { ELEMENT_SIZE, SCALAR_SIZE } from "./suite.js";

export const MAX_OPTIONS = 1024;
export const MAX_DIGITS = 10;

/** Secret bits first..first+weights.length-1 with Σ weight × bit = target; the first weight is 1. */
export interface BitGroup {
  readonly first: number;
  readonly weights: readonly number[];
  readonly target: number;
}

/** Exactly one of n; the choice in mixed radix, least significant digit first. */
export interface OneOf {
  readonly form: "one-of";
  readonly options: number;
  readonly radices: readonly number[];
}

/** At least `minimum` and at most `maximum` of n. */
export interface Between {
  readonly form: "between";
  readonly options: number;
  readonly minimum: number;
  readonly maximum: number;
}

export type Rule = OneOf | Between;

function refuseRule(): never {
  throw new MalformedEncoding("PROOF-9", "not a contest rule within the limits");
}

function product(numbers: readonly number[]): number {
  return numbers.reduce((left, right) => left * right, 1);
}

function require(rule: Rule): Rule {
  const within = rule.options >= 2 && rule.options <= MAX_OPTIONS;
  if (rule.form === "one-of") {
    const { options, radices } = rule;
    const fit = radices.length >= 1 && radices.length <= MAX_DIGITS && radices.every((radix) => radix >= 2 && radix <= options);
    if (!within || !fit || product(radices) < options || product(radices) >= 2 ** 16) refuseRule();
  } else if (!within || rule.minimum > rule.maximum || rule.maximum > rule.options || rule.maximum < 1) {
    refuseRule();
  }
  return rule;
}

/** Decode a rule strictly. */
export function parseRule(data: Bytes): Rule {
  const number = (at: number) => data[at]! * 256 + data[at + 1]!;
  let rule: Rule | undefined;
  if (data[0] === 1 && data.length >= 4 && data.length === 4 + 2 * data[3]!) {
    const radices = Array.from({ length: data[3]! }, (_, at) => number(4 + 2 * at));
    rule = require({ form: "one-of", options: number(1), radices });
  } else if (data[0] === 2 && data.length === 7) {
    rule = require({ form: "between", options: number(1), minimum: number(3), maximum: number(5) });
  }
  if (rule === undefined || !equal(ruleToBytes(rule), data)) refuseRule();
  return rule;
}

export function ruleToBytes(rule: Rule): Bytes {
  if (rule.form === "one-of") {
    return concat(Uint8Array.of(1), u16(rule.options), Uint8Array.of(rule.radices.length), ...rule.radices.map(u16));
  }
  return concat(Uint8Array.of(2), u16(rule.options), u16(rule.minimum), u16(rule.maximum));
}

/** m, the number of digits. */
export function digitsOf(rule: Rule): number {
  return rule.form === "one-of" ? rule.radices.length : 1;
}

/** w_l, the product of all radices before digit l. */
function digitWeights(rule: OneOf): number[] {
  return rule.radices.map((_, at) => product(rule.radices.slice(0, at)));
}

/** 1, 2, ..., 2^(t-2), S - (2^(t-1) - 1): subsets sum to exactly 0..S. */
export function slackWeights(rule: Between): number[] {
  const slack = rule.maximum - rule.minimum;
  if (slack === 0) return [];
  const length = Math.floor(Math.log2(slack)) + 1;
  return [...Array.from({ length: length - 1 }, (_, at) => 2 ** at), slack - (2 ** (length - 1) - 1)];
}

export function bitGroups(rule: Rule): BitGroup[] {
  if (rule.form === "between") {
    const weights = [...new Array<number>(rule.options).fill(1), ...slackWeights(rule)];
    return [{ first: 0, weights, target: rule.maximum }];
  }
  let first = 0;
  return rule.radices.map((radix) => {
    const group = { first, weights: new Array<number>(radix).fill(1), target: 1 };
    first += radix;
    return group;
  });
}

/** B, the number of secret bits. */
export function countBits(rule: Rule): number {
  const last = bitGroups(rule).at(-1)!;
  return last.first + last.weights.length;
}

/** How many bytes the ciphertexts of a contest have. */
export function ciphertextsSize(rule: Rule): number {
  return 2 * rule.options * ELEMENT_SIZE;
}

/** How many bytes the argument of a contest has. */
export function proofSize(rule: Rule): number {
  return (2 + 2 * digitsOf(rule)) * ELEMENT_SIZE + (countBits(rule) - bitGroups(rule).length + 2) * SCALAR_SIZE;
}

/** Whether the rule allows this choice: indices of options, each once. */
export function allows(rule: Rule, chosen: readonly number[]): boolean {
  const known = chosen.every((index) => Number.isInteger(index) && index >= 0 && index < rule.options);
  if (!known || new Set(chosen).size !== chosen.length) return false;
  return rule.form === "one-of" ? chosen.length === 1 : chosen.length >= rule.minimum && chosen.length <= rule.maximum;
}

/** The secret bits of a choice that the rule allows. */
export function bitsOf(rule: Rule, chosen: readonly number[]): (0 | 1)[] {
  if (!allows(rule, chosen)) throw new Misuse("the rule of this contest does not allow this choice");
  if (rule.form === "one-of") {
    const weights = digitWeights(rule);
    return rule.radices.flatMap((radix, at) => {
      const digit = Math.floor(chosen[0]! / weights[at]!) % radix;
      return Array.from({ length: radix }, (_, value): 0 | 1 => (value === digit ? 1 : 0));
    });
  }
  const votes = votesOf(rule, chosen);
  const weights = slackWeights(rule);
  if (weights.length === 0) return votes;
  let missing = rule.maximum - chosen.length;
  const last: 0 | 1 = missing >= 2 ** (weights.length - 1) ? 1 : 0;
  missing -= last * weights.at(-1)!;
  const binary = Array.from({ length: weights.length - 1 }, (_, at): 0 | 1 => ((missing >> at) & 1) as 0 | 1);
  return [...votes, ...binary, last];
}

/** One vote, 0 or 1, for each option. */
export function votesOf(rule: Rule, chosen: readonly number[]): (0 | 1)[] {
  const votes = new Array<0 | 1>(rule.options).fill(0);
  for (const index of chosen) votes[index] = 1;
  return votes;
}

/** Σ_t y^(t w_l) × bit_(l,t) for each digit l, modulo the order; slack bits take no part. */
export function digitPolynomials(rule: Rule, order: bigint, y: bigint, bits: readonly bigint[]): bigint[] {
  if (rule.form === "between") return [evaluate(order, y, bits.slice(0, rule.options))];
  const weights = digitWeights(rule);
  return bitGroups(rule).map((group, at) => {
    const step = power(order, y, weights[at]!);
    return evaluate(order, step, bits.slice(group.first, group.first + group.weights.length));
  });
}

/** Σ point^j × coefficient_j modulo the order. */
export function evaluate(order: bigint, point: bigint, coefficients: readonly bigint[]): bigint {
  let value = 0n;
  for (let at = coefficients.length - 1; at >= 0; at--) value = (value * point + coefficients[at]!) % order;
  return value;
}

/** base^exponent modulo the order. */
export function power(order: bigint, base: bigint, exponent: number): bigint {
  let result = 1n;
  let square = base;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = (result * square) % order;
    square = (square * square) % order;
  }
  return result;
}

/** The radices of the shortest proof of one of n; see the page for ties. */
export function defaultRadices(options: number): number[] {
  let best: number[] | undefined;
  const stack: number[][] = [[]];
  for (let radices = stack.pop(); radices !== undefined; radices = stack.pop()) {
    if (radices.length === MAX_DIGITS) continue;
    const made = product(radices);
    const lowest = radices.at(-1) ?? 2;
    const last = Math.max(lowest, Math.ceil(options / made));
    const candidate = [...radices, last];
    if (best === undefined || compareCosts(candidate, best) < 0) best = candidate;
    for (let radix = lowest; radix < last && made * radix < options; radix++) stack.push([...radices, radix]);
  }
  return best!;
}

function compareCosts(left: readonly number[], right: readonly number[]): number {
  const cost = (radices: readonly number[]) => {
    const sum = radices.reduce((total, radix) => total + radix, 0);
    return [sum + radices.length, radices.length, product(radices), ...radices];
  };
  const [first, second] = [cost(left), cost(right)];
  for (let at = 0; at < first.length; at++) {
    const difference = first[at]! - (second[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
