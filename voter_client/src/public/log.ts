/**
 * A log as a page reads it: from any place that has its files, every entry compared with a root that a quorum cosigned
 * (docs/spec/merkle.md, docs/spec/signatures.md). No fetch and no DOM here: bytes come through `get`.
 */

import { type Head, headTimes, logKey, readHead, witnessKeys } from "../core/board.js";
import { type Bytes, equal, fromUtf8, toHex } from "../core/bytes.js";
import { type Contest, type Entry, type Manifest, parseBody, parseEntry, type Unit } from "../core/entries.js";
import { Refused } from "../core/errors.js";
import { verifyPinned } from "../core/election.js";
import { hashManifest, Keyring, readParts } from "../core/manifest.js";
import { bundlePath, leafHash, neededTiles, TileReader } from "../core/merkle.js";
import { parseCheckpoint, parseNote, type QuorumCheckpoint, verifyCosignatures, verifyQuorum } from "../core/signatures.js";

/** Returns a file of the log by its path (`checkpoint`, `tile/0/000`, …), undefined where there is none. */
export type Get = (path: string) => Promise<Bytes | undefined>;

export const BUNDLE = 256;

/** How far a reader's clock may be behind a witness's: a phone with a wrong clock still reads the log, and sees the lag. */
export const CLOCK_SLACK_S = 86_400;

/** A witness, when it cosigned last (0: nothing of it was found), and whether that was this checkpoint. */
export interface Watch {
  readonly name: string;
  readonly time_s: number;
  readonly here: boolean;
}

/** A log of more entries than this is not read whole by a page: what it holds is then found by hints, or among the newest. */
export const MOST_ENTRIES = 20_000;

const MOST_HINTS = 1_000;

/** Where a server says that entries stand. Each is proved where it is read: a wrong one leads to a refusal, never to a figure. */
export interface Hints {
  readonly opening: number | undefined;
  readonly close: number | undefined;
  readonly freeze: number | undefined;
  readonly ceremony: readonly number[];
  readonly rotations: readonly number[];
}

/** A log behind one quorum checkpoint. */
export class Log {
  /** Files that were read, for a copy that opens without a network. */
  readonly files = new Map<string, Bytes>();
  contests: ReadonlyMap<number, Contest> = new Map();
  units: ReadonlyMap<number, Unit> = new Map();
  keyring!: Keyring;
  head!: Head;
  private reader: TileReader | undefined;
  private hints: Hints | undefined | null = null;
  private readonly bundles = new Map<number, readonly Bytes[]>();

  private constructor(
    private readonly get: Get,
    readonly note: Bytes,
    readonly size: number,
    readonly root: Bytes,
    /** Cosignatures that say a later time than this do not count. */
    readonly latest_s: number,
  ) {}

  get manifest(): Manifest {
    return this.keyring.manifest;
  }

  get manifestHash(): Bytes {
    return this.keyring.manifestHash;
  }

  /**
   * Read checkpoint, manifest and parts. `pinned` is the manifest hash from outside, null where the caller compares it itself.
   * Throws Refused where anything contradicts the checkpoint, the pin, or the manifest's own witnesses.
   */
  static async open(get: Get, pinned: Bytes | null, now_s: number): Promise<Log> {
    const note = await get("checkpoint");
    if (note === undefined) throw new Refused("MERKLE-2", "there is no checkpoint", "server");
    const { size, root } = parseCheckpoint(parseNote(note).text);
    const log = new Log(get, note, size, root, now_s + CLOCK_SLACK_S);
    log.files.set("checkpoint", note);
    const raw = await log.entry(0);
    const first = parseEntry(raw);
    log.keyring = verifyPinned(raw, pinned ?? hashManifest(parseBody(first, "manifest").kind, first.body)).keyring;
    log.head = await log.readHead();
    const { contests, units } = log.manifest;
    const parts = readParts(log.manifest, (await log.range(1, 1 + contests.length + units.length)).map(parseEntry));
    log.contests = parts.contests;
    log.units = parts.units;
    return log;
  }

  private async readHead(): Promise<Head> {
    try {
      return readHead(this.keyring, this.note, this.latest_s);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      // A witness's key may have been replaced: the rotations prove themselves.
      const raws = this.isSmall
        ? await this.range(0, this.size)
        : await Promise.all(((await this.places())?.rotations ?? []).map((index) => this.single(index)));
      for (const raw of raws) {
        if (typeOf(raw) === "rotate") this.rotate(raw);
      }
      return readHead(this.keyring, this.note, this.latest_s);
    }
  }

  private rotate(raw: Bytes): void {
    const entry = parseEntry(raw);
    const body = parseBody(entry, "rotate");
    this.keyring.verifyAuthors<"rotate">(entry, body);
    this.keyring.rotate(body);
  }

