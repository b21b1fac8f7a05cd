// An enrolment code is a key: the phone signs its new passkey with it, and nobody is sent the code.
//
// Spec: docs/operations/identification.md, section "Codes".

import { ed25519 } from "@noble/curves/ed25519.js";
import { concat, toHex, u16, utf8 } from "./core/bytes";
import { type Kind, tag, taggedHash } from "./core/transcript";

const ALPHABET = "23456789ACEHKPTX";
const DIGITS = 24;

/** The code as it is hashed, null where a sign is missing or wrong. */
export function readCode(typed: string): string | null {
  const text = typed.toUpperCase().replace(/[\s‐-―-]/g, "");
  const digits = [...text].map((sign) => ALPHABET.indexOf(sign));
  if (digits.length !== DIGITS || digits.includes(-1)) return null;
  let total = 0;
  for (const [place, digit] of digits.slice(0, -1).reverse().entries()) {
    const value = digit * (2 - (place % 2));
    total += Math.floor(value / 16) + (value % 16);
  }
  return (16 - (total % 16)) % 16 === digits[DIGITS - 1] ? text : null;
}

/** What shows the identity side that this phone holds the code, bound to the passkey's COSE key. */
export function proveCode(kind: Kind, manifestHash: Uint8Array, code: string, key: Uint8Array): { key: string; signature: string } {
  const seed = taggedHash(tag(kind, "enrolment-code"), manifestHash, utf8(code));
  const bound = taggedHash(tag(kind, "identification"), manifestHash, key);
  const label = tag(kind, "code-proof");
  const signature = ed25519.sign(concat(u16(label.length), label, bound), seed);
  const proof = { key: toHex(ed25519.getPublicKey(seed)), signature: toHex(signature) };
  seed.fill(0);
  return proof;
}
