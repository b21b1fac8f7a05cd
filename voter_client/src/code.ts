// An enrolment code is a key: the phone signs its new passkey with it, and nobody is sent the code.
//
// Spec: docs/operations/identification.md, section "Codes".

import { concat, fromBase64Url, fromHex, toHex, u16, utf8, wipe } from "./core/bytes";
import { type Kind, tag, taggedHash } from "./core/hashing";

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

/** How RFC 8410 writes an Ed25519 key, up to its seed. */
const KEY_HEAD = "302e020100300506032b657004220420";

/** A signature of a seed, with its public key. */
export interface CodeProof {
  readonly key: string;
  readonly signature: string;
}

/** Sign by the browser's own Ed25519. Throws where it has none. */
async function signNatively(seed: Uint8Array, message: Uint8Array): Promise<CodeProof> {
  const { subtle } = crypto;
  const written = Uint8Array.from(concat(fromHex(KEY_HEAD), seed));
  try {
    const key = await subtle.importKey("pkcs8", written, "Ed25519", true, ["sign"]);
    const { x } = await subtle.exportKey("jwk", key);
    const signature = new Uint8Array(await subtle.sign("Ed25519", key, Uint8Array.from(message)));
    return { key: toHex(fromBase64Url(x ?? "") ?? new Uint8Array()), signature: toHex(signature) };
  } finally {
    wipe(written);
  }
}

/**
 * What shows the identity side that this phone holds the code, bound to the passkey's COSE key; `sign` is asked where the browser
 * has no Ed25519.
 */
export async function proveCode(
  kind: Kind,
  manifestHash: Uint8Array,
  code: string,
  key: Uint8Array,
  sign: (seed: Uint8Array, message: Uint8Array) => Promise<CodeProof>,
): Promise<CodeProof> {
  const seed = taggedHash(tag(kind, "enrolment-code"), manifestHash, utf8(code));
  const bound = taggedHash(tag(kind, "identification"), manifestHash, key);
  const label = tag(kind, "code-proof");
  const message = concat(u16(label.length), label, bound);
  try {
    return await signNatively(seed, message).catch(() => sign(seed, message));
  } finally {
    wipe(seed);
  }
}
