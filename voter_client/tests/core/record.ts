// The record of the vectors as a client would fetch it.

import { type Bytes, concat } from "../../src/core/bytes.js";
import type { Places } from "../../src/core/election.js";
import { type Entry, parseEntry, SEAL } from "../../src/core/entries.js";
import { leafHash, tilePath } from "../../src/core/merkle.js";
import { parseCheckpoint, parseNote } from "../../src/core/signatures.js";
import { hex, load } from "./vectors.js";

const record = load("record");

export const pinned = hex(record.manifest_hash);
export const raws: Bytes[] = record.entries.map((text: string) => new Uint8Array(Buffer.from(text, "base64")));
export const entries: Entry[] = raws.map(parseEntry);
/** A clock that is later than every cosignature. */
export const NOW = 2_000_000_000;

/** The first index of a type. */
export const indexOf = (type: string): number => entries.findIndex((entry) => entry.type === type);
const indices = (types: RegExp): number[] => [...entries.keys()].filter((index) => types.test(entries[index]!.type));

export const opening = indexOf("opening");
export const ceremony = indices(/^ceremony-/);
export const parts = indices(/^(contest|units)$/);
export const places: Places = { opening, ceremony, parts };

/** Every quorum checkpoint that a seal holds. */
export const notes = entries.filter((entry) => entry.type === "seal").flatMap((entry) => SEAL.parse(entry.body).quorum);
export const headOf = (note: Bytes) => parseCheckpoint(parseNote(note).text);
/** The first one that covers the opening entry, and the last one. */
export const covering = notes.find((note) => headOf(note).size > opening)!;
export const newest = notes.at(-1)!;

/** The one tile of a log of this size, which has fewer than 256 entries. */
export function tilesOf(size: number): [string, Bytes][] {
  return [[tilePath(0, 0, size), concat(...raws.slice(0, size).map(leafHash))]];
}
