/**
 * Where blocks begin. In a small log every entry was read; in a large one the server gives hints, and each proves itself: the
 * entry there must be the seal of that block, which names itself.
 */

import { headTimes } from "../core/board.js";
import type { Bytes } from "../core/bytes.js";
import { parseBody, parseEntry, type Seal } from "../core/entries.js";
import { Refused } from "../core/errors.js";
import { type Log, orElse, typeOf } from "../public/log.js";
import type { Block } from "./count.js";

const MOST_HINTS = 400;
const TAIL_BUNDLES = 64;
const NEWEST = 100;

/** The seal of an entry, undefined for other entries. */
export function sealIn(raw: Bytes): Seal | undefined {
  return typeOf(raw) === "seal" ? orElse(undefined, () => parseBody(parseEntry(raw), "seal")) : undefined;
}

/** Neighbouring blocks `first` to `last` and the entries [start, end) that they hold. */
export interface Span {
  readonly first: number;
  readonly last: number;
  readonly start: number;
  readonly end: number;
}

export class Blocks {
  private readonly starts = new Map<number, number>([[0, 0]]);
  private lastBlock: number | undefined;

  /** `known` are all blocks, empty where the log was not read whole. */
  constructor(
    private readonly log: Log,
    known: readonly Block[],
  ) {
    for (const { number, start } of known) this.starts.set(number, start);
    if (known.length > 0) this.lastBlock = known.at(-1)!.number;
  }

  /** The number of the newest block, 0 where its seal was not found among the newest entries. */
  async last(): Promise<number> {
    if (this.lastBlock === undefined && !this.log.isSmall) {
      // The newest ones may not be signed by a quorum yet.
      const said = await this.log.saidBlock();
      const newest = said === undefined ? undefined : [...(await this.log.blockStarts(Math.max(1, said - NEWEST), 1))].at(-1);
      if (newest !== undefined) this.lastBlock = (await this.prove(...newest)).block;
    }
    if (this.lastBlock === undefined) {
      const index = await this.log.findLast((raw) => sealIn(raw) !== undefined, TAIL_BUNDLES);
      const seal = index === undefined ? undefined : sealIn(await this.log.single(index));
      this.lastBlock = seal?.block ?? 0;
      if (index !== undefined && seal !== undefined) this.starts.set(seal.block, index);
    }
    return this.lastBlock;
  }

  /** Where a block begins; undefined where nobody says so. Throws Refused where another entry stands there. */
  async start(block: number): Promise<number | undefined> {
    if (!this.starts.has(block) && !this.log.isSmall) {
      for (const [number, index] of await this.log.blockStarts(block, 1)) {
        if (number === block) await this.prove(number, index);
      }
    }
    return this.starts.get(block);
  }

  private async prove(block: number, index: number): Promise<Seal> {
    const seal = sealIn(await this.log.single(index));
    if (seal?.block !== block) throw new Refused("BOARD-6", `block ${block} does not begin at entry ${index}`, "server");
    this.starts.set(block, index);
    return seal;
  }

  /** The entries of a block as [start, end); undefined where its place is not known. */
  async span(block: number): Promise<readonly [number, number] | undefined> {
    const start = await this.start(block);
    if (start === undefined) return undefined;
    const end = block >= (await this.last()) ? this.log.size : await this.start(block + 1);
    return end === undefined ? undefined : [start, end];
  }

  /** The seal of a block. */
  async seal(block: number): Promise<Seal | undefined> {
    const start = block > 0 ? await this.start(block) : undefined;
    return start === undefined ? undefined : sealIn(await this.log.single(start));
  }

  /**
   * At most `most` groups of neighbouring blocks from the one that holds entry `from` to the one that holds entry `to`; undefined
   * where the place gives no hints. Only the borders are fetched, and each is proved.
   */
  async spans(from: number, to: number, most: number): Promise<Span[] | undefined> {
    const last = await this.last();
    const step = Math.max(1, Math.ceil(last / MOST_HINTS));
    const rows = [...(await this.log.blockStarts(1, step))].filter(([block]) => block <= last);
    const begin = Math.max(0, rows.findLastIndex(([, index]) => index <= from));
    const end = rows.findIndex(([, index]) => index > to);
    const inside = rows.slice(begin, end < 0 ? rows.length : end + 1);
    if (inside.length < 2) return undefined;
    const width = Math.ceil((inside.length - 1) / most);
    const borders = inside.filter((_, place) => place % width === 0 || place === inside.length - 1);
    await Promise.all(borders.map(([block, index]) => this.prove(block, index)));
    const spans = borders.slice(0, -1).map(([first, start], place) => {
      const [next, stop] = borders[place + 1]!;
      return { first, last: next - 1, start, end: stop };
    });
    if (end < 0) spans.push({ first: borders.at(-1)![0], last, start: borders.at(-1)![1], end: this.log.size });
    if (spans.some(({ start, end: stop, first, last: until }) => stop <= start || until < first)) {
      throw new Refused("BOARD-6", "blocks do not follow each other", "server");
    }
    return spans;
  }

  /** When a block began at the earliest (ms): the lower time of the newest quorum checkpoint in its seal, or in one shortly before. */
  async notBefore(block: number, back = 50): Promise<number | undefined> {
    for (let at = block; at > 0 && at > block - back; at--) {
      const note = (await this.seal(at))?.quorum.at(-1);
      if (note === undefined) continue;
      return orElse(undefined, () => headTimes(this.log.checkNote(note), this.log.manifest.faults).lower_ms);
    }
    return undefined;
  }

  /** The quorum checkpoints that the newest seals hold, newest first. */
  async notes(most: number): Promise<Bytes[]> {
    const last = await this.last();
    const notes: Bytes[] = [];
    for (let block = last; block > 0 && block > last - most && notes.length < most; block--) {
      notes.push(...[...((await this.seal(block))?.quorum ?? [])].reverse());
    }
    return notes.slice(0, most);
  }
}
