/** The envelope of every entry (docs/spec/entries.md); the body stays bytes. */

import { ARRAY, malformed, readBytes, readHead, TSTR, UINT, writeBytes, writeHead } from "./cbor.js";
import { type Bytes, compare, concat, hasAt, utf8 } from "./bytes.js";
import { requireSize } from "./encoding.js";
import { MalformedEncoding } from "./errors.js";

export const MAX_SIGNATURES = 16;

/** Every type of entry; `entries.ts` has a body for each. */
export const ENTRY_TYPES = [
  "manifest",
  "contest",
  "units",
  "seal",
  "ceremony-key",
  "ceremony-commitment",
  "ceremony-dealing",
  "ceremony-acceptance",
  "ceremony-complaint",
  "ceremony-certificate",
  "round",
  "client",
  "roll",
  "freeze",
  "drill",
  "drill-share",
  "opening",
  "credential",
  "ballot",
  "spoiled",
  "change",
  "strike",
  "close",
  "aggregate",
  "share",
  "result",
  "certificate",
  "dispute",
  "release",
  "decision",
  "incident",
  "rotate",
  "imported",
] as const;

export type EntryType = (typeof ENTRY_TYPES)[number];

/** One entry: its type, its body's bytes, its authors' key ids and signatures in the order of the key ids. */
export interface Entry {
  readonly type: EntryType;
  readonly body: Bytes;
  readonly signatures: readonly { readonly keyId: Bytes; readonly signature: Bytes }[];
}

const SIGNATURE_HEAD = /* @__PURE__ */ Uint8Array.of(0x82, 0x48);
const SIGNATURE_MIDDLE = /* @__PURE__ */ Uint8Array.of(0x58, 0x40);
const SIGNATURE_SIZE = 76;

/** Take an envelope apart; the body stays bytes. */
export function parseEntry(raw: Bytes): Entry {
  requireSize(raw);
  if (raw[0] !== 0x84 || raw[1] !== 0x01) throw malformed("an entry is an array of four that begins with the version 1");
  // The type's bytes are compared as far as they go, so an unknown type that is cut off is an unknown type.
  const { value: length, end: typeStart } = readHead(raw, 2, TSTR);
  const nameBytes = raw.slice(typeStart, typeStart + length);
  const name = nameBytes.length > 64 ? "" : String.fromCharCode(...nameBytes);
  if (!(ENTRY_TYPES as readonly string[]).includes(name)) throw new MalformedEncoding("ENCODING-4", "unknown type of entry");
  const { value: body, end: bodyEnd } = readBytes(raw, typeStart + length);
  const { value: number, end: start } = readHead(raw, bodyEnd, ARRAY);
  if (raw.length !== start + number * SIGNATURE_SIZE) throw malformed("the signatures do not end where the entry ends");
  const signatures: { keyId: Bytes; signature: Bytes }[] = [];
  for (let at = start; at < raw.length; at += SIGNATURE_SIZE) {
    if (!hasAt(raw, at, SIGNATURE_HEAD) || !hasAt(raw, at + 10, SIGNATURE_MIDDLE)) {
      throw malformed("a signature is an array of an 8-byte key id and 64 bytes");
    }
    const keyId = raw.slice(at + 2, at + 10);
    const last = signatures.at(-1);
    if (last !== undefined && compare(last.keyId, keyId) >= 0) {
      throw malformed("the signatures are not in the order of distinct key ids");
    }
    signatures.push({ keyId, signature: raw.slice(at + 12, at + 76) });
  }
  if (number > MAX_SIGNATURES) throw malformed(`${number} signatures, ${MAX_SIGNATURES} are allowed`);
  return { type: name as EntryType, body, signatures };
}

/** The one encoding of an entry. */
export function entryToBytes(entry: Entry): Bytes {
  const sorted = [...entry.signatures].sort((left, right) => compare(left.keyId, right.keyId));
  return concat(
    writeHead(ARRAY, 4),
    writeHead(UINT, 1),
    writeBytes(utf8(entry.type), TSTR),
    writeBytes(entry.body),
    writeHead(ARRAY, sorted.length),
    ...sorted.map(({ keyId, signature }) => concat(writeHead(ARRAY, 2), writeBytes(keyId), writeBytes(signature))),
  );
}
