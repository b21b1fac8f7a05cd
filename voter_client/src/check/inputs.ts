/**
 * What a person gives to the check page: a commitment, a seed, files. Strict forms, one for each purpose, so that a seed is never
 * taken for a commitment. Pure.
 */

import { parseTrackingCode } from "../core/ballot.js";
import { type Bytes, fromBase64, fromBase64Url, fromHex, fromUtf8 } from "../core/bytes.js";

const SEED = /^dobush:seed:1:([A-Za-z0-9_-]{43})$/;
const COMMITMENT_LINK = /^https?:\/\/[^\s#]+#c=([A-Za-z0-9_-]{43})$/;
const LARGEST_FILE = 1 << 28;

/** A commitment: the 32 bytes of the ballot hash, or the 18 of a tracking code; undefined for anything else. */
export function readCommitment(text: string): Bytes | undefined {
  const tidy = text.trim();
  const link = COMMITMENT_LINK.exec(tidy) ?? /^#?c=([A-Za-z0-9_-]{43})$/.exec(tidy);
  if (link !== null) return sized(fromBase64Url(link[1]!), 32);
  const hex = tidy.toLowerCase().replace(/[\s-]/g, "");
  if (/^[0-9a-f]{64}$/.test(hex)) return fromHex(hex);
  return parseTrackingCode(tidy);
}

/** The number of an election (manifest hash) in hexadecimal digits, with or without gaps; undefined for anything else. */
export function readPin(text: string): string | undefined {
  const hex = text.toLowerCase().replace(/[\s-]/g, "");
  return /^[0-9a-f]{64}$/.test(hex) ? hex : undefined;
}

/** A seed as the phone shows it; undefined for anything else, a commitment included. */
export function readSeed(text: string): Bytes | undefined {
  const found = SEED.exec(text.trim());
  return found === null ? undefined : sized(fromBase64Url(found[1]!), 32);
}

function sized(data: Bytes | undefined, size: number): Bytes | undefined {
  return data?.length === size ? data : undefined;
}

/** A file for the offline way: the seed and the ballot that it opens. */
export interface CheckFile {
  readonly ballot: Bytes;
  readonly seed: Bytes;
}

export function readCheckFile(data: Bytes): CheckFile | undefined {
  const found = readJson(data, "check/1");
  const [ballot, seed] = [fromText(found?.ballot), sized(fromText(found?.seed), 32)];
  return ballot === undefined || seed === undefined ? undefined : { ballot, seed };
}

/** The files of a log as one JSON file: path → base64. */
export function readBoardFile(data: Bytes): Map<string, Bytes> | undefined {
  const files = readJson(data, "board/1")?.files;
  if (typeof files !== "object" || files === null) return undefined;
  const out = new Map<string, Bytes>();
  for (const [path, text] of Object.entries(files)) {
    const bytes = fromText(text);
    if (bytes === undefined) return undefined;
    out.set(path, bytes);
  }
  return out;
}

/** A receipt as the phone saved it, with the offline proof where it was there already. */
export interface ReceiptFile {
  readonly receipt: Bytes | undefined;
  readonly proof: Bytes | undefined;
}

/** Read a receipt file, a bare receipt (CBOR), or a bare .tlog-proof; undefined for none of them. */
export function readReceiptFile(data: Bytes): ReceiptFile | undefined {
  if (fromUtf8(data.slice(0, 23)) === "c2sp.org/tlog-proof@v1\n") return { receipt: undefined, proof: data };
  if (data[0] === 0xa7) return { receipt: data, proof: undefined };
  const found = readJson(data, "receipt/1");
  const receipt = fromText(found?.receipt);
  if (receipt === undefined) return undefined;
  const proof = typeof found?.proof === "string" ? new TextEncoder().encode(found.proof) : undefined;
  return { receipt, proof };
}

function readJson(data: Bytes, mark: string): Record<string, unknown> | undefined {
  const text = data.length > LARGEST_FILE ? undefined : fromUtf8(data);
  try {
    const value: unknown = JSON.parse(text ?? "");
    const found = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
    return found?.dobush === mark ? found : undefined;
  } catch {
    return undefined;
  }
}

function fromText(value: unknown): Bytes | undefined {
  return typeof value === "string" ? fromBase64(value) : undefined;
}
