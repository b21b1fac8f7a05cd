// Fetches what the check of an election needs. What is fetched proves itself there or is refused.
//
// Spec: docs/operations/pages.md. The server's hints where entries stand may be wrong: then the check fails, nothing else.

import * as api from "../api";
import { fromHex } from "../core/bytes";
import { MANIFEST, type Manifest, parseEntry } from "../core/entries";
import type { ElectionFiles } from "../core/facts";
import { neededTiles } from "../core/merkle";
import { neededFiles, type Places } from "../core/opened";
import { later } from "../later";

/** The server's hints, which name each contest's place. */
interface Hints {
  readonly opening: number;
  readonly ceremony: readonly number[];
  readonly rotations: readonly number[];
  readonly contests: Readonly<Record<string, number>>;
  readonly units: readonly number[];
}

/** How many entries a checkpoint's text says that the log holds; the worker verifies it. */
export function sizeOf(checkpoint: Uint8Array): number {
  const line = new TextDecoder().decode(checkpoint).split("\n")[1] ?? "";
  const size = /^\d{1,15}$/.test(line) ? Number(line) : 0;
  if (size === 0) throw new api.OfflineError("no checkpoint");
  return size;
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

/** Where the entries stand, and those that were read on the way. */
export interface Found {
  readonly places: Places;
  readonly entries: ReadonlyMap<number, Uint8Array>;
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
  const found = hints === null ? await scanned(size) : await hinted(hints, wanted);
  const { places } = found;
  if (places.opening < 0) throw new api.OfflineError("the election has not opened");
  const needed = neededFiles(places, size);
  const read = async (index: number) => [index, found.entries.get(index) ?? (await api.readEntry(index))] as const;
  const entries = await Promise.all(needed.entries.map(read));
  const tiles = await Promise.all(needed.tiles.map(readTile));
  return { size, files: { pinned: fromHex(pin), now_s: latestS(nowMs), checkpoint, places, entries, tiles } };
}

async function scanned(size: number): Promise<Found> {
  const { scan } = await later("scan", () => import("./scan"));
  return scan(size);
}

async function hinted(hints: Hints, wanted: Wanted): Promise<Found> {
  const manifest = await api.readEntry(0);
  const places = placesOf(hints, MANIFEST.parse(parseEntry(manifest).body), wanted);
  return { places, entries: new Map([[0, manifest]]) };
}

const readTile = async (path: string): Promise<readonly [string, Uint8Array]> => [path, await api.readTile(path)];

/** The tiles that show an entry in a tree of this size. */
export function readTiles(size: number, index: number): Promise<(readonly [string, Uint8Array])[]> {
  return Promise.all(neededTiles(size, [index]).map(readTile));
}
