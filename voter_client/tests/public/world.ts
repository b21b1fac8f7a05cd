// The record of the vectors as a log that a page reads, and forks of it signed anew: everybody's keys follow from their names.

import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { type Bytes, concat, toBase64, u64, utf8 } from "../../src/core/bytes.js";
import { type Entry, entryToBytes, type Manifest, MANIFEST, parseEntry } from "../../src/core/entries.js";
import { bundlePath, bundleToBytes, leafHash, nodeHash, rootOf, tilePath } from "../../src/core/merkle.js";
import { authorMessage, keyId } from "../../src/core/signatures.js";
import { tag } from "../../src/core/transcript.js";
import { Log } from "../../src/public/log.js";
import { entries, pinned, raws } from "../core/record.js";

export const manifest: Manifest = MANIFEST.parse(entries[0]!.body);
export const NOW_S = 2_000_000_000;
/** When the witnesses of a fork sign: some hour after the record's end. */
export const SIGNED_S = 1_768_070_000;

export const secret = (...names: (string | number)[]): Bytes => sha256(utf8(["world", ...names].join("/")));
const keyOf = (role: string, place = 0): Bytes => secret("key", role, place);

/** An entry signed by the holders of some roles. */
export function signed(type: Entry["type"], body: Bytes, ...signers: [role: string, place: number][]): Bytes {
  const signatures = signers.map(([role, place]) => {
    const seed = keyOf(role, place);
    const id = keyId(ed25519.getPublicKey(seed));
    return { keyId: id, signature: ed25519.sign(authorMessage(tag("demo", "author"), pinned, type, id, body), seed) };
  });
  return entryToBytes({ type, body, signatures });
}

export const byOfficers = (type: Entry["type"], body: Bytes): Bytes => signed(type, body, ["officer", 0], ["officer", 1]);
export const byLog = (type: Entry["type"], body: Bytes): Bytes => signed(type, body, ["log", 0]);

export const indexOf = (type: string, from = 0): number => entries.findIndex((entry, index) => index >= from && entry.type === type);
export const typesOf = (list: readonly Bytes[]): string[] => list.map((raw) => parseEntry(raw).type);

function lineOf(name: string, type: number, publicKey: Bytes, blob: Bytes): string {
  const id = sha256(concat(utf8(`${name}\n`), Uint8Array.of(type), publicKey)).slice(0, 4);
  return `\u2014 ${name} ${toBase64(concat(id, blob))}\n`;
}

/** A checkpoint with the log's line and those of some witnesses. */
export function checkpointOf(size: number, root: Bytes, witnesses = 4, time_s = SIGNED_S): Bytes {
  const text = `${manifest.origin}\n${size}\n${toBase64(root)}\n`;
  const lines = [lineOf(manifest.origin, 1, manifest.log_key, ed25519.sign(utf8(text), keyOf("log")))];
  for (let place = 0; place < witnesses; place++) {
    const { name, key } = manifest.witnesses[place]!;
    const time = time_s + place;
    const signature = ed25519.sign(utf8(`cosignature/v1\ntime ${time}\n${text}`), keyOf("witness", place));
    lines.push(lineOf(name, 4, key, concat(u64(time), signature)));
  }
  return utf8(`${text}\n${lines.join("")}`);
}

export interface Signing {
  readonly witnesses?: number;
  readonly time_s?: number;
}

/** The files of a log. */
export function filesOf(list: readonly Bytes[], { witnesses, time_s }: Signing = {}): Map<string, Bytes> {
  const files = new Map<string, Bytes>();
  let hashes = list.map(leafHash);
  const root = rootOf(hashes);
  for (let at = 0; at * 256 < list.length; at++) {
    const part = list.slice(at * 256, at * 256 + 256);
    files.set(bundlePath(at, part.length), bundleToBytes(part));
  }
  for (let level = 0; hashes.length > 0; level++) {
    const above: Bytes[] = [];
    for (let at = 0; at * 256 < hashes.length; at++) {
      const part = hashes.slice(at * 256, at * 256 + 256);
      files.set(tilePath(level, at, part.length), concat(...part));
      if (part.length === 256) above.push(rootOf(part));
    }
    hashes = above;
  }
  files.set("checkpoint", checkpointOf(list.length, root, witnesses, time_s));
  return files;
}

/** Files with answers of a whole server beside them, as JSON; `asked` holds every path that was asked for. */
export function placeOf(files: ReadonlyMap<string, Bytes>, answers: Readonly<Record<string, unknown>> = {}) {
  const asked: string[] = [];
  const get = (path: string): Promise<Bytes | undefined> => {
    asked.push(path);
    const answer = answers[path];
    if (answer instanceof Uint8Array) return Promise.resolve(answer as Bytes);
    return Promise.resolve(answer === undefined ? files.get(path) : utf8(JSON.stringify(answer)));
  };
  return { get, asked };
}

export const openLog = (list: readonly Bytes[], answers: Readonly<Record<string, unknown>> = {}, signing: Signing = {}): Promise<Log> =>
  Log.open(placeOf(filesOf(list, signing), answers).get, pinned, NOW_S);

/** A leaf's filler in a large log: an entry that nobody reads. */
export const filler = (place: number): Bytes => concat(Uint8Array.of(0x84, 1, 0x66), utf8("ballot"), u64(place));

/** The record with so many fillers before its close that a page does not read it whole; and where things stand in it. */
export function largeLog(fillers = 20_100): { raws: Bytes[]; close: number; places: Record<string, unknown> } {
  const seal = indexOf("close") - 1;
  const long = [...raws.slice(0, seal), ...Array.from({ length: fillers }, (_, place) => filler(place)), ...raws.slice(seal)];
  const close = indexOf("close") + fillers;
  const ceremony = [...entries.keys()].filter((index) => entries[index]!.type.startsWith("ceremony-"));
  const places = { opening: indexOf("opening"), freeze: indexOf("freeze"), close, ceremony, rotations: [] };
  return { raws: long, close, places };
}

export { entries, nodeHash, pinned, raws };
