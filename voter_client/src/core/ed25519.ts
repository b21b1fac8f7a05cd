/**
 * Ed25519 by the strict rule, on this program's own curve (docs/spec/signatures.md). Who imports this has a verifier.
 */

import { ed25519 } from "@noble/curves/ed25519.js";
import { type Bytes, equal, fromHex, toHex } from "./bytes.js";
import { Element, fromLittleEndian, GENERATOR, ORDER, sumOf } from "./group.js";
import { invalidSignature, requireCanonical } from "./strict.js";
import { sha512 } from "./transcript.js";
import { verifyBy } from "./verifying.js";

function decodePoint(data: Bytes): Element {
  try {
    return new Element(ed25519.Point.fromBytes(data, false));
  } catch {
    throw invalidSignature("a point is not on the curve");
  }
}

/** Check a signature by the strict rule: canonical A, R and S, no small order, no cofactor. */
function verifyStrictly(publicKey: Bytes, message: Bytes, signature: Bytes): void {
  requireCanonical(publicKey, signature);
  const r = signature.slice(0, 32);
  const key = decodePoint(publicKey);
  decodePoint(r);
  const s = fromLittleEndian(signature.subarray(32));
  const h = fromLittleEndian(sha512(r, publicKey, message)) % ORDER;
  // The encoding of S·B − h·A equals the bytes of R.
  const expected = sumOf([s, h], [GENERATOR, key.negate()]).point.toBytes();
  if (!equal(expected, r)) throw invalidSignature("the Ed25519 signature is not valid under this key");
}

/** A signature of a seed (RFC 8032), with its public key; nothing here takes constant time. */
export function signEd25519(seed: Bytes, message: Bytes): { key: Bytes; signature: Bytes } {
  return { key: ed25519.getPublicKey(seed), signature: ed25519.sign(message, seed) };
}

/** Seeds that stand in RFC 8032, section 7.1; whoever reads it can sign with them. Repeated bytes join them. */
const PUBLISHED_SEEDS = [
  "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
  "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
  "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
  "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
  "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
];

let published: Set<string> | undefined;

function publishedKeys(): Set<string> {
  const repeated = Array.from({ length: 256 }, (_, byte) => new Uint8Array(32).fill(byte));
  return new Set([...PUBLISHED_SEEDS.map(fromHex), ...repeated].map((seed) => toHex(ed25519.getPublicKey(seed))));
}

verifyBy({
  verify: verifyStrictly,
  isPublished(publicKey) {
    published ??= publishedKeys();
    return published.has(toHex(publicKey));
  },
});
