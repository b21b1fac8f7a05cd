/**
 * Who answers for signatures: nobody until a program says it.
 *
 * What is signed by whom is decided without a curve. The curve comes in from outside: `ed25519.ts` brings this program's own, as soon
 * as a program imports it; a page that has none asks the browser (`ui/native.ts`). Where nobody was named, nothing is accepted.
 */

import type { Bytes } from "./bytes.js";
import { Misuse } from "./errors.js";

/** What only a curve can say about keys. */
export interface Verifier {
  /** Check a signature by the strict rule of docs/spec/signatures.md; throws Refused SIGNATURE-1. */
  verify(publicKey: Bytes, message: Bytes, signature: Bytes): void;
  /** Whether anybody can sign with this key, because its seed is printed in a document. */
  isPublished(publicKey: Bytes): boolean;
}

let verifier: Verifier | undefined;

/** From now on this one answers; returns who did before. */
export function verifyBy(next: Verifier | undefined): Verifier | undefined {
  const before = verifier;
  verifier = next;
  return before;
}

function named(): Verifier {
  if (verifier === undefined) throw new Misuse("nobody here verifies signatures");
  return verifier;
}

/** Check a signature by the strict rule: canonical A, R and S, no small order, no cofactor. */
export function verifyEd25519(publicKey: Bytes, message: Bytes, signature: Bytes): void {
  named().verify(publicKey, message, signature);
}

export function isPublished(publicKey: Bytes): boolean {
  return named().isPublished(publicKey);
}