  /** Ask for the files that these entries need, so that the reader finds them. */
  private async fetch(paths: readonly string[]): Promise<void> {
    const missing = paths.filter((path) => !this.files.has(path));
    await Promise.all(
      missing.map(async (path) => {
        // A reader who misses a partial file takes the full one; across origins "not there" may look like a broken line.
        const full = path.replace(/\.p\/\d+$/, "");
        const data = full === path ? await this.get(path) : ((await this.maybe(path)) ?? (await this.get(full)));
        if (data !== undefined) this.files.set(path, data);
      }),
    );
  }

  /** The entries of one bundle, each the one that the tree holds. */
  async bundle(at: number): Promise<readonly Bytes[]> {
    const known = this.bundles.get(at);
    if (known !== undefined) return known;
    const width = Math.min(BUNDLE, this.size - at * BUNDLE);
    if (width <= 0) throw new Refused("MERKLE-2", `the log has no bundle ${at}`);
    await this.fetch([...neededTiles(this.size, [at * BUNDLE]), bundlePath(at, width)]);
    const entries = this.tiles().bundle(at);
    this.bundles.set(at, entries);
    return entries;
  }

  private tiles(): TileReader {
    this.reader ??= new TileReader((path) => this.files.get(path), this.size, this.root);
    return this.reader;
  }

  /** Whether a page reads all of it. */
  get isSmall(): boolean {
    return this.size <= MOST_ENTRIES;
  }

  /** One entry: of a large log alone, where the place hands out single ones, else with its bundle. */
  async single(index: number): Promise<Bytes> {
    const path = `entry/${index}`;
    if (this.isSmall || index >= this.size || this.bundles.has(Math.floor(index / BUNDLE))) return this.entry(index);
    const data = this.files.get(path) ?? (await this.maybe(path));
    if (data === undefined) return this.entry(index);
    await this.fetch(neededTiles(this.size, [index]));
    this.tiles().requireEntry(index, data);
    this.files.set(path, data);
    return data;
  }

  /** The root of this tree's first `size` entries: what an earlier checkpoint must have had. */
  async rootAt(size: number): Promise<Bytes> {
    if (size < 1 || size > this.size) throw new Refused("MERKLE-6", `the log of ${this.size} entries has no beginning of ${size}`);
    await this.fetch([...neededTiles(this.size, [size - 1])]);
    return this.tiles().rootAt(size);
  }

  /** Check that this log continues one that was read before. Throws Refused. */
  async continues(size: number, root: Bytes): Promise<void> {
    if (size > this.size || !equal(await this.rootAt(size), root)) {
      throw new Refused("MERKLE-6", `the board does not continue the one of ${size} entries that was read before`, "server");
    }
  }

  // ------------------------------------------------------------------------------------------------------------- hints

  /** Bytes of something that only a whole server has, not a mirror: whatever goes wrong with it, there is none. */
  private async maybe(path: string): Promise<Bytes | undefined> {
    try {
      return await this.get(path);
    } catch {
      return undefined;
    }
  }

  private async json(path: string): Promise<Record<string, unknown> | undefined> {
    const data = await this.maybe(path);
    try {
      const value: unknown = data === undefined ? undefined : JSON.parse(fromUtf8(data) ?? "");
      return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
    } catch {
      return undefined;
    }
  }

  private indexIn(value: unknown): number | undefined {
    return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value < this.size ? value : undefined;
  }

  /** Where the server says that the entries stand on which the others rest. */
  async places(): Promise<Hints | undefined> {
    if (this.hints !== null) return this.hints;
    const found = await this.json("../election/places");
    const many = (value: unknown): number[] =>
      (Array.isArray(value) ? value : []).flatMap((each) => this.indexIn(each) ?? []).slice(0, MOST_HINTS);
    this.hints = found && {
      opening: this.indexIn(found.opening),
      close: this.indexIn(found.close),
      freeze: this.indexIn(found.freeze),
      ceremony: many(found.ceremony),
      rotations: many(found.rotations),
    };
    return this.hints;
  }

  /** Where the server says that a ballot (by its hash, or the beginning that is its code) or a leaf stands. */
  async placeOf(what: "ballot" | "leaf", start: Bytes): Promise<number | undefined> {
    return this.indexIn((await this.json(`${what}/${toHex(start)}`))?.index);
  }

  /** How many ballots the server says a pseudonym has. */
  async saidBallots(pseudonym: Bytes): Promise<number | undefined> {
    const said = (await this.json(`../slots/${toHex(pseudonym)}`))?.ballots;
    return typeof said === "number" && Number.isSafeInteger(said) && said >= 0 ? said : undefined;
  }

