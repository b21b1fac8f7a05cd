/** Enrolment codes that are handed out in person: made here, printed here; the service gets their public halves. */

import { ed25519 } from "@noble/curves/ed25519.js";
import { type Bytes, concat, toHex, u64, utf8 } from "../core/bytes.js";
import { type Kind, tag, taggedHash } from "../core/transcript.js";

const ALPHABET = "23456789ACEHKPTX";
const DIGITS = 24;
/** Under which use an issuer signs a code. */
export const CODE_USE = "enrolment-code";

/** A code in six groups of four: 23 random digits and one that finds a slip of the pen. */
export function makeCode(random: Bytes = crypto.getRandomValues(new Uint8Array(DIGITS - 1))): string {
  const digits = [...random].slice(0, DIGITS - 1).map((value) => value & 15);
  let total = 0;
  for (const [place, digit] of [...digits].reverse().entries()) {
    const value = digit * (2 - (place % 2));
    total += Math.floor(value / 16) + (value % 16);
  }
  digits.push((16 - (total % 16)) % 16);
  return digits
    .map((digit) => ALPHABET[digit])
    .join("")
    .replace(/(.{4})(?=.)/g, "$1-");
}

/** The public key that a code stands for in an election. */
export function codeKey(kind: Kind, manifestHash: Bytes, code: string): Bytes {
  const seed = taggedHash(tag(kind, CODE_USE), manifestHash, utf8(code.replaceAll("-", "")));
  const key = ed25519.getPublicKey(seed);
  seed.fill(0);
  return key;
}

/** What the issuer signs of a code. */
export function codeBytes(number: string, key: Bytes, expiresAtMs: number): Bytes {
  return concat(new Uint8Array([number.length]), utf8(number), key, u64(expiresAtMs), utf8("passkey"));
}

/** What is sent of a code: never the code. */
export function codeBody(number: string, key: Bytes, expiresAtMs: number, signed: { key_id: string; signature: string }): unknown {
  return {
    number,
    key: toHex(key),
    expires_at_ms: expiresAtMs,
    assurance: "passkey",
    issuer: signed.key_id,
    issued: signed.signature,
  };
}
