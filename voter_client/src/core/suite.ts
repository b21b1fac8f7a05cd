/** The suite that this program serves, and how long its encodings are (docs/spec/group.md). */

import { MalformedEncoding } from "./errors.js";

export const SUITE = "RISTRETTO255-SHA512";
export const HASH_SUITE = "ristretto255_XMD:SHA-512_R255MAP_RO_";
const OTHER_SUITE = "P256-SHA256";
export const ELEMENT_SIZE = 32;
export const SCALAR_SIZE = 32;

/** An election in a suite that the specification knows and this program does not serve. */
export class UnservedSuite extends Error {
  override readonly name: string = "UnservedSuite";
}

export function requireSuite(name: string): void {
  if (name === OTHER_SUITE) throw new UnservedSuite("this program does not serve elections in P256-SHA256");
  if (name !== SUITE) throw new MalformedEncoding("GROUP-4", "unknown suite");
}