  /** The number of the newest block, as the server says. */
  async saidBlock(): Promise<number | undefined> {
    const said = (await this.json("state"))?.block;
    return typeof said === "number" && Number.isSafeInteger(said) && said >= 0 ? said : undefined;
  }

  /** Where the server says that every step-th block from `first` on begins; only those inside this log. */
  async blockStarts(first: number, step: number): Promise<Map<number, number>> {
    const starts = (await this.json(`blocks?first=${first}&step=${step}`))?.starts;
    const rows = typeof starts === "object" && starts !== null ? Object.entries(starts as Record<string, unknown>) : [];
    const found = rows.slice(0, MOST_HINTS).flatMap(([block, start]): [number, number][] => {
      const index = this.indexIn(start);
      return index !== undefined && /^\d{1,15}$/.test(block) ? [[Number(block), index]] : [];
    });
    return new Map(found.sort(([left], [right]) => left - right));
  }

  async entry(index: number): Promise<Bytes> {
    const found = (await this.bundle(Math.floor(index / BUNDLE)))[index % BUNDLE];
    if (found === undefined) throw new Refused("MERKLE-2", `the log has no entry ${index}`);
    return found;
  }

  /** Entries from one index up to, not including, another. `tell` hears how many are there. */
  async range(from: number, to: number, tell?: (done: number) => void): Promise<Bytes[]> {
    const out: Bytes[] = [];
    for (let at = from; at < to; ) {
      const entries = await this.bundle(Math.floor(at / BUNDLE));
      const taken = entries.slice(at % BUNDLE, (at % BUNDLE) + to - at);
      if (taken.length === 0) throw new Refused("MERKLE-2", `the log has no entry ${at}`);
      out.push(...taken);
      at += taken.length;
      tell?.(out.length);
    }
    return out;
  }

  /** Look backwards from the newest entry for one that `wanted` accepts, at most `most` bundles. */
  async findLast(wanted: (raw: Bytes) => boolean, most: number): Promise<number | undefined> {
    const last = Math.ceil(this.size / BUNDLE) - 1;
    for (let at = last; at >= 0 && at > last - most; at--) {
      const entries = await this.bundle(at);
      const found = entries.findLastIndex(wanted);
      if (found >= 0) return at * BUNDLE + found;
    }
    return undefined;
  }

  /**
   * All witnesses of the manifest and the time of what each said last: about this checkpoint, else about one of the older notes
   * that are handed in, newest first.
   */
  watches(older: readonly Bytes[] = []): Watch[] {
    const keys = witnessKeys(this.keyring);
    const notes = [this.note, ...older].map((note) => orElse([], () => verifyCosignatures(parseNote(note), keys, this.latest_s)));
    return keys.map(({ name }) => {
      const said = notes.map((each) => each.find(({ witness }) => witness.name === name)?.time_s ?? 0);
      return { name, time_s: said.find((time_s) => time_s > 0) ?? 0, here: said[0]! > 0 };
    });
  }

  /** What a quorum of this log's witnesses says in a note; throws Refused. */
  checkNote(note: Bytes): QuorumCheckpoint {
    return verifyQuorum(note, logKey(this.manifest), witnessKeys(this.keyring), this.manifest.quorum, this.latest_s);
  }

  leafOf(raw: Bytes): Bytes {
    return leafHash(raw);
  }

  /** When this checkpoint existed at the latest, by its witnesses (ms). */
  get time_ms(): number {
    return headTimes(this.head, this.manifest.faults).upper_ms;
  }

  /** The district that a unit lies in, or the unit itself where none does. */
  districtOf(unit: number): number {
    for (let at = this.units.get(unit), steps = 0; at !== undefined && steps < 64; steps++) {
      if (at.district) return at.id;
      at = at.parent === null ? undefined : this.units.get(at.parent);
    }
    return unit;
  }
}

/** The type of an entry without reading its body; "?" for bytes that are none. */
export function typeOf(raw: Bytes): string {
  if (raw[0] !== 0x84 || raw[1] !== 1) return "?";
  const short = raw[2]! - 0x60;
  const [from, length] = short >= 0 && short < 24 ? [3, short] : raw[2] === 0x78 ? [4, raw[3]!] : [0, 0];
  return fromUtf8(raw.slice(from, from + length)) || "?";
}

/** An entry taken apart, or why it cannot be. */
export function tryEntry(raw: Bytes): { entry: Entry | null; leaf: string; reason: string } {
  const leaf = toHex(leafHash(raw));
  try {
    return { entry: parseEntry(raw), leaf, reason: "" };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { entry: null, leaf, reason: error.message };
  }
}

/** What `body` gives, or a plain value where something in it is refused. */
export function orElse<T>(plain: T, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof Refused) return plain;
    throw error;
  }
}
