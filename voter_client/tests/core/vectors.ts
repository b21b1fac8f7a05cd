// The shared vectors, and what the tests of the core have in common.

import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { fromHex, toHex } from "../../src/core/bytes.js";
import { Refused } from "../../src/core/errors.js";

export function load(name: string): any {
  return JSON.parse(readFileSync(new URL(`../../../tests/vectors/${name}.json`, import.meta.url), "utf-8"));
}

export const hex = fromHex;
export const unhex = toHex;
export const text = (data: Uint8Array): string => new TextDecoder().decode(data);
export const ascii = (data: string): Uint8Array => new TextEncoder().encode(data);

/** Assert that the body is refused with exactly this check. */
export function expectRefused(check: string, body: () => unknown): void {
  let refusal: unknown;
  try {
    body();
  } catch (error) {
    refusal = error;
  }
  expect(refusal, `${check} was expected`).toBeInstanceOf(Refused);
  expect((refusal as Refused).check).toBe(check);
}

/** A copy with one bit changed. */
export function flip(data: Uint8Array, bit: number): Uint8Array {
  const out = data.slice();
  out[bit >> 3]! ^= 1 << (bit & 7);
  return out;
}
