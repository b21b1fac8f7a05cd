/** A verified election as plain values, as a page shows it and a worker sends it. */

import type { Bytes } from "./bytes.js";
import type { Manifest, Unit } from "./entries.js";
import type { ManifestContest } from "./manifest.js";
import { ballotContests, type Election, type ElectionInput, type Places } from "./opened.js";

/** What the check of an election needs, as plain values: paths and indices with their bytes. */
export interface ElectionFiles {
  readonly pinned: Bytes;
  readonly now_s: number;
  readonly checkpoint: Bytes;
  readonly places: Places;
  readonly entries: readonly (readonly [index: number, raw: Bytes])[];
  readonly tiles: readonly (readonly [path: string, data: Bytes])[];
}

/** A contest as a page shows it. */
export interface ContestFacts {
  readonly id: number;
  readonly question: number;
  readonly title: Manifest["title"];
  readonly options: readonly { readonly name: Manifest["title"] }[];
  readonly rule: Bytes;
  readonly seats: number;
  readonly minimum: number;
  readonly maximum: number;
}

export interface HeadFacts {
  readonly size: number;
  readonly root: Bytes;
  readonly lower_ms: number;
  readonly upper_ms: number;
  readonly cosignatures: readonly { readonly name: string; readonly time_s: number }[];
}

/** What a page may rely on after the check. */
export interface ElectionFacts {
  readonly manifest: Manifest;
  readonly manifestHash: Bytes;
  readonly key: Bytes;
  /** By style id, those styles whose contests were all handed in. */
  readonly styles: readonly { readonly id: number; readonly contests: readonly ContestFacts[] }[];
  readonly head: HeadFacts;
  /** Units, where their parts were handed in. */
  readonly units: ReadonlyMap<number, Unit>;
}

/** What `verifyOpened` and `verifyElection` take, over files that are there. */
export function inputOf(
  { pinned, now_s, checkpoint, places, ...files }: ElectionFiles,
  tiles: ReadonlyMap<string, Bytes> = new Map(files.tiles),
): ElectionInput {
  const entries = new Map(files.entries);
  return {
    pinned,
    now_s,
    checkpoint,
    places,
    entry: (index: number) => entries.get(index),
    tile: (path: string) => tiles.get(path),
  };
}

export function factsOf(election: Election): ElectionFacts {
  const { manifest, manifestHash, key, parts } = election;
  const styles = manifest.styles.filter((style) => style.contests.every((id) => parts.contests.has(id)));
  return {
    manifest,
    manifestHash,
    key,
    styles: styles.map(({ id }) => ({ id, contests: ballotContests(election, id).map(contestOf) })),
    head: headFacts(election),
    units: parts.units,
  };
}

function contestOf({ id, question, title, options, rule, seats, parsedRule }: ManifestContest): ContestFacts {
  const [minimum, maximum] = parsedRule.form === "one-of" ? [1, 1] : [parsedRule.minimum, parsedRule.maximum];
  return { id, question, title, options, rule, seats, minimum, maximum };
}

export function headFacts({ head }: Pick<Election, "head">): HeadFacts {
  const { checkpoint, lower_ms, upper_ms, cosignatures } = head;
  const lines = cosignatures.map(({ witness, time_s }) => ({ name: witness.name, time_s }));
  return { size: checkpoint.size, root: checkpoint.root, lower_ms, upper_ms, cosignatures: lines };
}
