/** Tags, tagged hashes, the one typed transcript, and the derivation of secrets (docs/spec/transcript.md). */

import { hmac } from "@noble/hashes/hmac.js";
import { sha512 as nobleSha512 } from "@noble/hashes/sha2.js";
import { type Bytes, concat, u32, utf8 } from "./bytes.js";
import { Misuse } from "./errors.js";
import { type Kind, prefixed, sha256, tag, taggedHash } from "./hashing.js";

export { type Kind, sha256, tag, taggedHash };

export function sha512(...parts: readonly Bytes[]): Bytes {
  return nobleSha512(concat(...parts));
}

const BEGIN = /* @__PURE__ */ Uint8Array.of(0);
const ABSORB = /* @__PURE__ */ Uint8Array.of(1);
const CHALLENGE = /* @__PURE__ */ Uint8Array.of(2);

/** A chain through SHA-512 in which every item carries its label and its length. */
export class Transcript {
  private constructor(private chained: Bytes) {}

  static begin(tagBytes: Bytes): Transcript {
    return new Transcript(sha512(BEGIN, prefixed(tagBytes)));
  }

  /** Go on from a state that was kept. */
  static resume(state: Bytes): Transcript {
    if (state.length !== 64) throw new Misuse("a transcript's state has 64 bytes");
    return new Transcript(state);
  }

  get state(): Bytes {
    return this.chained.slice();
  }

  absorb(label: string, item: Bytes): void {
    this.chained = sha512(ABSORB, this.chained, prefixed(utf8(label)), prefixed(item));
  }

  /** 64 bytes; the state stays as it is, so absorb before asking again. */
  challenge(label: string, index?: number): Bytes {
    const labelBytes = index === undefined ? utf8(label) : concat(utf8(label), u32(index));
    return sha512(CHALLENGE, this.chained, prefixed(labelBytes));
  }
}

/** The 64-byte key of a secret (RFC 5869 with SHA-512). */
export function hkdfExtract(salt: Bytes, secret: Bytes): Bytes {
  return hmac(nobleSha512, salt, secret);
}

/** The first `length` bytes (at most 64) of RFC 5869's output. */
export function hkdfExpand(key: Bytes, info: Bytes, length: number): Bytes {
  if (length < 1 || length > 64) throw new Misuse("one block of HKDF gives 1 to 64 bytes");
  return hmac(nobleSha512, key, concat(info, Uint8Array.of(1))).slice(0, length);
}
