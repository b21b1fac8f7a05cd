// Fetches what the check of the election needs, and asks the worker. What is fetched proves itself there or is refused.
//
// Spec: docs/operations/pages.md. The server's hints where entries stand may be wrong: then the check fails, nothing else.

import * as api from "../api";
import { fromHex } from "../core/bytes";
import { type BallotEntry, MANIFEST, parseEntry } from "../core/entries";
import { neededTiles } from "../core/merkle";
import { type Core, fetchPiece, startCore } from "../worker/client";
import type { ElectionFacts, Opened, Sealed } from "../worker/operations";
import type { Outbox } from "./memory";

export type { ElectionFacts as Election, Opened, Sealed } from "../worker/operations";

interface Places {
  readonly opening: number;
  readonly ceremony: readonly number[];
  readonly parts: readonly number[];
  readonly rotations: readonly number[];
}

/** The server's hints, which name each contest's place. */
interface Hints extends Omit<Places, "parts"> {
  readonly contests: Readonly<Record<string, number>>;
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

/** The server's hints, as far as they look like some. The units are left out: no page of the voter's shows them. */
function hintsOf(value: unknown): Hints | null {
  const found = value as { opening?: unknown; ceremony?: unknown; contests?: unknown; rotations?: unknown } | null;
  if (typeof found !== "object" || found === null || typeof found.contests !== "object" || found.contests === null) return null;
  const { opening, ceremony, contests, rotations } = found;
  const isIndex = (index: unknown): boolean => Number.isSafeInteger(index) && (index as number) >= 0;
  const lists = Array.isArray(ceremony) && Array.isArray(rotations) ? [opening, ...ceremony, ...rotations] : [null];
  return [...lists, ...Object.values(contests)].every(isIndex) ? (found as Hints) : null;
}

/** The places of one style's contests; of all where the style is not known yet, or not among the hints. */
function placesOf(hints: Hints, manifest: Uint8Array, style: number | null): Places {
  const { opening, ceremony, rotations, contests } = hints;
  const wanted = MANIFEST.parse(parseEntry(manifest).body).styles.find((each) => each.id === style)?.contests;
  const some = wanted?.map((id) => contests[id]).filter((index) => index !== undefined);
  const parts = some !== undefined && some.length === wanted?.length ? some : Object.values(contests);
  return { opening, ceremony, rotations, parts };
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

export interface SealRequest {
  readonly style: number;
  readonly choices: readonly (readonly number[])[];
  readonly pseudonym: Uint8Array;
  readonly number: number;
  readonly previous: Uint8Array;
  readonly head: { readonly size: number; readonly root: Uint8Array };
}

/** A phone's clock may be slow by this much before every checkpoint seems to come from the future. */
const PATIENCE_S = 600;

/** The worker, as the pages ask it. */
export class ElectionCore {
  private size = 0;
  private verified: { readonly pin: string } | null = null;

  constructor(private readonly core: Core) {}

  /** Fetch and verify the election. Throws Refused, OfflineError. */
  async verifyElection(pin: string, nowMs: number, style: number | null): Promise<ElectionFacts> {
    const checkpoint = await api.readCheckpoint();
    const size = sizeOf(checkpoint);
    const hints = hintsOf(await api.readPlaces().catch(() => null));
    const found = hints === null ? await scan(size) : await this.hinted(hints, style);
    const { places } = found;
    if (places.opening < 0) throw new api.OfflineError("the election has not opened");
    const wanted = [0, places.opening, ...places.ceremony, ...places.parts, ...places.rotations];
    const indices = [...new Set(wanted)].sort((first, second) => first - second);
    const entries = await Promise.all(
      indices.map(async (index) => [index, found.entries.get(index) ?? (await api.readEntry(index))] as const),
    );
    const tiles = await this.readTiles(size, indices.filter((index) => index < size));
    const input = { pinned: fromHex(pin), now_s: Math.ceil(nowMs / 1_000) + PATIENCE_S, checkpoint, places, entries, tiles };
    const facts = await this.core.ask("verifyElection", input);
    this.size = size;
    this.verified = { pin };
    return facts;
  }

  private async hinted(hints: Hints, style: number | null): Promise<{ places: Places; entries: Map<number, Uint8Array> }> {
    const manifest = await api.readEntry(0);
    return { places: placesOf(hints, manifest, style), entries: new Map([[0, manifest]]) };
  }

  private async readTiles(size: number, indices: readonly number[]): Promise<(readonly [string, Uint8Array])[]> {
    return Promise.all(neededTiles(size, indices).map(async (path) => [path, await api.readTile(path)] as const));
  }

  /** Seal under the head that the server names; where it is newer than what was verified, the election is verified again. */
  async seal(request: SealRequest, nowMs: number): Promise<Sealed> {
    if (request.head.size > this.size && this.verified !== null) {
      await this.verifyElection(this.verified.pin, nowMs, request.style);
    }
    const inside = request.head.size > 0 && request.head.size <= this.size;
    const tiles = inside ? await this.readTiles(this.size, [request.head.size - 1]) : [];
    return this.core.ask("seal", { ...request, tiles });
  }

  /** The seed of the sealed ballot, which then must not be cast. */
  open(hash: Uint8Array): Promise<Opened> {
    return this.core.ask("open", hash);
  }

  /** The seed is not needed any more. */
  forget(): Promise<void> {
    return this.core.ask("forget", undefined as never);
  }

  /** Check the server's receipt for the ballot of the outbox; return by when it stands on the board. */
  async verifyReceipt(receipt: Uint8Array, ballot: Uint8Array, outbox: Outbox): Promise<number> {
    const { pseudonym, number } = outbox;
    const read = await this.core.ask("verifyReceipt", { receipt, ballot, pseudonym: fromHex(pseudonym), number });
    return read.deadline_ms;
  }

  /** Check the proof that the ballot stands on the board; return its place. */
  async verifyOnTheBoard(cast: BallotEntry, proof: Uint8Array, nowMs: number): Promise<number> {
    return (await this.core.ask("verifyOnTheBoard", { cast, proof, now_s: Math.ceil(nowMs / 1_000) + PATIENCE_S })).index;
  }
}

export async function openCore(): Promise<ElectionCore> {
  return new ElectionCore(await startCore(fetchPiece));
}
