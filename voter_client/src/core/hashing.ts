/**
 * SHA-256, tags and tagged hashes: what names things in the record (docs/spec/transcript.md). No curve and no other hash is needed
 * to check names, so this stands by itself.
 */

import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import { type Bytes, concat, u16, u32, utf8 } from "./bytes.js";

export type Kind = "demo" | "practice" | "real";

export function sha256(...parts: readonly Bytes[]): Bytes {
  return nobleSha256(concat(...parts));
}

/** The tag of a use: `dobush/1/<kind>/<use>`. */
export function tag(kind: Kind, use: string): Bytes {
  return utf8(`dobush/1/${kind}/${use}`);
}

/** An item after its length in four bytes. */
export function prefixed(item: Bytes): Bytes {
  return concat(u32(item.length), item);
}

/** SHA-256( u16 len(tag) ‖ tag ‖ for each field: u32 len ‖ field ). */
export function taggedHash(tagBytes: Bytes, ...fields: readonly Bytes[]): Bytes {
  return sha256(u16(tagBytes.length), tagBytes, ...fields.map(prefixed));
}
