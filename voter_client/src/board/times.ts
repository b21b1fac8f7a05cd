/** When a block began at the earliest: the lower time of the newest quorum checkpoint that its seal, or one before it, holds. */

import { headTimes } from "../core/board.js";
import type { Bytes } from "../core/bytes.js";
import { parseBody, parseEntry } from "../core/entries.js";
import { Refused } from "../core/errors.js";
import type { Log } from "../public/log.js";
import type { Block } from "./count.js";

const LOOK_BACK = 50;

/** Milliseconds, or undefined where no seal near it holds a checkpoint that verifies. */
export async function startOf(log: Log, blocks: readonly Block[], number: number): Promise<number | undefined> {
  for (let at = number; at > 0 && at > number - LOOK_BACK; at--) {
    const seal = parseBody(parseEntry(await log.entry(blocks[at]!.start)), "seal");
    const note = seal.quorum.at(-1);
    if (note === undefined) continue;
    try {
      return headTimes(log.checkNote(note), log.manifest.faults).lower_ms;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return undefined;
    }
  }
  return undefined;
}

/** The quorum checkpoints that the newest seals hold, newest first. */
export async function sealedNotes(log: Log, blocks: readonly Block[]): Promise<Bytes[]> {
  const notes: Bytes[] = [];
  for (const { number, start } of blocks.slice(-LOOK_BACK).reverse()) {
    if (number > 0) notes.push(...[...parseBody(parseEntry(await log.entry(start)), "seal").quorum].reverse());
  }
  return notes.slice(0, LOOK_BACK);
}
