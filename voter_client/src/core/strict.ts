/** What the strict rule for Ed25519 asks of the bytes alone, before any curve (docs/spec/signatures.md). */

import type { Bytes } from "./bytes.js";
import { Refused } from "./errors.js";

const P = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const Y_MASK = 2n ** 255n - 1n;
const Y_ORDER_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022n;
/** The y coordinates of the eight points of small order. */
const SMALL_ORDER_Y: readonly bigint[] = [0n, 1n, P - 1n, Y_ORDER_8, P - Y_ORDER_8];

function littleEndian(data: Bytes): bigint {
  let value = 0n;
  for (let at = data.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(data[at]!);
  return value;
}

/** Every refusal of a signature by the strict rule. */
export function invalidSignature(reason: string): Refused {
  return new Refused("SIGNATURE-1", reason);
}

function requirePoint(data: Bytes): void {
  const y = littleEndian(data) & Y_MASK;
  if (y >= P || SMALL_ORDER_Y.includes(y)) throw invalidSignature("a point is not canonical or has small order");
}

/** Check that key and signature have their lengths, and that A, R and S are canonical and A and R of no small order. */
export function requireCanonical(publicKey: Bytes, signature: Bytes): void {
  if (publicKey.length !== 32 || signature.length !== 64) throw invalidSignature("an Ed25519 key has 32 bytes and a signature 64");
  requirePoint(publicKey);
  requirePoint(signature.subarray(0, 32));
  if (littleEndian(signature.subarray(32)) >= ORDER) throw invalidSignature("the scalar of the signature is not canonical");
}
