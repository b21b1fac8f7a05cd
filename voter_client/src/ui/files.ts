// Fetches what the check of an election needs. What is fetched proves itself there or is refused.
//
// Spec: docs/operations/pages.md. The server's hints where entries stand may be wrong: then the check fails, nothing else.

import * as api from "../api";
import { fromHex } from "../core/bytes";
import { MANIFEST, type Manifest, parseEntry } from "../core/entries";
import type { ElectionFiles } from "../core/facts";
import { neededTiles } from "../core/merkle";
import { neededFiles, type Places } from "../core/opened";

/** The server's hints, which name each contest's place. */
interface Hints {
  readonly opening: number;
  readonly ceremony: readonly number[];
  readonly rotations: readonly number[];
  readonly contests: Readonly<Record<string, number>>;
  readonly units: readonly number[];
}

const WIDTH = 256;
const CEREMONY = new Set([
  "ceremony-key",
  "ceremony-commitment",
  "ceremony-dealing",
  "ceremony-acceptance",
  "ceremony-complaint",
  "ceremony-certificate",
]);

/** How many entries a checkpoint's text says that the log holds; the worker verifies it. */
export function sizeOf(checkpoint: Uint8Array): number {
  const line = new TextDecoder().decode(checkpoint).split("\n")[1] ?? "";
  const size = /^\d{1,15}$/.test(line) ? Number(line) : 0;
  if (size === 0) throw new api.OfflineError("no checkpoint");
  return size;
}

/** The type of an entry, as its first bytes say: [1, type, …]. */
export function typeOf(raw: Uint8Array): string {
  const head = raw[2] ?? 0;
  const [start, length] = head === 0x78 ? [4, raw[3] ?? 0] : [3, head - 0x60];
  return new TextDecoder().decode(raw.subarray(start, start + length));
}

/** The entries of a bundle: each is preceded by its length in two bytes. */
export function* entriesOf(bundle: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at + 2 <= bundle.length; ) {
    const length = ((bundle[at] ?? 0) << 8) | (bundle[at + 1] ?? 0);
    yield bundle.subarray(at + 2, at + 2 + length);
    at += 2 + length;
  }
}

function bundlePath(index: number, width: number): string {
  const digits = String(index).padStart(3, "0");
  if (index > 999) throw new api.OfflineError("the opening is too far into the log");
  return `tile/entries/${digits}${width < WIDTH ? `.p/${width}` : ""}`;
}

/** The server's hints, as far as they look like some. */
function hintsOf(value: unknown): Hints | null {
  const found = value as { opening?: unknown; ceremony?: unknown; contests?: unknown; rotations?: unknown; units?: unknown } | null;
  if (typeof found !== "object" || found === null || typeof found.contests !== "object" || found.contests === null) return null;
  const { opening, ceremony, contests, rotations, units } = found;
  const isIndex = (index: unknown): boolean => Number.isSafeInteger(index) && (index as number) >= 0;
  const lists = [ceremony, rotations, units].every(Array.isArray) ? [ceremony, rotations, units].flat() : [null];
  return [opening, ...lists, ...Object.values(contests)].every(isIndex) ? (found as Hints) : null;
}

/** What a reader wants to know beyond that the election was opened. */
export interface Wanted {
  /** The contests of one style; of all where it is not known yet, or not among the hints. */
  readonly style: number | null;
  /** The names of units. */
  readonly units: boolean;
  /** All messages of the ceremony, from which H is computed again; else the certificates alone. */
  readonly ceremony: boolean;
}

function placesOf(hints: Hints, manifest: Manifest, wanted: Wanted): Places {
  const { opening, ceremony, rotations, contests, units } = hints;
  const named = manifest.styles.find((each) => each.id === wanted.style)?.contests;
  const some = named?.map((id) => contests[id]).filter((index) => index !== undefined);
  const parts = some !== undefined && some.length === named?.length ? some : Object.values(contests);
  // The certificates are what every trustee sends last.
  const last = [...ceremony].sort((left, right) => left - right).slice(-manifest.trustees.length);
  return { opening, ceremony: wanted.ceremony ? ceremony : last, rotations, parts: wanted.units ? [...parts, ...units] : parts };
}

/** Read the log from its start until the opening entry: the way where nobody hints. */
async function scan(size: number): Promise<{ places: Places; entries: Map<number, Uint8Array> }> {
  const entries = new Map<number, Uint8Array>();
  let opening = -1;
  const [ceremony, parts, rotations]: [number[], number[], number[]] = [[], [], []];
  for (let bundle = 0; bundle * WIDTH < size && opening < 0; bundle++) {
    const data = await api.readTile(bundlePath(bundle, Math.min(WIDTH, size - bundle * WIDTH)));
    let index = bundle * WIDTH;
    for (const raw of entriesOf(data)) {
      const type = typeOf(raw);
      const wanted = opening < 0 || type === "rotate";
      if (wanted) entries.set(index, raw.slice());
      if (type === "opening") opening = index;
      else if (CEREMONY.has(type)) ceremony.push(index);
      else if (type === "contest" || type === "units") parts.push(index);
      else if (type === "rotate") rotations.push(index);
      else if (index > 0) entries.delete(index);
      index++;
    }
  }
  return { places: { opening, ceremony: lastRun(ceremony, entries), parts, rotations }, entries };
}

/** Of several runs of the ceremony, the messages of the last one: a run begins with keys. */
function lastRun(ceremony: readonly number[], entries: ReadonlyMap<number, Uint8Array>): number[] {
  const types = ceremony.map((index) => typeOf(entries.get(index) ?? new Uint8Array()));
  let start = types.lastIndexOf("ceremony-key");
  while (start > 0 && types[start - 1] === "ceremony-key") start--;
  return ceremony.slice(Math.max(0, start));
}

/** A phone's clock may be slow by this much before every checkpoint seems to come from the future. */
const PATIENCE_S = 600;

/** The latest time that a cosignature may have, by this page's clock. */
export function latestS(nowMs: number): number {
  return Math.ceil(nowMs / 1_000) + PATIENCE_S;
}

/** Fetch what a check reads. Throws OfflineError where it is not there. */
export async function fetchElection(pin: string, nowMs: number, wanted: Wanted): Promise<{ readonly size: number; readonly files: ElectionFiles }> {
  const checkpoint = await api.readCheckpoint();
  const size = sizeOf(checkpoint);
  const hints = hintsOf(await api.readPlaces().catch(() => null));
  const found = hints === null ? await scan(size) : await hinted(hints, wanted);
  const { places } = found;
  if (places.opening < 0) throw new api.OfflineError("the election has not opened");
  const needed = neededFiles(places, size);
  const read = async (index: number) => [index, found.entries.get(index) ?? (await api.readEntry(index))] as const;
  const entries = await Promise.all(needed.entries.map(read));
  const tiles = await Promise.all(needed.tiles.map(readTile));
  return { size, files: { pinned: fromHex(pin), now_s: latestS(nowMs), checkpoint, places, entries, tiles } };
}

async function hinted(hints: Hints, wanted: Wanted): Promise<{ places: Places; entries: Map<number, Uint8Array> }> {
  const manifest = await api.readEntry(0);
  const places = placesOf(hints, MANIFEST.parse(parseEntry(manifest).body), wanted);
  return { places, entries: new Map([[0, manifest]]) };
}

const readTile = async (path: string): Promise<readonly [string, Uint8Array]> => [path, await api.readTile(path)];

/** The tiles that show an entry in a tree of this size. */
export function readTiles(size: number, index: number): Promise<(readonly [string, Uint8Array])[]> {
  return Promise.all(neededTiles(size, [index]).map(readTile));
}
